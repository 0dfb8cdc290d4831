/* SPDX-License-Identifier: Apache-2.0
 *
 * One scalar of the file: a value of the field's type, or a sentence. */
#include "agent/config_parts.h"

#include <stdio.h>

#include "base/own.h"

enum { QUOTED_BYTES = 40 /* of a value, in a message */ };

/* The value as it may stand in a message: short, printable. */
static void quote(struct bytes value, char ret_quoted[QUOTED_BYTES])
{
	size_t len = value.len < QUOTED_BYTES - 4 ? value.len : QUOTED_BYTES - 4;

	for (size_t i = 0; i < len; i++)
		ret_quoted[i] = value.data[i] < 0x20 || value.data[i] >= 0x7f ? '?' : (char)value.data[i];
	memcpy(ret_quoted + len, len < value.len ? "..." : "", len < value.len ? 4 : 1);
}

static const char *word_next(const void *context, size_t i)
{
	return ((const struct config_word *)context)[i].word;
}

static struct status word_refuse(const struct config_field *field, struct bytes scalar, char *ret_text)
{
	const char *nearest = config_nearest(scalar, word_next, field->words);
	char quoted[QUOTED_BYTES];
	size_t used;

	quote(scalar, quoted);
	used = (size_t)snprintf(ret_text, CONFIG_TEXT_BYTES, "'%s' is none of ", quoted);
	for (const struct config_word *word = field->words; word->word != NULL && used < CONFIG_TEXT_BYTES; word++)
		used += (size_t)snprintf(ret_text + used, CONFIG_TEXT_BYTES - used, "%s%s",
			word == field->words ? "" : ", ", word->word);
	if (nearest != NULL && used < CONFIG_TEXT_BYTES)
		(void)snprintf(ret_text + used, CONFIG_TEXT_BYTES - used, "; did you mean '%s'?", nearest);
	return FAIL(CONFIG_SYNTAX);
}

static struct status word_parse(
	const struct config_field *field, struct bytes scalar, uint32_t *ret_value, char *ret_text)
{
	const struct config_word *word = config_word_find(field->words, scalar);

	if (word == NULL)
		return word_refuse(field, scalar, ret_text);
	if (word->is_later) {
		(void)snprintf(ret_text, CONFIG_TEXT_BYTES, "'%s' is not supported yet", word->word);
		return FAIL(CONFIG_UNSUPPORTED);
	}
	*ret_value = word->value;
	return OK;
}

/* The digit's value; base if it is none. */
static unsigned digit_of(uint8_t c, unsigned base)
{
	unsigned digit = base;

	if (c >= '0' && c <= '9')
		digit = (unsigned)c - '0';
	else if ((c | 0x20u) >= 'a' && (c | 0x20u) <= 'f')
		digit = (c | 0x20u) - 'a' + 10;
	return digit < base ? digit : base;
}

/* Digits of a base, and what follows them; false without a digit or beyond 64 bits. */
static bool digits(struct bytes *from, unsigned base, uint64_t *ret_value)
{
	uint64_t value = 0;
	size_t i = 0;

	for (; i < from->len && digit_of(from->data[i], base) < base; i++)
		if (__builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, digit_of(from->data[i], base), &value))
			return false;
	if (i == 0)
		return false;
	*from = bytes_of(from->data + i, from->len - i);
	*ret_value = value;
	return true;
}

static const struct unit {
	const char *name;
	uint64_t factor;
} seconds_units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { 0 } },
  size_units[] = { { "", 1 }, { "KiB", 1024 }, { "MiB", 1024 * 1024 }, { "GiB", 1024 * 1024 * 1024 }, { 0 } },
  flow_units[] = { { "/s", 1 }, { "KiB/s", 1024 }, { "MiB/s", 1024 * 1024 }, { "GiB/s", 1024 * 1024 * 1024 }, { 0 } };

static bool with_unit(struct bytes rest, const struct unit *units, uint64_t *value)
{
	for (; units->name != NULL; units++)
		if (bytes_equal(bytes_from_text(units->name), rest))
			return !__builtin_mul_overflow(*value, units->factor, value);
	return false;
}

static bool number_parse(enum config_type type, struct bytes scalar, uint64_t *ret_value)
{
	bool is_hex = type == CONFIG_TYPE_NUMBER && scalar.len > 2 && scalar.data[0] == '0' && scalar.data[1] == 'x';
	struct bytes rest = is_hex ? bytes_of(scalar.data + 2, scalar.len - 2) : scalar;

	if (type == CONFIG_TYPE_CLOCK || type == CONFIG_TYPE_MOMENT) {
		uint32_t time = 0;

		if (type == CONFIG_TYPE_CLOCK ? !config_clock_parse(scalar, &time)
					      : !config_moment_parse(scalar, &time))
			return false;
		*ret_value = time;
		return true;
	}
	if (!digits(&rest, is_hex ? 16 : type == CONFIG_TYPE_MODE ? 8 : 10, ret_value))
		return false;
	if (type == CONFIG_TYPE_SECONDS)
		return with_unit(rest, seconds_units, ret_value);
	if (type == CONFIG_TYPE_SIZE)
		return with_unit(rest, size_units, ret_value);
	if (type == CONFIG_TYPE_FLOW)
		return with_unit(rest, flow_units, ret_value);
	return rest.len == 0;
}

/* "between 1s and 10m", in the units that a reader would write. */
static void bounds_text(const struct config_field *field, char *to, size_t room)
{
	unsigned long long low = field->min, high = field->max;

	if (field->type == CONFIG_TYPE_MODE)
		(void)snprintf(to, room, "an octal mode such as 0660");
	else if (field->type == CONFIG_TYPE_CLOCK)
		(void)snprintf(to, room, "a time of day between 00:00 and 24:00, as 08:30");
	else if (field->type == CONFIG_TYPE_MOMENT)
		(void)snprintf(to, room, "a moment in UTC, as 2026-11-23 or 2026-11-23T15:04:05Z");
	else if (field->type == CONFIG_TYPE_SECONDS && high % 86400 == 0)
		(void)snprintf(to, room, "a time between %llus and %llud, as 90s, 1h or 30d", low, high / 86400);
	else if (field->type == CONFIG_TYPE_SECONDS)
		(void)snprintf(to, room, "a time between %llus and %llus, as 90s, 5m or 1h", low, high);
	else if (field->type == CONFIG_TYPE_SIZE)
		(void)snprintf(
			to, room, "a size between %lluKiB and %lluMiB, as 64MiB", low / 1024, high / 1024 / 1024);
	else if (field->type == CONFIG_TYPE_FLOW)
		(void)snprintf(to, room, "a size per second between %lluKiB/s and %lluMiB/s, as 1MiB/s", low / 1024,
			high / 1024 / 1024);
	else if (field->min > 0xffff)
		(void)snprintf(to, room, "a number between 0x%llX and 0x%llX", low, high);
	else
		(void)snprintf(to, room, "a number between %llu and %llu", low, high);
}

static struct status number_set(const struct config_field *field, struct bytes scalar, void *base, char *ret_text)
{
	char quoted[QUOTED_BYTES], bounds[96];
	uint64_t value = 0;

	if (!number_parse(field->type, scalar, &value) || value < field->min || value > field->max) {
		quote(scalar, quoted);
		bounds_text(field, bounds, sizeof(bounds));
		(void)snprintf(ret_text, CONFIG_TEXT_BYTES, "'%s' is not %s", quoted, bounds);
		return FAIL(CONFIG_SYNTAX);
	}
	if (field->type == CONFIG_TYPE_SIZE)
		memcpy((char *)base + field->offset, &value, sizeof(value));
	else
		*number_at(base, field->offset) = (uint32_t)value;
	return OK;
}

/* "50/s" or "20000/d": each unit once. */
static struct status rate_add(const struct config_field *field, struct bytes scalar, void *base, char *ret_text)
{
	struct config_rates *rates = (struct config_rates *)(void *)((char *)base + field->offset);
	struct bytes rest = scalar;
	char quoted[QUOTED_BYTES];
	uint32_t *rate = NULL;
	uint64_t value;

	if (digits(&rest, 10, &value) && value >= field->min && value <= field->max)
		rate = bytes_equal(rest, BYTES_LITERAL("/s"))	? &rates->per_s
		       : bytes_equal(rest, BYTES_LITERAL("/d")) ? &rates->per_d
								: NULL;
	if (rate == NULL) {
		quote(scalar, quoted);
		(void)snprintf(ret_text, CONFIG_TEXT_BYTES,
			"'%s' is not a number between %llu and %llu per second or day, as 50/s or 20000/d", quoted,
			(unsigned long long)field->min, (unsigned long long)field->max);
		return FAIL(CONFIG_SYNTAX);
	}
	if (*rate != 0) {
		(void)snprintf(ret_text, CONFIG_TEXT_BYTES, "has two numbers per %s",
			rate == &rates->per_s ? "second" : "day");
		return FAIL(CONFIG_SYNTAX);
	}
	*rate = (uint32_t)value;
	return OK;
}

static struct status bool_set(const struct config_field *field, struct bytes scalar, void *base, char *ret_text)
{
	bool *to = (bool *)(void *)((char *)base + field->offset);
	char quoted[QUOTED_BYTES];

	if (bytes_equal(scalar, BYTES_LITERAL("true"))) {
		*to = true;
		return OK;
	}
	if (bytes_equal(scalar, BYTES_LITERAL("false"))) {
		*to = false;
		return OK;
	}
	quote(scalar, quoted);
	(void)snprintf(ret_text, CONFIG_TEXT_BYTES, "'%s' is neither true nor false", quoted);
	return FAIL(CONFIG_SYNTAX);
}

static const char *path_fault(struct bytes path)
{
	size_t start = 1;

	if (path.data[0] != '/')
		return "is not an absolute path";
	for (size_t i = 1; i <= path.len; i++) {
		size_t len = i - start;

		if (i < path.len && path.data[i] != '/')
			continue;
		if (len == 0 || (len <= 2 && memcmp(path.data + start, "..", len) == 0))
			return "has an empty, '.' or '..' part";
		start = i + 1;
	}
	return NULL;
}

/* Why a text cannot stand here; NULL when it can. */
static const char *text_fault(const struct config_field *field, struct bytes text)
{
	bool is_single = field->type == CONFIG_TYPE_TEXT || field->type == CONFIG_TYPE_PATH;

	if (text.len < (is_single ? field->min : 1))
		return "is empty";
	if (text.len > (is_single ? field->max : CONFIG_TEXT_MAX))
		return "is too long";
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < 0x20 || text.data[i] == 0x7f)
			return "has a control character";
	return field->type == CONFIG_TYPE_PATH ? path_fault(text) : NULL;
}

static struct status text_copy(const struct config_field *field, struct bytes text, char **ret_copy, char *ret_text)
{
	const char *fault = text_fault(field, text);

	if (fault != NULL) {
		(void)snprintf(ret_text, CONFIG_TEXT_BYTES, "%s", fault);
		return FAIL(CONFIG_SYNTAX);
	}
	*ret_copy = strndup((const char *)text.data, text.len);
	ENSURE(*ret_copy != NULL, NO_MEMORY);
	return OK;
}

static struct status text_set(const struct config_field *field, struct bytes scalar, void *base, char *ret_text)
{
	char *copy;

	TRY(text_copy(field, scalar, &copy, ret_text));
	free(pointer_get(base, field->offset));
	pointer_set(base, field->offset, copy);
	return OK;
}

static struct status element_add(const struct config_field *field, void *base, void **ret_element, char *ret_text)
{
	if (config_list_full(field, base)) {
		(void)snprintf(
			ret_text, CONFIG_TEXT_BYTES, "has more than %llu entries", (unsigned long long)field->max);
		return FAIL(CONFIG_SYNTAX);
	}
	*ret_element = config_list_grow(field, base);
	ENSURE(*ret_element != NULL, NO_MEMORY);
	return OK;
}

static struct status texts_add(const struct config_field *field, struct bytes scalar, void *base, char *ret_text)
{
	AUTO(own_free) char *copy = NULL;
	void *element;

	TRY(text_copy(field, scalar, &copy, ret_text));
	TRY(element_add(field, base, &element, ret_text));
	pointer_set(element, 0, TAKE(copy));
	return OK;
}

static struct status words_add(const struct config_field *field, struct bytes scalar, void *base, char *ret_text)
{
	const uint32_t *values = pointer_get(base, field->offset);
	uint32_t count = *number_at(base, field->count_offset), value = 0;
	void *element;

	TRY(word_parse(field, scalar, &value, ret_text));
	for (uint32_t i = 0; i < count; i++)
		if (values[i] == value) {
			(void)snprintf(
				ret_text, CONFIG_TEXT_BYTES, "names '%s' twice", config_word_name(field->words, value));
			return FAIL(CONFIG_SYNTAX);
		}
	TRY(element_add(field, base, &element, ret_text));
	memcpy(element, &value, sizeof(value));
	return OK;
}

struct status config_scalar(
	const struct config_field *field, struct bytes scalar, void *base, char ret_text[CONFIG_TEXT_BYTES])
{
	uint32_t value = 0;

	switch (field->type) {
	case CONFIG_TYPE_TEXT:
	case CONFIG_TYPE_PATH:
		return text_set(field, scalar, base, ret_text);
	case CONFIG_TYPE_WORD:
		return word_parse(field, scalar, number_at(base, field->offset), ret_text);
	case CONFIG_TYPE_BITS:
		TRY(word_parse(field, scalar, &value, ret_text));
		*number_at(base, field->offset) |= value;
		return OK;
	case CONFIG_TYPE_WORDS:
		return words_add(field, scalar, base, ret_text);
	case CONFIG_TYPE_BOOL:
		return bool_set(field, scalar, base, ret_text);
	case CONFIG_TYPE_NUMBER:
	case CONFIG_TYPE_SECONDS:
	case CONFIG_TYPE_CLOCK:
	case CONFIG_TYPE_MOMENT:
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_FLOW:
	case CONFIG_TYPE_MODE:
		return number_set(field, scalar, base, ret_text);
	case CONFIG_TYPE_RATES:
		return rate_add(field, scalar, base, ret_text);
	case CONFIG_TYPE_TEXTS:
		return texts_add(field, scalar, base, ret_text);
	case CONFIG_TYPE_ENV:
	case CONFIG_TYPE_MAP:
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_NUMBER_HIDDEN:
	case CONFIG_TYPE_LATER:
	case CONFIG_TYPE_NEVER:
		break;
	}
	(void)snprintf(ret_text, CONFIG_TEXT_BYTES, "is not a single value");
	return FAIL(CONFIG_SYNTAX);
}
