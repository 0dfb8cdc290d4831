/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/caps.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "crypto/public.h"
#include "crypto/tpm/sign.h"
#include "crypto/tpm/template.h"

static const uint8_t hashes[] = { PSA_HASH_SHA_256, PSA_HASH_SHA_384, PSA_HASH_SHA_512, PSA_HASH_SHA3_256,
	PSA_HASH_SHA3_384, PSA_HASH_SHA3_512 };
static const uint32_t curve_bits[] = { 256, 384, 521 };
static const uint32_t rsa_bits[] = { 2048, 3072, 4096 };

enum {
	HASHES = sizeof(hashes),
	CURVES = sizeof(curve_bits) / sizeof(curve_bits[0]),
	RSA_SIZES = sizeof(rsa_bits) / sizeof(rsa_bits[0]),
};
_Static_assert(HASHES *(CURVES + 2 * RSA_SIZES) <= WORKER_CAPS_MAX, "every capability has a place");

/* ---- questions -------------------------------------------------------------------------------------- */

static struct status ask(struct tpm *t, TPM2_CAP group, uint32_t first, uint32_t count, TPMS_CAPABILITY_DATA **ret)
{
	TPMI_YES_NO more;

	return device_check(&t->device, "GetCapability",
		Esys_GetCapability(
			t->device.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, group, first, count, &more, ret));
}

static struct status has_algorithm(struct tpm *t, TPM2_ALG_ID id, bool *ret_has)
{
	AUTO(device_free) TPMS_CAPABILITY_DATA *data = NULL;
	const TPML_ALG_PROPERTY *list;

	TRY(ask(t, TPM2_CAP_ALGS, id, 1, &data));
	list = &data->data.algorithms;
	*ret_has = list->count == 1 && list->algProperties[0].alg == id;
	return OK;
}

static struct status has_curves(struct tpm *t, bool ret_has[CURVES])
{
	AUTO(device_free) TPMS_CAPABILITY_DATA *data = NULL;
	const TPML_ECC_CURVE *list;

	TRY(ask(t, TPM2_CAP_ECC_CURVES, 0, TPM2_MAX_ECC_CURVES, &data));
	list = &data->data.eccCurves;
	for (size_t i = 0; i < CURVES; i++) {
		ret_has[i] = false;
		for (uint32_t j = 0; j < list->count && j < TPM2_MAX_ECC_CURVES; j++)
			ret_has[i] |= list->eccCurves[j] == template_curve(PSA_ECC_SECP_R1, curve_bits[i]);
	}
	return OK;
}

/* "No" is one of several codes; none of them is a failure. */
static struct status has_rsa_sizes(struct tpm *t, bool ret_has[RSA_SIZES])
{
	for (size_t i = 0; i < RSA_SIZES; i++) {
		const TPMT_PUBLIC_PARMS asked = { .type = TPM2_ALG_RSA,
			.parameters.rsaDetail = { .symmetric.algorithm = TPM2_ALG_NULL,
				.scheme.scheme = TPM2_ALG_NULL,
				.keyBits = (TPMI_RSA_KEY_BITS)rsa_bits[i] } };
		TSS2_RC rc = Esys_TestParms(t->device.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &asked);

		if (rc_read(rc).status != STATUS_DEVICE_UNSUPPORTED)
			TRY(device_check(&t->device, "TestParms", rc));
		ret_has[i] = rc == TSS2_RC_SUCCESS;
	}
	return OK;
}

/* ---- salts ------------------------------------------------------------------------------------------ */

static const struct psa_alg pss = { .kind = PSA_ALG_RSA_PSS, .hash = PSA_HASH_SHA_256 };
static const struct psa_key_attributes pss_key = { .kind = PSA_KEY_RSA_PAIR,
	.bits = 2048,
	.usage = PSA_USAGE_SIGN_HASH,
	.alg = { .kind = PSA_ALG_RSA_PSS, .hash = PSA_HASH_SHA_256 } };

/* Does one signature verify with a salt as long as its hash? */
static struct status try_salt(struct tpm *t, ESYS_TR key, const TPM2B_PUBLIC *made, bool *ret_fits)
{
	static const uint8_t hash[DIGEST_SHA256_BYTES] = "any 32 bytes will do";
	AUTO(buf_done) struct buf signature = buf_make(PSA_SIGNATURE_MAX_BYTES);
	AUTO(buf_done) struct buf public = buf_make(PSA_PUBLIC_MAX_BYTES);
	struct bytes digest = bytes_of(hash, sizeof(hash));
	struct status st;

	TRY(sign_digest(t, key, &pss_key, pss, digest, &signature));
	TRY(template_export(&pss_key, made, &public));
	st = public_verify(NULL, &pss_key, buf_bytes(&public), pss, digest, buf_bytes(&signature));
	if (st.code != STATUS_OK && st.code != STATUS_SIGNATURE_WRONG)
		return st;
	*ret_fits = st.code == STATUS_OK;
	return OK;
}

/* A key of the hierarchy that forgets, for one signature. */
static struct status probe_salt(struct tpm *t, bool *ret_fits)
{
	static const TPM2B_SENSITIVE_CREATE no_auth;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	AUTO(device_free) TPM2B_PUBLIC *made = NULL;
	TPM2B_PUBLIC template;
	ESYS_TR key = ESYS_TR_NONE;
	struct status st, flushed;
	TSS2_RC rc;

	TRY(template_key(&pss_key, &template));
	TRY(slots_room(&t->slots, 1));
	rc = Esys_CreatePrimary(t->device.esys, ESYS_TR_RH_NULL, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth,
		&template, &no_data, &no_pcrs, &key, &made, NULL, NULL, NULL);
	TRY(device_check(&t->device, "CreatePrimary", rc));
	st = try_salt(t, key, made, ret_fits);
	flushed = device_flush(&t->device, &key);
	return st.code != STATUS_OK ? st : flushed;
}

static struct status pss_fits(struct tpm *t, bool *ret_fits)
{
	uint32_t high, low;
	uint64_t firmware;

	TRY(device_property(&t->device, TPM2_PT_FIRMWARE_VERSION_1, &high));
	TRY(device_property(&t->device, TPM2_PT_FIRMWARE_VERSION_2, &low));
	firmware = (uint64_t)high << 32 | low;
	if (t->state.firmware != firmware) {
		TRY(probe_salt(t, &t->state.pss_fits));
		t->state.firmware = firmware;
		t->state_changed = true;
	}
	*ret_fits = t->state.pss_fits;
	return OK;
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static void add(struct worker_info *info, uint8_t kind, uint8_t family, uint32_t bits, uint8_t alg, uint8_t hash)
{
	info->caps[info->cap_count++] =
		(struct worker_cap){ .kind = kind, .family = family, .alg = alg, .hash = hash, .bits = bits };
}

static struct status read_hashes(struct tpm *t, bool ret_has[HASHES])
{
	for (size_t i = 0; i < HASHES; i++)
		TRY(has_algorithm(t, template_hash(hashes[i]), &ret_has[i]));
	return OK;
}

static struct status add_ecc(struct tpm *t, const bool has_hash[HASHES], struct worker_info *info)
{
	bool has[CURVES], ecdsa;

	TRY(has_algorithm(t, TPM2_ALG_ECDSA, &ecdsa));
	TRY(has_curves(t, has));
	for (size_t i = 0; i < CURVES; i++)
		for (size_t h = 0; h < HASHES; h++)
			if (ecdsa && has[i] && has_hash[h])
				add(info, PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, curve_bits[i], PSA_ALG_ECDSA, hashes[h]);
	return OK;
}

static struct status add_rsa(struct tpm *t, const bool has_hash[HASHES], struct worker_info *info)
{
	bool has[RSA_SIZES], ssa, pss_there;

	TRY(has_algorithm(t, TPM2_ALG_RSASSA, &ssa));
	TRY(has_algorithm(t, TPM2_ALG_RSAPSS, &pss_there));
	TRY(has_rsa_sizes(t, has));
	if (pss_there && has[0])
		TRY(pss_fits(t, &pss_there));
	for (size_t i = 0; i < RSA_SIZES; i++)
		for (size_t h = 0; h < HASHES; h++) {
			if (ssa && has[i] && has_hash[h])
				add(info, PSA_KEY_RSA_PAIR, PSA_ECC_NONE, rsa_bits[i], PSA_ALG_RSA_PKCS1V15_SIGN,
					hashes[h]);
			if (pss_there && has[i] && has_hash[h])
				add(info, PSA_KEY_RSA_PAIR, PSA_ECC_NONE, rsa_bits[i], PSA_ALG_RSA_PSS, hashes[h]);
		}
	return OK;
}

/* Four characters of a property; what is not printable is left out. */
static size_t put_characters(uint32_t value, char *to, size_t at, size_t room)
{
	for (int shift = 24; shift >= 0; shift -= 8) {
		char c = (char)(value >> shift & 0xff);

		if (c > ' ' && c < 0x7f && at + 1 < room)
			to[at++] = c;
	}
	to[at] = '\0';
	return at;
}

static struct status describe(struct tpm *t, char ret_text[sizeof(((struct worker_info *)0)->description)])
{
	enum { VENDOR_STRINGS = 4, PART = 20 };
	char maker[PART], model[PART] = "";
	uint32_t value, revision, high, low;
	size_t at = 0;

	TRY(device_property(&t->device, TPM2_PT_MANUFACTURER, &value));
	(void)put_characters(value, maker, 0, sizeof(maker));
	for (uint32_t i = 0; i < VENDOR_STRINGS; i++) {
		TRY(device_property(&t->device, TPM2_PT_VENDOR_STRING_1 + i, &value));
		at = put_characters(value, model, at, sizeof(model));
	}
	TRY(device_property(&t->device, TPM2_PT_REVISION, &revision));
	TRY(device_property(&t->device, TPM2_PT_FIRMWARE_VERSION_1, &high));
	TRY(device_property(&t->device, TPM2_PT_FIRMWARE_VERSION_2, &low));
	(void)snprintf(ret_text, sizeof(((struct worker_info *)0)->description),
		"TPM 2.0 %s %s, revision %u.%02u, firmware %08x.%08x", maker, model, (unsigned)revision / 100,
		(unsigned)revision % 100, (unsigned)high, (unsigned)low);
	return OK;
}

struct status caps_read(struct tpm *t, struct worker_info *ret_info)
{
	bool has_hash[HASHES];

	ret_info->cap_count = 0;
	TRY(describe(t, ret_info->description));
	TRY(read_hashes(t, has_hash));
	TRY(add_ecc(t, has_hash, ret_info));
	return add_rsa(t, has_hash, ret_info);
}
