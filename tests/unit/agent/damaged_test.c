/* SPDX-License-Identifier: Apache-2.0
 *
 * Damaged rows on their way into the index: by their names, or by whoever asks for one. */
#include "tests/unit/keystore/fixture.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "tests/support/failalloc.h"

enum { KEYS_MAX = 5000, TPM = 0, SOFT, ALLOCATIONS_MAX = 100 };

static struct fixture f;
static struct keystore *store;
static struct agent *agent;

static struct status load_key(void *context, struct key_record *record)
{
	struct keyindex_space *space;
	struct keyindex_entry *entry;

	(void)context;
	assert_ok(keyindex_space_make(agent->index, &record->space, &space));
	assert_ok(keyindex_take(agent->index, space, record->name, &entry));
	keyindex_publish(entry, record);
	key_record_unref(record);
	return OK;
}

/* The fixture's store with these keys, then this done to it, then loaded as the agent does it. */
static void put(const char *const names[], const char *change)
{
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	for (size_t i = 0; names[i] != NULL; i++) {
		struct key_record key = fixture_key(store, names[i]);

		assert_ok(fixture_put(store, &key));
	}
	keystore_close(store);
	fixture_exec(&f, change);
	assert_ok(keystore_open(f.directory, &store));
	agent = calloc(1, sizeof(*agent));
	assert_non_null(agent);
	agent->store = store;
	agent->lane_count = 2;
	agent->lanes[TPM] = (struct lane){ .name = "tpm", .provider_kind = 3 };
	agent->lanes[SOFT] = (struct lane){ .name = "soft", .provider_kind = 1 };
	assert_ok(keyindex_new(KEYS_MAX, &agent->index));
}

static struct status load(void)
{
	const struct keystore_visitor rows = { .context = agent, .key = load_key, .damaged = damaged_row };

	TRY(keystore_load(store, &rows));
	return damaged_enter(agent);
}

static void done(void)
{
	damaged_done(&agent->damaged);
	keyindex_free(agent->index);
	free(agent);
	keystore_close(store);
	fixture_end(&f);
}

static struct keyindex_entry *entry_of(const char *name)
{
	struct namespace_name name_of = fixture_space();
	struct keyindex_space *space = keyindex_space_find(agent->index, &name_of);

	return space != NULL ? keyindex_find(agent->index, space, bytes_from_text(name)) : NULL;
}

static struct status ask(const char *name)
{
	struct namespace_name space = fixture_space();

	return damaged_named(agent, &space, bytes_from_text(name));
}

static void assert_damaged(const char *name)
{
	struct keyindex_entry *entry = entry_of(name);
	struct key_record key = fixture_key(store, name);

	assert_non_null(entry);
	assert_true(entry->usable && entry->record->is_damaged);
	assert_bytes(entry->record->name, key.name);
	assert_bytes(entry->record->provider, BYTES_LITERAL("tpm"));
	assert_int_equal(entry->record->provider_kind, 3);
	assert_memory_equal(entry->record->hardware_id, keystore_tag(store).data, KEYSTORE_TAG_BYTES);
}

static const char *const two[] = { "web", "other", NULL };

static void a_row_that_still_has_its_names_is_in_the_index(void **state)
{
	(void)state;
	/* the last byte of the check; a column; the id itself, which is then the row's only handle */
	static const char *const changes[] = {
		"UPDATE key SET record = CAST(substr(record, 1, length(record) - 1) || x'00' AS BLOB) WHERE rowid = 1",
		"UPDATE key SET state = 2 WHERE rowid = 1",
		"UPDATE key SET provider = 'tpn' WHERE rowid = 1",
		"UPDATE key SET id = zeroblob(32) WHERE rowid = 1",
		"UPDATE key SET ns = zeroblob(32) WHERE rowid = 1",
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		put(two, changes[i]);
		assert_ok(load());
		assert_damaged("web");
		assert_false(entry_of("other")->record->is_damaged);
		assert_int_equal(agent->damaged.count, 1);
		assert_int_equal(agent->damaged.key_count, 0);
		assert_string_equal(agent->damaged.notes[0].provider, "tpm");
		done();
	}
}

static void a_row_without_names_is_found_by_whoever_knows_its_name(void **state)
{
	(void)state;
	put(two, "UPDATE key SET record = zeroblob(100) WHERE rowid = 1");
	assert_ok(load());
	assert_int_equal(agent->damaged.key_count, 1);
	assert_null(entry_of("web"));
	assert_ok(ask("another"));
	assert_ok(ask("other"));
	assert_int_equal(agent->damaged.key_count, 1);
	assert_ok(ask("web"));
	assert_damaged("web");
	assert_int_equal(agent->damaged.key_count, 0);
	keyindex_drop(agent->index, entry_of("web"));
	assert_ok(ask("web")); /* destroyed, it is not found again */
	assert_null(entry_of("web"));
	done();
}

/* A row that holds another row's record opens under that one's columns: its own name is what its id says. */
static void a_row_with_the_names_of_another_leaves_them_to_that_one(void **state)
{
	(void)state;
	put(two, "UPDATE key SET record = (SELECT record FROM key WHERE rowid = 2) WHERE rowid = 1");
	assert_ok(load());
	assert_false(entry_of("other")->record->is_damaged);
	assert_null(entry_of("web"));
	assert_ok(ask("web"));
	assert_damaged("web");
	done();
}

static void a_store_of_damaged_rows_is_a_damaged_store(void **state)
{
	static char names[DAMAGED_KEYS_MAX + 1][8];
	static const char *list[DAMAGED_KEYS_MAX + 2];

	(void)state;
	for (size_t i = 0; i <= DAMAGED_KEYS_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%zu", i);
		list[i] = names[i];
	}
	put(list, "UPDATE key SET record = zeroblob(100)");
	assert_fails(load(), RECORD_CORRUPT);
	done();
	put(list, "UPDATE key SET record = zeroblob(100) WHERE rowid > 1");
	assert_ok(load());
	assert_int_equal(agent->damaged.count, DAMAGED_KEYS_MAX);
	for (size_t i = 0; i <= DAMAGED_KEYS_MAX; i++)
		assert_ok(ask(list[i]));
	assert_int_equal(agent->damaged.key_count, 0);
	done();
}

static void a_damaged_state_is_one_that_no_worker_takes(void **state)
{
	struct lane lane = { .name = "tpm", .state_kept = buf_make(WORKER_STATE_MAX) };

	(void)state;
	put(two, "SELECT 1");
	buf_put_text(&lane.state_kept, "state");
	assert_ok(damaged_state(&agent->damaged, &lane, OK));
	assert_bytes(buf_bytes(&lane.state_kept), BYTES_LITERAL("state"));
	assert_fails(damaged_state(&agent->damaged, &lane, FAIL(STORE_IO)), STORE_IO);
	assert_int_equal(agent->damaged.count, 0);
	assert_ok(damaged_state(&agent->damaged, &lane, FAIL(RECORD_CORRUPT)));
	assert_bytes(buf_bytes(&lane.state_kept), BYTES_LITERAL("\0"));
	assert_int_equal(agent->damaged.count, 1);
	buf_done(&lane.state_kept);
	done();
}

static void without_memory_a_name_is_found_later(void **state)
{
	bool failed = true;

	(void)state;
	put(two, "UPDATE key SET record = zeroblob(100) WHERE rowid = 1");
	assert_ok(load());
	for (unsigned at = 1; failed; at++) {
		struct status st;

		assert_true(at < ALLOCATIONS_MAX);
		failalloc_arm(at);
		st = ask("web");
		failed = failalloc_disarm();
		assert_true(failed == (st.code != STATUS_OK));
	}
	assert_damaged("web");
	done();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_row_that_still_has_its_names_is_in_the_index),
	cmocka_unit_test(a_row_without_names_is_found_by_whoever_knows_its_name),
	cmocka_unit_test(a_row_with_the_names_of_another_leaves_them_to_that_one),
	cmocka_unit_test(a_store_of_damaged_rows_is_a_damaged_store),
	cmocka_unit_test(a_damaged_state_is_one_that_no_worker_takes),
	cmocka_unit_test(without_memory_a_name_is_found_later),
};

UNIT_MAIN(tests)
