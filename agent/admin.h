/* SPDX-License-Identifier: Apache-2.0
 *
 * How an administrator's act goes: its line ("admin-act": who, what, about whom) is on disk before anything happens;
 * then it is done and made durable; then the request has its own line and its answer.  So the log knows of an act
 * that a crash cut short.  An operation that only shows something needs none of this.  The loop's thread only. */
#ifndef AGENT_ADMIN_H
#define AGENT_ADMIN_H

#include "agent/request.h"

enum { ADMIN_TARGET_MAX = KEYSTORE_IDENTITY_MAX + 16 }; /* bytes of a target that a line shows */

/* From an operation's begin, which has set rq->admin.target: write the line, then run `act` on the loop, once, unless
 * the line could not be written or the deadline passed (then nothing happens).  `act` ends the request with
 * request_finish(), at once or when it comes back. */
void admin_announce(struct request *rq, void (*act)(struct agent *agent, struct request *rq));

#endif
