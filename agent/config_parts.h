/* SPDX-License-Identifier: Apache-2.0
 *
 * What config.c, config_scalar.c and config_word.c share: fields in structs, where pointers of any type are read and
 * written as bytes, and the words of the table. */
#ifndef AGENT_CONFIG_PARTS_H
#define AGENT_CONFIG_PARTS_H

#include "agent/config.h"

static inline void *pointer_get(const void *base, size_t offset)
{
	void *pointer;

	memcpy(&pointer, (const char *)base + offset, sizeof(pointer));
	return pointer;
}

static inline void pointer_set(void *base, size_t offset, void *pointer)
{
	memcpy((char *)base + offset, &pointer, sizeof(pointer));
}

static inline uint32_t *number_at(void *base, size_t offset)
{
	return (uint32_t *)(void *)((char *)base + offset);
}

/* NULL: none of them. */
const struct config_word *config_word_find(const struct config_word *words, struct bytes word);
/* "?" for a value that no word has. */
const char *config_word_name(const struct config_word *words, uint32_t value);

#endif
