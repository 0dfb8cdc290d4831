/* SPDX-License-Identifier: Apache-2.0
 *
 * One allocation that fails: malloc, calloc and realloc of the whole test program, libraries included, replaced by
 * ones that count.  Link kr_failalloc into the test.  The thread that arms it is the one that fails. */
#ifndef TESTS_SUPPORT_FAILALLOC_H
#define TESTS_SUPPORT_FAILALLOC_H

#include <stdbool.h>

/* The nth allocation of this thread from now on fails (1: the next), that one alone. */
void failalloc_arm(unsigned nth);
/* Disarm; did it fail? */
bool failalloc_disarm(void);

#endif
