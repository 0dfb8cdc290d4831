/* SPDX-License-Identifier: Apache-2.0
 *
 * Hexadecimal text of a test's vector to bytes. */
#ifndef TESTS_SUPPORT_HEX_H
#define TESTS_SUPPORT_HEX_H

#include "tests/support/unit.h"

enum { HEX_MAX_BYTES = 1024 };

struct hex {
	uint8_t data[HEX_MAX_BYTES];
	size_t len;
};

static inline unsigned hex_digit_(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	assert_true(c >= 'A' && c <= 'F');
	return (unsigned)(c - 'A') + 10;
}

static inline struct hex hex_of(const char *text)
{
	struct hex hex = { .len = strlen(text) / 2 };

	assert_true(strlen(text) % 2 == 0 && hex.len <= HEX_MAX_BYTES);
	for (size_t i = 0; i < hex.len; i++)
		hex.data[i] = (uint8_t)(hex_digit_(text[2 * i]) << 4 | hex_digit_(text[2 * i + 1]));
	return hex;
}

static inline struct bytes hex_bytes(const struct hex *hex)
{
	return bytes_of(hex->data, hex->len);
}

#endif
