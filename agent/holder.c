/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/holder.h"

#include <stdlib.h>
#include <string.h>

struct holder *holder_find(const struct keyindex_space *space, uint32_t uid)
{
	struct holder *holder = space->holder;

	while (holder != NULL && holder->uid != uid)
		holder = holder->next;
	return holder;
}

bool holder_is_locked(const struct keyindex_space *space)
{
	for (const struct holder *holder = space->holder; holder != NULL; holder = holder->next)
		if (holder->is_locked)
			return true;
	return false;
}

void holder_done(struct keyindex_space *space)
{
	while (space->holder != NULL) {
		struct holder *holder = space->holder;

		space->holder = holder->next;
		free(holder);
	}
}

struct status holder_set(struct keyindex_space *space, uint32_t uid, bool is_locked, struct bytes look)
{
	struct holder **link = &space->holder, *made = calloc(1, sizeof(*made) + look.len);

	ENSURE(made != NULL, NO_MEMORY);
	memcpy(made + 1, look.data, look.len);
	made->uid = uid;
	made->is_locked = is_locked;
	made->look = bytes_of(made + 1, look.len);
	while (*link != NULL && (*link)->uid != uid)
		link = &(*link)->next;
	if (*link != NULL) {
		made->next = (*link)->next;
		free(*link);
	}
	*link = made;
	return OK;
}

/* ---- facts -------------------------------------------------------------------------------------- */

void holder_id_put(struct buf *to, const struct keyindex_space *space, uint32_t uid)
{
	buf_put(to, space->encoded);
	buf_put_u32(to, uid);
}

void holder_value_put(struct buf *to, bool is_locked, struct bytes look)
{
	buf_put_u8(to, is_locked);
	buf_put_sized(to, look);
}

struct status holder_load(struct keyindex *index, const struct fact *fact)
{
	struct reader id = reader_of(fact->id), value = reader_of(fact->value);
	uint8_t is_locked = reader_u8(&value);
	struct bytes look = reader_sized(&value, ACCOUNT_LOOK_MAX);
	struct keyindex_space *space;
	struct namespace_name name;
	uint32_t uid;

	TRY(namespace_name_get(&id, &name));
	uid = reader_u32(&id);
	ENSURE(reader_done(&id) && reader_done(&value) && is_locked <= 1 && look.len > 0, RECORD_CORRUPT);
	TRY(keyindex_space_make(index, &name, &space));
	return holder_set(space, uid, is_locked == 1, look);
}
