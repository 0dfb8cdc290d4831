/* SPDX-License-Identifier: Apache-2.0
 *
 * The software provider from within: OpenSSL keys that leave this process only sealed under a wrapping key, which a
 * TPM or a token sealed in turn, or which lies in a file of mode 0600.  Key operations run on several threads at once
 * and share the cache; everything else belongs to the opening thread. */
#ifndef CRYPTO_SOFT_SOFT_H
#define CRYPTO_SOFT_SOFT_H

#include "base/role.h"
#include "base/secret.h"
#include "crypto/worker.h"
#include "crypto/worker_config.h"

enum {
	SOFT_BLOB_MAX = 4096, /* sealed RSA-4096: 2 400 */
	SOFT_CACHE_SETS = 128,
	SOFT_CACHE_WAYS = 4, /* 512 decoded keys: an RSA-4096 takes 12 KiB */
	SOFT_ID_BYTES = 32,
	SOFT_KEY_FILE_NAME_MAX = 64,
};

/* EVP_PKEY and EVP_PKEY_CTX by other names, so that this header needs no OpenSSL. */
struct evp_pkey_st;
struct evp_pkey_ctx_st;

struct soft_cache;

/* A TPM or token that may wrap: the name of its provider, and the socket to its worker. */
struct soft_wrapper {
	char name[WORKER_CONFIG_NAME_MAX + 1];
	struct ipc *ipc; /* owned */
};

struct soft {
	struct worker_config config;
	struct worker_info info;		      /* what was announced; immutable once open */
	struct soft_wrapper wrappers[ROLE_ITEMS_MAX]; /* in the order of choice; ended once the key is there */
	size_t wrapper_count;
	int key_file, key_dir;	  /* owned; -1: none */
	struct secret key;	  /* owned: the wrapping key */
	struct soft_cache *cache; /* owned */
};

/* provider.c: what worker_run() drives; self is a struct soft. */
extern const struct worker_ops soft_ops;
/* How many threads a configuration asks for: its number, or one per core, at least 2 so that generating an RSA key
 * leaves one for signatures. */
unsigned soft_threads(const struct worker_config *config);
void soft_done(struct soft *soft);

/* wrapping.c: find the wrapping key where the state says; without a state make one at the first wrapper, or in the key
 * file when there is none.  ret_state is left empty when nothing changed.
 * Fails: WRAP_MISSING, RECORD_CORRUPT (the state), RANDOM_FAILED, IO, NO_MEMORY. */
struct status soft_wrapping_open(struct soft *soft, struct bytes state, struct buf *ret_state);
void soft_wrappers_free(struct soft *soft);
/* Open the key file of this provider in the state directory, making an empty one if `create`.  -1 where there is none
 * and none is to be made.  Before the sandbox.  Fails: IO, WRAP_MISSING (not ours alone). */
struct status soft_key_file_open(int dir, const char *provider, bool create, int *ret_fd);

/* key.c: the caller frees a key with EVP_PKEY_free().
 * Fails: CRYPTO, NO_MEMORY, LIMIT; open also DEVICE_INTEGRITY (another key's blob, damaged, other attributes). */
struct status soft_key_make(const struct psa_key_attributes *attributes, struct evp_pkey_st **ret_key);
struct status soft_key_seal(
	struct soft *soft, const struct worker_request *rq, struct evp_pkey_st *key, struct buf *ret_blob);
/* A context that is ready to sign, the caller's own; freed with EVP_PKEY_CTX_free(). */
struct status soft_key_open(
	struct soft *soft, const struct worker_request *rq, struct bytes blob, struct evp_pkey_ctx_st **ret_signer);
/* In the wire's format. */
struct status soft_key_public(
	const struct psa_key_attributes *attributes, struct evp_pkey_st *key, struct buf *ret_public);

/* cache.c: decoded keys, each in a context that is ready to sign (making one takes a sixth of a P-256 signature's
 * time), by the hash of all that was authenticated when they were opened; any thread. */
struct status soft_cache_new(struct soft_cache **ret_cache);
void soft_cache_free(struct soft_cache *cache);
/* A copy for the caller; NULL when it is not there. */
struct evp_pkey_ctx_st *soft_cache_get(struct soft_cache *cache, const uint8_t id[SOFT_ID_BYTES]);
/* Keeps a copy; the least recently used of the set makes room, and its key is wiped with the last reference. */
void soft_cache_put(struct soft_cache *cache, const uint8_t id[SOFT_ID_BYTES], const struct evp_pkey_ctx_st *signer);
void soft_cache_drop(struct soft_cache *cache, const uint8_t id[SOFT_ID_BYTES]);
/* The id of a blob under these attributes and this hardware id.  Fails: DEVICE_INTEGRITY (too long), CRYPTO. */
struct status soft_cache_id(const struct worker_request *rq, struct bytes blob, uint8_t ret_id[SOFT_ID_BYTES]);

/* sign.c: the signature in the wire's format.  Fails: CRYPTO, ATTR_ALG, LIMIT. */
struct status soft_sign(
	const struct worker_request *rq, struct evp_pkey_ctx_st *signer, struct bytes hash, struct buf *ret);

/* rc.c: what OpenSSL's queue says, as a status; empties the queue. */
#define SOFT_FAIL() soft_rc(__FILE__, __LINE__, __func__)
struct status soft_rc(const char *file, int line, const char *function);

#endif
