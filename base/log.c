/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static const char *log_role = "keyreeve";
static enum log_level log_most = LOG_LEVEL_INFO;
static bool log_prefixed;

void log_open(const char *role, enum log_level level)
{
	log_role = role;
	log_most = level;
	log_prefixed = isatty(STDERR_FILENO) == 0;
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_BYTES];
	char prefix[8] = "";
	va_list args;
	int head, body;

	if (level > log_most)
		return;
	if (log_prefixed)
		(void)snprintf(prefix, sizeof(prefix), "<%d>", (int)level);
	head = snprintf(line, sizeof(line) - 1, "%s%s: ", prefix, log_role);
	va_start(args, format);
	body = vsnprintf(line + head, sizeof(line) - 1 - (size_t)head, format, args);
	va_end(args);
	if (body < 0)
		return;
	for (char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?';
	size_t len = strlen(line);
	line[len++] = '\n';
	/* One write per line, so that roles do not interleave; nothing can be done about a closed stderr. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

const char *log_fault_text(const struct fault *fault, char ret_text[LOG_FAULT_BYTES])
{
	(void)snprintf(ret_text, LOG_FAULT_BYTES, "reason=%s native=%lld at=%s:%d", status_name(fault->code),
		(long long)fault->native, fault->file != NULL ? fault->file : "-", fault->line);
	return ret_text;
}

bool log_allowed(struct log_limit *limit)
{
	uint64_t second = clock_mono_us() / US_PER_S;

	if (limit->second != second) {
		limit->second = second;
		limit->used = 0;
	}
	return limit->used++ < limit->burst;
}
