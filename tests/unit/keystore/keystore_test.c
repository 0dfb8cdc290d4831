/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/keystore/fixture.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

static void keys_come_back_after_a_restart(void **state)
{
	struct keystore *store = NULL;
	struct fixture_rows rows;
	struct key_record a, b;
	struct key_record *got;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	a = fixture_key(store, "web");
	b = fixture_key(store, "");
	b.generation = 7;
	assert_ok(fixture_put(store, &a));
	assert_ok(fixture_put(store, &b));
	keystore_close(store);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(fixture_load(store, &rows));
	assert_int_equal(rows.key_count, 2);
	got = fixture_find(&rows, "web");
	assert_non_null(got);
	assert_memory_equal(&got->id, &a.id, sizeof(a.id));
	assert_memory_equal(&got->ns, &a.ns, sizeof(a.ns));
	assert_bytes(got->space.tenant, a.space.tenant);
	assert_bytes(got->blob, a.blob);
	assert_memory_equal(&got->attributes, &a.attributes, sizeof(a.attributes));
	assert_true(got->created_us == a.created_us);
	got = fixture_find(&rows, "");
	assert_non_null(got);
	assert_int_equal(got->generation, 7);
	fixture_rows_done(&rows);
	keystore_close(store);
	keystore_close(NULL);
	fixture_end(&f);
}

static void tag_and_ids_are_stable_and_differ_between_stores(void **state)
{
	struct keystore *store = NULL, *other = NULL;
	struct keystore_id id, again, foreign;
	struct namespace_name space = fixture_space();
	uint8_t tag[KEYSTORE_TAG_BYTES];
	struct fixture f, g;

	(void)state;
	fixture_begin(&f);
	fixture_begin(&g);
	assert_ok(keystore_open(f.directory, &store));
	assert_int_equal(keystore_tag(store).len, KEYSTORE_TAG_BYTES);
	memcpy(tag, keystore_tag(store).data, sizeof(tag));
	assert_ok(keystore_namespace_id(store, &space, &id));
	keystore_close(store);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(keystore_open(g.directory, &other));
	assert_memory_equal(keystore_tag(store).data, tag, sizeof(tag));
	assert_ok(keystore_namespace_id(store, &space, &again));
	assert_memory_equal(&id, &again, sizeof(id));
	assert_memory_not_equal(keystore_tag(other).data, tag, sizeof(tag));
	assert_ok(keystore_namespace_id(other, &space, &foreign));
	assert_memory_not_equal(&id, &foreign, sizeof(id));
	keystore_close(store);
	keystore_close(other);
	fixture_end(&f);
	fixture_end(&g);
}

/* Each of these reads like the others when its parts are joined, with or without a separator. */
static void tuples_that_would_collide_as_joined_strings_are_apart(void **state)
{
	const struct namespace_name spaces[] = {
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL("a"), BYTES_LITERAL("b") },
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL("ab"), BYTES_LITERAL("") },
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL(""), BYTES_LITERAL("ab") },
		{ 4, BYTES_LITERAL("da"), BYTES_LITERAL("b"), BYTES_LITERAL("") },
		{ 4, BYTES_LITERAL("da"), BYTES_LITERAL(""), BYTES_LITERAL("b") },
		{ 4, BYTES_LITERAL(""), BYTES_LITERAL("dab"), BYTES_LITERAL("") },
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL("a/b"), BYTES_LITERAL("") },
		{ 4, BYTES_LITERAL("d/a"), BYTES_LITERAL("b"), BYTES_LITERAL("") },
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL("a"), BYTES_LITERAL("/b") },
		{ 4, BYTES_LITERAL("d"), BYTES_LITERAL("a\0b"), BYTES_LITERAL("") },
		{ 3, BYTES_LITERAL("d"), BYTES_LITERAL("a"), BYTES_LITERAL("b") },
		{ 1, BYTES_LITERAL("d"), BYTES_LITERAL("a"), BYTES_LITERAL("b") },
	};
	enum { COUNT = sizeof(spaces) / sizeof(spaces[0]) };
	struct keystore_id ids[COUNT];
	struct keystore *store = NULL;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	for (size_t i = 0; i < COUNT; i++) {
		assert_ok(keystore_namespace_id(store, &spaces[i], &ids[i]));
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(&ids[i], &ids[k], sizeof(ids[i]));
	}
	keystore_close(store);
	fixture_end(&f);
}

static void a_key_id_depends_on_namespace_and_name(void **state)
{
	struct keystore_id ns = { { 1 } }, other = { { 2 } }, a, b;
	static const uint8_t long_name[KEYSTORE_NAME_MAX + 1];
	struct keystore *store = NULL;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(keystore_key_id(store, &ns, BYTES_LITERAL("web"), &a));
	assert_ok(keystore_key_id(store, &other, BYTES_LITERAL("web"), &b));
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_ok(keystore_key_id(store, &ns, BYTES_LITERAL("web2"), &b));
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_ok(keystore_key_id(store, &ns, bytes_of(long_name, KEYSTORE_NAME_MAX), &b));
	assert_fails(keystore_key_id(store, &ns, bytes_of(long_name, KEYSTORE_NAME_MAX + 1), &b), LIMIT);
	keystore_close(store);
	fixture_end(&f);
}

static void a_namespace_over_its_limits_has_no_id(void **state)
{
	static const uint8_t big[KEYSTORE_IDENTITY_MAX + 1];
	struct namespace_name rows[] = {
		{ 4, bytes_of(big, KEYSTORE_IDENTITY_MAX + 1), { 0 }, { 0 } },
		{ 4, { 0 }, bytes_of(big, KEYSTORE_TENANT_MAX + 1), { 0 } },
		{ 4, { 0 }, { 0 }, bytes_of(big, KEYSTORE_IDENTITY_MAX + 1) },
	};
	struct namespace_name longest = { 4, bytes_of(big, KEYSTORE_IDENTITY_MAX), bytes_of(big, KEYSTORE_TENANT_MAX),
		bytes_of(big, KEYSTORE_IDENTITY_MAX) };
	struct keystore *store = NULL;
	struct keystore_id id;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_fails(keystore_namespace_id(store, &rows[i], &id), LIMIT);
	assert_ok(keystore_namespace_id(store, &longest, &id));
	keystore_close(store);
	fixture_end(&f);
}

static void the_largest_key_fits(void **state)
{
	static uint8_t big[KEYSTORE_BLOB_MAX];
	struct keystore *store = NULL;
	struct fixture_rows rows;
	struct key_record r;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	memset(big, 'x', sizeof(big));
	assert_ok(keystore_open(f.directory, &store));
	r = fixture_key(store, "web");
	r.space = (struct namespace_name){ 4, bytes_of(big, KEYSTORE_IDENTITY_MAX), bytes_of(big, KEYSTORE_TENANT_MAX),
		bytes_of(big, KEYSTORE_IDENTITY_MAX) };
	r.name = bytes_of(big, KEYSTORE_NAME_MAX);
	r.creator = bytes_of(big, KEYSTORE_IDENTITY_MAX);
	r.provider = bytes_of(big, KEYSTORE_PROVIDER_MAX);
	r.public_key = bytes_of(big, PSA_PUBLIC_MAX_BYTES);
	r.blob = bytes_of(big, KEYSTORE_BLOB_MAX);
	assert_ok(keystore_namespace_id(store, &r.space, &r.ns));
	assert_ok(keystore_key_id(store, &r.ns, r.name, &r.id));
	assert_ok(fixture_put(store, &r));
	assert_ok(fixture_load(store, &rows));
	assert_int_equal(rows.key_count, 1);
	assert_bytes(rows.keys[0]->blob, r.blob);
	fixture_rows_done(&rows);
	r.blob.len++; /* read nowhere: refused first */
	assert_fails(fixture_put(store, &r), LIMIT);
	keystore_close(store);
	fixture_end(&f);
}

static void a_name_is_taken_once_and_free_after_its_deletion(void **state)
{
	struct keystore *store = NULL;
	struct key_record r;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	r = fixture_key(store, "web");
	assert_ok(keystore_begin(store));
	assert_fails(keystore_key_delete(store, &r.id), KEY_ABSENT);
	assert_ok(keystore_key_put(store, &r));
	assert_fails(keystore_key_put(store, &r), KEY_EXISTS);
	assert_ok(keystore_key_delete(store, &r.id));
	assert_fails(keystore_key_delete(store, &r.id), KEY_ABSENT);
	assert_ok(keystore_key_put(store, &r));
	assert_ok(keystore_commit(store));
	keystore_close(store);
	fixture_end(&f);
}

static void a_key_whose_ids_are_not_those_of_its_names_does_not_enter(void **state)
{
	struct keystore *store = NULL;
	struct key_record good, bad;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	good = fixture_key(store, "web");
	bad = good;
	bad.name = BYTES_LITERAL("other");
	assert_fails(fixture_put(store, &bad), RECORD_CORRUPT);
	bad = good;
	bad.space.tenant = BYTES_LITERAL("k8s/b");
	assert_fails(fixture_put(store, &bad), RECORD_CORRUPT);
	bad = good;
	bad.ns.bytes[0] ^= 1;
	assert_fails(fixture_put(store, &bad), RECORD_CORRUPT);
	bad = good;
	bad.generation = 0;
	assert_fails(fixture_put(store, &bad), LIMIT);
	assert_ok(fixture_put(store, &good));
	keystore_close(store);
	fixture_end(&f);
}

static void a_namespace_has_one_parent_per_provider_and_the_last_one_counts(void **state)
{
	struct keystore *store = NULL;
	struct namespace_record r = { .space = fixture_space() };
	struct fixture_rows rows;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(keystore_namespace_id(store, &r.space, &r.id));
	assert_ok(keystore_begin(store));
	r.provider = BYTES_LITERAL("tpm");
	r.parent = BYTES_LITERAL("first");
	assert_ok(keystore_namespace_put(store, &r));
	r.parent = BYTES_LITERAL("second");
	assert_ok(keystore_namespace_put(store, &r));
	r.provider = BYTES_LITERAL("tpm2");
	r.parent = BYTES_LITERAL("third");
	assert_ok(keystore_namespace_put(store, &r));
	r.id.bytes[0] ^= 1;
	assert_fails(keystore_namespace_put(store, &r), RECORD_CORRUPT);
	r.id.bytes[0] ^= 1;
	r.parent.len = KEYSTORE_BLOB_MAX + 1;
	assert_fails(keystore_namespace_put(store, &r), LIMIT);
	assert_ok(keystore_commit(store));
	assert_ok(fixture_load(store, &rows));
	assert_int_equal(rows.space_count, 2);
	for (size_t i = 0; i < 2; i++) {
		bool is_first = strcmp(rows.space_provider[i], "tpm") == 0;

		assert_string_equal(rows.space_parent[i], is_first ? "second" : "third");
		assert_memory_equal(&rows.space_id[i], &r.id, sizeof(r.id));
	}
	fixture_rows_done(&rows);
	keystore_close(store);
	fixture_end(&f);
}

static void an_intent_is_made_numbered_and_deleted(void **state)
{
	struct keystore *store = NULL;
	struct fixture_rows rows;
	struct key_record key;
	struct intent intent;
	int64_t first = 0, second = 0, third = 0;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	key = fixture_key(store, "web");
	intent = fixture_intent(&key, INTENT_CREATE);
	assert_ok(keystore_begin(store));
	assert_ok(keystore_intent_put(store, &intent, &first));
	intent.op = INTENT_DESTROY;
	assert_ok(keystore_intent_put(store, &intent, &second));
	assert_true(second > first && first > 0);
	assert_ok(keystore_intent_number(store, first, UINT64_MAX - 1));
	assert_fails(keystore_intent_number(store, 4711, 1), STORE_IO);
	assert_ok(keystore_commit(store));
	assert_ok(fixture_load(store, &rows));
	assert_int_equal(rows.intent_count, 2);
	assert_true(rows.intents[0].id == first && rows.intents[1].id == second);
	assert_true(rows.intents[0].seq == UINT64_MAX - 1 && rows.intents[1].seq == 0);
	assert_int_equal(rows.intents[0].op, INTENT_CREATE);
	assert_int_equal(rows.intents[1].op, INTENT_DESTROY);
	assert_memory_equal(&rows.intents[0].key, &key.id, sizeof(key.id));
	assert_memory_equal(rows.intents[0].hardware_id, intent.hardware_id, KEYSTORE_HARDWARE_ID_BYTES);
	assert_string_equal(rows.intent_provider[0], "hsm");
	assert_string_equal(rows.intent_record[0], "what the line needs");
	assert_ok(keystore_begin(store));
	assert_ok(keystore_intent_delete(store, first));
	assert_ok(keystore_intent_delete(store, second));
	assert_ok(keystore_intent_delete(store, second)); /* nothing to do is done */
	assert_ok(keystore_intent_put(store, &intent, &third));
	assert_true(third > second); /* a number is never used twice */
	intent.op = INTENT_NONE;
	assert_fails(keystore_intent_put(store, &intent, &third), LIMIT);
	intent.op = INTENT_CREATE;
	intent.record.len = KEYSTORE_RECORD_MAX + 1;
	assert_fails(keystore_intent_put(store, &intent, &third), LIMIT);
	keystore_rollback(store);
	assert_ok(fixture_load(store, &rows));
	assert_int_equal(rows.intent_count, 2);
	fixture_rows_done(&rows);
	keystore_close(store);
	fixture_end(&f);
}

static void named_values_are_kept_replaced_and_absent(void **state)
{
	static const uint8_t big[KEYSTORE_KV_MAX + 1];
	struct buf value = buf_make(KEYSTORE_KV_MAX);
	struct keystore *store = NULL;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	buf_put_text(&value, "left over");
	assert_ok(keystore_kv_get(store, "wrap", &value));
	assert_int_equal(value.len, 0);
	assert_ok(keystore_begin(store));
	assert_ok(keystore_kv_put(store, "wrap", BYTES_LITERAL("one")));
	assert_ok(keystore_kv_put(store, "wrap", BYTES_LITERAL("two")));
	assert_ok(keystore_kv_put(store, "empty", (struct bytes){ 0 }));
	assert_ok(keystore_kv_put(store, "largest", bytes_of(big, KEYSTORE_KV_MAX)));
	assert_fails(keystore_kv_put(store, "over", bytes_of(big, KEYSTORE_KV_MAX + 1)), LIMIT);
	assert_fails(keystore_kv_put(store, "keystore.id-key", BYTES_LITERAL("mine")), NOT_PERMITTED);
	assert_ok(keystore_commit(store));
	keystore_close(store);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(keystore_kv_get(store, "wrap", &value));
	assert_bytes(buf_bytes(&value), BYTES_LITERAL("two"));
	assert_ok(keystore_kv_get(store, "empty", &value));
	assert_int_equal(value.len, 0);
	assert_ok(keystore_kv_get(store, "largest", &value));
	assert_int_equal(value.len, KEYSTORE_KV_MAX);
	assert_fails(keystore_kv_get(store, "keystore.id-key", &value), NOT_PERMITTED);
	buf_done(&value);
	keystore_close(store);
	fixture_end(&f);
}

static void a_job_of_a_batch_fails_alone(void **state)
{
	struct keystore *store = NULL;
	struct fixture_rows rows;
	struct key_record a, b;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	a = fixture_key(store, "a");
	b = fixture_key(store, "b");
	assert_ok(keystore_begin(store));
	assert_ok(keystore_savepoint(store));
	assert_ok(keystore_key_put(store, &a));
	assert_ok(keystore_release(store));
	assert_ok(keystore_savepoint(store));
	assert_ok(keystore_key_put(store, &b));
	assert_fails(keystore_key_put(store, &a), KEY_EXISTS);
	keystore_rewind(store);
	assert_ok(keystore_commit(store));
	assert_ok(fixture_load(store, &rows));
	assert_int_equal(rows.key_count, 1);
	assert_non_null(fixture_find(&rows, "a"));
	fixture_rows_done(&rows);
	keystore_close(store);
	fixture_end(&f);
}

static void what_was_rolled_back_or_never_committed_is_not_there(void **state)
{
	struct keystore *store = NULL;
	struct fixture_rows rows;
	struct key_record r;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	r = fixture_key(store, "web");
	assert_ok(keystore_begin(store));
	assert_ok(keystore_key_put(store, &r));
	keystore_rollback(store);
	keystore_rollback(store); /* once more does no harm */
	assert_ok(keystore_begin(store));
	assert_ok(keystore_key_put(store, &r));
	keystore_close(store);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(fixture_load(store, &rows));
	assert_int_equal(rows.key_count, 0);
	keystore_close(store);
	fixture_end(&f);
}

static void writes_outside_a_transaction_are_refused(void **state)
{
	struct keystore *store = NULL;
	struct namespace_record space = { .space = fixture_space(), .provider = BYTES_LITERAL("tpm") };
	struct key_record r;
	struct intent intent;
	struct fixture f;
	int64_t id;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	r = fixture_key(store, "web");
	intent = fixture_intent(&r, INTENT_CREATE);
	assert_ok(keystore_namespace_id(store, &space.space, &space.id));
	assert_fails(keystore_key_put(store, &r), STORE_IO);
	assert_fails(keystore_key_delete(store, &r.id), STORE_IO);
	assert_fails(keystore_intent_put(store, &intent, &id), STORE_IO);
	assert_fails(keystore_intent_number(store, 1, 1), STORE_IO);
	assert_fails(keystore_intent_delete(store, 1), STORE_IO);
	assert_fails(keystore_namespace_put(store, &space), STORE_IO);
	assert_fails(keystore_kv_put(store, "wrap", BYTES_LITERAL("x")), STORE_IO);
	assert_fails(keystore_savepoint(store), STORE_IO); /* SQLite would open a transaction with it */
	assert_fails(keystore_release(store), STORE_IO);
	assert_fails(keystore_commit(store), STORE_IO);
	keystore_rewind(store);
	assert_ok(keystore_begin(store));
	assert_fails(keystore_begin(store), STORE_IO);
	keystore_rollback(store);
	keystore_close(store);
	fixture_end(&f);
}

static struct status stop(void *context, struct key_record *record)
{
	(void)context;
	key_record_unref(record);
	return FAIL(LIMIT);
}

static void a_visitor_that_fails_stops_the_load_and_kinds_without_a_function_are_left_out(void **state)
{
	const struct keystore_visitor failing = { .key = stop }, nothing = { 0 };
	struct keystore *store = NULL;
	struct key_record r;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	r = fixture_key(store, "web");
	assert_ok(fixture_put(store, &r));
	assert_fails(keystore_load(store, &failing), LIMIT);
	assert_ok(keystore_load(store, &nothing));
	keystore_close(store);
	fixture_end(&f);
}

/* What a load says of damaged rows; rows that are sound are only counted. */
struct damage_seen {
	size_t count, keys, others;
	struct keystore_damage last;
	struct key_record key; /* its views are gone */
	char name[64];
};

static struct status see_damage(void *context, const struct keystore_damage *damage)
{
	struct damage_seen *seen = context;

	seen->count++;
	seen->last = *damage;
	assert_true((damage->key != NULL) == (damage->table == KEYSTORE_KEY));
	if (damage->key == NULL)
		return OK;
	seen->key = *damage->key;
	assert_true(seen->key.is_damaged && seen->key.name.len < sizeof(seen->name));
	assert_true(!damage->has_id || memcmp(&seen->key.id, &damage->id, sizeof(damage->id)) == 0);
	assert_int_equal(damage->has_names, seen->key.name.len > 0);
	(void)snprintf(
		seen->name, sizeof(seen->name), "%.*s", (int)seen->key.name.len, (const char *)seen->key.name.data);
	return OK;
}

static struct status see_key(void *context, struct key_record *record)
{
	((struct damage_seen *)context)->keys++;
	key_record_unref(record);
	return OK;
}

static struct status see_space(void *context, const struct namespace_record *record)
{
	(void)record;
	((struct damage_seen *)context)->others++;
	return OK;
}

static struct status see_intent(void *context, const struct intent *intent)
{
	(void)intent;
	((struct damage_seen *)context)->others++;
	return OK;
}

static void look(struct keystore *store, struct damage_seen *ret_seen)
{
	const struct keystore_visitor visitor = {
		.context = ret_seen, .damaged = see_damage, .key = see_key, .space = see_space, .intent = see_intent
	};

	*ret_seen = (struct damage_seen){ 0 };
	assert_ok(keystore_load(store, &visitor));
}

/* Every column of every table, changed behind the store's back. */
static void a_row_changed_behind_the_stores_back_is_refused_and_the_others_are_served(void **state)
{
	static const char *const changes[] = {
		"UPDATE key SET id = zeroblob(32) WHERE rowid = 1",
		"UPDATE key SET ns = zeroblob(32) WHERE rowid = 1",
		"UPDATE key SET provider = 'soft' WHERE rowid = 1",
		"UPDATE key SET provider = hex(zeroblob(100)) WHERE rowid = 1",
		"UPDATE key SET state = 2 WHERE rowid = 1",
		"UPDATE key SET generation = 2 WHERE rowid = 1",
		"UPDATE key SET record = x'' WHERE rowid = 1",
		"UPDATE key SET record = zeroblob(300) WHERE rowid = 1",
		"UPDATE key SET record = zeroblob(300000) WHERE rowid = 1",
		"UPDATE key SET record = (SELECT record FROM key WHERE rowid = 2) WHERE rowid = 1",
		"UPDATE key SET record = (SELECT record FROM namespace) WHERE rowid = 1",
		"UPDATE namespace SET id = zeroblob(32)",
		"UPDATE namespace SET provider = 'soft'",
		"UPDATE namespace SET record = (SELECT record FROM key WHERE rowid = 1)",
		"UPDATE intent SET op = 2",
		"UPDATE intent SET op = 3",
		"UPDATE intent SET key = zeroblob(32)",
		"UPDATE intent SET key = zeroblob(31)",
		"UPDATE intent SET node = zeroblob(8)",
		"UPDATE intent SET hardware_id = zeroblob(32)",
		"UPDATE intent SET hardware_id = x''",
		"UPDATE intent SET record = zeroblob(100)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct namespace_record space = { .space = fixture_space(), .provider = BYTES_LITERAL("tpm") };
		struct keystore *store = NULL;
		enum keystore_table table = strncmp(changes[i], "UPDATE key", 10) == 0	       ? KEYSTORE_KEY
					    : strncmp(changes[i], "UPDATE namespace", 16) == 0 ? KEYSTORE_NAMESPACE
											       : KEYSTORE_INTENT;
		struct damage_seen seen;
		struct fixture_rows rows;
		struct key_record a, b;
		struct intent intent;
		struct fixture f;
		int64_t id;

		fixture_begin(&f);
		assert_ok(keystore_open(f.directory, &store));
		a = fixture_key(store, "a");
		b = fixture_key(store, "b");
		intent = fixture_intent(&a, INTENT_CREATE);
		space.id = a.ns;
		assert_ok(fixture_put(store, &a));
		assert_ok(fixture_put(store, &b));
		assert_ok(keystore_begin(store));
		assert_ok(keystore_namespace_put(store, &space));
		assert_ok(keystore_intent_put(store, &intent, &id));
		assert_ok(keystore_commit(store));
		keystore_close(store);
		fixture_exec(&f, changes[i]);
		assert_ok(keystore_open(f.directory, &store));
		assert_fails(fixture_load(store, &rows), RECORD_CORRUPT);
		fixture_rows_done(&rows);
		look(store, &seen);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.last.table, table);
		assert_int_equal(seen.keys, table == KEYSTORE_KEY ? 1 : 2);
		assert_int_equal(seen.others, table == KEYSTORE_KEY ? 2 : 1);
		keystore_close(store);
		fixture_end(&f);
	}
}

static void flip(sqlite3 *db, int64_t row, int at)
{
	sqlite3_blob *blob;
	uint8_t byte;

	assert_int_equal(sqlite3_blob_open(db, "main", "key", "record", row, 1, &blob), SQLITE_OK);
	assert_int_equal(sqlite3_blob_read(blob, &byte, 1, at), SQLITE_OK);
	byte ^= 0x40;
	assert_int_equal(sqlite3_blob_write(blob, &byte, 1, at), SQLITE_OK);
	assert_int_equal(sqlite3_blob_close(blob), SQLITE_OK);
}

static void every_flipped_byte_of_a_stored_record_is_found(void **state)
{
	struct namespace_name space = fixture_space();
	struct keystore *store = NULL;
	struct damage_seen seen;
	struct fixture_rows rows;
	struct key_record r;
	struct fixture f;
	sqlite3 *db;
	int size = 1, without_names = 0;
	int names = 2 + 4 + (int)(1 + 3 * 4 + space.domain.len + space.tenant.len + space.identity.len) + 2 + 4 + 3;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	r = fixture_key(store, "web");
	assert_ok(fixture_put(store, &r));
	keystore_close(store);
	for (int at = 0; at < size; at++) {
		sqlite3_blob *blob;

		db = fixture_raw(&f);
		assert_int_equal(sqlite3_blob_open(db, "main", "key", "record", 1, 0, &blob), SQLITE_OK);
		size = sqlite3_blob_bytes(blob);
		assert_int_equal(sqlite3_blob_close(blob), SQLITE_OK);
		if (at > 0)
			flip(db, 1, at - 1); /* back */
		flip(db, 1, at);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		assert_ok(keystore_open(f.directory, &store));
		assert_fails(fixture_load(store, &rows), RECORD_CORRUPT);
		look(store, &seen);
		assert_int_equal(seen.count, 1);
		assert_true(seen.last.has_id && memcmp(&seen.last.id, &r.id, sizeof(r.id)) == 0);
		if (seen.last.has_names)
			assert_string_equal(seen.name, "web");
		else
			without_names++;
		keystore_close(store);
	}
	assert_true(size > 200);
	assert_int_equal(without_names, names); /* the names themselves, and their tags and lengths */
	fixture_end(&f);
}

/* A bit of the id in the table's page: the index in another page has it as it was. */
static void a_damaged_row_can_be_deleted_also_when_its_index_disagrees(void **state)
{
	struct keystore *store = NULL;
	struct damage_seen seen;
	struct key_record r;
	struct fixture f;
	uint8_t raw[64 * 1024], *at;
	ssize_t size;
	int fd;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	r = fixture_key(store, "web");
	assert_ok(fixture_put(store, &r));
	keystore_close(store);
	fd = open(f.file, O_RDWR | O_CLOEXEC);
	size = pread(fd, raw, sizeof(raw), 0);
	assert_true(size > 0 && (size_t)size < sizeof(raw));
	/* in the row, ns follows id */
	for (at = raw; at != NULL && memcmp(at + KEYSTORE_ID_BYTES, r.ns.bytes, KEYSTORE_ID_BYTES) != 0;)
		at = memmem(at + 1, (size_t)(raw + size - at) - 1, r.id.bytes, KEYSTORE_ID_BYTES);
	assert_non_null(at);
	at[7] ^= 1;
	assert_int_equal(pwrite(fd, raw, (size_t)size, 0), size);
	(void)close(fd);

	assert_ok(keystore_open(f.directory, &store));
	look(store, &seen);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.name, "web");
	assert_memory_not_equal(seen.key.id.bytes, r.id.bytes, KEYSTORE_ID_BYTES);
	assert_ok(keystore_begin(store));
	assert_ok(keystore_key_delete(store, &seen.key.id));
	assert_ok(keystore_key_put(store, &r)); /* its name is free */
	assert_ok(keystore_commit(store));
	look(store, &seen);
	assert_int_equal(seen.count, 0);
	assert_int_equal(seen.keys, 1);
	keystore_close(store);
	fixture_end(&f);
}

static void a_store_that_lost_or_changed_its_identity_does_not_open(void **state)
{
	static const char *const changes[] = {
		"DELETE FROM kv WHERE name = 'keystore.id-key'", /* a new one would orphan every key */
		"DELETE FROM kv WHERE name = 'keystore.tag'",
		"UPDATE kv SET value = zeroblob(68) WHERE name = 'keystore.id-key'",
		"UPDATE kv SET value = zeroblob(69) WHERE name = 'keystore.id-key'",
		"UPDATE kv SET value = x'01' WHERE name = 'keystore.id-key'",
		("UPDATE kv SET value = (SELECT value FROM kv WHERE name = 'keystore.id-key')"
		 " WHERE name = 'keystore.tag'"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct keystore *store = NULL;
		struct key_record r;
		struct fixture f;

		fixture_begin(&f);
		assert_ok(keystore_open(f.directory, &store));
		r = fixture_key(store, "web");
		assert_ok(fixture_put(store, &r));
		keystore_close(store);
		fixture_exec(&f, changes[i]);
		assert_fails(keystore_open(f.directory, &store), RECORD_CORRUPT);
		fixture_end(&f);
	}
}

static void a_newer_store_is_refused(void **state)
{
	struct keystore *store = NULL;
	struct fixture f;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	keystore_close(store);
	fixture_exec(&f, "PRAGMA user_version = 99");
	assert_fails(keystore_open(f.directory, &store), STORE_NEWER);
	fixture_end(&f);
}

static void no_name_stands_in_a_column(void **state)
{
	struct keystore *store = NULL;
	struct key_record r;
	char answer[8];
	struct fixture f;
	sqlite3_stmt *q;
	sqlite3 *db;

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	r = fixture_key(store, "a-telling-name");
	assert_ok(fixture_put(store, &r));
	keystore_close(store);
	db = fixture_raw(&f);
	assert_int_equal(sqlite3_prepare_v2(db,
				 "SELECT count(*) FROM key WHERE instr(id || ns || provider,"
				 " CAST('a-telling-name' AS BLOB)) > 0",
				 -1, &q, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	(void)snprintf(answer, sizeof(answer), "%d", sqlite3_column_int(q, 0));
	assert_string_equal(answer, "0");
	(void)sqlite3_finalize(q);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	fixture_end(&f);
}

static struct status count_key(void *context, struct key_record *record)
{
	*(size_t *)context += 1;
	key_record_unref(record);
	return OK;
}

static double ms_since(const struct timespec *start)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) * 1e3 + (double)(now.tv_nsec - start->tv_nsec) / 1e6;
}

static void ten_thousand_keys_load(void **state)
{
	enum { KEYS = 10000, LOAD_MS_MAX = 10000 }; /* the bar is 2 s, in the release build; this one has sanitizers */
	size_t found = 0;
	const struct keystore_visitor visitor = { .context = &found, .key = count_key };
	struct keystore *store = NULL;
	struct timespec start;
	struct key_record r;
	struct fixture f;
	char name[16];

	(void)state;
	fixture_begin(&f);
	assert_ok(keystore_open(f.directory, &store));
	assert_ok(keystore_begin(store));
	for (int i = 0; i < KEYS; i++) {
		(void)snprintf(name, sizeof(name), "key-%d", i);
		r = fixture_key(store, name);
		assert_ok(keystore_key_put(store, &r));
	}
	assert_ok(keystore_commit(store));
	keystore_close(store);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	assert_ok(keystore_open(f.directory, &store));
	printf("open with %d keys: %.0f ms\n", KEYS, ms_since(&start));
	assert_ok(keystore_load(store, &visitor));
	printf("open and load: %.0f ms\n", ms_since(&start));
	assert_int_equal(found, KEYS);
	assert_true(ms_since(&start) < LOAD_MS_MAX);
	keystore_close(store);
	fixture_end(&f);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(keys_come_back_after_a_restart),
	cmocka_unit_test(tag_and_ids_are_stable_and_differ_between_stores),
	cmocka_unit_test(tuples_that_would_collide_as_joined_strings_are_apart),
	cmocka_unit_test(a_key_id_depends_on_namespace_and_name),
	cmocka_unit_test(a_namespace_over_its_limits_has_no_id),
	cmocka_unit_test(the_largest_key_fits),
	cmocka_unit_test(a_name_is_taken_once_and_free_after_its_deletion),
	cmocka_unit_test(a_key_whose_ids_are_not_those_of_its_names_does_not_enter),
	cmocka_unit_test(a_namespace_has_one_parent_per_provider_and_the_last_one_counts),
	cmocka_unit_test(an_intent_is_made_numbered_and_deleted),
	cmocka_unit_test(named_values_are_kept_replaced_and_absent),
	cmocka_unit_test(a_job_of_a_batch_fails_alone),
	cmocka_unit_test(what_was_rolled_back_or_never_committed_is_not_there),
	cmocka_unit_test(writes_outside_a_transaction_are_refused),
	cmocka_unit_test(a_visitor_that_fails_stops_the_load_and_kinds_without_a_function_are_left_out),
	cmocka_unit_test(a_row_changed_behind_the_stores_back_is_refused_and_the_others_are_served),
	cmocka_unit_test(a_damaged_row_can_be_deleted_also_when_its_index_disagrees),
	cmocka_unit_test(every_flipped_byte_of_a_stored_record_is_found),
	cmocka_unit_test(a_store_that_lost_or_changed_its_identity_does_not_open),
	cmocka_unit_test(a_newer_store_is_refused),
	cmocka_unit_test(no_name_stands_in_a_column),
	cmocka_unit_test(ten_thousand_keys_load),
};

UNIT_MAIN(tests)
