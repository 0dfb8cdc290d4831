/* SPDX-License-Identifier: Apache-2.0
 *
 * Times of the file: a time of day ("08:30", "24:00"), and a moment in UTC ("2026-11-23", "2026-11-23T15:04:05Z"). */
#include "agent/config.h"

#include <stdio.h>

enum { DAY_MINUTES = 24 * 60, DAY_S = 86400, YEAR_MIN = 1970, YEAR_MAX = 2105 };

/* Exactly n digits at the front of `from`; they are taken off. */
static bool number_take(struct bytes *from, size_t n, uint32_t *ret_number)
{
	uint32_t number = 0;

	if (from->len < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (from->data[i] < '0' || from->data[i] > '9')
			return false;
		number = number * 10 + (from->data[i] - '0');
	}
	*from = bytes_of(from->data + n, from->len - n);
	*ret_number = number;
	return true;
}

static bool byte_take(struct bytes *from, uint8_t byte)
{
	if (from->len == 0 || from->data[0] != byte)
		return false;
	*from = bytes_of(from->data + 1, from->len - 1);
	return true;
}

bool config_clock_parse(struct bytes text, uint32_t *ret_minutes)
{
	uint32_t hours, minutes;

	if (!number_take(&text, 2, &hours) || !byte_take(&text, ':') || !number_take(&text, 2, &minutes) ||
		text.len != 0)
		return false;
	if (minutes > 59 || hours * 60 + minutes > DAY_MINUTES)
		return false;
	*ret_minutes = hours * 60 + minutes;
	return true;
}

static bool is_leap(uint32_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t month_days(uint32_t year, uint32_t month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

static bool date_take(struct bytes *from, uint32_t *ret_days)
{
	uint32_t year, month, day, days = 0;

	if (!number_take(from, 4, &year) || !byte_take(from, '-') || !number_take(from, 2, &month) ||
		!byte_take(from, '-') || !number_take(from, 2, &day))
		return false;
	if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
		return false;
	for (uint32_t y = YEAR_MIN; y < year; y++)
		days += 365 + is_leap(y);
	for (uint32_t m = 1; m < month; m++)
		days += month_days(year, m);
	*ret_days = days + day - 1;
	return true;
}

bool config_moment_parse(struct bytes text, uint32_t *ret_s)
{
	uint32_t days, hours = 0, minutes = 0, seconds = 0;

	if (!date_take(&text, &days))
		return false;
	if (text.len > 0 && (!byte_take(&text, 'T') || !number_take(&text, 2, &hours) || !byte_take(&text, ':') ||
				    !number_take(&text, 2, &minutes) || !byte_take(&text, ':') ||
				    !number_take(&text, 2, &seconds) || !byte_take(&text, 'Z') || text.len != 0))
		return false;
	if (hours > 23 || minutes > 59 || seconds > 59)
		return false;
	*ret_s = days * DAY_S + hours * 3600 + minutes * 60 + seconds;
	return true;
}

void config_moment_put(struct buf *to, uint32_t moment_s)
{
	uint32_t days = moment_s / DAY_S, rest = moment_s % DAY_S, year = YEAR_MIN, month = 1;

	for (; days >= 365u + is_leap(year); year++)
		days -= 365 + is_leap(year);
	for (; days >= month_days(year, month); month++)
		days -= month_days(year, month);
	buf_printf(to, "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month, days + 1, rest / 3600, rest / 60 % 60, rest % 60);
}

void config_span_put(struct buf *to, uint32_t span_s)
{
	if (span_s > 0 && span_s % DAY_S == 0)
		buf_printf(to, "%ud", span_s / DAY_S);
	else
		buf_printf(to, "%us", span_s);
}
