/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/agent.h"
#include "agent/authn.h"
#include "agent/conn.h"
#include "wire/psa_pb.h"

/* "equals the uid the kernel reports for the peer" (wire reference, section 4, type 3). */
struct status authn_peer(struct request *rq)
{
	struct reader field = reader_of(rq->auth);
	uint32_t claimed = reader_u32(&field);
	int len;

	ENSURE(reader_done(&field), PEER_FIELD);
	ENSURE(claimed == rq->conn->peer.uid, PEER_UID);
	len = snprintf(rq->uid_text, sizeof(rq->uid_text), "%u", claimed);
	rq->caller.who = (struct identity){
		.authenticator = AUTHENTICATOR_UNIX_PEER, .name = bytes_of(rq->uid_text, (size_t)len), .uid = claimed
	};
	return OK;
}

/* The socket's mode says the same; but a mode is changed more easily than this configuration.  As there, root and we
 * ourselves may, too. */
static bool is_of_group(const struct conn *conn)
{
	const struct principal *peer = &conn->peer;

	return conn->listener->group == CONFIG_UNSET || peer->uid == 0 || peer->uid == conn->agent->config->uid ||
	       principal_in_group(conn->watch.fd, peer, conn->listener->group);
}

/* The name is the client's claim: "not empty, valid UTF-8" (type 1), bounded as key names are. */
struct status authn_direct(struct request *rq)
{
	ENSURE(is_of_group(rq->conn), DIRECT_GROUP);
	ENSURE(rq->auth.len > 0 && wire_name_check(rq->auth).code == STATUS_OK, DIRECT_NAME);
	rq->caller.who = (struct identity){ .authenticator = AUTHENTICATOR_DIRECT, .name = rq->auth };
	return OK;
}
