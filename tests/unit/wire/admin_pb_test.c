/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of administrators' operations: read as written, refused where a request says more than we know, cut at every
 * byte, and never dearer than their budget. */
#include "tests/support/unit.h"

#include "wire/admin_pb.h"

/* Field 200, a number: nobody has it. */
static const uint8_t unknown_field[] = { 0xc0, 0x0c, 0x01 };

/* ---- AdminStatus ------------------------------------------------------------------------------------- */

static void status_fill(struct buf *to)
{
	const struct wire_admin_status head = { .build = BYTES_LITERAL("0.1.0+1a2b"),
		.is_strict = true,
		.started_s = 1763910000,
		.uptime_s = 61,
		.landlock_abi = 6,
		.seccomp_filters = 2,
		.audit_space = WIRE_AUDIT_LOW,
		.keys = 7,
		.namespaces = 3,
		.connections = 5,
		.requests = 2 };
	const struct wire_admin_provider soft = { BYTES_LITERAL("soft"), 1, WIRE_PROVIDER_UP, BYTES_LITERAL("OpenSSL"),
		4 };
	const struct wire_admin_provider hsm = { BYTES_LITERAL("hsm"), 2, WIRE_PROVIDER_DOWN, BYTES_LITERAL("no token"),
		0 };
	const struct wire_admin_domain domain = { BYTES_LITERAL("prod.example"), 2, 30 };

	assert_ok(wire_admin_status_put(to, &head));
	assert_ok(wire_admin_provider_put(to, &soft));
	assert_ok(wire_admin_domain_put(to, &domain));
	assert_ok(wire_admin_provider_put(to, &hsm));
}

static void status_is_read_as_it_was_written(void **state)
{
	struct buf body = buf_make(4096);
	struct wire_arena arena = { 0 };
	struct wire_admin_status got;

	(void)state;
	status_fill(&body);
	assert_ok(wire_admin_status_decode(buf_bytes(&body), &arena, &got));
	assert_bytes(got.build, BYTES_LITERAL("0.1.0+1a2b"));
	assert_true(got.is_strict);
	assert_int_equal(got.started_s, 1763910000);
	assert_int_equal(got.uptime_s, 61);
	assert_int_equal(got.landlock_abi, 6);
	assert_int_equal(got.seccomp_filters, 2);
	assert_int_equal(got.audit_space, WIRE_AUDIT_LOW);
	assert_int_equal(got.keys, 7);
	assert_int_equal(got.namespaces, 3);
	assert_int_equal(got.connections, 5);
	assert_int_equal(got.requests, 2);
	assert_int_equal(got.provider_count, 2);
	assert_bytes(got.providers[0].name, BYTES_LITERAL("soft"));
	assert_int_equal(got.providers[0].provider_id, 1);
	assert_int_equal(got.providers[0].state, WIRE_PROVIDER_UP);
	assert_int_equal(got.providers[0].waiting, 4);
	assert_bytes(got.providers[1].text, BYTES_LITERAL("no token"));
	assert_int_equal(got.domain_count, 1);
	assert_bytes(got.domains[0].name, BYTES_LITERAL("prod.example"));
	assert_int_equal(got.domains[0].keys, 2);
	assert_int_equal(got.domains[0].age_s, 30);
	wire_arena_done(&arena);
	buf_done(&body);
}

/* ---- refusals ---------------------------------------------------------------------------------------- */

static void requests_with_more_than_we_know_are_refused(void **state)
{
	struct wire_arena arena = { 0 };

	(void)state;
	assert_ok(wire_admin_nothing_decode((struct bytes){ 0 }, &arena));
	assert_fails(wire_admin_nothing_decode(bytes_of(unknown_field, sizeof(unknown_field)), &arena), BODY_FIELD);
	assert_fails(wire_admin_nothing_decode(BYTES_LITERAL("\xff"), &arena), BODY_SYNTAX);
	wire_arena_done(&arena);
}

static void answers_may_have_more_than_we_know(void **state)
{
	struct buf body = buf_make(4096);
	struct wire_arena arena = { 0 };
	struct wire_admin_status got;

	(void)state;
	status_fill(&body);
	buf_put(&body, bytes_of(unknown_field, sizeof(unknown_field)));
	assert_ok(wire_admin_status_decode(buf_bytes(&body), &arena, &got));
	assert_int_equal(got.provider_count, 2);
	wire_arena_done(&arena);
	buf_done(&body);
}

/* A cut body is one of fewer fields or none at all: it never crashes, and nothing of it is left. */
static void bodies_cut_at_every_byte_end_cleanly(void **state)
{
	struct buf body = buf_make(4096);
	size_t refused = 0;

	(void)state;
	status_fill(&body);
	for (size_t len = 0; len < body.len; len++) {
		uint8_t *copy = test_malloc(len + 1); /* so that the sanitizer sees a read beyond it */
		struct wire_arena arena = { 0 };
		struct wire_admin_status got;

		memcpy(copy, body.data, len);
		refused += wire_admin_status_decode(bytes_of(copy, len), &arena, &got).code == STATUS_BODY_SYNTAX;
		wire_arena_done(&arena);
		assert_null(arena.blocks);
		test_free(copy);
	}
	assert_true(refused > body.len / 2);
	buf_done(&body);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(status_is_read_as_it_was_written),
	cmocka_unit_test(requests_with_more_than_we_know_are_refused),
	cmocka_unit_test(answers_may_have_more_than_we_know),
	cmocka_unit_test(bodies_cut_at_every_byte_end_cleanly),
};

UNIT_MAIN(tests)
