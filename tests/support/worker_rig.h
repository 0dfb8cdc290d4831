/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's real process, with a test in the place of both keyreeved and the agent: it starts the program, hands it
 * its configuration and sockets, says hello and sends requests.  Fails the running cmocka test where the worker breaks
 * the contract of crypto/worker.h; what the worker answers is the test's to judge. */
#ifndef TESTS_SUPPORT_WORKER_RIG_H
#define TESTS_SUPPORT_WORKER_RIG_H

#include <sys/types.h>

#include "crypto/worker.h"
#include "crypto/worker_config.h"

enum { RIG_WAIT_MS = 60000, RIG_TEXT_MAX = 1024 };

struct rig {
	pid_t pid;
	struct ipc *ctl, *lane; /* owned */
	int wrap_fd;		/* our end of the wrap socket; -1 once taken */
	struct worker_page *page;
	struct worker_info info;
	struct buf state; /* what it wants kept; stays over rig_start() */
	uint64_t next_id;
};

/* Zero, but for what a test keeps over several starts. */
void rig_init(struct rig *rig);
/* Start it and say hello with the state kept: the answer's status; state and info are taken over. */
enum status_code rig_start(struct rig *rig, const char *program, const struct worker_config *config);
/* Close its lane: it must end by itself, without a complaint of a sanitizer. */
void rig_stop(struct rig *rig);
/* SIGKILL. */
void rig_kill(struct rig *rig);
void rig_done(struct rig *rig);

/* An answer; its parts live until the next call. */
struct rig_answer {
	enum status_code status;
	uint32_t native;
	struct bytes part[IPC_PARTS];
};
/* Send a request without waiting. */
void rig_send(
	struct rig *rig, enum worker_type type, const struct worker_request *rq, struct bytes one, struct bytes two);
/* Send it and wait for its answer. */
struct rig_answer rig_call(
	struct rig *rig, enum worker_type type, const struct worker_request *rq, struct bytes one, struct bytes two);

/* A key as the agent would keep it. */
struct rig_key {
	struct worker_request rq; /* attributes, hardware id; alg is the one to sign with */
	struct buf parent, blob, public;
};
/* A random hardware id; alg becomes the key's policy. */
void rig_key_init(struct rig_key *key, uint8_t kind, uint32_t bits, struct psa_alg alg);
void rig_key_done(struct rig_key *key);
/* A new parent into the buffer. */
void rig_parent(struct rig *rig, struct buf *ret_parent);
enum status_code rig_generate(struct rig *rig, struct rig_key *key, struct bytes parent);
/* Sign a hash of the right length made of `seed`, and verify it with OpenSSL if it succeeded; ret_commands may be
 * NULL, else the text of hardware commands. */
enum status_code rig_sign(struct rig *rig, const struct rig_key *key, uint8_t seed, char ret_commands[RIG_TEXT_MAX]);

/* The same without judging the signature: ret_good says whether it verifies. */
enum status_code rig_sign_judge(struct rig *rig, const struct rig_key *key, uint8_t seed, bool *ret_good);

#endif
