/* SPDX-License-Identifier: Apache-2.0
 *
 * Signing and verifying.  The agent hashes and does public-key operations on its compute threads; the worker sees a
 * digest and does only what needs its secret. */
#include <string.h>

#include "agent/agent.h"
#include "agent/ops.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/public.h"

enum { HASH_INLINE_MAX = 16 * 1024 }; /* longer messages visit a compute thread */

/* ---- bodies ------------------------------------------------------------------------------------- */

static struct status decode_sign(struct request *rq, bool is_message)
{
	TRY(wire_sign_decode(rq->body, &rq->arena, is_message, &rq->in.sign));
	rq->key_name = rq->in.sign.key_name;
	rq->alg = &rq->in.sign.alg;
	rq->has_key = true;
	return OK;
}

struct status decode_sign_hash(struct request *rq)
{
	return decode_sign(rq, false);
}

struct status decode_sign_message(struct request *rq)
{
	return decode_sign(rq, true);
}

static struct status decode_verify(struct request *rq, bool is_message)
{
	TRY(wire_verify_decode(rq->body, &rq->arena, is_message, &rq->in.verify));
	rq->key_name = rq->in.verify.key_name;
	rq->alg = &rq->in.verify.alg;
	rq->has_key = true;
	return OK;
}

struct status decode_verify_hash(struct request *rq)
{
	return decode_verify(rq, false);
}

struct status decode_verify_message(struct request *rq)
{
	return decode_verify(rq, true);
}

/* ---- signing ------------------------------------------------------------------------------------ */

static void compute_hash(struct request *rq, struct psa_alg alg, struct bytes message)
{
	rq->computed = digest_compute(alg.hash, message, rq->hash, &rq->hash_len);
	if (rq->computed.code != STATUS_OK)
		fault_take(&rq->computed_fault);
}

/* On a compute thread. */
static void hash_message(struct compute_job *job)
{
	struct request *rq = request_of(job, compute);

	compute_hash(rq, rq->in.sign.alg, rq->in.sign.data);
}

static void fail_with(struct request *rq, struct status st, const struct fault *fault)
{
	fault_put(fault);
	request_finish(rq->agent, rq, st);
}

/* On a compute thread: a device whose answers are not authenticated is not believed (DESIGN decision 20). */
static void verify_own(struct compute_job *job)
{
	struct request *rq = request_of(job, compute);

	rq->computed = public_verify(rq->agent->public_keys, &rq->record->attributes, rq->record->public_key,
		rq->in.sign.alg, bytes_of(rq->hash, rq->hash_len), bytes_of(rq->signature, rq->signature_len));
	if (rq->computed.code != STATUS_OK) {
		rq->computed = FAIL(DEVICE_SIGNATURE);
		fault_take(&rq->computed_fault);
	}
}

static void own_verified(struct post *post)
{
	struct request *rq = request_of(post, compute.post);

	if (request_came_back(rq))
		request_settled(rq);
	else if (rq->computed.code != STATUS_OK)
		fail_with(rq, rq->computed, &rq->computed_fault);
	else
		request_finish(rq->agent, rq, OK);
}

static struct status take_signature(struct request *rq, const struct bytes answer[IPC_PARTS])
{
	size_t hw = answer[2].len < sizeof(rq->hw) ? answer[2].len : sizeof(rq->hw) - 1;

	ENSURE(answer[0].len == psa_signature_bytes(&rq->record->attributes), DEVICE_FAILED);
	memcpy(rq->signature, answer[0].data, answer[0].len);
	rq->signature_len = answer[0].len;
	if (hw > 0)
		memcpy(rq->hw, answer[2].data, hw);
	return OK;
}

static void signed_by_worker(
	struct lane_call *call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS])
{
	struct request *rq = request_of(call, call);

	rq->at.handed = call->handed_us;
	rq->at.worked = rq->agent->loop.now_us;
	call->id = 0;
	if (request_came_back(rq)) {
		request_settled(rq);
		return;
	}
	if (st.code == STATUS_OK)
		st = take_signature(rq, answer);
	else
		st = status_fail(st.code, native, __FILE__, __LINE__, __func__);
	if (st.code == STATUS_OK && rq->lane->info.verify_after_sign)
		request_compute(rq, verify_own, own_verified);
	else
		request_finish(rq->agent, rq, st);
}

static struct status sign_submit(struct request *rq)
{
	const struct key_record *record = rq->record;
	struct bytes parent = rq->lane->info.needs_parent ? keyindex_parent(rq->space, bytes_from_text(rq->lane->name))
							  : (struct bytes){ 0 };

	/* It was durable before the key: only damage takes it away. */
	ENSURE(!rq->lane->info.needs_parent || parent.len > 0, RECORD_CORRUPT);
	buf_clear(&rq->call_part);
	buf_put_sized(&rq->call_part, parent);
	buf_put(&rq->call_part, bytes_of(rq->hash, rq->hash_len));
	TRY(buf_check(&rq->call_part));
	rq->call = (struct lane_call){
		.type = WORKER_SIGN, .done = signed_by_worker, .repeatable = true, .deadline_us = rq->deadline.at_us
	};
	rq->call.request.key = record->attributes;
	rq->call.request.alg = rq->in.sign.alg;
	memcpy(rq->call.request.hardware_id, record->hardware_id, sizeof(record->hardware_id));
	rq->call.part[0] = record->blob;
	rq->call.part[1] = buf_bytes(&rq->call_part);
	rq->at.submitted = rq->agent->loop.now_us;
	TRY(lane_submit(rq->lane, &rq->call));
	rq->pending++;
	rq->waits = true;
	return OK;
}

static void message_hashed(struct post *post)
{
	struct request *rq = request_of(post, compute.post);
	struct status st;

	if (request_came_back(rq)) {
		request_settled(rq);
		return;
	}
	if (rq->computed.code != STATUS_OK) {
		fail_with(rq, rq->computed, &rq->computed_fault);
		return;
	}
	st = sign_submit(rq);
	if (st.code != STATUS_OK)
		request_finish(rq->agent, rq, st);
}

struct status begin_sign(struct agent *agent, struct request *rq)
{
	const struct wire_sign *in = &rq->in.sign;
	uint16_t usage = in->is_message ? PSA_USAGE_SIGN_MESSAGE | PSA_USAGE_SIGN_HASH : PSA_USAGE_SIGN_HASH;

	(void)agent;
	TRY(psa_key_permits(&rq->record->attributes, usage, in->alg));
	if (!in->is_message) {
		TRY(psa_hash_fits(in->alg, in->data.len));
		ENSURE(in->data.len <= sizeof(rq->hash), HASH_LENGTH);
		memcpy(rq->hash, in->data.data, in->data.len);
		rq->hash_len = in->data.len;
		return sign_submit(rq);
	}
	ENSURE(psa_hash_bytes(in->alg.hash) > 0, ATTR_ALG); /* ecdsa_any says nothing of how to hash */
	if (in->data.len > HASH_INLINE_MAX) {
		request_compute(rq, hash_message, message_hashed);
		return OK;
	}
	compute_hash(rq, in->alg, in->data);
	if (rq->computed.code != STATUS_OK)
		return rq->computed;
	return sign_submit(rq);
}

struct status finish_sign(struct agent *agent, struct request *rq)
{
	(void)agent;
	return wire_data_result_put(&rq->answer, bytes_of(rq->signature, rq->signature_len));
}

/* ---- verifying ---------------------------------------------------------------------------------- */

/* On a compute thread. */
static void verify_theirs(struct compute_job *job)
{
	struct request *rq = request_of(job, compute);
	const struct wire_verify *in = &rq->in.verify;
	struct bytes hash = in->data;

	rq->computed = OK;
	if (in->is_message) {
		compute_hash(rq, in->alg, in->data);
		hash = bytes_of(rq->hash, rq->hash_len);
	}
	if (rq->computed.code == STATUS_OK)
		rq->computed = public_verify(rq->agent->public_keys, &rq->record->attributes, rq->record->public_key,
			in->alg, hash, in->signature);
	if (rq->computed.code != STATUS_OK)
		fault_take(&rq->computed_fault);
}

static void theirs_verified(struct post *post)
{
	struct request *rq = request_of(post, compute.post);

	rq->at.worked = rq->agent->loop.now_us;
	if (request_came_back(rq))
		request_settled(rq);
	else if (rq->computed.code != STATUS_OK)
		fail_with(rq, rq->computed, &rq->computed_fault);
	else
		request_finish(rq->agent, rq, OK);
}

struct status begin_verify(struct agent *agent, struct request *rq)
{
	const struct wire_verify *in = &rq->in.verify;
	uint16_t usage = in->is_message ? PSA_USAGE_VERIFY_MESSAGE | PSA_USAGE_VERIFY_HASH : PSA_USAGE_VERIFY_HASH;

	(void)agent;
	TRY(psa_key_permits(&rq->record->attributes, usage, in->alg));
	if (in->is_message)
		ENSURE(psa_hash_bytes(in->alg.hash) > 0, ATTR_ALG);
	else
		TRY(psa_hash_fits(in->alg, in->data.len));
	rq->at.submitted = rq->agent->loop.now_us;
	request_compute(rq, verify_theirs, theirs_verified);
	return OK;
}
