/* SPDX-License-Identifier: Apache-2.0
 *
 * How administrators name the owner of a namespace: "jwt-svid:ID", "jwt:ISSUER SUBJECT" (an issuer has no space),
 * "unix:UID", "direct:NAME", and "tenant:NAME" for one that a tenant shares.  Pure. */
#ifndef AGENT_OWNER_H
#define AGENT_OWNER_H

#include "agent/tenant.h"
#include "base/buf.h"
#include "keystore/keystore.h"

enum { OWNER_TEXT_MAX = KEYSTORE_IDENTITY_MAX + CONFIG_ISSUER_MAX + 16 };

struct owner {
	uint8_t authenticator; /* 0: any, of a shared namespace */
	bool is_shared;
	struct bytes name;   /* identity, or tenant; borrowed from the text */
	struct bytes issuer; /* of an identity that is a subject; borrowed */
};

/* A name without such a prefix is an identity of the administrator's own authenticator, as in Parsec, and issuer. */
struct owner owner_parse(struct bytes text, const struct identity *admin);
bool owner_is(const struct owner *owner, const struct namespace_name *space);
void owner_put(struct buf *to, const struct namespace_name *space);

#endif
