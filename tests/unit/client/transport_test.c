/* SPDX-License-Identifier: Apache-2.0
 *
 * One exchange over a Unix socket: which failure has which name, and what was sent before it. */
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/transport.h"
#include "tests/support/scripted.h"
#include "wire/opcode.h"

#define PONG BYTES_LITERAL("\x08\x01")
enum { SOON_MS = 80, LATE_MS = 4000 };

static struct status ping_within(struct transport *t, uint64_t ms)
{
	struct frame_header header = { .opcode = OPCODE_PING }, answer;
	struct buf frame = buf_make(FRAME_HEADER_BYTES);
	struct bytes body;
	struct status st;

	assert_ok(frame_request_put(&frame, &header, (struct bytes){ 0 }, (struct bytes){ 0 }));
	st = transport_exchange(
		t, buf_bytes(&frame), OPCODE_PING, false, clock_mono_us() + ms * US_PER_MS, &answer, &body);
	buf_done(&frame);
	return st;
}

static struct status ping(struct transport *t)
{
	return ping_within(t, LATE_MS);
}

static int64_t native_of(enum status_code code)
{
	struct fault fault;

	fault_take(&fault);
	assert_int_equal(fault.code, code);
	return fault.native;
}

static void absent_and_dead_sockets_are_CLIENT_CONNECT_with_their_errno(void **state)
{
	char directory[] = "/tmp/transport.XXXXXX", path[64];
	struct transport t;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/socket", directory);
	assert_ok(transport_init(&t, path));
	assert_fails(ping(&t), CLIENT_CONNECT);
	assert_int_equal(native_of(STATUS_CLIENT_CONNECT), ENOENT);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_fails(ping(&t), CLIENT_CONNECT);
	assert_int_equal(native_of(STATUS_CLIENT_CONNECT), ECONNREFUSED);
	assert_false(t.sent);
	transport_done(&t);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void an_end_before_or_within_the_answer_is_CLIENT_CLOSED(void **state)
{
	static const struct script_step steps[] = { { .act = SCRIPT_CLOSE },
		{ .act = SCRIPT_CUT, .cut = 1, .body = PONG },
		{ .act = SCRIPT_CUT, .cut = FRAME_HEADER_BYTES + 1, .body = PONG }, { .body = PONG } };
	struct scripted server;
	struct transport t;

	(void)state;
	scripted_start(&server, steps, sizeof(steps) / sizeof(steps[0]));
	assert_ok(transport_init(&t, server.path));
	for (size_t i = 0; i < 3; i++) {
		assert_fails(ping(&t), CLIENT_CLOSED);
		assert_true(t.sent);
		assert_int_equal(t.answered, i > 0);
		assert_int_equal(t.fd, -1);
	}
	assert_ok(ping(&t)); /* the next one begins anew */
	transport_done(&t);
	scripted_stop(&server);
	assert_int_equal(server.connections, 4);
}

static void silence_is_CLIENT_TIMEOUT_and_ends_the_connection(void **state)
{
	static const struct script_step steps[] = { { .act = SCRIPT_SILENT } };
	uint64_t start = clock_mono_us();
	struct scripted server;
	struct transport t;

	(void)state;
	scripted_start(&server, steps, 1);
	assert_ok(transport_init(&t, server.path));
	assert_fails(ping_within(&t, SOON_MS), CLIENT_TIMEOUT);
	assert_true(clock_mono_us() - start >= SOON_MS * US_PER_MS);
	assert_true(t.sent && !t.answered);
	assert_int_equal(t.fd, -1); /* a late answer would be taken for the next one's */
	transport_done(&t);
	scripted_stop(&server);
}

/* A service that accepts nobody: the kernel's queue is full, and connect() does not wait. */
static void a_full_backlog_is_waited_for_and_then_CLIENT_TIMEOUT(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int queued[4], listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char directory[] = "/tmp/transport.XXXXXX";
	struct transport t;

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 0), 0);
	for (size_t i = 0; i < 4; i++) {
		queued[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(queued[i], (struct sockaddr *)&address, sizeof(address));
	}
	assert_ok(transport_init(&t, address.sun_path));
	assert_fails(ping_within(&t, SOON_MS), CLIENT_TIMEOUT);
	assert_false(t.sent);
	transport_done(&t);
	for (size_t i = 0; i < 4; i++)
		(void)close(queued[i]);
	(void)close(listener);
	assert_int_equal(unlink(address.sun_path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void another_users_socket_is_CLIENT_SERVER_and_gets_nothing(void **state)
{
	static const struct script_step steps[] = { { .act = SCRIPT_REFUSE }, { .body = PONG } };
	struct scripted server;
	struct transport t;

	(void)state;
	scripted_start(&server, steps, 2);
	assert_ok(transport_init(&t, server.path));
	t.check_uid = true;
	t.uid = geteuid() + 1;
	assert_fails(ping(&t), CLIENT_SERVER);
	assert_int_equal(native_of(STATUS_CLIENT_SERVER), geteuid());
	assert_false(t.sent);
	assert_int_equal(t.fd, -1);
	t.uid = geteuid();
	assert_ok(ping(&t));
	transport_done(&t);
	scripted_stop(&server);
	assert_int_equal(server.seen_count, 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(absent_and_dead_sockets_are_CLIENT_CONNECT_with_their_errno),
	cmocka_unit_test(an_end_before_or_within_the_answer_is_CLIENT_CLOSED),
	cmocka_unit_test(silence_is_CLIENT_TIMEOUT_and_ends_the_connection),
	cmocka_unit_test(a_full_backlog_is_waited_for_and_then_CLIENT_TIMEOUT),
	cmocka_unit_test(another_users_socket_is_CLIENT_SERVER_and_gets_nothing),
};

UNIT_MAIN(tests)
