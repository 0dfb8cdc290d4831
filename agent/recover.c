/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/recover.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "base/clock.h"
#include "base/log.h"

enum { INTENT_RECORD_VERSION = 1, RECOVERY_CALL_US = 60 * US_PER_S };

/* ---- the intent's record ------------------------------------------------------------------------ */

/* Who asked for what: version, namespace, key name, authenticator, identity, issuer where the authenticator is one,
 * tenant, uid, gid, pid, connection, request. */
struct intent_record {
	struct namespace_name space;
	struct bytes name, issuer, identity, tenant;
	uint8_t authenticator;
	uint32_t uid, gid, pid;
	uint64_t conn, number;
};

void intent_record_put(struct buf *to, const struct request *rq)
{
	const struct key_record *record = rq->record;
	const struct namespace_name *space = record != NULL ? &record->space : &rq->ns;

	buf_clear(to);
	buf_put_u8(to, INTENT_RECORD_VERSION);
	namespace_name_put(to, space);
	buf_put_sized(to, record != NULL ? record->name : rq->key_name);
	buf_put_u8(to, rq->caller.who.authenticator);
	buf_put_sized(to, rq->caller.who.name);
	if (rq->caller.who.authenticator == AUTHENTICATOR_ISSUER)
		buf_put_sized(to, rq->caller.who.issuer);
	buf_put_sized(to, bytes_of(rq->tenant.name, rq->tenant.name_len));
	buf_put_u32(to, rq->conn->peer.uid);
	buf_put_u32(to, rq->conn->peer.gid);
	buf_put_u32(to, (uint32_t)rq->conn->peer.pid);
	buf_put_u64(to, rq->conn->id);
	buf_put_u64(to, rq->number);
}

static struct status intent_record_get(struct bytes from, struct intent_record *ret)
{
	struct reader r = reader_of(from);

	ENSURE(reader_u8(&r) == INTENT_RECORD_VERSION, RECORD_CORRUPT);
	TRY(namespace_name_get(&r, &ret->space));
	ret->name = reader_sized(&r, KEYSTORE_NAME_MAX);
	ret->authenticator = reader_u8(&r);
	ret->identity = reader_sized(&r, KEYSTORE_IDENTITY_MAX);
	if (ret->authenticator == AUTHENTICATOR_ISSUER)
		ret->issuer = reader_sized(&r, CONFIG_ISSUER_MAX);
	ret->tenant = reader_sized(&r, KEYSTORE_TENANT_MAX);
	ret->uid = reader_u32(&r);
	ret->gid = reader_u32(&r);
	ret->pid = reader_u32(&r);
	ret->conn = reader_u64(&r);
	ret->number = reader_u64(&r);
	ENSURE(reader_done(&r), RECORD_CORRUPT);
	return OK;
}

/* ---- items -------------------------------------------------------------------------------------- */

void recovery_init(struct recovery *recovery, struct agent *agent, struct lane *lane)
{
	*recovery = (struct recovery){ .agent = agent, .lane = lane };
	recovery->tail = &recovery->head;
	recovery->job.line = buf_make(AUDIT_LINE_MAX);
}

static void item_free(struct recovery_item *item)
{
	buf_done(&item->record);
	free(item);
}

void recovery_done(struct recovery *recovery)
{
	while (recovery->head != NULL) {
		struct recovery_item *item = recovery->head;

		recovery->head = item->next;
		item_free(item);
	}
	if (recovery->now != NULL)
		item_free(recovery->now);
	buf_done(&recovery->job.line);
}

static void add(struct recovery *recovery, struct recovery_item *item)
{
	*recovery->tail = item;
	recovery->tail = &item->next;
}

static struct recovery *recovery_of(struct agent *agent, struct bytes provider)
{
	const struct lane *lane = lanes_find_any(agent, provider);

	return lane != NULL ? &agent->recoveries[lane - agent->lanes] : NULL;
}

static struct status item_new(struct bytes record, struct recovery_item **ret_item)
{
	struct recovery_item *item = calloc(1, sizeof(*item));

	ENSURE(item != NULL, NO_MEMORY);
	item->record = buf_make(KEYSTORE_RECORD_MAX);
	buf_put(&item->record, record);
	if (item->record.bad) {
		free(item);
		return FAIL(NO_MEMORY);
	}
	*ret_item = item;
	return OK;
}

/* By an older row of the same name, whose deletion once failed. */
static bool is_held(const struct agent *agent, const struct keyindex_entry *entry)
{
	for (size_t i = 0; i < agent->lane_count; i++)
		for (const struct recovery_item *item = agent->recoveries[i].head; item != NULL; item = item->next)
			if (item->entry == entry)
				return true;
	return false;
}

/* The id is the name's; the hardware id is this key's alone. */
static bool is_key_of(const struct recovery_item *item, const struct key_record *row)
{
	return memcmp(row->id.bytes, item->key.bytes, sizeof(item->key.bytes)) == 0 &&
	       memcmp(row->hardware_id, item->hardware_id, sizeof(item->hardware_id)) == 0;
}

/* The name is the index's while the intent lives; a destroy's key loses its use. */
static struct status hold_name(struct agent *agent, struct recovery_item *item, const struct intent_record *record)
{
	struct keyindex_space *space;
	struct keyindex_entry *entry;

	TRY(keyindex_space_make(agent->index, &record->space, &space));
	entry = keyindex_find(agent->index, space, record->name);
	item->has_row = entry != NULL && entry->record != NULL && is_key_of(item, entry->record);
	item->is_done = item->op == INTENT_CREATE && item->has_row;
	if (item->is_done || (entry != NULL && (is_held(agent, entry) || (entry->record != NULL && !item->has_row))))
		return OK; /* it is the key's, an older row's or a younger key's */
	if (entry == NULL)
		TRY(keyindex_take(agent->index, space, record->name, &entry));
	keyindex_withdraw(entry);
	item->entry = entry;
	return OK;
}

static struct status found(void *context, const struct intent *intent)
{
	struct agent *agent = context;
	struct recovery *recovery = recovery_of(agent, intent->provider);
	struct intent_record record = { 0 };
	struct lane *lane;
	struct recovery_item *item;

	TRY(intent_record_get(intent->record, &record));
	TRY(item_new(intent->record, &item));
	item->op = intent->op;
	item->intent_id = intent->id;
	item->key = intent->key;
	memcpy(item->hardware_id, intent->hardware_id, sizeof(item->hardware_id));
	item->owes_line = intent->seq == 0; /* any other number is in the log: see owe_lines() */
	if (hold_name(agent, item, &record).code != STATUS_OK) {
		item_free(item);
		return FAIL(NO_MEMORY);
	}
	if (recovery == NULL)
		log_warning("the journal waits for provider %.*s, which is not configured", (int)intent->provider.len,
			(const char *)intent->provider.data);
	if (recovery == NULL && lanes_add_unconfigured(agent, intent->provider, &lane).code == STATUS_OK)
		recovery = &agent->recoveries[lane - agent->lanes];
	if (recovery == NULL) {
		item_free(item); /* the row stays in the store, the name stays taken */
		return OK;
	}
	add(recovery, item);
	return OK;
}

/* A number that is not in the log was lost with its unsynced end, and the next lines get it: the row must not look
 * settled by them if we die before it is. */
static struct status owe_lines(struct keystore *store, uint64_t first_number)
{
	struct status st;

	TRY(keystore_begin(store));
	st = keystore_intent_owe(store, first_number);
	if (st.code == STATUS_OK)
		st = keystore_commit(store);
	if (st.code != STATUS_OK)
		keystore_rollback(store);
	return st;
}

struct status recovery_load(struct agent *agent, struct keystore *store)
{
	const struct keystore_visitor journal = { .context = agent, .intent = found, .damaged = damaged_row };

	TRY(owe_lines(store, agent->first_number));
	return keystore_load(store, &journal);
}

void recovery_take_over(struct request *rq, enum intent_op op, bool owes_line)
{
	struct recovery *recovery = recovery_of(rq->agent, bytes_from_text(rq->lane->name));
	struct recovery_item *item;

	if (recovery == NULL || item_new(buf_bytes(&rq->intent_record), &item).code != STATUS_OK) {
		log_error("an unfinished act stays in the journal until the next start");
		return;
	}
	item->op = op;
	item->intent_id = rq->intent_id;
	memcpy(item->hardware_id, rq->hardware_id, sizeof(item->hardware_id));
	item->key = rq->key_id;
	item->entry = rq->entry;
	item->has_row = true; /* of a create, too, if it could not be undone */
	item->owes_line = owes_line;
	rq->entry = NULL;
	rq->intent_id = 0;
	add(recovery, item);
	recovery_run(recovery);
}

/* ---- one item ----------------------------------------------------------------------------------- */

static void put_line(struct recovery *recovery)
{
	struct recovery_item *item = recovery->now;
	struct audit_record line = audit_record_of(clock_wall_us());
	struct intent_record from = { 0 };

	buf_clear(&recovery->job.line);
	if (!item->owes_line || intent_record_get(buf_bytes(&item->record), &from).code != STATUS_OK)
		return;
	line.event = "recovered";
	line.conn = from.conn;
	line.req = from.number;
	line.authn = config_authenticator_name(from.authenticator);
	line.issuer = from.issuer;
	line.identity = from.identity;
	line.tenant = from.tenant;
	line.has_peer = true;
	line.uid = from.uid;
	line.gid = from.gid;
	line.pid = (int32_t)from.pid;
	line.op = item->op == INTENT_CREATE ? "PsaGenerateKey" : "PsaDestroyKey";
	line.provider = bytes_from_text(recovery->lane->name);
	line.key = from.name;
	line.has_key = true;
	line.record = item->key.bytes;
	line.detail = item->op == INTENT_DESTROY ? "destroyed" : item->is_done ? "created" : "undone";
	audit_line_put(&recovery->job.line, recovery->agent->boot, &line);
}

static void finish_item(struct recovery *recovery)
{
	struct recovery_item *item = recovery->now;

	if (item->entry != NULL && !item->is_done)
		keyindex_drop(recovery->agent->index, item->entry);
	item_free(item);
	recovery->now = NULL;
	recovery_run(recovery);
}

static void wait_at_the_end(struct recovery *recovery)
{
	recovery->now->next = NULL;
	add(recovery, recovery->now);
	recovery->now = NULL;
	recovery->waits_for_second = true;
}

static void forgotten(struct post *post)
{
	struct recovery *recovery = (struct recovery *)((char *)post - offsetof(struct recovery, job.post));

	if (recovery->job.result == STATUS_OK) {
		finish_item(recovery);
		return;
	}
	/* Its name must not go to another key while the row could be taken for that one's. */
	log_warning("a finished intent could not be deleted now: %s", status_name(recovery->job.result));
	wait_at_the_end(recovery);
}

static void forget(struct recovery *recovery)
{
	buf_clear(&recovery->job.line);
	recovery->step = RECOVERY_FORGET;
	recovery->job.kind = DURABLE_FORGET;
	recovery->job.intent_id = recovery->now->intent_id;
	recovery->job.sync = false;
	recovery->job.post.done = forgotten;
	durable_submit(recovery->agent->durable, &recovery->job);
}

static void write_line(struct recovery *recovery);

/* The line is on disk, and with a destroy its row is gone. */
static void lined(struct post *post)
{
	struct recovery *recovery = (struct recovery *)((char *)post - offsetof(struct recovery, job.post));

	if (recovery->job.result == STATUS_OK) {
		recovery->now->owes_line = false;
		recovery->now->has_row = false;
		forget(recovery);
		return;
	}
	if (recovery->job.result == STATUS_KEY_ABSENT) { /* the row went before, when its line could not be written */
		recovery->now->has_row = false;
		write_line(recovery);
		return;
	}
	wait_at_the_end(recovery); /* no space for the line, or no store */
}

static void write_line(struct recovery *recovery)
{
	struct recovery_item *item = recovery->now;
	bool destroys = item->has_row && !item->is_done;

	put_line(recovery);
	if (recovery->job.line.len == 0 && !destroys) {
		forget(recovery);
		return;
	}
	recovery->step = RECOVERY_LINE;
	recovery->job.kind = destroys ? DURABLE_DESTROY : DURABLE_LINE;
	recovery->job.key = item->key;
	recovery->job.intent_id = item->intent_id;
	recovery->job.sync = true;
	recovery->job.post.done = lined;
	durable_submit(recovery->agent->durable, &recovery->job);
}

static void cleaned(struct lane_call *call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS])
{
	struct recovery *recovery = (struct recovery *)((char *)call - offsetof(struct recovery, call));

	(void)answer;
	if (st.code == STATUS_OK) {
		write_line(recovery);
		return;
	}
	log_warning("provider %s: recovery could not clean an object up (%s, native %lld); it tries again",
		recovery->lane->name, status_name(st.code), (long long)native);
	recovery->now->next = recovery->head;
	if (recovery->head == NULL)
		recovery->tail = &recovery->now->next;
	recovery->head = recovery->now;
	recovery->now = NULL;
	recovery->waits_for_second = true;
}

void recovery_run(struct recovery *recovery)
{
	struct lane *lane = recovery->lane;
	struct recovery_item *item = recovery->head;
	struct status st;

	if (recovery->now != NULL || recovery->waits_for_second || lane->state < LANE_RECOVERING)
		return;
	if (item == NULL) {
		lane_open(lane);
		return;
	}
	recovery->head = item->next;
	if (recovery->head == NULL)
		recovery->tail = &recovery->head;
	recovery->now = item;
	if (item->is_done || !lane->info.needs_intent) {
		write_line(recovery);
		return;
	}
	recovery->step = RECOVERY_CLEAN;
	recovery->call = (struct lane_call){
		.type = WORKER_CLEAN, .done = cleaned, .deadline_us = clock_mono_us() + RECOVERY_CALL_US
	};
	memcpy(recovery->call.request.hardware_id, item->hardware_id, sizeof(item->hardware_id));
	st = lane->state == LANE_RECOVERING ? lane_submit_recovery(lane, &recovery->call)
					    : lane_submit(lane, &recovery->call);
	if (st.code != STATUS_OK)
		cleaned(&recovery->call, st, 0, NULL);
}

void recovery_second(struct recovery *recovery)
{
	recovery->waits_for_second = false;
	recovery_run(recovery);
}
