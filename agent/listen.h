/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets.  keyreeved binds them, before it gives up what it was started with; the agent accepts.
 * DESIGN decisions 16 and 17. */
#ifndef AGENT_LISTEN_H
#define AGENT_LISTEN_H

#include <sys/types.h>

#include "base/status.h"

enum { LISTEN_BACKLOG = 4096, LISTEN_TEXT_BYTES = 256 };

/* Bind `path` with exactly this mode (0666 or 0660) and group (-1: leave), owned by `owner`, and listen.  It is bound
 * under a temporary name in the same directory and renamed into place, so that clients never see half a socket.  What
 * stands at the path is replaced only if it is a socket that refuses connections and belongs to `owner` or to us.
 * ret_text gets a sentence that says what to do.  Fails: CHECK_FAILED, IO. */
struct status listen_bind(
	const char *path, mode_t mode, uid_t owner, gid_t group, char ret_text[LISTEN_TEXT_BYTES], int *ret_fd);

/* Another mode and group for the socket at `path`, which must be a socket of `owner`.  At no moment is it open to more
 * than the old or the new ones.  Fails: CHECK_FAILED, with a sentence. */
struct status listen_change(const char *path, mode_t mode, uid_t owner, gid_t group, char ret_text[LISTEN_TEXT_BYTES]);

#endif
