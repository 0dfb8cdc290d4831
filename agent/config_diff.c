/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve policy diff: which of the requests that were seen would be answered otherwise by another policy.  The
 * requests come on standard input, one record of DIFF_FIELDS texts each, every text ended by a zero byte; the command
 * line makes them from the audit log.  What the log does not hold (the key's type and age, the algorithm) is not known
 * to either policy, and said so. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/config_hand.h"
#include "base/own.h"

enum {
	DIFF_FIELD_MAX = 64 * 1024, /* a line of the log has less */
	DIFF_ROWS_MAX = 4096,	    /* different changes that are kept apart */
};
enum field { AUTHN, ISSUER, IDENTITY, OP, PROVIDER, KEY, HAS_KEY, TIME, TOKEN_START, TOKEN_EXP, DIFF_FIELDS };

struct answer_of {
	enum status_code code;
	const char *rule; /* borrowed from its policy */
	bool is_uncertain;
};

/* Requests of one identity and operation whose answer changes in one way. */
struct row {
	char *issuer, *identity, *op, *key; /* owned; key: of the first */
	struct answer_of before, after;
	uint64_t count;
};

struct diff {
	struct config *config[2]; /* owned: old, new */
	struct policy *policy[2];
	struct row *rows;
	size_t row_count;
	uint64_t requests, changed, unnamed; /* unnamed: changed, beyond DIFF_ROWS_MAX */
	uint64_t uncertain;		     /* not changed as far as the log says */
	bool is_malformed;
};

static void diff_done(struct diff *diff)
{
	for (int i = 0; i < 2; i++) {
		policy_unref(diff->policy[i]);
		config_free(diff->config[i]);
	}
	for (size_t i = 0; i < diff->row_count; i++) {
		free(diff->rows[i].issuer);
		free(diff->rows[i].identity);
		free(diff->rows[i].op);
		free(diff->rows[i].key);
	}
	free(diff->rows);
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

static bool identity_make(char *const field[DIFF_FIELDS], struct identity *to)
{
	char *end;

	*to = (struct identity){ .name = bytes_from_text(field[IDENTITY]), .issuer = bytes_from_text(field[ISSUER]) };
	for (uint32_t i = AUTHENTICATOR_DIRECT; i <= AUTHENTICATOR_JWT_SVID; i++)
		if (strcmp(config_authenticator_name(i), field[AUTHN]) == 0)
			to->authenticator = (uint8_t)i;
	if (to->authenticator == AUTHENTICATOR_UNIX_PEER)
		to->uid = (uint32_t)strtoul(field[IDENTITY], &end, 10);
	return to->authenticator != 0;
}

static uint32_t provider_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->provider_count; i++)
		if (strcmp(config->providers[i].name, name) == 0)
			return i;
	return CONFIG_PROVIDERS_MAX; /* in no tenant's list */
}

static bool is_administration(const char *op)
{
	return strcmp(op, "ListClients") == 0 || strcmp(op, "DeleteClient") == 0;
}

static struct answer_of ask(const struct diff *diff, int which, char *const field[DIFF_FIELDS])
{
	struct identity who;
	struct token_facts token = { .has_token = field[TOKEN_EXP][0] != '\0' };
	struct policy_request rq = { .identity = &who, .token = &token };
	struct decision decision;
	struct status st;

	if (!identity_make(field, &who))
		return (struct answer_of){ STATUS_TENANT_NONE, "tenants", false };
	if (is_administration(field[OP]))
		return policy_is_admin(diff->policy[which], &who)
			       ? (struct answer_of){ STATUS_OK, "admins", false }
			       : (struct answer_of){ STATUS_ADMIN_NEEDED, "admins", false };
	token.start_s = strtoll(field[TOKEN_START], NULL, 10);
	token.expires_s = strtoll(field[TOKEN_EXP], NULL, 10);
	rq.now_s = token.now_s = strtoll(field[TIME], NULL, 10);
	rq.key = bytes_from_text(field[KEY]);
	rq.verb = field[HAS_KEY][0] == '1' ? policy_verb(field[OP]) : VERB_NONE;
	rq.provider =
		field[PROVIDER][0] == '\0' ? TENANT_NO_PROVIDER : provider_find(diff->config[which], field[PROVIDER]);
	st = policy_question_ask(diff->policy[which], &rq, &decision);
	return (struct answer_of){ st.code, decision.rule, decision.is_uncertain };
}

/* ---- keeping --------------------------------------------------------------------------------------------------- */

static bool same_row(const struct row *row, char *const field[DIFF_FIELDS], const struct answer_of answer[2])
{
	return row->before.rule == answer[0].rule && row->after.rule == answer[1].rule &&
	       row->before.code == answer[0].code && row->after.code == answer[1].code &&
	       strcmp(row->op, field[OP]) == 0 && strcmp(row->identity, field[IDENTITY]) == 0 &&
	       strcmp(row->issuer, field[ISSUER]) == 0;
}

static struct status keep(struct diff *diff, char *const field[DIFF_FIELDS], const struct answer_of answer[2])
{
	struct row *row;

	diff->changed++;
	for (size_t i = 0; i < diff->row_count; i++)
		if (same_row(&diff->rows[i], field, answer)) {
			diff->rows[i].count++;
			return OK;
		}
	if (diff->row_count == DIFF_ROWS_MAX) {
		diff->unnamed++;
		return OK;
	}
	row = &diff->rows[diff->row_count];
	*row = (struct row){ strdup(field[ISSUER]), strdup(field[IDENTITY]), strdup(field[OP]), strdup(field[KEY]),
		answer[0], answer[1], 1 };
	diff->row_count++; /* first, so that a half-made row is freed */
	ENSURE(row->issuer != NULL && row->identity != NULL && row->op != NULL && row->key != NULL, NO_MEMORY);
	return OK;
}

static struct status compare(struct diff *diff, char *const field[DIFF_FIELDS])
{
	struct answer_of answer[2] = { ask(diff, 0, field), ask(diff, 1, field) };

	diff->requests++;
	if (status_wire(answer[0].code) != status_wire(answer[1].code))
		return keep(diff, field, answer);
	diff->uncertain += answer[0].is_uncertain || answer[1].is_uncertain;
	return OK;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* Empty at the end of the input; is_malformed when it ends within a record. */
static bool record_read(struct diff *diff, FILE *from, char *field[DIFF_FIELDS], size_t room[DIFF_FIELDS])
{
	for (int i = 0; i < DIFF_FIELDS; i++) {
		ssize_t len = getdelim(&field[i], &room[i], '\0', from);

		if (len <= 0 && i == 0)
			return false;
		if (len <= 0 || len > DIFF_FIELD_MAX || field[i][len - 1] != '\0') {
			diff->is_malformed = true;
			return false;
		}
	}
	return true;
}

static struct status read_all(struct diff *diff, FILE *from)
{
	char *field[DIFF_FIELDS] = { NULL };
	size_t room[DIFF_FIELDS] = { 0 };
	struct status st = OK;

	while (st.code == STATUS_OK && record_read(diff, from, field, room))
		st = compare(diff, field);
	for (int i = 0; i < DIFF_FIELDS; i++)
		free(field[i]);
	return st;
}

/* ---- telling --------------------------------------------------------------------------------------------------- */

static void answer_json(struct buf *to, const char *name, const struct answer_of *answer)
{
	buf_printf(to, ", \"%s\": {\"decision\": \"%s\", \"status\": \"%s\", \"rule\": \"%s\", \"uncertain\": %s}",
		name, answer->code == STATUS_OK ? "allow" : "deny", status_name(answer->code), answer->rule,
		answer->is_uncertain ? "true" : "false");
}

static void row_json(struct buf *to, const struct row *row)
{
	buf_put_text(to, "{");
	if (row->issuer[0] != '\0') {
		buf_put_text(to, "\"issuer\": ");
		hand_json_text(to, bytes_from_text(row->issuer));
		buf_put_text(to, ", ");
	}
	buf_put_text(to, "\"identity\": ");
	hand_json_text(to, bytes_from_text(row->identity));
	buf_put_text(to, ", \"op\": ");
	hand_json_text(to, bytes_from_text(row->op));
	buf_put_text(to, ", \"key\": ");
	hand_json_text(to, bytes_from_text(row->key));
	buf_printf(to, ", \"count\": %llu", (unsigned long long)row->count);
	answer_json(to, "old", &row->before);
	answer_json(to, "new", &row->after);
	buf_put_text(to, "}");
}

static void safe_put(struct buf *to, const char *text)
{
	for (; *text != '\0'; text++)
		buf_put_u8(to, (uint8_t)*text < 0x20 || *text == 0x7f ? '?' : (uint8_t)*text);
}

static void row_text(struct buf *to, const struct row *row)
{
	if (row->issuer[0] != '\0') {
		safe_put(to, row->issuer);
		buf_put_text(to, " ");
	}
	safe_put(to, row->identity);
	buf_put_text(to, " ");
	safe_put(to, row->op);
	if (row->key[0] != '\0') {
		buf_put_text(to, " ");
		safe_put(to, row->key);
	}
	buf_printf(to, "%s, %llu time%s: %s by %s, would be %s by %s%s\n",
		row->count > 1 && row->key[0] != '\0' ? " ..." : "", (unsigned long long)row->count,
		row->count == 1 ? "" : "s", row->before.code == STATUS_OK ? "allow" : "deny", row->before.rule,
		row->after.code == STATUS_OK ? "allow" : "deny", row->after.rule,
		row->before.is_uncertain || row->after.is_uncertain
			? " (perhaps: a rule asks what the log does not hold)"
			: "");
}

static void diff_put(const struct diff *diff, bool as_json)
{
	AUTO(buf_done) struct buf text = buf_make(64 * 1024 * 1024);
	unsigned long long requests = diff->requests, changed = diff->changed, uncertain = diff->uncertain,
			   unnamed = diff->unnamed;

	buf_put_text(&text, as_json ? "{\"changes\": [" : "");
	for (size_t i = 0; i < diff->row_count; i++) {
		buf_put_text(&text, as_json && i > 0 ? ",\n " : "");
		if (as_json)
			row_json(&text, &diff->rows[i]);
		else
			row_text(&text, &diff->rows[i]);
	}
	buf_printf(&text,
		as_json ? "], \"requests\": %llu, \"changed\": %llu, \"uncertain\": %llu, \"unnamed\": %llu}\n"
			: "%llu requests, %llu with another answer; %llu more depend on what the log does not hold; "
			  "%llu changes not shown\n",
		requests, changed, uncertain, unnamed);
	hand_print(stdout, &text);
}

int diff_run(const char *old_path, const char *new_path, bool as_json)
{
	AUTO(diff_done) struct diff diff = { .rows = calloc(DIFF_ROWS_MAX, sizeof(struct row)) };
	const char *const path[2] = { old_path, new_path };

	for (int i = 0; i < 2; i++) {
		AUTO(buf_done) struct buf errors = buf_make(HAND_ERRORS_MAX);

		if (diff.rows == NULL || hand_load(path[i], &errors, &diff.config[i]).code != STATUS_OK ||
			policy_new(diff.config[i], &diff.policy[i]).code != STATUS_OK) {
			hand_print(stderr, &errors);
			return EXIT_USAGE;
		}
	}
	if (read_all(&diff, stdin).code != STATUS_OK || diff.is_malformed) {
		(void)fprintf(stderr, "keyreeve-config: the requests on standard input are malformed\n");
		return EXIT_USAGE;
	}
	diff_put(&diff, as_json);
	return diff.changed > 0 ? EXIT_FINDINGS : EXIT_GOOD;
}
