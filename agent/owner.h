/* SPDX-License-Identifier: Apache-2.0
 *
 * How administrators name the owner of a namespace: "jwt-svid:ID", "token:SUBJECT", "unix:UID", "direct:NAME", and
 * "tenant:NAME" for one that a tenant shares.  Pure. */
#ifndef AGENT_OWNER_H
#define AGENT_OWNER_H

#include "base/buf.h"
#include "keystore/keystore.h"

enum { OWNER_TEXT_MAX = KEYSTORE_IDENTITY_MAX + 16 };

struct owner {
	uint8_t authenticator; /* 0: any, of a shared namespace */
	bool is_shared;
	struct bytes name; /* identity, or tenant; borrowed from the text */
};

/* A name without such a prefix is an identity of `authenticator`: the administrator's own, as in Parsec. */
struct owner owner_parse(struct bytes text, uint8_t authenticator);
bool owner_is(const struct owner *owner, const struct namespace_name *space);
void owner_put(struct buf *to, const struct namespace_name *space);

#endif
