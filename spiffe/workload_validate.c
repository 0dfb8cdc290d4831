/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody else's JWT-SVID: ValidateJWTSVID, once. */
#include <stdio.h>

#include "base/own.h"
#include "spiffe/id.h"
#include "spiffe/workload.h"
#include "spiffe/workload.pb-c.h"
#include "spiffe/workload_pb.h"
#include "spiffe/workload_rpc.h"

enum { REQUEST_MAX = 64 * 1024 };

static struct status pack_request(const struct workload_question *question, struct buf *out)
{
	Workload__ValidateJwtSvidRequest message = WORKLOAD__VALIDATE_JWT_SVID_REQUEST__INIT;
	uint8_t *at;

	ENSURE(question->audience.len > 0 && question->token.len > 0 && question->deadline_ms > 0, CLIENT_ARGUMENT);
	message.audience = workload_field_of(question->audience);
	message.svid = workload_field_of(question->token);
	at = buf_reserve(out, workload__validate_jwt_svid_request__get_packed_size(&message));
	ENSURE(at != NULL, CLIENT_ARGUMENT);
	buf_grew(out, workload__validate_jwt_svid_request__pack(&message, at));
	return OK;
}

/* Both fields are mandatory (Workload API 6.2.3). */
static struct status read_answer(struct bytes message, struct buf *ret_id)
{
	struct workload_budget budget;
	Workload__ValidateJwtSvidResponse *answer = workload__validate_jwt_svid_response__unpack(
		workload_budget_begin(&budget, message.len), message.len, message.data);
	struct bytes id;
	struct status st;

	ENSURE(answer != NULL, CLIENT_TOKEN);
	id = workload_field(answer->spiffe_id);
	st = spiffe_id_check(id);
	if (st.code == STATUS_OK && answer->claims.len == 0)
		st = FAIL(CLIENT_TOKEN);
	buf_clear(ret_id);
	if (st.code == STATUS_OK)
		buf_put(ret_id, id);
	workload__validate_jwt_svid_response__free_unpacked(answer, &budget.allocator);
	TRY(st);
	return buf_check(ret_id);
}

/* The one message and the status after it; several are no answer to this call. */
static enum workload_verdict await_verdict(
	struct workload_rpc *rpc, uint64_t wait_ms, struct buf *ret_id, char ret_reason[WORKLOAD_REASON_BYTES])
{
	struct status st = FAIL(CLIENT_TOKEN);
	enum workload_rpc_event event;
	struct bytes message;
	unsigned messages = 0;

	while ((event = workload_rpc_next(rpc, wait_ms)) == WORKLOAD_RPC_MESSAGE) {
		st = workload_rpc_message(rpc, &message);
		if (st.code == STATUS_OK)
			st = ++messages == 1 ? read_answer(message, ret_id) : FAIL(CLIENT_TOKEN);
	}
	if (event != WORKLOAD_RPC_ENDED)
		return WORKLOAD_UNDECIDED; /* the reason is the caller's */
	if (workload_rpc_status(rpc) == WORKLOAD_RPC_OK && st.code == STATUS_OK)
		return WORKLOAD_GOOD;
	if (workload_rpc_status(rpc) == WORKLOAD_RPC_OK)
		(void)snprintf(ret_reason, WORKLOAD_REASON_BYTES, "the Workload API's answer is not acceptable: %s",
			status_text(st.code));
	else
		workload_rpc_reason(rpc, ret_reason);
	if (workload_rpc_status(rpc) == WORKLOAD_RPC_STRANGER)
		return WORKLOAD_UNASKED;
	return workload_rpc_status(rpc) == WORKLOAD_RPC_INVALID_ARGUMENT ? WORKLOAD_BAD : WORKLOAD_UNDECIDED;
}

enum workload_verdict workload_validate_jwt(
	const struct workload_question *question, struct buf *ret_id, char ret_reason[WORKLOAD_REASON_BYTES])
{
	AUTO(buf_done) struct buf packed = buf_make(REQUEST_MAX);
	struct workload_rpc *rpc = NULL;
	enum workload_verdict verdict = WORKLOAD_UNDECIDED;
	struct status st = pack_request(question, &packed);

	(void)snprintf(ret_reason, WORKLOAD_REASON_BYTES, "the Workload API did not answer in time");
	if (st.code == STATUS_OK)
		st = workload_rpc_open(question->endpoint, "/SpiffeWorkloadAPI/ValidateJWTSVID", buf_bytes(&packed),
			(uint32_t)question->deadline_ms, &rpc);
	if (st.code == STATUS_OK)
		verdict = await_verdict(rpc, (uint64_t)question->deadline_ms, ret_id, ret_reason);
	else
		(void)snprintf(ret_reason, WORKLOAD_REASON_BYTES, "%s", status_text(st.code));
	workload_rpc_close(rpc);
	return verdict;
}
