/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/park.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/own.h"

struct status park_init(struct park *park, size_t max)
{
	*park = (struct park){ .max = max < PARK_MAX ? max : PARK_MAX };
	park->places = calloc(park->max + 1, sizeof(*park->places));
	ENSURE(park->places != NULL, NO_MEMORY);
	return OK;
}

void park_done(struct park *park)
{
	int fd;

	while ((fd = park_take(park)) >= 0)
		own_close(&fd);
	free(park->places);
	park->places = NULL;
}

static uint32_t *count_of(struct park *park, uid_t uid)
{
	return &park->of_uid[uid * 2654435761u % PARK_UIDS];
}

bool park_put(struct park *park, int fd, uid_t uid, uint64_t until_us)
{
	uint32_t *of_uid = count_of(park, uid);

	if (park->count == park->max || *of_uid >= park->max - park->max / 4)
		return false;
	park->places[(park->first + park->count) % park->max] = (struct park_place){ fd, uid, until_us };
	park->count++;
	(*of_uid)++;
	return true;
}

/* All that are there would take PARK_SPREAD_MS.  While they are behind their time the gap may only shrink, so that the
 * last of them is not held back for longer than that. */
static uint64_t gap_us(const struct park *park)
{
	uint64_t even_us = (uint64_t)PARK_SPREAD_MS * US_PER_MS / park->count;

	return park->is_behind && park->gap_us < even_us ? park->gap_us : even_us;
}

uint64_t park_due_us(const struct park *park)
{
	uint64_t until_us, not_before_us;

	if (park->count == 0)
		return UINT64_MAX;
	until_us = park->places[park->first].until_us;
	not_before_us = park->last_us + gap_us(park);
	return until_us > not_before_us ? until_us : not_before_us;
}

int park_take_due(struct park *park)
{
	uint64_t due_us = park_due_us(park);

	if (park->count == 0)
		return -1;
	park->gap_us = gap_us(park);
	park->is_behind = due_us > park->places[park->first].until_us;
	park->last_us = due_us;
	return park_take(park);
}

int park_take(struct park *park)
{
	const struct park_place *place;

	if (park->count == 0)
		return -1;
	place = &park->places[park->first];
	(*count_of(park, place->uid))--;
	park->count--;
	park->first = park->count > 0 ? (park->first + 1) % park->max : 0; /* few of them touch few pages */
	return place->fd;
}
