/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-agent, the request path: what comes from keyreeved, and what each turn of the loop and each second does.  It
 * holds no key, no device and no vendor library. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "agent/agent.h"
#include "agent/authn.h"
#include "agent/build.h"
#include "agent/reload.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

enum {
	RANDOM_CALL_US = 5 * US_PER_S,
	TURN_ROUNDS = 4, /* of answers whose connections begin anew, before other descriptors are looked at */
};

/* ---- failures ----------------------------------------------------------------------------------- */

static void penalty_event(
	struct agent *agent, const struct principal *peer, enum status_code code, const struct penalty_news *news)
{
	struct audit_record record = audit_record_of(clock_wall_us());
	char detail[32] = "uid throttled";

	if (news->box_s > 0)
		(void)snprintf(detail, sizeof(detail), "boxed for %u s", news->box_s);
	record.event = "penalty";
	record.has_peer = true;
	record.uid = peer->uid;
	record.gid = peer->gid;
	record.pid = peer->pid;
	record.status = status_name(code);
	record.wire = status_wire(code);
	record.detail = detail;
	record.count = news->failures;
	audit_event_put(agent->events, &record);
}

void agent_failed(struct agent *agent, const struct principal *peer, enum status_code code)
{
	static struct log_limit limit = { .burst = AGENT_PENALTY_EVENTS };
	struct penalty_news news = penalty_fail(agent->penalties, peer, penalty_cause(code), agent->loop.now_us);

	if ((news.box_s > 0 || news.uid_throttled) && log_allowed(&limit))
		penalty_event(agent, peer, code, &news);
}

/* ---- quotas ------------------------------------------------------------------------------------- */

static void quotas_second(struct agent *agent)
{
	struct quota_time now = { .mono_us = agent->loop.now_us, .wall_s = wall_now_us(&agent->wall) / US_PER_S };

	quota_second(agent->quota, &now);
	quota_keep_second(&agent->quota_keep, agent->loop.now_us);
}

/* ---- workers ------------------------------------------------------------------------------------ */

/* Device bytes for the generator, in the background. */
struct random_call {
	struct lane_call call;
	struct agent *agent;
	char provider[LANE_NAME_MAX + 1];
};

/* Its bytes add nothing, and nobody's output depends on them; but its keys may be no better. */
static void random_alarm(struct agent *agent, const char *provider)
{
	log_error(
		"ALARM: random bytes of provider %s repeat and are not used: find out what is wrong with it", provider);
	audit_event(agent->events, "random-unhealthy", bytes_from_text(provider), "its random bytes repeat", 0);
}

static void random_came(struct lane_call *call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS])
{
	struct random_call *rc = (struct random_call *)call;

	(void)native;
	if (st.code == STATUS_OK && random_pool_mix(&rc->agent->random, answer[0]).code != STATUS_OK)
		random_alarm(rc->agent, rc->provider);
	free(rc);
}

static void fetch_random(struct agent *agent)
{
	for (size_t i = 0; i < agent->lane_count; i++) {
		struct random_call *rc;

		if (agent->lanes[i].state != LANE_UP || agent->lanes[i].provider_kind == PROVIDER_SOFTWARE)
			continue;
		rc = calloc(1, sizeof(*rc));
		if (rc == NULL)
			return;
		rc->agent = agent;
		(void)snprintf(rc->provider, sizeof(rc->provider), "%s", agent->lanes[i].name);
		rc->call = (struct lane_call){
			.type = WORKER_RANDOM, .done = random_came, .deadline_us = clock_mono_us() + RANDOM_CALL_US
		};
		rc->call.request.bytes = RANDOM_DEVICE_BYTES;
		if (lane_submit(&agent->lanes[i], &rc->call).code != STATUS_OK)
			free(rc);
	}
}

/* ---- keyreeved ---------------------------------------------------------------------------------- */

static struct status fetch_came(struct agent *agent, int fd)
{
	TRY(downloads_connect(&agent->downloads, fd));
	trust_fetch_is_there(&agent->trust);
	trust_fetch_is_there(&agent->issuers);
	return OK;
}

static struct status take_descriptor(struct agent *agent, struct bytes name, int fd)
{
	if (bytes_equal(name, BYTES_LITERAL("idp")))
		return trust_connect(&agent->trust, fd);
	if (bytes_equal(name, BYTES_LITERAL("fetch")))
		return fetch_came(agent, fd);
	if (bytes_equal(name, BYTES_LITERAL("bundles")))
		return trust_files(&agent->trust, fd);
	for (uint32_t n = 0; n < CONFIG_LISTENERS_MAX; n++) {
		char listener[ROLE_NAME_BYTES];

		(void)snprintf(listener, sizeof(listener), "listen:%u", n);
		if (!bytes_equal(name, bytes_from_text(listener)))
			continue;
		own_close(&agent->listener_fds[n]); /* of a configuration that was not taken */
		agent->listener_fds[n] = fd;
		return OK;
	}
	return lanes_take(agent, name, fd);
}

static void begin_stop(struct agent *agent)
{
	agent->stopping = true;
	agent->stop_at_us = agent->loop.now_us + (uint64_t)AGENT_STOP_MS * US_PER_MS;
	agent_listeners_close(agent);
	log_notice("draining: %zu requests are open", agent->requests_active);
}

static struct status ctl_message(struct agent *agent, struct ipc_message *message)
{
	struct account_table table;
	struct lane *lane;
	char reason[LANE_REASON_MAX + 1];
	struct status st;

	switch ((enum role_message)message->type) {
	case ROLE_FD:
		ENSURE(message->fd >= 0, IPC_MALFORMED);
		return take_descriptor(agent, message->part[0], ipc_take_fd(agent->role->ctl, message));
	case ROLE_RELOAD:
		st = agent_reload(agent, message->part[1]);
		if (st.code != STATUS_OK)
			audit_event_refused(agent->events, st);
		return st;
	case ROLE_RENEW:
		lane = lanes_find(agent, message->part[0]);
		ENSURE(lane != NULL, IPC_MALFORMED);
		lane_wind_up(lane);
		return OK;
	case ROLE_JWKS:
		return trust_issuer_file(&agent->issuers, message->part[0], message->part[1]);
	case ROLE_DOWN:
		lane = lanes_find(agent, message->part[0]);
		ENSURE(lane != NULL, IPC_MALFORMED);
		(void)snprintf(
			reason, sizeof(reason), "%.*s", (int)message->part[1].len, (const char *)message->part[1].data);
		log_error("provider %s is down: %s", lane->name, reason);
		lane_give_up(lane, reason);
		return OK;
	case ROLE_ACCOUNTS:
		TRY(account_table_get(message->part[1], &table));
		holder_table(agent, &table);
		return OK;
	case ROLE_SIGNAL:
		return audit_event_signal(agent->events, message->part[0], message->part[1]);
	case ROLE_STOP:
		begin_stop(agent);
		return OK;
	case ROLE_NONE:
	case ROLE_HELLO:
	case ROLE_CONFIG:
	case ROLE_GO:
	case ROLE_READY:
	case ROLE_FAILED:
	case ROLE_KILL:
	case ROLE_STATE:
		break;
	}
	return FAIL(IPC_MALFORMED);
}

static void ctl_ready(struct watch *watch, uint32_t events)
{
	struct agent *agent = (struct agent *)((char *)watch - offsetof(struct agent, ctl));
	struct status received = ipc_receive(agent->role->ctl);
	bool have = true;

	(void)events;
	while (have) {
		struct ipc_message message;

		if (ipc_next(agent->role->ctl, &message, &have).code != STATUS_OK) {
			loop_stop(&agent->loop);
			return;
		}
		if (have && ctl_message(agent, &message).code != STATUS_OK) {
			struct fault fault;
			char text[LOG_FAULT_BYTES];

			fault_take(&fault);
			log_error("message from keyreeved refused: %s", log_fault_text(&fault, text));
		}
	}
	if (received.code != STATUS_OK)
		loop_stop(&agent->loop); /* keyreeved is gone: so are we */
}

/* ---- turns and seconds -------------------------------------------------------------------------- */

static bool takes(const struct agent *agent, enum config_authenticator authenticator)
{
	for (size_t i = 0; i < agent->listener_count; i++)
		for (size_t a = 0; a < agent->listeners[i]->authenticator_count; a++)
			if (agent->listeners[i]->authenticators[a] == authenticator)
				return true;
	return false;
}

/* Connections wait in the backlog until each provider has said what it can do, or is known to be down, and the
 * Workload API's key documents have come, or it is known why not, or it took too long: a client that connects right
 * after the start is served rather than refused. */
static void open_when_settled(struct agent *agent)
{
	bool is_settled = lanes_are_settled(agent) && agent->has_accounts &&
			  (agent->trust.is_heard || !takes(agent, AUTHENTICATOR_JWT_SVID));

	if (!is_settled && agent->loop.now_us < agent->settle_until_us)
		return;
	agent->is_open = true;
	accept_resume(agent);
}

/* Who failed for want of a key may have it now. */
static void forgive(struct agent *agent)
{
	uint64_t keys_us = agent->trust.keys_at_us;

	if (agent->issuers.keys_at_us > keys_us)
		keys_us = agent->issuers.keys_at_us;
	if (agent->keys_forgiven_us == keys_us)
		return;
	agent->keys_forgiven_us = keys_us;
	penalty_keys_changed(agent->penalties);
}

static void turn(void *context)
{
	struct agent *agent = context;

	if (!agent->is_open)
		open_when_settled(agent);
	audit_event_providers(agent->events, agent->lanes, agent->lane_count);

	forgive(agent);
	for (int round = 0;; round++) {
		authn_turns(agent);
		for (size_t i = 0; i < agent->lane_count; i++)
			lane_turn(&agent->lanes[i]);
		if (!durable_turn(agent->durable, round < TURN_ROUNDS))
			break; /* nothing was answered, so nothing new began */
	}
	conn_bury(agent);
	listeners_bury(agent);
	if (agent->stopping && (agent->requests_active == 0 || agent->loop.now_us >= agent->stop_at_us))
		loop_stop(&agent->loop);
}

/* What is good of trust domains stays beside what is good of issuers. */
static bool issuers_are_ready(const struct agent *agent, char text[TRUST_TEXT_BYTES])
{
	char domains[TRUST_TEXT_BYTES], issuers[TRUST_TEXT_BYTES];
	bool is_ready = trust_is_ready(&agent->issuers, issuers), is_alone = strcmp(text, "ready") == 0;

	(void)snprintf(domains, sizeof(domains), "%s", text);
	if (is_alone)
		(void)snprintf(text, TRUST_TEXT_BYTES, "%s", issuers);
	else if (is_ready)
		(void)snprintf(text, TRUST_TEXT_BYTES, "%.120s; %.120s", domains, issuers + strlen("ready: "));
	else
		(void)snprintf(text, TRUST_TEXT_BYTES, "%.120s; %.120s", issuers, domains);
	return is_ready;
}

/* Can clients be served?  keyreeved hears it whenever it changes. */
static void tell_state(struct agent *agent)
{
	struct ipc_message message = ipc_message_of(ROLE_STATE, 0);
	char text[TRUST_TEXT_BYTES] = "ready";
	bool is_ready = !takes(agent, AUTHENTICATOR_JWT_SVID) || trust_is_ready(&agent->trust, text);

	if (is_ready && takes(agent, AUTHENTICATOR_ISSUER))
		is_ready = issuers_are_ready(agent, text);
	if (strcmp(text, agent->state) == 0)
		return;
	(void)snprintf(agent->state, sizeof(agent->state), "%s", text);
	message.status = is_ready ? STATUS_OK : STATUS_JWT_DOMAIN_UNKNOWN;
	message.part[0] = bytes_from_text(agent->state);
	if (ipc_send(agent->role->ctl, &message).code == STATUS_OK && ipc_flush(agent->role->ctl).code != STATUS_OK)
		loop_stop(&agent->loop);
}

static void second(void *context)
{
	struct agent *agent = context;
	const struct bind_time now = { clock_wall_us() / US_PER_S, agent->loop.now_us / US_PER_S };
	static unsigned seconds;

	audit_counts_flush(agent->audit);
	audit_events_second(agent->events);
	wall_second(&agent->wall, agent->durable, agent->events);
	revoke_second(agent);
	binds_second(agent->binds, &now);
	trust_second(&agent->trust);
	trust_second(&agent->issuers);
	tell_state(agent);
	keyfacts_second(agent->keyfacts, agent->loop.now_us);
	holder_second(agent);
	lanes_second(agent);
	remote_second(&agent->remote, agent->loop.now_us);
	if (seconds++ % RANDOM_REFRESH_S == 2)
		fetch_random(agent);
	if (agent->accept_paused && agent->is_open)
		accept_resume(agent);
	quotas_second(agent);
}

/* What the loop does beside its descriptors, and the first of these. */
static struct status attend(struct agent *agent)
{
	agent->loop.turn = turn;
	agent->loop.second = second;
	agent->ctl = (struct watch){ .fd = ipc_fd(agent->role->ctl), .events = EPOLLIN, .ready = ctl_ready };
	return watch_add(&agent->loop, &agent->ctl);
}

int main(int argc, char **argv)
{
	struct role_start role = { 0 };
	struct agent *agent;
	struct status st;

	if (role_version(argc, argv, "keyreeve-agent"))
		return 0;
	if (role_begin("agent", &role).code != STATUS_OK)
		return 1;
	agent = calloc(1, sizeof(*agent));
	st = agent != NULL ? OK : FAIL(NO_MEMORY);
	if (st.code == STATUS_OK)
		st = agent_build(agent, &role);
	if (st.code == STATUS_OK)
		st = attend(agent);
	if (st.code == STATUS_OK)
		st = role_ready(
			&role, agent->posture.landlock_abi > 0 ? "serving" : "serving; this kernel has no Landlock");
	if (st.code != STATUS_OK)
		role_failed(&role, st, status_text(st.code));
	else
		st = loop_run(&agent->loop);
	if (agent != NULL)
		agent_tear_down(agent);
	free(agent);
	role_end(&role);
	return st.code == STATUS_OK ? 0 : 1;
}
