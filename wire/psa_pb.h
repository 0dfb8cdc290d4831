/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsec's message bodies, to and from plain values: nobody else sees Protobuf.  Decoding takes memory from a struct
 * wire_arena with a budget that follows from the body's length, so that a body cannot cost more than a few times
 * its size; everything decoded lives in the arena, or is borrowed from the body, until wire_arena_done() wipes it.
 *
 * Decoders fail with BODY_SYNTAX (not valid Protobuf, 7), BODY_FIELD (needed message missing, enum out of range, 16),
 * BODY_BUDGET (20) or NO_MEMORY, and write their result on success only.  Names are bytes as sent: ask
 * wire_name_check() where one names something.  Encoders append to `to` and fail with ENCODE when it does not fit.
 * Pure; one thread per arena.  Parsec wire reference sections 3, 7 and 8. */
#ifndef WIRE_PSA_PB_H
#define WIRE_PSA_PB_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"
#include "crypto/psa.h"

enum {
	WIRE_NAME_MAX = 255, /* key and client names; Parsec has no limit, file systems and we do */
	WIRE_BUDGET_FACTOR = 4,
	WIRE_BUDGET_BASE = 4096,
	WIRE_RESULT_FACTOR = 64, /* answers of a daemon: a listed key of 40 bytes is ten small messages */
};

struct wire_block;

/* Zero is an empty arena.  Used for one body at a time; decoding another adds to it, with that body's budget. */
struct wire_arena {
	struct wire_block *blocks; /* owned */
	size_t left;		   /* bytes that may still be allocated */
	bool is_over;		   /* something did not fit */
	bool no_memory;
};

/* Wipe and free all that was decoded into it. */
void wire_arena_done(struct wire_arena *arena);

/* A name that may name a key or a client: at most WIRE_NAME_MAX bytes of UTF-8 without control characters; empty is
 * legal.  Fails: NAME_LONG, NAME_CONTROL. */
struct status wire_name_check(struct bytes name);

/* ---- operations: request bodies --------------------------------------------------------------------- */

struct wire_list_opcodes {
	uint32_t provider_id; /* as sent: may name no provider (6) */
};
struct wire_delete_client {
	struct bytes client;
};
struct wire_generate_key {
	struct bytes key_name;
	struct psa_key_attributes attributes;
};
struct wire_key_name { /* PsaDestroyKey, PsaExportPublicKey */
	struct bytes key_name;
};
struct wire_sign {
	struct bytes key_name;
	struct psa_alg alg;
	struct bytes data; /* hash or message */
	bool is_message;
};
struct wire_verify {
	struct bytes key_name;
	struct psa_alg alg;
	struct bytes data;
	struct bytes signature;
	bool is_message;
};
struct wire_generate_random {
	uint64_t size; /* bytes; unchecked */
};

/* Ping, ListProviders, ListAuthenticators, ListKeys, ListClients: the bytes must parse, and say nothing. */
struct status wire_empty_decode(struct bytes body, struct wire_arena *arena);
struct status wire_list_opcodes_decode(struct bytes body, struct wire_arena *arena, struct wire_list_opcodes *ret_op);
struct status wire_delete_client_decode(struct bytes body, struct wire_arena *arena, struct wire_delete_client *ret_op);
struct status wire_generate_key_decode(struct bytes body, struct wire_arena *arena, struct wire_generate_key *ret_op);
struct status wire_key_name_decode(struct bytes body, struct wire_arena *arena, struct wire_key_name *ret_op);
struct status wire_sign_decode(struct bytes body, struct wire_arena *arena, bool is_message, struct wire_sign *ret_op);
struct status wire_verify_decode(
	struct bytes body, struct wire_arena *arena, bool is_message, struct wire_verify *ret_op);
struct status wire_generate_random_decode(
	struct bytes body, struct wire_arena *arena, struct wire_generate_random *ret_op);

/* The same for clients; an operation without fields has an empty body. */
struct status wire_list_opcodes_put(struct buf *to, const struct wire_list_opcodes *op);
struct status wire_delete_client_put(struct buf *to, const struct wire_delete_client *op);
struct status wire_generate_key_put(struct buf *to, const struct wire_generate_key *op);
struct status wire_key_name_put(struct buf *to, const struct wire_key_name *op);
struct status wire_sign_put(struct buf *to, const struct wire_sign *op);
struct status wire_verify_put(struct buf *to, const struct wire_verify *op);
struct status wire_generate_random_put(struct buf *to, const struct wire_generate_random *op);

/* ---- results: response bodies ------------------------------------------------------------------------- */

struct wire_ping_result {
	uint32_t major, minor;
};
struct wire_provider {
	struct bytes uuid, description, vendor;
	uint32_t version[3];
	uint32_t id;
};
struct wire_authenticator {
	struct bytes description;
	uint32_t version[3];
	uint32_t id;
};
struct wire_key_info {
	uint32_t provider_id;
	struct bytes name;
	struct psa_key_attributes attributes;
};
struct wire_providers {
	const struct wire_provider *item; /* in the arena, like the others */
	size_t count;
};
struct wire_opcodes {
	const uint32_t *item;
	size_t count;
};
struct wire_authenticators {
	const struct wire_authenticator *item;
	size_t count;
};
struct wire_keys {
	const struct wire_key_info *item;
	size_t count;
};
struct wire_clients {
	const struct bytes *item;
	size_t count;
};

/* Lists: one entry each; a list is its entries one after the other.  description NULL: that of wire/opcode.h; the
 * core provider's version is that of the build. */
struct status wire_ping_result_put(struct buf *to, uint32_t major, uint32_t minor);
struct status wire_provider_put(struct buf *to, uint32_t id, const char *description);
struct status wire_authenticator_put(struct buf *to, uint32_t id);
struct status wire_key_info_put(
	struct buf *to, uint32_t provider_id, struct bytes name, const struct psa_key_attributes *attributes);
struct status wire_client_put(struct buf *to, struct bytes client);
struct status wire_list_opcodes_result_put(struct buf *to, const uint32_t *opcodes, size_t count);
/* Signature, public key or random bytes: every such result is its field 1. */
struct status wire_data_result_put(struct buf *to, struct bytes data);

struct status wire_ping_result_decode(struct bytes body, struct wire_arena *arena, struct wire_ping_result *ret_result);
struct status wire_providers_decode(struct bytes body, struct wire_arena *arena, struct wire_providers *ret_list);
struct status wire_opcodes_decode(struct bytes body, struct wire_arena *arena, struct wire_opcodes *ret_list);
struct status wire_authenticators_decode(
	struct bytes body, struct wire_arena *arena, struct wire_authenticators *ret_list);
struct status wire_keys_decode(struct bytes body, struct wire_arena *arena, struct wire_keys *ret_list);
struct status wire_clients_decode(struct bytes body, struct wire_arena *arena, struct wire_clients *ret_list);
struct status wire_data_result_decode(struct bytes body, struct wire_arena *arena, struct bytes *ret_data);

#endif
