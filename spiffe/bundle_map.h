/* SPDX-License-Identifier: Apache-2.0
 *
 * SPIFFE bundle maps: the bundles of several trust domains in one document, which counts whole or not at all.  Decoding
 * only.  No I/O; any thread, 512 KiB of stack.  Trust Domain and Bundle section 5; spiffe-requirements BM-01 to BM-04.
 */
#ifndef SPIFFE_BUNDLE_MAP_H
#define SPIFFE_BUNDLE_MAP_H

#include "base/buf.h"
#include "spiffe/bundle.h"

enum {
	BUNDLE_MAP_MAX_BYTES = 1024 * 1024,
	BUNDLE_MAP_LIST_MAX = 2 * BUNDLE_MAP_MAX_BYTES, /* numbers, of which keys have none, may be written longer */
};

/* Decode a map.
 *
 *   map       borrowed for the call
 *   list      gets pairs of sized values, trust domain and its bundle as a document of its own; in it the sequence
 *             number and the refresh hint are left out: they say nothing in a map (BM-02)
 *   ret_set   the same, decoded, in the list's order; NULL: the map is empty
 *
 * Fails: BUNDLE_MALFORMED (no map; a name twice, or that is not the bare name of a trust domain; a bundle that is none;
 * too many), LIMIT, NO_MEMORY. */
struct status bundle_map_new(struct bytes map, struct buf *list, struct bundle_set **ret_set);

#endif
