/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/seal.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "base/own.h"
#include "crypto/aead.h"
#include "crypto/tpm/session.h"
#include "crypto/tpm/template.h"

enum { CLEAR_MAX = 8 + sizeof(TPM2B_PRIVATE) + sizeof(TPM2B_PUBLIC) + SEAL_AUTH_BYTES };

/* ---- private and public area as bytes --------------------------------------------------------------- */

static struct status areas_put(struct buf *to, const TPM2B_PRIVATE *private, const TPM2B_PUBLIC *public)
{
	uint8_t area[sizeof(TPM2B_PUBLIC)];
	size_t len = 0;

	ENSURE(private->size <= sizeof(private->buffer), DEVICE_FAILED);
	ENSURE(Tss2_MU_TPM2B_PUBLIC_Marshal(public, area, sizeof(area), &len) == TSS2_RC_SUCCESS, DEVICE_FAILED);
	buf_put_sized(to, bytes_of(private->buffer, private->size));
	buf_put_sized(to, bytes_of(area, len));
	return buf_check(to);
}

static struct status areas_get(struct reader *from, TPM2B_PRIVATE *ret_private, TPM2B_PUBLIC *ret_public)
{
	struct bytes private = reader_sized(from, sizeof(ret_private->buffer));
	struct bytes public = reader_sized(from, sizeof(TPM2B_PUBLIC));
	size_t at = 0;

	ENSURE(!from->bad && private.len > 0 && public.len > 2, DEVICE_INTEGRITY);
	/* The area's own size, big-endian, must be all that is there. */
	ENSURE((size_t) public.data[0] * 256 + public.data[1] == public.len - 2, DEVICE_INTEGRITY);
	*ret_public = (TPM2B_PUBLIC){ 0 };
	ENSURE(Tss2_MU_TPM2B_PUBLIC_Unmarshal(public.data, public.len, &at, ret_public) == TSS2_RC_SUCCESS &&
			at == public.len,
		DEVICE_INTEGRITY);
	ret_private->size = (UINT16) private.len;
	memcpy(ret_private->buffer, private.data, private.len);
	return OK;
}

/* ---- sealed objects ------------------------------------------------------------------------------- */

static void sensitive_wipe(TPM2B_SENSITIVE_CREATE *sensitive)
{
	explicit_bzero(sensitive, sizeof(*sensitive));
}

struct status seal_make(struct tpm *t, struct bytes plain, struct buf *ret_sealed)
{
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	AUTO(sensitive_wipe) TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	AUTO(device_free) TPM2B_PRIVATE *private = NULL;
	AUTO(device_free) TPM2B_PUBLIC *public = NULL;
	TPM2B_PUBLIC template;
	ESYS_TR session;
	TSS2_RC rc;

	ENSURE(plain.len == SEAL_BYTES, LIMIT);
	sensitive.sensitive.data.size = SEAL_BYTES;
	memcpy(sensitive.sensitive.data.buffer, plain.data, SEAL_BYTES);
	template_sealed(&template);
	TRY(slots_room(&t->slots, 2)); /* the persistent parent takes one meanwhile */
	TRY(session_use(t, SESSION_HIDES_COMMAND, &session));
	rc = Esys_Create(t->device.esys, t->storage, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template,
		&no_data, &no_pcrs, &private, &public, NULL, NULL, NULL);
	TRY(device_check(&t->device, "Create", rc));
	TRY(template_compare(&template, public));
	return areas_put(ret_sealed, private, public);
}

static void sensitive_free(TPM2B_SENSITIVE_DATA **data)
{
	if (*data != NULL)
		explicit_bzero(*data, sizeof(**data));
	Esys_Free(*data);
}

static struct status unseal(struct tpm *t, ESYS_TR object, struct secret *ret_plain)
{
	AUTO(sensitive_free) TPM2B_SENSITIVE_DATA *data = NULL;
	AUTO(secret_done) struct secret plain = { 0 };
	ESYS_TR session;
	TSS2_RC rc;

	TRY(session_use(t, SESSION_HIDES_ANSWER, &session));
	rc = Esys_Unseal(t->device.esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &data);
	TRY(device_check(&t->device, "Unseal", rc));
	ENSURE(data->size == SEAL_BYTES, DEVICE_INTEGRITY);
	TRY(secret_alloc(&plain, SEAL_BYTES));
	memcpy(plain.data, data->buffer, SEAL_BYTES);
	*ret_plain = TAKE(plain);
	return OK;
}

struct status seal_open(struct tpm *t, struct bytes sealed, struct secret *ret_plain)
{
	struct reader r = reader_of(sealed);
	TPM2B_PRIVATE private;
	TPM2B_PUBLIC public;
	ESYS_TR object = ESYS_TR_NONE, session;
	struct status st, flushed;
	TSS2_RC rc;

	TRY(areas_get(&r, &private, &public));
	ENSURE(reader_done(&r) && public.publicArea.type == TPM2_ALG_KEYEDHASH, DEVICE_INTEGRITY);
	TRY(slots_room(&t->slots, 2));
	TRY(session_use(t, SESSION_HIDES_NOTHING, &session));
	rc = Esys_Load(t->device.esys, t->storage, session, ESYS_TR_NONE, ESYS_TR_NONE, &private, &public, &object);
	TRY(device_check(&t->device, "Load", rc));
	st = unseal(t, object, ret_plain);
	flushed = device_flush(&t->device, &object);
	return st.code != STATUS_OK ? st : flushed;
}

/* ---- the seal key ---------------------------------------------------------------------------------- */

static struct status seal_key_make(struct tpm *t)
{
	AUTO(secret_done) struct secret key = { 0 };
	AUTO(buf_done) struct buf sealed = buf_make(TPM_SEALED_MAX);

	TRY(secret_alloc(&key, AEAD_KEY_BYTES));
	TRY(random_fill(key.data, key.len));
	TRY(seal_make(t, secret_bytes(&key), &sealed));
	memcpy(t->state.seal_key, sealed.data, sealed.len);
	t->state.seal_key_len = sealed.len;
	t->state_changed = true;
	t->seal_key = TAKE(key);
	return OK;
}

struct status seal_ready(struct tpm *t)
{
	AUTO(secret_done) struct secret key = { 0 };

	_Static_assert(SEAL_BYTES == (int)AEAD_KEY_BYTES, "the seal key is sealed");
	if (t->state.seal_key_len == 0)
		return seal_key_make(t);
	TRY(seal_open(t, bytes_of(t->state.seal_key, t->state.seal_key_len), &key));
	if (t->seal_key.len == 0)
		t->seal_key = TAKE(key);
	else
		ENSURE(ct_equal(secret_bytes(&key), secret_bytes(&t->seal_key)), DEVICE_IDENTITY);
	return OK;
}

/* ---- blobs ----------------------------------------------------------------------------------------- */

void seal_object_done(struct seal_object *object)
{
	explicit_bzero(object, sizeof(*object));
}

struct status seal_auth_make(TPM2B_AUTH *ret_auth)
{
	ret_auth->size = SEAL_AUTH_BYTES;
	TRY(random_fill(ret_auth->buffer, SEAL_AUTH_BYTES));
	/* A TPM drops zeros at the end of an authorization, tpm2-tss does not: let there be none. */
	ret_auth->buffer[SEAL_AUTH_BYTES - 1] |= 1;
	return OK;
}

struct status seal_blob(struct tpm *t, const struct seal_object *object, struct bytes about, struct buf *ret_blob)
{
	AUTO(buf_done) struct buf clear = buf_make(CLEAR_MAX);

	ENSURE(object->auth.size == SEAL_AUTH_BYTES, LIMIT);
	TRY(areas_put(&clear, &object->private, &object->public));
	buf_put(&clear, bytes_of(object->auth.buffer, SEAL_AUTH_BYTES));
	TRY(buf_check(&clear));
	return aead_seal(secret_bytes(&t->seal_key), about, buf_bytes(&clear), ret_blob);
}

struct status seal_blob_open(struct tpm *t, struct bytes blob, struct bytes about, struct seal_object *ret_object)
{
	AUTO(secret_done) struct secret clear = { 0 };
	AUTO(seal_object_done) struct seal_object object = { 0 };
	struct reader r;
	struct bytes auth;

	ENSURE(blob.len <= CLEAR_MAX + AEAD_OVERHEAD_BYTES, DEVICE_INTEGRITY);
	TRY(aead_open(secret_bytes(&t->seal_key), about, blob, &clear));
	r = reader_of(secret_bytes(&clear));
	TRY(areas_get(&r, &object.private, &object.public));
	auth = reader_bytes(&r, SEAL_AUTH_BYTES);
	ENSURE(reader_done(&r), DEVICE_INTEGRITY);
	object.auth.size = SEAL_AUTH_BYTES;
	memcpy(object.auth.buffer, auth.data, SEAL_AUTH_BYTES);
	*ret_object = object;
	return OK;
}
