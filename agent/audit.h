/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: one JSON line (audit_line.h) per identified request, numbered without gaps (DESIGN section 6).
 * struct audit_log owns the segment files and numbers what is appended, one thread at a time (durable.h).
 *
 * Files: DIRECTORY/NNNNNNNNNNNNNNNN.log, named by the first number inside, mode 0600; a segment that was closed is
 * never rewritten, and the oldest goes only beyond `keep`, after a line of event `segment-removed` that names it.
 * DIRECTORY/reserve holds `reserve` bytes of disk: when space runs out it is given up, creates are refused (LOW), and
 * everything else goes on until it too is used (FULL). */
#ifndef AGENT_AUDIT_H
#define AGENT_AUDIT_H

#include <stdatomic.h>

#include "agent/audit_line.h"
#include "base/status.h"

enum { AUDIT_BATCH_MAX = 8 * 1024 * 1024 };

struct audit_options {
	const char *directory; /* borrowed for the call */
	uint64_t segment_bytes;
	uint32_t keep; /* closed segments and the open one, at least 2 */
	uint64_t reserve_bytes;
};

enum audit_space { AUDIT_FULL = 0, AUDIT_LOW = 1, AUDIT_READY = 2 };

struct audit_log;

/* Open or make the directory's log: finds the last number, cuts a torn last line of the open segment off, allocates
 * the reserve (its absence is LOW, not a failure).  Fails: AUDIT_IO, NO_MEMORY. */
struct status audit_log_open(const struct audit_options *options, struct audit_log **ret_log);
void audit_log_close(struct audit_log *log);

/* The number that the next line gets. */
uint64_t audit_log_next(const struct audit_log *log);
/* Write one line now; OK means write(2) returned for all of it.  Fails: AUDIT_IO, and then nothing of it is there
 * and no number was used. */
struct status audit_log_append(struct audit_log *log, struct bytes body);
/* Several lines with one call; all or none. */
struct status audit_log_append_all(struct audit_log *log, const struct bytes *bodies, size_t count);
/* fdatasync.  Fails: AUDIT_IO; then the file's state is unknown and the log stays FULL until it is opened anew. */
struct status audit_log_sync(struct audit_log *log);
bool audit_log_unsynced(const struct audit_log *log);
/* The next line begins a new segment, or an old one goes with it: both need the disk. */
bool audit_log_is_full(const struct audit_log *log);
/* Once a second: try to get the reserve back, and leave FULL when there is space. */
void audit_log_tend(struct audit_log *log);
/* May be asked by any thread. */
enum audit_space audit_log_space(const struct audit_log *log);

#endif
