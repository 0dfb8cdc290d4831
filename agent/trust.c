/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/remote.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "crypto/digest.h"
#include "spiffe/idp_msg.h"
#include "spiffe/workload.h"

enum { WARN_AFTER_S = 15 * 60, DOMAIN_SHOWN = 100 };

/* One compilation: what is believed when it begins. */
struct trust_build {
	struct keyset *before, *result;
	const struct bundle *bundles[TRUST_DOMAINS_MAX];
	struct bundle_set *sets[TRUST_DOMAINS_MAX];
	size_t count;
	struct status status;
	struct fault fault;
};

/* ---- begin and end -------------------------------------------------------------------------------------- */

struct status trust_init(struct trust *trust, enum trust_kind kind, struct loop *loop, struct compute *compute,
	struct jwtsvid_cache *tokens, struct downloads *downloads, struct wall *wall, const struct config *config)
{
	*trust = (struct trust){ .kind = kind,
		.loop = loop,
		.compute = compute,
		.tokens = tokens,
		.downloads = downloads,
		.wall = wall,
		.config = config,
		.watch.fd = -1,
		.stream_lost_us = kind == TRUST_OF_DOMAINS ? clock_mono_us() : 0,
		.list = buf_make(IPC_SIZE_MAX),
		.files = buf_make(TRUST_FILES_MAX) };
	TRY(keyset_new_empty(&trust->nobody));
	trust->keys = keyset_ref(trust->nobody);
	jwtsvid_cache_keys(tokens, trust->keys);
	trust->build = calloc(1, sizeof(*trust->build));
	ENSURE(trust->build != NULL, NO_MEMORY);
	return OK;
}

static void disconnect(struct trust *trust)
{
	watch_remove(trust->loop, &trust->watch);
	ipc_free(trust->idp);
	trust->idp = NULL;
	if (trust->remote != NULL)
		remote_gone(trust->remote);
}

static void update_free(struct trust_update *update)
{
	if (update == NULL)
		return;
	bundle_set_unref(update->set);
	buf_done(&update->bytes);
	free(update);
}

static void build_end(struct trust_build *build)
{
	for (size_t i = 0; i < build->count; i++)
		bundle_set_unref(build->sets[i]);
	keyset_unref(build->before);
	keyset_unref(build->result);
	*build = (struct trust_build){ 0 };
}

void trust_done(struct trust *trust)
{
	if (trust->loop == NULL)
		return;
	disconnect(trust);
	trust_polls_done(trust);
	while (trust->updates != NULL) {
		struct trust_update *update = trust->updates;

		trust->updates = update->next;
		update_free(update);
	}
	update_free(trust->current);
	if (trust->build != NULL)
		build_end(trust->build);
	free(trust->build);
	trust_book_done(&trust->book);
	keyset_unref(trust->keys);
	keyset_unref(trust->nobody);
	buf_done(&trust->list);
	buf_done(&trust->files);
}

/* ---- what the configuration says ------------------------------------------------------------------------ */

struct trust_time trust_now(const struct trust *trust)
{
	return (struct trust_time){ wall_now_us(trust->wall) / US_PER_S, trust->loop->now_us };
}

/* ---- in force ------------------------------------------------------------------------------------------- */

/* Takes the reference over. */
static void publish(struct trust *trust, struct keyset *keys)
{
	keyset_unref(trust->keys);
	trust->keys = keys;
	trust->keys_at_us = trust->loop->now_us;
	jwtsvid_cache_keys(trust->tokens, keys);
}

static void changed(struct trust *trust)
{
	trust->changes++;
	trust->needs_build = true;
}

/* What is left was compiled already, so this costs hashes only. */
void trust_prune(struct trust *trust)
{
	const struct bundle *left[TRUST_DOMAINS_MAX];
	struct keyset *keys;
	size_t count = 0;

	for (size_t i = 0; i < trust->book.count; i++)
		if (trust_domain_is_believed(trust->book.domains[i]) && trust->book.domains[i]->is_in_force)
			left[count++] = trust->book.domains[i]->bundle;
	changed(trust);
	if (keyset_from(trust->keys, left, count, &keys).code == STATUS_OK)
		publish(trust, keys);
	else
		publish(trust, keyset_ref(trust->nobody));
}

static void printable_hash(struct bytes document, char ret_text[2 * DIGEST_SHA256_BYTES + 1])
{
	uint8_t hash[DIGEST_SHA256_BYTES];

	ret_text[0] = '\0';
	if (digest_sha256(document, hash).code != STATUS_OK)
		return;
	for (size_t i = 0; i < sizeof(hash); i++)
		(void)snprintf(ret_text + 2 * i, 3, "%02x", hash[i]);
}

static const char *origin_text(const struct trust *trust, enum trust_origin origin)
{
	switch (origin) {
	case TRUST_STREAM:
		return trust->peer[0] != '\0' ? trust->peer : "the Workload API";
	case TRUST_ENDPOINT:
		return "its endpoint";
	case TRUST_FILE:
	case TRUST_ISSUER_FILE:
		return "its file";
	case TRUST_ISSUER_URL:
		return "its URL";
	case TRUST_NOWHERE:
		break;
	}
	return "the store";
}

void trust_tell(struct trust *trust, const char *event, const struct trust_domain *domain, const char *what)
{
	char hash[2 * DIGEST_SHA256_BYTES + 1], text[LOG_LINE_BYTES];

	printable_hash(bytes_of(domain->document, domain->document_len), hash);
	(void)snprintf(text, sizeof(text), "%s%s: %s; from %s; %zu keys; document sha256 %s",
		trust_words_of(trust)->title, domain->name, what, origin_text(trust, domain->origin),
		domain->bundle != NULL ? domain->bundle->key_count : 0, hash);
	if (trust_domain_is_believed(domain) && domain->verdict != TRUST_ALARMED)
		log_notice("trust: %s", text);
	else
		log_warning("trust: %s", text);
	audit_event(trust->events, event, (struct bytes){ 0 }, text, 0);
}

/* ---- decoding and compiling, on a compute thread -------------------------------------------------------- */

static void turn(struct trust *trust);

static struct trust *trust_of(struct compute_job *job)
{
	return (struct trust *)((char *)job - offsetof(struct trust, job));
}

static void compile(struct compute_job *job)
{
	struct trust_build *build = trust_of(job)->build;

	build->status = keyset_from(build->before, build->bundles, build->count, &build->result);
	if (build->status.code != STATUS_OK)
		fault_take(&build->fault);
}

static void mark_in_force(struct trust *trust, const struct trust_build *build)
{
	for (size_t i = 0; i < trust->book.count; i++) {
		struct trust_domain *domain = trust->book.domains[i];

		for (size_t k = 0; k < build->count && !domain->is_in_force; k++)
			domain->is_in_force = domain->bundle == build->bundles[k];
	}
}

static void compiled(struct post *post)
{
	struct trust *trust = (struct trust *)((char *)post - offsetof(struct trust, job.post));
	struct trust_build *build = trust->build;
	char text[LOG_FAULT_BYTES];

	trust->is_busy = false;
	trust->is_heard = true;
	if (build->status.code != STATUS_OK) {
		log_error(
			"keys cannot be compiled, those before stay in force: %s", log_fault_text(&build->fault, text));
	} else if (trust->changes != trust->built_changes) {
		trust->needs_build = true; /* of what is believed by now */
	} else {
		for (size_t i = 0; i < keyset_report_count(build->result); i++)
			log_warning("key documents: %s", keyset_report(build->result, i));
		log_info("key documents: %zu %ss, %zu keys", keyset_domain_count(build->result),
			trust_words_of(trust)->one, keyset_key_count(build->result));
		mark_in_force(trust, build);
		publish(trust, TAKE(build->result));
	}
	build_end(build);
	turn(trust);
}

static void start_build(struct trust *trust)
{
	struct trust_build *build = trust->build;

	for (size_t i = 0; i < trust->book.count; i++) {
		const struct trust_domain *domain = trust->book.domains[i];

		if (!trust_domain_is_believed(domain))
			continue;
		build->bundles[build->count] = domain->bundle;
		build->sets[build->count++] = bundle_set_ref(domain->set);
	}
	build->before = keyset_ref(trust->keys);
	trust->needs_build = false;
	trust->built_changes = trust->changes;
	trust->job = (struct compute_job){ .run = compile, .post.done = compiled };
	trust->is_busy = true;
	compute_submit(trust->compute, &trust->job);
}

static void decode(struct compute_job *job)
{
	struct trust_update *update = trust_of(job)->current;

	if (update->origin == TRUST_STREAM)
		update->result = bundle_set_new(buf_bytes(&update->bytes), BUNDLE_STRICT, &update->set);
	else
		update->result = trust_document_decode(
			update->origin, bytes_from_text(update->name), buf_bytes(&update->bytes), &update->set);
	if (update->result.code != STATUS_OK)
		fault_take(&update->fault);
}

static void apply(struct trust *trust, struct trust_update *update);

static void decoded(struct post *post)
{
	struct trust *trust = (struct trust *)((char *)post - offsetof(struct trust, job.post));
	struct trust_update *update = TAKE(trust->current);
	char text[LOG_FAULT_BYTES];

	trust->is_busy = false;
	if (update->result.code != STATUS_OK)
		log_error("%s%s: key documents refused, those before stay in force: %s", trust_words_of(trust)->title,
			update->origin == TRUST_STREAM ? "Workload API" : update->name,
			log_fault_text(&update->fault, text));
	else if (!update->is_void)
		apply(trust, update);
	update_free(update);
	turn(trust);
}

/* What is believed comes before what may be. */
static void turn(struct trust *trust)
{
	if (trust->is_busy)
		return;
	if (trust->needs_build) {
		start_build(trust);
		return;
	}
	if (trust->updates == NULL)
		return;
	trust->current = trust->updates;
	trust->updates = trust->current->next;
	trust->job = (struct compute_job){ .run = decode, .post.done = decoded };
	trust->is_busy = true;
	compute_submit(trust->compute, &trust->job);
}

void trust_submit(struct trust *trust, enum trust_origin origin, const char *name, struct bytes document)
{
	struct trust_update *update, **link = &trust->updates;

	while (*link != NULL && ((*link)->origin != origin || strcmp((*link)->name, name) != 0))
		link = &(*link)->next;
	update = *link;
	if (update == NULL) {
		update = calloc(1, sizeof(*update));
		if (update == NULL) {
			log_error("no memory for a key document: those before stay in force");
			return;
		}
		update->origin = origin;
		update->bytes = buf_make(IPC_SIZE_MAX);
		(void)snprintf(update->name, sizeof(update->name), "%s", name);
		*link = update;
	}
	buf_clear(&update->bytes);
	update->bytes.bad = false;
	buf_put(&update->bytes, document);
	turn(trust);
}

/* ---- judging -------------------------------------------------------------------------------------------- */

static void tell_verdict(struct trust *trust, const struct trust_domain *domain, enum trust_verdict verdict)
{
	switch (verdict) {
	case TRUST_FIRST:
		trust_tell(trust, "trust-accepted", domain, "DOC-16 warns: first use, since nothing is known of it");
		return;
	case TRUST_PINNED:
		trust_tell(trust, "trust-accepted", domain, "has a pinned key");
		return;
	case TRUST_CONTINUES:
		trust_tell(trust, "trust-accepted", domain, "continues the one before");
		return;
	case TRUST_GIVEN:
		trust_tell(trust, "trust-accepted", domain, "as configured");
		return;
	case TRUST_ALARMED:
		trust_tell(trust, "trust-alarm", domain, "ALARM: shares no key with the one before, used all the same");
		return;
	case TRUST_HELD:
		trust_tell(trust, "trust-alarm", domain,
			"ALARM: shares no key with the one before, or holds none of the pinned ones: held, not used; "
			"to "
			"confirm it, add the thumbprint of one of its keys to spiffe.bundles");
		return;
	case TRUST_OLDER:
		trust_tell(trust, "trust-refused", domain, "a lower sequence number than before: ignored");
		return;
	case TRUST_EMPTY:
		trust_tell(trust, "trust-withdrawn", domain, "no usable key: nobody of it is believed");
		return;
	case TRUST_NOTHING:
		return;
	}
}

static bool is_same(const struct trust_domain *domain, enum trust_origin origin, struct bytes document)
{
	return domain->bundle != NULL && domain->origin == origin &&
	       bytes_equal(bytes_of(domain->document, domain->document_len), document);
}

void trust_take(struct trust *trust, enum trust_origin origin, struct bytes document, struct bundle_set *set,
	const struct bundle *bundle)
{
	const struct trust_rules rules = trust_rules_of(trust, bundle->domain);
	const struct trust_time now = trust_now(trust);
	enum trust_verdict verdict = TRUST_NOTHING;
	struct trust_domain *domain;
	struct status st = trust_book_get(&trust->book, bundle->domain, &domain);

	if (st.code == STATUS_OK && is_same(domain, origin, document)) {
		if (trust_domain_is_believed(domain))
			trust_domain_confirm(domain, now);
		trust_keep(trust, domain);
		return;
	}
	if (st.code == STATUS_OK)
		st = trust_domain_take(domain, origin, document, set, bundle, &rules, now, &verdict);
	if (st.code != STATUS_OK) {
		log_error("key document refused, the one before stays in force: %s", status_text(st.code));
		return;
	}
	tell_verdict(trust, domain, verdict);
	changed(trust);
	trust_keep(trust, domain);
}

/* Is the domain in the stream's message? */
static void withdraw_missing(struct trust *trust, const struct bundle_set *set)
{
	bool is_any = false;

	for (size_t i = 0; i < trust->book.count; i++) {
		struct trust_domain *domain = trust->book.domains[i];

		if (domain->origin != TRUST_STREAM || domain->bundle == NULL ||
			(set != NULL && bundle_set_find(set, bytes_from_text(domain->name)) != NULL))
			continue;
		trust_domain_withdraw(domain);
		trust_tell(trust, "trust-withdrawn", domain, "withdrawn: nobody of it is believed");
		trust_keep(trust, domain);
		is_any = true;
	}
	if (is_any)
		trust_prune(trust);
}

static void tell_other_source(const struct trust *trust, struct bytes name)
{
	static struct log_limit limit = { .burst = 5 };

	if (log_allowed(&limit))
		log_info("key documents: what the Workload API says of %.*s does not count: it has %s", (int)name.len,
			(const char *)name.data, origin_text(trust, trust_origin_of(trust, name)));
}

static void apply_stream(struct trust *trust, const struct trust_update *update)
{
	struct reader r = reader_of(buf_bytes(&update->bytes));

	for (size_t i = 0; i < bundle_set_count(update->set); i++) {
		const struct bundle *bundle = bundle_set_at(update->set, i); /* in the list's order */
		struct bytes document;

		(void)reader_sized(&r, IPC_SIZE_MAX);
		document = reader_sized(&r, IPC_SIZE_MAX);
		if (trust_origin_of(trust, bundle->domain) == TRUST_STREAM)
			trust_take(trust, TRUST_STREAM, document, update->set, bundle);
		else
			tell_other_source(trust, bundle->domain);
	}
	withdraw_missing(trust, update->set);
}

static void apply(struct trust *trust, struct trust_update *update)
{
	const struct bundle *bundle = bundle_set_at(update->set, 0);

	for (size_t i = 0; i < bundle_set_report_count(update->set); i++)
		log_warning("key documents: %s", bundle_set_report(update->set, i));
	if (update->origin == TRUST_STREAM) {
		apply_stream(trust, update);
		return;
	}
	if (trust_origin_of(trust, bundle->domain) != update->origin)
		return; /* configured otherwise meanwhile */
	if (!bundle->is_malformed)
		trust_take(trust, update->origin, buf_bytes(&update->bytes), update->set, bundle);
	else
		log_error("%s%s: what came from %s is no %s: the one before stays", trust_words_of(trust)->title,
			update->name, origin_text(trust, update->origin), trust_words_of(trust)->document);
	trust_poll_taken(trust, trust_book_find(&trust->book, bundle->domain));
}

/* ---- keyreeve-idp --------------------------------------------------------------------------------------- */

/* In force at once, also for what is on its way. */
static void withdraw(struct trust *trust, struct bytes why)
{
	log_warning("key documents withdrawn: %.*s", (int)why.len, (const char *)why.data);
	trust->is_heard = true;
	for (struct trust_update *update = trust->updates; update != NULL; update = update->next)
		update->is_void |= update->origin == TRUST_STREAM;
	if (trust->current != NULL)
		trust->current->is_void |= trust->current->origin == TRUST_STREAM;
	buf_clear(&trust->list);
	withdraw_missing(trust, NULL);
	turn(trust);
}

static struct status take_list(struct trust *trust, struct bytes from, struct bytes list)
{
	(void)snprintf(trust->peer, sizeof(trust->peer), "%s%.*s", from.len > 0 ? "the Workload API of " : "",
		(int)from.len, (const char *)from.data);
	buf_clear(&trust->list);
	buf_put(&trust->list, list);
	TRY(buf_check(&trust->list));
	trust_submit(trust, TRUST_STREAM, "", list);
	return OK;
}

/* The same documents once more: they are as new as those of now. */
static void confirm_stream(struct trust *trust)
{
	const struct trust_time now = trust_now(trust);

	for (size_t i = 0; i < trust->book.count; i++)
		if (trust->book.domains[i]->origin == TRUST_STREAM &&
			trust_domain_is_believed(trust->book.domains[i])) {
			trust_domain_confirm(trust->book.domains[i], now);
			trust_keep(trust, trust->book.domains[i]);
		}
}

void trust_server(struct trust *trust, bool is_stranger, struct bytes who)
{
	char text[TRUST_TEXT_BYTES];

	if (is_stranger && !trust->is_stranger) {
		(void)snprintf(text, sizeof(text), "%.*s: nothing is said to it", (int)who.len, (const char *)who.data);
		log_error("ALARM: the Workload API: %s", text);
		audit_event(trust->events, "endpoint-alarm", (struct bytes){ 0 }, text, 0);
	}
	trust->is_stranger = is_stranger;
}

static void take_state(struct trust *trust, const struct ipc_message *message)
{
	bool is_there = message->id == WORKLOAD_CONNECTED || message->id == WORKLOAD_DISCARDED;
	bool is_stranger = message->id == WORKLOAD_STRANGER;

	if (is_there || is_stranger)
		trust_server(trust, is_stranger, message->part[0]);
	if (message->part[0].len > 0 && !is_stranger) /* keyreeve-idp logs the rest itself */
		log_info("Workload API: %.*s", (int)message->part[0].len, (const char *)message->part[0].data);
	if (is_there)
		trust->was_warned = false;
	if (is_there || trust->stream_lost_us == 0)
		trust->stream_lost_us = is_there ? 0 : trust->loop->now_us;
}

static struct status take_message(struct trust *trust, const struct ipc_message *message)
{
	switch ((enum idp_message)message->type) {
	case IDP_HELLO:
		ENSURE(bytes_equal(message->part[0], ipc_build_id()), IPC_BUILD);
		return OK;
	case IDP_BUNDLES:
		return take_list(trust, message->part[0], message->part[1]);
	case IDP_CONFIRMED:
		confirm_stream(trust);
		return OK;
	case IDP_WITHDRAWN:
		withdraw(trust, message->part[0]);
		return OK;
	case IDP_STATE:
		trust->is_heard |= message->part[0].len > 0;
		take_state(trust, message);
		return OK;
	case IDP_VERDICT:
		return trust->remote != NULL ? remote_verdict(trust->remote, message) : OK;
	case IDP_VALIDATE: /* ours to send */
	case IDP_NONE:
		break;
	}
	return FAIL(IPC_MALFORMED);
}

static void idp_ready(struct watch *watch, uint32_t events)
{
	struct trust *trust = (struct trust *)((char *)watch - offsetof(struct trust, watch));
	struct status flushed = (events & EPOLLOUT) != 0 ? ipc_flush(trust->idp) : OK;
	struct status received = ipc_receive(trust->idp);
	bool have = true;

	while (have) {
		struct ipc_message message;

		if (ipc_next(trust->idp, &message, &have).code != STATUS_OK) {
			disconnect(trust);
			return;
		}
		if (have && take_message(trust, &message).code != STATUS_OK) {
			struct fault fault;
			char text[LOG_FAULT_BYTES];

			fault_take(&fault);
			log_error("message from keyreeve-idp refused: %s", log_fault_text(&fault, text));
		}
	}
	if (received.code != STATUS_OK || flushed.code != STATUS_OK)
		disconnect(trust);
	else
		watch_events(trust->loop, watch, ipc_wants_write(trust->idp) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

struct status trust_send(struct trust *trust, const struct ipc_message *message)
{
	ENSURE(trust->idp != NULL, LANE_DOWN);
	TRY(ipc_send(trust->idp, message));
	TRY(ipc_flush(trust->idp));
	if (ipc_wants_write(trust->idp))
		watch_events(trust->loop, &trust->watch, EPOLLIN | EPOLLOUT);
	return OK;
}

struct status trust_connect(struct trust *trust, int fd)
{
	struct status st;

	disconnect(trust);
	st = ipc_new(fd, &trust->idp);
	if (st.code != STATUS_OK) {
		(void)close(fd);
		return st;
	}
	trust->watch = (struct watch){ .fd = fd, .events = EPOLLIN, .ready = idp_ready };
	return watch_add(trust->loop, &trust->watch);
}

/* ---- the configuration ---------------------------------------------------------------------------------- */

/* FD-11, and the same for every other change of a source: at once. */
static void leave_other_sources(struct trust *trust)
{
	bool is_any = false;

	for (size_t i = trust->book.count; i > 0; i--) {
		struct trust_domain *domain = trust->book.domains[i - 1];

		if (domain->origin == trust_origin_of(trust, bytes_from_text(domain->name)))
			continue;
		is_any = is_any || domain->bundle != NULL;
		trust_domain_withdraw(domain);
		trust_tell(
			trust, "trust-withdrawn", domain, "its source is configured no more: nobody of it is believed");
		trust_erase(trust, domain);
		trust_book_drop(&trust->book, domain);
	}
	if (is_any)
		trust_prune(trust);
}

static void judge_again(struct trust *trust)
{
	for (size_t i = 0; i < trust->book.count; i++) {
		struct trust_domain *domain = trust->book.domains[i];
		const struct trust_rules rules = trust_rules_of(trust, bytes_from_text(domain->name));
		enum trust_verdict was = domain->verdict, now;

		if (trust_domain_judge_again(domain, &rules, trust_now(trust), &now).code != STATUS_OK || was == now)
			continue;
		tell_verdict(trust, domain, now);
		changed(trust);
		trust_keep(trust, domain);
	}
}

static void forget_tokens(struct trust *trust)
{
	jwtsvid_cache_keys(trust->tokens, trust->nobody);
	jwtsvid_cache_keys(trust->tokens, trust->keys);
}

void trust_configure(struct trust *trust, const struct config *config)
{
	trust->config = config;
	leave_other_sources(trust);
	if (trust->kind == TRUST_OF_ISSUERS) {
		forget_tokens(trust);
	} else {
		judge_again(trust);
		trust_take_files(trust);
	}
	trust_polls_configure(trust);
	if (trust->list.len > 0) /* what it says may count of other domains now */
		trust_submit(trust, TRUST_STREAM, "", buf_bytes(&trust->list));
	turn(trust);
}

/* ---- time ------------------------------------------------------------------------------------------------ */

static void end_stale(struct trust *trust)
{
	const struct trust_time now = trust_now(trust);
	bool is_any = false;

	for (size_t i = trust->book.count; i > 0; i--) {
		struct trust_domain *domain = trust->book.domains[i - 1];

		if (trust_origin_is_file(domain->origin) || domain->verdict == TRUST_HELD ||
			!trust_domain_is_stale(
				domain, trust_rules_of(trust, bytes_from_text(domain->name)).max_age_s, now))
			continue;
		if (trust_domain_is_believed(domain)) {
			is_any = true;
			trust_domain_withdraw(domain);
			trust_tell(trust, "trust-expired", domain,
				trust->kind == TRUST_OF_DOMAINS
					? "not confirmed for spiffe.max_age: nobody of it is believed"
					: "not confirmed for jwks_max_age: nobody of it is believed");
		}
		trust_erase(trust, domain);
		trust_book_drop(&trust->book, domain);
	}
	if (is_any)
		trust_prune(trust);
}

static void warn_of_stream(struct trust *trust)
{
	if (trust->was_warned || trust->stream_lost_us == 0 ||
		trust->loop->now_us < trust->stream_lost_us + WARN_AFTER_S * (uint64_t)US_PER_S)
		return;
	trust->was_warned = true;
	log_warning("the Workload API is away for 15 min: its key documents count until they are spiffe.max_age old");
	audit_event(trust->events, "trust-away", (struct bytes){ 0 }, "the Workload API is away for 15 min", 0);
}

void trust_second(struct trust *trust)
{
	end_stale(trust);
	warn_of_stream(trust);
	trust_polls_second(trust);
	turn(trust);
}

/* ---- ready? ---------------------------------------------------------------------------------------------- */

static bool has_keys(const struct trust *trust, struct bytes name)
{
	const struct keyset_domain *domain = keyset_find(trust->keys, name);

	return domain != NULL && domain->key_count > 0;
}

/* Named by the configuration, and without keys; NULL none. */
static const char *missing(const struct trust *trust)
{
	const char *name = NULL;

	for (uint32_t i = 0; (name = trust_named(trust, i)) != NULL; i++)
		if (!has_keys(trust, bytes_from_text(name)))
			break;
	return name;
}

bool trust_is_ready(const struct trust *trust, char ret_text[TRUST_TEXT_BYTES])
{
	const char *one = trust_words_of(trust)->one, *without = missing(trust);
	const char *alarm = trust->is_stranger ? "; ALARM: a stranger serves the Workload API's socket" : "";
	size_t with_keys = 0;

	for (size_t i = 0; i < trust->book.count; i++)
		with_keys += has_keys(trust, bytes_from_text(trust->book.domains[i]->name));
	if (without != NULL)
		(void)snprintf(ret_text, TRUST_TEXT_BYTES, "not ready: no usable keys of %s %.*s (DOC-15)%s", one,
			DOMAIN_SHOWN, without, alarm);
	else if (with_keys == 0)
		(void)snprintf(
			ret_text, TRUST_TEXT_BYTES, "not ready: no usable keys of any %s (DOC-15)%s", one, alarm);
	else
		(void)snprintf(ret_text, TRUST_TEXT_BYTES, "ready: keys of %zu %s%s%s", with_keys, one,
			with_keys == 1 ? "" : "s", alarm);
	return without == NULL && with_keys > 0;
}
