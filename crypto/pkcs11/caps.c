/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs11/caps.h"

enum { MECHANISMS_MAX = 1024 };

struct offer {
	CK_MECHANISM_TYPE generate, sign;
	uint8_t kind, family, alg; /* of psa.h */
	uint32_t bits[3];
};

/* clang-format off */
static const struct offer offers[] = {
	{ CKM_EC_KEY_PAIR_GEN,       CKM_ECDSA,        PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_ALG_ECDSA,             { 256, 384, 521 } },
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS,     PSA_KEY_RSA_PAIR, PSA_ECC_NONE,    PSA_ALG_RSA_PKCS1V15_SIGN, { 2048, 3072, 4096 } },
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS_PSS, PSA_KEY_RSA_PAIR, PSA_ECC_NONE,    PSA_ALG_RSA_PSS,           { 2048, 3072, 4096 } },
};
/* clang-format on */
static const uint8_t hashes[] = { PSA_HASH_SHA_256, PSA_HASH_SHA_384, PSA_HASH_SHA_512 };
enum { OFFERS = sizeof(offers) / sizeof(offers[0]), SIZES = 3, HASHES = sizeof(hashes) };
_Static_assert(OFFERS *SIZES *HASHES <= WORKER_CAPS_MAX, "every capability has its place");

struct mechanisms {
	CK_MECHANISM_TYPE list[MECHANISMS_MAX];
	CK_ULONG count;
};

/* Announced, meant for this use, and of a size that it takes.  Tokens that give no sizes give zeros. */
static bool has(struct session *s, const struct mechanisms *m, CK_MECHANISM_TYPE type, CK_FLAGS use, uint32_t bits)
{
	CK_MECHANISM_INFO info;

	for (CK_ULONG i = 0; i < m->count; i++) {
		if (m->list[i] != type)
			continue;
		if (s->fn->C_GetMechanismInfo(s->slot, type, &info) != CKR_OK || (info.flags & use) == 0)
			return false;
		return info.ulMaxKeySize == 0 || (bits >= info.ulMinKeySize && bits <= info.ulMaxKeySize);
	}
	return false;
}

static void add(struct worker_info *info, const struct offer *offer, uint32_t bits)
{
	for (size_t i = 0; i < HASHES; i++)
		info->caps[info->cap_count++] = (struct worker_cap){
			.kind = offer->kind, .family = offer->family, .alg = offer->alg, .hash = hashes[i], .bits = bits
		};
}

struct status caps_ask(struct session *s, struct worker_info *ret_info)
{
	struct mechanisms m = { .count = MECHANISMS_MAX };
	CK_ULONG needed = 0;

	TRY(SESSION_CHECK(s, s->fn->C_GetMechanismList(s->slot, NULL, &needed)));
	ENSURE(needed <= MECHANISMS_MAX, LIMIT);
	TRY(SESSION_CHECK(s, s->fn->C_GetMechanismList(s->slot, m.list, &m.count)));
	ret_info->cap_count = 0;
	for (size_t i = 0; i < OFFERS; i++)
		for (size_t j = 0; j < SIZES; j++)
			if (has(s, &m, offers[i].generate, CKF_GENERATE_KEY_PAIR, offers[i].bits[j]) &&
				has(s, &m, offers[i].sign, CKF_SIGN, offers[i].bits[j]))
				add(ret_info, &offers[i], offers[i].bits[j]);
	return OK;
}
