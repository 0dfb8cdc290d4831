/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/psa.h"

#include <stdio.h>
#include <strings.h>

/* ---- hashes --------------------------------------------------------------------------------------- */

struct hash_row {
	uint8_t bytes;
	const char *name;
};

/* clang-format off */
static const struct hash_row hashes[PSA_HASH_COUNT] = {
	[PSA_HASH_NONE]        = { 0,  "none" },
	[PSA_HASH_MD2]         = { 16, "MD2" },
	[PSA_HASH_MD4]         = { 16, "MD4" },
	[PSA_HASH_MD5]         = { 16, "MD5" },
	[PSA_HASH_RIPEMD160]   = { 20, "RIPEMD160" },
	[PSA_HASH_SHA_1]       = { 20, "SHA-1" },
	[PSA_HASH_SHA_224]     = { 28, "SHA-224" },
	[PSA_HASH_SHA_256]     = { 32, "SHA-256" },
	[PSA_HASH_SHA_384]     = { 48, "SHA-384" },
	[PSA_HASH_SHA_512]     = { 64, "SHA-512" },
	[PSA_HASH_SHA_512_224] = { 28, "SHA-512-224" },
	[PSA_HASH_SHA_512_256] = { 32, "SHA-512-256" },
	[PSA_HASH_SHA3_224]    = { 28, "SHA3-224" },
	[PSA_HASH_SHA3_256]    = { 32, "SHA3-256" },
	[PSA_HASH_SHA3_384]    = { 48, "SHA3-384" },
	[PSA_HASH_SHA3_512]    = { 64, "SHA3-512" },
};
/* clang-format on */

size_t psa_hash_bytes(uint8_t hash)
{
	return hash < PSA_HASH_COUNT ? hashes[hash].bytes : 0;
}

const char *psa_hash_name(uint8_t hash)
{
	if (hash == PSA_HASH_ANY)
		return "any";
	return hash < PSA_HASH_COUNT ? hashes[hash].name : "unknown";
}

bool psa_hash_from_name(const char *name, uint8_t *ret_hash)
{
	for (unsigned i = PSA_HASH_NONE + 1; i < PSA_HASH_COUNT; i++)
		if (strcasecmp(name, hashes[i].name) == 0) {
			*ret_hash = (uint8_t)i;
			return true;
		}
	return false;
}

/* ---- algorithms ------------------------------------------------------------------------------------ */

struct alg_row {
	const char *name;
	bool is_signature, has_hash;
};

/* clang-format off */
static const struct alg_row algs[PSA_ALG_KIND_COUNT] = {
	[PSA_ALG_ABSENT]                = { "absent",                false, false },
	[PSA_ALG_NONE]                  = { "none",                  false, false },
	[PSA_ALG_HASH]                  = { "hash",                  false, true },
	[PSA_ALG_HMAC]                  = { "hmac",                  false, true },
	[PSA_ALG_CBC_MAC]               = { "cbc-mac",               false, false },
	[PSA_ALG_CMAC]                  = { "cmac",                  false, false },
	[PSA_ALG_CIPHER]                = { "cipher",                false, false },
	[PSA_ALG_AEAD]                  = { "aead",                  false, false },
	[PSA_ALG_RSA_PKCS1V15_SIGN]     = { "rsa-pkcs1v15",          true,  true },
	[PSA_ALG_RSA_PKCS1V15_SIGN_RAW] = { "rsa-pkcs1v15-raw",      true,  false },
	[PSA_ALG_RSA_PSS]               = { "rsa-pss",               true,  true },
	[PSA_ALG_ECDSA]                 = { "ecdsa",                 true,  true },
	[PSA_ALG_ECDSA_ANY]             = { "ecdsa-unhashed",        true,  false },
	[PSA_ALG_DETERMINISTIC_ECDSA]   = { "deterministic-ecdsa",   true,  true },
	[PSA_ALG_RSA_PKCS1V15_CRYPT]    = { "rsa-pkcs1v15-crypt",    false, false },
	[PSA_ALG_RSA_OAEP]              = { "rsa-oaep",              false, true },
	[PSA_ALG_KEY_AGREEMENT]         = { "key-agreement",         false, false },
	[PSA_ALG_KEY_DERIVATION]        = { "key-derivation",        false, true },
};
/* clang-format on */

bool psa_alg_equal(struct psa_alg a, struct psa_alg b)
{
	return a.kind == b.kind && a.hash == b.hash && a.variant == b.variant && a.kdf == b.kdf && a.length == b.length;
}

bool psa_alg_is_signature(struct psa_alg alg)
{
	return alg.kind < PSA_ALG_KIND_COUNT && algs[alg.kind].is_signature;
}

/* Parsec's numbers, for names: cipher modes, AEADs, agreements, derivations. */
static const char *variant_name(struct psa_alg alg)
{
	static const char *const ciphers[] = { NULL, "stream", "ctr", "cfb", "ofb", "xts", "ecb", "cbc", "cbc-pkcs7" };
	static const char *const aeads[] = { NULL, "ccm", "gcm", "chacha20-poly1305" };
	static const char *const agreements[] = { NULL, "ffdh", "ecdh" };
	static const char *const derivations[] = { NULL, "hkdf", "tls12-prf", "tls12-psk-to-ms" };

#define VARIANT_OF(table) (alg.variant < sizeof(table) / sizeof((table)[0]) ? (table)[alg.variant] : NULL)
	if (alg.kind == PSA_ALG_CIPHER)
		return VARIANT_OF(ciphers);
	if (alg.kind == PSA_ALG_AEAD)
		return VARIANT_OF(aeads);
	if (alg.kind == PSA_ALG_KEY_AGREEMENT)
		return VARIANT_OF(agreements);
	return alg.kind == PSA_ALG_KEY_DERIVATION ? VARIANT_OF(derivations) : NULL;
#undef VARIANT_OF
}

static void lower(char *text)
{
	for (; *text != '\0'; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

void psa_alg_name(struct psa_alg alg, char ret_text[PSA_NAME_BYTES])
{
	const char *kind = alg.kind < PSA_ALG_KIND_COUNT ? algs[alg.kind].name : "unknown";
	bool has_hash = alg.kind < PSA_ALG_KIND_COUNT && algs[alg.kind].has_hash;
	const char *variant = variant_name(alg);
	const char *hash = has_hash || alg.hash != PSA_HASH_NONE ? psa_hash_name(alg.hash) : NULL;
	char length[16] = "";

	if (alg.length != 0)
		(void)snprintf(length, sizeof(length), "-%u", (unsigned)alg.length);
	(void)snprintf(ret_text, PSA_NAME_BYTES, "%s%s%s%s%s%s", kind, variant != NULL ? "-" : "",
		variant != NULL ? variant : "", hash != NULL ? "-" : "", hash != NULL ? hash : "", length);
	lower(ret_text);
}

bool psa_alg_from_name(const char *name, struct psa_alg *ret_alg)
{
	for (unsigned kind = PSA_ALG_NONE; kind < PSA_ALG_KIND_COUNT; kind++) {
		struct psa_alg alg = { .kind = (uint8_t)kind };
		size_t len = strlen(algs[kind].name);

		if (kind != PSA_ALG_NONE && !algs[kind].is_signature)
			continue;
		if (strncasecmp(name, algs[kind].name, len) != 0)
			continue;
		if (!algs[kind].has_hash && name[len] != '\0')
			continue;
		if (algs[kind].has_hash &&
			(name[len] != '-' || (strcasecmp(name + len + 1, "any") != 0 &&
						     !psa_hash_from_name(name + len + 1, &alg.hash))))
			continue;
		if (algs[kind].has_hash && alg.hash == PSA_HASH_NONE)
			alg.hash = PSA_HASH_ANY;
		*ret_alg = alg;
		return true;
	}
	return false;
}

/* ---- keys ------------------------------------------------------------------------------------------ */

struct key_row {
	const char *name;
	uint8_t pair, public, family;
	uint32_t bits;
};

/* clang-format off */
static const struct key_row keys[] = {
	{ "ecc-p192",      PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 192 },
	{ "ecc-p224",      PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 224 },
	{ "ecc-p256",      PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 256 },
	{ "ecc-p384",      PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 384 },
	{ "ecc-p521",      PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_R1, 521 },
	{ "ecc-secp256k1", PSA_KEY_ECC_PAIR, PSA_KEY_ECC_PUBLIC, PSA_ECC_SECP_K1, 256 },
	{ "rsa-1024",      PSA_KEY_RSA_PAIR, PSA_KEY_RSA_PUBLIC, PSA_ECC_NONE,    1024 },
	{ "rsa-2048",      PSA_KEY_RSA_PAIR, PSA_KEY_RSA_PUBLIC, PSA_ECC_NONE,    2048 },
	{ "rsa-3072",      PSA_KEY_RSA_PAIR, PSA_KEY_RSA_PUBLIC, PSA_ECC_NONE,    3072 },
	{ "rsa-4096",      PSA_KEY_RSA_PAIR, PSA_KEY_RSA_PUBLIC, PSA_ECC_NONE,    4096 },
};
/* clang-format on */

enum { KEY_ROWS = sizeof(keys) / sizeof(keys[0]) };

const char *psa_key_name(const struct psa_key_attributes *key)
{
	for (size_t i = 0; i < KEY_ROWS; i++)
		if ((key->kind == keys[i].pair || key->kind == keys[i].public) && key->family == keys[i].family &&
			key->bits == keys[i].bits)
			return keys[i].name;
	return NULL;
}

bool psa_key_from_name(const char *name, struct psa_key_attributes *key)
{
	for (size_t i = 0; i < KEY_ROWS; i++)
		if (strcasecmp(name, keys[i].name) == 0) {
			key->kind = keys[i].pair;
			key->family = keys[i].family;
			key->bits = keys[i].bits;
			return true;
		}
	return false;
}

uint16_t psa_usage_implied(uint16_t usage)
{
	if ((usage & PSA_USAGE_SIGN_HASH) != 0)
		usage |= PSA_USAGE_SIGN_MESSAGE;
	if ((usage & PSA_USAGE_VERIFY_HASH) != 0)
		usage |= PSA_USAGE_VERIFY_MESSAGE;
	return usage;
}

const char *psa_usage_name(uint16_t flag)
{
	static const char *const names[] = { "export", "copy", "cache", "encrypt", "decrypt", "sign-message",
		"verify-message", "sign-hash", "verify-hash", "derive" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flag == 1u << i)
			return names[i];
	return NULL;
}

static bool is_rsa(uint8_t kind)
{
	return kind == PSA_KEY_RSA_PAIR || kind == PSA_KEY_RSA_PUBLIC;
}

static bool is_ecc(uint8_t kind)
{
	return kind == PSA_KEY_ECC_PAIR || kind == PSA_KEY_ECC_PUBLIC;
}

size_t psa_signature_bytes(const struct psa_key_attributes *key)
{
	if (is_rsa(key->kind))
		return psa_bits_to_bytes(key->bits);
	if (is_ecc(key->kind) && key->family != PSA_ECC_MONTGOMERY)
		return 2 * psa_bits_to_bytes(key->bits);
	return 0;
}

/* ---- may it? -------------------------------------------------------------------------------------- */

/* "A policy of a signature scheme with hash `any` permits the same scheme with any specific hash; an operation with
 * `any` is never permitted; policy `none` permits nothing" (section 12, 2). */
static bool policy_permits(struct psa_alg policy, struct psa_alg alg)
{
	if (alg.kind <= PSA_ALG_NONE || alg.hash == PSA_HASH_ANY || policy.kind <= PSA_ALG_NONE)
		return false;
	if (psa_alg_is_signature(policy) && policy.hash == PSA_HASH_ANY)
		return alg.kind == policy.kind;
	return psa_alg_equal(policy, alg);
}

/* Parsec's numbers of ciphers and AEADs that the table of section 12 tells apart. */
enum { CIPHER_STREAM = 1, AEAD_CCM = 1, AEAD_GCM = 2, AEAD_CHACHA20_POLY1305 = 3, RAW_FFDH = 1, RAW_ECDH = 2 };

static bool block_cipher_fits(uint8_t kind, struct psa_alg alg)
{
	bool mac = alg.kind == PSA_ALG_CBC_MAC || alg.kind == PSA_ALG_CMAC;
	bool mode = alg.kind == PSA_ALG_CIPHER && alg.variant != CIPHER_STREAM;
	bool aead = alg.kind == PSA_ALG_AEAD && (alg.variant == AEAD_CCM || alg.variant == AEAD_GCM);

	return mac || mode || (aead && kind != PSA_KEY_DES);
}

static bool stream_cipher_fits(uint8_t kind, struct psa_alg alg)
{
	if (alg.kind == PSA_ALG_CIPHER)
		return alg.variant == CIPHER_STREAM;
	return kind == PSA_KEY_CHACHA20 && alg.kind == PSA_ALG_AEAD && alg.variant == AEAD_CHACHA20_POLY1305;
}

static bool rsa_fits(struct psa_alg alg)
{
	return alg.kind == PSA_ALG_RSA_PKCS1V15_SIGN || alg.kind == PSA_ALG_RSA_PKCS1V15_SIGN_RAW ||
	       alg.kind == PSA_ALG_RSA_PSS || alg.kind == PSA_ALG_RSA_PKCS1V15_CRYPT || alg.kind == PSA_ALG_RSA_OAEP;
}

static bool ecc_fits(struct psa_alg alg)
{
	return alg.kind == PSA_ALG_ECDSA || alg.kind == PSA_ALG_ECDSA_ANY || alg.kind == PSA_ALG_DETERMINISTIC_ECDSA ||
	       (alg.kind == PSA_ALG_KEY_AGREEMENT && alg.variant == RAW_ECDH);
}

/* The table of section 12. */
static bool type_fits(uint8_t kind, struct psa_alg alg)
{
	switch ((enum psa_key_kind)kind) {
	case PSA_KEY_HMAC:
		return alg.kind == PSA_ALG_HMAC;
	case PSA_KEY_DERIVE:
		return alg.kind == PSA_ALG_KEY_DERIVATION;
	case PSA_KEY_AES:
	case PSA_KEY_CAMELLIA:
	case PSA_KEY_DES:
		return block_cipher_fits(kind, alg);
	case PSA_KEY_ARC4:
	case PSA_KEY_CHACHA20:
		return stream_cipher_fits(kind, alg);
	case PSA_KEY_RSA_PUBLIC:
	case PSA_KEY_RSA_PAIR:
		return rsa_fits(alg);
	case PSA_KEY_ECC_PAIR:
	case PSA_KEY_ECC_PUBLIC:
		return ecc_fits(alg);
	case PSA_KEY_DH_PAIR:
	case PSA_KEY_DH_PUBLIC:
		return alg.kind == PSA_ALG_KEY_AGREEMENT && alg.variant == RAW_FFDH;
	case PSA_KEY_NONE:
	case PSA_KEY_RAW_DATA:
	case PSA_KEY_KIND_COUNT:
		return false;
	}
	return false;
}

struct status psa_key_permits(const struct psa_key_attributes *key, uint16_t usage, struct psa_alg alg)
{
	ENSURE((key->usage & usage) != 0, KEY_USAGE);
	ENSURE(policy_permits(key->alg, alg), KEY_ALG);
	ENSURE(type_fits(key->kind, alg), KEY_TYPE);
	return OK;
}

struct status psa_hash_fits(struct psa_alg alg, size_t hash_bytes)
{
	if (alg.kind == PSA_ALG_ECDSA_ANY || alg.kind == PSA_ALG_RSA_PKCS1V15_SIGN_RAW)
		return OK;
	ENSURE(hash_bytes > 0 && hash_bytes == psa_hash_bytes(alg.hash), HASH_LENGTH);
	return OK;
}

/* ---- encoding -------------------------------------------------------------------------------------- */

void psa_alg_put(struct buf *to, struct psa_alg alg)
{
	buf_put_u8(to, alg.kind);
	buf_put_u8(to, alg.hash);
	buf_put_u8(to, alg.variant);
	buf_put_u8(to, alg.kdf);
	buf_put_u32(to, alg.length);
}

void psa_alg_get(struct reader *from, struct psa_alg *ret_alg)
{
	ret_alg->kind = reader_u8(from);
	ret_alg->hash = reader_u8(from);
	ret_alg->variant = reader_u8(from);
	ret_alg->kdf = reader_u8(from);
	ret_alg->length = reader_u32(from);
}

void psa_attributes_put(struct buf *to, const struct psa_key_attributes *key)
{
	buf_put_u8(to, key->kind);
	buf_put_u8(to, key->family);
	buf_put_u16(to, key->usage);
	buf_put_u32(to, key->bits);
	psa_alg_put(to, key->alg);
}

void psa_attributes_get(struct reader *from, struct psa_key_attributes *ret_key)
{
	ret_key->kind = reader_u8(from);
	ret_key->family = reader_u8(from);
	ret_key->usage = reader_u16(from);
	ret_key->bits = reader_u32(from);
	psa_alg_get(from, &ret_key->alg);
}
