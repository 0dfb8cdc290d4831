/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/corpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { LINE_MAX_BYTES = 64 * 1024 * 1024, NAME_MAX_BYTES = 64 * 1024 };

bool corpus_is_open(void)
{
	const char *path = getenv("KEYREEVE_CORPUS");

	return path != NULL && *path != '\0';
}

static void line_write(struct buf *line)
{
	FILE *file = fopen(getenv("KEYREEVE_CORPUS"), "ae");

	buf_put_text(line, "}\n");
	if (file == NULL || buf_check(line).code != STATUS_OK || fwrite(line->data, 1, line->len, file) != line->len ||
		fclose(file) != 0) {
		perror("KEYREEVE_CORPUS");
		abort();
	}
	buf_done(line);
}

/* Names are ours: printable; quotes and backslashes in them are for C's sake. */
static struct buf line_begin(const char *kind, const char *name)
{
	struct buf line = buf_make(LINE_MAX_BYTES);

	buf_printf(&line, "{\"kind\":\"%s\",\"name\":\"", kind);
	for (; *name != '\0'; name++)
		buf_put_u8(&line, *name == '"' || *name == '\\' ? '\'' : (uint8_t)*name);
	buf_put_text(&line, "\"");
	return line;
}

static void put_hex(struct buf *line, struct bytes bytes)
{
	buf_put_text(line, "\"");
	buf_put_hex(line, bytes);
	buf_put_text(line, "\"");
}

void corpus_put(const char *kind, const char *name, struct bytes input, enum status_code want, const char *more)
{
	struct buf line;

	if (!corpus_is_open())
		return;
	line = line_begin(kind, name);
	buf_put_text(&line, ",\"input\":");
	put_hex(&line, input);
	buf_printf(&line, ",\"want\":\"%s\"", status_name(want));
	buf_put_text(&line, more);
	line_write(&line);
}

void corpus_put_keys(const char *kind, const char *name, uint64_t number, struct bytes list)
{
	struct reader r = reader_of(list);
	struct buf line;

	if (!corpus_is_open())
		return;
	line = line_begin(kind, name);
	buf_printf(&line, ",\"keys\":\"%s.%llu\",\"documents\":[", program_invocation_short_name,
		(unsigned long long)number);
	while (!reader_done(&r) && !r.bad) {
		buf_put_text(&line, r.left.len < list.len ? ",[" : "[");
		put_hex(&line, reader_sized(&r, NAME_MAX_BYTES));
		buf_put_text(&line, ",");
		put_hex(&line, reader_sized(&r, LINE_MAX_BYTES));
		buf_put_text(&line, "]");
	}
	buf_put_text(&line, "]");
	line_write(&line);
}
