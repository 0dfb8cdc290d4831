/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/principal.h"
#include "base/own.h"

/* A listening socket with an abstract name that the kernel gives. */
struct place {
	int fd;
	struct sockaddr_un address;
	socklen_t len;
};

static struct status whole(int fd, const struct principal_facts *facts, struct principal *ret)
{
	TRY(principal_take(fd, facts, ret));
	return principal_complete(fd, facts, ret);
}

static void place_begin(struct place *p)
{
	*p = (struct place){ .address.sun_family = AF_UNIX, .len = sizeof(p->address) };
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->fd >= 0);
	assert_int_equal(bind(p->fd, (const struct sockaddr *)&p->address, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(p->fd, (struct sockaddr *)&p->address, &p->len), 0);
	assert_int_equal(listen(p->fd, 16), 0);
}

static int connect_to(const struct place *p)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&p->address, p->len) < 0)
		own_close(&fd);
	return fd;
}

/* A child that has connected, and waits to be ended. */
static pid_t child_of(const struct place *p, int *ret_server)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (connect_to(p) < 0)
			_exit(1);
		for (;;)
			(void)pause();
	}
	*ret_server = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*ret_server >= 0);
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* This kernel as it is, and as older ones are. */
static size_t facts_of_kernels(struct principal_facts ret_facts[4])
{
	struct principal_facts now;
	size_t count = 1;

	principal_probe(&now);
	ret_facts[0] = now;
	ret_facts[count] = now; /* 6.9 to 6.12 */
	ret_facts[count++].has_info = false;
	ret_facts[count] = now; /* 6.5 to 6.8 */
	ret_facts[count].has_info = false;
	ret_facts[count++].has_inodes = false;
	ret_facts[count++] = (struct principal_facts){ .has_label = now.has_label, .cgroups = now.cgroups };
	return count;
}

static void a_principal_is_who_the_kernel_says_on_every_kernel(void **state)
{
	struct principal_facts kernels[4];
	struct place p;

	(void)state;
	place_begin(&p);
	for (size_t i = 0; i < facts_of_kernels(kernels); i++) {
		AUTO(own_close) int client = connect_to(&p);
		AUTO(own_close) int server = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);
		struct principal who;

		assert_true(client >= 0);
		assert_ok(whole(server, &kernels[i], &who));
		assert_int_equal(who.uid, geteuid());
		assert_int_equal(who.gid, getegid());
		assert_int_equal(who.pid, getpid());
		assert_true(principal_process_known(&who.process));
		assert_int_equal(who.pidfd >= 0, kernels[i].has_pidfd);
		assert_false(principal_process_ended(&who.process, who.pidfd));
		principal_done(&who);
		assert_int_equal(who.pidfd, -1);
	}
	own_close(&p.fd);
}

static void a_process_that_comes_again_is_known_by_its_number_while_it_lives(void **state)
{
	struct principal_facts facts;
	struct place p;
	struct principal other, nobody = { .pidfd = -1, .pid = getpid(), .uid = geteuid(), .gid = getegid() };
	AUTO(own_close) int child = -1;
	pid_t pid;

	(void)state;
	principal_probe(&facts);
	place_begin(&p);
	pid = child_of(&p, &child);
	AUTO(own_close) int client = connect_to(&p);
	AUTO(own_close) int server = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(client >= 0 && server >= 0);
	assert_ok(principal_take(child, &facts, &other));
	if (facts.has_pidfd) {
		assert_true(principal_is_again(child, &other));
		assert_false(principal_is_again(server, &other));
	}
	assert_false(principal_is_again(server, &nobody)); /* without a pidfd nobody knows */
	assert_false(principal_is_again(-1, &other));
	end(pid);
	assert_false(principal_is_again(child, &other));
	principal_done(&other);
	own_close(&p.fd);
}

static void a_process_is_the_same_on_all_its_connections_and_no_other(void **state)
{
	struct principal_facts kernels[4];
	struct place p;

	(void)state;
	place_begin(&p);
	for (size_t i = 0; i < facts_of_kernels(kernels); i++) {
		struct principal first, again, other;
		AUTO(own_close) int child = -1;
		pid_t pid = child_of(&p, &child);
		AUTO(own_close) int client = connect_to(&p);
		AUTO(own_close) int server = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);
		AUTO(own_close) int second = connect_to(&p);
		AUTO(own_close) int server_2 = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);

		assert_true(client >= 0 && second >= 0);
		assert_ok(whole(server, &kernels[i], &first));
		assert_ok(whole(server_2, &kernels[i], &again));
		assert_ok(whole(child, &kernels[i], &other));
		assert_true(principal_same(PRINCIPAL_PROCESS, &first, &again));
		assert_true(principal_same(PRINCIPAL_ACCOUNT, &first, &other));
		assert_false(principal_same(PRINCIPAL_PROCESS, &first, &other));
		assert_int_equal(principal_same(PRINCIPAL_CGROUP, &first, &other), first.cgroup != 0);
		assert_false(principal_process_ended(&other.process, other.pidfd));
		end(pid);
		assert_true(principal_process_ended(&other.process, other.pidfd));
		assert_false(principal_process_ended(&first.process, first.pidfd));
		principal_done(&first);
		principal_done(&again);
		principal_done(&other);
	}
	own_close(&p.fd);
}

/* It connected, wrote, and ended before it was accepted: on a kernel whose pidfds outlive the process it is still
 * known; from /proc it is not, and never mistaken for another. */
static void a_process_that_has_ended_before_the_accept_is_nobody_else(void **state)
{
	struct principal_facts kernels[4];
	struct place p;

	(void)state;
	place_begin(&p);
	for (size_t i = 0; i < facts_of_kernels(kernels); i++) {
		struct principal who;
		pid_t pid = fork();

		if (pid == 0)
			_exit(connect_to(&p) < 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		AUTO(own_close) int server = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);
		assert_ok(whole(server, &kernels[i], &who));
		assert_int_equal(who.uid, geteuid());
		assert_int_equal(who.pid, pid);
		if (principal_process_known(&who.process))
			assert_true(kernels[i].has_inodes && principal_process_ended(&who.process, who.pidfd));
		assert_int_equal(who.cgroup, 0);
		principal_done(&who);
	}
	own_close(&p.fd);
}

/* What /proc says of a number is believed only while the pidfd says that the process behind it lives. */
static void what_proc_says_of_an_ended_process_is_not_believed(void **state)
{
	struct principal_facts kernels[4];
	struct place p;

	(void)state;
	place_begin(&p);
	for (size_t i = 0; i < facts_of_kernels(kernels); i++) {
		struct principal who;
		siginfo_t info;
		pid_t pid = fork();

		if (pid == 0)
			_exit(connect_to(&p) < 0);
		assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0); /* /proc still has it */
		AUTO(own_close) int server = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);
		assert_ok(whole(server, &kernels[i], &who));
		assert_int_equal(principal_process_known(&who.process), kernels[i].has_inodes || !kernels[i].has_pidfd);
		principal_done(&who);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	own_close(&p.fd);
}

/* Field 22 of /proc/self/stat, counted by hand: our name has neither blank nor bracket. */
static unsigned long long own_start(void)
{
	FILE *file = fopen("/proc/self/stat", "re");
	unsigned long long start = 0;

	assert_non_null(file);
	assert_int_equal(
		fscanf(file, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
			&start),
		1);
	(void)fclose(file);
	return start;
}

static void without_pidfds_a_process_is_its_number_and_its_start(void **state)
{
	const struct principal_facts old = { 0 };
	AUTO(own_close) int client = -1;
	AUTO(own_close) int server = -1;
	struct principal_process earlier;
	struct principal who;
	struct place p;

	(void)state;
	place_begin(&p);
	client = connect_to(&p);
	server = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);
	assert_ok(whole(server, &old, &who));
	assert_true(who.process.id == ((uint64_t)geteuid() << 32 | (uint32_t)getpid()));
	assert_true((who.process.start & INT64_MAX) == own_start());
	/* another that had our number before us has ended */
	earlier = (struct principal_process){ who.process.id, who.process.start - 1 };
	assert_false(principal_process_equal(&earlier, &who.process));
	assert_true(principal_process_ended(&earlier, -1));
	principal_done(&who);
	own_close(&p.fd);
}

static void what_is_compared_is_what_the_scope_says(void **state)
{
	static const struct principal one = { .uid = 1, .gid = 2, .pid = 3, .process = { 4, 0 }, .cgroup = 5 };
	static const struct {
		const char *what;
		struct principal other;
		bool account, process, cgroup;
	} rows[] = {
		{ "the same", { .uid = 1, .gid = 2, .process = { 4, 0 }, .cgroup = 5 }, true, true, true },
		{ "uid", { .uid = 9, .gid = 2, .process = { 4, 0 }, .cgroup = 5 }, false, false, false },
		{ "gid", { .uid = 1, .gid = 9, .process = { 4, 0 }, .cgroup = 5 }, false, false, false },
		{ "label", { .uid = 1, .gid = 2, .process = { 4, 0 }, .cgroup = 5, .label_len = 1, .label = "l" },
			false, false, false },
		{ "process", { .uid = 1, .gid = 2, .process = { 9, 0 }, .cgroup = 5 }, true, false, true },
		{ "start", { .uid = 1, .gid = 2, .process = { 4, 9 }, .cgroup = 5 }, true, false, true },
		{ "cgroup", { .uid = 1, .gid = 2, .process = { 4, 0 }, .cgroup = 9 }, true, true, false },
		{ "nothing known", { .uid = 1, .gid = 2 }, true, false, false },
	};
	static const struct principal unknown = { .uid = 1, .gid = 2 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_good = principal_same(PRINCIPAL_ACCOUNT, &one, &rows[i].other) == rows[i].account &&
			       principal_same(PRINCIPAL_PROCESS, &one, &rows[i].other) == rows[i].process &&
			       principal_same(PRINCIPAL_CGROUP, &one, &rows[i].other) == rows[i].cgroup;

		if (!is_good)
			fail_msg("%s", rows[i].what);
	}
	/* two of whom nothing is known are not the same */
	assert_false(principal_same(PRINCIPAL_PROCESS, &unknown, &unknown));
	assert_false(principal_same(PRINCIPAL_CGROUP, &unknown, &unknown));
}

/* The path of our own cgroup, as the kernel shows it. */
static void own_cgroup(char ret_path[512])
{
	FILE *file = fopen("/proc/self/cgroup", "re");

	ret_path[0] = '\0';
	assert_non_null(file);
	while (fgets(ret_path, 512, file) != NULL && strncmp(ret_path, "0::", 3) != 0)
		ret_path[0] = '\0';
	(void)fclose(file);
	memmove(ret_path, ret_path + 3, strlen(ret_path + 3) + 1);
	ret_path[strcspn(ret_path, "\n")] = '\0';
}

static void a_cgroup_is_known_by_its_path(void **state)
{
	struct principal_facts kernels[4];
	struct place p;
	char path[512];

	(void)state;
	own_cgroup(path);
	place_begin(&p);
	for (size_t i = 0; i < facts_of_kernels(kernels); i++) {
		AUTO(own_close) int client = connect_to(&p);
		AUTO(own_close) int server = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);
		struct principal who;

		assert_true(client >= 0);
		if (kernels[i].cgroups == NULL)
			skip();
		assert_ok(whole(server, &kernels[i], &who));
		assert_true(who.cgroup != 0);
		assert_true(principal_in_cgroup(&who, &kernels[i], path));
		assert_false(principal_in_cgroup(&who, &kernels[i], "/keyreeve-has-no-such-cgroup"));
		kernels[i].cgroups = NULL;
		assert_false(principal_in_cgroup(&who, &kernels[i], path));
		principal_done(&who);
	}
	own_close(&p.fd);
}

static void without_a_descriptor_for_the_process_there_is_no_principal(void **state)
{
	AUTO(own_close) int client = -1;
	AUTO(own_close) int server = -1;
	struct principal_facts facts;
	struct rlimit before, none;
	struct principal who;
	struct status st;
	struct place p;

	(void)state;
	principal_probe(&facts);
	if (!facts.has_pidfd)
		skip();
	place_begin(&p);
	client = connect_to(&p);
	server = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	st = whole(server, &facts, &who);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_fails(st, NO_DESCRIPTORS);
	principal_done(&who);
	assert_fails(whole(-1, &facts, &who), IO);
	own_close(&p.fd);
}

static void proc_is_needed_by_older_kernels_only(void **state)
{
	struct principal_facts facts = { .has_pidfd = true, .has_inodes = true, .has_info = true };

	(void)state;
	assert_false(principal_needs_proc(&facts));
	facts.has_info = false;
	assert_true(principal_needs_proc(&facts));
	facts = (struct principal_facts){ .has_pidfd = true, .has_info = true };
	assert_true(principal_needs_proc(&facts));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_principal_is_who_the_kernel_says_on_every_kernel),
	cmocka_unit_test(a_process_is_the_same_on_all_its_connections_and_no_other),
	cmocka_unit_test(a_process_that_comes_again_is_known_by_its_number_while_it_lives),
	cmocka_unit_test(a_process_that_has_ended_before_the_accept_is_nobody_else),
	cmocka_unit_test(what_proc_says_of_an_ended_process_is_not_believed),
	cmocka_unit_test(without_pidfds_a_process_is_its_number_and_its_start),
	cmocka_unit_test(what_is_compared_is_what_the_scope_says),
	cmocka_unit_test(a_cgroup_is_known_by_its_path),
	cmocka_unit_test(without_a_descriptor_for_the_process_there_is_no_principal),
	cmocka_unit_test(proc_is_needed_by_older_kernels_only),
};

UNIT_MAIN(tests)
