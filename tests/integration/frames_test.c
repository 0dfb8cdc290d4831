/* SPDX-License-Identifier: Apache-2.0
 *
 * The Workload API client against a server that writes its frames itself: every shape that HTTP/2 and gRPC allow, and
 * what neither allows.  Catalogue rows TV-WA-07, -11, -12, -13 and -16. */
#include "base/clock.h"
#include "base/own.h"
#include "spiffe/endpoint.h"
#include "spiffe/workload_x509.h"
#include "tests/support/h2.h"
#include "tests/support/mint.h"
#include "tests/support/unit.h"
#include "tests/support/watching.h"

enum { DEADLINE_MS = 5000, LONG_BYTES = 20000, HINT_MAX = 1024 };

#define FIRST "\x0a\x06\x0a\x01\x61\x12\x01\x7b"  /* a snapshot: the document of trust domain "a" is "{" */
#define SECOND "\x0a\x06\x0a\x01\x62\x12\x01\x7b" /* of "b" */
/* SECOND as gzip has it */
#define SECOND_GZIP                                                                                                    \
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xe3\x62\xe3\x62\x4c\x12\x62\xac\x06\x00\x2e\x2d\x88\x5b\x08\x00\x00" \
	"\x00"

static const struct workload_timing quick = {
	.first_message_ms = 20000, .retry_base_ms = 100, .retry_cap_ms = 200, .at_once_ms = 100
};

/* ---- answers ------------------------------------------------------------------------------------------------ */

static struct buf answer_begin(void)
{
	return buf_make(H2_ANSWER_MAX);
}

static struct buf headers_block(const char *encoding)
{
	struct buf block = buf_make(1024);

	h2_field_put(&block, ":status", "200");
	h2_field_put(&block, "content-type", "application/grpc");
	if (encoding != NULL)
		h2_field_put(&block, "grpc-encoding", encoding);
	return block;
}

static void put_headers(struct buf *out)
{
	AUTO(buf_done) struct buf block = headers_block(NULL);

	h2_frame_put(out, H2_HEADERS, H2_END_HEADERS, 0, buf_bytes(&block));
}

static void put_message(struct buf *out, uint8_t flag, struct bytes message)
{
	AUTO(buf_done) struct buf whole = buf_make(H2_ANSWER_MAX);

	h2_prefix_put(&whole, flag, message.len);
	buf_put(&whole, message);
	h2_frame_put(out, H2_DATA, 0, 0, buf_bytes(&whole));
}

/* The end of a call: as trailers after a message, or, with an HTTP status, as all there is. */
static void put_end(struct buf *out, const char *http_status, const char *grpc_status, const char *words)
{
	AUTO(buf_done) struct buf block = buf_make(1024);

	if (http_status != NULL) {
		h2_field_put(&block, ":status", http_status);
		h2_field_put(&block, "content-type", "application/grpc");
	}
	if (grpc_status != NULL)
		h2_field_put(&block, "grpc-status", grpc_status);
	if (words != NULL)
		h2_field_put(&block, "grpc-message", words);
	h2_frame_put(out, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 0, buf_bytes(&block));
}

static void put_reset(struct buf *out, uint8_t code)
{
	const uint8_t payload[] = { 0, 0, 0, code };

	h2_frame_put(out, H2_RST_STREAM, 0, 0, bytes_of(payload, sizeof(payload)));
}

static struct buf answer_of_message(uint8_t flag, struct bytes message)
{
	struct buf out = answer_begin();

	put_headers(&out);
	put_message(&out, flag, message);
	return out;
}

/* ---- one's own tokens --------------------------------------------------------------------------------------- */

static void varint_put(struct buf *to, size_t value)
{
	for (; value > 0x7f; value >>= 7)
		buf_put_u8(to, (uint8_t)(value | 0x80));
	buf_put_u8(to, (uint8_t)value);
}

static void field_put(struct buf *to, unsigned number, struct bytes bytes)
{
	varint_put(to, number << 3 | 2);
	varint_put(to, bytes.len);
	buf_put(to, bytes);
}

/* One entry of JWTSVIDResponse with a token that fits it. */
static void svid_put(struct buf *response, const char *id, struct bytes hint)
{
	AUTO(buf_done) struct buf svid = buf_make(H2_ANSWER_MAX);
	char *payload = mint_printf("{\"sub\":\"%s\",\"aud\":[\"parsec\"],\"exp\":%lld}", id,
		(long long)(clock_wall_us() / US_PER_S) + 300);
	char *token = mint_token_signed("{\"alg\":\"ES256\"}", payload, BYTES_LITERAL("unread here"));

	field_put(&svid, 1, bytes_from_text(id));
	field_put(&svid, 2, bytes_from_text(token));
	if (hint.len > 0)
		field_put(&svid, 3, hint);
	field_put(response, 1, buf_bytes(&svid));
	free(payload);
	free(token);
}

static struct status fetch(const struct buf *answer, struct workload_jwts *ret_jwts, char *reason)
{
	static const struct bytes parsec = { (const uint8_t *)"parsec", 6 };
	struct workload_jwt_request request = { .audiences = &parsec, .audience_count = 1, .deadline_ms = DEADLINE_MS };
	struct h2_server server;
	struct endpoint endpoint;
	struct status st;

	h2_start(&server, answer, 1, NULL);
	assert_ok(endpoint_parse(bytes_from_text(server.endpoint), &endpoint));
	request.endpoint = &endpoint;
	st = workload_fetch_jwt(&request, ret_jwts, reason);
	h2_stop(&server);
	assert_int_equal(server.calls, 1);
	return st;
}

static struct buf answer_of_svids(const struct buf *response)
{
	struct buf out = answer_of_message(0, buf_bytes(response));

	put_end(&out, NULL, "0", NULL);
	return out;
}

/* Control for every refusal below, and WA-12: the first of those with one hint, and each without. */
static void TV_WA_12_of_two_entries_with_one_hint_the_first_counts(void **state)
{
	static const struct {
		const char *id;
		const char *hint;
	} rows[] = { { "spiffe://a/1", "internal" }, { "spiffe://a/2", "internal" }, { "spiffe://a/3", "" },
		{ "spiffe://a/4", "" }, { "spiffe://a/5", "external" } };
	static const size_t kept[] = { 0, 2, 3, 4 };
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	AUTO(buf_done) struct buf response = buf_make(H2_ANSWER_MAX), answer = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		svid_put(&response, rows[i].id, bytes_from_text(rows[i].hint));
	answer = answer_of_svids(&response);
	assert_ok(fetch(&answer, &jwts, NULL));
	assert_int_equal(jwts.count, sizeof(kept) / sizeof(kept[0]));
	for (size_t i = 0; i < jwts.count; i++) {
		assert_bytes(jwts.item[i].spiffe_id, bytes_from_text(rows[kept[i]].id));
		assert_bytes(jwts.item[i].hint, bytes_from_text(rows[kept[i]].hint));
	}
}

/* WA-13: the entry stays, and a hint that was not taken is nobody's. */
static void TV_WA_13_a_hint_over_1024_bytes_is_dropped_and_its_entry_kept(void **state)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	AUTO(buf_done) struct buf response = buf_make(H2_ANSWER_MAX), answer = { 0 };
	uint8_t hint[HINT_MAX + 1];

	(void)state;
	memset(hint, 'h', sizeof(hint));
	svid_put(&response, "spiffe://a/long", bytes_of(hint, HINT_MAX + 1));
	svid_put(&response, "spiffe://a/long-too", bytes_of(hint, HINT_MAX + 1));
	svid_put(&response, "spiffe://a/fits", bytes_of(hint, HINT_MAX));
	answer = answer_of_svids(&response);
	assert_ok(fetch(&answer, &jwts, NULL));
	assert_int_equal(jwts.count, 3);
	assert_int_equal(jwts.item[0].hint.len, 0);
	assert_int_equal(jwts.item[1].hint.len, 0);
	assert_bytes(jwts.item[2].hint, bytes_of(hint, HINT_MAX));
}

/* ---- one's own certificates ---------------------------------------------------------------------------------- */

enum { HEARD_MAX = 4, HEARD_ID_BYTES = 32 };

struct heard {
	struct workload_watch *watch;
	enum status_code read;
	size_t count;
	char id[HEARD_MAX][HEARD_ID_BYTES];
};

/* The first message is enough. */
static void x509_heard(void *context, struct bytes list)
{
	static struct workload_x509s svids;
	struct heard *heard = context;

	heard->read = workload_x509_read(list, &svids).code;
	heard->count = heard->read == STATUS_OK ? svids.count : 0;
	for (size_t i = 0; i < heard->count && i < HEARD_MAX; i++)
		(void)snprintf(heard->id[i], HEARD_ID_BYTES, "%.*s", (int)svids.item[i].spiffe_id.len,
			(const char *)svids.item[i].spiffe_id.data);
	workload_watch_stop(heard->watch);
}

static void x509_withdrawn(void *context, const char *reason)
{
	(void)context;
	(void)reason;
}

static void x509_state(void *context, enum workload_state state, const char *reason)
{
	(void)context;
	(void)state;
	(void)reason;
}

static void x509_put(struct buf *response, const char *id, const char *hint)
{
	AUTO(buf_done) struct buf svid = buf_make(H2_ANSWER_MAX);

	field_put(&svid, 1, bytes_from_text(id));
	field_put(&svid, 2, BYTES_LITERAL("chain"));
	field_put(&svid, 3, BYTES_LITERAL("key"));
	field_put(&svid, 4, BYTES_LITERAL("bundle"));
	if (hint != NULL)
		field_put(&svid, 5, bytes_from_text(hint));
	field_put(response, 1, buf_bytes(&svid));
}

/* WA-10: "the first SVID in the list is the default identity", whatever its name and hint. */
static void TV_WA_11_of_several_certificates_the_first_is_the_default(void **state)
{
	static const char *const orders[][2] = { { "spiffe://a/1", "spiffe://a/2" },
		{ "spiffe://a/2", "spiffe://a/1" } };

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		AUTO(buf_done) struct buf response = buf_make(H2_ANSWER_MAX), answer = { 0 };
		struct heard heard = { 0 };
		const struct workload_events events = { &heard, x509_heard, x509_withdrawn, x509_state, NULL };
		struct h2_server server;
		struct endpoint endpoint;

		x509_put(&response, orders[i][0], NULL);
		x509_put(&response, orders[i][1], "internal");
		answer = answer_of_message(0, buf_bytes(&response));
		h2_start(&server, &answer, 1, NULL);
		assert_ok(endpoint_parse(bytes_from_text(server.endpoint), &endpoint));
		assert_ok(workload_x509_watch_new(&endpoint, &events, &quick, &heard.watch));
		workload_watch_run(heard.watch);
		workload_watch_free(heard.watch);
		h2_stop(&server);
		assert_int_equal(heard.read, STATUS_OK);
		assert_int_equal(heard.count, 2);
		assert_string_equal(heard.id[0], orders[i][0]);
		assert_string_equal(heard.id[1], orders[i][1]);
	}
}

/* GR-04, GR-05: the end of a call without anything before it. */
static void TV_WA_16_errors_in_trailers_only_are_mapped(void **state)
{
	static const struct {
		const char *http, *grpc, *words;
		int native;
		const char *reason;
	} rows[] = {
		{ "200", "7", "no%20identity%20issued", 7, "PermissionDenied: no identity issued" },
		{ "200", "3", "", 3, "InvalidArgument" },
		{ "200", "12", NULL, 12, "Unimplemented" },
		{ "200", "14", "wait%zz%", 14, "Unavailable: wait%zz%" }, /* decoded leniently */
		{ "200", "14", "a%0Ab%01%C3%A9", 14, "Unavailable: a?b???" },
		{ "200", NULL, NULL, 2, "Unknown" },
		{ "200", "99", NULL, 99, "unassigned status" },
		{ "200", "x", NULL, 2, "Unknown" },
		{ "200", "0", NULL, 0, "the Workload API's answer is not acceptable" }, /* and no message */
		{ "400", NULL, NULL, 13, "Internal" },
		{ "401", NULL, NULL, 16, "Unauthenticated" },
		{ "403", NULL, NULL, 7, "PermissionDenied" },
		{ "404", NULL, NULL, 12, "Unimplemented" },
		{ "429", NULL, NULL, 14, "Unavailable" },
		{ "500", NULL, NULL, 2, "Unknown" },
		{ "503", NULL, NULL, 14, "Unavailable" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
		AUTO(buf_done) struct buf answer = answer_begin();
		char reason[WORKLOAD_REASON_BYTES];
		struct fault fault;

		put_end(&answer, rows[i].http, rows[i].grpc, rows[i].words);
		assert_fails(fetch(&answer, &jwts, reason), CLIENT_TOKEN);
		fault_take(&fault);
		if (fault.native != rows[i].native || strncmp(reason, rows[i].reason, strlen(rows[i].reason)) != 0)
			fail_msg("row %zu: %lld, \"%s\"", i, (long long)fault.native, reason);
	}
}

/* A message that is not whole is none, however well the call ends; nor is one that a reset follows. */
static void TV_WA_16_cut_answers_are_refused(void **state)
{
	AUTO(buf_done) struct buf response = buf_make(H2_ANSWER_MAX), answer = { 0 }, whole = buf_make(H2_ANSWER_MAX);

	(void)state;
	svid_put(&response, "spiffe://a/1", (struct bytes){ 0 });
	h2_prefix_put(&whole, 0, response.len);
	buf_put(&whole, buf_bytes(&response));
	for (size_t len = 0; len < whole.len; len += len < 6 ? 1 : 50) {
		AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
		AUTO(buf_done) struct buf cut = answer_begin();

		put_headers(&cut);
		h2_frame_put(&cut, H2_DATA, 0, 0, bytes_of(whole.data, len));
		put_end(&cut, NULL, "0", NULL);
		assert_fails(fetch(&cut, &jwts, NULL), CLIENT_TOKEN);
	}
	answer = answer_of_message(0, buf_bytes(&response));
	put_reset(&answer, 2);
	{
		AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };

		assert_fails(fetch(&answer, &jwts, NULL), CLIENT_TOKEN);
	}
}

/* ---- the stream of key documents ---------------------------------------------------------------------------- */

/* A message in one of the shapes that mean the same. */
struct shape {
	uint8_t data_pad;    /* with H2_PADDED */
	uint8_t headers_pad; /* with H2_PADDED */
	size_t piece;	     /* bytes of the message in each DATA frame; 0: all */
	bool empty_between;  /* an empty DATA frame after each */
	size_t first_header; /* bytes of the header block before it goes on in CONTINUATION frames; 0: all */
};

static void put_shaped_headers(struct buf *out, const struct shape *shape)
{
	AUTO(buf_done) struct buf block = headers_block("identity");
	size_t first = shape->first_header > 0 ? shape->first_header : block.len;
	uint8_t flags = shape->headers_pad > 0 ? H2_PADDED : 0;

	if (first == block.len)
		flags |= H2_END_HEADERS;
	h2_frame_put(out, H2_HEADERS, flags, shape->headers_pad, bytes_of(block.data, first));
	if (first < block.len)
		h2_frame_put(out, H2_CONTINUATION, H2_END_HEADERS, 0, bytes_of(block.data + first, block.len - first));
}

static void put_shaped_message(struct buf *out, const struct shape *shape, struct bytes message)
{
	AUTO(buf_done) struct buf whole = buf_make(H2_ANSWER_MAX);
	struct reader r;

	h2_prefix_put(&whole, 0, message.len);
	buf_put(&whole, message);
	r = reader_of(buf_bytes(&whole));
	while (r.left.len > 0) {
		size_t len = shape->piece > 0 && shape->piece < r.left.len ? shape->piece : r.left.len;

		h2_frame_put(out, H2_DATA, shape->data_pad > 0 ? H2_PADDED : 0, shape->data_pad, reader_bytes(&r, len));
		if (shape->empty_between)
			h2_frame_put(out, H2_DATA, 0, 0, (struct bytes){ 0 });
	}
}

static struct buf answer_of_shape(const struct shape *shape, struct bytes message)
{
	struct buf out = answer_begin();

	put_shaped_headers(&out, shape);
	put_shaped_message(&out, shape, message);
	return out;
}

/* A document of LONG_BYTES under the name "a". */
static void long_snapshot_put(struct buf *message)
{
	AUTO(buf_done) struct buf entry = buf_make(H2_ANSWER_MAX);
	static uint8_t document[LONG_BYTES];

	memset(document, ' ', sizeof(document));
	field_put(&entry, 1, BYTES_LITERAL("a"));
	field_put(&entry, 2, bytes_of(document, sizeof(document)));
	field_put(message, 1, buf_bytes(&entry));
}

static void TV_WA_16_frames_of_every_size_are_read(void **state)
{
	static const struct shape shapes[] = {
		{ 0 },
		{ .piece = 16384 },
		{ .piece = 1000 },
		{ .piece = 7 },
		{ .piece = 100, .empty_between = true },
		{ .first_header = 1 },
		{ .first_header = 20, .piece = 1 },
	};
	AUTO(buf_done) struct buf message = buf_make(H2_ANSWER_MAX);

	(void)state;
	long_snapshot_put(&message);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		AUTO(buf_done) struct buf answer = answer_of_shape(&shapes[i], buf_bytes(&message));
		struct h2_server server;
		struct watching w;

		h2_start(&server, &answer, 1, NULL);
		w = watching_begin(server.endpoint, &quick);
		if (!watched_reaches(&watched.states[WORKLOAD_CONNECTED], 1))
			fail_msg("shape %zu is not read: \"%s\"", i, watched.reason);
		assert_int_equal(watched_count(&watched.bundles), 1);
		assert_int_equal(watched.last_len, 4 + 1 + 4 + LONG_BYTES);
		watching_end(&w);
		h2_stop(&server);
		assert_int_equal(server.calls, 1);
	}
}

/* Two messages in one DATA frame, and one that ends in the middle of the next frame. */
static void messages_are_read_wherever_frames_end(void **state)
{
	AUTO(buf_done) struct buf answer = answer_begin(), both = buf_make(1024);
	struct h2_server server;
	struct watching w;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct bytes message = i == 1 ? BYTES_LITERAL(SECOND) : BYTES_LITERAL(FIRST);

		h2_prefix_put(&both, 0, message.len);
		buf_put(&both, message);
	}
	put_headers(&answer);
	h2_frame_put(&answer, H2_DATA, 0, 0, bytes_of(both.data, 20));
	h2_frame_put(&answer, H2_DATA, 0, 0, bytes_of(both.data + 20, both.len - 20));
	h2_start(&server, &answer, 1, NULL);
	w = watching_begin(server.endpoint, &quick);
	assert_true(watched_reaches(&watched.bundles, 3));
	watching_end(&w);
	h2_stop(&server);
	assert_int_equal(server.calls, 1);
}

/* What a stream of its own with `second` leads to after a good one: that state, and the good one's documents stay. */
static void refused_after_a_good_one(const struct buf *second, enum workload_state end, const char *what)
{
	AUTO(buf_done) struct buf first = answer_of_message(0, BYTES_LITERAL(FIRST));
	struct h2_server server;
	struct watching w;

	put_end(&first, NULL, "0", NULL);
	{
		const struct buf answers[] = { first, *second };

		h2_start(&server, answers, 2, NULL);
		w = watching_begin(server.endpoint, &quick);
		/* The end of the first stream is told as backing off, too. */
		if (!watched_reaches(&watched.states[end], end == WORKLOAD_BACKING_OFF ? 2 : 1))
			fail_msg("%s: \"%s\"", what, watched.reason);
		if (watched_count(&watched.bundles) != 1 || watched_count(&watched.withdrawn) != 0)
			fail_msg("%s: %u snapshots, %u withdrawn", what, watched.bundles, watched.withdrawn);
		watching_end(&w);
		h2_stop(&server);
	}
}

static struct buf answer_of_encoding(const char *encoding, struct bytes message)
{
	AUTO(buf_done) struct buf block = headers_block(encoding);
	struct buf out = answer_begin();

	h2_frame_put(&out, H2_HEADERS, H2_END_HEADERS, 0, buf_bytes(&block));
	put_message(&out, 1, message);
	return out;
}

/* GR-03: nothing is inflated, with or without an encoding that the server names and was not offered. */
static void TV_WA_16_compressed_messages_are_refused(void **state)
{
	static const char *const encodings[] = { NULL, "identity", "gzip", "deflate", "br" };

	(void)state;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		AUTO(buf_done) struct buf second = answer_of_encoding(encodings[i], BYTES_LITERAL(SECOND_GZIP));

		refused_after_a_good_one(&second, WORKLOAD_DISCARDED, encodings[i] == NULL ? "none" : encodings[i]);
	}
}

/* Plain bytes under the flag, without an encoding: the library does not tell, and they are what they are. */
static void plain_bytes_that_are_called_compressed_are_read(void **state)
{
	AUTO(buf_done) struct buf answer = answer_of_encoding(NULL, BYTES_LITERAL(SECOND));
	struct h2_server server;
	struct watching w;

	(void)state;
	h2_start(&server, &answer, 1, NULL);
	w = watching_begin(server.endpoint, &quick);
	assert_true(watched_reaches(&watched.states[WORKLOAD_CONNECTED], 1));
	watching_end(&w);
	h2_stop(&server);
}

/* RFC 9113 section 6.1 allows padding, and gRPC C core reads none: it is one more way in which a connection fails. */
static void padded_frames_end_the_stream_and_cost_no_documents(void **state)
{
	static const struct shape shapes[] = { { .data_pad = 1 }, { .data_pad = 255 }, { .headers_pad = 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		AUTO(buf_done) struct buf second = answer_of_shape(&shapes[i], BYTES_LITERAL(SECOND));

		refused_after_a_good_one(&second, WORKLOAD_BACKING_OFF, "padded");
	}
}

/* Of the ends in TV-WA-07 those that idp_test has no server for. */
static void TV_WA_07_reset_and_goaway_keep_the_documents_and_come_back(void **state)
{
	static const uint8_t resets[] = { 2, 7, 8, 11 }; /* INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM */
	static const uint8_t goaway[] = { 0, 0, 0, 0, 0, 0, 0, 0 }; /* no call was heard, no error */

	(void)state;
	for (size_t i = 0; i < sizeof(resets) + 2; i++) {
		const bool hangs_up[] = { i == sizeof(resets) + 1, false };
		struct buf answers[2] = { answer_of_message(0, BYTES_LITERAL(FIRST)),
			answer_of_message(0, BYTES_LITERAL(FIRST)) };
		struct h2_server server;
		struct watching w;

		if (i < sizeof(resets))
			put_reset(&answers[0], resets[i]);
		else
			h2_frame_put(&answers[0], H2_GOAWAY, 0, 0, bytes_of(goaway, sizeof(goaway)));
		h2_start(&server, answers, 2, hangs_up);
		w = watching_begin(server.endpoint, &quick);
		if (!watched_reaches(&watched.states[WORKLOAD_BACKING_OFF], 1) ||
			!watched_reaches(&watched.states[WORKLOAD_CONNECTED], 2))
			fail_msg("end %zu: \"%s\"", i, watched.reason);
		assert_int_equal(watched_count(&watched.bundles), 1);
		assert_int_equal(watched_count(&watched.withdrawn), 0);
		watching_end(&w);
		h2_stop(&server);
		if (server.calls != 2)
			fail_msg("end %zu: %u calls", i, server.calls);
		buf_done(&answers[0]);
		buf_done(&answers[1]);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(TV_WA_11_of_several_certificates_the_first_is_the_default),
		cmocka_unit_test(TV_WA_12_of_two_entries_with_one_hint_the_first_counts),
		cmocka_unit_test(TV_WA_13_a_hint_over_1024_bytes_is_dropped_and_its_entry_kept),
		cmocka_unit_test(TV_WA_16_errors_in_trailers_only_are_mapped),
		cmocka_unit_test(TV_WA_16_cut_answers_are_refused),
		cmocka_unit_test(TV_WA_16_frames_of_every_size_are_read),
		cmocka_unit_test(messages_are_read_wherever_frames_end),
		cmocka_unit_test(TV_WA_16_compressed_messages_are_refused),
		cmocka_unit_test(plain_bytes_that_are_called_compressed_are_read),
		cmocka_unit_test(padded_frames_end_the_stream_and_cost_no_documents),
		cmocka_unit_test(TV_WA_07_reset_and_goaway_keep_the_documents_and_come_back),
	};
	int failed;

	workload_library_begin();
	failed = unit_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
	workload_library_end();
	return failed;
}
