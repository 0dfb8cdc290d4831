/* SPDX-License-Identifier: Apache-2.0
 *
 * The principal of a connection: who the kernel says connected, taken once, at accept, and a plain value from then on.
 * It names the process that called connect(), not whoever writes to the socket later: a descriptor can be inherited or
 * passed (threat ledger N-12).  Nothing here is the client's claim.  The loop's thread only.
 *
 * A process is identified by the inode of its pidfd (SO_PEERPIDFD, Linux 6.5; inodes that stay, 6.9), which works for
 * other PID namespaces, too.  Older kernels: by uid, pid and the time of its start from /proc/PID/stat, and then not at
 * all where /proc does not show it.  Its cgroup: by PIDFD_GET_INFO (6.13), on older kernels from /proc/PID/cgroup;
 * neither shows that of a process in a PID namespace that is not ours or below ours.  Security-design 2.2. */
#ifndef AGENT_PRINCIPAL_H
#define AGENT_PRINCIPAL_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/status.h"

enum {
	PRINCIPAL_LABEL_BYTES = 256, /* SELinux contexts and AppArmor profiles in use have under 100 */
	PRINCIPAL_GROUPS_MAX = 512,  /* what a service or a person is in: tens */
};

/* What this kernel can say of a peer. */
struct principal_facts {
	bool has_pidfd;	     /* SO_PEERPIDFD */
	bool has_inodes;     /* a process keeps its pidfd's inode, and no other ever gets it */
	bool has_info;	     /* PIDFD_GET_INFO with the cgroup */
	bool has_proc;	     /* /proc/PID of others can be read, as far as it is needed */
	bool has_label;	     /* a security module labels sockets */
	const char *cgroups; /* static text: where the unified hierarchy is mounted; NULL: nowhere that we know */
};

/* A process for as long as the machine runs: no two have the same.  Zero: not known. */
struct principal_process {
	uint64_t id, start;
};

struct principal {
	uid_t uid; /* effective, as of connect() */
	gid_t gid;
	pid_t pid; /* for display; 0: in a PID namespace that we cannot see */
	int pidfd; /* owned; -1: none */
	struct principal_process process;
	uint64_t cgroup;    /* its number in the unified hierarchy: the inode of its directory; 0: not known */
	uint32_t label_len; /* 0: none */
	char label[PRINCIPAL_LABEL_BYTES];
};

/* How much of it two principals have in common.  What is not known is never the same. */
enum principal_scope {
	PRINCIPAL_ACCOUNT = 0, /* uid, gid and label */
	PRINCIPAL_PROCESS,     /* these, and the process */
	PRINCIPAL_CGROUP,      /* these, and the cgroup */
};

/* Ask the kernel, by a socket pair of our own.  Before the sandbox. */
void principal_probe(struct principal_facts *ret_facts);
/* What of a peer can be told: which process it is, which cgroup it is in. */
bool principal_tells_process(const struct principal_facts *facts);
bool principal_tells_cgroup(const struct principal_facts *facts);
/* Whether something of it can be had from /proc/PID only: then the sandbox must leave /proc readable. */
bool principal_needs_proc(const struct principal_facts *facts);

/* The peer of a connected socket: its account and which process it is, enough to turn it away; ret is written in any
 * case and ended by principal_done().  Fails: IO; NO_DESCRIPTORS. */
struct status principal_take(int fd, const struct principal_facts *facts, struct principal *ret);
/* Is the peer the process that `known` is and has a pidfd of?  The quick way: while that lives, nobody else has its
 * number. */
bool principal_is_again(int fd, const struct principal *known);
/* The rest: its label and cgroup.  Fails: LIMIT (a label of more than PRINCIPAL_LABEL_BYTES). */
struct status principal_complete(int fd, const struct principal_facts *facts, struct principal *principal);
void principal_done(struct principal *principal);

bool principal_same(enum principal_scope scope, const struct principal *a, const struct principal *b);
bool principal_process_known(const struct principal_process *process);
bool principal_process_equal(const struct principal_process *a, const struct principal_process *b);
/* Has it ended?  By its pidfd, or /proc where there is none (-1). */
bool principal_process_ended(const struct principal_process *process, int pidfd);

/* Was the peer of a connected socket of the group when it connected?  Its gid, or one of its groups; who has more than
 * PRINCIPAL_GROUPS_MAX of them counts by its gid alone. */
bool principal_in_group(int fd, const struct principal *principal, gid_t group);
struct bytes principal_label(const struct principal *principal); /* a view */
/* Is the cgroup that stands at `path` of the unified hierarchy ("/system.slice/web.service") the principal's?  Looked
 * up each time: a service that is started again gets a new cgroup of the same name.  Those below it are others. */
bool principal_in_cgroup(const struct principal *principal, const struct principal_facts *facts, const char *path);

#endif
