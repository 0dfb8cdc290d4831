/* SPDX-License-Identifier: Apache-2.0
 *
 * What a module may reach although it lies in the state directory, which is closed to it: the paths that its
 * environment names, and SoftHSM's token directory, unless they are the state itself.  Before the sandbox; one
 * thread. */
#ifndef CRYPTO_PKCS11_REACH_H
#define CRYPTO_PKCS11_REACH_H

#include <limits.h>
#include <stddef.h>

#include "base/sandbox.h"

struct reach {
	char paths[SANDBOX_PATHS_MAX][PATH_MAX];
	size_t count;
};

/* env: "NAME=VALUE", ends in NULL.  Fails: SANDBOX (no such state directory, or it names more than
 * SANDBOX_PATHS_MAX paths in it). */
struct status reach_find(struct reach *ret_reach, const char *state, char *const env[]);

#endif
