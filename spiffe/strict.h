/* SPDX-License-Identifier: Apache-2.0
 *
 * The two text forms in which strangers' bytes reach us, read so that each value has one spelling and no document
 * means two things: base64 in its two alphabets and JSON.  No I/O; any thread, 512 KiB of stack for JSON.
 * RFC 4648 section 5; RFC 8259; spiffe-requirements section 7 steps 2 and 3. */
#ifndef SPIFFE_STRICT_H
#define SPIFFE_STRICT_H

#include "base/bytes.h"

struct json_t; /* Jansson's */

/* Decode base64url: no padding, no other byte, no length of 1 mod 4, unused tail bits zero.  ret_data has room for
 * text.len * 3 / 4 bytes.  False: not such text (the empty text decodes to nothing). */
bool strict_base64url(struct bytes text, uint8_t *ret_data, size_t *ret_len);

/* The same of base64 with its padding, as "x5c" has it (RFC 4648 section 4). */
bool strict_base64(struct bytes text, uint8_t *ret_data, size_t *ret_len);

/* A JSON document: valid UTF-8, no byte-order mark, no duplicate names at any level, nothing after it, objects and
 * arrays nested at most max_depth deep (the outermost is 1), no lone surrogate, no number beyond a double.  Strings
 * may hold NUL (use json_string_length); every number reads as a real.  NULL with errno
 * ENOMEM: memory was short; with any other errno: not such a document. */
struct json_t *strict_json(struct bytes text, size_t max_depth);

/* At most room - 1 bytes of printable ASCII that show text: others as \xNN, cut with "...".  room is 8 or more. */
void strict_show(struct bytes text, char *ret_text, size_t room);

#endif
