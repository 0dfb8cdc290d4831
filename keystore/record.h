/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a stored record.  Two layers:
 *
 *   envelope   u8 version (1), u8 seal (0: none), u16 number of the sealing key (0), body, 32 bytes of check
 *   body       fields in a fixed order, each u16 tag, u32 length, value; little-endian
 *
 * The check is HMAC-SHA-256 under the store's own key over what kind of row it is, the row's other columns, and all
 * before the check: a damaged, cut, moved or mixed row does not open.  That key lies in the same file: it finds damage,
 * it does not stop who can write the file.  The key that seals records against that takes the place of seal, number
 * and check; a version or seal unknown here is refused.
 *
 * Pure but for the HMAC; any thread. */
#ifndef KEYSTORE_RECORD_H
#define KEYSTORE_RECORD_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keystore/keystore.h"

enum {
	RECORD_VERSION = 1,
	RECORD_SEAL_NONE = 0,
	RECORD_HEADER_BYTES = 4,
	RECORD_CHECK_BYTES = 32,
	RECORD_KEY_BYTES = 32,
	/* An envelope around KEYSTORE_RECORD_MAX bytes, with room for the fields beside it. */
	RECORD_STORED_MAX = KEYSTORE_RECORD_MAX + 8 * 1024,
};

/* What an HMAC under the store's key is about, so that none stands for another. */
enum record_label {
	RECORD_LABEL_SPACE_ID = 1,
	RECORD_LABEL_KEY_ID = 2,
	RECORD_LABEL_KEY = 3,
	RECORD_LABEL_SPACE = 4,
	RECORD_LABEL_INTENT = 5,
	RECORD_LABEL_KV = 6,
	RECORD_LABEL_FACT_ID = 7,
	RECORD_LABEL_FACT = 8,
};

/* HMAC of label, columns (with their length) and rest.  Fails: CRYPTO, NO_MEMORY. */
struct status record_hmac(const uint8_t key[RECORD_KEY_BYTES], enum record_label label, struct bytes columns,
	struct bytes rest, uint8_t ret[RECORD_CHECK_BYTES]);

/* Put a body into an envelope, appended to `to`.  Fails: CRYPTO, LIMIT (to is too small). */
struct status record_close(const uint8_t key[RECORD_KEY_BYTES], enum record_label label, struct bytes columns,
	struct bytes body, struct buf *to);
/* Check an envelope and show its body, borrowed from it.  Fails: RECORD_CORRUPT, CRYPTO, NO_MEMORY. */
struct status record_open(const uint8_t key[RECORD_KEY_BYTES], enum record_label label, struct bytes columns,
	struct bytes envelope, struct bytes *ret_body);

/* One field of a body. */
void record_field_put(struct buf *to, uint16_t tag, struct bytes value);
/* The next field, which must be `tag` and at most max bytes long; else the reader goes bad. */
struct bytes record_field_get(struct reader *from, uint16_t tag, size_t max);

/* Bodies.  What is read borrows from the body.  put fails: LIMIT; get fails: RECORD_CORRUPT. */
struct status record_key_put(struct buf *to, const struct key_record *record);
struct status record_key_get(struct bytes body, struct key_record *ret_record); /* all but id, ns, generation */
/* What can be read of an envelope that does not open: all fields, or the names, or nothing; the rest stays as it is,
 * as do id, ns and generation.  Nothing of it is proved. */
void record_key_peek(struct bytes envelope, struct key_record *record);
struct status record_space_put(struct buf *to, const struct namespace_record *record);
struct status record_space_get(struct bytes body, struct namespace_record *ret_record); /* all but id */

/* Within the limits of keystore.h? */
bool record_space_fits(const struct namespace_name *space);

#endif
