/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
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

int64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

void clock_text(int64_t wall_us, char ret_text[CLOCK_TEXT_BYTES])
{
	time_t seconds = (time_t)(wall_us / US_PER_S);
	struct tm utc = { 0 };
	char day[20];

	(void)gmtime_r(&seconds, &utc);
	(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(ret_text, CLOCK_TEXT_BYTES, "%.19s.%06uZ", day, (unsigned)(wall_us % US_PER_S) % 1000000u);
}
