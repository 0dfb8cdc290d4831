/* SPDX-License-Identifier: Apache-2.0
 *
 * What is audited by count, so that a stranger cannot fill the disk: requests without identity per principal and
 * second, refused credentials per principal, reason and second with the first token's hash.  Each second's counts
 * become one line each.  A bounded table; what does not fit is counted together.  The loop's thread only. */
#ifndef AGENT_COUNT_H
#define AGENT_COUNT_H

#include <sys/types.h>

#include "agent/durable.h"

enum { COUNT_ROWS = 256 };

struct counts;

/* Fails: NO_MEMORY. */
struct status audit_counts_new(struct durable *durable, const char *boot, struct counts **ret_counts);
void audit_counts_free(struct counts *counts);
/* One more.  op: static text, NULL when the frame had none; token_hash: 32 bytes or NULL. */
void audit_count(struct counts *counts, uid_t uid, const char *op, enum status_code code, const uint8_t *token_hash);
/* Once a second: hand the lines over. */
void audit_counts_flush(struct counts *counts);

#endif
