/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens that may be used once only, where a tenant asks for it: the "jti"s that were used, until their tokens have
 * expired.  Nothing of it is saved: what was issued before this run began is refused, since another run may have seen
 * it used.  A full table refuses, it never forgets.  Makes sense only with an issuer that mints a token per call. Pure,
 * with the time as an argument; the loop's thread only.  Ledger: JTI. */
#ifndef AGENT_REPLAY_H
#define AGENT_REPLAY_H

#include "base/bytes.h"
#include "base/status.h"

enum {
	REPLAY_MAX = 65536, /* "jti"s of ten minutes: more than a hundred requests a second */
	REPLAY_HASH_BYTES = 32,
};

struct replays;

/* began_s: what was issued before it or in that second is refused.  Fails: NO_MEMORY, RANDOM_FAILED. */
struct status replays_new(int64_t began_s, struct replays **ret_all);
void replays_free(struct replays *all);

struct replay_token {
	struct bytes domain; /* trust domain or issuer: "jti"s are its own */
	bool has_jti;
	const uint8_t *jti_hash; /* REPLAY_HASH_BYTES */
	bool has_start;
	int64_t start_s;
	int64_t forget_s; /* no longer good from then on: exp and leeway */
};

/* Note its use.  Fails: TOKEN_USED (or it could have been), TOKEN_JTI (it has none), TOKEN_TABLE (full),
 * NO_MEMORY. */
struct status replays_use(struct replays *all, const struct replay_token *token, int64_t now_s);
size_t replays_count(const struct replays *all);

#endif
