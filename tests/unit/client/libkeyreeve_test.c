/* SPDX-License-Identifier: Apache-2.0
 *
 * libkeyreeve against a scripted service: what it sends, what it believes, what it repeats and what it never does. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/keyreeve.h"
#include "tests/support/scripted.h"
#include "wire/opcode.h"
#include "wire/psa_pb.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PONG BYTES_LITERAL("\x08\x01")
#define SIGNED                   \
	BYTES_LITERAL("\x0a\x04" \
		      "abcd")
#define SCRIPT(...)                                                \
	static const struct script_step steps[] = { __VA_ARGS__ }; \
	struct scripted server;                                    \
	struct keyreeve *k;                                        \
	(void)state;                                               \
	scripted_start(&server, steps, COUNT(steps));              \
	k = handle(&server, NULL)
#define END                             \
	do {                            \
		keyreeve_close(k);      \
		scripted_stop(&server); \
	} while (0)

static struct keyreeve *handle(const struct scripted *server, const struct keyreeve_options *with)
{
	struct keyreeve_options options = { .auth = KEYREEVE_AUTH_UNIX_PEER, .provider = 1, .deadline_ms = 4000 };
	struct keyreeve_error error;
	struct keyreeve *k = NULL;

	if (with != NULL)
		options = *with;
	options.size = sizeof(options);
	options.endpoint = server->path;
	assert_int_equal(keyreeve_open(&options, &k, &error), KEYREEVE_OK);
	return k;
}

static enum keyreeve_result sign(struct keyreeve *k)
{
	uint8_t signature[KEYREEVE_SIGNATURE_MAX];
	size_t len = sizeof(signature);
	static const uint8_t hash[32];
	enum keyreeve_result result = keyreeve_sign_hash(k, "web", "ecdsa-sha-256", hash, 32, signature, &len);

	if (result == KEYREEVE_OK)
		assert_bytes(bytes_of(signature, len), BYTES_LITERAL("abcd"));
	return result;
}

static enum keyreeve_result create(struct keyreeve *k)
{
	return keyreeve_generate_key(k, "web", "ecc-p256", "ecdsa-sha-256", 0);
}

/* ---- what is sent -------------------------------------------------------------------------------------- */

static void peer_identity_and_kept_connection_are_asked_for(void **state)
{
	SCRIPT({ .body = SIGNED, .keep = true }, { .body = SIGNED, .keep = true }, { .body = SIGNED });
	struct reader uid;

	for (int i = 0; i < 3; i++)
		assert_int_equal(sign(k), KEYREEVE_OK);
	END;
	assert_int_equal(server.seen_count, 3);
	assert_int_equal(server.connections, 1);
	assert_int_equal(server.seen[2].header.flags, FRAME_KEEP);
	assert_int_equal(server.seen[2].header.auth_type, AUTH_TYPE_UNIX_PEER);
	assert_int_equal(server.seen[2].header.auth_len, 4);
	uid = reader_of(bytes_of(server.seen[2].auth, 4));
	assert_int_equal(reader_u32(&uid), geteuid());
	assert_int_equal(server.seen[2].header.provider, 1);
	assert_int_equal(server.seen[2].header.opcode, OPCODE_PSA_SIGN_HASH);
}

static void connection_that_is_not_kept_is_opened_anew(void **state)
{
	SCRIPT({ .body = SIGNED }, { .body = SIGNED });

	assert_int_equal(sign(k), KEYREEVE_OK);
	assert_int_equal(sign(k), KEYREEVE_OK);
	END;
	assert_int_equal(server.connections, 2);
}

static void lists_and_ping_show_no_identity(void **state)
{
	SCRIPT({ .body = PONG });
	unsigned major = 9, minor = 9;

	assert_int_equal(keyreeve_ping(k, &major, &minor), KEYREEVE_OK);
	assert_int_equal(major, 1);
	assert_int_equal(minor, 0);
	END;
	assert_int_equal(server.seen[0].header.auth_type, AUTH_TYPE_NONE);
	assert_int_equal(server.seen[0].header.auth_len, 0);
}

static void first_listed_provider_is_the_default_and_asked_once(void **state)
{
	static const uint8_t listed[] = { 0x0a, 2, 0x38, 3, 0x0a, 2, 0x38, 1, 0x0a, 0 };
	static struct script_step steps[] = { { .keep = true }, { .body = SIGNED, .keep = true }, { .body = SIGNED } };
	struct keyreeve_options options = { .auth = KEYREEVE_AUTH_DIRECT, .direct_name = "app" };
	struct scripted server;
	struct keyreeve *k;

	(void)state;
	steps[0].body = bytes_of(listed, sizeof(listed));
	scripted_start(&server, steps, COUNT(steps));
	k = handle(&server, &options);
	assert_int_equal(sign(k), KEYREEVE_OK);
	assert_int_equal(sign(k), KEYREEVE_OK);
	END;
	assert_int_equal(server.seen_count, 3);
	assert_int_equal(server.seen[0].header.opcode, OPCODE_LIST_PROVIDERS);
	assert_int_equal(server.seen[1].header.provider, PROVIDER_ID_TPM);
	assert_int_equal(server.seen[2].header.provider, PROVIDER_ID_TPM);
	assert_memory_equal(server.seen[2].auth, "app", 3);
}

/* ---- tokens ---------------------------------------------------------------------------------------------- */

struct tokens {
	unsigned calls, again;
	bool none;
};

static int token_give(void *context, int again, char *buffer, size_t size, size_t *ret_len, char *reason)
{
	struct tokens *tokens = context;

	tokens->calls++;
	tokens->again += again != 0;
	if (tokens->none) {
		(void)snprintf(reason, KEYREEVE_TEXT_BYTES, "the agent is away");
		return -1;
	}
	*ret_len = (size_t)snprintf(buffer, size, again != 0 ? "token.two" : "token.one");
	return 0;
}

static void refused_token_is_fetched_anew_once(void **state)
{
	struct tokens tokens = { .none = false };
	struct keyreeve_options options = {
		.auth = KEYREEVE_AUTH_JWT_SVID, .token = token_give, .token_context = &tokens, .provider = 1
	};
	static const struct script_step steps[] = { { .status = 11 }, { .body = SIGNED }, { .status = 11 },
		{ .status = 11 } };
	struct scripted server;
	struct keyreeve *k;

	(void)state;
	scripted_start(&server, steps, COUNT(steps));
	k = handle(&server, &options);
	assert_int_equal(sign(k), KEYREEVE_OK);
	assert_int_equal(tokens.calls, 2);
	assert_int_equal(tokens.again, 1);
	assert_int_equal(sign(k), KEYREEVE_REFUSED);
	assert_int_equal(tokens.calls, 4);
	assert_int_equal(keyreeve_last_error(k)->status, 11);
	END;
	assert_int_equal(server.seen_count, 4);
	assert_memory_equal(server.seen[0].auth, "token.one", 9);
	assert_memory_equal(server.seen[1].auth, "token.two", 9);
	assert_int_equal(server.seen[1].header.auth_type, AUTH_TYPE_JWT_SVID);
}

static void missing_token_sends_nothing(void **state)
{
	struct tokens tokens = { .none = true };
	struct keyreeve_options options = {
		.auth = KEYREEVE_AUTH_JWT_SVID, .token = token_give, .token_context = &tokens, .provider = 1
	};
	struct scripted server;
	struct keyreeve *k;

	(void)state;
	scripted_start(&server, NULL, 0);
	k = handle(&server, &options);
	assert_int_equal(sign(k), KEYREEVE_NO_TOKEN);
	assert_string_equal(keyreeve_last_error(k)->text, "no token: the agent is away");
	END;
	assert_int_equal(server.connections, 0);
}

/* ---- what is repeated, and what is not ------------------------------------------------------------------- */

static void busy_is_repeated_for_every_operation(void **state)
{
	SCRIPT({ .status = 1141 }, { .status = 1141 }, { .body = SIGNED }, { .status = 1141 }, { .status = 0 });

	assert_int_equal(sign(k), KEYREEVE_OK);
	assert_int_equal(create(k), KEYREEVE_OK);
	END;
	assert_int_equal(server.seen_count, 5);
}

static void busy_ends_with_the_deadline(void **state)
{
	static const struct script_step steps[] = { { .status = 1141, .keep = true }, { .status = 1141, .keep = true },
		{ .status = 1141, .keep = true }, { .status = 1141, .keep = true }, { .status = 1141, .keep = true },
		{ .status = 1141, .keep = true } };
	struct keyreeve_options options = { .auth = KEYREEVE_AUTH_UNIX_PEER, .provider = 1, .deadline_ms = 250 };
	struct scripted server;
	struct keyreeve *k;
	uint64_t start = clock_mono_us();

	(void)state;
	scripted_start(&server, steps, COUNT(steps));
	k = handle(&server, &options);
	assert_int_equal(sign(k), KEYREEVE_REFUSED);
	assert_true(clock_mono_us() - start < 1000 * US_PER_MS);
	assert_int_equal(keyreeve_last_error(k)->status, 1141);
	assert_int_equal(keyreeve_last_error(k)->flags, KEYREEVE_BUSY);
	for (size_t left = 0; left < COUNT(steps); left++) /* let the service end */
		if (sign(k) == KEYREEVE_UNREACHABLE)
			break;
	END;
	assert_true(server.seen_count >= 3);
}

static void closed_connection_is_repeated_once_for_a_signature(void **state)
{
	SCRIPT({ .act = SCRIPT_CLOSE }, { .body = SIGNED }, { .act = SCRIPT_CLOSE }, { .act = SCRIPT_CLOSE });

	assert_int_equal(sign(k), KEYREEVE_OK);
	assert_int_equal(sign(k), KEYREEVE_UNREACHABLE);
	assert_int_equal(keyreeve_last_error(k)->flags, 0);
	END;
	assert_int_equal(server.seen_count, 4);
}

static void create_destroy_and_deletion_are_never_repeated(void **state)
{
	SCRIPT({ .act = SCRIPT_CLOSE }, { .act = SCRIPT_CLOSE }, { .act = SCRIPT_CLOSE }, { .status = 1145 },
		{ .act = SCRIPT_CUT, .cut = 20 });

	assert_int_equal(create(k), KEYREEVE_UNREACHABLE);
	assert_int_equal(keyreeve_last_error(k)->flags, KEYREEVE_UNDECIDED);
	assert_int_equal(keyreeve_destroy_key(k, "web"), KEYREEVE_UNREACHABLE);
	assert_int_equal(keyreeve_last_error(k)->flags, KEYREEVE_UNDECIDED);
	assert_int_equal(keyreeve_delete_client(k, "app"), KEYREEVE_UNREACHABLE);
	assert_int_equal(keyreeve_last_error(k)->flags, KEYREEVE_UNDECIDED);
	assert_int_equal(create(k), KEYREEVE_FAILED);
	assert_int_equal(keyreeve_last_error(k)->flags, KEYREEVE_UNDECIDED);
	assert_int_equal(create(k), KEYREEVE_UNREACHABLE);
	assert_int_equal(keyreeve_last_error(k)->flags, KEYREEVE_UNDECIDED);
	END;
	assert_int_equal(server.seen_count, 5);
}

static void create_uses_a_connection_of_its_own(void **state)
{
	SCRIPT({ .body = SIGNED, .keep = true }, { .status = 0, .keep = true }, { .body = SIGNED });

	assert_int_equal(sign(k), KEYREEVE_OK);
	assert_int_equal(create(k), KEYREEVE_OK);
	assert_int_equal(sign(k), KEYREEVE_OK);
	END;
	assert_int_equal(server.connections, 2);
	assert_int_equal(server.seen[1].connection, 2);
	assert_int_equal(server.seen[2].connection, 2);
}

static void failed_worker_is_repeated_once_for_a_signature(void **state)
{
	SCRIPT({ .status = 1145 }, { .body = SIGNED }, { .status = 1145 }, { .status = 1145 });

	assert_int_equal(sign(k), KEYREEVE_OK);
	assert_int_equal(sign(k), KEYREEVE_FAILED);
	END;
	assert_int_equal(server.seen_count, 4);
}

static void definite_refusals_are_not_repeated(void **state)
{
	SCRIPT({ .status = 1133 }, { .status = 1140 }, { .status = 11 }, { .status = 1147 },
		{ .status = 17, .opcode = 1 });

	assert_int_equal(sign(k), KEYREEVE_REFUSED);
	assert_int_equal(sign(k), KEYREEVE_KEY);
	assert_int_equal(sign(k), KEYREEVE_REFUSED);
	assert_int_equal(sign(k), KEYREEVE_FAILED);
	assert_int_equal(sign(k), KEYREEVE_UNREACHABLE);
	assert_int_equal(keyreeve_last_error(k)->status, 17);
	END;
	assert_int_equal(server.seen_count, 5);
}

/* ---- what is believed ------------------------------------------------------------------------------------ */

static void malformed_answers_are_refused(void **state)
{
	SCRIPT({ .act = SCRIPT_RAW, .body = BYTES_LITERAL("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") },
		{ .body = BYTES_LITERAL("\xff") }, { .body = BYTES_LITERAL("\x08\x01") },
		{ .body = SIGNED, .opcode = 5 }, { .status = 1144 });

	for (size_t i = 0; i < COUNT(steps); i++) {
		assert_int_equal(sign(k), KEYREEVE_UNREACHABLE);
		assert_int_equal(keyreeve_last_error(k)->status, 0);
	}
	END;
	assert_int_equal(server.seen_count, COUNT(steps));
}

/* A signature's answer cut at every byte, twice, since the first time is repeated. */
static void answers_cut_at_every_byte_are_refused(void **state)
{
	enum { LEN = FRAME_HEADER_BYTES + 6 };
	struct script_step steps[2 * LEN];
	struct scripted server;
	struct keyreeve *k;

	(void)state;
	for (size_t i = 0; i < 2 * LEN; i++)
		steps[i] = (struct script_step){ .act = SCRIPT_CUT, .body = SIGNED, .cut = i / 2 };
	scripted_start(&server, steps, COUNT(steps));
	k = handle(&server, NULL);
	for (size_t i = 0; i < LEN; i++)
		assert_int_equal(sign(k), KEYREEVE_UNREACHABLE);
	END;
	assert_int_equal(server.seen_count, 2 * LEN);
}

static void answer_longer_than_the_room_is_refused(void **state)
{
	SCRIPT({ .body = SIGNED });
	uint8_t small[3] = { 7, 7, 7 };
	size_t len = sizeof(small);

	assert_int_equal(keyreeve_export_public_key(k, "web", small, &len), KEYREEVE_INVALID);
	assert_int_equal(len, sizeof(small));
	assert_int_equal(small[0], 7);
	END;
}

static void fewer_random_bytes_than_asked_are_refused(void **state)
{
	SCRIPT({ .body = SIGNED }, { .body = SIGNED });
	uint8_t data[5];

	assert_int_equal(keyreeve_generate_random(k, data, 4), KEYREEVE_OK);
	assert_memory_equal(data, "abcd", 4);
	assert_int_equal(keyreeve_generate_random(k, data, 5), KEYREEVE_UNREACHABLE);
	END;
}

static void silence_ends_at_the_deadline(void **state)
{
	static const struct script_step steps[] = { { .act = SCRIPT_SILENT } };
	struct keyreeve_options options = { .auth = KEYREEVE_AUTH_UNIX_PEER, .provider = 1, .deadline_ms = 100 };
	uint64_t start = clock_mono_us();
	struct scripted server;
	struct keyreeve *k;

	(void)state;
	scripted_start(&server, steps, COUNT(steps));
	k = handle(&server, &options);
	assert_int_equal(sign(k), KEYREEVE_UNREACHABLE);
	assert_true(clock_mono_us() - start >= 95 * US_PER_MS);
	assert_true(clock_mono_us() - start < 2000 * US_PER_MS);
	assert_non_null(strstr(keyreeve_last_error(k)->text, "no answer in time"));
	END;
}

static void missing_service_is_told_with_its_path(void **state)
{
	struct keyreeve_options options = { .size = sizeof(options), .endpoint = "unix:/nowhere/at/all.sock" };
	struct keyreeve *k;
	unsigned version;

	(void)state;
	assert_int_equal(keyreeve_open(&options, &k, NULL), KEYREEVE_OK);
	assert_int_equal(keyreeve_ping(k, &version, &version), KEYREEVE_UNREACHABLE);
	assert_int_equal(keyreeve_last_error(k)->os_error, 2);
	assert_non_null(strstr(keyreeve_last_error(k)->text, "/nowhere/at/all.sock"));
	assert_non_null(strstr(keyreeve_last_error(k)->hint, "PARSEC_SERVICE_ENDPOINT"));
	keyreeve_close(k);
}

static void socket_of_another_user_is_refused_before_anything_is_sent(void **state)
{
	static const struct script_step steps[] = { { .act = SCRIPT_REFUSE }, { .body = PONG } };
	struct keyreeve_options options = { .check_server = 1, .server_uid = geteuid() + 1 };
	struct scripted server;
	struct keyreeve *k;
	unsigned version;

	(void)state;
	scripted_start(&server, steps, COUNT(steps));
	k = handle(&server, &options);
	assert_int_equal(keyreeve_ping(k, &version, &version), KEYREEVE_UNREACHABLE);
	assert_non_null(strstr(keyreeve_last_error(k)->text, "was opened by uid"));
	keyreeve_close(k);
	options.server_uid = geteuid();
	k = handle(&server, &options);
	assert_int_equal(keyreeve_ping(k, &version, &version), KEYREEVE_OK);
	END;
	assert_int_equal(server.seen_count, 1);
}

/* ---- lists ------------------------------------------------------------------------------------------------ */

static void keys_are_listed_with_names_of_types_and_algorithms(void **state)
{
	static struct script_step steps[1];
	struct psa_key_attributes ecc = { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1,
		PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE, 384, { PSA_ALG_ECDSA, PSA_HASH_ANY, 0, 0, 0 } },
				  odd = ecc;
	struct buf body = buf_make(1000);
	struct keyreeve_keys list;
	struct scripted server;
	struct keyreeve *k;

	(void)state;
	odd.bits = 111;
	assert_ok(wire_key_info_put(&body, PROVIDER_ID_PKCS11, BYTES_LITERAL("web"), &ecc));
	assert_ok(wire_key_info_put(&body, PROVIDER_ID_TPM, BYTES_LITERAL("a\x1b[31m"), &odd));
	steps[0] = (struct script_step){ .body = buf_bytes(&body) };
	scripted_start(&server, steps, COUNT(steps));
	k = handle(&server, NULL);
	assert_int_equal(keyreeve_list_keys(k, &list), KEYREEVE_OK);
	END;
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0].name, "web");
	assert_string_equal(list.items[0].type, "ecc-p384");
	assert_string_equal(list.items[0].alg, "ecdsa-any");
	assert_int_equal(list.items[0].provider, PROVIDER_ID_PKCS11);
	assert_int_equal(list.items[0].usage, KEYREEVE_USAGE_SIGN_HASH | KEYREEVE_USAGE_SIGN_MESSAGE);
	assert_string_equal(list.items[1].type, "other");
	assert_string_equal(list.items[1].name, "a?[31m"); /* a terminal would obey it */
	keyreeve_keys_free(&list);
	keyreeve_keys_free(&list);
	buf_done(&body);
}

static void clients_and_opcodes_are_listed(void **state)
{
	SCRIPT({ .body = BYTES_LITERAL("\x0a\x03"
				       "app\x0a\x00") },
		{ .body = BYTES_LITERAL("\x0a\x02\x01\x1a") });
	struct keyreeve_clients clients;
	struct keyreeve_opcodes opcodes;

	assert_int_equal(keyreeve_list_clients(k, &clients), KEYREEVE_OK);
	assert_int_equal(clients.count, 2);
	assert_string_equal(clients.items[0].name, "app");
	keyreeve_clients_free(&clients);
	assert_int_equal(keyreeve_list_opcodes(k, 0, &opcodes), KEYREEVE_OK);
	assert_int_equal(opcodes.count, 2);
	assert_string_equal(keyreeve_opcode_name(opcodes.items[1]), "ListKeys");
	keyreeve_opcodes_free(&opcodes);
	END;
}

/* ---- arguments and classes -------------------------------------------------------------------------------- */

static void options_are_checked(void **state)
{
	const struct keyreeve_options good = { .size = sizeof(good), .endpoint = "/s" };
	struct keyreeve_options rows[9];
	char longest[200];
	struct keyreeve_error error;
	struct keyreeve *k;

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < COUNT(rows); i++)
		rows[i] = good;
	rows[0].size = 1;
	rows[1].auth = KEYREEVE_AUTH_JWT_SVID;
	rows[2].auth = KEYREEVE_AUTH_DIRECT;
	rows[3].auth = (enum keyreeve_auth)5;
	rows[4].provider = 6;
	rows[5].deadline_ms = -1;
	rows[6].endpoint = "relative/path";
	rows[7].endpoint = "tcp://127.0.0.1:1";
	rows[8].endpoint = longest;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(keyreeve_open(&rows[i], &k, &error), KEYREEVE_INVALID);
		assert_true(error.text[0] != '\0');
	}
	assert_int_equal(keyreeve_open(&good, &k, &error), KEYREEVE_OK);
	keyreeve_close(k);
	keyreeve_close(NULL);
}

static void bad_arguments_are_refused_without_a_connection(void **state)
{
	struct keyreeve_options options = { .size = sizeof(options), .endpoint = "/nowhere", .provider = 1 };
	uint8_t data[8], *much = test_calloc(1, KEYREEVE_MESSAGE_MAX + 1);
	char longest[KEYREEVE_NAME_MAX + 2];
	size_t len = sizeof(data);
	struct keyreeve *k;

	(void)state;
	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(keyreeve_open(&options, &k, NULL), KEYREEVE_OK);
	assert_int_equal(keyreeve_generate_key(k, "web", "ecc-p257", "ecdsa-any", 0), KEYREEVE_INVALID);
	assert_int_equal(keyreeve_generate_key(k, "web", "ecc-p256", "ecdsa", 0), KEYREEVE_INVALID);
	assert_int_equal(keyreeve_generate_key(k, "web", "ecc-p256", "ecdsa-any", 1u << 10), KEYREEVE_INVALID);
	assert_int_equal(keyreeve_generate_key(k, "a\nb", "ecc-p256", "ecdsa-any", 0), KEYREEVE_INVALID);
	assert_int_equal(keyreeve_generate_key(k, longest, "ecc-p256", "ecdsa-any", 0), KEYREEVE_INVALID);
	assert_int_equal(keyreeve_destroy_key(k, longest), KEYREEVE_INVALID);
	assert_int_equal(keyreeve_sign_hash(k, "web", "ecdsa-any", data, 8, data, &len), KEYREEVE_INVALID);
	assert_int_equal(keyreeve_sign_hash(k, "web", "none", data, 8, data, &len), KEYREEVE_INVALID);
	assert_int_equal(keyreeve_sign_message(k, "web", "ecdsa-sha-256", much, KEYREEVE_MESSAGE_MAX + 1, data, &len),
		KEYREEVE_INVALID);
	assert_int_equal(keyreeve_generate_random(k, data, KEYREEVE_RANDOM_MAX + 1), KEYREEVE_INVALID);
	assert_int_equal(keyreeve_verify_hash(k, "web", "ecdsa-sha-256", data, 8, data, 8), KEYREEVE_UNREACHABLE);
	keyreeve_close(k);
	test_free(much);
}

static void every_status_has_its_class_and_text(void **state)
{
	static const struct {
		unsigned status;
		enum keyreeve_result want;
	} rows[] = { { 0, 0 }, { 1, 2 }, { 2, 2 }, { 3, 2 }, { 4, 2 }, { 5, 4 }, { 6, 4 }, { 7, 2 }, { 8, 6 }, { 9, 4 },
		{ 10, 1 }, { 11, 4 }, { 12, 4 }, { 13, 4 }, { 14, 6 }, { 15, 2 }, { 16, 1 }, { 17, 2 }, { 18, 2 },
		{ 19, 4 }, { 20, 1 }, { 21, 4 }, { 22, 4 }, { 1132, 6 }, { 1133, 4 }, { 1134, 4 }, { 1135, 1 },
		{ 1136, 6 }, { 1137, 6 }, { 1138, 6 }, { 1139, 5 }, { 1140, 5 }, { 1141, 4 }, { 1142, 6 }, { 1143, 6 },
		{ 1145, 6 }, { 1146, 6 }, { 1147, 6 }, { 1148, 6 }, { 1149, 7 }, { 1150, 6 }, { 1151, 6 }, { 1152, 6 },
		{ 1153, 6 } };
	size_t known = 0;

	(void)state;
	for (unsigned status = 0; status < 2000; status++)
		known += status_wire_name((uint16_t)status) != NULL;
	assert_int_equal(known, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(keyreeve_status_result(rows[i].status), rows[i].want);
		assert_true(strlen(keyreeve_status_text(rows[i].status)) > 0);
		assert_true(strlen(keyreeve_status_hint(rows[i].status)) < KEYREEVE_TEXT_BYTES);
	}
	assert_int_equal(keyreeve_status_result(1144), KEYREEVE_UNREACHABLE);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(peer_identity_and_kept_connection_are_asked_for),
	cmocka_unit_test(connection_that_is_not_kept_is_opened_anew),
	cmocka_unit_test(lists_and_ping_show_no_identity),
	cmocka_unit_test(first_listed_provider_is_the_default_and_asked_once),
	cmocka_unit_test(refused_token_is_fetched_anew_once),
	cmocka_unit_test(missing_token_sends_nothing),
	cmocka_unit_test(busy_is_repeated_for_every_operation),
	cmocka_unit_test(busy_ends_with_the_deadline),
	cmocka_unit_test(closed_connection_is_repeated_once_for_a_signature),
	cmocka_unit_test(create_destroy_and_deletion_are_never_repeated),
	cmocka_unit_test(create_uses_a_connection_of_its_own),
	cmocka_unit_test(failed_worker_is_repeated_once_for_a_signature),
	cmocka_unit_test(definite_refusals_are_not_repeated),
	cmocka_unit_test(malformed_answers_are_refused),
	cmocka_unit_test(answers_cut_at_every_byte_are_refused),
	cmocka_unit_test(answer_longer_than_the_room_is_refused),
	cmocka_unit_test(fewer_random_bytes_than_asked_are_refused),
	cmocka_unit_test(silence_ends_at_the_deadline),
	cmocka_unit_test(missing_service_is_told_with_its_path),
	cmocka_unit_test(socket_of_another_user_is_refused_before_anything_is_sent),
	cmocka_unit_test(keys_are_listed_with_names_of_types_and_algorithms),
	cmocka_unit_test(clients_and_opcodes_are_listed),
	cmocka_unit_test(options_are_checked),
	cmocka_unit_test(bad_arguments_are_refused_without_a_connection),
	cmocka_unit_test(every_status_has_its_class_and_text),
};

UNIT_MAIN(tests)
