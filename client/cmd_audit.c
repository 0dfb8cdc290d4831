/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve audit show: the segments of the audit log, read with the caller's rights while the daemon writes them.
 * Lines are filtered by their fields and shown as a table, or as they are with --json. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "client/cli.h"

enum {
	NAME_DIGITS = 16, /* NNNNNNNNNNNNNNNN.log: the first number inside */

	LINE_MAX_BYTES = 64 * 1024,
	FOLLOW_MS = 250,
	TIME_BYTES = 32,
};

/* ---- filters ----------------------------------------------------------------------------------------- */

/* "10m", "2h", "1d", "30s" ago, or a moment as the log writes it or the front of one. */
static bool since_parse(const char *text, char ret_since[TIME_BYTES])
{
	char *unit = NULL;
	unsigned long amount = strtoul(text, &unit, 10);
	time_t seconds, at;
	struct tm tm;

	if (strlen(text) >= 4 && text[0] >= '0' && text[0] <= '9' && (text[4] == '-' || text[4] == '\0') &&
		strspn(text, "0123456789") == 4)
		return snprintf(ret_since, TIME_BYTES, "%s", text) < TIME_BYTES;
	if (text[0] < '0' || text[0] > '9' || amount > 100000000 || strlen(unit) != 1)
		return false;
	seconds = *unit == 's' ? 1 : *unit == 'm' ? 60 : *unit == 'h' ? 3600 : *unit == 'd' ? 86400 : 0;
	at = time(NULL) - (time_t)amount * seconds;
	if (seconds == 0 || gmtime_r(&at, &tm) == NULL)
		return false;
	return strftime(ret_since, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm) > 0;
}

static const char *text_of(const json_t *line, const char *field)
{
	const char *text = json_string_value(json_object_get(line, field));

	return text != NULL ? text : "";
}

static bool passes(const struct cli *cli, const char *since, const json_t *line)
{
	const json_t *key = json_object_get(line, "key");

	if (since[0] != '\0' && strcmp(text_of(line, "time"), since) < 0)
		return false;
	if (cli->identity != NULL && strcmp(text_of(line, "identity"), cli->identity) != 0)
		return false;
	if (cli->key != NULL && (key == NULL || strcmp(text_of(line, "key"), cli->key) != 0))
		return false;
	if (cli->op != NULL && strcasecmp(text_of(line, "op"), cli->op) != 0)
		return false;
	return cli->status == NULL || strcasecmp(text_of(line, "status"), cli->status) == 0;
}

/* ---- output ------------------------------------------------------------------------------------------ */

/* The log's own escapes are undone by reading it. */
static void cell(const char *text, int width)
{
	int used = cli_put(stdout, text);

	for (; used < width; used++)
		(void)putchar(' ');
	if (width > 0)
		(void)putchar(' ');
}

static void head_print(void)
{
	(void)printf("%-27s %-36s %-18s %-8s %-16s %-16s %s\n", "TIME", "IDENTITY", "OPERATION", "PROVIDER", "KEY",
		"STATUS", "RULE");
}

static void line_print(const json_t *line)
{
	const char *event = text_of(line, "event");
	bool is_event = text_of(line, "op")[0] == '\0' && event[0] != '\0';

	cell(text_of(line, "time"), 27);
	cell(is_event ? "-" : text_of(line, "identity"), 36);
	cell(is_event ? event : text_of(line, "op"), 18);
	cell(text_of(line, "provider"), 8);
	cell(text_of(line, "key"), 16);
	cell(text_of(line, "status"), 16);
	cell(is_event ? text_of(line, "detail") : text_of(line, "rule"), 0);
	(void)putchar('\n');
}

/* ---- segments ---------------------------------------------------------------------------------------- */

struct follow {
	const struct cli *cli;
	const char *directory;
	char since[TIME_BYTES];
	char name[NAME_DIGITS + 5]; /* segment being read; empty before the first */
	FILE *file;
	off_t at;	 /* in file: the first byte of what was not shown yet */
	struct buf line; /* under way, within one pass */
	bool head_done;
	int code;
	void (*visit)(void *context, const json_t *line); /* instead of showing it */
	void *context;
};

static void line_show(struct follow *f, struct bytes text)
{
	json_t *line = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(line)) {
		char path[4096];

		(void)snprintf(path, sizeof(path), "%.4000s/%s", f->directory, f->name);
		f->code = CLI_FINDINGS;
		(void)cli_refuse(f->cli, KEYREEVE_FAILED, path, "it has a line that the service did not write",
			"somebody changed the file, or the disk did: keep a copy, and see the lines around it");
	} else if (f->visit != NULL) {
		f->visit(f->context, line);
	} else if (passes(f->cli, f->since, line)) {
		if (f->cli->json) {
			(void)fwrite(text.data, 1, text.len, stdout);
			(void)putchar('\n');
		} else {
			if (!f->head_done)
				head_print();
			f->head_done = true;
			line_print(line);
		}
	}
	json_decref(line);
}

/* Every whole line that is there now.  One without its end is read again in the next pass, from its beginning: after
 * a crash the service cuts it off and writes another in its place. */
static void segment_read(struct follow *f)
{
	uint8_t part[16 * 1024];
	size_t n;

	if (fseeko(f->file, f->at, SEEK_SET) != 0)
		return;
	while ((n = fread(part, 1, sizeof(part), f->file)) > 0) {
		struct bytes left = bytes_of(part, n);
		const uint8_t *end;

		while ((end = memchr(left.data, '\n', left.len)) != NULL) {
			size_t len = (size_t)(end - left.data);

			buf_put(&f->line, bytes_of(left.data, len));
			f->at += (off_t)f->line.len + 1;
			line_show(f, buf_bytes(&f->line));
			buf_done(&f->line);
			f->line = buf_make(LINE_MAX_BYTES);
			left = bytes_of(end + 1, left.len - len - 1);
		}
		buf_put(&f->line, left);
	}
	buf_done(&f->line);
	f->line = buf_make(LINE_MAX_BYTES);
}

static bool is_segment(const char *name)
{
	return strlen(name) == NAME_DIGITS + 4 && strspn(name, "0123456789abcdef") == NAME_DIGITS &&
	       strcmp(name + NAME_DIGITS, ".log") == 0;
}

/* The name that follows `after`; false when there is none (yet). */
static bool segment_next(const struct follow *f, char ret_name[NAME_DIGITS + 5])
{
	DIR *directory = opendir(f->directory);
	const struct dirent *entry;
	bool found = false;

	if (directory == NULL)
		return false;
	while ((entry = readdir(directory)) != NULL) {
		if (!is_segment(entry->d_name) || strcmp(entry->d_name, f->name) <= 0)
			continue;
		if (found && strcmp(entry->d_name, ret_name) >= 0)
			continue;
		memcpy(ret_name, entry->d_name, NAME_DIGITS + 5);
		found = true;
	}
	(void)closedir(directory);
	return found;
}

static int segment_open(struct follow *f, const char *name)
{
	char path[4096];

	if (f->file != NULL)
		(void)fclose(f->file);
	f->at = 0;
	memcpy(f->name, name, NAME_DIGITS + 5);
	(void)snprintf(path, sizeof(path), "%.4000s/%s", f->directory, name);
	f->file = fopen(path, "re");
	if (f->file == NULL && errno != ENOENT) /* the oldest goes when a new one comes: then with the next */
		return cli_refuse(
			f->cli, KEYREEVE_INVALID, path, strerror(errno), "the log is its daemon's and root's");
	return 0;
}

static int show(struct follow *f)
{
	char next[NAME_DIGITS + 5];

	for (;;) {
		bool more = segment_next(f, next);

		if (f->file != NULL)
			segment_read(f); /* to its end: nothing is added once a later one exists */
		if (more) {
			int code = segment_open(f, next);

			if (code != 0)
				return code;
			continue;
		}
		(void)fflush(stdout);
		if (!f->cli->follow || ferror(stdout))
			return f->code;
		(void)poll(NULL, 0, FOLLOW_MS);
	}
}

static int follow_run(struct follow *f)
{
	DIR *directory = opendir(f->directory);
	int code = 0;

	if (directory == NULL || access(f->directory, X_OK) != 0)
		code = cli_refuse(f->cli, KEYREEVE_INVALID, f->directory, strerror(errno),
			errno == EACCES ? "the log is its daemon's and root's: read it as one of them"
					: "--dir says where the log is: the directory audit of paths.state");
	if (directory != NULL)
		(void)closedir(directory);
	if (code != 0)
		return code;
	f->line = buf_make(LINE_MAX_BYTES);
	code = show(f);
	if (f->file != NULL)
		(void)fclose(f->file);
	buf_done(&f->line);
	return code;
}

static const char *directory_of(const struct cli *cli)
{
	return cli->directory != NULL ? cli->directory : CLI_AUDIT_DIRECTORY;
}

int cli_audit_each(const struct cli *cli, void (*visit)(void *context, const json_t *line), void *context)
{
	struct follow f = { .cli = cli, .directory = directory_of(cli), .visit = visit, .context = context };

	return follow_run(&f);
}

int cmd_audit_show(struct cli *cli, const char *const *argument)
{
	struct follow f = { .cli = cli, .directory = directory_of(cli) };

	(void)argument;
	if (cli->since != NULL && !since_parse(cli->since, f.since))
		return cli_refuse(
			cli, KEYREEVE_INVALID, "--since", "it is no time", "10m, 2h, 1d, or 2026-11-23T15:04");
	if (cli->follow)
		(void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* whole lines, whenever it is ended */
	return follow_run(&f);
}
