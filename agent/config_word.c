/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the table, and the one that was meant. */
#include "agent/config_parts.h"

enum {
	NEAREST_BYTES = 40, /* longest word that is compared */
	NEAREST_DISTANCE = 3,
};

const struct config_word *config_word_find(const struct config_word *words, struct bytes word)
{
	for (; words->word != NULL; words++)
		if (bytes_equal(bytes_from_text(words->word), word))
			return words;
	return NULL;
}

static const struct config_word *words_of(const char *shape_name, const char *field_name)
{
	for (const struct config_field *list = config_shape_root.fields; list->name != NULL; list++) {
		if (list->type != CONFIG_TYPE_LIST || strcmp(list->name, shape_name) != 0)
			continue;
		for (const struct config_field *field = list->shape->fields; field->name != NULL; field++)
			if (strcmp(field->name, field_name) == 0)
				return field->words;
	}
	return NULL;
}

const char *config_word_name(const struct config_word *words, uint32_t value)
{
	for (; words != NULL && words->word != NULL; words++)
		if (words->value == value)
			return words->word;
	return "?";
}

const char *config_authenticator_name(uint32_t authenticator)
{
	return config_word_name(words_of("listeners", "authenticators"), authenticator);
}

const char *config_provider_type_name(uint32_t type)
{
	return config_word_name(words_of("providers", "type"), type);
}

static const struct config_word *verb_words(void)
{
	for (const struct config_field *list = config_shape_root.fields; list->name != NULL; list++) {
		if (list->offset != offsetof(struct config, tenants) || list->type != CONFIG_TYPE_LIST)
			continue;
		for (const struct config_field *field = list->shape->fields; field->name != NULL; field++)
			if (field->type == CONFIG_TYPE_LIST)
				return field->shape->fields[0].words;
	}
	return NULL;
}

const char *config_verb_name(uint32_t verb)
{
	return verb == VERB_NONE || verb >= VERB_COUNT ? "?" : config_word_name(verb_words(), VERB_BIT(verb));
}

enum verb config_verb_from_name(const char *name)
{
	const struct config_word *word = config_word_find(verb_words(), bytes_from_text(name));

	/* a group has several bits */
	if (word == NULL || (word->value & (word->value - 1)) != 0)
		return VERB_NONE;
	return (enum verb)__builtin_ctz(word->value);
}

/* Edit distance of two short words, each step one byte inserted, dropped or changed. */
static size_t distance(struct bytes a, struct bytes b)
{
	size_t row[NEAREST_BYTES + 1];

	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t changed = diagonal + (a.data[i - 1] != b.data[j - 1]);
			size_t other = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);

			diagonal = row[j];
			row[j] = changed < other ? changed : other;
		}
	}
	return row[b.len];
}

const char *config_nearest(
	struct bytes written, const char *(*next)(const void *context, size_t i), const void *context)
{
	size_t best = written.len / 2 < NEAREST_DISTANCE ? written.len / 2 : NEAREST_DISTANCE;
	const char *nearest = NULL, *word;

	if (written.len > NEAREST_BYTES)
		return NULL;
	for (size_t i = 0; (word = next(context, i)) != NULL; i++) {
		struct bytes candidate = bytes_from_text(word);
		size_t steps = candidate.len > NEAREST_BYTES ? SIZE_MAX : distance(written, candidate);

		if (steps < best || (steps == best && nearest == NULL)) {
			best = steps;
			nearest = word;
		}
	}
	return nearest;
}
