/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config_fetch.h"
#include "agent/notify.h"
#include "agent/supervise_parts.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

enum { STOP_MS = 12000 }; /* the agent drains for at most ten seconds */

/* ---- starting roles ----------------------------------------------------------------------------- */

static const char checked_out[] = "a start-up check takes it out of service";

bool supervise_is_out(const struct supervisor *s, const struct child *child)
{
	return (s->given->providers_down >> child->provider & 1) != 0;
}

/* Everything but the agent needs the agent's control socket. */
static bool may_start(const struct supervisor *s, const struct child *child)
{
	const struct child *agent = &s->children[CHILD_AGENT];

	if (child->provider >= 0 && supervise_is_out(s, child))
		return false;
	return child == agent || (agent->ctl != NULL && agent->is_ready);
}

static void start_due(struct supervisor *s, uint64_t now_us)
{
	for (size_t i = 0; i < s->child_count && !s->stopping; i++) {
		struct child *child = &s->children[i];
		struct status st;

		if (child->pid != 0 || child->stays_down || child->start_at_us > now_us || !may_start(s, child))
			continue;
		st = supervise_start(s, child);
		if (st.code != STATUS_OK) {
			struct fault fault;
			char text[LOG_FAULT_BYTES];

			fault_take(&fault);
			log_error("cannot start %s: %s", child->name, log_fault_text(&fault, text));
			if (child->pid != 0)
				(void)kill(child->pid, SIGKILL);
			else
				child->start_at_us = now_us + US_PER_S;
		}
	}
}

/* ---- messages and deaths ------------------------------------------------------------------------ */

void supervise_tell_down(struct supervisor *s, const struct child *child)
{
	struct child *agent = &s->children[CHILD_AGENT];
	struct ipc_message down = ipc_message_of(ROLE_DOWN, 0);

	if (child->provider < 0 || agent->ctl == NULL)
		return;
	down.part[0] = bytes_from_text(child->name);
	down.part[1] = bytes_from_text(child->reason);
	if (ipc_send(agent->ctl, &down).code == STATUS_OK && ipc_flush(agent->ctl).code != STATUS_OK)
		log_warning("the agent does not listen");
}

/* A PIN that was refused is not tried again; waiting would not change that. */
static bool is_final(enum status_code code)
{
	return code == STATUS_PIN_REFUSED || code == STATUS_PIN_TRIED || code == STATUS_PIN_LOCKED ||
	       code == STATUS_DEVICE_IDENTITY;
}

static void child_failed(struct supervisor *s, struct child *child, const struct ipc_message *message)
{
	child->failed = message->status;
	(void)snprintf(child->reason, sizeof(child->reason), "%.*s", (int)message->part[0].len,
		(const char *)message->part[0].data);
	child->stays_down = is_final(message->status);
	supervise_tell_down(s, child);
}

static void child_ready(struct supervisor *s, struct child *child, struct bytes text)
{
	child->is_ready = true;
	child->early_deaths = 0;
	log_info("%s is ready%s%.*s", child->name, text.len > 0 ? ": " : "", (int)text.len, (const char *)text.data);
	if (child == &s->children[CHILD_AGENT])
		supervise_jwks_send(s, true);
	if (child->provider >= 0 && s->wrap_waiting[child->provider] >= 0) {
		if (child_send_fd(child, "wrap", s->wrap_waiting[child->provider]).code != STATUS_OK)
			log_warning("%s does not take its wrapping socket", child->name);
		own_close(&s->wrap_waiting[child->provider]);
	}
	for (size_t i = CHILD_IDP; i < CHILD_FIRST_WORKER && child == &s->children[CHILD_AGENT]; i++)
		if (s->children[i].pid != 0 && supervise_join(s, &s->children[i]).code != STATUS_OK)
			(void)kill(s->children[i].pid, SIGKILL); /* a new one gets a new socket */
	for (size_t i = CHILD_FIRST_WORKER; i < s->child_count && child == &s->children[CHILD_AGENT]; i++)
		if (s->children[i].stays_down || supervise_is_out(s, &s->children[i]))
			supervise_tell_down(s, &s->children[i]);
	if (child == &s->children[CHILD_AGENT]) {
		supervise_accounts_want(s, true);
		supervise_accounts_due(s, s->given->config, clock_mono_us());
	}
	if (child == &s->children[CHILD_AGENT] && !s->announced) {
		s->announced = true;
		notify_send(s->given->notify_fd, "READY=1\nSTATUS=serving");
		log_notice("keyreeve is ready");
	}
}

/* Ready for systemd is who listens: without keys, other authenticators work.  The text says the rest. */
static void agent_state(struct supervisor *s, struct bytes text)
{
	char line[CHILD_REASON_BYTES + 16];

	(void)snprintf(s->state, sizeof(s->state), "%.*s", (int)text.len, (const char *)text.data);
	log_notice("%s", s->state);
	(void)snprintf(line, sizeof(line), "STATUS=%s", s->state);
	notify_send(s->given->notify_fd, line);
}

static void child_message(struct supervisor *s, struct child *child, const struct ipc_message *message)
{
	struct child *other;

	switch (message->type) {
	case ROLE_HELLO:
		if (!bytes_equal(message->part[0], ipc_build_id()))
			log_error("%s is of another build", child->name);
		return;
	case ROLE_READY:
		child_ready(s, child, message->part[0]);
		return;
	case ROLE_FAILED:
		child_failed(s, child, message);
		return;
	case ROLE_STATE:
		if (child == &s->children[CHILD_AGENT])
			agent_state(s, message->part[0]);
		return;
	case ROLE_KILL:
		other = child == &s->children[CHILD_AGENT] ? supervise_child(s, message->part[0]) : NULL;
		if (other != NULL && other->pid != 0) {
			log_notice("%s is ended: %.*s", other->name, (int)message->part[1].len,
				(const char *)message->part[1].data);
			(void)kill(other->pid, SIGKILL);
		}
		return;
	default:
		log_error("%s sent what it must not send", child->name);
		(void)kill(child->pid, SIGKILL);
	}
}

static void child_readable(struct supervisor *s, struct child *child)
{
	struct status received = ipc_receive(child->ctl);
	struct ipc_message message;
	bool have = true;

	while (have && ipc_next(child->ctl, &message, &have).code == STATUS_OK)
		if (have)
			child_message(s, child, &message);
	/* At the end of file SIGCHLD follows; until then do not spin on it. */
	if (received.code != STATUS_OK && child->pid != 0) {
		ipc_free(child->ctl);
		child->ctl = NULL;
	}
}

static void reap(struct supervisor *s)
{
	uint64_t now = clock_mono_us();
	int wait_status;
	pid_t pid;

	while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0)
		for (size_t i = 0; i < s->child_count; i++) {
			struct child *child = &s->children[i];

			if (child->pid != pid)
				continue;
			if (child->ctl != NULL)
				child_readable(s, child); /* its last words */
			child_died(child, wait_status, now);
			if (child->failed == STATUS_OK && child->early_deaths >= CHILD_EARLY_DEATHS) {
				(void)snprintf(child->reason, sizeof(child->reason), "its worker does not start");
				supervise_tell_down(s, child);
			} else if (child->provider >= 0 && supervise_is_out(s, child)) {
				(void)snprintf(child->reason, sizeof(child->reason), "%s", checked_out);
				supervise_tell_down(s, child);
			}
		}
}

/* ---- signals ------------------------------------------------------------------------------------ */

static void begin_stop(struct supervisor *s)
{
	struct child *agent = &s->children[CHILD_AGENT];
	struct ipc_message stop = ipc_message_of(ROLE_STOP, 0);

	if (s->stopping)
		return;
	s->stopping = true;
	s->stop_at_us = clock_mono_us() + (uint64_t)STOP_MS * US_PER_MS;
	notify_send(s->given->notify_fd, "STOPPING=1");
	log_notice("stopping: open requests are finished first");
	if (agent->ctl == NULL || ipc_send(agent->ctl, &stop).code != STATUS_OK ||
		ipc_flush(agent->ctl).code != STATUS_OK)
		s->stop_at_us = 0;
}

/* The kernel's word.  What is queued (sigqueue) says of its sender what the sender likes. */
static bool is_sender_known(const struct signalfd_siginfo *info)
{
	return info->ssi_code == SI_USER || info->ssi_code == SI_TKILL;
}

static bool may_reload(const struct supervisor *s, const struct signalfd_siginfo *info)
{
	return s->given->config->posture != POSTURE_STRICT || (is_sender_known(info) && info->ssi_uid == 0);
}

/* Whoever may signal us may do it without end: what is ignored costs a few lines each second. */
static bool may_tell_ignored(void)
{
	static struct log_limit limit = { .burst = 5 };

	return log_allowed(&limit);
}

/* To log and audit log. */
static void tell_signal(struct supervisor *s, const struct signalfd_siginfo *info, const char *what)
{
	struct child *agent = &s->children[CHILD_AGENT];
	struct ipc_message message = ipc_message_of(ROLE_SIGNAL, 0);
	AUTO(buf_done) struct buf sender = buf_make(2 * sizeof(uint32_t));

	if (is_sender_known(info)) {
		log_notice("%s; from uid %u pid %u", what, info->ssi_uid, info->ssi_pid);
		buf_put_u32(&sender, info->ssi_uid);
		buf_put_u32(&sender, info->ssi_pid);
	} else {
		log_notice("%s; from somebody who claims to be uid %u pid %u", what, info->ssi_uid, info->ssi_pid);
	}
	message.part[0] = bytes_from_text(what);
	message.part[1] = buf_bytes(&sender);
	if (agent->ctl == NULL || ipc_send(agent->ctl, &message).code != STATUS_OK ||
		ipc_flush(agent->ctl).code != STATUS_OK)
		log_warning("the agent does not listen: this signal is not in the audit log");
}

static void take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->given->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(s);
			break;
		case SIGHUP:
			if (!may_reload(s, &info)) {
				if (may_tell_ignored())
					tell_signal(s, &info, "SIGHUP: ignored: strict lets root alone ask, by kill");
				break;
			}
			tell_signal(s, &info, "SIGHUP: the configuration is read again");
			supervise_reload_want(s, true, clock_mono_us());
			break;
		default:
			tell_signal(s, &info, info.ssi_signo == SIGINT ? "SIGINT: stops" : "SIGTERM: stops");
			begin_stop(s);
		}
	}
}

/* ---- the loop ----------------------------------------------------------------------------------- */

static int wait_ms(const struct supervisor *s)
{
	uint64_t now = clock_mono_us(), at = now + 60 * (uint64_t)US_PER_S;

	if (s->stopping)
		at = s->stop_at_us;
	else if (s->reload.at_us != 0)
		at = s->reload.at_us;
	if (!s->stopping && s->children[CHILD_AGENT].ctl != NULL && s->children[CHILD_AGENT].is_ready &&
		s->accounts.at_us < at)
		at = s->accounts.at_us;
	for (size_t i = 0; i < s->child_count && !s->stopping; i++) {
		const struct child *child = &s->children[i];

		if (child->pid == 0 && !child->stays_down && may_start(s, child) && child->start_at_us < at)
			at = child->start_at_us;
	}
	return at <= now ? 0 : (int)((at - now) / US_PER_MS + 1);
}

static void end_all(struct supervisor *s)
{
	/* Closing a role's socket ends it; what does not listen is killed. */
	for (size_t i = s->child_count; i > 0; i--) {
		struct child *child = &s->children[i - 1];
		int wait_status;

		if (child->pid == 0)
			continue;
		ipc_free(child->ctl);
		child->ctl = NULL;
		for (int ms = 0; waitpid(child->pid, &wait_status, WNOHANG) == 0; ms += 5) {
			if (ms >= 1000)
				(void)kill(child->pid, SIGKILL);
			(void)poll(NULL, 0, 5);
		}
		child->pid = 0;
	}
}

bool supervise_is_free(const struct child *child)
{
	return child->provider < 0 && child->pid == 0;
}

/* In a place that is free, else behind the last one. */
void supervise_add_worker(struct supervisor *s, const struct config *config, uint32_t i)
{
	static const char *const programs[] = { [PROVIDER_SOFTWARE] = "keyreeve-soft",
		[PROVIDER_PKCS11] = "keyreeve-p11",
		[PROVIDER_TPM] = "keyreeve-tpm" };
	size_t at = CHILD_FIRST_WORKER;
	struct child *child;

	while (at < s->child_count && !supervise_is_free(&s->children[at]))
		at++;
	if (at == s->child_count)
		s->child_count++;
	child = &s->children[at];
	*child = (struct child){ .provider = (int)i };
	(void)snprintf(child->reason, sizeof(child->reason), "%s", checked_out);
	(void)snprintf(child->name, sizeof(child->name), "%s", config->providers[i].name);
	(void)snprintf(child->program, sizeof(child->program), "%s", programs[config->providers[i].type]);
}

static void add_children(struct supervisor *s)
{
	const struct config *config = s->given->config;

	s->children[CHILD_AGENT] = (struct child){ .name = "agent", .program = "keyreeve-agent", .provider = -1 };
	s->children[CHILD_IDP] = (struct child){
		.name = "idp", .program = "keyreeve-idp", .provider = -1, .stays_down = !config_needs_idp(config)
	};
	s->children[CHILD_FETCH] = (struct child){ .name = "fetch",
		.program = "keyreeve-fetch",
		.provider = -1,
		.stays_down = !config_fetch_is_needed(config) };
	s->child_count = CHILD_FIRST_WORKER;
	for (size_t i = 0; i < CONFIG_PROVIDERS_MAX; i++)
		s->wrap_waiting[i] = -1;
	for (uint32_t i = 0; i < config->provider_count; i++)
		supervise_add_worker(s, config, i);
}

int supervise(struct supervised *given)
{
	struct supervisor s = { .given = given };

	add_children(&s);
	supervise_jwks_watch(&s);
	for (;;) {
		struct pollfd polls[CHILDREN_MAX + 3] = { { .fd = given->signal_fd, .events = POLLIN } };
		struct pollfd *watch = &polls[s.child_count + 1], *accounts = &polls[s.child_count + 2];

		supervise_reload_due(&s, clock_mono_us());
		supervise_accounts_due(&s, given->config, clock_mono_us());
		start_due(&s, clock_mono_us());
		if (s.stopping && (s.children[CHILD_AGENT].pid == 0 || clock_mono_us() >= s.stop_at_us))
			break;
		for (size_t i = 0; i < s.child_count; i++) {
			struct ipc *ctl = s.children[i].ctl;

			polls[i + 1] = (struct pollfd){ .fd = ctl != NULL ? ipc_fd(ctl) : -1, .events = POLLIN };
		}
		*watch = (struct pollfd){ .fd = given->watch_fd, .events = POLLIN };
		*accounts = (struct pollfd){ .fd = given->accounts_fd, .events = POLLIN };
		if (poll(polls, s.child_count + 3, wait_ms(&s)) < 0 && errno != EINTR)
			break;
		for (size_t i = 0; i < s.child_count; i++)
			if (polls[i + 1].revents != 0 && s.children[i].ctl != NULL)
				child_readable(&s, &s.children[i]);
		if (polls[0].revents != 0)
			take_signals(&s);
		if (accounts->revents != 0)
			supervise_accounts_watch(&s);
		if (watch->revents != 0 && !supervise_reload_watch(&s, clock_mono_us()))
			own_close(&given->watch_fd);
	}
	end_all(&s);
	buf_done(&s.accounts.sent);
	log_notice("stopped");
	return s.stopping ? 0 : 1;
}
