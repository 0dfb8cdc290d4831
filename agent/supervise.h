/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeved's life after the start: starts the roles, joins them by socketpairs, starts again what died, passes
 * signals on, and ends.  It parses nothing that a client sent.  One thread. */
#ifndef AGENT_SUPERVISE_H
#define AGENT_SUPERVISE_H

#include <sys/inotify.h>

#include "agent/child.h"
#include "agent/config.h"
#include "agent/listen.h"

/* Changes of a directory that are looked at. */
#define SUPERVISE_WATCHED (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)

/* What the start opened, before privileges went. */
struct supervised {
	int libexec_fd;
	const char *config_path;
	struct config *config;		       /* owned */
	struct buf tree;		       /* its encoding: owned */
	int listeners[CONFIG_LISTENERS_MAX];   /* owned; in the order of the configuration */
	int pins[CONFIG_PROVIDERS_MAX];	       /* owned; -1 none */
	int owner_auths[CONFIG_PROVIDERS_MAX]; /* owned; -1 none */
	uint32_t providers_down;	       /* bit n: a start-up check takes provider n out of service */
	int state_lock;			       /* owned: one daemon per state directory */
	int signal_fd;			       /* owned: SIGTERM, SIGINT, SIGHUP, SIGCHLD */
	int notify_fd;			       /* owned: the service manager; -1 none */
	int watch_fd;	  /* owned: inotify on the configuration's directory, and others; -1 none */
	int watch_config; /* which watch of it is the configuration's */
	int accounts_fd;  /* owned: the same on the directory of /etc/passwd; -1 none */
};

/* Run keyreeve-config on the file; the tree, or its error text in ret_text.  Also used for a reload.
 * Fails: CONFIG_SYNTAX, CONFIG_UNSUPPORTED, IO and the codes of child_start(). */
struct status config_load(
	int libexec_fd, const char *path, struct config **ret_config, struct buf *ret_tree, struct buf *ret_text);

/* Bind listener i of the configuration.  Fails: CHECK_FAILED, IO, with a sentence. */
struct status supervise_listen(const struct config *config, uint32_t i, char ret_why[LISTEN_TEXT_BYTES], int *ret_fd);
/* A file with a PIN or an authorization; nothing is done for no path.  Fails: IO, after a log line. */
struct status supervise_secret(const char *path, int *ret_fd);

/* Until the end; the exit code.  Takes everything over. */
int supervise(struct supervised *s);

#endif
