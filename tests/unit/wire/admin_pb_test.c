/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of administrators' operations: read as written, refused where a request says more than we know, cut at every
 * byte, and never dearer than their budget. */
#include "tests/support/unit.h"

#include "wire/admin_pb.h"
#include "wire/opcode.h"

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
	const struct wire_admin_domain domain = { BYTES_LITERAL("prod.example"), 2, 30, false };
	const struct wire_admin_domain issuer = { BYTES_LITERAL("https://idp.example"), 1, 3, true };

	assert_ok(wire_admin_status_put(to, &head));
	assert_ok(wire_admin_provider_put(to, &soft));
	assert_ok(wire_admin_domain_put(to, &domain));
	assert_ok(wire_admin_domain_put(to, &issuer));
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
	assert_int_equal(got.domain_count, 2);
	assert_bytes(got.domains[0].name, BYTES_LITERAL("prod.example"));
	assert_int_equal(got.domains[0].keys, 2);
	assert_int_equal(got.domains[0].age_s, 30);
	assert_false(got.domains[0].is_issuer);
	assert_bytes(got.domains[1].name, BYTES_LITERAL("https://idp.example"));
	assert_true(got.domains[1].is_issuer);
	wire_arena_done(&arena);
	buf_done(&body);
}

/* ---- AdminKeys --------------------------------------------------------------------------------------- */

static struct wire_admin_key a_key(const char *name)
{
	struct wire_admin_key key = { .owner = BYTES_LITERAL("unix:2001"),
		.tenant = BYTES_LITERAL("batch"),
		.name = bytes_from_text(name),
		.creator = BYTES_LITERAL("2001"),
		.provider = BYTES_LITERAL("hsm"),
		.provider_id = 2,
		.created_s = 5,
		.used_s = 6,
		.expires_s = 7,
		.flags = WIRE_KEY_SUSPENDED };

	assert_true(psa_key_from_name("ecc-p256", &key.attributes));
	assert_true(psa_alg_from_name("ecdsa-sha-256", &key.attributes.alg));
	return key;
}

static void keys_are_read_as_they_were_written(void **state)
{
	const struct wire_admin_keys op = { BYTES_LITERAL("t"), BYTES_LITERAL("p"), BYTES_LITERAL("place"), 7 };
	const struct wire_admin_key first = a_key("a"), second = a_key("");
	struct buf body = buf_make(4096), answer = buf_make(4096);
	struct wire_arena arena = { 0 };
	struct wire_admin_key_list list;
	struct wire_admin_keys got;

	(void)state;
	assert_ok(wire_admin_keys_put(&body, &op));
	assert_ok(wire_admin_keys_decode(buf_bytes(&body), &arena, &got));
	assert_bytes(got.tenant, op.tenant);
	assert_bytes(got.provider, op.provider);
	assert_bytes(got.after, op.after);
	assert_int_equal(got.limit, 7);
	assert_ok(wire_admin_key_put(&answer, &first));
	assert_ok(wire_admin_key_put(&answer, &second));
	assert_ok(wire_admin_next_put(&answer, BYTES_LITERAL("there")));
	assert_ok(wire_admin_key_list_decode(buf_bytes(&answer), &arena, &list));
	assert_int_equal(list.count, 2);
	assert_bytes(list.next, BYTES_LITERAL("there"));
	assert_bytes(list.item[0].owner, first.owner);
	assert_bytes(list.item[0].tenant, first.tenant);
	assert_bytes(list.item[0].creator, first.creator);
	assert_bytes(list.item[0].provider, first.provider);
	assert_int_equal(list.item[0].provider_id, 2);
	assert_memory_equal(&list.item[0].attributes, &first.attributes, sizeof(first.attributes));
	assert_int_equal(list.item[0].created_s, 5);
	assert_int_equal(list.item[0].used_s, 6);
	assert_int_equal(list.item[0].expires_s, 7);
	assert_int_equal(list.item[0].flags, WIRE_KEY_SUSPENDED);
	assert_int_equal(list.item[1].name.len, 0);
	wire_arena_done(&arena);
	buf_done(&body);
	buf_done(&answer);
}

/* ---- AdminSuspend, AdminResume ----------------------------------------------------------------------- */

static void a_hold_is_of_a_tenant_or_of_an_owners_key(void **state)
{
	static const struct {
		const char *tenant, *owner, *key;
		enum status_code want;
	} rows[] = {
		{ "t", "", "", STATUS_OK },
		{ "", "unix:1", "k", STATUS_OK },
		{ "", "unix:1", "", STATUS_OK }, /* a key's name may be empty */
		{ "", "", "", STATUS_BODY_FIELD },
		{ "", "", "k", STATUS_BODY_FIELD },
		{ "t", "unix:1", "", STATUS_BODY_FIELD },
		{ "t", "", "k", STATUS_BODY_FIELD },
		{ "t", "unix:1", "k", STATUS_BODY_FIELD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct wire_admin_hold op = { bytes_from_text(rows[i].tenant), bytes_from_text(rows[i].owner),
			bytes_from_text(rows[i].key) };
		struct buf body = buf_make(4096);
		struct wire_arena arena = { 0 };
		struct wire_admin_hold got = { 0 };

		assert_ok(wire_admin_hold_put(&body, &op));
		assert_status(wire_admin_hold_decode(buf_bytes(&body), &arena, &got), rows[i].want);
		if (rows[i].want == STATUS_OK) {
			assert_bytes(got.tenant, op.tenant);
			assert_bytes(got.owner, op.owner);
			assert_bytes(got.key, op.key);
			buf_put(&body, bytes_of(unknown_field, sizeof(unknown_field)));
			assert_fails(wire_admin_hold_decode(buf_bytes(&body), &arena, &got), BODY_FIELD);
		}
		wire_arena_done(&arena);
		buf_done(&body);
	}
}

/* ---- AdminRevoke, AdminRevocations ------------------------------------------------------------------- */

static void a_revocation_is_read_as_it_was_written(void **state)
{
	static const uint8_t more[] = { 0x78, 1 };
	const struct wire_admin_revoke op = { WIRE_REVOKE_KID, 4, BYTES_LITERAL("prod.example"), BYTES_LITERAL("k1"), 5,
		6, BYTES_LITERAL("it leaked") };
	struct wire_admin_revoke got = { 0 };
	struct wire_arena arena = { 0 };
	struct buf body = buf_make(4096);

	(void)state;
	assert_ok(wire_admin_revoke_put(&body, &op));
	assert_ok(wire_admin_revoke_decode(buf_bytes(&body), &arena, &got));
	assert_true(got.kind == op.kind && got.authenticator == 4 && got.issued_before_s == 5 && got.lasts_s == 6);
	assert_bytes(got.domain, op.domain);
	assert_bytes(got.value, op.value);
	assert_bytes(got.because, op.because);
	buf_put(&body, bytes_of(more, sizeof(more)));
	assert_fails(wire_admin_revoke_decode(buf_bytes(&body), &arena, &got), BODY_FIELD);
	buf_clear(&body);
	got.authenticator = AUTH_TYPE_COUNT;
	assert_ok(wire_admin_revoke_put(&body, &got));
	assert_fails(wire_admin_revoke_decode(buf_bytes(&body), &arena, &got), BODY_FIELD);
	wire_arena_done(&arena);
	buf_done(&body);
}

static void revocations_are_read_page_by_page(void **state)
{
	const struct wire_admin_revocation one = { WIRE_REVOKE_SUBJECT, 0, { 0 }, BYTES_LITERAL("unix:1"), 1, 2, 3,
		BYTES_LITERAL("0"), BYTES_LITERAL("why") };
	struct wire_admin_revocation_list list = { 0 };
	struct wire_arena arena = { 0 };
	struct buf body = buf_make(4096);
	uint32_t after = 0;

	(void)state;
	assert_ok(wire_admin_revocation_put(&body, &one));
	assert_ok(wire_admin_revocation_put(&body, &one));
	assert_ok(wire_admin_revocation_next_put(&body, 17));
	assert_ok(wire_admin_revocation_list_decode(buf_bytes(&body), &arena, &list));
	assert_int_equal(list.count, 2);
	assert_int_equal(list.next, 17);
	assert_bytes(list.item[1].value, one.value);
	assert_bytes(list.item[1].because, one.because);
	assert_true(list.item[1].issued_before_s == 1 && list.item[1].until_s == 2 && list.item[1].since_s == 3);
	buf_clear(&body);
	assert_ok(wire_admin_revocations_put(&body, list.next));
	assert_ok(wire_admin_revocations_decode(buf_bytes(&body), &arena, &after));
	assert_int_equal(after, 17);
	wire_arena_done(&arena);
	buf_done(&body);
}

/* ---- AdminSpaces, AdminLink, AdminStrength ----------------------------------------------------------- */

static void spaces_are_read_as_they_were_written(void **state)
{
	const struct bytes links[] = { BYTES_LITERAL("unix:1"), BYTES_LITERAL("tenant:x") };
	const struct wire_admin_space space = { BYTES_LITERAL("unix:2"), BYTES_LITERAL("t"), 3, 4, WIRE_SPACE_LOCKED,
		links, 2, BYTES_LITERAL("batch") };
	const struct wire_admin_space alone = { .tenant = BYTES_LITERAL("s"), .flags = WIRE_SPACE_TENANT_SUSPENDED };
	const struct wire_admin_spaces op = { BYTES_LITERAL("t"), BYTES_LITERAL("place"), 9 };
	struct buf body = buf_make(4096), answer = buf_make(4096);
	struct wire_arena arena = { 0 };
	struct wire_admin_space_list list;
	struct wire_admin_spaces got;

	(void)state;
	assert_ok(wire_admin_spaces_put(&body, &op));
	assert_ok(wire_admin_spaces_decode(buf_bytes(&body), &arena, &got));
	assert_bytes(got.tenant, op.tenant);
	assert_bytes(got.after, op.after);
	assert_int_equal(got.limit, 9);
	assert_ok(wire_admin_space_put(&answer, &space));
	assert_ok(wire_admin_space_put(&answer, &alone));
	assert_ok(wire_admin_next_put(&answer, BYTES_LITERAL("there"))); /* the same field of both lists */
	assert_ok(wire_admin_space_list_decode(buf_bytes(&answer), &arena, &list));
	assert_int_equal(list.count, 2);
	assert_bytes(list.next, BYTES_LITERAL("there"));
	assert_bytes(list.item[0].owner, space.owner);
	assert_bytes(list.item[0].tenant, space.tenant);
	assert_bytes(list.item[0].account, space.account);
	assert_int_equal(list.item[0].keys, 3);
	assert_int_equal(list.item[0].strength, 4);
	assert_int_equal(list.item[0].flags, WIRE_SPACE_LOCKED);
	assert_int_equal(list.item[0].link_count, 2);
	assert_bytes(list.item[0].links[1], links[1]);
	assert_int_equal(list.item[1].owner.len, 0);
	wire_arena_done(&arena);
	buf_done(&body);
	buf_done(&answer);
}

static struct status link_again(struct wire_admin_link op, struct wire_admin_link *ret)
{
	struct buf body = buf_make(4096);
	struct wire_arena arena = { 0 };
	struct status st;

	assert_ok(wire_admin_link_put(&body, &op));
	st = wire_admin_link_decode(buf_bytes(&body), &arena, ret);
	wire_arena_done(&arena);
	buf_done(&body);
	return st;
}

static struct status strength_again(struct wire_admin_strength op)
{
	struct buf body = buf_make(4096);
	struct wire_arena arena = { 0 };
	struct wire_admin_strength got = { .authenticator = 0 };
	struct status st;

	assert_ok(wire_admin_strength_put(&body, &op));
	st = wire_admin_strength_decode(buf_bytes(&body), &arena, &got);
	assert_int_equal(got.authenticator, st.code == STATUS_OK ? op.authenticator : 0);
	wire_arena_done(&arena);
	buf_done(&body);
	return st;
}

static struct status owner_again(struct bytes owner)
{
	struct buf body = buf_make(4096);
	struct wire_arena arena = { 0 };
	struct bytes got = { 0 };
	struct status st;

	assert_ok(wire_admin_owner_put(&body, owner));
	st = wire_admin_owner_decode(buf_bytes(&body), &arena, &got);
	assert_bytes(got, owner);
	wire_arena_done(&arena);
	buf_done(&body);
	return st;
}

static void links_and_strengths_name_everything_or_are_refused(void **state)
{
	struct wire_admin_link got;

	(void)state;
	assert_ok(link_again((struct wire_admin_link){ BYTES_LITERAL("a"), BYTES_LITERAL("b"), true }, &got));
	assert_true(got.weaker_too);
	assert_fails(link_again((struct wire_admin_link){ { 0 }, BYTES_LITERAL("b"), false }, &got), BODY_FIELD);
	assert_fails(link_again((struct wire_admin_link){ BYTES_LITERAL("a"), { 0 }, false }, &got), BODY_FIELD);
	for (uint32_t type = 1; type <= 4; type++)
		assert_ok(strength_again((struct wire_admin_strength){ BYTES_LITERAL("a"), type }));
	assert_fails(strength_again((struct wire_admin_strength){ BYTES_LITERAL("a"), 0 }), BODY_FIELD);
	assert_fails(strength_again((struct wire_admin_strength){ BYTES_LITERAL("a"), 5 }), BODY_FIELD);
	assert_fails(strength_again((struct wire_admin_strength){ BYTES_LITERAL("a"), 257 }), BODY_FIELD);
	assert_fails(strength_again((struct wire_admin_strength){ { 0 }, 3 }), BODY_FIELD);
	assert_ok(owner_again(BYTES_LITERAL("unix:1")));
	assert_fails(owner_again((struct bytes){ 0 }), BODY_FIELD);
}

/* ---- AdminPins --------------------------------------------------------------------------------------- */

static void pins_are_read_as_they_were_written(void **state)
{
	const struct wire_admin_pin pin = { BYTES_LITERAL("hash"), 4, BYTES_LITERAL("spiffe://a/b"), true, 2001, 2002,
		BYTES_LITERAL("label"), 3, 4, 5, 1763910000 };
	const struct wire_admin_slice op = { 256, 9 };
	struct buf body = buf_make(4096), answer = buf_make(4096);
	struct wire_arena arena = { 0 };
	struct wire_admin_pin_list list;
	struct wire_admin_slice got;

	(void)state;
	assert_ok(wire_admin_slice_put(&body, &op));
	assert_ok(wire_admin_slice_decode(buf_bytes(&body), &arena, &got));
	assert_int_equal(got.skip, 256);
	assert_int_equal(got.limit, 9);
	assert_ok(wire_admin_pin_put(&answer, &pin));
	assert_ok(wire_admin_pin_put(&answer, &pin));
	assert_ok(wire_admin_slice_next_put(&answer, 512));
	assert_ok(wire_admin_pin_list_decode(buf_bytes(&answer), &arena, &list));
	assert_int_equal(list.count, 2);
	assert_int_equal(list.next, 512);
	assert_bytes(list.item[1].hash, pin.hash);
	assert_bytes(list.item[1].identity, pin.identity);
	assert_bytes(list.item[1].label, pin.label);
	assert_true(list.item[1].has_first);
	assert_int_equal(list.item[1].authenticator, 4);
	assert_int_equal(list.item[1].uid, 2001);
	assert_int_equal(list.item[1].gid, 2002);
	assert_int_equal(list.item[1].principals, 3);
	assert_int_equal(list.item[1].instances, 4);
	assert_int_equal(list.item[1].refused, 5);
	assert_int_equal(list.item[1].until_s, 1763910000);
	wire_arena_done(&arena);
	buf_done(&body);
	buf_done(&answer);
}

static void quotas_and_penalties_are_read_as_they_were_written(void **state)
{
	const struct wire_admin_quota quota = { BYTES_LITERAL("t"), 4, BYTES_LITERAL("a.example"), 1, 2, 3, 4, 5, 6, 7,
		8, 9, 10, true, 11 };
	const struct wire_admin_penalty penalty = { 2001, 17, true, 9, 60 };
	struct buf quotas = buf_make(4096), penalties = buf_make(4096);
	struct wire_arena arena = { 0 };
	struct wire_admin_quota_list quota_list;
	struct wire_admin_penalty_list penalty_list;

	(void)state;
	assert_ok(wire_admin_quota_put(&quotas, &quota));
	assert_ok(wire_admin_slice_next_put(&quotas, 7));
	assert_ok(wire_admin_quota_list_decode(buf_bytes(&quotas), &arena, &quota_list));
	assert_int_equal(quota_list.count, 1);
	assert_int_equal(quota_list.next, 7);
	assert_bytes(quota_list.item[0].tenant, quota.tenant);
	assert_bytes(quota_list.item[0].domain, quota.domain);
	assert_int_equal(quota_list.item[0].authenticator, 4);
	assert_int_equal(quota_list.item[0].in_flight, 1);
	assert_int_equal(quota_list.item[0].in_flight_max, 2);
	assert_int_equal(quota_list.item[0].day, 3);
	assert_int_equal(quota_list.item[0].requests, 4);
	assert_int_equal(quota_list.item[0].requests_max, 5);
	assert_int_equal(quota_list.item[0].requests_second, 6);
	assert_int_equal(quota_list.item[0].bytes_second, 7);
	assert_int_equal(quota_list.item[0].requests_second_max, 8);
	assert_int_equal(quota_list.item[0].bytes_second_max, 9);
	assert_int_equal(quota_list.item[0].keys, 10);
	assert_true(quota_list.item[0].has_keys_max);
	assert_int_equal(quota_list.item[0].keys_max, 11);
	assert_ok(wire_admin_penalty_put(&penalties, &penalty));
	assert_ok(wire_admin_penalty_list_decode(buf_bytes(&penalties), &arena, &penalty_list));
	assert_int_equal(penalty_list.count, 1);
	assert_int_equal(penalty_list.next, 0);
	assert_int_equal(penalty_list.item[0].uid, 2001);
	assert_int_equal(penalty_list.item[0].pid, 17);
	assert_true(penalty_list.item[0].is_uid);
	assert_int_equal(penalty_list.item[0].failures, 9);
	assert_int_equal(penalty_list.item[0].left_s, 60);
	wire_arena_done(&arena);
	buf_done(&quotas);
	buf_done(&penalties);
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
	cmocka_unit_test(keys_are_read_as_they_were_written),
	cmocka_unit_test(a_hold_is_of_a_tenant_or_of_an_owners_key),
	cmocka_unit_test(spaces_are_read_as_they_were_written),
	cmocka_unit_test(links_and_strengths_name_everything_or_are_refused),
	cmocka_unit_test(pins_are_read_as_they_were_written),
	cmocka_unit_test(quotas_and_penalties_are_read_as_they_were_written),
	cmocka_unit_test(requests_with_more_than_we_know_are_refused),
	cmocka_unit_test(answers_may_have_more_than_we_know),
	cmocka_unit_test(a_revocation_is_read_as_it_was_written),
	cmocka_unit_test(revocations_are_read_page_by_page),
	cmocka_unit_test(bodies_cut_at_every_byte_end_cleanly),
};

UNIT_MAIN(tests)
