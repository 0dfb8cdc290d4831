/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "wire/opcode.h"

/* ---- errors ------------------------------------------------------------------------------------------ */

json_t *cli_json_text(const char *text)
{
	json_t *value = json_string(text);

	return value != NULL ? value : json_string("(not UTF-8)");
}

int cli_put(FILE *to, const char *text)
{
	json_t *valid = json_string(text); /* NULL when it is not UTF-8 */
	int width = 0;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool is_control = c < ' ' || c == 0x7f || (c == 0xc2 && (unsigned char)text[1] < 0xa0);

		(void)putc(is_control || (c >= 0x80 && valid == NULL) ? '?' : c, to);
		width += (c & 0xc0) != 0x80;
	}
	json_decref(valid);
	return width;
}

int cli_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)putchar('\n');
	json_decref(value);
	return 0;
}

int cli_json_named(const char *what, const char *name)
{
	json_t *o = json_object();

	json_object_set_new(o, what, cli_json_text(name));
	return cli_json(o);
}

static void error_json(const char *what, const struct keyreeve_error *error)
{
	json_t *inner = json_object(), *outer = json_object();

	json_object_set_new(inner, "exit", json_integer(error->result));
	json_object_set_new(inner, "what", cli_json_text(what));
	json_object_set_new(inner, "text", cli_json_text(error->text));
	if (error->hint[0] != '\0')
		json_object_set_new(inner, "hint", cli_json_text(error->hint));
	if (error->status != 0)
		json_object_set_new(inner, "status", json_integer(error->status));
	if ((error->flags & KEYREEVE_UNDECIDED) != 0)
		json_object_set_new(inner, "undecided", json_true());
	json_object_set_new(outer, "error", inner);
	json_dumpf(outer, stderr, JSON_INDENT(2));
	(void)fputc('\n', stderr);
	json_decref(outer);
}

int cli_error(const struct cli *cli, const char *what, const struct keyreeve_error *error)
{
	if (cli->json) {
		error_json(what, error);
		return (int)error->result;
	}
	(void)fputs("keyreeve: ", stderr);
	cli_put(stderr, what);
	(void)fprintf(stderr, ": %s\n", error->text);
	if (error->hint[0] != '\0')
		(void)fprintf(stderr, "  %s\n", error->hint);
	return (int)error->result;
}

int cli_failed(const struct cli *cli, const char *what)
{
	return cli_error(cli, what, keyreeve_last_error(cli->handle));
}

int cli_refuse(const struct cli *cli, enum keyreeve_result result, const char *what, const char *text, const char *hint)
{
	struct keyreeve_error error = { .result = result };

	(void)snprintf(error.text, sizeof(error.text), "%s", text);
	(void)snprintf(error.hint, sizeof(error.hint), "%s", hint);
	return cli_error(cli, what, &error);
}

/* ---- keys -------------------------------------------------------------------------------------------- */

const char *cli_provider_name(int id)
{
	const struct provider_row *row = provider_row((uint32_t)id);

	return row != NULL ? row->name : "unknown";
}

int cli_list(struct cli *cli, const char *what, const char *head, cli_page_fn *page, void *context)
{
	struct cli_list list = { .context = context };
	enum keyreeve_result result;
	int code = cli_open_admin(cli);

	if (code != 0)
		return code;
	if (cli->json)
		list.all = json_array();
	else if (head != NULL)
		(void)puts(head);
	do
		result = page(cli, &list);
	while (result == KEYREEVE_OK && list.has_more);
	if (result == KEYREEVE_OK)
		return list.all != NULL ? cli_json(list.all) : 0;
	json_decref(list.all);
	return cli_failed(cli, what);
}

int cli_key_find(struct cli *cli, const char *name, struct keyreeve_key *ret_key)
{
	struct keyreeve_keys list = { 0 };
	enum keyreeve_result result = keyreeve_list_keys(cli->handle, &list);

	*ret_key = (struct keyreeve_key){ 0 };
	if (result == KEYREEVE_REFUSED && keyreeve_last_error(cli->handle)->status == 1133)
		return 0; /* may use, may not list */
	if (result != KEYREEVE_OK)
		return cli_failed(cli, name);
	for (size_t i = 0; i < list.count && ret_key->type[0] == '\0'; i++)
		if (strcmp(list.items[i].name, name) == 0 &&
			(cli->provider_id == 0 || cli->provider_id == list.items[i].provider))
			*ret_key = list.items[i];
	keyreeve_keys_free(&list);
	if (ret_key->type[0] != '\0')
		keyreeve_set_provider(cli->handle, ret_key->provider);
	return 0;
}

/* ---- files ------------------------------------------------------------------------------------------- */

static const char *file_hint(int os_error)
{
	switch (os_error) {
	case ENOENT:
	case ENOTDIR:
		return "check the path; - is standard input";
	case EACCES:
	case EPERM:
		return "this user may not: check the rights of file and directories, or pass the content by a pipe";
	case EISDIR:
		return "name a file in it";
	case ENOSPC:
	case EDQUOT:
		return "make room, or write elsewhere with --out";
	default:
		return "try another file";
	}
}

int cli_file_failed(const struct cli *cli, const char *path, int os_error)
{
	return cli_refuse(cli, KEYREEVE_INVALID, path, strerror(os_error), file_hint(os_error));
}

static int too_long(const struct cli *cli, const char *name, size_t max_bytes)
{
	char hint[96];

	(void)snprintf(hint, sizeof(hint), "at most %zu bytes are taken here%s", max_bytes,
		max_bytes == KEYREEVE_MESSAGE_MAX ? "; without --message the length does not matter" : "");
	return cli_refuse(cli, KEYREEVE_INVALID, name, "it is too long", hint);
}

int cli_read(const struct cli *cli, const char *path, struct buf *to)
{
	bool is_file = path != NULL && strcmp(path, "-") != 0;
	AUTO(own_close) int opened = is_file ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	const char *name = is_file ? path : "standard input";

	if (is_file && opened < 0)
		return cli_file_failed(cli, name, errno);
	for (;;) {
		uint8_t part[16 * 1024];
		ssize_t n = read(is_file ? opened : STDIN_FILENO, part, sizeof(part));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cli_file_failed(cli, name, errno);
		if (n == 0)
			return 0;
		buf_put(to, bytes_of(part, (size_t)n));
		if (buf_check(to).code != STATUS_OK)
			return too_long(cli, name, to->max_bytes);
	}
}

static int write_all(const struct cli *cli, const char *name, int fd, struct bytes data)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.data, data.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cli_refuse(cli, KEYREEVE_FAILED, name, strerror(errno), file_hint(errno));
		data = bytes_of(data.data + n, data.len - (size_t)n);
	}
	return 0;
}

int cli_write(const struct cli *cli, struct bytes data, enum cli_text terminal)
{
	AUTO(own_close)
	int opened = cli->out != NULL ? open(cli->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
	bool is_terminal = cli->out == NULL && isatty(STDOUT_FILENO) == 1;
	enum cli_text as = cli->base64 ? CLI_BASE64 : cli->hex ? CLI_HEX : is_terminal ? terminal : CLI_BYTES;
	struct buf text = buf_make(SIZE_MAX / 2);
	int code;

	if (cli->out != NULL && opened < 0)
		return cli_file_failed(cli, cli->out, errno);
	if (as == CLI_BASE64)
		encode_base64(&text, data);
	else if (as == CLI_HEX)
		buf_put_hex(&text, data);
	else
		buf_put(&text, data);
	if (as != CLI_BYTES)
		buf_put_text(&text, "\n");
	if (buf_check(&text).code != STATUS_OK)
		code = cli_refuse(cli, KEYREEVE_FAILED, "output", "out of memory", "");
	else
		code = write_all(cli, cli->out != NULL ? cli->out : "standard output",
			cli->out != NULL ? opened : STDOUT_FILENO, buf_bytes(&text));
	buf_done(&text);
	return code;
}
