/* SPDX-License-Identifier: Apache-2.0
 *
 * What the accounts of Unix peers look like, so that a uid that was given to somebody else inherits no keys.  keyreeved
 * reads them (account_read.c): those uids that the configuration's tenants name, from /etc/passwd, and inode and time
 * of birth of their homes; at the start, when /etc/passwd changes, and once a minute.  It hands the agent one table.
 * The name service is not asked: it would load foreign code and might wait for a network.  So an account that is not in
 * /etc/passwd is absent, which is a look of its own.
 *
 * A look is opaque bytes: equal looks are equal accounts, as far as can be told.  Any thread. */
#ifndef AGENT_ACCOUNT_H
#define AGENT_ACCOUNT_H

#include <sys/stat.h>

#include "agent/config.h"
#include "base/buf.h"

#define ACCOUNT_DIRECTORY "/etc"
#define ACCOUNT_NAME "passwd"
#define ACCOUNT_FILE ACCOUNT_DIRECTORY "/" ACCOUNT_NAME

enum {
	ACCOUNT_LOOK_MAX = 4096, /* bytes; a longer name or home is not believed */
	ACCOUNT_NAME_MAX = 63,
	ACCOUNT_TABLE_MAX = 8 * 1024 * 1024,
};

/* The file as it was read: another one, or the same with other bytes, has another stamp. */
struct account_stamp {
	uint64_t inode, size;
	int64_t changed_s, changed_ns;
};
/* Zeros when there is no such file. */
struct account_stamp account_stamp(const char *path);
bool account_stamp_equal(const struct account_stamp *a, const struct account_stamp *b);

struct account {
	uint32_t uid;
	struct bytes look; /* into the table */
};
struct account_table {
	struct account_stamp stamp;
	struct account *accounts; /* owned; in order of uid */
	size_t count;
	struct buf bytes; /* owned: what it was read from */
};

/* Decode; keeps a copy.  Fails: IPC_MALFORMED, NO_MEMORY. */
struct status account_table_get(struct bytes from, struct account_table *ret_table);
void account_table_done(struct account_table *table);
/* Empty for a uid that the table has not. */
struct bytes account_look(const struct account_table *table, uint32_t uid);
/* The name in a look; empty: there was no account. */
struct bytes account_name(struct bytes look);

/* account_read.c, in keyreeved: the table of all uids of the configuration's tenants.  Fails: IO, LIMIT, NO_MEMORY. */
struct status account_table_read(const char *path, const struct config *config, struct buf *to);

/* The bytes of a look; home may be NULL (there is no such directory). */
struct account_facts {
	uint32_t uid, gid;
	const char *name, *home_path;
	bool has_home;
	uint64_t home_inode;
	int64_t home_birth_s;
	uint32_t home_birth_ns;
};
/* facts NULL: there is no account. */
void account_look_put(struct buf *to, const struct account_facts *facts);

#endif
