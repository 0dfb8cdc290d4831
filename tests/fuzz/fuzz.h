/* SPDX-License-Identifier: Apache-2.0
 *
 * For every fuzz target: its entry point's prototype, an input of its own (so that a read past its end is seen), a
 * check that stays in every build, and the planted overflow of KEYREEVE_PLANT_BUG, which prove looks for. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): release builds define NDEBUG. */
#define FUZZ_CHECK(cond)                                                                     \
	do {                                                                                 \
		if (!(cond)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                             \
		}                                                                            \
	} while (0)

/* A copy without a byte to spare; the caller frees data. */
static inline struct bytes fuzz_copy(struct bytes from)
{
	uint8_t *copy = malloc(from.len > 0 ? from.len : 1);

	FUZZ_CHECK(copy != NULL);
	if (from.len > 0)
		memcpy(copy, from.data, from.len);
	return bytes_of(copy, from.len);
}

static inline void fuzz_free(struct bytes copy)
{
	free((void *)(uintptr_t)copy.data);
}

/* The plant of a target that mostly sees what was decoded: with KEYREEVE_PLANT_BUG a decoded count is trusted, and so
 * many bytes are written where there is room for fewer.  No seed has as many; prove checks that. */
static inline void fuzz_plant_count(size_t count, size_t room)
{
#ifdef KEYREEVE_PLANT_BUG
	volatile uint8_t *table = malloc(room);

	FUZZ_CHECK(table != NULL);
	for (size_t i = 0; i < count; i++)
		table[i] = 1;
	free((void *)(uintptr_t)table);
#else
	(void)count;
	(void)room;
#endif
}

/* The plant of the others, called first.  With KEYREEVE_PLANT_BUG an input of four bytes or more that begins with "BUG"
 * is written past its end, behind three comparisons that only coverage leads through. */
static inline void fuzz_plant(struct bytes input)
{
#ifdef KEYREEVE_PLANT_BUG
	/* volatile: three branches, each of them visible to the fuzzer, not one comparison of three bytes */
	const volatile uint8_t *at = input.data;

	if (input.len > 3 && at[0] == 'B')
		if (at[1] == 'U')
			if (at[2] == 'G') {
				struct bytes copy = fuzz_copy(input);
				volatile uint8_t *end = (volatile uint8_t *)(uintptr_t)copy.data + copy.len;

				*end = 1;
				fuzz_free(copy);
			}
#else
	(void)input;
#endif
}

#endif
