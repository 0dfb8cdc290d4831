/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST_BYTES = 256 };

void buf_done(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->room);
	free(b->data);
	*b = (struct buf){ .max_bytes = b->max_bytes };
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->bad = false;
}

void buf_drop(struct buf *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	if (len == 0)
		return;
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
	explicit_bzero(b->data + b->len, len);
}

/* Not realloc: it would leave a copy of what may be secret behind. */
static bool grow(struct buf *b, size_t need)
{
	size_t room = b->room > 0 ? b->room : BUF_FIRST_BYTES;
	uint8_t *data;

	while (room < need)
		room *= 2; /* need is at most max_bytes, far from overflow */
	if (room > b->max_bytes)
		room = b->max_bytes;
	data = malloc(room);
	if (data == NULL)
		return false;
	if (b->len > 0)
		memcpy(data, b->data, b->len);
	if (b->data != NULL)
		explicit_bzero(b->data, b->room);
	free(b->data);
	b->data = data;
	b->room = room;
	return true;
}

uint8_t *buf_reserve(struct buf *b, size_t len)
{
	if (b->bad || len > b->max_bytes - b->len) {
		b->bad = true;
		return NULL;
	}
	if (b->len + len > b->room && !grow(b, b->len + len)) {
		b->bad = true;
		return NULL;
	}
	return b->data + b->len;
}

void buf_grew(struct buf *b, size_t len)
{
	b->len += len;
}

void buf_put(struct buf *b, struct bytes bytes)
{
	uint8_t *to;

	if (bytes.len == 0)
		return;
	to = buf_reserve(b, bytes.len);
	if (to == NULL)
		return;
	memcpy(to, bytes.data, bytes.len);
	b->len += bytes.len;
}

static void put_uint(struct buf *b, uint64_t value, size_t size)
{
	uint8_t raw[8];

	for (size_t i = 0; i < size; i++)
		raw[i] = (uint8_t)(value >> (8 * i));
	buf_put(b, bytes_of(raw, size));
}

void buf_put_u8(struct buf *b, uint8_t value)
{
	put_uint(b, value, 1);
}

void buf_put_u16(struct buf *b, uint16_t value)
{
	put_uint(b, value, 2);
}

void buf_put_u32(struct buf *b, uint32_t value)
{
	put_uint(b, value, 4);
}

void buf_put_u64(struct buf *b, uint64_t value)
{
	put_uint(b, value, 8);
}

void buf_put_sized(struct buf *b, struct bytes bytes)
{
	if (bytes.len > UINT32_MAX) {
		b->bad = true;
		return;
	}
	buf_put_u32(b, (uint32_t)bytes.len);
	buf_put(b, bytes);
}

void buf_put_text(struct buf *b, const char *text)
{
	buf_put(b, bytes_from_text(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
	char line[1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(line)) {
		b->bad = true;
		return;
	}
	buf_put(b, bytes_of(line, (size_t)len));
}

void buf_put_hex(struct buf *b, struct bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *to = buf_reserve(b, 2 * bytes.len);

	if (to == NULL)
		return;
	for (size_t i = 0; i < bytes.len; i++) {
		to[2 * i] = (uint8_t)digits[bytes.data[i] >> 4];
		to[2 * i + 1] = (uint8_t)digits[bytes.data[i] & 15];
	}
	buf_grew(b, 2 * bytes.len);
}

struct status buf_check(const struct buf *b)
{
	if (!b->bad)
		return OK;
	return FAIL(LIMIT);
}
