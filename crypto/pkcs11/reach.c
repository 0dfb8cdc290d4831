/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs11/reach.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/softhsm.h"

/* What keyreeve keeps directly in its state directory. */
static bool is_state(const char *name)
{
	static const char *const patterns[] = { "keys.db*", "audit", "audit/*", "lock", "pin-*", "soft-*.key*" };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

static struct status add(struct reach *reach, const char *state, const char *path)
{
	const size_t len = strlen(state);
	char real[PATH_MAX];

	if (path[0] != '/' || realpath(path, real) == NULL)
		return OK; /* not a path, or nothing is there */
	if (strncmp(real, state, len) != 0 || real[len] != '/' || is_state(real + len + 1))
		return OK;
	ENSURE(reach->count < SANDBOX_PATHS_MAX, SANDBOX);
	memcpy(reach->paths[reach->count++], real, strlen(real) + 1);
	return OK;
}

struct status reach_find(struct reach *ret_reach, const char *state, char *const env[])
{
	char real[PATH_MAX], tokens[PATH_MAX];

	ret_reach->count = 0;
	if (realpath(state, real) == NULL)
		return FAIL_RC(SANDBOX, errno);
	for (size_t i = 0; env[i] != NULL; i++) {
		const char *value = strchr(env[i], '=');

		if (value == NULL)
			continue;
		TRY(add(ret_reach, real, value + 1));
		if (strncmp(env[i], SOFTHSM_VARIABLE "=", sizeof(SOFTHSM_VARIABLE)) == 0 &&
			softhsm_directory(value + 1, tokens))
			TRY(add(ret_reach, real, tokens));
	}
	return OK;
}
