/* SPDX-License-Identifier: Apache-2.0
 *
 * How a role is started: keyreeved executes it with descriptor ROLE_CTL_FD, one end of a socketpair, a cleared
 * environment and no arguments.  Over it come its configuration section, its secrets and its sockets, each as one
 * message; ROLE_GO ends the list.  The role enters its sandbox, then answers ROLE_READY, or ROLE_FAILED with the
 * reason and exits.  Used by every role's main; one thread. */
#ifndef BASE_ROLE_H
#define BASE_ROLE_H

#include "base/ipc.h"
#include "base/secret.h"

enum { ROLE_CTL_FD = 3, ROLE_NAME_BYTES = 64, ROLE_ITEMS_MAX = 64, ROLE_START_MS = 20000 };

/* keyreeved to role, in this order; the text in part 0 names the item, e.g. "lane:tpm". */
enum role_message {
	ROLE_NONE = 0,
	ROLE_HELLO,  /* part 0 build id; both ways */
	ROLE_CONFIG, /* part 1: the encoded configuration (all of it for the agent, its provider's for a worker) */
	ROLE_FD, /* part 0 name, descriptor; also later, while running (a restarted worker's socket, a new wrap socket)
		  */
	ROLE_GO,
	ROLE_READY,    /* role to keyreeved; part 0 text for the log */
	ROLE_FAILED,   /* role to keyreeved; status, native, part 0 text that says what to do */
	ROLE_STOP,     /* keyreeved to agent: drain and stop */
	ROLE_RELOAD,   /* keyreeved to agent: part 1 new configuration */
	ROLE_JWKS,     /* keyreeved to agent: part 0 issuer, part 1 its key document, not looked at */
	ROLE_DOWN,     /* keyreeved to agent: part 0 provider name, part 1 reason: it stays down */
	ROLE_ACCOUNTS, /* keyreeved to agent: part 1 table of account.h */
	ROLE_SIGNAL,   /* keyreeved to agent: part 0 what came and what follows, part 1 its sender (audit_event.h) */
	ROLE_RENEW,    /* keyreeved to agent: part 0 provider name; its description changed: let its worker go */
	ROLE_STATE,    /* agent to keyreeved; status OK: ready; part 0 text for the service manager */
	ROLE_KILL,     /* agent to keyreeved: part 0 provider name, part 1 why: end its worker */
};

/* What a role was given. */
struct role_item {
	char name[ROLE_NAME_BYTES];
	int fd; /* owned until taken */
};
struct role_start {
	struct ipc *ctl;   /* owned */
	struct buf config; /* owned; empty when the role gets none */
	struct role_item items[ROLE_ITEMS_MAX];
	size_t item_count;
};

/* Harden the process (die with the parent, no dumps, no new privileges, umask 077, signals blocked but the fatal
 * ones), then read everything up to ROLE_GO.  name is static text.  Fails: IPC_BUILD, IPC_CLOSED, IPC_MALFORMED,
 * SANDBOX, LIMIT. */
struct status role_begin(const char *name, struct role_start *ret_start);
/* The second half of it, over a socket that is taken over. */
struct status role_receive(int ctl, struct role_start *ret_start);
/* Move a descriptor out; -1 when no item has that name. */
int role_take_fd(struct role_start *start, const char *name);
/* Tell keyreeved; text is at most 512 bytes. */
struct status role_ready(struct role_start *start, const char *text);
void role_failed(struct role_start *start, struct status why, const char *text);
void role_end(struct role_start *start);

/* "--version" and "--help" of every role's program: prints and returns true when the arguments asked for it. */
bool role_version(int argc, char **argv, const char *program);

#endif
