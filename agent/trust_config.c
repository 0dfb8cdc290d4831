/* SPDX-License-Identifier: Apache-2.0
 *
 * What the configuration says of a name: where its documents come from and how they are judged.  Trust domains and
 * issuers differ here and in their words, nowhere else. */
#include "agent/trust_parts.h"

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

struct trust_rules trust_rules_of(const struct trust *trust, struct bytes name)
{
	if (trust->kind == TRUST_OF_DOMAINS)
		return rules_of_domain(&trust->config->spiffe, name);
	return (struct trust_rules){ .continuity = CONTINUITY_ALARM };
}

static enum trust_origin origin_of_domain(const struct config_spiffe *spiffe, struct bytes name)
{
	const struct config_bundle *bundle = bundle_of(spiffe, name);

	if (bundle != NULL && bundle->file != NULL)
		return TRUST_FILE;
	for (uint32_t i = 0; i < spiffe->federation_count; i++)
		if (bytes_equal(bytes_from_text(spiffe->federation[i].trust_domain), name))
			return TRUST_ENDPOINT;
	return TRUST_STREAM;
}

enum trust_origin trust_origin_of(const struct trust *trust, struct bytes name)
{
	if (trust->kind == TRUST_OF_DOMAINS)
		return origin_of_domain(&trust->config->spiffe, name);
	return config_issuer_find(trust->config, name) != NULL ? TRUST_ISSUER_FILE : TRUST_NOWHERE;
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

const struct trust_words *trust_words_of(const struct trust *trust)
{
	static const struct trust_words words[] = {
		[TRUST_OF_DOMAINS] = { "", "trust domain", "bundle" },
		[TRUST_OF_ISSUERS] = { "issuer ", "issuer", "JWK Set" },
	};

	return &words[trust->kind];
}
