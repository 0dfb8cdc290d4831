/* SPDX-License-Identifier: Apache-2.0
 *
 * Operational log: one line on standard error, "<level>role: text key=value ...", where the service manager takes it
 * (the level is the journal's <N> prefix when standard error is not a terminal).  Not the audit log.  Rate-limited
 * per call site.  Never given a token, a PIN, a payload or a key.  Any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/status.h"

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* The role's name in front of every line (static text) and the most verbose level that is written.  Once, in main. */
void log_open(const char *role, enum log_level level);

/* A line of at most LOG_LINE_BYTES; control bytes are replaced by '?'. */
enum { LOG_LINE_BYTES = 1024 };
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* This thread's last fault as " reason=NAME native=N at=file:line", for one line of the caller's. */
enum { LOG_FAULT_BYTES = 160 };
const char *log_fault_text(const struct fault *fault, char ret_text[LOG_FAULT_BYTES]);

/* At most `burst` true answers per second and call site: `static struct log_limit limit = { .burst = 5 };`. */
struct log_limit {
	unsigned burst;
	uint64_t second;
	unsigned used;
};
bool log_allowed(struct log_limit *limit);

#endif
