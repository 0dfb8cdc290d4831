/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocations, and the floor of the clock: operations of administrators. */
#include <stdlib.h>

#include "client/handle.h"
#include "client/keyreeve_admin.h"
#include "wire/admin_pb.h"
#include "wire/opcode.h"

_Static_assert(KEYREEVE_REVOKE_SUBJECT == (int)WIRE_REVOKE_SUBJECT, "kind");
_Static_assert(KEYREEVE_REVOKE_ALL == (int)WIRE_REVOKE_ALL, "kind");

enum { HASH_BYTES = 32 };

static struct bytes optional(const char *text)
{
	return text != NULL ? bytes_from_text(text) : (struct bytes){ 0 };
}

static bool is_hash(enum keyreeve_revoke_kind kind)
{
	return kind == KEYREEVE_REVOKE_JTI || kind == KEYREEVE_REVOKE_TOKEN;
}

static int digit_of(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static bool hash_parse(const char *text, uint8_t ret_hash[HASH_BYTES])
{
	if (text == NULL || strlen(text) != 2 * HASH_BYTES)
		return false;
	for (size_t i = 0; i < HASH_BYTES; i++) {
		int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret_hash[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static enum keyreeve_result ask(struct keyreeve *k, uint32_t opcode, const struct keyreeve_revocation *what, bool adds)
{
	uint8_t hash[HASH_BYTES];
	struct wire_admin_revoke op = { .kind = (uint32_t)what->kind,
		.authenticator = (uint32_t)what->auth,
		.domain = optional(what->domain),
		.value = optional(what->value) };

	call_begin(k);
	if (is_hash(what->kind)) {
		if (!hash_parse(what->value, hash))
			return call_invalid(k, "a hash has 64 hexadecimal digits", "");
		op.value = bytes_of(hash, sizeof(hash));
	}
	if (adds) {
		op.issued_before_s = what->issued_before_s;
		op.lasts_s = what->lasts_s;
		op.because = optional(what->because);
	}
	return call_act(k, opcode, wire_admin_revoke_put(&k->body, &op));
}

enum keyreeve_result keyreeve_admin_revoke(struct keyreeve *k, const struct keyreeve_revocation *what)
{
	return ask(k, OPCODE_ADMIN_REVOKE, what, true);
}

enum keyreeve_result keyreeve_admin_unrevoke(struct keyreeve *k, const struct keyreeve_revocation *what)
{
	return ask(k, OPCODE_ADMIN_UNREVOKE, what, false);
}

/* ---- the list -------------------------------------------------------------------------------------- */

static struct status text_new(struct bytes from, char **ret_text)
{
	if (from.len == 0)
		return OK;
	*ret_text = malloc(from.len + 1);
	ENSURE(*ret_text != NULL, NO_MEMORY);
	call_text(*ret_text, from.len + 1, from);
	return OK;
}

static struct status hash_new(struct bytes from, char **ret_text)
{
	static const char digits[] = "0123456789abcdef";

	ENSURE(from.len == HASH_BYTES, CLIENT_ANSWER);
	*ret_text = malloc(2 * HASH_BYTES + 1);
	ENSURE(*ret_text != NULL, NO_MEMORY);
	for (size_t i = 0; i < HASH_BYTES; i++) {
		(*ret_text)[2 * i] = digits[from.data[i] >> 4];
		(*ret_text)[2 * i + 1] = digits[from.data[i] & 15];
	}
	(*ret_text)[2 * HASH_BYTES] = '\0';
	return OK;
}

static struct status fill(const struct wire_admin_revocation *from, struct keyreeve_revocation *to)
{
	ENSURE(from->kind >= WIRE_REVOKE_SUBJECT && from->kind <= WIRE_REVOKE_ALL, CLIENT_ANSWER);
	ENSURE(from->authenticator < AUTH_TYPE_COUNT, CLIENT_ANSWER);
	to->kind = (enum keyreeve_revoke_kind)from->kind;
	to->auth = (enum keyreeve_auth)from->authenticator;
	to->issued_before_s = from->issued_before_s;
	to->until_s = from->until_s;
	to->since_s = from->since_s;
	TRY(text_new(from->domain, &to->domain));
	TRY(is_hash(to->kind) ? hash_new(from->value, &to->value) : text_new(from->value, &to->value));
	TRY(text_new(from->by, &to->by));
	return text_new(from->because, &to->because);
}

static struct status list_fill(const struct wire_admin_revocation_list *from, struct keyreeve_revocations *to)
{
	to->items = call_list(from->count, sizeof(*to->items));
	ENSURE(to->items != NULL, NO_MEMORY);
	to->next = from->next;
	while (to->count < from->count) {
		to->count++; /* first, so that a half-filled one is freed */
		TRY(fill(&from->item[to->count - 1], &to->items[to->count - 1]));
	}
	return OK;
}

enum keyreeve_result keyreeve_admin_revocations(
	struct keyreeve *k, const struct keyreeve_revocations *after, struct keyreeve_revocations *ret_list)
{
	struct keyreeve_revocations page = { .count = 0 };
	struct wire_admin_revocation_list list;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_PUT(wire_admin_revocations_put(&k->body, after != NULL ? after->next : 0));
	CALL_ASK(OPCODE_ADMIN_REVOCATIONS, PROVIDER_ID_CORE, &body);
	st = wire_admin_revocation_list_decode(body, &k->arena, &list);
	if (st.code == STATUS_OK)
		st = list_fill(&list, &page);
	if (st.code == STATUS_OK)
		*ret_list = page;
	else
		keyreeve_admin_revocations_free(&page);
	return call_done(k, st);
}

void keyreeve_admin_revocations_free(struct keyreeve_revocations *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].domain);
		free(list->items[i].value);
		free(list->items[i].by);
		free(list->items[i].because);
	}
	free(list->items);
	*list = (struct keyreeve_revocations){ .count = 0 };
}

/* ---- the clock ------------------------------------------------------------------------------------- */

enum keyreeve_result keyreeve_admin_clock_lower(struct keyreeve *k)
{
	call_begin(k);
	return call_act(k, OPCODE_ADMIN_CLOCK, OK);
}
