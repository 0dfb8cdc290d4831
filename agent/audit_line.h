/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of the audit log, from typed, allow-listed fields: a payload, token or PIN has no type.  Pure; any thread. */
#ifndef AGENT_AUDIT_LINE_H
#define AGENT_AUDIT_LINE_H

#include "base/buf.h"
#include "base/bytes.h"

enum {
	AUDIT_LINE_MAX = 16 * 1024, /* a SPIFFE ID of 2 KiB, escaped six-fold, and the rest */
	AUDIT_HASH_BYTES = 32,
};

#define AUDIT_NO_GID UINT32_MAX

/* Everything a line may hold; what is absent (NULL, empty, negative) is left out. */
struct audit_record {
	int64_t wall_us;
	uint64_t conn, req;  /* 0 absent */
	const char *authn;   /* "jwt-svid" */
	struct bytes issuer; /* of the identity, which is a subject then */
	struct bytes identity, tenant;
	bool has_peer;
	uint32_t uid, gid; /* AUDIT_NO_GID: not known */
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
/* The line but for its head: `"time":...}\n`; audit_log_append() puts `{"v":1,"seq":N,` in front. */
void audit_line_put(struct buf *to, const char *boot, const struct audit_record *record);
/* A JSON string: control characters are escaped, those that end a line or turn a text around too, and broken UTF-8 byte
 * by byte as \u00XX. */
void audit_text_put(struct buf *to, struct bytes text);
/* Not printf: this is on the path of every request. */
void audit_int_put(struct buf *to, int64_t value);

#endif
