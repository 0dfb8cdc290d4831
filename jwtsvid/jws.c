/* SPDX-License-Identifier: Apache-2.0 */
#include "jwtsvid/jws.h"

#include <errno.h>
#include <jansson.h>

#include "base/own.h"
#include "spiffe/strict.h"

static void json_done(json_t **json)
{
	json_decref(*json);
}

/* ---- three parts ----------------------------------------------------------------------------------- */

/* The bytes before the first dot, which is dropped from *rest; false without a dot. */
static bool take_part(struct bytes *rest, struct bytes *ret_part)
{
	const uint8_t *dot = rest->len > 0 ? memchr(rest->data, '.', rest->len) : NULL;
	size_t len;

	if (dot == NULL)
		return false;
	len = (size_t)(dot - rest->data);
	*ret_part = bytes_of(rest->data, len);
	*rest = bytes_of(dot + 1, rest->len - len - 1);
	return true;
}

struct status jws_split(struct bytes token, struct jws_parts *ret_parts)
{
	struct bytes rest = token, fourth;
	struct jws_parts parts;

	ENSURE(token.len <= JWS_MAX_BYTES, JWT_LONG);
	ENSURE(take_part(&rest, &parts.header) && take_part(&rest, &parts.payload), JWT_MALFORMED);
	parts.signature = rest;
	ENSURE(!take_part(&rest, &fourth), JWT_MALFORMED);
	/* An empty signature is that of "alg": "none". */
	ENSURE(parts.header.len > 0 && parts.payload.len > 0 && parts.signature.len > 0, JWT_MALFORMED);
	parts.signing_input = bytes_of(token.data, parts.header.len + 1 + parts.payload.len);
	*ret_parts = parts;
	return OK;
}

/* ---- base64url ------------------------------------------------------------------------------------- */

static struct status decode(struct bytes text, struct buf *storage, struct bytes *ret_bytes)
{
	uint8_t *at = buf_reserve(storage, text.len);
	size_t len;

	ENSURE(at != NULL, NO_MEMORY);
	ENSURE(strict_base64url(text, at, &len), JWT_MALFORMED);
	buf_grew(storage, len);
	*ret_bytes = bytes_of(at, len);
	return OK;
}

/* ---- header ---------------------------------------------------------------------------------------- */

static struct bytes text_of(const json_t *value)
{
	return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value))
				     : (struct bytes){ 0 };
}

/* "The only supported JOSE headers are alg, kid and typ; others MUST NOT be included" (JWT-SVID 2): so neither "crit"
 * nor "b64", and no key that the token brings along. */
static bool members_are_known(json_t *header)
{
	const char *name;
	json_t *value;

	json_object_foreach(header, name, value) if (strcmp(name, "alg") != 0 && strcmp(name, "kid") != 0 &&
						     strcmp(name, "typ") != 0) return false;
	return true;
}

/* An optional member that is a text, copied: it outlives the JSON. */
static struct status text_read(const json_t *value, struct buf *storage, bool *ret_has, struct bytes *ret_text)
{
	struct bytes text = text_of(value);
	const uint8_t *at;

	*ret_has = value != NULL;
	if (value == NULL)
		return OK;
	ENSURE(text.len > 0, JWT_HEADER);
	at = buf_reserve(storage, text.len);
	ENSURE(at != NULL, NO_MEMORY);
	buf_put(storage, text);
	*ret_text = bytes_of(at, text.len);
	return OK;
}

static struct status header_read(struct bytes text, struct jws *jws)
{
	AUTO(json_done) json_t *header = strict_json(text, JWS_HEADER_DEPTH_MAX);

	ENSURE(header != NULL || errno != ENOMEM, NO_MEMORY);
	ENSURE(json_is_object(header), JWT_HEADER);
	jws->alg = jwk_alg_from(text_of(json_object_get(header, "alg")));
	ENSURE(jws->alg != JWK_ALG_NONE, JWT_ALG);
	ENSURE(members_are_known(header), JWT_HEADER);
	TRY(text_read(json_object_get(header, "typ"), &jws->storage, &jws->has_typ, &jws->typ));
	return text_read(json_object_get(header, "kid"), &jws->storage, &jws->has_kid, &jws->kid);
}

/* ---- both ------------------------------------------------------------------------------------------ */

struct status jws_parse(struct bytes token, struct jws *ret_jws)
{
	AUTO(jws_done) struct jws jws = { 0 };
	struct bytes header;
	struct jws_parts parts;

	TRY(jws_split(token, &parts));
	/* All is decoded into one block that never moves: three parts, and kid and typ, together no longer than the
	 * header. */
	jws.storage = buf_make(2 * JWS_MAX_BYTES);
	ENSURE(buf_reserve(&jws.storage, token.len + parts.header.len) != NULL, NO_MEMORY);
	TRY(decode(parts.header, &jws.storage, &header));
	TRY(decode(parts.payload, &jws.storage, &jws.payload));
	TRY(decode(parts.signature, &jws.storage, &jws.signature));
	TRY(header_read(header, &jws));
	jws.signing_input = parts.signing_input;
	*ret_jws = TAKE(jws);
	return OK;
}

void jws_done(struct jws *jws)
{
	buf_done(&jws->storage);
	*jws = (struct jws){ 0 };
}
