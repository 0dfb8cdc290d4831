/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/strict.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- base64 ---------------------------------------------------------------------------------------- */

struct alphabet {
	uint8_t c62, c63;
};

static int sextet(uint8_t c, struct alphabet alphabet)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == alphabet.c62 || c == alphabet.c63)
		return c == alphabet.c62 ? 62 : 63;
	return -1;
}

/* Without padding. */
static bool decode(struct bytes text, struct alphabet alphabet, uint8_t *ret_data, size_t *ret_len)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t len = 0;

	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int value = sextet(text.data[i], alphabet);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		ret_data[len++] = (uint8_t)(bits >> have);
		bits &= (1U << have) - 1;
	}
	if (bits != 0) /* the unused bits of the last character */
		return false;
	*ret_len = len;
	return true;
}

bool strict_base64url(struct bytes text, uint8_t *ret_data, size_t *ret_len)
{
	return decode(text, (struct alphabet){ '-', '_' }, ret_data, ret_len);
}

bool strict_base64(struct bytes text, uint8_t *ret_data, size_t *ret_len)
{
	size_t padding = 0;

	if (text.len % 4 != 0)
		return false;
	while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
		padding++;
	return decode(bytes_of(text.data, text.len - padding), (struct alphabet){ '+', '/' }, ret_data, ret_len);
}

/* ---- JSON ------------------------------------------------------------------------------------------ */

/* Jansson's own limit is 2048 levels and costs 256 KiB of stack, so brackets are counted before it sees them.  On
 * text that is not JSON the count may be off; the parser refuses such text anyway, no deeper than was counted:
 * both read a string from its quote to the next one that is not escaped. */
static bool is_deeper_than(struct bytes text, size_t max_depth)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '[') && ++depth > max_depth)
			return true;
		else if (!in_string && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return false;
}

/* When an allocation fails, Jansson 2.14 may call the text bad, or drop a byte of a string and go on: a subject could
 * become another.  So its allocations are watched, and a document read while one failed is not used.  The memory is
 * malloc's all the same: whoever else uses Jansson in the process need not know. */
static _Thread_local bool was_short;
static pthread_once_t watched = PTHREAD_ONCE_INIT;

static void *watched_malloc(size_t size)
{
	void *memory = malloc(size);

	if (memory == NULL)
		was_short = true;
	return memory;
}

static void watch(void)
{
	json_set_alloc_funcs(watched_malloc, free);
}

struct json_t *strict_json(struct bytes text, size_t max_depth)
{
	/* Whole numbers read as reals too, so that one beyond 64 bits does not cost the document. */
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
	json_t *json;

	errno = EINVAL;
	if (text.len == 0 || is_deeper_than(text, max_depth))
		return NULL;
	(void)pthread_once(&watched, watch);
	was_short = false;
	json = json_loadb((const char *)text.data, text.len, flags, NULL);
	if (was_short) {
		json_decref(json);
		json = NULL;
	}
	if (json == NULL)
		errno = was_short ? ENOMEM : EINVAL;
	return json;
}

/* ---- for people ------------------------------------------------------------------------------------ */

static size_t shown_width(uint8_t c)
{
	return c > 0x20 && c < 0x7f && c != '\\' && c != '"' ? 1 : 4;
}

void strict_show(struct bytes text, char *ret_text, size_t room)
{
	size_t total = 0, at = 0, limit;

	for (size_t i = 0; i < text.len && total < room; i++)
		total += shown_width(text.data[i]);
	limit = total < room ? total : room - sizeof("...");
	for (size_t i = 0; i < text.len && at + shown_width(text.data[i]) <= limit; i++) {
		if (shown_width(text.data[i]) == 1)
			ret_text[at++] = (char)text.data[i];
		else
			at += (size_t)snprintf(ret_text + at, room - at, "\\x%02x", text.data[i]);
	}
	(void)snprintf(ret_text + at, room - at, "%s", total < room ? "" : "...");
}
