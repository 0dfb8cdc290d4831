/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/role_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/secret.h"
#include "tests/support/unit.h"

enum { WAIT_MS = 30000 };

static void send_ctl(struct role_rig *rig, const struct ipc_message *message)
{
	assert_ok(ipc_send(rig->ctl, message));
	assert_ok(ipc_flush_wait(rig->ctl, WAIT_MS));
}

void role_rig_item(struct role_rig *rig, const char *name, int fd)
{
	struct ipc_message message = ipc_message_of(ROLE_FD, 0);

	message.part[0] = bytes_from_text(name);
	message.fd = fd;
	send_ctl(rig, &message);
}

/* In the child: descriptor 3 and nothing else. */
static void become(const char *program, int ctl, char *const env[])
{
	char *argv[] = { strdup(program), NULL };

	if (argv[0] == NULL || (ctl == ROLE_CTL_FD ? fcntl(ctl, F_SETFD, 0) : dup2(ctl, ROLE_CTL_FD)) < 0)
		_exit(127);
	(void)execve(program, argv, env);
	_exit(127);
}

void role_rig_start(struct role_rig *rig, const char *program, char *const env[], const struct worker_config *config)
{
	AUTO(buf_done) struct buf encoded = buf_make(WORKER_CONFIG_BYTES_MAX);
	struct ipc_message message = ipc_message_of(ROLE_HELLO, 0);
	int ctl[2], lane[2], page = memfd_create("page", MFD_CLOEXEC);

	*rig = (struct role_rig){ .next_id = 1 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lane), 0);
	assert_int_equal(ftruncate(page, sizeof(struct worker_page)), 0);
	rig->page = mmap(NULL, sizeof(struct worker_page), PROT_READ, MAP_SHARED, page, 0);
	assert_ptr_not_equal(rig->page, MAP_FAILED);
	rig->pid = fork();
	assert_true(rig->pid >= 0);
	if (rig->pid == 0)
		become(program, ctl[1], env);
	(void)close(ctl[1]);
	assert_ok(ipc_new(ctl[0], &rig->ctl));
	assert_ok(ipc_new(lane[0], &rig->lane));
	message.part[0] = ipc_build_id();
	send_ctl(rig, &message);
	assert_ok(worker_config_put(&encoded, config));
	message = ipc_message_of(ROLE_CONFIG, 0);
	message.part[1] = buf_bytes(&encoded);
	send_ctl(rig, &message);
	role_rig_item(rig, "lane", lane[1]);
	role_rig_item(rig, "page", page);
	(void)close(lane[1]);
	(void)close(page);
}

void role_rig_go(struct role_rig *rig)
{
	struct ipc_message message = ipc_message_of(ROLE_GO, 0);

	send_ctl(rig, &message);
}

uint64_t role_rig_send(struct role_rig *rig, enum worker_type type, const struct worker_request *request,
	struct bytes part1, struct bytes part2)
{
	AUTO(buf_done) struct buf encoded = buf_make(WORKER_REQUEST_BYTES);
	struct ipc_message message = ipc_message_of((uint16_t)type, rig->next_id++);

	worker_request_put(&encoded, request);
	message.part[0] = buf_bytes(&encoded);
	message.part[1] = part1;
	message.part[2] = part2;
	assert_ok(ipc_send(rig->lane, &message));
	return message.id;
}

struct ipc_message role_rig_answer(struct role_rig *rig)
{
	struct ipc_message answer;

	assert_ok(ipc_flush_wait(rig->lane, WAIT_MS));
	assert_ok(ipc_wait(rig->lane, WAIT_MS, &answer));
	return answer;
}

struct ipc_message role_rig_hello(struct role_rig *rig, struct bytes state)
{
	struct ipc_message message = ipc_message_of(WORKER_HELLO, rig->next_id++);

	message.part[0] = ipc_build_id();
	message.part[1] = state;
	message.part[2] = BYTES_LITERAL("storetag");
	assert_ok(ipc_send(rig->lane, &message));
	return role_rig_answer(rig);
}

struct ipc_message role_rig_call(struct role_rig *rig, enum worker_type type, const struct worker_request *request,
	struct bytes part1, struct bytes part2)
{
	uint64_t id = role_rig_send(rig, type, request, part1, part2);
	struct ipc_message answer = role_rig_answer(rig);

	assert_int_equal(answer.id, id);
	return answer;
}

struct ipc_message role_rig_sign(
	struct role_rig *rig, const struct worker_request *request, struct bytes blob, struct bytes hash)
{
	uint8_t part2[4 + PSA_HASH_MAX_BYTES] = { 0 };

	memcpy(part2 + 4, hash.data, hash.len);
	return role_rig_call(rig, WORKER_SIGN, request, blob, bytes_of(part2, 4 + hash.len));
}

static struct ipc_message wait_ctl(struct role_rig *rig)
{
	struct ipc_message message;

	do
		assert_ok(ipc_wait(rig->ctl, WAIT_MS, &message));
	while (message.type == ROLE_HELLO);
	return message;
}

void role_rig_ready(struct role_rig *rig)
{
	assert_int_equal(wait_ctl(rig).type, ROLE_READY);
}

struct ipc_message role_rig_failed(struct role_rig *rig)
{
	struct ipc_message message = wait_ctl(rig);

	assert_int_equal(message.type, ROLE_FAILED);
	return message;
}

static int reap(struct role_rig *rig)
{
	int status;

	assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
	ipc_free(rig->ctl);
	ipc_free(rig->lane);
	(void)munmap((void *)(uintptr_t)rig->page, sizeof(struct worker_page));
	*rig = (struct role_rig){ 0 };
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int role_rig_end(struct role_rig *rig)
{
	ipc_free(rig->lane);
	rig->lane = NULL;
	return reap(rig);
}

void role_rig_kill(struct role_rig *rig)
{
	assert_int_equal(kill(rig->pid, SIGKILL), 0);
	assert_int_equal(reap(rig), -SIGKILL);
}

struct worker_request role_rig_request(uint8_t kind, uint32_t bits, uint8_t alg, uint8_t hash)
{
	struct worker_request request = { .key = { .kind = kind,
						  .family = kind == PSA_KEY_ECC_PAIR ? PSA_ECC_SECP_R1 : 0,
						  .usage = PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE,
						  .bits = bits,
						  .alg = { .kind = alg, .hash = hash } },
		.alg = { .kind = alg, .hash = hash } };

	memcpy(request.hardware_id, "storetag", WORKER_TAG_BYTES);
	assert_ok(random_fill(request.hardware_id + WORKER_TAG_BYTES, WORKER_HARDWARE_ID_BYTES - WORKER_TAG_BYTES));
	return request;
}
