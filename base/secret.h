/* SPDX-License-Identifier: Apache-2.0
 *
 * Owned bytes that must not be seen: locked in memory where the limit allows, left out of core dumps, absent in
 * children, wiped when freed.  There is no way to print one.  One thread at a time. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/bytes.h"
#include "base/status.h"

enum { SECRET_MAX_BYTES = 64 * 1024 };

struct secret {
	uint8_t *data; /* owned; whole pages of its own */
	size_t len;
};

/* len zero bytes, 1 to SECRET_MAX_BYTES.  Fails: LIMIT, NO_MEMORY. */
struct status secret_alloc(struct secret *ret_secret, size_t len);
/* Wipe and free; accepts a zero secret. */
void secret_done(struct secret *s);
/* Read a whole file of at most max_bytes through fd, from its start, without one trailing newline.
 * Fails: IO, LIMIT (empty or too long), NO_MEMORY. */
struct status secret_read_fd(int fd, size_t max_bytes, struct secret *ret_secret);

static inline struct bytes secret_bytes(const struct secret *s)
{
	return (struct bytes){ s->data, s->len };
}

/* Equal, in time that depends on the lengths alone. */
bool ct_equal(struct bytes a, struct bytes b);

/* Fill with bytes of the kernel's generator.  Fails: RANDOM_FAILED. */
struct status random_fill(void *ret_data, size_t len);

#endif
