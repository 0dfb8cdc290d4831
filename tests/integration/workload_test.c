/* SPDX-License-Identifier: Apache-2.0
 *
 * The Workload API client inside the test's own process, against the test issuer: the unary fetch, and the watch with
 * its times shortened.  The times as they ship are idp_test's. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/own.h"
#include "spiffe/endpoint.h"
#include "spiffe/workload.h"
#include "tests/support/issuer.h"
#include "tests/support/unit.h"
#include "tests/support/watching.h"

enum { DEADLINE_MS = 5000, PATIENCE_MS = 10000, MANY_DOMAINS = 257 };

static struct issuer_child issuer;
static const struct bytes parsec = { (const uint8_t *)"parsec", 6 };

static const char *const two_identities[] = { "--entry", "any=spiffe://prod.example/first", "--entry",
	"any=spiffe://prod.example/second", NULL };

static int set_up(void **state)
{
	(void)state;
	issuer_prepare(&issuer);
	issuer_start(&issuer, two_identities);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	issuer_remove(&issuer);
	return 0;
}

/* ---- the unary fetch ------------------------------------------------------------------------------------- */

static struct endpoint here(void)
{
	struct endpoint endpoint;

	assert_ok(endpoint_parse(bytes_from_text(issuer.endpoint), &endpoint));
	return endpoint;
}

/* One audience, one identity or none, the reason kept. */
static struct status fetch_for(
	const struct endpoint *endpoint, const char *id, struct workload_jwts *jwts, char *reason)
{
	const struct workload_jwt_request request = { .endpoint = endpoint,
		.audiences = &parsec,
		.audience_count = 1,
		.spiffe_id = bytes_from_text(id),
		.deadline_ms = DEADLINE_MS };

	return workload_fetch_jwt(&request, jwts, reason);
}

static struct status fetch(const char *id, struct workload_jwts *jwts, char *reason)
{
	const struct endpoint endpoint = here();

	return fetch_for(&endpoint, id, jwts, reason);
}

static void fetch_gives_every_identity_the_default_first(void **state)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };

	(void)state;
	assert_ok(fetch("", &jwts, NULL));
	assert_int_equal(jwts.count, 2);
	assert_bytes(jwts.item[0].spiffe_id, bytes_from_text("spiffe://prod.example/first"));
	assert_bytes(jwts.item[1].spiffe_id, bytes_from_text("spiffe://prod.example/second"));
	assert_true(jwts.item[0].token.len > 100);
	assert_int_equal(issuer_seen(&issuer, "svids"), 1);
	assert_int_equal(issuer_seen(&issuer, "bad-metadata"), 0); /* TV-WA-01 */
}

static void fetch_gives_the_identity_asked_for(void **state)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };

	(void)state;
	assert_ok(fetch("spiffe://prod.example/second", &jwts, NULL));
	assert_int_equal(jwts.count, 1);
	assert_bytes(jwts.item[0].spiffe_id, bytes_from_text("spiffe://prod.example/second"));
}

static void fetch_gives_a_token_for_several_audiences(void **state)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	const struct bytes audiences[] = { parsec, BYTES_LITERAL("vault"), BYTES_LITERAL("a b") };
	const struct endpoint endpoint = here();
	const struct workload_jwt_request request = {
		.endpoint = &endpoint, .audiences = audiences, .audience_count = 3, .deadline_ms = DEADLINE_MS
	};

	(void)state;
	assert_ok(workload_fetch_jwt(&request, &jwts, NULL));
	assert_int_equal(jwts.count, 2);
}

/* TV-WA-10, TV-WA-14 and an expired one. */
static void fetch_refuses_answers_that_do_not_fit(void **state)
{
	static const char *const twists[] = { "subject", "audience", "expired", "no-svids", "empty-svid", "empty-id" };

	(void)state;
	for (size_t i = 0; i < sizeof(twists) / sizeof(twists[0]); i++) {
		AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
		char reason[WORKLOAD_REASON_BYTES];
		struct fault fault;

		(void)issuer_say(&issuer, "twist %s", twists[i]);
		assert_fails(fetch("", &jwts, reason), CLIENT_TOKEN);
		fault_take(&fault);
		assert_int_equal(fault.native, 0);
		assert_non_null(strstr(reason, "not acceptable"));
		assert_int_equal(jwts.count, 0);
	}
	(void)issuer_say(&issuer, "twist none");
	assert_int_equal(issuer_seen(&issuer, "svids"), 6);
}

/* WA-15: refused here, before anything is asked. */
static void fetch_refuses_to_ask_without_audience(void **state)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	const struct bytes with_empty[] = { parsec, { 0 } };
	const struct endpoint endpoint = here();
	struct workload_jwt_request request = {
		.endpoint = &endpoint, .audiences = with_empty, .deadline_ms = DEADLINE_MS
	};

	(void)state;
	assert_fails(workload_fetch_jwt(&request, &jwts, NULL), CLIENT_ARGUMENT);
	request.audience_count = 2;
	assert_fails(workload_fetch_jwt(&request, &jwts, NULL), CLIENT_ARGUMENT);
	request.audience_count = 1;
	request.deadline_ms = 0;
	assert_fails(workload_fetch_jwt(&request, &jwts, NULL), CLIENT_ARGUMENT);
	assert_int_equal(issuer_seen(&issuer, "svids"), 0);
}

/* The gRPC status and the server's words reach the caller. */
static void fetch_says_why_there_is_no_token(void **state)
{
	static const struct {
		const char *line;
		int native;
		const char *reason;
	} rows[] = { { "deny", 7, "PermissionDenied: no identity issued" }, { "invalid", 3, "InvalidArgument: " },
		{ "unimplemented", 12, "Unimplemented: " }, { "unavailable", 14, "Unavailable: not ready" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
		char reason[WORKLOAD_REASON_BYTES];
		struct fault fault;

		(void)issuer_say(&issuer, "%s 1", rows[i].line);
		assert_fails(fetch("", &jwts, reason), CLIENT_TOKEN);
		fault_take(&fault);
		assert_int_equal(fault.native, rows[i].native);
		assert_memory_equal(reason, rows[i].reason, strlen(rows[i].reason));
	}
}

static void fetch_without_an_entry_is_denied(void **state)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	struct fault fault;

	(void)state;
	(void)issuer_say(&issuer, "entry-delete any");
	assert_fails(fetch("", &jwts, NULL), CLIENT_TOKEN);
	fault_take(&fault);
	assert_int_equal(fault.native, 7);
	(void)issuer_say(&issuer, "entry %u spiffe://prod.example/by-uid", (unsigned)getuid());
	assert_ok(fetch("", &jwts, NULL));
	assert_bytes(jwts.item[0].spiffe_id, bytes_from_text("spiffe://prod.example/by-uid"));
}

/* ---- somebody else's token -------------------------------------------------------------------------------- */

static enum workload_verdict validate_with(
	const struct endpoint *endpoint, const char *token, int deadline_ms, struct buf *id, char *reason)
{
	const struct workload_question question = { endpoint, parsec, bytes_from_text(token), deadline_ms };

	return workload_validate_jwt(&question, id, reason);
}

static void TV_WA_17_answers_about_a_token(void **state)
{
	static const struct {
		const char *opinion;
		enum workload_verdict want;
		const char *id, *words; /* in the reason */
	} rows[] = {
		{ "good", WORKLOAD_GOOD, "spiffe://prod.example/w", NULL },
		{ "invalid", WORKLOAD_BAD, NULL, "InvalidArgument" },
		{ "unavailable", WORKLOAD_UNDECIDED, NULL, "Unavailable" },
		{ "denied", WORKLOAD_UNDECIDED, NULL, "PermissionDenied" },
		{ "internal", WORKLOAD_UNDECIDED, NULL, "Internal" },
		{ "other", WORKLOAD_GOOD, "spiffe://rig.example/other",
			NULL }, /* whose "sub" it is not, the agent sees */
		{ "no-id", WORKLOAD_UNDECIDED, NULL, "not acceptable" },
		{ "bad-id", WORKLOAD_UNDECIDED, NULL, "not acceptable" },
		{ "no-claims", WORKLOAD_UNDECIDED, NULL, "not acceptable" },
		{ "empty", WORKLOAD_UNDECIDED, NULL, "not acceptable" },
	};
	const struct endpoint endpoint = here();
	char *token = strdup(issuer_say(&issuer, "mint spiffe://prod.example/w parsec 300"));

	(void)state;
	assert_non_null(token);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(buf_done) struct buf id = buf_make(2048);
		char reason[WORKLOAD_REASON_BYTES] = "";
		unsigned seen = issuer_seen(&issuer, "validations");
		enum workload_verdict verdict;

		(void)issuer_say(&issuer, "validate %s", rows[i].opinion);
		verdict = validate_with(&endpoint, token, DEADLINE_MS, &id, reason);
		if (verdict != rows[i].want)
			fail_msg("%s: %d, \"%s\"", rows[i].opinion, (int)verdict, reason);
		if (rows[i].id != NULL)
			assert_bytes(buf_bytes(&id), bytes_from_text(rows[i].id));
		else
			assert_int_equal(id.len, 0);
		if (rows[i].words != NULL && strstr(reason, rows[i].words) == NULL)
			fail_msg("%s: \"%s\"", rows[i].opinion, reason);
		assert_int_equal(issuer_seen(&issuer, "validations"), seen + 1); /* never asked twice (WA-22) */
	}
	assert_int_equal(issuer_seen(&issuer, "bad-metadata"), 0);
	free(token);
}

static void a_token_that_is_not_decided_in_time_is_undecided(void **state)
{
	AUTO(buf_done) struct buf id = buf_make(2048);
	const struct endpoint endpoint = here();
	char reason[WORKLOAD_REASON_BYTES];
	uint64_t start = clock_mono_us();

	(void)state;
	(void)issuer_say(&issuer, "validate hang");
	assert_int_equal(validate_with(&endpoint, "a.b.c", 300, &id, reason), WORKLOAD_UNDECIDED);
	assert_in_range(clock_mono_us() - start, 250 * US_PER_MS, 2 * US_PER_S);
	(void)issuer_say(&issuer, "stop");
	assert_int_equal(validate_with(&endpoint, "a.b.c", DEADLINE_MS, &id, reason), WORKLOAD_UNDECIDED);
	assert_int_equal(validate_with(&endpoint, "", DEADLINE_MS, &id, reason), WORKLOAD_UNDECIDED);
	assert_int_equal(validate_with(&endpoint, "a.b.c", 0, &id, reason), WORKLOAD_UNDECIDED);
}

static void fetch_ends_soon_where_nobody_listens(void **state)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	char reason[WORKLOAD_REASON_BYTES];
	uint64_t start = clock_mono_us();
	struct fault fault;

	(void)state;
	(void)issuer_say(&issuer, "stop");
	assert_fails(fetch("", &jwts, reason), CLIENT_TOKEN);
	fault_take(&fault);
	assert_int_equal(fault.native, 14);
	assert_non_null(strstr(reason, "Unavailable"));
	assert_true(clock_mono_us() - start < 2 * US_PER_S);
}

static void fetch_ends_at_its_deadline(void **state)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	const struct endpoint endpoint = here();
	const struct workload_jwt_request request = {
		.endpoint = &endpoint, .audiences = &parsec, .audience_count = 1, .deadline_ms = 400
	};
	uint64_t start = clock_mono_us(), passed;

	(void)state;
	(void)issuer_say(&issuer, "hang");
	assert_fails(workload_fetch_jwt(&request, &jwts, NULL), CLIENT_TOKEN);
	passed = clock_mono_us() - start;
	assert_in_range(passed, 350 * US_PER_MS, 2 * US_PER_S);
}

/* The library would read "%" and "?" of a path as a URI's. */
static void fetch_finds_a_socket_whose_name_looks_like_a_uri(void **state)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	struct endpoint endpoint = here();

	(void)state;
	(void)snprintf(endpoint.path, sizeof(endpoint.path), "%s/a b%%41?x#y", issuer.folder);
	assert_int_equal(link(issuer.socket, endpoint.path), 0);
	assert_ok(fetch_for(&endpoint, "", &jwts, NULL));
	assert_int_equal(unlink(endpoint.path), 0);
}

/* GRPC_TRACE would print tokens, a proxy would see them. */
static void library_clears_what_steers_it_from_outside(void **state)
{
	(void)state;
	assert_int_equal(setenv("GRPC_TRACE", "all", 1), 0);
	assert_int_equal(setenv("GRPC_VERBOSITY", "debug", 1), 0);
	assert_int_equal(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("GRPCX", "stays", 1), 0);
	workload_library_begin();
	assert_null(getenv("GRPC_TRACE"));
	assert_null(getenv("GRPC_VERBOSITY"));
	assert_null(getenv("https_proxy"));
	assert_string_equal(getenv("GRPCX"), "stays");
	workload_library_end();
}

/* ---- the watch, its times shortened --------------------------------------------------------------------------- */

static const struct workload_timing quick = {
	.first_message_ms = 300, .retry_base_ms = 100, .retry_cap_ms = 200, .at_once_ms = 100
};

/* GR-09 */
static void watch_gives_up_a_stream_that_says_nothing(void **state)
{
	struct watching w;

	(void)state;
	(void)issuer_say(&issuer, "hang 1");
	w = watching_begin(issuer.endpoint, &quick);
	assert_true(watched_reaches(&watched.states[WORKLOAD_BACKING_OFF], 1));
	assert_true(watched_reaches(&watched.bundles, 1));
	watching_end(&w);
	assert_int_equal(issuer_seen(&issuer, "bundles"), 2);
}

/* WA-07: a silent stream is opened anew; the same snapshot is not announced again (WA-25). */
static void watch_confirms_an_old_snapshot(void **state)
{
	struct workload_timing timing = quick;
	struct watching w;

	(void)state;
	timing.confirm_ms = 200;
	w = watching_begin(issuer.endpoint, &timing);
	assert_true(watched_reaches(&watched.states[WORKLOAD_CONNECTED], 4));
	assert_int_equal(watched_count(&watched.bundles), 1);
	assert_int_equal(watched_count(&watched.withdrawn), 0);
	assert_int_equal(watched_count(&watched.states[WORKLOAD_BACKING_OFF]), 0);
	watching_end(&w);
	for (unsigned i = 0; i < 100 && issuer_seen(&issuer, "streams") > 0; i++)
		(void)poll(NULL, 0, 20); /* the server learns of it a moment later */
	assert_int_equal(issuer_seen(&issuer, "streams"), 0);
}

/* WA-07: but one that nobody confirms ends. */
static void watch_withdraws_what_is_too_old(void **state)
{
	struct workload_timing timing = quick;
	struct watching w;

	(void)state;
	timing.max_age_ms = 1000;
	w = watching_begin(issuer.endpoint, &timing);
	assert_true(watched_reaches(&watched.bundles, 1));
	(void)issuer_say(&issuer, "stop");
	assert_true(watched_reaches(&watched.states[WORKLOAD_BACKING_OFF], 2));
	assert_int_equal(watched_count(&watched.withdrawn), 0);
	assert_true(watched_reaches(&watched.withdrawn, 1));
	(void)issuer_say(&issuer, "start");
	assert_true(watched_reaches(&watched.bundles, 2)); /* the same documents: news again */
	watching_end(&w);
}

/* WA-05, WA-09, SID-20, JB-11 and what is no message at all: reported, discarded, what was before stays. */
static void watch_discards_malformed_messages(void **state)
{
	static const struct {
		const char *raw;
		const char *reason;
	} rows[] = {
		{ "0a", "does not decode" },						    /* cut after the tag */
		{ "0a05", "does not decode" },						    /* length past the end */
		{ "0a05 0a01 61 1200", "empty key document" },				    /* "a": "" */
		{ "0a05 0a00 1201 7b", "names no trust domain" },			    /* "": "{" */
		{ "0a08 0a03 612f62 1201 7b", "names no trust domain" },		    /* "a/b" */
		{ "0a08 0a03 610062 1201 7b", "names no trust domain" },		    /* "a\0b" */
		{ "0a06 0a01 61 1201 7b 0a06 0a01 61 1201 7b", "twice" },		    /* "a" and "a" */
		{ "0a06 0a01 61 1201 7b 0a0f 0a0a 7370696666653a2f2f61 1201 7b", "twice" }, /* "a", "spiffe://a" */
	};
	struct watching w;

	(void)state;
	w = watching_begin(issuer.endpoint, &quick);
	assert_true(watched_reaches(&watched.states[WORKLOAD_CONNECTED], 1));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char hex[256];
		size_t len = 0;

		for (const char *c = rows[i].raw; *c != '\0'; c++)
			if (*c != ' ')
				hex[len++] = *c;
		hex[len] = '\0';
		(void)issuer_say(&issuer, "raw %s", hex);
		assert_true(watched_reaches(&watched.states[WORKLOAD_DISCARDED], (unsigned)i + 1));
		assert_true(watched_reason(rows[i].reason));
	}
	assert_int_equal(watched_count(&watched.bundles), 1);
	assert_int_equal(watched_count(&watched.withdrawn), 0);
	assert_int_equal(issuer_seen(&issuer, "bundles"), 1); /* and the stream is still the first */
	watching_end(&w);
}

/* 2000 unknown fields in 4000 bytes: decoding them would take over fifty times their size. */
static void watch_decodes_within_a_budget(void **state)
{
	char hex[8001];
	struct watching w;

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		memcpy(hex + i * 4, "7800", 4);
	hex[8000] = '\0';
	w = watching_begin(issuer.endpoint, &quick);
	assert_true(watched_reaches(&watched.states[WORKLOAD_CONNECTED], 1));
	(void)issuer_say(&issuer, "raw %s", hex);
	assert_true(watched_reaches(&watched.states[WORKLOAD_DISCARDED], 1));
	assert_true(watched_reason("does not decode"));
	watching_end(&w);
}

static void watch_takes_256_trust_domains_and_no_more(void **state)
{
	struct watching w;

	(void)state;
	for (unsigned i = 0; i < MANY_DOMAINS - 2; i++)
		(void)issuer_say(&issuer, "document d%u.example 10", i);
	w = watching_begin(issuer.endpoint, &quick);
	assert_true(watched_reaches(&watched.bundles, 1)); /* with the issuer's own: 256 */
	(void)issuer_say(&issuer, "document last.example 10");
	assert_true(watched_reaches(&watched.states[WORKLOAD_DISCARDED], 1));
	assert_true(watched_reason("256"));
	assert_int_equal(watched_count(&watched.bundles), 1);
	watching_end(&w);
}

/* EP-19: a server that sends once and closes gets one call at once in a while, and not a loop. */
static void watch_is_not_drawn_into_a_loop(void **state)
{
	struct workload_timing timing = quick;
	struct watching w;

	(void)state;
	timing.at_once_ms = 60 * 1000;
	timing.retry_base_ms = timing.retry_cap_ms = 300;
	w = watching_begin(issuer.endpoint, &timing);
	for (unsigned i = 1; i <= 4; i++) {
		assert_true(watched_reaches(&watched.states[WORKLOAD_CONNECTED], i));
		(void)issuer_say(&issuer, "close");
		assert_true(watched_reaches(&watched.states[WORKLOAD_BACKING_OFF], i));
	}
	watching_end(&w);
	{
		long gaps[3] = { 0 };

		(void)sscanf(issuer_say(&issuer, "times"), "%ld %ld %ld", &gaps[0], &gaps[1], &gaps[2]);
		assert_true(gaps[0] < 140);  /* at once */
		assert_true(gaps[1] >= 150); /* half of the delay, which is what jitter leaves */
		assert_true(gaps[2] >= 150);
	}
}

/* ---- who serves the socket ------------------------------------------------------------------------------------- */

enum { BACKLOG = 64 };

/* Take the issuer's place: from here on it is this process that listens there. */
static int take_its_place(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)issuer_say(&issuer, "stop");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", issuer.socket);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, BACKLOG), 0);
	return fd;
}

/* Everybody who came, and how many bytes they said; all have gone. */
static unsigned came(int listener, size_t *ret_bytes)
{
	unsigned count = 0;
	int fd;

	*ret_bytes = 0;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		char said[4096];
		ssize_t n;

		while ((n = recv(fd, said, sizeof(said), 0)) > 0)
			*ret_bytes += (size_t)n;
		close(fd);
		count++;
	}
	return count;
}

static void say_everything(const struct endpoint *endpoint, enum workload_verdict want)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	AUTO(buf_done) struct buf id = buf_make(2048);
	char reason[WORKLOAD_REASON_BYTES] = "";
	struct fault fault;

	assert_int_equal(validate_with(endpoint, "a.b.c", 300, &id, reason), want);
	assert_int_equal(strstr(reason, "is served by uid") != NULL, want == WORKLOAD_UNASKED);
	assert_fails(fetch_for(endpoint, "", &jwts, reason), CLIENT_TOKEN);
	fault_take(&fault);
	assert_int_equal(fault.native == -1, want == WORKLOAD_UNASKED);
}

static void a_server_of_another_account_hears_nothing(void **state)
{
	struct endpoint endpoint = here();
	struct watching w;
	size_t bytes;
	int thief;

	(void)state;
	thief = take_its_place();
	endpoint.server_uid = geteuid() + 1;
	w = watching_begin_at(&endpoint, &quick);
	assert_true(watched_reaches(&watched.states[WORKLOAD_STRANGER], 3)); /* and it is tried again */
	say_everything(&endpoint, WORKLOAD_UNASKED);
	watching_end(&w);
	assert_int_equal(watched_count(&watched.states[WORKLOAD_CONNECTED]), 0);
	assert_int_equal(watched_count(&watched.withdrawn), 0);
	assert_in_range(came(thief, &bytes), 5, BACKLOG);
	assert_int_equal(bytes, 0);
	/* were it the right one, it would have heard them */
	endpoint.server_uid = geteuid();
	say_everything(&endpoint, WORKLOAD_UNDECIDED);
	assert_int_equal(came(thief, &bytes), 2);
	assert_true(bytes > 100);
	close(thief);
	assert_int_equal(unlink(issuer.socket), 0);
}

/* A server that takes nobody: its queue is full, and nobody waits for it. */
static void a_server_that_accepts_nobody_holds_nobody_up(void **state)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	const struct endpoint endpoint = here();
	char reason[WORKLOAD_REASON_BYTES] = "";
	uint64_t start = clock_mono_us();
	int server = take_its_place(), waiting[2 * BACKLOG], count = 0;

	(void)state;
	for (;;) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };

		assert_true(count < 2 * BACKLOG);
		waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", issuer.socket);
		if (connect(waiting[count++], (struct sockaddr *)&address, sizeof(address)) < 0)
			break;
	}
	assert_fails(fetch_for(&endpoint, "", &jwts, reason), CLIENT_TOKEN);
	assert_non_null(strstr(reason, "Unavailable: /"));
	assert_true(clock_mono_us() - start < US_PER_S);
	while (count > 0)
		close(waiting[--count]);
	close(server);
	assert_int_equal(unlink(issuer.socket), 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define WITH_ISSUER(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		cmocka_unit_test(library_clears_what_steers_it_from_outside),
		WITH_ISSUER(fetch_gives_every_identity_the_default_first),
		WITH_ISSUER(fetch_gives_the_identity_asked_for),
		WITH_ISSUER(fetch_gives_a_token_for_several_audiences),
		WITH_ISSUER(fetch_refuses_answers_that_do_not_fit),
		WITH_ISSUER(fetch_refuses_to_ask_without_audience),
		WITH_ISSUER(fetch_says_why_there_is_no_token),
		WITH_ISSUER(fetch_without_an_entry_is_denied),
		WITH_ISSUER(TV_WA_17_answers_about_a_token),
		WITH_ISSUER(a_token_that_is_not_decided_in_time_is_undecided),
		WITH_ISSUER(fetch_ends_soon_where_nobody_listens),
		WITH_ISSUER(fetch_ends_at_its_deadline),
		WITH_ISSUER(fetch_finds_a_socket_whose_name_looks_like_a_uri),
		WITH_ISSUER(watch_gives_up_a_stream_that_says_nothing),
		WITH_ISSUER(watch_confirms_an_old_snapshot),
		WITH_ISSUER(watch_withdraws_what_is_too_old),
		WITH_ISSUER(watch_discards_malformed_messages),
		WITH_ISSUER(watch_decodes_within_a_budget),
		WITH_ISSUER(watch_takes_256_trust_domains_and_no_more),
		WITH_ISSUER(watch_is_not_drawn_into_a_loop),
		WITH_ISSUER(a_server_of_another_account_hears_nothing),
		WITH_ISSUER(a_server_that_accepts_nobody_holds_nobody_up),
	};
	int failed;

	workload_library_begin();
	failed = unit_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
	workload_library_end();
	return failed;
}
