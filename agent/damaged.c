/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/damaged.h"

#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "base/log.h"

static const char *const what_of[] = {
	[KEYSTORE_NONE] = "a row",
	[KEYSTORE_KEY] = "a key: it can only be destroyed",
	[KEYSTORE_NAMESPACE] = "the parent of a namespace's keys: they cannot be used",
	[KEYSTORE_INTENT] = "a row of the journal: what it owed is not done",
	[KEYSTORE_FACT] = "what was believed of a trust domain or issuer: it is heard anew",
};

static void note(struct damaged *damaged, const char *what, const struct keystore_id *id, const struct lane *lane)
{
	struct damaged_note *to;

	if (damaged->count++ >= AUDIT_EVENT_DAMAGED)
		return;
	to = &damaged->notes[damaged->count - 1];
	*to = (struct damaged_note){ .what = what, .has_id = id != NULL };
	if (id != NULL)
		to->id = *id;
	if (lane != NULL)
		(void)snprintf(to->provider, sizeof(to->provider), "%s", lane->name);
}

/* The column, or else what the record says: either may be what is damaged. */
static struct lane *lane_of(struct agent *agent, const struct keystore_damage *damage)
{
	struct lane *lane = lanes_find_any(agent, damage->provider);

	return lane == NULL && damage->key != NULL ? lanes_find_any(agent, damage->key->provider) : lane;
}

struct status damaged_row(void *context, const struct keystore_damage *damage)
{
	struct agent *agent = context;
	struct damaged *damaged = &agent->damaged;
	const struct lane *lane = lane_of(agent, damage);

	note(damaged, what_of[damage->table], damage->has_id ? &damage->id : NULL, lane);
	if (damage->table != KEYSTORE_KEY || !damage->has_id)
		return OK;
	ENSURE(damaged->key_count < DAMAGED_KEYS_MAX, RECORD_CORRUPT);
	if (lane != NULL) {
		damage->key->provider = bytes_from_text(lane->name);
		damage->key->provider_kind = lane->provider_kind;
	}
	/* What is destroyed by this id is ours, whatever else may have become of it. */
	memcpy(damage->key->hardware_id, keystore_tag(agent->store).data, KEYSTORE_TAG_BYTES);
	TRY(key_record_new(damage->key, &damaged->keys[damaged->key_count]));
	damaged->key_count++;
	return OK;
}

struct status damaged_state(struct damaged *damaged, struct lane *lane, struct status st)
{
	if (st.code != STATUS_RECORD_CORRUPT)
		return st;
	note(damaged, "a provider's own state: it is down", NULL, lane);
	buf_clear(&lane->state_kept);
	buf_put_u8(&lane->state_kept, 0); /* a version that no state has */
	return buf_check(&lane->state_kept);
}

/* ---- names -------------------------------------------------------------------------------------- */

/* In the index it is what it was, but for its use. */
static struct status enter(struct agent *agent, size_t at, const struct namespace_name *space, struct bytes name)
{
	struct damaged *damaged = &agent->damaged;
	struct key_record named = *damaged->keys[at], *record;
	struct keyindex_space *where;
	struct keyindex_entry *entry;

	named.space = *space;
	named.name = name;
	TRY(keyindex_space_make(agent->index, space, &where));
	TRY(key_record_new(&named, &record));
	key_record_unref(damaged->keys[at]);
	damaged->keys[at] = record;
	TRY(keyindex_take(agent->index, where, record->name, &entry));
	keyindex_publish(entry, record);
	key_record_unref(record);
	damaged->keys[at] = damaged->keys[--damaged->key_count];
	return OK;
}

struct status damaged_enter(struct agent *agent)
{
	struct damaged *damaged = &agent->damaged;

	/* From the end: what goes leaves its place to the last one. */
	for (size_t at = damaged->key_count; at-- > 0;) {
		const struct key_record *key = damaged->keys[at];
		struct status st;

		if (key->space.authenticator == 0)
			continue; /* no names */
		st = enter(agent, at, &key->space, key->name);
		if (st.code != STATUS_OK && st.code != STATUS_KEY_EXISTS) /* these are another row's names */
			return st;
	}
	return OK;
}

struct status damaged_named(struct agent *agent, const struct namespace_name *space, struct bytes name)
{
	const struct damaged *damaged = &agent->damaged;
	const struct keyindex_space *where;
	struct keystore_id ns, id;

	if (damaged->key_count == 0)
		return OK;
	where = keyindex_space_find(agent->index, space);
	if (where != NULL && keyindex_find(agent->index, where, name) != NULL)
		return OK;
	TRY(keystore_namespace_id(agent->store, space, &ns));
	TRY(keystore_key_id(agent->store, &ns, name, &id));
	for (size_t at = 0; at < damaged->key_count; at++)
		if (memcmp(damaged->keys[at]->id.bytes, id.bytes, sizeof(id.bytes)) == 0)
			return enter(agent, at, space, name);
	return OK;
}

/* ---- report ------------------------------------------------------------------------------------- */

void damaged_report(const struct damaged *damaged, struct audit_events *events)
{
	size_t shown = damaged->count < AUDIT_EVENT_DAMAGED ? damaged->count : AUDIT_EVENT_DAMAGED;

	if (damaged->count == 0)
		return;
	for (size_t i = 0; i < shown; i++) {
		const struct damaged_note *row = &damaged->notes[i];

		audit_event_damaged(
			events, row->what, bytes_from_text(row->provider), row->has_id ? row->id.bytes : NULL);
	}
	if (damaged->count > shown)
		audit_event(events, "record-damaged", (struct bytes){ 0 }, "as many rows more",
			(int64_t)(damaged->count - shown));
	log_error("%zu rows of the key store are damaged and cost what they held; the others are served: see event "
		  "record-damaged in the audit log, and docs/operations.md",
		damaged->count);
}

void damaged_done(struct damaged *damaged)
{
	while (damaged->key_count > 0)
		key_record_unref(damaged->keys[--damaged->key_count]);
}
