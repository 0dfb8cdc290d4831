/* SPDX-License-Identifier: Apache-2.0
 *
 * Suspended tenants, and how owners are named. */
#include "tests/support/unit.h"

#include "agent/keyfact.h"
#include "agent/owner.h"
#include "agent/suspend.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void tenants_are_found_by_their_whole_name(void **state)
{
	static const char *const names[] = { "m", "k8s/b", "k8s/a", "k8s", "z", "k8s/ab" };
	struct suspended suspended = { 0 };

	(void)state;
	assert_false(suspend_has(&suspended, BYTES_LITERAL("m")));
	for (size_t i = 0; i < COUNT(names); i++)
		assert_ok(suspend_add(&suspended, bytes_from_text(names[i]), (int64_t)i));
	assert_ok(suspend_add(&suspended, BYTES_LITERAL("m"), 99)); /* once more */
	assert_int_equal(suspended.count, COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++)
		assert_true(suspend_has(&suspended, bytes_from_text(names[i])));
	for (size_t i = 1; i < suspended.count; i++)
		assert_true(suspended.tenants[i].since_s != 99);
	assert_false(suspend_has(&suspended, BYTES_LITERAL("k8s/")));
	assert_false(suspend_has(&suspended, BYTES_LITERAL("k8s/abc")));
	assert_false(suspend_has(&suspended, BYTES_LITERAL("")));
	suspend_remove(&suspended, BYTES_LITERAL("k8s/a"));
	suspend_remove(&suspended, BYTES_LITERAL("k8s/a"));
	assert_false(suspend_has(&suspended, BYTES_LITERAL("k8s/a")));
	assert_true(suspend_has(&suspended, BYTES_LITERAL("k8s/ab")));
	assert_int_equal(suspended.count, COUNT(names) - 1);
	suspend_done(&suspended);
}

static void only_whole_facts_are_believed(void **state)
{
	uint8_t value[KEYFACT_TIME_BYTES] = { 0 }, name[KEYSTORE_TENANT_MAX + 1];
	struct suspended suspended = { 0 };
	struct fact fact = { FACT_TENANT_SUSPENDED, BYTES_LITERAL("t"), bytes_of(value, sizeof(value)) };

	(void)state;
	keyfact_time_put(value, 1763910000);
	memset(name, 'x', sizeof(name));
	assert_ok(suspend_load(&suspended, &fact));
	assert_int_equal(suspended.tenants[0].since_s, 1763910000);
	fact.value.len--;
	assert_fails(suspend_load(&suspended, &fact), RECORD_CORRUPT);
	fact = (struct fact){ FACT_TENANT_SUSPENDED, bytes_of(name, sizeof(name)), bytes_of(value, sizeof(value)) };
	assert_fails(suspend_load(&suspended, &fact), RECORD_CORRUPT);
	fact.id.len = 0;
	assert_fails(suspend_load(&suspended, &fact), RECORD_CORRUPT);
	memset(value, 0xff, sizeof(value)); /* a time before 1970 */
	fact.id = BYTES_LITERAL("u");
	assert_fails(suspend_load(&suspended, &fact), RECORD_CORRUPT);
	assert_int_equal(suspended.count, 1);
	suspend_done(&suspended);
}

/* ---- owners ------------------------------------------------------------------------------------------ */

static const struct namespace_name spaces[] = {
	{ 1, { 0 }, BYTES_LITERAL("direct"), BYTES_LITERAL("2001") },
	{ 1, { 0 }, BYTES_LITERAL("direct"), BYTES_LITERAL("unix:2001") },
	{ 3, { 0 }, BYTES_LITERAL("batch"), BYTES_LITERAL("2001") },
	{ 4, BYTES_LITERAL("a.example"), BYTES_LITERAL("t"), BYTES_LITERAL("spiffe://a.example/x") },
	{ 4, BYTES_LITERAL("a.example"), BYTES_LITERAL("batch"), { 0 } },
	{ 2, BYTES_LITERAL("https://a.example"), BYTES_LITERAL("t"), BYTES_LITERAL("sam") },
	{ 2, BYTES_LITERAL("https://b.example"), BYTES_LITERAL("t"), BYTES_LITERAL("sam") },
	{ 2, BYTES_LITERAL("https://b.example"), BYTES_LITERAL("t"), BYTES_LITERAL("https://a.example sam") },
};

static const struct identity admins[] = {
	[AUTHENTICATOR_DIRECT] = { .authenticator = AUTHENTICATOR_DIRECT },
	[AUTHENTICATOR_ISSUER] = { .authenticator = AUTHENTICATOR_ISSUER,
		.issuer = BYTES_LITERAL("https://b.example") },
	[AUTHENTICATOR_UNIX_PEER] = { .authenticator = AUTHENTICATOR_UNIX_PEER },
	[AUTHENTICATOR_JWT_SVID] = { .authenticator = AUTHENTICATOR_JWT_SVID },
};

static void owners_are_found_by_their_printed_form(void **state)
{
	static const char *const printed[] = { "direct:2001", "direct:unix:2001", "unix:2001",
		"jwt-svid:spiffe://a.example/x", "tenant:batch", "jwt:https://a.example sam",
		"jwt:https://b.example sam", "jwt:https://b.example https://a.example sam" };

	(void)state;
	for (size_t i = 0; i < COUNT(spaces); i++) {
		struct buf text = buf_make(OWNER_TEXT_MAX);
		struct owner owner;

		owner_put(&text, &spaces[i]);
		assert_bytes(buf_bytes(&text), bytes_from_text(printed[i]));
		owner = owner_parse(buf_bytes(&text), &admins[AUTHENTICATOR_JWT_SVID]);
		for (size_t j = 0; j < COUNT(spaces); j++)
			assert_int_equal(owner_is(&owner, &spaces[j]), i == j);
		buf_done(&text);
	}
}

static void a_bare_name_is_of_the_askers_own_kind(void **state)
{
	const struct owner own = owner_parse(BYTES_LITERAL("2001"), &admins[AUTHENTICATOR_UNIX_PEER]);
	const struct owner other = owner_parse(BYTES_LITERAL("2001"), &admins[AUTHENTICATOR_DIRECT]);
	const struct owner none = owner_parse(BYTES_LITERAL(""), &admins[AUTHENTICATOR_JWT_SVID]);
	const struct owner issued = owner_parse(BYTES_LITERAL("sam"), &admins[AUTHENTICATOR_ISSUER]);
	const struct owner nobody = owner_parse(BYTES_LITERAL("jwt:sam"), &admins[AUTHENTICATOR_ISSUER]);

	(void)state;
	assert_true(owner_is(&own, &spaces[2]) && !owner_is(&own, &spaces[0]));
	assert_true(owner_is(&other, &spaces[0]) && !owner_is(&other, &spaces[2]));
	for (size_t i = 0; i < COUNT(spaces); i++) {
		assert_false(owner_is(&none, &spaces[i]) || owner_is(&nobody, &spaces[i]));
		assert_int_equal(owner_is(&issued, &spaces[i]), i == 6); /* of the administrator's own issuer */
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(tenants_are_found_by_their_whole_name),
	cmocka_unit_test(only_whole_facts_are_believed),
	cmocka_unit_test(owners_are_found_by_their_printed_form),
	cmocka_unit_test(a_bare_name_is_of_the_askers_own_kind),
};

UNIT_MAIN(tests)
