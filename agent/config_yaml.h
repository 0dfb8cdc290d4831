/* SPDX-License-Identifier: Apache-2.0
 *
 * The file: YAML restricted to maps, lists and scalars, read as libyaml's events and walked by the table of
 * agent/config.h, which gives every scalar its type.  Refused, each with file, line and column: anchors, aliases, tags,
 * directives, second documents, keys twice, keys unknown (with the nearest known one), what is not built yet.
 * The only file that sees libyaml; runs in keyreeve-config's sandbox.  One thread at a time. */
#ifndef AGENT_CONFIG_YAML_H
#define AGENT_CONFIG_YAML_H

#include "agent/config.h"

/* Parse and check a whole file.
 *
 *   text        at most CONFIG_FILE_MAX bytes, UTF-8
 *   file        its name, for messages
 *   errors      gets one line "file:line:column: sentence" per error, CONFIG_ERRORS_MAX of them and the count of the
 *               rest; what the fields mean together is looked at only when each of them is well formed
 *   ret_config  on success only; config_free() it
 *
 * Fails: CONFIG_SYNTAX; CONFIG_UNSUPPORTED when all that is wrong is not built yet; NO_MEMORY. */
struct status config_yaml_parse(struct bytes text, const char *file, struct buf *errors, struct config **ret_config);

/* What the fields of a struct mean together; each finding becomes one line with its place. */
struct config_yaml_checker {
	void (*run)(void *context, const void *base, config_visit_fn *visit, void *visit_context);
	void *context;
};

/* The same for any shape, zeroed in `base`, which the caller frees with config_shape_done() in any case; and for a
 * configuration with a checker of the caller's in the place of config_check(). */
struct status config_yaml_read(struct bytes text, const char *file, struct buf *errors,
	const struct config_shape *shape, const struct config_yaml_checker *checker, void *base);
struct status config_yaml_parse_with(struct bytes text, const char *file, struct buf *errors,
	const struct config_yaml_checker *checker, struct config **ret_config);

#endif
