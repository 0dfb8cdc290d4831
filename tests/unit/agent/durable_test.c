/* SPDX-License-Identifier: Apache-2.0
 *
 * The durability thread with a real store and a real log, driven from a real loop. */
#include "tests/unit/keystore/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/durable.h"
#include "base/own.h"

enum { JOBS = 10000, PER_TURN = 100, FILE_LIMIT = 512 * 1024, TRIES = 1000 };

static struct {
	struct fixture f;
	char audit[64];
	struct loop loop;
	struct keystore *store; /* durable's; only ids are computed here */
	struct durable *durable;
	size_t waiting;
	bool may_write; /* the loop writes what it may */
} w;

static void turn(void *context)
{
	(void)context;
	while (durable_turn(w.durable, w.may_write))
		;
}

static void log_path(char ret_path[128])
{
	(void)snprintf(ret_path, 128, "%s/%016d.log", w.audit, 1);
}

static void world_start(void)
{
	const struct audit_options options = { .directory = w.audit, .segment_bytes = 64 << 20, .keep = 4 };
	struct audit_log *log = NULL;

	assert_ok(keystore_open(w.f.directory, &w.store));
	assert_ok(audit_log_open(&options, &log));
	assert_ok(durable_start(&w.loop, w.store, log, &w.durable));
	w.loop.turn = turn;
}

static void world_make(void)
{
	memset(&w, 0, sizeof(w));
	fixture_begin(&w.f);
	(void)snprintf(w.audit, sizeof(w.audit), "/tmp/keyreeve-durable-XXXXXX");
	assert_non_null(mkdtemp(w.audit));
	assert_ok(loop_init(&w.loop));
}

static void world_begin(void)
{
	world_make();
	world_start();
}

static void world_stop(void)
{
	durable_stop(w.durable);
	w.durable = NULL;
}

static void world_end(void)
{
	char path[128];

	if (w.durable != NULL)
		world_stop();
	loop_done(&w.loop);
	fixture_end(&w.f);
	log_path(path);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/reserve", w.audit);
	(void)unlink(path);
	assert_int_equal(rmdir(w.audit), 0);
}

/* What the store holds after the thread has ended. */
static void load(struct fixture_rows *ret_rows)
{
	struct keystore *store = NULL;

	assert_ok(keystore_open(w.f.directory, &store));
	assert_ok(fixture_load(store, ret_rows));
	keystore_close(store);
}

static void job_done(struct post *post)
{
	(void)post;
	if (--w.waiting == 0)
		loop_stop(&w.loop);
}

static struct durable_job job_of(enum durable_kind kind)
{
	return (struct durable_job){ .post.done = job_done, .kind = kind, .line = buf_make(AUDIT_LINE_MAX) };
}

/* The line {"v":1,"seq":N,"is":"TEXT"}. */
static void put_line(struct durable_job *job, const char *text)
{
	buf_printf(&job->line, "\"is\":\"%s\"}\n", text);
}

static void submit(struct durable_job *job)
{
	durable_submit(w.durable, job);
	w.waiting++;
}

static void run(void)
{
	w.loop.stopping = false;
	turn(NULL);
	assert_ok(loop_run(&w.loop));
}

/* One job, there and back. */
static enum status_code run_one(struct durable_job *job)
{
	submit(job);
	run();
	return job->result;
}

static int64_t new_intent(const struct key_record *key, enum intent_op op)
{
	struct durable_job job = job_of(DURABLE_INTENT);

	job.intent = fixture_intent(key, op);
	assert_int_equal(run_one(&job), STATUS_OK);
	assert_true(job.intent_id != 0);
	assert_true(job.number == 0);
	return job.intent_id;
}

/* The text of the line with this number in the file; "" when it is not there.  The caller frees it. */
static char *line_text(uint64_t number)
{
	char path[128], *line = NULL, *found = NULL;
	size_t room = 0;
	FILE *file;

	log_path(path);
	file = fopen(path, "re");
	assert_non_null(file);
	while (found == NULL && getline(&line, &room, file) > 0) {
		uint64_t seq;
		char text[64];

		if (sscanf(line, "{\"v\":1,\"seq\":%" SCNu64 ",\"is\":\"%63[^\"]\"}", &seq, text) == 2 && seq == number)
			found = strdup(text);
	}
	(void)fclose(file);
	free(line);
	return found != NULL ? found : strdup("");
}

static void assert_line(uint64_t number, const char *want)
{
	AUTO(own_free) char *text = line_text(number);

	assert_string_equal(text, want);
}

static void lines_get_the_next_numbers_in_order_of_submission(void **state)
{
	struct durable_job jobs[5];
	char text[16];

	(void)state;
	world_begin();
	assert_int_equal(durable_space(w.durable), AUDIT_READY);
	for (size_t i = 0; i < 5; i++) {
		jobs[i] = job_of(DURABLE_LINE);
		jobs[i].sync = i == 3;
		(void)snprintf(text, sizeof(text), "line %zu", i);
		put_line(&jobs[i], text);
		submit(&jobs[i]);
	}
	run();
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(jobs[i].result, STATUS_OK);
		assert_true(jobs[i].number == i + 1);
		(void)snprintf(text, sizeof(text), "line %zu", i);
		assert_line(i + 1, text);
		buf_done(&jobs[i].line);
	}
	world_end();
}

/* A synced line settles its intent: the row goes with the next transaction. */
static void a_create_is_intent_then_record_and_line_then_neither(void **state)
{
	struct durable_job create = job_of(DURABLE_CREATE), destroy = job_of(DURABLE_DESTROY);
	struct fixture_rows rows;
	struct key_record key;

	(void)state;
	world_begin();
	key = fixture_key(w.store, "web");
	create.intent_id = new_intent(&key, INTENT_CREATE);
	create.record = &key;
	create.sync = true;
	put_line(&create, "created");
	assert_int_equal(run_one(&create), STATUS_OK);
	assert_true(create.number == 1);
	assert_line(1, "created");
	world_stop();
	load(&rows);
	assert_int_equal(rows.key_count, 1);
	assert_int_equal(rows.intent_count, 0);
	fixture_rows_done(&rows);

	world_start();
	destroy.intent_id = new_intent(&key, INTENT_DESTROY);
	destroy.key = key.id;
	destroy.sync = true;
	put_line(&destroy, "destroyed");
	assert_int_equal(run_one(&destroy), STATUS_OK);
	assert_true(destroy.number == 2);
	world_stop();
	load(&rows);
	assert_int_equal(rows.key_count, 0);
	assert_int_equal(rows.intent_count, 0);
	fixture_rows_done(&rows);
	buf_done(&create.line);
	buf_done(&destroy.line);
	world_end();
}

static void an_intent_knows_its_lines_number_until_it_is_forgotten(void **state)
{
	struct durable_job create = job_of(DURABLE_CREATE), first = job_of(DURABLE_LINE), forget;
	struct fixture_rows rows;
	struct key_record key;

	(void)state;
	world_begin();
	put_line(&first, "first");
	assert_int_equal(run_one(&first), STATUS_OK);
	key = fixture_key(w.store, "web");
	create.intent_id = new_intent(&key, INTENT_CREATE);
	create.record = &key;
	put_line(&create, "created");
	assert_int_equal(run_one(&create), STATUS_OK);
	assert_true(create.number == 2);
	world_stop();
	load(&rows);
	assert_int_equal(rows.intent_count, 1);
	assert_true(rows.intents[0].seq == 2);
	fixture_rows_done(&rows);

	world_start();
	forget = job_of(DURABLE_FORGET);
	forget.intent_id = create.intent_id;
	assert_int_equal(run_one(&forget), STATUS_OK);
	world_stop();
	load(&rows);
	assert_int_equal(rows.intent_count, 0);
	assert_int_equal(rows.key_count, 1);
	fixture_rows_done(&rows);
	buf_done(&first.line);
	buf_done(&create.line);
	world_end();
}

static void a_job_that_fails_in_a_batch_fails_alone(void **state)
{
	static const enum status_code want[] = { STATUS_OK, STATUS_KEY_EXISTS, STATUS_KEY_ABSENT, STATUS_STORE_IO,
		STATUS_OK };
	static const char *const names[] = { "a", "a", "nobody", "no intent", "b" };
	struct durable_job jobs[5];
	struct key_record keys[5];
	struct fixture_rows rows;
	int64_t intent;

	(void)state;
	world_begin();
	for (size_t i = 0; i < 5; i++)
		keys[i] = fixture_key(w.store, names[i]);
	intent = new_intent(&keys[0], INTENT_CREATE);
	for (size_t i = 0; i < 5; i++) {
		jobs[i] = job_of(i == 2 ? DURABLE_DESTROY : DURABLE_CREATE);
		jobs[i].intent_id = i == 3 ? 4711 : intent;
		jobs[i].key = keys[i].id;
		jobs[i].record = &keys[i];
		put_line(&jobs[i], names[i]);
		submit(&jobs[i]);
	}
	run();
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(jobs[i].result, want[i]);
	assert_true(jobs[0].number == 1 && jobs[4].number == 2);
	assert_line(1, "a");
	assert_line(2, "b");
	assert_line(3, "");
	world_stop();
	load(&rows);
	assert_int_equal(rows.key_count, 2);
	assert_null(fixture_find(&rows, "no intent"));
	assert_true(rows.intents[0].seq == 2);
	fixture_rows_done(&rows);
	for (size_t i = 0; i < 5; i++)
		buf_done(&jobs[i].line);
	world_end();
}

/* Lines of what changes the store come first, since their numbers are in its transaction; a line that did not fit its
 * buffer is no line, and those behind it keep the numbers that the store says. */
static void numbers_in_the_store_are_those_in_the_file(void **state)
{
	static const char *const names[] = { "a", "line", "cut", "b", "last" };
	struct durable_job jobs[5];
	struct key_record keys[5];
	struct fixture_rows rows;
	int64_t intents[5];

	(void)state;
	world_begin();
	for (size_t i = 0; i < 5; i++) {
		keys[i] = fixture_key(w.store, names[i]);
		intents[i] = new_intent(&keys[i], INTENT_CREATE);
	}
	for (size_t i = 0; i < 5; i++) {
		jobs[i] = job_of(i == 1 || i == 4 ? DURABLE_LINE : DURABLE_CREATE);
		jobs[i].intent_id = intents[i];
		jobs[i].record = &keys[i];
		if (i == 2)
			jobs[i].line.max_bytes = 10;
		if (i == 2)
			buf_put_text(&jobs[i].line, "\"is\":");
		put_line(&jobs[i], names[i]);
		submit(&jobs[i]);
	}
	assert_true(jobs[2].line.bad);
	run();
	assert_int_equal(jobs[2].result, STATUS_AUDIT_IO);
	for (size_t i = 0; i < 5; i++)
		if (i != 2) {
			assert_int_equal(jobs[i].result, STATUS_OK);
			assert_line(jobs[i].number, names[i]);
		}
	assert_true(jobs[0].number == 1 && jobs[3].number == 2);
	world_stop();
	load(&rows);
	assert_int_equal(rows.key_count, 2);
	assert_null(fixture_find(&rows, "cut"));
	assert_int_equal(rows.intent_count, 5);
	assert_true(rows.intents[0].seq == 1);
	assert_true(rows.intents[2].seq == 0);
	assert_true(rows.intents[3].seq == 2);
	fixture_rows_done(&rows);
	for (size_t i = 0; i < 5; i++)
		buf_done(&jobs[i].line);
	world_end();
}

/* ---- no room for lines -------------------------------------------------------------------------- */

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A log that has a few bytes left below FILE_LIMIT, which the store's files are far from. */
static void fill_log(void)
{
	static char line[8192];
	char path[128];
	AUTO(own_close) int fd = -1;
	size_t size = 0;

	log_path(path);
	fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	memset(line, 'x', sizeof(line));
	for (unsigned i = 1; size < FILE_LIMIT - 10; i++) {
		size_t want = FILE_LIMIT - 10 - size < sizeof(line) ? FILE_LIMIT - 10 - size : sizeof(line);
		int n = snprintf(line, sizeof(line), "{\"v\":1,\"seq\":%u,\"x\":\"", i);

		line[n] = 'x';
		line[want - 1] = '\n';
		assert_int_equal(write(fd, line, want), want);
		line[want - 1] = 'x';
		size += want;
	}
}

static void a_change_whose_line_cannot_be_written_is_undone_or_owes_it(void **state)
{
	struct durable_job jobs[3] = { job_of(DURABLE_CREATE), job_of(DURABLE_DESTROY), job_of(DURABLE_LINE) };
	struct durable_job put = job_of(DURABLE_CREATE);
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	struct fixture_rows rows;
	struct key_record key, old;

	(void)state;
	world_make();
	fill_log();
	world_start();
	key = fixture_key(w.store, "new");
	old = fixture_key(w.store, "old");
	put.record = &old;
	put.intent_id = new_intent(&old, INTENT_CREATE);
	assert_int_equal(run_one(&put), STATUS_OK); /* without a line */
	jobs[0].intent_id = new_intent(&key, INTENT_CREATE);
	jobs[0].record = &key;
	jobs[1].intent_id = new_intent(&old, INTENT_DESTROY);
	jobs[1].key = old.id;
	for (size_t i = 0; i < 3; i++)
		put_line(&jobs[i], "does not fit");
	for (size_t i = 0; i < 3; i++)
		submit(&jobs[i]);
	limit_files(FILE_LIMIT);
	run();
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(jobs[i].result, STATUS_AUDIT_IO);
	assert_int_equal(durable_space(w.durable), AUDIT_FULL);
	limit_files(RLIM_INFINITY);
	world_stop();
	load(&rows);
	assert_int_equal(rows.key_count, 0);	/* the new one is out again, the old one is gone */
	assert_int_equal(rows.intent_count, 3); /* recovery cleans the device, and writes the lines */
	assert_true(rows.intents[1].seq == 0);
	assert_true(rows.intents[2].seq == 0);
	fixture_rows_done(&rows);
	for (size_t i = 0; i < 3; i++)
		buf_done(&jobs[i].line);
	world_end();
	(void)signal(SIGXFSZ, before);
}

/* The submitter loses its patience at the worst moment: all is written, only the disk has not said so. */
static struct durable_job *impatient;

int fdatasync(int fd)
{
	struct durable_job *job = impatient;

	impatient = NULL;
	if (job != NULL)
		assert_true(durable_give_up(job));
	return fsync(fd);
}

static void a_create_that_was_given_up_is_undone_and_the_log_says_so(void **state)
{
	struct durable_job create = job_of(DURABLE_CREATE), line = job_of(DURABLE_LINE);
	struct fixture_rows rows;
	struct key_record key;

	(void)state;
	world_begin();
	key = fixture_key(w.store, "web");
	create.intent_id = new_intent(&key, INTENT_CREATE);
	create.record = &key;
	create.sync = true;
	put_line(&create, "create");
	impatient = &create;
	assert_int_equal(run_one(&create), STATUS_AUDIT_IO);
	assert_null(impatient);
	put_line(&line, "after");
	assert_int_equal(run_one(&line), STATUS_OK);
	assert_line(1, "create");
	assert_line(3, "after"); /* between them: undone */
	world_stop();
	load(&rows);
	assert_int_equal(rows.key_count, 0);
	assert_int_equal(rows.intent_count, 1); /* the object on the device is recovery's */
	assert_true(rows.intents[0].seq == 0);
	fixture_rows_done(&rows);
	buf_done(&create.line);
	buf_done(&line.line);
	world_end();
}

/* Before the thread has looked at it nothing of it happens; afterwards it is too late to give up. */
static void giving_up_is_in_time_or_too_late(void **state)
{
	struct durable_job early = job_of(DURABLE_CREATE), late = job_of(DURABLE_CREATE);
	struct fixture_rows rows;
	struct key_record key[2];

	(void)state;
	world_begin();
	key[0] = fixture_key(w.store, "early");
	key[1] = fixture_key(w.store, "late");
	early.intent_id = new_intent(&key[0], INTENT_CREATE);
	early.record = &key[0];
	put_line(&early, "early");
	submit(&early);
	assert_true(durable_give_up(&early));
	assert_false(durable_give_up(&early));
	run();
	assert_int_equal(early.result, STATUS_AUDIT_IO);
	late.intent_id = new_intent(&key[1], INTENT_CREATE);
	late.record = &key[1];
	put_line(&late, "late");
	assert_int_equal(run_one(&late), STATUS_OK);
	assert_false(durable_give_up(&late));
	assert_line(1, "late");
	world_stop();
	load(&rows);
	assert_int_equal(rows.key_count, 1);
	fixture_rows_done(&rows);
	buf_done(&early.line);
	buf_done(&late.line);
	world_end();
}

/* ---- many --------------------------------------------------------------------------------------- */

static struct durable_job many[JOBS];
static size_t submitted;

static void submit_some(void)
{
	for (size_t i = 0; i < PER_TURN && submitted < JOBS; i++) {
		struct durable_job *job = &many[submitted++];

		*job = job_of(DURABLE_LINE);
		job->sync = submitted % 1000 == 0;
		buf_printf(&job->line, "\"is\":\"%zu\"}\n", submitted - 1);
		durable_submit(w.durable, job);
	}
}

static void submit_more(void *context)
{
	(void)context;
	do
		submit_some();
	while (durable_turn(w.durable, w.may_write));
}

static void check_ten_thousand_lines(bool may_write)
{
	bool seen[JOBS] = { false };
	char path[128], *line = NULL;
	size_t room = 0, expect = 1, index;
	uint64_t seq;
	FILE *file;

	world_begin();
	w.may_write = may_write;
	w.loop.turn = submit_more;
	submitted = 0;
	w.waiting = JOBS;
	submit_more(NULL);
	assert_ok(loop_run(&w.loop));
	world_stop();
	log_path(path);
	file = fopen(path, "re");
	assert_non_null(file);
	for (; getline(&line, &room, file) > 0; expect++) {
		assert_int_equal(sscanf(line, "{\"v\":1,\"seq\":%" SCNu64 ",\"is\":\"%zu\"}", &seq, &index), 2);
		assert_true(seq == expect && index < JOBS && !seen[index]);
		seen[index] = true;
		assert_int_equal(many[index].result, STATUS_OK);
		assert_true(many[index].number == seq);
	}
	assert_int_equal(expect, JOBS + 1);
	(void)fclose(file);
	free(line);
	for (size_t i = 0; i < JOBS; i++)
		buf_done(&many[i].line);
	world_end();
}

static void ten_thousand_lines_are_all_there_once_and_in_order(void **state)
{
	(void)state;
	check_ten_thousand_lines(false);
}

static void and_so_they_are_when_loop_and_thread_take_turns(void **state)
{
	(void)state;
	check_ten_thousand_lines(true);
}

/* The loop may write what needs no disk, and only that. */
static void the_loop_writes_a_line_but_waits_for_no_disk(void **state)
{
	struct durable_job light = job_of(DURABLE_LINE), heavy = job_of(DURABLE_LINE);
	bool written = false;

	(void)state;
	world_begin();
	for (int i = 0; i < TRIES && !written; i++) { /* the thread has to fall asleep first */
		buf_clear(&light.line);
		put_line(&light, "use");
		submit(&light);
		written = durable_turn(w.durable, true);
		if (!written)
			assert_ok(loop_run(&w.loop));
		w.loop.stopping = false;
		(void)usleep(1000);
	}
	assert_true(written);
	assert_int_equal(w.waiting, 0); /* its post ran inside */
	assert_int_equal(light.result, STATUS_OK);
	put_line(&heavy, "create");
	heavy.sync = true;
	submit(&heavy);
	assert_false(durable_turn(w.durable, true));
	assert_ok(loop_run(&w.loop));
	assert_int_equal(heavy.result, STATUS_OK);
	assert_true(heavy.number == light.number + 1);
	buf_done(&light.line);
	buf_done(&heavy.line);
	world_end();
}

static void what_was_submitted_is_done_before_the_thread_ends(void **state)
{
	struct durable_job line = job_of(DURABLE_LINE), kept = job_of(DURABLE_STATE), parent = job_of(DURABLE_PARENT);
	struct namespace_record ns = {
		.space = fixture_space(), .provider = BYTES_LITERAL("tpm"), .parent = BYTES_LITERAL("parent blob")
	};
	struct buf value = buf_make(KEYSTORE_KV_MAX);
	struct keystore *store = NULL;
	struct fixture_rows rows;

	(void)state;
	world_begin();
	assert_ok(keystore_namespace_id(w.store, &ns.space, &ns.id));
	put_line(&line, "last words");
	(void)snprintf(kept.state_name, sizeof(kept.state_name), "worker.tpm");
	kept.state = BYTES_LITERAL("its state");
	parent.parent = &ns;
	submit(&line);
	submit(&kept);
	submit(&parent);
	world_stop();
	assert_line(1, "last words");
	load(&rows);
	assert_int_equal(rows.space_count, 1);
	assert_string_equal(rows.space_parent[0], "parent blob");
	fixture_rows_done(&rows);
	assert_ok(keystore_open(w.f.directory, &store));
	assert_ok(keystore_kv_get(store, "worker.tpm", &value));
	assert_bytes(buf_bytes(&value), BYTES_LITERAL("its state"));
	keystore_close(store);
	buf_done(&value);
	buf_done(&line.line);
	durable_stop(NULL);
	world_end();
}

struct fact_seen {
	unsigned revocations, links;
};

static struct status see_fact(void *context, const struct fact *fact)
{
	struct fact_seen *seen = context;

	assert_bytes(fact->value, BYTES_LITERAL("because"));
	seen->revocations += fact->kind == FACT_REVOCATION;
	seen->links += fact->kind == FACT_LINK;
	return OK;
}

static struct fact_seen facts_now(void)
{
	struct fact_seen seen = { 0 };
	const struct keystore_visitor visitor = { .context = &seen, .fact = see_fact };
	struct keystore *store = NULL;

	world_stop();
	assert_ok(keystore_open(w.f.directory, &store));
	assert_ok(keystore_load(store, &visitor));
	keystore_close(store);
	world_start();
	return seen;
}

static void facts_of_a_job_come_and_go_together(void **state)
{
	struct fact_change changes[] = {
		{ .fact = { FACT_REVOCATION, BYTES_LITERAL("a"), BYTES_LITERAL("because") } },
		{ .fact = { FACT_LINK, BYTES_LITERAL("b"), BYTES_LITERAL("because") } },
	};
	struct durable_job job = job_of(DURABLE_FACTS);
	struct fact_seen seen;

	(void)state;
	world_begin();
	job.changes = changes;
	job.change_count = 2;
	assert_int_equal(run_one(&job), STATUS_OK);
	assert_int_equal(job.number, 0); /* no line, no number */
	seen = facts_now();
	assert_true(seen.revocations == 1 && seen.links == 1);
	changes[0].is_out = true;
	changes[1].fact.kind = FACT_NONE; /* refused, so the first stays, too */
	assert_int_equal(run_one(&job), STATUS_LIMIT);
	seen = facts_now();
	assert_true(seen.revocations == 1 && seen.links == 1);
	job.change_count = 1;
	assert_int_equal(run_one(&job), STATUS_OK);
	seen = facts_now();
	assert_true(seen.revocations == 0 && seen.links == 1);
	world_end();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lines_get_the_next_numbers_in_order_of_submission),
	cmocka_unit_test(a_create_is_intent_then_record_and_line_then_neither),
	cmocka_unit_test(an_intent_knows_its_lines_number_until_it_is_forgotten),
	cmocka_unit_test(a_job_that_fails_in_a_batch_fails_alone),
	cmocka_unit_test(numbers_in_the_store_are_those_in_the_file),
	cmocka_unit_test(a_change_whose_line_cannot_be_written_is_undone_or_owes_it),
	cmocka_unit_test(a_create_that_was_given_up_is_undone_and_the_log_says_so),
	cmocka_unit_test(giving_up_is_in_time_or_too_late),
	cmocka_unit_test(ten_thousand_lines_are_all_there_once_and_in_order),
	cmocka_unit_test(and_so_they_are_when_loop_and_thread_take_turns),
	cmocka_unit_test(the_loop_writes_a_line_but_waits_for_no_disk),
	cmocka_unit_test(what_was_submitted_is_done_before_the_thread_ends),
	cmocka_unit_test(facts_of_a_job_come_and_go_together),
};

UNIT_MAIN(tests)
