/* SPDX-License-Identifier: Apache-2.0
 *
 * Where trust comes from, as the configuration says: each trust domain has one source. */
#include "agent/config.h"

#include <stdio.h>

#include "agent/config_check_parts.h"
#include "spiffe/fetch_source.h"
#include "spiffe/id.h"

enum { PRINT_TEXT_BYTES = 43 /* 32 bytes in base64url */ };

#define report config_check_report

static bool is_domain(const char *name)
{
	return spiffe_trust_domain_check(bytes_from_text(name)).code == STATUS_OK;
}

bool config_map_is_new(const struct config_spiffe *spiffe, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (spiffe->bundles[k].map != NULL && same(spiffe->bundles[k].map, spiffe->bundles[i].map))
			return false;
	return true;
}

/* Is the configuration all there is for its trust domain? */
static bool is_given(const struct config_bundle *b)
{
	return b->file != NULL || b->map != NULL;
}

/* Is there something of this trust domain that holds X.509 authorities? */
static bool has_source(const struct config_spiffe *spiffe, struct bytes domain)
{
	for (uint32_t i = 0; i < spiffe->federation_count; i++)
		if (bytes_equal(bytes_from_text(spiffe->federation[i].trust_domain), domain) &&
			spiffe->federation[i].profile == FETCH_HTTPS_WEB)
			return true;
	for (uint32_t i = 0; i < spiffe->bundle_count; i++)
		if (bytes_equal(bytes_from_text(spiffe->bundles[i].trust_domain), domain) &&
			is_given(&spiffe->bundles[i]))
			return true;
	return false;
}

/* FD-05; FD-02: nothing is inferred. */
static void endpoint_check(struct check *c, uint32_t i)
{
	const struct config_spiffe *spiffe = &c->config->spiffe;
	const struct config_federation *f = &spiffe->federation[i];
	struct bytes domain, path;

	if (f->profile == FETCH_HTTPS_WEB) {
		if (f->endpoint_id != NULL)
			report(c, "belongs to the profile https_spiffe", "spiffe.federation[%u].endpoint_id", i);
		if (f->bundle_file != NULL)
			report(c, "belongs to the profile https_spiffe", "spiffe.federation[%u].bundle_file", i);
		return;
	}
	if (f->endpoint_id == NULL) {
		report(c, "needs endpoint_id with the profile https_spiffe", "spiffe.federation[%u]", i);
		return;
	}
	if (spiffe_id_split(bytes_from_text(f->endpoint_id), &domain, &path).code != STATUS_OK || path.len == 0)
		report(c, "is not the SPIFFE ID of a workload", "spiffe.federation[%u].endpoint_id", i);
	else if (f->bundle_file == NULL && !has_source(spiffe, domain))
		report(c, "needs bundle_file: nothing else says who may be endpoint_id", "spiffe.federation[%u]", i);
}

static void federation_check(struct check *c, uint32_t i)
{
	const struct config_spiffe *spiffe = &c->config->spiffe;
	const struct config_federation *f = &spiffe->federation[i];
	uint16_t port;

	if (!is_domain(f->trust_domain))
		report(c, "is not the name of a trust domain", "spiffe.federation[%u].trust_domain", i);
	if (fetch_url_check(bytes_from_text(f->url), &port).code != STATUS_OK)
		report(c, "is not an https URL with a host, without user and fragment", "spiffe.federation[%u].url", i);
	endpoint_check(c, i);
	for (uint32_t j = 0; j < i; j++)
		if (same(f->trust_domain, spiffe->federation[j].trust_domain)) {
			SENTENCE(text, "is that of federation[%u], too: a trust domain has one source", j);
			report(c, text, "spiffe.federation[%u].trust_domain", i);
		}
}

static void keys_check(struct check *c, uint32_t i)
{
	const struct config_bundle *b = &c->config->spiffe.bundles[i];
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (uint32_t k = 0; k < b->key_count; k++)
		if (strlen(b->keys[k]) != PRINT_TEXT_BYTES || strspn(b->keys[k], alphabet) != PRINT_TEXT_BYTES)
			report(c, "is not the thumbprint of a key: SHA-256 in base64url, 43 characters",
				"spiffe.bundles[%u].keys[%u]", i, k);
}

static void bundle_check(struct check *c, uint32_t i)
{
	const struct config_spiffe *spiffe = &c->config->spiffe;
	const struct config_bundle *b = &spiffe->bundles[i];

	if (!is_domain(b->trust_domain))
		report(c, "is not the name of a trust domain", "spiffe.bundles[%u].trust_domain", i);
	if (!is_given(b) && b->key_count == 0)
		report(c, "needs file, map or keys", "spiffe.bundles[%u]", i);
	if (b->file != NULL && b->map != NULL)
		report(c, "beside file: a trust domain has one source", "spiffe.bundles[%u].map", i);
	if (is_given(b) && b->key_count > 0)
		report(c, "has no effect beside file or map, which is all there is for the trust domain",
			"spiffe.bundles[%u].keys", i);
	keys_check(c, i);
	for (uint32_t j = 0; j < i; j++)
		if (same(b->trust_domain, spiffe->bundles[j].trust_domain)) {
			SENTENCE(text, "is that of bundles[%u], too", j);
			report(c, text, "spiffe.bundles[%u].trust_domain", i);
		}
	for (uint32_t j = 0; j < spiffe->federation_count && is_given(b); j++)
		if (same(b->trust_domain, spiffe->federation[j].trust_domain)) {
			SENTENCE(text, "beside federation[%u]: a trust domain has one source", j);
			report(c, text, "spiffe.bundles[%u].%s", i, b->file != NULL ? "file" : "map");
		}
}

void config_check_spiffe(struct check *c)
{
	for (uint32_t i = 0; i < c->config->spiffe.federation_count; i++)
		federation_check(c, i);
	for (uint32_t i = 0; i < c->config->spiffe.bundle_count; i++)
		bundle_check(c, i);
}
