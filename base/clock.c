/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t which)
{
	struct timespec now = { 0 };

	(void)clock_gettime(which, &now); /* cannot fail for these clocks and a valid pointer */
	return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

uint64_t clock_mono_us(void)
{
	return (uint64_t)read_us(CLOCK_MONOTONIC);
}

uint64_t clock_boot_us(void)
{
	return (uint64_t)read_us(CLOCK_BOOTTIME);
}

int64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

/* On the path of every audited request: the second is printed once, its microseconds each time. */
void clock_text(int64_t wall_us, char ret_text[CLOCK_TEXT_BYTES])
{
	static _Thread_local char day[CLOCK_TEXT_BYTES] = "1970-01-01T00:00:00.000000Z";
	static _Thread_local time_t last;
	time_t seconds = (time_t)(wall_us / US_PER_S);
	unsigned us = (unsigned)(wall_us % US_PER_S) % US_PER_S;

	if (seconds != last) {
		struct tm utc = { 0 };

		(void)gmtime_r(&seconds, &utc);
		(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S.000000Z", &utc);
		last = seconds;
	}
	memcpy(ret_text, day, CLOCK_TEXT_BYTES);
	for (size_t i = CLOCK_TEXT_BYTES - 3; us > 0; i--, us /= 10)
		ret_text[i] = (char)('0' + us % 10);
}
