/* SPDX-License-Identifier: Apache-2.0
 *
 * A disk that remembers: every write, truncation and sync below one directory, of all libraries and threads of the test
 * program, in one order, and from it what a loss of power at any point would have left.  Link it into the test: write,
 * pwrite, ftruncate, fdatasync and fsync are replaced.  New names count as on disk once they exist; the modules under
 * test sync their directories before they write.  One directory at a time. */
#ifndef TESTS_SUPPORT_DISK_SHIM_H
#define TESTS_SUPPORT_DISK_SHIM_H

#include <stdbool.h>
#include <stddef.h>

/* What happened, in order; events are counted from 0. */
struct disk_trace;

/* From now on; what lies in the directory (no deeper than one below it) counts as synced. */
void disk_record(const char *directory);
/* Something that the test wants to find at its place among the events. */
void disk_mark(unsigned what);
/* No more; the caller frees the trace.  NULL when nothing was being recorded. */
struct disk_trace *disk_stop(void);
void disk_trace_free(struct disk_trace *trace);

size_t disk_events(const struct disk_trace *trace);
/* Is the event a mark, and which? */
bool disk_is_mark(const struct disk_trace *trace, size_t event, unsigned *ret_what);

/* The power goes before event `at`.  Of what was not synced then, logs (*.log) keep the first `tail` bytes in the order
 * of writing, the last write torn where they end; other files keep nothing (seed DISK_NONE), everything (DISK_ALL),
 * or each change by a throw of dice. */
enum { DISK_NONE = 0, DISK_ALL = 1 };
struct disk_cut {
	size_t at, tail;
	unsigned seed;
};
/* The most that tail can be. */
size_t disk_tail(const struct disk_trace *trace, size_t at);
/* Write that state into an empty directory.  Returns a hash of it: equal states have equal hashes. */
unsigned long long disk_build(const struct disk_trace *trace, const struct disk_cut *cut, const char *directory);

/* The next `count` changing calls on files below the directory whose names contain `part` fail with this errno;
 * recorded or not.  count 0: none. */
void disk_fail(const char *directory, const char *part, int error, unsigned count);

#endif
