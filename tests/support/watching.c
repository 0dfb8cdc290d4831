/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/watching.h"

#include "base/clock.h"
#include "tests/support/unit.h"

enum { PATIENCE_MS = 10000 };

struct watched watched = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void on_bundles(void *context, struct bytes list)
{
	(void)context;
	(void)pthread_mutex_lock(&watched.lock);
	watched.bundles++;
	watched.last_len = list.len;
	(void)pthread_cond_signal(&watched.changed);
	(void)pthread_mutex_unlock(&watched.lock);
}

static void on_withdrawn(void *context, const char *reason)
{
	(void)context;
	(void)pthread_mutex_lock(&watched.lock);
	watched.withdrawn++;
	(void)snprintf(watched.reason, sizeof(watched.reason), "%s", reason);
	(void)pthread_cond_signal(&watched.changed);
	(void)pthread_mutex_unlock(&watched.lock);
}

static void on_state(void *context, enum workload_state state, const char *reason)
{
	(void)context;
	(void)pthread_mutex_lock(&watched.lock);
	watched.states[state]++;
	(void)snprintf(watched.reason, sizeof(watched.reason), "%s", reason);
	(void)pthread_cond_signal(&watched.changed);
	(void)pthread_mutex_unlock(&watched.lock);
}

bool watched_reaches(const unsigned *counter, unsigned number)
{
	struct timespec until;
	bool is_there;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	(void)pthread_mutex_lock(&watched.lock);
	while (*counter < number && pthread_cond_timedwait(&watched.changed, &watched.lock, &until) == 0)
		;
	is_there = *counter >= number;
	(void)pthread_mutex_unlock(&watched.lock);
	return is_there;
}

unsigned watched_count(const unsigned *counter)
{
	unsigned count;

	(void)pthread_mutex_lock(&watched.lock);
	count = *counter;
	(void)pthread_mutex_unlock(&watched.lock);
	return count;
}

bool watched_reason(const char *words)
{
	bool was;

	(void)pthread_mutex_lock(&watched.lock);
	was = strstr(watched.reason, words) != NULL;
	(void)pthread_mutex_unlock(&watched.lock);
	return was;
}

static void *run_watch(void *watch)
{
	workload_watch_run(watch);
	return NULL;
}

struct watching watching_begin(const char *uri, const struct workload_timing *timing)
{
	struct endpoint endpoint;

	assert_ok(endpoint_parse(bytes_from_text(uri), &endpoint));
	return watching_begin_at(&endpoint, timing);
}

struct watching watching_begin_at(const struct endpoint *endpoint, const struct workload_timing *timing)
{
	const struct workload_events events = { NULL, on_bundles, on_withdrawn, on_state, NULL };
	struct watching w;

	watched.bundles = watched.withdrawn = 0;
	memset(watched.states, 0, sizeof(watched.states));
	assert_ok(workload_watch_new(endpoint, &events, timing, &w.watch));
	assert_int_equal(pthread_create(&w.thread, NULL, run_watch, w.watch), 0);
	return w;
}

void watching_end(struct watching *w)
{
	uint64_t start = clock_mono_us();

	workload_watch_stop(w->watch);
	assert_int_equal(pthread_join(w->thread, NULL), 0);
	assert_true(clock_mono_us() - start < 2 * US_PER_S);
	workload_watch_free(w->watch);
}
