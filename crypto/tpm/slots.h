/* SPDX-License-Identifier: Apache-2.0
 *
 * Which keys and parents are loaded in the TPM, and the saved contexts of those that were: a TPM has three places or
 * so, and loading a key costs more than signing with it.  Least recently used goes first.  On a bare TPM an object
 * that must go is saved once (its context stays good until the TPM is reset); behind a resource manager, which loads
 * and saves whatever is loaded around each command, nothing stays but the object used last.
 * An object is known by its blob *and* by all that it was presented with, so that no key is used with another
 * tenant's parent because it happens to be loaded.  One thread. */
#ifndef CRYPTO_TPM_SLOTS_H
#define CRYPTO_TPM_SLOTS_H

#include "crypto/digest.h"
#include "crypto/tpm/device.h"

enum { SLOTS_KNOWN_MAX = 256 }; /* a saved context costs about 5 KiB */

struct slot_id {
	uint8_t blob[DIGEST_SHA256_BYTES];
	uint8_t scope[DIGEST_SHA256_BYTES]; /* of a key: hardware id, attributes, parent; of a parent: zeros */
};

struct slot {
	struct slot_id id;
	ESYS_TR object;	     /* ESYS_TR_NONE while not loaded */
	TPMS_CONTEXT *saved; /* owned; NULL if there is none */
	uint64_t used;	     /* when, in uses; 0: the slot is free */
};

struct slots {
	struct device *device; /* borrowed */
	struct slot known[SLOTS_KNOWN_MAX];
	uint64_t uses;
	uint32_t loaded;
};

void slots_init(struct slots *s, struct device *device);
void slots_done(struct slots *s);

/* The loaded object, or ESYS_TR_NONE. */
ESYS_TR slots_find(struct slots *s, const struct slot_id *id);
/* Load it from its saved context, if it has one that is still good; else *ret_object is ESYS_TR_NONE.  There must be
 * room for one. */
struct status slots_restore(struct slots *s, const struct slot_id *id, ESYS_TR *ret_object);
/* Give up objects until `count` more can be loaded. */
struct status slots_room(struct slots *s, uint32_t count);
/* An object was loaded; it is the table's from now on. */
void slots_add(struct slots *s, const struct slot_id *id, ESYS_TR object);
/* The key is destroyed: nothing of it stays. */
struct status slots_forget(struct slots *s, const uint8_t blob[DIGEST_SHA256_BYTES]);

/* The end of a request: behind a resource manager everything goes but what was used last. */
struct status slots_settle(struct slots *s);
/* Connected anew: nothing is loaded; saved contexts are good unless the TPM was reset. */
void slots_lost(struct slots *s, bool was_reset);

#endif
