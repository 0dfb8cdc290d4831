/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto/digest.h"
#include "crypto/soft/soft.h"

struct entry {
	uint8_t id[SOFT_ID_BYTES];
	EVP_PKEY_CTX *signer; /* owned; NULL: free */
	uint64_t used;	      /* clock of the last use */
};

struct soft_cache {
	pthread_mutex_t lock;
	uint64_t clock;
	struct entry sets[SOFT_CACHE_SETS][SOFT_CACHE_WAYS];
};

struct status soft_cache_new(struct soft_cache **ret_cache)
{
	struct soft_cache *cache = calloc(1, sizeof(*cache));

	ENSURE(cache != NULL, NO_MEMORY);
	(void)pthread_mutex_init(&cache->lock, NULL); /* cannot fail with default attributes */
	*ret_cache = cache;
	return OK;
}

void soft_cache_free(struct soft_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t set = 0; set < SOFT_CACHE_SETS; set++)
		for (size_t way = 0; way < SOFT_CACHE_WAYS; way++)
			EVP_PKEY_CTX_free(cache->sets[set][way].signer);
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static struct entry *set_of(struct soft_cache *cache, const uint8_t id[SOFT_ID_BYTES])
{
	return cache->sets[id[0] % SOFT_CACHE_SETS];
}

/* With the lock held. */
static struct entry *find(struct soft_cache *cache, const uint8_t id[SOFT_ID_BYTES])
{
	struct entry *set = set_of(cache, id);

	for (size_t way = 0; way < SOFT_CACHE_WAYS; way++)
		if (set[way].signer != NULL && memcmp(set[way].id, id, SOFT_ID_BYTES) == 0)
			return &set[way];
	return NULL;
}

EVP_PKEY_CTX *soft_cache_get(struct soft_cache *cache, const uint8_t id[SOFT_ID_BYTES])
{
	EVP_PKEY_CTX *copy = NULL;
	struct entry *entry;

	(void)pthread_mutex_lock(&cache->lock);
	entry = find(cache, id);
	if (entry != NULL) {
		entry->used = ++cache->clock;
		copy = EVP_PKEY_CTX_dup(entry->signer);
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return copy;
}

/* With the lock held: its own place, a free one, or the one that was not used for longest. */
static struct entry *place_for(struct soft_cache *cache, const uint8_t id[SOFT_ID_BYTES])
{
	struct entry *set = set_of(cache, id), *place = find(cache, id);

	for (size_t way = 0; way < SOFT_CACHE_WAYS && place == NULL; way++)
		if (set[way].signer == NULL)
			place = &set[way];
	if (place != NULL)
		return place;
	place = &set[0];
	for (size_t way = 1; way < SOFT_CACHE_WAYS; way++)
		if (set[way].used < place->used)
			place = &set[way];
	return place;
}

void soft_cache_put(struct soft_cache *cache, const uint8_t id[SOFT_ID_BYTES], const EVP_PKEY_CTX *signer)
{
	EVP_PKEY_CTX *copy = EVP_PKEY_CTX_dup(signer), *old;
	struct entry *place;

	if (copy == NULL)
		return;
	(void)pthread_mutex_lock(&cache->lock);
	place = place_for(cache, id);
	old = place->signer;
	place->signer = copy;
	place->used = ++cache->clock;
	memcpy(place->id, id, SOFT_ID_BYTES);
	(void)pthread_mutex_unlock(&cache->lock);
	EVP_PKEY_CTX_free(old);
}

void soft_cache_drop(struct soft_cache *cache, const uint8_t id[SOFT_ID_BYTES])
{
	EVP_PKEY_CTX *old = NULL;
	struct entry *entry;

	(void)pthread_mutex_lock(&cache->lock);
	entry = find(cache, id);
	if (entry != NULL) {
		old = entry->signer;
		entry->signer = NULL;
	}
	(void)pthread_mutex_unlock(&cache->lock);
	EVP_PKEY_CTX_free(old);
}

struct status soft_cache_id(const struct worker_request *rq, struct bytes blob, uint8_t ret_id[SOFT_ID_BYTES])
{
	uint8_t raw[PSA_ATTRIBUTES_BYTES + WORKER_HARDWARE_ID_BYTES + SOFT_BLOB_MAX];
	struct buf all = { .data = raw, .room = sizeof(raw), .max_bytes = sizeof(raw) }; /* borrows, never grows */

	ENSURE(blob.len <= SOFT_BLOB_MAX, DEVICE_INTEGRITY);
	psa_attributes_put(&all, &rq->key);
	buf_put(&all, bytes_of(rq->hardware_id, sizeof(rq->hardware_id)));
	buf_put(&all, blob);
	TRY(buf_check(&all));
	return digest_sha256(buf_bytes(&all), ret_id);
}
