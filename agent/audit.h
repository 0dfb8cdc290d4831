/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: one JSON line per identified request, numbered without gaps (DESIGN section 6).  Two halves:
 * struct audit_line renders a line's body from typed, allow-listed fields (a payload, token or PIN has no type), any
 * thread; struct audit_log owns the segment files and numbers what is appended, one thread at a time (durable.h).
 *
 * Files: DIRECTORY/NNNNNNNNNNNNNNNN.log, named by the first number inside, mode 0600; a segment that was closed is
 * never rewritten, and the oldest goes only beyond `keep`, after a line of event `segment-removed` that names it.
 * DIRECTORY/reserve holds `reserve` bytes of disk: when space runs out it is given up, creates are refused (LOW), and
 * everything else goes on until it too is used (FULL). */
#ifndef AGENT_AUDIT_H
#define AGENT_AUDIT_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
	AUDIT_LINE_MAX = 16 * 1024, /* a SPIFFE ID of 2 KiB, escaped six-fold, and the rest */
	AUDIT_BATCH_MAX = 8 * 1024 * 1024,
	AUDIT_HASH_BYTES = 32,
};

/* ---- lines -------------------------------------------------------------------------------------- */

/* Everything a line may hold; what is absent (NULL, empty, negative) is left out. */
struct audit_record {
	int64_t wall_us;
	uint64_t conn, req;  /* 0 absent */
	const char *authn;   /* "jwt-svid" */
	struct bytes issuer; /* of the identity, which is a subject then */
	struct bytes identity, tenant;
	bool has_peer;
	uint32_t uid, gid;
	int32_t pid;
	bool has_holder; /* an alarm's other side: who held the token or identity before the peer came */
	uint32_t holder_uid, holder_gid;
	struct bytes kid;
	const uint8_t *token_hash;	/* AUDIT_HASH_BYTES */
	int64_t token_start, token_exp; /* seconds; 0 absent */
	const char *op;
	struct bytes provider, key;
	bool has_key;	       /* an empty key name is a name */
	struct bytes target;   /* of an administrator's act: whom or what it is about */
	const uint8_t *record; /* the key record's id */
	const char *decision;  /* "allow", "deny" */
	const char *rule;
	const char *status;		   /* reason name */
	int wire;			   /* -1 absent */
	int64_t native;			   /* code of the library; 0 absent */
	const uint8_t *request, *response; /* hashes */
	struct bytes hw;		   /* "Load,Sign" */
	const char *event;		   /* lines that are no request: "start", "stop", "recovered", ... */
	const char *detail;
	int64_t count;							     /* of what one line stands for; 0 absent */
	int64_t us_read, us_authn, us_policy, us_queue, us_device, us_total; /* microseconds; -1 absent */
};
/* All absent. */
struct audit_record audit_record_of(int64_t wall_us);
/* The line but for its head: `"time":...}\n`; log_append() puts `{"v":1,"seq":N,` in front. */
void audit_line_put(struct buf *to, const char *boot, const struct audit_record *record);
/* A JSON string: what is not printable ASCII is escaped, broken UTF-8 byte by byte as \u00XX. */
void audit_text_put(struct buf *to, struct bytes text);

/* ---- the log ------------------------------------------------------------------------------------ */

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
