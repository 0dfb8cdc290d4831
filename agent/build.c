/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/build.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/authn.h"
#include "agent/reload.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/sandbox.h"
#include "crypto/digest.h"

enum { AGENT_KEYS_MAX = 1000000 };

/* ---- what the store has -------------------------------------------------------------------------- */

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
	case FACT_ISSUER:
		return trust_load(&agent->issuers, fact);
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
	trust_open(&agent->issuers, agent->durable, agent->events);
	trust_configure(&agent->issuers, agent->config);
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

/* ---- the parts ------------------------------------------------------------------------------------ */

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
		[DEADLINE_PARKED] = ACCEPT_PARKED_MS,
		[DEADLINE_TURN] = AUTHN_TURN_MS,
		[DEADLINE_DRAIN] = CONN_DRAIN_MS };

	TRY(loop_init(&agent->loop));
	for (int i = 0; i < DEADLINE_KIND_COUNT; i++)
		agent->loop.length_us[i] = lengths_ms[i] * US_PER_MS;
	agent->loop.context = agent;
	return OK;
}

static struct status build_identity(struct agent *agent)
{
	TRY(penalty_new(agent->config->limits.failures, &agent->penalties));
	TRY(turns_new(&agent->turns));
	TRY(shares_new(&agent->shares));
	TRY(park_init(&agent->park, agent->descriptors));
	agent->parked.expired = accept_parked_due;
	TRY(jwtsvid_cache_new(AGENT_TOKENS, &agent->tokens));
	TRY(revocations_new(&agent->revoked));
	TRY(replays_new(clock_wall_us() / US_PER_S, &agent->used));
	TRY(binds_new(&agent->facts, agent->pin_descriptors, &agent->binds));
	TRY(public_cache_new(AGENT_PUBLIC_KEYS, &agent->public_keys));
	TRY(jwtsvid_cache_new(AGENT_TOKENS, &agent->issued));
	downloads_init(&agent->downloads, &agent->loop);
	TRY(trust_init(&agent->trust, TRUST_OF_DOMAINS, &agent->loop, agent->compute, agent->tokens, &agent->downloads,
		&agent->wall, agent->config));
	TRY(trust_init(&agent->issuers, TRUST_OF_ISSUERS, &agent->loop, agent->compute, agent->issued,
		&agent->downloads, &agent->wall, agent->config));
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
	TRY(agent_configure(agent));
	agent->settle_until_us = agent->loop.now_us + (uint64_t)AGENT_SETTLE_MS * US_PER_MS;
	return OK;
}

/* A connection has two descriptors, its socket and its peer's pidfd, and a part of them all is kept for the ends of
 * processes that share tokens.  Beyond what is possible somebody makes room, as beyond what is configured; what no
 * connection uses is for those that are not read (park.h). */
static void share_descriptors(struct agent *agent)
{
	struct rlimit files;
	size_t left;

	agent->pin_descriptors = BIND_DESCRIPTORS_MAX;
	agent->descriptors_each = agent->facts.has_pidfd ? 2 : 1;
	agent->descriptors = SIZE_MAX;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
		return;
	left = files.rlim_cur > AGENT_DESCRIPTORS ? files.rlim_cur - AGENT_DESCRIPTORS : 0;
	if (agent->pin_descriptors > left / 4)
		agent->pin_descriptors = left / 4;
	left -= agent->pin_descriptors;
	agent->descriptors = left >= agent->descriptors_each ? left : agent->descriptors_each;
	if (agent->descriptors / agent->descriptors_each < agent->config->limits.connections)
		log_warning("%ju descriptors are enough for %zu connections, not for limits.connections",
			(uintmax_t)files.rlim_cur, agent->descriptors / agent->descriptors_each);
}

/* The sandbox comes first: everything after it, threads included, lives inside. */
struct status agent_build(struct agent *agent, struct role_start *role)
{
	struct sandbox_options options = sandbox_options_none();

	agent->role = role;
	agent->loop.epoll_fd = agent->loop.strangers_fd = agent->loop.wake_fd = -1;
	agent->boxed.pidfd = -1;
	for (size_t i = 0; i < CONFIG_LISTENERS_MAX; i++)
		agent->listener_fds[i] = -1;
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

void agent_tear_down(struct agent *agent)
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
	agent_listeners_close(agent);
	for (size_t i = 0; i < CONFIG_LISTENERS_MAX; i++)
		own_close(&agent->listener_fds[i]);
	conn_bury(agent);
	listeners_bury(agent);
	lanes_done(agent);
	trust_done(&agent->trust);
	trust_done(&agent->issuers);
	jwtsvid_cache_free(agent->issued);
	downloads_done(&agent->downloads);
	public_cache_free(agent->public_keys);
	jwtsvid_cache_free(agent->tokens);
	revocations_free(agent->revoked);
	replays_free(agent->used);
	binds_free(agent->binds);
	turns_free(agent->turns);
	park_done(&agent->park);
	principal_done(&agent->boxed);
	shares_free(agent->shares);
	penalty_free(agent->penalties);
	keyindex_free(agent->index);
	damaged_done(&agent->damaged);
	policy_unref(agent->policy);
	config_free(agent->config);
	loop_done(&agent->loop);
}
