/* SPDX-License-Identifier: Apache-2.0
 *
 * cmocka, in the order that it wants, with what it lacks: assertions on struct status and struct bytes, and a main
 * that can run one test by name (`test_x NAME`), failing when there is none of that name. */
#ifndef TESTS_SUPPORT_UNIT_H
#define TESTS_SUPPORT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/status.h"

#define assert_ok(call)                                                    \
	do {                                                               \
		struct status got_ = (call);                               \
		if (got_.code != STATUS_OK)                                \
			fail_msg("%s: %s", #call, status_name(got_.code)); \
	} while (0)

/* assert_fails(call, JWT_EXPIRED) */
#define assert_fails(call, NAME) assert_status(call, STATUS_##NAME)
#define assert_status(call, want)                                                                      \
	do {                                                                                           \
		struct status got_ = (call);                                                           \
		if (got_.code != (want))                                                               \
			fail_msg("%s: %s, want %s", #call, status_name(got_.code), status_name(want)); \
	} while (0)

#define assert_bytes(got, want)                                               \
	do {                                                                  \
		struct bytes got_ = (got), want_ = (want);                    \
		assert_int_equal(got_.len, want_.len);                        \
		if (got_.len > 0)                                             \
			assert_memory_equal(got_.data, want_.data, got_.len); \
	} while (0)

static inline int unit_main(const struct CMUnitTest *tests, size_t count, int argc, char **argv)
{
	if (argc < 2)
		return _cmocka_run_group_tests("tests", tests, count, NULL, NULL);
	for (size_t i = 0; i < count; i++)
		if (strcmp(tests[i].name, argv[1]) == 0)
			return _cmocka_run_group_tests(argv[1], &tests[i], 1, NULL, NULL);
	fprintf(stderr, "no test named %s\n", argv[1]);
	return 2;
}

#define UNIT_MAIN(tests)                                                                 \
	int main(int argc, char **argv)                                                  \
	{                                                                                \
		return unit_main(tests, sizeof(tests) / sizeof((tests)[0]), argc, argv); \
	}

#endif
