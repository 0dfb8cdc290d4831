/* SPDX-License-Identifier: Apache-2.0
 *
 * One request, from its complete frame to its answer: the whole flow is request_begin() and request_finish().
 * Everything decoded from the frame lives as long as the request and is wiped with it.  What visits another thread
 * or a worker carries the request's address and brings it back to the loop; meanwhile the loop leaves it alone but
 * for its deadline.  The loop's thread only. */
#ifndef AGENT_REQUEST_H
#define AGENT_REQUEST_H

#include "agent/bind.h"
#include "agent/compute.h"
#include "agent/durable.h"
#include "agent/keyindex.h"
#include "agent/lane.h"
#include "agent/policy.h"
#include "agent/random.h"
#include "agent/remote.h"
#include "agent/revoke.h"
#include "agent/turns.h"
#include "jwtsvid/cache.h"
#include "wire/admin_pb.h"
#include "wire/frame.h"
#include "wire/psa_pb.h"

struct agent;
struct conn;
struct op;
struct request;

enum {
	REQUEST_HW_BYTES = 160,
	REQUEST_UID_TEXT_BYTES = 12,
	REQUEST_PLAIN_MAX = 4096, /* parent blob and hash together */
};

/* Who asks: what an authenticator established, and the token that it came with.  who.authenticator 0: nobody. */
struct caller {
	struct identity who;   /* its name is borrowed from the request or its token */
	struct jwtsvid *token; /* one reference; JWT-SVID only */
	struct jwtsvid_cache_key token_key;
	bool has_token_key; /* also when the token was refused */
	struct token_facts facts;
	uint32_t binding; /* BINDING_BIT(): how its token is bound; 0: none, or not asked */
	struct bind_verdict bound;
};

/* Where the time went: monotonic microseconds, 0 not reached. */
struct request_times {
	uint64_t first_byte, complete, authenticated, decided, submitted, handed, worked;
};

/* The body, decoded; which one is the operation's business. */
union request_body {
	struct wire_list_opcodes list_opcodes;
	struct wire_delete_client delete_client;
	struct wire_generate_key generate;
	struct wire_key_name key;
	struct wire_sign sign;
	struct wire_verify verify;
	struct wire_generate_random random;
	struct wire_admin_keys admin_keys;
	struct wire_admin_hold hold;
	struct wire_admin_spaces admin_spaces;
	struct wire_admin_link link;
	struct wire_admin_slice slice;
	struct wire_admin_strength strength;
	struct wire_admin_revoke revoke;
	uint32_t revocations_after;
};

/* The keys of a client that is being deleted. */
struct delete_job {
	struct keyindex_entry **entries; /* owned */
	size_t count, at;
	bool failed;
};

/* An administrator's act (admin.h). */
struct admin_act {
	struct bytes target;				      /* whom or what it is about; in the body */
	void (*act)(struct agent *agent, struct request *rq); /* what follows once it is announced */
	bool is_acting;					      /* announced: it may have happened */
	void (*after)(
		struct agent *agent, struct request *rq); /* a deletion's last key is gone; NULL: then it is over */
	struct admin_work *work;			  /* owned; what an act needs while it is under way (admin.h) */
};

struct request {
	struct agent *agent; /* borrowed; NULL: not active */
	struct conn *conn;   /* borrowed: contains this */
	uint64_t number;     /* of the connection */
	size_t frame_len;
	struct frame_header header;
	struct bytes body, auth; /* borrowed from the connection's buffer */
	/* who and what: stage B */
	const struct op *op;
	struct caller caller;
	struct policy *policy; /* the snapshot that decides; one reference */
	char uid_text[REQUEST_UID_TEXT_BYTES];
	struct wire_arena arena;
	union request_body in;
	struct bytes key_name; /* of the body; has_key says that there is one */
	bool has_key;
	const struct psa_alg *alg;		 /* that the body names; in `in`, NULL: none */
	const struct psa_key_attributes *wanted; /* of the key that the body asks for; in `in`, NULL: none */
	struct tenant_match tenant;
	bool has_tenant;
	struct quota_use *quota;  /* borrowed; NULL: nothing of it is counted */
	struct namespace_name ns; /* where the caller's key names live; views */
	struct decision decision;
	bool is_decided;
	uint32_t provider;		  /* instance: index of lane */
	struct lane *lane;		  /* borrowed; NULL: the core provider */
	struct keyindex_space *own_space; /* of ns; borrowed; NULL: nothing was ever made there */
	struct keyindex_space *space;	  /* the same, or the linked one that has the key */
	struct keyindex_entry *entry;	  /* borrowed; a name that this request has taken or withdrawn */
	struct key_record *record;	  /* one reference */
	uint64_t holds;			  /* agent->holds when it was asked */
	/* under way */
	unsigned pending; /* things that will come back; 0: nothing */
	bool waits;	  /* request_begin() is not at its end */
	bool is_finished; /* its outcome is settled; the answer may still wait for its line */
	bool answered;	  /* the client has its answer; what is pending only cleans up */
	bool undecided;	  /* the deadline passed while a worker executed it */
	struct deadline deadline;
	struct lane_call call;
	struct buf call_part;  /* sized parent, then hash */
	struct turn turn;      /* while its token waits to be looked at */
	struct keyset *keyset; /* one reference, while a token is being verified */
	struct remote_call remote;
	struct compute_job compute;
	struct status computed; /* by the compute thread */
	struct fault computed_fault;
	struct durable_job step; /* intent, parent, deletion: before the answer's own */
	struct durable_job line; /* the audit line, and what is committed with it */
	struct buf intent_record;
	int64_t intent_id;
	struct keystore_id key_id;
	uint8_t hardware_id[KEYSTORE_HARDWARE_ID_BYTES];
	struct request *next_waiter;	/* for a table of accounts */
	struct buf account;		/* how the caller's account looks, while that becomes durable */
	struct namespace_record parent; /* while a parent blob becomes durable */
	struct buf parent_blob;
	struct random_stream stream;
	struct delete_job deletion;
	char target_text[2 * REVOKE_HASH_BYTES + 1]; /* of an act that is about a hash */
	struct admin_act admin;
	uint8_t hash[PSA_HASH_MAX_BYTES];
	size_t hash_len;
	uint8_t signature[PSA_SIGNATURE_MAX_BYTES];
	size_t signature_len;
	/* the answer */
	struct buf answer; /* body */
	struct buf reply;  /* frame */
	size_t answer_len; /* of the reply that was sent */
	enum status_code code;
	struct fault fault;
	enum durable_kind commit; /* what its audit line is made durable with */
	bool commit_sync;
	char hw[REQUEST_HW_BYTES];
	uint8_t request_hash[32], response_hash[32];
	struct request_times at;
};

/* A complete frame of conn: serve it.  frame is borrowed until conn_request_done(). */
void request_start(struct request *rq, struct conn *conn, struct bytes frame, uint64_t first_byte_us);
bool request_is_active(const struct request *rq);

/* From the frame to a lane; a failure goes to request_finish() at once.  Calls itself again after a visit to a
 * compute thread: what is done already is not done twice. */
struct status request_begin(struct agent *agent, struct request *rq);
/* From a lane's answer, or request_begin()'s failure, to the reply. */
void request_finish(struct agent *agent, struct request *rq, struct status st);

/* The request as the policy sees it, about a record of the caller's; NULL: about none, or the key that it wants. */
struct policy_request request_asked(const struct request *rq, enum verb verb, const struct key_record *record);

/* Who asks, and where, into an audit line about the request. */
void request_line_identity(const struct request *rq, struct audit_record *to);

/* For operations: run `run` on a compute thread, then `done` on the loop. */
void request_compute(struct request *rq, void (*run)(struct compute_job *job), void (*done)(struct post *post));
/* The request that one of its parts belongs to. */
#define request_of(part, member) ((struct request *)((char *)(part)-offsetof(struct request, member)))
/* Something came back: true when the request was answered meanwhile (then only cleaning up is left, and
 * request_settled() is the last thing to call). */
bool request_came_back(struct request *rq);
void request_settled(struct request *rq);
/* Back from a visit before request_begin() was at its end: begin again. */
void request_resume(struct request *rq);

#endif
