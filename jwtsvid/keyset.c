/* SPDX-License-Identifier: Apache-2.0 */
#include "jwtsvid/keyset.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "spiffe/strict.h"

enum { SHOW_DOMAIN_BYTES = 128, SHOW_KID_BYTES = 48 };

struct keyset {
	atomic_uint refs;
	uint64_t generation;
	struct keyset_domain *domains; /* owned, and what they hold; in the order of their names */
	size_t domain_count;
	size_t key_count;
	char (*reports)[BUNDLE_REPORT_BYTES]; /* owned */
	size_t report_count;
};

static atomic_uint_least64_t last_generation;

/* ---- ending ---------------------------------------------------------------------------------------- */

static void key_done(struct keyset_key *key)
{
	jwk_unref(key->jwk);
	free(key->storage);
}

static void domain_done(struct keyset_domain *domain)
{
	struct keyset_key *keys = (struct keyset_key *)(uintptr_t)domain->keys;

	for (size_t i = 0; i < domain->key_count; i++)
		key_done(&keys[i]);
	free(keys);
	free((void *)(uintptr_t)domain->name.data);
}

static void keyset_free(struct keyset *keyset)
{
	for (size_t i = 0; i < keyset->domain_count; i++)
		domain_done(&keyset->domains[i]);
	free(keyset->domains);
	free(keyset->reports);
	free(keyset);
}

static void keyset_done(struct keyset **keyset)
{
	if (*keyset != NULL)
		keyset_free(*keyset);
}

struct keyset *keyset_ref(struct keyset *keyset)
{
	(void)atomic_fetch_add_explicit(&keyset->refs, 1, memory_order_relaxed);
	return keyset;
}

void keyset_unref(struct keyset *keyset)
{
	if (keyset != NULL && atomic_fetch_sub_explicit(&keyset->refs, 1, memory_order_acq_rel) == 1)
		keyset_free(keyset);
}

/* ---- making ---------------------------------------------------------------------------------------- */

static struct status copy_bytes(struct bytes from, uint8_t **ret_copy)
{
	uint8_t *copy = malloc(from.len > 0 ? from.len : 1);

	ENSURE(copy != NULL, NO_MEMORY);
	if (from.len > 0)
		memcpy(copy, from.data, from.len);
	*ret_copy = copy;
	return OK;
}

static void report(struct keyset *keyset, const struct bundle *bundle, const struct bundle_key *from, const char *what)
{
	char domain[SHOW_DOMAIN_BYTES], kid[SHOW_KID_BYTES];

	if (keyset->report_count == BUNDLE_REPORTS_MAX)
		return;
	strict_show(bundle->domain, domain, sizeof(domain));
	strict_show(from->kid, kid, sizeof(kid));
	(void)snprintf(keyset->reports[keyset->report_count++], BUNDLE_REPORT_BYTES, "%s: kid %s: %s (ignored)", domain,
		kid, what);
}

/* What the sets before and after share while one is made. */
struct making {
	struct keyset *keyset;
	const struct keyset *before; /* or NULL */
	const struct bundle *bundle;
};

static const struct keyset_key *key_find(
	const struct keyset *keyset, struct bytes domain, const uint8_t key_id[JWK_ID_BYTES])
{
	const struct keyset_domain *found = keyset_find(keyset, domain);

	for (size_t i = 0; found != NULL && i < found->key_count; i++)
		if (memcmp(found->keys[i].id, key_id, JWK_ID_BYTES) == 0)
			return &found->keys[i];
	return NULL;
}

/* A public key of the set before, if this JWK is in it unchanged; else one made now. */
static struct status jwk_get(const struct making *m, const struct bundle_key *from, struct keyset_key *key)
{
	const struct keyset_key *known = NULL;

	TRY(jwk_id(from, key->id));
	if (m->before != NULL)
		known = key_find(m->before, m->bundle->domain, key->id);
	if (known == NULL)
		return jwk_new(from, &key->jwk);
	key->jwk = jwk_ref(known->jwk);
	return OK;
}

/* Fails with BUNDLE_MALFORMED, and *ret_why, for a JWK that is of no use; *key may be half-made then. */
static struct status key_make(
	const struct making *m, const struct bundle_key *from, struct keyset_key *key, const char **ret_why)
{
	key->only_alg = jwk_alg_from(from->alg);
	*ret_why = "numbers are not a sound public key";
	TRY(jwk_get(m, from, key));
	*ret_why = "its \"alg\" does not fit it";
	ENSURE(from->alg.len == 0 || jwk_fits(key->jwk, key->only_alg), BUNDLE_MALFORMED);
	TRY(copy_bytes(from->kid, &key->storage));
	key->kid = bytes_of(key->storage, from->kid.len);
	return OK;
}

static struct status key_add(const struct making *m, const struct bundle_key *from, struct keyset_domain *domain)
{
	struct keyset_key *key = (struct keyset_key *)(uintptr_t)&domain->keys[domain->key_count];
	const char *why;
	struct status st = key_make(m, from, key, &why);

	if (st.code == STATUS_OK) {
		domain->key_count++;
		return OK;
	}
	key_done(key);
	*key = (struct keyset_key){ 0 };
	if (st.code != STATUS_BUNDLE_MALFORMED)
		return st;
	report(m->keyset, m->bundle, from, why);
	return OK;
}

static struct status domain_make(const struct making *m, struct keyset_domain *domain)
{
	uint8_t *name;

	domain->keys = calloc(m->bundle->key_count + 1, sizeof(*domain->keys));
	ENSURE(domain->keys != NULL, NO_MEMORY);
	TRY(copy_bytes(m->bundle->domain, &name));
	domain->name = bytes_of(name, m->bundle->domain.len);
	for (size_t i = 0; i < m->bundle->key_count; i++)
		TRY(key_add(m, &m->bundle->keys[i], domain));
	m->keyset->key_count += domain->key_count;
	return OK;
}

/* Any total order serves. */
static int name_compare(struct bytes a, struct bytes b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return a.len == 0 ? 0 : memcmp(a.data, b.data, a.len);
}

static int domain_compare(const void *a, const void *b)
{
	const struct keyset_domain *left = a, *right = b;

	return name_compare(left->name, right->name);
}

struct status keyset_from(
	const struct keyset *before, const struct bundle *const *bundles, size_t count, struct keyset **ret_keyset)
{
	AUTO(keyset_done) struct keyset *keyset = calloc(1, sizeof(*keyset));
	struct making m = { .keyset = keyset, .before = before };

	ENSURE(keyset != NULL, NO_MEMORY);
	atomic_init(&keyset->refs, 1);
	keyset->generation = atomic_fetch_add(&last_generation, 1) + 1;
	keyset->domains = calloc(count + 1, sizeof(*keyset->domains));
	keyset->reports = calloc(BUNDLE_REPORTS_MAX, sizeof(*keyset->reports));
	ENSURE(keyset->domains != NULL && keyset->reports != NULL, NO_MEMORY);
	for (size_t i = 0; i < count; i++) {
		m.bundle = bundles[i];
		TRY(domain_make(&m, &keyset->domains[keyset->domain_count++]));
	}
	qsort(keyset->domains, keyset->domain_count, sizeof(*keyset->domains), domain_compare);
	*ret_keyset = TAKE(keyset);
	return OK;
}

struct status keyset_next(const struct keyset *before, const struct bundle_set *bundles, struct keyset **ret_keyset)
{
	const struct bundle *all[BUNDLE_DOMAINS_MAX];
	size_t count = bundle_set_count(bundles);

	for (size_t i = 0; i < count; i++)
		all[i] = bundle_set_at(bundles, i);
	return keyset_from(before, all, count, ret_keyset);
}

struct status keyset_new(const struct bundle_set *bundles, struct keyset **ret_keyset)
{
	return keyset_next(NULL, bundles, ret_keyset);
}

struct status keyset_new_empty(struct keyset **ret_keyset)
{
	return keyset_from(NULL, NULL, 0, ret_keyset);
}

/* ---- asking ---------------------------------------------------------------------------------------- */

uint64_t keyset_generation(const struct keyset *keyset)
{
	return keyset->generation;
}

const struct keyset_domain *keyset_find(const struct keyset *keyset, struct bytes domain)
{
	const struct keyset_domain wanted = { .name = domain };

	return bsearch(&wanted, keyset->domains, keyset->domain_count, sizeof(wanted), domain_compare);
}

bool keyset_has_key(const struct keyset *keyset, struct bytes domain, const uint8_t key_id[JWK_ID_BYTES])
{
	return key_find(keyset, domain, key_id) != NULL;
}

size_t keyset_domain_count(const struct keyset *keyset)
{
	return keyset->domain_count;
}

const struct keyset_domain *keyset_domain(const struct keyset *keyset, size_t index)
{
	return &keyset->domains[index];
}

size_t keyset_key_count(const struct keyset *keyset)
{
	return keyset->key_count;
}

size_t keyset_report_count(const struct keyset *keyset)
{
	return keyset->report_count;
}

const char *keyset_report(const struct keyset *keyset, size_t index)
{
	return keyset->reports[index];
}
