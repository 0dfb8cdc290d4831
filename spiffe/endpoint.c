/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/endpoint.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { URI_MAX_BYTES = 1024, PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

/* URI schemes are case-insensitive (RFC 3986, 3.1). */
static bool take_scheme(struct bytes *uri, const char *lower)
{
	size_t len = strlen(lower);

	if (uri->len < len)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = uri->data[i];

		if (c != (uint8_t)lower[i] && !(c >= 'A' && c <= 'Z' && c + 32 == (uint8_t)lower[i]))
			return false;
	}
	*uri = bytes_of(uri->data + len, uri->len - len);
	return true;
}

static bool starts_with(struct bytes text, const char *with)
{
	size_t len = strlen(with);

	return text.len >= len && memcmp(text.data, with, len) == 0;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* ---- unix ----------------------------------------------------------------------------------------- */

/* pchar and '/' of RFC 3986, 3.3, without the escape. */
static bool is_path_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != 0 && strchr("/-._~!$&'()*+,;=:@", c) != NULL);
}

/* One byte of the path from *at, an escape decoded once; NUL and '/' cannot be written as escapes. */
static struct status path_byte(struct bytes path, size_t *at, char *ret_byte)
{
	uint8_t c = path.data[*at];
	int high, low;

	if (c != '%') {
		ENSURE(is_path_byte(c), CLIENT_ENDPOINT);
		*at += 1;
		*ret_byte = (char)c;
		return OK;
	}
	ENSURE(path.len - *at >= 3, CLIENT_ENDPOINT);
	high = hex_value(path.data[*at + 1]);
	low = hex_value(path.data[*at + 2]);
	ENSURE(high >= 0 && low >= 0, CLIENT_ENDPOINT);
	c = (uint8_t)(high << 4 | low);
	ENSURE(c != 0 && c != '/', CLIENT_ENDPOINT);
	*at += 3;
	*ret_byte = (char)c;
	return OK;
}

/* "unix:" has no authority, so "//" is followed by the path's own '/' (EP-05); without "//" the path stands alone. */
static struct status unix_parse(struct bytes rest, struct endpoint *ret_endpoint)
{
	struct endpoint e = { .kind = ENDPOINT_UNIX, .server_uid = ENDPOINT_ANYBODY };
	size_t len = 0, at = 0;

	if (starts_with(rest, "//"))
		rest = bytes_of(rest.data + 2, rest.len - 2);
	ENSURE(rest.len > 1 && rest.data[0] == '/', CLIENT_ENDPOINT);
	while (at < rest.len) {
		ENSURE(len < ENDPOINT_PATH_BYTES - 1, CLIENT_ENDPOINT);
		TRY(path_byte(rest, &at, &e.path[len++]));
	}
	*ret_endpoint = e;
	return OK;
}

/* ---- tcp ------------------------------------------------------------------------------------------ */

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

/* inet_pton is as strict as EP-08 asks: four decimal numbers, no leading zeros, no zone. */
static struct status host_parse(struct bytes host, bool is_ipv6, struct endpoint *e)
{
	uint8_t address[sizeof(struct in6_addr)];

	ENSURE(host.len > 0 && host.len < ENDPOINT_HOST_BYTES, CLIENT_ENDPOINT);
	ENSURE(memchr(host.data, 0, host.len) == NULL, CLIENT_ENDPOINT);
	memcpy(e->host, host.data, host.len);
	e->is_ipv6 = is_ipv6;
	ENSURE(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, e->host, address) == 1, CLIENT_ENDPOINT);
	return OK;
}

static struct status tcp_parse(struct bytes rest, struct endpoint *ret_endpoint)
{
	struct endpoint e = { .kind = ENDPOINT_TCP };
	bool is_ipv6;
	const uint8_t *end;
	size_t host_len, after;

	ENSURE(starts_with(rest, "//"), CLIENT_ENDPOINT);
	rest = bytes_of(rest.data + 2, rest.len - 2);
	is_ipv6 = starts_with(rest, "[");
	if (is_ipv6)
		rest = bytes_of(rest.data + 1, rest.len - 1);
	end = rest.len > 0 ? memchr(rest.data, is_ipv6 ? ']' : ':', rest.len) : NULL;
	ENSURE(end != NULL, CLIENT_ENDPOINT);
	host_len = (size_t)(end - rest.data);
	after = host_len + (is_ipv6 ? 1 : 0); /* where the port's ':' stands */
	ENSURE(after < rest.len && rest.data[after] == ':', CLIENT_ENDPOINT);
	TRY(host_parse(bytes_of(rest.data, host_len), is_ipv6, &e));
	TRY(port_parse(bytes_of(rest.data + after + 1, rest.len - after - 1), &e.port));
	*ret_endpoint = e;
	return OK;
}

/* ---- both ----------------------------------------------------------------------------------------- */

struct status endpoint_parse(struct bytes uri, struct endpoint *ret_endpoint)
{
	ENSURE(uri.len > 0 && uri.len <= URI_MAX_BYTES, CLIENT_ENDPOINT);
	if (take_scheme(&uri, "unix:"))
		return unix_parse(uri, ret_endpoint);
	ENSURE(take_scheme(&uri, "tcp:"), CLIENT_ENDPOINT);
	return tcp_parse(uri, ret_endpoint);
}

void endpoint_section_put(struct buf *to, struct bytes uri, uint32_t max_age_s, uint32_t server_uid)
{
	buf_put_sized(to, uri);
	buf_put_u32(to, max_age_s);
	buf_put_u32(to, server_uid);
}

struct status endpoint_section_get(struct bytes section, struct endpoint_section *ret_section)
{
	struct reader r = reader_of(section);
	struct bytes uri = reader_sized(&r, URI_MAX_BYTES);
	struct endpoint_section s = { .max_age_s = reader_u32(&r) };
	uint32_t server_uid = reader_u32(&r);

	ENSURE(reader_done(&r) && s.max_age_s > 0 && s.max_age_s <= ENDPOINT_MAX_AGE_S, CONFIG_SYNTAX);
	ENSURE(server_uid != ENDPOINT_ANYBODY, CONFIG_SYNTAX);
	TRY(endpoint_parse(uri, &s.endpoint));
	ENSURE(s.endpoint.kind == ENDPOINT_UNIX, CLIENT_ENDPOINT);
	s.endpoint.server_uid = server_uid;
	*ret_section = s;
	return OK;
}

struct status endpoint_choose(const char *configured, struct endpoint *ret_endpoint)
{
	const char *value = configured != NULL ? configured : secure_getenv(ENDPOINT_VARIABLE);

	ENSURE(value != NULL, CLIENT_ENDPOINT);
	return endpoint_parse(bytes_from_text(value), ret_endpoint);
}
