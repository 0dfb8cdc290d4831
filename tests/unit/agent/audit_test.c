/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/audit.h"
#include "base/own.h"

/* ---- lines -------------------------------------------------------------------------------------- */

static const uint8_t hash_a[AUDIT_HASH_BYTES] = { 0xa0, 1 }, hash_b[AUDIT_HASH_BYTES] = { 0xb0, 2 };
static const uint8_t hash_c[AUDIT_HASH_BYTES] = { 0xc0, 3 }, hash_d[AUDIT_HASH_BYTES] = { 0xd0, 4 };
static const int64_t some_time = 1763910245000123; /* 2025-11-23T15:04:05.000123Z */

#define ZEROS28 "00000000000000000000000000000000000000000000000000000000"

static void assert_line(const struct audit_record *record, const char *boot, const char *want)
{
	struct buf line = buf_make(AUDIT_LINE_MAX);

	audit_line_put(&line, boot, record);
	assert_ok(buf_check(&line));
	assert_bytes(buf_bytes(&line), bytes_from_text(want));
	buf_done(&line);
}

/* The sample of DESIGN section 6, in its order. */
static void every_field_stands_in_its_place(void **state)
{
	struct audit_record r = audit_record_of(some_time);

	(void)state;
	r.conn = 88;
	r.req = 3;
	r.authn = "jwt-svid";
	r.identity = BYTES_LITERAL("spiffe://prod.example/ns/a/sa/web");
	r.tenant = BYTES_LITERAL("k8s/a");
	r.has_peer = true;
	r.uid = 4294967295;
	r.gid = 2001;
	r.pid = -1;
	r.has_holder = true;
	r.holder_uid = 2002;
	r.holder_gid = 4294967295;
	r.kid = BYTES_LITERAL("x1");
	r.token_hash = hash_a;
	r.token_start = 1763910000;
	r.token_exp = 1763910300;
	r.op = "PsaSignHash";
	r.provider = BYTES_LITERAL("tpm");
	r.has_key = true;
	r.key = BYTES_LITERAL("web");
	r.record = hash_b;
	r.decision = "allow";
	r.rule = "tenants[0].rules[0]";
	r.status = "OK";
	r.wire = 0;
	r.native = INT64_MIN;
	r.request = hash_c;
	r.response = hash_d;
	r.hw = BYTES_LITERAL("Load,Sign");
	r.event = "start";
	r.detail = "why";
	r.count = INT64_MAX;
	r.us_read = 9;
	r.us_authn = 0;
	r.us_policy = 1;
	r.us_queue = 14;
	r.us_device = 331;
	r.us_total = 371;
	assert_line(&r, "5b1e",
		"\"time\":\"2025-11-23T15:04:05.000123Z\",\"boot\":\"5b1e\",\"event\":\"start\",\"conn\":88,\"req\":3,"
		"\"authn\":\"jwt-svid\",\"identity\":\"spiffe://prod.example/ns/a/sa/web\",\"tenant\":\"k8s/a\","
		"\"peer\":{\"uid\":4294967295,\"gid\":2001,\"pid\":-1},\"holder\":{\"uid\":2002,\"gid\":4294967295},"
		"\"token\":{\"kid\":\"x1\",\"hash\":\"a0010000" ZEROS28 "\",\"start\":1763910000,\"exp\":1763910300},"
		"\"op\":\"PsaSignHash\",\"provider\":\"tpm\",\"key\":\"web\",\"record\":\"b0020000" ZEROS28 "\","
		"\"decision\":\"allow\",\"rule\":\"tenants[0].rules[0]\",\"status\":\"OK\",\"wire\":0,"
		"\"native\":-9223372036854775808,\"detail\":\"why\",\"count\":9223372036854775807,"
		"\"request\":\"c0030000" ZEROS28 "\",\"response\":\"d0040000" ZEROS28 "\",\"hw\":[\"Load\",\"Sign\"],"
		"\"us\":{\"read\":9,\"authn\":0,\"policy\":1,\"queue\":14,\"device\":331,\"total\":371}}\n");
}

static void what_is_absent_is_left_out(void **state)
{
	struct audit_record r = audit_record_of(some_time);

	(void)state;
	assert_line(&r, NULL, "\"time\":\"2025-11-23T15:04:05.000123Z\"}\n");
	r.us_total = 7;
	r.has_key = true; /* an empty key name is a name */
	r.token_hash = hash_a;
	r.hw = BYTES_LITERAL("Sign");
	r.wire = 1140;
	assert_line(&r, "b",
		"\"time\":\"2025-11-23T15:04:05.000123Z\",\"boot\":\"b\",\"token\":{\"hash\":\"a0010000" ZEROS28 "\"},"
		"\"key\":\"\",\"wire\":1140,\"hw\":[\"Sign\"],\"us\":{\"total\":7}}\n");
}

static void text_is_escaped_whatever_it_is(void **state)
{
	static const struct {
		struct bytes text;
		const char *want;
	} rows[] = {
		{ BYTES_LITERAL(""), "\"\"" },
		{ BYTES_LITERAL("plain ~!"), "\"plain ~!\"" },
		{ BYTES_LITERAL("a\"b\\c/"), "\"a\\\"b\\\\c/\"" },
		{ BYTES_LITERAL("a\0b"), "\"a\\u0000b\"" },
		{ BYTES_LITERAL("\n\r\t\x1f\x7f"), "\"\\u000a\\u000d\\u0009\\u001f\\u007f\"" },
		{ BYTES_LITERAL("\",\"seq\":1}\n{"), "\"\\\",\\\"seq\\\":1}\\u000a{\"" },
		{ BYTES_LITERAL("\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91\"" },
		{ BYTES_LITERAL("\xf4\x8f\xbf\xbf\xed\x9f\xbf"), "\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\"" },
		{ BYTES_LITERAL("a\xc2\x85\xc2\xa0"), "\"a\\u0085\xc2\xa0\"" }, /* C1 */
		{ BYTES_LITERAL("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c\xd8\x9b"), "\"\\u200e\\u200f\\u061c\xd8\x9b\"" },
		{ BYTES_LITERAL("bA\xe2\x80\xa8\xe2\x80\xa7"), "\"bA\\u2028\xe2\x80\xa7\"" }, /* ends a line */
		{ BYTES_LITERAL("\xe2\x80\xae\xe2\x81\xa6z"), "\"\\u202e\\u2066z\"" },	      /* turns it around */
		{ BYTES_LITERAL("\x80z"), "\"\\u0080z\"" },				      /* continuation alone */
		{ BYTES_LITERAL("\xc3"), "\"\\u00c3\"" },				      /* cut */
		{ BYTES_LITERAL("\xe2\x82"), "\"\\u00e2\\u0082\"" },			      /* cut */
		{ BYTES_LITERAL("\xc3\xc3\xa9"), "\"\\u00c3\xc3\xa9\"" },		      /* good after broken */
		{ BYTES_LITERAL("\xc0\xaf"), "\"\\u00c0\\u00af\"" },			      /* overlong */
		{ BYTES_LITERAL("\xe0\x80\xaf"), "\"\\u00e0\\u0080\\u00af\"" },		      /* overlong */
		{ BYTES_LITERAL("\xf0\x80\x80\xaf"), "\"\\u00f0\\u0080\\u0080\\u00af\"" },
		{ BYTES_LITERAL("\xed\xa0\x80"), "\"\\u00ed\\u00a0\\u0080\"" }, /* surrogate */
		{ BYTES_LITERAL("\xf4\x90\x80\x80"), "\"\\u00f4\\u0090\\u0080\\u0080\"" },
		{ BYTES_LITERAL("\xff\xfe"), "\"\\u00ff\\u00fe\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf to = buf_make(256);

		audit_text_put(&to, rows[i].text);
		assert_bytes(buf_bytes(&to), bytes_from_text(rows[i].want));
		buf_done(&to);
	}
}

/* Every byte, in a name, is still one line of JSON for a parser that nobody here wrote. */
static void a_parser_reads_every_byte(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		uint8_t name[] = { 'a', (uint8_t)c, 'b' };
		struct audit_record r = audit_record_of(some_time);
		struct buf line = buf_make(AUDIT_LINE_MAX);
		json_error_t error;
		json_t *root;

		r.identity = bytes_of(name, sizeof(name));
		r.has_key = true;
		r.key = r.identity;
		buf_put_text(&line, "{\"v\":1,\"seq\":1,");
		audit_line_put(&line, "5b1e", &r);
		assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
		root = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
		if (root == NULL)
			fail_msg("byte %d: %s", c, error.text);
		assert_non_null(json_object_get(root, "key"));
		if (c < 0x80)
			assert_int_equal(((const uint8_t *)json_string_value(json_object_get(root, "key")))[1], c);
		json_decref(root);
		buf_done(&line);
	}
}

static void a_line_that_does_not_fit_is_bad(void **state)
{
	static const uint8_t control[AUDIT_LINE_MAX];
	struct audit_record r = audit_record_of(some_time);
	struct buf line = buf_make(AUDIT_LINE_MAX);

	(void)state;
	r.identity = bytes_of(control, 2048); /* the largest identity, all of it escaped, fits */
	audit_line_put(&line, "5b1e", &r);
	assert_ok(buf_check(&line));
	buf_clear(&line);
	r.identity = bytes_of(control, sizeof(control));
	audit_line_put(&line, "5b1e", &r);
	assert_fails(buf_check(&line), LIMIT);
	buf_done(&line);
}

/* ---- the log ------------------------------------------------------------------------------------ */

struct world {
	char directory[64];
	struct audit_options options;
	struct audit_log *log;
};

static void world_open(struct world *w)
{
	w->log = NULL;
	assert_ok(audit_log_open(&w->options, &w->log));
}

static void world_begin(struct world *w)
{
	*w = (struct world){ .directory = "/tmp/keyreeve-audit-XXXXXX" };
	assert_non_null(mkdtemp(w->directory));
	w->options = (struct audit_options){ .directory = w->directory, .segment_bytes = 1 << 20, .keep = 4 };
	world_open(w);
}

static void world_reopen(struct world *w)
{
	audit_log_close(w->log);
	world_open(w);
}

static void world_end(struct world *w)
{
	char path[512];
	struct dirent *entry;
	DIR *dir = opendir(w->directory);

	audit_log_close(w->log);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.') {
			(void)snprintf(path, sizeof(path), "%s/%s", w->directory, entry->d_name);
			assert_int_equal(unlink(path), 0);
		}
	(void)closedir(dir);
	assert_int_equal(rmdir(w->directory), 0);
}

static void segment_path(const struct world *w, unsigned first, char ret_path[96])
{
	(void)snprintf(ret_path, 96, "%s/%016u.log", w->directory, first);
}

static bool has_segment(const struct world *w, unsigned first)
{
	char path[96];

	segment_path(w, first, path);
	return access(path, F_OK) == 0;
}

/* The whole segment as text, static. */
static const char *read_segment(const struct world *w, unsigned first)
{
	static char text[65536];
	char path[96];
	AUTO(own_close) int fd = -1;
	ssize_t n;

	segment_path(w, first, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static void tear(const struct world *w, unsigned first, const char *with)
{
	char path[96];
	AUTO(own_close) int fd = -1;

	segment_path(w, first, path);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, with, strlen(with)), strlen(with));
}

static struct status append(const struct world *w, const char *body)
{
	return audit_log_append(w->log, bytes_from_text(body));
}

static void numbers_go_on_after_a_reopen(void **state)
{
	struct world w;
	struct stat info;
	char path[96];

	(void)state;
	world_begin(&w);
	assert_int_equal(audit_log_next(w.log), 1);
	assert_int_equal(audit_log_space(w.log), AUDIT_READY);
	world_reopen(&w); /* nothing written yet */
	assert_int_equal(audit_log_next(w.log), 1);
	assert_ok(append(&w, "\"a\":1}\n"));
	assert_true(audit_log_unsynced(w.log));
	assert_ok(audit_log_sync(w.log));
	assert_false(audit_log_unsynced(w.log));
	assert_ok(audit_log_append_all(
		w.log, (struct bytes[]){ BYTES_LITERAL("\"b\":1}\n"), BYTES_LITERAL("\"c\":1}\n") }, 2));
	world_reopen(&w);
	assert_int_equal(audit_log_next(w.log), 4);
	assert_ok(append(&w, "\"d\":1}\n"));
	assert_string_equal(read_segment(&w, 1), "{\"v\":1,\"seq\":1,\"a\":1}\n{\"v\":1,\"seq\":2,\"b\":1}\n"
						 "{\"v\":1,\"seq\":3,\"c\":1}\n{\"v\":1,\"seq\":4,\"d\":1}\n");
	segment_path(&w, 1, path);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	world_end(&w);
}

static void a_torn_tail_is_cut_off(void **state)
{
	static const char *const tails[] = { "{", "{\"v\":1,\"seq\":2,\"time\":\"2025", "\x01\x02garbage" };
	struct world w;

	(void)state;
	world_begin(&w);
	tear(&w, 1, tails[1]); /* the very first line */
	world_reopen(&w);
	assert_int_equal(audit_log_next(w.log), 1);
	assert_ok(append(&w, "\"a\":1}\n"));
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		tear(&w, 1, tails[i]);
		world_reopen(&w);
		assert_int_equal(audit_log_next(w.log), 2);
		assert_string_equal(read_segment(&w, 1), "{\"v\":1,\"seq\":1,\"a\":1}\n");
	}
	assert_ok(append(&w, "\"b\":1}\n"));
	assert_string_equal(read_segment(&w, 1), "{\"v\":1,\"seq\":1,\"a\":1}\n{\"v\":1,\"seq\":2,\"b\":1}\n");
	world_end(&w);
}

static void a_log_that_is_not_ours_is_refused(void **state)
{
	struct audit_log *none = NULL;
	struct world w;

	(void)state;
	world_begin(&w);
	tear(&w, 1, "hello\n");
	audit_log_close(w.log);
	w.log = NULL;
	assert_fails(audit_log_open(&w.options, &none), AUDIT_IO);
	assert_null(none);
	w.options.directory = "/nonexistent/audit";
	assert_fails(audit_log_open(&w.options, &none), AUDIT_IO);
	assert_null(none);
	world_end(&w);
}

static void segments_follow_each_other_and_the_oldest_goes(void **state)
{
	struct world w;
	char before[64];

	(void)state;
	world_begin(&w);
	audit_log_close(w.log);
	w.options.segment_bytes = 40; /* two lines of 23 */
	w.options.keep = 3;
	world_open(&w);
	for (int i = 0; i < 6; i++)
		assert_ok(append(&w, "\"a\":1}\n"));
	assert_true(has_segment(&w, 1) && has_segment(&w, 3) && has_segment(&w, 5));
	assert_string_equal(read_segment(&w, 3), "{\"v\":1,\"seq\":3,\"a\":1}\n{\"v\":1,\"seq\":4,\"a\":1}\n");
	(void)snprintf(before, sizeof(before), "%s", read_segment(&w, 3));
	assert_ok(append(&w, "\"a\":1}\n"));
	assert_false(has_segment(&w, 1));
	assert_true(has_segment(&w, 3) && has_segment(&w, 5) && has_segment(&w, 7));
	assert_string_equal(read_segment(&w, 3), before);
	/* The line that the segment was made for keeps its number; then the log says what went. */
	assert_non_null(strstr(read_segment(&w, 7), "{\"v\":1,\"seq\":7,\"a\":1}\n{\"v\":1,\"seq\":8,\"time\":"));
	assert_non_null(
		strstr(read_segment(&w, 7), "\"event\":\"segment-removed\",\"detail\":\"0000000000000001.log\"}\n"));
	world_reopen(&w);
	assert_int_equal(audit_log_next(w.log), 9);
	world_end(&w);
}

/* A smaller `keep` at a later start: they go one by one, each with its line. */
static void segments_beyond_a_smaller_keep_go_too(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	w.options.segment_bytes = 20; /* a line each */
	w.options.keep = 100;
	world_reopen(&w);
	for (int i = 0; i < 6; i++)
		assert_ok(append(&w, "\"a\":1}\n"));
	w.options.segment_bytes = 1 << 20;
	w.options.keep = 3;
	world_reopen(&w);
	assert_true(audit_log_is_full(w.log)); /* removing needs the disk */
	for (int i = 0; i < 4; i++)
		assert_ok(append(&w, "\"b\":1}\n"));
	assert_false(audit_log_is_full(w.log));
	assert_false(has_segment(&w, 1) || has_segment(&w, 2) || has_segment(&w, 3));
	assert_true(has_segment(&w, 4) && has_segment(&w, 5) && has_segment(&w, 6));
	assert_non_null(
		strstr(read_segment(&w, 6), "\"detail\":\"0000000000000003.log\"}\n{\"v\":1,\"seq\":13,\"b\":1}\n"));
	world_end(&w);
}

static void a_cut_body_is_refused_and_the_next_line_is_whole(void **state)
{
	struct bytes mixed[] = { BYTES_LITERAL("\"a\":1}\n"), BYTES_LITERAL("\"b\":1") };
	struct world w;

	(void)state;
	world_begin(&w);
	assert_fails(append(&w, "\"a\":1"), AUDIT_IO);
	assert_fails(append(&w, ""), AUDIT_IO);
	assert_fails(audit_log_append_all(w.log, mixed, 2), AUDIT_IO);
	assert_int_equal(audit_log_next(w.log), 1);
	assert_int_equal(audit_log_space(w.log), AUDIT_READY);
	assert_ok(append(&w, "\"c\":1}\n"));
	assert_string_equal(read_segment(&w, 1), "{\"v\":1,\"seq\":1,\"c\":1}\n");
	world_end(&w);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Room for one and a half lines: write(2) takes a part of the second, which must go again. */
static void what_does_not_fit_whole_leaves_nothing(void **state)
{
	struct bytes three[] = { BYTES_LITERAL("\"b\":1}\n"), BYTES_LITERAL("\"c\":1}\n"),
		BYTES_LITERAL("\"d\":1}\n") };
	struct world w;
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);

	(void)state;
	world_begin(&w);
	assert_ok(append(&w, "\"a\":1}\n"));
	limit_files(60);
	assert_fails(audit_log_append_all(w.log, three, 3), AUDIT_IO);
	assert_int_equal(audit_log_next(w.log), 2);
	assert_int_equal(audit_log_space(w.log), AUDIT_FULL);
	assert_fails(append(&w, "\"e\":1}\n"), AUDIT_IO); /* FULL is FULL until tended, though this one would fit */
	limit_files(RLIM_INFINITY);
	assert_string_equal(read_segment(&w, 1), "{\"v\":1,\"seq\":1,\"a\":1}\n");
	audit_log_tend(w.log);
	assert_int_equal(audit_log_space(w.log), AUDIT_READY);
	assert_ok(append(&w, "\"f\":1}\n"));
	assert_non_null(strstr(read_segment(&w, 1), "\"event\":\"audit-refused\""));
	assert_non_null(strstr(read_segment(&w, 1), "\"count\":4}\n{\"v\":1,\"seq\":3,\"f\":1}\n"));
	world_end(&w);
	(void)signal(SIGXFSZ, before);
}

static void a_reserve_is_disk_set_aside(void **state)
{
	struct world w;
	struct stat info;
	char path[96];

	(void)state;
	world_begin(&w);
	audit_log_close(w.log);
	w.options.reserve_bytes = 256 * 1024;
	world_open(&w);
	(void)snprintf(path, sizeof(path), "%s/reserve", w.directory);
	assert_int_equal(stat(path, &info), 0);
	assert_true(info.st_blocks * 512 >= 256 * 1024);
	world_end(&w);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_field_stands_in_its_place),
	cmocka_unit_test(what_is_absent_is_left_out),
	cmocka_unit_test(text_is_escaped_whatever_it_is),
	cmocka_unit_test(a_parser_reads_every_byte),
	cmocka_unit_test(a_line_that_does_not_fit_is_bad),
	cmocka_unit_test(numbers_go_on_after_a_reopen),
	cmocka_unit_test(a_torn_tail_is_cut_off),
	cmocka_unit_test(a_log_that_is_not_ours_is_refused),
	cmocka_unit_test(segments_follow_each_other_and_the_oldest_goes),
	cmocka_unit_test(segments_beyond_a_smaller_keep_go_too),
	cmocka_unit_test(a_cut_body_is_refused_and_the_next_line_is_whole),
	cmocka_unit_test(what_does_not_fit_whole_leaves_nothing),
	cmocka_unit_test(a_reserve_is_disk_set_aside),
};

UNIT_MAIN(tests)
