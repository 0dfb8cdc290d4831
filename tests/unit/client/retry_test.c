/* SPDX-License-Identifier: Apache-2.0
 *
 * The table in keyreeve.h, row by row: every operation with every answer, and what the library repeats. */
#include "tests/support/unit.h"

#include "client/keyreeve.h"
#include "tests/support/scripted.h"
#include "wire/opcode.h"

enum { BUSY = 1141, WORKER_FAILED = 1145, NOT_AUTHENTICATED = 11, LAST = 1153 };

/* ---- every operation ------------------------------------------------------------------------------------- */

static uint8_t room[KEYREEVE_PUBLIC_MAX];
static size_t room_len;
static const uint8_t hash[32];

static enum keyreeve_result ping(struct keyreeve *k)
{
	unsigned major, minor;

	return keyreeve_ping(k, &major, &minor);
}

static enum keyreeve_result providers(struct keyreeve *k)
{
	struct keyreeve_providers list;

	return keyreeve_list_providers(k, &list);
}

static enum keyreeve_result authenticators(struct keyreeve *k)
{
	struct keyreeve_authenticators list;

	return keyreeve_list_authenticators(k, &list);
}

static enum keyreeve_result opcodes(struct keyreeve *k)
{
	struct keyreeve_opcodes list;

	return keyreeve_list_opcodes(k, 1, &list);
}

static enum keyreeve_result keys(struct keyreeve *k)
{
	struct keyreeve_keys list;

	return keyreeve_list_keys(k, &list);
}

static enum keyreeve_result clients(struct keyreeve *k)
{
	struct keyreeve_clients list;

	return keyreeve_list_clients(k, &list);
}

static enum keyreeve_result create(struct keyreeve *k)
{
	return keyreeve_generate_key(k, "web", "ecc-p256", "ecdsa-sha-256", 0);
}

static enum keyreeve_result destroy(struct keyreeve *k)
{
	return keyreeve_destroy_key(k, "web");
}

static enum keyreeve_result delete_client(struct keyreeve *k)
{
	return keyreeve_delete_client(k, "app");
}

static enum keyreeve_result export_public(struct keyreeve *k)
{
	room_len = sizeof(room);
	return keyreeve_export_public_key(k, "web", room, &room_len);
}

static enum keyreeve_result sign_hash(struct keyreeve *k)
{
	room_len = sizeof(room);
	return keyreeve_sign_hash(k, "web", "ecdsa-sha-256", hash, sizeof(hash), room, &room_len);
}

static enum keyreeve_result sign_message(struct keyreeve *k)
{
	room_len = sizeof(room);
	return keyreeve_sign_message(k, "web", "ecdsa-sha-256", hash, sizeof(hash), room, &room_len);
}

static enum keyreeve_result verify_hash(struct keyreeve *k)
{
	return keyreeve_verify_hash(k, "web", "ecdsa-sha-256", hash, sizeof(hash), hash, sizeof(hash));
}

static enum keyreeve_result verify_message(struct keyreeve *k)
{
	return keyreeve_verify_message(k, "web", "ecdsa-sha-256", hash, sizeof(hash), hash, sizeof(hash));
}

static enum keyreeve_result random_bytes(struct keyreeve *k)
{
	return keyreeve_generate_random(k, room, 16);
}

/* has_identity: a token goes with it.  acts: once is not as good as twice. */
static const struct row {
	const char *name;
	enum keyreeve_result (*call)(struct keyreeve *k);
	bool has_identity, acts;
} rows[] = {
	{ "ping", ping, false, false },
	{ "list providers", providers, false, false },
	{ "list authenticators", authenticators, false, false },
	{ "list opcodes", opcodes, false, false },
	{ "random", random_bytes, false, false },
	{ "list keys", keys, true, false },
	{ "list clients", clients, true, false },
	{ "export public", export_public, true, false },
	{ "sign hash", sign_hash, true, false },
	{ "sign message", sign_message, true, false },
	{ "verify hash", verify_hash, true, false },
	{ "verify message", verify_message, true, false },
	{ "create", create, true, true },
	{ "destroy", destroy, true, true },
	{ "delete client", delete_client, true, true },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* ---- one answer, and whether it was asked again ------------------------------------------------------------ */

static int token_give(void *context, int again, char *buffer, size_t size, size_t *ret_len, char *reason)
{
	(void)context;
	(void)reason;
	*ret_len = (size_t)snprintf(buffer, size, again != 0 ? "token.two" : "token.one");
	return 0;
}

/* True when `first` was followed by a second request of this call; ret_flags of its error. */
static bool repeats(const struct row *row, enum keyreeve_auth auth, struct script_step first, unsigned *ret_flags)
{
	const uint16_t marker = first.status == 1132 ? 1133 : 1132;
	struct script_step steps[] = { first, { .status = marker } };
	struct keyreeve_options options = {
		.size = sizeof(options), .auth = auth, .token = token_give, .provider = 1, .deadline_ms = 4000
	};
	struct scripted server;
	struct keyreeve *k;
	bool repeated;

	scripted_start(&server, steps, 2);
	options.endpoint = server.path;
	assert_int_equal(keyreeve_open(&options, &k, NULL), KEYREEVE_OK);
	(void)row->call(k);
	repeated = keyreeve_last_error(k)->status == marker;
	*ret_flags = keyreeve_last_error(k)->flags;
	if (!repeated)
		assert_int_not_equal(ping(k), KEYREEVE_UNREACHABLE); /* the second answer is still to be had */
	keyreeve_close(k);
	scripted_stop(&server);
	assert_int_equal(server.seen_count, 2);
	assert_int_equal(server.seen[1].header.opcode == server.seen[0].header.opcode,
		repeated || server.seen[0].header.opcode == OPCODE_PING);
	return repeated;
}

static void expect(const struct row *row, enum keyreeve_auth auth, struct script_step first, bool want)
{
	unsigned flags;

	if (repeats(row, auth, first, &flags) != want)
		fail_msg("%s, status %u, act %d: %srepeated", row->name, first.status, first.act, want ? "not " : "");
}

static void exactly_busy_failed_workers_and_refused_tokens_are_repeated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		for (uint16_t status = 1; status <= LAST; status++) {
			bool want = status == BUSY || (status == WORKER_FAILED && !rows[i].acts);

			if (status_wire_name(status) == NULL)
				continue;
			expect(&rows[i], KEYREEVE_AUTH_UNIX_PEER, (struct script_step){ .status = status }, want);
			want = want || (status == NOT_AUTHENTICATED && rows[i].has_identity);
			if (status == NOT_AUTHENTICATED || status == BUSY)
				expect(&rows[i], KEYREEVE_AUTH_JWT_SVID, (struct script_step){ .status = status },
					want);
		}
}

static void an_end_before_the_answer_is_repeated_unless_it_may_have_happened(void **state)
{
	static const struct script_step ends[] = { { .act = SCRIPT_CLOSE }, { .act = SCRIPT_CUT, .cut = 20 } };

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		for (size_t end = 0; end < 2; end++)
			expect(&rows[i], KEYREEVE_AUTH_UNIX_PEER, ends[end], !rows[i].acts);
}

static void an_answer_that_is_none_is_never_repeated(void **state)
{
	static const struct script_step broken = { .act = SCRIPT_RAW,
		.body = BYTES_LITERAL("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") };

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		expect(&rows[i], KEYREEVE_AUTH_UNIX_PEER, broken, false);
}

static void what_may_have_happened_says_so_and_nothing_else_does(void **state)
{
	static const struct script_step doubtful[] = { { .act = SCRIPT_CLOSE }, { .status = WORKER_FAILED } };
	unsigned flags;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		for (size_t d = 0; d < 2 && rows[i].acts; d++) {
			assert_false(repeats(&rows[i], KEYREEVE_AUTH_UNIX_PEER, doubtful[d], &flags));
			assert_int_equal(flags, KEYREEVE_UNDECIDED);
		}
		assert_false(
			repeats(&rows[i], KEYREEVE_AUTH_UNIX_PEER, (struct script_step){ .status = 1133 }, &flags));
		assert_int_equal(flags, 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(exactly_busy_failed_workers_and_refused_tokens_are_repeated),
	cmocka_unit_test(an_end_before_the_answer_is_repeated_unless_it_may_have_happened),
	cmocka_unit_test(an_answer_that_is_none_is_never_repeated),
	cmocka_unit_test(what_may_have_happened_says_so_and_nothing_else_does),
};

UNIT_MAIN(tests)
