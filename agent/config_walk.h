/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of YAML event by event: what stands where, the path of the field that is being read, and sentences about both.
 * It knows nothing of the table, which is config_yaml.c's. */
#ifndef AGENT_CONFIG_WALK_H
#define AGENT_CONFIG_WALK_H

#include <yaml.h>

#include "agent/config.h"

enum { WALK_PATH_BYTES = 256 };

/* Where a field stands, so that a later check can point at it. */
struct walk_place {
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
	char path[WALK_PATH_BYTES];
	size_t path_len;
	struct walk_place *places;
	size_t place_count;
};

/* Text and file are borrowed.  Fails: NO_MEMORY. */
struct status walk_begin(struct walk *w, struct bytes text, const char *file, struct buf *errors);
void walk_done(struct walk *w);

/* The next event becomes the current one; w->is_over when there is none that could be used. */
void walk_advance(struct walk *w);
/* From the first event of a node to its last. */
void walk_skip(struct walk *w);
/* Not YAML's own ways of saying the same thing twice, or of another type, which are reported. */
bool walk_is_plain(struct walk *w);
struct bytes walk_scalar(const yaml_event_t *event);

/* A line of w->errors, at most CONFIG_ERRORS_MAX of them. */
void walk_report_at(struct walk *w, yaml_mark_t mark, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same about the field that is being read; and of what is not built yet. */
void walk_report(struct walk *w, yaml_mark_t mark, const char *sentence);
void walk_report_later(struct walk *w, yaml_mark_t mark, const char *sentence);

/* Its path grows; what the first two return is for the third. */
size_t walk_path_push(struct walk *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t walk_path_push_name(struct walk *w, const char *name);
void walk_path_pop(struct walk *w, size_t was);

/* It stands there. */
void walk_place_keep(struct walk *w, yaml_mark_t mark, bool is_later);
/* The place of a path, or of the nearest field above it; is_later also for what stands below or above such a place. */
const struct walk_place *walk_place_find(const struct walk *w, const char *path, bool *ret_is_later);

#endif
