/* SPDX-License-Identifier: Apache-2.0
 *
 * One's own JWT-SVIDs: FetchJWTSVID, once. */
#include <stdio.h>

#include "base/clock.h"
#include "base/own.h"
#include "spiffe/workload.h"
#include "spiffe/workload.pb-c.h"
#include "spiffe/workload_jwt.h"
#include "spiffe/workload_pb.h"
#include "spiffe/workload_rpc.h"

enum {
	HINT_MAX = 1024, /* WA-13 */
	REQUEST_MAX = 64 * 1024,
	TOKENS_MAX = WORKLOAD_MESSAGE_MAX,
};

/* WA-15: "audience ... at least one", and none of them empty. */
static struct status check_request(const struct workload_jwt_request *request)
{
	ENSURE(request->audience_count > 0 && request->audience_count <= WORKLOAD_AUDIENCES_MAX, CLIENT_ARGUMENT);
	for (size_t i = 0; i < request->audience_count; i++)
		ENSURE(request->audiences[i].len > 0, CLIENT_ARGUMENT);
	ENSURE(request->deadline_ms > 0, CLIENT_ARGUMENT);
	return OK;
}

static struct status pack_request(const struct workload_jwt_request *request, struct buf *out)
{
	Workload__JwtSvidRequest message = WORKLOAD__JWT_SVID_REQUEST__INIT;
	ProtobufCBinaryData audiences[WORKLOAD_AUDIENCES_MAX];
	size_t size;
	uint8_t *at;

	for (size_t i = 0; i < request->audience_count; i++)
		audiences[i] = workload_field_of(request->audiences[i]);
	message.n_audience = request->audience_count;
	message.audience = audiences;
	message.spiffe_id = workload_field_of(request->spiffe_id);
	size = workload__jwt_svid_request__get_packed_size(&message);
	at = buf_reserve(out, size);
	ENSURE(at != NULL, CLIENT_ARGUMENT);
	buf_grew(out, workload__jwt_svid_request__pack(&message, at));
	return OK;
}

static struct status check_svid(const struct workload_jwt_request *request, struct bytes id, struct bytes token)
{
	ENSURE(id.len > 0 && token.len > 0, CLIENT_TOKEN);
	ENSURE(request->spiffe_id.len == 0 || bytes_equal(id, request->spiffe_id), JWT_SUBJECT);
	return workload_jwt_check(
		token, id, request->audiences, request->audience_count, clock_wall_us() / US_PER_S, NULL);
}

/* WA-12: "the first one is used"; entries without a hint never collide. */
static bool is_hint_taken(const struct workload_jwts *jwts, struct bytes hint)
{
	for (size_t i = 0; i < jwts->count && hint.len > 0; i++)
		if (bytes_equal(jwts->item[i].hint, hint))
			return true;
	return false;
}

/* A copy that lives as long as the list.  Its storage has its final room from the start and never moves. */
static struct bytes keep(struct buf *storage, struct bytes bytes)
{
	const uint8_t *at = storage->data + storage->len;

	buf_put(storage, bytes);
	return bytes_of(at, bytes.len);
}

static struct status take_svids(const struct workload_jwt_request *request, const Workload__JwtSvidResponse *response,
	struct workload_jwts *jwts)
{
	ENSURE(response->n_svids > 0 && response->n_svids <= WORKLOAD_SVIDS_MAX, CLIENT_TOKEN);
	for (size_t i = 0; i < response->n_svids; i++) {
		const Workload__JwtSvid *svid = response->svids[i];
		struct workload_jwt *item = &jwts->item[jwts->count];
		struct bytes hint = workload_field(svid->hint);

		if (hint.len > HINT_MAX)
			hint.len = 0; /* WA-13 */
		TRY(check_svid(request, workload_field(svid->spiffe_id), workload_field(svid->svid)));
		if (is_hint_taken(jwts, hint))
			continue;
		item->hint = keep(&jwts->storage, hint);
		item->spiffe_id = keep(&jwts->storage, workload_field(svid->spiffe_id));
		item->token = keep(&jwts->storage, workload_field(svid->svid));
		jwts->count++;
	}
	return buf_check(&jwts->storage);
}

static struct status decode_svids(
	const struct workload_jwt_request *request, struct bytes message, struct workload_jwts *ret_jwts)
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { .storage = buf_make(TOKENS_MAX) };
	struct workload_budget budget;
	Workload__JwtSvidResponse *response;
	struct status st;

	/* What is kept of the message is less than the message. */
	ENSURE(message.len > 0, CLIENT_TOKEN);
	ENSURE(buf_reserve(&jwts.storage, message.len) != NULL, NO_MEMORY);
	response = workload__jwt_svid_response__unpack(
		workload_budget_begin(&budget, message.len), message.len, message.data);
	ENSURE(response != NULL, CLIENT_TOKEN);
	st = take_svids(request, response, &jwts);
	workload__jwt_svid_response__free_unpacked(response, &budget.allocator);
	TRY(st);
	*ret_jwts = TAKE(jwts);
	return OK;
}

/* The one message and the status after it. */
static struct status await_svids(const struct workload_jwt_request *request, struct workload_rpc *rpc,
	struct workload_jwts *ret_jwts, char reason[WORKLOAD_REASON_BYTES])
{
	AUTO(workload_jwts_done) struct workload_jwts jwts = { 0 };
	struct status st = FAIL(CLIENT_TOKEN); /* no message at all */
	enum workload_rpc_event event;
	struct bytes message;

	while ((event = workload_rpc_next(rpc, (uint64_t)request->deadline_ms)) == WORKLOAD_RPC_MESSAGE) {
		workload_jwts_done(&jwts);
		st = workload_rpc_message(rpc, &message);
		if (st.code == STATUS_OK)
			st = decode_svids(request, message, &jwts);
	}
	ENSURE(event == WORKLOAD_RPC_ENDED, CLIENT_TOKEN);
	if (workload_rpc_status(rpc) != WORKLOAD_RPC_OK) {
		workload_rpc_reason(rpc, reason);
		return FAIL_RC(CLIENT_TOKEN, workload_rpc_status(rpc));
	}
	if (st.code != STATUS_OK) {
		(void)snprintf(reason, WORKLOAD_REASON_BYTES, "the Workload API's answer is not acceptable: %s",
			status_text(st.code));
		return st.code == STATUS_NO_MEMORY ? st : FAIL(CLIENT_TOKEN);
	}
	*ret_jwts = TAKE(jwts);
	return OK;
}

struct status workload_fetch_jwt(
	const struct workload_jwt_request *request, struct workload_jwts *ret_jwts, char *ret_reason)
{
	AUTO(buf_done) struct buf packed = buf_make(REQUEST_MAX);
	char reason[WORKLOAD_REASON_BYTES] = "the Workload API did not answer in time";
	struct workload_rpc *rpc = NULL;
	struct status st;

	st = check_request(request);
	if (st.code == STATUS_OK)
		st = pack_request(request, &packed);
	if (st.code == STATUS_OK)
		st = workload_rpc_open(request->endpoint, "/SpiffeWorkloadAPI/FetchJWTSVID", buf_bytes(&packed),
			(uint32_t)request->deadline_ms, &rpc);
	if (st.code != STATUS_OK)
		(void)snprintf(reason, sizeof(reason), "%s", status_text(st.code));
	else
		st = await_svids(request, rpc, ret_jwts, reason);
	workload_rpc_close(rpc);
	if (st.code != STATUS_OK && ret_reason != NULL)
		memcpy(ret_reason, reason, sizeof(reason));
	return st;
}

void workload_jwts_done(struct workload_jwts *jwts)
{
	buf_done(&jwts->storage);
	jwts->count = 0;
}
