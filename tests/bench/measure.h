/* SPDX-License-Identifier: Apache-2.0
 *
 * What load.c and raw.c have in common: a clock, a histogram of latencies, and the line of JSON that says what was
 * measured.  A histogram belongs to one thread; they are added up at the end. */
#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

enum {
	MEASURE_SUB_BITS = 6, /* 64 steps per power of two: within 1.6 % */
	MEASURE_SUB = 1 << MEASURE_SUB_BITS,
	MEASURE_BUCKETS = 40 * MEASURE_SUB, /* to two hours in nanoseconds */
};

struct measure {
	uint64_t buckets[MEASURE_BUCKETS];
	uint64_t count;
};

static inline uint64_t measure_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/* User and system time of this process so far, with its threads. */
static inline uint64_t measure_cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/* Below MEASURE_SUB exact; above, the leading MEASURE_SUB_BITS + 1 bits decide. */
static inline size_t measure_bucket(uint64_t ns)
{
	unsigned shift = 0;
	size_t at;

	while (ns >> shift >= 2 * MEASURE_SUB)
		shift++;
	at = (size_t)shift * MEASURE_SUB + (size_t)(ns >> shift);
	return at < MEASURE_BUCKETS ? at : MEASURE_BUCKETS - 1;
}

static inline void measure_add(struct measure *m, uint64_t ns)
{
	m->buckets[measure_bucket(ns)]++;
	m->count++;
}

static inline void measure_merge(struct measure *to, const struct measure *from)
{
	for (size_t i = 0; i < MEASURE_BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
	to->count += from->count;
}

/* The middle of the bucket that holds the share'th of all values, in microseconds. */
static inline double measure_quantile_us(const struct measure *m, double share)
{
	uint64_t seen = 0, wanted = (uint64_t)((double)m->count * share);

	for (size_t i = 0; i < MEASURE_BUCKETS; i++) {
		size_t shift = i < 2 * MEASURE_SUB ? 0 : i / MEASURE_SUB - 1;
		uint64_t low = (uint64_t)(i - shift * MEASURE_SUB) << shift;

		seen += m->buckets[i];
		if (seen > wanted)
			return ((double)low + (double)((uint64_t)1 << shift) / 2) / 1000;
	}
	return 0;
}

/* The figures without the braces around them, so that a program can add its own. */
static inline void measure_print(const struct measure *m, uint64_t wall_ns, uint64_t cpu_ns)
{
	printf("\"count\": %llu, \"wall_s\": %.6f, \"rate\": %.2f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": "
	       "%.1f, "
	       "\"cpu_us\": %.3f",
		(unsigned long long)m->count, (double)wall_ns / 1e9, (double)m->count * 1e9 / (double)wall_ns,
		measure_quantile_us(m, 0.5), measure_quantile_us(m, 0.99), measure_quantile_us(m, 0.999),
		m->count > 0 ? (double)cpu_ns / 1000 / (double)m->count : 0);
}

#endif
