/* SPDX-License-Identifier: Apache-2.0 */
#include "jwtsvid/cache.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/own.h"

struct entry {
	struct jwtsvid_cache_key key;
	struct jwtsvid *svid;	     /* a reference; NULL: free */
	struct entry *chain;	     /* next of its bucket, or of the free list */
	struct entry *newer, *older; /* of all in use */
};

struct jwtsvid_cache {
	EVP_MD *sha256;		/* owned; fetched once, since a fetch costs more than the hash */
	EVP_MD_CTX *ctx;	/* owned */
	struct keyset *keys;	/* a reference; NULL: trusts nobody */
	struct entry *entries;	/* owned: entries_max of them */
	struct entry **buckets; /* owned: bucket_mask + 1, a power of two */
	size_t bucket_mask;
	struct entry *free;
	struct entry *newest, *oldest;
	struct jwtsvid_cache_counts counts;
};

/* ---- order of use ------------------------------------------------------------------------------------ */

static void order_remove(struct jwtsvid_cache *c, struct entry *e)
{
	*(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
	*(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static void order_add_newest(struct jwtsvid_cache *c, struct entry *e)
{
	e->newer = NULL;
	e->older = c->newest;
	*(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

/* ---- buckets ----------------------------------------------------------------------------------------- */

/* The index is a hash already, and only verified tokens get in. */
static struct entry **bucket_of(const struct jwtsvid_cache *c, const struct jwtsvid_cache_key *key)
{
	uint64_t number;

	memcpy(&number, key->input, sizeof(number));
	return &c->buckets[number & c->bucket_mask];
}

static struct entry *entry_find(const struct jwtsvid_cache *c, const struct jwtsvid_cache_key *key)
{
	struct entry *e = *bucket_of(c, key);

	while (e != NULL && memcmp(e->key.input, key->input, sizeof(key->input)) != 0)
		e = e->chain;
	return e;
}

static void entry_end(struct jwtsvid_cache *c, struct entry *e)
{
	struct entry **link = bucket_of(c, &e->key);

	while (*link != e)
		link = &(*link)->chain;
	*link = e->chain;
	order_remove(c, e);
	jwtsvid_unref(e->svid);
	*e = (struct entry){ .chain = c->free };
	c->free = e;
	c->counts.entries--;
}

/* ---- making and ending ------------------------------------------------------------------------------- */

static size_t bucket_count(size_t entries_max)
{
	size_t count = 1;

	while (count < entries_max)
		count *= 2;
	return count;
}

static void cache_done(struct jwtsvid_cache **cache)
{
	jwtsvid_cache_free(*cache);
}

struct status jwtsvid_cache_new(size_t entries_max, struct jwtsvid_cache **ret_cache)
{
	AUTO(cache_done) struct jwtsvid_cache *c = NULL;

	ENSURE(entries_max > 0 && entries_max <= JWTSVID_CACHE_MAX, LIMIT);
	c = calloc(1, sizeof(*c));
	ENSURE(c != NULL, NO_MEMORY);
	c->entries = calloc(entries_max, sizeof(*c->entries));
	c->buckets = calloc(bucket_count(entries_max), sizeof(struct entry *));
	c->bucket_mask = bucket_count(entries_max) - 1;
	c->ctx = EVP_MD_CTX_new();
	ENSURE(c->entries != NULL && c->buckets != NULL && c->ctx != NULL, NO_MEMORY);
	c->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	ENSURE(c->sha256 != NULL, CRYPTO);
	for (size_t i = entries_max; i > 0; i--) {
		c->entries[i - 1].chain = c->free;
		c->free = &c->entries[i - 1];
	}
	*ret_cache = TAKE(c);
	return OK;
}

void jwtsvid_cache_free(struct jwtsvid_cache *cache)
{
	if (cache == NULL)
		return;
	while (cache->newest != NULL)
		entry_end(cache, cache->newest);
	keyset_unref(cache->keys);
	EVP_MD_free(cache->sha256);
	EVP_MD_CTX_free(cache->ctx);
	free(cache->entries);
	free(cache->buckets);
	free(cache);
}

/* ---- use --------------------------------------------------------------------------------------------- */

static bool key_is_trusted(const struct jwtsvid_cache *c, const struct jwtsvid *svid)
{
	return c->keys != NULL && keyset_has_key(c->keys, jwtsvid_domain(svid), svid->key_id);
}

void jwtsvid_cache_keys(struct jwtsvid_cache *cache, struct keyset *keys)
{
	struct entry *e = cache->newest, *older;

	keyset_unref(cache->keys);
	cache->keys = keyset_ref(keys);
	for (; e != NULL; e = older) {
		older = e->older;
		if (key_is_trusted(cache, e->svid))
			continue;
		entry_end(cache, e);
		cache->counts.ended++;
	}
}

static struct status hash(struct jwtsvid_cache *c, struct bytes text, uint8_t ret_hash[JWTSVID_CACHE_HASH_BYTES])
{
	ENSURE(EVP_DigestInit_ex2(c->ctx, c->sha256, NULL) == 1, CRYPTO);
	ENSURE(EVP_DigestUpdate(c->ctx, text.data, text.len) == 1, CRYPTO);
	ENSURE(EVP_DigestFinal_ex(c->ctx, ret_hash, NULL) == 1, CRYPTO);
	return OK;
}

struct status jwtsvid_cache_key(struct jwtsvid_cache *cache, struct bytes token, struct jwtsvid_cache_key *ret_key)
{
	struct bytes input, signature;
	struct jwtsvid_cache_key key;

	TRY(jwtsvid_split(token, &input, &signature));
	TRY(hash(cache, input, key.input));
	TRY(hash(cache, signature, key.signature));
	*ret_key = key;
	return OK;
}

struct jwtsvid *jwtsvid_cache_find(struct jwtsvid_cache *cache, const struct jwtsvid_cache_key *key, int64_t now_s)
{
	struct entry *e = entry_find(cache, key);

	if (e != NULL && now_s >= e->svid->exp_s) {
		entry_end(cache, e);
		cache->counts.ended++;
		e = NULL;
	}
	/* The same claims under another signature: a second good one (ECDSA has two) or a forgery.  Verify it. */
	if (e != NULL && memcmp(e->key.signature, key->signature, sizeof(key->signature)) != 0) {
		cache->counts.forged++;
		e = NULL;
	}
	if (e == NULL) {
		cache->counts.misses++;
		return NULL;
	}
	cache->counts.hits++;
	order_remove(cache, e);
	order_add_newest(cache, e);
	return e->svid;
}

static struct entry *entry_take_free(struct jwtsvid_cache *c)
{
	struct entry *e;

	if (c->free == NULL) {
		entry_end(c, c->oldest);
		c->counts.evicted++;
	}
	e = c->free;
	c->free = e->chain;
	return e;
}

void jwtsvid_cache_put(
	struct jwtsvid_cache *cache, const struct jwtsvid_cache_key *key, struct jwtsvid *svid, int64_t now_s)
{
	struct entry *e = entry_find(cache, key), **bucket = bucket_of(cache, key);

	if (now_s >= svid->exp_s || !key_is_trusted(cache, svid))
		return;
	if (e != NULL)
		entry_end(cache, e); /* one signature per signing input: the latest that was verified */
	e = entry_take_free(cache);
	*e = (struct entry){ .key = *key, .svid = jwtsvid_ref(svid), .chain = *bucket };
	*bucket = e;
	order_add_newest(cache, e);
	cache->counts.stored++;
	cache->counts.entries++;
}

void jwtsvid_cache_count(const struct jwtsvid_cache *cache, struct jwtsvid_cache_counts *ret_counts)
{
	*ret_counts = cache->counts;
}
