/* SPDX-License-Identifier: Apache-2.0
 *
 * Making, destroying and exporting keys.  Create: name taken, intent durable, worker, record and line durable, answer.
 * Destroy: key withdrawn, intent durable, worker, record gone and line durable, answer.  Whatever ends in doubt after
 * the intent is recovery's, which keeps the name until it knows. */
#include <string.h>

#include "agent/admin.h"
#include "agent/agent.h"
#include "agent/ops.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/secret.h"

/* ---- shared steps ------------------------------------------------------------------------------- */

static void step_submit(struct request *rq, enum durable_kind kind, void (*done)(struct post *post))
{
	rq->waits = true;
	rq->pending++;
	rq->step.kind = kind;
	rq->step.post.done = done;
	durable_submit(rq->agent->durable, &rq->step);
}

static void intent_submit(struct request *rq, enum intent_op op, void (*done)(struct post *post))
{
	intent_record_put(&rq->intent_record, rq);
	rq->step.intent = (struct intent){ .op = op,
		.key = rq->key_id,
		.provider = bytes_from_text(rq->lane->name),
		.record = buf_bytes(&rq->intent_record) };
	memcpy(rq->step.intent.hardware_id, rq->hardware_id, sizeof(rq->hardware_id));
	step_submit(rq, DURABLE_INTENT, done);
}

/* The request is over, with st as its outcome, unless it was answered before; then only the rest is tidied. */
static void conclude(struct request *rq, struct status st)
{
	if (rq->is_finished)
		request_settled(rq);
	else
		request_finish(rq->agent, rq, st);
}

/* The act did not begin: the intent row goes, and the name with it or back to use. */
static void forget_done(struct post *post)
{
	struct request *rq = request_of(post, step.post);
	bool was_answered = request_came_back(rq);

	/* A row that could not be deleted is found at the next start and undone then: nothing to undo. */
	if (was_answered)
		request_settled(rq);
	else
		request_finish(rq->agent, rq, rq->computed);
}

static void release_name(struct request *rq)
{
	if (rq->entry == NULL)
		return;
	if (rq->op->makes_key)
		keyindex_drop(rq->agent->index, rq->entry);
	else
		keyindex_publish(rq->entry, rq->record);
	rq->entry = NULL;
}

/* Nothing happened on the device, or nothing can have: answer st once the journal has forgotten it. */
static void step_back(struct request *rq, struct status st)
{
	release_name(rq);
	if (rq->intent_id == 0) {
		conclude(rq, st);
		return;
	}
	rq->computed = st;
	rq->step.intent_id = rq->intent_id;
	rq->intent_id = 0;
	step_submit(rq, DURABLE_FORGET, forget_done);
}

static void note_hardware(struct request *rq, struct bytes hw)
{
	size_t len = hw.len < sizeof(rq->hw) ? hw.len : sizeof(rq->hw) - 1;

	if (len > 0)
		memcpy(rq->hw, hw.data, len);
	rq->hw[len] = '\0';
}

static uint64_t deadline_us(const struct request *rq)
{
	return rq->deadline.armed ? rq->deadline.at_us : clock_mono_us();
}

/* Could the worker have begun?  Only then is there something to undo or to go forward with. */
static bool may_have_begun(struct status st)
{
	return st.code != STATUS_QUEUE_DEADLINE && st.code != STATUS_QUEUE_FULL && st.code != STATUS_LANE_DOWN;
}

void key_abandoned(struct agent *agent, struct request *rq)
{
	(void)agent;
	release_name(rq);
	if (rq->intent_id != 0 && (rq->op->begin == begin_generate || rq->op->begin == begin_destroy)) {
		rq->step.intent_id = rq->intent_id;
		rq->intent_id = 0;
		rq->computed = (struct status){ STATUS_QUEUE_DEADLINE };
		step_submit(rq, DURABLE_FORGET, forget_done);
	}
}

/* ---- generate ----------------------------------------------------------------------------------- */

struct status decode_generate(struct request *rq)
{
	TRY(wire_generate_key_decode(rq->body, &rq->arena, &rq->in.generate));
	rq->key_name = rq->in.generate.key_name;
	rq->wanted = &rq->in.generate.attributes;
	rq->has_key = true;
	return OK;
}

struct status decode_key(struct request *rq)
{
	TRY(wire_key_name_decode(rq->body, &rq->arena, &rq->in.key));
	rq->key_name = rq->in.key.key_name;
	rq->has_key = true;
	return OK;
}

/* The store's tag and 24 random bytes: whatever the worker makes carries it. */
static struct status draw_hardware_id(const struct agent *agent, struct request *rq)
{
	struct bytes tag = keystore_tag(agent->store);

	memcpy(rq->hardware_id, tag.data, KEYSTORE_TAG_BYTES);
	return random_fill(rq->hardware_id + KEYSTORE_TAG_BYTES, KEYSTORE_HARDWARE_ID_BYTES - KEYSTORE_TAG_BYTES);
}

static struct status compute_ids(struct agent *agent, struct request *rq)
{
	if (!rq->space->id_known)
		TRY(keystore_namespace_id(agent->store, &rq->space->name, &rq->space->id));
	rq->space->id_known = true;
	return keystore_key_id(agent->store, &rq->space->id, rq->key_name, &rq->key_id);
}

static struct status record_make(struct request *rq, struct bytes blob, struct bytes public_key)
{
	struct key_record record = { .id = rq->key_id,
		.ns = rq->space->id,
		.space = rq->space->name,
		.name = rq->key_name,
		.creator_authenticator = rq->caller.who.authenticator,
		.creator = rq->caller.who.name,
		.provider = bytes_from_text(rq->lane->name),
		.provider_kind = rq->lane->provider_kind,
		.attributes = rq->in.generate.attributes,
		.public_key = public_key,
		.blob = blob,
		.created_us = wall_now_us(&rq->agent->wall),
		.generation = 1 };

	if (rq->decision.expires_after_s != 0)
		record.expires_us = record.created_us + (int64_t)rq->decision.expires_after_s * 1000000;
	memcpy(record.hardware_identity, rq->lane->info.identity, sizeof(record.hardware_identity));
	memcpy(record.hardware_id, rq->hardware_id, sizeof(record.hardware_id));
	return key_record_new(&record, &rq->record);
}

static void generated(struct lane_call *call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS])
{
	struct request *rq = request_of(call, call);
	bool was_answered = request_came_back(rq);

	rq->at.handed = call->handed_us;
	rq->at.worked = rq->agent->loop.now_us;
	call->id = 0;
	if (st.code != STATUS_OK && !may_have_begun(st)) {
		step_back(rq, status_fail(st.code, native, __FILE__, __LINE__, __func__));
		return;
	}
	if (st.code == STATUS_OK && !was_answered) {
		note_hardware(rq, answer[2]);
		st = record_make(rq, answer[0], answer[1]);
		if (st.code == STATUS_OK) {
			rq->commit = DURABLE_CREATE;
			request_finish(rq->agent, rq, OK);
			return;
		}
	} else if (st.code != STATUS_OK) {
		st = status_fail(st.code, native, __FILE__, __LINE__, __func__);
	}
	/* An object may exist that nobody will hear of: it is recovery's.  The line of this request says that it
	 * failed. */
	recovery_take_over(rq, INTENT_CREATE, was_answered);
	conclude(rq, st);
}

static struct status generate_submit(struct request *rq)
{
	rq->call = (struct lane_call){ .type = WORKER_GENERATE, .done = generated, .deadline_us = deadline_us(rq) };
	rq->call.request.key = rq->in.generate.attributes;
	memcpy(rq->call.request.hardware_id, rq->hardware_id, sizeof(rq->hardware_id));
	rq->call.part[0] = keyindex_parent(rq->space, bytes_from_text(rq->lane->name));
	rq->at.submitted = rq->agent->loop.now_us;
	TRY(lane_submit(rq->lane, &rq->call));
	rq->pending++;
	return OK;
}

static void generate_intended(struct post *post)
{
	struct request *rq = request_of(post, step.post);
	bool was_answered = request_came_back(rq);
	struct status st = (struct status){ rq->step.result };

	rq->intent_id = rq->step.intent_id;
	if (st.code == STATUS_OK && !was_answered)
		st = generate_submit(rq);
	if (st.code != STATUS_OK || was_answered)
		step_back(rq, st);
}

static void parent_durable(struct post *post)
{
	struct request *rq = request_of(post, step.post);
	bool was_answered = request_came_back(rq);
	struct status st = (struct status){ rq->step.result };

	if (st.code == STATUS_OK)
		st = keyindex_parent_put(rq->space, bytes_from_text(rq->lane->name), buf_bytes(&rq->parent_blob));
	if (st.code != STATUS_OK || was_answered)
		step_back(rq, st);
	else
		intent_submit(rq, INTENT_CREATE, generate_intended);
}

/* A namespace's first key on this provider: its parent is durable before a key lies below it. */
static void parent_made(struct lane_call *call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS])
{
	struct request *rq = request_of(call, call);
	bool was_answered = request_came_back(rq);

	call->id = 0;
	if (st.code == STATUS_OK) {
		buf_clear(&rq->parent_blob);
		buf_put(&rq->parent_blob, answer[0]);
		st = buf_check(&rq->parent_blob);
	} else {
		st = status_fail(st.code, native, __FILE__, __LINE__, __func__);
	}
	if (st.code != STATUS_OK || was_answered) {
		step_back(rq, st);
		return;
	}
	rq->parent = (struct namespace_record){ .id = rq->space->id,
		.space = rq->space->name,
		.provider = bytes_from_text(rq->lane->name),
		.parent = buf_bytes(&rq->parent_blob) };
	rq->step.parent = &rq->parent;
	step_submit(rq, DURABLE_PARENT, parent_durable);
}

static struct status parent_submit(struct request *rq)
{
	rq->call = (struct lane_call){
		.type = WORKER_PARENT, .done = parent_made, .deadline_us = deadline_us(rq), .repeatable = true
	};
	memcpy(rq->call.request.hardware_id, rq->hardware_id, sizeof(rq->hardware_id));
	TRY(lane_submit(rq->lane, &rq->call));
	rq->pending++;
	rq->waits = true;
	return OK;
}

/* The name is taken already, so that it counts from here on. */
static struct status keys_check(struct agent *agent, struct request *rq)
{
	const char *rule;
	const struct config_quota *limits = tenant_quota(&rq->tenant, &rule);

	rq->space->tenant->names_max = limits->keys;
	if (limits->keys == CONFIG_UNSET || rq->space->tenant->names <= limits->keys)
		return OK;
	keyindex_drop(agent->index, rq->entry);
	rq->entry = NULL;
	rq->decision = (struct decision){ .rule = rule };
	return FAIL(QUOTA_KEYS);
}

static struct status name_taken(struct agent *agent, struct request *rq)
{
	TRY(keyindex_space_make(agent->index, &rq->ns, &rq->space));
	/* A name that the caller sees is taken, also where it is a linked namespace's. */
	ENSURE(link_find(agent->index, rq->space, rq->key_name) == NULL, KEY_EXISTS);
	TRY(compute_ids(agent, rq));
	TRY(draw_hardware_id(agent, rq));
	TRY(keyindex_take(agent->index, rq->space, rq->key_name, &rq->entry));
	return keys_check(agent, rq);
}

/* The name is taken, and what must be durable before is: the parent, then the intent. */
static struct status generate_go(struct request *rq)
{
	if (rq->lane->info.needs_parent && keyindex_parent(rq->space, bytes_from_text(rq->lane->name)).len == 0)
		return parent_submit(rq);
	intent_submit(rq, INTENT_CREATE, generate_intended);
	return OK;
}

static void account_durable(struct post *post)
{
	struct request *rq = request_of(post, step.post);
	bool was_answered = request_came_back(rq);
	struct status st = (struct status){ rq->step.result };
	uint32_t uid = rq->caller.who.uid;

	/* What is remembered meanwhile stays: the account may have been confirmed, or found changed. */
	if (st.code == STATUS_OK && holder_find(rq->space, uid) == NULL)
		st = holder_set(rq->space, uid, false, buf_bytes(&rq->account));
	if (st.code == STATUS_OK && !was_answered)
		st = generate_go(rq);
	if (st.code != STATUS_OK || was_answered)
		step_back(rq, st);
}

/* A Unix peer's first key: from now on the namespace belongs to the account that the uid has now. */
static struct status account_submit(struct agent *agent, struct request *rq)
{
	AUTO(buf_done) struct buf id = buf_make(KEYSTORE_FACT_ID_MAX), value = buf_make(KEYSTORE_FACT_MAX);
	uint32_t uid = rq->caller.who.uid;

	rq->account = buf_make(ACCOUNT_LOOK_MAX);
	buf_put(&rq->account, account_look(&agent->accounts, uid));
	ENSURE(rq->account.len > 0, TENANT_NONE); /* it is just being removed */
	holder_id_put(&id, rq->space, uid);
	holder_value_put(&value, false, buf_bytes(&rq->account));
	TRY(buf_check(&rq->account));
	TRY(buf_check(&value));
	TRY(admin_fact(rq, FACT_ACCOUNT, buf_bytes(&id), buf_bytes(&value), false));
	rq->step.changes = rq->admin.work->changes;
	rq->step.change_count = rq->admin.work->change_count;
	step_submit(rq, DURABLE_FACTS, account_durable);
	return OK;
}

static bool needs_account(const struct request *rq)
{
	return rq->caller.who.authenticator == AUTHENTICATOR_UNIX_PEER &&
	       holder_find(rq->space, rq->caller.who.uid) == NULL;
}

struct status begin_generate(struct agent *agent, struct request *rq)
{
	struct status st;

	ENSURE(rq->lane->info.cap_count > 0, LANE_DOWN); /* it never said what it can do */
	TRY(worker_info_supports(&rq->lane->info, &rq->in.generate.attributes));
	TRY(name_taken(agent, rq));
	st = needs_account(rq) ? account_submit(agent, rq) : generate_go(rq);
	if (st.code != STATUS_OK)
		release_name(rq);
	return st;
}

/* ---- destroy ------------------------------------------------------------------------------------ */

static void destroyed(struct lane_call *call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS])
{
	struct request *rq = request_of(call, call);
	bool was_answered = request_came_back(rq);

	rq->at.handed = call->handed_us;
	rq->at.worked = rq->agent->loop.now_us;
	call->id = 0;
	if (st.code != STATUS_OK && !may_have_begun(st)) {
		step_back(rq, st);
		return;
	}
	if (st.code == STATUS_OK && !was_answered) {
		note_hardware(rq, answer[2]);
		rq->commit = DURABLE_DESTROY;
		request_finish(rq->agent, rq, OK);
		return;
	}
	if (st.code != STATUS_OK)
		st = status_fail(st.code, native, __FILE__, __LINE__, __func__);
	recovery_take_over(rq, INTENT_DESTROY, true); /* a destroy goes forward */
	conclude(rq, st);
}

/* Of a damaged record no blob is believed: where the device has an object it goes by its id alone, as in recovery. */
static struct status destroy_submit(struct request *rq,
	void (*done)(struct lane_call *call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS]),
	uint64_t until_us)
{
	bool by_id = rq->record->is_damaged && rq->lane->info.needs_intent;

	rq->call = (struct lane_call){
		.type = by_id ? WORKER_CLEAN : WORKER_DESTROY, .done = done, .deadline_us = until_us
	};
	rq->call.request.key = rq->record->attributes;
	memcpy(rq->call.request.hardware_id, rq->hardware_id, sizeof(rq->hardware_id));
	rq->call.part[0] = rq->record->blob;
	rq->at.submitted = rq->agent->loop.now_us;
	TRY(lane_submit(rq->lane, &rq->call));
	rq->pending++;
	return OK;
}

static void destroy_intended(struct post *post)
{
	struct request *rq = request_of(post, step.post);
	bool was_answered = request_came_back(rq);
	struct status st = (struct status){ rq->step.result };

	rq->intent_id = rq->step.intent_id;
	if (st.code == STATUS_OK && !was_answered)
		st = destroy_submit(rq, destroyed, deadline_us(rq));
	if (st.code != STATUS_OK || was_answered)
		step_back(rq, st);
}

struct status begin_destroy(struct agent *agent, struct request *rq)
{
	ENSURE(rq->lane->state != LANE_DOWN, LANE_DOWN);
	rq->entry = keyindex_find(agent->index, rq->space, rq->key_name);
	keyindex_withdraw(rq->entry);
	rq->key_id = rq->record->id;
	memcpy(rq->hardware_id, rq->record->hardware_id, sizeof(rq->hardware_id));
	intent_submit(rq, INTENT_DESTROY, destroy_intended);
	return OK;
}

/* ---- what follows the commit -------------------------------------------------------------------- */

void key_committed(struct agent *agent, struct request *rq, enum status_code result)
{
	bool creates = rq->line.kind == DURABLE_CREATE;

	if (result == STATUS_OK) {
		if (creates)
			keyindex_publish(rq->entry, rq->record);
		else
			keyindex_drop(agent->index, rq->entry);
		rq->entry = NULL;
		rq->intent_id = 0; /* the durability thread forgets it */
		return;
	}
	/* A create whose line or record is not there is undone; a destroy whose line is not there goes forward. */
	recovery_take_over(rq, creates ? INTENT_CREATE : INTENT_DESTROY, !creates);
}

/* ---- public half -------------------------------------------------------------------------------- */

struct status finish_export_public(struct agent *agent, struct request *rq)
{
	(void)agent;
	return wire_data_result_put(&rq->answer, rq->record->public_key);
}

/* ---- all keys of a client ----------------------------------------------------------------------- */

/* DeleteClient: one key after another, each with an intent, a line and an end of its own, so that a crash in the
 * middle loses nothing and what could not be destroyed goes forward in recovery.  The answer is success only when
 * every key is gone. */

static void next_key(struct request *rq)
{
	key_record_unref(rq->record);
	rq->record = NULL;
	rq->deletion.at++;
	key_destroy_next(rq->agent, rq);
}

static void key_pending(struct request *rq)
{
	rq->deletion.failed = true;
	recovery_take_over(rq, INTENT_DESTROY, true);
	next_key(rq);
}

static void one_durable(struct post *post)
{
	struct request *rq = request_of(post, step.post);

	(void)request_came_back(rq); /* answered or not, the journal's work goes on */
	buf_clear(&rq->step.line);
	if (rq->step.result != STATUS_OK) {
		key_pending(rq);
		return;
	}
	keyindex_drop(rq->agent->index, rq->entry);
	rq->entry = NULL;
	rq->intent_id = 0;
	next_key(rq);
}

static void one_line(struct request *rq)
{
	struct audit_record line = audit_record_of(clock_wall_us());

	line.event = "client-deleted";
	line.conn = rq->conn->id;
	line.req = rq->number;
	line.authn = config_authenticator_name(rq->caller.who.authenticator);
	line.issuer = rq->caller.who.issuer;
	line.identity = rq->caller.who.name;
	line.op = "PsaDestroyKey";
	line.provider = rq->record->provider;
	line.key = rq->record->name;
	line.has_key = true;
	line.record = rq->record->id.bytes;
	line.detail = "destroyed";
	buf_clear(&rq->step.line);
	audit_line_put(&rq->step.line, rq->agent->boot, &line);
}

static void one_destroyed(
	struct lane_call *call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS])
{
	struct request *rq = request_of(call, call);

	(void)native;
	(void)answer;
	(void)request_came_back(rq);
	call->id = 0;
	if (st.code != STATUS_OK) {
		key_pending(rq);
		return;
	}
	one_line(rq);
	rq->step.sync = true;
	rq->step.key = rq->key_id;
	rq->step.intent_id = rq->intent_id;
	step_submit(rq, DURABLE_DESTROY, one_durable);
}

static void one_intended(struct post *post)
{
	struct request *rq = request_of(post, step.post);

	(void)request_came_back(rq);
	if (rq->step.result != STATUS_OK) { /* nothing began: the key stays, and is usable again */
		rq->deletion.failed = true;
		keyindex_publish(rq->entry, rq->record);
		rq->entry = NULL;
		next_key(rq);
		return;
	}
	rq->intent_id = rq->step.intent_id;
	if (destroy_submit(rq, one_destroyed, clock_mono_us() + AGENT_FINISH_MS * (uint64_t)US_PER_MS).code !=
		STATUS_OK)
		key_pending(rq);
}

/* One key of the deletion to its intent; false when it cannot be reached (its provider is not configured any more). */
static bool begin_one(struct agent *agent, struct request *rq, struct keyindex_entry *entry)
{
	struct lane *lane = lanes_find(agent, entry->record->provider);

	if (lane == NULL) {
		rq->deletion.failed = true;
		keyindex_publish(entry, entry->record);
		return false;
	}
	rq->lane = lane;
	rq->entry = entry;
	rq->record = key_record_ref(entry->record);
	rq->key_id = entry->record->id;
	memcpy(rq->hardware_id, entry->record->hardware_id, sizeof(rq->hardware_id));
	intent_submit(rq, INTENT_DESTROY, one_intended);
	return true;
}

void key_destroy_next(struct agent *agent, struct request *rq)
{
	while (rq->deletion.at < rq->deletion.count) {
		if (begin_one(agent, rq, rq->deletion.entries[rq->deletion.at]))
			return;
		rq->deletion.at++;
	}
	rq->lane = NULL;
	if (rq->admin.after != NULL && !rq->deletion.failed)
		rq->admin.after(agent, rq);
	else
		conclude(rq, rq->deletion.failed ? FAIL(CLIENT_PENDING) : OK);
}
