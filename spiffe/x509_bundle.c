/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/own.h"
#include "spiffe/x509_cert.h"

enum { VALUE_MAX_BYTES = 4 * 1024 * 1024 /* of a domain's certificates in a message */ };

struct x509svid_bundles {
	atomic_uint refs;
	struct x509svid_domain *domains; /* owned */
	size_t domain_count;
	size_t left_out;
};

static void authorities_done(struct x509svid_domain *domain)
{
	for (size_t i = 0; i < domain->count; i++)
		X509_free(domain->cert[i]);
	free(domain->cert);
	free(domain->name);
}

void x509svid_bundles_unref(struct x509svid_bundles *bundles)
{
	if (bundles == NULL || atomic_fetch_sub_explicit(&bundles->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < bundles->domain_count; i++)
		authorities_done(&bundles->domains[i]);
	free(bundles->domains);
	free(bundles);
}

struct x509svid_bundles *x509svid_bundles_ref(struct x509svid_bundles *bundles)
{
	(void)atomic_fetch_add_explicit(&bundles->refs, 1, memory_order_relaxed);
	return bundles;
}

static void bundles_done(struct x509svid_bundles **bundles)
{
	x509svid_bundles_unref(*bundles);
}

const struct x509svid_domain *x509svid_domain_find(const struct x509svid_bundles *bundles, struct bytes name)
{
	for (size_t i = 0; i < bundles->domain_count; i++)
		if (bytes_equal(bytes_of(bundles->domains[i].name, bundles->domains[i].name_len), name))
			return &bundles->domains[i];
	return NULL;
}

size_t x509svid_bundles_count(const struct x509svid_bundles *bundles, struct bytes domain)
{
	const struct x509svid_domain *found = x509svid_domain_find(bundles, domain);

	return found == NULL ? 0 : found->count;
}

size_t x509svid_bundles_left_out(const struct x509svid_bundles *bundles)
{
	return bundles->left_out;
}

static struct status bundles_make(struct x509svid_bundles **ret_bundles)
{
	AUTO(bundles_done) struct x509svid_bundles *bundles = calloc(1, sizeof(*bundles));

	ENSURE(bundles != NULL, NO_MEMORY);
	atomic_init(&bundles->refs, 1);
	bundles->domains = calloc(BUNDLE_DOMAINS_MAX, sizeof(*bundles->domains));
	ENSURE(bundles->domains != NULL, NO_MEMORY);
	*ret_bundles = TAKE(bundles);
	return OK;
}

static struct status domain_add(
	struct x509svid_bundles *bundles, struct bytes name, struct x509svid_domain **ret_domain)
{
	struct x509svid_domain *domain = &bundles->domains[bundles->domain_count];

	/* "MUST NOT merge": two entries for one trust domain make the message malformed (WA-09). */
	ENSURE(bundles->domain_count < BUNDLE_DOMAINS_MAX && x509svid_domain_find(bundles, name) == NULL,
		BUNDLE_MALFORMED);
	domain->name = malloc(name.len);
	domain->cert = calloc(X509SVID_AUTHORITIES_MAX, sizeof(X509 *));
	domain->name_len = name.len;
	bundles->domain_count++; /* freed with the rest from here on */
	ENSURE(domain->name != NULL && domain->cert != NULL, NO_MEMORY);
	memcpy(domain->name, name.data, name.len);
	*ret_domain = domain;
	return OK;
}

/* An unsound authority costs only itself; room was checked. */
static struct status authority_add(struct x509svid_bundles *bundles, struct x509svid_domain *domain, struct bytes der)
{
	AUTO(x509svid_cert_done) X509 *cert = NULL;
	struct status st = x509svid_parse(der, &cert);

	if (st.code == STATUS_NO_MEMORY)
		return st;
	if (st.code != STATUS_OK || !x509svid_may_sign(cert) || !x509svid_key_is_allowed(cert))
		bundles->left_out++;
	else
		domain->cert[domain->count++] = TAKE(cert);
	return OK;
}

/* False: der is no row of at most X509SVID_AUTHORITIES_MAX certificates. */
static bool authorities_split(struct bytes der, struct bytes *ret_list, size_t *ret_count)
{
	size_t count = 0;

	while (der.len > 0)
		if (count == X509SVID_AUTHORITIES_MAX || x509svid_next(&der, &ret_list[count++]).code != STATUS_OK)
			return false;
	*ret_count = count;
	return true;
}

static struct status authorities_add(
	struct x509svid_bundles *bundles, struct x509svid_domain *domain, const struct bytes *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TRY(authority_add(bundles, domain, list[i]));
	return OK;
}

static struct status entry_add(struct x509svid_bundles *bundles, struct reader *r)
{
	struct bytes key = reader_sized(r, SPIFFE_ID_MAX_BYTES);
	struct bytes der = reader_sized(r, VALUE_MAX_BYTES);
	struct bytes list[X509SVID_AUTHORITIES_MAX], name;
	struct x509svid_domain *domain;
	size_t count;

	ENSURE(!r->bad, BUNDLE_MALFORMED);
	if (spiffe_map_key_domain(key, &name).code != STATUS_OK)
		return FAIL(BUNDLE_MALFORMED);
	TRY(domain_add(bundles, name, &domain));
	if (authorities_split(der, list, &count))
		return authorities_add(bundles, domain, list, count);
	bundles->left_out++;
	return OK;
}

struct status x509svid_bundles_new(struct bytes list, struct x509svid_bundles **ret_bundles)
{
	AUTO(bundles_done) struct x509svid_bundles *bundles = NULL;
	struct reader r = reader_of(list);

	ENSURE(list.len > 0, BUNDLE_MALFORMED); /* WA-05 */
	TRY(bundles_make(&bundles));
	while (!reader_done(&r))
		TRY(entry_add(bundles, &r));
	*ret_bundles = TAKE(bundles);
	return OK;
}

struct status x509svid_bundles_from(const struct bundle_set *set, struct x509svid_bundles **ret_bundles)
{
	AUTO(bundles_done) struct x509svid_bundles *bundles = NULL;

	_Static_assert((int)BUNDLE_KEYS_MAX <= (int)X509SVID_AUTHORITIES_MAX, "what a document may hold has room");
	TRY(bundles_make(&bundles));
	for (size_t i = 0; i < bundle_set_count(set); i++) {
		const struct bundle *from = bundle_set_at(set, i);
		struct x509svid_domain *domain;

		TRY(domain_add(bundles, from->domain, &domain));
		TRY(authorities_add(bundles, domain, from->authorities, from->authority_count));
	}
	*ret_bundles = TAKE(bundles);
	return OK;
}
