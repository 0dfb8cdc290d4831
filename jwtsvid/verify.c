/* SPDX-License-Identifier: Apache-2.0 */
#include "jwtsvid/verify.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/own.h"
#include "spiffe/strict.h"

/* Times beyond are as good as endless; sums and differences of two of them cannot overflow. */
static const double time_cap = 0x1p61;

static void json_done(json_t **json)
{
	json_decref(*json);
}

static struct bytes text_of(const json_t *value)
{
	return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value))
				     : (struct bytes){ 0 };
}

/* ---- the token's owner ------------------------------------------------------------------------------ */

struct jwtsvid *jwtsvid_ref(struct jwtsvid *svid)
{
	(void)atomic_fetch_add_explicit(&svid->refs, 1, memory_order_relaxed);
	return svid;
}

void jwtsvid_unref(struct jwtsvid *svid)
{
	if (svid == NULL || atomic_fetch_sub_explicit(&svid->refs, 1, memory_order_acq_rel) != 1)
		return;
	spiffe_id_done(&svid->id);
	free(svid->audiences);
	free(svid->storage);
	free(svid->names);
	free(svid);
}

struct bytes jwtsvid_domain(const struct jwtsvid *svid)
{
	return svid->issuer.len > 0 ? svid->issuer : spiffe_id_domain(&svid->id);
}

static void svid_done(struct jwtsvid **svid)
{
	jwtsvid_unref(*svid);
}

/* ---- signature --------------------------------------------------------------------------------------- */

static bool is_candidate(const struct keyset_key *key, const struct jws *jws)
{
	return (!jws->has_kid || bytes_equal(key->kid, jws->kid)) && jwk_fits(key->jwk, jws->alg) &&
	       (key->only_alg == JWK_ALG_NONE || key->only_alg == jws->alg);
}

/* Steps 6 to 8: only the keys of the domain that "sub" names, never another's (SPIFFE-ID 3.1); the first that verifies
 * wins.  BUNDLE_KEYS_MAX bounds the tries of a token without kid. */
static struct status signer_find(
	const struct jws *jws, const struct keyset *keys, struct bytes domain, const struct keyset_key **ret_key)
{
	const struct keyset_domain *trusted = keyset_find(keys, domain);
	struct status st;

	ENSURE(trusted != NULL, JWT_DOMAIN_UNKNOWN);
	st = (struct status){ STATUS_JWT_KEY_UNKNOWN };
	for (size_t i = 0; i < trusted->key_count; i++) {
		const struct keyset_key *key = &trusted->keys[i];

		if (!is_candidate(key, jws))
			continue;
		st = jwk_verify(key->jwk, jws->alg, jws->signing_input, jws->signature);
		if (st.code == STATUS_OK) {
			*ret_key = key;
			return OK;
		}
		if (st.code != STATUS_JWT_SIGNATURE)
			return st; /* we failed, not the token */
	}
	return st.code == STATUS_JWT_SIGNATURE ? st : FAIL(JWT_KEY_UNKNOWN);
}

/* ---- claims ------------------------------------------------------------------------------------------ */

/* A NumericDate: whole or with a fraction, never a string (RFC 7519, 2).  Strict JSON reads every number as a real. */
static struct status date_read(const json_t *value, double *ret_s)
{
	double s = json_real_value(value);

	ENSURE(json_is_real(value), JWT_CLAIM);
	*ret_s = s > time_cap ? time_cap : s < -time_cap ? -time_cap : s;
	return OK;
}

static struct status dates_read(const json_t *claims, struct jwtsvid *svid)
{
	const json_t *nbf = json_object_get(claims, "nbf"), *iat = json_object_get(claims, "iat");
	double s;

	TRY(date_read(json_object_get(claims, "exp"), &s));
	svid->exp_s = (int64_t)ceil(s);
	svid->has_nbf = nbf != NULL;
	svid->has_start = nbf != NULL || iat != NULL;
	if (nbf != NULL) {
		TRY(date_read(nbf, &s));
		svid->nbf_s = (int64_t)ceil(s);
	}
	if (iat != NULL)
		TRY(date_read(iat, &s));
	if (svid->has_start) {
		svid->start_s = (int64_t)floor(s);
		svid->start_up_s = (int64_t)ceil(s);
	}
	return OK;
}

/* One string, or an array of them; element NULL past the end. */
static const json_t *audience_at(const json_t *aud, size_t index)
{
	return json_is_array(aud) ? json_array_get(aud, index) : index == 0 ? aud : NULL;
}

static struct status audiences_measure(const json_t *aud, size_t *ret_count, size_t *ret_bytes)
{
	size_t count = 0, bytes = 0;
	const json_t *one;

	while ((one = audience_at(aud, count)) != NULL) {
		ENSURE(text_of(one).len > 0, JWT_CLAIM);
		bytes += text_of(one).len;
		count++;
	}
	ENSURE(count > 0, JWT_CLAIM);
	ENSURE(count <= JWTSVID_AUDIENCES_MAX, JWT_AUDIENCE);
	*ret_count = count;
	*ret_bytes = bytes;
	return OK;
}

static struct status audiences_read(const json_t *claims, struct jwtsvid *svid)
{
	const json_t *aud = json_object_get(claims, "aud");
	size_t count = 0, bytes = 0;
	uint8_t *at;

	TRY(audiences_measure(aud, &count, &bytes));
	svid->audiences = calloc(count, sizeof(*svid->audiences));
	svid->storage = malloc(bytes);
	ENSURE(svid->audiences != NULL && svid->storage != NULL, NO_MEMORY);
	at = svid->storage;
	for (size_t i = 0; i < count; i++) {
		struct bytes text = text_of(audience_at(aud, i));

		memcpy(at, text.data, text.len);
		svid->audiences[i] = bytes_of(at, text.len);
		at += text.len;
	}
	svid->audience_count = count;
	return OK;
}

/* Opaque, of any length: for comparison only. */
static struct status jti_read(const json_t *claims, struct jwtsvid *svid)
{
	struct bytes jti = text_of(json_object_get(claims, "jti"));

	svid->has_jti = jti.len > 0;
	if (!svid->has_jti)
		return OK;
	ENSURE(EVP_Digest(jti.data, jti.len, svid->jti_hash, NULL, EVP_sha256(), NULL) == 1, CRYPTO);
	return OK;
}

static void key_note(struct jwtsvid *svid, const struct keyset_key *key, const struct keyset *keys, enum jwk_alg alg)
{
	svid->alg = alg;
	svid->generation = keyset_generation(keys);
	memcpy(svid->key_id, key->id, sizeof(svid->key_id));
	strict_show(key->kid, svid->kid, sizeof(svid->kid));
}

/* ---- authenticate ------------------------------------------------------------------------------------ */

/* "MUST be JWT or JOSE" when present (JWT-SVID 2.3); exact case. */
static bool typ_is_svid(const struct jws *jws)
{
	return !jws->has_typ || bytes_equal(jws->typ, BYTES_LITERAL("JWT")) ||
	       bytes_equal(jws->typ, BYTES_LITERAL("JOSE"));
}

static struct status claims_parse(const struct jws *jws, json_t **ret_claims)
{
	*ret_claims = strict_json(jws->payload, JWTSVID_PAYLOAD_DEPTH_MAX);
	ENSURE(*ret_claims != NULL || errno != ENOMEM, NO_MEMORY);
	ENSURE(json_is_object(*ret_claims), JWT_PAYLOAD);
	return OK;
}

static struct status svid_new(struct jwtsvid **ret_svid)
{
	struct jwtsvid *svid = calloc(1, sizeof(*svid));

	ENSURE(svid != NULL, NO_MEMORY);
	atomic_init(&svid->refs, 1);
	*ret_svid = svid;
	return OK;
}

static struct status subject_read(const json_t *claims, struct spiffe_id *ret_id)
{
	struct status st = spiffe_id_parse(text_of(json_object_get(claims, "sub")), ret_id);

	return st.code == STATUS_ID_MALFORMED ? FAIL(JWT_SUBJECT) : st;
}

/* The token says who it is of; that decides whose keys count, and nothing else is read before its signature is known
 * to be good. */
static struct status verify(
	const struct jws *jws, const json_t *claims, const struct keyset *keys, struct jwtsvid *svid)
{
	const struct keyset_key *signer;

	TRY(signer_find(jws, keys, jwtsvid_domain(svid), &signer));
	TRY(audiences_read(claims, svid));
	TRY(jti_read(claims, svid));
	TRY(dates_read(claims, svid));
	key_note(svid, signer, keys, jws->alg);
	return OK;
}

/* keys NULL: without the signature. */
static struct status svid_read(struct bytes token, const struct keyset *keys, struct jwtsvid **ret_svid)
{
	AUTO(svid_done) struct jwtsvid *svid = NULL;
	AUTO(jws_done) struct jws jws = { 0 };
	AUTO(json_done) json_t *claims = NULL;

	TRY(jws_parse(token, &jws));
	ENSURE(typ_is_svid(&jws), JWT_HEADER);
	TRY(claims_parse(&jws, &claims));
	TRY(svid_new(&svid));
	TRY(subject_read(claims, &svid->id));
	if (keys != NULL) {
		TRY(verify(&jws, claims, keys, svid));
	} else {
		TRY(audiences_read(claims, svid));
		TRY(dates_read(claims, svid));
		svid->alg = jws.alg;
		strict_show(jws.kid, svid->kid, sizeof(svid->kid));
	}
	*ret_svid = TAKE(svid);
	return OK;
}

struct status jwtsvid_authenticate(struct bytes token, const struct keyset *keys, struct jwtsvid **ret_svid)
{
	return svid_read(token, keys, ret_svid);
}

struct status jwtsvid_read(struct bytes token, struct jwtsvid **ret_svid)
{
	return svid_read(token, NULL, ret_svid);
}

/* ---- the tokens of other providers ------------------------------------------------------------------- */

static const struct jwtsvid_issuer *issuer_find(
	struct bytes name, const struct jwtsvid_issuer *issuers, size_t issuer_count)
{
	for (size_t i = 0; name.len > 0 && i < issuer_count; i++)
		if (bytes_equal(issuers[i].name, name))
			return &issuers[i];
	return NULL;
}

static bool typ_is_issuers(const struct jwtsvid_issuer *issuer, const struct jws *jws)
{
	for (size_t i = 0; jws->has_typ && i < issuer->type_count; i++)
		if (bytes_equal(issuer->types[i], jws->typ))
			return true;
	return !jws->has_typ && issuer->may_lack_type;
}

/* C0, DEL, and C1 as UTF-8 has it: what would steer a terminal or a log. */
static bool has_control(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < 0x20 || text.data[i] == 0x7f ||
			(text.data[i] == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0))
			return true;
	return false;
}

static struct status names_read(const json_t *claims, const struct jwtsvid_issuer *issuer, struct jwtsvid *svid)
{
	char claim[JWTSVID_SUBJECT_MAX_BYTES + 1] = "";
	struct bytes subject;

	ENSURE(issuer->claim.len > 0 && issuer->claim.len < sizeof(claim), LIMIT);
	memcpy(claim, issuer->claim.data, issuer->claim.len);
	subject = text_of(json_object_get(claims, claim));
	ENSURE(subject.len > 0 && subject.len <= JWTSVID_SUBJECT_MAX_BYTES && !has_control(subject), JWT_SUBJECT);
	svid->names = malloc(issuer->name.len + subject.len);
	ENSURE(svid->names != NULL, NO_MEMORY);
	memcpy(svid->names, issuer->name.data, issuer->name.len);
	memcpy(svid->names + issuer->name.len, subject.data, subject.len);
	svid->issuer = bytes_of(svid->names, issuer->name.len);
	svid->subject = bytes_of(svid->names + issuer->name.len, subject.len);
	return OK;
}

struct status jwtsvid_authenticate_issued(struct bytes token, const struct keyset *keys,
	const struct jwtsvid_issuer *issuers, size_t issuer_count, struct jwtsvid **ret_svid)
{
	AUTO(svid_done) struct jwtsvid *svid = NULL;
	AUTO(jws_done) struct jws jws = { 0 };
	AUTO(json_done) json_t *claims = NULL;
	const struct jwtsvid_issuer *issuer;

	TRY(jws_parse(token, &jws));
	TRY(claims_parse(&jws, &claims));
	issuer = issuer_find(text_of(json_object_get(claims, "iss")), issuers, issuer_count);
	ENSURE(issuer != NULL, JWT_ISSUER);
	ENSURE(issuer->algorithms == 0 || (issuer->algorithms >> jws.alg & 1) != 0, JWT_ALG);
	ENSURE(typ_is_issuers(issuer, &jws), JWT_HEADER);
	TRY(svid_new(&svid));
	TRY(names_read(claims, issuer, svid));
	TRY(verify(&jws, claims, keys, svid));
	*ret_svid = TAKE(svid);
	return OK;
}

/* ---- judge ------------------------------------------------------------------------------------------- */

struct status jwtsvid_rules_check(const struct jwtsvid_rules *rules)
{
	ENSURE(rules->audience_count > 0 && rules->audience_count <= JWTSVID_AUDIENCES_MAX, RULES_AUDIENCE);
	for (size_t i = 0; i < rules->audience_count; i++)
		ENSURE(rules->audiences[i].len > 0, RULES_AUDIENCE);
	ENSURE(rules->leeway_s >= 0 && rules->leeway_s <= JWTSVID_LEEWAY_MAX_S, LIMIT);
	ENSURE(rules->max_lifetime_s >= 0 && rules->max_age_s >= 0, LIMIT);
	return OK;
}

static bool has_our_audience(const struct jwtsvid *svid, const struct jwtsvid_rules *rules)
{
	for (size_t i = 0; i < rules->audience_count; i++)
		for (size_t j = 0; j < svid->audience_count; j++)
			if (bytes_equal(rules->audiences[i], svid->audiences[j]))
				return true;
	return false;
}

static struct status times_judge(const struct jwtsvid *svid, const struct jwtsvid_rules *rules, int64_t now_s)
{
	/* "on or after which the JWT MUST NOT be accepted" (RFC 7519, 4.1.4): equality is past. */
	ENSURE(now_s < svid->exp_s + rules->leeway_s, JWT_EXPIRED);
	ENSURE(!svid->has_nbf || now_s + rules->leeway_s >= svid->nbf_s, JWT_NOT_YET);
	ENSURE(!rules->refuse_future_start || !svid->has_start || now_s + rules->leeway_s >= svid->start_up_s,
		JWT_NOT_YET);
	return OK;
}

static struct status span_judge(const struct jwtsvid *svid, const struct jwtsvid_rules *rules, int64_t now_s)
{
	int64_t lifetime_s = svid->has_start ? jwtsvid_lifetime_s(svid) : svid->exp_s - now_s;

	/* An age that cannot be told is too old. */
	ENSURE(svid->has_start || (!rules->need_start && rules->max_age_s == 0), JWT_CLAIM);
	ENSURE(rules->max_lifetime_s == 0 || lifetime_s <= rules->max_lifetime_s, JWT_LIFETIME);
	ENSURE(rules->max_age_s == 0 || jwtsvid_age_s(svid, now_s) <= rules->max_age_s, JWT_AGE);
	return OK;
}

struct status jwtsvid_judge(const struct jwtsvid *svid, const struct jwtsvid_rules *rules, int64_t now_s)
{
	TRY(jwtsvid_rules_check(rules));
	ENSURE(!rules->single_audience || svid->audience_count == 1, JWT_AUDIENCE);
	ENSURE(has_our_audience(svid, rules), JWT_AUDIENCE);
	TRY(times_judge(svid, rules, now_s));
	return span_judge(svid, rules, now_s);
}

int64_t jwtsvid_age_s(const struct jwtsvid *svid, int64_t now_s)
{
	if (!svid->has_start)
		return INT64_MAX;
	return now_s > svid->start_s ? now_s - svid->start_s : 0;
}

int64_t jwtsvid_lifetime_s(const struct jwtsvid *svid)
{
	return svid->has_start ? svid->exp_s - svid->start_s : INT64_MAX;
}

/* ---- both -------------------------------------------------------------------------------------------- */

struct status jwtsvid_verify(struct bytes token, const struct keyset *keys, const struct jwtsvid_rules *rules,
	int64_t now_s, struct jwtsvid **ret_svid)
{
	AUTO(svid_done) struct jwtsvid *svid = NULL;

	TRY(jwtsvid_rules_check(rules));
	TRY(jwtsvid_authenticate(token, keys, &svid));
	TRY(jwtsvid_judge(svid, rules, now_s));
	*ret_svid = TAKE(svid);
	return OK;
}

struct status jwtsvid_split(struct bytes token, struct bytes *ret_signing_input, struct bytes *ret_signature_text)
{
	struct jws_parts parts;

	TRY(jws_split(token, &parts));
	*ret_signing_input = parts.signing_input;
	*ret_signature_text = parts.signature;
	return OK;
}
