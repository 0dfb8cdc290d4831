/* SPDX-License-Identifier: Apache-2.0
 *
 * A service that does what a table says: one step per request, in order, over a Unix socket of its own in a thread of
 * its own.  For tests of clients. */
#ifndef TESTS_SUPPORT_SCRIPTED_H
#define TESTS_SUPPORT_SCRIPTED_H

#include <pthread.h>

#include "base/buf.h"
#include "wire/frame.h"

enum script_act {
	SCRIPT_ANSWER, /* with status and body */
	SCRIPT_CLOSE,  /* read the request, say nothing, close */
	SCRIPT_CUT,    /* the first `cut` bytes of that answer, then close */
	SCRIPT_RAW,    /* `body` as it is, without a header */
	SCRIPT_SILENT, /* say nothing until the client goes */
	SCRIPT_REFUSE, /* close without reading */
};

struct script_step {
	enum script_act act;
	uint16_t status;
	struct bytes body;
	bool keep;
	size_t cut;
	uint32_t opcode; /* of the answer; 0: the request's */
};

enum { SCRIPT_SEEN_MAX = 32 };

struct script_seen {
	struct frame_header header;
	uint8_t auth[64];
	uint8_t body[512];
	unsigned connection; /* 1, 2, ... */
};

struct scripted {
	char directory[32], path[64];
	const struct script_step *steps; /* borrowed */
	size_t step_count;
	int fd;
	pthread_t thread;
	/* after scripted_stop() */
	struct script_seen seen[SCRIPT_SEEN_MAX];
	size_t seen_count; /* requests read */
	unsigned connections;
};

/* Fails the test when it cannot. */
void scripted_start(struct scripted *s, const struct script_step *steps, size_t step_count);
/* Waits for the thread; what it saw may be read then. */
void scripted_stop(struct scripted *s);

#endif
