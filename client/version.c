/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared library's own object: the rest of it is the archive of this folder. */
#include "base/version.h"
#include "client/keyreeve.h"

/* strings(1) finds what a library was built from. */
__attribute__((used)) static const char build[] = "keyreeve-build: " KEYREEVE_BUILD;

_Static_assert(sizeof(build) > 1, "a build has a name");
