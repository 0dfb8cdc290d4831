/* SPDX-License-Identifier: Apache-2.0
 *
 * Key pairs on the token, known by CKA_ID alone: 32 bytes that the agent chose, on both halves.  Private, sensitive,
 * never extractable, for signatures only; read back after creation and destroyed if the token made them otherwise.
 * Handles are looked up once and kept.  No label, so no name of a tenant's key reaches the token.  One thread. */
#ifndef CRYPTO_PKCS11_KEY_H
#define CRYPTO_PKCS11_KEY_H

#include "base/buf.h"
#include "crypto/pkcs11/session.h"
#include "crypto/worker.h"

enum { KEY_PLACES = 1024 }; /* handles kept; a newcomer takes the place of another */

struct key_place {
	uint8_t id[WORKER_HARDWARE_ID_BYTES];
	CK_OBJECT_HANDLE handle; /* 0: the place is free */
};

struct keys {
	struct session *session;  /* borrowed */
	bool has_short_templates; /* this token refused the long ones */
	struct key_place places[KEY_PLACES];
};

/* Make a pair of rq->key with rq->hardware_id; the public half goes to ret_public in the wire's format.
 * Fails: ATTR_TYPE, DEVICE_ATTRS (made otherwise; destroyed), what rc.h says. */
struct status key_generate(struct keys *keys, const struct worker_request *rq, struct buf *ret_public);
/* The private half.  Fails: DEVICE_KEY_GONE, DEVICE_INTEGRITY (several). */
struct status key_find(
	struct keys *keys, const uint8_t id[static WORKER_HARDWARE_ID_BYTES], CK_OBJECT_HANDLE *ret_handle);
/* Objects on the token with that id. */
struct status key_count(struct keys *keys, const uint8_t id[static WORKER_HARDWARE_ID_BYTES], uint32_t *ret_count);
/* Destroy every object with that id, the private half first; OK if there is none. */
struct status key_destroy(struct keys *keys, const uint8_t id[static WORKER_HARDWARE_ID_BYTES]);
/* Forget the handle of one key, or of all: handles die with the session. */
void key_forget(struct keys *keys, const uint8_t id[static WORKER_HARDWARE_ID_BYTES]);
void key_forget_all(struct keys *keys);

/* ---- for the other kinds of objects -------------------------------------------------------------- */

enum { KEY_ATTRIBUTES_MAX = 24 };
struct key_template {
	CK_ATTRIBUTE at[KEY_ATTRIBUTES_MAX];
	CK_ULONG count;
};
/* value: borrowed until the call that uses the template. */
void key_template_put(struct key_template *t, CK_ATTRIBUTE_TYPE type, const void *value, size_t len);
void key_template_bool(struct key_template *t, CK_ATTRIBUTE_TYPE type, bool value);

/* Objects that match, at most `max` of them.  Fails: what rc.h says. */
struct status key_search(struct session *s, const struct key_template *t, CK_OBJECT_HANDLE *ret_handles, CK_ULONG max,
	CK_ULONG *ret_count);

/* What a true-or-false attribute must be. */
struct key_wanted {
	CK_ATTRIBUTE_TYPE type;
	bool value;
	bool may_lack; /* a token that does not know the attribute is fine */
};
/* Fails: DEVICE_ATTRS. */
struct status key_check(struct session *s, CK_OBJECT_HANDLE object, const struct key_wanted *wanted, size_t count);

#endif
