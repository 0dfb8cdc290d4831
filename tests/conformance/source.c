/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/source.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/own.h"
#include "spiffe/workload_x509.h"

struct source {
	pthread_mutex_t lock; /* over what is current */
	pthread_cond_t changed;
	struct identity *identity;
	struct keyset *keys;
	bool had_identity, had_keys;

	struct workload_watch *watch[2];
	pthread_t thread[2];
	size_t running;
};

/* ---- an identity ------------------------------------------------------------------------------------- */

void identity_unref(struct identity *identity)
{
	if (identity == NULL || atomic_fetch_sub(&identity->refs, 1) != 1)
		return;
	X509_free(identity->leaf);
	sk_X509_pop_free(identity->others, X509_free);
	EVP_PKEY_free(identity->key);
	x509svid_bundles_unref(identity->bundles);
	free(identity);
}

void identity_done(struct identity **identity)
{
	identity_unref(*identity);
}

static X509 *certificate_of(struct bytes der)
{
	const uint8_t *at = der.data;

	return d2i_X509(NULL, &at, (long)der.len);
}

/* The default SVID in OpenSSL's form, after spiffe/x509.h has accepted it. */
static struct status identity_load(const struct workload_x509 *svid, struct identity *identity)
{
	const uint8_t *key = svid->key.data;
	struct bytes chain[X509SVID_CHAIN_MAX];
	size_t count;

	TRY(x509svid_split(svid->chain, chain, &count));
	identity->leaf = certificate_of(chain[0]);
	identity->others = sk_X509_new_null();
	identity->key = d2i_AutoPrivateKey(NULL, &key, (long)svid->key.len);
	ENSURE(identity->leaf != NULL && identity->others != NULL && identity->key != NULL, NO_MEMORY);
	for (size_t i = 1; i < count; i++)
		ENSURE(sk_X509_push(identity->others, certificate_of(chain[i])) > 0, NO_MEMORY);
	return OK;
}

static struct status identity_new(struct bytes list, struct identity **ret_identity)
{
	AUTO(identity_done) struct identity *identity = calloc(1, sizeof(*identity));
	AUTO(own_free) struct workload_x509s *svids = calloc(1, sizeof(*svids));
	int64_t now_s = clock_wall_us() / US_PER_S;

	ENSURE(identity != NULL && svids != NULL, NO_MEMORY);
	atomic_init(&identity->refs, 1);
	TRY(workload_x509_read(list, svids));
	TRY(x509svid_bundles_new(svids->bundles, &identity->bundles));
	for (size_t i = 0; i < svids->count; i++) /* WA-18 */
		TRY(x509svid_check_own(
			svids->item[i].chain, svids->item[i].key, svids->item[i].spiffe_id, identity->bundles, now_s));
	TRY(identity_load(&svids->item[0], identity));
	*ret_identity = TAKE(identity);
	return OK;
}

/* ---- what the watches say ---------------------------------------------------------------------------- */

static void identity_set(struct source *source, struct identity *identity)
{
	struct identity *before;

	(void)pthread_mutex_lock(&source->lock);
	before = source->identity;
	source->identity = identity;
	source->had_identity = source->had_identity || identity != NULL;
	(void)pthread_cond_broadcast(&source->changed);
	(void)pthread_mutex_unlock(&source->lock);
	identity_unref(before);
}

static void keys_set(struct source *source, struct keyset *keys)
{
	struct keyset *before;

	(void)pthread_mutex_lock(&source->lock);
	before = source->keys;
	source->keys = keys;
	source->had_keys = source->had_keys || keys != NULL;
	(void)pthread_cond_broadcast(&source->changed);
	(void)pthread_mutex_unlock(&source->lock);
	keyset_unref(before);
}

static void x509_arrived(void *context, struct bytes list)
{
	struct identity *identity = NULL;
	struct status st = identity_new(list, &identity);

	if (st.code == STATUS_OK)
		identity_set(context, identity);
	else /* the one before it stays */
		fprintf(stderr, "harness: X509-SVIDs discarded: %s\n", status_name(st.code));
}

static void x509_withdrawn(void *context, const char *reason)
{
	fprintf(stderr, "harness: X509-SVIDs withdrawn: %s\n", reason);
	identity_set(context, NULL);
}

static void jwt_arrived(void *context, struct bytes list)
{
	struct bundle_set *bundles = NULL;
	struct keyset *keys = NULL;
	struct status st = bundle_set_new(list, BUNDLE_STRICT, &bundles);

	if (st.code == STATUS_OK)
		st = keyset_new(bundles, &keys);
	bundle_set_unref(bundles);
	if (st.code == STATUS_OK)
		keys_set(context, keys);
	else
		fprintf(stderr, "harness: key documents discarded: %s\n", status_name(st.code));
}

static void jwt_withdrawn(void *context, const char *reason)
{
	struct keyset *nobody = NULL;

	fprintf(stderr, "harness: key documents withdrawn: %s\n", reason);
	(void)keyset_new_empty(&nobody); /* without memory there are no keys either */
	keys_set(context, nobody);
}

static void state_changed(void *context, enum workload_state state, const char *reason)
{
	(void)context;
	fprintf(stderr, "harness: Workload API: %s: %s\n", workload_state_name(state), reason);
}

static void *watch_main(void *watch)
{
	workload_watch_run(watch);
	return NULL;
}

static struct status watches_begin(struct source *source, const struct endpoint *endpoint)
{
	const struct workload_events x509 = { source, x509_arrived, x509_withdrawn, state_changed, NULL };
	const struct workload_events jwt = { source, jwt_arrived, jwt_withdrawn, state_changed, NULL };

	TRY(workload_x509_watch_new(endpoint, &x509, NULL, &source->watch[0]));
	TRY(workload_watch_new(endpoint, &jwt, NULL, &source->watch[1]));
	for (; source->running < 2; source->running++)
		ENSURE(pthread_create(
			       &source->thread[source->running], NULL, watch_main, source->watch[source->running]) == 0,
			NO_MEMORY);
	return OK;
}

struct status source_new(const struct endpoint *endpoint, struct source **ret_source)
{
	struct source *source = calloc(1, sizeof(*source));
	struct status st;

	ENSURE(source != NULL, NO_MEMORY);
	(void)pthread_mutex_init(&source->lock, NULL); /* neither can fail with defaults */
	(void)pthread_cond_init(&source->changed, NULL);
	st = watches_begin(source, endpoint);
	if (st.code == STATUS_OK)
		*ret_source = source;
	else
		source_free(source);
	return st;
}

void source_free(struct source *source)
{
	for (size_t i = 0; i < source->running; i++) {
		workload_watch_stop(source->watch[i]);
		(void)pthread_join(source->thread[i], NULL); /* our own thread */
	}
	for (size_t i = 0; i < 2; i++)
		workload_watch_free(source->watch[i]);
	identity_unref(source->identity);
	keyset_unref(source->keys);
	(void)pthread_cond_destroy(&source->changed);
	(void)pthread_mutex_destroy(&source->lock);
	free(source);
}

/* ---- asking -------------------------------------------------------------------------------------------- */

struct identity *source_identity(struct source *source)
{
	struct identity *identity;

	(void)pthread_mutex_lock(&source->lock);
	identity = source->identity;
	if (identity != NULL)
		(void)atomic_fetch_add(&identity->refs, 1);
	(void)pthread_mutex_unlock(&source->lock);
	return identity;
}

struct keyset *source_keys(struct source *source)
{
	struct keyset *keys;

	(void)pthread_mutex_lock(&source->lock);
	keys = source->keys == NULL ? NULL : keyset_ref(source->keys);
	(void)pthread_mutex_unlock(&source->lock);
	return keys;
}

static bool await(struct source *source, const bool *had, int wait_ms)
{
	struct timespec until;
	bool is_there;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000;
	(void)pthread_mutex_lock(&source->lock);
	while (!*had)
		if (wait_ms < 0)
			(void)pthread_cond_wait(&source->changed, &source->lock);
		else if (pthread_cond_timedwait(&source->changed, &source->lock, &until) != 0)
			break;
	is_there = *had;
	(void)pthread_mutex_unlock(&source->lock);
	return is_there;
}

bool source_await_identity(struct source *source, int wait_ms)
{
	return await(source, &source->had_identity, wait_ms);
}

bool source_await_keys(struct source *source, int wait_ms)
{
	return await(source, &source->had_keys, wait_ms);
}
