/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration in memory: lists that grow, defaults, and its end, all by the table. */
#include "agent/config_parts.h"

#include <stdlib.h>

/* ---- lists ------------------------------------------------------------------------------------------------------ */

static size_t element_size(const struct config_field *field)
{
	switch (field->type) {
	case CONFIG_TYPE_LIST:
		return field->shape->size;
	case CONFIG_TYPE_TEXTS:
		return sizeof(char *);
	case CONFIG_TYPE_ENV:
		return sizeof(struct config_env);
	case CONFIG_TYPE_WORDS:
		return sizeof(uint32_t);
	case CONFIG_TYPE_TEXT:
	case CONFIG_TYPE_PATH:
	case CONFIG_TYPE_WORD:
	case CONFIG_TYPE_BITS:
	case CONFIG_TYPE_BOOL:
	case CONFIG_TYPE_NUMBER:
	case CONFIG_TYPE_SECONDS:
	case CONFIG_TYPE_CLOCK:
	case CONFIG_TYPE_MOMENT:
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_FLOW:
	case CONFIG_TYPE_RATES:
	case CONFIG_TYPE_MODE:
	case CONFIG_TYPE_MAP:
	case CONFIG_TYPE_NUMBER_HIDDEN:
	case CONFIG_TYPE_LATER:
	case CONFIG_TYPE_NEVER:
		break;
	}
	return 0;
}

bool config_list_full(const struct config_field *field, const void *base)
{
	uint32_t count;

	memcpy(&count, (const char *)base + field->count_offset, sizeof(count));
	return count >= field->max;
}

/* Room doubles whenever the count is a power of two, so that no capacity needs to be kept. */
void *config_list_grow(const struct config_field *field, void *base)
{
	uint32_t *count = number_at(base, field->count_offset);
	size_t size = element_size(field);
	char *list = pointer_get(base, field->offset);

	if (config_list_full(field, base))
		return NULL;
	if ((*count & (*count - 1)) == 0) {
		char *grown = reallocarray(list, *count == 0 ? 1 : (size_t)*count * 2, size);

		if (grown == NULL)
			return NULL;
		list = grown;
		pointer_set(base, field->offset, list);
	}
	memset(list + *count * size, 0, size);
	return list + (*count)++ * size;
}

/* ---- freeing -------------------------------------------------------------------------------------------------- */

static void shape_done(const struct config_shape *shape, void *base);

static void list_done(const struct config_field *field, void *base)
{
	char *list = pointer_get(base, field->offset);
	uint32_t count = *number_at(base, field->count_offset);

	for (uint32_t i = 0; i < count; i++) {
		char *element = list + i * element_size(field);

		if (field->type == CONFIG_TYPE_LIST)
			shape_done(field->shape, element);
		if (field->type == CONFIG_TYPE_TEXTS || field->type == CONFIG_TYPE_ENV)
			free(pointer_get(element, offsetof(struct config_env, name)));
		if (field->type == CONFIG_TYPE_ENV)
			free(pointer_get(element, offsetof(struct config_env, value)));
	}
	free(list);
}

static void shape_done(const struct config_shape *shape, void *base)
{
	for (const struct config_field *field = shape->fields; field->name != NULL; field++) {
		if (field->type == CONFIG_TYPE_TEXT || field->type == CONFIG_TYPE_PATH)
			free(pointer_get(base, field->offset));
		else if (field->type == CONFIG_TYPE_MAP)
			shape_done(field->shape, (char *)base + field->offset);
		else if (element_size(field) > 0)
			list_done(field, base);
	}
	memset(base, 0, shape->size);
}

void config_shape_done(const struct config_shape *shape, void *base)
{
	shape_done(shape, base);
}

void config_done(struct config *config)
{
	if (config != NULL)
		shape_done(&config_shape_root, config);
}

void config_free(struct config *config)
{
	config_done(config);
	free(config);
}

static const struct config_shape *provider_shape(void)
{
	const struct config_field *field = config_shape_root.fields;

	while (field->offset != offsetof(struct config, providers))
		field++;
	return field->shape;
}

void config_provider_free(struct config_provider *provider)
{
	if (provider != NULL)
		shape_done(provider_shape(), provider);
	free(provider);
}

/* ---- defaults --------------------------------------------------------------------------------------------------- */

static struct status shape_standard(const struct config_shape *shape, void *base)
{
	for (const struct config_field *field = shape->fields; field->name != NULL; field++)
		TRY(config_standard(field, base));
	return OK;
}

struct status config_standard(const struct config_field *field, void *base)
{
	char text[CONFIG_TEXT_BYTES];
	void *element;

	if (field->standard != NULL)
		return config_scalar(field, bytes_from_text(field->standard), base, text);
	if (field->type == CONFIG_TYPE_MAP)
		return shape_standard(field->shape, (char *)base + field->offset);
	if (field->type == CONFIG_TYPE_NUMBER || field->type == CONFIG_TYPE_SECONDS ||
		field->type == CONFIG_TYPE_CLOCK || field->type == CONFIG_TYPE_MOMENT ||
		field->type == CONFIG_TYPE_FLOW || field->type == CONFIG_TYPE_NUMBER_HIDDEN)
		*number_at(base, field->offset) = CONFIG_UNSET;
	if (field->type != CONFIG_TYPE_LIST || field->is_required || field->min == 0)
		return OK;
	element = config_list_grow(field, base);
	ENSURE(element != NULL, NO_MEMORY);
	return shape_standard(field->shape, element);
}
