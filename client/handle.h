/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside libkeyreeve: the handle, and one call of the service with identity, deadline and retries.  What may be
 * retried is said in keyreeve.h; call.c is where it is done. */
#ifndef CLIENT_HANDLE_H
#define CLIENT_HANDLE_H

#include "client/keyreeve.h"
#include "client/transport.h"
#include "wire/psa_pb.h"

struct keyreeve {
	struct transport transport;
	enum keyreeve_auth auth;
	char *direct_name; /* owned */
	keyreeve_token_fn token;
	void *token_context;  /* borrowed */
	uint64_t deadline_us; /* length of a call */
	int provider;	      /* 0: implicit */
	int implicit;	      /* the service's first provider; 0 not asked yet */
	struct keyreeve_error error;
	char reason[KEYREEVE_TEXT_BYTES]; /* the token callback's */
	uint8_t token_bytes[KEYREEVE_TOKEN_MAX];
	struct wire_arena arena; /* of the call under way */
	struct buf body;	 /* of its request */
};

/* One operation.  The request's body is k->body; both are given back by call_end().
 *   provider  wire id; CALL_IMPLICIT for the handle's
 *   ret_body  the answer's, borrowed until the next call
 * Returns what the service answered, or why it could not be asked; k->error says more. */
enum { CALL_IMPLICIT = -1 };
void call_begin(struct keyreeve *k);
enum keyreeve_result call_service(struct keyreeve *k, uint32_t opcode, int provider, struct bytes *ret_body);
void call_end(struct keyreeve *k);

/* Write the request's body; returns from the caller when that fails. */
#define CALL_PUT(put)                                \
	do {                                         \
		struct status put_ = (put);          \
		if (put_.code != STATUS_OK)          \
			return call_refuse(k, put_); \
	} while (0)
/* The body is written: ask; returns from the caller when there is no good answer. */
#define CALL_ASK(opcode, provider, body)                                             \
	do {                                                                         \
		enum keyreeve_result ask_ = call_service(k, opcode, provider, body); \
		if (ask_ != KEYREEVE_OK) {                                           \
			call_end(k);                                                 \
			return ask_;                                                 \
		}                                                                    \
	} while (0)
/* End of a call whose answer was decoded with st; whatever is wrong with an answer is CLIENT_ANSWER. */
enum keyreeve_result call_done(struct keyreeve *k, struct status st);
/* An act of an administrator, whose answer says only that it is done: all that is left of the call once its body is
 * written with `put`. */
enum keyreeve_result call_act(struct keyreeve *k, uint32_t opcode, struct status put);
/* End of a call that was not made: its request could not be written. */
enum keyreeve_result call_refuse(struct keyreeve *k, struct status st);
/* The peer's text into ours: cut, terminated, printable. */
void call_text(char *to, size_t size, struct bytes from);
/* A key as the wire has it. */
void call_key(struct keyreeve_key *to, const struct wire_key_info *from);
/* Zeroed room for a list, also for an empty one; NULL: no memory. */
void *call_list(size_t count, size_t size);

/* Failures that the service had no part in; both set k->error and return its class. */
enum keyreeve_result call_failed(struct keyreeve *k, struct status st);
enum keyreeve_result call_invalid(struct keyreeve *k, const char *text, const char *hint);

#endif
