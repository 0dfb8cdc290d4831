/* SPDX-License-Identifier: Apache-2.0
 *
 * How a role begins: what it was given, what it closes, and a parent that does not speak its language. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/role.h"

enum { WAIT_MS = 10000, FORGOTTEN_FD = 40 };

struct child {
	pid_t pid;
	struct ipc *ctl;
};

/* A role in a fork: descriptor 3 is its end. */
static void child_start(struct child *child, int (*body)(void))
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	child->pid = fork();
	assert_true(child->pid >= 0);
	if (child->pid == 0) {
		(void)dup2(STDIN_FILENO, FORGOTTEN_FD);
		(void)dup2(ends[1], ROLE_CTL_FD);
		_exit(body());
	}
	(void)close(ends[1]);
	assert_ok(ipc_new(ends[0], &child->ctl));
}

static int child_end(struct child *child)
{
	int how;

	assert_int_equal(waitpid(child->pid, &how, 0), child->pid);
	ipc_free(child->ctl);
	assert_true(WIFEXITED(how));
	return WEXITSTATUS(how);
}

static void tell(struct child *child, uint16_t type, const char *name, struct bytes part, int fd)
{
	struct ipc_message message = ipc_message_of(type, 0);

	if (name != NULL)
		message.part[0] = bytes_from_text(name);
	message.part[1] = part;
	message.fd = fd;
	assert_ok(ipc_send(child->ctl, &message));
	assert_ok(ipc_flush_wait(child->ctl, WAIT_MS));
}

static void say_hello(struct child *child, struct bytes build)
{
	struct ipc_message hello = ipc_message_of(ROLE_HELLO, 0);

	hello.part[0] = build;
	assert_ok(ipc_send(child->ctl, &hello));
	assert_ok(ipc_flush_wait(child->ctl, WAIT_MS));
}

static int begins_well(void)
{
	struct role_start start;
	char byte = 0;
	int fd;

	if (role_begin("test", &start).code != STATUS_OK)
		return 1;
	if (fcntl(FORGOTTEN_FD, F_GETFD) >= 0)
		return 2; /* the parent's slip became ours */
	if (!bytes_equal(buf_bytes(&start.config), BYTES_LITERAL("configuration")))
		return 3;
	fd = role_take_fd(&start, "pipe");
	if (fd < 0 || read(fd, &byte, 1) != 1 || byte != 'x')
		return 4;
	if (role_take_fd(&start, "pipe") >= 0 || role_take_fd(&start, "other") >= 0)
		return 5;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || umask(0) != 077)
		return 6;
	if (role_ready(&start, "well").code != STATUS_OK)
		return 7;
	(void)close(fd);
	role_end(&start);
	return 0;
}

static void a_role_holds_what_it_was_sent_and_nothing_that_was_left_open(void **state)
{
	struct ipc_message got;
	struct child child;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	child_start(&child, begins_well);
	say_hello(&child, ipc_build_id());
	tell(&child, ROLE_CONFIG, NULL, BYTES_LITERAL("configuration"), -1);
	tell(&child, ROLE_FD, "pipe", (struct bytes){ 0 }, ends[0]);
	tell(&child, ROLE_GO, NULL, (struct bytes){ 0 }, -1);
	assert_ok(ipc_wait(child.ctl, WAIT_MS, &got));
	assert_int_equal(got.type, ROLE_HELLO);
	assert_ok(ipc_wait(child.ctl, WAIT_MS, &got));
	assert_int_equal(got.type, ROLE_READY);
	assert_bytes(got.part[0], BYTES_LITERAL("well"));
	assert_int_equal(child_end(&child), 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static int begins_with_its_status(void)
{
	struct role_start start;

	return (int)role_begin("test", &start).code;
}

static void another_build_is_refused(void **state)
{
	struct child child;

	(void)state;
	child_start(&child, begins_with_its_status);
	say_hello(&child, BYTES_LITERAL("another build"));
	assert_int_equal(child_end(&child), STATUS_IPC_BUILD);
}

static void a_message_that_does_not_belong_to_the_start_is_refused(void **state)
{
	static const uint16_t types[] = { ROLE_READY, ROLE_STOP, ROLE_KILL, 999 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct child child;

		child_start(&child, begins_with_its_status);
		say_hello(&child, ipc_build_id());
		tell(&child, types[i], NULL, (struct bytes){ 0 }, -1);
		assert_int_equal(child_end(&child), STATUS_IPC_MALFORMED);
	}
}

static void a_parent_that_goes_away_ends_the_start(void **state)
{
	struct child child;
	int how;

	(void)state;
	child_start(&child, begins_with_its_status);
	ipc_free(child.ctl);
	child.ctl = NULL;
	assert_int_equal(waitpid(child.pid, &how, 0), child.pid);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), STATUS_IPC_CLOSED);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_role_holds_what_it_was_sent_and_nothing_that_was_left_open),
	cmocka_unit_test(another_build_is_refused),
	cmocka_unit_test(a_message_that_does_not_belong_to_the_start_is_refused),
	cmocka_unit_test(a_parent_that_goes_away_ends_the_start),
};

UNIT_MAIN(tests)
