/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/floor.h"

#include <string.h>

#include "base/clock.h"

/* ---- marks -------------------------------------------------------------------------------------- */

static struct floor_mark mark_at(int64_t wall_us, uint64_t boot_us)
{
	return (struct floor_mark){
		.wall_us = wall_us, .boot_us = boot_us, .base_wall_us = wall_us, .base_boot_us = boot_us
	};
}

/* A time that goes on with the boot clock. */
static int64_t carried(int64_t wall_us, uint64_t from_us, uint64_t boot_us)
{
	return boot_us > from_us ? wall_us + (int64_t)(boot_us - from_us) : wall_us;
}

static int64_t mark_now(const struct floor_mark *mark, uint64_t boot_us)
{
	return carried(mark->wall_us, mark->boot_us, boot_us);
}

/* The wall clock is a witness as far as it may run ahead. */
static void mark_see(struct floor_mark *mark, const struct floor_reading *now)
{
	int64_t most = carried(mark->base_wall_us, mark->base_boot_us, now->boot_us) + FLOOR_AHEAD_US;
	int64_t seen = now->wall_us < most ? now->wall_us : most;

	if (seen <= mark_now(mark, now->boot_us))
		return;
	mark->wall_us = seen;
	mark->boot_us = now->boot_us;
}

/* ---- start -------------------------------------------------------------------------------------- */

struct saved {
	int64_t wall_us;
	uint64_t boot_us;
	struct bytes boot_id;
};

static struct status saved_get(struct bytes from, struct saved *ret_saved)
{
	struct reader r = reader_of(from);
	struct saved saved;

	saved.wall_us = (int64_t)reader_u64(&r);
	saved.boot_us = reader_u64(&r);
	saved.boot_id = reader_bytes(&r, FLOOR_BOOT_BYTES);
	ENSURE(reader_done(&r) && saved.wall_us >= 0, RECORD_CORRUPT);
	*ret_saved = saved;
	return OK;
}

/* Where `kept` is now: carried on in the same boot; after another one as it was. */
static int64_t kept_now(const struct saved *saved, bool same_boot, const struct floor_reading *now)
{
	return same_boot ? carried(saved->wall_us, saved->boot_us, now->boot_us) : saved->wall_us;
}

static enum floor_start begin_from(struct floor *floor, const struct saved *saved, const struct floor_reading *now)
{
	bool same_boot = bytes_equal(saved->boot_id, bytes_of(floor->boot_id, FLOOR_BOOT_BYTES));
	int64_t kept_us = kept_now(saved, same_boot, now);

	if (now->wall_us >= kept_us) {
		floor->run = mark_at(now->wall_us, now->boot_us);
		floor->kept = mark_at(kept_us, now->boot_us);
		floor->steady_since_us = same_boot ? 0 : now->boot_us;
		mark_see(&floor->kept, now);
		return FLOOR_GOOD;
	}
	if (kept_us - now->wall_us > FLOOR_BELIEF_US) {
		floor->run = floor->kept = mark_at(kept_us, now->boot_us);
		return FLOOR_BEHIND;
	}
	floor_lower(floor, now);
	return FLOOR_BELIEVED;
}

struct status floor_begin(struct floor *floor, struct bytes saved, const char boot_id[FLOOR_BOOT_BYTES],
	const struct floor_reading *now, enum floor_start *ret_start, int64_t *ret_behind_us)
{
	struct saved was = { 0 };
	enum floor_start start = FLOOR_FIRST;

	if (saved.len > 0)
		TRY(saved_get(saved, &was));
	*floor = (struct floor){ .last = *now };
	memcpy(floor->boot_id, boot_id, FLOOR_BOOT_BYTES);
	if (saved.len > 0)
		start = begin_from(floor, &was, now);
	else
		floor_lower(floor, now);
	*ret_start = start;
	*ret_behind_us = floor_behind_us(floor, now);
	return OK;
}

/* ---- afterwards --------------------------------------------------------------------------------- */

int64_t floor_now(struct floor *floor, const struct floor_reading *now)
{
	int64_t floor_us;

	mark_see(&floor->run, now);
	mark_see(&floor->kept, now);
	floor_us = mark_now(&floor->run, now->boot_us);
	return now->wall_us > floor_us ? now->wall_us : floor_us;
}

int64_t floor_behind_us(const struct floor *floor, const struct floor_reading *now)
{
	int64_t floor_us = mark_now(&floor->run, now->boot_us);

	return now->wall_us < floor_us ? floor_us - now->wall_us : 0;
}

int64_t floor_step_us(struct floor *floor, const struct floor_reading *now)
{
	int64_t step = now->wall_us - carried(floor->last.wall_us, floor->last.boot_us, now->boot_us);
	bool is_step = step > FLOOR_STEP_US || step < -FLOOR_STEP_US;

	floor->last = *now;
	if (is_step)
		floor->steady_since_us = 0;
	if (floor->steady_since_us != 0 &&
		now->boot_us >= floor->steady_since_us + FLOOR_STEADY_S * (uint64_t)US_PER_S) {
		floor->kept = mark_at(now->wall_us, now->boot_us);
		floor->steady_since_us = 0;
	}
	return is_step ? step : 0;
}

void floor_lower(struct floor *floor, const struct floor_reading *now)
{
	floor->run = floor->kept = mark_at(now->wall_us, now->boot_us);
	floor->saved_at_us = 0;
}

bool floor_save_is_due(const struct floor *floor, const struct floor_reading *now)
{
	return floor->saved_at_us == 0 || now->boot_us >= floor->saved_at_us + FLOOR_SAVE_US;
}

void floor_save_put(struct floor *floor, const struct floor_reading *now, struct buf *to)
{
	mark_see(&floor->kept, now);
	buf_put_u64(to, (uint64_t)mark_now(&floor->kept, now->boot_us));
	buf_put_u64(to, now->boot_us);
	buf_put(to, bytes_of(floor->boot_id, FLOOR_BOOT_BYTES));
	floor->saved_at_us = now->boot_us;
}
