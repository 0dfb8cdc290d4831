/* SPDX-License-Identifier: Apache-2.0
 *
 * One OpenSSL library context for all of tpm2-tss.  ESYS 3.2 makes a new one for every hash, HMAC and nonce, five
 * for one authenticated command, and fetches every algorithm anew in each: 2 ms of CPU beside a signature that takes
 * the TPM 0.4 ms (docs/BENCHMARKS.md).  The worker has one thread and one use for OpenSSL, so one context is as good.
 * These two definitions stand in front of the library's own for this program only: it exports them, and the linker
 * finds them first. */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include <openssl/crypto.h>

typedef OSSL_LIB_CTX *new_fn(void);

OSSL_LIB_CTX *OSSL_LIB_CTX_new(void)
{
	static OSSL_LIB_CTX *shared; /* for the life of the process */

	if (shared == NULL) {
		void *found = dlsym(RTLD_NEXT, "OSSL_LIB_CTX_new");
		new_fn *make = NULL;

		/* POSIX lets a function's address pass through void *; ISO C has no cast for it. */
		memcpy(&make, &found, sizeof(make));
		if (make != NULL)
			shared = make();
	}
	return shared;
}

void OSSL_LIB_CTX_free(OSSL_LIB_CTX *ctx)
{
	(void)ctx; /* it is the one that the next command uses */
}
