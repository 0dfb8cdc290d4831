/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/link.h"

#include <stdlib.h>

#include "agent/config.h"
#include "agent/keyfact.h"

/* ---- links -------------------------------------------------------------------------------------- */

struct status link_add(struct keyindex_space *from, struct keyindex_space *to, int64_t since_s)
{
	struct space_link *link;
	size_t count = 0;

	for (link = from->links; link != NULL; link = link->next, count++)
		if (link->to == to)
			return OK;
	ENSURE(count < LINKS_MAX, LIMIT);
	link = malloc(sizeof(*link));
	ENSURE(link != NULL, NO_MEMORY);
	*link = (struct space_link){ from->links, to, since_s };
	from->links = link;
	return OK;
}

bool link_remove(struct keyindex_space *from, const struct keyindex_space *to)
{
	for (struct space_link **at = &from->links; *at != NULL; at = &(*at)->next) {
		struct space_link *link = *at;

		if (link->to != to)
			continue;
		*at = link->next;
		free(link);
		return true;
	}
	return false;
}

bool link_is(const struct keyindex_space *from, const struct keyindex_space *to)
{
	for (const struct space_link *link = from->links; link != NULL; link = link->next)
		if (link->to == to)
			return true;
	return false;
}

void link_done(struct keyindex_space *from)
{
	while (from->links != NULL)
		(void)link_remove(from, from->links->to);
}

struct keyindex_entry *link_find(struct keyindex *index, struct keyindex_space *space, struct bytes name)
{
	struct keyindex_entry *entry = keyindex_find(index, space, name);

	for (const struct space_link *link = space->links; entry == NULL && link != NULL; link = link->next)
		entry = keyindex_find(index, link->to, name);
	return entry;
}

/* ---- strength ----------------------------------------------------------------------------------- */

unsigned strength_of(uint8_t authenticator)
{
	static const unsigned order[] = { [AUTHENTICATOR_DIRECT] = 1,
		[AUTHENTICATOR_UNIX_PEER] = 2,
		[AUTHENTICATOR_ISSUER] = 3,
		[AUTHENTICATOR_JWT_SVID] = 4 };

	return authenticator < sizeof(order) / sizeof(order[0]) ? order[authenticator] : 0;
}

uint8_t strength_floor(const struct keyindex_space *space)
{
	return space->floor != 0 ? space->floor : space->name.authenticator;
}

bool strength_suffices(const struct keyindex_space *space, uint8_t authenticator)
{
	return strength_of(authenticator) >= strength_of(strength_floor(space));
}

/* ---- facts -------------------------------------------------------------------------------------- */

void link_id_put(struct buf *to, const struct keyindex_space *from, const struct keyindex_space *target)
{
	buf_put(to, from->encoded);
	buf_put(to, target->encoded);
}

static struct status space_get(struct keyindex *index, struct reader *r, struct keyindex_space **ret_space)
{
	struct namespace_name name;

	TRY(namespace_name_get(r, &name));
	return keyindex_space_make(index, &name, ret_space);
}

struct status link_load(struct keyindex *index, const struct fact *fact)
{
	struct reader r = reader_of(fact->id);
	struct keyindex_space *from, *to;
	int64_t since_s;

	TRY(space_get(index, &r, &from));
	TRY(space_get(index, &r, &to));
	ENSURE(reader_done(&r), RECORD_CORRUPT);
	TRY(keyfact_time_get(fact->value, &since_s));
	return link_add(from, to, since_s);
}

struct status strength_load(struct keyindex *index, const struct fact *fact)
{
	struct reader r = reader_of(fact->id), value = reader_of(fact->value);
	struct keyindex_space *space;
	uint8_t authenticator = reader_u8(&value);

	TRY(space_get(index, &r, &space));
	ENSURE(reader_done(&r) && reader_done(&value) && strength_of(authenticator) > 0, RECORD_CORRUPT);
	space->floor = authenticator;
	return OK;
}
