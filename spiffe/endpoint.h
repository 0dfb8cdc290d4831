/* SPDX-License-Identifier: Apache-2.0
 *
 * Address of a Workload Endpoint: what SPIFFE_ENDPOINT_SOCKET or the configuration says, checked.  Opens nothing.
 * Any thread.  Workload Endpoint section 4; spiffe-requirements EP-02 to EP-08. */
#ifndef SPIFFE_ENDPOINT_H
#define SPIFFE_ENDPOINT_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

#define ENDPOINT_VARIABLE "SPIFFE_ENDPOINT_SOCKET"

enum {
	ENDPOINT_PATH_BYTES = 108, /* sun_path of Linux, with the NUL */
	ENDPOINT_MAX_AGE_S = 1000 * 1000,
	ENDPOINT_HOST_BYTES = 46, /* longest IPv6 text, with the NUL */
};

/* As server_uid: a workload takes whoever stands at the address that it was given. */
#define ENDPOINT_ANYBODY UINT32_MAX

enum endpoint_kind { ENDPOINT_NONE = 0, ENDPOINT_UNIX, ENDPOINT_TCP };

/* Plain values. */
struct endpoint {
	enum endpoint_kind kind;
	char path[ENDPOINT_PATH_BYTES]; /* unix: absolute, percent-escapes decoded, NUL-terminated */
	uint32_t server_uid;		/* unix: whose the server must be */
	char host[ENDPOINT_HOST_BYTES]; /* tcp: IP literal without brackets, NUL-terminated */
	bool is_ipv6;			/* tcp */
	uint16_t port;			/* tcp: 1 to 65535 */
};

/* "unix:///path", "unix:/path", "tcp://1.2.3.4:5", "tcp://[::1]:5"; served by anybody.  Fails: CLIENT_ENDPOINT. */
struct status endpoint_parse(struct bytes uri, struct endpoint *ret_endpoint);

/* keyreeve-idp's section of the configuration: a Unix socket, since nobody can tell who serves a port. */
struct endpoint_section {
	struct endpoint endpoint; /* with its server_uid */
	uint32_t max_age_s;	  /* how long what was heard counts */
};
void endpoint_section_put(struct buf *to, struct bytes uri, uint32_t max_age_s, uint32_t server_uid);
/* Fails: CONFIG_SYNTAX, CLIENT_ENDPOINT. */
struct status endpoint_section_get(struct bytes section, struct endpoint_section *ret_section);

/* configured (NULL: nothing configured) wins over the environment's ENDPOINT_VARIABLE, which is ignored in set-uid
 * programs; neither, or an empty value, is an error: there is no default path.  Reads the environment, so not beside
 * a thread that changes it.  Fails: CLIENT_ENDPOINT. */
struct status endpoint_choose(const char *configured, struct endpoint *ret_endpoint);

#endif
