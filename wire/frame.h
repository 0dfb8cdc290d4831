/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsec's frames: a 36-byte header, then body, then (requests only) the authentication field.  Bytes to struct
 * frame_header and back, with the checks A1 to A5 and A7 to A11 of stage A in their order; A6 (cut short) is the
 * caller's, who reads.  No state, no I/O, no memory of its own; any thread.
 * Parsec wire reference sections 1 and 3.
 *
 *   offset size field            offset size field             offset size field
 *    0     4   magic             11     8   session             26     2   auth length
 *    4     2   header size, 30   19     1   content type        28     4   opcode
 *    6     2   version 1, 0      20     1   accept type         32     2   status
 *    8     2   flags             21     1   auth type           34     2   reserved, 0
 *   10     1   provider          22     4   body length         all little-endian
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
	FRAME_HEADER_BYTES = 36,
	FRAME_MAGIC_BYTES = 4,
	FRAME_SIZED_BYTES = 6,		    /* magic and header size: what says how long the header is */
	FRAME_BODY_MAX = 1024 * 1024,	    /* a body precedes its proof of identity: what a stranger may cost us */
	FRAME_AUTH_MAX = 16 * 1024,	    /* a token; the header could announce 65535 */
	FRAME_ANSWER_MAX = 8 * 1024 * 1024, /* body of a response; only lists come near it */
};

/* Flags.  A request asks to keep the connection; the answer says that it is kept. */
enum { FRAME_KEEP = 1 << 0 };

struct frame_header {
	uint16_t flags;
	uint8_t provider;
	uint64_t session; /* opaque; echoed */
	uint8_t content_type;
	uint8_t accept_type;
	uint8_t auth_type;
	uint32_t body_len;
	uint16_t auth_len;
	uint32_t opcode;
	uint16_t status; /* responses */
};

/* ---- the service's side -------------------------------------------------------------------------- */

/* A1, as soon as four bytes are there; fewer pass unless they already differ.  Fails: FRAME_MAGIC. */
struct status frame_magic_check(struct bytes have);

/* How many bytes make the frame complete, as far as the bytes read so far tell: call it again whenever there are as
 * many as it said.  `have` may be longer than the frame.  Refuses as early as the bytes allow (A1 to A5): a wrong
 * magic after four bytes; a header that announces another size once as many bytes are there as it announced ("consumed,
 * then refused").
 *   ret_len  on success: FRAME_SIZED_BYTES, then the announced header, then header, body and auth field
 * Fails: FRAME_MAGIC, FRAME_HEADER_SIZE, FRAME_VERSION, FRAME_RESERVED, FRAME_BODY_LONG. */
struct status frame_length(struct bytes have, size_t *ret_len);

/* A1 to A5 over the first FRAME_HEADER_BYTES of `from`.  Fails: as frame_length(), and FRAME_SHORT for fewer bytes. */
struct status frame_header_decode(struct bytes from, struct frame_header *ret_header);

/* A7 to A11, once body and auth field are complete.
 *   has_private  our own opcodes are known here: an admin listener
 * Fails: FRAME_CONTENT_TYPE, FRAME_ACCEPT_TYPE, FRAME_AUTH_TYPE, FRAME_OPCODE, FRAME_PROVIDER. */
struct status frame_check(const struct frame_header *header, bool has_private);

/* Append a response.
 *   echoed  the request's header: provider, session and opcode are repeated, and FRAME_KEEP if it is set there; NULL
 *           for the default header of stage A (opcode 1, everything else 0)
 *   status  Parsec's number; anything but 0 drops the body */
void frame_response_put(struct buf *to, const struct frame_header *echoed, uint16_t status, struct bytes body);

/* ---- the client's side --------------------------------------------------------------------------- */

/* Append a request; body_len and auth_len of the header are set from body and auth.
 * Fails: CLIENT_ARGUMENT (body over FRAME_BODY_MAX, auth over FRAME_AUTH_MAX). */
struct status frame_request_put(
	struct buf *to, const struct frame_header *header, struct bytes body, struct bytes auth);

/* The header of a response to a request with `opcode`, from FRAME_HEADER_BYTES bytes.  An answer of stage A names
 * opcode 1 instead, which is accepted with a failure only.
 * Fails: FRAME_SHORT for fewer bytes, else CLIENT_ANSWER: it is not an answer to that request, or it announces a body
 * over FRAME_ANSWER_MAX or beside a failure, or a status without a name. */
struct status frame_response_decode(struct bytes from, uint32_t opcode, struct frame_header *ret_header);

#endif
