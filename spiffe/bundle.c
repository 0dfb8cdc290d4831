/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/bundle.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "spiffe/bundle_head.h"
#include "spiffe/id.h"
#include "spiffe/strict.h"

enum {
	LIST_VALUE_MAX_BYTES = 64 * 1024 * 1024, /* of one sized value; the message's own bound is the sender's */
	MAP_KEY_MAX_BYTES = SPIFFE_ID_MAX_BYTES,
	SHOW_BYTES = 48, /* of a kid in a report */
};

struct report {
	char text[BUNDLE_REPORT_BYTES];
};

struct bundle_set {
	atomic_uint refs;
	struct bundle *bundles; /* owned, and what they hold */
	size_t count;
	struct report *reports; /* owned */
	size_t report_count;
	size_t unreported;
};

/* Where in the message a decoder is, for reports. */
struct place {
	struct bundle_set *set;
	struct bytes domain;
	size_t index; /* of the JWK in its document, from 0 */
	char kid[SHOW_BYTES];
};

/* ---- reports --------------------------------------------------------------------------------------- */

static void report_line(struct bundle_set *set, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A report that finds no room is counted, and the last line says how many. */
static void report_line(struct bundle_set *set, const char *format, ...)
{
	char *text = set->reports[BUNDLE_REPORTS_MAX - 1].text;
	va_list args;

	if (set->report_count < BUNDLE_REPORTS_MAX - 1) {
		va_start(args, format);
		(void)vsnprintf(set->reports[set->report_count++].text, BUNDLE_REPORT_BYTES, format, args);
		va_end(args);
		return;
	}
	set->report_count = BUNDLE_REPORTS_MAX;
	(void)snprintf(text, BUNDLE_REPORT_BYTES, "and %zu more", ++set->unreported);
}

static void report_document(const struct place *at, const char *what)
{
	char domain[SPIFFE_TRUST_DOMAIN_MAX_BYTES + 1];

	strict_show(at->domain, domain, sizeof(domain));
	report_line(at->set, "%.160s: %s; the domain has no keys", domain, what);
}

static void report_key(const struct place *at, const char *what)
{
	char domain[SPIFFE_TRUST_DOMAIN_MAX_BYTES + 1];

	strict_show(at->domain, domain, sizeof(domain));
	report_line(at->set, "%.120s: key %zu (kid %s): %s", domain, at->index, at->kid, what);
}

/* ---- one JWK --------------------------------------------------------------------------------------- */

static struct bytes text_of(const json_t *value)
{
	return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value))
				     : (struct bytes){ 0 };
}

static bool is_text(const json_t *value, const char *want)
{
	return json_is_string(value) && bytes_equal(text_of(value), bytes_from_text(want));
}

static bool has_private_member(const json_t *jwk)
{
	static const char *const names[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_object_get(jwk, names[i]) != NULL)
			return true;
	return false;
}

/* JB-02: absent (SPIRE leaves it out) or "jwt-svid"; "sig" on request.  SB-07: in a SPIFFE bundle never absent.
 * JT-26: another provider's are "sig". */
static bool use_is_ours(const json_t *use, unsigned flags)
{
	if (use == NULL)
		return (flags & BUNDLE_SPIFFE_DOCUMENT) == 0;
	if ((flags & BUNDLE_ISSUER_DOCUMENT) != 0)
		return is_text(use, "sig");
	return is_text(use, "jwt-svid") || ((flags & BUNDLE_ALLOW_USE_SIG) != 0 && is_text(use, "sig"));
}

/* RFC 7517, 4.3: a key whose operations are stated verifies only if that is among them. */
static bool ops_allow(const json_t *ops)
{
	size_t i;
	json_t *op;

	if (ops == NULL)
		return true;
	json_array_foreach(ops, i, op) /* nothing at all for what is no array */
		if (is_text(op, "verify")) return true;
	return false;
}

static bool members_fit(const json_t *jwk)
{
	const json_t *alg = json_object_get(jwk, "alg"), *x5c = json_object_get(jwk, "x5c");

	return (alg == NULL || (json_is_string(alg) && json_string_length(alg) > 0)) &&
	       (x5c == NULL || json_is_array(x5c));
}

static enum bundle_kty kty_of(const json_t *jwk)
{
	const json_t *kty = json_object_get(jwk, "kty");

	if (is_text(kty, "RSA"))
		return BUNDLE_KTY_RSA;
	return is_text(kty, "EC") ? BUNDLE_KTY_EC : BUNDLE_KTY_NONE;
}

static enum bundle_curve curve_of(const json_t *jwk)
{
	const json_t *crv = json_object_get(jwk, "crv");

	if (is_text(crv, "P-256"))
		return BUNDLE_P256;
	if (is_text(crv, "P-384"))
		return BUNDLE_P384;
	return is_text(crv, "P-521") ? BUNDLE_P521 : BUNDLE_CURVE_NONE;
}

/* Why this JWK is not for us; NULL when it is. */
static const char *reason_to_ignore(const json_t *jwk, unsigned flags)
{
	if (has_private_member(jwk))
		return "ALARM: a published key document holds private key members (ignored)";
	if (kty_of(jwk) == BUNDLE_KTY_NONE)
		return "key type is missing or not one of ours (ignored)";
	if (!use_is_ours(json_object_get(jwk, "use"), flags))
		return "not for tokens by its \"use\" (ignored)";
	if (text_of(json_object_get(jwk, "kid")).len == 0)
		return "no kid (ignored)";
	if (!members_fit(jwk))
		return "member of the wrong type (ignored)";
	if (!ops_allow(json_object_get(jwk, "key_ops")))
		return "\"key_ops\" without verify (ignored)";
	if (kty_of(jwk) == BUNDLE_KTY_EC && curve_of(jwk) == BUNDLE_CURVE_NONE)
		return "curve is not one of ours (ignored)";
	return NULL;
}

/* A number's bytes at *at; false if they are missing or not base64url. */
static bool number_decode(const json_t *jwk, const char *name, uint8_t *at, struct bytes *ret_number)
{
	struct bytes text = text_of(json_object_get(jwk, name));
	size_t len;

	if (text.len == 0 || !strict_base64url(text, at, &len))
		return false;
	*ret_number = bytes_of(at, len);
	return true;
}

static bool numbers_decode(const json_t *jwk, uint8_t *at, struct bundle_key *key)
{
	bool is_rsa = key->kty == BUNDLE_KTY_RSA;
	struct bytes first, second;

	if (!number_decode(jwk, is_rsa ? "n" : "x", at, &first) ||
		!number_decode(jwk, is_rsa ? "e" : "y", at + first.len, &second))
		return false;
	/* RFC 7518, 2: Base64urlUInt is "the minimum number of octets". */
	if (is_rsa && (first.data[0] == 0 || second.data[0] == 0))
		return false;
	*(is_rsa ? &key->n : &key->x) = first;
	*(is_rsa ? &key->e : &key->y) = second;
	return true;
}

static uint8_t *copy_text(uint8_t *at, struct bytes text, struct bytes *ret_copy)
{
	if (text.len > 0)
		memcpy(at, text.data, text.len);
	*ret_copy = bytes_of(at, text.len);
	return at + text.len;
}

/* Decode into key, which stays without storage when the JWK is ignored. */
static struct status jwk_decode(const struct place *at, const json_t *jwk, struct bundle_key *ret_key)
{
	static const char *const members[] = { "kid", "alg", "n", "e", "x", "y" };
	struct bundle_key key = { .kty = kty_of(jwk), .curve = curve_of(jwk) };
	size_t room = 1;
	AUTO(own_free) uint8_t *storage = NULL;
	uint8_t *next;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		room += text_of(json_object_get(jwk, members[i])).len;
	storage = malloc(room); /* base64url only shrinks */
	ENSURE(storage != NULL, NO_MEMORY);
	next = copy_text(storage, text_of(json_object_get(jwk, "kid")), &key.kid);
	next = copy_text(next, text_of(json_object_get(jwk, "alg")), &key.alg);
	if (!numbers_decode(jwk, next, &key)) {
		report_key(at, "number is missing or not strict base64url (ignored)");
		return OK;
	}
	key.storage = bytes_of(storage, room);
	storage = NULL;
	*ret_key = key;
	return OK;
}

/* ---- one document ---------------------------------------------------------------------------------- */

static void json_done(json_t **json)
{
	json_decref(*json);
}

static void report_same_kid(const struct place *at, const struct bundle *bundle, struct bytes kid)
{
	for (size_t i = 0; i < bundle->key_count; i++)
		if (bytes_equal(bundle->keys[i].kid, kid)) {
			report_key(at, "kid occurs twice (both kept)"); /* JB-06 */
			return;
		}
}

static bool is_authority(const json_t *jwk, unsigned flags)
{
	return (flags & BUNDLE_SPIFFE_DOCUMENT) != 0 && is_text(json_object_get(jwk, "use"), "x509-svid");
}

/* SB-06, SB-09: why this authority does not count; NULL when it does. */
static const char *reason_to_ignore_authority(const json_t *jwk)
{
	if (has_private_member(jwk))
		return "ALARM: a published key document holds private key members (ignored)";
	if (text_of(json_object_get(jwk, "kty")).len == 0)
		return "key type is missing (ignored)";
	if (text_of(json_array_get(json_object_get(jwk, "x5c"), 0)).len == 0)
		return "authority without certificate (ignored)";
	return NULL;
}

/* SB-09: of several certificates only the first counts.  list has room for every element of the document. */
static struct status authority_add(struct place *at, const json_t *jwk, struct bytes *list, struct bundle *bundle)
{
	struct bytes text = text_of(json_array_get(json_object_get(jwk, "x5c"), 0));
	AUTO(own_free) uint8_t *der = NULL;
	const char *why = reason_to_ignore_authority(jwk);
	size_t len;

	strict_show(text_of(json_object_get(jwk, "kid")), at->kid, sizeof(at->kid));
	if (why != NULL) {
		report_key(at, why);
		return OK;
	}
	der = malloc(text.len); /* base64 only shrinks */
	ENSURE(der != NULL, NO_MEMORY);
	if (!strict_base64(text, der, &len)) {
		report_key(at, "certificate is not strict base64 (ignored)");
		return OK;
	}
	list[bundle->authority_count++] = bytes_of(TAKE(der), len);
	return OK;
}

/* keys has room for every element of the document. */
static struct status key_add(
	struct place *at, const json_t *jwk, unsigned flags, struct bundle_key *keys, struct bundle *bundle)
{
	const char *why = json_is_object(jwk) ? reason_to_ignore(jwk, flags) : "not an object (ignored)";
	struct bundle_key key = { 0 };

	strict_show(text_of(json_object_get(jwk, "kid")), at->kid, sizeof(at->kid));
	if (why != NULL) {
		report_key(at, why);
		return OK;
	}
	TRY(jwk_decode(at, jwk, &key));
	if (key.storage.data == NULL)
		return OK;
	report_same_kid(at, bundle, key.kid);
	keys[bundle->key_count++] = key;
	return OK;
}

/* Why the document is broken (JB-07, JB-08, JB-11); NULL when ret_keys, borrowed from root, is its array. */
static const char *document_fault(const json_t *root, const json_t **ret_keys)
{
	const json_t *keys = json_object_get(root, "keys");

	if (!json_is_object(root))
		return "document is not a strict JSON object";
	if (!json_is_array(keys))
		return "document has no array \"keys\"";
	if (json_array_size(keys) > BUNDLE_KEYS_MAX)
		return "document has over 64 keys";
	*ret_keys = keys;
	return NULL;
}

static struct status keys_decode(struct place *at, const json_t *elements, unsigned flags, struct bundle *bundle)
{
	size_t count = json_array_size(elements);
	struct bytes *authorities;
	struct bundle_key *keys;
	const json_t *jwk;

	if (count == 0)
		return OK;
	bundle->keys = keys = calloc(count, sizeof(*keys));
	bundle->authorities = authorities = calloc(count, sizeof(*authorities));
	ENSURE(keys != NULL && authorities != NULL, NO_MEMORY);
	json_array_foreach(elements, at->index, jwk)
	{
		if (is_authority(jwk, flags))
			TRY(authority_add(at, jwk, authorities, bundle));
		else
			TRY(key_add(at, jwk, flags, keys, bundle));
	}
	return OK;
}

/* SB-03, SB-04: a whole number where it is there; so also not one under a name with escapes. */
static bool number_get(const json_t *root, struct bytes document, const char *name, bool *ret_has, uint64_t *ret_number)
{
	*ret_has = json_object_get(root, name) != NULL;
	return !*ret_has || bundle_head_number(document, name, ret_number);
}

/* Why a SPIFFE bundle's own members are broken; NULL when they are not. */
static const char *head_decode(const json_t *root, struct bytes document, struct bundle *bundle)
{
	if (!number_get(root, document, "spiffe_sequence", &bundle->has_sequence, &bundle->sequence))
		return "\"spiffe_sequence\" is no whole number of 64 bits";
	if (!number_get(root, document, "spiffe_refresh_hint", &bundle->has_refresh_hint, &bundle->refresh_hint_s))
		return "\"spiffe_refresh_hint\" is no whole number of 64 bits";
	return NULL;
}

/* The bundle exists whatever its document is worth: without keys it trusts nobody (JB-08). */
static struct status document_decode(
	struct bundle_set *set, struct bytes document, unsigned flags, struct bundle *bundle)
{
	struct place at = { .set = set, .domain = bundle->domain };
	AUTO(json_done) json_t *root = NULL;
	const json_t *elements = NULL;
	const char *fault = "document over 1 MiB";

	if (document.len <= BUNDLE_DOCUMENT_MAX_BYTES) {
		root = strict_json(document, BUNDLE_DEPTH_MAX);
		ENSURE(root != NULL || errno != ENOMEM, NO_MEMORY);
		fault = document_fault(root, &elements);
	}
	if (fault == NULL && (flags & BUNDLE_SPIFFE_DOCUMENT) != 0)
		fault = head_decode(root, document, bundle);
	if (fault == NULL)
		return keys_decode(&at, elements, flags, bundle);
	report_document(&at, fault);
	bundle->is_malformed = true;
	return OK;
}

/* ---- the set --------------------------------------------------------------------------------------- */

static void bundle_done(struct bundle *bundle)
{
	for (size_t i = 0; i < bundle->key_count; i++)
		free((void *)(uintptr_t)bundle->keys[i].storage.data);
	for (size_t i = 0; i < bundle->authority_count; i++)
		free((void *)(uintptr_t)bundle->authorities[i].data);
	free((void *)(uintptr_t)bundle->keys);
	free((void *)(uintptr_t)bundle->authorities);
	free((void *)(uintptr_t)bundle->domain.data);
}

static void set_free(struct bundle_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		bundle_done(&set->bundles[i]);
	free(set->bundles);
	free(set->reports);
	free(set);
}

static void set_done(struct bundle_set **set)
{
	if (*set != NULL)
		set_free(*set);
}

static struct status bundle_add(struct bundle_set *set, struct bytes domain, struct bundle **ret_bundle)
{
	struct bytes copy;
	uint8_t *name;

	/* "MUST NOT merge": two entries for one trust domain make the message malformed (WA-09). */
	ENSURE(bundle_set_find(set, domain) == NULL, BUNDLE_MALFORMED);
	ENSURE(set->count < BUNDLE_DOMAINS_MAX, BUNDLE_MALFORMED);
	name = malloc(domain.len);
	ENSURE(name != NULL, NO_MEMORY);
	(void)copy_text(name, domain, &copy);
	set->bundles[set->count] = (struct bundle){ .domain = copy };
	*ret_bundle = &set->bundles[set->count++];
	return OK;
}

static struct status entry_decode(struct bundle_set *set, struct reader *r, unsigned flags)
{
	struct bytes key = reader_sized(r, MAP_KEY_MAX_BYTES);
	struct bytes document = reader_sized(r, LIST_VALUE_MAX_BYTES);
	struct bundle *bundle;
	struct bytes domain;

	ENSURE(!r->bad && key.len > 0, BUNDLE_MALFORMED);
	domain = key;
	if ((flags & BUNDLE_ISSUER_DOCUMENT) == 0 && spiffe_map_key_domain(key, &domain).code != STATUS_OK)
		return FAIL(BUNDLE_MALFORMED);
	TRY(bundle_add(set, domain, &bundle));
	return document_decode(set, document, flags, bundle);
}

struct status bundle_set_new(struct bytes list, unsigned flags, struct bundle_set **ret_set)
{
	AUTO(set_done) struct bundle_set *set = calloc(1, sizeof(*set));
	struct reader r = reader_of(list);

	ENSURE(set != NULL, NO_MEMORY);
	atomic_init(&set->refs, 1);
	set->bundles = calloc(BUNDLE_DOMAINS_MAX, sizeof(*set->bundles));
	set->reports = calloc(BUNDLE_REPORTS_MAX, sizeof(*set->reports));
	ENSURE(set->bundles != NULL && set->reports != NULL, NO_MEMORY);
	ENSURE(r.left.len > 0, BUNDLE_MALFORMED); /* WA-05: "bundles" is mandatory */
	while (!reader_done(&r))
		TRY(entry_decode(set, &r, flags));
	*ret_set = TAKE(set);
	return OK;
}

struct bundle_set *bundle_set_ref(struct bundle_set *set)
{
	(void)atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void bundle_set_unref(struct bundle_set *set)
{
	if (set != NULL && atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) == 1)
		set_free(set);
}

size_t bundle_set_count(const struct bundle_set *set)
{
	return set->count;
}

const struct bundle *bundle_set_at(const struct bundle_set *set, size_t index)
{
	return &set->bundles[index];
}

const struct bundle *bundle_set_find(const struct bundle_set *set, struct bytes domain)
{
	for (size_t i = 0; i < set->count; i++)
		if (bytes_equal(set->bundles[i].domain, domain))
			return &set->bundles[i];
	return NULL;
}

size_t bundle_set_report_count(const struct bundle_set *set)
{
	return set->report_count;
}

const char *bundle_set_report(const struct bundle_set *set, size_t index)
{
	return set->reports[index].text;
}
