/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose tokens are believed.  Key documents come from the Workload API's stream (keyreeve-idp), from the endpoints of
 * federated trust domains and URLs of issuers (keyreeve-fetch), from files of the configuration and, after a restart,
 * from the store; each trust domain has one of the first three.  They are decoded and compiled on a compute thread (an
 * RSA key takes milliseconds), judged in between (trust_book.h), and published as one set; a withdrawal is in force at
 * once.  A document that cannot be used, and a connection that breaks, leave in force what was (WA-05, WA-06), for
 * spiffe.max_age.  The agent has two of these: one of trust domains, one of the issuers that are none, whose names and
 * keys never meet; the second hears no stream.  The loop's thread only. */
#ifndef AGENT_TRUST_H
#define AGENT_TRUST_H

#include "agent/audit_event.h"
#include "agent/compute.h"
#include "agent/download.h"
#include "agent/trust_book.h"
#include "agent/wall.h"
#include "base/ipc.h"
#include "jwtsvid/cache.h"

struct remote;
enum {
	TRUST_TEXT_BYTES = 256,
	TRUST_FILES_MAX = 7 * 1024 * 1024, /* below IPC_SIZE_MAX */
	TRUST_POLLS_MAX = 32,
};

struct trust_update;
struct trust_poll;

enum trust_kind { TRUST_OF_DOMAINS = 0, TRUST_OF_ISSUERS = 1 };

struct trust {
	enum trust_kind kind;
	struct loop *loop; /* borrowed, as the next five */
	struct compute *compute;
	struct jwtsvid_cache *tokens; /* verified tokens end with their keys */
	struct downloads *downloads;
	struct wall *wall;
	const struct config *config;
	struct durable *durable;     /* borrowed; NULL before trust_open() */
	struct audit_events *events; /* the same */
	/* the stream */
	struct ipc *idp; /* owned; NULL while there is no keyreeve-idp */
	struct watch watch;
	struct remote *remote;	     /* borrowed: hears what keyreeve-idp says of tokens; NULL: nobody asks */
	struct buf list;	     /* its last message */
	char peer[TRUST_TEXT_BYTES]; /* who serves it */
	uint64_t stream_lost_us;     /* since when it is away; 0: it is there */
	bool is_stranger;	     /* who stood at its socket last: another account than the configured one */
	bool was_warned;
	/* what is believed, and in force */
	struct trust_book book;
	struct keyset *keys;   /* one reference; never NULL */
	uint64_t keys_at_us;   /* monotonic: when they came into force */
	bool is_heard;	       /* keys came, or the reason why there are none */
	struct keyset *nobody; /* made at the start, so that a withdrawal needs no memory */
	struct buf files;      /* pairs of sized values: "bundle:" or "federation:" and a trust domain, content */
	/* one decoding or compilation at a time */
	struct compute_job job;
	bool is_busy, needs_build;
	unsigned changes, built_changes;	   /* of what is believed */
	struct trust_update *updates;		   /* owned: waiting, the oldest first */
	struct trust_update *current;		   /* owned: being decoded */
	struct trust_build *build;		   /* owned */
	struct trust_poll *polls[TRUST_POLLS_MAX]; /* owned; in the order of the configuration */
};

/* Trusts nobody.  Fails: NO_MEMORY. */
struct status trust_init(struct trust *trust, enum trust_kind kind, struct loop *loop, struct compute *compute,
	struct jwtsvid_cache *tokens, struct downloads *downloads, struct wall *wall, const struct config *config);
/* After the compute threads have ended. */
void trust_done(struct trust *trust);

/* While the store is loaded: what was believed before a restart. */
struct status trust_load(struct trust *trust, const struct fact *fact);
/* The store is loaded and can be written to: believe what is not too old. */
void trust_open(struct trust *trust, struct durable *durable, struct audit_events *events);

/* A (new) keyreeve-idp; takes the descriptor over.  Fails: NO_MEMORY, IO. */
struct status trust_connect(struct trust *trust, int fd);
/* A message for keyreeve-idp.  Fails: LANE_DOWN (there is none), and as ipc_send(). */
struct status trust_send(struct trust *trust, const struct ipc_message *message);
/* Who stands at the Workload API's socket, when somebody wanted to ask them.  A stranger was told nothing; the first
 * time it is an alarm.  who: in words. */
void trust_server(struct trust *trust, bool is_stranger, struct bytes who);
/* A (new) keyreeve-fetch is there. */
void trust_fetch_is_there(struct trust *trust);
/* A token names a key that nobody knows: ask sooner, but not more often than every 30 s. */
void trust_hasten(struct trust *trust);
/* The file of an issuer, as it is now; copied.  Fails: JWT_ISSUER (it has none). */
struct status trust_issuer_file(struct trust *trust, struct bytes issuer, struct bytes document);
/* The files of the configuration, in one; takes the descriptor over; they count from trust_configure() on.  Fails: IO,
 * LIMIT. */
struct status trust_files(struct trust *trust, int fd);
/* The configuration, which is borrowed until the next one.  Who has another source now, or none, is not believed any
 * more (FD-11).  What is asked of an issuer's tokens may have changed, so that they are verified anew. */
void trust_configure(struct trust *trust, const struct config *config);
void trust_second(struct trust *trust);

/* Can tokens be authenticated?  True only with keys of at least one trust domain or issuer, and of each that the
 * configuration names; text says what is there or missing. */
bool trust_is_ready(const struct trust *trust, char ret_text[TRUST_TEXT_BYTES]);

#endif
