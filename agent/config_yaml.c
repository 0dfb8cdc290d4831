/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config_yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

#include "base/own.h"

enum { PATH_BYTES = 256, SENTENCE_BYTES = 640 };

/* Where a field stands, so that a later check can point at it. */
struct place {
	char *path; /* owned */
	yaml_mark_t mark;
	bool is_later; /* refused as not built yet: what a check finds there follows from that */
};

struct walk {
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	bool is_over; /* nothing more can be read */
	struct bytes text;
	const char *file;
	struct buf *errors;
	unsigned error_count, later_count, depth;
	bool no_memory;
	char path[PATH_BYTES];
	size_t path_len;
	struct place *places;
	size_t place_count;
};

/* ---- errors --------------------------------------------------------------------------------------------------- */

static void report_at(struct walk *w, yaml_mark_t mark, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void report_at(struct walk *w, yaml_mark_t mark, const char *format, ...)
{
	char sentence[SENTENCE_BYTES];
	va_list args;

	if (++w->error_count > CONFIG_ERRORS_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	buf_printf(w->errors, "%s:%zu:%zu: %s\n", w->file, mark.line + 1, mark.column + 1, sentence);
}

/* About the field that is being read. */
static void report(struct walk *w, yaml_mark_t mark, const char *sentence)
{
	report_at(w, mark, "%s %s", w->path_len > 0 ? w->path : "the file", sentence);
}

static void report_later(struct walk *w, yaml_mark_t mark, const char *sentence)
{
	w->later_count++;
	report(w, mark, sentence);
}

/* ---- the path of the field that is being read ------------------------------------------------------------------ */

static size_t path_push(struct walk *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static size_t path_push(struct walk *w, const char *format, ...)
{
	size_t was = w->path_len, room = PATH_BYTES - was;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(w->path + was, room, format, args);
	va_end(args);
	w->path_len = len < 0 ? was : (size_t)len < room ? was + (size_t)len : PATH_BYTES - 1;
	return was;
}

static size_t path_push_name(struct walk *w, const char *name)
{
	return path_push(w, "%s%s", w->path_len > 0 ? "." : "", name);
}

static void path_pop(struct walk *w, size_t was)
{
	w->path_len = was;
	w->path[was] = '\0';
}

static void place_keep(struct walk *w, yaml_mark_t mark, bool is_later)
{
	char *path = strdup(w->path);

	if ((w->place_count & (w->place_count - 1)) == 0) {
		size_t room = w->place_count == 0 ? 1 : w->place_count * 2;
		struct place *places = reallocarray(w->places, room, sizeof(*places));

		if (places == NULL) {
			free(path);
			w->no_memory = true;
			return;
		}
		w->places = places;
	}
	w->no_memory |= path == NULL;
	w->places[w->place_count++] = (struct place){ path, mark, is_later };
	// cppcheck-suppress memleak ; the place owns it
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

/* A reader's error has an offset in bytes only. */
static yaml_mark_t mark_of_offset(const struct walk *w, size_t offset)
{
	yaml_mark_t mark = { 0 };

	for (size_t i = 0; i < offset && i < w->text.len; i++) {
		mark.column = w->text.data[i] == '\n' ? 0 : mark.column + 1;
		mark.line += w->text.data[i] == '\n';
	}
	return mark;
}

static void syntax_report(struct walk *w)
{
	const yaml_parser_t *p = &w->parser;
	const char *context = p->context != NULL ? p->context : "";

	if (p->error == YAML_MEMORY_ERROR)
		w->no_memory = true;
	else if (p->error == YAML_READER_ERROR)
		report_at(w, mark_of_offset(w, p->problem_offset), "not valid YAML: %s", p->problem);
	else if (strstr(context, "scanning an alias") != NULL)
		report_at(w, p->problem_mark, "a value that begins with '*' must be quoted, as in \"**\"");
	else
		report_at(w, p->problem_mark, "not valid YAML: %s%s%s", p->problem, context[0] != '\0' ? " " : "",
			context);
	w->is_over = true;
}

/* The next event becomes the current one; w->is_over when there is none that could be used. */
static void advance(struct walk *w)
{
	if (w->is_over)
		return;
	if (w->has_event)
		yaml_event_delete(&w->event);
	w->has_event = yaml_parser_parse(&w->parser, &w->event) == 1;
	if (!w->has_event) {
		syntax_report(w);
		return;
	}
	if (w->event.type == YAML_SEQUENCE_START_EVENT || w->event.type == YAML_MAPPING_START_EVENT)
		w->depth++;
	if (w->event.type == YAML_SEQUENCE_END_EVENT || w->event.type == YAML_MAPPING_END_EVENT)
		w->depth--;
	if (w->depth > CONFIG_DEPTH_MAX) {
		report_at(w, w->event.start_mark, "nested deeper than %d", CONFIG_DEPTH_MAX);
		w->is_over = true;
	}
}

/* From the first event of a node to its last. */
static void skip(struct walk *w)
{
	unsigned level = 0;

	while (!w->is_over) {
		if (w->event.type == YAML_SEQUENCE_START_EVENT || w->event.type == YAML_MAPPING_START_EVENT)
			level++;
		if (w->event.type == YAML_SEQUENCE_END_EVENT || w->event.type == YAML_MAPPING_END_EVENT)
			level--;
		if (level == 0)
			return;
		advance(w);
	}
}

/* YAML's own ways of saying the same thing twice, or of another type. */
static bool is_plain_node(struct walk *w)
{
	const yaml_event_t *e = &w->event;
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (e->type == YAML_ALIAS_EVENT) {
		report_at(w, e->start_mark, "aliases are refused; quote a value that begins with '*'");
		return false;
	}
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	}
	if (anchor != NULL)
		report_at(w, e->start_mark, "anchors are refused; quote a value that begins with '&'");
	else if (tag != NULL)
		report_at(w, e->start_mark, "tags are refused; quote a value that begins with '!'");
	return anchor == NULL && tag == NULL;
}

static struct bytes scalar_of(const yaml_event_t *event)
{
	return bytes_of(event->data.scalar.value, event->data.scalar.length);
}

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
	struct status st = config_scalar(field, scalar_of(&w->event), base, text);

	if (st.code == STATUS_NO_MEMORY)
		w->no_memory = true;
	else if (st.code == STATUS_CONFIG_UNSUPPORTED) {
		place_keep(w, w->event.start_mark, true);
		report_later(w, w->event.start_mark, text);
	} else if (st.code != STATUS_OK)
		report(w, w->event.start_mark, text);
}

/* One entry of a list of maps. */
static void entry_take(struct walk *w, const struct config_field *field, void *base)
{
	void *element;

	if (w->event.type != YAML_MAPPING_START_EVENT) {
		report(w, w->event.start_mark, "must be a map");
		skip(w);
		return;
	}
	if (config_list_full(field, base)) {
		report(w, w->event.start_mark, "is one entry too many");
		skip(w);
		return;
	}
	element = config_list_grow(field, base);
	w->no_memory |= element == NULL;
	if (element != NULL)
		map_walk(w, field->shape, element);
	else
		skip(w);
}

static void list_walk(struct walk *w, const struct config_field *field, void *base)
{
	yaml_mark_t start = w->event.start_mark;
	unsigned i = 0;

	for (advance(w); !w->is_over && w->event.type != YAML_SEQUENCE_END_EVENT; advance(w), i++) {
		size_t was = path_push(w, "[%u]", i);

		place_keep(w, w->event.start_mark, false);
		if (!is_plain_node(w))
			skip(w);
		else if (field->type == CONFIG_TYPE_LIST)
			entry_take(w, field, base);
		else if (w->event.type == YAML_SCALAR_EVENT)
			scalar_take(w, field, base);
		else {
			report(w, w->event.start_mark, "must be a single value");
			skip(w);
		}
		path_pop(w, was);
	}
	if (i < field->min || (i == 0 && field->type == CONFIG_TYPE_BITS))
		report(w, start, "is an empty list");
}

/* A map of texts: names are the file's own. */
static void env_take(struct walk *w, const struct config_field *field, void *base, struct bytes name)
{
	struct bytes value = scalar_of(&w->event);
	struct config_env *env;

	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] < 0x20 || value.data[i] == 0x7f) {
			report(w, w->event.start_mark, "has a control character");
			return;
		}
	if (value.len > CONFIG_TEXT_MAX || name.len > CONFIG_TEXT_MAX || memchr(name.data, '\0', name.len) != NULL) {
		report(w, w->event.start_mark, "is too long");
		return;
	}
	if (config_list_full(field, base)) {
		report(w, w->event.start_mark, "is one entry too many");
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
	for (advance(w); !w->is_over && w->event.type != YAML_MAPPING_END_EVENT; advance(w)) {
		AUTO(own_free) char *name = NULL;
		yaml_mark_t mark = w->event.start_mark;
		size_t was;

		if (!is_plain_node(w) || w->event.type != YAML_SCALAR_EVENT || w->event.data.scalar.length == 0) {
			report(w, mark, "has a key that is no name");
			skip(w);
			advance(w);
			skip(w);
			continue;
		}
		name = strndup((const char *)w->event.data.scalar.value, w->event.data.scalar.length);
		w->no_memory |= name == NULL;
		was = path_push_name(w, name != NULL ? name : "");
		advance(w);
		if (w->is_over)
			return;
		place_keep(w, mark, false);
		if (name != NULL && env_has(base, name))
			report(w, mark, "stands there twice");
		else if (is_plain_node(w) && w->event.type == YAML_SCALAR_EVENT && name != NULL)
			env_take(w, field, base, bytes_from_text(name));
		else if (w->event.type != YAML_SCALAR_EVENT && w->event.type != YAML_ALIAS_EVENT)
			report(w, w->event.start_mark, "must be a single value");
		skip(w);
		path_pop(w, was);
	}
}

static void value_walk(struct walk *w, const struct config_field *field, void *base)
{
	const yaml_event_t *e = &w->event;

	place_keep(w, e->start_mark, false);
	if (!is_plain_node(w)) {
		skip(w);
	} else if (e->type == YAML_SCALAR_EVENT && takes_scalar(field)) {
		scalar_take(w, field, base);
	} else if (e->type == YAML_SEQUENCE_START_EVENT && takes_list(field)) {
		list_walk(w, field, base);
	} else if (e->type == YAML_MAPPING_START_EVENT && field->type == CONFIG_TYPE_MAP) {
		map_walk(w, field->shape, (char *)base + field->offset);
	} else if (e->type == YAML_MAPPING_START_EVENT && field->type == CONFIG_TYPE_ENV) {
		env_walk(w, field, base);
	} else {
		report(w, e->start_mark,
			field->type == CONFIG_TYPE_LIST ? "must be a list"
			: takes_list(field)		? "must be a list or a single value"
			: takes_scalar(field)		? "must be a single value"
							: "must be a map");
		skip(w);
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
		report_at(w, mark, "%s has no field '%.*s'; did you mean '%s'?", where, shown, (const char *)name.data,
			nearest);
	else
		report_at(w, mark, "%s has no field '%.*s'", where, shown, (const char *)name.data);
}

static void known_walk(struct walk *w, const struct config_field *field, void *base, yaml_mark_t mark)
{
	if (field->type == CONFIG_TYPE_LATER) {
		place_keep(w, mark, true);
		report_later(w, mark, "is not supported yet");
		skip(w);
	} else if (field->type == CONFIG_TYPE_NEVER) {
		report_at(w, mark, "%s: %s", w->path, field->text);
		skip(w);
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

	if (!is_plain_node(w) || w->event.type != YAML_SCALAR_EVENT) {
		if (w->event.type == YAML_SEQUENCE_START_EVENT || w->event.type == YAML_MAPPING_START_EVENT)
			report(w, mark, "has a key that is no name");
		skip(w);
	} else {
		field = field_find(shape, scalar_of(&w->event));
		if (field == NULL)
			unknown_report(w, shape, scalar_of(&w->event), mark);
	}
	advance(w);
	if (field == NULL || w->is_over) {
		skip(w);
		return;
	}
	index = (size_t)(field - shape->fields);
	was = path_push_name(w, field->name);
	if (seen->bits & UINT64_C(1) << index) {
		report_at(w, mark, "%s stands there twice, first in line %zu", w->path, seen->mark[index].line + 1);
		skip(w);
	} else {
		seen->bits |= UINT64_C(1) << index;
		seen->mark[index] = mark;
		known_walk(w, field, base, mark);
	}
	path_pop(w, was);
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
	size_t was = path_push_name(w, field->name);

	if (seen == NULL && field->is_required)
		report(w, start, "is missing");
	else if (seen == NULL && fits)
		w->no_memory |= config_standard(field, base).code == STATUS_NO_MEMORY;
	else if (seen != NULL && !fits && type != 0)
		report_at(w, *seen, "%s is for providers of type %s", w->path, type_of_only(field->only));
	path_pop(w, was);
}

static void map_walk(struct walk *w, const struct config_shape *shape, void *base)
{
	struct seen seen = { 0 };
	yaml_mark_t start = w->event.start_mark;

	for (advance(w); !w->is_over && w->event.type != YAML_MAPPING_END_EVENT; advance(w))
		pair_walk(w, shape, base, &seen);
	for (size_t i = 0; !w->is_over && shape->fields[i].name != NULL; i++)
		field_finish(w, &shape->fields[i], base, type_of(shape, base),
			(seen.bits >> i & 1) != 0 ? &seen.mark[i] : NULL, start);
}

/* ---- the whole file ---------------------------------------------------------------------------------------------- */

static void document_walk(struct walk *w, const struct config_shape *shape, void *base)
{
	yaml_mark_t first = { 0 };

	advance(w); /* start of the stream */
	advance(w);
	if (w->is_over)
		return;
	if (w->event.type != YAML_DOCUMENT_START_EVENT) {
		report(w, first, "is empty");
		return;
	}
	if (w->event.data.document_start.version_directive != NULL ||
		w->event.data.document_start.tag_directives.start != w->event.data.document_start.tag_directives.end)
		report_at(w, w->event.start_mark, "directives are refused");
	advance(w);
	if (w->is_over)
		return;
	if (!is_plain_node(w) || w->event.type != YAML_MAPPING_START_EVENT) {
		report(w, w->event.start_mark, "must be a map");
		return;
	}
	map_walk(w, shape, base);
	advance(w); /* end of the document */
	advance(w);
	if (!w->is_over && w->event.type != YAML_STREAM_END_EVENT)
		report_at(w, w->event.start_mark, "a second document is refused");
}

/* The place of a path, or of the nearest field above it; is_later also for what stands below or above such a place. */
static const struct place *place_find(const struct walk *w, const char *path, bool *ret_is_later)
{
	const struct place *best = NULL;
	size_t best_len = 0;

	*ret_is_later = false;
	for (size_t i = 0; i < w->place_count; i++) {
		const char *at = w->places[i].path;
		size_t len = strlen(at), wanted = strlen(path);
		size_t common = len < wanted ? len : wanted;
		const char *rest = len < wanted ? path + len : at + wanted;

		if (strncmp(at, path, common) != 0 || (rest[0] != '\0' && rest[0] != '.' && rest[0] != '['))
			continue;
		*ret_is_later |= w->places[i].is_later;
		if (len <= wanted && len > best_len) {
			best = &w->places[i];
			best_len = len;
		}
	}
	return best;
}

static void check_visit(void *context, const char *path, const char *text, bool is_later)
{
	struct walk *w = context;
	bool follows = false;
	const struct place *place = NULL;
	yaml_mark_t mark = { 0 };

	if (w->error_count < CONFIG_ERRORS_MAX)
		place = place_find(w, path, &follows);
	if (follows)
		return;
	w->later_count += is_later;
	report_at(w, place != NULL ? place->mark : mark, "%s %s", path, text);
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
			report_at(w, (yaml_mark_t){ 0 },
				"listeners with their twins at " CONFIG_PARSEC_PATH " are more than %d",
				CONFIG_LISTENERS_MAX);
		w->no_memory |= st.code == STATUS_NO_MEMORY;
	}
}

static void walk_done(struct walk *w)
{
	if (w->has_event)
		yaml_event_delete(&w->event);
	yaml_parser_delete(&w->parser);
	for (size_t i = 0; i < w->place_count; i++)
		free(w->places[i].path);
	free(w->places);
}

static struct status file_walk(
	struct walk *w, const struct config_shape *shape, const struct config_yaml_checker *checker, void *base)
{
	if (w->text.len > CONFIG_FILE_MAX)
		report_at(w, (yaml_mark_t){ 0 }, "the file is larger than %d bytes", CONFIG_FILE_MAX);
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
	AUTO(walk_done) struct walk walk = { .text = text, .file = file, .errors = errors };

	ENSURE(yaml_parser_initialize(&walk.parser) == 1, NO_MEMORY);
	yaml_parser_set_encoding(&walk.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&walk.parser, text.data, text.len);
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
