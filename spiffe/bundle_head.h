/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole numbers at the top level of a JSON object, read from its text: a JSON library reads numbers as doubles, and a
 * sequence number has 64 bits.  For bundle.c; the text has passed strict_json().  TB 4.1.1; SB-03, SB-04. */
#ifndef SPIFFE_BUNDLE_HEAD_H
#define SPIFFE_BUNDLE_HEAD_H

#include "base/bytes.h"

/* The member's value, when it is written plainly: the name without escapes, the value as digits and nothing else.
 * False: not so, or not there. */
bool bundle_head_number(struct bytes text, const char *name, uint64_t *ret_number);

#endif
