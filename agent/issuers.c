/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/issuers.h"

#include <stdio.h>

#include "base/log.h"
#include "base/own.h"
#include "spiffe/bundle.h"

enum {
	DOCUMENT_MAX = BUNDLE_DOCUMENT_MAX_BYTES + 1, /* so that one that is too long is seen to be */
	LIST_MAX = CONFIG_ISSUERS_MAX * (DOCUMENT_MAX + CONFIG_ISSUER_MAX + 16),
};

struct status issuers_init(struct issuers *issuers, struct compute *compute, struct jwtsvid_cache *tokens)
{
	*issuers = (struct issuers){ .compute = compute, .tokens = tokens, .list = buf_make(LIST_MAX) };
	for (size_t i = 0; i < CONFIG_ISSUERS_MAX; i++)
		issuers->issuer[i].document = issuers->issuer[i].waiting = buf_make(DOCUMENT_MAX);
	TRY(keyset_new_empty(&issuers->nobody));
	issuers->keys = keyset_ref(issuers->nobody);
	jwtsvid_cache_keys(tokens, issuers->keys);
	return OK;
}

static void issuer_end(struct issuer *issuer)
{
	buf_done(&issuer->document);
	buf_done(&issuer->waiting);
	*issuer = (struct issuer){ .document = buf_make(DOCUMENT_MAX), .waiting = buf_make(DOCUMENT_MAX) };
}

void issuers_done(struct issuers *issuers)
{
	for (size_t i = 0; i < CONFIG_ISSUERS_MAX; i++)
		issuer_end(&issuers->issuer[i]);
	buf_done(&issuers->list);
	keyset_unref(issuers->compiled);
	keyset_unref(issuers->keys);
	keyset_unref(issuers->nobody);
}

/* The one of that name; a free one for the empty name; NULL. */
static struct issuer *find(struct issuers *issuers, struct bytes name)
{
	for (size_t i = 0; i < CONFIG_ISSUERS_MAX; i++)
		if (bytes_equal(bytes_from_text(issuers->issuer[i].name), name))
			return &issuers->issuer[i];
	return NULL;
}

/* Takes the reference over. */
static void publish(struct issuers *issuers, struct keyset *keys)
{
	keyset_unref(issuers->keys);
	issuers->keys = keys;
	jwtsvid_cache_keys(issuers->tokens, keys);
}

/* ---- compiling ---------------------------------------------------------------------------------- */

static struct status document_check(const struct bundle_set *bundles, struct bytes issuer)
{
	const struct bundle *bundle = bundle_set_find(bundles, issuer);

	ENSURE(bundle == NULL || !bundle->is_malformed, BUNDLE_MALFORMED);
	return OK;
}

/* On a compute thread; the keys in force are read, not changed, until `done` runs on the loop. */
static void compile(struct compute_job *job)
{
	struct issuers *issuers = (struct issuers *)((char *)job - offsetof(struct issuers, job));
	struct bundle_set *bundles;

	issuers->compiled = NULL;
	issuers->result = bundle_set_new(buf_bytes(&issuers->list), BUNDLE_ISSUER_DOCUMENT, &bundles);
	if (issuers->result.code == STATUS_OK) {
		for (size_t i = 0; i < bundle_set_report_count(bundles); i++)
			log_warning("issuer %s", bundle_set_report(bundles, i));
		issuers->result = document_check(bundles, bytes_from_text(issuers->name));
		if (issuers->result.code == STATUS_OK)
			issuers->result = keyset_next(issuers->keys, bundles, &issuers->compiled);
		bundle_set_unref(bundles);
	}
	if (issuers->result.code != STATUS_OK)
		fault_take(&issuers->fault);
}

static void compiled(struct post *post);

static void list_put(struct issuers *issuers, const struct issuer *issuer, const struct buf *document)
{
	buf_put_sized(&issuers->list, bytes_from_text(issuer->name));
	buf_put_sized(&issuers->list, buf_bytes(document));
}

/* Whose turn it is: everybody's document in force, but for one that has a new one. */
static void start(struct issuers *issuers)
{
	const struct issuer *chosen = NULL;

	for (size_t i = 0; i < CONFIG_ISSUERS_MAX && chosen == NULL; i++)
		if (issuers->issuer[i].has_waiting)
			chosen = &issuers->issuer[i];
	buf_clear(&issuers->list);
	issuers->is_stale = false;
	(void)snprintf(issuers->name, sizeof(issuers->name), "%s", chosen != NULL ? chosen->name : "");
	for (size_t i = 0; i < CONFIG_ISSUERS_MAX; i++) {
		const struct issuer *issuer = &issuers->issuer[i];

		if (issuer == chosen)
			list_put(issuers, issuer, &issuer->waiting);
		else if (issuer->document.len > 0)
			list_put(issuers, issuer, &issuer->document);
	}
	if (issuers->list.len == 0) {
		publish(issuers, keyset_ref(issuers->nobody));
		return;
	}
	issuers->is_busy = true;
	issuers->job = (struct compute_job){ .run = compile, .post.done = compiled };
	compute_submit(issuers->compute, &issuers->job);
}

/* The document that was compiled is the one in force. */
static void keep(struct issuer *issuer)
{
	struct buf was = issuer->document;

	issuer->document = issuer->waiting;
	issuer->waiting = was;
	buf_clear(&issuer->waiting);
	issuer->has_waiting = false;
}

static void report(const struct issuers *issuers)
{
	const struct keyset_domain *own = keyset_find(issuers->compiled, bytes_from_text(issuers->name));

	for (size_t i = 0; i < keyset_report_count(issuers->compiled); i++)
		log_warning("issuer %s", keyset_report(issuers->compiled, i));
	log_info("issuer %s: %zu keys", issuers->name, own != NULL ? own->key_count : 0);
}

static void take(struct issuers *issuers)
{
	struct issuer *issuer = issuers->name[0] != '\0' ? find(issuers, bytes_from_text(issuers->name)) : NULL;
	char text[LOG_FAULT_BYTES];

	if (issuers->result.code == STATUS_OK) {
		if (issuer != NULL) {
			report(issuers);
			keep(issuer);
		}
		publish(issuers, keyset_ref(issuers->compiled));
		return;
	}
	log_error("issuer %s: key document refused, the keys before stay in force: %s", issuers->name,
		log_fault_text(&issuers->fault, text));
	if (issuer == NULL)
		publish(issuers, keyset_ref(issuers->nobody)); /* who went must not stay for want of memory */
	else
		issuer->has_waiting = false;
}

static void compiled(struct post *post)
{
	struct issuers *issuers = (struct issuers *)((char *)post - offsetof(struct issuers, job.post));
	bool again = issuers->is_stale;

	issuers->is_busy = false;
	if (!issuers->is_stale)
		take(issuers);
	keyset_unref(issuers->compiled);
	issuers->compiled = NULL;
	for (size_t i = 0; i < CONFIG_ISSUERS_MAX; i++)
		again = again || issuers->issuer[i].has_waiting;
	if (again)
		start(issuers);
}

/* ---- from outside ------------------------------------------------------------------------------- */

void issuers_configure(struct issuers *issuers, const struct config *config)
{
	bool somebody_went = false;

	for (size_t i = 0; i < CONFIG_ISSUERS_MAX; i++) {
		struct issuer *issuer = &issuers->issuer[i];

		if (issuer->name[0] == '\0' || config_issuer_find(config, bytes_from_text(issuer->name)) != NULL)
			continue;
		issuer_end(issuer);
		somebody_went = true;
	}
	for (uint32_t i = 0; i < config->issuer_count; i++) {
		const char *name = config->issuers[i].issuer;

		if (find(issuers, bytes_from_text(name)) == NULL)
			(void)snprintf(find(issuers, (struct bytes){ 0 })->name, CONFIG_ISSUER_MAX + 1, "%s", name);
	}
	jwtsvid_cache_keys(issuers->tokens, issuers->nobody);
	jwtsvid_cache_keys(issuers->tokens, issuers->keys);
	issuers->is_stale = issuers->is_stale || somebody_went;
	if (somebody_went && !issuers->is_busy)
		start(issuers);
}

struct status issuers_document(struct issuers *issuers, struct bytes name, struct bytes document)
{
	struct issuer *issuer = name.len > 0 ? find(issuers, name) : NULL;

	ENSURE(issuer != NULL, JWT_ISSUER);
	if (issuers->is_busy && strcmp(issuers->name, issuer->name) == 0)
		issuers->is_stale = true; /* what is being compiled is older */
	buf_clear(&issuer->waiting);
	buf_put(&issuer->waiting, document);
	issuer->has_waiting = buf_check(&issuer->waiting).code == STATUS_OK;
	TRY(buf_check(&issuer->waiting));
	if (!issuers->is_busy)
		start(issuers);
	return OK;
}
