/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/failalloc.h"

#include <stddef.h>
#include <stdlib.h>

/* Where the calls go: the sanitizer's allocator, or the C library's. */
#ifdef KEYREEVE_SANITIZED
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *pointer, size_t size);

static _Thread_local unsigned left; /* 0: not armed */
static _Thread_local bool has_failed;

static bool is_the_one(void)
{
	if (left == 0 || --left > 0)
		return false;
	has_failed = true;
	return true;
}

void failalloc_arm(unsigned nth)
{
	has_failed = false;
	left = nth;
}

bool failalloc_disarm(void)
{
	left = 0;
	return has_failed;
}

void *malloc(size_t size)
{
	return is_the_one() ? NULL : REAL(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
	return is_the_one() ? NULL : REAL(calloc)(count, size);
}

void *realloc(void *pointer, size_t size)
{
	return is_the_one() ? NULL : REAL(realloc)(pointer, size);
}
