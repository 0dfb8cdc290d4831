/* SPDX-License-Identifier: Apache-2.0
 *
 * What keyreeved's files share: its state, how a role is started, and how a new configuration is taken.  Private to
 * supervise.c, supervise_start.c, supervise_reload.c and supervise_accounts.c; one thread. */
#ifndef AGENT_SUPERVISE_PARTS_H
#define AGENT_SUPERVISE_PARTS_H

#include <sys/stat.h>

#include "agent/listen.h"
#include "agent/supervise.h"

enum {
	CHILD_AGENT = 0,
	CHILD_IDP = 1,
	CHILD_FETCH = 2,
	CHILD_FIRST_WORKER = 3,
	CHILDREN_MAX = CHILD_FIRST_WORKER + 2 * CONFIG_PROVIDERS_MAX, /* some still end while others are new */
};

struct supervisor {
	struct supervised *given;
	struct child children[CHILDREN_MAX];
	size_t child_count;
	int wrap_waiting[CONFIG_PROVIDERS_MAX]; /* a socket to soft for a wrapping worker that does not run yet; -1 */
	struct stat jwks_seen[CONFIG_ISSUERS_MAX]; /* of the file whose content the agent was given last */
	bool stopping, announced;
	char state[CHILD_REASON_BYTES]; /* what the agent says of itself */
	uint64_t stop_at_us;
	struct {
		bool is_asked;		/* by SIGHUP: then it is said also that nothing changed */
		uint64_t at_us;		/* when it is due; 0 none is */
		uint64_t first_us;	/* when the first of those was wanted that it answers */
		uint64_t not_before_us; /* the last one's end, and a pause */
	} reload;
	struct {
		uint64_t at_us;	 /* when they are read again; 0: now */
		struct buf sent; /* owned: the agent's table */
	} accounts;
};

/* supervise_jwks.c: give the agent the key documents of issuers whose file is another than the last time, or all of
 * them; watch their directories, too. */
void supervise_jwks_send(struct supervisor *s, bool all);
void supervise_jwks_watch(struct supervisor *s);

/* The worker of that provider, or the one that still ends; NULL none. */
struct child *supervise_child(struct supervisor *s, struct bytes name);
/* A worker's place whose provider is gone and which has ended. */
bool supervise_is_free(const struct child *child);
/* A worker for provider i of the configuration, to be started. */
void supervise_add_worker(struct supervisor *s, const struct config *config, uint32_t i);
/* A check takes its provider out of service.  Of one that runs already this holds from its end on. */
bool supervise_is_out(const struct supervisor *s, const struct child *child);
/* The agent hears that a provider stays down, and why. */
void supervise_tell_down(struct supervisor *s, const struct child *child);
/* Execute the role and give it all that it needs.  Fails: the codes of child_start(). */
struct status supervise_start(struct supervisor *s, struct child *child);
/* A socket between the agent and idp or fetch; a new one when the agent was started again. */
struct status supervise_join(struct supervisor *s, struct child *child);
/* The bundle files of a configuration, in one descriptor to the agent.  Fails: LIMIT, IO, NO_DESCRIPTORS, and the
 * codes of child_send_fd(). */
struct status supervise_give_files(struct supervisor *s, const struct config *config);
/* Start, end or renew keyreeve-fetch, for what is configured now. */
void supervise_fetch(struct supervisor *s);

/* A reload is wanted, by a signal or by a change of the directory: soon, and once for many that come together. */
void supervise_reload_want(struct supervisor *s, bool is_asked, uint64_t now_us);
/* Changes of the directory.  false: it cannot be watched any more. */
bool supervise_reload_watch(struct supervisor *s, uint64_t now_us);
/* If one is due: read the file again, check it and this machine; what cannot be in force leaves the old one in force,
 * with a line that says why. */
void supervise_reload_due(struct supervisor *s, uint64_t now_us);

/* Accounts of Unix peers: read again soon; anew: the agent has no table, or one of another configuration. */
void supervise_accounts_want(struct supervisor *s, bool anew);
/* If they are due: read them, and hand the agent another table if it is another one. */
void supervise_accounts_due(struct supervisor *s, const struct config *config, uint64_t now_us);
/* Changes of their directory. */
void supervise_accounts_watch(struct supervisor *s);

/* ---- what another configuration opens and ends ---------------------------------------------------- */

/* In the order of the new configuration; -1: what was there stays, or there is none. */
struct change {
	int listeners[CONFIG_LISTENERS_MAX];
	int pins[CONFIG_PROVIDERS_MAX], owner_auths[CONFIG_PROVIDERS_MAX];
	bool has_pin[CONFIG_PROVIDERS_MAX],
		has_owner_auth[CONFIG_PROVIDERS_MAX]; /* they are these, not what was there */
};

void change_init(struct change *change);
void change_done(struct change *change);
/* Open what is new; of the sockets that stay, change mode and group.  What fails is undone, with a sentence.
 * Fails: LIMIT, IO, CHECK_FAILED. */
struct status change_open(
	struct supervisor *s, const struct config *now, struct change *change, char ret_why[CONFIG_TEXT_BYTES]);
/* New listeners to the agent, before the configuration. */
struct status change_send(struct child *agent, const struct change *change);
/* Take over what was opened, close what is gone, begin and end workers. */
void change_take(struct supervisor *s, const struct config *now, struct change *change);

#endif
