/* SPDX-License-Identifier: Apache-2.0 */
#include <stdalign.h>
#include <stdlib.h>

#include "base/buf.h"
#include "wire/psa_pb_types.h"

/* One allocation; the length stands in front, since Protobuf's free says nothing about it. */
struct wire_block {
	struct wire_block *previous, *next;
	size_t len;
	alignas(16) uint8_t data[];
};

/* What is not needed any more is wiped: a body holds hashes, messages and signatures of a tenant. */
static void block_free(struct wire_block *block)
{
	explicit_bzero(block->data, block->len);
	free(block);
}

static void *arena_alloc(void *arena_, size_t len)
{
	struct wire_arena *arena = arena_;
	struct wire_block *block;

	if (len > SIZE_MAX - sizeof(*block) || len + sizeof(*block) > arena->left) {
		arena->is_over = true;
		return NULL;
	}
	block = malloc(sizeof(*block) + len);
	if (block == NULL) {
		arena->no_memory = true;
		return NULL;
	}
	arena->left -= len + sizeof(*block);
	*block = (struct wire_block){ .next = arena->blocks, .len = len };
	if (block->next != NULL)
		block->next->previous = block;
	arena->blocks = block;
	return block->data;
}

static void arena_free(void *arena_, void *data)
{
	struct wire_arena *arena = arena_;
	struct wire_block *block;

	if (data == NULL)
		return;
	block = (struct wire_block *)((uint8_t *)data - offsetof(struct wire_block, data));
	if (block->previous != NULL)
		block->previous->next = block->next;
	else
		arena->blocks = block->next;
	if (block->next != NULL)
		block->next->previous = block->previous;
	/* Not given back to the budget: a body may not make us work by allocating and freeing either. */
	block_free(block);
}

void wire_arena_done(struct wire_arena *arena)
{
	while (arena->blocks != NULL) {
		struct wire_block *block = arena->blocks;

		arena->blocks = block->next;
		block_free(block);
	}
	*arena = (struct wire_arena){ 0 };
}

static struct status arena_status(const struct wire_arena *arena, enum status_code otherwise)
{
	if (arena->is_over)
		return FAIL(BODY_BUDGET);
	if (arena->no_memory)
		return FAIL(NO_MEMORY);
	return status_fail(otherwise, 0, __FILE__, __LINE__, __func__);
}

struct status wire_arena_unpack(struct wire_arena *arena, const ProtobufCMessageDescriptor *type, size_t factor,
	struct bytes body, ProtobufCMessage **ret_message)
{
	ProtobufCAllocator allocator = { .alloc = arena_alloc, .free = arena_free, .allocator_data = arena };
	static const uint8_t nothing[1];
	ProtobufCMessage *message;

	ENSURE(body.len <= SIZE_MAX / factor - WIRE_BUDGET_BASE, BODY_BUDGET);
	arena->left = factor * body.len + WIRE_BUDGET_BASE;
	arena->is_over = arena->no_memory = false;
	message = protobuf_c_message_unpack(type, &allocator, body.len, body.len > 0 ? body.data : nothing);
	if (message == NULL)
		return arena_status(arena, STATUS_BODY_SYNTAX);
	*ret_message = message;
	return OK;
}

struct status wire_arena_array(struct wire_arena *arena, size_t count, size_t size, void **ret_array)
{
	void *array;

	ENSURE(count <= SIZE_MAX / size, BODY_BUDGET);
	array = arena_alloc(arena, count * size);
	if (array == NULL)
		return arena_status(arena, STATUS_NO_MEMORY);
	memset(array, 0, count * size);
	*ret_array = array;
	return OK;
}
