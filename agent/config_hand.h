/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-config by hand: what `keyreeve policy` executes.  Each command prints and returns an exit code. */
#ifndef AGENT_CONFIG_HAND_H
#define AGENT_CONFIG_HAND_H

#include <stdio.h>

#include "agent/config_yaml.h"
#include "agent/policy_case.h"

enum {
	EXIT_GOOD = 0,
	EXIT_USAGE = 1,
	EXIT_DENIED = 4,
	EXIT_FINDINGS = 8,
	HAND_ERRORS_MAX = 64 * 1024, /* CONFIG_ERRORS_MAX lines */
	HAND_OUTPUT_MAX = 8 * 1024 * 1024,
};

/* Arguments from the command line, the program's name first. */
int hand_run(int argc, char **argv);

/* Read a descriptor to its end; parse it with a checker (NULL: config_check()).  errors has text on failure. */
struct status hand_parse(int fd, const char *path, const struct config_yaml_checker *checker, struct buf *errors,
	struct config **ret_config);
struct status hand_read(int fd, const char *path, struct buf *errors, struct buf *ret_text);

/* The file at path; users resolved as far as this machine knows them, others match nobody. */
struct status hand_load(const char *path, struct buf *errors, struct config **ret_config);
void hand_print(FILE *to, const struct buf *text);
/* A JSON string; and the lines "FILE:LINE:COLUMN: TEXT" as a list of objects. */
void hand_json_text(struct buf *to, struct bytes text);
void hand_json_findings(struct buf *to, const char *path, const struct buf *lines);

/* config_cases.c, config_diff.c */
int cases_run(const char *path, bool as_json);
int diff_run(const char *old_path, const char *new_path, bool as_json);

#endif
