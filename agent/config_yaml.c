/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config_yaml.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/config_walk.h"
#include "base/own.h"

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

static void map_walk(struct walk *w, const struct config_shape *shape, void *base);

static bool takes_list(const struct config_field *field)
{
	return field->type == CONFIG_TYPE_BITS || field->type == CONFIG_TYPE_WORDS ||
	       field->type == CONFIG_TYPE_TEXTS || field->type == CONFIG_TYPE_RATES || field->type == CONFIG_TYPE_LIST;
}

static bool takes_scalar(const struct config_field *field)
{
	return field->type != CONFIG_TYPE_LIST && field->type != CONFIG_TYPE_MAP && field->type != CONFIG_TYPE_ENV;
}

static void scalar_take(struct walk *w, const struct config_field *field, void *base)
{
	char text[CONFIG_TEXT_BYTES] = "";
	struct status st = config_scalar(field, walk_scalar(&w->event), base, text);

	if (st.code == STATUS_NO_MEMORY)
		w->no_memory = true;
	else if (st.code == STATUS_CONFIG_UNSUPPORTED) {
		walk_place_keep(w, w->event.start_mark, true);
		walk_report_later(w, w->event.start_mark, text);
	} else if (st.code != STATUS_OK)
		walk_report(w, w->event.start_mark, text);
}

/* One entry of a list of maps. */
static void entry_take(struct walk *w, const struct config_field *field, void *base)
{
	void *element;

	if (w->event.type != YAML_MAPPING_START_EVENT) {
		walk_report(w, w->event.start_mark, "must be a map");
		walk_skip(w);
		return;
	}
	if (config_list_full(field, base)) {
		walk_report(w, w->event.start_mark, "is one entry too many");
		walk_skip(w);
		return;
	}
	element = config_list_grow(field, base);
	w->no_memory |= element == NULL;
	if (element != NULL)
		map_walk(w, field->shape, element);
	else
		walk_skip(w);
}

static void list_walk(struct walk *w, const struct config_field *field, void *base)
{
	yaml_mark_t start = w->event.start_mark;
	unsigned i = 0;

	for (walk_advance(w); !w->is_over && w->event.type != YAML_SEQUENCE_END_EVENT; walk_advance(w), i++) {
		size_t was = walk_path_push(w, "[%u]", i);

		walk_place_keep(w, w->event.start_mark, false);
		if (!walk_is_plain(w))
			walk_skip(w);
		else if (field->type == CONFIG_TYPE_LIST)
			entry_take(w, field, base);
		else if (w->event.type == YAML_SCALAR_EVENT)
			scalar_take(w, field, base);
		else {
			walk_report(w, w->event.start_mark, "must be a single value");
			walk_skip(w);
		}
		walk_path_pop(w, was);
	}
	if (i < field->min || (i == 0 && field->type == CONFIG_TYPE_BITS))
		walk_report(w, start, "is an empty list");
}

/* A map of texts: names are the file's own. */
static void env_take(struct walk *w, const struct config_field *field, void *base, struct bytes name)
{
	struct bytes value = walk_scalar(&w->event);
	struct config_env *env;

	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] < 0x20 || value.data[i] == 0x7f) {
			walk_report(w, w->event.start_mark, "has a control character");
			return;
		}
	if (value.len > CONFIG_TEXT_MAX || name.len > CONFIG_TEXT_MAX || memchr(name.data, '\0', name.len) != NULL) {
		walk_report(w, w->event.start_mark, "is too long");
		return;
	}
	if (config_list_full(field, base)) {
		walk_report(w, w->event.start_mark, "is one entry too many");
		return;
	}
	env = config_list_grow(field, base);
	w->no_memory |= env == NULL;
	if (env == NULL)
		return;
	env->name = strndup((const char *)name.data, name.len);
	env->value = strndup((const char *)value.data, value.len);
	w->no_memory |= env->name == NULL || env->value == NULL;
}

static bool env_has(const struct config_provider *provider, const char *name)
{
	for (uint32_t i = 0; i < provider->env_count; i++)
		if (provider->env[i].name != NULL && strcmp(provider->env[i].name, name) == 0)
			return true;
	return false;
}

static void env_walk(struct walk *w, const struct config_field *field, void *base)
{
	for (walk_advance(w); !w->is_over && w->event.type != YAML_MAPPING_END_EVENT; walk_advance(w)) {
		AUTO(own_free) char *name = NULL;
		yaml_mark_t mark = w->event.start_mark;
		size_t was;

		if (!walk_is_plain(w) || w->event.type != YAML_SCALAR_EVENT || w->event.data.scalar.length == 0) {
			walk_report(w, mark, "has a key that is no name");
			walk_skip(w);
			walk_advance(w);
			walk_skip(w);
			continue;
		}
		name = strndup((const char *)w->event.data.scalar.value, w->event.data.scalar.length);
		w->no_memory |= name == NULL;
		was = walk_path_push_name(w, name != NULL ? name : "");
		walk_advance(w);
		if (w->is_over)
			return;
		walk_place_keep(w, mark, false);
		if (name != NULL && env_has(base, name))
			walk_report(w, mark, "stands there twice");
		else if (walk_is_plain(w) && w->event.type == YAML_SCALAR_EVENT && name != NULL)
			env_take(w, field, base, bytes_from_text(name));
		else if (w->event.type != YAML_SCALAR_EVENT && w->event.type != YAML_ALIAS_EVENT)
			walk_report(w, w->event.start_mark, "must be a single value");
		walk_skip(w);
		walk_path_pop(w, was);
	}
}

static void value_walk(struct walk *w, const struct config_field *field, void *base)
{
	const yaml_event_t *e = &w->event;

	walk_place_keep(w, e->start_mark, false);
	if (!walk_is_plain(w)) {
		walk_skip(w);
	} else if (e->type == YAML_SCALAR_EVENT && takes_scalar(field)) {
		scalar_take(w, field, base);
	} else if (e->type == YAML_SEQUENCE_START_EVENT && takes_list(field)) {
		list_walk(w, field, base);
	} else if (e->type == YAML_MAPPING_START_EVENT && field->type == CONFIG_TYPE_MAP) {
		map_walk(w, field->shape, (char *)base + field->offset);
	} else if (e->type == YAML_MAPPING_START_EVENT && field->type == CONFIG_TYPE_ENV) {
		env_walk(w, field, base);
	} else {
		walk_report(w, e->start_mark,
			field->type == CONFIG_TYPE_LIST ? "must be a list"
			: takes_list(field)		? "must be a list or a single value"
			: takes_scalar(field)		? "must be a single value"
							: "must be a map");
		walk_skip(w);
	}
}

/* ---- maps with a table's keys ----------------------------------------------------------------------------------- */

/* Bit n of seen is field n; no shape has more than 64. */
struct seen {
	uint64_t bits;
	yaml_mark_t mark[64];
};

static const struct config_field *field_find(const struct config_shape *shape, struct bytes name)
{
	for (const struct config_field *field = shape->fields; field->name != NULL; field++)
		if (field->type != CONFIG_TYPE_NUMBER_HIDDEN && bytes_equal(bytes_from_text(field->name), name))
			return field;
	return NULL;
}

/* Fields as candidates for "did you mean"; the hidden ones stand last. */
static const char *field_next(const void *context, size_t i)
{
	const struct config_field *fields = context;

	return fields[i].type == CONFIG_TYPE_NUMBER_HIDDEN ? NULL : fields[i].name;
}

static void unknown_report(struct walk *w, const struct config_shape *shape, struct bytes name, yaml_mark_t mark)
{
	const char *nearest = config_nearest(name, field_next, shape->fields);
	int shown = name.len > 40 ? 40 : (int)name.len;
	const char *where = w->path_len > 0 ? w->path : "the file";

	for (int i = 0; i < shown; i++)
		if (name.data[i] < 0x20 || name.data[i] >= 0x7f)
			shown = i;
	if (nearest != NULL)
		walk_report_at(w, mark, "%s has no field '%.*s'; did you mean '%s'?", where, shown,
			(const char *)name.data, nearest);
	else
		walk_report_at(w, mark, "%s has no field '%.*s'", where, shown, (const char *)name.data);
}

static void known_walk(struct walk *w, const struct config_field *field, void *base, yaml_mark_t mark)
{
	if (field->type == CONFIG_TYPE_LATER) {
		walk_place_keep(w, mark, true);
		walk_report_later(w, mark, "is not supported yet");
		walk_skip(w);
	} else if (field->type == CONFIG_TYPE_NEVER) {
		walk_report_at(w, mark, "%s: %s", w->path, field->text);
		walk_skip(w);
	} else {
		value_walk(w, field, base);
	}
}

/* One key and its value. */
static void pair_walk(struct walk *w, const struct config_shape *shape, void *base, struct seen *seen)
{
	const struct config_field *field = NULL;
	yaml_mark_t mark = w->event.start_mark;
	size_t index, was;

	if (!walk_is_plain(w) || w->event.type != YAML_SCALAR_EVENT) {
		if (w->event.type == YAML_SEQUENCE_START_EVENT || w->event.type == YAML_MAPPING_START_EVENT)
			walk_report(w, mark, "has a key that is no name");
		walk_skip(w);
	} else {
		field = field_find(shape, walk_scalar(&w->event));
		if (field == NULL)
			unknown_report(w, shape, walk_scalar(&w->event), mark);
	}
	walk_advance(w);
	if (field == NULL || w->is_over) {
		walk_skip(w);
		return;
	}
	index = (size_t)(field - shape->fields);
	was = walk_path_push_name(w, field->name);
	if (seen->bits & UINT64_C(1) << index) {
		walk_report_at(
			w, mark, "%s stands there twice, first in line %zu", w->path, seen->mark[index].line + 1);
		walk_skip(w);
	} else {
		seen->bits |= UINT64_C(1) << index;
		seen->mark[index] = mark;
		known_walk(w, field, base, mark);
	}
	walk_path_pop(w, was);
}

/* The `type` beside fields that belong to one type only; 0 when it is not known. */
static uint32_t type_of(const struct config_shape *shape, const void *base)
{
	const struct config_field *field = field_find(shape, BYTES_LITERAL("type"));
	uint32_t type = 0;

	if (field != NULL)
		memcpy(&type, (const char *)base + field->offset, sizeof(type));
	return type;
}

static const char *type_of_only(uint8_t only)
{
	return config_provider_type_name((uint32_t)__builtin_ctz(only));
}

/* What was not given, and what cannot be given to this type. */
static void field_finish(struct walk *w, const struct config_field *field, void *base, uint32_t type,
	const yaml_mark_t *seen, yaml_mark_t start)
{
	bool fits = field->only == 0 || (field->only >> type & 1) != 0;
	size_t was = walk_path_push_name(w, field->name);

	if (seen == NULL && field->is_required)
		walk_report(w, start, "is missing");
	else if (seen == NULL && fits)
		w->no_memory |= config_standard(field, base).code == STATUS_NO_MEMORY;
	else if (seen != NULL && !fits && type != 0)
		walk_report_at(w, *seen, "%s is for providers of type %s", w->path, type_of_only(field->only));
	walk_path_pop(w, was);
}

static void map_walk(struct walk *w, const struct config_shape *shape, void *base)
{
	struct seen seen = { 0 };
	yaml_mark_t start = w->event.start_mark;

	for (walk_advance(w); !w->is_over && w->event.type != YAML_MAPPING_END_EVENT; walk_advance(w))
		pair_walk(w, shape, base, &seen);
	for (size_t i = 0; !w->is_over && shape->fields[i].name != NULL; i++)
		field_finish(w, &shape->fields[i], base, type_of(shape, base),
			(seen.bits >> i & 1) != 0 ? &seen.mark[i] : NULL, start);
}

/* ---- the whole file ---------------------------------------------------------------------------------------------- */

static void document_walk(struct walk *w, const struct config_shape *shape, void *base)
{
	yaml_mark_t first = { 0 };

	walk_advance(w); /* start of the stream */
	walk_advance(w);
	if (w->is_over)
		return;
	if (w->event.type != YAML_DOCUMENT_START_EVENT) {
		walk_report(w, first, "is empty");
		return;
	}
	if (w->event.data.document_start.version_directive != NULL ||
		w->event.data.document_start.tag_directives.start != w->event.data.document_start.tag_directives.end)
		walk_report_at(w, w->event.start_mark, "directives are refused");
	walk_advance(w);
	if (w->is_over)
		return;
	if (!walk_is_plain(w) || w->event.type != YAML_MAPPING_START_EVENT) {
		walk_report(w, w->event.start_mark, "must be a map");
		return;
	}
	map_walk(w, shape, base);
	walk_advance(w); /* end of the document */
	walk_advance(w);
	if (!w->is_over && w->event.type != YAML_STREAM_END_EVENT)
		walk_report_at(w, w->event.start_mark, "a second document is refused");
}

static void check_visit(void *context, const char *path, const char *text, bool is_later)
{
	struct walk *w = context;
	bool follows = false;
	const struct walk_place *place = NULL;
	yaml_mark_t mark = { 0 };

	if (w->error_count < CONFIG_ERRORS_MAX)
		place = walk_place_find(w, path, &follows);
	if (follows)
		return;
	w->later_count += is_later;
	walk_report_at(w, place != NULL ? place->mark : mark, "%s %s", path, text);
}

/* A listener that asks for it gets a twin at Parsec's path, so that whoever opens listeners sees plain ones. */
static struct status twin_add(struct config *config, uint32_t i)
{
	const struct config_field *listeners = field_find(&config_shape_root, BYTES_LITERAL("listeners"));
	const struct config_field *authenticators = field_find(listeners->shape, BYTES_LITERAL("authenticators"));
	struct config_listener *twin = config_list_grow(listeners, config), *of = &config->listeners[i];

	ENSURE(twin != NULL, LIMIT);
	twin->mode = of->mode;
	twin->gid = CONFIG_UNSET;
	twin->path = strdup(CONFIG_PARSEC_PATH);
	twin->group = of->group == NULL ? NULL : strdup(of->group);
	ENSURE(twin->path != NULL && (twin->group != NULL) == (of->group != NULL), NO_MEMORY);
	for (uint32_t k = 0; k < of->authenticator_count; k++) {
		uint32_t *to = config_list_grow(authenticators, twin);

		ENSURE(to != NULL, NO_MEMORY);
		*to = of->authenticators[k];
	}
	return OK;
}

static void twins_add(struct walk *w, struct config *config)
{
	uint32_t count = config->listener_count;

	for (uint32_t i = 0; i < count; i++) {
		struct status st = OK;

		if (config->listeners[i].at_parsec_path && !config->listeners[i].is_admin)
			st = twin_add(config, i);
		if (st.code == STATUS_LIMIT)
			walk_report_at(w, (yaml_mark_t){ 0 },
				"listeners with their twins at " CONFIG_PARSEC_PATH " are more than %d",
				CONFIG_LISTENERS_MAX);
		w->no_memory |= st.code == STATUS_NO_MEMORY;
	}
}

static struct status file_walk(
	struct walk *w, const struct config_shape *shape, const struct config_yaml_checker *checker, void *base)
{
	if (w->text.len > CONFIG_FILE_MAX)
		walk_report_at(w, (yaml_mark_t){ 0 }, "the file is larger than %d bytes", CONFIG_FILE_MAX);
	else
		document_walk(w, shape, base);
	ENSURE(!w->no_memory, NO_MEMORY);
	if (w->error_count == w->later_count) {
		if (shape == &config_shape_root)
			twins_add(w, base);
		ENSURE(!w->no_memory, NO_MEMORY);
		checker->run(checker->context, base, check_visit, w);
	}
	if (w->error_count > CONFIG_ERRORS_MAX)
		buf_printf(w->errors, "%s: %u more errors\n", w->file, w->error_count - CONFIG_ERRORS_MAX);
	ENSURE(w->error_count == w->later_count, CONFIG_SYNTAX);
	ENSURE(w->error_count == 0, CONFIG_UNSUPPORTED);
	return OK;
}

static void auto_config(struct config **config)
{
	config_free(*config);
}

struct status config_yaml_read(struct bytes text, const char *file, struct buf *errors,
	const struct config_shape *shape, const struct config_yaml_checker *checker, void *base)
{
	AUTO(walk_done) struct walk walk = { 0 };

	TRY(walk_begin(&walk, text, file, errors));
	return file_walk(&walk, shape, checker, base);
}

struct status config_yaml_parse_with(struct bytes text, const char *file, struct buf *errors,
	const struct config_yaml_checker *checker, struct config **ret_config)
{
	AUTO(auto_config) struct config *config = calloc(1, sizeof(*config));

	ENSURE(config != NULL, NO_MEMORY);
	TRY(config_yaml_read(text, file, errors, &config_shape_root, checker, config));
	*ret_config = TAKE(config);
	return OK;
}

static void check_run(void *context, const void *base, config_visit_fn *visit, void *visit_context)
{
	(void)context;
	(void)config_check(base, visit, visit_context); /* its count is in walk.error_count */
}

struct status config_yaml_parse(struct bytes text, const char *file, struct buf *errors, struct config **ret_config)
{
	static const struct config_yaml_checker checker = { .run = check_run };

	return config_yaml_parse_with(text, file, errors, &checker, ret_config);
}
