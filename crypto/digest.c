/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SHA256_BLOCK = 64 };

static const char *const names[PSA_HASH_COUNT] = {
	[PSA_HASH_SHA_224] = "SHA2-224",
	[PSA_HASH_SHA_256] = "SHA2-256",
	[PSA_HASH_SHA_384] = "SHA2-384",
	[PSA_HASH_SHA_512] = "SHA2-512",
	[PSA_HASH_SHA_512_224] = "SHA2-512/224",
	[PSA_HASH_SHA_512_256] = "SHA2-512/256",
	[PSA_HASH_SHA3_224] = "SHA3-224",
	[PSA_HASH_SHA3_256] = "SHA3-256",
	[PSA_HASH_SHA3_384] = "SHA3-384",
	[PSA_HASH_SHA3_512] = "SHA3-512",
};

/* Fetched once and kept until the process ends; immutable after that. */
static EVP_MD *fetched[PSA_HASH_COUNT];
static bool all_fetched;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch_all(void)
{
	all_fetched = true;
	for (size_t i = 0; i < PSA_HASH_COUNT; i++) {
		if (names[i] == NULL)
			continue;
		fetched[i] = EVP_MD_fetch(NULL, names[i], NULL);
		all_fetched = all_fetched && fetched[i] != NULL;
	}
}

struct status digest_init(void)
{
	ENSURE(pthread_once(&once, fetch_all) == 0 && all_fetched, CRYPTO);
	return OK;
}

const EVP_MD *digest_md(uint8_t psa_hash)
{
	if (psa_hash >= PSA_HASH_COUNT || pthread_once(&once, fetch_all) != 0)
		return NULL;
	return fetched[psa_hash];
}

struct status digest_compute(uint8_t psa_hash, struct bytes data, uint8_t ret[PSA_HASH_MAX_BYTES], size_t *ret_len)
{
	const EVP_MD *md = digest_md(psa_hash);
	unsigned len = 0;

	ENSURE(md != NULL, ATTR_ALG);
	ENSURE(EVP_Digest(data.data, data.len, ret, &len, md, NULL) == 1, CRYPTO);
	*ret_len = len;
	return OK;
}

struct status digest_sha256(struct bytes data, uint8_t ret[DIGEST_SHA256_BYTES])
{
	const EVP_MD *md = digest_md(PSA_HASH_SHA_256);

	ENSURE(md != NULL && EVP_Digest(data.data, data.len, ret, NULL, md, NULL) == 1, CRYPTO);
	return OK;
}

/* One of HMAC's two passes: H(pad || data). */
static bool padded(EVP_MD_CTX *ctx, const EVP_MD *md, const uint8_t pad[SHA256_BLOCK], struct bytes data,
	uint8_t ret[DIGEST_SHA256_BYTES])
{
	return EVP_DigestInit_ex2(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, pad, SHA256_BLOCK) == 1 &&
	       EVP_DigestUpdate(ctx, data.data, data.len) == 1 && EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
}

struct status digest_hmac_sha256(struct bytes key, struct bytes data, uint8_t ret[DIGEST_SHA256_BYTES])
{
	const EVP_MD *md = digest_md(PSA_HASH_SHA_256);
	uint8_t block[SHA256_BLOCK] = { 0 }, inner[SHA256_BLOCK], outer[SHA256_BLOCK], sum[DIGEST_SHA256_BYTES];
	EVP_MD_CTX *ctx;
	bool good;

	ENSURE(md != NULL, CRYPTO);
	if (key.len > SHA256_BLOCK)
		TRY(digest_sha256(key, block));
	else if (key.len > 0)
		memcpy(block, key.data, key.len);
	for (size_t i = 0; i < SHA256_BLOCK; i++) {
		inner[i] = block[i] ^ 0x36;
		outer[i] = block[i] ^ 0x5c;
	}
	ctx = EVP_MD_CTX_new();
	good = ctx != NULL && padded(ctx, md, inner, data, sum) &&
	       padded(ctx, md, outer, bytes_of(sum, sizeof(sum)), sum);
	EVP_MD_CTX_free(ctx);
	if (good)
		memcpy(ret, sum, sizeof(sum));
	explicit_bzero(block, sizeof(block));
	explicit_bzero(inner, sizeof(inner));
	explicit_bzero(outer, sizeof(outer));
	explicit_bzero(sum, sizeof(sum));
	ENSURE(good, CRYPTO);
	return OK;
}

/* ---- in pieces ---------------------------------------------------------------------------------- */

struct digest {
	EVP_MD_CTX *ctx; /* owned */
};

struct status digest_new(uint8_t psa_hash, struct digest **ret_digest)
{
	const EVP_MD *md = digest_md(psa_hash);
	struct digest *digest;

	ENSURE(md != NULL, ATTR_ALG);
	digest = calloc(1, sizeof(*digest));
	ENSURE(digest != NULL, NO_MEMORY);
	digest->ctx = EVP_MD_CTX_new();
	if (digest->ctx == NULL || EVP_DigestInit_ex2(digest->ctx, md, NULL) != 1) {
		digest_free(digest);
		return FAIL(CRYPTO);
	}
	*ret_digest = digest;
	return OK;
}

struct status digest_add(struct digest *digest, struct bytes data)
{
	ENSURE(EVP_DigestUpdate(digest->ctx, data.data, data.len) == 1, CRYPTO);
	return OK;
}

struct status digest_end(struct digest *digest, uint8_t ret[PSA_HASH_MAX_BYTES], size_t *ret_len)
{
	unsigned len = 0;

	ENSURE(EVP_DigestFinal_ex(digest->ctx, ret, &len) == 1, CRYPTO);
	*ret_len = len;
	return OK;
}

void digest_free(struct digest *digest)
{
	if (digest == NULL)
		return;
	EVP_MD_CTX_free(digest->ctx);
	free(digest);
}
