/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/audit_event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* What was said last of a provider. */
struct said {
	enum { SAID_NOTHING = 0, SAID_UP, SAID_DOWN } state;
	char reason[LANE_REASON_MAX + 1];
};

/* A line under way, or waiting for space. */
struct event_line {
	struct durable_job job;
	struct event_line *next;
	struct audit_events *events; /* borrowed */
	bool waits;
};

struct audit_events {
	struct durable *durable; /* borrowed */
	const char *boot;	 /* borrowed */
	struct event_line *lines, **tail;
	size_t count;
	struct said said[LANES_MAX];
};

struct status audit_events_new(struct durable *durable, const char *boot, struct audit_events **ret_events)
{
	struct audit_events *events = calloc(1, sizeof(*events));

	ENSURE(events != NULL, NO_MEMORY);
	events->durable = durable;
	events->boot = boot;
	events->tail = &events->lines;
	*ret_events = events;
	return OK;
}

static void line_free(struct event_line *line)
{
	buf_done(&line->job.line);
	free(line);
}

void audit_events_free(struct audit_events *events)
{
	if (events == NULL)
		return;
	while (events->lines != NULL) {
		struct event_line *line = events->lines;

		events->lines = line->next;
		line_free(line);
	}
	free(events);
}

/* ---- lines -------------------------------------------------------------------------------------- */

static void line_done(struct post *post)
{
	struct event_line *line = (struct event_line *)((char *)post - offsetof(struct event_line, job.post));
	struct audit_events *events = line->events;
	struct event_line **link = &events->lines;

	if (line->job.result != STATUS_OK) {
		line->waits = true;
		return;
	}
	while (*link != line)
		link = &(*link)->next;
	*link = line->next;
	if (events->tail == &line->next)
		events->tail = link;
	events->count--;
	line_free(line);
}

/* A full log is not asked: each refusal would be counted there. */
static void line_submit(struct audit_events *events, struct event_line *line)
{
	line->waits = durable_space(events->durable) == AUDIT_FULL;
	if (!line->waits)
		durable_submit(events->durable, &line->job);
}

void audit_event_put(struct audit_events *events, const struct audit_record *record)
{
	struct event_line *line = events->count < AUDIT_EVENTS_MAX ? calloc(1, sizeof(*line)) : NULL;

	if (line == NULL) {
		log_error("event %s has no audit line: too many wait, or memory is short", record->event);
		return;
	}
	line->events = events;
	line->job =
		(struct durable_job){ .kind = DURABLE_LINE, .line = buf_make(AUDIT_LINE_MAX), .post.done = line_done };
	audit_line_put(&line->job.line, events->boot, record);
	if (line->job.line.bad) {
		log_error("event %s has no audit line: memory is short", record->event);
		line_free(line);
		return;
	}
	*events->tail = line;
	events->tail = &line->next;
	events->count++;
	line_submit(events, line);
}

void audit_events_second(struct audit_events *events)
{
	for (struct event_line *line = events->lines; line != NULL; line = line->next)
		if (line->waits)
			line_submit(events, line);
}

/* ---- events ------------------------------------------------------------------------------------- */

void audit_event(
	struct audit_events *events, const char *event, struct bytes provider, const char *detail, int64_t count)
{
	struct audit_record record = audit_record_of(clock_wall_us());

	if (events == NULL)
		return;
	record.event = event;
	record.provider = provider;
	record.detail = detail;
	record.count = count;
	audit_event_put(events, &record);
}

void audit_event_refused(struct audit_events *events, struct status why)
{
	struct audit_record record = audit_record_of(clock_wall_us());

	record.event = "reload-refused";
	record.status = status_name(why.code);
	record.detail = status_text(why.code);
	audit_event_put(events, &record);
}

void audit_event_accepts(struct audit_events *events, const struct config *config)
{
	for (uint32_t i = 0; i < config->accept_count; i++) {
		char detail[CONFIG_TEXT_MAX];

		(void)snprintf(detail, sizeof(detail), "%s: %s", config->accepts[i].check, config->accepts[i].because);
		audit_event(events, "accepted", (struct bytes){ 0 }, detail, 0);
	}
}

struct status audit_event_signal(struct audit_events *events, struct bytes what, struct bytes sender)
{
	struct audit_record record = audit_record_of(clock_wall_us());
	struct reader from = reader_of(sender);
	char detail[AUDIT_SIGNAL_MAX + 1];

	ENSURE(what.len <= AUDIT_SIGNAL_MAX, IPC_MALFORMED);
	(void)snprintf(detail, sizeof(detail), "%.*s", (int)what.len, (const char *)what.data);
	record.event = "signal";
	record.detail = detail;
	record.has_peer = sender.len > 0;
	if (record.has_peer) {
		record.uid = reader_u32(&from);
		record.gid = AUDIT_NO_GID;
		record.pid = (int32_t)reader_u32(&from);
		ENSURE(reader_done(&from), IPC_MALFORMED);
	}
	audit_event_put(events, &record);
	return OK;
}

void audit_event_damaged(
	struct audit_events *events, const char *what, struct bytes provider, const uint8_t id[AUDIT_HASH_BYTES])
{
	struct audit_record record = audit_record_of(clock_wall_us());

	record.event = "record-damaged";
	record.provider = provider;
	record.record = id;
	record.status = status_name(STATUS_RECORD_CORRUPT);
	record.wire = status_wire(STATUS_RECORD_CORRUPT);
	record.detail = what;
	audit_event_put(events, &record);
}

/* ---- providers ---------------------------------------------------------------------------------- */

/* A worker that never was up and is not given up is just starting. */
static bool is_news(const struct said *said, const struct lane *lane)
{
	if (lane->state == LANE_UP)
		return said->state != SAID_UP;
	if (lane->state == LANE_DOWN && lane->is_given_up)
		return said->state != SAID_DOWN || strcmp(said->reason, lane->reason) != 0;
	return said->state == SAID_UP;
}

void audit_event_providers(struct audit_events *events, const struct lane *lanes, size_t count)
{
	for (size_t i = 0; i < count && i < LANES_MAX; i++) {
		const struct lane *lane = &lanes[i];
		struct said *said = &events->said[i];
		bool is_up = lane->state == LANE_UP;

		if (!is_news(said, lane))
			continue;
		said->state = is_up ? SAID_UP : SAID_DOWN;
		memcpy(said->reason, lane->reason, sizeof(said->reason));
		audit_event(events, is_up ? "provider-up" : "provider-down", bytes_from_text(lane->name),
			is_up ? lane->info.description : lane->reason, 0);
	}
}
