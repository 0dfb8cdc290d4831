/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config_fetch.h"

#include <stdio.h>

_Static_assert((int)CONFIG_FEDERATION_MAX <= (int)FETCH_SOURCES_MAX, "every source has its place");

bool config_fetch_is_needed(const struct config *config)
{
	return config->spiffe.federation_count > 0;
}

void config_fetch_federation_name(const struct config_federation *federation, char ret_name[FETCH_NAME_MAX + 1])
{
	(void)snprintf(ret_name, FETCH_NAME_MAX + 1, "federation:%s", federation->trust_domain);
}

void config_fetch_put(struct buf *to, const struct config *config)
{
	struct fetch_source sources[FETCH_SOURCES_MAX];
	char names[FETCH_SOURCES_MAX][FETCH_NAME_MAX + 1];
	size_t count = 0;

	for (uint32_t i = 0; i < config->spiffe.federation_count; i++) {
		const struct config_federation *from = &config->spiffe.federation[i];

		config_fetch_federation_name(from, names[count]);
		sources[count] = (struct fetch_source){ .name = bytes_from_text(names[count]),
			.url = bytes_from_text(from->url),
			.profile = (enum fetch_profile)from->profile,
			.follows_redirects = from->follows_redirects };
		if (from->endpoint_id != NULL)
			sources[count].endpoint_id = bytes_from_text(from->endpoint_id);
		count++;
	}
	fetch_section_put(to, bytes_from_text(config->spiffe.web_authorities), sources, count);
}
