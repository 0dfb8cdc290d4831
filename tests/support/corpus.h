/* SPDX-License-Identifier: Apache-2.0
 *
 * What the vector tests ask, as JSON lines for second opinions (tests/conformance/opinions_test.py): written to the
 * file that KEYREEVE_CORPUS names, appended; without that variable nothing happens.  Bytes are in hexadecimal.  One
 * thread.
 *
 *   {"kind":"id","name":"TV-ID-01 td-only","input":"73..","want":"OK"}
 *   {"kind":"jwks","name":"TV-JK-05","keys":"test_jwtsvid_keys.3","documents":[["KEY","DOCUMENT"]]}
 *   {"kind":"bundle", the same with SPIFFE bundle documents}
 *   {"kind":"token","name":"TV-JS-01","input":"65..","keys":"test_jwtsvid_keys.3","want":"OK", rules} */
#ifndef TESTS_SUPPORT_CORPUS_H
#define TESTS_SUPPORT_CORPUS_H

#include "base/bytes.h"
#include "base/status.h"

bool corpus_is_open(void);

/* more: further members as JSON text that begins with a comma, or "". */
void corpus_put(const char *kind, const char *name, struct bytes input, enum status_code want, const char *more);
/* Key documents as bundle_set_new() takes them.  number tells apart what one program writes; a set is written once,
 * before the first line that names it. */
void corpus_put_keys(const char *kind, const char *name, uint64_t number, struct bytes list);

#endif
