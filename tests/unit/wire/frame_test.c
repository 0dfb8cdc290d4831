/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames: the examples of the wire reference byte for byte, each check of stage A with its status and its place in
 * the order, cut and slow arrival.  Conformance checklist (section 22) rows 1 to 9, 12 to 15, 18. */
#include "tests/support/unit.h"

#include "wire/frame.h"
#include "wire/opcode.h"

/* Section 1: Ping without authentication, and its answer. */
static const uint8_t ping[FRAME_HEADER_BYTES] = { 0x10, 0xa7, 0xc0, 0x5e, 0x1e, 0x00, 0x01,
	0x00, [31] = 0x00, [28] = 0x01 };
static const uint8_t pong[FRAME_HEADER_BYTES + 2] = { 0x10, 0xa7, 0xc0, 0x5e, 0x1e, 0x00, 0x01,
	0x00, [22] = 0x02, [28] = 0x01, [36] = 0x08, [37] = 0x01 };

enum {
	AT_SIZE = 4,
	AT_MAJOR = 6,
	AT_MINOR = 7,
	AT_FLAGS = 8,
	AT_PROVIDER = 10,
	AT_SESSION = 11,
	AT_CONTENT = 19,
	AT_ACCEPT = 20,
	AT_AUTH = 21,
	AT_BODY_LEN = 22,
	AT_AUTH_LEN = 26,
	AT_OPCODE = 28,
	AT_STATUS = 32,
	AT_RESERVED = 34
};

static void example_ping_is_read(void **state)
{
	struct frame_header header;

	(void)state;
	assert_ok(frame_header_decode(bytes_of(ping, sizeof(ping)), &header));
	assert_ok(frame_check(&header, false));
	assert_int_equal(header.opcode, OPCODE_PING);
	assert_int_equal(header.body_len, 0);
	assert_int_equal(header.auth_len, 0);
	assert_int_equal(header.flags, 0);
}

static void example_request_and_answer_are_written(void **state)
{
	struct buf out = buf_make(100);
	struct frame_header header;

	(void)state;
	assert_ok(frame_request_put(
		&out, &(struct frame_header){ .opcode = OPCODE_PING }, (struct bytes){ 0 }, (struct bytes){ 0 }));
	assert_bytes(buf_bytes(&out), bytes_of(ping, sizeof(ping)));
	assert_ok(frame_header_decode(buf_bytes(&out), &header));
	buf_clear(&out);
	frame_response_put(&out, &header, 0, BYTES_LITERAL("\x08\x01"));
	assert_bytes(buf_bytes(&out), bytes_of(pong, sizeof(pong)));
	buf_done(&out);
}

static void every_field_survives_the_way(void **state)
{
	struct frame_header sent = { .flags = FRAME_KEEP,
		.provider = 3,
		.session = 0x1122334455667788,
		.auth_type = 4,
		.opcode = OPCODE_PSA_SIGN_HASH };
	struct buf out = buf_make(200);
	struct frame_header got;
	size_t len;

	(void)state;
	assert_ok(frame_request_put(&out, &sent, BYTES_LITERAL("body"), BYTES_LITERAL("authentication")));
	assert_ok(frame_header_decode(buf_bytes(&out), &got));
	assert_ok(frame_check(&got, false));
	assert_int_equal(got.flags, FRAME_KEEP);
	assert_int_equal(got.provider, 3);
	assert_true(got.session == 0x1122334455667788);
	assert_int_equal(got.auth_type, 4);
	assert_int_equal(got.body_len, 4);
	assert_int_equal(got.auth_len, 14);
	assert_int_equal(got.opcode, OPCODE_PSA_SIGN_HASH);
	assert_ok(frame_length(buf_bytes(&out), &len));
	assert_int_equal(len, out.len);
	assert_bytes(bytes_of(out.data + FRAME_HEADER_BYTES, 18), BYTES_LITERAL("bodyauthentication"));
	buf_done(&out);
}

/* ---- refusals -------------------------------------------------------------------------------------- */

struct edit {
	const char *what;
	size_t at;
	uint8_t bytes[4];
	size_t len;
	enum status_code want;
};

/* clang-format off */
static const struct edit decode_refusals[] = {
	{ "magic, one bit off",      0,               { 0x11 },          1, STATUS_FRAME_MAGIC },
	{ "magic, last byte",        3,               { 0x5f },          1, STATUS_FRAME_MAGIC },
	{ "header size 29",          AT_SIZE,         { 29, 0 },         2, STATUS_FRAME_HEADER_SIZE },
	{ "header size 31",          AT_SIZE,         { 31, 0 },         2, STATUS_FRAME_HEADER_SIZE },
	{ "header size 30 + 256",    AT_SIZE,         { 30, 1 },         2, STATUS_FRAME_HEADER_SIZE },
	{ "major 2",                 AT_MAJOR,        { 2 },             1, STATUS_FRAME_VERSION },
	{ "major 0",                 AT_MAJOR,        { 0 },             1, STATUS_FRAME_VERSION },
	{ "minor 1",                 AT_MINOR,        { 1 },             1, STATUS_FRAME_VERSION },
	{ "reserved 1",              AT_RESERVED,     { 1 },             1, STATUS_FRAME_RESERVED },
	{ "reserved 2",              AT_RESERVED + 1, { 0x80 },          1, STATUS_FRAME_RESERVED },
	{ "body 1 MiB and a byte",   AT_BODY_LEN,     { 1, 0, 0x10, 0 }, 4, STATUS_FRAME_BODY_LONG },
	{ "body 4 GiB",              AT_BODY_LEN,     { 255, 255, 255, 255 }, 4, STATUS_FRAME_BODY_LONG },
};
static const struct edit check_refusals[] = {
	{ "content type 1",          AT_CONTENT,      { 1 },             1, STATUS_FRAME_CONTENT_TYPE },
	{ "accept type 1",           AT_ACCEPT,       { 1 },             1, STATUS_FRAME_ACCEPT_TYPE },
	{ "both types",              AT_CONTENT,      { 1, 1 },          2, STATUS_FRAME_CONTENT_TYPE },
	{ "auth type 5",             AT_AUTH,         { 5 },             1, STATUS_FRAME_AUTH_TYPE },
	{ "auth type 255",           AT_AUTH,         { 255 },           1, STATUS_FRAME_AUTH_TYPE },
	{ "opcode 0",                AT_OPCODE,       { 0 },             1, STATUS_FRAME_OPCODE },
	{ "opcode 0x1d",             AT_OPCODE,       { 0x1d },          1, STATUS_FRAME_OPCODE },
	{ "opcode 0x21",             AT_OPCODE,       { 0x21 },          1, STATUS_FRAME_OPCODE },
	{ "opcode 1 + 2^24",         AT_OPCODE,       { 1, 0, 0, 1 },    4, STATUS_FRAME_OPCODE },
	{ "private opcode",          AT_OPCODE,       { 0, 0, 0x52, 0x4b }, 4, STATUS_FRAME_OPCODE },
	{ "provider 6",              AT_PROVIDER,     { 6 },             1, STATUS_FRAME_PROVIDER },
	{ "provider 255",            AT_PROVIDER,     { 255 },           1, STATUS_FRAME_PROVIDER },
};
static const struct edit accepted[] = {
	{ "flags",                   AT_FLAGS,        { 0xfe, 0xff },    2, STATUS_OK },
	{ "status",                  AT_STATUS,       { 0x39, 0x30 },    2, STATUS_OK },
	{ "body of 1 MiB",           AT_BODY_LEN,     { 0, 0, 0x10, 0 }, 4, STATUS_OK },
	{ "auth field of 65535",     AT_AUTH_LEN,     { 255, 255 },      2, STATUS_OK },
	{ "provider 5",              AT_PROVIDER,     { 5 },             1, STATUS_OK },
	{ "MAC opcode 0x16",         AT_OPCODE,       { 0x16 },          1, STATUS_OK },
	{ "opcode 0x20",             AT_OPCODE,       { 0x20 },          1, STATUS_OK },
};
/* clang-format on */
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct status run_edit(const struct edit *edit, struct frame_header *ret_header)
{
	uint8_t frame[FRAME_HEADER_BYTES + 300] = { 0 };

	memcpy(frame, ping, sizeof(ping));
	memcpy(frame + edit->at, edit->bytes, edit->len);
	return frame_header_decode(bytes_of(frame, sizeof(frame)), ret_header);
}

static void malformed_headers_are_refused(void **state)
{
	struct frame_header header;

	(void)state;
	for (size_t i = 0; i < COUNT(decode_refusals); i++) {
		header.opcode = 4711;
		print_message("%s\n", decode_refusals[i].what);
		assert_status(run_edit(&decode_refusals[i], &header), decode_refusals[i].want);
		assert_int_equal(header.opcode, 4711); /* written on success only */
	}
}

static void unknown_numbers_are_refused(void **state)
{
	struct frame_header header;

	(void)state;
	for (size_t i = 0; i < COUNT(check_refusals); i++) {
		print_message("%s\n", check_refusals[i].what);
		assert_ok(run_edit(&check_refusals[i], &header));
		assert_status(frame_check(&header, false), check_refusals[i].want);
	}
}

static void what_is_not_checked_passes(void **state)
{
	struct frame_header header;

	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		print_message("%s\n", accepted[i].what);
		assert_ok(run_edit(&accepted[i], &header));
		assert_ok(frame_check(&header, false));
	}
}

/* Everything wrong at once, then put right one by one: the refusals come in the order A1 to A5, A7 to A11. */
static void checks_come_in_their_order(void **state)
{
	static const size_t repairs[][2] = { { 0, 4 }, { AT_SIZE, 2 }, { AT_MAJOR, 2 }, { AT_RESERVED, 2 },
		{ AT_BODY_LEN, 4 }, { AT_CONTENT, 1 }, { AT_ACCEPT, 1 }, { AT_AUTH, 1 }, { AT_OPCODE, 4 },
		{ AT_PROVIDER, 1 } };
	static const enum status_code order[] = { STATUS_FRAME_MAGIC, STATUS_FRAME_HEADER_SIZE, STATUS_FRAME_VERSION,
		STATUS_FRAME_RESERVED, STATUS_FRAME_BODY_LONG, STATUS_FRAME_CONTENT_TYPE, STATUS_FRAME_ACCEPT_TYPE,
		STATUS_FRAME_AUTH_TYPE, STATUS_FRAME_OPCODE, STATUS_FRAME_PROVIDER, STATUS_OK };
	uint8_t frame[FRAME_HEADER_BYTES];

	(void)state;
	memset(frame, 0xff, sizeof(frame));
	for (size_t i = 0; i < COUNT(order); i++) {
		struct frame_header header;
		struct status st = frame_header_decode(bytes_of(frame, sizeof(frame)), &header);

		if (st.code == STATUS_OK)
			st = frame_check(&header, false);
		assert_status(st, order[i]);
		if (i < COUNT(repairs))
			memcpy(frame + repairs[i][0], ping + repairs[i][0], repairs[i][1]);
	}
}

static void refusals_have_the_wire_status_of_the_reference(void **state)
{
	static const struct {
		enum status_code code;
		uint16_t wire;
	} rows[] = { { STATUS_FRAME_MAGIC, 17 }, { STATUS_FRAME_HEADER_SIZE, 17 }, { STATUS_FRAME_VERSION, 4 },
		{ STATUS_FRAME_RESERVED, 17 }, { STATUS_FRAME_BODY_LONG, 20 }, { STATUS_FRAME_SHORT, 15 },
		{ STATUS_FRAME_TIMEOUT, 15 }, { STATUS_FRAME_CONTENT_TYPE, 2 }, { STATUS_FRAME_ACCEPT_TYPE, 3 },
		{ STATUS_FRAME_AUTH_TYPE, 12 }, { STATUS_FRAME_OPCODE, 9 }, { STATUS_FRAME_PROVIDER, 6 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(status_wire(rows[i].code), rows[i].wire);
}

/* ---- arrival --------------------------------------------------------------------------------------- */

static void header_cut_at_every_byte_is_short(void **state)
{
	struct frame_header header;

	(void)state;
	for (size_t len = 0; len < FRAME_HEADER_BYTES; len++)
		assert_fails(frame_header_decode(bytes_of(ping, len), &header), FRAME_SHORT);
}

static void wrong_magic_is_refused_after_four_bytes(void **state)
{
	static const uint8_t wrong[] = { 0x10, 0xa7, 0xc0, 0x5f };
	size_t len;

	(void)state;
	assert_ok(frame_magic_check(bytes_of(wrong, 0)));
	assert_ok(frame_magic_check(bytes_of(wrong, 3)));
	assert_fails(frame_magic_check(bytes_of(wrong, 4)), FRAME_MAGIC);
	assert_fails(frame_length(bytes_of(wrong, 4), &len), FRAME_MAGIC);
	assert_fails(frame_magic_check(BYTES_LITERAL("GET / HTTP/1.1")), FRAME_MAGIC);
}

/* One byte at a time: each answer of frame_length() is reached exactly, and the last is the frame's length. */
static void frame_arriving_byte_by_byte_is_complete_at_its_end(void **state)
{
	struct buf out = buf_make(200);
	size_t want = 0;

	(void)state;
	assert_ok(frame_request_put(&out, &(struct frame_header){ .opcode = OPCODE_PSA_DESTROY_KEY, .auth_type = 1 },
		BYTES_LITERAL("12345"), BYTES_LITERAL("app")));
	for (size_t have = 0; have < out.len; have++) {
		assert_ok(frame_length(bytes_of(out.data, have), &want));
		assert_true(want > have);
	}
	assert_int_equal(want, out.len);
	assert_ok(frame_length(buf_bytes(&out), &want));
	assert_int_equal(want, out.len);
	buf_put(&out, BYTES_LITERAL("the next frame"));
	assert_ok(frame_length(buf_bytes(&out), &want));
	assert_int_equal(want, FRAME_HEADER_BYTES + 8);
	buf_done(&out);
}

/* A2: "consumed, then refused", whatever size is announced. */
static void other_header_size_is_consumed_then_refused(void **state)
{
	static const uint16_t sizes[] = { 0, 1, 29, 31, 200, 65535 };
	uint8_t *frame = test_calloc(1, FRAME_SIZED_BYTES + 65535);

	(void)state;
	memcpy(frame, ping, sizeof(ping));
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t announced = FRAME_SIZED_BYTES + (size_t)sizes[i], len;

		frame[AT_SIZE] = (uint8_t)sizes[i];
		frame[AT_SIZE + 1] = (uint8_t)(sizes[i] >> 8);
		if (sizes[i] > 0) {
			assert_ok(frame_length(bytes_of(frame, announced - 1), &len));
			assert_int_equal(len, announced);
		}
		assert_fails(frame_length(bytes_of(frame, announced), &len), FRAME_HEADER_SIZE);
	}
	test_free(frame);
}

static void oversize_body_is_refused_without_its_bytes(void **state)
{
	uint8_t frame[FRAME_HEADER_BYTES];
	size_t len;

	(void)state;
	memcpy(frame, ping, sizeof(ping));
	frame[AT_BODY_LEN + 2] = 0x10;
	assert_ok(frame_length(bytes_of(frame, sizeof(frame)), &len));
	assert_int_equal(len, FRAME_HEADER_BYTES + FRAME_BODY_MAX);
	frame[AT_BODY_LEN] = 1;
	assert_fails(frame_length(bytes_of(frame, sizeof(frame)), &len), FRAME_BODY_LONG);
}

/* ---- responses ------------------------------------------------------------------------------------- */

static void stage_a_refusal_has_the_default_header(void **state)
{
	static const uint8_t want[FRAME_HEADER_BYTES] = { 0x10, 0xa7, 0xc0, 0x5e, 0x1e, 0x00, 0x01,
		0x00, [28] = 0x01, [32] = 17 };
	struct buf out = buf_make(100);

	(void)state;
	frame_response_put(&out, NULL, 17, BYTES_LITERAL("dropped"));
	assert_bytes(buf_bytes(&out), bytes_of(want, sizeof(want)));
	buf_done(&out);
}

static void answer_echoes_provider_session_opcode_and_nothing_else(void **state)
{
	struct frame_header request = { .flags = 0xffff,
		.provider = 2,
		.session = 0x1122334455667788,
		.auth_type = 3,
		.content_type = 0,
		.body_len = 77,
		.auth_len = 4,
		.opcode = OPCODE_PSA_DESTROY_KEY,
		.status = 99 };
	static const uint8_t want[FRAME_HEADER_BYTES] = { 0x10, 0xa7, 0xc0, 0x5e, 0x1e, 0, 1, 0, 1, 0, 2, 0x88, 0x77,
		0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0x74, 0x04, 0, 0 };
	struct buf out = buf_make(100);

	(void)state;
	frame_response_put(&out, &request, 1140, BYTES_LITERAL("dropped"));
	assert_bytes(buf_bytes(&out), bytes_of(want, sizeof(want)));
	buf_clear(&out);
	request.flags = 0xfffe; /* bit 0 is the only one that an answer may set */
	frame_response_put(&out, &request, 0, (struct bytes){ 0 });
	assert_int_equal(out.data[AT_FLAGS], 0);
	assert_int_equal(out.data[AT_FLAGS + 1], 0);
	buf_done(&out);
}

struct answer_case {
	const char *what;
	size_t at;
	uint8_t bytes[4];
	size_t len;
	bool is_good;
};

/* clang-format off */
static const struct answer_case answers[] = {
	{ "as it is",               AT_STATUS,       { 0, 0 },               2, true },
	{ "kept",                   AT_FLAGS,        { 1, 0 },               2, true },
	{ "magic",                  0,               { 0 },                  1, false },
	{ "header size",            AT_SIZE,         { 31 },                 1, false },
	{ "version",                AT_MINOR,        { 1 },                  1, false },
	{ "content type",           AT_CONTENT,      { 1 },                  1, false },
	{ "provider",               AT_PROVIDER,     { 6 },                  1, false },
	{ "another opcode",         AT_OPCODE,       { 5 },                  1, false },
	{ "unknown status",         AT_STATUS,       { 0x78, 0x04 },         2, false }, /* 1144 */
	{ "unknown status 23",      AT_STATUS,       { 23, 0 },              2, false },
	{ "auth length",            AT_AUTH_LEN,     { 1 },                  1, false },
	{ "body of 8 MiB",          AT_BODY_LEN,     { 0, 0, 0x80, 0 },      4, true },
	{ "body over 8 MiB",        AT_BODY_LEN,     { 1, 0, 0x80, 0 },      4, false },
};
/* clang-format on */

static void answers_are_believed_only_if_they_fit_the_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		uint8_t frame[FRAME_HEADER_BYTES];
		struct frame_header header;

		memcpy(frame, ping, sizeof(ping));
		frame[AT_OPCODE] = OPCODE_PSA_SIGN_HASH;
		memcpy(frame + answers[i].at, answers[i].bytes, answers[i].len);
		print_message("%s\n", answers[i].what);
		assert_status(frame_response_decode(bytes_of(frame, sizeof(frame)), OPCODE_PSA_SIGN_HASH, &header),
			answers[i].is_good ? STATUS_OK : STATUS_CLIENT_ANSWER);
	}
}

static void stage_a_answer_is_accepted_as_a_failure_only(void **state)
{
	uint8_t frame[FRAME_HEADER_BYTES];
	struct frame_header header;

	(void)state;
	memcpy(frame, ping, sizeof(ping));
	assert_fails(
		frame_response_decode(bytes_of(frame, sizeof(frame)), OPCODE_PSA_SIGN_HASH, &header), CLIENT_ANSWER);
	frame[AT_STATUS] = 17;
	assert_ok(frame_response_decode(bytes_of(frame, sizeof(frame)), OPCODE_PSA_SIGN_HASH, &header));
	assert_int_equal(header.status, 17);
	frame[AT_BODY_LEN] = 1; /* "any response whose status is not 0 has an empty body" */
	assert_fails(
		frame_response_decode(bytes_of(frame, sizeof(frame)), OPCODE_PSA_SIGN_HASH, &header), CLIENT_ANSWER);
	for (size_t len = 0; len < sizeof(frame); len++)
		assert_fails(frame_response_decode(bytes_of(frame, len), OPCODE_PING, &header), FRAME_SHORT);
}

static void request_over_the_limits_is_not_written(void **state)
{
	struct buf out = buf_make(4 * FRAME_BODY_MAX);
	struct frame_header header = { .opcode = OPCODE_PSA_SIGN_MESSAGE };
	uint8_t *much = test_calloc(1, FRAME_BODY_MAX + 1);

	(void)state;
	assert_ok(frame_request_put(&out, &header, bytes_of(much, FRAME_BODY_MAX), bytes_of(much, FRAME_AUTH_MAX)));
	buf_clear(&out);
	assert_fails(frame_request_put(&out, &header, bytes_of(much, FRAME_BODY_MAX + 1), (struct bytes){ 0 }),
		CLIENT_ARGUMENT);
	assert_fails(frame_request_put(&out, &header, (struct bytes){ 0 }, bytes_of(much, FRAME_AUTH_MAX + 1)),
		CLIENT_ARGUMENT);
	assert_int_equal(out.len, 0);
	test_free(much);
	buf_done(&out);
}

/* ---- numbers --------------------------------------------------------------------------------------- */

static void opcode_table_is_the_reference(void **state)
{
	static const uint32_t core[] = { 1, 8, 9, 14, 26, 27, 28 };
	size_t known = 0, found = 0;

	(void)state;
	for (uint32_t opcode = 0; opcode < 300; opcode++) {
		known += opcode_is_known(opcode);
		assert_int_equal(opcode_is_known(opcode), opcode_name(opcode) != NULL);
		if (!opcode_is_core(opcode))
			continue;
		assert_true(found < COUNT(core));
		assert_int_equal(opcode, core[found++]);
	}
	assert_int_equal(known, 31);
	assert_int_equal(found, COUNT(core));
	assert_string_equal(opcode_name(0x19), "PsaVerifyMessage");
}

/* Numbers of our own: core, named, unknown to the protocol, and refused as such but on an admin listener. */
static void private_opcodes_are_known_to_admin_listeners_only(void **state)
{
	size_t found = 0;

	(void)state;
	for (uint32_t opcode = 0x4b51ff00; opcode < 0x4b520200; opcode++) {
		struct frame_header header = { .opcode = opcode };

		assert_false(opcode_is_known(opcode));
		assert_int_equal(opcode_is_core(opcode), opcode_is_private(opcode));
		assert_int_equal(opcode_name(opcode) != NULL, opcode_is_private(opcode));
		assert_status(frame_check(&header, false), STATUS_FRAME_OPCODE);
		assert_status(frame_check(&header, true), opcode_is_private(opcode) ? STATUS_OK : STATUS_FRAME_OPCODE);
		found += opcode_is_private(opcode);
	}
	assert_true(found > 0 && !opcode_is_private(OPCODE_PING));
	assert_string_equal(opcode_name(0x4b520001), "AdminStatus");
}

static void providers_have_their_uuids(void **state)
{
	uint8_t id;

	(void)state;
	assert_string_equal(provider_row(0)->uuid, "47049873-2a43-4845-9d72-831eab668784");
	assert_string_equal(provider_row(1)->uuid, "1c1139dc-ad7c-47dc-ad6b-db6fdb466552");
	assert_string_equal(provider_row(2)->uuid, "30e39502-eba6-4d60-a4af-c518b7f5e38f");
	assert_string_equal(provider_row(3)->uuid, "1e4954a4-ff21-46d3-ab0c-661eeb667e1d");
	assert_null(provider_row(PROVIDER_ID_COUNT));
	assert_null(auth_row(AUTH_TYPE_COUNT));
	assert_true(provider_from_text("tpm", &id) && id == PROVIDER_ID_TPM);
	assert_true(provider_from_text("2", &id) && id == PROVIDER_ID_PKCS11);
	assert_false(provider_from_text("6", &id));
	assert_false(provider_from_text("", &id));
	assert_false(provider_from_text("tpm ", &id));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(example_ping_is_read),
	cmocka_unit_test(example_request_and_answer_are_written),
	cmocka_unit_test(every_field_survives_the_way),
	cmocka_unit_test(malformed_headers_are_refused),
	cmocka_unit_test(unknown_numbers_are_refused),
	cmocka_unit_test(what_is_not_checked_passes),
	cmocka_unit_test(checks_come_in_their_order),
	cmocka_unit_test(refusals_have_the_wire_status_of_the_reference),
	cmocka_unit_test(header_cut_at_every_byte_is_short),
	cmocka_unit_test(wrong_magic_is_refused_after_four_bytes),
	cmocka_unit_test(frame_arriving_byte_by_byte_is_complete_at_its_end),
	cmocka_unit_test(other_header_size_is_consumed_then_refused),
	cmocka_unit_test(oversize_body_is_refused_without_its_bytes),
	cmocka_unit_test(stage_a_refusal_has_the_default_header),
	cmocka_unit_test(answer_echoes_provider_session_opcode_and_nothing_else),
	cmocka_unit_test(answers_are_believed_only_if_they_fit_the_request),
	cmocka_unit_test(stage_a_answer_is_accepted_as_a_failure_only),
	cmocka_unit_test(request_over_the_limits_is_not_written),
	cmocka_unit_test(opcode_table_is_the_reference),
	cmocka_unit_test(private_opcodes_are_known_to_admin_listeners_only),
	cmocka_unit_test(providers_have_their_uuids),
};

UNIT_MAIN(tests)
