/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's side of keyreeve-fetch: ask for the document of a configured source, get it or hear why not, later.
 * While there is no keyreeve-fetch every question fails at once.  The loop's thread only. */
#ifndef AGENT_DOWNLOAD_H
#define AGENT_DOWNLOAD_H

#include "agent/loop.h"
#include "base/ipc.h"

/* A question, owned by whoever asks, and left alone by him until done(). */
struct download {
	struct download *next;
	uint64_t id;
	/* document and text are borrowed for the call; st a failure: text says why */
	void (*done)(struct download *download, struct status st, struct bytes document, struct bytes text);
};

struct downloads {
	struct loop *loop; /* borrowed */
	struct ipc *fetch; /* owned; NULL while there is no keyreeve-fetch */
	struct watch watch;
	struct download *waiting;
	uint64_t next_id;
};

void downloads_init(struct downloads *downloads, struct loop *loop);
/* What waits is not told any more. */
void downloads_done(struct downloads *downloads);
/* A (new) keyreeve-fetch; takes the descriptor over.  What was asked of the one before fails.  Fails: NO_MEMORY, IO. */
struct status downloads_connect(struct downloads *downloads, int fd);

/* Ask; name as in config_fetch_sources(), authorities as FETCH_GET has them (empty under https_web); both are copied.
 * done() is called once, never before this returns OK.  Fails, and then it is not called: LANE_DOWN, LIMIT, NO_MEMORY.
 */
struct status download_start(
	struct downloads *downloads, struct download *download, struct bytes name, struct bytes authorities);
/* It will not be told; nothing if it does not wait. */
void download_forget(struct downloads *downloads, struct download *download);

#endif
