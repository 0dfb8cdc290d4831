/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "base/own.h"

enum { AEAD_VERSION = 1 };

static EVP_CIPHER *gcm; /* fetched once, kept until the process ends */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

static void ctx_done(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

/* A context with key and nonce, fed with version and associated data. */
static struct status begin(
	EVP_CIPHER_CTX *ctx, bool seal, struct bytes key, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes aad)
{
	static const uint8_t version = AEAD_VERSION;
	int len;

	ENSURE(key.len == AEAD_KEY_BYTES && aad.len <= AEAD_AAD_MAX, LIMIT);
	ENSURE(ctx != NULL && pthread_once(&once, fetch) == 0 && gcm != NULL, CRYPTO);
	ENSURE(EVP_CipherInit_ex2(ctx, gcm, key.data, nonce, seal, NULL) == 1, CRYPTO);
	ENSURE(EVP_CipherUpdate(ctx, NULL, &len, &version, 1) == 1, CRYPTO);
	ENSURE(aad.len == 0 || EVP_CipherUpdate(ctx, NULL, &len, aad.data, (int)aad.len) == 1, CRYPTO);
	return OK;
}

struct status aead_seal(struct bytes key, struct bytes aad, struct bytes plain, struct buf *ret_sealed)
{
	AUTO(ctx_done) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t total = plain.len + AEAD_OVERHEAD_BYTES;
	uint8_t *to = NULL, *tag;
	uint8_t nonce[AEAD_NONCE_BYTES];
	int len;

	ENSURE(plain.len > 0 && plain.len <= AEAD_PLAIN_MAX, LIMIT);
	TRY(random_fill(nonce, sizeof(nonce)));
	TRY(begin(ctx, true, key, nonce, aad));
	to = buf_reserve(ret_sealed, total);
	ENSURE(to != NULL, LIMIT);
	tag = to + total - AEAD_TAG_BYTES;
	to[0] = AEAD_VERSION;
	memcpy(to + 1, nonce, sizeof(nonce));
	ENSURE(EVP_CipherUpdate(ctx, to + 1 + sizeof(nonce), &len, plain.data, (int)plain.len) == 1 &&
			(size_t)len == plain.len,
		CRYPTO);
	ENSURE(EVP_CipherFinal_ex(ctx, tag, &len) == 1, CRYPTO);
	ENSURE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, tag) == 1, CRYPTO);
	buf_grew(ret_sealed, total);
	return OK;
}

struct status aead_open(struct bytes key, struct bytes aad, struct bytes sealed, struct secret *ret_plain)
{
	AUTO(ctx_done) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	AUTO(secret_done) struct secret plain = { 0 };
	struct reader r = reader_of(sealed);
	uint8_t tag[AEAD_TAG_BYTES], rest[EVP_MAX_BLOCK_LENGTH];
	struct bytes nonce, text;
	int len;

	ENSURE(sealed.len > AEAD_OVERHEAD_BYTES && sealed.len <= AEAD_PLAIN_MAX + AEAD_OVERHEAD_BYTES,
		DEVICE_INTEGRITY);
	ENSURE(reader_u8(&r) == AEAD_VERSION, DEVICE_INTEGRITY);
	nonce = reader_bytes(&r, AEAD_NONCE_BYTES);
	text = reader_bytes(&r, sealed.len - AEAD_OVERHEAD_BYTES);
	memcpy(tag, r.left.data, sizeof(tag));
	TRY(begin(ctx, false, key, nonce.data, aad));
	TRY(secret_alloc(&plain, text.len));
	ENSURE(EVP_CipherUpdate(ctx, plain.data, &len, text.data, (int)text.len) == 1, CRYPTO);
	ENSURE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1, CRYPTO);
	if (EVP_CipherFinal_ex(ctx, rest, &len) != 1) {
		ERR_clear_error();
		return FAIL(DEVICE_INTEGRITY);
	}
	*ret_plain = TAKE(plain);
	return OK;
}
