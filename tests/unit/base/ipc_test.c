/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/own.h"

struct pair {
	struct ipc *a, *b;
	int raw; /* when b is driven by hand */
};

static struct pair pair_new(void)
{
	struct pair p = { .raw = -1 };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_ok(ipc_new(fds[0], &p.a));
	assert_ok(ipc_new(fds[1], &p.b));
	return p;
}

static struct pair pair_raw(void)
{
	struct pair p = { 0 };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_ok(ipc_new(fds[0], &p.a));
	p.raw = fds[1];
	return p;
}

static void pair_free(struct pair *p)
{
	ipc_free(p->a);
	ipc_free(p->b);
	if (p->raw >= 0)
		(void)close(p->raw);
}

static void messages_arrive_whole_and_in_order(void **state)
{
	struct pair p = pair_new();
	bool have;

	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		struct ipc_message m = ipc_message_of(7, i);

		m.deadline_us = 99;
		m.status = STATUS_KEY_ABSENT;
		m.native = 0x910;
		m.part[0] = BYTES_LITERAL("one");
		m.part[2] = BYTES_LITERAL("three");
		assert_ok(ipc_send(p.a, &m));
	}
	assert_ok(ipc_flush(p.a));
	assert_ok(ipc_receive(p.b));
	for (uint64_t i = 1; i <= 3; i++) {
		struct ipc_message got;

		assert_ok(ipc_next(p.b, &got, &have));
		assert_true(have);
		assert_int_equal(got.id, i);
		assert_int_equal(got.type, 7);
		assert_int_equal(got.deadline_us, 99);
		assert_int_equal(got.status, STATUS_KEY_ABSENT);
		assert_int_equal(got.native, 0x910);
		assert_bytes(got.part[0], BYTES_LITERAL("one"));
		assert_int_equal(got.part[1].len, 0);
		assert_bytes(got.part[2], BYTES_LITERAL("three"));
		assert_int_equal(got.fd, -1);
	}
	struct ipc_message none;
	assert_ok(ipc_next(p.b, &none, &have));
	assert_false(have);
	pair_free(&p);
}

static void large_parts_and_descriptors_travel_together(void **state)
{
	struct pair p = pair_new();
	size_t len = 3 * 1024 * 1024;
	uint8_t *big = malloc(len);
	struct ipc_message m = ipc_message_of(1, 5), got;
	int pipe_fds[2];
	char byte = 0;

	(void)state;
	assert_non_null(big);
	memset(big, 0x5a, len);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	m.part[1] = bytes_of(big, len);
	m.fd = pipe_fds[1];
	assert_ok(ipc_send(p.a, &m));
	m.part[1] = BYTES_LITERAL("small");
	m.fd = -1;
	assert_ok(ipc_send(p.a, &m));
	assert_ok(ipc_flush(p.a));
	assert_int_equal(close(pipe_fds[1]), 0);

	assert_ok(ipc_wait(p.b, 1000, &got));
	assert_bytes(got.part[1], bytes_of(big, len));
	AUTO(own_close) int fd = ipc_take_fd(p.b, &got);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	assert_ok(ipc_wait(p.b, 1000, &got));
	assert_bytes(got.part[1], BYTES_LITERAL("small"));
	assert_int_equal(got.fd, -1);
	(void)close(pipe_fds[0]);
	free(big);
	pair_free(&p);
}

static void a_message_cut_at_every_byte_is_never_handed_out(void **state)
{
	struct ipc_header h = { .size = 10, .type = 3, .len = { 4, 6 } };
	uint8_t raw[IPC_HEADER_BYTES + 10] = { 0 };

	(void)state;
	memcpy(raw, &h, sizeof(h));
	for (size_t cut = 0; cut < sizeof(raw); cut++) {
		struct pair p = pair_raw();
		struct ipc_message got;
		bool have;

		assert_int_equal(write(p.raw, raw, cut), (ssize_t)cut);
		(void)close(p.raw);
		p.raw = -1;
		while (ipc_receive(p.a).code == STATUS_OK)
			; /* until the end of file */
		assert_ok(ipc_next(p.a, &got, &have));
		assert_false(have);
		pair_free(&p);
	}
}

static void malformed_headers_are_refused(void **state)
{
	static const struct {
		const char *what;
		struct ipc_header header;
	} rows[] = {
		{ "unknown flag", { .size = 1, .flags = 4 } },
		{ "reserved byte", { .size = 1, .reserved = 1 } },
		{ "size over the limit", { .size = IPC_SIZE_MAX + 1, .flags = 1 } },
		{ "large in line", { .size = IPC_INLINE_MAX + 1 } },
		{ "small in a memfd", { .size = 8, .flags = 1 } },
		{ "memfd that did not come", { .size = IPC_INLINE_MAX + 1, .flags = 1 } },
		{ "descriptor that did not come", { .size = 0, .flags = 2 } },
		{ "first part over the size", { .size = 4, .len = { 5, 0 } } },
		{ "second part over the rest", { .size = 4, .len = { 2, 3 } } },
		{ "parts that wrap around", { .size = 4, .len = { 4, UINT32_MAX } } },
		{ "unknown status", { .size = 0, .status = STATUS_COUNT } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p = pair_raw();
		uint8_t raw[IPC_HEADER_BYTES + 16] = { 0 };
		struct ipc_message got;
		bool have;
		struct status st;

		memcpy(raw, &rows[i].header, IPC_HEADER_BYTES);
		assert_int_equal(write(p.raw, raw, sizeof(raw)), sizeof(raw));
		assert_ok(ipc_receive(p.a));
		st = ipc_next(p.a, &got, &have);
		if (st.code != STATUS_IPC_MALFORMED || have)
			fail_msg("%s: %s", rows[i].what, status_name(st.code));
		pair_free(&p);
	}
}

static void a_memfd_that_can_still_change_is_refused(void **state)
{
	struct ipc_header h = { .size = IPC_INLINE_MAX + 1, .flags = 1 };
	struct pair p = pair_raw();
	int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct iovec iov = { &h, sizeof(h) };
	union {
		char raw[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .raw = { 0 } };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.raw, .msg_controllen = sizeof(control.raw)
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	struct ipc_message got;
	bool have;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, IPC_INLINE_MAX + 1), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	assert_int_equal(sendmsg(p.raw, &msg, 0), sizeof(h));
	assert_ok(ipc_receive(p.a));
	assert_fails(ipc_next(p.a, &got, &have), IPC_MALFORMED);
	(void)close(fd);
	pair_free(&p);
}

static void too_large_a_message_is_not_queued(void **state)
{
	struct pair p = pair_new();
	struct ipc_message m = ipc_message_of(1, 1);
	uint8_t *big = malloc(IPC_SIZE_MAX + 1);

	(void)state;
	assert_non_null(big);
	m.part[0] = bytes_of(big, IPC_SIZE_MAX + 1);
	assert_fails(ipc_send(p.a, &m), LIMIT);
	assert_false(ipc_wants_write(p.a));
	free(big);
	pair_free(&p);
}

static void ten_thousand_messages_pass_a_full_socket(void **state)
{
	struct pair p = pair_new();
	uint64_t sent = 0, got_count = 0;
	uint8_t body[500] = { 1 };

	(void)state;
	while (got_count < 10000) {
		struct ipc_message got;
		bool have = true;

		for (int i = 0; i < 700 && sent < 10000; i++) {
			struct ipc_message m = ipc_message_of(2, ++sent);

			m.part[1] = bytes_of(body, sizeof(body));
			assert_ok(ipc_send(p.a, &m));
		}
		assert_ok(ipc_flush(p.a));
		assert_ok(ipc_receive(p.b));
		while (have) {
			assert_ok(ipc_next(p.b, &got, &have));
			if (have)
				assert_int_equal(got.id, ++got_count);
		}
	}
	pair_free(&p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(messages_arrive_whole_and_in_order),
	cmocka_unit_test(large_parts_and_descriptors_travel_together),
	cmocka_unit_test(a_message_cut_at_every_byte_is_never_handed_out),
	cmocka_unit_test(malformed_headers_are_refused),
	cmocka_unit_test(a_memfd_that_can_still_change_is_refused),
	cmocka_unit_test(too_large_a_message_is_not_queued),
	cmocka_unit_test(ten_thousand_messages_pass_a_full_socket),
};
UNIT_MAIN(tests)
