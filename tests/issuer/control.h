/* SPDX-License-Identifier: Apache-2.0
 *
 * The issuer's script: one line is one command, answered by one line, "ok", "ok VALUE ..." or "error TEXT". */
#ifndef TESTS_ISSUER_CONTROL_H
#define TESTS_ISSUER_CONTROL_H

#include "base/buf.h"
#include "tests/issuer/server.h"

enum { CONTROL_LINE_MAX = 8192, CONTROL_ANSWER_MAX = 128 * 1024 };

/* What only the main loop can do. */
enum control_wish { CONTROL_NOTHING = 0, CONTROL_STOP, CONTROL_START, CONTROL_QUIT };

/* Obey one line (without its newline, NUL-terminated; taken apart in place) and write the answer with its newline. */
enum control_wish control_line(struct server *server, char *line, struct buf *answer);

/* For --help. */
extern const char control_help[];

#endif
