/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/remote.h"

#include "base/clock.h"
#include "spiffe/id.h"
#include "spiffe/idp_msg.h"

enum { GRACE_US = US_PER_S, TEXT_MAX = 256 /* of a reason */ };

void remote_init(struct remote *remote, struct trust *trust)
{
	*remote = (struct remote){ .trust = trust, .next_id = 1 };
	trust->remote = remote;
}

static void tell(struct remote *remote, struct remote_call **link, enum status_code verdict, struct bytes text)
{
	struct remote_call *call = *link;

	*link = call->next;
	remote->count--;
	call->done(call, verdict, text);
}

struct status remote_ask(struct remote *remote, struct remote_call *call, struct bytes audience, struct bytes token)
{
	struct ipc_message message = ipc_message_of(IDP_VALIDATE, remote->next_id);

	ENSURE(remote->count < IDP_VALIDATIONS_MAX, JWT_UNDECIDED);
	message.deadline_us = clock_mono_us() + (uint64_t)IDP_VALIDATE_MS * US_PER_MS;
	message.part[0] = audience;
	message.part[1] = token;
	if (trust_send(remote->trust, &message).code != STATUS_OK)
		return FAIL(JWT_UNDECIDED);
	call->id = remote->next_id++;
	call->deadline_us = message.deadline_us;
	call->next = remote->waiting;
	remote->waiting = call;
	remote->count++;
	return OK;
}

struct status remote_verdict(struct remote *remote, const struct ipc_message *message)
{
	bool is_good = message->status == STATUS_OK;

	bool is_stranger = message->status == STATUS_JWT_STRANGER;

	ENSURE(is_good || is_stranger || message->status == STATUS_JWT_REMOTE ||
			message->status == STATUS_JWT_UNDECIDED,
		IPC_MALFORMED);
	ENSURE(message->part[0].len <= (is_good ? SPIFFE_ID_MAX_BYTES : TEXT_MAX), IPC_MALFORMED);
	if (message->status != STATUS_JWT_UNDECIDED)
		trust_server(remote->trust, is_stranger, message->part[0]);
	for (struct remote_call **link = &remote->waiting; *link != NULL; link = &(*link)->next)
		if ((*link)->id == message->id) {
			tell(remote, link, message->status, message->part[0]);
			return OK;
		}
	return OK; /* too late: it was told so */
}

void remote_gone(struct remote *remote)
{
	while (remote->waiting != NULL)
		tell(remote, &remote->waiting, STATUS_JWT_UNDECIDED, BYTES_LITERAL("keyreeve-idp is not there"));
}

void remote_second(struct remote *remote, uint64_t now_us)
{
	struct remote_call **link = &remote->waiting;

	while (*link != NULL)
		if (now_us > (*link)->deadline_us + GRACE_US)
			tell(remote, link, STATUS_JWT_UNDECIDED, BYTES_LITERAL("keyreeve-idp does not answer"));
		else
			link = &(*link)->next;
}
