/* SPDX-License-Identifier: Apache-2.0
 *
 * Ownership in two words: AUTO(fn) ends a local with fn at the end of its scope, TAKE(x) moves its value out. */
#ifndef BASE_OWN_H
#define BASE_OWN_H

#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn) __attribute__((cleanup(fn)))
#define TAKE(x)                                             \
	({                                                  \
		__typeof__(x) *take_ = &(x), was_ = *take_; \
		*take_ = (__typeof__(x)){ 0 };              \
		was_;                                       \
	})

/* AUTO(own_free) char *p; any pointer from malloc. */
static inline void own_free(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

/* AUTO(own_close) int fd = -1; */
static inline void own_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing was written through it that a close could lose */
	*fd = -1;
}

/* Move a descriptor out of its owner, leaving -1 behind. */
static inline int own_take_fd(int *fd)
{
	int was = *fd;

	*fd = -1;
	return was;
}

#endif
