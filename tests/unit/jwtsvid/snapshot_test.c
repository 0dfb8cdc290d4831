/* SPDX-License-Identifier: Apache-2.0
 *
 * TV-WA-18: threads verify while key sets are swapped under them.  A verification sees one set or the other, whole; the
 * last reader frees.  Meant for the thread sanitizer, passes under any. */
#include "tests/unit/jwtsvid/world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 16, SNAPSHOTS = 10000, READER_PAUSE_US = 300 };

/* As the agent has it: a lock for the length of taking a reference, never for that of a verification. */
struct published {
	pthread_mutex_t lock;
	struct keyset *keys;
	atomic_bool is_over;
	atomic_uint good, withdrawn, torn, verified;
	const char *by_k1, *by_other;
};

static struct keyset *current(struct published *p)
{
	struct keyset *keys;

	(void)pthread_mutex_lock(&p->lock);
	keys = keyset_ref(p->keys);
	(void)pthread_mutex_unlock(&p->lock);
	return keys;
}

/* Of the two tokens each set verifies exactly one. */
static void verify_both(struct published *p, const struct keyset *keys)
{
	struct jwtsvid *first = NULL, *second = NULL;
	struct status a = jwtsvid_verify(bytes_from_text(p->by_k1), keys, &world()->rules, NOW, &first);
	struct status b = jwtsvid_verify(bytes_from_text(p->by_other), keys, &world()->rules, NOW, &second);

	if (a.code == STATUS_OK && b.code == STATUS_JWT_SIGNATURE)
		atomic_fetch_add(&p->good, 1);
	else if (a.code == STATUS_JWT_SIGNATURE && b.code == STATUS_OK)
		atomic_fetch_add(&p->withdrawn, 1);
	else
		atomic_fetch_add(&p->torn, 1);
	jwtsvid_unref(first);
	jwtsvid_unref(second);
}

static void *reader(void *context)
{
	struct published *p = context;

	while (!atomic_load(&p->is_over)) {
		struct keyset *keys = current(p);

		verify_both(p, keys);
		keyset_unref(keys);
		(void)usleep(READER_PAUSE_US); /* else the publisher hardly runs on two cores */
	}
	return NULL;
}

static void publish(struct published *p, struct keyset *keys)
{
	struct keyset *old;

	(void)pthread_mutex_lock(&p->lock);
	old = p->keys;
	p->keys = keys;
	(void)pthread_mutex_unlock(&p->lock);
	keyset_unref(old);
}

/* Keys that both sets have are shared between them while threads use them. */
static void publish_next(struct published *p, const struct bundle_set *bundles)
{
	struct keyset *keys = NULL;

	assert_ok(keyset_next(p->keys, bundles, &keys)); /* this thread alone changes p->keys */
	publish(p, keys);
}

static struct bundle_set *bundle_of(enum world_key key)
{
	char *jwks[] = { mint_jwk(world()->key[key], "k1", NULL), mint_jwk(world()->key[R1], "r1", NULL) };
	char *document = mint_jwks(jwks, 2);
	struct buf list = buf_make(65536);
	struct bundle_set *bundles = NULL;

	mint_list_put(&list, "example.org", document);
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &bundles));
	buf_done(&list);
	free(document);
	free(jwks[0]);
	free(jwks[1]);
	return bundles;
}

static struct keyset *compiled(const struct bundle_set *bundles)
{
	struct keyset *keys = NULL;

	assert_ok(keyset_new(bundles, &keys));
	return keys;
}

static void TV_WA_18_threads_verify_while_snapshots_are_swapped(void **state)
{
	struct published p = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct bundle_set *bundles[] = { bundle_of(K1), bundle_of(OTHER) };
	char *by_k1 = mint_token(T_ES256, T_PAYLOAD, world()->key[K1], MINT_ES256);
	char *by_other = mint_token(T_ES256, T_PAYLOAD, world()->key[OTHER], MINT_ES256);
	pthread_t threads[THREADS];

	(void)state;
	p.by_k1 = by_k1;
	p.by_other = by_other;
	p.keys = compiled(bundles[0]);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, &p), 0);
	for (size_t i = 1; i <= SNAPSHOTS; i++)
		publish_next(&p, bundles[i % 2]);
	atomic_store(&p.is_over, true);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&p.torn), 0);
	assert_true(atomic_load(&p.good) > 0 && atomic_load(&p.withdrawn) > 0);
	keyset_unref(p.keys);
	bundle_set_unref(bundles[0]);
	bundle_set_unref(bundles[1]);
	free(by_k1);
	free(by_other);
}

/* One set, one key, all threads: what OpenSSL keeps inside a key is shared as well. */
static void *rsa_reader(void *context)
{
	struct published *p = context;

	for (unsigned i = 0; i < 50; i++) {
		struct jwtsvid *svid = NULL;
		struct status st = jwtsvid_verify(bytes_from_text(p->by_k1), p->keys, &world()->rules, NOW, &svid);

		if (st.code == STATUS_OK)
			atomic_fetch_add(&p->verified, 1);
		jwtsvid_unref(svid);
	}
	return NULL;
}

static void one_key_serves_all_threads_at_once(void **state)
{
	struct published p = { .keys = keyset_ref(world()->keys) };
	char *token = mint_token(T_HEADER("PS256", "r1"), T_PAYLOAD, world()->key[R1], MINT_PS256);
	pthread_t threads[THREADS];

	(void)state;
	p.by_k1 = token;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, rsa_reader, &p), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&p.verified), THREADS * 50);
	keyset_unref(p.keys);
	free(token);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(TV_WA_18_threads_verify_while_snapshots_are_swapped),
	cmocka_unit_test(one_key_serves_all_threads_at_once),
};
UNIT_MAIN(tests)
