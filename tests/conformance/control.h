/* SPDX-License-Identifier: Apache-2.0
 *
 * The control port of the harness: HTTP/1.1 and JSON, by libmicrohttpd.  Every verdict is a status of spiffe/ or
 * jwtsvid/; here it only gets its HTTP form: 200 ok, 422 rejected, 500 error, 501 unsupported. */
#ifndef TESTS_CONFORMANCE_CONTROL_H
#define TESTS_CONFORMANCE_CONTROL_H

#include "tests/conformance/source.h"

struct control;

/* Listen on a free port of 127.0.0.1.  endpoint and source are borrowed.  Fails: IO, NO_MEMORY. */
struct status control_new(const struct endpoint *endpoint, struct source *source, struct control **ret_control);
uint16_t control_port(const struct control *control);
void control_free(struct control *control);

#endif
