/* SPDX-License-Identifier: Apache-2.0
 *
 * struct buf owns bytes and grows up to a cap that is stated when it is made.  Appends are sticky: after the first
 * that does not fit, or finds no memory, the buffer is `bad`, keeps what it had and takes no more, so a writer
 * appends everything and asks buf_check() once.  Wiped when freed.  One thread at a time. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"
#include "base/status.h"

struct buf {
	uint8_t *data; /* owned */
	size_t len;
	size_t room;	  /* allocated bytes */
	size_t max_bytes; /* cap; 0 refuses every byte */
	bool bad;
};

/* An empty buffer that holds at most max_bytes; allocates nothing yet. */
static inline struct buf buf_make(size_t max_bytes)
{
	return (struct buf){ .max_bytes = max_bytes };
}

/* Wipe and free; accepts a zero buf.  The cap stays, so the buffer may be used again. */
void buf_done(struct buf *b);
/* Forget the contents, keep the room.  Does not wipe. */
void buf_clear(struct buf *b);
/* Drop len bytes from the front (at most what is there); nothing of them stays. */
void buf_drop(struct buf *b, size_t len);

void buf_put(struct buf *b, struct bytes bytes);
void buf_put_u8(struct buf *b, uint8_t value);
void buf_put_u16(struct buf *b, uint16_t value);
void buf_put_u32(struct buf *b, uint32_t value);
void buf_put_u64(struct buf *b, uint64_t value);
/* A 32-bit length, then the bytes: what reader_sized() reads. */
void buf_put_sized(struct buf *b, struct bytes bytes);
void buf_put_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Lower-case hexadecimal. */
void buf_put_hex(struct buf *b, struct bytes bytes);

/* Make room for len more bytes and return where they start, to be counted by buf_grew(); NULL when bad. */
uint8_t *buf_reserve(struct buf *b, size_t len);
void buf_grew(struct buf *b, size_t len);

static inline struct bytes buf_bytes(const struct buf *b)
{
	return (struct bytes){ b->data, b->len };
}

/* OK, or LIMIT when an append did not fit (or found no memory, which a caller treats alike). */
struct status buf_check(const struct buf *b);

#endif
