/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sched.h>
#include <stdio.h>

#include "base/own.h"
#include "crypto/soft/soft.h"

static void signer_done(EVP_PKEY_CTX **signer)
{
	EVP_PKEY_CTX_free(*signer);
}

static void pkey_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

/* clang-format off */
static const struct worker_cap caps[] = {
	/* type, family, algorithm, hash, bits */
	{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_ALG_ECDSA,             PSA_HASH_ANY,   256 },
	{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_ALG_ECDSA,             PSA_HASH_ANY,   384 },
	{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_ALG_ECDSA,             PSA_HASH_ANY,   521 },
	{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_ALG_ECDSA_ANY,         PSA_HASH_NONE,  256 },
	{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_ALG_ECDSA_ANY,         PSA_HASH_NONE,  384 },
	{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_ALG_ECDSA_ANY,         PSA_HASH_NONE,  521 },
	{ PSA_KEY_RSA_PAIR, PSA_ECC_NONE,    PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_ANY,  2048 },
	{ PSA_KEY_RSA_PAIR, PSA_ECC_NONE,    PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_ANY,  3072 },
	{ PSA_KEY_RSA_PAIR, PSA_ECC_NONE,    PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_ANY,  4096 },
	{ PSA_KEY_RSA_PAIR, PSA_ECC_NONE,    PSA_ALG_RSA_PSS,           PSA_HASH_ANY,  2048 },
	{ PSA_KEY_RSA_PAIR, PSA_ECC_NONE,    PSA_ALG_RSA_PSS,           PSA_HASH_ANY,  3072 },
	{ PSA_KEY_RSA_PAIR, PSA_ECC_NONE,    PSA_ALG_RSA_PSS,           PSA_HASH_ANY,  4096 },
};
/* clang-format on */
_Static_assert(sizeof(caps) / sizeof(caps[0]) <= WORKER_CAPS_MAX, "they fit into one info");

unsigned soft_threads(const struct worker_config *config)
{
	enum { THREADS_MIN = 2 };
	cpu_set_t cpus;
	unsigned count = config->threads;

	if (count == 0) {
		count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : THREADS_MIN;
		count = count < THREADS_MIN ? THREADS_MIN : count;
	}
	return count > WORKER_THREADS_MAX ? WORKER_THREADS_MAX : count;
}

static struct status soft_open(
	void *self, struct bytes state, struct bytes tag, struct worker_info *ret_info, struct buf *ret_state)
{
	struct soft *soft = self;

	(void)tag; /* blobs are bound to their hardware ids, which begin with it */
	TRY(soft_wrapping_open(soft, state, ret_state));
	TRY(soft_cache_new(&soft->cache));
	(void)snprintf(soft->info.description, sizeof(soft->info.description), "%s", OpenSSL_version(OPENSSL_VERSION));
	soft->info.verify_after_sign = soft->config.verify_after_sign == WORKER_VERIFY_ON;
	soft->info.cap_count = sizeof(caps) / sizeof(caps[0]);
	memcpy(soft->info.caps, caps, sizeof(caps));
	*ret_info = soft->info;
	return OK;
}

static struct status soft_generate(
	void *self, const struct worker_request *rq, struct bytes parent, struct worker_answer *answer)
{
	struct soft *soft = self;
	AUTO(pkey_done) EVP_PKEY *key = NULL;

	(void)parent;
	TRY(worker_info_supports(&soft->info, &rq->key));
	TRY(soft_key_make(&rq->key, &key));
	TRY(soft_key_public(&rq->key, key, &answer->part[1]));
	return soft_key_seal(soft, rq, key, &answer->part[0]);
}

static struct status soft_sign_op(void *self, const struct worker_request *rq, struct bytes blob, struct bytes parent,
	struct bytes hash, struct worker_answer *answer)
{
	struct soft *soft = self;
	AUTO(signer_done) EVP_PKEY_CTX *signer = NULL;

	(void)parent;
	/* The agent asked too; the blob is sealed to its policy, so here it cannot be got round. */
	TRY(psa_key_permits(&rq->key, PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE, rq->alg));
	TRY(psa_hash_fits(rq->alg, hash.len));
	TRY(soft_key_open(soft, rq, blob, &signer));
	return soft_sign(rq, signer, hash, &answer->part[0]);
}

static struct status soft_destroy(
	void *self, const struct worker_request *rq, struct bytes blob, struct worker_answer *answer)
{
	struct soft *soft = self;
	uint8_t id[SOFT_ID_BYTES];

	(void)answer;
	TRY(soft_cache_id(rq, blob, id));
	soft_cache_drop(soft->cache, id);
	return OK;
}

static struct status soft_random(void *self, uint32_t bytes, struct worker_answer *answer)
{
	uint8_t *to = buf_reserve(&answer->part[0], bytes);

	(void)self;
	ENSURE(to != NULL, LIMIT);
	ENSURE(RAND_bytes(to, (int)bytes) == 1, RANDOM_FAILED);
	buf_grew(&answer->part[0], bytes);
	return OK;
}

const struct worker_ops soft_ops = {
	.role = "soft",
	.threads = 1, /* its main sets what soft_threads() says */
	.open = soft_open,
	.generate = soft_generate,
	.sign = soft_sign_op,
	.destroy = soft_destroy,
	.random = soft_random,
};

void soft_done(struct soft *soft)
{
	soft_cache_free(soft->cache);
	secret_done(&soft->key);
	soft_wrappers_free(soft);
	own_close(&soft->key_file);
	own_close(&soft->key_dir);
	*soft = (struct soft){ .key_file = -1, .key_dir = -1 };
}
