/* SPDX-License-Identifier: Apache-2.0
 *
 * Section 8 of the wire reference, both ways.  Numbers from outside are range-checked before they are used; what
 * proto3 reads from an absent field (0, NULL) is a refusal wherever a value is needed. */
#include "wire/psa_pb_types.h"

enum {
	CIPHER_COUNT = 9, /* Parsec's Cipher: 1 STREAM_CIPHER to 8 CBC_PKCS7 */
	AEAD_COUNT = 4,	  /* 1 CCM, 2 GCM, 3 CHACHA20_POLY1305 */
	RAW_COUNT = 3,	  /* 1 FFDH, 2 ECDH */
	DH_FAMILY_COUNT = 1,
};

/* ---- numbers -------------------------------------------------------------------------------------- */

/* 1 to count - 1: zero is "not given". */
static struct status number_get(uint32_t number, uint32_t count, uint8_t *ret_number)
{
	ENSURE(number > 0 && number < count, BODY_FIELD);
	*ret_number = (uint8_t)number;
	return OK;
}

static struct status hash_get(uint32_t number, uint8_t *ret_hash)
{
	return number_get(number, PSA_HASH_COUNT, ret_hash);
}

static struct status hashed_get(const WirePb__Hashed *from, uint8_t *ret_hash)
{
	ENSURE(from != NULL, BODY_FIELD);
	return hash_get(from->hash_alg, ret_hash);
}

/* ---- algorithms ------------------------------------------------------------------------------------- */

struct signature_row {
	uint8_t kind;
	bool has_hash;
};

/* By the arm's field number. */
static const struct signature_row signatures[] = {
	[1] = { PSA_ALG_RSA_PKCS1V15_SIGN, true },
	[2] = { PSA_ALG_RSA_PKCS1V15_SIGN_RAW, false },
	[3] = { PSA_ALG_RSA_PSS, true },
	[4] = { PSA_ALG_ECDSA, true },
	[5] = { PSA_ALG_ECDSA_ANY, false },
	[6] = { PSA_ALG_DETERMINISTIC_ECDSA, true },
};
enum { SIGNATURE_ROWS = sizeof(signatures) / sizeof(signatures[0]) };

/* SignHash: `any`, or one hash. */
static struct status sign_hash_get(const WirePb__SignHashed *from, uint8_t *ret_hash)
{
	ENSURE(from != NULL && from->hash_alg != NULL, BODY_FIELD);
	if (from->hash_alg->variant_case == WIRE_PB__SIGN_HASH__VARIANT_ANY) {
		*ret_hash = PSA_HASH_ANY;
		return OK;
	}
	ENSURE(from->hash_alg->variant_case == WIRE_PB__SIGN_HASH__VARIANT_SPECIFIC, BODY_FIELD);
	return hash_get(from->hash_alg->specific, ret_hash);
}

struct status wire_signature_alg_get(const WirePb__AsymmetricSignature *from, struct psa_alg *ret_alg)
{
	struct psa_alg alg = { 0 };
	uint8_t arm;

	ENSURE(from != NULL, BODY_FIELD);
	TRY(number_get((uint32_t)from->variant_case, SIGNATURE_ROWS, &arm));
	alg.kind = signatures[arm].kind;
	if (signatures[arm].has_hash) /* such arms share one type, so one pointer of the union */
		TRY(sign_hash_get(from->ecdsa, &alg.hash));
	*ret_alg = alg;
	return OK;
}

static struct status full_mac_get(const WirePb__FullLengthMac *from, struct psa_alg *alg)
{
	static const uint8_t kinds[] = { [1] = PSA_ALG_HMAC, [2] = PSA_ALG_CBC_MAC, [3] = PSA_ALG_CMAC };
	uint8_t arm;

	ENSURE(from != NULL, BODY_FIELD);
	TRY(number_get((uint32_t)from->variant_case, sizeof(kinds), &arm));
	alg->kind = kinds[arm];
	return alg->kind == PSA_ALG_HMAC ? hashed_get(from->hmac, &alg->hash) : OK;
}

static struct status mac_get(const WirePb__Mac *from, struct psa_alg *alg)
{
	ENSURE(from != NULL, BODY_FIELD);
	if (from->variant_case == WIRE_PB__MAC__VARIANT_FULL_LENGTH)
		return full_mac_get(from->full_length, alg);
	ENSURE(from->variant_case == WIRE_PB__MAC__VARIANT_TRUNCATED && from->truncated != NULL, BODY_FIELD);
	ENSURE(from->truncated->mac_length > 0, BODY_FIELD); /* 0 is how we write "not truncated" */
	alg->length = from->truncated->mac_length;
	return full_mac_get(from->truncated->mac_alg, alg);
}

static struct status aead_get(const WirePb__Aead *from, struct psa_alg *alg)
{
	ENSURE(from != NULL, BODY_FIELD);
	alg->kind = PSA_ALG_AEAD;
	if (from->variant_case == WIRE_PB__AEAD__VARIANT_DEFAULT_LENGTH)
		return number_get(from->default_length, AEAD_COUNT, &alg->variant);
	ENSURE(from->variant_case == WIRE_PB__AEAD__VARIANT_SHORTENED && from->shortened != NULL, BODY_FIELD);
	ENSURE(from->shortened->tag_length > 0, BODY_FIELD); /* as above */
	alg->length = from->shortened->tag_length;
	return number_get(from->shortened->aead_alg, AEAD_COUNT, &alg->variant);
}

static struct status encryption_get(const WirePb__AsymmetricEncryption *from, struct psa_alg *alg)
{
	ENSURE(from != NULL, BODY_FIELD);
	if (from->variant_case == WIRE_PB__ASYMMETRIC_ENCRYPTION__VARIANT_RSA_PKCS1V15_CRYPT) {
		alg->kind = PSA_ALG_RSA_PKCS1V15_CRYPT;
		return OK;
	}
	ENSURE(from->variant_case == WIRE_PB__ASYMMETRIC_ENCRYPTION__VARIANT_RSA_OAEP, BODY_FIELD);
	alg->kind = PSA_ALG_RSA_OAEP;
	return hashed_get(from->rsa_oaep, &alg->hash);
}

/* The arms of KeyDerivation share one type. */
static struct status derivation_get(const WirePb__KeyDerivation *from, uint8_t *ret_number, uint8_t *ret_hash)
{
	ENSURE(from != NULL, BODY_FIELD);
	TRY(number_get((uint32_t)from->variant_case, WIRE_PB__KEY_DERIVATION__VARIANT_TLS12_PSK_TO_MS + 1, ret_number));
	return hashed_get(from->hkdf, ret_hash);
}

static struct status agreement_get(const WirePb__KeyAgreement *from, struct psa_alg *alg)
{
	ENSURE(from != NULL, BODY_FIELD);
	alg->kind = PSA_ALG_KEY_AGREEMENT;
	if (from->variant_case == WIRE_PB__KEY_AGREEMENT__VARIANT_RAW)
		return number_get(from->raw, RAW_COUNT, &alg->variant);
	ENSURE(from->variant_case == WIRE_PB__KEY_AGREEMENT__VARIANT_WITH_KEY_DERIVATION, BODY_FIELD);
	ENSURE(from->with_key_derivation != NULL, BODY_FIELD);
	TRY(number_get(from->with_key_derivation->ka_alg, RAW_COUNT, &alg->variant));
	return derivation_get(from->with_key_derivation->kdf_alg, &alg->kdf, &alg->hash);
}

static struct status alg_get(const WirePb__Algorithm *from, struct psa_alg *alg)
{
	ENSURE(from != NULL, BODY_FIELD);
	switch ((int)from->variant_case) {
	case WIRE_PB__ALGORITHM__VARIANT_NONE:
		alg->kind = PSA_ALG_NONE;
		return OK;
	case WIRE_PB__ALGORITHM__VARIANT_HASH:
		alg->kind = PSA_ALG_HASH;
		return hash_get(from->hash, &alg->hash);
	case WIRE_PB__ALGORITHM__VARIANT_MAC:
		return mac_get(from->mac, alg);
	case WIRE_PB__ALGORITHM__VARIANT_CIPHER:
		alg->kind = PSA_ALG_CIPHER;
		return number_get(from->cipher, CIPHER_COUNT, &alg->variant);
	case WIRE_PB__ALGORITHM__VARIANT_AEAD:
		return aead_get(from->aead, alg);
	case WIRE_PB__ALGORITHM__VARIANT_ASYMMETRIC_SIGNATURE:
		return wire_signature_alg_get(from->asymmetric_signature, alg);
	case WIRE_PB__ALGORITHM__VARIANT_ASYMMETRIC_ENCRYPTION:
		return encryption_get(from->asymmetric_encryption, alg);
	case WIRE_PB__ALGORITHM__VARIANT_KEY_AGREEMENT:
		return agreement_get(from->key_agreement, alg);
	case WIRE_PB__ALGORITHM__VARIANT_KEY_DERIVATION:
		alg->kind = PSA_ALG_KEY_DERIVATION;
		return derivation_get(from->key_derivation, &alg->variant, &alg->hash);
	default: /* no arm; the generated enumeration has a filler member, so that a list would never be complete */
		return FAIL(BODY_FIELD);
	}
}

static struct status signature_fill(struct alg_tree *t, struct psa_alg alg)
{
	for (uint32_t arm = 1; arm < SIGNATURE_ROWS; arm++) {
		if (signatures[arm].kind != alg.kind)
			continue;
		t->signature.variant_case = (WirePb__AsymmetricSignature__VariantCase)arm;
		if (signatures[arm].has_hash)
			t->signature.ecdsa = &t->sign_hashed;
		else
			t->signature.ecdsa_any = &t->nothing;
	}
	t->sign_hashed.hash_alg = &t->sign_hash;
	if (alg.hash == PSA_HASH_ANY) {
		t->sign_hash.variant_case = WIRE_PB__SIGN_HASH__VARIANT_ANY;
		t->sign_hash.any = &t->nothing;
	} else {
		t->sign_hash.variant_case = WIRE_PB__SIGN_HASH__VARIANT_SPECIFIC;
		t->sign_hash.specific = alg.hash;
	}
	return OK;
}

static void mac_fill(struct alg_tree *t, struct psa_alg alg)
{
	if (alg.kind == PSA_ALG_HMAC) {
		t->full.variant_case = WIRE_PB__FULL_LENGTH_MAC__VARIANT_HMAC;
		t->full.hmac = &t->hashed;
	} else {
		t->full.variant_case = alg.kind == PSA_ALG_CMAC ? WIRE_PB__FULL_LENGTH_MAC__VARIANT_CMAC
								: WIRE_PB__FULL_LENGTH_MAC__VARIANT_CBC_MAC;
		t->full.cmac = &t->nothing;
	}
	if (alg.length == 0) {
		t->mac.variant_case = WIRE_PB__MAC__VARIANT_FULL_LENGTH;
		t->mac.full_length = &t->full;
		return;
	}
	t->mac.variant_case = WIRE_PB__MAC__VARIANT_TRUNCATED;
	t->mac.truncated = &t->truncated;
	t->truncated.mac_alg = &t->full;
	t->truncated.mac_length = alg.length;
}

static void aead_fill(struct alg_tree *t, struct psa_alg alg)
{
	if (alg.length == 0) {
		t->aead.variant_case = WIRE_PB__AEAD__VARIANT_DEFAULT_LENGTH;
		t->aead.default_length = alg.variant;
		return;
	}
	t->aead.variant_case = WIRE_PB__AEAD__VARIANT_SHORTENED;
	t->aead.shortened = &t->shortened;
	t->shortened.aead_alg = alg.variant;
	t->shortened.tag_length = alg.length;
}

static void encryption_fill(struct alg_tree *t, struct psa_alg alg)
{
	if (alg.kind == PSA_ALG_RSA_OAEP) {
		t->encryption.variant_case = WIRE_PB__ASYMMETRIC_ENCRYPTION__VARIANT_RSA_OAEP;
		t->encryption.rsa_oaep = &t->hashed;
	} else {
		t->encryption.variant_case = WIRE_PB__ASYMMETRIC_ENCRYPTION__VARIANT_RSA_PKCS1V15_CRYPT;
		t->encryption.rsa_pkcs1v15_crypt = &t->nothing;
	}
}

static void derivation_fill(struct alg_tree *t, uint8_t number)
{
	t->derivation.variant_case = (WirePb__KeyDerivation__VariantCase)number;
	t->derivation.hkdf = &t->hashed;
}

static void agreement_fill(struct alg_tree *t, struct psa_alg alg)
{
	if (alg.kdf == 0) {
		t->agreement.variant_case = WIRE_PB__KEY_AGREEMENT__VARIANT_RAW;
		t->agreement.raw = alg.variant;
		return;
	}
	t->agreement.variant_case = WIRE_PB__KEY_AGREEMENT__VARIANT_WITH_KEY_DERIVATION;
	t->agreement.with_key_derivation = &t->derived;
	t->derived.ka_alg = alg.variant;
	t->derived.kdf_alg = &t->derivation;
	derivation_fill(t, alg.kdf);
}

/* clang-format off */
static void tree_init(struct alg_tree *t)
{
	*t = (struct alg_tree){
		.alg = WIRE_PB__ALGORITHM__INIT, .signature = WIRE_PB__ASYMMETRIC_SIGNATURE__INIT,
		.sign_hashed = WIRE_PB__SIGN_HASHED__INIT, .sign_hash = WIRE_PB__SIGN_HASH__INIT,
		.encryption = WIRE_PB__ASYMMETRIC_ENCRYPTION__INIT, .mac = WIRE_PB__MAC__INIT,
		.full = WIRE_PB__FULL_LENGTH_MAC__INIT, .truncated = WIRE_PB__TRUNCATED_MAC__INIT,
		.aead = WIRE_PB__AEAD__INIT, .shortened = WIRE_PB__SHORTENED_AEAD__INIT,
		.agreement = WIRE_PB__KEY_AGREEMENT__INIT, .derived = WIRE_PB__DERIVED_AGREEMENT__INIT,
		.derivation = WIRE_PB__KEY_DERIVATION__INIT, .hashed = WIRE_PB__HASHED__INIT,
		.nothing = WIRE_PB__NOTHING__INIT,
	};
}
/* clang-format on */

struct status wire_signature_alg_fill(struct alg_tree *tree, struct psa_alg alg)
{
	ENSURE(psa_alg_is_signature(alg), ENCODE);
	tree_init(tree);
	return signature_fill(tree, alg);
}

static struct status alg_fill(struct alg_tree *t, struct psa_alg alg)
{
	tree_init(t);
	t->hashed.hash_alg = alg.hash;
	switch ((enum psa_alg_kind)alg.kind) {
	case PSA_ALG_NONE:
		t->alg.variant_case = WIRE_PB__ALGORITHM__VARIANT_NONE;
		t->alg.none = &t->nothing;
		return OK;
	case PSA_ALG_HASH:
		t->alg.variant_case = WIRE_PB__ALGORITHM__VARIANT_HASH;
		t->alg.hash = alg.hash;
		return OK;
	case PSA_ALG_HMAC:
	case PSA_ALG_CBC_MAC:
	case PSA_ALG_CMAC:
		t->alg.variant_case = WIRE_PB__ALGORITHM__VARIANT_MAC;
		t->alg.mac = &t->mac;
		mac_fill(t, alg);
		return OK;
	case PSA_ALG_CIPHER:
		t->alg.variant_case = WIRE_PB__ALGORITHM__VARIANT_CIPHER;
		t->alg.cipher = alg.variant;
		return OK;
	case PSA_ALG_AEAD:
		t->alg.variant_case = WIRE_PB__ALGORITHM__VARIANT_AEAD;
		t->alg.aead = &t->aead;
		aead_fill(t, alg);
		return OK;
	case PSA_ALG_RSA_PKCS1V15_SIGN:
	case PSA_ALG_RSA_PKCS1V15_SIGN_RAW:
	case PSA_ALG_RSA_PSS:
	case PSA_ALG_ECDSA:
	case PSA_ALG_ECDSA_ANY:
	case PSA_ALG_DETERMINISTIC_ECDSA:
		t->alg.variant_case = WIRE_PB__ALGORITHM__VARIANT_ASYMMETRIC_SIGNATURE;
		t->alg.asymmetric_signature = &t->signature;
		return signature_fill(t, alg);
	case PSA_ALG_RSA_PKCS1V15_CRYPT:
	case PSA_ALG_RSA_OAEP:
		t->alg.variant_case = WIRE_PB__ALGORITHM__VARIANT_ASYMMETRIC_ENCRYPTION;
		t->alg.asymmetric_encryption = &t->encryption;
		encryption_fill(t, alg);
		return OK;
	case PSA_ALG_KEY_AGREEMENT:
		t->alg.variant_case = WIRE_PB__ALGORITHM__VARIANT_KEY_AGREEMENT;
		t->alg.key_agreement = &t->agreement;
		agreement_fill(t, alg);
		return OK;
	case PSA_ALG_KEY_DERIVATION:
		t->alg.variant_case = WIRE_PB__ALGORITHM__VARIANT_KEY_DERIVATION;
		t->alg.key_derivation = &t->derivation;
		derivation_fill(t, alg.variant);
		return OK;
	case PSA_ALG_ABSENT:
	case PSA_ALG_KIND_COUNT:
		break;
	}
	return FAIL(ENCODE);
}

/* ---- attributes -------------------------------------------------------------------------------------- */

static bool has_family(uint8_t kind)
{
	return kind >= PSA_KEY_ECC_PAIR && kind <= PSA_KEY_DH_PUBLIC;
}

static struct status type_get(const WirePb__KeyType *from, struct psa_key_attributes *key)
{
	ENSURE(from != NULL, BODY_FIELD);
	TRY(number_get((uint32_t)from->variant_case, PSA_KEY_KIND_COUNT, &key->kind)); /* our numbers are the arms' */
	if (!has_family(key->kind))
		return OK;
	ENSURE(from->ecc_key_pair != NULL, BODY_FIELD); /* the four arms share one type */
	if (key->kind == PSA_KEY_ECC_PAIR || key->kind == PSA_KEY_ECC_PUBLIC)
		return number_get(from->ecc_key_pair->family, PSA_ECC_FAMILY_COUNT, &key->family);
	ENSURE(from->ecc_key_pair->family < DH_FAMILY_COUNT, BODY_FIELD); /* 0 is RFC 7919, a value */
	return OK;
}

static uint16_t usage_get(const WirePb__UsageFlags *f)
{
	unsigned usage = 0;

	usage |= f->export ? PSA_USAGE_EXPORT : 0u;
	usage |= f->copy ? PSA_USAGE_COPY : 0u;
	usage |= f->cache ? PSA_USAGE_CACHE : 0u;
	usage |= f->encrypt ? PSA_USAGE_ENCRYPT : 0u;
	usage |= f->decrypt ? PSA_USAGE_DECRYPT : 0u;
	usage |= f->sign_message ? PSA_USAGE_SIGN_MESSAGE : 0u;
	usage |= f->verify_message ? PSA_USAGE_VERIFY_MESSAGE : 0u;
	usage |= f->sign_hash ? PSA_USAGE_SIGN_HASH : 0u;
	usage |= f->verify_hash ? PSA_USAGE_VERIFY_HASH : 0u;
	usage |= f->derive ? PSA_USAGE_DERIVE : 0u;
	return psa_usage_implied((uint16_t)usage);
}

struct status wire_attributes_get(const WirePb__KeyAttributes *from, struct psa_key_attributes *ret_key)
{
	struct psa_key_attributes key = { 0 };

	ENSURE(from != NULL, BODY_FIELD);
	TRY(type_get(from->key_type, &key));
	key.bits = from->key_bits;
	ENSURE(from->key_policy != NULL && from->key_policy->key_usage_flags != NULL, BODY_FIELD);
	key.usage = usage_get(from->key_policy->key_usage_flags);
	TRY(alg_get(from->key_policy->key_algorithm, &key.alg));
	*ret_key = key;
	return OK;
}

static void usage_fill(WirePb__UsageFlags *f, uint16_t usage)
{
	f->export = (usage & PSA_USAGE_EXPORT) != 0;
	f->copy = (usage & PSA_USAGE_COPY) != 0;
	f->cache = (usage & PSA_USAGE_CACHE) != 0;
	f->encrypt = (usage & PSA_USAGE_ENCRYPT) != 0;
	f->decrypt = (usage & PSA_USAGE_DECRYPT) != 0;
	f->sign_message = (usage & PSA_USAGE_SIGN_MESSAGE) != 0;
	f->verify_message = (usage & PSA_USAGE_VERIFY_MESSAGE) != 0;
	f->sign_hash = (usage & PSA_USAGE_SIGN_HASH) != 0;
	f->verify_hash = (usage & PSA_USAGE_VERIFY_HASH) != 0;
	f->derive = (usage & PSA_USAGE_DERIVE) != 0;
}

struct status wire_attributes_fill(struct attributes_tree *tree, const struct psa_key_attributes *key)
{
	ENSURE(key->kind > PSA_KEY_NONE && key->kind < PSA_KEY_KIND_COUNT, ENCODE);
	tree->attributes = (WirePb__KeyAttributes)WIRE_PB__KEY_ATTRIBUTES__INIT;
	tree->type = (WirePb__KeyType)WIRE_PB__KEY_TYPE__INIT;
	tree->family = (WirePb__Family)WIRE_PB__FAMILY__INIT;
	tree->nothing = (WirePb__Nothing)WIRE_PB__NOTHING__INIT;
	tree->policy = (WirePb__KeyPolicy)WIRE_PB__KEY_POLICY__INIT;
	tree->usage = (WirePb__UsageFlags)WIRE_PB__USAGE_FLAGS__INIT;

	tree->family.family = key->family;
	tree->type.variant_case = (WirePb__KeyType__VariantCase)key->kind;
	if (has_family(key->kind))
		tree->type.ecc_key_pair = &tree->family;
	else
		tree->type.raw_data = &tree->nothing;
	usage_fill(&tree->usage, key->usage);
	TRY(alg_fill(&tree->alg, key->alg));
	tree->policy.key_usage_flags = &tree->usage;
	tree->policy.key_algorithm = &tree->alg.alg;
	tree->attributes.key_type = &tree->type;
	tree->attributes.key_bits = key->bits;
	tree->attributes.key_policy = &tree->policy;
	return OK;
}
