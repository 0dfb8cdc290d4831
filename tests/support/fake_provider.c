/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_provider.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/unit.h"

enum { WAIT_MS = 10000, HELD_US = 1000 };

static void enter(struct fake_provider *fake)
{
	unsigned now = atomic_fetch_add(&fake->concurrent, 1) + 1;
	unsigned most = atomic_load(&fake->concurrent_max);

	atomic_store(&fake->seen_executing, atomic_load(&fake->page.executing[0]));
	while (now > most && !atomic_compare_exchange_weak(&fake->concurrent_max, &most, now))
		; /* most was read anew */
}

static void leave(struct fake_provider *fake)
{
	(void)atomic_fetch_sub(&fake->concurrent, 1);
}

static struct status fake_open(
	void *self, struct bytes state, struct bytes tag, struct worker_info *ret_info, struct buf *ret_state)
{
	struct fake_provider *fake = self;

	(void)tag;
	(void)atomic_fetch_add(&fake->opened, 1);
	fake->state_len = state.len < sizeof(fake->state) ? state.len : sizeof(fake->state);
	if (fake->state_len > 0)
		memcpy(fake->state, state.data, fake->state_len);
	if (fake->open_fails != STATUS_OK)
		return status_fail(fake->open_fails, fake->native, __FILE__, __LINE__, __func__);
	(void)snprintf(ret_info->description, sizeof(ret_info->description), "fake device");
	ret_info->cap_count = 1;
	ret_info->caps[0] = (struct worker_cap){ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_ALG_ECDSA, PSA_HASH_ANY, 256 };
	if (state.len == 0)
		buf_put_text(ret_state, "new state");
	return OK;
}

static struct status fake_generate(
	void *self, const struct worker_request *rq, struct bytes parent, struct worker_answer *answer)
{
	struct fake_provider *fake = self;

	(void)rq;
	enter(fake);
	while (atomic_load(&fake->hold_generate))
		(void)usleep(HELD_US);
	(void)atomic_fetch_add(&fake->generated, 1);
	buf_put(&answer->part[0], parent);
	buf_put_text(&answer->part[1], "public");
	buf_put_text(&answer->part[2], "FAKE_GENERATE");
	leave(fake);
	return OK;
}

static struct status fake_sign(void *self, const struct worker_request *rq, struct bytes blob, struct bytes parent,
	struct bytes hash, struct worker_answer *answer)
{
	struct fake_provider *fake = self;

	(void)rq;
	enter(fake);
	while (atomic_load(&fake->hold_sign))
		(void)usleep(HELD_US);
	(void)atomic_fetch_add(&fake->signed_count, 1);
	leave(fake);
	if (fake->sign_fails != STATUS_OK)
		return status_fail(fake->sign_fails, fake->native, __FILE__, __LINE__, __func__);
	buf_put(&answer->part[0], blob);
	buf_put(&answer->part[0], parent);
	buf_put(&answer->part[0], hash);
	return OK;
}

static struct status fake_destroy(
	void *self, const struct worker_request *rq, struct bytes blob, struct worker_answer *answer)
{
	struct fake_provider *fake = self;

	(void)rq;
	(void)blob;
	(void)answer;
	(void)atomic_fetch_add(&fake->destroyed, 1);
	return OK;
}

static struct status fake_random(void *self, uint32_t bytes, struct worker_answer *answer)
{
	(void)self;
	for (uint32_t i = 0; i < bytes; i++)
		buf_put_u8(&answer->part[0], (uint8_t)i);
	return OK;
}

static struct status fake_find(void *self, const struct worker_request *rq, uint32_t *ret_count)
{
	(void)self;
	*ret_count = rq->hardware_id[0];
	return OK;
}

static struct status fake_wrap(void *self, const struct ipc_message *message, struct worker_answer *answer)
{
	struct fake_provider *fake = self;

	(void)atomic_fetch_add(&fake->wrapped, 1);
	for (size_t i = 0; i < message->part[1].len; i++)
		buf_put_u8(&answer->part[0], message->part[1].data[i] ^ 0x5a);
	return OK;
}

static void join(struct ipc **ret_test, struct ipc **ret_own)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_ok(ipc_new(fds[0], ret_test));
	assert_ok(ipc_new(fds[1], ret_own));
}

void fake_provider_init(struct fake_provider *fake, unsigned threads)
{
	int fds[2];

	memset(fake, 0, sizeof(*fake));
	fake->ops = (struct worker_ops){ .role = "fake",
		.threads = threads,
		.open = fake_open,
		.generate = fake_generate,
		.sign = fake_sign,
		.destroy = fake_destroy,
		.random = fake_random,
		.find = fake_find,
		.wrap = fake_wrap };
	join(&fake->lane, &fake->own_lane);
	join(&fake->ctl, &fake->own_ctl);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_ok(ipc_new(fds[0], &fake->wrap));
	fake->own_wrap = fds[1];
}

static void *run(void *context)
{
	struct fake_provider *fake = context;

	fake->result =
		worker_run(&fake->ops, fake, fake->own_ctl, fake->own_lane, own_take_fd(&fake->own_wrap), &fake->page);
	ipc_free(fake->own_lane);
	ipc_free(fake->own_ctl);
	return NULL;
}

void fake_provider_start(struct fake_provider *fake)
{
	assert_int_equal(pthread_create(&fake->thread, NULL, run, fake), 0);
}

struct ipc_message fake_provider_answer(struct fake_provider *fake)
{
	struct ipc_message answer;

	assert_ok(ipc_wait(fake->lane, WAIT_MS, &answer));
	return answer;
}

struct ipc_message fake_provider_hello(struct fake_provider *fake, struct bytes state)
{
	struct ipc_message hello = ipc_message_of(WORKER_HELLO, 1);

	hello.part[0] = ipc_build_id();
	hello.part[1] = state;
	hello.part[2] = BYTES_LITERAL("storetag");
	assert_ok(ipc_send(fake->lane, &hello));
	assert_ok(ipc_flush_wait(fake->lane, WAIT_MS));
	return fake_provider_answer(fake);
}

void fake_provider_queue(struct fake_provider *fake, enum worker_type type, uint64_t id,
	const struct worker_request *request, struct bytes part1, struct bytes part2, uint64_t deadline_us)
{
	AUTO(buf_done) struct buf encoded = buf_make(WORKER_REQUEST_BYTES);
	struct ipc_message message = ipc_message_of((uint16_t)type, id);

	if (request != NULL)
		worker_request_put(&encoded, request);
	message.part[0] = buf_bytes(&encoded);
	message.part[1] = part1;
	message.part[2] = part2;
	message.deadline_us = deadline_us;
	assert_ok(ipc_send(fake->lane, &message));
}

void fake_provider_flush(struct fake_provider *fake)
{
	assert_ok(ipc_flush_wait(fake->lane, WAIT_MS));
}

void fake_provider_send(struct fake_provider *fake, enum worker_type type, uint64_t id,
	const struct worker_request *request, struct bytes part1, struct bytes part2, uint64_t deadline_us)
{
	fake_provider_queue(fake, type, id, request, part1, part2, deadline_us);
	fake_provider_flush(fake);
}

void fake_provider_join(struct fake_provider *fake)
{
	ipc_free(fake->lane);
	fake->lane = NULL;
	assert_int_equal(pthread_join(fake->thread, NULL), 0);
	ipc_free(fake->ctl);
	ipc_free(fake->wrap);
}
