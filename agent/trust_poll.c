/* SPDX-License-Identifier: Apache-2.0
 *
 * The endpoints of federated trust domains, and the URLs of issuers: when each is asked, and with which authorities.
 * FD-05, FD-08, FD-11. */
#include "agent/trust_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/config_fetch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/secret.h"

enum { WARN_AFTER_S = 15 * 60, EARLY_PARTS = 8 };

struct trust_poll {
	struct download download;
	struct trust *trust; /* borrowed */
	char name[FETCH_NAME_MAX + 1];
	char url[FETCH_URL_MAX + 1];
	enum trust_origin origin;
	char of[SPIFFE_TRUST_DOMAIN_MAX_BYTES + 1]; /* trust domain or issuer */
	char endpoint_id[FETCH_ID_MAX + 1];	    /* empty: https_web */
	struct bundle_set *first;		    /* owned: of the configuration's file; NULL none */
	uint64_t asked_us, due_us;
	uint64_t failing_since_us; /* 0: it does not fail */
	bool is_asked, was_warned;
	uint32_t refresh_s, interval_s;
};

/* Somewhat early, by chance: nodes that began together do not stay together. */
static void plan(struct trust_poll *poll)
{
	uint64_t length = poll->interval_s * (uint64_t)US_PER_S, least = TRUST_INTERVAL_MIN_S * (uint64_t)US_PER_S;
	uint64_t chance = 0;

	if (length > least && random_fill(&chance, sizeof(chance)).code == STATUS_OK)
		length -= chance % ((length - least) / EARLY_PARTS + 1);
	poll->due_us = poll->trust->loop->now_us + length;
}

static uint32_t interval_of(const struct trust_poll *poll, const struct bundle *bundle)
{
	return trust_interval_s(
		bundle, poll->refresh_s, trust_rules_of(poll->trust, bytes_from_text(poll->of)).max_age_s);
}

/* ---- the authorities of an endpoint ---------------------------------------------------------------------- */

/* The latest bundle of the endpoint's own trust domain; the file's before there is one. */
static const struct bundle *bundle_of_endpoint(const struct trust_poll *poll, struct bytes name)
{
	const struct trust_domain *domain = trust_book_find(&poll->trust->book, name);

	if (domain != NULL && domain->bundle != NULL && domain->verdict != TRUST_HELD &&
		domain->bundle->authority_count > 0)
		return domain->bundle;
	return poll->first != NULL ? bundle_set_at(poll->first, 0) : NULL;
}

static struct status authorities_put(struct buf *to, const struct trust_poll *poll)
{
	AUTO(buf_done) struct buf der = buf_make(FETCH_AUTHORITIES_MAX);
	const struct bundle *bundle;
	struct bytes name, path;

	TRY(spiffe_id_split(bytes_from_text(poll->endpoint_id), &name, &path));
	bundle = bundle_of_endpoint(poll, name);
	ENSURE(bundle != NULL && bundle->authority_count > 0, X509_DOMAIN_UNKNOWN);
	for (size_t i = 0; i < bundle->authority_count; i++)
		buf_put(&der, bundle->authorities[i]);
	TRY(buf_check(&der));
	buf_put_sized(to, name);
	buf_put_sized(to, buf_bytes(&der));
	return buf_check(to);
}

/* ---- asking ---------------------------------------------------------------------------------------------- */

/* "On failure wait for the next interval" (Federation 4.1); said once, and again after a quarter of an hour. */
static void failed(struct trust_poll *poll, struct bytes text)
{
	const struct trust_words *words = trust_words_of(poll->trust);
	uint64_t now = poll->trust->loop->now_us;
	bool is_first = poll->failing_since_us == 0, is_long = false;

	if (is_first)
		poll->failing_since_us = now;
	else
		is_long = !poll->was_warned && now > poll->failing_since_us + WARN_AFTER_S * (uint64_t)US_PER_S;
	poll->was_warned |= is_long;
	if (is_first || is_long)
		log_warning("%s%s: no %s from %s%s: %.*s", words->title, poll->of, words->document, poll->url,
			is_long ? " for 15 min" : "", (int)text.len, (const char *)text.data);
	plan(poll);
}

static void answered(struct download *download, struct status st, struct bytes document, struct bytes text)
{
	struct trust_poll *poll = (struct trust_poll *)((char *)download - offsetof(struct trust_poll, download));

	poll->is_asked = false;
	if (st.code != STATUS_OK) {
		failed(poll, text);
		return;
	}
	if (poll->failing_since_us != 0)
		log_notice("%s%s: its server answers again", trust_words_of(poll->trust)->title, poll->of);
	poll->failing_since_us = 0;
	poll->was_warned = false;
	plan(poll); /* until it is decoded */
	trust_submit(poll->trust, poll->origin, poll->of, document);
}

static void ask(struct trust_poll *poll)
{
	AUTO(buf_done) struct buf authorities = buf_make(FETCH_AUTHORITIES_MAX + FETCH_ID_MAX);
	struct status st = poll->endpoint_id[0] != '\0' ? authorities_put(&authorities, poll) : OK;

	poll->asked_us = poll->trust->loop->now_us;
	if (st.code == STATUS_OK) {
		poll->download.done = answered;
		st = download_start(
			poll->trust->downloads, &poll->download, bytes_from_text(poll->name), buf_bytes(&authorities));
	}
	if (st.code == STATUS_OK)
		poll->is_asked = true;
	else
		failed(poll, bytes_from_text(status_text(st.code)));
}

void trust_polls_second(struct trust *trust)
{
	for (size_t i = 0; i < TRUST_POLLS_MAX && trust->polls[i] != NULL; i++) {
		struct trust_poll *poll = trust->polls[i];

		if (!poll->is_asked && poll->due_us <= trust->loop->now_us)
			ask(poll);
	}
}

/* What failed because nobody was there to ask is asked now. */
void trust_fetch_is_there(struct trust *trust)
{
	for (size_t i = 0; i < TRUST_POLLS_MAX && trust->polls[i] != NULL; i++) {
		const struct trust_domain *domain = trust_book_find(&trust->book, bytes_from_text(trust->polls[i]->of));

		if (domain == NULL || domain->bundle == NULL || trust->polls[i]->failing_since_us != 0)
			trust->polls[i]->due_us = 0;
	}
}

void trust_poll_taken(struct trust *trust, const struct trust_domain *domain)
{
	for (size_t i = 0; domain != NULL && i < TRUST_POLLS_MAX && trust->polls[i] != NULL; i++)
		if (strcmp(trust->polls[i]->of, domain->name) == 0) {
			trust->polls[i]->interval_s = interval_of(trust->polls[i], domain->bundle);
			plan(trust->polls[i]);
		}
}

void trust_hasten(struct trust *trust)
{
	for (size_t i = 0; i < TRUST_POLLS_MAX && trust->polls[i] != NULL; i++) {
		struct trust_poll *poll = trust->polls[i];
		uint64_t early_us = poll->asked_us + TRUST_INTERVAL_MIN_S * (uint64_t)US_PER_S;

		if (early_us < poll->due_us)
			poll->due_us = early_us;
	}
}

/* ---- the configuration ----------------------------------------------------------------------------------- */

static void poll_free(struct trust_poll *poll)
{
	if (poll == NULL)
		return;
	download_forget(poll->trust->downloads, &poll->download);
	bundle_set_unref(poll->first);
	free(poll);
}

static void read_first_bundle(struct trust_poll *poll, const struct trust_source *from)
{
	struct bytes name, path, document = trust_file_find(poll->trust, from->kind, from->of);

	if (from->bundle_file == NULL ||
		spiffe_id_split(bytes_from_text(poll->endpoint_id), &name, &path).code != STATUS_OK)
		return;
	if (document.len == 0 || trust_document_decode(TRUST_ENDPOINT, name, document, &poll->first).code != STATUS_OK)
		log_error("%s: the first bundle of its endpoint, %s, cannot be used", from->of, from->bundle_file);
}

static struct trust_poll *poll_new(struct trust *trust, const struct trust_source *from)
{
	struct trust_poll *poll = calloc(1, sizeof(*poll));

	if (poll == NULL)
		return NULL;
	poll->trust = trust;
	poll->origin = from->origin;
	poll->refresh_s = from->refresh_s;
	config_fetch_name(from->kind, from->of, poll->name);
	(void)snprintf(poll->url, sizeof(poll->url), "%s", from->url);
	(void)snprintf(poll->of, sizeof(poll->of), "%s", from->of);
	poll->interval_s = interval_of(poll, NULL);
	if (from->endpoint_id != NULL)
		(void)snprintf(poll->endpoint_id, sizeof(poll->endpoint_id), "%s", from->endpoint_id);
	read_first_bundle(poll, from);
	return poll;
}

void trust_polls_done(struct trust *trust)
{
	for (size_t i = 0; i < TRUST_POLLS_MAX; i++) {
		poll_free(trust->polls[i]);
		trust->polls[i] = NULL;
	}
}

static bool is_as_before(const struct trust_poll *poll, const struct trust_source *from)
{
	return strcmp(poll->of, from->of) == 0 && strcmp(poll->url, from->url) == 0 &&
	       strcmp(poll->endpoint_id, from->endpoint_id != NULL ? from->endpoint_id : "") == 0 &&
	       from->bundle_file == NULL; /* the file may say something else now */
}

/* An endpoint that stays as it was is not asked before its time. */
static struct trust_poll *poll_take(struct trust_poll *was[], const struct trust_source *from)
{
	for (size_t i = 0; i < TRUST_POLLS_MAX; i++)
		if (was[i] != NULL && is_as_before(was[i], from))
			return TAKE(was[i]);
	return NULL;
}

/* It is asked in time for what is configured now. */
static void poll_adjust(struct trust_poll *poll, uint32_t refresh_s)
{
	const struct trust_domain *domain = trust_book_find(&poll->trust->book, bytes_from_text(poll->of));
	uint32_t interval_s;

	poll->refresh_s = refresh_s;
	interval_s = interval_of(poll, domain != NULL ? domain->bundle : NULL);
	if (interval_s == poll->interval_s)
		return;
	poll->interval_s = interval_s;
	plan(poll);
}

void trust_polls_configure(struct trust *trust)
{
	struct trust_poll *was[TRUST_POLLS_MAX];
	struct trust_source sources[TRUST_POLLS_MAX];
	size_t count = trust_sources(trust, sources), made = 0;

	memcpy(was, trust->polls, sizeof(was));
	memset(trust->polls, 0, sizeof(trust->polls));
	for (size_t i = 0; i < count; i++) {
		struct trust_poll *poll = poll_take(was, &sources[i]);

		if (poll != NULL)
			poll_adjust(poll, sources[i].refresh_s);
		else
			poll = poll_new(trust, &sources[i]);
		if (poll == NULL)
			log_error("%s: no memory to ask its server", sources[i].of);
		else
			trust->polls[made++] = poll;
	}
	for (size_t i = 0; i < TRUST_POLLS_MAX; i++)
		poll_free(was[i]);
}
