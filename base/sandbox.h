/* SPDX-License-Identifier: Apache-2.0
 *
 * What each role may do once it reads foreign bytes: no capabilities, no core files, Landlock where the kernel has it,
 * and a seccomp filter from one table.  In agent, idp, soft, tpm, fetch and config the filter is a list of what is
 * allowed, and anything else ends the process; in p11, since vendor modules are unpredictable, it is a list of what is
 * denied, with an errno.  keyreeved has such a list, too: its roles inherit its sandbox and narrow it, p11 among them.
 * Enter before threads are made: they inherit it.  security-design 2.9; DESIGN section 3. */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum sandbox_role {
	SANDBOX_NONE = 0,
	SANDBOX_AGENT,
	SANDBOX_IDP,
	SANDBOX_SOFT,
	SANDBOX_TPM,
	SANDBOX_P11,
	SANDBOX_CONFIG,
	SANDBOX_KEYREEVED,
	SANDBOX_FETCH,
	SANDBOX_ROLE_COUNT
};

enum { SANDBOX_PATHS_MAX = 4, SANDBOX_PORTS_MAX = 65 };

struct sandbox_options {
	const char *read[SANDBOX_PATHS_MAX];  /* files and directories that may be read; NULL ends the list */
	const char *write[SANDBOX_PATHS_MAX]; /* directories to make and change files in; tpm: its device;
					       * keyreeved: directories to make sockets in */
	int write_fd;			      /* the same, by a directory's descriptor; -1 none */
	const char *closed;		   /* p11: the one directory that may be neither read nor written; NULL none */
	int execute_fd;			   /* keyreeved: the directory whose programs may be executed; -1 none */
	bool reads_proc;		   /* agent: may read files below /proc, to know its clients on older kernels */
	bool needs_unix_sockets;	   /* p11, tpm: may make sockets of the local kind */
	bool needs_network;		   /* p11, fetch, keyreeved: may make internet sockets */
	uint16_t ports[SANDBOX_PORTS_MAX]; /* TCP: the only ones to connect to, where Landlock knows them; none: all */
	size_t port_count;
};

static inline struct sandbox_options sandbox_options_none(void)
{
	return (struct sandbox_options){ .write_fd = -1, .execute_fd = -1 };
}

/* What is in force: for the posture. */
struct sandbox_report {
	int landlock_abi;      /* 0: this kernel has none */
	unsigned filter_count; /* seccomp filters in force, those inherited included */
};

/* For good.  Also lowers the role's limits of memory, descriptors and tasks, and ends core files and dumping, as
 * role_begin() did.  The filter is of this machine's own kind of calls; others end the process.  ret_report may be
 * NULL.  Fails: SANDBOX. */
struct status sandbox_enter(
	enum sandbox_role role, const struct sandbox_options *options, struct sandbox_report *ret_report);

#endif
