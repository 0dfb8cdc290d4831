/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/workload_pb.h"

#include <stdlib.h>

enum {
	BUDGET_FACTOR = 4,	 /* heap that decoding may take: so many times the message, and the base */
	BUDGET_BASE = 64 * 1024, /* what 256 entries cost beside their bytes */
};

struct block {
	_Alignas(max_align_t) size_t size;
};

static void *budget_alloc(void *context, size_t size)
{
	struct workload_budget *budget = context;
	struct block *block;

	if (size > budget->left || size > SIZE_MAX - sizeof(*block))
		return NULL;
	block = malloc(sizeof(*block) + size);
	if (block == NULL)
		return NULL;
	budget->left -= size;
	block->size = size;
	return block + 1;
}

static void budget_free(void *context, void *pointer)
{
	struct block *block = pointer;

	(void)context;
	if (block == NULL)
		return;
	block--;
	explicit_bzero(block + 1, block->size);
	free(block);
}

ProtobufCAllocator *workload_budget_begin(struct workload_budget *budget, size_t message_len)
{
	*budget = (struct workload_budget){ .allocator = { budget_alloc, budget_free, budget },
		.left = BUDGET_FACTOR * message_len + BUDGET_BASE };
	return &budget->allocator;
}

struct bytes workload_field(ProtobufCBinaryData data)
{
	return bytes_of(data.data, data.len);
}

ProtobufCBinaryData workload_field_of(struct bytes bytes)
{
	union { /* protobuf-c only reads what it packs, but its type says otherwise */
		const uint8_t *from;
		uint8_t *to;
	} data = { .from = bytes.data };

	return (ProtobufCBinaryData){ .len = bytes.len, .data = data.to };
}
