/* SPDX-License-Identifier: Apache-2.0
 *
 * Client of the SPIFFE Workload API over gRPC C core: a watch of the JWT key documents and the question whether a
 * token is good, for keyreeve-idp, and one unary call for a client's own JWT-SVID.  It carries bytes: documents and
 * tokens are handed on undecoded.  Linked by keyreeve-idp, the command line and libkeyreeve-spiffe only; gRPC starts
 * threads of its own, so a process that uses this never forks except to execute.  Workload Endpoint and Workload API;
 * spiffe-requirements sections 2 to 5. */
#ifndef SPIFFE_WORKLOAD_H
#define SPIFFE_WORKLOAD_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"
#include "spiffe/endpoint.h"

enum {
	WORKLOAD_MESSAGE_MAX = 4 * 1024 * 1024, /* GR-06; above it the server's message is refused */
	WORKLOAD_LIST_MAX = 5 * 1024 * 1024,	/* the same, with our lengths in front of keys and documents */
	WORKLOAD_DOMAINS_MAX = 256,		/* JB-11 */
	WORKLOAD_REASON_BYTES = 256,
	WORKLOAD_AUDIENCES_MAX = 16,
	WORKLOAD_SVIDS_MAX = 64,
};

/* ---- the process --------------------------------------------------------------------------------- */

/* Start gRPC: clears GRPC_* and proxy variables from the environment, silences the library's own log and blocks
 * signals while its threads start.  Before any other thread runs; pairs with workload_library_end(). */
void workload_library_begin(void);
void workload_library_end(void);
/* "gRPC core 29.0.0", for --version; needs no beginning. */
const char *workload_library_version(void);

/* ---- watching key documents ------------------------------------------------------------------------ */

enum workload_state {
	WORKLOAD_CONNECTING = 0, /* nothing heard yet on this stream */
	WORKLOAD_CONNECTED,	 /* a valid message arrived on the stream that is open */
	WORKLOAD_DISCARDED,	 /* connected, but the last message was malformed: the one before it stays in force */
	WORKLOAD_BACKING_OFF,	 /* will be retried within 30 s */
	WORKLOAD_REFUSED,	 /* InvalidArgument or Unimplemented: asked again every 5 min (EP-14, EP-17) */
	WORKLOAD_STRANGER, /* not the endpoint's server_uid serves it: nothing was said; tried again within 30 s */
};
const char *workload_state_name(enum workload_state state);

/* Called by the watching thread, one at a time; what they are given is borrowed for the call. */
struct workload_events {
	void *context; /* borrowed, for the watch's life */
	/* A complete snapshot that replaces the one before it: list holds pairs of reader_sized() values, the map key
	 * as received and the document as received, in the order received.  Keys name valid, distinct trust domains;
	 * documents are not empty and otherwise unread (one may exceed 1 MiB, which JB-11 refuses).  A repeated
	 * identical snapshot is not announced (WA-25). */
	void (*bundles)(void *context, struct bytes list);
	/* Nothing received so far may be used any longer: PermissionDenied (WA-06), or not confirmed for 24 h (WA-07).
	 */
	void (*withdrawn)(void *context, const char *reason);
	/* reason is printable text of less than WORKLOAD_REASON_BYTES. */
	void (*state)(void *context, enum workload_state state, const char *reason);
	/* Whose all that follows is, until the next of these, as such a text; NULL: not told. */
	void (*server)(void *context, const char *who);
};

/* How long things may take; zeros stand for the defaults in brackets.  All in milliseconds. */
struct workload_timing {
	uint32_t first_message_ms; /* GR-09: a stream says something by then, or is given up [30 s] */
	uint32_t retry_base_ms;	   /* EP-19: first delay, doubled up to the cap, each with jitter [1 s] */
	uint32_t retry_cap_ms;	   /* [30 s] */
	uint32_t at_once_ms;	   /* EP-19: at most one attempt without delay in this time [5 s] */
	uint32_t refused_ms;	   /* EP-14, EP-17: when the server called us wrong [5 min] */
	uint32_t confirm_ms;	   /* WA-07: a stream silent for this long is opened anew, to hear it again [12 h] */
	uint32_t max_age_ms;	   /* WA-07: documents not heard of for this long are withdrawn [24 h] */
};

struct workload_watch;

/* Prepare a watch of FetchJWTBundles; connects nothing yet.
 *   endpoint, events   copied
 *   timing             copied; NULL for the defaults
 * Fails: NO_MEMORY, NO_DESCRIPTORS. */
struct status workload_watch_new(const struct endpoint *endpoint, const struct workload_events *events,
	const struct workload_timing *timing, struct workload_watch **ret_watch);
/* Watch until stopped, retrying as EP-14 to EP-19 say.  One thread; calls of its own belong to it alone. */
void workload_watch_run(struct workload_watch *watch);
/* Make workload_watch_run() return soon; it may not have started yet.  Any thread, not a signal handler. */
void workload_watch_stop(struct workload_watch *watch);
/* After workload_watch_run() has returned. */
void workload_watch_free(struct workload_watch *watch);

/* ---- somebody else's JWT-SVID ------------------------------------------------------------------------ */

/* Zero decides nothing. */
enum workload_verdict {
	WORKLOAD_UNDECIDED = 0,
	WORKLOAD_GOOD,
	WORKLOAD_BAD,	  /* InvalidArgument, whatever it is about (WA-22) */
	WORKLOAD_UNASKED, /* as WORKLOAD_STRANGER: the token was not sent */
};

struct workload_question {
	const struct endpoint *endpoint;
	struct bytes audience;
	struct bytes token;
	int deadline_ms; /* connecting included */
};

/* ValidateJWTSVID, once, never again.  GOOD: ret_id has the SPIFFE ID of the answer, which is one, and the answer had
 * claims (WA-23); whether it is the token's own "sub" is for who can read that.  Else ret_reason, of
 * WORKLOAD_REASON_BYTES, has a printable sentence.  Between workload_library_begin() and _end(); any thread. */
enum workload_verdict workload_validate_jwt(
	const struct workload_question *question, struct buf *ret_id, char ret_reason[WORKLOAD_REASON_BYTES]);

/* ---- one's own JWT-SVIDs ---------------------------------------------------------------------------- */

struct workload_jwt_request {
	const struct endpoint *endpoint;
	const struct bytes *audiences; /* 1 to WORKLOAD_AUDIENCES_MAX, none empty (WA-15) */
	size_t audience_count;
	struct bytes spiffe_id; /* empty: whatever identities the server gives, its default first (WA-10) */
	int deadline_ms;	/* connecting included */
};

struct workload_jwt {
	struct bytes spiffe_id; /* views into the list's storage */
	struct bytes token;	/* compact JWS */
	struct bytes hint;	/* empty: none, or one over 1024 bytes (WA-13) */
};
struct workload_jwts {
	struct buf storage; /* owned; wiped when freed */
	struct workload_jwt item[WORKLOAD_SVIDS_MAX];
	size_t count; /* at least one */
};

/* FetchJWTSVID, once, without retry.  Every token has passed workload_jwt_check() for the request, and
 * has an ID that is the one asked for, if one was.  Of entries with one hint only the first is there (WA-12).
 * ret_reason, when not NULL, has room for WORKLOAD_REASON_BYTES and gets a printable sentence on failure.
 * Fails: CLIENT_ARGUMENT (WA-15), CLIENT_TOKEN (native: the gRPC status; 0 when a message or token
 * was not acceptable, WA-05 and WA-16), NO_MEMORY.  Between workload_library_begin() and _end(); any one thread. */
struct status workload_fetch_jwt(
	const struct workload_jwt_request *request, struct workload_jwts *ret_jwts, char *ret_reason);
void workload_jwts_done(struct workload_jwts *jwts);

#endif
