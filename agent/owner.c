/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/owner.h"

#include <string.h>

#include "agent/config.h"

static const char shared[] = "tenant:";
static const char *const prefixes[] = { [AUTHENTICATOR_DIRECT] = "direct:",
	[AUTHENTICATOR_ISSUER] = "token:",
	[AUTHENTICATOR_UNIX_PEER] = "unix:",
	[AUTHENTICATOR_JWT_SVID] = "jwt-svid:" };
enum { PREFIXES = sizeof(prefixes) / sizeof(prefixes[0]) };

static bool cut(struct bytes text, const char *prefix, struct bytes *ret_rest)
{
	size_t len = strlen(prefix);

	if (text.len < len || memcmp(text.data, prefix, len) != 0)
		return false;
	*ret_rest = bytes_of(text.data + len, text.len - len);
	return true;
}

struct owner owner_parse(struct bytes text, uint8_t authenticator)
{
	struct owner owner = { .authenticator = authenticator, .name = text };

	if (cut(text, shared, &owner.name))
		return (struct owner){ .is_shared = true, .name = owner.name };
	for (uint8_t i = 1; i < PREFIXES; i++)
		if (cut(text, prefixes[i], &owner.name)) {
			owner.authenticator = i;
			return owner;
		}
	return owner;
}

bool owner_is(const struct owner *owner, const struct namespace_name *space)
{
	if (owner->is_shared)
		return space->identity.len == 0 && bytes_equal(space->tenant, owner->name);
	return space->authenticator == owner->authenticator && space->identity.len > 0 &&
	       bytes_equal(space->identity, owner->name);
}

void owner_put(struct buf *to, const struct namespace_name *space)
{
	buf_clear(to);
	if (space->identity.len == 0) {
		buf_put_text(to, shared);
		buf_put(to, space->tenant);
		return;
	}
	if (space->authenticator > 0 && space->authenticator < PREFIXES)
		buf_put_text(to, prefixes[space->authenticator]);
	buf_put(to, space->identity);
}
