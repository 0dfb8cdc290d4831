/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config_fetch.h"

#include <stdio.h>

_Static_assert(
	(int)CONFIG_FEDERATION_MAX + (int)CONFIG_ISSUERS_MAX <= (int)FETCH_SOURCES_MAX, "every source has its place");

bool config_fetch_is_needed(const struct config *config)
{
	bool is_needed = config->spiffe.federation_count > 0;

	for (uint32_t i = 0; i < config->issuer_count; i++)
		is_needed = is_needed || config->issuers[i].jwks_url != NULL;
	return is_needed;
}

void config_fetch_name(const char *kind, const char *of, char ret_name[FETCH_NAME_MAX + 1])
{
	(void)snprintf(ret_name, FETCH_NAME_MAX + 1, "%s:%s", kind, of);
}

void config_fetch_put(struct buf *to, const struct config *config)
{
	struct fetch_source sources[FETCH_SOURCES_MAX];
	char names[FETCH_SOURCES_MAX][FETCH_NAME_MAX + 1];
	size_t count = 0;

	for (uint32_t i = 0; i < config->spiffe.federation_count; i++) {
		const struct config_federation *from = &config->spiffe.federation[i];

		config_fetch_name(CONFIG_FETCH_FEDERATION, from->trust_domain, names[count]);
		sources[count] = (struct fetch_source){ .name = bytes_from_text(names[count]),
			.url = bytes_from_text(from->url),
			.profile = (enum fetch_profile)from->profile,
			.follows_redirects = from->follows_redirects };
		if (from->endpoint_id != NULL)
			sources[count].endpoint_id = bytes_from_text(from->endpoint_id);
		count++;
	}
	for (uint32_t i = 0; i < config->issuer_count; i++) {
		const struct config_issuer *from = &config->issuers[i];

		if (from->jwks_url == NULL)
			continue;
		config_fetch_name(CONFIG_FETCH_JWKS, from->issuer, names[count]);
		sources[count] = (struct fetch_source){ .name = bytes_from_text(names[count]),
			.url = bytes_from_text(from->jwks_url),
			.profile = FETCH_HTTPS_WEB };
		count++;
	}
	fetch_section_put(to, bytes_from_text(config->spiffe.web_authorities), sources, count);
}
