/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "tests/bench/raw.h"

/* One key; each thread has a context of its own, as OpenSSL wants it. */
static EVP_PKEY *key;

static bool evp_open(char **arguments)
{
	(void)arguments;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (key == NULL)
		ERR_print_errors_fp(stderr);
	return key != NULL;
}

static bool evp_thread(void **ret_self)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1) {
		ERR_print_errors_fp(stderr);
		return false;
	}
	*ret_self = ctx;
	return true;
}

static bool evp_sign(void *self, const uint8_t digest[static RAW_DIGEST_BYTES])
{
	uint8_t signature[RAW_SIGNATURE_MAX];
	size_t len = sizeof(signature);

	return EVP_PKEY_sign(self, signature, &len, digest, RAW_DIGEST_BYTES) == 1;
}

static void evp_thread_done(void *self)
{
	EVP_PKEY_CTX_free(self);
}

static void evp_close(void)
{
	EVP_PKEY_free(key);
}

const struct raw_backend raw_evp = { "evp", "", 0, evp_open, evp_thread, evp_sign, evp_thread_done, evp_close };
