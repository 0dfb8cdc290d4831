/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of identity providers that are no trust domains: which document counts, in which order they come, and what ends
 * with them. */
#include "tests/support/unit.h"

#include <poll.h>
#include <stdlib.h>

#include <sys/socket.h>

#include "agent/trust.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "spiffe/fetch_source.h"
#include "tests/support/mint.h"

static const char *const names[] = { "https://a.example", "https://b.example", "https://c.example" };

struct world {
	struct loop loop;
	struct compute *compute;
	struct jwtsvid_cache *tokens;
	struct downloads downloads;
	struct wall wall;
	struct trust issuers;
	struct config_issuer configured[3];
	struct config config;
	struct mint_key *key[2];
	struct ipc *server; /* in place of keyreeve-fetch; NULL: it is not there */
};

enum { REFRESH_S = 300, MAX_AGE_S = 86400 };

static void turn(void *context)
{
	struct world *w = context;

	if (!w->issuers.is_busy && w->downloads.waiting == NULL)
		loop_stop(&w->loop);
}

/* Until nothing is being compiled, and every question is answered. */
static void settle(struct world *w)
{
	w->loop.stopping = false;
	assert_ok(loop_run(&w->loop));
}

/* These of the names are configured. */
static void configure(struct world *w, unsigned first, unsigned count)
{
	w->config = (struct config){ .issuers = w->configured, .issuer_count = count };
	for (unsigned i = 0; i < count; i++)
		w->configured[i] = (struct config_issuer){ .issuer = (char *)(uintptr_t)names[first + i] };
	trust_configure(&w->issuers, &w->config);
}

static int world_new(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_ok(loop_init(&w->loop));
	w->loop.context = w;
	w->loop.turn = turn;
	for (int i = 0; i < DEADLINE_KIND_COUNT; i++)
		w->loop.length_us[i] = 1000000;
	assert_ok(compute_start(&w->loop, &w->compute));
	assert_ok(jwtsvid_cache_new(8, &w->tokens));
	assert_ok(wall_begin(&w->wall, "boot"));
	downloads_init(&w->downloads, &w->loop);
	assert_ok(trust_init(
		&w->issuers, TRUST_OF_ISSUERS, &w->loop, w->compute, w->tokens, &w->downloads, &w->wall, &w->config));
	w->key[0] = mint_key_new(MINT_P256);
	w->key[1] = mint_key_new(MINT_P256);
	configure(w, 0, 2);
	settle(w);
	*state = w;
	return 0;
}

static int world_free(void **state)
{
	struct world *w = *state;

	compute_stop(w->compute);
	ipc_free(w->server);
	trust_done(&w->issuers);
	downloads_done(&w->downloads);
	wall_done(&w->wall);
	jwtsvid_cache_free(w->tokens);
	mint_key_free(w->key[0]);
	mint_key_free(w->key[1]);
	loop_done(&w->loop);
	free(w);
	return 0;
}

static char *document_of(const struct world *w, int key)
{
	char *jwk = mint_jwk(w->key[key], "k1", "\"use\":\"sig\""), *document = mint_jwks(&jwk, 1);

	free(jwk);
	return document;
}

static void give(struct world *w, int issuer, int key)
{
	char *document = document_of(w, key);

	assert_ok(trust_issuer_file(&w->issuers, bytes_from_text(names[issuer]), bytes_from_text(document)));
	free(document);
}

static void give_text(struct world *w, int issuer, const char *text)
{
	assert_ok(trust_issuer_file(&w->issuers, bytes_from_text(names[issuer]), bytes_from_text(text)));
}

/* Is the key trusted as that issuer's?  Asked as a token would. */
static bool trusts(const struct world *w, int issuer, int key)
{
	struct jwtsvid_issuer asked = {
		.name = bytes_from_text(names[issuer]), .may_lack_type = true, .claim = BYTES_LITERAL("sub")
	};
	char *payload = mint_printf("{\"iss\":\"%s\",\"sub\":\"x\",\"aud\":\"A\",\"exp\":1}", names[issuer]);
	char *token = mint_token("{\"alg\":\"ES256\",\"kid\":\"k1\"}", payload, w->key[key], MINT_ES256);
	struct jwtsvid *svid = NULL;
	struct status st = jwtsvid_authenticate_issued(bytes_from_text(token), w->issuers.keys, &asked, 1, &svid);

	jwtsvid_unref(svid);
	free(token);
	free(payload);
	return st.code == STATUS_OK;
}

static void nobody_is_trusted_before_a_document(void **state)
{
	struct world *w = *state;

	assert_int_equal(keyset_key_count(w->issuers.keys), 0);
	assert_fails(
		trust_issuer_file(&w->issuers, BYTES_LITERAL("https://x.example"), BYTES_LITERAL("{}")), JWT_ISSUER);
	assert_fails(trust_issuer_file(&w->issuers, (struct bytes){ 0 }, BYTES_LITERAL("{}")), JWT_ISSUER);
}

static void each_issuer_has_its_own_keys(void **state)
{
	struct world *w = *state;
	char text[TRUST_TEXT_BYTES];

	assert_false(trust_is_ready(&w->issuers, text));
	assert_string_equal(text, "not ready: no usable keys of issuer https://a.example (DOC-15)");
	give(w, 0, 0);
	give(w, 1, 1); /* while the first is compiled */
	settle(w);
	assert_true(trust_is_ready(&w->issuers, text));
	assert_string_equal(text, "ready: keys of 2 issuers");
	assert_true(trusts(w, 0, 0) && trusts(w, 1, 1));
	assert_false(trusts(w, 0, 1) || trusts(w, 1, 0));
	give(w, 0, 1);
	settle(w);
	assert_true(trusts(w, 0, 1) && trusts(w, 1, 1));
	assert_false(trusts(w, 0, 0));
}

static void the_newest_document_counts_however_fast_they_come(void **state)
{
	struct world *w = *state;

	for (int round = 0; round < 20; round++) {
		int last = round % 2;

		give(w, 0, !last);
		give(w, 1, last);
		give(w, 0, last);
		give(w, 0, !last);
		give(w, 0, last);
		settle(w);
		assert_true(trusts(w, 0, last) && trusts(w, 1, last));
		assert_false(trusts(w, 0, !last) || trusts(w, 1, !last));
	}
}

static void a_broken_document_leaves_the_one_before(void **state)
{
	static const char *const broken[] = { "", "{", "{}", "[]", "{\"keys\":{}}", "\xff" };
	struct world *w = *state;

	give(w, 0, 0);
	give(w, 1, 1);
	settle(w);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		give_text(w, 0, broken[i]);
		settle(w);
		if (!trusts(w, 0, 0) || !trusts(w, 1, 1))
			fail_msg("%s", broken[i]);
	}
	give_text(w, 0, "{\"keys\":[]}"); /* which says that there are none */
	settle(w);
	assert_false(trusts(w, 0, 0));
	assert_true(trusts(w, 1, 1));
	give(w, 0, 0);
	settle(w);
	assert_true(trusts(w, 0, 0));
}

static void a_document_too_large_leaves_the_one_before(void **state)
{
	struct world *w = *state;
	size_t len = (size_t)BUNDLE_DOCUMENT_MAX_BYTES + 1;
	char *spaces = malloc(8 * len);

	assert_non_null(spaces);
	memset(spaces, ' ', 8 * len);
	give(w, 0, 0);
	settle(w);
	assert_ok(trust_issuer_file(&w->issuers, bytes_from_text(names[0]), bytes_of(spaces, len)));
	settle(w);
	assert_true(trusts(w, 0, 0));
	assert_ok(trust_issuer_file(&w->issuers, bytes_from_text(names[0]), bytes_of(spaces, 8 * len)));
	settle(w);
	assert_true(trusts(w, 0, 0));
	give(w, 0, 1); /* and takes documents again */
	settle(w);
	assert_true(trusts(w, 0, 1));
	free(spaces);
}

static void an_issuer_that_goes_takes_its_keys_along(void **state)
{
	struct world *w = *state;

	give(w, 0, 0);
	give(w, 1, 1);
	settle(w);
	configure(w, 1, 2); /* b stays, c is new */
	settle(w);
	assert_false(trusts(w, 0, 0));
	assert_true(trusts(w, 1, 1));
	configure(w, 0, 3); /* a is back, without what it had */
	settle(w);
	assert_false(trusts(w, 0, 0));
	assert_true(trusts(w, 1, 1));
	configure(w, 0, 0);
	settle(w);
	assert_int_equal(keyset_key_count(w->issuers.keys), 0);
}

static void a_document_under_way_ends_with_its_issuer(void **state)
{
	struct world *w = *state;

	for (int round = 0; round < 20; round++) {
		configure(w, 0, 2);
		give(w, 0, 0);
		give(w, 1, 1);
		configure(w, 1, 1); /* a goes while its document is compiled */
		settle(w);
		assert_false(trusts(w, 0, 0));
		assert_true(trusts(w, 1, 1));
	}
}

/* What is asked of a token may have changed, so that it is verified anew. */
static void a_new_configuration_ends_verified_tokens(void **state)
{
	struct world *w = *state;
	struct jwtsvid_issuer asked = {
		.name = bytes_from_text(names[0]), .may_lack_type = true, .claim = BYTES_LITERAL("sub")
	};
	char *token = mint_token("{\"alg\":\"ES256\",\"kid\":\"k1\"}",
		"{\"iss\":\"https://a.example\",\"sub\":\"x\",\"aud\":\"A\",\"exp\":1900000000}", w->key[0],
		MINT_ES256);
	struct jwtsvid_cache_key key;
	struct jwtsvid *svid = NULL;

	give(w, 0, 0);
	settle(w);
	assert_ok(jwtsvid_cache_key(w->tokens, bytes_from_text(token), &key));
	assert_ok(jwtsvid_authenticate_issued(bytes_from_text(token), w->issuers.keys, &asked, 1, &svid));
	jwtsvid_cache_put(w->tokens, &key, svid, 0);
	assert_non_null(jwtsvid_cache_find(w->tokens, &key, 0));
	configure(w, 0, 2);
	settle(w);
	assert_null(jwtsvid_cache_find(w->tokens, &key, 0));
	jwtsvid_cache_put(w->tokens, &key, svid, 0);
	assert_non_null(jwtsvid_cache_find(w->tokens, &key, 0)); /* the keys stayed */
	jwtsvid_unref(svid);
	free(token);
}

/* ---- keys from a URL ------------------------------------------------------------------------------------ */

/* Keys of the first issuer come from a URL. */
static void configure_url(struct world *w, uint32_t refresh_s, uint32_t max_age_s)
{
	w->config = (struct config){ .issuers = w->configured, .issuer_count = 1 };
	w->configured[0] = (struct config_issuer){ .issuer = (char *)(uintptr_t)names[0],
		.jwks_url = (char *)(uintptr_t) "https://a.example/keys",
		.jwks_refresh_s = refresh_s,
		.jwks_max_age_s = max_age_s };
	trust_configure(&w->issuers, &w->config);
}

static void connect_server(struct world *w)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_ok(ipc_new(pair[0], &w->server));
	assert_ok(downloads_connect(&w->downloads, pair[1]));
	trust_fetch_is_there(&w->issuers);
}

static void pass(struct world *w, uint64_t seconds)
{
	w->loop.now_us += seconds * US_PER_S;
	trust_second(&w->issuers);
}

/* Was a question asked since the last one?  ret_id: of it. */
static bool was_asked(struct world *w, uint64_t *ret_id)
{
	struct ipc_message message;
	bool have = true, found = false;

	(void)ipc_receive(w->server); /* nothing there is no failure */
	while (have) {
		assert_ok(ipc_next(w->server, &message, &have));
		if (!have || message.type == FETCH_HELLO)
			continue;
		assert_int_equal(message.type, FETCH_GET);
		assert_bytes(message.part[0], BYTES_LITERAL("jwks:https://a.example"));
		assert_int_equal(message.part[1].len, 0);
		assert_false(found);
		found = true;
		*ret_id = message.id;
	}
	return found;
}

static void answer(struct world *w, uint64_t id, enum status_code status, const char *document)
{
	struct ipc_message message = ipc_message_of(status == STATUS_OK ? FETCH_DOCUMENT : FETCH_FAILED, id);

	message.status = status;
	message.part[1] = bytes_from_text(document);
	assert_ok(ipc_send(w->server, &message));
	assert_ok(ipc_flush(w->server));
	settle(w);
}

/* Asked now, and answered so. */
static void serve(struct world *w, enum status_code status, const char *document)
{
	uint64_t id;

	assert_true(was_asked(w, &id));
	answer(w, id, status, document);
}

static void begin(struct world *w)
{
	char *document = document_of(w, 0);

	configure_url(w, REFRESH_S, MAX_AGE_S);
	connect_server(w);
	pass(w, 0);
	serve(w, STATUS_OK, document);
	assert_true(trusts(w, 0, 0));
	free(document);
}

static void a_url_is_asked_at_its_time(void **state)
{
	struct world *w = *state;
	char *document = document_of(w, 1);
	uint64_t id;

	begin(w);
	pass(w, 0);
	pass(w, REFRESH_S - (REFRESH_S - TRUST_INTERVAL_MIN_S) / 8 - 2); /* at most that early */
	assert_false(was_asked(w, &id));
	pass(w, (REFRESH_S - TRUST_INTERVAL_MIN_S) / 8 + 2);
	assert_true(was_asked(w, &id));
	pass(w, REFRESH_S); /* and not again before it has answered */
	assert_false(was_asked(w, &(uint64_t){ 0 }));
	answer(w, id, STATUS_OK, document);
	assert_true(trusts(w, 0, 1));
	assert_false(trusts(w, 0, 0));
	free(document);
}

static void nobody_to_ask_is_asked_when_it_is_there(void **state)
{
	struct world *w = *state;
	char *document = document_of(w, 0);

	configure_url(w, REFRESH_S, MAX_AGE_S);
	pass(w, 0);
	pass(w, 1);
	connect_server(w);
	pass(w, 0);
	serve(w, STATUS_CLIENT_CONNECT, "");
	assert_false(trusts(w, 0, 0));
	pass(w, TRUST_INTERVAL_MIN_S - 2);
	assert_false(was_asked(w, &(uint64_t){ 0 }));
	pass(w, 3); /* without keys it is soon */
	serve(w, STATUS_OK, "{");
	pass(w, TRUST_INTERVAL_MIN_S - 2);
	assert_false(was_asked(w, &(uint64_t){ 0 }));
	pass(w, 3);
	serve(w, STATUS_OK, document);
	assert_true(trusts(w, 0, 0));
	free(document);
}

static void what_is_no_answer_leaves_the_keys_until_they_are_too_old(void **state)
{
	static const char *const broken[] = { "", "{", "[]", "{\"keys\":{}}" };
	struct world *w = *state;

	begin(w);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		pass(w, REFRESH_S);
		serve(w, STATUS_OK, broken[i]);
		assert_true(trusts(w, 0, 0));
	}
	pass(w, REFRESH_S);
	serve(w, STATUS_CLIENT_ANSWER, "");
	assert_true(trusts(w, 0, 0));
	pass(w, MAX_AGE_S - 5);
	assert_true(trusts(w, 0, 0));
	pass(w, 10);		       /* by the clock of before: the loop's is set anew when it runs */
	assert_false(trusts(w, 0, 0)); /* at once */
	serve(w, STATUS_OK, "{\"keys\":[]}");
	assert_false(trusts(w, 0, 0));
}

static void the_same_again_confirms(void **state)
{
	struct world *w = *state;
	char *document = document_of(w, 0);
	const struct trust_domain *domain;
	uint64_t confirmed_us;

	begin(w);
	domain = trust_book_find(&w->issuers.book, bytes_from_text(names[0]));
	confirmed_us = domain->confirmed.mono_us;
	pass(w, REFRESH_S);
	serve(w, STATUS_OK, "{"); /* which says nothing */
	assert_int_equal(domain->confirmed.mono_us, confirmed_us);
	pass(w, REFRESH_S);
	serve(w, STATUS_OK, document);
	assert_true(domain->confirmed.mono_us > confirmed_us);
	free(document);
}

static void a_set_without_keys_ends_them(void **state)
{
	struct world *w = *state;

	begin(w);
	pass(w, REFRESH_S);
	serve(w, STATUS_OK, "{\"keys\":[]}");
	assert_false(trusts(w, 0, 0));
}

static void an_unknown_key_hastens_the_question(void **state)
{
	struct world *w = *state;
	uint64_t id;

	begin(w);
	trust_hasten(&w->issuers);
	pass(w, TRUST_INTERVAL_MIN_S - 2);
	assert_false(was_asked(w, &id));
	trust_hasten(&w->issuers);
	pass(w, 3);
	assert_true(was_asked(w, &id));
	answer(w, id, STATUS_CLIENT_ANSWER, "");
	for (int i = 0; i < 20; i++)
		trust_hasten(&w->issuers);
	pass(w, TRUST_INTERVAL_MIN_S - 2);
	assert_false(was_asked(w, &id));
}

static void another_configuration_is_asked_in_its_time(void **state)
{
	struct world *w = *state;
	uint64_t id;

	begin(w);
	configure_url(w, TRUST_INTERVAL_MIN_S, MAX_AGE_S);
	pass(w, TRUST_INTERVAL_MIN_S - 2);
	assert_false(was_asked(w, &id));
	pass(w, 3);
	assert_true(was_asked(w, &id));
	configure(w, 0, 1); /* a file now: what the URL said counts no more, nor what it says yet */
	assert_false(trusts(w, 0, 0));
	answer(w, id, STATUS_OK, "{\"keys\":[]}");
	give(w, 0, 1);
	settle(w);
	assert_true(trusts(w, 0, 1));
	assert_null(w->issuers.polls[0]);
}

#define in_a_world(test) cmocka_unit_test_setup_teardown(test, world_new, world_free)
static const struct CMUnitTest tests[] = {
	in_a_world(nobody_is_trusted_before_a_document),
	in_a_world(each_issuer_has_its_own_keys),
	in_a_world(the_newest_document_counts_however_fast_they_come),
	in_a_world(a_broken_document_leaves_the_one_before),
	in_a_world(a_document_too_large_leaves_the_one_before),
	in_a_world(an_issuer_that_goes_takes_its_keys_along),
	in_a_world(a_document_under_way_ends_with_its_issuer),
	in_a_world(a_new_configuration_ends_verified_tokens),
	in_a_world(a_url_is_asked_at_its_time),
	in_a_world(nobody_to_ask_is_asked_when_it_is_there),
	in_a_world(what_is_no_answer_leaves_the_keys_until_they_are_too_old),
	in_a_world(the_same_again_confirms),
	in_a_world(a_set_without_keys_ends_them),
	in_a_world(an_unknown_key_hastens_the_question),
	in_a_world(another_configuration_is_asked_in_its_time),
};
UNIT_MAIN(tests)
