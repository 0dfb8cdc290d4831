/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/fetch_source.h"

enum { PORT_DEFAULT = 443, PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

static struct status port_parse(struct bytes digits, uint16_t *ret_port)
{
	unsigned port = 0;

	ENSURE(digits.len > 0 && digits.len <= PORT_DIGITS_MAX, CLIENT_ENDPOINT);
	for (size_t i = 0; i < digits.len; i++) {
		ENSURE(digits.data[i] >= '0' && digits.data[i] <= '9', CLIENT_ENDPOINT);
		port = port * 10 + (unsigned)(digits.data[i] - '0');
	}
	ENSURE(port > 0 && port <= PORT_MAX, CLIENT_ENDPOINT);
	*ret_port = (uint16_t)port;
	return OK;
}

static bool is_host_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_';
}

/* A name or IPv4 address, or an IPv6 address in brackets; then perhaps a port.  '@' is in neither, so no user. */
static struct status authority_parse(struct bytes authority, uint16_t *ret_port)
{
	bool is_ipv6 = authority.len > 0 && authority.data[0] == '[';
	size_t at = is_ipv6 ? 1 : 0, start = at;

	while (at < authority.len &&
		(is_ipv6 ? strchr("0123456789abcdefABCDEF:.", authority.data[at]) != NULL && authority.data[at] != 0
			 : is_host_byte(authority.data[at])))
		at++;
	ENSURE(at > start, CLIENT_ENDPOINT);
	if (is_ipv6) {
		ENSURE(at < authority.len && authority.data[at] == ']', CLIENT_ENDPOINT);
		at++;
	}
	*ret_port = PORT_DEFAULT;
	if (at == authority.len)
		return OK;
	ENSURE(authority.data[at] == ':', CLIENT_ENDPOINT);
	return port_parse(bytes_of(authority.data + at + 1, authority.len - at - 1), ret_port);
}

struct status fetch_url_check(struct bytes url, uint16_t *ret_port)
{
	static const char scheme[] = "https://";
	size_t len = sizeof(scheme) - 1, end;

	ENSURE(url.len > len && url.len <= FETCH_URL_MAX, CLIENT_ENDPOINT);
	ENSURE(memcmp(url.data, scheme, len) == 0, CLIENT_ENDPOINT);
	for (size_t i = len; i < url.len; i++)
		ENSURE(url.data[i] > ' ' && url.data[i] < 0x7f && url.data[i] != '#' && url.data[i] != '\\',
			CLIENT_ENDPOINT);
	for (end = len; end < url.len && url.data[end] != '/' && url.data[end] != '?'; end++)
		;
	return authority_parse(bytes_of(url.data + len, end - len), ret_port);
}

void fetch_section_put(struct buf *to, struct bytes ca_file, const struct fetch_source *sources, size_t count)
{
	buf_put_sized(to, ca_file);
	buf_put_u32(to, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		buf_put_sized(to, sources[i].name);
		buf_put_sized(to, sources[i].url);
		buf_put_sized(to, sources[i].endpoint_id);
		buf_put_u8(to, (uint8_t)sources[i].profile);
		buf_put_u8(to, sources[i].follows_redirects);
	}
}

static struct status source_get(struct reader *r, struct fetch_source *source)
{
	uint16_t port;
	uint8_t profile, follows;

	source->name = reader_sized(r, FETCH_NAME_MAX);
	source->url = reader_sized(r, FETCH_URL_MAX);
	source->endpoint_id = reader_sized(r, FETCH_ID_MAX);
	profile = reader_u8(r);
	follows = reader_u8(r);
	ENSURE(!r->bad && source->name.len > 0 && follows <= 1, CONFIG_SYNTAX);
	ENSURE(profile == FETCH_HTTPS_WEB || profile == FETCH_HTTPS_SPIFFE, CONFIG_SYNTAX);
	ENSURE((profile == FETCH_HTTPS_SPIFFE) == (source->endpoint_id.len > 0), CONFIG_SYNTAX);
	source->profile = (enum fetch_profile)profile;
	source->follows_redirects = follows == 1;
	if (fetch_url_check(source->url, &port).code != STATUS_OK)
		return FAIL(CONFIG_SYNTAX);
	return OK;
}

struct status fetch_section_get(
	struct bytes section, struct bytes *ret_ca_file, struct fetch_source *ret_sources, size_t *ret_count)
{
	struct reader r = reader_of(section);
	struct bytes ca_file = reader_sized(&r, FETCH_PATH_MAX);
	uint32_t count = reader_u32(&r);

	ENSURE(!r.bad && count <= FETCH_SOURCES_MAX, CONFIG_SYNTAX);
	for (uint32_t i = 0; i < count; i++)
		TRY(source_get(&r, &ret_sources[i]));
	ENSURE(reader_done(&r), CONFIG_SYNTAX);
	*ret_ca_file = ca_file;
	*ret_count = count;
	return OK;
}
