/* SPDX-License-Identifier: Apache-2.0
 *
 * Compact JWS to header, payload and signature, strictly: one token has one spelling.  Verifies nothing.  No I/O; any
 * thread, 512 KiB of stack.  RFC 7515 sections 2, 3.1, 4; JWT-SVID section 2; spiffe-requirements section 7 steps 1
 * to 4. */
#ifndef JWTSVID_JWS_H
#define JWTSVID_JWS_H

#include "base/buf.h"
#include "jwtsvid/jwk.h"

enum {
	JWS_MAX_BYTES = 16 * 1024,
	JWS_HEADER_DEPTH_MAX = 8,
};

/* Three parts of a token as text; views into it. */
struct jws_parts {
	struct bytes header, payload, signature;
	struct bytes signing_input; /* "header.payload" */
};

/* Without decoding: length, two dots, no empty part.  Fails: JWT_LONG, JWT_MALFORMED. */
struct status jws_split(struct bytes token, struct jws_parts *ret_parts);

struct jws {
	struct bytes signing_input; /* view into the token: "header.payload" as received */
	enum jwk_alg alg;
	bool has_kid, has_typ;
	struct bytes kid, typ;	/* views into storage */
	struct bytes payload;	/* decoded, not yet read */
	struct bytes signature; /* decoded */
	struct buf storage;	/* owned; wiped when freed */
};

/* Which "typ" fits is the caller's question: it differs between JWT-SVIDs and other tokens.
 * Fails: JWT_LONG, JWT_MALFORMED (not three strict base64url parts), JWT_HEADER (not a JSON object of "alg", "kid" and
 * "typ", the last two texts), JWT_ALG, NO_MEMORY. */
struct status jws_parse(struct bytes token, struct jws *ret_jws);
void jws_done(struct jws *jws);

#endif
