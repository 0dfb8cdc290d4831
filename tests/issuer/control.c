/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/issuer/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"

enum { WORDS_MAX = 6, FILE_MAX = 8 * 1024 * 1024 };

const char control_help[] =
	"add-key KID ALG           a new key, published (RS256 RS384 RS512 ES256 ES384 ES512)\n"
	"activate KID              sign with it\n"
	"withdraw KID              publish it no longer\n"
	"entry UID|any SPIFFEID    an identity for a uid\n"
	"entry-delete UID|any      and take them all away\n"
	"ttl SECONDS               lifetime of tokens\n"
	"mint SPIFFEID AUDIENCE TTL [AGE [JTI]]   a token of the active key, AGE seconds old\n"
	"issue ISSUER SUBJECT AUDIENCE TTL [AGE]   the same as an identity provider that is no SPIFFE one\n"
	"bundle                    the key document\n"
	"document KEY SIZE|@FILE   one more entry of the map: that many blanks, or a file\n"
	"document-delete KEY       all of that name\n"
	"own on|off                the issuer's own entry of the map\n"
	"x509 @FILE|off            the message of FetchX509SVID, as it is in a file; none\n"
	"raw HEX                   send these bytes as a message on open streams\n"
	"ok | deny | invalid | unimplemented | unavailable | internal | hang   [COUNT]\n"
	"                          how the next COUNT calls end (all: without COUNT); but for ok and hang also open "
	"streams\n"
	"close                     end open streams with OK\n"
	"disconnect                cut every connection\n"
	"twist none|subject|audience|expired|no-svids|empty-svid|empty-id   spoil FetchJWTSVID's answers\n"
	"validate good|invalid|denied|internal|unavailable|hang|other|no-id|bad-id|no-claims|empty   what "
	"ValidateJWTSVID "
	"says of any token\n"
	"seen                      bundles=N svids=N validations=N others=N bad-metadata=N streams=N\n"
	"times                     milliseconds between the calls of FetchJWTBundles\n"
	"stop | start              remove the socket and cut every connection; listen again\n"
	"quit\n";

struct words {
	char *word[WORDS_MAX];
	size_t count;
};

static struct words split(char *line)
{
	struct words words = { 0 };
	char *rest = NULL;

	for (char *w = strtok_r(line, " \t\r", &rest); w != NULL && words.count < WORDS_MAX;
		w = strtok_r(NULL, " \t\r", &rest))
		words.word[words.count++] = w;
	for (size_t i = words.count; i < WORDS_MAX; i++)
		words.word[i] = NULL;
	return words;
}

static bool number_of(const char *text, long max, long *ret_number)
{
	char *end = NULL;
	long number = text == NULL ? -1 : strtol(text, &end, 10);

	if (number < 0 || number > max || end == text || *end != '\0')
		return false;
	*ret_number = number;
	return true;
}

static bool uid_of(const char *text, unsigned *ret_uid)
{
	long number;

	if (text != NULL && strcmp(text, "any") == 0) {
		*ret_uid = UINT32_MAX;
		return true;
	}
	if (!number_of(text, UINT32_MAX - 1L, &number))
		return false;
	*ret_uid = (unsigned)number;
	return true;
}

/* ---- commands -------------------------------------------------------------------------------------------- */

static struct status add_key(struct server *server, const struct words *w, struct buf *out)
{
	(void)out;
	return server_key_add(server, w->word[1], w->word[2]);
}

static struct status activate(struct server *server, const struct words *w, struct buf *out)
{
	(void)out;
	return server_key_activate(server, w->word[1]);
}

static struct status withdraw(struct server *server, const struct words *w, struct buf *out)
{
	(void)out;
	return server_key_withdraw(server, w->word[1]);
}

static struct status entry(struct server *server, const struct words *w, struct buf *out)
{
	unsigned uid;

	(void)out;
	ENSURE(uid_of(w->word[1], &uid), CLIENT_ARGUMENT);
	return server_entry(server, uid, w->word[2]);
}

static struct status entry_delete(struct server *server, const struct words *w, struct buf *out)
{
	unsigned uid;

	(void)out;
	ENSURE(uid_of(w->word[1], &uid), CLIENT_ARGUMENT);
	server_entry_delete(server, uid);
	return OK;
}

static struct status ttl(struct server *server, const struct words *w, struct buf *out)
{
	long seconds;

	(void)out;
	ENSURE(number_of(w->word[1], INT32_MAX, &seconds), CLIENT_ARGUMENT);
	server_ttl(server, seconds);
	return OK;
}

static struct status mint(struct server *server, const struct words *w, struct buf *out)
{
	struct bytes audience = bytes_from_text(w->word[2]);
	int64_t now = clock_wall_us() / US_PER_S;
	long seconds, age = 0;
	struct claims claims;

	ENSURE(number_of(w->word[3], INT32_MAX, &seconds), CLIENT_ARGUMENT);
	ENSURE(w->word[4] == NULL || number_of(w->word[4], INT32_MAX, &age), CLIENT_ARGUMENT);
	claims = (struct claims){ NULL, w->word[1], &audience, 1, now - age, now - age + seconds,
		w->word[4] != NULL ? w->word[5] : NULL };
	return server_mint(server, &claims, out);
}

/* As an identity provider that is no SPIFFE one. */
static struct status issue(struct server *server, const struct words *w, struct buf *out)
{
	struct bytes audience = bytes_from_text(w->word[3]);
	int64_t now = clock_wall_us() / US_PER_S;
	long seconds, age = 0;
	struct claims claims;

	ENSURE(number_of(w->word[4], INT32_MAX, &seconds), CLIENT_ARGUMENT);
	ENSURE(w->word[5] == NULL || number_of(w->word[5], INT32_MAX, &age), CLIENT_ARGUMENT);
	claims = (struct claims){ w->word[1], w->word[2], &audience, 1, now - age, now - age + seconds, NULL };
	return server_mint(server, &claims, out);
}

static struct status bundle(struct server *server, const struct words *w, struct buf *out)
{
	(void)w;
	return server_key_document(server, out);
}

static struct status read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "re");
	uint8_t block[4096];
	size_t n;

	ENSURE(file != NULL, IO);
	while ((n = fread(block, 1, sizeof(block), file)) > 0)
		buf_put(out, bytes_of(block, n));
	(void)fclose(file); /* only read */
	return buf_check(out);
}

static struct status document(struct server *server, const struct words *w, struct buf *out)
{
	AUTO(buf_done) struct buf bytes = buf_make(FILE_MAX);
	long size;

	(void)out;
	if (w->word[2][0] == '@') {
		TRY(read_file(w->word[2] + 1, &bytes));
	} else {
		uint8_t *at;

		ENSURE(number_of(w->word[2], FILE_MAX, &size) && size > 0, CLIENT_ARGUMENT);
		at = buf_reserve(&bytes, (size_t)size);
		ENSURE(at != NULL, LIMIT);
		memset(at, ' ', (size_t)size);
		buf_grew(&bytes, (size_t)size);
	}
	return server_document(server, w->word[1], buf_bytes(&bytes));
}

static struct status document_delete(struct server *server, const struct words *w, struct buf *out)
{
	(void)out;
	return server_document(server, w->word[1], (struct bytes){ 0 });
}

static struct status own(struct server *server, const struct words *w, struct buf *out)
{
	(void)out;
	ENSURE(strcmp(w->word[1], "on") == 0 || strcmp(w->word[1], "off") == 0, CLIENT_ARGUMENT);
	server_own_document(server, strcmp(w->word[1], "on") == 0);
	return OK;
}

static struct status x509(struct server *server, const struct words *w, struct buf *out)
{
	AUTO(buf_done) struct buf bytes = buf_make(FILE_MAX);

	(void)out;
	ENSURE(w->word[1][0] == '@' || strcmp(w->word[1], "off") == 0, CLIENT_ARGUMENT);
	if (w->word[1][0] == '@')
		TRY(read_file(w->word[1] + 1, &bytes));
	server_x509(server, buf_bytes(&bytes));
	return OK;
}

static int nibble(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

static struct status raw(struct server *server, const struct words *w, struct buf *out)
{
	uint8_t bytes[CONTROL_LINE_MAX];
	size_t len = 0;

	(void)out;
	for (const char *c = w->word[1]; *c != '\0'; c += 2) {
		int high = nibble(c[0]), low = nibble(c[1]);

		ENSURE(high >= 0 && low >= 0 && len < sizeof(bytes), CLIENT_ARGUMENT);
		bytes[len++] = (uint8_t)(high << 4 | low);
	}
	server_raw(server, bytes_of(bytes, len));
	return OK;
}

static struct status mode(struct server *server, const struct words *w, struct buf *out)
{
	static const struct {
		const char *name;
		enum server_mode mode;
	} modes[] = { { "ok", MODE_OK }, { "deny", MODE_PERMISSION_DENIED }, { "invalid", MODE_INVALID_ARGUMENT },
		{ "unimplemented", MODE_UNIMPLEMENTED }, { "unavailable", MODE_UNAVAILABLE },
		{ "internal", MODE_INTERNAL }, { "hang", MODE_HANG } };
	long count = 0;

	(void)out;
	ENSURE(w->word[1] == NULL || number_of(w->word[1], 1000, &count), CLIENT_ARGUMENT);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(w->word[0], modes[i].name) == 0)
			server_mode(server, modes[i].mode, (unsigned)count);
	return OK;
}

static struct status close_streams(struct server *server, const struct words *w, struct buf *out)
{
	(void)w;
	(void)out;
	server_close_streams(server, MODE_OK);
	return OK;
}

static struct status disconnect(struct server *server, const struct words *w, struct buf *out)
{
	(void)w;
	(void)out;
	server_disconnect(server);
	return OK;
}

static struct status twist(struct server *server, const struct words *w, struct buf *out)
{
	static const char *const names[TWIST_COUNT] = { [TWIST_NONE] = "none",
		[TWIST_SUBJECT] = "subject",
		[TWIST_AUDIENCE] = "audience",
		[TWIST_EXPIRED] = "expired",
		[TWIST_NO_SVIDS] = "no-svids",
		[TWIST_EMPTY_SVID] = "empty-svid",
		[TWIST_EMPTY_ID] = "empty-id" };

	(void)out;
	for (unsigned i = 0; i < TWIST_COUNT; i++)
		if (strcmp(names[i], w->word[1]) == 0) {
			server_twist(server, (enum server_twist)i);
			return OK;
		}
	return FAIL(CLIENT_ARGUMENT);
}

static struct status validate(struct server *server, const struct words *w, struct buf *out)
{
	static const struct {
		const char *name;
		enum server_opinion opinion;
	} rows[] = { { "good", OPINION_GOOD }, { "invalid", OPINION_INVALID }, { "denied", OPINION_DENIED },
		{ "internal", OPINION_INTERNAL }, { "unavailable", OPINION_UNAVAILABLE }, { "hang", OPINION_HANG },
		{ "other", OPINION_OTHER }, { "no-id", OPINION_NO_ID }, { "bad-id", OPINION_BAD_ID },
		{ "no-claims", OPINION_NO_CLAIMS }, { "empty", OPINION_EMPTY } };

	(void)out;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, w->word[1]) == 0) {
			server_opinion(server, rows[i].opinion);
			return OK;
		}
	return FAIL(CLIENT_ARGUMENT);
}

static struct status seen(struct server *server, const struct words *w, struct buf *out)
{
	struct server_seen now;

	(void)w;
	server_seen(server, &now);
	buf_printf(out, "bundles=%u svids=%u validations=%u others=%u bad-metadata=%u streams=%u", now.bundles,
		now.svids, now.validations, now.others, now.bad_metadata, now.streams);
	return OK;
}

static struct status times(struct server *server, const struct words *w, struct buf *out)
{
	struct server_seen now;

	(void)w;
	server_seen(server, &now);
	for (unsigned i = 1; i < now.bundles && i < SERVER_CALLS_MAX; i++)
		buf_printf(out, "%s%" PRIu64, i == 1 ? "" : " ", (now.bundle_us[i] - now.bundle_us[i - 1]) / US_PER_MS);
	return OK;
}

/* Done by the main loop; the row only makes the name known. */
static struct status leave(struct server *server, const struct words *w, struct buf *out)
{
	(void)server;
	(void)w;
	(void)out;
	return OK;
}

/* clang-format off */
static const struct command {
	const char *name;
	size_t words; /* at least, the name among them */
	struct status (*obey)(struct server *server, const struct words *words, struct buf *out);
	enum control_wish wish;
} commands[] = {
	{ "add-key",         3, add_key,         CONTROL_NOTHING },
	{ "activate",        2, activate,        CONTROL_NOTHING },
	{ "withdraw",        2, withdraw,        CONTROL_NOTHING },
	{ "entry",           3, entry,           CONTROL_NOTHING },
	{ "entry-delete",    2, entry_delete,    CONTROL_NOTHING },
	{ "ttl",             2, ttl,             CONTROL_NOTHING },
	{ "mint",            4, mint,            CONTROL_NOTHING },
	{ "issue",           5, issue,           CONTROL_NOTHING },
	{ "bundle",          1, bundle,          CONTROL_NOTHING },
	{ "document",        3, document,        CONTROL_NOTHING },
	{ "document-delete", 2, document_delete, CONTROL_NOTHING },
	{ "own",             2, own,             CONTROL_NOTHING },
	{ "x509",            2, x509,            CONTROL_NOTHING },
	{ "raw",             2, raw,             CONTROL_NOTHING },
	{ "ok",              1, mode,            CONTROL_NOTHING },
	{ "deny",            1, mode,            CONTROL_NOTHING },
	{ "invalid",         1, mode,            CONTROL_NOTHING },
	{ "unimplemented",   1, mode,            CONTROL_NOTHING },
	{ "unavailable",     1, mode,            CONTROL_NOTHING },
	{ "internal",        1, mode,            CONTROL_NOTHING },
	{ "hang",            1, mode,            CONTROL_NOTHING },
	{ "close",           1, close_streams,   CONTROL_NOTHING },
	{ "disconnect",      1, disconnect,      CONTROL_NOTHING },
	{ "twist",           2, twist,           CONTROL_NOTHING },
	{ "validate",        2, validate,        CONTROL_NOTHING },
	{ "seen",            1, seen,            CONTROL_NOTHING },
	{ "times",           1, times,           CONTROL_NOTHING },
	{ "stop",            1, disconnect,      CONTROL_STOP },
	{ "start",           1, leave,           CONTROL_START },
	{ "quit",            1, leave,           CONTROL_QUIT },
};
/* clang-format on */

enum control_wish control_line(struct server *server, char *line, struct buf *answer)
{
	AUTO(buf_done) struct buf out = buf_make(CONTROL_ANSWER_MAX);
	struct words words = split(line);
	struct status st = FAIL(CLIENT_ARGUMENT);
	enum control_wish wish = CONTROL_NOTHING;

	for (size_t i = 0; words.count > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(words.word[0], commands[i].name) == 0 && words.count >= commands[i].words) {
			st = commands[i].obey(server, &words, &out);
			wish = commands[i].wish;
		}
	if (st.code == STATUS_OK)
		st = buf_check(&out);
	if (st.code != STATUS_OK)
		buf_printf(answer, "error %s\n", status_text(st.code));
	else
		buf_printf(answer, "ok%s%.*s\n", out.len > 0 ? " " : "", (int)out.len, (const char *)out.data);
	return wish;
}
