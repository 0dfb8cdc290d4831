/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-tpm on a swtpm of its own, with a relay between them; and the library itself on the same TPM, for what a
 * test prepares and compares with.  Each test has a bench: tpm_begin() and tpm_finish() around it. */
#ifndef TESTS_SUPPORT_TPM_BENCH_H
#define TESTS_SUPPORT_TPM_BENCH_H

#include <tss2/tss2_esys.h>

#include "tests/support/swtpm.h"
#include "tests/support/unit.h"
#include "tests/support/worker_rig.h"

#define NOTHING ((struct bytes){ 0 })
/* assert_is(call, DEVICE_GONE) */
#define assert_is(call, NAME) assert_status(((struct status){ call }), STATUS_##NAME)
#define TPM_TEST(name) cmocka_unit_test_setup_teardown(name, tpm_begin, tpm_finish)

struct tpm_bench {
	struct swtpm tpm;
	struct relay relay;
	struct rig rig;
	struct worker_config config;
};

extern const struct psa_alg ecdsa_256;

int tpm_begin(void **state);
int tpm_finish(void **state);
/* Start the worker with what it wanted kept. */
enum status_code tpm_start(struct tpm_bench *b);
void tpm_start_ok(struct tpm_bench *b);
/* A P-256 key under a parent of its own. */
void tpm_make_key(struct tpm_bench *b, struct rig_key *key);

struct raw {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
};

void raw_open(struct raw *raw, const char *tcti);
void raw_close(struct raw *raw);
/* Does nothing live at the persistent handle? */
bool raw_is_vacant(const char *tcti, uint32_t handle);
/* A primary signing key. */
ESYS_TR raw_key(struct raw *raw);

#endif
