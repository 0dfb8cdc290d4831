/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/wrap.h"

#include <string.h>

#include "base/own.h"

struct status wrap_check(const struct ipc_message *message)
{
	size_t len = message->part[1].len;

	ENSURE(bytes_equal(message->part[0], ipc_build_id()), IPC_BUILD);
	ENSURE(message->part[2].len == 0, IPC_MALFORMED);
	if (message->type == WRAP_SEAL)
		ENSURE(len == WRAP_KEY_BYTES, IPC_MALFORMED);
	else
		ENSURE(message->type == WRAP_OPEN && len > 0 && len <= WRAP_SEALED_MAX, IPC_MALFORMED);
	return OK;
}

/* One exchange; the answer's parts are borrowed from ipc. */
static struct status exchange(struct ipc *ipc, enum wrap_type type, struct bytes part, struct ipc_message *ret_answer)
{
	struct ipc_message request = ipc_message_of((uint16_t)type, 1);
	struct ipc_message answer;

	request.part[0] = ipc_build_id();
	request.part[1] = part;
	TRY(ipc_send(ipc, &request));
	ENSURE(ipc_flush_wait(ipc, WRAP_WAIT_MS).code == STATUS_OK, WRAP_MISSING);
	ENSURE(ipc_wait(ipc, WRAP_WAIT_MS, &answer).code == STATUS_OK, WRAP_MISSING);
	ENSURE(answer.type == type && answer.id == request.id, WRAP_MISSING);
	if (answer.status != STATUS_OK)
		return status_fail(answer.status, answer.native, __FILE__, __LINE__, __func__);
	*ret_answer = answer;
	return OK;
}

struct status wrap_seal(struct ipc *ipc, struct bytes key, struct buf *ret_sealed)
{
	struct ipc_message answer;

	ENSURE(key.len == WRAP_KEY_BYTES, LIMIT);
	TRY(exchange(ipc, WRAP_SEAL, key, &answer));
	ENSURE(answer.part[0].len > 0 && answer.part[0].len <= WRAP_SEALED_MAX, WRAP_MISSING);
	buf_put(ret_sealed, answer.part[0]);
	return buf_check(ret_sealed);
}

struct status wrap_open(struct ipc *ipc, struct bytes sealed, struct secret *ret_key)
{
	AUTO(secret_done) struct secret key = { 0 };
	struct ipc_message answer;

	ENSURE(sealed.len > 0 && sealed.len <= WRAP_SEALED_MAX, LIMIT);
	TRY(exchange(ipc, WRAP_OPEN, sealed, &answer));
	ENSURE(answer.part[0].len == WRAP_KEY_BYTES, WRAP_MISSING);
	TRY(secret_alloc(&key, WRAP_KEY_BYTES));
	memcpy(key.data, answer.part[0].data, WRAP_KEY_BYTES);
	*ret_key = TAKE(key);
	return OK;
}
