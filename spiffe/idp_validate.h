/* SPDX-License-Identifier: Apache-2.0
 *
 * Role keyreeve-idp, the other half: asks the Workload API whether a token is good, when the agent wants to know.  A
 * few threads, made at the first question, since each call waits for its answer; what they have not begun by its
 * deadline is answered as undecided.  Nothing is asked twice and nothing is kept.  Calls from the role's main thread.
 */
#ifndef SPIFFE_IDP_VALIDATE_H
#define SPIFFE_IDP_VALIDATE_H

#include "base/ipc.h"
#include "spiffe/endpoint.h"

struct validator;

/* wake is an eventfd, borrowed, written when there are answers.  Fails: NO_MEMORY. */
struct status validator_new(const struct endpoint *endpoint, int wake, struct validator **ret_validator);
/* Waits for calls under way, which have deadlines. */
void validator_free(struct validator *validator);

/* A message IDP_VALIDATE; what it holds is copied.  It is answered in any case. */
void validator_ask(struct validator *validator, const struct ipc_message *message);
/* The agent is another one: forget what the last one asked. */
void validator_forget(struct validator *validator);
/* Queue every answer that is there.  Fails: as ipc_send(). */
struct status validator_tell(struct validator *validator, struct ipc *agent);

#endif
