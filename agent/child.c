/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

enum { CHILD_SEND_MS = 5000, EXEC_FAILED = 127 };

/* In the new process, between fork and exec: system calls only. */
static void become_role(const struct child *child, int libexec_fd, int ctl, char *const env[], uid_t uid, gid_t gid)
{
	char *const argv[] = { (char *)(uintptr_t)child->program, NULL };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	libexec_fd = fcntl(libexec_fd, F_DUPFD_CLOEXEC, ROLE_CTL_FD + 1); /* out of the way */
	if (ctl == ROLE_CTL_FD ? fcntl(ctl, F_SETFD, 0) < 0 : dup2(ctl, ROLE_CTL_FD) < 0)
		_exit(EXEC_FAILED);
	if (uid != 0 && (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0))
		_exit(EXEC_FAILED);
	/* Die with keyreeved; the role sets it again after exec and checks that it was not too late. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(EXEC_FAILED);
	(void)execveat(libexec_fd, child->program, argv, env, 0);
	_exit(EXEC_FAILED);
}

static struct status say_hello(struct child *child)
{
	struct ipc_message hello = ipc_message_of(ROLE_HELLO, 0);

	hello.part[0] = ipc_build_id();
	return ipc_send(child->ctl, &hello);
}

struct status child_start(struct child *child, int libexec_fd, char *const env[], uid_t uid, gid_t gid)
{
	int pair[2];
	pid_t pid;
	struct status st;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	pid = fork();
	if (pid == 0)
		become_role(child, libexec_fd, pair[1], env, uid, gid);
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		return FAIL_RC(IO, errno);
	}
	child->pid = pid;
	child->is_ready = false;
	child->failed = STATUS_OK;
	child->reason[0] = '\0';
	child->start_at_us = 0;
	st = ipc_new(pair[0], &child->ctl);
	if (st.code != STATUS_OK) {
		(void)close(pair[0]);
		return st;
	}
	return say_hello(child);
}

struct status child_send_config(struct child *child, struct bytes config)
{
	struct ipc_message message = ipc_message_of(ROLE_CONFIG, 0);

	ENSURE(child->ctl != NULL, IPC_CLOSED); /* it is gone, though not reaped yet */
	message.part[1] = config;
	TRY(ipc_send(child->ctl, &message));
	return ipc_flush_wait(child->ctl, CHILD_SEND_MS);
}

struct status child_send_fd(struct child *child, const char *name, int fd)
{
	struct ipc_message message = ipc_message_of(ROLE_FD, 0);

	ENSURE(fd >= 0, NO_DESCRIPTORS);
	ENSURE(child->ctl != NULL, IPC_CLOSED);
	message.part[0] = bytes_from_text(name);
	message.fd = fd;
	TRY(ipc_send(child->ctl, &message));
	return ipc_flush_wait(child->ctl, CHILD_SEND_MS);
}

struct status child_go(struct child *child)
{
	struct ipc_message message = ipc_message_of(ROLE_GO, 0);

	ENSURE(child->ctl != NULL, IPC_CLOSED);
	TRY(ipc_send(child->ctl, &message));
	return ipc_flush_wait(child->ctl, CHILD_SEND_MS);
}

/* 0 the first times, then 1, 2, 4 ... 30 seconds. */
static uint64_t pause_us(unsigned early_deaths)
{
	uint64_t seconds = CHILD_BACKOFF_FIRST_S;

	if (early_deaths < CHILD_EARLY_DEATHS)
		return 0;
	for (unsigned i = CHILD_EARLY_DEATHS; i < early_deaths && seconds < CHILD_BACKOFF_MAX_S; i++)
		seconds *= 2;
	return (seconds < CHILD_BACKOFF_MAX_S ? seconds : CHILD_BACKOFF_MAX_S) * US_PER_S;
}

void child_died(struct child *child, int wait_status, uint64_t now_us)
{
	char how[64];

	if (WIFSIGNALED(wait_status))
		(void)snprintf(how, sizeof(how), "signal %d", WTERMSIG(wait_status));
	else
		(void)snprintf(how, sizeof(how), "exit %d", WEXITSTATUS(wait_status));
	ipc_free(child->ctl);
	child->ctl = NULL;
	child->pid = 0;
	child->early_deaths = child->is_ready ? 0 : child->early_deaths + 1;
	child->is_ready = false;
	child->start_at_us = child->stays_down ? 0 : now_us + pause_us(child->early_deaths);
	if (child->failed != STATUS_OK)
		log_error("%s ended (%s): %s (%s)", child->name, how, child->reason, status_name(child->failed));
	else
		log_warning("%s ended (%s)", child->name, how);
}
