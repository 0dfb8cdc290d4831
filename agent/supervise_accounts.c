/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent/account.h"
#include "agent/supervise_parts.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

enum {
	REPEAT_S = 60, /* homes change without the file */
	RETRY_S = 1,
	SEND_MS = 1000,
	EVENTS_BYTES = 4096,
};

void supervise_accounts_want(struct supervisor *s, bool anew)
{
	if (anew)
		buf_clear(&s->accounts.sent);
	s->accounts.at_us = 0;
}

static struct status send(struct supervisor *s, const struct buf *table)
{
	struct child *agent = &s->children[CHILD_AGENT];
	struct ipc_message message = ipc_message_of(ROLE_ACCOUNTS, 0);

	message.part[1] = buf_bytes(table);
	TRY(ipc_send(agent->ctl, &message));
	return ipc_flush_wait(agent->ctl, SEND_MS);
}

/* The agent refuses Unix peers while its table is not that of the file, so what fails here is tried again soon. */
void supervise_accounts_due(struct supervisor *s, const struct config *config, uint64_t now_us)
{
	AUTO(buf_done) struct buf table = buf_make(ACCOUNT_TABLE_MAX);
	const struct child *agent = &s->children[CHILD_AGENT];
	struct status st;

	if (s->accounts.at_us > now_us || agent->ctl == NULL || !agent->is_ready || s->stopping)
		return;
	s->accounts.at_us = now_us + REPEAT_S * (uint64_t)US_PER_S;
	st = account_table_read(ACCOUNT_FILE, config, &table);
	if (st.code == STATUS_OK && bytes_equal(buf_bytes(&table), buf_bytes(&s->accounts.sent)))
		return;
	if (st.code == STATUS_OK)
		st = send(s, &table);
	if (st.code != STATUS_OK) {
		struct fault fault;
		char text[LOG_FAULT_BYTES];

		fault_take(&fault);
		log_error("%s cannot be handed to the agent, which refuses Unix peers: %s", ACCOUNT_FILE,
			log_fault_text(&fault, text));
		s->accounts.at_us = now_us + RETRY_S * (uint64_t)US_PER_S;
		return;
	}
	buf_done(&s->accounts.sent);
	s->accounts.sent = TAKE(table);
}

void supervise_accounts_watch(struct supervisor *s)
{
	char events[EVENTS_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len;

	while ((len = read(s->given->accounts_fd, events, sizeof(events))) > 0) {
		const struct inotify_event *event;

		for (ssize_t at = 0; at < len; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const void *)(events + at);
			if (event->len == 0 || strcmp(event->name, ACCOUNT_NAME) == 0)
				supervise_accounts_want(s, false);
		}
	}
}
