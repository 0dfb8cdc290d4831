/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside wire/ only: key attributes and algorithms between generated messages and crypto/psa.h, the allocator of a
 * struct wire_arena, and what every message needs.  Pure; any thread. */
#ifndef WIRE_PSA_PB_TYPES_H
#define WIRE_PSA_PB_TYPES_H

#include "wire/psa_pb.h"
#include "wire/psa_types.pb-c.h"

/* Every message that one set of attributes or one algorithm can need, so that encoding allocates nothing. */
struct alg_tree {
	WirePb__Algorithm alg;
	WirePb__AsymmetricSignature signature;
	WirePb__SignHashed sign_hashed;
	WirePb__SignHash sign_hash;
	WirePb__AsymmetricEncryption encryption;
	WirePb__Mac mac;
	WirePb__FullLengthMac full;
	WirePb__TruncatedMac truncated;
	WirePb__Aead aead;
	WirePb__ShortenedAead shortened;
	WirePb__KeyAgreement agreement;
	WirePb__DerivedAgreement derived;
	WirePb__KeyDerivation derivation;
	WirePb__Hashed hashed;
	WirePb__Nothing nothing;
};
struct attributes_tree {
	WirePb__KeyAttributes attributes;
	WirePb__KeyType type;
	WirePb__Family family;
	WirePb__Nothing nothing;
	WirePb__KeyPolicy policy;
	WirePb__UsageFlags usage;
	struct alg_tree alg;
};

/* From messages; NULL stands for "absent".  Fails: BODY_FIELD. */
struct status wire_attributes_get(const WirePb__KeyAttributes *from, struct psa_key_attributes *ret_key);
struct status wire_signature_alg_get(const WirePb__AsymmetricSignature *from, struct psa_alg *ret_alg);

/* To messages inside `tree`, which must stay where it is while they are used.  Fails: ENCODE. */
struct status wire_attributes_fill(struct attributes_tree *tree, const struct psa_key_attributes *key);
struct status wire_signature_alg_fill(struct alg_tree *tree, struct psa_alg alg);

static inline struct bytes view(ProtobufCBinaryData data)
{
	return bytes_of(data.data, data.len);
}
/* For packing only, which does not write. */
static inline ProtobufCBinaryData field(struct bytes bytes)
{
	return (ProtobufCBinaryData){ .len = bytes.len, .data = (uint8_t *)(uintptr_t)bytes.data };
}
/* psa_pb.c: append a message.  Fails: ENCODE. */
struct status wire_pack(struct buf *to, const ProtobufCMessage *message);

/* psa_pb_arena.c: unpack `body` with a budget of factor times its length.  The message is the arena's.
 * Fails: BODY_SYNTAX, BODY_BUDGET, NO_MEMORY. */
struct status wire_arena_unpack(struct wire_arena *arena, const ProtobufCMessageDescriptor *type, size_t factor,
	struct bytes body, ProtobufCMessage **ret_message);
/* Zeroed memory for `count` things of `size` bytes, out of the same budget.  Fails: BODY_BUDGET, NO_MEMORY. */
struct status wire_arena_array(struct wire_arena *arena, size_t count, size_t size, void **ret_array);

#endif
