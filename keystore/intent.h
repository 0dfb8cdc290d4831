/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal's rows: what is bound into a row's check, and the body of its record (provider, and what the caller
 * wants back after a crash).  Row number and audit number are not bound: the one is given by SQLite, the other changes
 * while the act goes on.  Pure; any thread. */
#ifndef KEYSTORE_INTENT_H
#define KEYSTORE_INTENT_H

#include "base/buf.h"
#include "keystore/keystore.h"

enum { INTENT_COLUMNS_MAX = 128, INTENT_BODY_MAX = KEYSTORE_RECORD_MAX + 256 };

/* op, key, node and hardware id, as they stand in the row. */
void intent_columns_put(struct buf *to, const struct intent *intent, struct bytes node);

/* put fails: LIMIT; get (provider and record, borrowed from the body) fails: RECORD_CORRUPT. */
struct status intent_body_put(struct buf *to, const struct intent *intent);
struct status intent_body_get(struct bytes body, struct intent *ret_intent);

/* A number read from a row.  Fails: RECORD_CORRUPT. */
struct status intent_op_of(int64_t number, enum intent_op *ret_op);

#endif
