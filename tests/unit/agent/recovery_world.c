/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/recovery_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/disk_shim.h"
#include "tests/support/failalloc.h"

enum { TICKS_MAX = 30, KEYS_MAX = 100, SEGMENTS_MAX = 8, HELLO_BYTES_MAX = 8192 };

static const char *const lane_names[WORLD_LANES] = { "hsm", "soft" };

/* ---- files -------------------------------------------------------------------------------------- */

void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fixture_begin(&w->f);
	(void)snprintf(w->audit, sizeof(w->audit), "%s/audit", w->f.directory);
}

/* Names of the segments in order; each is freed by the caller. */
static size_t segments(const struct world *w, struct dirent **ret_names[])
{
	int count = scandir(w->audit, ret_names, NULL, alphasort);

	return count > 0 ? (size_t)count : 0;
}

static void each_segment(const struct world *w, void (*act)(const char *path, void *context), void *context)
{
	struct dirent **names = NULL;
	size_t count = segments(w, &names);

	for (size_t i = 0; i < count; i++) {
		char path[400];

		(void)snprintf(path, sizeof(path), "%s/%s", w->audit, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			act(path, context);
		free(names[i]);
	}
	free(names);
}

static void remove_file(const char *path, void *context)
{
	(void)context;
	assert_int_equal(unlink(path), 0);
}

void world_done(struct world *w)
{
	if (w->agent != NULL)
		world_close(w);
	each_segment(w, remove_file, NULL);
	(void)rmdir(w->audit);
	fixture_end(&w->f);
}

static void append_file(const char *path, void *context)
{
	struct world *w = context;
	size_t at = strlen(w->log);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (strstr(path, ".log") != NULL) {
		n = read(fd, w->log + at, sizeof(w->log) - at - 1);
		assert_true(n >= 0 && at + (size_t)n < sizeof(w->log) - 1);
		w->log[at + (size_t)n] = '\0';
	}
	(void)close(fd);
}

void world_read_log(struct world *w)
{
	w->log[0] = '\0';
	each_segment(w, append_file, w);
}

static bool line_has(const char *line, size_t len, const char *text)
{
	return text == NULL || memmem(line, len, text, strlen(text)) != NULL;
}

unsigned world_count_lines(const struct world *w, const char *one, const char *two, const char *three)
{
	unsigned count = 0;

	for (const char *line = w->log; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		count += line_has(line, len, one) && line_has(line, len, two) && line_has(line, len, three);
		line += len + (line[len] == '\n');
	}
	return count;
}

struct row_count {
	size_t keys, intents;
};

static struct status count_key(void *context, struct key_record *record)
{
	((struct row_count *)context)->keys++;
	key_record_unref(record);
	return OK;
}

static struct status count_intent(void *context, const struct intent *intent)
{
	(void)intent;
	((struct row_count *)context)->intents++;
	return OK;
}

void world_count_rows(struct world *w, size_t *ret_keys, size_t *ret_intents)
{
	struct row_count count = { 0 };
	const struct keystore_visitor visitor = { .context = &count, .key = count_key, .intent = count_intent };
	struct keystore *store = NULL;

	assert_ok(keystore_open(w->f.directory, &store));
	assert_ok(keystore_load(store, &visitor));
	keystore_close(store);
	*ret_keys = count.keys;
	*ret_intents = count.intents;
}

/* ---- keys and intents --------------------------------------------------------------------------- */

struct key_record world_key(const struct keystore *store, size_t lane, const char *name, uint8_t object)
{
	struct key_record key = fixture_key(store, name);

	key.provider = bytes_from_text(lane_names[lane]);
	memset(key.hardware_id, object, sizeof(key.hardware_id));
	return key;
}

static struct identity caller;

void world_caller(struct identity who)
{
	caller = who;
}

static void fill_request(struct conn *conn, const struct key_record *key)
{
	struct request *rq = &conn->request;

	*conn = (struct conn){ .id = 88, .peer = { .uid = 2001, .gid = 2002, .pid = 4242 } };
	rq->conn = conn;
	rq->number = 3;
	rq->ns = fixture_space();
	rq->key_name = key->name;
	rq->key_id = key->id;
	rq->caller.who = caller;
	if (caller.authenticator == AUTHENTICATOR_NONE)
		rq->caller.who = (struct identity){ .authenticator = AUTHENTICATOR_JWT_SVID,
			.name = BYTES_LITERAL("spiffe://prod.example/a") };
	(void)snprintf(rq->tenant.name, sizeof(rq->tenant.name), "k8s/a");
	rq->tenant.name_len = strlen(rq->tenant.name);
	memcpy(rq->hardware_id, key->hardware_id, sizeof(rq->hardware_id));
}

struct intent world_intent(const struct key_record *key, enum intent_op op, struct buf *record)
{
	struct conn *conn = calloc(1, sizeof(*conn));
	struct intent intent = { .op = op, .key = key->id, .provider = key->provider };

	assert_non_null(conn);
	fill_request(conn, key);
	intent_record_put(record, &conn->request);
	free(conn);
	assert_ok(buf_check(record));
	intent.record = buf_bytes(record);
	memcpy(intent.hardware_id, key->hardware_id, sizeof(intent.hardware_id));
	return intent;
}

struct request *world_request(struct world *w, const struct key_record *key)
{
	static struct conn conn;
	struct request *rq = &conn.request;

	if (conn.request.intent_record.data != NULL)
		buf_done(&conn.request.intent_record);
	fill_request(&conn, key);
	rq->agent = w->agent;
	rq->lane = &w->agent->lanes[bytes_equal(key->provider, BYTES_LITERAL("hsm")) ? WORLD_HSM : WORLD_SOFT];
	rq->intent_record = buf_make(KEYSTORE_RECORD_MAX);
	intent_record_put(&rq->intent_record, rq);
	return rq;
}

void world_put_key(struct world *w, const struct key_record *key)
{
	struct keystore *store = NULL;

	assert_ok(keystore_open(w->f.directory, &store));
	assert_ok(fixture_put(store, key));
	keystore_close(store);
}

int64_t world_put_intent(struct world *w, const struct key_record *key, enum intent_op op, uint64_t seq)
{
	AUTO(buf_done) struct buf record = buf_make(KEYSTORE_RECORD_MAX);
	struct intent intent = world_intent(key, op, &record);
	struct keystore *store = NULL;
	int64_t id = 0;

	intent.seq = seq;
	assert_ok(keystore_open(w->f.directory, &store));
	assert_ok(keystore_begin(store));
	assert_ok(keystore_intent_put(store, &intent, &id));
	assert_ok(keystore_commit(store));
	keystore_close(store);
	return id;
}

static struct status open_log(const struct world *w, struct audit_log **ret_log)
{
	const struct audit_options options = { .directory = w->audit, .segment_bytes = 64 << 20, .keep = 4 };

	return audit_log_open(&options, ret_log);
}

void world_put_lines(struct world *w, unsigned lines)
{
	struct audit_log *log = NULL;

	assert_ok(open_log(w, &log));
	while (audit_log_next(log) <= lines)
		assert_ok(audit_log_append(log, BYTES_LITERAL("\"is\":\"before\"}\n")));
	audit_log_close(log);
}

struct keyindex_entry *world_entry(struct world *w, const char *name)
{
	struct namespace_name space = fixture_space();
	struct keyindex_space *found = keyindex_space_find(w->agent->index, &space);

	return found != NULL ? keyindex_find(w->agent->index, found, bytes_from_text(name)) : NULL;
}

/* ---- workers ------------------------------------------------------------------------------------ */

static struct world *world_of(struct lane *lane)
{
	return lane->context;
}

static void on_hello(struct lane *lane, struct bytes new_state)
{
	(void)new_state;
	recovery_run(&world_of(lane)->agent->recoveries[lane - world_of(lane)->agent->lanes]);
}

void world_connect(struct world *w, size_t lane)
{
	struct world_worker *worker = &w->workers[lane];
	int fds[2], page_fd = memfd_create("page", MFD_CLOEXEC);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(ftruncate(page_fd, sizeof(struct worker_page)), 0);
	worker->page = mmap(NULL, sizeof(*worker->page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	assert_ptr_not_equal(worker->page, MAP_FAILED);
	assert_ok(ipc_new(fds[1], &worker->ipc));
	assert_ok(lane_connect(&w->agent->lanes[lane], fds[0], page_fd));
}

void world_disconnect(struct world *w, size_t lane)
{
	struct world_worker *worker = &w->workers[lane];

	if (worker->ipc == NULL)
		return;
	ipc_free(worker->ipc);
	worker->ipc = NULL;
	assert_int_equal(munmap(worker->page, sizeof(*worker->page)), 0);
}

static void say(struct world_worker *worker, const struct ipc_message *message)
{
	assert_ok(ipc_send(worker->ipc, message));
	assert_ok(ipc_flush_wait(worker->ipc, 1000));
}

static void say_hello(struct world *w, size_t lane)
{
	struct worker_info info = { .description = "played", .threads = 1, .needs_intent = lane == WORLD_HSM };
	struct ipc_message hello = ipc_message_of(WORKER_HELLO, 0);
	AUTO(buf_done) struct buf raw = buf_make(HELLO_BYTES_MAX);

	worker_info_put(&raw, &info);
	hello.part[0] = ipc_build_id();
	hello.part[1] = buf_bytes(&raw);
	say(&w->workers[lane], &hello);
}

static void clean(struct world *w, size_t lane, const struct ipc_message *heard)
{
	struct world_worker *worker = &w->workers[lane];
	struct ipc_message answer = ipc_message_of(WORKER_CLEAN, heard->id);
	struct worker_request rq;

	assert_ok(worker_request_get(heard->part[0], &rq));
	assert_true(worker->cleans < WORLD_OBJECTS_MAX);
	worker->cleaned[worker->cleans++] = rq.hardware_id[0];
	if (worker->is_mute)
		return;
	answer.status = worker->clean_fails;
	answer.native = worker->clean_fails != STATUS_OK ? 77 : 0;
	if (worker->clean_fails == STATUS_OK) {
		w->objects[rq.hardware_id[0]] = false;
		disk_mark(WORLD_MARK_CLEANED + rq.hardware_id[0]);
	}
	say(worker, &answer);
}

static void serve(struct world *w, size_t lane)
{
	struct world_worker *worker = &w->workers[lane];
	struct ipc_message heard;
	bool have = true;

	if (worker->ipc == NULL || ipc_receive(worker->ipc).code != STATUS_OK)
		return;
	while (worker->ipc != NULL && have) {
		assert_ok(ipc_next(worker->ipc, &heard, &have));
		if (have && heard.type == WORKER_HELLO)
			say_hello(w, lane);
		else if (have && heard.type == WORKER_CLEAN)
			clean(w, lane, &heard);
		else
			assert_false(have);
	}
}

/* ---- the agent ---------------------------------------------------------------------------------- */

static void turn(void *context)
{
	struct world *w = context;

	for (size_t i = 0; i < WORLD_LANES; i++)
		lane_turn(&w->agent->lanes[i]);
	for (size_t i = 0; i < WORLD_LANES; i++)
		serve(w, i);
	(void)durable_turn(w->agent->durable, false);
	if (w->is_over(w))
		loop_stop(&w->agent->loop);
}

static void second(void *context)
{
	struct world *w = context;

	if (++w->ticks > TICKS_MAX)
		fail_msg("still not over");
}

void world_run(struct world *w, bool (*is_over)(struct world *w))
{
	w->is_over = is_over;
	w->ticks = 0;
	w->agent->loop.stopping = false;
	turn(w); /* what was submitted before is on its way when the loop sleeps */
	assert_ok(loop_run(&w->agent->loop));
}

bool world_is_up(struct world *w)
{
	for (size_t i = 0; i < WORLD_LANES; i++)
		if (w->agent->lanes[i].state != LANE_UP || w->agent->recoveries[i].now != NULL ||
			w->agent->recoveries[i].head != NULL)
			return false;
	return true;
}

bool world_is_idle(struct world *w)
{
	return w->jobs_out == 0;
}

/* The one world whose jobs are out; their posts know no context. */
static struct world *submitter;

static void job_back(struct post *post)
{
	(void)post;
	submitter->jobs_out--;
}

void world_submit(struct world *w, struct durable_job *job)
{
	submitter = w;
	w->jobs_out++;
	job->post.done = job_back;
	durable_submit(w->agent->durable, job);
}

static struct status load_key(void *context, struct key_record *record)
{
	struct agent *agent = context;
	struct keyindex_entry *entry;
	struct keyindex_space *space;

	assert_ok(keyindex_space_make(agent->index, &record->space, &space));
	assert_ok(keyindex_take(agent->index, space, record->name, &entry));
	keyindex_publish(entry, record);
	key_record_unref(record);
	return OK;
}

static struct status open_state(struct world *w, void (*before_log)(struct world *w))
{
	const struct keystore_visitor keys = { .context = w->agent, .key = load_key };
	struct audit_log *log = NULL;
	struct status st;

	TRY(keystore_open(w->f.directory, &w->store));
	if (before_log != NULL)
		before_log(w);
	st = open_log(w, &log);
	if (st.code != STATUS_OK)
		return st;
	w->agent->first_number = audit_log_next(log);
	st = keystore_load(w->store, &keys);
	if (st.code == STATUS_OK) {
		failalloc_arm(w->fail_allocation);
		st = recovery_load(w->agent, w->store);
		w->has_failed = failalloc_disarm();
	}
	if (st.code == STATUS_OK)
		st = durable_start(&w->agent->loop, w->store, log, &w->agent->durable);
	if (st.code != STATUS_OK)
		audit_log_close(log);
	return st;
}

struct status world_open(struct world *w, void (*before_log)(struct world *w))
{
	struct status st;

	w->agent = calloc(1, sizeof(*w->agent));
	assert_non_null(w->agent);
	assert_ok(loop_init(&w->agent->loop));
	w->agent->loop.context = w;
	w->agent->loop.turn = turn;
	w->agent->loop.second = second;
	w->agent->lane_count = WORLD_LANES;
	(void)snprintf(w->agent->boot, sizeof(w->agent->boot), "boot");
	for (size_t i = 0; i < WORLD_LANES; i++) {
		struct lane *lane = &w->agent->lanes[i];

		lane_init(lane, &w->agent->loop, lane_names[i], (uint8_t)(i == WORLD_HSM ? 2 : 1), 4);
		lane->context = w;
		lane->hello = on_hello;
		recovery_init(&w->agent->recoveries[i], w->agent, lane);
	}
	assert_ok(keyindex_new(KEYS_MAX, &w->agent->index));
	w->store = NULL;
	st = open_state(w, before_log);
	if (st.code != STATUS_OK) {
		keystore_close(w->store);
		w->store = NULL;
		world_close(w);
	}
	return st;
}

void world_close(struct world *w)
{
	durable_stop(w->agent->durable);
	for (size_t i = 0; i < w->agent->lane_count; i++) {
		if (i < WORLD_LANES)
			world_disconnect(w, i);
		recovery_done(&w->agent->recoveries[i]);
		lane_done(&w->agent->lanes[i]);
	}
	keyindex_free(w->agent->index);
	loop_done(&w->agent->loop);
	free(w->agent);
	w->agent = NULL;
}
