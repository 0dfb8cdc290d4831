/* SPDX-License-Identifier: Apache-2.0
 *
 * Key attributes and algorithms in PSA Crypto's terms, as plain values: what the wire, the records and the workers
 * have in common.  Zero is never a valid kind.  Pure; any thread.
 * PSA Crypto API 1.1 sections 9 and 10; Parsec wire reference sections 8, 11 and 12. */
#ifndef CRYPTO_PSA_H
#define CRYPTO_PSA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

/* Numbers are those of Parsec's KeyType. */
enum psa_key_kind {
	PSA_KEY_NONE = 0,
	PSA_KEY_RAW_DATA = 1,
	PSA_KEY_HMAC = 2,
	PSA_KEY_DERIVE = 3,
	PSA_KEY_AES = 4,
	PSA_KEY_DES = 5,
	PSA_KEY_CAMELLIA = 6,
	PSA_KEY_ARC4 = 7,
	PSA_KEY_CHACHA20 = 8,
	PSA_KEY_RSA_PUBLIC = 9,
	PSA_KEY_RSA_PAIR = 10,
	PSA_KEY_ECC_PAIR = 11,
	PSA_KEY_ECC_PUBLIC = 12,
	PSA_KEY_DH_PAIR = 13,
	PSA_KEY_DH_PUBLIC = 14,
	PSA_KEY_KIND_COUNT
};

/* Numbers are those of Parsec's EccFamily. */
enum psa_ecc_family {
	PSA_ECC_NONE = 0,
	PSA_ECC_SECP_K1 = 1,
	PSA_ECC_SECP_R1 = 2,
	PSA_ECC_SECP_R2 = 3,
	PSA_ECC_SECT_K1 = 4,
	PSA_ECC_SECT_R1 = 5,
	PSA_ECC_SECT_R2 = 6,
	PSA_ECC_BRAINPOOL_P_R1 = 7,
	PSA_ECC_FRP = 8,
	PSA_ECC_MONTGOMERY = 9,
	PSA_ECC_FAMILY_COUNT
};

/* Numbers are those of Parsec's Hash; ANY makes sense in a key's policy only. */
enum psa_hash {
	PSA_HASH_NONE = 0,
	PSA_HASH_MD2 = 1,
	PSA_HASH_MD4 = 2,
	PSA_HASH_MD5 = 3,
	PSA_HASH_RIPEMD160 = 4,
	PSA_HASH_SHA_1 = 5,
	PSA_HASH_SHA_224 = 6,
	PSA_HASH_SHA_256 = 7,
	PSA_HASH_SHA_384 = 8,
	PSA_HASH_SHA_512 = 9,
	PSA_HASH_SHA_512_224 = 10,
	PSA_HASH_SHA_512_256 = 11,
	PSA_HASH_SHA3_224 = 12,
	PSA_HASH_SHA3_256 = 13,
	PSA_HASH_SHA3_384 = 14,
	PSA_HASH_SHA3_512 = 15,
	PSA_HASH_COUNT,
	PSA_HASH_ANY = 0xff
};

enum { PSA_HASH_MAX_BYTES = 64, PSA_SIGNATURE_MAX_BYTES = 512, PSA_PUBLIC_MAX_BYTES = 600 };

/* One flat list; what an algorithm needs beside its kind is in struct psa_alg. */
enum psa_alg_kind {
	PSA_ALG_ABSENT = 0, /* no algorithm was given: refused everywhere */
	PSA_ALG_NONE,	    /* a key policy that permits nothing */
	PSA_ALG_HASH,
	PSA_ALG_HMAC,
	PSA_ALG_CBC_MAC,
	PSA_ALG_CMAC,
	PSA_ALG_CIPHER,
	PSA_ALG_AEAD,
	PSA_ALG_RSA_PKCS1V15_SIGN,
	PSA_ALG_RSA_PKCS1V15_SIGN_RAW,
	PSA_ALG_RSA_PSS,
	PSA_ALG_ECDSA,
	PSA_ALG_ECDSA_ANY,
	PSA_ALG_DETERMINISTIC_ECDSA,
	PSA_ALG_RSA_PKCS1V15_CRYPT,
	PSA_ALG_RSA_OAEP,
	PSA_ALG_KEY_AGREEMENT,
	PSA_ALG_KEY_DERIVATION,
	PSA_ALG_KIND_COUNT
};

struct psa_alg {
	uint8_t kind;	 /* enum psa_alg_kind */
	uint8_t hash;	 /* enum psa_hash: of hash, HMAC, signatures, OAEP, key derivation */
	uint8_t variant; /* Parsec's number of cipher mode, AEAD, raw agreement or key derivation; else 0 */
	uint8_t kdf;	 /* key agreement: 0 raw, else Parsec's number of the key derivation */
	uint32_t length; /* MAC or tag length in bytes where truncated or shortened; 0 = default */
};

enum psa_usage {
	PSA_USAGE_EXPORT = 1 << 0,
	PSA_USAGE_COPY = 1 << 1,
	PSA_USAGE_CACHE = 1 << 2,
	PSA_USAGE_ENCRYPT = 1 << 3,
	PSA_USAGE_DECRYPT = 1 << 4,
	PSA_USAGE_SIGN_MESSAGE = 1 << 5,
	PSA_USAGE_VERIFY_MESSAGE = 1 << 6,
	PSA_USAGE_SIGN_HASH = 1 << 7,
	PSA_USAGE_VERIFY_HASH = 1 << 8,
	PSA_USAGE_DERIVE = 1 << 9,
	PSA_USAGE_ALL = (1 << 10) - 1
};

struct psa_key_attributes {
	uint8_t kind;	/* enum psa_key_kind */
	uint8_t family; /* enum psa_ecc_family for ECC; Parsec's DhFamily for DH; else 0 */
	uint16_t usage; /* enum psa_usage, implied flags included */
	uint32_t bits;
	struct psa_alg alg; /* the key's policy */
};

/* Digest length in bytes; 0 for NONE, ANY and unknown numbers. */
size_t psa_hash_bytes(uint8_t hash);
/* "SHA-256"; "any", "none" or "unknown". */
const char *psa_hash_name(uint8_t hash);

bool psa_alg_equal(struct psa_alg a, struct psa_alg b);
/* A signature algorithm (kinds RSA_PKCS1V15_SIGN to DETERMINISTIC_ECDSA). */
bool psa_alg_is_signature(struct psa_alg alg);

/* sign_hash implies sign_message, verify_hash implies verify_message (wire reference, section 8). */
uint16_t psa_usage_implied(uint16_t usage);

/* Bytes of one coordinate of an EC key (P-521: 66), bytes of an RSA modulus. */
static inline size_t psa_bits_to_bytes(uint32_t bits)
{
	return ((size_t)bits + 7) / 8;
}

/* Length of a signature by this key in bytes; 0 where it makes none. */
size_t psa_signature_bytes(const struct psa_key_attributes *key);

/* May `key` be used for `usage` (any one of the flags given suffices) with `alg`?  Wire reference section 12, in its
 * order.  Fails: KEY_USAGE, KEY_ALG, KEY_TYPE. */
struct status psa_key_permits(const struct psa_key_attributes *key, uint16_t usage, struct psa_alg alg);

/* Does the hash's length fit the algorithm (free for ecdsa_any and raw PKCS#1)?  Fails: HASH_LENGTH. */
struct status psa_hash_fits(struct psa_alg alg, size_t hash_bytes);

/* A fixed encoding for records and messages between roles. */
enum { PSA_ATTRIBUTES_BYTES = 16, PSA_ALG_BYTES = 8 };
void psa_attributes_put(struct buf *to, const struct psa_key_attributes *key);
void psa_attributes_get(struct reader *from, struct psa_key_attributes *ret_key);
void psa_alg_put(struct buf *to, struct psa_alg alg);
void psa_alg_get(struct reader *from, struct psa_alg *ret_alg);

/* "ecc-p256", "rsa-2048": the names of the command line and the policy; NULL where there is none. */
const char *psa_key_name(const struct psa_key_attributes *key);
/* Kind (of a pair), family and bits by that name; the rest stays as it was.  False if there is none. */
bool psa_key_from_name(const char *name, struct psa_key_attributes *key);
/* "ecdsa-sha-256", "rsa-pss-any", ... into ret_text, always terminated. */
enum { PSA_NAME_BYTES = 64 };
void psa_alg_name(struct psa_alg alg, char ret_text[PSA_NAME_BYTES]);
/* A signature algorithm by its name, or "none"; false if there is none. */
bool psa_alg_from_name(const char *name, struct psa_alg *ret_alg);
/* "sha-256" or "SHA-256"; false if there is none. */
bool psa_hash_from_name(const char *name, uint8_t *ret_hash);
/* Name of one usage flag ("sign-hash"), for the names of the command line; NULL for none or several. */
const char *psa_usage_name(uint16_t flag);

#endif
