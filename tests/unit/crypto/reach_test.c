/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/pkcs11/reach.h"

static char root[64], state[80];

static const char *in_state(const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", state, name);
	return path;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int state_new(void **unused)
{
	static const char *const files[] = { "keys.db", "keys.db-wal", "lock", "pin-hsm", "soft-soft.key",
		"vendor.conf" };

	(void)unused;
	(void)snprintf(root, sizeof(root), "/tmp/reach-XXXXXX");
	assert_non_null(mkdtemp(root));
	(void)snprintf(state, sizeof(state), "%s/state", root);
	assert_int_equal(mkdir(state, 0700), 0);
	assert_int_equal(mkdir(in_state("audit"), 0700), 0);
	assert_int_equal(mkdir(in_state("tokens"), 0700), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		write_file(in_state(files[i]), "");
	write_file(in_state("audit/1.log"), "");
	return 0;
}

static int state_free(void **unused)
{
	char command[96];

	(void)unused;
	(void)snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

/* One variable with this value: how many paths it opens. */
static size_t opened(const char *value, struct reach *ret_reach)
{
	char variable[PATH_MAX + 8];
	char *const env[] = { variable, NULL };

	(void)snprintf(variable, sizeof(variable), "X=%s", value);
	assert_ok(reach_find(ret_reach, state, env));
	return ret_reach->count;
}

static void what_the_environment_names_in_the_state_directory_is_opened(void **unused)
{
	struct reach reach;

	(void)unused;
	assert_int_equal(opened(in_state("tokens"), &reach), 1);
	assert_string_equal(reach.paths[0], in_state("tokens"));
	assert_int_equal(opened(in_state("vendor.conf"), &reach), 1);
}

static void the_state_itself_is_not(void **unused)
{
	static const char *const names[] = { "", ".", "..", "../state", "keys.db", "keys.db-wal", "lock", "pin-hsm",
		"soft-soft.key", "audit", "audit/1.log", "tokens/../keys.db", "absent" };
	char link[PATH_MAX];
	struct reach reach;

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (opened(in_state(names[i]), &reach) != 0)
			fail_msg("%s is opened", names[i]);
	(void)snprintf(link, sizeof(link), "%s/link", root);
	assert_int_equal(symlink(in_state("keys.db"), link), 0);
	assert_int_equal(opened(link, &reach), 0);
	assert_int_equal(opened("state/tokens", &reach), 0);
	assert_int_equal(opened(root, &reach), 0);
}

static void the_token_directory_of_softhsm_is_opened(void **unused)
{
	char conf[PATH_MAX], text[PATH_MAX + 64], variable[PATH_MAX + 32];
	char *const env[] = { (char[]){ "LANG" }, variable, NULL };
	struct reach reach;

	(void)unused;
	(void)snprintf(conf, sizeof(conf), "%s/softhsm2.conf", root);
	(void)snprintf(variable, sizeof(variable), "SOFTHSM2_CONF=%s", conf);
	(void)snprintf(text, sizeof(text), "log.level = ERROR\ndirectories.tokendir = %s\n", in_state("tokens"));
	write_file(conf, text);
	assert_ok(reach_find(&reach, state, env));
	assert_int_equal(reach.count, 1);
	assert_string_equal(reach.paths[0], in_state("tokens"));
	(void)snprintf(text, sizeof(text), "directories.tokendir = %s\n", state);
	write_file(conf, text);
	assert_ok(reach_find(&reach, state, env));
	assert_int_equal(reach.count, 0);
}

static void more_than_the_sandbox_takes_is_refused(void **unused)
{
	char variables[SANDBOX_PATHS_MAX + 1][PATH_MAX + 8], *env[SANDBOX_PATHS_MAX + 2] = { NULL };
	char *const none[] = { NULL };
	struct reach reach;

	(void)unused;
	for (size_t i = 0; i <= SANDBOX_PATHS_MAX; i++) {
		(void)snprintf(variables[i], sizeof(variables[i]), "X%zu=%s", i, in_state("tokens"));
		env[i] = variables[i];
	}
	assert_fails(reach_find(&reach, state, env), SANDBOX);
	assert_fails(reach_find(&reach, in_state("absent"), none), SANDBOX);
}

#define in_a_state(test) cmocka_unit_test_setup_teardown(test, state_new, state_free)

static const struct CMUnitTest tests[] = {
	in_a_state(what_the_environment_names_in_the_state_directory_is_opened),
	in_a_state(the_state_itself_is_not),
	in_a_state(the_token_directory_of_softhsm_is_opened),
	in_a_state(more_than_the_sandbox_takes_is_refused),
};

UNIT_MAIN(tests)
