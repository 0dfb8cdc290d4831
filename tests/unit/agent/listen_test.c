/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/listen.h"
#include "base/own.h"

struct place {
	char directory[64], path[96];
	char text[LISTEN_TEXT_BYTES];
};

static void place_begin(struct place *p)
{
	*p = (struct place){ .directory = "/tmp/keyreeve-listen-XXXXXX" };
	assert_non_null(mkdtemp(p->directory));
	(void)snprintf(p->path, sizeof(p->path), "%s/s.sock", p->directory);
}

static void place_end(const struct place *p)
{
	(void)unlink(p->path);
	assert_int_equal(rmdir(p->directory), 0); /* and nothing temporary is left */
}

static struct status bind_it(struct place *p, mode_t mode, int *ret_fd)
{
	return listen_bind(p->path, mode, geteuid(), (gid_t)-1, p->text, ret_fd);
}

static int connect_to(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void the_mode_is_exact_whatever_the_umask(void **state)
{
	static const mode_t modes[] = { 0666, 0660 };
	static const mode_t umasks[] = { 0, 022, 077, 0777 };
	struct place p;
	struct stat info;

	(void)state;
	place_begin(&p);
	for (size_t m = 0; m < 2; m++)
		for (size_t u = 0; u < 4; u++) {
			AUTO(own_close) int fd = -1;
			mode_t before = umask(umasks[u]);
			struct status st = bind_it(&p, modes[m], &fd);
			mode_t after = umask(before);

			assert_ok(st);
			assert_int_equal(after, umasks[u]);
			assert_int_equal(stat(p.path, &info), 0);
			assert_true(S_ISSOCK(info.st_mode));
			assert_int_equal(info.st_mode & 07777, modes[m]);
			assert_int_equal(unlink(p.path), 0);
		}
	place_end(&p);
}

static void a_listener_takes_connections_and_never_waits(void **state)
{
	AUTO(own_close) int fd = -1;
	AUTO(own_close) int client = -1;
	struct place p;

	(void)state;
	place_begin(&p);
	assert_ok(bind_it(&p, 0660, &fd));
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	client = connect_to(p.path);
	assert_true(client >= 0);
	place_end(&p);
}

static void a_stale_socket_is_replaced(void **state)
{
	AUTO(own_close) int again = -1;
	AUTO(own_close) int client = -1;
	struct place p;
	int fd = -1;

	(void)state;
	place_begin(&p);
	assert_ok(bind_it(&p, 0666, &fd));
	assert_int_equal(close(fd), 0);
	assert_int_equal(connect_to(p.path), -1);
	assert_ok(bind_it(&p, 0666, &again));
	client = connect_to(p.path);
	assert_true(client >= 0);
	place_end(&p);
}

static void a_live_socket_is_left_alone(void **state)
{
	AUTO(own_close) int fd = -1;
	AUTO(own_close) int client = -1;
	struct place p;
	int second = -1;

	(void)state;
	place_begin(&p);
	assert_ok(bind_it(&p, 0666, &fd));
	assert_fails(bind_it(&p, 0666, &second), CHECK_FAILED);
	assert_int_equal(second, -1);
	assert_non_null(strstr(p.text, "somebody listens"));
	assert_non_null(strstr(p.text, p.path));
	client = connect_to(p.path);
	assert_true(client >= 0);
	place_end(&p);
}

/* A file, a directory, a link to nothing and a link to a stale socket of ours: none is a socket. */
static void what_is_no_socket_is_left_alone(void **state)
{
	char stale[128];
	struct place p;
	struct stat info;
	int fd = -1;

	(void)state;
	place_begin(&p);
	(void)snprintf(stale, sizeof(stale), "%s/stale", p.directory);
	for (int row = 0; row < 3; row++) {
		int made = row == 0   ? open(p.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)
			   : row == 1 ? mkdir(p.path, 0700)
				      : symlink(stale, p.path);

		assert_true(made >= 0);
		if (row == 0)
			assert_int_equal(close(made), 0);
		assert_fails(bind_it(&p, 0666, &fd), CHECK_FAILED);
		assert_int_equal(fd, -1);
		assert_non_null(strstr(p.text, "not a socket"));
		assert_int_equal(lstat(p.path, &info), 0);
		assert_false(S_ISSOCK(info.st_mode));
		assert_int_equal(remove(p.path), 0);
	}
	place_end(&p);
}

static void a_strangers_socket_is_left_alone(void **state)
{
	struct place p;
	int fd = -1;

	(void)state;
	assert_int_equal(geteuid(), 0); /* only root can give a file away: run so, or fail */
	place_begin(&p);
	assert_ok(bind_it(&p, 0666, &fd));
	assert_int_equal(close(fd), 0);
	assert_int_equal(chown(p.path, 4242, (gid_t)-1), 0);
	fd = -1;
	assert_fails(bind_it(&p, 0666, &fd), CHECK_FAILED);
	assert_non_null(strstr(p.text, "4242"));
	assert_ok(listen_bind(p.path, 0666, 4242, (gid_t)-1, p.text, &fd)); /* the owner that is to be */
	assert_int_equal(close(fd), 0);
	place_end(&p);
}

static void a_path_that_cannot_be_is_refused(void **state)
{
	char wide[200];
	struct place p;
	int fd = -1;

	(void)state;
	place_begin(&p);
	memset(wide, 'a', sizeof(wide));
	wide[0] = '/';
	wide[sizeof(wide) - 1] = '\0';
	assert_fails(listen_bind(wide, 0666, geteuid(), (gid_t)-1, p.text, &fd), LIMIT);
	assert_fails(listen_bind("s.sock", 0666, geteuid(), (gid_t)-1, p.text, &fd), CHECK_FAILED);
	assert_fails(listen_bind("/nonexistent/s.sock", 0666, geteuid(), (gid_t)-1, p.text, &fd), IO);
	assert_int_equal(fd, -1);
	place_end(&p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_mode_is_exact_whatever_the_umask),
	cmocka_unit_test(a_listener_takes_connections_and_never_waits),
	cmocka_unit_test(a_stale_socket_is_replaced),
	cmocka_unit_test(a_live_socket_is_left_alone),
	cmocka_unit_test(what_is_no_socket_is_left_alone),
	cmocka_unit_test(a_strangers_socket_is_left_alone),
	cmocka_unit_test(a_path_that_cannot_be_is_refused),
};

UNIT_MAIN(tests)
