/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's file: how it is opened, with which settings, and how its tables came to be, as numbered migrations.
 * Step n brings version n - 1 to n, in one transaction; the version is SQLite's user_version.  A published step is
 * never changed, only followed by another.  The store's thread only. */
#ifndef KEYSTORE_SCHEMA_H
#define KEYSTORE_SCHEMA_H

#include <sqlite3.h>
#include <stddef.h>

#include "base/status.h"

enum { SCHEMA_APPLICATION_ID = 0x4b526476 }; /* "KRdv": a file of SQLite that is not ours is refused */

struct schema_step {
	const char *sql; /* static text; one or more statements */
};

/* The steps of this program; *ret_count is its version. */
const struct schema_step *schema_steps(size_t *ret_count);

/* Open or make the file (born 0600), check that it is ours and not newer, apply every setting and verify that it
 * took, check the pages, run the steps that are missing.  vfs names a registered SQLite VFS; NULL is the system's.
 * End ret_db with schema_close().
 * Fails: STORE_IO (also: another process has it open, a setting did not take), STORE_FULL, STORE_NEWER,
 * RECORD_CORRUPT (not SQLite, not ours, damaged pages), NO_MEMORY. */
struct status schema_open(const char *directory, const char *vfs, sqlite3 **ret_db);
void schema_close(sqlite3 *db);

/* Bring db to version count.  Fails: STORE_NEWER (it is beyond that), STORE_IO, STORE_FULL, RECORD_CORRUPT; the
 * version is then that of the last step that was finished. */
struct status schema_upgrade(sqlite3 *db, const struct schema_step *steps, size_t count);

#endif
