/* SPDX-License-Identifier: Apache-2.0
 *
 * What the configuration says of a name: where its documents come from and how they are judged.  Trust domains and
 * issuers differ here and in their words, nowhere else. */
#include "agent/trust_parts.h"

#include "agent/config_fetch.h"

enum { REFRESH_S = 300 }; /* where a bundle has no hint (FD-08) */

_Static_assert((int)CONFIG_FEDERATION_MAX <= (int)TRUST_POLLS_MAX, "every endpoint has its place");
_Static_assert((int)CONFIG_ISSUERS_MAX <= (int)TRUST_POLLS_MAX, "every issuer has its place");
_Static_assert((int)CONFIG_ISSUER_MAX <= (int)SPIFFE_TRUST_DOMAIN_MAX_BYTES, "an issuer's name fits into the book");

static const struct config_bundle *bundle_of(const struct config_spiffe *spiffe, struct bytes name)
{
	for (uint32_t i = 0; i < spiffe->bundle_count; i++)
		if (bytes_equal(bytes_from_text(spiffe->bundles[i].trust_domain), name))
			return &spiffe->bundles[i];
	return NULL;
}

static struct trust_rules rules_of_domain(const struct config_spiffe *spiffe, struct bytes name)
{
	const struct config_bundle *bundle = bundle_of(spiffe, name);

	return (struct trust_rules){ .pins = bundle != NULL ? bundle->keys : NULL,
		.pin_count = bundle != NULL ? bundle->key_count : 0,
		.continuity = (enum config_continuity)spiffe->continuity,
		.max_age_s = spiffe->max_age_s };
}

/* TLS says whose set it is, and a provider may change all its keys at once: that is worth an alarm. */
static struct trust_rules rules_of_issuer(const struct config_issuer *issuer)
{
	return (struct trust_rules){ .continuity = CONTINUITY_ALARM,
		.max_age_s = issuer != NULL ? issuer->jwks_max_age_s : 0 };
}

struct trust_rules trust_rules_of(const struct trust *trust, struct bytes name)
{
	if (trust->kind == TRUST_OF_DOMAINS)
		return rules_of_domain(&trust->config->spiffe, name);
	return rules_of_issuer(config_issuer_find(trust->config, name));
}

static enum trust_origin origin_of_domain(const struct config_spiffe *spiffe, struct bytes name)
{
	const struct config_bundle *bundle = bundle_of(spiffe, name);

	if (bundle != NULL && (bundle->file != NULL || bundle->map != NULL))
		return TRUST_FILE;
	for (uint32_t i = 0; i < spiffe->federation_count; i++)
		if (bytes_equal(bytes_from_text(spiffe->federation[i].trust_domain), name))
			return TRUST_ENDPOINT;
	return TRUST_STREAM;
}

static enum trust_origin origin_of_issuer(const struct config_issuer *issuer)
{
	if (issuer == NULL)
		return TRUST_NOWHERE;
	return issuer->jwks_url != NULL ? TRUST_ISSUER_URL : TRUST_ISSUER_FILE;
}

enum trust_origin trust_origin_of(const struct trust *trust, struct bytes name)
{
	if (trust->kind == TRUST_OF_DOMAINS)
		return origin_of_domain(&trust->config->spiffe, name);
	return origin_of_issuer(config_issuer_find(trust->config, name));
}

/* The bundles, then the endpoints. */
static const char *domain_named(const struct config_spiffe *spiffe, uint32_t i)
{
	if (i < spiffe->bundle_count)
		return spiffe->bundles[i].trust_domain;
	i -= spiffe->bundle_count;
	return i < spiffe->federation_count ? spiffe->federation[i].trust_domain : NULL;
}

const char *trust_named(const struct trust *trust, uint32_t i)
{
	if (trust->kind == TRUST_OF_DOMAINS)
		return domain_named(&trust->config->spiffe, i);
	return i < trust->config->issuer_count ? trust->config->issuers[i].issuer : NULL;
}

static struct trust_source source_of_domain(const struct config_federation *from)
{
	return (struct trust_source){ .kind = CONFIG_FETCH_FEDERATION,
		.origin = TRUST_ENDPOINT,
		.of = from->trust_domain,
		.url = from->url,
		.endpoint_id = from->profile == FETCH_HTTPS_SPIFFE ? from->endpoint_id : NULL,
		.bundle_file = from->bundle_file,
		.refresh_s = REFRESH_S };
}

static struct trust_source source_of_issuer(const struct config_issuer *from)
{
	return (struct trust_source){ .kind = CONFIG_FETCH_JWKS,
		.origin = TRUST_ISSUER_URL,
		.of = from->issuer,
		.url = from->jwks_url,
		.refresh_s = from->jwks_refresh_s };
}

size_t trust_sources(const struct trust *trust, struct trust_source ret_sources[TRUST_POLLS_MAX])
{
	const struct config *config = trust->config;
	size_t count = 0;

	if (trust->kind == TRUST_OF_DOMAINS)
		for (uint32_t i = 0; i < config->spiffe.federation_count; i++)
			ret_sources[count++] = source_of_domain(&config->spiffe.federation[i]);
	else
		for (uint32_t i = 0; i < config->issuer_count; i++)
			if (config->issuers[i].jwks_url != NULL)
				ret_sources[count++] = source_of_issuer(&config->issuers[i]);
	return count;
}

const struct trust_words *trust_words_of(const struct trust *trust)
{
	static const struct trust_words words[] = {
		[TRUST_OF_DOMAINS] = { "", "trust domain", "bundle" },
		[TRUST_OF_ISSUERS] = { "issuer ", "issuer", "JWK Set" },
	};

	return &words[trust->kind];
}
