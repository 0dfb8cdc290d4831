/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed views of bytes and a reader that goes bad once, at the first short read, and yields zeros from then on:
 * a decoder reads every field, then checks `bad` once.  Integers are little-endian unless the name says otherwise. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed; not NUL-terminated.  data may be NULL when len is 0. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

#define BYTES_LITERAL(text) ((struct bytes){ (const uint8_t *)(text), sizeof(text) - 1 })

static inline struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){ data, len };
}

static inline struct bytes bytes_from_text(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* Not for secrets: see ct_equal() in base/secret.h. */
static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

struct reader {
	struct bytes left;
	bool bad;
};

static inline struct reader reader_of(struct bytes from)
{
	return (struct reader){ .left = from };
}

/* The next len bytes; empty, and the reader bad, if there are not that many. */
static inline struct bytes reader_bytes(struct reader *r, size_t len)
{
	struct bytes taken;

	if (r->bad || len > r->left.len) {
		r->bad = true;
		return (struct bytes){ 0 };
	}
	taken = (struct bytes){ r->left.data, len };
	if (len > 0)
		r->left = (struct bytes){ r->left.data + len, r->left.len - len };
	return taken;
}

static inline uint64_t reader_uint_(struct reader *r, size_t size)
{
	struct bytes b = reader_bytes(r, size);
	uint64_t value = 0;

	for (size_t i = b.len; i > 0; i--)
		value = value << 8 | b.data[i - 1];
	return value;
}

static inline uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)reader_uint_(r, 1);
}

static inline uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)reader_uint_(r, 2);
}

static inline uint32_t reader_u32(struct reader *r)
{
	return (uint32_t)reader_uint_(r, 4);
}

static inline uint64_t reader_u64(struct reader *r)
{
	return reader_uint_(r, 8);
}

/* A 32-bit length and that many bytes; bad if longer than max. */
static inline struct bytes reader_sized(struct reader *r, size_t max)
{
	uint32_t len = reader_u32(r);

	if (len > max)
		r->bad = true;
	return reader_bytes(r, r->bad ? 0 : len);
}

/* All read, and nothing left over. */
static inline bool reader_done(const struct reader *r)
{
	return !r->bad && r->left.len == 0;
}

#endif
