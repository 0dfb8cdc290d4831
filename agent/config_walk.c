/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config_walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENTENCE_BYTES = 640 };

/* ---- errors --------------------------------------------------------------------------------------------------- */

void walk_report_at(struct walk *w, yaml_mark_t mark, const char *format, ...)
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

void walk_report(struct walk *w, yaml_mark_t mark, const char *sentence)
{
	walk_report_at(w, mark, "%s %s", w->path_len > 0 ? w->path : "the file", sentence);
}

void walk_report_later(struct walk *w, yaml_mark_t mark, const char *sentence)
{
	w->later_count++;
	walk_report(w, mark, sentence);
}

/* ---- the path of the field that is being read ------------------------------------------------------------------ */

size_t walk_path_push(struct walk *w, const char *format, ...)
{
	size_t was = w->path_len, room = WALK_PATH_BYTES - was;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(w->path + was, room, format, args);
	va_end(args);
	w->path_len = len < 0 ? was : (size_t)len < room ? was + (size_t)len : WALK_PATH_BYTES - 1;
	return was;
}

size_t walk_path_push_name(struct walk *w, const char *name)
{
	return walk_path_push(w, "%s%s", w->path_len > 0 ? "." : "", name);
}

void walk_path_pop(struct walk *w, size_t was)
{
	w->path_len = was;
	w->path[was] = '\0';
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

void walk_place_keep(struct walk *w, yaml_mark_t mark, bool is_later)
{
	char *path = strdup(w->path);

	if ((w->place_count & (w->place_count - 1)) == 0) {
		size_t room = w->place_count == 0 ? 1 : w->place_count * 2;
		struct walk_place *places = reallocarray(w->places, room, sizeof(*places));

		if (places == NULL) {
			free(path);
			w->no_memory = true;
			return;
		}
		w->places = places;
	}
	w->no_memory |= path == NULL;
	w->places[w->place_count++] = (struct walk_place){ path, mark, is_later };
	// cppcheck-suppress memleak ; the place owns it
}

const struct walk_place *walk_place_find(const struct walk *w, const char *path, bool *ret_is_later)
{
	const struct walk_place *best = NULL;
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
		walk_report_at(w, mark_of_offset(w, p->problem_offset), "not valid YAML: %s", p->problem);
	else if (strstr(context, "scanning an alias") != NULL)
		walk_report_at(w, p->problem_mark, "a value that begins with '*' must be quoted, as in \"**\"");
	else
		walk_report_at(w, p->problem_mark, "not valid YAML: %s%s%s", p->problem, context[0] != '\0' ? " " : "",
			context);
	w->is_over = true;
}

void walk_advance(struct walk *w)
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
		walk_report_at(w, w->event.start_mark, "nested deeper than %d", CONFIG_DEPTH_MAX);
		w->is_over = true;
	}
}

void walk_skip(struct walk *w)
{
	unsigned level = 0;

	while (!w->is_over) {
		if (w->event.type == YAML_SEQUENCE_START_EVENT || w->event.type == YAML_MAPPING_START_EVENT)
			level++;
		if (w->event.type == YAML_SEQUENCE_END_EVENT || w->event.type == YAML_MAPPING_END_EVENT)
			level--;
		if (level == 0)
			return;
		walk_advance(w);
	}
}

bool walk_is_plain(struct walk *w)
{
	const yaml_event_t *e = &w->event;
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (e->type == YAML_ALIAS_EVENT) {
		walk_report_at(w, e->start_mark, "aliases are refused; quote a value that begins with '*'");
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
		walk_report_at(w, e->start_mark, "anchors are refused; quote a value that begins with '&'");
	else if (tag != NULL)
		walk_report_at(w, e->start_mark, "tags are refused; quote a value that begins with '!'");
	return anchor == NULL && tag == NULL;
}

struct bytes walk_scalar(const yaml_event_t *event)
{
	return bytes_of(event->data.scalar.value, event->data.scalar.length);
}

/* ---- begin and end ---------------------------------------------------------------------------------------------- */

struct status walk_begin(struct walk *w, struct bytes text, const char *file, struct buf *errors)
{
	*w = (struct walk){ .text = text, .file = file, .errors = errors };
	ENSURE(yaml_parser_initialize(&w->parser) == 1, NO_MEMORY);
	yaml_parser_set_encoding(&w->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&w->parser, text.data, text.len);
	return OK;
}

void walk_done(struct walk *w)
{
	if (w->has_event)
		yaml_event_delete(&w->event);
	yaml_parser_delete(&w->parser);
	for (size_t i = 0; i < w->place_count; i++)
		free(w->places[i].path);
	free(w->places);
}
