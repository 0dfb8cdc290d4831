/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's wall clock: floor.h with the machine's clocks, saved as a fact of the store, with its events in log and
 * audit log ("clock-step", "clock-behind", "clock-right", "clock-believed", "clock-lowered").  The loop's thread only.
 */
#ifndef AGENT_WALL_H
#define AGENT_WALL_H

#include "agent/audit_event.h"
#include "agent/durable.h"
#include "agent/floor.h"

struct wall {
	struct floor floor;
	struct buf saved;	/* what was loaded, then what is being saved */
	struct durable_job job; /* the saving of it */
	struct fact_change change;
	bool is_saving;
	bool is_behind; /* said so */
	enum floor_start start;
};

/* The fact that an earlier run saved; before wall_begin().  Fails: LIMIT. */
struct status wall_load(struct wall *wall, const struct fact *fact);
/* boot: the boot's id, at most FLOOR_BOOT_BYTES.  Fails: RECORD_CORRUPT. */
struct status wall_begin(struct wall *wall, const char *boot);
void wall_done(struct wall *wall);

/* The time to judge by: microseconds since 1970, UTC; never behind what was witnessed. */
int64_t wall_now_us(struct wall *wall);

/* Once a second, and once at the start: steps and alarms; saves each minute. */
void wall_second(struct wall *wall, struct durable *durable, struct audit_events *events);
/* At the end, before durable_stop(). */
void wall_save(struct wall *wall, struct durable *durable);
/* An administrator says that the clock is right; saved with the next second.  Returns by how many seconds the time to
 * judge by goes back. */
int64_t wall_lower(struct wall *wall);
/* How far the clock is behind; 0: it is not. */
int64_t wall_behind_s(const struct wall *wall);

#endif
