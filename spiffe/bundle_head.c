/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/bundle_head.h"

enum { NUMBER_DIGITS_MAX = 20 };

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct bytes text, size_t *at)
{
	while (*at < text.len && is_space(text.data[*at]))
		*at += 1;
}

/* From its first quote to behind its last; what stands between. */
static struct bytes take_string(struct bytes text, size_t *at)
{
	size_t start = ++*at;
	struct bytes inside;

	while (*at < text.len && text.data[*at] != '"')
		*at += text.data[*at] == '\\' ? 2 : 1;
	inside = bytes_of(text.data + start, *at < text.len ? *at - start : 0);
	*at += 1;
	return inside;
}

/* No sign, no fraction, no exponent. */
static bool digits_at(struct bytes text, size_t at, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t count = 0;

	for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++, count++)
		if (count == NUMBER_DIGITS_MAX || __builtin_mul_overflow(number, UINT64_C(10), &number) ||
			__builtin_add_overflow(number, (uint64_t)(text.data[at] - '0'), &number))
			return false;
	if (count == 0 || at == text.len || (text.data[at] != ',' && text.data[at] != '}' && !is_space(text.data[at])))
		return false;
	*ret_number = number;
	return true;
}

bool bundle_head_number(struct bytes text, const char *name, uint64_t *ret_number)
{
	unsigned depth = 0;

	for (size_t at = 0; at < text.len;) {
		struct bytes string;
		uint8_t c = text.data[at];

		if (c != '"') {
			depth += c == '{' || c == '[';
			depth -= c == '}' || c == ']';
			at++;
			continue;
		}
		string = take_string(text, &at);
		skip_space(text, &at);
		if (depth != 1 || at >= text.len || text.data[at] != ':' || !bytes_equal(string, bytes_from_text(name)))
			continue;
		at++;
		skip_space(text, &at);
		return digits_at(text, at, ret_number);
	}
	return false;
}
