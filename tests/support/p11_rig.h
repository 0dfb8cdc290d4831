/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-p11 under test: a SoftHSM2 token in a directory of its own, the worker on it with the test as its keyreeved
 * and its agent, and what OpenSSL says of signatures.  Every call fails the test when something else goes wrong than
 * the status that it returns. */
#ifndef TESTS_SUPPORT_P11_RIG_H
#define TESTS_SUPPORT_P11_RIG_H

#include <sys/types.h>

#include "base/ipc.h"
#include "base/role.h"
#include "crypto/worker.h"
#include "crypto/worker_config.h"

enum { RIG_CALL_MS = 60000 };
#define RIG_TAG "store-01" /* WORKER_TAG_BYTES */
#define RIG_PIN "123456"

struct rig {
	char dir[64];
	pid_t pid;
	struct ipc *ctl, *lane, *wrap;
	struct worker_page *page;
	struct worker_info info;
	char text[1024]; /* of ROLE_READY or ROLE_FAILED */
	uint64_t id;
	struct ipc_message answer; /* of the last call */
};

/* cmocka's setup and teardown: *state is the rig, with one token, "payments". */
int rig_setup(void **state);
int rig_teardown(void **state);

/* A path in the rig's directory, until the next call; a file there. */
const char *rig_path(const struct rig *rig, const char *name);
void rig_write(const struct rig *rig, const char *name, const char *text);
/* Ask the shim (p11_shim.c) for something, or stop asking; is it still asked; C_Login calls so far. */
void rig_ask(const struct rig *rig, const char *name, bool on);
bool rig_asked(const struct rig *rig, const char *name);
unsigned rig_logins(const struct rig *rig);
/* Run a command with the token's configuration; what it printed, until the next call. */
const char *rig_tool(const struct rig *rig, const char *command);
void rig_token(const struct rig *rig, const char *label);

/* How a worker is started; zeros mean what is usual. */
struct given {
	const char *module, *token, *serial, *pin; /* pin: "" none */
	uint8_t verify;
	bool directly; /* without the shim */
	bool wraps;
};
/* READY, or the reason of FAILED; the text is in rig->text. */
struct status rig_start(struct rig *rig, const struct given *given);
/* Close the lane, as an agent that ends: the worker must end by itself and in order. */
void rig_stop(struct rig *rig);
void rig_kill(struct rig *rig);
/* A message to the worker as keyreeved's; closes fd.  A new socket: the worker's end is returned. */
void rig_say(struct rig *rig, uint16_t type, struct bytes first, struct bytes second, int fd);
int rig_socket(struct ipc **ret_ipc);

struct key {
	struct worker_request rq;
	uint8_t blob[WORKER_BLOB_MAX];
	uint8_t public[PSA_PUBLIC_MAX_BYTES];
	size_t blob_len, public_len;
};
/* A request for a new key whose id starts with RIG_TAG and goes on with `number`. */
struct worker_request rig_request(uint8_t kind, uint32_t bits, struct psa_alg alg, uint8_t number);
struct worker_request rig_p256(uint8_t number);
void rig_send(struct rig *rig, enum worker_type type, const struct worker_request *rq, struct bytes first,
	struct bytes second);
/* The answer's status; its parts are in rig->answer until the next call. */
struct status rig_call(struct rig *rig, enum worker_type type, const struct worker_request *rq, struct bytes first,
	struct bytes second);
struct status rig_generate(struct rig *rig, const struct worker_request *rq, struct key *ret_key);
struct status rig_sign(struct rig *rig, const struct key *key, struct psa_alg alg, struct bytes hash);
uint32_t rig_find(struct rig *rig, const struct worker_request *rq);
struct bytes rig_blob(const struct key *key);
/* What OpenSSL says. */
bool rig_verifies(const struct key *key, struct psa_alg alg, struct bytes hash, struct bytes signature);

#endif
