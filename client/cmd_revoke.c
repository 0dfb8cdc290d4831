/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve revoke | admin unrevoke | admin revocations | admin clock: on the admin socket. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "client/cli.h"
#include "client/keyreeve_admin.h"
#include "crypto/digest.h"
#include "wire/opcode.h"

enum { HEX_BYTES = 2 * DIGEST_SHA256_BYTES + 1, TIME_TEXT = 24 };

/* ---- what is revoked --------------------------------------------------------------------------------- */

static bool jti_hash(const char *jti, char ret_hex[HEX_BYTES])
{
	uint8_t hash[DIGEST_SHA256_BYTES];
	struct buf hex = { .data = (uint8_t *)ret_hex, .room = HEX_BYTES, .max_bytes = HEX_BYTES };

	if (digest_init().code != STATUS_OK || digest_sha256(bytes_from_text(jti), hash).code != STATUS_OK)
		return false;
	buf_put_hex(&hex, bytes_of(hash, sizeof(hash)));
	ret_hex[HEX_BYTES - 1] = '\0';
	return true;
}

struct wanted {
	struct keyreeve_revocation revocation; /* its texts are the options', or hex */
	char hex[HEX_BYTES];
};

static int selector_wrong(const struct cli *cli, const char *text)
{
	return cli_refuse(cli, KEYREEVE_INVALID, "what is to be revoked", text,
		"one of --subject OWNER, --kid ID, --jti ID, --token-hash HEX, --all");
}

/* Exactly one of them; 0 or an exit code. */
static int selector_parse(const struct cli *cli, struct wanted *w)
{
	const struct {
		enum keyreeve_revoke_kind kind;
		const char *value;
		bool of_domain;
	} rows[] = {
		{ KEYREEVE_REVOKE_SUBJECT, cli->subject, false },
		{ KEYREEVE_REVOKE_KID, cli->kid, true },
		{ KEYREEVE_REVOKE_JTI, cli->jti, true },
		{ KEYREEVE_REVOKE_TOKEN, cli->token_hash, false },
		{ KEYREEVE_REVOKE_ALL, cli->all ? "" : NULL, true },
	};
	size_t given = 0;
	bool of_domain = false;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].value != NULL) {
			given++;
			w->revocation.kind = rows[i].kind;
			memcpy(&w->revocation.value, &rows[i].value, sizeof(rows[i].value));
			of_domain = rows[i].of_domain;
		}
	if (given != 1)
		return selector_wrong(cli, given == 0 ? "it is not said" : "it is said twice");
	if ((!of_domain && (cli->trust_domain != NULL || cli->issuer != NULL)) ||
		(cli->trust_domain != NULL && cli->issuer != NULL))
		return cli_refuse(cli, KEYREEVE_INVALID, "--trust-domain, --issuer",
			of_domain ? "it is one of them" : "a subject or a token's hash has its own",
			"one of them goes with --kid, --jti and --all");
	if (of_domain) {
		const char *domain = cli->issuer != NULL ? cli->issuer : cli->trust_domain;

		w->revocation.auth = cli->issuer != NULL ? (enum keyreeve_auth)AUTH_TYPE_JWT : KEYREEVE_AUTH_JWT_SVID;
		memcpy(&w->revocation.domain, &domain, sizeof(domain));
	}
	if (w->revocation.kind == KEYREEVE_REVOKE_ALL)
		w->revocation.value = NULL;
	if (w->revocation.kind == KEYREEVE_REVOKE_JTI && strncmp(cli->jti, "sha256:", 7) == 0)
		w->revocation.value += 7;
	else if (w->revocation.kind == KEYREEVE_REVOKE_JTI) {
		if (!jti_hash(cli->jti, w->hex))
			return cli_refuse(cli, KEYREEVE_FAILED, "--jti", "it cannot be hashed", "");
		w->revocation.value = w->hex;
	}
	return 0;
}

/* ---- times ------------------------------------------------------------------------------------------- */

/* "now", or a time as UTC: 2026-11-23, 2026-11-23T15:04, 2026-11-23T15:04:05. */
static bool moment_parse(const char *text, uint64_t *ret_s)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d" };

	if (strcmp(text, "now") == 0) {
		*ret_s = (uint64_t)(clock_wall_us() / US_PER_S) + 1; /* what was issued in this second, too */
		return true;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);
		time_t s;

		if (end == NULL || (*end != '\0' && strcmp(end, "Z") != 0))
			continue;
		s = timegm(&tm);
		*ret_s = (uint64_t)s;
		return s > 0;
	}
	return false;
}

static bool span_parse(const char *text, uint64_t *ret_s)
{
	static const struct {
		char unit;
		uint64_t s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end = NULL;
	unsigned long number = strtoul(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (end > text && *text != '-' && end[0] == units[i].unit && end[1] == '\0' && number > 0 &&
			number <= 36500ul * 86400) {
			*ret_s = number * units[i].s;
			return *ret_s <= INT32_MAX;
		}
	return false;
}

static int times_parse(const struct cli *cli, struct keyreeve_revocation *to)
{
	if (cli->issued_before != NULL && !moment_parse(cli->issued_before, &to->issued_before_s))
		return cli_refuse(cli, KEYREEVE_INVALID, "--issued-before", "it is no time",
			"now, 2026-11-23, or 2026-11-23T15:04:05 (UTC)");
	if (cli->lasts != NULL && !span_parse(cli->lasts, &to->lasts_s))
		return cli_refuse(cli, KEYREEVE_INVALID, "--lasts", "it is no span of time", "90s, 10m, 2h, 30d");
	return 0;
}

/* ---- the acts ---------------------------------------------------------------------------------------- */

static int act(struct cli *cli, const char *what, const char *done,
	enum keyreeve_result (*ask)(struct keyreeve *k, const struct keyreeve_revocation *what))
{
	struct wanted w = { .hex = "" };
	int code = selector_parse(cli, &w);

	if (code == 0)
		code = times_parse(cli, &w.revocation);
	if (code == 0)
		code = cli_open_admin(cli);
	if (code != 0)
		return code;
	memcpy(&w.revocation.because, &cli->because, sizeof(cli->because));
	if (ask(cli->handle, &w.revocation) != KEYREEVE_OK)
		return cli_failed(cli, what);
	if (cli->json)
		return cli_json_named(done, w.revocation.value != NULL ? w.revocation.value : "");
	(void)puts(done);
	return 0;
}

int cmd_revoke(struct cli *cli, const char *const *argument)
{
	(void)argument;
	return act(cli, "revoke", "revoked", keyreeve_admin_revoke);
}

int cmd_unrevoke(struct cli *cli, const char *const *argument)
{
	(void)argument;
	return act(cli, "admin unrevoke", "lifted", keyreeve_admin_unrevoke);
}

int cmd_clock(struct cli *cli, const char *const *argument)
{
	int code;

	(void)argument;
	if (!cli->lower)
		return cli_refuse(cli, KEYREEVE_INVALID, "admin clock", "it is not said what to do",
			"--lower: the machine's clock is right, judge by it");
	code = cli_open_admin(cli);
	if (code != 0)
		return code;
	if (keyreeve_admin_clock_lower(cli->handle) != KEYREEVE_OK)
		return cli_failed(cli, "admin clock");
	if (cli->json)
		return cli_json_named("clock", "lowered");
	(void)puts("lowered");
	return 0;
}

/* ---- the list ---------------------------------------------------------------------------------------- */

static const char *const kinds[] = { [KEYREEVE_REVOKE_SUBJECT] = "subject",
	[KEYREEVE_REVOKE_KID] = "kid",
	[KEYREEVE_REVOKE_JTI] = "jti",
	[KEYREEVE_REVOKE_TOKEN] = "token-hash",
	[KEYREEVE_REVOKE_ALL] = "all" };

static const char *moment_text(uint64_t s, char text[TIME_TEXT])
{
	time_t when = (time_t)s;
	struct tm tm = { 0 };

	if (s == 0 || gmtime_r(&when, &tm) == NULL || strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return NULL;
	return text;
}

static void set_text(json_t *o, const char *name, const char *text)
{
	if (text != NULL)
		json_object_set_new(o, name, cli_json_text(text));
}

static json_t *revocation_json(const struct keyreeve_revocation *r)
{
	char time[TIME_TEXT];
	json_t *o = json_object();

	json_object_set_new(o, "kind", json_string(kinds[r->kind]));
	set_text(o, "domain", r->domain);
	set_text(o, "value", r->value);
	set_text(o, "issued_before", moment_text(r->issued_before_s, time));
	set_text(o, "since", moment_text(r->since_s, time));
	set_text(o, "until", moment_text(r->until_s, time));
	set_text(o, "by", r->by);
	set_text(o, "because", r->because);
	return o;
}

static void revocation_print(const struct keyreeve_revocation *r)
{
	char time[TIME_TEXT];

	(void)printf("%s  %-10s  ", moment_text(r->since_s, time) != NULL ? time : "-", kinds[r->kind]);
	(void)cli_put(stdout, r->value != NULL ? r->value : "*");
	(void)fputs("  ", stdout);
	(void)cli_put(stdout, r->domain != NULL ? r->domain : "-");
	if (moment_text(r->issued_before_s, time) != NULL)
		(void)printf("  issued before %s", time);
	if (moment_text(r->until_s, time) != NULL)
		(void)printf("  until %s", time);
	if (r->because != NULL) {
		(void)fputs("  ", stdout);
		(void)cli_put(stdout, r->because);
	}
	(void)putchar('\n');
}

static enum keyreeve_result revocations_page(struct cli *cli, struct cli_list *list)
{
	const struct keyreeve_revocations before = { .next = (uint32_t)list->skip };
	struct keyreeve_revocations page = { .count = 0 };
	enum keyreeve_result result = keyreeve_admin_revocations(cli->handle, &before, &page);

	for (size_t i = 0; i < page.count; i++) {
		if (list->all != NULL)
			json_array_append_new(list->all, revocation_json(&page.items[i]));
		else
			revocation_print(&page.items[i]);
	}
	list->skip = page.next;
	list->has_more = page.next != 0;
	keyreeve_admin_revocations_free(&page);
	return result;
}

int cmd_revocations(struct cli *cli, const char *const *argument)
{
	(void)argument;
	return cli_list(cli, "admin revocations", NULL, revocations_page, NULL);
}
