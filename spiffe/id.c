/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/id.h"

#include <stdlib.h>

#include "base/own.h"

static const struct bytes scheme = { (const uint8_t *)"spiffe://", SPIFFE_SCHEME_BYTES };

/* What both parts of an ID may be written with; letters beside it. */
static bool is_common(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool is_domain_byte(uint8_t c)
{
	/* "the host ... MUST be lowercase" (SPIFFE-ID 2.1): refused here, never converted (D-01). */
	return is_common(c);
}

static bool is_path_byte(uint8_t c)
{
	return is_common(c) || (c >= 'A' && c <= 'Z');
}

struct status spiffe_trust_domain_check(struct bytes name)
{
	ENSURE(name.len > 0 && name.len <= SPIFFE_TRUST_DOMAIN_MAX_BYTES, ID_MALFORMED);
	for (size_t i = 0; i < name.len; i++)
		ENSURE(is_domain_byte(name.data[i]), ID_MALFORMED);
	return OK;
}

static bool is_dots(struct bytes segment)
{
	return bytes_equal(segment, BYTES_LITERAL(".")) || bytes_equal(segment, BYTES_LITERAL(".."));
}

/* A segment ends before len or at '/'. */
static size_t segment_end(struct bytes path, size_t from)
{
	while (from < path.len && path.data[from] != '/')
		from++;
	return from;
}

/* *( "/" segment ): "MUST NOT include a trailing /", no empty segment, no "." or ".." (SPIFFE-ID 2.2). */
static struct status path_check(struct bytes path)
{
	size_t at = 0;

	while (at < path.len) {
		size_t end = segment_end(path, at + 1);
		struct bytes segment = bytes_of(path.data + at + 1, end - at - 1);

		ENSURE(segment.len > 0 && !is_dots(segment), ID_MALFORMED);
		for (size_t i = 0; i < segment.len; i++)
			ENSURE(is_path_byte(segment.data[i]), ID_MALFORMED);
		at = end;
	}
	return OK;
}

struct status spiffe_id_split(struct bytes text, struct bytes *ret_domain, struct bytes *ret_path)
{
	struct bytes rest, domain, path;

	ENSURE(text.len > scheme.len && text.len <= SPIFFE_ID_MAX_BYTES, ID_MALFORMED);
	ENSURE(bytes_equal(bytes_of(text.data, scheme.len), scheme), ID_MALFORMED);
	rest = bytes_of(text.data + scheme.len, text.len - scheme.len);
	domain = bytes_of(rest.data, segment_end(rest, 0));
	path = bytes_of(rest.data + domain.len, rest.len - domain.len);
	TRY(spiffe_trust_domain_check(domain));
	TRY(path_check(path));
	*ret_domain = domain;
	*ret_path = path;
	return OK;
}

struct status spiffe_id_check(struct bytes text)
{
	struct bytes domain, path;

	return spiffe_id_split(text, &domain, &path);
}

struct status spiffe_id_parse(struct bytes text, struct spiffe_id *ret_id)
{
	struct bytes domain, path;
	uint8_t *data;

	TRY(spiffe_id_split(text, &domain, &path));
	data = malloc(text.len);
	ENSURE(data != NULL, NO_MEMORY);
	memcpy(data, text.data, text.len);
	*ret_id = (struct spiffe_id){ .data = data, .len = (uint16_t)text.len, .domain_len = (uint16_t)domain.len };
	return OK;
}

void spiffe_id_done(struct spiffe_id *id)
{
	free(id->data);
	*id = (struct spiffe_id){ 0 };
}

struct status spiffe_map_key_domain(struct bytes key, struct bytes *ret_domain)
{
	struct bytes domain = key, path = { 0 };

	/* A bare name cannot hold ':', so the two forms cannot be confused. */
	if (key.len > 0 && memchr(key.data, ':', key.len) != NULL)
		TRY(spiffe_id_split(key, &domain, &path));
	TRY(spiffe_trust_domain_check(domain));
	ENSURE(path.len == 0, ID_MALFORMED);
	*ret_domain = domain;
	return OK;
}
