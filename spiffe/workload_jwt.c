/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/workload_jwt.h"

#include <jansson.h>

#include "base/own.h"
#include "spiffe/strict.h"

enum { CLAIMS_DEPTH_MAX = 32 };

static void json_done(json_t **json)
{
	json_decref(*json);
}

/* ---- the payload ------------------------------------------------------------------------------- */

/* The middle one of exactly three segments, none of them empty. */
static struct status payload_segment(struct bytes token, struct bytes *ret_segment)
{
	const uint8_t *end = token.data + token.len;
	const uint8_t *first = memchr(token.data, '.', token.len);
	const uint8_t *second = first == NULL ? NULL : memchr(first + 1, '.', (size_t)(end - first - 1));

	ENSURE(first != NULL && second != NULL, JWT_MALFORMED);
	ENSURE(first > token.data && second > first + 1 && second + 1 < end, JWT_MALFORMED);
	ENSURE(memchr(second + 1, '.', (size_t)(end - second - 1)) == NULL, JWT_MALFORMED);
	*ret_segment = bytes_of(first + 1, (size_t)(second - first - 1));
	return OK;
}

static struct status payload_decode(struct bytes token, json_t **ret_claims)
{
	uint8_t raw[WORKLOAD_TOKEN_MAX];
	struct bytes segment;
	json_t *claims;
	size_t len;

	ENSURE(token.len > 0, JWT_MALFORMED);
	ENSURE(token.len <= WORKLOAD_TOKEN_MAX, JWT_LONG);
	TRY(payload_segment(token, &segment));
	ENSURE(strict_base64url(segment, raw, &len), JWT_MALFORMED);
	claims = strict_json(bytes_of(raw, len), CLAIMS_DEPTH_MAX);
	if (!json_is_object(claims)) {
		json_decref(claims);
		return FAIL(JWT_PAYLOAD);
	}
	*ret_claims = claims;
	return OK;
}

/* ---- the claims -------------------------------------------------------------------------------- */

static bool is_text(const json_t *value, struct bytes want)
{
	return json_is_string(value) &&
	       bytes_equal(bytes_of(json_string_value(value), json_string_length(value)), want);
}

/* "aud" is one string or an array of them (RFC 7519 section 4.1.3). */
static bool has_audience(const json_t *aud, struct bytes want)
{
	size_t i;
	json_t *one;

	if (!json_is_array(aud))
		return is_text(aud, want);
	json_array_foreach(aud, i, one) if (is_text(one, want)) return true;
	return false;
}

/* A NumericDate may have a fraction; one that no 64-bit integer can hold is refused. */
static struct status date_claim(const json_t *value, int64_t *ret_s)
{
	double number = json_number_value(value);

	ENSURE(json_is_number(value) && number > 0 && number < 1e15, JWT_CLAIM);
	*ret_s = (int64_t)number;
	return OK;
}

struct status workload_jwt_check(struct bytes token, struct bytes spiffe_id, const struct bytes *audiences,
	size_t audience_count, int64_t now_s, struct workload_jwt_times *ret_times)
{
	AUTO(json_done) json_t *claims = NULL;
	struct workload_jwt_times times = { 0 };
	const json_t *iat;

	TRY(payload_decode(token, &claims));
	ENSURE(is_text(json_object_get(claims, "sub"), spiffe_id), JWT_SUBJECT);
	for (size_t i = 0; i < audience_count; i++)
		ENSURE(has_audience(json_object_get(claims, "aud"), audiences[i]), JWT_AUDIENCE);
	TRY(date_claim(json_object_get(claims, "exp"), &times.expires_s));
	iat = json_object_get(claims, "iat");
	if (iat != NULL)
		TRY(date_claim(iat, &times.start_s));
	ENSURE(times.expires_s > now_s, JWT_EXPIRED);
	if (ret_times != NULL)
		*ret_times = times;
	return OK;
}
