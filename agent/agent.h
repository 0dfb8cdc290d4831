/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of the role keyreeve-agent, made and ended in build.c.  Everything here belongs to the loop's thread;
 * what other threads see is said at the part (compute, durable) that owns them. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/accept.h"
#include "agent/account.h"
#include "agent/audit_event.h"
#include "agent/bind.h"
#include "agent/compute.h"
#include "agent/config.h"
#include "agent/conn.h"
#include "agent/count.h"
#include "agent/damaged.h"
#include "agent/download.h"
#include "agent/durable.h"
#include "agent/holder.h"
#include "agent/keyfact.h"
#include "agent/keyindex.h"
#include "agent/lanes.h"
#include "agent/link.h"
#include "agent/loop.h"
#include "agent/park.h"
#include "agent/penalty.h"
#include "agent/policy.h"
#include "agent/quota_keep.h"
#include "agent/random.h"
#include "agent/recover.h"
#include "agent/remote.h"
#include "agent/suspend.h"
#include "agent/replay.h"
#include "agent/revoke.h"
#include "agent/share.h"
#include "agent/trust.h"
#include "agent/turns.h"
#include "agent/wall.h"
#include "base/role.h"
#include "base/sandbox.h"
#include "crypto/public.h"
#include "jwtsvid/cache.h"

enum {
	AGENT_DESCRIPTORS = 64, /* that are no connection's: listeners, workers, store, log; half of it in use */
	AGENT_BOOT_BYTES = 33,
	AGENT_FINISH_MS = 5000,	   /* complete request to answer */
	AGENT_LINE_MS = 250,	   /* a create's audit line to the disk: then it is undone */
	AGENT_GENERATE_MS = 55000, /* the same for key generation: under the Rust client's minute */
	AGENT_STOP_MS = 10000,
	AGENT_SETTLE_MS = 3000,	  /* providers may take this long to say hello before connections are accepted */
	AGENT_TOKENS = 16384,	  /* verified tokens remembered */
	AGENT_PENALTY_EVENTS = 4, /* in the audit log, per second; what is beyond is counted there anyway */
	AGENT_PUBLIC_KEYS = 1024, /* decoded public keys remembered */
};

/* Revocations that are over, on their way out of the store. */
enum { REVOKE_SWEEP_MAX = 16 };
struct revoke_sweep {
	struct durable_job job;
	struct fact_change changes[REVOKE_SWEEP_MAX];
	struct buf ids[REVOKE_SWEEP_MAX];
	bool is_busy;
};

struct agent {
	struct loop loop;
	struct role_start *role; /* borrowed from main */
	struct watch ctl;
	struct config *config;				  /* owned; replaced by a reload */
	struct policy *policy;				  /* one reference */
	struct listener *listeners[CONFIG_LISTENERS_MAX]; /* in the order of the configuration */
	int listener_fds[CONFIG_LISTENERS_MAX];		  /* came for the next configuration; -1 none */
	size_t listener_count;
	struct lane lanes[LANES_MAX];
	struct recovery recoveries[LANES_MAX]; /* one per lane */
	int lane_page_fd[LANES_MAX];	       /* arrived before the lane's socket; -1 none */
	size_t lane_count;
	struct durable *durable;
	struct compute *compute;
	const struct keystore *store; /* the durability thread's; ids may be computed here */
	struct keyindex *index;
	struct damaged damaged; /* rows of the store */
	struct keyfacts *keyfacts;
	struct suspended suspended; /* tenants */
	struct account_table accounts;
	bool has_accounts;		 /* a table came */
	struct request *account_waiters; /* requests of Unix peers that wait for the next one */
	bool locks_owed;		 /* a lock is not in the store */
	uint64_t holds;			 /* grows with each hold that comes into force: see hold_again() in request.c */
	struct counts *audit;		 /* what is counted instead of logged line by line */
	struct audit_events *events;
	struct random_pool random;
	struct wall wall;    /* the time that tokens, policy and keys are judged by */
	struct quota *quota; /* what tenants use; outlives reloads */
	struct quota_keep quota_keep;
	/* identity */
	struct trust trust;
	struct remote remote;
	struct downloads downloads;
	char state[TRUST_TEXT_BYTES + 16]; /* as keyreeved was told */
	struct jwtsvid_cache *tokens;
	struct trust issuers;	      /* who are no trust domains */
	struct jwtsvid_cache *issued; /* tokens of issuers: never those of SPIFFE IDs */
	struct turns *turns;	      /* tokens that nobody knows yet */
	struct deadline next_turn;
	struct penalties *penalties;
	uint64_t keys_forgiven_us; /* as of the last pardon: when the newest keys came */
	struct revocations *revoked;
	struct revoke_sweep revoke_sweep;
	struct replays *used; /* tokens that are good for one request */
	struct binds *binds;
	struct public_cache *public_keys; /* decoded, for verification; shared by the compute threads */
	/* connections */
	struct principal_facts facts;
	struct shares *shares;
	struct park park;
	struct deadline parked; /* of the next one in there */
	struct principal boxed; /* the last one that was refused for it, with its pidfd */
	size_t conn_count;
	size_t descriptors;	 /* of this process that are for connections and those that wait unread */
	size_t descriptors_each; /* of a connection */
	size_t pin_descriptors;	 /* kept for pins (bind.h) */
	size_t unknown_bytes;
	uint64_t conn_ids;
	struct conn *dead_conns;
	struct listener *closed_listeners; /* freed with their last connection */
	bool accept_paused;
	bool is_open; /* connections are accepted */
	uint64_t settle_until_us;
	bool stopping;
	uint64_t stop_at_us;
	size_t requests_active;
	uint64_t first_number; /* of the audit line that this start writes first */
	struct sandbox_report posture;
	char boot[AGENT_BOOT_BYTES];
	int64_t started_wall_us;
	uint64_t started_us;
};

/* The peer failed, if `code` is a failure: what that costs, and the event when it begins to cost. */
void agent_failed(struct agent *agent, const struct principal *peer, enum status_code code);
/* Once a second: what is over leaves table and store (ops_revoke.c). */
void revoke_second(struct agent *agent);

#endif
