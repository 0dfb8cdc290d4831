/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's inside, for its own files, and the rows of facts.  The store's thread only. */
#ifndef KEYSTORE_FACT_H
#define KEYSTORE_FACT_H

#include "keystore/keystore.h"
#include "keystore/record.h"
#include "keystore/stmt.h"

struct keystore {
	sqlite3 *db;
	struct stmt_set statements;
	uint8_t id_key[RECORD_KEY_BYTES]; /* of every HMAC; never changed */
	uint8_t tag[KEYSTORE_TAG_BYTES];
	bool has_damage; /* in a column that an index has */
};

/* A write outside a transaction would commit alone: SQLite may have rolled the batch back after an earlier failure.
 * Fails: STORE_IO. */
struct status keystore_in_transaction(const struct keystore *store);

/* Each fact to visitor->fact.  A fact may forbid something, so one that does not open is RECORD_CORRUPT and ends the
 * load; but FACT_TRUST and FACT_ISSUER, which go to visitor->damaged.  Fails also: LIMIT, and as the visitor. */
struct status fact_load(struct keystore *store, const struct keystore_visitor *visitor);

#endif
