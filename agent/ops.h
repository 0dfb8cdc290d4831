/* SPDX-License-Identifier: Apache-2.0
 *
 * The operation table: one row per operation is all there is to know of it.  Adding an operation adds a row and its
 * functions; there is no switch over opcodes elsewhere.  Zero refuses: a row without a decoder is an opcode that the
 * protocol knows and we do not serve (1134). */
#ifndef AGENT_OPS_H
#define AGENT_OPS_H

#include "agent/config.h"
#include "agent/request.h"
#include "wire/opcode.h"

enum op_who { WHO_NOBODY = 0, WHO_ANYONE, WHO_TENANT, WHO_ADMIN };

enum op_lane {
	OP_LANE_NONE = 0, /* the loop answers */
	OP_LANE_COMPUTE,  /* a compute thread */
	OP_LANE_DEVICE,	  /* the provider's worker */
	OP_LANE_GENERATE, /* the same, with the long deadline */
};

struct op {
	uint32_t opcode;
	const char *name;
	bool is_core; /* of the core provider; else of a crypto provider */
	enum op_who who;
	enum verb verb;	 /* VERB_NONE: no rule is asked */
	size_t body_max; /* bytes; at least 64 KiB */
	enum op_lane lane;
	bool makes_key; /* the name need not exist */
	bool is_listed; /* by ListOpcodes; admin operations on the admin listener only */
	bool sync;	/* its line is on disk before the answer */
	/* Body to rq->in; sets key_name and has_key where there is one.  NULL: not served. */
	struct status (*decode)(struct request *rq);
	/* Start the work: sets rq->waits when it is not over on return. */
	struct status (*begin)(struct agent *agent, struct request *rq);
	/* The answer's body into rq->answer; NULL: empty. */
	struct status (*finish)(struct agent *agent, struct request *rq);
};

/* The row of an opcode that passed frame_check(); never NULL.  has_private: on an admin listener; elsewhere a private
 * opcode is any unknown number. */
const struct op *op_find(uint32_t opcode, bool has_private);
/* All rows, for lists. */
const struct op *op_rows(size_t *ret_count);

/* ops_core.c */
struct status decode_empty(struct request *rq);
struct status decode_list_opcodes(struct request *rq);
struct status decode_delete_client(struct request *rq);
struct status begin_nothing(struct agent *agent, struct request *rq);
struct status begin_list_opcodes(struct agent *agent, struct request *rq);
struct status begin_delete_client(struct agent *agent, struct request *rq);
/* The act itself, once it is announced: all keys of rq->in.delete_client.client. */
void op_delete_client(struct agent *agent, struct request *rq);
struct status finish_ping(struct agent *agent, struct request *rq);
struct status finish_list_providers(struct agent *agent, struct request *rq);
struct status finish_list_opcodes(struct agent *agent, struct request *rq);
struct status finish_list_authenticators(struct agent *agent, struct request *rq);
struct status finish_list_keys(struct agent *agent, struct request *rq);
struct status finish_list_clients(struct agent *agent, struct request *rq);
struct status decode_random(struct request *rq);
struct status begin_random(struct agent *agent, struct request *rq);

/* ops_key.c */
struct status decode_generate(struct request *rq);
struct status decode_key(struct request *rq);
struct status begin_generate(struct agent *agent, struct request *rq);
struct status begin_destroy(struct agent *agent, struct request *rq);
struct status finish_export_public(struct agent *agent, struct request *rq);
/* The create's or destroy's line and record are durable, or not: what follows.  Called by request.c. */
void key_committed(struct agent *agent, struct request *rq, enum status_code result);
/* The deadline took its call back from the queue. */
void key_abandoned(struct agent *agent, struct request *rq);
/* The next key of a deletion; after the last one the request is finished. */
void key_destroy_next(struct agent *agent, struct request *rq);

/* ops_admin.c: what Parsec has no opcode for. */
struct status decode_admin_nothing(struct request *rq);
struct status finish_admin_status(struct agent *agent, struct request *rq);
struct status decode_admin_keys(struct request *rq);
struct status finish_admin_keys(struct agent *agent, struct request *rq);
struct status decode_admin_slice(struct request *rq);
struct status finish_admin_pins(struct agent *agent, struct request *rq);
struct status finish_admin_quotas(struct agent *agent, struct request *rq);
struct status finish_admin_penalties(struct agent *agent, struct request *rq);
struct status decode_admin_spaces(struct request *rq);
struct status finish_admin_spaces(struct agent *agent, struct request *rq);
/* ops_link.c */
struct status decode_admin_strength(struct request *rq);
struct status begin_admin_strength(struct agent *agent, struct request *rq);
struct status decode_admin_link(struct request *rq);
struct status begin_admin_link(struct agent *agent, struct request *rq); /* and its end */
/* ops_account.c */
struct status decode_admin_owner(struct request *rq);
struct status begin_admin_confirm(struct agent *agent, struct request *rq);
struct status begin_admin_purge(struct agent *agent, struct request *rq);
/* ops_hold.c: suspending and resuming */
struct status decode_admin_hold(struct request *rq);
struct status begin_admin_suspend(struct agent *agent, struct request *rq);
struct status begin_admin_resume(struct agent *agent, struct request *rq);

/* ops_revoke.c */
struct status decode_admin_revoke(struct request *rq);
struct status decode_admin_revocations(struct request *rq);
struct status begin_admin_revoke(struct agent *agent, struct request *rq);
struct status begin_admin_unrevoke(struct agent *agent, struct request *rq);
struct status finish_admin_revocations(struct agent *agent, struct request *rq);
struct status begin_admin_clock(struct agent *agent, struct request *rq);

/* ops_sign.c */
struct status decode_sign_hash(struct request *rq);
struct status decode_sign_message(struct request *rq);
struct status decode_verify_hash(struct request *rq);
struct status decode_verify_message(struct request *rq);
struct status begin_sign(struct agent *agent, struct request *rq);
struct status begin_verify(struct agent *agent, struct request *rq);
struct status finish_sign(struct agent *agent, struct request *rq);

#endif
