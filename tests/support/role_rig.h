/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's process as keyreeved and the agent see it: started with its descriptors, spoken to over its lane.
 * Every failure fails the test. */
#ifndef TESTS_SUPPORT_ROLE_RIG_H
#define TESTS_SUPPORT_ROLE_RIG_H

#include <sys/types.h>

#include "base/role.h"
#include "crypto/worker.h"
#include "crypto/worker_config.h"

struct role_rig {
	pid_t pid;
	struct ipc *ctl, *lane;
	const struct worker_page *page;
	uint64_t next_id;
};

/* The start up to ROLE_GO.  env: NULL-terminated; items are sent with role_rig_item() before role_rig_go(). */
void role_rig_start(struct role_rig *rig, const char *program, char *const env[], const struct worker_config *config);
/* The descriptor stays the caller's. */
void role_rig_item(struct role_rig *rig, const char *name, int fd);
void role_rig_go(struct role_rig *rig);

/* Queue without waiting; the request's id. */
uint64_t role_rig_send(struct role_rig *rig, enum worker_type type, const struct worker_request *request,
	struct bytes part1, struct bytes part2);
/* The next answer, borrowed until the next call. */
struct ipc_message role_rig_answer(struct role_rig *rig);
/* HELLO with this state; the tag is "storetag". */
struct ipc_message role_rig_hello(struct role_rig *rig, struct bytes state);
struct ipc_message role_rig_call(struct role_rig *rig, enum worker_type type, const struct worker_request *request,
	struct bytes part1, struct bytes part2);
/* A signature with this key blob and no parent. */
struct ipc_message role_rig_sign(
	struct role_rig *rig, const struct worker_request *request, struct bytes blob, struct bytes hash);

/* Wait for ROLE_READY, or for ROLE_FAILED (borrowed until the next call). */
void role_rig_ready(struct role_rig *rig);
struct ipc_message role_rig_failed(struct role_rig *rig);
/* Close its lane and wait for the end: exit status, or minus the signal. */
int role_rig_end(struct role_rig *rig);
/* SIGKILL it. */
void role_rig_kill(struct role_rig *rig);

/* A request for a key with a fresh hardware id under the tag. */
struct worker_request role_rig_request(uint8_t kind, uint32_t bits, uint8_t alg, uint8_t hash);

#endif
