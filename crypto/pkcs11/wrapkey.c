/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs11/wrapkey.h"

#include <string.h>

#include "base/own.h"
#include "base/secret.h"
#include "crypto/pkcs11/key.h"
#include "crypto/wrap.h"

enum {
	SEALED_VERSION = 1,
	NONCE_BYTES = 12,
	TAG_BYTES = 16,
	BODY_BYTES = WRAP_KEY_BYTES + TAG_BYTES,
	SEALED_BYTES = 1 + NONCE_BYTES + BODY_BYTES,
	AES_BYTES = 32,
	AAD_MAX = 64,
	ROOM_BYTES = 256, /* modules may want more room than the result needs */
};

static const CK_OBJECT_CLASS class_secret = CKO_SECRET_KEY;
static const CK_KEY_TYPE type_aes = CKK_AES;
static const CK_ULONG aes_bytes = AES_BYTES;

static void identify(struct key_template *t, struct bytes tag)
{
	key_template_put(t, CKA_CLASS, &class_secret, sizeof(class_secret));
	key_template_put(t, CKA_KEY_TYPE, &type_aes, sizeof(type_aes));
	key_template_bool(t, CKA_TOKEN, true);
	key_template_put(t, CKA_LABEL, WRAPKEY_LABEL, sizeof(WRAPKEY_LABEL) - 1);
	key_template_put(t, CKA_ID, tag.data, tag.len);
}

static struct status find(struct session *s, struct bytes tag, CK_OBJECT_HANDLE *ret_key)
{
	struct key_template t = { 0 };
	CK_OBJECT_HANDLE found[2];
	CK_ULONG count;

	identify(&t, tag);
	TRY(key_search(s, &t, found, 2, &count));
	ENSURE(count > 0, DEVICE_KEY_GONE);
	ENSURE(count == 1, DEVICE_INTEGRITY);
	*ret_key = found[0];
	return OK;
}

/* clang-format off */
static const struct key_wanted wanted[] = {
	{ CKA_TOKEN,             true,  false },
	{ CKA_PRIVATE,           true,  false },
	{ CKA_SENSITIVE,         true,  false },
	{ CKA_EXTRACTABLE,       false, false },
	{ CKA_ALWAYS_SENSITIVE,  true,  false },
	{ CKA_NEVER_EXTRACTABLE, true,  false },
	{ CKA_ENCRYPT,           true,  false },
	{ CKA_DECRYPT,           true,  false },
	{ CKA_WRAP,              false, true },
	{ CKA_UNWRAP,            false, true },
	{ CKA_SIGN,              false, true },
	{ CKA_DERIVE,            false, true },
};
/* clang-format on */

static struct status make(struct session *s, struct bytes tag, CK_OBJECT_HANDLE *ret_key)
{
	CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
	struct key_template t = { 0 };
	CK_OBJECT_HANDLE key;
	struct status st;

	identify(&t, tag);
	key_template_put(&t, CKA_VALUE_LEN, &aes_bytes, sizeof(aes_bytes));
	key_template_bool(&t, CKA_PRIVATE, true);
	key_template_bool(&t, CKA_SENSITIVE, true);
	key_template_bool(&t, CKA_EXTRACTABLE, false);
	key_template_bool(&t, CKA_ENCRYPT, true);
	key_template_bool(&t, CKA_DECRYPT, true);
	key_template_bool(&t, CKA_WRAP, false);
	key_template_bool(&t, CKA_UNWRAP, false);
	key_template_bool(&t, CKA_SIGN, false);
	key_template_bool(&t, CKA_VERIFY, false);
	key_template_bool(&t, CKA_DERIVE, false);
	TRY(SESSION_CHECK(s, s->fn->C_GenerateKey(s->handle, &mechanism, t.at, t.count, &key)));
	st = key_check(s, key, wanted, sizeof(wanted) / sizeof(wanted[0]));
	if (st.code != STATUS_OK) {
		(void)s->fn->C_DestroyObject(s->handle, key); /* the failure to report is the one above */
		return st;
	}
	*ret_key = key;
	return OK;
}

/* Mechanism and parameters of one use. */
struct gcm {
	CK_MECHANISM mechanism;
	CK_GCM_PARAMS params;
	uint8_t aad[AAD_MAX];
};

static struct status gcm_init(struct gcm *gcm, struct bytes tag, const uint8_t nonce[static NONCE_BYTES])
{
	const size_t label = sizeof(WRAPKEY_LABEL) - 1;

	ENSURE(1 + label + tag.len <= AAD_MAX, LIMIT);
	gcm->aad[0] = SEALED_VERSION;
	memcpy(gcm->aad + 1, WRAPKEY_LABEL, label);
	memcpy(gcm->aad + 1 + label, tag.data, tag.len);
	gcm->params = (CK_GCM_PARAMS){ session_input(nonce), NONCE_BYTES, (CK_ULONG)NONCE_BYTES * 8, gcm->aad,
		1 + label + tag.len, (CK_ULONG)TAG_BYTES * 8 };
	gcm->mechanism = (CK_MECHANISM){ CKM_AES_GCM, &gcm->params, sizeof(gcm->params) };
	return OK;
}

struct status wrapkey_seal(struct session *s, struct bytes tag, struct bytes key, struct buf *ret_sealed)
{
	uint8_t nonce[NONCE_BYTES], body[ROOM_BYTES];
	CK_ULONG len = sizeof(body);
	CK_OBJECT_HANDLE aes;
	struct gcm gcm;
	struct status st;

	ENSURE(key.len == WRAP_KEY_BYTES, LIMIT);
	st = find(s, tag, &aes);
	if (st.code == STATUS_DEVICE_KEY_GONE)
		st = make(s, tag, &aes);
	TRY(st);
	TRY(random_fill(nonce, sizeof(nonce)));
	TRY(gcm_init(&gcm, tag, nonce));
	TRY(SESSION_CHECK(s, s->fn->C_EncryptInit(s->handle, &gcm.mechanism, aes)));
	TRY(SESSION_CHECK(s, s->fn->C_Encrypt(s->handle, session_input(key.data), key.len, body, &len)));
	ENSURE(len == BODY_BYTES, DEVICE_FAILED);
	buf_put_u8(ret_sealed, SEALED_VERSION);
	buf_put(ret_sealed, bytes_of(nonce, sizeof(nonce)));
	buf_put(ret_sealed, bytes_of(body, len));
	return buf_check(ret_sealed);
}

/* What modules say of a piece that is not what was sealed differs: CKR_GENERAL_ERROR, and others. */
static struct status open_status(struct session *s, CK_RV rv)
{
	struct status st = SESSION_CHECK(s, rv);

	if (st.code == STATUS_DEVICE_FAILED && !s->is_lost)
		return FAIL_RC(DEVICE_INTEGRITY, rv);
	return st;
}

struct status wrapkey_open(struct session *s, struct bytes tag, struct bytes sealed, struct buf *ret_key)
{
	AUTO(secret_done) struct secret plain = { 0 };
	struct reader r = reader_of(sealed);
	uint8_t version = reader_u8(&r);
	struct bytes nonce = reader_bytes(&r, NONCE_BYTES);
	struct bytes body = reader_bytes(&r, BODY_BYTES);
	CK_ULONG len = ROOM_BYTES;
	CK_OBJECT_HANDLE aes;
	struct gcm gcm;

	ENSURE(reader_done(&r) && version == SEALED_VERSION, DEVICE_INTEGRITY);
	TRY(find(s, tag, &aes));
	TRY(secret_alloc(&plain, ROOM_BYTES));
	TRY(gcm_init(&gcm, tag, nonce.data));
	TRY(SESSION_CHECK(s, s->fn->C_DecryptInit(s->handle, &gcm.mechanism, aes)));
	TRY(open_status(s, s->fn->C_Decrypt(s->handle, session_input(body.data), body.len, plain.data, &len)));
	ENSURE(len == WRAP_KEY_BYTES, DEVICE_INTEGRITY);
	buf_put(ret_key, bytes_of(plain.data, len));
	return buf_check(ret_key);
}
