/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/key.h"

#include <string.h>

#include "base/own.h"
#include "crypto/tpm/seal.h"
#include "crypto/tpm/session.h"
#include "crypto/tpm/template.h"

enum { ABOUT_MAX = 32 + DIGEST_SHA256_BYTES + WORKER_HARDWARE_ID_BYTES + PSA_ATTRIBUTES_BYTES };

/* What is authenticated with a blob: what it is, for which TPM, for a key also its id and attributes. */
static void about_parent(const struct tpm *t, struct buf *to)
{
	buf_put_text(to, "keyreeve tpm parent 1");
	buf_put(to, bytes_of(t->identity, sizeof(t->identity)));
}

static void about_key(const struct tpm *t, const struct worker_request *rq, struct buf *to)
{
	buf_put_text(to, "keyreeve tpm key 1");
	buf_put(to, bytes_of(t->identity, sizeof(t->identity)));
	buf_put(to, bytes_of(rq->hardware_id, sizeof(rq->hardware_id)));
	psa_attributes_put(to, &rq->key);
}

static struct status key_slot(
	const struct worker_request *rq, struct bytes blob, struct bytes parent, struct slot_id *ret_id)
{
	AUTO(buf_done) struct buf scope = buf_make(ABOUT_MAX);
	uint8_t parent_id[DIGEST_SHA256_BYTES];

	TRY(digest_sha256(parent, parent_id));
	buf_put(&scope, bytes_of(rq->hardware_id, sizeof(rq->hardware_id)));
	psa_attributes_put(&scope, &rq->key);
	buf_put(&scope, bytes_of(parent_id, sizeof(parent_id)));
	TRY(buf_check(&scope));
	TRY(digest_sha256(buf_bytes(&scope), ret_id->scope));
	return digest_sha256(blob, ret_id->blob);
}

/* ---- loading --------------------------------------------------------------------------------------- */

static struct status authorize(struct tpm *t, ESYS_TR object, const TPM2B_AUTH *auth)
{
	ENSURE(Esys_TR_SetAuth(t->device.esys, object, auth) == TSS2_RC_SUCCESS, DEVICE_FAILED);
	return OK;
}

/* Below `above`, which is loaded or persistent. */
static struct status load_below(
	struct tpm *t, ESYS_TR above, const struct seal_object *object, const struct slot_id *id, ESYS_TR *ret_object)
{
	ESYS_TR loaded = ESYS_TR_NONE, session;
	TSS2_RC rc;

	TRY(session_use(t, SESSION_HIDES_NOTHING, &session));
	rc = Esys_Load(
		t->device.esys, above, session, ESYS_TR_NONE, ESYS_TR_NONE, &object->private, &object->public, &loaded);
	TRY(device_check(&t->device, "Load", rc));
	slots_add(&t->slots, id, loaded);
	*ret_object = loaded;
	return OK;
}

static struct status parent_load(struct tpm *t, struct bytes blob, ESYS_TR *ret_parent)
{
	AUTO(seal_object_done) struct seal_object object = { 0 };
	AUTO(buf_done) struct buf about = buf_make(ABOUT_MAX);
	struct slot_id id = { 0 };
	ESYS_TR parent;

	TRY(digest_sha256(blob, id.blob));
	parent = slots_find(&t->slots, &id);
	if (parent != ESYS_TR_NONE) {
		*ret_parent = parent;
		return OK;
	}
	about_parent(t, &about);
	TRY(seal_blob_open(t, blob, buf_bytes(&about), &object));
	TRY(slots_room(&t->slots, 2)); /* the storage key takes one while it loads */
	TRY(slots_restore(&t->slots, &id, &parent));
	if (parent == ESYS_TR_NONE)
		TRY(load_below(t, t->storage, &object, &id, &parent));
	TRY(authorize(t, parent, &object.auth));
	*ret_parent = parent;
	return OK;
}

struct status key_load(
	struct tpm *t, const struct worker_request *rq, struct bytes blob, struct bytes parent, ESYS_TR *ret_key)
{
	AUTO(seal_object_done) struct seal_object object = { 0 };
	AUTO(buf_done) struct buf about = buf_make(ABOUT_MAX);
	struct slot_id id;
	ESYS_TR above, key;

	TRY(key_slot(rq, blob, parent, &id));
	key = slots_find(&t->slots, &id);
	if (key != ESYS_TR_NONE) {
		*ret_key = key;
		return OK;
	}
	about_key(t, rq, &about);
	TRY(seal_blob_open(t, blob, buf_bytes(&about), &object));
	TRY(slots_room(&t->slots, 1));
	TRY(slots_restore(&t->slots, &id, &key));
	if (key == ESYS_TR_NONE) {
		TRY(parent_load(t, parent, &above));
		TRY(slots_room(&t->slots, 1)); /* the parent was used last: it stays */
		TRY(load_below(t, above, &object, &id, &key));
	}
	TRY(authorize(t, key, &object.auth));
	*ret_key = key;
	return OK;
}

struct status key_forget(struct tpm *t, struct bytes blob)
{
	uint8_t id[DIGEST_SHA256_BYTES];

	TRY(digest_sha256(blob, id));
	return slots_forget(&t->slots, id);
}

/* ---- creating -------------------------------------------------------------------------------------- */

static void sensitive_wipe(TPM2B_SENSITIVE_CREATE *sensitive)
{
	explicit_bzero(sensitive, sizeof(*sensitive));
}

/* Below `above`, with an authorization of its own. */
static struct status create_below(
	struct tpm *t, ESYS_TR above, const TPM2B_PUBLIC *template, struct seal_object *ret_object)
{
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	AUTO(sensitive_wipe) TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	AUTO(device_free) TPM2B_PRIVATE *private = NULL;
	AUTO(device_free) TPM2B_PUBLIC *public = NULL;
	ESYS_TR session;
	TSS2_RC rc;

	TRY(seal_auth_make(&sensitive.sensitive.userAuth));
	TRY(session_use(t, SESSION_HIDES_COMMAND, &session));
	rc = Esys_Create(t->device.esys, above, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, template, &no_data,
		&no_pcrs, &private, &public, NULL, NULL, NULL);
	TRY(device_check(&t->device, "Create", rc));
	TRY(template_compare(template, public));
	ret_object->private = *private;
	ret_object->public = *public;
	ret_object->auth = sensitive.sensitive.userAuth;
	return OK;
}

struct status key_parent_make(struct tpm *t, struct buf *ret_blob)
{
	AUTO(seal_object_done) struct seal_object object = { 0 };
	AUTO(buf_done) struct buf about = buf_make(ABOUT_MAX);
	TPM2B_PUBLIC template;

	template_parent(&template);
	TRY(slots_room(&t->slots, 2));
	TRY(create_below(t, t->storage, &template, &object));
	about_parent(t, &about);
	return seal_blob(t, &object, buf_bytes(&about), ret_blob);
}

struct status key_make(struct tpm *t, const struct worker_request *rq, struct bytes parent, struct buf *ret_blob,
	struct buf *ret_public)
{
	AUTO(seal_object_done) struct seal_object object = { 0 };
	AUTO(buf_done) struct buf about = buf_make(ABOUT_MAX);
	TPM2B_PUBLIC template;
	ESYS_TR above;

	TRY(template_key(&rq->key, &template));
	TRY(parent_load(t, parent, &above));
	TRY(slots_room(&t->slots, 1)); /* some TPMs need a place while they create */
	TRY(create_below(t, above, &template, &object));
	about_key(t, rq, &about);
	TRY(seal_blob(t, &object, buf_bytes(&about), ret_blob));
	return template_export(&rq->key, &object.public, ret_public);
}
