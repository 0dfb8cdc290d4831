/* SPDX-License-Identifier: Apache-2.0
 *
 * One role as keyreeved sees it: started with a socketpair and a cleared environment, watched, and started again when
 * it dies: at once, or after 1 to 30 s when it died three times running before it had said that it was ready.
 * keyreeved's only thread. */
#ifndef AGENT_CHILD_H
#define AGENT_CHILD_H

#include <sys/types.h>

#include "base/ipc.h"
#include "base/role.h"

enum {
	CHILD_EARLY_DEATHS = 3, /* at once until then */
	CHILD_BACKOFF_FIRST_S = 1,
	CHILD_BACKOFF_MAX_S = 30,
	CHILD_REASON_BYTES = 512,
	CHILD_ENV_MAX = 40,
};

struct child {
	char name[ROLE_NAME_BYTES];    /* "agent", "idp", or the provider's */
	char program[ROLE_NAME_BYTES]; /* "keyreeve-tpm" */
	int provider;		       /* index in the configuration; -1 none */
	pid_t pid;		       /* 0 while it does not run */
	struct ipc *ctl;	       /* owned; NULL while it does not run */
	bool is_ready, stays_down;
	unsigned early_deaths;
	uint64_t start_at_us;		 /* when to start it again; 0 not planned */
	char reason[CHILD_REASON_BYTES]; /* what it said when it failed */
	enum status_code failed;	 /* STATUS_OK: it said nothing */
};

/* Execute libexec/program with descriptor ROLE_CTL_FD and env (NULL-terminated), say hello.  Items and ROLE_GO are the
 * caller's to send.  uid and gid: become this user first (0: stay).  Fails: IO, NO_DESCRIPTORS. */
struct status child_start(struct child *child, int libexec_fd, char *const env[], uid_t uid, gid_t gid);
struct status child_send_config(struct child *child, struct bytes config);
/* The descriptor stays the caller's. */
struct status child_send_fd(struct child *child, const char *name, int fd);
struct status child_go(struct child *child);
/* It is gone: note it and say when to start it again. */
void child_died(struct child *child, int wait_status, uint64_t now_us);

#endif
