/* SPDX-License-Identifier: Apache-2.0
 *
 * Audit lines that are no request: start and stop of the agent, reloads, accepted findings, providers that come up or
 * go down, damaged rows of the store.  Each has "event" where a request has "op", and only the fields that it knows.
 * While the log is full a line waits here, with its own time, until there is space.  The loop's thread only. */
#ifndef AGENT_AUDIT_EVENT_H
#define AGENT_AUDIT_EVENT_H

#include "agent/config.h"
#include "agent/durable.h"
#include "agent/lane.h"

enum {
	AUDIT_EVENTS_MAX = 1024, /* lines not written yet; what is beyond is logged only */
	AUDIT_SIGNAL_MAX = 128,
	AUDIT_EVENT_DAMAGED = 100, /* damaged rows with a line each; the rest of them has one together */
};

struct audit_events;

/* durable and boot are borrowed.  Fails: NO_MEMORY. */
struct status audit_events_new(struct durable *durable, const char *boot, struct audit_events **ret_events);
/* After durable_stop(): lines under way are freed, too. */
void audit_events_free(struct audit_events *events);

/* A line of nothing but these; provider and detail may be absent (empty, NULL), count 0 is.  Nothing when events is
 * NULL: the agent did not get that far. */
void audit_event(
	struct audit_events *events, const char *event, struct bytes provider, const char *detail, int64_t count);
/* A line that the caller has put together; record->event says what happened. */
void audit_event_put(struct audit_events *events, const struct audit_record *record);
/* A configuration that could not be taken. */
void audit_event_refused(struct audit_events *events, struct status why);
/* One line per entry of `accept:`. */
void audit_event_accepts(struct audit_events *events, const struct config *config);
/* A signal to keyreeved: `what` names it and says what follows; sender: uid and pid, 32 bits each, as the kernel has
 * them, or nothing where only the sender says so.  Fails: IPC_MALFORMED. */
struct status audit_event_signal(struct audit_events *events, struct bytes what, struct bytes sender);
/* A row of the store that does not authenticate; id may be NULL. */
void audit_event_damaged(
	struct audit_events *events, const char *what, struct bytes provider, const uint8_t id[AUDIT_HASH_BYTES]);
/* Once in each turn of the loop: what came up or went down since the last one. */
void audit_event_providers(struct audit_events *events, const struct lane *lanes, size_t count);
/* Once a second: what could not be written. */
void audit_events_second(struct audit_events *events);

#endif
