/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of a sandbox that says which files can still be reached.  Landlock only ever allows, beneath what is named:
 * so p11 is granted every neighbour of the way to the directory that stays closed to it.  For sandbox.c. */
#ifndef BASE_LANDLOCK_H
#define BASE_LANDLOCK_H

#include "base/sandbox.h"

enum {
	LANDLOCK_DEPTH_MAX = 64,       /* components of the closed directory's path */
	LANDLOCK_SIBLINGS_MAX = 16384, /* entries of all directories above it: each becomes a rule */
};

/* The kernel's version of it; 0 none. */
int landlock_abi(void);

/* For good.  Fails: SANDBOX; also when the closed directory lies deeper, or has more neighbours, than the limits. */
struct status landlock_enter(enum sandbox_role role, const struct sandbox_options *options, int abi);

#endif
