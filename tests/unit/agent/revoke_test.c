/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <stdio.h>

#include "agent/revoke.h"
#include "base/own.h"

enum { JWT = 4, ISSUER = 2, PEER = 3, NOW = 1790000000 };

static const uint8_t hash_a[REVOKE_HASH_BYTES] = { 1 }, hash_b[REVOKE_HASH_BYTES] = { 2 };

static struct revoke_credential web(void)
{
	return (struct revoke_credential){ .authenticator = JWT,
		.name = BYTES_LITERAL("spiffe://prod.example/web"),
		.domain = BYTES_LITERAL("prod.example"),
		.kid = BYTES_LITERAL("k1"),
		.jti_hash = hash_a,
		.token_hash = hash_b,
		.has_start = true,
		.start_s = NOW - 60 };
}

static struct revocation revocation_of(
	enum revoke_kind kind, uint8_t authenticator, const char *domain, struct bytes value)
{
	return (struct revocation){ .what = { kind, authenticator, bytes_from_text(domain), value },
		.since_s = NOW,
		.by = BYTES_LITERAL("unix:0"),
		.because = BYTES_LITERAL("it leaked") };
}

static struct bytes hash_of(const uint8_t hash[REVOKE_HASH_BYTES])
{
	return bytes_of(hash, REVOKE_HASH_BYTES);
}

/* One revocation, and what it says of the token of web(). */
static void each_kind_revokes_what_it_names_and_nothing_else(void **state)
{
	const struct {
		const char *what;
		struct revocation revocation;
		bool is_revoked;
	} rows[] = {
		{ "subject", revocation_of(REVOKE_SUBJECT, JWT, "", BYTES_LITERAL("spiffe://prod.example/web")), true },
		{ "another subject", revocation_of(REVOKE_SUBJECT, JWT, "", BYTES_LITERAL("spiffe://prod.example/we")),
			false },
		{ "a longer subject",
			revocation_of(REVOKE_SUBJECT, JWT, "", BYTES_LITERAL("spiffe://prod.example/web2")), false },
		{ "the name of another authenticator",
			revocation_of(
				REVOKE_SUBJECT, ISSUER, "prod.example", BYTES_LITERAL("spiffe://prod.example/web")),
			false },
		{ "a uid", revocation_of(REVOKE_SUBJECT, PEER, "", BYTES_LITERAL("2001")), false },
		{ "key of the domain", revocation_of(REVOKE_KID, JWT, "prod.example", BYTES_LITERAL("k1")), true },
		{ "key of any domain", revocation_of(REVOKE_KID, JWT, "", BYTES_LITERAL("k1")), true },
		{ "key of another domain", revocation_of(REVOKE_KID, JWT, "other.example", BYTES_LITERAL("k1")),
			false },
		{ "another key", revocation_of(REVOKE_KID, JWT, "prod.example", BYTES_LITERAL("K1")), false },
		{ "jti", revocation_of(REVOKE_JTI, JWT, "", hash_of(hash_a)), true },
		{ "jti of the domain", revocation_of(REVOKE_JTI, JWT, "prod.example", hash_of(hash_a)), true },
		{ "another jti", revocation_of(REVOKE_JTI, JWT, "", hash_of(hash_b)), false },
		{ "token", revocation_of(REVOKE_TOKEN, 0, "", hash_of(hash_b)), true },
		{ "another token", revocation_of(REVOKE_TOKEN, 0, "", hash_of(hash_a)), false },
		{ "domain", revocation_of(REVOKE_ALL, JWT, "prod.example", (struct bytes){ 0 }), true },
		{ "every domain", revocation_of(REVOKE_ALL, JWT, "", (struct bytes){ 0 }), true },
		{ "another domain", revocation_of(REVOKE_ALL, JWT, "other.example", (struct bytes){ 0 }), false },
		{ "every issuer", revocation_of(REVOKE_ALL, ISSUER, "", (struct bytes){ 0 }), false },
	};
	struct revoke_credential token = web();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct revocation *by = NULL;
		struct revocations *all;
		struct status st;

		assert_ok(revocations_new(&all));
		assert_ok(revocations_put(all, &rows[i].revocation));
		st = revocations_ask(all, &token, NOW, &by);
		if (st.code != (rows[i].is_revoked ? STATUS_CREDENTIAL_REVOKED : STATUS_OK))
			fail_msg("%s: %s", rows[i].what, status_name(st.code));
		assert_true((by != NULL) == rows[i].is_revoked);
		assert_true(revocations_remove(all, &rows[i].revocation.what));
		assert_false(revocations_remove(all, &rows[i].revocation.what));
		assert_ok(revocations_ask(all, &token, NOW, NULL));
		assert_int_equal(revocations_count(all), 0);
		revocations_free(all);
	}
}

/* Without a token there is a name only; and a token may lack "jti". */
static void what_a_credential_lacks_is_not_asked(void **state)
{
	struct revoke_credential peer = { .authenticator = PEER, .name = BYTES_LITERAL("2001") };
	struct revoke_credential plain = web();
	struct revocation uid = revocation_of(REVOKE_SUBJECT, PEER, "", BYTES_LITERAL("2001"));
	struct revocation jti = revocation_of(REVOKE_JTI, JWT, "", hash_of(hash_a));
	struct revocations *all;

	(void)state;
	plain.jti_hash = NULL;
	assert_ok(revocations_new(&all));
	assert_ok(revocations_put(all, &jti));
	assert_ok(revocations_ask(all, &peer, NOW, NULL));
	assert_ok(revocations_ask(all, &plain, NOW, NULL));
	assert_ok(revocations_put(all, &uid));
	assert_fails(revocations_ask(all, &peer, NOW, NULL), CREDENTIAL_REVOKED);
	revocations_free(all);
}

static void a_subject_is_one_of_its_issuer(void **state)
{
	struct revocation one = revocation_of(REVOKE_SUBJECT, ISSUER, "https://idp.example", BYTES_LITERAL("web"));
	struct revoke_credential token = {
		.authenticator = ISSUER, .name = BYTES_LITERAL("web"), .domain = BYTES_LITERAL("https://idp.example")
	};
	struct revocations *all;

	(void)state;
	assert_ok(revocations_new(&all));
	assert_ok(revocations_put(all, &one));
	assert_fails(revocations_ask(all, &token, NOW, NULL), CREDENTIAL_REVOKED);
	token.domain = BYTES_LITERAL("https://other.example");
	assert_ok(revocations_ask(all, &token, NOW, NULL));
	revocations_free(all);
}

static void issued_before_spares_what_was_issued_later(void **state)
{
	static const struct {
		bool has_start;
		int64_t start_s;
		enum status_code want;
	} rows[] = {
		{ true, NOW - 1, STATUS_CREDENTIAL_REVOKED }, { true, NOW, STATUS_OK }, { true, NOW + 1, STATUS_OK },
		{ false, 0, STATUS_CREDENTIAL_REVOKED }, /* it does not say */
	};
	struct revocation everything = revocation_of(REVOKE_ALL, JWT, "", (struct bytes){ 0 });
	struct revocations *all;

	(void)state;
	everything.issued_before_s = NOW;
	assert_ok(revocations_new(&all));
	assert_ok(revocations_put(all, &everything));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct revoke_credential token = web();

		token.has_start = rows[i].has_start;
		token.start_s = rows[i].start_s;
		assert_int_equal(revocations_ask(all, &token, NOW + 5, NULL).code, rows[i].want);
	}
	revocations_free(all);
}

struct gone {
	size_t count;
	bool refuse;
};

static bool note_gone(void *context, const struct revocation *revocation)
{
	struct gone *gone = context;

	assert_true(revocation->until_s != 0);
	gone->count++;
	return !gone->refuse;
}

static void one_that_is_over_revokes_nothing_and_goes(void **state)
{
	struct revocation over = revocation_of(REVOKE_KID, JWT, "", BYTES_LITERAL("k1"));
	struct revocation stays = revocation_of(REVOKE_KID, JWT, "", BYTES_LITERAL("k2"));
	struct revoke_credential token = web();
	struct gone gone = { .refuse = true };
	struct revocations *all;

	(void)state;
	over.until_s = NOW + 10;
	assert_ok(revocations_new(&all));
	assert_ok(revocations_put(all, &over));
	assert_ok(revocations_put(all, &stays));
	assert_fails(revocations_ask(all, &token, NOW + 9, NULL), CREDENTIAL_REVOKED);
	assert_ok(revocations_ask(all, &token, NOW + 10, NULL));
	assert_int_equal(revocations_expire(all, NOW + 9, 10, note_gone, &gone), 0);
	assert_int_equal(revocations_expire(all, NOW + 10, 10, note_gone, &gone), 0); /* the store would not have it */
	assert_int_equal(revocations_count(all), 2);
	gone = (struct gone){ 0 };
	assert_int_equal(revocations_expire(all, NOW + 10, 0, note_gone, &gone), 0);
	assert_int_equal(revocations_expire(all, NOW + 10, 10, note_gone, &gone), 1);
	assert_int_equal(gone.count, 1);
	assert_int_equal(revocations_count(all), 1);
	revocations_free(all);
}

static void the_newest_of_one_selector_counts(void **state)
{
	struct revocation first = revocation_of(REVOKE_KID, JWT, "", BYTES_LITERAL("k1")), second = first;
	struct revoke_credential token = web();
	const struct revocation *by = NULL;
	struct revocations *all;

	(void)state;
	first.issued_before_s = NOW - 100;
	second.because = BYTES_LITERAL("again");
	assert_ok(revocations_new(&all));
	assert_ok(revocations_put(all, &first));
	assert_ok(revocations_ask(all, &token, NOW, NULL));
	assert_ok(revocations_put(all, &second));
	assert_int_equal(revocations_count(all), 1);
	assert_fails(revocations_ask(all, &token, NOW, &by), CREDENTIAL_REVOKED);
	assert_bytes(by->because, BYTES_LITERAL("again"));
	revocations_free(all);
}

static void what_says_nothing_or_too_much_is_refused(void **state)
{
	static uint8_t bytes[4096];
	struct revocation good = revocation_of(REVOKE_SUBJECT, JWT, "", BYTES_LITERAL("x"));
	struct revocation rows[15];
	struct revocations *all;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		rows[i] = good;
	rows[0].what.kind = REVOKE_NOTHING;
	rows[1].what.kind = REVOKE_KIND_COUNT;
	rows[2].what.value = (struct bytes){ 0 };
	rows[3].what.domain = BYTES_LITERAL("prod.example"); /* a subject has its own */
	rows[4].what.authenticator = 0;
	rows[5].what.value = bytes_of(bytes, REVOKE_VALUE_MAX + 1);
	rows[6].what = (struct revoke_selector){ REVOKE_JTI, JWT, { 0 }, bytes_of(bytes, 31) };
	rows[7].what = (struct revoke_selector){ REVOKE_TOKEN, JWT, { 0 }, bytes_of(bytes, 32) };
	rows[8].what = (struct revoke_selector){ REVOKE_TOKEN, 0, { 0 }, bytes_of(bytes, 33) };
	rows[9].what = (struct revoke_selector){ REVOKE_ALL, JWT, { 0 }, bytes_of(bytes, 1) };
	rows[10].what =
		(struct revoke_selector){ REVOKE_KID, JWT, bytes_of(bytes, REVOKE_DOMAIN_MAX + 1), bytes_of(bytes, 1) };
	rows[11].because = bytes_of(bytes, REVOKE_BECAUSE_MAX + 1);
	rows[12].until_s = NOW; /* over when it begins */
	rows[13].issued_before_s = -1;
	rows[14].what.authenticator = ISSUER; /* at which one? */
	assert_ok(revocations_new(&all));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_fails(revocations_put(all, &rows[i]), REVOKE_INVALID);
	assert_int_equal(revocations_count(all), 0);
	revocations_free(all);
}

static void a_full_table_forgets_nothing(void **state)
{
	struct revocation one = revocation_of(REVOKE_SUBJECT, JWT, "", (struct bytes){ 0 });
	struct revoke_credential token = web();
	struct revocations *all;
	char name[32];

	(void)state;
	assert_ok(revocations_new(&all));
	for (int i = 0; i < REVOKE_MAX; i++) {
		int len = snprintf(name, sizeof(name), "spiffe://a/%d", i);

		one.what.value = bytes_of(name, (size_t)len);
		assert_ok(revocations_put(all, &one));
	}
	one.what.value = BYTES_LITERAL("spiffe://a/more");
	assert_fails(revocations_put(all, &one), LIMIT);
	one.what.value = BYTES_LITERAL("spiffe://a/7");
	assert_ok(revocations_put(all, &one)); /* in place of itself */
	for (int i = 0; i < REVOKE_MAX; i += 997) {
		int len = snprintf(name, sizeof(name), "spiffe://a/%d", i);

		token.name = bytes_of(name, (size_t)len);
		assert_fails(revocations_ask(all, &token, NOW, NULL), CREDENTIAL_REVOKED);
	}
	assert_int_equal(revocations_count(all), REVOKE_MAX);
	revocations_free(all);
}

struct seen {
	size_t count, page;
};

static bool see(void *context, const struct revocation *revocation)
{
	struct seen *seen = context;

	assert_true(revocation->what.kind == REVOKE_SUBJECT);
	seen->count++;
	return ++seen->page < 10;
}

static void pages_show_each_once(void **state)
{
	struct revocation one = revocation_of(REVOKE_SUBJECT, JWT, "", (struct bytes){ 0 });
	struct seen seen = { 0 };
	struct revocations *all;
	uint32_t from = 0;
	size_t pages = 0;
	char name[32];

	(void)state;
	assert_ok(revocations_new(&all));
	assert_int_equal(revocations_page(all, 0, see, &seen), 0);
	for (int i = 0; i < 1000; i++) {
		int len = snprintf(name, sizeof(name), "spiffe://a/%d", i);

		one.what.value = bytes_of(name, (size_t)len);
		assert_ok(revocations_put(all, &one));
	}
	do {
		seen.page = 0;
		from = revocations_page(all, from, see, &seen);
		pages++;
	} while (from != 0);
	assert_int_equal(seen.count, 1000);
	assert_true(pages > 50);
	assert_int_equal(revocations_page(all, UINT32_MAX, see, &seen), 0);
	revocations_free(all);
}

static void its_fact_comes_back_and_is_refused_when_cut_or_changed(void **state)
{
	struct revocation one = revocation_of(REVOKE_KID, JWT, "prod.example", BYTES_LITERAL("k1")), got;
	AUTO(buf_done) struct buf id = buf_make(REVOKE_SELECTOR_MAX), value = buf_make(REVOKE_FACT_MAX);

	(void)state;
	one.issued_before_s = 5;
	one.until_s = NOW + 7;
	revoke_selector_put(&id, &one.what);
	revocation_put(&value, &one);
	assert_ok(revocation_get(buf_bytes(&id), buf_bytes(&value), &got));
	assert_int_equal(got.what.kind, REVOKE_KID);
	assert_int_equal(got.what.authenticator, JWT);
	assert_bytes(got.what.domain, one.what.domain);
	assert_bytes(got.what.value, one.what.value);
	assert_true(got.issued_before_s == 5 && got.until_s == NOW + 7 && got.since_s == NOW);
	assert_bytes(got.by, one.by);
	assert_bytes(got.because, one.because);
	for (size_t cut = 0; cut < id.len; cut++)
		assert_fails(revocation_get(bytes_of(id.data, cut), buf_bytes(&value), &got), RECORD_CORRUPT);
	for (size_t cut = 0; cut < value.len; cut++)
		assert_fails(revocation_get(buf_bytes(&id), bytes_of(value.data, cut), &got), RECORD_CORRUPT);
	id.data[0] = REVOKE_KIND_COUNT;
	assert_fails(revocation_get(buf_bytes(&id), buf_bytes(&value), &got), RECORD_CORRUPT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_kind_revokes_what_it_names_and_nothing_else),
	cmocka_unit_test(what_a_credential_lacks_is_not_asked),
	cmocka_unit_test(a_subject_is_one_of_its_issuer),
	cmocka_unit_test(issued_before_spares_what_was_issued_later),
	cmocka_unit_test(one_that_is_over_revokes_nothing_and_goes),
	cmocka_unit_test(the_newest_of_one_selector_counts),
	cmocka_unit_test(what_says_nothing_or_too_much_is_refused),
	cmocka_unit_test(a_full_table_forgets_nothing),
	cmocka_unit_test(pages_show_each_once),
	cmocka_unit_test(its_fact_comes_back_and_is_refused_when_cut_or_changed),
};

UNIT_MAIN(tests)
