/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/owner.h"

#include <string.h>

#include "agent/config.h"

static const char shared[] = "tenant:";
static const char *const prefixes[] = { [AUTHENTICATOR_DIRECT] = "direct:",
	[AUTHENTICATOR_ISSUER] = "jwt:",
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

/* Without an issuer it is nobody. */
static void issuer_cut(struct owner *owner)
{
	const uint8_t *space = owner->name.len > 0 ? memchr(owner->name.data, ' ', owner->name.len) : NULL;

	if (space == NULL)
		return;
	owner->issuer = bytes_of(owner->name.data, (size_t)(space - owner->name.data));
	owner->name = bytes_of(space + 1, owner->name.len - owner->issuer.len - 1);
}

struct owner owner_parse(struct bytes text, const struct identity *admin)
{
	struct owner owner = { .authenticator = admin->authenticator, .name = text, .issuer = admin->issuer };

	if (cut(text, shared, &owner.name))
		return (struct owner){ .is_shared = true, .name = owner.name };
	for (int i = 1; i < PREFIXES; i++)
		if (cut(text, prefixes[i], &owner.name)) {
			owner.authenticator = (uint8_t)i;
			owner.issuer = (struct bytes){ 0 };
			if (i == AUTHENTICATOR_ISSUER)
				issuer_cut(&owner);
			return owner;
		}
	return owner;
}

bool owner_is(const struct owner *owner, const struct namespace_name *space)
{
	if (owner->is_shared)
		return space->identity.len == 0 && bytes_equal(space->tenant, owner->name);
	if (space->authenticator == AUTHENTICATOR_ISSUER && !bytes_equal(space->domain, owner->issuer))
		return false;
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
	if (space->authenticator == AUTHENTICATOR_ISSUER) {
		buf_put(to, space->domain);
		buf_put_u8(to, ' ');
	}
	buf_put(to, space->identity);
}
