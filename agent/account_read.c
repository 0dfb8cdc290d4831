/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/account.h"
#include "base/own.h"

enum { LINE_MAX_BYTES = 8192 };

/* What is wanted, and what was found. */
struct wanted {
	uint32_t uid;
	bool found;
	struct buf look;
};

static int uid_order(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

/* The uids of the tenants, each once, in order. */
static struct status wanted_of(const struct config *config, struct wanted **ret_wanted, size_t *ret_count)
{
	struct wanted *wanted = calloc(config->tenant_count + 1, sizeof(*wanted));
	size_t count = 0, kept = 0;

	ENSURE(wanted != NULL, NO_MEMORY);
	for (uint32_t i = 0; i < config->tenant_count; i++) {
		const struct config_match *match = &config->tenants[i].match;
		uint32_t uid = match->user != NULL ? match->user_uid : match->uid;

		if (uid != CONFIG_UNSET)
			wanted[count++] = (struct wanted){ .uid = uid, .look = buf_make(ACCOUNT_LOOK_MAX) };
	}
	qsort(wanted, count, sizeof(*wanted), uid_order);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || wanted[kept - 1].uid != wanted[i].uid)
			wanted[kept++] = wanted[i]; /* their buffers are still empty */
	*ret_wanted = wanted;
	*ret_count = kept;
	return OK;
}

/* Of the directory itself, never of what a link leads to; what is on another machine is not waited for. */
static void home_look(const char *path, struct account_facts *facts)
{
	struct statx st;

	facts->home_path = path;
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		    STATX_TYPE | STATX_INO | STATX_BTIME, &st) != 0)
		return;
	facts->has_home = true;
	facts->home_inode = st.stx_ino;
	if ((st.stx_mask & STATX_BTIME) != 0) {
		facts->home_birth_s = st.stx_btime.tv_sec;
		facts->home_birth_ns = st.stx_btime.tv_nsec;
	}
}

/* The first line of a uid counts, as for getpwuid(). */
static void line_take(const struct passwd *entry, struct wanted *wanted, size_t count)
{
	const struct wanted key = { .uid = entry->pw_uid };
	struct wanted *it = bsearch(&key, wanted, count, sizeof(*wanted), uid_order);
	struct account_facts facts = { .uid = entry->pw_uid, .gid = entry->pw_gid, .name = entry->pw_name };

	if (it == NULL || it->found)
		return;
	it->found = true;
	home_look(entry->pw_dir, &facts);
	account_look_put(&it->look, &facts);
}

static struct status file_read(const char *path, struct wanted *wanted, size_t count)
{
	FILE *file = fopen(path, "re");
	struct passwd entry, *found = NULL;
	char line[LINE_MAX_BYTES];
	int rc;

	if (file == NULL)
		return errno == ENOENT ? OK : FAIL_RC(IO, errno);
	/* A line that is too long is found again and again: it ends the reading, and nobody is believed. */
	while ((rc = fgetpwent_r(file, &entry, line, sizeof(line), &found)) == 0)
		line_take(&entry, wanted, count);
	(void)fclose(file); /* was only read */
	return rc == ENOENT ? OK : FAIL_RC(IO, rc);
}

static void table_put(struct buf *to, const struct account_stamp *stamp, struct wanted *wanted, size_t count)
{
	buf_put_u64(to, stamp->inode);
	buf_put_u64(to, stamp->size);
	buf_put_u64(to, (uint64_t)stamp->changed_s);
	buf_put_u64(to, (uint64_t)stamp->changed_ns);
	buf_put_u32(to, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		if (!wanted[i].found || wanted[i].look.bad) {
			buf_clear(&wanted[i].look);
			account_look_put(&wanted[i].look, NULL);
		}
		buf_put_u32(to, wanted[i].uid);
		buf_put_sized(to, buf_bytes(&wanted[i].look));
	}
}

struct status account_table_read(const char *path, const struct config *config, struct buf *to)
{
	struct account_stamp stamp = account_stamp(path); /* before the bytes: what changes meanwhile has another one */
	struct wanted *wanted;
	size_t count;
	struct status st;

	TRY(wanted_of(config, &wanted, &count));
	st = file_read(path, wanted, count);
	buf_clear(to);
	if (st.code == STATUS_OK)
		table_put(to, &stamp, wanted, count);
	for (size_t i = 0; i < count; i++)
		buf_done(&wanted[i].look);
	free(wanted);
	return st.code == STATUS_OK ? buf_check(to) : st;
}
