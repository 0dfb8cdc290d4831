/* SPDX-License-Identifier: Apache-2.0
 *
 * Recovery, row by row of its table, and every way in which one of its steps fails. */
#include "tests/unit/agent/recovery_world.h"

#include <errno.h>
#include <stdlib.h>

#include "base/own.h"
#include "tests/support/disk_shim.h"
#include "tests/support/failalloc.h"

enum { LINES = 3, LOGGED = 2, LOST = LINES + 1, OBJECT = 0x55, OTHER = 0x66, FAILURES = 1000, ALLOCATIONS_MAX = 500 };

static struct world w;

/* A key's values, for rows that are put while the store is closed. */
static struct key_record key_of(size_t lane, const char *name, uint8_t object)
{
	struct keystore *store = NULL;
	struct key_record key;

	assert_ok(keystore_open(w.f.directory, &store));
	key = world_key(store, lane, name, object);
	keystore_close(store);
	return key;
}

static void start(void)
{
	assert_ok(world_open(&w, NULL));
}

static void connect_all(void)
{
	world_connect(&w, WORLD_HSM);
	world_connect(&w, WORLD_SOFT);
}

static void run_until_up(void)
{
	connect_all();
	world_run(&w, world_is_up);
}

static struct recovery *hsm(void)
{
	return &w.agent->recoveries[WORLD_HSM];
}

static bool hsm_waits(struct world *world)
{
	return world->agent->recoveries[WORLD_HSM].waits_for_second;
}

static bool up_with_seconds(struct world *world)
{
	for (size_t i = 0; i < WORLD_LANES; i++)
		if (world->agent->recoveries[i].waits_for_second)
			recovery_second(&world->agent->recoveries[i]);
	return world_is_up(world);
}

static bool is_usable(const char *name)
{
	struct keyindex_entry *entry = world_entry(&w, name);

	return entry != NULL && entry->usable;
}

/* Close, and what is in the store then. */
static void assert_store(size_t keys, size_t intents)
{
	size_t keys_there, intents_there;

	if (w.agent != NULL)
		world_close(&w);
	world_count_rows(&w, &keys_there, &intents_there);
	assert_int_equal(keys_there, keys);
	assert_int_equal(intents_there, intents);
}

static void assert_recovered(const char *detail, unsigned count)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "\"detail\":\"%s\"", detail);
	world_read_log(&w);
	assert_int_equal(world_count_lines(&w, "\"event\":\"recovered\"", NULL, NULL), count);
	assert_int_equal(world_count_lines(&w, "\"event\":\"recovered\"", text, NULL), count);
}

/* ---- the table ---------------------------------------------------------------------------------- */

static const struct row {
	const char *died_after;
	size_t lane;
	enum intent_op op;
	uint64_t seq;
	bool has_row, has_object;
	unsigned cleans;
	bool is_there;	    /* afterwards */
	const char *detail; /* of its line; NULL: none */
} rows[] = {
	{ "intent durable", WORLD_HSM, INTENT_CREATE, 0, false, false, 1, false, "undone" },
	{ "object made", WORLD_HSM, INTENT_CREATE, 0, false, true, 1, false, "undone" },
	{ "create committed", WORLD_HSM, INTENT_CREATE, LOST, true, true, 0, true, "created" },
	{ "create far beyond", WORLD_HSM, INTENT_CREATE, LOST + 5, true, true, 0, true, "created" },
	{ "create lined", WORLD_HSM, INTENT_CREATE, LOGGED, true, true, 0, true, NULL },
	{ "create lined last", WORLD_HSM, INTENT_CREATE, LINES, true, true, 0, true, NULL },
	{ "create not undone in the store", WORLD_HSM, INTENT_CREATE, 0, true, true, 0, true, "created" },
	{ "intent durable", WORLD_HSM, INTENT_DESTROY, 0, true, true, 1, false, "destroyed" },
	{ "object gone", WORLD_HSM, INTENT_DESTROY, 0, true, false, 1, false, "destroyed" },
	{ "destroy committed", WORLD_HSM, INTENT_DESTROY, LOST, false, false, 1, false, "destroyed" },
	{ "destroy whose line failed", WORLD_HSM, INTENT_DESTROY, 0, false, false, 1, false, "destroyed" },
	{ "destroy lined", WORLD_HSM, INTENT_DESTROY, LOGGED, false, false, 1, false, NULL },
	{ "intent durable", WORLD_SOFT, INTENT_CREATE, 0, false, false, 0, false, "undone" },
	{ "create committed", WORLD_SOFT, INTENT_CREATE, LOST, true, false, 0, true, "created" },
	{ "create lined", WORLD_SOFT, INTENT_CREATE, LOGGED, true, false, 0, true, NULL },
	{ "intent durable", WORLD_SOFT, INTENT_DESTROY, 0, true, false, 0, false, "destroyed" },
	{ "destroy committed", WORLD_SOFT, INTENT_DESTROY, LOST, false, false, 0, false, "destroyed" },
	{ "destroy lined", WORLD_SOFT, INTENT_DESTROY, LOGGED, false, false, 0, false, NULL },
};

static void check_row(const struct row *row)
{
	struct key_record key;

	world_init(&w);
	key = key_of(row->lane, "web", OBJECT);
	if (row->has_row)
		world_put_key(&w, &key);
	(void)world_put_intent(&w, &key, row->op, row->seq);
	world_put_lines(&w, LINES);
	w.objects[OBJECT] = row->has_object;
	start();
	assert_non_null(world_entry(&w, "web")); /* taken until it is decided, and usable only if it stays */
	assert_int_equal(is_usable("web"), row->is_there);
	run_until_up();
	assert_int_equal(is_usable("web"), row->is_there);
	assert_int_equal(world_entry(&w, "web") != NULL, row->is_there);
	assert_int_equal(w.workers[row->lane].cleans, row->cleans);
	if (row->cleans > 0)
		assert_int_equal(w.workers[row->lane].cleaned[0], OBJECT);
	assert_int_equal(w.workers[1 - row->lane].cleans, 0);
	assert_int_equal(w.objects[OBJECT], row->has_object && row->is_there);
	assert_store(row->is_there, 0);
	assert_recovered(row->detail != NULL ? row->detail : "", row->detail != NULL ? 1 : 0);
	world_done(&w);
}

static void each_row_of_the_table_is_finished_or_undone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s, lane %zu\n", rows[i].died_after, rows[i].lane);
		check_row(&rows[i]);
	}
}

static void the_line_says_who_had_asked_for_what(void **state)
{
	static const char *const want[] = { "\"boot\":\"boot\"", "\"event\":\"recovered\"", "\"conn\":88", "\"req\":3",
		"\"authn\":\"jwt-svid\"", "\"identity\":\"spiffe://prod.example/a\"", "\"tenant\":\"k8s/a\"",
		"\"peer\":{\"uid\":2001,\"gid\":2002,\"pid\":4242}", "\"op\":\"PsaGenerateKey\"",
		"\"provider\":\"hsm\"", "\"key\":\"web\"", "\"record\":\"", "\"detail\":\"undone\"" };
	struct key_record key;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	(void)world_put_intent(&w, &key, INTENT_CREATE, 0);
	start();
	run_until_up();
	world_close(&w);
	world_read_log(&w);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_non_null(strstr(w.log, want[i]));
	assert_int_equal(world_count_lines(&w, NULL, NULL, NULL), 1);
	world_done(&w);
}

static void the_line_names_an_identity_by_issuer_and_subject(void **state)
{
	struct key_record key;

	(void)state;
	world_init(&w);
	world_caller((struct identity){ .authenticator = AUTHENTICATOR_ISSUER,
		.name = BYTES_LITERAL("team/a/bob"),
		.issuer = BYTES_LITERAL("https://idp.example") });
	key = key_of(WORLD_HSM, "web", OBJECT);
	(void)world_put_intent(&w, &key, INTENT_CREATE, 0);
	world_caller((struct identity){ 0 });
	start();
	run_until_up();
	world_close(&w);
	world_read_log(&w);
	assert_non_null(strstr(w.log, "\"authn\":\"jwt\",\"issuer\":\"https://idp.example\",\"identity\":\"team/a/"
				      "bob\",\"tenant\":\"k8s/a\""));
	assert_int_equal(world_count_lines(&w, NULL, NULL, NULL), 1);
	world_done(&w);
}

static void rows_are_settled_in_the_order_of_their_making(void **state)
{
	struct key_record key;

	(void)state;
	world_init(&w);
	for (uint8_t i = 1; i <= 5; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "key-%u", i);
		key = key_of(WORLD_HSM, name, i);
		(void)world_put_intent(&w, &key, INTENT_CREATE, 0);
	}
	start();
	run_until_up();
	for (uint8_t i = 1; i <= 5; i++)
		assert_int_equal(w.workers[WORLD_HSM].cleaned[i - 1], i);
	assert_int_equal(w.workers[WORLD_HSM].cleans, 5);
	assert_store(0, 0);
	assert_recovered("undone", 5);
	world_done(&w);
}

/* ---- twice -------------------------------------------------------------------------------------- */

/* The provider is away for a whole run of the agent, whose lines take the number that the row had. */
static void a_line_is_owed_until_it_is_written_whatever_took_its_number(void **state)
{
	struct durable_job lines[3];
	struct key_record key;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	world_put_key(&w, &key);
	(void)world_put_intent(&w, &key, INTENT_CREATE, LOST + 1);
	world_put_lines(&w, LINES);
	start();
	for (size_t i = 0; i < 3; i++) {
		lines[i] = (struct durable_job){ .kind = DURABLE_LINE, .line = buf_make(AUDIT_LINE_MAX), .sync = true };
		buf_put_text(&lines[i].line, "\"is\":\"another\"}\n");
		world_submit(&w, &lines[i]);
	}
	world_run(&w, world_is_idle);
	assert_true(lines[2].number > LOST);
	world_close(&w);
	start();
	run_until_up();
	assert_store(1, 0);
	assert_recovered("created", 1);
	for (size_t i = 0; i < 3; i++)
		buf_done(&lines[i].line);
	world_done(&w);
}

/* Two rows of one name: the older was finished, but could not be deleted. */
static void rows_of_one_name_do_not_free_it_twice(void **state)
{
	struct key_record key;

	(void)state;
	world_init(&w);
	for (uint8_t object = OBJECT; object <= OBJECT + 2; object++) {
		key = key_of(WORLD_HSM, "web", object);
		(void)world_put_intent(&w, &key, object == OBJECT + 1 ? INTENT_DESTROY : INTENT_CREATE, 0);
		w.objects[object] = true;
	}
	start();
	run_until_up();
	assert_int_equal(w.workers[WORLD_HSM].cleans, 3);
	assert_false(w.objects[OBJECT] || w.objects[OBJECT + 1] || w.objects[OBJECT + 2]);
	assert_null(world_entry(&w, "web"));
	assert_store(0, 0);
	world_done(&w);
}

static void a_row_of_a_key_that_is_gone_leaves_the_younger_one_of_its_name_alone(void **state)
{
	static const enum intent_op ops[] = { INTENT_CREATE, INTENT_DESTROY };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct key_record old, young;

		world_init(&w);
		old = key_of(WORLD_HSM, "web", OBJECT);
		young = key_of(WORLD_HSM, "web", OTHER);
		world_put_key(&w, &young);
		w.objects[OTHER] = true;
		(void)world_put_intent(&w, &old, ops[i], LOGGED);
		world_put_lines(&w, LINES);
		start();
		assert_true(is_usable("web"));
		run_until_up();
		assert_true(is_usable("web"));
		assert_true(w.objects[OTHER]);
		assert_store(1, 0);
		assert_recovered("", 0);
		world_done(&w);
	}
}

/* ---- steps that fail ---------------------------------------------------------------------------- */

static void a_provider_that_is_not_configured_keeps_its_rows_and_names(void **state)
{
	struct key_record key;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	key.provider = BYTES_LITERAL("sold");
	(void)world_put_intent(&w, &key, INTENT_CREATE, 0);
	start();
	run_until_up();
	assert_non_null(world_entry(&w, "web"));
	assert_false(is_usable("web"));
	assert_store(0, 1);
	world_done(&w);
}

static bool soft_is_up(struct world *world)
{
	return world->agent->lanes[WORLD_SOFT].state == LANE_UP && hsm_waits(world);
}

static void what_cannot_be_cleaned_is_tried_again_and_holds_up_its_own_provider_only(void **state)
{
	struct key_record key, second;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	second = key_of(WORLD_HSM, "api", OTHER);
	(void)world_put_intent(&w, &key, INTENT_CREATE, 0);
	(void)world_put_intent(&w, &second, INTENT_CREATE, 0);
	start();
	w.workers[WORLD_HSM].clean_fails = STATUS_DEVICE_FAILED;
	connect_all();
	world_run(&w, soft_is_up);
	assert_int_equal(w.agent->lanes[WORLD_HSM].state, LANE_RECOVERING);
	assert_non_null(world_entry(&w, "web"));
	recovery_second(hsm());
	world_run(&w, hsm_waits);
	assert_int_equal(w.workers[WORLD_HSM].cleans, 2);
	assert_int_equal(w.workers[WORLD_HSM].cleaned[1], OBJECT); /* the same first */
	w.workers[WORLD_HSM].clean_fails = STATUS_OK;
	world_run(&w, up_with_seconds);
	assert_int_equal(w.workers[WORLD_HSM].cleans, 4);
	assert_store(0, 0);
	assert_recovered("undone", 2);
	world_done(&w);
}

/* The last of the line fails: it is the first again, and its tail is still where items are added. */
static void an_item_that_comes_while_another_waits_is_not_lost(void **state)
{
	struct key_record key, taken;
	struct request *rq;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	(void)world_put_intent(&w, &key, INTENT_CREATE, 0);
	taken = key_of(WORLD_HSM, "api", OTHER);
	start();
	w.workers[WORLD_HSM].clean_fails = STATUS_DEVICE_FAILED;
	connect_all();
	world_run(&w, hsm_waits);
	rq = world_request(&w, &taken);
	recovery_take_over(rq, INTENT_CREATE, false);
	w.workers[WORLD_HSM].clean_fails = STATUS_OK;
	world_run(&w, up_with_seconds);
	assert_int_equal(w.workers[WORLD_HSM].cleaned[2], OTHER);
	assert_store(0, 0);
	assert_recovered("undone", 1);
	world_done(&w);
}

static bool hsm_has_heard(struct world *world)
{
	return world->workers[WORLD_HSM].cleans > 0;
}

static void a_worker_that_dies_while_it_cleans_is_followed_by_one_that_does(void **state)
{
	struct key_record key;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	(void)world_put_intent(&w, &key, INTENT_CREATE, 0);
	start();
	w.workers[WORLD_HSM].is_mute = true;
	connect_all();
	world_run(&w, hsm_has_heard);
	world_disconnect(&w, WORLD_HSM);
	world_run(&w, hsm_waits);
	recovery_second(hsm()); /* nobody is there: it stays */
	assert_null(hsm()->now);
	assert_int_equal(w.agent->lanes[WORLD_HSM].state, LANE_STARTING);
	w.workers[WORLD_HSM].is_mute = false;
	world_connect(&w, WORLD_HSM);
	world_run(&w, world_is_up);
	assert_int_equal(w.workers[WORLD_HSM].cleans, 2);
	assert_store(0, 0);
	assert_recovered("undone", 1);
	world_done(&w);
}

/* The key's row goes, its line does not come: the second time there is no row any more, but still a line. */
static void what_cannot_be_lined_waits_and_is_lined_once(void **state)
{
	struct key_record key;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	world_put_key(&w, &key);
	(void)world_put_intent(&w, &key, INTENT_DESTROY, 0);
	start();
	disk_fail(w.f.directory, ".log", EIO, FAILURES);
	connect_all();
	world_run(&w, hsm_waits);
	assert_int_equal(w.agent->lanes[WORLD_HSM].state, LANE_RECOVERING);
	assert_non_null(world_entry(&w, "web"));
	disk_fail(w.f.directory, ".log", EIO, 0);
	world_run(&w, up_with_seconds);
	assert_null(world_entry(&w, "web"));
	assert_store(0, 0);
	assert_recovered("destroyed", 1);
	world_done(&w);
}

/* Its name stays taken until the row is gone; the line that is written is not written again. */
static void what_cannot_be_forgotten_waits_and_keeps_its_name(void **state)
{
	struct key_record key;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	(void)world_put_intent(&w, &key, INTENT_DESTROY, 0);
	start();
	disk_fail(w.f.directory, "keys.db", EIO, FAILURES);
	connect_all();
	world_run(&w, hsm_waits);
	assert_non_null(world_entry(&w, "web"));
	recovery_second(hsm());
	world_run(&w, hsm_waits);
	disk_fail(w.f.directory, "keys.db", EIO, 0);
	world_run(&w, up_with_seconds);
	assert_null(world_entry(&w, "web"));
	assert_store(0, 0);
	assert_recovered("destroyed", 1);
	world_done(&w);
}

/* ---- taken over from a request ------------------------------------------------------------------ */

static const struct taken {
	const char *what;
	enum intent_op op;
	bool has_row, owes_line;
	const char *detail;
} takes[] = {
	{ "create without record, its own line says that it failed", INTENT_CREATE, false, false, NULL },
	{ "create without record that was answered before", INTENT_CREATE, false, true, "undone" },
	{ "create whose record could not be taken out again", INTENT_CREATE, true, false, NULL },
	{ "create whose record could not be taken out, with a line", INTENT_CREATE, true, true, "undone" },
	{ "destroy in doubt", INTENT_DESTROY, true, true, "destroyed" },
	{ "destroy whose row is gone", INTENT_DESTROY, false, true, "destroyed" },
};

static void take_one(const struct taken *take)
{
	struct key_record key;
	struct request *rq;
	int64_t intent;

	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	start();
	run_until_up();
	world_close(&w); /* the row comes while the lane is up: put it behind the agent's back */
	if (take->has_row)
		world_put_key(&w, &key);
	start();
	run_until_up();
	if (world_entry(&w, "web") != NULL)
		keyindex_withdraw(world_entry(&w, "web"));
	rq = world_request(&w, &key);
	{
		AUTO(buf_done) struct buf record = buf_make(KEYSTORE_RECORD_MAX);
		struct durable_job job = { .kind = DURABLE_INTENT };

		job.intent = world_intent(&key, take->op, &record);
		world_submit(&w, &job);
		world_run(&w, world_is_idle);
		assert_int_equal(job.result, STATUS_OK);
		intent = job.intent_id;
	}
	rq->intent_id = intent;
	rq->entry = world_entry(&w, "web");
	w.objects[OBJECT] = true;
	recovery_take_over(rq, take->op, take->owes_line);
	assert_null(rq->entry); /* the name is recovery's now */
	assert_int_equal(rq->intent_id, 0);
	world_run(&w, world_is_up);
	assert_int_equal(w.workers[WORLD_HSM].cleans, 1);
	assert_false(w.objects[OBJECT]);
	assert_null(world_entry(&w, "web"));
	assert_store(0, 0);
	assert_recovered(take->detail != NULL ? take->detail : "", take->detail != NULL ? 1 : 0);
	world_done(&w);
}

static void what_ends_in_doubt_is_finished_while_others_are_served(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++) {
		print_message("%s\n", takes[i].what);
		take_one(&takes[i]);
	}
}

static void a_full_queue_is_tried_again(void **state)
{
	struct key_record key;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	start();
	run_until_up();
	w.agent->lanes[WORLD_HSM].queue_max = 0;
	w.objects[OBJECT] = true;
	recovery_take_over(world_request(&w, &key), INTENT_CREATE, false);
	assert_true(hsm()->waits_for_second);
	assert_int_equal(w.workers[WORLD_HSM].cleans, 0);
	w.agent->lanes[WORLD_HSM].queue_max = 4;
	world_run(&w, up_with_seconds);
	assert_false(w.objects[OBJECT]);
	world_done(&w);
}

/* Without memory, and without a lane, the row is the next start's. */
static void what_cannot_be_taken_over_waits_for_the_next_start(void **state)
{
	struct lane strange = { .name = "sold" };

	(void)state;
	for (unsigned nth = 0; nth <= 2; nth++) {
		struct key_record key;
		struct request *rq;

		world_init(&w);
		key = key_of(WORLD_HSM, "web", OBJECT);
		start();
		run_until_up();
		rq = world_request(&w, &key);
		rq->intent_id = 1;
		if (nth == 0)
			rq->lane = &strange;
		failalloc_arm(nth);
		recovery_take_over(rq, INTENT_CREATE, true);
		assert_int_equal(failalloc_disarm(), nth > 0);
		assert_int_equal(rq->intent_id, 1); /* nobody else has it */
		assert_null(hsm()->head);
		assert_null(hsm()->now);
		world_done(&w);
	}
}

/* ---- a journal that cannot be read -------------------------------------------------------------- */

static void put_raw_intent(const struct key_record *key, struct bytes record)
{
	struct intent intent = { .op = INTENT_CREATE, .key = key->id, .provider = key->provider, .record = record };
	struct keystore *store = NULL;
	int64_t id;

	assert_ok(keystore_open(w.f.directory, &store));
	assert_ok(keystore_begin(store));
	assert_ok(keystore_intent_put(store, &intent, &id));
	assert_ok(keystore_commit(store));
	keystore_close(store);
}

static void a_row_that_does_not_decode_stops_the_start(void **state)
{
	AUTO(buf_done) struct buf record = buf_make(KEYSTORE_RECORD_MAX);
	struct key_record key;
	size_t whole;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	(void)world_intent(&key, INTENT_CREATE, &record);
	whole = record.len;
	world_done(&w);
	buf_put_u8(&record, 0);
	for (size_t len = 0; len <= whole + 1; len++) {
		world_init(&w);
		(void)key_of(WORLD_HSM, "web", OBJECT); /* makes the store */
		put_raw_intent(&key, bytes_of(record.data, len));
		if (len == whole)
			assert_ok(world_open(&w, NULL));
		else
			assert_fails(world_open(&w, NULL), RECORD_CORRUPT);
		world_done(&w);
	}
	record.data[0] = 2; /* a version of later days */
	world_init(&w);
	(void)key_of(WORLD_HSM, "web", OBJECT);
	put_raw_intent(&key, bytes_of(record.data, whole));
	assert_fails(world_open(&w, NULL), RECORD_CORRUPT);
	world_done(&w);
}

static void a_start_without_memory_fails_cleanly(void **state)
{
	struct key_record key;
	unsigned nth, failed = 0;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	world_put_key(&w, &key);
	(void)world_put_intent(&w, &key, INTENT_DESTROY, LOST);
	key = key_of(WORLD_SOFT, "api", OTHER);
	(void)world_put_intent(&w, &key, INTENT_CREATE, 0);
	for (nth = 1; nth < ALLOCATIONS_MAX; nth++) {
		struct status st;

		w.fail_allocation = nth;
		st = world_open(&w, NULL);
		if (st.code == STATUS_OK)
			world_close(&w);
		if (!w.has_failed)
			break;
		/* SQLite does without some; LIMIT is a buffer that cannot grow, CRYPTO an HMAC without a context. */
		if (st.code != STATUS_OK && st.code != STATUS_LIMIT && st.code != STATUS_CRYPTO)
			assert_status(st, STATUS_NO_MEMORY);
		failed += st.code != STATUS_OK;
	}
	assert_true(failed > 5 && nth < ALLOCATIONS_MAX);
	w.fail_allocation = 0;
	start();
	run_until_up();
	assert_store(0, 0);
	world_done(&w);
}

/* What would not open again is not written: each allocation of the writing fails in turn. */
static void an_intent_without_memory_is_written_whole_or_not_at_all(void **state)
{
	AUTO(buf_done) struct buf record = buf_make(KEYSTORE_RECORD_MAX);
	bool has_failed = true;

	(void)state;
	for (unsigned nth = 1; has_failed; nth++) {
		struct keystore *store = NULL;
		struct intent intent;
		struct key_record key;
		struct status st;
		int64_t id;

		world_init(&w);
		assert_ok(keystore_open(w.f.directory, &store));
		key = world_key(store, WORLD_HSM, "web", OBJECT);
		intent = world_intent(&key, INTENT_CREATE, &record);
		assert_ok(keystore_begin(store));
		failalloc_arm(nth);
		st = keystore_intent_put(store, &intent, &id);
		has_failed = failalloc_disarm();
		if (st.code == STATUS_OK)
			assert_ok(keystore_commit(store));
		else
			keystore_rollback(store);
		keystore_close(store);
		assert_true(nth < ALLOCATIONS_MAX);
		start();
		world_done(&w);
	}
}

static void a_store_that_cannot_say_what_is_owed_stops_the_start(void **state)
{
	struct key_record key;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	(void)world_put_intent(&w, &key, INTENT_DESTROY, LOST);
	disk_fail(w.f.directory, "keys.db-wal", EIO, FAILURES);
	assert_fails(world_open(&w, NULL), STORE_IO);
	disk_fail(w.f.directory, "", 0, 0);
	start();
	run_until_up();
	assert_store(0, 0);
	world_done(&w);
}

/* The agent ends with items in its hands: they are freed (the sanitizer looks), and found again. */
static void what_is_under_way_at_the_end_is_found_again(void **state)
{
	struct key_record key, second;

	(void)state;
	world_init(&w);
	key = key_of(WORLD_HSM, "web", OBJECT);
	second = key_of(WORLD_HSM, "api", OTHER);
	(void)world_put_intent(&w, &key, INTENT_CREATE, 0);
	(void)world_put_intent(&w, &second, INTENT_CREATE, 0);
	start();
	w.workers[WORLD_HSM].is_mute = true;
	connect_all();
	world_run(&w, hsm_has_heard);
	assert_non_null(hsm()->now);
	assert_non_null(hsm()->head);
	world_close(&w);
	w.workers[WORLD_HSM].is_mute = false;
	start();
	run_until_up();
	assert_store(0, 0);
	assert_recovered("undone", 2);
	world_done(&w);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_row_of_the_table_is_finished_or_undone),
	cmocka_unit_test(the_line_says_who_had_asked_for_what),
	cmocka_unit_test(the_line_names_an_identity_by_issuer_and_subject),
	cmocka_unit_test(rows_are_settled_in_the_order_of_their_making),
	cmocka_unit_test(a_line_is_owed_until_it_is_written_whatever_took_its_number),
	cmocka_unit_test(rows_of_one_name_do_not_free_it_twice),
	cmocka_unit_test(a_row_of_a_key_that_is_gone_leaves_the_younger_one_of_its_name_alone),
	cmocka_unit_test(a_provider_that_is_not_configured_keeps_its_rows_and_names),
	cmocka_unit_test(what_cannot_be_cleaned_is_tried_again_and_holds_up_its_own_provider_only),
	cmocka_unit_test(an_item_that_comes_while_another_waits_is_not_lost),
	cmocka_unit_test(a_worker_that_dies_while_it_cleans_is_followed_by_one_that_does),
	cmocka_unit_test(what_cannot_be_lined_waits_and_is_lined_once),
	cmocka_unit_test(what_cannot_be_forgotten_waits_and_keeps_its_name),
	cmocka_unit_test(what_ends_in_doubt_is_finished_while_others_are_served),
	cmocka_unit_test(a_full_queue_is_tried_again),
	cmocka_unit_test(what_cannot_be_taken_over_waits_for_the_next_start),
	cmocka_unit_test(a_row_that_does_not_decode_stops_the_start),
	cmocka_unit_test(a_start_without_memory_fails_cleanly),
	cmocka_unit_test(an_intent_without_memory_is_written_whole_or_not_at_all),
	cmocka_unit_test(a_store_that_cannot_say_what_is_owed_stops_the_start),
	cmocka_unit_test(what_is_under_way_at_the_end_is_found_again),
};

UNIT_MAIN(tests)
