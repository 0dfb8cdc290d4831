/* SPDX-License-Identifier: Apache-2.0
 *
 * The endpoints of federated trust domains: when each is asked, and with which authorities.  FD-05, FD-08, FD-11. */
#include "agent/trust_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/config_fetch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

enum {
	INTERVAL_S = 300, /* where the bundle has no hint */
	WARN_AFTER_S = 15 * 60,
};

struct trust_poll {
	struct download download;
	struct trust *trust; /* borrowed */
	char name[FETCH_NAME_MAX + 1];
	char url[FETCH_URL_MAX + 1];
	char trust_domain[SPIFFE_TRUST_DOMAIN_MAX_BYTES + 1];
	char endpoint_id[FETCH_ID_MAX + 1]; /* empty: https_web */
	struct bundle_set *first;	    /* owned: of the configuration's file; NULL none */
	uint64_t due_us, failing_since_us;  /* 0: it does not fail */
	bool is_asked, was_warned;
	uint32_t interval_s;
};

static void plan(struct trust_poll *poll)
{
	poll->due_us = poll->trust->loop->now_us + poll->interval_s * (uint64_t)US_PER_S;
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
	uint64_t now = poll->trust->loop->now_us;
	bool is_first = poll->failing_since_us == 0, is_long = false;

	if (is_first)
		poll->failing_since_us = now;
	else
		is_long = !poll->was_warned && now > poll->failing_since_us + WARN_AFTER_S * (uint64_t)US_PER_S;
	poll->was_warned |= is_long;
	if (is_first || is_long)
		log_warning("%s: no bundle from %s%s: %.*s", poll->trust_domain, poll->url,
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
		log_notice("%s: its endpoint answers again", poll->trust_domain);
	poll->failing_since_us = 0;
	poll->was_warned = false;
	plan(poll); /* until it is decoded */
	trust_submit(poll->trust, TRUST_ENDPOINT, poll->trust_domain, document);
}

static void ask(struct trust_poll *poll)
{
	AUTO(buf_done) struct buf authorities = buf_make(FETCH_AUTHORITIES_MAX + FETCH_ID_MAX);
	struct status st = poll->endpoint_id[0] != '\0' ? authorities_put(&authorities, poll) : OK;

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
	for (size_t i = 0; i < CONFIG_FEDERATION_MAX && trust->polls[i] != NULL; i++) {
		struct trust_poll *poll = trust->polls[i];

		if (!poll->is_asked && poll->due_us <= trust->loop->now_us)
			ask(poll);
	}
}

/* What failed because nobody was there to ask is asked now. */
void trust_fetch_is_there(struct trust *trust)
{
	for (size_t i = 0; i < CONFIG_FEDERATION_MAX && trust->polls[i] != NULL; i++) {
		const struct trust_domain *domain =
			trust_book_find(&trust->book, bytes_from_text(trust->polls[i]->trust_domain));

		if (domain == NULL || domain->bundle == NULL || trust->polls[i]->failing_since_us != 0)
			trust->polls[i]->due_us = 0;
	}
}

void trust_poll_taken(struct trust *trust, const struct trust_domain *domain)
{
	for (size_t i = 0; domain != NULL && i < CONFIG_FEDERATION_MAX && trust->polls[i] != NULL; i++)
		if (strcmp(trust->polls[i]->trust_domain, domain->name) == 0) {
			trust->polls[i]->interval_s = trust_interval_s(domain->bundle, trust->config->spiffe.max_age_s);
			plan(trust->polls[i]);
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

static void read_first_bundle(struct trust_poll *poll, const struct config_federation *from)
{
	struct bytes name, path, document = trust_file_find(poll->trust, "federation", from->trust_domain);

	if (from->bundle_file == NULL ||
		spiffe_id_split(bytes_from_text(poll->endpoint_id), &name, &path).code != STATUS_OK)
		return;
	if (document.len == 0 || trust_document_decode(TRUST_ENDPOINT, name, document, &poll->first).code != STATUS_OK)
		log_error("%s: the first bundle of its endpoint, %s, cannot be used", from->trust_domain,
			from->bundle_file);
}

static struct trust_poll *poll_new(struct trust *trust, const struct config_federation *from)
{
	struct trust_poll *poll = calloc(1, sizeof(*poll));

	if (poll == NULL)
		return NULL;
	poll->trust = trust;
	poll->interval_s = trust_interval_s(NULL, trust->config->spiffe.max_age_s);
	config_fetch_federation_name(from, poll->name);
	(void)snprintf(poll->url, sizeof(poll->url), "%s", from->url);
	(void)snprintf(poll->trust_domain, sizeof(poll->trust_domain), "%s", from->trust_domain);
	if (from->profile == FETCH_HTTPS_SPIFFE)
		(void)snprintf(poll->endpoint_id, sizeof(poll->endpoint_id), "%s", from->endpoint_id);
	read_first_bundle(poll, from);
	return poll;
}

void trust_polls_done(struct trust *trust)
{
	for (size_t i = 0; i < CONFIG_FEDERATION_MAX; i++) {
		poll_free(trust->polls[i]);
		trust->polls[i] = NULL;
	}
}

static bool is_as_before(const struct trust_poll *poll, const struct config_federation *from)
{
	return strcmp(poll->trust_domain, from->trust_domain) == 0 && strcmp(poll->url, from->url) == 0 &&
	       strcmp(poll->endpoint_id, from->endpoint_id != NULL ? from->endpoint_id : "") == 0 &&
	       from->bundle_file == NULL; /* the file may say something else now */
}

/* An endpoint that stays as it was is not asked before its time. */
static struct trust_poll *poll_take(struct trust_poll *was[], const struct config_federation *from)
{
	for (size_t i = 0; i < CONFIG_FEDERATION_MAX; i++)
		if (was[i] != NULL && is_as_before(was[i], from))
			return TAKE(was[i]);
	return NULL;
}

void trust_polls_configure(struct trust *trust)
{
	struct trust_poll *was[CONFIG_FEDERATION_MAX];
	size_t count = 0;

	memcpy(was, trust->polls, sizeof(was));
	memset(trust->polls, 0, sizeof(trust->polls));
	for (uint32_t i = 0; i < trust->config->spiffe.federation_count; i++) {
		const struct config_federation *from = &trust->config->spiffe.federation[i];
		struct trust_poll *poll = poll_take(was, from);

		if (poll == NULL)
			poll = poll_new(trust, from);
		if (poll == NULL)
			log_error("%s: no memory to ask its endpoint", from->trust_domain);
		else
			trust->polls[count++] = poll;
	}
	for (size_t i = 0; i < CONFIG_FEDERATION_MAX; i++)
		poll_free(was[i]);
}
