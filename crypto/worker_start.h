/* SPDX-License-Identifier: Apache-2.0
 *
 * What the mains of all workers begin and end with: the role's start, its section of the configuration, lane and page.
 * In a main: worker_start_begin(), take further descriptors, open what the sandbox would forbid, sandbox_enter(),
 * worker_run(), worker_start_end().  One thread. */
#ifndef CRYPTO_WORKER_START_H
#define CRYPTO_WORKER_START_H

#include "base/role.h"
#include "crypto/worker.h"
#include "crypto/worker_config.h"

struct worker_start {
	struct role_start role; /* owned */
	struct worker_config config;
	struct ipc *lane;	  /* owned */
	struct worker_page *page; /* mapped */
	int wrap_fd;		  /* owned until taken: item "wrap"; -1 none */
};

/* role is static text ("keyreeve-soft").  A failure has been told to keyreeved.
 * Fails: as role_begin(); IPC_MALFORMED (an item is missing, the configuration is another type's), IO, NO_MEMORY. */
struct status worker_start_begin(const char *role, enum worker_config_type type, struct worker_start *ret_start);
void worker_start_end(struct worker_start *start);

#endif
