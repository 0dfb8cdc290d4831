/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain values of crypto/worker.h in bytes, for both ends of a lane. */
#include "crypto/worker.h"

enum { INFO_NEEDS_PARENT = 1, INFO_NEEDS_INTENT = 2, INFO_VERIFY = 4, INFO_FLAGS = 7, CAP_BYTES = 8 };

/* ---- requests ----------------------------------------------------------------------------------- */

void worker_request_put(struct buf *to, const struct worker_request *request)
{
	psa_attributes_put(to, &request->key);
	psa_alg_put(to, request->alg);
	buf_put(to, bytes_of(request->hardware_id, sizeof(request->hardware_id)));
	buf_put_u32(to, request->bytes);
}

struct status worker_request_get(struct bytes from, struct worker_request *ret_request)
{
	struct worker_request request = { 0 };
	struct reader r = reader_of(from);
	struct bytes id;

	psa_attributes_get(&r, &request.key);
	psa_alg_get(&r, &request.alg);
	id = reader_bytes(&r, sizeof(request.hardware_id));
	request.bytes = reader_u32(&r);
	ENSURE(reader_done(&r), IPC_MALFORMED);
	memcpy(request.hardware_id, id.data, id.len);
	*ret_request = request;
	return OK;
}

/* ---- what a worker says of itself --------------------------------------------------------------- */

void worker_info_put(struct buf *to, const struct worker_info *info)
{
	size_t len = strnlen(info->description, sizeof(info->description) - 1);
	uint32_t flags = (info->needs_parent ? INFO_NEEDS_PARENT : 0u) | (info->needs_intent ? INFO_NEEDS_INTENT : 0u) |
			 (info->verify_after_sign ? INFO_VERIFY : 0u);

	buf_put_sized(to, bytes_of(info->description, len));
	buf_put(to, bytes_of(info->identity, sizeof(info->identity)));
	buf_put_u32(to, flags);
	buf_put_u32(to, info->threads);
	buf_put_u32(to, info->cap_count);
	for (uint32_t i = 0; i < info->cap_count && i < WORKER_CAPS_MAX; i++) {
		const struct worker_cap *cap = &info->caps[i];

		buf_put_u8(to, cap->kind);
		buf_put_u8(to, cap->family);
		buf_put_u8(to, cap->alg);
		buf_put_u8(to, cap->hash);
		buf_put_u32(to, cap->bits);
	}
}

static bool cap_is_known(const struct worker_cap *cap)
{
	return cap->kind > PSA_KEY_NONE && cap->kind < PSA_KEY_KIND_COUNT && cap->family < PSA_ECC_FAMILY_COUNT &&
	       cap->alg > PSA_ALG_NONE && cap->alg < PSA_ALG_KIND_COUNT &&
	       (cap->hash < PSA_HASH_COUNT || cap->hash == PSA_HASH_ANY) && cap->bits > 0;
}

static struct status caps_get(struct reader *r, struct worker_info *info)
{
	for (uint32_t i = 0; i < info->cap_count; i++) {
		struct worker_cap *cap = &info->caps[i];

		cap->kind = reader_u8(r);
		cap->family = reader_u8(r);
		cap->alg = reader_u8(r);
		cap->hash = reader_u8(r);
		cap->bits = reader_u32(r);
		ENSURE(!r->bad && cap_is_known(cap), IPC_MALFORMED);
	}
	return OK;
}

/* Printed by others: no control bytes, no NUL. */
static bool is_printable(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < 0x20 || text.data[i] == 0x7f)
			return false;
	return true;
}

struct status worker_info_get(struct bytes from, struct worker_info *ret_info)
{
	struct worker_info info = { 0 };
	struct reader r = reader_of(from);
	struct bytes description = reader_sized(&r, sizeof(info.description) - 1);
	struct bytes identity = reader_bytes(&r, sizeof(info.identity));
	uint32_t flags = reader_u32(&r);

	info.threads = reader_u32(&r);
	info.cap_count = reader_u32(&r);
	ENSURE(!r.bad && (flags & ~(uint32_t)INFO_FLAGS) == 0 && is_printable(description), IPC_MALFORMED);
	ENSURE(info.threads > 0 && info.threads <= WORKER_THREADS_MAX, IPC_MALFORMED);
	ENSURE(info.cap_count <= WORKER_CAPS_MAX && r.left.len == info.cap_count * CAP_BYTES, IPC_MALFORMED);
	TRY(caps_get(&r, &info));
	if (description.len > 0)
		memcpy(info.description, description.data, description.len);
	memcpy(info.identity, identity.data, identity.len);
	info.needs_parent = (flags & INFO_NEEDS_PARENT) != 0;
	info.needs_intent = (flags & INFO_NEEDS_INTENT) != 0;
	info.verify_after_sign = (flags & INFO_VERIFY) != 0;
	*ret_info = info;
	return OK;
}

/* ANY as a capability is each hash from SHA-224 on; ANY as a key's policy is whatever hash the device takes. */
static bool cap_has_alg(const struct worker_cap *cap, struct psa_alg alg)
{
	if (cap->alg != alg.kind)
		return false;
	if (alg.kind == PSA_ALG_ECDSA_ANY || alg.hash == PSA_HASH_ANY || cap->hash == alg.hash)
		return true;
	return cap->hash == PSA_HASH_ANY && alg.hash >= PSA_HASH_SHA_224 && alg.hash < PSA_HASH_COUNT;
}

struct status worker_info_supports(const struct worker_info *info, const struct psa_key_attributes *key)
{
	bool type = false;

	ENSURE(key->kind != PSA_KEY_RSA_PUBLIC && key->kind != PSA_KEY_ECC_PUBLIC && key->kind != PSA_KEY_DH_PUBLIC,
		ATTR_PUBLIC);
	for (uint32_t i = 0; i < info->cap_count; i++) {
		const struct worker_cap *cap = &info->caps[i];

		if (cap->kind != key->kind || cap->family != key->family || cap->bits != key->bits)
			continue;
		if (cap_has_alg(cap, key->alg))
			return OK;
		type = true;
	}
	ENSURE(type, ATTR_TYPE);
	return FAIL(ATTR_ALG);
}
