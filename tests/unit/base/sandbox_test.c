/* SPDX-License-Identifier: Apache-2.0
 *
 * What sandbox_enter() sets and reports, in a child each.  Which acts a role is denied: tests/integration. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sandbox.h"

/* Exit code of a child that failed a check: its line. */
#define CHECK(cond)                            \
	do {                                   \
		if (!(cond))                   \
			return __LINE__ % 256; \
	} while (0)

static void in_child(int (*body)(void))
{
	pid_t pid = fork();
	int how;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), 0);
}

static rlim_t limit(__rlimit_resource_t resource)
{
	struct rlimit now = { 0 };

	return getrlimit(resource, &now) == 0 ? now.rlim_max : RLIM_INFINITY;
}

/* p11's filter lets us look at what was set. */
static int limits_and_report(void)
{
	const struct sandbox_options options = sandbox_options_none();
	struct sandbox_report report = { .landlock_abi = -1 };

	CHECK(sandbox_enter(SANDBOX_P11, &options, &report).code == STATUS_OK);
	CHECK(report.landlock_abi >= 0 && report.filter_count >= 1);
	CHECK(limit(RLIMIT_CORE) == 0);
	CHECK(limit(RLIMIT_NOFILE) <= 512);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2);
#ifndef KEYREEVE_SANITIZED
	CHECK(prctl(PR_GET_DUMPABLE) == 0);
	CHECK(limit(RLIMIT_DATA) <= (rlim_t)4096 << 20);
#endif
	return 0;
}

static int entering_again(void)
{
	const struct sandbox_options options = sandbox_options_none();

	CHECK(sandbox_enter(SANDBOX_P11, &options, NULL).code == STATUS_OK);
	CHECK(sandbox_enter(SANDBOX_P11, &options, NULL).code == STATUS_SANDBOX);
	return 0;
}

static int limits_never_go_up(void)
{
	const struct rlimit few = { 7, 9 };
	const struct sandbox_options options = sandbox_options_none();

	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHECK(sandbox_enter(SANDBOX_P11, &options, NULL).code == STATUS_OK);
	CHECK(limit(RLIMIT_NOFILE) == 9);
	return 0;
}

static void a_sandbox_says_what_is_in_force_and_sets_it(void **state)
{
	(void)state;
	in_child(limits_and_report);
}

static void a_sandbox_is_entered_once(void **state)
{
	(void)state;
	in_child(entering_again);
}

static void lower_limits_stay(void **state)
{
	(void)state;
	in_child(limits_never_go_up);
}

/* Refused before anything is given up: the test goes on outside. */
static void what_is_no_role_has_no_sandbox(void **state)
{
	const struct sandbox_options options = sandbox_options_none();
	struct sandbox_report report = { .filter_count = 77 };

	(void)state;
	assert_fails(sandbox_enter(SANDBOX_NONE, &options, &report), SANDBOX);
	assert_fails(sandbox_enter(SANDBOX_ROLE_COUNT, &options, &report), SANDBOX);
	assert_int_equal(report.filter_count, 77);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_sandbox_says_what_is_in_force_and_sets_it),
	cmocka_unit_test(a_sandbox_is_entered_once),
	cmocka_unit_test(lower_limits_stay),
	cmocka_unit_test(what_is_no_role_has_no_sandbox),
};

UNIT_MAIN(tests)
