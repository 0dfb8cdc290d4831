/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/worker_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/role.h"
#include "base/secret.h"
#include "crypto/public.h"
#include "tests/support/unit.h"

static const uint8_t tag[WORKER_TAG_BYTES] = "rigrigri";

void rig_init(struct rig *rig)
{
	*rig = (struct rig){ .wrap_fd = -1, .state = buf_make(WORKER_STATE_MAX) };
}

static void pair(int ret[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret), 0);
}

/* Descriptor 3 and an empty environment, as keyreeved does it. */
static pid_t spawn(const char *program, int ctl)
{
	char *const argv[] = { strdup(program), NULL };
	char *const env[] = { NULL };
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (ctl == ROLE_CTL_FD)
			(void)fcntl(ctl, F_SETFD, 0);
		else
			(void)dup2(ctl, ROLE_CTL_FD);
		(void)execve(program, argv, env);
		_exit(127);
	}
	free(argv[0]);
	return pid;
}

static void send_item(struct rig *rig, enum role_message type, const char *name, struct bytes content, int fd)
{
	struct ipc_message m = ipc_message_of((uint16_t)type, 0);

	m.part[0] = type == ROLE_HELLO ? ipc_build_id() : bytes_from_text(name);
	m.part[1] = content;
	m.fd = fd;
	assert_ok(ipc_send(rig->ctl, &m));
	assert_ok(ipc_flush_wait(rig->ctl, RIG_WAIT_MS));
}

static void give(struct rig *rig, const struct worker_config *config)
{
	AUTO(buf_done) struct buf encoded = buf_make(WORKER_CONFIG_BYTES_MAX);
	int lane[2], wrap[2], page = memfd_create("page", MFD_CLOEXEC);

	assert_true(page >= 0 && ftruncate(page, sizeof(struct worker_page)) == 0);
	rig->page = mmap(NULL, sizeof(*rig->page), PROT_READ, MAP_SHARED, page, 0);
	assert_true(rig->page != MAP_FAILED);
	pair(lane);
	pair(wrap);
	assert_ok(worker_config_put(&encoded, config));
	send_item(rig, ROLE_HELLO, "", (struct bytes){ 0 }, -1);
	send_item(rig, ROLE_CONFIG, "config", buf_bytes(&encoded), -1);
	send_item(rig, ROLE_FD, "lane", (struct bytes){ 0 }, lane[1]);
	send_item(rig, ROLE_FD, "page", (struct bytes){ 0 }, page);
	send_item(rig, ROLE_FD, "wrap", (struct bytes){ 0 }, wrap[1]);
	send_item(rig, ROLE_GO, "", (struct bytes){ 0 }, -1);
	(void)close(lane[1]);
	(void)close(wrap[1]);
	(void)close(page);
	assert_ok(ipc_new(lane[0], &rig->lane));
	rig->wrap_fd = wrap[0];
}

/* What the worker says on its control socket after its HELLO: READY, or FAILED with the reason. */
static enum status_code await_ready(struct rig *rig)
{
	struct ipc_message m;

	for (;;) {
		assert_ok(ipc_wait(rig->ctl, RIG_WAIT_MS, &m));
		if (m.type == ROLE_READY)
			return STATUS_OK;
		if (m.type == ROLE_FAILED)
			return m.status;
		assert_int_equal(m.type, ROLE_HELLO);
	}
}

static enum status_code hello(struct rig *rig)
{
	struct ipc_message m = ipc_message_of(WORKER_HELLO, ++rig->next_id);
	enum status_code ready;

	m.part[0] = ipc_build_id();
	m.part[1] = buf_bytes(&rig->state);
	m.part[2] = bytes_of(tag, sizeof(tag));
	assert_ok(ipc_send(rig->lane, &m));
	(void)!ipc_flush_wait(rig->lane, RIG_WAIT_MS).code; /* a worker that gave up at once has closed it */
	ready = await_ready(rig);
	if (ipc_wait(rig->lane, ready == STATUS_OK ? RIG_WAIT_MS : 1000, &m).code != STATUS_OK) {
		assert_int_not_equal(ready, STATUS_OK);
		return ready;
	}
	assert_int_equal(m.type, WORKER_HELLO);
	assert_int_equal(m.status, ready);
	if (m.status != STATUS_OK)
		return m.status;
	assert_ok(worker_info_get(m.part[1], &rig->info));
	if (m.part[2].len > 0) {
		buf_clear(&rig->state);
		buf_put(&rig->state, m.part[2]);
		assert_ok(buf_check(&rig->state));
	}
	return STATUS_OK;
}

enum status_code rig_start(struct rig *rig, const char *program, const struct worker_config *config)
{
	int ctl[2];

	pair(ctl);
	rig->pid = spawn(program, ctl[1]);
	(void)close(ctl[1]);
	assert_ok(ipc_new(ctl[0], &rig->ctl));
	give(rig, config);
	return hello(rig);
}

static int end(struct rig *rig)
{
	int how = 0;

	ipc_free(rig->lane);
	ipc_free(rig->ctl);
	own_close(&rig->wrap_fd);
	rig->lane = rig->ctl = NULL;
	if (rig->pid > 0)
		(void)waitpid(rig->pid, &how, 0);
	rig->pid = 0;
	if (rig->page != NULL)
		(void)munmap(rig->page, sizeof(*rig->page));
	rig->page = NULL;
	return how;
}

void rig_stop(struct rig *rig)
{
	int how = end(rig);

	if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
		fail_msg("worker ended with wait status 0x%x", (unsigned)how);
}

void rig_kill(struct rig *rig)
{
	if (rig->pid > 0)
		(void)kill(rig->pid, SIGKILL);
	(void)end(rig);
}

void rig_done(struct rig *rig)
{
	rig_kill(rig);
	buf_done(&rig->state);
}

/* ---- requests --------------------------------------------------------------------------------------- */

void rig_send(
	struct rig *rig, enum worker_type type, const struct worker_request *rq, struct bytes one, struct bytes two)
{
	struct ipc_message m = ipc_message_of((uint16_t)type, ++rig->next_id);
	AUTO(buf_done) struct buf request = buf_make(WORKER_REQUEST_BYTES);

	worker_request_put(&request, rq);
	m.part[0] = buf_bytes(&request);
	m.part[1] = one;
	m.part[2] = two;
	assert_ok(ipc_send(rig->lane, &m));
	assert_ok(ipc_flush_wait(rig->lane, RIG_WAIT_MS));
}

struct rig_answer rig_call(
	struct rig *rig, enum worker_type type, const struct worker_request *rq, struct bytes one, struct bytes two)
{
	struct rig_answer answer;
	struct ipc_message m;

	rig_send(rig, type, rq, one, two);
	assert_ok(ipc_wait(rig->lane, RIG_WAIT_MS, &m));
	assert_int_equal(m.type, type);
	assert_int_equal(m.id, rig->next_id);
	answer = (struct rig_answer){ .status = m.status, .native = m.native };
	memcpy(answer.part, m.part, sizeof(answer.part));
	return answer;
}

void rig_key_init(struct rig_key *key, uint8_t kind, uint32_t bits, struct psa_alg alg)
{
	*key = (struct rig_key){
		.rq = { .key = { .kind = kind,
				.family = kind == PSA_KEY_ECC_PAIR ? PSA_ECC_SECP_R1 : PSA_ECC_NONE,
				.usage = psa_usage_implied(PSA_USAGE_SIGN_HASH | PSA_USAGE_VERIFY_HASH),
				.bits = bits,
				.alg = alg },
			.alg = alg },
		.parent = buf_make(WORKER_BLOB_MAX),
		.blob = buf_make(WORKER_BLOB_MAX),
		.public = buf_make(PSA_PUBLIC_MAX_BYTES),
	};
	assert_ok(random_fill(key->rq.hardware_id, sizeof(key->rq.hardware_id)));
}

void rig_key_done(struct rig_key *key)
{
	buf_done(&key->parent);
	buf_done(&key->blob);
	buf_done(&key->public);
}

void rig_parent(struct rig *rig, struct buf *ret_parent)
{
	const struct worker_request rq = { 0 };
	struct rig_answer answer = rig_call(rig, WORKER_PARENT, &rq, (struct bytes){ 0 }, (struct bytes){ 0 });

	assert_int_equal(answer.status, STATUS_OK);
	buf_clear(ret_parent);
	buf_put(ret_parent, answer.part[0]);
	assert_ok(buf_check(ret_parent));
}

enum status_code rig_generate(struct rig *rig, struct rig_key *key, struct bytes parent)
{
	struct rig_answer answer = rig_call(rig, WORKER_GENERATE, &key->rq, parent, (struct bytes){ 0 });

	if (answer.status != STATUS_OK)
		return answer.status;
	buf_clear(&key->parent);
	buf_clear(&key->blob);
	buf_clear(&key->public);
	buf_put(&key->parent, parent);
	buf_put(&key->blob, answer.part[0]);
	buf_put(&key->public, answer.part[1]);
	assert_ok(public_check(&key->rq.key, buf_bytes(&key->public)));
	return STATUS_OK;
}

/* One signature; its answer and what it is over. */
static struct rig_answer sign(
	struct rig *rig, const struct rig_key *key, uint8_t seed, uint8_t hash[PSA_HASH_MAX_BYTES])
{
	AUTO(buf_done) struct buf two = buf_make(WORKER_BLOB_MAX + PSA_HASH_MAX_BYTES + 4);

	memset(hash, seed, PSA_HASH_MAX_BYTES);
	buf_put_sized(&two, buf_bytes(&key->parent));
	buf_put(&two, bytes_of(hash, psa_hash_bytes(key->rq.alg.hash)));
	return rig_call(rig, WORKER_SIGN, &key->rq, buf_bytes(&key->blob), buf_bytes(&two));
}

static struct status judge(const struct rig_key *key, const uint8_t hash[PSA_HASH_MAX_BYTES], struct bytes signature)
{
	return public_verify(NULL, &key->rq.key, buf_bytes(&key->public), key->rq.alg,
		bytes_of(hash, psa_hash_bytes(key->rq.alg.hash)), signature);
}

enum status_code rig_sign(struct rig *rig, const struct rig_key *key, uint8_t seed, char ret_commands[RIG_TEXT_MAX])
{
	uint8_t hash[PSA_HASH_MAX_BYTES];
	struct rig_answer answer = sign(rig, key, seed, hash);

	if (answer.status != STATUS_OK)
		return answer.status;
	if (ret_commands != NULL)
		(void)snprintf(
			ret_commands, RIG_TEXT_MAX, "%.*s", (int)answer.part[2].len, (const char *)answer.part[2].data);
	assert_ok(judge(key, hash, answer.part[0]));
	return STATUS_OK;
}

enum status_code rig_sign_judge(struct rig *rig, const struct rig_key *key, uint8_t seed, bool *ret_good)
{
	uint8_t hash[PSA_HASH_MAX_BYTES];
	struct rig_answer answer = sign(rig, key, seed, hash);

	*ret_good = answer.status == STATUS_OK && judge(key, hash, answer.part[0]).code == STATUS_OK;
	return answer.status;
}
