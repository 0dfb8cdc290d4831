/* SPDX-License-Identifier: Apache-2.0
 *
 *   bench-raw BACKEND THREADS SECONDS [ARGUMENTS]
 *
 * Signs in a loop, in THREADS threads, and prints "start" and one line of JSON as bench-load does. */
#include "tests/bench/raw.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/measure.h"

struct worker {
	pthread_t thread;
	const struct raw_backend *backend;
	void *self;
	struct measure latency;
	bool failed;
};

static atomic_bool counting, stopping;

static void *work(void *argument)
{
	struct worker *w = argument;
	uint8_t digest[RAW_DIGEST_BYTES] = { 0 };

	for (uint64_t number = 1; !stopping && !w->failed; number++) {
		uint64_t began_ns = measure_now_ns();

		memcpy(digest, &number, sizeof(number));
		w->failed = !w->backend->sign(w->self, digest);
		if (counting && !w->failed)
			measure_add(&w->latency, measure_now_ns() - began_ns);
	}
	return NULL;
}

static void sleep_s(double seconds)
{
	struct timespec ts = { .tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9) };

	(void)nanosleep(&ts, NULL); /* cut short it only measures less */
}

static void measure_all(struct worker *workers, size_t count, double seconds)
{
	uint64_t began_ns, cpu_ns, wall_ns;

	sleep_s(seconds / 10);
	printf("start\n");
	(void)fflush(stdout); /* a harness that is gone shows at the end */
	began_ns = measure_now_ns();
	cpu_ns = measure_cpu_ns();
	counting = true;
	sleep_s(seconds);
	counting = false;
	wall_ns = measure_now_ns() - began_ns;
	cpu_ns = measure_cpu_ns() - cpu_ns;
	stopping = true;
	for (size_t i = 0; i < count; i++)
		(void)pthread_join(workers[i].thread, NULL); /* ours, and joined once */
	for (size_t i = 1; i < count; i++)
		measure_merge(&workers[0].latency, &workers[i].latency);
	printf("{");
	measure_print(&workers[0].latency, wall_ns, cpu_ns);
	printf("}\n");
}

static bool run(const struct raw_backend *backend, struct worker *workers, size_t count, double seconds)
{
	bool good = true;
	size_t started;

	for (size_t i = 0; i < count; i++)
		if (!backend->thread(&workers[i].self))
			return false;
	for (started = 0; started < count; started++) {
		workers[started].backend = backend;
		if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
			break;
	}
	measure_all(workers, started, seconds);
	for (size_t i = 0; i < count; i++) {
		good = good && !workers[i].failed;
		backend->thread_done(workers[i].self);
	}
	return good && started == count;
}

static const struct raw_backend *const backends[] = { &raw_evp, &raw_p11, &raw_tpm_hmac, &raw_tpm_password };

static const struct raw_backend *find(const char *name)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	return NULL;
}

static int usage(void)
{
	(void)fprintf(stderr, "usage:\n");
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		(void)fprintf(stderr, "  bench-raw %s THREADS SECONDS %s\n", backends[i]->name, backends[i]->arguments);
	return 2;
}

int main(int argc, char **argv)
{
	const struct raw_backend *backend = argc > 3 ? find(argv[1]) : NULL;
	size_t count = argc > 3 ? (size_t)strtoul(argv[2], NULL, 10) : 0;
	struct worker *workers;
	bool good;

	if (backend == NULL || argc != 4 + backend->argument_count || count == 0 || count > RAW_THREADS_MAX)
		return usage();
	workers = calloc(count, sizeof(workers[0]));
	good = workers != NULL && backend->open(argv + 4);
	if (good)
		good = run(backend, workers, count, strtod(argv[3], NULL));
	backend->close();
	free(workers);
	return good && fflush(stdout) == 0 ? 0 : 1;
}
