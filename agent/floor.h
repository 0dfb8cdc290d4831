/* SPDX-License-Identifier: Apache-2.0
 *
 * The time that tokens, policy and key expiry are judged by: the wall clock, but never behind the newest time that was
 * witnessed, so that a clock set back revives no token.  What was witnessed goes on with the clock that counts since
 * boot.
 *
 * A clock set forward must not lock anybody out for good: what is witnessed runs ahead of the boot clock by at most
 * FLOOR_AHEAD_US, counted from a start.  So there are two floors: `run` begins at this start, with the wall clock as
 * it is then; `kept` is saved and goes on over restarts.  It follows the wall clock further than that only after a
 * boot, of which no clock tells how long it took, when both clocks have agreed for an hour.
 *
 * At a start a clock behind `kept` by at most FLOOR_BELIEF_US is believed; behind by more, the floor stays, and the
 * alarm with it, until the clock is right or an administrator lowers it.  Pure; the loop's thread only.  Ledger: CLK,
 * N-6. */
#ifndef AGENT_FLOOR_H
#define AGENT_FLOOR_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
	FLOOR_AHEAD_US =
		270 * 1000000, /* below what is believed, so that forward and back is always healed by a start */
	FLOOR_BELIEF_US = 300 * 1000000,
	FLOOR_STEP_US = 2 * 1000000, /* between two readings; below it is the daemon's being late, not a step */
	FLOOR_SAVE_US = 60 * 1000000,
	FLOOR_STEADY_S = 3600,
	FLOOR_BOOT_BYTES = 32, /* the boot's id, hexadecimal */
	FLOOR_SAVED_MAX = 64,
};

/* The clocks at one moment. */
struct floor_reading {
	int64_t wall_us;  /* since 1970, UTC */
	uint64_t boot_us; /* since boot, time asleep included */
};

/* The newest time seen, and where FLOOR_AHEAD_US is counted from. */
struct floor_mark {
	int64_t wall_us;  /* the newest time witnessed */
	uint64_t boot_us; /* when */
	int64_t base_wall_us;
	uint64_t base_boot_us;
};

enum floor_start {
	FLOOR_FIRST,	/* nothing was saved */
	FLOOR_GOOD,	/* the clock is at or past what was kept */
	FLOOR_BELIEVED, /* behind by little: the floor went down */
	FLOOR_BEHIND,	/* behind by more: the floor stays */
};

struct floor {
	struct floor_mark run, kept;
	struct floor_reading last;
	uint64_t steady_since_us; /* the first start after a boot, while the clock was not set; 0: neither */
	char boot_id[FLOOR_BOOT_BYTES];
	uint64_t saved_at_us; /* of the boot clock */
};

/* saved: what floor_save_put() made, or empty.  ret_behind_us: how far the clock is behind, 0 where it is not.
 * Fails: RECORD_CORRUPT. */
struct status floor_begin(struct floor *floor, struct bytes saved, const char boot_id[FLOOR_BOOT_BYTES],
	const struct floor_reading *now, enum floor_start *ret_start, int64_t *ret_behind_us);

/* The time to judge by, in microseconds since 1970. */
int64_t floor_now(struct floor *floor, const struct floor_reading *now);
/* How far the wall clock is behind it; 0: it is not. */
int64_t floor_behind_us(const struct floor *floor, const struct floor_reading *now);
/* The step of the wall clock since the last call, forward positive; 0: none.  Call it every few seconds. */
int64_t floor_step_us(struct floor *floor, const struct floor_reading *now);

/* An administrator says that the clock is right. */
void floor_lower(struct floor *floor, const struct floor_reading *now);

/* Is it time to save again? */
bool floor_save_is_due(const struct floor *floor, const struct floor_reading *now);
/* What is to be saved, appended; cap at least FLOOR_SAVED_MAX. */
void floor_save_put(struct floor *floor, const struct floor_reading *now, struct buf *to);

#endif
