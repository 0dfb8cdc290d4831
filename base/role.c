/* SPDX-License-Identifier: Apache-2.0 */
#include "base/role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "base/program.h"

enum { ROLE_CONFIG_MAX = IPC_SIZE_MAX, ROLE_TEXT_MAX = 512, ROLE_VERSION_MAX = 4096 };

/* Before anything foreign is read: what every role gives up, whatever its sandbox adds. */
static struct status harden(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
	const struct rlimit none = { 0, 0 };
	pid_t parent = getppid();
	sigset_t blocked;

	ENSURE(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, SANDBOX);
	/* It may have died before the line above: then nobody would tell us. */
	ENSURE(getppid() == parent && parent != 1, SANDBOX);
	/* Whatever the parent forgot to close: what a role holds comes by message. */
	ENSURE(close_range(ROLE_CTL_FD + 1, ~0u, 0) == 0, SANDBOX);
	ENSURE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, SANDBOX);
#ifndef KEYREEVE_SANITIZED /* LeakSanitizer traces its own process */
	ENSURE(prctl(PR_SET_DUMPABLE, 0) == 0, SANDBOX);
#endif
	ENSURE(setrlimit(RLIMIT_CORE, &none) == 0, SANDBOX);
	(void)umask(077);
	(void)sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		(void)sigdelset(&blocked, fatal[i]);
	ENSURE(sigprocmask(SIG_SETMASK, &blocked, NULL) == 0, SANDBOX);
	return OK;
}

static struct status check_build(struct ipc *ctl)
{
	struct ipc_message hello = ipc_message_of(ROLE_HELLO, 0);
	struct ipc_message got;

	hello.part[0] = ipc_build_id();
	TRY(ipc_send(ctl, &hello));
	TRY(ipc_flush_wait(ctl, ROLE_START_MS));
	TRY(ipc_wait(ctl, ROLE_START_MS, &got));
	ENSURE(got.type == ROLE_HELLO && bytes_equal(got.part[0], ipc_build_id()), IPC_BUILD);
	return OK;
}

static struct status keep_fd(struct role_start *start, struct ipc_message *message)
{
	struct role_item *item = &start->items[start->item_count];

	ENSURE(start->item_count < ROLE_ITEMS_MAX, LIMIT);
	ENSURE(message->fd >= 0 && message->part[0].len > 0 && message->part[0].len < ROLE_NAME_BYTES, IPC_MALFORMED);
	memcpy(item->name, message->part[0].data, message->part[0].len);
	item->name[message->part[0].len] = '\0';
	item->fd = ipc_take_fd(start->ctl, message);
	start->item_count++;
	return OK;
}

static struct status read_items(struct role_start *start)
{
	for (;;) {
		struct ipc_message message;

		TRY(ipc_wait(start->ctl, ROLE_START_MS, &message));
		switch ((enum role_message)message.type) {
		case ROLE_CONFIG:
			buf_clear(&start->config);
			buf_put(&start->config, message.part[1]);
			TRY(buf_check(&start->config));
			continue;
		case ROLE_FD:
			TRY(keep_fd(start, &message));
			continue;
		case ROLE_GO:
			return OK;
		case ROLE_NONE:
		case ROLE_HELLO:
		case ROLE_READY:
		case ROLE_FAILED:
		case ROLE_STOP:
		case ROLE_RELOAD:
		case ROLE_JWKS:
		case ROLE_DOWN:
		case ROLE_ACCOUNTS:
		case ROLE_SIGNAL:
		case ROLE_RENEW:
		case ROLE_KILL:
		case ROLE_STATE:
			break;
		}
		return FAIL(IPC_MALFORMED); /* also a number that is none of these */
	}
}

struct status role_receive(int ctl, struct role_start *ret_start)
{
	struct role_start start = { .config = buf_make(ROLE_CONFIG_MAX) };
	struct status st;

	TRY(ipc_new(ctl, &start.ctl));
	st = check_build(start.ctl);
	if (st.code == STATUS_OK)
		st = read_items(&start);
	if (st.code != STATUS_OK) {
		role_failed(&start, st, "start message from keyreeved was not understood");
		role_end(&start);
		return st;
	}
	*ret_start = start;
	return OK;
}

struct status role_begin(const char *name, struct role_start *ret_start)
{
	log_open(name, LOG_LEVEL_INFO);
	TRY(harden());
	return role_receive(ROLE_CTL_FD, ret_start);
}

int role_take_fd(struct role_start *start, const char *name)
{
	for (size_t i = 0; i < start->item_count; i++)
		if (strcmp(start->items[i].name, name) == 0 && start->items[i].fd >= 0)
			return own_take_fd(&start->items[i].fd);
	return -1;
}

static struct bytes bounded_text(const char *text)
{
	return bytes_of(text, strnlen(text, ROLE_TEXT_MAX));
}

struct status role_ready(struct role_start *start, const char *text)
{
	struct ipc_message ready = ipc_message_of(ROLE_READY, 0);

	ready.part[0] = bounded_text(text);
	TRY(ipc_send(start->ctl, &ready));
	return ipc_flush_wait(start->ctl, ROLE_START_MS);
}

void role_failed(struct role_start *start, struct status why, const char *text)
{
	struct ipc_message failed = ipc_message_of(ROLE_FAILED, 0);
	struct fault fault;

	fault_take(&fault);
	failed.status = why.code;
	failed.native = (uint32_t)fault.native;
	failed.part[0] = bounded_text(text);
	/* keyreeved may be gone: then there is nobody left to tell. */
	if (ipc_send(start->ctl, &failed).code == STATUS_OK)
		(void)!ipc_flush_wait(start->ctl, 1000).code;
}

void role_end(struct role_start *start)
{
	for (size_t i = 0; i < start->item_count; i++)
		own_close(&start->items[i].fd);
	buf_done(&start->config);
	ipc_free(start->ctl);
	*start = (struct role_start){ 0 };
}

bool role_version(int argc, char **argv, const char *program)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		AUTO(buf_done) struct buf text = buf_make(ROLE_VERSION_MAX);

		program_version_put(&text, program);
		printf("%.*s", (int)text.len, (const char *)text.data);
		return true;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		printf("%s is a role of keyreeve and is started by keyreeved.\n", program);
		return true;
	}
	return false;
}
