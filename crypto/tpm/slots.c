/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/slots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void slots_init(struct slots *s, struct device *device)
{
	*s = (struct slots){ .device = device };
	for (size_t i = 0; i < SLOTS_KNOWN_MAX; i++)
		s->known[i].object = ESYS_TR_NONE;
}

static void slot_clear(struct slot *slot)
{
	Esys_Free(slot->saved);
	*slot = (struct slot){ .object = ESYS_TR_NONE };
}

void slots_done(struct slots *s)
{
	for (size_t i = 0; i < SLOTS_KNOWN_MAX; i++)
		slot_clear(&s->known[i]);
}

static struct slot *slot_find(struct slots *s, const struct slot_id *id)
{
	for (size_t i = 0; i < SLOTS_KNOWN_MAX; i++)
		if (s->known[i].used != 0 && memcmp(&s->known[i].id, id, sizeof(*id)) == 0)
			return &s->known[i];
	return NULL;
}

ESYS_TR slots_find(struct slots *s, const struct slot_id *id)
{
	struct slot *slot = slot_find(s, id);

	if (slot == NULL || slot->object == ESYS_TR_NONE)
		return ESYS_TR_NONE;
	slot->used = ++s->uses;
	return slot->object;
}

static struct status unload(struct slots *s, struct slot *slot)
{
	s->loaded--;
	return device_flush(s->device, &slot->object);
}

/* Out of the TPM, with its context kept where that is worth it. */
static struct status evict(struct slots *s, struct slot *slot)
{
	assert(slot != NULL); /* as long as some are loaded one is the oldest of them */
	if (slot->saved == NULL && !s->device->is_managed)
		TRY(device_check(
			s->device, "ContextSave", Esys_ContextSave(s->device->esys, slot->object, &slot->saved)));
	return unload(s, slot);
}

/* The least recently used one: of those loaded, or of all. */
static struct slot *oldest(struct slots *s, bool loaded)
{
	struct slot *found = NULL;

	for (size_t i = 0; i < SLOTS_KNOWN_MAX; i++) {
		struct slot *slot = &s->known[i];

		if (slot->used == 0 || (loaded && slot->object == ESYS_TR_NONE))
			continue;
		if (found == NULL || slot->used < found->used)
			found = slot;
	}
	return found;
}

struct status slots_room(struct slots *s, uint32_t count)
{
	uint32_t most = count < s->device->slots ? s->device->slots - count : 0;

	while (s->loaded > most)
		TRY(evict(s, oldest(s, true)));
	return OK;
}

struct status slots_restore(struct slots *s, const struct slot_id *id, ESYS_TR *ret_object)
{
	struct slot *slot = slot_find(s, id);
	TSS2_RC rc;

	*ret_object = ESYS_TR_NONE;
	if (slot == NULL || slot->saved == NULL)
		return OK;
	rc = Esys_ContextLoad(s->device->esys, slot->saved, ret_object);
	if (rc_read(rc).status == STATUS_DEVICE_INTEGRITY) {
		slot_clear(slot); /* of another boot: the blob is as good as ever */
		*ret_object = ESYS_TR_NONE;
		return OK;
	}
	TRY(device_check(s->device, "ContextLoad", rc));
	slot->object = *ret_object;
	slot->used = ++s->uses;
	s->loaded++;
	return OK;
}

/* A free slot, or that of the one used least recently; those that are loaded are far from it. */
static struct slot *slot_take(struct slots *s)
{
	for (size_t i = 0; i < SLOTS_KNOWN_MAX; i++)
		if (s->known[i].used == 0)
			return &s->known[i];
	return oldest(s, false);
}

void slots_add(struct slots *s, const struct slot_id *id, ESYS_TR object)
{
	struct slot *slot = slot_find(s, id);

	_Static_assert(SLOTS_KNOWN_MAX > (int)DEVICE_SLOTS_MAX, "what is loaded is never the oldest of all");
	if (slot == NULL)
		slot = slot_take(s);
	slot_clear(slot);
	slot->id = *id;
	slot->object = object;
	slot->used = ++s->uses;
	s->loaded++;
}

struct status slots_forget(struct slots *s, const uint8_t blob[DIGEST_SHA256_BYTES])
{
	struct status st = OK;

	for (size_t i = 0; i < SLOTS_KNOWN_MAX; i++) {
		struct slot *slot = &s->known[i];

		if (slot->used == 0 || memcmp(slot->id.blob, blob, sizeof(slot->id.blob)) != 0)
			continue;
		if (slot->object != ESYS_TR_NONE)
			st = unload(s, slot);
		slot_clear(slot);
	}
	return st;
}

struct status slots_settle(struct slots *s)
{
	if (!s->device->is_managed)
		return OK;
	while (s->loaded > 1)
		TRY(evict(s, oldest(s, true)));
	return OK;
}

void slots_lost(struct slots *s, bool was_reset)
{
	s->loaded = 0;
	for (size_t i = 0; i < SLOTS_KNOWN_MAX; i++) {
		struct slot *slot = &s->known[i];

		slot->object = ESYS_TR_NONE;
		if (was_reset || slot->saved == NULL)
			slot_clear(slot);
	}
}
