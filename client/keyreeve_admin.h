/* SPDX-License-Identifier: Apache-2.0
 *
 * libkeyreeve for administrators: what has no operation in Parsec's protocol.  Needs keyreeved (another service answers
 * 9), its admin socket, and an identity that its configuration lists under `admins`; elsewhere KEYREEVE_REFUSED.
 * Memory, threads and retries as in keyreeve.h.  Texts are printable, NUL-terminated and cut to their room. */
#ifndef KEYREEVE_ADMIN_H
#define KEYREEVE_ADMIN_H

#include "keyreeve.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ---------------------------------------------------------------------------------------- */

enum keyreeve_provider_state {
	KEYREEVE_PROVIDER_DOWN = 0,
	KEYREEVE_PROVIDER_STARTING = 1,
	KEYREEVE_PROVIDER_RECOVERING = 2,
	KEYREEVE_PROVIDER_UP = 3,
};

struct keyreeve_admin_provider {
	char name[64];
	int id;
	enum keyreeve_provider_state state;
	char text[160];	  /* what the device says of itself, or why it is down */
	uint64_t waiting; /* requests in its queue */
};
struct keyreeve_admin_domain {
	char name[256];
	uint64_t keys;
	uint64_t age_s; /* of the key documents in force */
};

enum keyreeve_audit_space { KEYREEVE_AUDIT_FULL = 0, KEYREEVE_AUDIT_LOW = 1, KEYREEVE_AUDIT_READY = 2 };

struct keyreeve_admin_status {
	char build[64];
	int is_strict;
	int64_t started_s; /* since 1970 */
	uint64_t uptime_s;
	unsigned landlock_abi;	  /* 0: the kernel has none */
	unsigned seccomp_filters; /* in force in keyreeve-agent */
	enum keyreeve_audit_space audit;
	uint64_t keys, namespaces, connections, requests;
	struct keyreeve_admin_provider *providers;
	size_t provider_count;
	struct keyreeve_admin_domain *domains; /* trust domains whose tokens are believed */
	size_t domain_count;
};
enum keyreeve_result keyreeve_admin_status(struct keyreeve *k, struct keyreeve_admin_status *ret_status);
void keyreeve_admin_status_free(struct keyreeve_admin_status *status);

#ifdef __cplusplus
}
#endif

#endif
