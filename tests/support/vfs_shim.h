/* SPDX-License-Identifier: Apache-2.0
 *
 * A SQLite VFS for tests, on top of the system's.  It counts and records syncs, makes the n-th changing call fail, and
 * plays a loss of power: from the n-th changing call on everything fails, and what had been written to a file since its
 * last sync is taken out again, all of it or a seeded half of it.  No shared memory: only stores that are locked
 * exclusively open through it.  One thread; one shim at a time. */
#ifndef TESTS_SUPPORT_VFS_SHIM_H
#define TESTS_SUPPORT_VFS_SHIM_H

#include <stdbool.h>
#include <stddef.h>

#define VFS_SHIM_NAME "keyreeve-shim"

/* Changing calls are write, truncate, sync and delete; they are counted from 1. */
struct vfs_shim_plan {
	unsigned fail_at;   /* this call fails; 0: none */
	bool fail_for_good; /* and every changing call after it */
	int fail_code;	    /* with this code of SQLite */
	unsigned kill_at;   /* before this call the power goes; 0: never */
	unsigned seed;	    /* of the choice which unsynced writes survive; 0: none does */
};

struct vfs_shim_seen {
	unsigned calls;	     /* changing calls */
	unsigned wal_syncs;  /* completed syncs of the write-ahead log */
	unsigned file_syncs; /* and of the database */
	bool failed, killed; /* the plan came true */
};

/* Register (the first time) and start over with a plan. */
void vfs_shim_start(const struct vfs_shim_plan *plan);
/* Another plan for files that are open; counts start over. */
void vfs_shim_replan(const struct vfs_shim_plan *plan);
struct vfs_shim_seen vfs_shim_seen(void);
/* Cut the power now, if it has not gone yet. */
void vfs_shim_kill(void);
/* After a kill and after every connection was closed: bring the files to what a disk would have kept. */
void vfs_shim_settle(void);

#endif
