/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/account.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_ABSENT = 0, LOOK_PRESENT = 1 };

struct account_stamp account_stamp(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (struct account_stamp){ 0 };
	return (struct account_stamp){ (uint64_t)st.st_ino, (uint64_t)st.st_size, st.st_ctim.tv_sec,
		st.st_ctim.tv_nsec };
}

bool account_stamp_equal(const struct account_stamp *a, const struct account_stamp *b)
{
	return a->inode == b->inode && a->size == b->size && a->changed_s == b->changed_s &&
	       a->changed_ns == b->changed_ns;
}

/* ---- looks -------------------------------------------------------------------------------------- */

void account_look_put(struct buf *to, const struct account_facts *facts)
{
	if (facts == NULL) {
		buf_put_u8(to, LOOK_ABSENT);
		return;
	}
	buf_put_u8(to, LOOK_PRESENT);
	buf_put_sized(to, bytes_from_text(facts->name));
	buf_put_u32(to, facts->uid);
	buf_put_u32(to, facts->gid);
	buf_put_sized(to, bytes_from_text(facts->home_path));
	buf_put_u8(to, facts->has_home);
	buf_put_u64(to, facts->has_home ? facts->home_inode : 0);
	buf_put_u64(to, facts->has_home ? (uint64_t)facts->home_birth_s : 0);
	buf_put_u32(to, facts->has_home ? facts->home_birth_ns : 0);
}

struct bytes account_name(struct bytes look)
{
	struct reader r = reader_of(look);
	struct bytes name;

	if (reader_u8(&r) != LOOK_PRESENT)
		return (struct bytes){ 0 };
	name = reader_sized(&r, ACCOUNT_LOOK_MAX);
	return r.bad ? bytes_of(NULL, 0) : name;
}

/* ---- the table: stamp, count, then uid and look of each, in order of uid ------------------------- */

static struct status accounts_get(struct reader *r, struct account_table *table)
{
	uint32_t count = reader_u32(r);

	/* Each takes a uid, a length and a byte at least. */
	ENSURE(!r->bad && count <= r->left.len / 9, IPC_MALFORMED);
	table->accounts = calloc(count + 1, sizeof(*table->accounts));
	ENSURE(table->accounts != NULL, NO_MEMORY);
	for (; table->count < count; table->count++) {
		struct account *account = &table->accounts[table->count];

		account->uid = reader_u32(r);
		account->look = reader_sized(r, ACCOUNT_LOOK_MAX);
		ENSURE(!r->bad && account->look.len > 0, IPC_MALFORMED);
		ENSURE(table->count == 0 || account[-1].uid < account->uid, IPC_MALFORMED);
	}
	ENSURE(reader_done(r), IPC_MALFORMED);
	return OK;
}

struct status account_table_get(struct bytes from, struct account_table *ret_table)
{
	struct account_table table = { .bytes = buf_make(ACCOUNT_TABLE_MAX) };
	struct reader r;
	struct status st;

	buf_put(&table.bytes, from);
	st = buf_check(&table.bytes);
	r = reader_of(buf_bytes(&table.bytes));
	table.stamp.inode = reader_u64(&r);
	table.stamp.size = reader_u64(&r);
	table.stamp.changed_s = (int64_t)reader_u64(&r);
	table.stamp.changed_ns = (int64_t)reader_u64(&r);
	if (st.code == STATUS_OK)
		st = accounts_get(&r, &table);
	if (st.code != STATUS_OK) {
		account_table_done(&table);
		return st;
	}
	*ret_table = table;
	return OK;
}

void account_table_done(struct account_table *table)
{
	free(table->accounts);
	buf_done(&table->bytes);
	*table = (struct account_table){ .count = 0 };
}

struct bytes account_look(const struct account_table *table, uint32_t uid)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->accounts[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < table->count && table->accounts[low].uid == uid ? table->accounts[low].look : (struct bytes){ 0 };
}
