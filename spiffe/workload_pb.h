/* SPDX-License-Identifier: Apache-2.0
 *
 * Protobuf within a budget: 1 MiB of unknown fields would cost 56 MiB, so decoding gets what an honest message needs,
 * and what it frees is wiped, since a token may be among it.  Part of spiffe/workload.h, not for others. */
#ifndef SPIFFE_WORKLOAD_PB_H
#define SPIFFE_WORKLOAD_PB_H

#include <protobuf-c/protobuf-c.h>

#include "base/bytes.h"

struct workload_budget {
	ProtobufCAllocator allocator;
	size_t left; /* bytes */
};

/* What a message of that length may take; the allocator is the budget's, for unpacking and for freeing. */
ProtobufCAllocator *workload_budget_begin(struct workload_budget *budget, size_t message_len);

/* Views both ways. */
struct bytes workload_field(ProtobufCBinaryData data);
ProtobufCBinaryData workload_field_of(struct bytes bytes);

#endif
