/* SPDX-License-Identifier: Apache-2.0
 *
 * What accounts look like: read from a file, handed over as a table, remembered with a namespace. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/holder.h"

enum { FEW = 3 };

static char directory[] = "/tmp/keyreeve-account-XXXXXX";

static const char *in_directory(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void write_file(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void write_file(const char *format, ...)
{
	FILE *file = fopen(in_directory("passwd"), "we");
	va_list args;

	assert_non_null(file);
	va_start(args, format);
	assert_true(vfprintf(file, format, args) >= 0);
	va_end(args);
	assert_int_equal(fclose(file), 0);
}

/* Tenants of uids 2001 (twice), 5 and 7; of a SPIFFE ID, which has none. */
static void config_fill(struct config *config, struct config_tenant tenants[5])
{
	static char spiffe[] = "spiffe://a.example/x", user[] = "five";

	for (int i = 0; i < 5; i++)
		tenants[i] = (struct config_tenant){ .match = { .uid = CONFIG_UNSET } };
	tenants[0].match.uid = tenants[3].match.uid = 2001;
	tenants[1].match.spiffe = spiffe;
	tenants[2].match.uid = 7;
	tenants[4].match.user = user;
	tenants[4].match.user_uid = 5;
	*config = (struct config){ .tenants = tenants, .tenant_count = 5 };
}

static struct account_table read_table(void)
{
	struct config_tenant tenants[5];
	struct config config;
	struct account_table table;
	struct buf bytes = buf_make(ACCOUNT_TABLE_MAX);

	config_fill(&config, tenants);
	assert_ok(account_table_read(in_directory("passwd"), &config, &bytes));
	assert_ok(account_table_get(buf_bytes(&bytes), &table));
	buf_done(&bytes);
	return table;
}

static void the_table_has_the_tenants_uids_and_their_first_lines(void **state)
{
	struct buf bytes = buf_make(ACCOUNT_TABLE_MAX);
	struct config_tenant tenants[5];
	struct account_table table;
	struct config config;

	(void)state;
	write_file("# comment\nroot:x:0:0::/root:/bin/sh\nbatch:x:2001:100:text:%s:/bin/false\n"
		   "second:x:2001:1::/:/bin/sh\nbroken line\nfive:x:5:5::/nonexistent:/bin/sh\n",
		directory);
	table = read_table();
	assert_int_equal(table.count, FEW);
	assert_int_equal(table.accounts[0].uid, 5);
	assert_int_equal(table.accounts[1].uid, 7);
	assert_int_equal(table.accounts[2].uid, 2001);
	assert_bytes(account_name(account_look(&table, 2001)), BYTES_LITERAL("batch"));
	assert_bytes(account_name(account_look(&table, 5)), BYTES_LITERAL("five"));
	assert_true(account_look(&table, 7).len > 0 && account_name(account_look(&table, 7)).len == 0); /* absent */
	assert_int_equal(account_look(&table, 0).len, 0);						/* nobody's */
	account_table_done(&table);
	write_file("batch:x:2001:100:%09000d:/:/bin/false\n", 0); /* longer than any line */
	config_fill(&config, tenants);
	assert_fails(account_table_read(in_directory("passwd"), &config, &bytes), IO);
	buf_done(&bytes);
	assert_int_equal(unlink(in_directory("passwd")), 0);
	table = read_table(); /* no file: nobody has an account */
	assert_int_equal(table.count, FEW);
	assert_int_equal(account_name(account_look(&table, 2001)).len, 0);
	account_table_done(&table);
}

static struct account_table look_of(const char *line, ...) __attribute__((format(printf, 1, 2)));
static struct account_table look_of(const char *line, ...)
{
	char text[512];
	va_list args;

	va_start(args, line);
	(void)vsnprintf(text, sizeof(text), line, args);
	va_end(args);
	write_file("%s", text);
	return read_table();
}

/* Name, gid, home, that there is one, and which it is: each makes another look; shell and comment do not. */
static void every_fact_makes_another_look(void **state)
{
	char home[64], other[64];
	struct account_table was, now;

	(void)state;
	(void)snprintf(home, sizeof(home), "%s/home", directory);
	(void)snprintf(other, sizeof(other), "%s/other", directory);
	assert_int_equal(mkdir(home, 0700), 0);
	was = look_of("batch:x:2001:100:text:%s:/bin/false\n", home);
	now = look_of("batch:x:2001:100:another:%s:/bin/sh\n", home);
	assert_bytes(account_look(&now, 2001), account_look(&was, 2001));
	assert_false(account_stamp_equal(&now.stamp, &was.stamp));
	account_table_done(&now);
	for (int i = 0; i < 5; i++) {
		if (i == 3)
			assert_int_equal(rename(home, other), 0); /* it has none any more */
		if (i == 4)
			assert_int_equal(mkdir(home, 0700), 0); /* another directory of that name */
		now = i == 0   ? look_of("batcH:x:2001:100::%s:\n", home)
		      : i == 1 ? look_of("batch:x:2001:101::%s:\n", home)
		      : i == 2 ? look_of("batch:x:2001:100::%s/.:\n", home)
			       : look_of("batch:x:2001:100:text:%s:/bin/false\n", home);
		assert_false(bytes_equal(account_look(&now, 2001), account_look(&was, 2001)));
		account_table_done(&now);
	}
	assert_int_equal(rmdir(home), 0);
	assert_int_equal(rename(other, home), 0); /* the old one is back: it looks as before */
	now = look_of("batch:x:2001:100:text:%s:/bin/false\n", home);
	assert_bytes(account_look(&now, 2001), account_look(&was, 2001));
	account_table_done(&now);
	account_table_done(&was);
	assert_int_equal(rmdir(home), 0);
	assert_int_equal(unlink(in_directory("passwd")), 0);
}

static void only_whole_tables_are_believed(void **state)
{
	struct config_tenant tenants[5];
	struct config config;
	struct buf bytes = buf_make(ACCOUNT_TABLE_MAX);
	struct account_table table;

	(void)state;
	config_fill(&config, tenants);
	assert_ok(account_table_read("/nonexistent/passwd", &config, &bytes));
	for (size_t len = 0; len < bytes.len; len++)
		assert_fails(account_table_get(bytes_of(bytes.data, len), &table), IPC_MALFORMED);
	bytes.data[32] = 0xff; /* a count that cannot be */
	assert_fails(account_table_get(buf_bytes(&bytes), &table), IPC_MALFORMED);
	buf_clear(&bytes);
	for (int i = 0; i < 4; i++)
		buf_put_u64(&bytes, 0);
	buf_put_u32(&bytes, 2); /* not in order */
	for (uint32_t uid = 2; uid > 0; uid--) {
		buf_put_u32(&bytes, uid);
		buf_put_sized(&bytes, BYTES_LITERAL("x"));
	}
	assert_fails(account_table_get(buf_bytes(&bytes), &table), IPC_MALFORMED);
	buf_done(&bytes);
}

static void a_holder_is_read_as_it_was_written_and_only_whole(void **state)
{
	const struct namespace_name name = { 3, { 0 }, BYTES_LITERAL("batch"), BYTES_LITERAL("2001") };
	struct keyindex *index = NULL;
	struct keyindex_space *space;
	struct buf id = buf_make(4096), value = buf_make(4096);
	struct fact fact = { .kind = FACT_ACCOUNT };

	(void)state;
	assert_ok(keyindex_new(10, &index));
	assert_ok(keyindex_space_make(index, &name, &space));
	holder_id_put(&id, space, 2001);
	holder_value_put(&value, true, BYTES_LITERAL("look"));
	for (size_t len = 0; len < id.len + value.len; len++) {
		fact.id = bytes_of(id.data, len < id.len ? len : id.len);
		fact.value = bytes_of(value.data, len < id.len ? value.len : len - id.len);
		assert_fails(holder_load(index, &fact), RECORD_CORRUPT);
	}
	fact.value = buf_bytes(&value);
	assert_ok(holder_load(index, &fact));
	assert_non_null(holder_find(space, 2001));
	assert_null(holder_find(space, 2002));
	assert_bytes(holder_find(space, 2001)->look, BYTES_LITERAL("look"));
	assert_true(holder_is_locked(space));
	assert_ok(holder_set(space, 2002, false, BYTES_LITERAL("two")));
	assert_ok(holder_set(space, 2001, false, BYTES_LITERAL("another")));
	assert_false(holder_is_locked(space));
	assert_bytes(holder_find(space, 2001)->look, BYTES_LITERAL("another"));
	assert_bytes(holder_find(space, 2002)->look, BYTES_LITERAL("two"));
	keyindex_free(index);
	buf_done(&id);
	buf_done(&value);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_has_the_tenants_uids_and_their_first_lines),
		cmocka_unit_test(every_fact_makes_another_look),
		cmocka_unit_test(only_whole_tables_are_believed),
		cmocka_unit_test(a_holder_is_read_as_it_was_written_and_only_whole),
	};
	int failed;

	if (make_directory(NULL) != 0)
		return 1;
	failed = unit_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
	return remove_directory(NULL) != 0 ? 1 : failed;
}
