/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/request.h"

#include <stdlib.h>
#include <string.h>

#include "agent/admin.h"
#include "agent/agent.h"
#include "agent/authn.h"
#include "agent/ops.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"

static void deadline_passed(struct deadline *deadline);
static void reply_durable(struct post *post);

/* ---- the flow ----------------------------------------------------------------------------------- */

/* Before anything of it is looked at. */
static struct status penalty_check(const struct agent *agent, const struct request *rq)
{
	ENSURE(!penalty_is_boxed(agent->penalties, &rq->conn->peer, agent->loop.now_us), PENALTY_BOXED);
	return OK;
}

/* B4 and B5: the row, and whether it belongs to the provider that the header names. */
static struct status op_route(struct agent *agent, struct request *rq)
{
	bool core = rq->header.provider == PROVIDER_ID_CORE;

	if (!core) {
		bool configured = false;

		for (size_t i = 0; i < agent->config->provider_count; i++)
			configured = configured || agent->config->providers[i].type == rq->header.provider;
		ENSURE(configured, PROVIDER_ABSENT);
	}
	ENSURE(opcode_is_core(rq->header.opcode) == core, OPCODE_ROUTE);
	ENSURE(rq->op->decode != NULL, OPCODE_UNSUPPORTED);
	return OK;
}

/* A token proved to be in two hands: a line of its own, and one of the log, for whoever is on call. */
static void alarm_raise(struct agent *agent, const struct request *rq, struct status st, const char *rule)
{
	static struct log_limit limit = { .burst = 5 };
	const struct bind_verdict *bound = &rq->caller.bound;
	struct audit_record record = audit_record_of(clock_wall_us());

	record.event = bound->alarm == BIND_ALARM_TOKEN ? "bind-conflict" : "identity-shared";
	request_line_identity(rq, &record);
	record.has_holder = bound->has_first;
	record.holder_uid = bound->uid;
	record.holder_gid = bound->gid;
	record.decision = st.code == STATUS_OK ? "allow" : "deny";
	record.rule = rule;
	record.status = status_name(st.code);
	record.count = (int64_t)bound->conflicts;
	audit_event_put(agent->events, &record);
	if (log_allowed(&limit))
		log_warning("%s: identity=%.*s uid=%u, before uid=%d, %s", record.event, (int)rq->caller.who.name.len,
			(const char *)rq->caller.who.name.data, (unsigned)rq->conn->peer.uid,
			bound->has_first ? (int)bound->uid : -1,
			st.code == STATUS_OK ? "served" : status_text(st.code));
}

/* Where each token is good for one request. */
static struct status once_check(struct agent *agent, const struct request *rq)
{
	const struct jwtsvid *svid = rq->caller.token;
	const struct replay_token token = { .domain = jwtsvid_domain(svid),
		.has_jti = svid->has_jti,
		.jti_hash = svid->jti_hash,
		.has_start = svid->has_start,
		.start_s = svid->start_s,
		.forget_s = svid->exp_s + CONFIG_TOKEN_LEEWAY_S };

	return replays_use(agent->used, &token, rq->caller.facts.now_s);
}

/* May this client present this token?  rule: what the audit log calls the place that says so. */
static struct status binding_check(
	struct agent *agent, struct request *rq, const struct config_bind *bind, const char *rule)
{
	const struct bind_token token = { .hash = rq->caller.token_key.input,
		.authenticator = rq->caller.who.authenticator,
		.identity = rq->caller.who.name,
		.until_s = rq->caller.facts.expires_s + CONFIG_TOKEN_LEEWAY_S };
	const struct bind_time now = { rq->caller.facts.now_s, agent->loop.now_us / US_PER_S };
	struct status st;

	if (!rq->caller.facts.has_token)
		return OK;
	rq->caller.binding = BINDING_BIT(bind->binding);
	if (bind->single_audience && rq->caller.token->audience_count != 1)
		st = FAIL(TENANT_TOKEN);
	else
		st = bind_check(agent->binds, bind, &token, &rq->conn->peer, &now, &rq->caller.bound);
	if (rq->caller.bound.alarm != BIND_QUIET)
		alarm_raise(agent, rq, st, rule);
	if (st.code == STATUS_OK && bind->is_once)
		st = once_check(agent, rq);
	if (st.code != STATUS_OK)
		rq->decision = (struct decision){ .rule = rule };
	return st;
}

/* B6 and B7: administrators exist on the admin listener only, and a token of theirs is for whom they declared, or for
 * whoever was first with it. */
static struct status admin_check(struct agent *agent, struct request *rq)
{
	const struct config_admin *admin;
	struct config_bind bind = { .binding = BINDING_FIRST_USE, .instances = CONFIG_UNSET };

	if (rq->op->who != WHO_ADMIN)
		return OK;
	ENSURE(rq->caller.who.authenticator != 0, AUTHN_NEEDED);
	ENSURE(rq->conn->listener->is_admin, ADMIN_NEEDED);
	admin = policy_admin(rq->policy, &rq->caller.who);
	ENSURE(admin != NULL, ADMIN_NEEDED);
	if (admin->declared_count > 0)
		bind = (struct config_bind){ .binding = BINDING_DECLARED,
			.instances = CONFIG_UNSET,
			.declared = admin->declared,
			.declared_count = admin->declared_count };
	return binding_check(agent, rq, &bind, "admins");
}

/* B8 and B9. */
static struct status body_decode(struct request *rq)
{
	ENSURE(rq->body.len <= rq->op->body_max, BODY_LONG);
	TRY(rq->op->decode(rq));
	return rq->has_key ? wire_name_check(rq->key_name) : OK;
}

/* B10. */
static struct status identity_check(const struct request *rq)
{
	ENSURE(rq->op->who == WHO_ANYONE || rq->caller.who.authenticator != 0, AUTHN_NEEDED);
	return OK;
}

/* What an administrator stopped; the log says that it was no rule of the file. */
static struct status held(struct request *rq, const char *rule, enum status_code code)
{
	rq->decision = (struct decision){ .rule = rule };
	return status_fail(code, 0, __FILE__, __LINE__, __func__);
}

static struct status tenant_held(struct agent *agent, struct request *rq, struct bytes tenant)
{
	return suspend_has(&agent->suspended, tenant) ? held(rq, "suspended", STATUS_TENANT_SUSPENDED) : OK;
}

static struct status space_held(struct request *rq, const struct keyindex_space *space)
{
	if (holder_is_locked(space))
		return held(rq, "account", STATUS_UID_CHANGED);
	return strength_suffices(space, rq->caller.who.authenticator) ? OK : held(rq, "strength", STATUS_STRENGTH_LOW);
}

/* A Unix peer is its account, not its number. */
static struct status account_held(struct agent *agent, struct request *rq)
{
	struct status st = OK;

	if (rq->caller.who.authenticator == AUTHENTICATOR_UNIX_PEER)
		st = holder_check(agent, rq->own_space, rq->caller.who.uid);
	if (st.code == STATUS_UID_CHANGED)
		rq->decision = (struct decision){ .rule = "account" };
	return st;
}

/* The key is the caller's, or of a namespace that the caller's is linked to. */
static struct status key_held(struct agent *agent, struct request *rq, const struct keyindex_entry *entry)
{
	TRY(tenant_held(agent, rq, entry->space->name.tenant));
	TRY(space_held(rq, entry->space));
	return entry->is_suspended ? held(rq, "suspended", STATUS_KEY_SUSPENDED) : OK;
}

/* A hold may have come into force while a worker executed it: an answer that is not out yet is not given.  What
 * created or destroyed goes on; it has happened. */
static struct status hold_again(struct agent *agent, struct request *rq)
{
	struct keyindex_entry *entry = NULL;

	if (!rq->has_tenant || rq->holds == agent->holds || rq->commit != DURABLE_LINE)
		return OK;
	TRY(tenant_held(agent, rq, bytes_of(rq->tenant.name, rq->tenant.name_len)));
	if (rq->own_space != NULL)
		TRY(space_held(rq, rq->own_space));
	if (rq->own_space != NULL && rq->has_key)
		entry = link_find(agent->index, rq->own_space, rq->key_name);
	if (rq->record == NULL)
		return OK;
	/* The link may be gone, and so may the key. */
	return entry != NULL ? key_held(agent, rq, entry) : FAIL(KEY_ABSENT);
}

static struct quota_time quota_now(struct agent *agent)
{
	return (struct quota_time){ .mono_us = clock_mono_us(), .wall_s = wall_now_us(&agent->wall) / US_PER_S };
}

/* What its tenant may still use; from here on it costs the same, whatever becomes of it. */
static struct status quota_check(struct agent *agent, struct request *rq)
{
	const struct quota_time now = quota_now(agent);
	const struct config_quota *limits;
	struct status st;
	const char *rule;

	limits = tenant_quota(&rq->tenant, &rule);
	st = quota_enter(agent->quota, &rq->ns, limits, rq->body.len, &now, &rq->quota);
	if (st.code != STATUS_OK)
		rq->decision = (struct decision){ .rule = rule };
	return st;
}

static void quota_end(struct request *rq)
{
	const char *rule;

	if (rq->quota != NULL) {
		const struct quota_time now = quota_now(rq->agent);

		quota_leave(rq->quota, tenant_quota(&rq->tenant, &rule), rq->answer_len, &now);
	}
}

/* Whose keys: the tenant, and which instance the provider id means to it. */
static struct status tenant_check(struct agent *agent, struct request *rq)
{
	uint32_t instance;
	const struct config_bind *bind;
	const char *rule;

	if (rq->op->who != WHO_TENANT)
		return OK;
	rq->is_decided = true;
	TRY(tenant_find(rq->policy, &rq->caller.who, &rq->caller.facts, &rq->tenant, &rq->decision));
	rq->has_tenant = true;
	rq->holds = agent->holds;
	TRY(tenant_held(agent, rq, bytes_of(rq->tenant.name, rq->tenant.name_len)));
	bind = tenant_bind(&rq->tenant, &rule);
	TRY(binding_check(agent, rq, bind, rule)); /* before anything is said of providers and keys */
	tenant_space(&rq->tenant, &rq->caller.who, &rq->ns);
	TRY(quota_check(agent, rq));
	if (rq->has_key)
		TRY(damaged_named(agent, &rq->ns, rq->key_name));
	rq->space = rq->own_space = keyindex_space_find(agent->index, &rq->ns);
	TRY(account_held(agent, rq));
	if (rq->space != NULL) {
		rq->space->tenant->names_max = tenant_quota(&rq->tenant, &rule)->keys;
		TRY(space_held(rq, rq->space));
	}
	if (rq->op->is_core)
		return OK;
	instance = tenant_provider(&rq->tenant, rq->header.provider);
	ENSURE(instance != TENANT_NO_PROVIDER, POLICY_PROVIDER);
	rq->provider = instance;
	rq->lane = lanes_find(agent, policy_provider_name(rq->policy, instance));
	ENSURE(rq->lane != NULL, LANE_DOWN); /* taken out since the request began */
	return OK;
}

/* The key that the body names: missing is 1140 before policy speaks, and so is the wrong provider. */
static struct status record_find(struct agent *agent, struct request *rq, struct keyindex_entry **ret_entry)
{
	struct keyindex_entry *entry;

	if (!rq->has_key || rq->op->who != WHO_TENANT || rq->op->makes_key)
		return OK;
	entry = rq->space != NULL ? link_find(agent->index, rq->space, rq->key_name) : NULL;
	ENSURE(entry != NULL && entry->usable, KEY_ABSENT);
	ENSURE(bytes_equal(entry->record->provider, bytes_from_text(rq->lane->name)), KEY_OTHER_PROVIDER);
	TRY(key_held(agent, rq, entry));
	rq->space = entry->space;
	rq->record = key_record_ref(entry->record);
	*ret_entry = entry;
	return OK;
}

struct policy_request request_asked(const struct request *rq, enum verb verb, const struct key_record *record)
{
	struct policy_request asked = { .verb = verb,
		.provider = rq->provider,
		.key = rq->key_name,
		.identity = &rq->caller.who,
		.token = &rq->caller.facts,
		.now_s = wall_now_us(&rq->agent->wall) / US_PER_S,
		.attributes = rq->wanted,
		.alg = rq->alg,
		.binding = rq->caller.binding,
		.principals = rq->caller.bound.principals };

	if (record != NULL && !record->is_damaged) { /* else nothing about the key is known */
		asked.attributes = &record->attributes;
		asked.key_created_s = record->created_us / 1000000;
		asked.key_expires_s = record->expires_us / 1000000;
	}
	return asked;
}

static struct status policy_ask(struct request *rq)
{
	struct policy_request asked;

	if (rq->op->verb == VERB_NONE || !rq->has_key)
		return OK;
	asked = request_asked(rq, rq->op->verb, rq->record);
	TRY(policy_check(rq->policy, &rq->tenant, &asked, &rq->decision));
	rq->at.decided = clock_mono_us();
	return OK;
}

static struct status damage_check(const struct request *rq)
{
	ENSURE(rq->record == NULL || !rq->record->is_damaged || rq->op->verb == VERB_DESTROY, RECORD_CORRUPT);
	return OK;
}

/* What changes keys needs room for its audit line, and everything identified needs the log itself. */
static struct status audit_check(const struct agent *agent, const struct request *rq)
{
	if (rq->caller.who.authenticator == 0)
		return OK;
	ENSURE(durable_space(agent->durable) != AUDIT_FULL, AUDIT_IO);
	ENSURE(!rq->op->makes_key || durable_space(agent->durable) == AUDIT_READY, AUDIT_SPACE);
	return OK;
}

struct status request_begin(struct agent *agent, struct request *rq)
{
	struct keyindex_entry *entry = NULL;

	TRY(penalty_check(agent, rq));
	TRY(frame_check(&rq->header, rq->conn->listener->is_admin)); /* A7 to A11 */
	TRY(authn_check(agent, rq));				     /* B1 to B3; a new token visits a compute thread */
	if (!rq->waits)
		holder_await(agent, rq); /* a changed account is known before its keys are looked at */
	if (rq->waits)
		return OK;
	rq->at.authenticated = clock_mono_us();
	TRY(op_route(agent, rq));    /* B4, B5: row and lane */
	TRY(admin_check(agent, rq)); /* B6, B7 */
	TRY(body_decode(rq));	     /* B8, B9 */
	TRY(identity_check(rq));     /* B10 */
	TRY(audit_check(agent, rq));
	TRY(tenant_check(agent, rq));	     /* rows of WHO_TENANT only */
	TRY(record_find(agent, rq, &entry)); /* 1140 before policy */
	TRY(policy_ask(rq));
	TRY(damage_check(rq)); /* a damaged record is good for its destruction only */
	if (entry != NULL)
		keyindex_use(agent->index, entry, clock_wall_us() / US_PER_S, agent->loop.now_us);
	return rq->op->begin(agent, rq); /* to its lane */
}

static void reply_encode(struct request *rq, struct status st);
static void request_reply(struct request *rq);
static void audit_submit(struct agent *agent, struct request *rq);

void request_finish(struct agent *agent, struct request *rq, struct status st)
{
	if (rq->is_finished)
		return; /* the deadline was quicker than what comes back now, or the other way round */
	rq->is_finished = true;
	rq->waits = false;
	if (st.code == STATUS_OK)
		st = hold_again(agent, rq);
	if (st.code == STATUS_OK && rq->op->finish != NULL)
		st = rq->op->finish(agent, rq); /* the answer's body */
	fault_take(&rq->fault);			/* out of the thread, before the next request fails in it */

	agent_failed(agent, &rq->conn->peer, st.code);
	reply_encode(rq, st);
	audit_submit(agent, rq); /* then the reply: what cannot be audited is not revealed */
}

/* ---- start and end ------------------------------------------------------------------------------ */

static void go_on(struct agent *agent, struct request *rq)
{
	struct status st = request_begin(agent, rq);

	if (st.code != STATUS_OK || !rq->waits)
		request_finish(agent, rq, st);
}

void request_start(struct request *rq, struct conn *conn, struct bytes frame, uint64_t first_byte_us)
{
	struct agent *agent = conn->agent;
	struct status st;

	*rq = (struct request){ .agent = agent,
		.conn = conn,
		.number = conn->requests,
		.frame_len = frame.len,
		.answer = buf_make(FRAME_ANSWER_MAX),
		.reply = buf_make(FRAME_HEADER_BYTES + FRAME_ANSWER_MAX),
		.call_part = buf_make(REQUEST_PLAIN_MAX + WORKER_BLOB_MAX),
		.intent_record = buf_make(KEYSTORE_RECORD_MAX),
		.parent_blob = buf_make(WORKER_BLOB_MAX),
		.commit = DURABLE_LINE,
		.deadline.expired = deadline_passed };
	rq->line.line = buf_make(AUDIT_LINE_MAX);
	rq->step.line = buf_make(AUDIT_LINE_MAX);
	rq->at.first_byte = first_byte_us;
	rq->at.complete = agent->loop.now_us;
	rq->policy = policy_ref(agent->policy);
	agent->requests_active++;
	/* It was decoded when its length was computed: it cannot fail now. */
	st = frame_header_decode(frame, &rq->header);
	rq->body = bytes_of(frame.data + FRAME_HEADER_BYTES, rq->header.body_len);
	rq->auth = bytes_of(rq->body.data + rq->header.body_len, rq->header.auth_len);
	rq->op = op_find(rq->header.opcode, conn->listener->is_admin);
	deadline_arm(
		&agent->loop, &rq->deadline, rq->op->lane == OP_LANE_GENERATE ? DEADLINE_GENERATE : DEADLINE_FINISH);
	if (st.code == STATUS_OK)
		go_on(agent, rq);
	else
		request_finish(agent, rq, st);
}

bool request_is_active(const struct request *rq)
{
	return rq->agent != NULL;
}

/* Everything of it is over: its memory goes, and the connection may go on. */
static void request_end(struct request *rq)
{
	struct agent *agent = rq->agent;

	deadline_disarm(&agent->loop, &rq->deadline);
	wire_arena_done(&rq->arena);
	quota_end(rq);
	jwtsvid_unref(rq->caller.token);
	policy_unref(rq->policy);
	key_record_unref(rq->record);
	buf_done(&rq->call_part);
	buf_done(&rq->intent_record);
	buf_done(&rq->parent_blob);
	buf_done(&rq->account);
	buf_done(&rq->line.line);
	buf_done(&rq->step.line);
	buf_done(&rq->answer);
	buf_done(&rq->reply);
	free(rq->deletion.entries);
	admin_work_free(rq->admin.work);
	agent->requests_active--;
	rq->agent = NULL;
}

/* Send the reply.  While something is still under way the connection cannot serve another request: it ends. */
static void request_reply(struct request *rq)
{
	struct conn *conn = rq->conn;
	bool keep = (rq->header.flags & FRAME_KEEP) != 0 && rq->pending == 0;
	struct buf reply = rq->reply;
	size_t frame_len = rq->frame_len;

	if (keep && rq->code == STATUS_OK && rq->caller.who.authenticator != 0)
		conn_known(conn);
	rq->answered = true;
	rq->answer_len = reply.len;
	rq->reply = (struct buf){ 0 };
	deadline_disarm(&rq->agent->loop, &rq->deadline);
	conn_request_done(conn, frame_len);
	if (rq->pending == 0)
		request_end(rq);
	conn_answer(conn, buf_bytes(&reply), keep);
	buf_done(&reply);
}

bool request_came_back(struct request *rq)
{
	rq->pending--;
	return rq->is_finished;
}

/* The last thing of an answered request has come back. */
void request_settled(struct request *rq)
{
	struct conn *conn = rq->conn;

	if (!rq->answered || rq->pending > 0)
		return;
	request_end(rq);
	conn_release(conn);
}

/* ---- compute ------------------------------------------------------------------------------------ */

void request_compute(struct request *rq, void (*run)(struct compute_job *job), void (*done)(struct post *post))
{
	rq->waits = true;
	rq->pending++;
	rq->compute = (struct compute_job){ .run = run, .post.done = done };
	compute_submit(rq->agent->compute, &rq->compute);
}

void request_resume(struct request *rq)
{
	rq->waits = false;
	go_on(rq->agent, rq);
}

/* ---- deadline ----------------------------------------------------------------------------------- */

/* Only its line is awaited, and the disk does not come back: refused, as without a line.  A create is undone; of
 * anything else the log will say what was done. */
static void line_late(struct request *rq)
{
	if (rq->answered || (rq->line.kind == DURABLE_CREATE && !durable_give_up(&rq->line)))
		return;
	rq->fault = (struct fault){ .code = STATUS_AUDIT_IO };
	reply_encode(rq, (struct status){ STATUS_AUDIT_IO });
	request_reply(rq);
}

/* In the queue: shed.  With the worker but not begun: shed, the worker skips it.  Executing: nobody knows. */
static void deadline_passed(struct deadline *deadline)
{
	struct request *rq = request_of(deadline, deadline);
	struct agent *agent = rq->agent;
	bool executing =
		rq->admin.is_acting || (rq->lane != NULL && rq->call.id != 0 && lane_is_executing(rq->lane, &rq->call));

	if (rq->is_finished) {
		line_late(rq);
		return;
	}
	if (rq->lane != NULL && rq->call.id != 0 && rq->deletion.entries == NULL && lane_recall(rq->lane, &rq->call)) {
		rq->pending--;
		rq->call.id = 0;
		key_abandoned(agent, rq);
	}
	rq->undecided = executing;
	request_finish(agent, rq, executing ? FAIL(LANE_DEADLINE) : FAIL(QUEUE_DEADLINE));
}

/* ---- the reply and its line --------------------------------------------------------------------- */

static bool is_stage_a(enum status_code code)
{
	return code == STATUS_PENALTY_BOXED || code == STATUS_FRAME_CONTENT_TYPE || code == STATUS_FRAME_ACCEPT_TYPE ||
	       code == STATUS_FRAME_AUTH_TYPE || code == STATUS_FRAME_OPCODE || code == STATUS_FRAME_PROVIDER;
}

static void reply_encode(struct request *rq, struct status st)
{
	struct frame_header echoed = rq->header;
	struct bytes body = st.code == STATUS_OK ? buf_bytes(&rq->answer) : (struct bytes){ 0 };

	if (st.code == STATUS_OK && buf_check(&rq->answer).code != STATUS_OK) {
		st = FAIL(ENCODE);
		body = (struct bytes){ 0 };
	}
	rq->code = st.code;
	buf_clear(&rq->reply);
	/* The answer says that the connection is kept exactly when it is. */
	echoed.flags = (rq->header.flags & FRAME_KEEP) != 0 && !rq->undecided && rq->pending == 0 ? FRAME_KEEP : 0;
	frame_response_put(&rq->reply, is_stage_a(st.code) ? NULL : &echoed, status_wire(st.code), body);
	if (is_stage_a(st.code))
		rq->header.flags = 0;
}

static int64_t span(uint64_t from, uint64_t to)
{
	return from == 0 || to < from ? -1 : (int64_t)(to - from);
}

void request_line_identity(const struct request *rq, struct audit_record *to)
{
	to->conn = rq->conn->id;
	to->req = rq->number;
	to->authn = config_authenticator_name(rq->caller.who.authenticator);
	to->issuer = rq->caller.who.issuer;
	to->identity = rq->caller.who.name;
	if (rq->caller.has_token_key)
		to->token_hash = rq->caller.token_key.input;
	if (rq->caller.token != NULL) {
		to->kid = bytes_from_text(rq->caller.token->kid);
		to->token_start = rq->caller.token->has_start ? rq->caller.token->start_s : 0;
		to->token_exp = rq->caller.token->exp_s;
	}
	if (rq->has_tenant)
		to->tenant = bytes_of(rq->tenant.name, rq->tenant.name_len);
	to->has_peer = true;
	to->uid = rq->conn->peer.uid;
	to->gid = rq->conn->peer.gid;
	to->pid = rq->conn->peer.pid;
}

static void fill_outcome(struct audit_record *to, const struct request *rq)
{
	to->status = status_name(rq->code);
	to->wire = status_wire(rq->code);
	to->native = rq->code != STATUS_OK ? rq->fault.native : 0;
	to->hw = bytes_from_text(rq->hw);
	if (rq->is_decided) {
		to->decision = rq->decision.is_allowed ? "allow" : "deny";
		to->rule = rq->decision.rule;
	}
}

static void line_encode(struct agent *agent, struct request *rq)
{
	struct audit_record record = audit_record_of(clock_wall_us());
	uint64_t now = clock_mono_us();

	request_line_identity(rq, &record);
	record.op = rq->op->name;
	record.provider = rq->lane != NULL ? bytes_from_text(rq->lane->name) : (struct bytes){ 0 };
	/* A name that was refused for its length is shown as far as a name may go: the line has a bound. */
	record.key = rq->key_name;
	if (record.key.len > KEYSTORE_NAME_MAX)
		record.key.len = KEYSTORE_NAME_MAX;
	record.has_key = rq->has_key;
	record.target = rq->admin.target;
	record.record = rq->record != NULL ? rq->record->id.bytes : NULL;
	fill_outcome(&record, rq);
	/* Both hashes cover header and body; the token in the authentication field has its own. */
	if (digest_sha256(
		    bytes_of(rq->body.data - FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + rq->body.len), rq->request_hash)
			.code == STATUS_OK)
		record.request = rq->request_hash;
	if (digest_sha256(buf_bytes(&rq->reply), rq->response_hash).code == STATUS_OK)
		record.response = rq->response_hash;
	record.us_read = span(rq->at.first_byte, rq->at.complete);
	record.us_authn = span(rq->at.complete, rq->at.authenticated);
	record.us_policy = span(rq->at.authenticated, rq->at.decided);
	record.us_queue = span(rq->at.submitted, rq->at.handed);
	record.us_device = span(rq->at.handed, rq->at.worked);
	record.us_total = span(rq->at.first_byte, now);
	buf_clear(&rq->line.line);
	audit_line_put(&rq->line.line, agent->boot, &record);
}

/* Without identity it is counted; refused credentials are counted with their reason.  A token that verified, but was
 * refused by bounds, tenant or policy, has an identity and so a line of its own. */
static void audit_submit(struct agent *agent, struct request *rq)
{
	if (rq->caller.who.authenticator == 0) {
		audit_count(agent->audit, rq->conn->peer.uid, rq->op->name, rq->code,
			rq->caller.has_token_key ? rq->caller.token_key.input : NULL);
		request_reply(rq);
		return;
	}
	line_encode(agent, rq);
	rq->line.kind = rq->code == STATUS_OK ? rq->commit : DURABLE_LINE;
	rq->line.sync = rq->op->sync;
	rq->line.intent_id = rq->intent_id;
	rq->line.record = rq->record;
	rq->line.post.done = reply_durable;
	if (rq->record != NULL)
		rq->line.key = rq->record->id;
	rq->pending++;
	if (rq->line.kind == DURABLE_CREATE)
		deadline_arm(&agent->loop, &rq->deadline, DEADLINE_LINE);
	durable_submit(agent->durable, &rq->line);
}

/* The line is written (and what it stands for is in the store), or it is not. */
static void reply_durable(struct post *post)
{
	struct request *rq = request_of(post, line.post);
	struct agent *agent = rq->agent;
	enum status_code result = rq->line.result;
	bool committed = rq->line.kind != DURABLE_LINE;

	rq->pending--;
	if (committed)
		key_committed(agent, rq, result);
	if (rq->answered) { /* too late */
		request_settled(rq);
		return;
	}
	if (result == STATUS_OK) {
		request_reply(rq);
		return;
	}
	rq->fault = (struct fault){ .code = result, .native = rq->line.native };
	reply_encode(rq, (struct status){ result });
	if (result == STATUS_AUDIT_IO) {
		request_reply(rq); /* the one answer without a line */
		return;
	}
	/* The store refused: the line says so, and nothing is committed any more. */
	rq->commit = DURABLE_LINE;
	audit_submit(agent, rq);
}
