/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/replay.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/own.h"

enum { BUCKETS = 16384 };

struct used {
	struct used *next;
	uint64_t domain; /* keyed hash: domains are few, and not the token's choice */
	int64_t forget_s;
	uint8_t jti_hash[REPLAY_HASH_BYTES];
};

struct replays {
	struct hash_seed seed;
	int64_t began_s, swept_s;
	size_t count;
	struct used *buckets[BUCKETS];
};

struct status replays_new(int64_t began_s, struct replays **ret_all)
{
	AUTO(own_free) struct replays *all = calloc(1, sizeof(*all));

	ENSURE(all != NULL, NO_MEMORY);
	TRY(hash_seed(&all->seed));
	all->began_s = began_s;
	*ret_all = TAKE(all);
	return OK;
}

/* What is no longer good, of one bucket. */
static void sweep(struct replays *all, struct used **link, int64_t now_s)
{
	while (*link != NULL) {
		struct used *used = *link;

		if (now_s < used->forget_s) {
			link = &used->next;
			continue;
		}
		*link = used->next;
		free(used);
		all->count--;
	}
}

static void sweep_all(struct replays *all, int64_t now_s)
{
	if (all->swept_s == now_s)
		return; /* a full table is walked once a second, no more */
	all->swept_s = now_s;
	for (size_t i = 0; i < BUCKETS; i++)
		sweep(all, &all->buckets[i], now_s);
}

void replays_free(struct replays *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		sweep(all, &all->buckets[i], INT64_MAX);
	free(all);
}

struct status replays_use(struct replays *all, const struct replay_token *token, int64_t now_s)
{
	uint64_t domain = hash_keyed(&all->seed, 0, token->domain);
	struct used **bucket, *used;

	ENSURE(token->has_jti, TOKEN_JTI);
	ENSURE(token->has_start && token->start_s > all->began_s, TOKEN_USED);
	bucket = &all->buckets[hash_keyed(&all->seed, domain, bytes_of(token->jti_hash, REPLAY_HASH_BYTES)) % BUCKETS];
	sweep(all, bucket, now_s);
	for (used = *bucket; used != NULL; used = used->next)
		ENSURE(used->domain != domain || memcmp(used->jti_hash, token->jti_hash, REPLAY_HASH_BYTES) != 0,
			TOKEN_USED);
	if (all->count >= REPLAY_MAX)
		sweep_all(all, now_s);
	ENSURE(all->count < REPLAY_MAX, TOKEN_TABLE);
	used = malloc(sizeof(*used));
	ENSURE(used != NULL, NO_MEMORY);
	*used = (struct used){ .next = *bucket, .domain = domain, .forget_s = token->forget_s };
	memcpy(used->jti_hash, token->jti_hash, REPLAY_HASH_BYTES);
	*bucket = used;
	all->count++;
	return OK;
}

size_t replays_count(const struct replays *all)
{
	return all->count;
}
