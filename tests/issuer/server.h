/* SPDX-License-Identifier: Apache-2.0
 *
 * The Workload API as gRPC C core serves it: FetchJWTSVID, FetchJWTBundles and, once it was given a message,
 * FetchX509SVID; every other method answers
 * Unimplemented. The caller accepts connections and says whose they are, since the library does not tell the peer of a
 * Unix socket: each uid has a gRPC server of its own, which its connections are added to.  Two polling threads; every
 * function below may be called by any other thread. */
#ifndef TESTS_ISSUER_SERVER_H
#define TESTS_ISSUER_SERVER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"
#include "tests/issuer/keys.h"

enum {
	SERVER_ENTRIES_MAX = 64,
	SERVER_DOCUMENTS_MAX = 300,
	SERVER_CALLS_MAX = 1024, /* whose times are kept */
	SERVER_ID_BYTES = 2049,
};

/* How calls end that a rule of the script catches; numbers of gRPC. */
enum server_mode {
	MODE_OK = 0,
	MODE_INVALID_ARGUMENT = 3,
	MODE_PERMISSION_DENIED = 7,
	MODE_INTERNAL = 13,
	MODE_UNIMPLEMENTED = 12,
	MODE_UNAVAILABLE = 14,
	MODE_HANG = 100, /* never answers */
};

/* What is wrong with a JWTSVIDResponse. */
enum server_twist {
	TWIST_NONE = 0,
	TWIST_SUBJECT,	/* "sub" is not the message's spiffe_id */
	TWIST_AUDIENCE, /* the last audience asked for is not in "aud" */
	TWIST_EXPIRED,
	TWIST_NO_SVIDS,
	TWIST_EMPTY_SVID,
	TWIST_EMPTY_ID,
	TWIST_COUNT,
};

/* What ValidateJWTSVID says of a token, which nobody looks at but for its "sub"; numbers of gRPC for the first ones. */
enum server_opinion {
	OPINION_GOOD = 0,
	OPINION_INVALID = 3,
	OPINION_DENIED = 7,
	OPINION_INTERNAL = 13,
	OPINION_UNAVAILABLE = 14,
	OPINION_HANG = 100,
	OPINION_OTHER,	   /* good, and another SPIFFE ID */
	OPINION_NO_ID,	   /* good, with claims alone */
	OPINION_BAD_ID,	   /* good, with a text that is no SPIFFE ID */
	OPINION_NO_CLAIMS, /* good, with the SPIFFE ID alone */
	OPINION_EMPTY,	   /* good, with neither */
};

/* What the server was seen doing. */
struct server_seen {
	unsigned bundles;		      /* calls of FetchJWTBundles */
	unsigned svids;			      /* calls of FetchJWTSVID */
	unsigned validations;		      /* calls of ValidateJWTSVID */
	unsigned others;		      /* calls of other methods */
	unsigned bad_metadata;		      /* without exactly one "workload.spiffe.io: true" */
	unsigned streams;		      /* open now */
	uint64_t bundle_us[SERVER_CALLS_MAX]; /* monotonic times of the first calls of FetchJWTBundles */
};

struct server;

/* Begins gRPC, which stays until the process ends: its end may wait ten seconds for a thread of its own that covered a
 * slow write.  Fails: NO_MEMORY. */
struct status server_new(const char *trust_domain, struct server **ret_server);
void server_free(struct server *server);

/* A connected socket of a process with that uid; taken over. */
struct status server_add(struct server *server, int fd, unsigned uid);
/* Cut every connection. */
void server_disconnect(struct server *server);

/* Who may have what; uid UINT32_MAX is everybody. */
struct status server_entry(struct server *server, unsigned uid, const char *spiffe_id);
void server_entry_delete(struct server *server, unsigned uid);
/* The next count calls end so (0: all from now on); open streams end so too, unless it is MODE_OK or MODE_HANG. */
void server_mode(struct server *server, enum server_mode mode, unsigned count);
/* End every open stream with that status. */
void server_close_streams(struct server *server, int status);
void server_twist(struct server *server, enum server_twist twist);
void server_opinion(struct server *server, enum server_opinion opinion);
void server_ttl(struct server *server, int64_t seconds);

/* Change the keys, then push the new document.  The functions of keys.h with the server's keys. */
struct status server_key_add(struct server *server, const char *kid, const char *alg);
struct status server_key_activate(struct server *server, const char *kid);
struct status server_key_withdraw(struct server *server, const char *kid);
struct status server_key_document(struct server *server, struct buf *document);
struct status server_mint(struct server *server, const struct claims *claims, struct buf *token);
/* Another map entry, any key and any bytes; empty document: remove every entry with that key.  Pushed. */
struct status server_document(struct server *server, const char *key, struct bytes document);
/* What FetchX509SVID sends from now on, whatever it is; pushed.  Empty: nothing, and its streams end (Unimplemented,
 * once there was something PermissionDenied). */
void server_x509(struct server *server, struct bytes message);
/* Whether the server's own document is in the map; pushed. */
void server_own_document(struct server *server, bool is_sent);

/* Send these bytes as a message on every open stream, whatever they are; not kept. */
void server_raw(struct server *server, struct bytes message);

void server_seen(struct server *server, struct server_seen *ret_seen);

#endif
