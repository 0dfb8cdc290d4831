/* SPDX-License-Identifier: Apache-2.0
 *
 * P-256 signatures from a backend and nothing else: what the daemon's figures are divided by.  A backend does before
 * the loop all that a fair loop need not repeat: the key is found, sessions are open. */
#ifndef TESTS_BENCH_RAW_H
#define TESTS_BENCH_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RAW_DIGEST_BYTES = 32, RAW_SIGNATURE_MAX = 128, RAW_THREADS_MAX = 8 };

struct raw_backend {
	const char *name;
	const char *arguments; /* for the usage text */
	int argument_count;
	/* Once, then for each thread; `arguments` are the program's.  False: said on stderr why. */
	bool (*open)(char **arguments);
	bool (*thread)(void **ret_self);
	bool (*sign)(void *self, const uint8_t digest[static RAW_DIGEST_BYTES]);
	void (*thread_done)(void *self);
	void (*close)(void);
};

extern const struct raw_backend raw_evp, raw_p11, raw_tpm_hmac, raw_tpm_password;

#endif
