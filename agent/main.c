/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-agent, the request path: builds its parts, runs the loop, tears down in reverse.  It holds no key, no
 * device and no vendor library. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/authn.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/sandbox.h"
#include "crypto/digest.h"

enum {
	AGENT_KEYS_MAX = 1000000,
	RANDOM_CALL_US = 5 * US_PER_S,
	TURN_ROUNDS = 4, /* of answers whose connections begin anew, before other descriptors are looked at */
};

/* ---- connections per uid ------------------------------------------------------------------------ */

static struct uid_slot *uid_slot(struct agent *agent, uid_t uid)
{
	size_t at = (uid * 2654435761u) % AGENT_UID_SLOTS;

	for (size_t i = 0; i < AGENT_UID_SLOTS; i++) {
		struct uid_slot *slot = &agent->uids[(at + i) % AGENT_UID_SLOTS];

		if (slot->count == 0 || slot->uid == uid) {
			slot->uid = uid;
			return slot;
		}
		if (i == 64)
			break; /* crowded: share a slot rather than walk the table */
	}
	return &agent->uids[at];
}

struct status agent_uid_came(struct agent *agent, uid_t uid)
{
	struct uid_slot *slot = uid_slot(agent, uid);

	ENSURE(slot->count < agent->uid_max, QUEUE_FULL);
	slot->count++;
	return OK;
}

void agent_uid_left(struct agent *agent, uid_t uid)
{
	struct uid_slot *slot = uid_slot(agent, uid);

	if (slot->count > 0)
		slot->count--;
}

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

void agent_accept_pause(struct agent *agent)
{
	static struct log_limit limit = { .burst = 1 };

	if (log_allowed(&limit))
		log_warning("no descriptors left: new connections wait");
	agent->accept_paused = true;
	for (size_t i = 0; i < agent->listener_count; i++)
		watch_events(&agent->loop, &agent->listeners[i]->watch, 0);
}

void agent_accept_resume(struct agent *agent)
{
	agent->accept_paused = false;
	for (size_t i = 0; i < agent->listener_count; i++)
		watch_events(&agent->loop, &agent->listeners[i]->watch, EPOLLIN);
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
};

static void random_came(struct lane_call *call, struct status st, int64_t native, const struct bytes answer[IPC_PARTS])
{
	struct random_call *rc = (struct random_call *)call;

	(void)native;
	if (st.code == STATUS_OK && random_pool_mix(&rc->agent->random, answer[0]).code != STATUS_OK)
		log_warning("a device's random bytes repeat and are not used");
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
		rc->call = (struct lane_call){
			.type = WORKER_RANDOM, .done = random_came, .deadline_us = clock_mono_us() + RANDOM_CALL_US
		};
		rc->call.request.bytes = RANDOM_DEVICE_BYTES;
		if (lane_submit(&agent->lanes[i], &rc->call).code != STATUS_OK)
			free(rc);
	}
}

/* ---- configurations ----------------------------------------------------------------------------- */

static void free_config(struct config **config)
{
	config_free(*config);
}

static void unref_policy(struct policy **policy)
{
	policy_unref(*policy);
}

static void set_limits(struct agent *agent)
{
	agent->conn_max = agent->config->limits.connections;
	if (agent->conn_max > agent->conn_possible)
		agent->conn_max = agent->conn_possible;
	agent->uid_max = agent->config->limits.connections_per_uid;
	penalty_limit(agent->penalties, agent->config->limits.failures);
	for (size_t i = 0; i < agent->lane_count; i++)
		agent->lanes[i].queue_max = agent->config->limits.queue;
	for (size_t i = 0; i < agent->listener_count; i++) {
		struct listener *listener = agent->listeners[i];
		const struct config_listener *from = &agent->config->listeners[i];

		listener->is_admin = from->is_admin;
		listener->authenticator_count = from->authenticator_count;
		for (uint32_t a = 0; a < from->authenticator_count; a++)
			listener->authenticators[a] = from->authenticators[a];
	}
}

static struct listener *listener_find(const struct agent *agent, const char *path)
{
	for (size_t i = 0; i < agent->listener_count; i++)
		if (strcmp(agent->listeners[i]->path, path) == 0)
			return agent->listeners[i];
	return NULL;
}

static void close_listeners(struct listener *const listeners[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		listener_close(listeners[i]);
}

/* Listener n of the configuration: the one that is there, or the descriptor that came for it. */
static struct status open_listener(struct agent *agent, const char *path, uint32_t n, struct listener **ret_opened)
{
	if (listener_find(agent, path) != NULL)
		return OK;
	ENSURE(agent->listener_fds[n] >= 0, IPC_MALFORMED);
	return listener_open(agent, path, own_take_fd(&agent->listener_fds[n]), ret_opened);
}

/* Those that stay keep their connections; what the configuration does not name is closed.  All or nothing. */
static struct status change_listeners(struct agent *agent, const struct config *now)
{
	struct listener *opened[CONFIG_LISTENERS_MAX] = { NULL }, *kept[CONFIG_LISTENERS_MAX];

	for (uint32_t i = 0; i < now->listener_count; i++) {
		struct status st = open_listener(agent, now->listeners[i].path, i, &opened[i]);

		if (st.code != STATUS_OK) {
			close_listeners(opened, i);
			return st;
		}
	}
	for (uint32_t i = 0; i < now->listener_count; i++)
		kept[i] = opened[i] != NULL ? opened[i] : listener_find(agent, now->listeners[i].path);
	for (size_t i = 0; i < agent->listener_count; i++) {
		bool stays = false;

		for (uint32_t k = 0; k < now->listener_count; k++)
			stays = stays || kept[k] == agent->listeners[i];
		if (!stays)
			listener_close(agent->listeners[i]);
	}
	for (uint32_t i = 0; i < now->listener_count; i++)
		agent->listeners[i] = kept[i];
	agent->listener_count = now->listener_count;
	if (agent->is_open && !agent->accept_paused)
		agent_accept_resume(agent);
	return OK;
}

/* A new snapshot beside the old one: requests under way finish on theirs. */
static struct status reload(struct agent *agent, struct bytes tree)
{
	AUTO(free_config) struct config *config = NULL;
	AUTO(unref_policy) struct policy *policy = NULL;

	TRY(config_get(tree, &config));
	TRY(policy_new(config, &policy));
	TRY(lanes_check(agent, config));
	TRY(change_listeners(agent, config));
	trust_configure(&agent->trust, config);
	lanes_change(agent, agent->config, config);
	unref_policy(&agent->policy);
	free_config(&agent->config);
	agent->policy = TAKE(policy);
	agent->config = TAKE(config);
	set_limits(agent);
	issuers_configure(&agent->issuers, agent->config);
	log_notice("new configuration in force");
	audit_event(agent->events, "reload", (struct bytes){ 0 }, NULL, 0);
	audit_event_accepts(agent->events, agent->config);
	return OK;
}

/* ---- keyreeved ---------------------------------------------------------------------------------- */

static struct status fetch_came(struct agent *agent, int fd)
{
	TRY(downloads_connect(&agent->downloads, fd));
	trust_fetch_is_there(&agent->trust);
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
	close_listeners(agent->listeners, agent->listener_count);
	agent->listener_count = 0;
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
		st = reload(agent, message->part[1]);
		if (st.code != STATUS_OK)
			audit_event_refused(agent->events, st);
		return st;
	case ROLE_RENEW:
		lane = lanes_find(agent, message->part[0]);
		ENSURE(lane != NULL, IPC_MALFORMED);
		lane_wind_up(lane);
		return OK;
	case ROLE_JWKS:
		return issuers_document(&agent->issuers, message->part[0], message->part[1]);
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

static bool takes_tokens(const struct agent *agent)
{
	for (size_t i = 0; i < agent->listener_count; i++)
		for (size_t a = 0; a < agent->listeners[i]->authenticator_count; a++)
			if (agent->listeners[i]->authenticators[a] == AUTHENTICATOR_JWT_SVID)
				return true;
	return false;
}

/* Connections wait in the backlog until each provider has said what it can do, or is known to be down, and the key
 * documents have come, or it is known why not, or it took too long: a client that connects right after the start is
 * served rather than refused. */
static void open_when_settled(struct agent *agent)
{
	bool is_settled =
		lanes_are_settled(agent) && agent->has_accounts && (agent->trust.is_heard || !takes_tokens(agent));

	if (!is_settled && agent->loop.now_us < agent->settle_until_us)
		return;
	agent->is_open = true;
	agent_accept_resume(agent);
}

static void turn(void *context)
{
	struct agent *agent = context;

	if (!agent->is_open)
		open_when_settled(agent);
	audit_event_providers(agent->events, agent->lanes, agent->lane_count);

	if (agent->keys_forgiven_us != agent->trust.keys_at_us) {
		agent->keys_forgiven_us = agent->trust.keys_at_us;
		penalty_keys_changed(agent->penalties);
	}
	for (int round = 0;; round++) {
		authn_turns(agent);
		for (size_t i = 0; i < agent->lane_count; i++)
			lane_turn(&agent->lanes[i]);
		if (!durable_turn(agent->durable, round < TURN_ROUNDS))
			break; /* nothing was answered, so nothing new began */
	}
	conn_bury(agent);
	if (agent->stopping && (agent->requests_active == 0 || agent->loop.now_us >= agent->stop_at_us))
		loop_stop(&agent->loop);
}

/* Can clients be served?  keyreeved hears it whenever it changes. */
static void tell_state(struct agent *agent)
{
	struct ipc_message message = ipc_message_of(ROLE_STATE, 0);
	char text[TRUST_TEXT_BYTES] = "ready";
	bool is_ready = !takes_tokens(agent) || trust_is_ready(&agent->trust, text);

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
	tell_state(agent);
	keyfacts_second(agent->keyfacts, agent->loop.now_us);
	holder_second(agent);
	lanes_second(agent);
	remote_second(&agent->remote, agent->loop.now_us);
	if (seconds++ % RANDOM_REFRESH_S == 2)
		fetch_random(agent);
	if (agent->accept_paused && agent->is_open)
		agent_accept_resume(agent);
	quotas_second(agent);
}

/* ---- build -------------------------------------------------------------------------------------- */

static struct status load_key(void *context, struct key_record *record)
{
	struct agent *agent = context;
	struct keyindex_space *space;
	struct keyindex_entry *entry;
	struct status st = keyindex_space_make(agent->index, &record->space, &space);

	if (st.code == STATUS_OK)
		st = keyindex_take(agent->index, space, record->name, &entry);
	if (st.code == STATUS_OK) {
		space->id = record->ns;
		space->id_known = true;
		keyindex_publish(entry, record);
		keyfacts_apply(agent->keyfacts, entry);
	}
	key_record_unref(record);
	return st;
}

static struct status load_space(void *context, const struct namespace_record *record)
{
	struct agent *agent = context;
	struct keyindex_space *space;

	TRY(keyindex_space_make(agent->index, &record->space, &space));
	return keyindex_parent_put(space, record->provider, record->parent);
}

static struct status load_revocation(struct agent *agent, const struct fact *fact)
{
	struct revocation revocation;

	TRY(revocation_get(fact->id, fact->value, &revocation));
	return revocations_put(agent->revoked, &revocation);
}

static struct status load_fact(void *context, const struct fact *fact)
{
	struct agent *agent = context;

	switch (fact->kind) {
	case FACT_KEY_USE:
	case FACT_KEY_SUSPENDED:
		return keyfacts_load(agent->keyfacts, fact);
	case FACT_TENANT_SUSPENDED:
		return suspend_load(&agent->suspended, fact);
	case FACT_QUOTA:
		return quota_restore(agent->quota, fact);
	case FACT_LINK:
		return link_load(agent->index, fact);
	case FACT_ACCOUNT:
		return holder_load(agent->index, fact);
	case FACT_STRENGTH:
		return strength_load(agent->index, fact);
	case FACT_CLOCK:
		return wall_load(&agent->wall, fact);
	case FACT_REVOCATION:
		return load_revocation(agent, fact);
	case FACT_TRUST:
		return trust_load(&agent->trust, fact);
	case FACT_NONE:
	case FACT_KIND_COUNT:
		break;
	}
	return FAIL(RECORD_CORRUPT);
}

static struct status open_log(struct agent *agent, struct audit_log **ret_log)
{
	char path[CONFIG_TEXT_MAX + 16];
	struct audit_options options = { .directory = path,
		.segment_bytes = agent->config->audit.segment_bytes,
		.keep = agent->config->audit.keep,
		.reserve_bytes = agent->config->audit.reserve_bytes };

	(void)snprintf(path, sizeof(path), "%s/audit", agent->config->paths.state);
	TRY(audit_log_open(&options, ret_log));
	agent->first_number = audit_log_next(*ret_log);
	return OK;
}

static struct status begin_trust(struct agent *agent)
{
	int files = role_take_fd(agent->role, "bundles");

	if (files >= 0)
		TRY(trust_files(&agent->trust, files));
	trust_open(&agent->trust, agent->durable, agent->events);
	trust_configure(&agent->trust, agent->config);
	return OK;
}

/* Records first, then the journal's rows, which change what is usable. */
static struct status open_state(struct agent *agent)
{
	const struct keystore_visitor rows = {
		.context = agent, .fact = load_fact, .key = load_key, .space = load_space, .damaged = damaged_row
	};
	struct keystore *store = NULL;
	struct audit_log *log = NULL;

	TRY(keystore_open(agent->config->paths.state, &store));
	agent->store = store;
	TRY(keyindex_new(AGENT_KEYS_MAX, &agent->index));
	TRY(keyfacts_new(agent->index, &agent->keyfacts));
	TRY(quota_new(QUOTA_TENANTS_MAX, &agent->quota));
	TRY(open_log(agent, &log));
	TRY(keystore_load(store, &rows));
	TRY(wall_begin(&agent->wall, agent->boot));
	TRY(damaged_enter(agent));
	TRY(recovery_load(agent, store));
	TRY(lanes_load(agent, store));
	TRY(durable_start(&agent->loop, store, log, &agent->durable));
	keyfacts_begin(agent->keyfacts, agent->durable);
	agent->quota_keep = (struct quota_keep){ .quota = agent->quota, .durable = agent->durable };
	TRY(audit_events_new(agent->durable, agent->boot, &agent->events));
	audit_event(agent->events, "start", (struct bytes){ 0 },
		agent->config->posture == POSTURE_STRICT ? "posture strict" : "posture permissive", 0);
	audit_event_accepts(agent->events, agent->config);
	damaged_report(&agent->damaged, agent->events);
	TRY(begin_trust(agent));
	return audit_counts_new(agent->durable, agent->boot, &agent->audit);
}

static void read_boot_id(struct agent *agent)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[40] = "";
	size_t at = 0;

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		for (const char *c = text; *c != '\0' && at < AGENT_BOOT_BYTES - 1; c++)
			if (*c != '-' && *c != '\n')
				agent->boot[at++] = *c;
	agent->boot[at] = '\0';
	own_close(&fd);
}

static struct status build_loop(struct agent *agent)
{
	static const uint64_t lengths_ms[DEADLINE_KIND_COUNT] = { [DEADLINE_ARRIVE] = CONN_ARRIVE_MS,
		[DEADLINE_IDLE] = CONN_IDLE_MS,
		[DEADLINE_FINISH] = AGENT_FINISH_MS,
		[DEADLINE_GENERATE] = AGENT_GENERATE_MS,
		[DEADLINE_LINE] = AGENT_LINE_MS,
		[DEADLINE_HELD] = CONN_HELD_MS,
		[DEADLINE_TURN] = AUTHN_TURN_MS,
		[DEADLINE_DRAIN] = CONN_DRAIN_MS };

	TRY(loop_init(&agent->loop));
	for (int i = 0; i < DEADLINE_KIND_COUNT; i++)
		agent->loop.length_us[i] = lengths_ms[i] * US_PER_MS;
	agent->loop.context = agent;
	agent->loop.turn = turn;
	agent->loop.second = second;
	agent->ctl = (struct watch){ .fd = ipc_fd(agent->role->ctl), .events = EPOLLIN, .ready = ctl_ready };
	return watch_add(&agent->loop, &agent->ctl);
}

static struct status build_identity(struct agent *agent)
{
	TRY(penalty_new(agent->config->limits.failures, &agent->penalties));
	TRY(turns_new(&agent->turns));
	TRY(jwtsvid_cache_new(AGENT_TOKENS, &agent->tokens));
	TRY(revocations_new(&agent->revoked));
	TRY(replays_new(clock_wall_us() / US_PER_S, &agent->used));
	TRY(binds_new(&agent->facts, agent->pin_descriptors, &agent->binds));
	TRY(public_cache_new(AGENT_PUBLIC_KEYS, &agent->public_keys));
	TRY(jwtsvid_cache_new(AGENT_TOKENS, &agent->issued));
	TRY(issuers_init(&agent->issuers, agent->compute, agent->issued));
	issuers_configure(&agent->issuers, agent->config);
	downloads_init(&agent->downloads, &agent->loop);
	TRY(trust_init(&agent->trust, &agent->loop, agent->compute, agent->tokens, &agent->downloads, &agent->wall,
		agent->config));
	remote_init(&agent->remote, &agent->trust);
	return random_pool_init(&agent->random);
}

static struct status build_listeners(struct agent *agent)
{
	for (uint32_t i = 0; i < agent->config->listener_count; i++) {
		char name[ROLE_NAME_BYTES];

		(void)snprintf(name, sizeof(name), "listen:%u", i);
		agent->listener_fds[i] = role_take_fd(agent->role, name);
	}
	TRY(change_listeners(agent, agent->config));
	set_limits(agent);
	agent->settle_until_us = agent->loop.now_us + (uint64_t)AGENT_SETTLE_MS * US_PER_MS;
	return OK;
}

/* A connection has two descriptors, its socket and its peer's pidfd, and a part of them all is kept for the ends of
 * processes that share tokens.  Beyond what is possible the connection that has kept us waiting longest makes room, as
 * beyond what is configured. */
static void share_descriptors(struct agent *agent)
{
	const size_t each = agent->facts.has_pidfd ? 2 : 1;
	struct rlimit files;
	size_t left;

	agent->pin_descriptors = BIND_DESCRIPTORS_MAX;
	agent->conn_possible = SIZE_MAX;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
		return;
	left = files.rlim_cur > AGENT_DESCRIPTORS ? files.rlim_cur - AGENT_DESCRIPTORS : 0;
	if (agent->pin_descriptors > left / 4)
		agent->pin_descriptors = left / 4;
	left -= agent->pin_descriptors;
	agent->conn_possible = left >= each ? left / each : 1;
	if (agent->conn_possible < agent->config->limits.connections)
		log_warning("%ju descriptors are enough for %zu connections, not for limits.connections",
			(uintmax_t)files.rlim_cur, agent->conn_possible);
}

/* The sandbox comes first: everything after it, threads included, lives inside. */
static struct status build(struct agent *agent)
{
	struct sandbox_options options = sandbox_options_none();

	TRY(config_get(buf_bytes(&agent->role->config), &agent->config));
	read_boot_id(agent);
	agent->started_wall_us = clock_wall_us();
	agent->started_us = clock_mono_us();
	TRY(digest_init());
	principal_probe(&agent->facts);
	share_descriptors(agent);
	options.write[0] = agent->config->paths.state;
	options.reads_proc = principal_needs_proc(&agent->facts);
	TRY(sandbox_enter(SANDBOX_AGENT, &options, &agent->posture));
	TRY(policy_new(agent->config, &agent->policy));
	TRY(build_loop(agent));
	TRY(lanes_build(agent));
	TRY(compute_start(&agent->loop, &agent->compute));
	TRY(build_identity(agent));
	TRY(open_state(agent));
	return build_listeners(agent);
}

static void tear_down(struct agent *agent)
{
	compute_stop(agent->compute);
	if (agent->audit != NULL)
		audit_counts_flush(agent->audit);
	audit_event(agent->events, "stop", (struct bytes){ 0 }, agent->stopping ? "asked to" : "keyreeved is gone",
		(int64_t)agent->requests_active);
	wall_save(&agent->wall, agent->durable);
	keyfacts_stop(agent->keyfacts);
	quota_keep_stop(&agent->quota_keep);
	durable_stop(agent->durable);
	wall_done(&agent->wall);
	quota_keep_done(&agent->quota_keep);
	quota_free(agent->quota);
	keyfacts_free(agent->keyfacts);
	suspend_done(&agent->suspended);
	account_table_done(&agent->accounts);
	audit_counts_free(agent->audit);
	audit_events_free(agent->events);
	close_listeners(agent->listeners, agent->listener_count);
	for (size_t i = 0; i < CONFIG_LISTENERS_MAX; i++)
		own_close(&agent->listener_fds[i]);
	conn_bury(agent);
	lanes_done(agent);
	trust_done(&agent->trust);
	issuers_done(&agent->issuers);
	jwtsvid_cache_free(agent->issued);
	downloads_done(&agent->downloads);
	public_cache_free(agent->public_keys);
	jwtsvid_cache_free(agent->tokens);
	revocations_free(agent->revoked);
	replays_free(agent->used);
	binds_free(agent->binds);
	turns_free(agent->turns);
	penalty_free(agent->penalties);
	keyindex_free(agent->index);
	damaged_done(&agent->damaged);
	policy_unref(agent->policy);
	config_free(agent->config);
	loop_done(&agent->loop);
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
	if (st.code == STATUS_OK) {
		agent->role = &role;
		agent->loop.epoll_fd = agent->loop.wake_fd = -1;
		for (size_t i = 0; i < CONFIG_LISTENERS_MAX; i++)
			agent->listener_fds[i] = -1;
		st = build(agent);
	}
	if (st.code == STATUS_OK)
		st = role_ready(
			&role, agent->posture.landlock_abi > 0 ? "serving" : "serving; this kernel has no Landlock");
	if (st.code != STATUS_OK)
		role_failed(&role, st, status_text(st.code));
	else
		st = loop_run(&agent->loop);
	if (agent != NULL)
		tear_down(agent);
	free(agent);
	role_end(&role);
	return st.code == STATUS_OK ? 0 : 1;
}
