/* SPDX-License-Identifier: Apache-2.0
 *
 * The acts of keyreeve-probe and what they are aimed at.  probe.c makes the targets and enters the sandbox,
 * probe_acts.c has the acts.  One thread. */
#ifndef TESTS_SUPPORT_PROBE_H
#define TESTS_SUPPORT_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum { PROBE_PATH_BYTES = 128 };

/* Made before the sandbox. */
struct probe_target {
	char state[PROBE_PATH_BYTES];	     /* the directory that the agent may write to */
	char tokens[PROBE_PATH_BYTES];	     /* in it: p11's */
	char elsewhere[PROBE_PATH_BYTES];    /* one that nobody may */
	char foreign_file[PROBE_PATH_BYTES]; /* in it */
	char socket_path[PROBE_PATH_BYTES];  /* somebody's socket, in it */
	struct sockaddr_un abstract;	     /* another of his */
	socklen_t abstract_len;
	uint16_t tcp_port; /* and one of the network */
	int program_fd;	   /* of a program */
	int namespace_fd;  /* of the network's name space, our own */
	int directory_fd;  /* of `elsewhere` */
	pid_t victim;	   /* a process of the same user, asleep */
	int victim_pidfd;
	long secret; /* the same address in the victim */
};
extern struct probe_target probe_target;
/* A path in the state directory; good until the next call. */
const char *probe_state(const char *name);

struct probe_act {
	const char *name;
	bool (*run)(void); /* true: it was possible; else errno says why not */
};
extern const struct probe_act probe_acts[];
extern const size_t probe_act_count;

#endif
