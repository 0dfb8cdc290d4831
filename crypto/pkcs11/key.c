/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs11/key.h"

#include <assert.h>
#include <string.h>

#include "base/own.h"
#include "crypto/der.h"
#include "crypto/pkcs11/rc.h"
#include "crypto/public.h"

enum {
	ID_BYTES = WORKER_HARDWARE_ID_BYTES,
	FOUND_MAX = 16,	    /* objects looked at in one round */
	DESTROY_ROUNDS = 8, /* rounds in which nothing may remain */
	VALUE_MAX = 1024,   /* EC point, modulus */
	MECHANISMS_MAX = 2,
};

/* ---- templates ----------------------------------------------------------------------------------- */

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

void key_template_put(struct key_template *t, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
	assert(t->count < KEY_ATTRIBUTES_MAX); /* templates are written here, not read */
	t->at[t->count++] = (CK_ATTRIBUTE){ type, session_input(value), len };
}

void key_template_bool(struct key_template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
	key_template_put(t, type, value ? &yes : &no, sizeof(yes));
}

static void put_id(struct key_template *t, const uint8_t id[static ID_BYTES])
{
	key_template_put(t, CKA_ID, id, ID_BYTES);
}

/* What templates point to, for one key. */
struct shape {
	CK_MECHANISM_TYPE generate;
	CK_KEY_TYPE type;
	CK_ULONG bits;
	struct bytes curve; /* DER of its object identifier; empty for RSA */
	CK_MECHANISM_TYPE uses[MECHANISMS_MAX];
	size_t use_count;
};

static const CK_OBJECT_CLASS class_private = CKO_PRIVATE_KEY, class_public = CKO_PUBLIC_KEY;
static const uint8_t exponent_f4[] = { 0x01, 0x00, 0x01 };
static const uint8_t oid_p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t oid_p384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t oid_p521[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 };

static struct bytes curve_of(uint32_t bits)
{
	switch (bits) {
	case 256:
		return bytes_of(oid_p256, sizeof(oid_p256));
	case 384:
		return bytes_of(oid_p384, sizeof(oid_p384));
	case 521:
		return bytes_of(oid_p521, sizeof(oid_p521));
	default:
		return (struct bytes){ 0 };
	}
}

static struct status shape_of(const struct psa_key_attributes *key, struct shape *ret_shape)
{
	struct shape shape = { .bits = key->bits };

	if (key->kind == PSA_KEY_ECC_PAIR && key->family == PSA_ECC_SECP_R1) {
		shape.curve = curve_of(key->bits);
		ENSURE(shape.curve.len > 0, ATTR_TYPE);
		shape.generate = CKM_EC_KEY_PAIR_GEN;
		shape.type = CKK_EC;
		shape.uses[shape.use_count++] = CKM_ECDSA;
	} else {
		ENSURE(key->kind == PSA_KEY_RSA_PAIR, ATTR_TYPE);
		ENSURE(key->bits == 2048 || key->bits == 3072 || key->bits == 4096, ATTR_TYPE);
		shape.generate = CKM_RSA_PKCS_KEY_PAIR_GEN;
		shape.type = CKK_RSA;
		if (key->alg.kind != PSA_ALG_RSA_PSS)
			shape.uses[shape.use_count++] = CKM_RSA_PKCS;
		if (key->alg.kind != PSA_ALG_RSA_PKCS1V15_SIGN)
			shape.uses[shape.use_count++] = CKM_RSA_PKCS_PSS;
	}
	*ret_shape = shape;
	return OK;
}

/* Everything is stated, since defaults differ.  Last come the ones that some tokens do not know. */
static void private_template(struct key_template *t, const struct shape *shape, const uint8_t *id, bool is_short)
{
	key_template_put(t, CKA_CLASS, &class_private, sizeof(class_private));
	key_template_put(t, CKA_KEY_TYPE, &shape->type, sizeof(shape->type));
	key_template_bool(t, CKA_TOKEN, true);
	key_template_bool(t, CKA_PRIVATE, true);
	key_template_bool(t, CKA_SENSITIVE, true);
	key_template_bool(t, CKA_EXTRACTABLE, false);
	key_template_bool(t, CKA_SIGN, true);
	key_template_bool(t, CKA_DECRYPT, false);
	key_template_bool(t, CKA_UNWRAP, false);
	key_template_bool(t, CKA_DERIVE, false);
	key_template_bool(t, CKA_SIGN_RECOVER, false);
	put_id(t, id);
	if (is_short)
		return;
	key_template_bool(t, CKA_MODIFIABLE, false);
	key_template_put(t, CKA_ALLOWED_MECHANISMS, shape->uses, shape->use_count * sizeof(shape->uses[0]));
}

/* The public half is private too: a program that is not logged in has no business with a tenant's keys. */
static void public_template(struct key_template *t, const struct shape *shape, const uint8_t *id, bool is_short)
{
	key_template_put(t, CKA_CLASS, &class_public, sizeof(class_public));
	key_template_put(t, CKA_KEY_TYPE, &shape->type, sizeof(shape->type));
	key_template_bool(t, CKA_TOKEN, true);
	key_template_bool(t, CKA_VERIFY, true);
	key_template_bool(t, CKA_ENCRYPT, false);
	key_template_bool(t, CKA_WRAP, false);
	put_id(t, id);
	if (shape->type == CKK_EC) {
		key_template_put(t, CKA_EC_PARAMS, shape->curve.data, shape->curve.len);
	} else {
		key_template_put(t, CKA_MODULUS_BITS, &shape->bits, sizeof(shape->bits));
		key_template_put(t, CKA_PUBLIC_EXPONENT, exponent_f4, sizeof(exponent_f4));
	}
	if (is_short)
		return;
	key_template_bool(t, CKA_PRIVATE, true);
	key_template_bool(t, CKA_VERIFY_RECOVER, false);
	key_template_bool(t, CKA_MODIFIABLE, false);
}

/* ---- search -------------------------------------------------------------------------------------- */

struct status key_search(struct session *s, const struct key_template *t, CK_OBJECT_HANDLE *ret_handles, CK_ULONG max,
	CK_ULONG *ret_count)
{
	CK_ULONG count = 0, got = 0;
	CK_RV rv;

	TRY(SESSION_CHECK(s, s->fn->C_FindObjectsInit(s->handle, session_input(t->at), t->count)));
	do {
		rv = s->fn->C_FindObjects(s->handle, ret_handles + count, max - count, &got);
		count += rv == CKR_OK && got <= max - count ? got : 0;
	} while (rv == CKR_OK && got > 0 && count < max);
	(void)s->fn->C_FindObjectsFinal(s->handle); /* the search is over in any case */
	// cppcheck-suppress uninitvar ; the loop's body runs once at least
	TRY(SESSION_CHECK(s, rv));
	*ret_count = count;
	return OK;
}

static struct status search_id(struct session *s, const uint8_t *id, const CK_OBJECT_CLASS *class,
	CK_OBJECT_HANDLE ret_handles[static FOUND_MAX], CK_ULONG *ret_count)
{
	struct key_template t = { 0 };

	key_template_bool(&t, CKA_TOKEN, true);
	put_id(&t, id);
	if (class != NULL)
		key_template_put(&t, CKA_CLASS, class, sizeof(*class));
	return key_search(s, &t, ret_handles, FOUND_MAX, ret_count);
}

/* Bytes 8 and on are random. */
static struct key_place *place_of(struct keys *keys, const uint8_t *id)
{
	return &keys->places[(id[WORKER_TAG_BYTES] | id[WORKER_TAG_BYTES + 1] << 8) % KEY_PLACES];
}

struct status key_find(struct keys *keys, const uint8_t id[static ID_BYTES], CK_OBJECT_HANDLE *ret_handle)
{
	struct key_place *place = place_of(keys, id);
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_ULONG count;

	if (place->handle == CK_INVALID_HANDLE || memcmp(place->id, id, ID_BYTES) != 0) {
		TRY(search_id(keys->session, id, &class_private, found, &count));
		ENSURE(count > 0, DEVICE_KEY_GONE);
		ENSURE(count == 1, DEVICE_INTEGRITY);
		memcpy(place->id, id, ID_BYTES);
		place->handle = found[0];
	}
	*ret_handle = place->handle;
	return OK;
}

void key_forget(struct keys *keys, const uint8_t id[static ID_BYTES])
{
	struct key_place *place = place_of(keys, id);

	if (memcmp(place->id, id, ID_BYTES) == 0)
		place->handle = CK_INVALID_HANDLE;
}

void key_forget_all(struct keys *keys)
{
	memset(keys->places, 0, sizeof(keys->places));
}

struct status key_count(struct keys *keys, const uint8_t id[static ID_BYTES], uint32_t *ret_count)
{
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_ULONG count;

	TRY(search_id(keys->session, id, NULL, found, &count));
	*ret_count = (uint32_t)count;
	return OK;
}

/* ---- destruction --------------------------------------------------------------------------------- */

static struct status destroy_object(struct session *s, CK_OBJECT_HANDLE object)
{
	CK_RV rv = s->fn->C_DestroyObject(s->handle, object);

	return rv == CKR_OBJECT_HANDLE_INVALID ? OK : SESSION_CHECK(s, rv);
}

static struct status destroy_class(struct session *s, const uint8_t *id, const CK_OBJECT_CLASS *class)
{
	for (int round = 0; round < DESTROY_ROUNDS; round++) {
		CK_OBJECT_HANDLE found[FOUND_MAX];
		CK_ULONG count;

		TRY(search_id(s, id, class, found, &count));
		if (count == 0)
			return OK;
		for (CK_ULONG i = 0; i < count; i++)
			TRY(destroy_object(s, found[i]));
	}
	return FAIL(DEVICE_FAILED);
}

struct status key_destroy(struct keys *keys, const uint8_t id[static ID_BYTES])
{
	key_forget(keys, id);
	TRY(destroy_class(keys->session, id, &class_private));
	return destroy_class(keys->session, id, NULL);
}

/* ---- what the token made ------------------------------------------------------------------------- */

/* Unknown attributes give CKR_ATTRIBUTE_TYPE_INVALID and a length of CK_UNAVAILABLE_INFORMATION; the others are
 * filled in nonetheless (PKCS #11, C_GetAttributeValue). */
static struct status read_attributes(struct session *s, CK_OBJECT_HANDLE object, struct key_template *t)
{
	CK_RV rv = s->fn->C_GetAttributeValue(s->handle, object, t->at, t->count);

	if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_BUFFER_TOO_SMALL)
		return OK;
	return SESSION_CHECK(s, rv);
}

struct status key_check(struct session *s, CK_OBJECT_HANDLE object, const struct key_wanted *wanted, size_t count)
{
	CK_BBOOL values[KEY_ATTRIBUTES_MAX] = { 0 };
	struct key_template t = { 0 };

	for (size_t i = 0; i < count; i++)
		key_template_put(&t, wanted[i].type, &values[i], sizeof(values[i]));
	TRY(read_attributes(s, object, &t));
	for (size_t i = 0; i < count; i++) {
		bool lacks = t.at[i].ulValueLen != sizeof(values[i]);

		if (lacks ? !wanted[i].may_lack : (values[i] != CK_FALSE) != wanted[i].value)
			return FAIL_RC(DEVICE_ATTRS, wanted[i].type);
	}
	return OK;
}

/* Not CKA_LOCAL, which NSS says false to: a key that was always sensitive and never extractable was made there. */
/* clang-format off */
static const struct key_wanted private_wanted[] = {
	{ CKA_TOKEN,               true,  false },
	{ CKA_PRIVATE,             true,  false },
	{ CKA_SENSITIVE,           true,  false },
	{ CKA_EXTRACTABLE,         false, false },
	{ CKA_ALWAYS_SENSITIVE,    true,  false },
	{ CKA_NEVER_EXTRACTABLE,   true,  false },
	{ CKA_SIGN,                true,  false },
	{ CKA_DECRYPT,             false, true },
	{ CKA_UNWRAP,              false, true },
	{ CKA_DERIVE,              false, true },
	{ CKA_SIGN_RECOVER,        false, true },
	{ CKA_ALWAYS_AUTHENTICATE, false, true },
};
static const struct key_wanted public_wanted[] = {
	{ CKA_TOKEN,   true,  false },
	{ CKA_ENCRYPT, false, true },
	{ CKA_WRAP,    false, true },
};
/* clang-format on */

static struct status check_half(struct session *s, CK_OBJECT_HANDLE object, CK_OBJECT_CLASS class_wanted,
	const struct shape *shape, const uint8_t *id)
{
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_KEY_TYPE type = CKK_VENDOR_DEFINED;
	uint8_t got[ID_BYTES] = { 0 };
	struct key_template t = { 0 };

	key_template_put(&t, CKA_CLASS, &class, sizeof(class));
	key_template_put(&t, CKA_KEY_TYPE, &type, sizeof(type));
	key_template_put(&t, CKA_ID, got, sizeof(got));
	TRY(read_attributes(s, object, &t));
	ENSURE(class == class_wanted && type == shape->type, DEVICE_ATTRS);
	ENSURE(t.at[2].ulValueLen == ID_BYTES && memcmp(got, id, ID_BYTES) == 0, DEVICE_ATTRS);
	return OK;
}

static struct status check_pair(
	struct session *s, const CK_OBJECT_HANDLE pair[static 2], const struct shape *shape, const uint8_t *id)
{
	TRY(check_half(s, pair[0], CKO_PUBLIC_KEY, shape, id));
	TRY(check_half(s, pair[1], CKO_PRIVATE_KEY, shape, id));
	TRY(key_check(s, pair[0], public_wanted, sizeof(public_wanted) / sizeof(public_wanted[0])));
	return key_check(s, pair[1], private_wanted, sizeof(private_wanted) / sizeof(private_wanted[0]));
}

struct value {
	uint8_t data[VALUE_MAX];
	size_t len;
};

static struct status read_values(struct session *s, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE_TYPE types[static 2],
	struct value ret_values[static 2])
{
	struct key_template t = { 0 };

	for (size_t i = 0; i < 2; i++)
		key_template_put(&t, types[i], ret_values[i].data, VALUE_MAX);
	TRY(read_attributes(s, object, &t));
	for (size_t i = 0; i < 2; i++) {
		ENSURE(t.at[i].ulValueLen <= VALUE_MAX, DEVICE_ATTRS);
		ret_values[i].len = t.at[i].ulValueLen;
	}
	return OK;
}

/* CKA_EC_POINT is a DER OCTET STRING around the point; some tokens forget it.  The lengths tell the two apart. */
static struct status put_point(struct buf *to, const struct shape *shape, struct bytes value)
{
	size_t point_bytes = 1 + 2 * psa_bits_to_bytes((uint32_t)shape->bits);
	struct bytes point = value;

	if (value.len != point_bytes)
		ENSURE(der_octet_string_get(value, &point).code == STATUS_OK, DEVICE_ATTRS);
	ENSURE(point.len == point_bytes, DEVICE_ATTRS);
	buf_put(to, point);
	return buf_check(to);
}

static struct status put_public(struct session *s, CK_OBJECT_HANDLE object, const struct worker_request *rq,
	const struct shape *shape, struct buf *to)
{
	static const CK_ATTRIBUTE_TYPE of_ec[] = { CKA_EC_PARAMS, CKA_EC_POINT };
	static const CK_ATTRIBUTE_TYPE of_rsa[] = { CKA_MODULUS, CKA_PUBLIC_EXPONENT };
	struct value values[2];
	struct bytes first, second;

	TRY(read_values(s, object, shape->type == CKK_EC ? of_ec : of_rsa, values));
	first = bytes_of(values[0].data, values[0].len);
	second = bytes_of(values[1].data, values[1].len);
	if (shape->type == CKK_EC) {
		ENSURE(bytes_equal(first, shape->curve), DEVICE_ATTRS);
		TRY(put_point(to, shape, second));
	} else {
		ENSURE(der_rsa_public_put(to, first, second).code == STATUS_OK, DEVICE_ATTRS);
	}
	ENSURE(public_check(&rq->key, buf_bytes(to)).code == STATUS_OK, DEVICE_ATTRS);
	return OK;
}

/* ---- generation ---------------------------------------------------------------------------------- */

static CK_RV generate_once(struct session *s, const struct shape *shape, const uint8_t *id, bool is_short,
	CK_OBJECT_HANDLE ret_pair[static 2])
{
	CK_MECHANISM mechanism = { shape->generate, NULL, 0 };
	struct key_template public = { 0 }, private = { 0 };

	public_template(&public, shape, id, is_short);
	private_template(&private, shape, id, is_short);
	return s->fn->C_GenerateKeyPair(
		s->handle, &mechanism, public.at, public.count, private.at, private.count, &ret_pair[0], &ret_pair[1]);
}

struct status key_generate(struct keys *keys, const struct worker_request *rq, struct buf *ret_public)
{
	CK_OBJECT_HANDLE pair[2] = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
	struct session *s = keys->session;
	struct shape shape;
	struct status st;
	CK_RV rv;

	TRY(shape_of(&rq->key, &shape));
	rv = generate_once(s, &shape, rq->hardware_id, keys->has_short_templates, pair);
	if (rc_is_template(rv) && !keys->has_short_templates) {
		TRY(key_destroy(keys, rq->hardware_id)); /* whatever half of it is there */
		rv = generate_once(s, &shape, rq->hardware_id, true, pair);
		keys->has_short_templates = rv == CKR_OK;
	}
	TRY(SESSION_CHECK(s, rv));
	st = check_pair(s, pair, &shape, rq->hardware_id);
	if (st.code == STATUS_OK)
		st = put_public(s, pair[0], rq, &shape, ret_public);
	if (st.code != STATUS_OK) {
		struct fault fault;

		fault_take(&fault); /* what the token made otherwise may lack its id, too: by handle */
		(void)destroy_object(s, pair[1]).code; /* the agent cleans by id after any failure */
		(void)destroy_object(s, pair[0]).code;
		fault_put(&fault);
	}
	return st;
}
