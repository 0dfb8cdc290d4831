/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/wall.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static struct floor_reading read_clocks(void)
{
	return (struct floor_reading){ .wall_us = clock_wall_us(), .boot_us = clock_boot_us() };
}

struct status wall_load(struct wall *wall, const struct fact *fact)
{
	wall->saved = buf_make(FLOOR_SAVED_MAX);
	buf_put(&wall->saved, fact->value);
	return buf_check(&wall->saved);
}

struct status wall_begin(struct wall *wall, const char *boot)
{
	struct floor_reading now = read_clocks();
	char id[FLOOR_BOOT_BYTES] = { 0 };
	int64_t behind_us;

	memcpy(id, boot, strnlen(boot, sizeof(id)));
	TRY(floor_begin(&wall->floor, buf_bytes(&wall->saved), id, &now, &wall->start, &behind_us));
	buf_done(&wall->saved);
	wall->saved = buf_make(FLOOR_SAVED_MAX);
	return OK;
}

void wall_done(struct wall *wall)
{
	buf_done(&wall->saved);
}

int64_t wall_now_us(struct wall *wall)
{
	struct floor_reading now = read_clocks();

	return floor_now(&wall->floor, &now);
}

int64_t wall_behind_s(const struct wall *wall)
{
	struct floor_reading now = read_clocks();

	return floor_behind_us(&wall->floor, &now) / US_PER_S;
}

/* ---- events ------------------------------------------------------------------------------------- */

static void report_start(struct wall *wall, struct audit_events *events)
{
	if (wall->start == FLOOR_BELIEVED) {
		log_warning("the clock is a little behind the time at which keyreeve ran last; it is believed");
		audit_event(events, "clock-believed", (struct bytes){ 0 }, "behind the time of the last run", 0);
	}
	wall->start = FLOOR_FIRST; /* said */
}

static void report_step(int64_t step_us, struct audit_events *events)
{
	int64_t seconds = (step_us < 0 ? -step_us : step_us) / US_PER_S;

	log_warning("the clock was set %s by %" PRId64 " s", step_us < 0 ? "back" : "forward", seconds);
	audit_event(events, "clock-step", (struct bytes){ 0 }, step_us < 0 ? "back" : "forward", seconds);
}

/* An alarm when it begins and when it ends. */
static void report_behind(struct wall *wall, int64_t behind_s, struct audit_events *events)
{
	bool is_behind = behind_s > FLOOR_STEP_US / US_PER_S;

	if (is_behind == wall->is_behind)
		return;
	wall->is_behind = is_behind;
	if (is_behind) {
		log_error("the clock is %" PRId64
			  " s behind a time that was witnessed: tokens, policy and keys are judged "
			  "by the later time; set the clock, or lower the floor with: keyreeve admin clock --lower",
			behind_s);
		audit_event(events, "clock-behind", (struct bytes){ 0 }, "judged by the later time", behind_s);
	} else {
		log_info("the clock is no longer behind");
		audit_event(events, "clock-right", (struct bytes){ 0 }, NULL, 0);
	}
}

/* ---- saving ------------------------------------------------------------------------------------- */

static void saved(struct post *post)
{
	struct wall *wall = (struct wall *)((char *)post - offsetof(struct wall, job.post));

	wall->is_saving = false;
	if (wall->job.result != STATUS_OK)
		log_error("the newest time could not be saved (%s)", status_name(wall->job.result));
}

static void save(struct wall *wall, struct durable *durable, const struct floor_reading *now)
{
	buf_clear(&wall->saved);
	floor_save_put(&wall->floor, now, &wall->saved);
	if (buf_check(&wall->saved).code != STATUS_OK)
		return;
	wall->change = (struct fact_change){ .fact = { .kind = FACT_CLOCK, .value = buf_bytes(&wall->saved) } };
	wall->job = (struct durable_job){
		.kind = DURABLE_FACTS, .changes = &wall->change, .change_count = 1, .post.done = saved
	};
	wall->is_saving = true;
	durable_submit(durable, &wall->job);
}

void wall_second(struct wall *wall, struct durable *durable, struct audit_events *events)
{
	struct floor_reading now = read_clocks();
	int64_t step_us = floor_step_us(&wall->floor, &now);

	(void)floor_now(&wall->floor, &now); /* witness it */
	report_start(wall, events);
	if (step_us != 0)
		report_step(step_us, events);
	report_behind(wall, floor_behind_us(&wall->floor, &now) / US_PER_S, events);
	if (!wall->is_saving && floor_save_is_due(&wall->floor, &now))
		save(wall, durable, &now);
}

void wall_save(struct wall *wall, struct durable *durable)
{
	struct floor_reading now = read_clocks();

	if (durable != NULL && !wall->is_saving)
		save(wall, durable, &now);
}

int64_t wall_lower(struct wall *wall)
{
	struct floor_reading now = read_clocks();
	int64_t behind_s = floor_behind_us(&wall->floor, &now) / US_PER_S;

	floor_lower(&wall->floor, &now);
	return behind_s;
}
