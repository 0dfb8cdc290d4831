/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree's binary form, walked by the table: fields in the table's order; a number is itself plus one, seven bits a
 * byte, the lowest first, so that what is not stated takes a byte; sizes little-endian; a text is a byte "is there" and
 * a sized text; a list is a count and its elements.  The writer may be a captured
 * keyreeve-config: whatever the table bounds is checked again here. */
#include "agent/config.h"

#include "base/own.h"

enum { CODE_MAGIC = 0x4647434b /* "KCGF" */, CODE_VERSION = 3 };

static const void *at(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static const void *pointer_get(const void *base, size_t offset)
{
	const void *pointer;

	memcpy(&pointer, at(base, offset), sizeof(pointer));
	return pointer;
}

static uint32_t number_get(const void *base, size_t offset)
{
	uint32_t value;

	memcpy(&value, at(base, offset), sizeof(value));
	return value;
}

/* ---- encode --------------------------------------------------------------------------------------------------- */

/* CONFIG_UNSET plus one is 0. */
static void number_put(struct buf *to, uint32_t number)
{
	uint32_t left = number + 1;

	for (; left > 0x7f; left >>= 7)
		buf_put_u8(to, (uint8_t)(left | 0x80));
	buf_put_u8(to, (uint8_t)left);
}

static void text_put(struct buf *to, const char *text)
{
	buf_put_u8(to, text != NULL);
	if (text != NULL)
		buf_put_sized(to, bytes_from_text(text));
}

static void shape_put(struct buf *to, const struct config_shape *shape, const void *base);

static void list_put(struct buf *to, const struct config_field *field, const void *base)
{
	const char *list = pointer_get(base, field->offset);
	uint32_t count = number_get(base, field->count_offset);

	number_put(to, count);
	for (uint32_t i = 0; i < count; i++) {
		if (field->type == CONFIG_TYPE_LIST)
			shape_put(to, field->shape, list + i * field->shape->size);
		else if (field->type == CONFIG_TYPE_WORDS)
			number_put(to, number_get(list, i * sizeof(uint32_t)));
		else if (field->type == CONFIG_TYPE_TEXTS)
			text_put(to, pointer_get(list, i * sizeof(char *)));
		else {
			text_put(to,
				pointer_get(list, i * sizeof(struct config_env) + offsetof(struct config_env, name)));
			text_put(to,
				pointer_get(list, i * sizeof(struct config_env) + offsetof(struct config_env, value)));
		}
	}
}

static void field_put(struct buf *to, const struct config_field *field, const void *base)
{
	uint64_t size;

	switch (field->type) {
	case CONFIG_TYPE_TEXT:
	case CONFIG_TYPE_PATH:
		text_put(to, pointer_get(base, field->offset));
		return;
	case CONFIG_TYPE_WORD:
	case CONFIG_TYPE_BITS:
	case CONFIG_TYPE_NUMBER:
	case CONFIG_TYPE_SECONDS:
	case CONFIG_TYPE_CLOCK:
	case CONFIG_TYPE_MOMENT:
	case CONFIG_TYPE_FLOW:
	case CONFIG_TYPE_MODE:
	case CONFIG_TYPE_NUMBER_HIDDEN:
		number_put(to, number_get(base, field->offset));
		return;
	case CONFIG_TYPE_BOOL:
		buf_put_u8(to, *(const bool *)at(base, field->offset));
		return;
	case CONFIG_TYPE_SIZE:
		memcpy(&size, at(base, field->offset), sizeof(size));
		buf_put_u64(to, size);
		return;
	case CONFIG_TYPE_RATES:
		number_put(to, number_get(base, field->offset + offsetof(struct config_rates, per_s)));
		number_put(to, number_get(base, field->offset + offsetof(struct config_rates, per_d)));
		return;
	case CONFIG_TYPE_MAP:
		shape_put(to, field->shape, at(base, field->offset));
		return;
	case CONFIG_TYPE_WORDS:
	case CONFIG_TYPE_TEXTS:
	case CONFIG_TYPE_ENV:
	case CONFIG_TYPE_LIST:
		list_put(to, field, base);
		return;
	case CONFIG_TYPE_LATER:
	case CONFIG_TYPE_NEVER:
		return;
	}
}

static void shape_put(struct buf *to, const struct config_shape *shape, const void *base)
{
	for (const struct config_field *field = shape->fields; field->name != NULL; field++)
		field_put(to, field, base);
}

static const struct config_shape *provider_shape(void)
{
	const struct config_field *field = config_shape_root.fields;

	while (field->offset != offsetof(struct config, providers))
		field++;
	return field->shape;
}

static struct status tree_put(struct buf *to, const struct config_shape *shape, const void *base)
{
	buf_put_u32(to, CODE_MAGIC);
	buf_put_u32(to, CODE_VERSION);
	shape_put(to, shape, base);
	return buf_check(to);
}

struct status config_put(struct buf *to, const struct config *config)
{
	return tree_put(to, &config_shape_root, config);
}

struct status config_provider_put(struct buf *to, const struct config_provider *provider)
{
	return tree_put(to, provider_shape(), provider);
}

bool config_provider_equal(const struct config_provider *a, const struct config_provider *b)
{
	AUTO(buf_done) struct buf one = buf_make(CONFIG_TREE_MAX);
	AUTO(buf_done) struct buf other = buf_make(CONFIG_TREE_MAX);

	if (config_provider_put(&one, a).code != STATUS_OK || config_provider_put(&other, b).code != STATUS_OK)
		return false;
	return bytes_equal(buf_bytes(&one), buf_bytes(&other));
}

/* ---- decode --------------------------------------------------------------------------------------------------- */

/* In its one shortest form. */
static uint32_t number_read(struct reader *from)
{
	uint32_t number = 0;
	uint8_t byte = 0x80;

	for (unsigned shift = 0; (byte & 0x80) != 0 && !from->bad; shift += 7) {
		byte = reader_u8(from);
		if ((shift == 28 && byte > 0x0f) || (shift > 0 && byte == 0))
			from->bad = true;
		number |= (uint32_t)(byte & 0x7f) << shift;
	}
	return number - 1;
}

/* A text within the bounds, NULL where the field may be without. */
static struct status text_get(struct reader *from, uint64_t min, uint64_t max, char **ret_text)
{
	uint8_t is_there = reader_u8(from);
	struct bytes text = is_there == 1 ? reader_sized(from, max) : (struct bytes){ 0 };

	ENSURE(!from->bad && is_there <= 1, IPC_MALFORMED);
	if (!is_there)
		return OK;
	ENSURE(text.len >= min, IPC_MALFORMED);
	for (size_t i = 0; i < text.len; i++)
		ENSURE(text.data[i] >= 0x20 && text.data[i] != 0x7f, IPC_MALFORMED);
	*ret_text = text.len == 0 ? strdup("") : strndup((const char *)text.data, text.len);
	ENSURE(*ret_text != NULL, NO_MEMORY);
	return OK;
}

static struct status text_field_get(struct reader *from, const struct config_field *field, void *base)
{
	char *text = NULL;

	TRY(text_get(from, field->min, field->max, &text));
	memcpy((char *)base + field->offset, &text, sizeof(text));
	ENSURE(text != NULL || !(field->is_required || (field->standard != NULL && field->only == 0)), IPC_MALFORMED);
	ENSURE(text == NULL || field->type != CONFIG_TYPE_PATH || text[0] == '/', IPC_MALFORMED);
	return OK;
}

static bool word_is_known(const struct config_word *words, uint32_t value)
{
	for (; words->word != NULL; words++)
		if (words->value == value && !words->is_later)
			return true;
	return false;
}

static bool bits_are_known(const struct config_word *words, uint32_t value)
{
	for (; words->word != NULL; words++)
		value &= ~words->value;
	return value == 0;
}

static bool number_fits(const struct config_field *field, uint64_t value)
{
	if (field->type == CONFIG_TYPE_NUMBER_HIDDEN)
		return true;
	if (field->type == CONFIG_TYPE_WORD)
		return (value == 0 && field->only != 0) || word_is_known(field->words, (uint32_t)value);
	if (field->type == CONFIG_TYPE_BITS)
		return bits_are_known(field->words, (uint32_t)value);
	if (value == CONFIG_UNSET && field->standard == NULL)
		return true;
	if (value == 0 && field->only != 0) /* of another type of provider */
		return true;
	return value >= field->min && value <= field->max;
}

static struct status shape_get(struct reader *from, const struct config_shape *shape, void *base);

static struct status element_get(struct reader *from, const struct config_field *field, void *element)
{
	struct config_env *env = element;
	uint32_t value;

	if (field->type == CONFIG_TYPE_LIST)
		return shape_get(from, field->shape, element);
	if (field->type == CONFIG_TYPE_WORDS) {
		value = number_read(from);
		ENSURE(!from->bad && word_is_known(field->words, value), IPC_MALFORMED);
		memcpy(element, &value, sizeof(value));
		return OK;
	}
	if (field->type == CONFIG_TYPE_ENV) {
		TRY(text_get(from, 1, CONFIG_TEXT_MAX, &env->name));
		TRY(text_get(from, 0, CONFIG_TEXT_MAX, &env->value));
		ENSURE(env->name != NULL && env->value != NULL, IPC_MALFORMED);
		return OK;
	}
	TRY(text_get(from, 1, CONFIG_TEXT_MAX, element));
	ENSURE(*(char **)element != NULL, IPC_MALFORMED);
	return OK;
}

static struct status list_get(struct reader *from, const struct config_field *field, void *base)
{
	uint32_t count = number_read(from);

	/* Every element takes at least a byte: a count cannot promise more than what is left. */
	ENSURE(!from->bad && count <= field->max && count <= from->left.len, IPC_MALFORMED);
	for (uint32_t i = 0; i < count; i++) {
		void *element = config_list_grow(field, base);

		ENSURE(element != NULL, NO_MEMORY);
		TRY(element_get(from, field, element));
	}
	ENSURE(count >= field->min || (!field->is_required && field->standard == NULL), IPC_MALFORMED);
	return OK;
}

static struct status number_field_get(struct reader *from, const struct config_field *field, void *base)
{
	uint64_t value = field->type == CONFIG_TYPE_SIZE ? reader_u64(from) : number_read(from);
	uint32_t number = (uint32_t)value;
	char *to = (char *)base + field->offset;

	ENSURE(!from->bad && number_fits(field, value), IPC_MALFORMED);
	if (field->type == CONFIG_TYPE_SIZE)
		memcpy(to, &value, sizeof(value));
	else
		memcpy(to, &number, sizeof(number));
	return OK;
}

static struct status rates_get(struct reader *from, const struct config_field *field, void *base)
{
	struct config_rates rates = { .per_s = number_read(from), .per_d = number_read(from) };

	ENSURE(!from->bad, IPC_MALFORMED);
	ENSURE(rates.per_s == 0 || (rates.per_s >= field->min && rates.per_s <= field->max), IPC_MALFORMED);
	ENSURE(rates.per_d == 0 || (rates.per_d >= field->min && rates.per_d <= field->max), IPC_MALFORMED);
	memcpy((char *)base + field->offset, &rates, sizeof(rates));
	return OK;
}

static struct status field_get(struct reader *from, const struct config_field *field, void *base)
{
	uint8_t byte;

	switch (field->type) {
	case CONFIG_TYPE_TEXT:
	case CONFIG_TYPE_PATH:
		return text_field_get(from, field, base);
	case CONFIG_TYPE_WORD:
	case CONFIG_TYPE_BITS:
	case CONFIG_TYPE_NUMBER:
	case CONFIG_TYPE_SECONDS:
	case CONFIG_TYPE_CLOCK:
	case CONFIG_TYPE_MOMENT:
	case CONFIG_TYPE_MODE:
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_FLOW:
	case CONFIG_TYPE_NUMBER_HIDDEN:
		return number_field_get(from, field, base);
	case CONFIG_TYPE_RATES:
		return rates_get(from, field, base);
	case CONFIG_TYPE_BOOL:
		byte = reader_u8(from);
		ENSURE(!from->bad && byte <= 1, IPC_MALFORMED);
		*(bool *)((char *)base + field->offset) = byte == 1;
		return OK;
	case CONFIG_TYPE_MAP:
		return shape_get(from, field->shape, (char *)base + field->offset);
	case CONFIG_TYPE_WORDS:
	case CONFIG_TYPE_TEXTS:
	case CONFIG_TYPE_ENV:
	case CONFIG_TYPE_LIST:
		return list_get(from, field, base);
	case CONFIG_TYPE_LATER:
	case CONFIG_TYPE_NEVER:
		break;
	}
	return OK;
}

static struct status shape_get(struct reader *from, const struct config_shape *shape, void *base)
{
	for (const struct config_field *field = shape->fields; field->name != NULL; field++)
		TRY(field_get(from, field, base));
	return OK;
}

static struct status tree_get(struct bytes from, const struct config_shape *shape, void *base)
{
	struct reader r = reader_of(from);

	ENSURE(from.len <= CONFIG_TREE_MAX, IPC_MALFORMED);
	ENSURE(reader_u32(&r) == CODE_MAGIC, IPC_MALFORMED);
	ENSURE(reader_u32(&r) == CODE_VERSION, IPC_MALFORMED);
	TRY(shape_get(&r, shape, base));
	ENSURE(reader_done(&r), IPC_MALFORMED);
	return OK;
}

/* What belongs to the provider's type only, and is needed there: nobody who reads a tree has to ask again. */
static bool provider_is_whole(const struct config_provider *provider)
{
	if (provider->type == PROVIDER_SOFTWARE)
		return provider->wrap != NULL;
	if (provider->type == PROVIDER_TPM)
		return provider->tcti != NULL && provider->handle != 0;
	return provider->module != NULL && provider->token != NULL && provider->pin_file != NULL;
}

static void auto_config(struct config **config)
{
	config_free(*config);
}

static void auto_provider(struct config_provider **provider)
{
	config_provider_free(*provider);
}

struct status config_get(struct bytes from, struct config **ret_config)
{
	AUTO(auto_config) struct config *config = calloc(1, sizeof(*config));

	ENSURE(config != NULL, NO_MEMORY);
	TRY(tree_get(from, &config_shape_root, config));
	for (uint32_t i = 0; i < config->provider_count; i++)
		ENSURE(provider_is_whole(&config->providers[i]), IPC_MALFORMED);
	*ret_config = TAKE(config);
	return OK;
}

struct status config_provider_get(struct bytes from, struct config_provider **ret_provider)
{
	AUTO(auto_provider) struct config_provider *provider = calloc(1, sizeof(*provider));

	ENSURE(provider != NULL, NO_MEMORY);
	TRY(tree_get(from, provider_shape(), provider));
	ENSURE(provider_is_whole(provider), IPC_MALFORMED);
	*ret_provider = TAKE(provider);
	return OK;
}
