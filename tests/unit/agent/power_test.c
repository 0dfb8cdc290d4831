/* SPDX-License-Identifier: Apache-2.0
 *
 * The power goes while keys are made and destroyed, with store and audit log on one disk that keeps what was synced and
 * of the rest as little, as much or as torn as it likes; then the agent starts again.  The trace of one run gives every
 * state: before each write and sync, the log's unsynced end cut at each byte, the store's unsynced pages there, gone or
 * mixed.  Recovery from these states is recorded in turn, and the power goes again at each of its steps.
 *
 * A job is what ops_key.c makes of a create or a destroy: intent, device, record and line, answer.  What was answered
 * counts as acknowledged from then on. */
#include "tests/unit/agent/recovery_world.h"

#include <stdlib.h>

#include "base/own.h"
#include "tests/support/disk_shim.h"

enum { MARK_DONE = 0x100, MARK_ANSWERED = 0x200, MARK_KIND = 0xf00, STATES_MAX = 1 << 16, NAMES = 4 };

/* A create (+) or destroy (-) of the key with this letter, whose object has this number; a use is a line alone. */
static const struct act {
	unsigned step; /* acts of one step go together */
	char kind, name;
	uint8_t object;
} acts[] = {
	{ 1, '+', 'a', 1 },
	{ 2, 'u', 'a', 0 },
	{ 3, '+', 'b', 2 },
	{ 3, '+', 'c', 3 },
	{ 4, '-', 'a', 1 },
	{ 4, 'u', 'b', 0 },
	{ 5, '+', 'd', 4 },
	{ 5, 'u', 'c', 0 },
	{ 5, '-', 'b', 2 },
	{ 6, 'u', 'c', 0 },
};

enum { ACTS = sizeof(acts) / sizeof(acts[0]), STEPS = 6 };

static struct world w;
static unsigned long long seen[STATES_MAX]; /* states that were tried, by their hashes */
static unsigned state_count, second_count;

/* ---- the run ------------------------------------------------------------------------------------ */

struct job {
	struct durable_job intent, commit;
	struct buf record;
	struct key_record key;
	char name[2];
};

static struct job jobs[ACTS];

static void job_init(struct job *job, const struct act *act)
{
	*job = (struct job){ .record = buf_make(KEYSTORE_RECORD_MAX), .name = { act->name } };
	job->key = world_key(w.store, WORLD_HSM, job->name, act->object);
	job->intent.kind = DURABLE_INTENT;
	job->intent.intent = world_intent(&job->key, act->kind == '+' ? INTENT_CREATE : INTENT_DESTROY, &job->record);
	job->commit.kind = act->kind == '+' ? DURABLE_CREATE : act->kind == '-' ? DURABLE_DESTROY : DURABLE_LINE;
	job->commit.sync = act->kind != 'u';
	job->commit.record = &job->key;
	job->commit.key = job->key.id;
	job->commit.line = buf_make(AUDIT_LINE_MAX);
	buf_printf(&job->commit.line, "\"is\":\"%c%c\"}\n", act->kind, act->name);
}

/* Intents, then the device, then records and lines, then the answers: each together for the acts of a step. */
static void run_step(unsigned step)
{
	for (unsigned i = 0; i < ACTS; i++)
		if (acts[i].step == step) {
			job_init(&jobs[i], &acts[i]);
			if (acts[i].kind != 'u')
				world_submit(&w, &jobs[i].intent);
		}
	world_run(&w, world_is_idle);
	for (unsigned i = 0; i < ACTS; i++)
		if (acts[i].step == step) {
			assert_int_equal(jobs[i].intent.result, STATUS_OK);
			jobs[i].commit.intent_id = jobs[i].intent.intent_id;
			disk_mark(MARK_DONE + i);
			world_submit(&w, &jobs[i].commit);
		}
	world_run(&w, world_is_idle);
	for (unsigned i = 0; i < ACTS; i++)
		if (acts[i].step == step) {
			assert_int_equal(jobs[i].commit.result, STATUS_OK);
			disk_mark(MARK_ANSWERED + i);
		}
}

static void record_run(struct world *world)
{
	disk_record(world->f.directory);
}

static void connect_and_run(void)
{
	world_connect(&w, WORLD_HSM);
	world_connect(&w, WORLD_SOFT);
	world_run(&w, world_is_up);
}

static struct disk_trace *trace_of_run(void)
{
	struct disk_trace *trace;

	world_init(&w);
	assert_ok(world_open(&w, record_run));
	connect_and_run();
	for (unsigned step = 1; step <= STEPS; step++)
		run_step(step);
	trace = disk_stop();
	world_done(&w);
	for (unsigned i = 0; i < ACTS; i++) {
		buf_done(&jobs[i].record);
		buf_done(&jobs[i].commit.line);
	}
	return trace;
}

/* ---- what must hold ----------------------------------------------------------------------------- */

/* What the power left: the device, and what clients had been told. */
struct remains {
	bool objects[256];
	bool answered[ACTS];
	bool is_second; /* loss of power */
};

/* Marks up to the cut, on top of what was before. */
static struct remains remains_of(const struct remains *before, const struct disk_trace *trace, size_t at)
{
	struct remains remains = *before;
	unsigned what;

	for (size_t i = 0; i < at; i++) {
		if (!disk_is_mark(trace, i, &what))
			continue;
		if ((what & MARK_KIND) == MARK_DONE && acts[what & 0xff].kind != 'u')
			remains.objects[acts[what & 0xff].object] = acts[what & 0xff].kind == '+';
		else if ((what & MARK_KIND) == MARK_ANSWERED)
			remains.answered[what & 0xff] = true;
		else if ((what & MARK_KIND) == WORLD_MARK_CLEANED)
			remains.objects[what & 0xff] = false;
	}
	return remains;
}

static bool is_answered(const struct remains *remains, char kind, char name)
{
	for (unsigned i = 0; i < ACTS; i++)
		if (acts[i].kind == kind && acts[i].name == name)
			return remains->answered[i];
	return false;
}

/* Lines of a create or destroy: its own, or recovery's with this outcome.  Recovery that was cut off between its line
 * and the deletion of the row writes the line again, so after a second loss its lines count as one. */
static unsigned lines_of(char kind, char name, const char *outcome, bool is_second)
{
	unsigned recovered;
	char own[16], key[16], detail[32];

	(void)snprintf(own, sizeof(own), "\"is\":\"%c%c\"", kind, name);
	(void)snprintf(key, sizeof(key), "\"key\":\"%c\"", name);
	(void)snprintf(detail, sizeof(detail), "\"detail\":\"%s\"", outcome);
	recovered = world_count_lines(&w, "\"event\":\"recovered\"", key, detail);
	return world_count_lines(&w, own, NULL, NULL) + (is_second && recovered > 1 ? 1 : recovered);
}

static void check_key(const struct remains *remains, char name, uint8_t object, bool is_there)
{
	unsigned created = lines_of('+', name, "created", remains->is_second);
	unsigned destroyed = lines_of('-', name, "destroyed", remains->is_second);
	unsigned undone = lines_of('?', name, "undone", remains->is_second);

	assert_int_equal(w.objects[object], is_there);
	assert_true(created <= 1 && destroyed <= 1 && undone <= 1);
	assert_int_equal(created == 1 && destroyed == 0, is_there);
	assert_false(undone == 1 && (created == 1 || destroyed == 1));
	if (is_answered(remains, '+', name))
		assert_int_equal(created, 1);
	if (is_answered(remains, '-', name))
		assert_int_equal(destroyed, 1);
}

static void check_numbers(void)
{
	unsigned long long want = 1, number;

	for (const char *line = w.log; *line != '\0'; line = strchr(line, '\n') + 1) {
		assert_int_equal(sscanf(line, "{\"v\":1,\"seq\":%llu,", &number), 1);
		assert_int_equal(number, want++);
	}
}

/* After recovery: names, store, device and log agree with each other and with what was answered. */
static void check(const struct remains *remains)
{
	static const uint8_t objects[NAMES] = { 1, 2, 3, 4 };
	size_t there = 0, keys, intents;
	bool is_there[NAMES];

	for (unsigned i = 0; i < NAMES; i++) {
		const char name[2] = { (char)('a' + i) };
		const struct keyindex_entry *entry = world_entry(&w, name);

		is_there[i] = entry != NULL;
		assert_true(entry == NULL || entry->usable);
		there += is_there[i];
	}
	world_close(&w);
	world_count_rows(&w, &keys, &intents);
	assert_int_equal(keys, there);
	assert_int_equal(intents, 0);
	world_read_log(&w);
	check_numbers();
	for (unsigned i = 0; i < NAMES; i++)
		check_key(remains, (char)('a' + i), objects[i], is_there[i]);
}

/* ---- every state -------------------------------------------------------------------------------- */

static bool is_new(unsigned long long hash, const struct remains *remains)
{
	const uint8_t *bytes = (const uint8_t *)remains;
	size_t at;

	for (size_t i = 0; i < sizeof(*remains); i++)
		hash = (hash ^ bytes[i]) * 1099511628211ull;
	hash += hash == 0;
	for (at = hash % STATES_MAX; seen[at] != 0; at = (at + 1) % STATES_MAX)
		if (seen[at] == hash)
			return false;
	assert_true(++state_count < STATES_MAX / 2);
	seen[at] = hash;
	return true;
}

/* Start on that state and check; the recovery's own trace if asked for. */
static struct disk_trace *recover_from(
	const struct disk_trace *trace, const struct disk_cut *cut, const struct remains *remains, bool wants_trace)
{
	struct disk_trace *recovery = NULL;

	world_init(&w);
	memcpy(w.objects, remains->objects, sizeof(w.objects));
	if (is_new(disk_build(trace, cut, w.f.directory), remains)) {
		assert_ok(world_open(&w, wants_trace ? record_run : NULL));
		connect_and_run();
		recovery = disk_stop();
		check(remains);
	}
	world_done(&w);
	return recovery;
}

static const unsigned seeds[] = { DISK_NONE, DISK_ALL, 4711, 815 };

static void cut_again(const struct disk_trace *trace, const struct remains *before)
{
	for (size_t at = 0; at <= disk_events(trace); at++) {
		struct remains remains = remains_of(before, trace, at);
		const size_t tails[] = { 0, disk_tail(trace, at) / 2, disk_tail(trace, at) };

		remains.is_second = true;
		for (size_t s = 0; s < 2; s++)
			for (size_t t = 0; t < 3; t++) {
				const struct disk_cut cut = { .at = at, .tail = tails[t], .seed = seeds[s] };
				unsigned count = state_count;

				assert_null(recover_from(trace, &cut, &remains, false));
				second_count += state_count - count;
			}
	}
}

static void power_lost_anywhere_loses_nothing_answered(void **state)
{
	struct disk_trace *trace = trace_of_run();
	const struct remains nothing = { 0 };
	unsigned torn = 0;

	(void)state;
	for (size_t at = 0; at <= disk_events(trace); at++) {
		const struct remains remains = remains_of(&nothing, trace, at);
		const size_t tail = disk_tail(trace, at);

		for (size_t s = 0; s < sizeof(seeds) / sizeof(seeds[0]); s++)
			for (size_t t = 0; t <= tail; t++) {
				const struct disk_cut cut = { .at = at, .tail = t, .seed = seeds[s] };
				const bool is_edge = t == 0 || t == tail;
				struct disk_trace *recovery = recover_from(trace, &cut, &remains, is_edge);

				torn += !is_edge;
				if (recovery != NULL)
					cut_again(recovery, &remains);
				disk_trace_free(recovery);
			}
	}
	print_message("%zu events, %u states, %u of them after a second loss\n", disk_events(trace), state_count,
		second_count);
	assert_true(disk_events(trace) > 50 && torn > 100 && second_count > 100);
	disk_trace_free(trace);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(power_lost_anywhere_loses_nothing_answered),
};

UNIT_MAIN(tests)
