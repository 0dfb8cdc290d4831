/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/audit_line.h"

#include <string.h>

#include "base/clock.h"

/* Length of the UTF-8 sequence at the front, 0 if it is none (RFC 3629: no surrogates, nothing overlong). */
static size_t utf8_length(struct bytes s)
{
	uint8_t lead = s.data[0];
	size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	uint32_t code;

	if (lead < 0xc2 || lead > 0xf4 || s.len < len)
		return 0;
	code = lead & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s.data[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s.data[i] & 0x3f);
	}
	if ((len == 3 && code < 0x800) || (len == 4 && (code < 0x10000 || code > 0x10ffff)))
		return 0;
	return code >= 0xd800 && code <= 0xdfff ? 0 : len;
}

static bool is_plain(uint8_t c)
{
	return c >= ' ' && c < 127 && c != '"' && c != '\\';
}

/* The number of a character that ends a line for some readers, or turns the text around for some terminals: C1, the
 * separators, and marks and overrides of direction.  0: what stands at the front is none. */
static unsigned layout_of(struct bytes text)
{
	unsigned c;

	if (text.len >= 2 && text.data[0] == 0xc2)
		return text.data[1] >= 0x80 && text.data[1] < 0xa0 ? text.data[1] : 0;
	if (text.len >= 2 && text.data[0] == 0xd8 && text.data[1] == 0x9c)
		return 0x61c;
	if (text.len < 3 || text.data[0] != 0xe2 || utf8_length(text) != 3)
		return 0;
	c = 0x2000u | (text.data[1] & 0x3fu) << 6 | (text.data[2] & 0x3fu);
	return c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ? c : 0;
}

/* How many bytes at the front may stand as they are: a run of plain ones, or one UTF-8 sequence. */
static size_t unescaped(struct bytes text)
{
	size_t len = 0;

	while (len < text.len && is_plain(text.data[len]))
		len++;
	return len > 0 || text.data[0] < 0x80 ? len : utf8_length(text);
}

static void put_escaped(struct buf *to, uint8_t c)
{
	if (c == '"' || c == '\\') {
		buf_put_u8(to, '\\');
		buf_put_u8(to, c);
		return;
	}
	buf_put_text(to, "\\u00");
	buf_put_hex(to, bytes_of(&c, 1));
}

void audit_text_put(struct buf *to, struct bytes text)
{
	struct reader r = reader_of(text);

	buf_put_u8(to, '"');
	while (r.left.len > 0) {
		unsigned layout = layout_of(r.left);
		size_t len = unescaped(r.left);

		if (layout != 0) {
			buf_printf(to, "\\u%04x", layout);
			(void)reader_bytes(&r, len);
		} else if (len > 0) {
			buf_put(to, reader_bytes(&r, len));
		} else {
			put_escaped(to, reader_u8(&r));
		}
	}
	buf_put_u8(to, '"');
}

struct audit_record audit_record_of(int64_t wall_us)
{
	return (struct audit_record){ .wall_us = wall_us,
		.wire = -1,
		.us_read = -1,
		.us_authn = -1,
		.us_policy = -1,
		.us_queue = -1,
		.us_device = -1,
		.us_total = -1 };
}

void audit_int_put(struct buf *to, int64_t value)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (value < 0)
		digits[--at] = '-';
	buf_put(to, bytes_of(digits + at, sizeof(digits) - at));
}

static void field(struct buf *to, const char *name)
{
	buf_put_text(to, ",\"");
	buf_put_text(to, name);
	buf_put_text(to, "\":");
}

static void field_int(struct buf *to, const char *name, int64_t value)
{
	field(to, name);
	audit_int_put(to, value);
}

static void field_text(struct buf *to, const char *name, const char *text)
{
	if (text == NULL)
		return;
	field(to, name);
	audit_text_put(to, bytes_from_text(text));
}

static void field_bytes(struct buf *to, const char *name, struct bytes text)
{
	if (text.len == 0)
		return;
	field(to, name);
	audit_text_put(to, text);
}

static void field_hash(struct buf *to, const char *name, const uint8_t *hash)
{
	if (hash == NULL)
		return;
	field(to, name);
	buf_put_u8(to, '"');
	buf_put_hex(to, bytes_of(hash, AUDIT_HASH_BYTES));
	buf_put_u8(to, '"');
}

/* The first field of an object has no comma in front. */
static void inner_int(struct buf *to, bool *first, const char *name, int64_t value)
{
	buf_put_text(to, *first ? "\"" : ",\"");
	buf_put_text(to, name);
	buf_put_text(to, "\":");
	audit_int_put(to, value);
	*first = false;
}

static void put_peer(struct buf *to, const struct audit_record *r)
{
	bool first = true;

	if (!r->has_peer)
		return;
	field(to, "peer");
	buf_put_u8(to, '{');
	inner_int(to, &first, "uid", r->uid);
	if (r->gid != AUDIT_NO_GID)
		inner_int(to, &first, "gid", r->gid);
	inner_int(to, &first, "pid", r->pid);
	buf_put_u8(to, '}');
}

static void put_holder(struct buf *to, const struct audit_record *r)
{
	bool first = true;

	if (!r->has_holder)
		return;
	field(to, "holder");
	buf_put_u8(to, '{');
	inner_int(to, &first, "uid", r->holder_uid);
	inner_int(to, &first, "gid", r->holder_gid);
	buf_put_u8(to, '}');
}

static void put_token(struct buf *to, const struct audit_record *r)
{
	bool first = true;

	if (r->token_hash == NULL)
		return;
	field(to, "token");
	buf_put_u8(to, '{');
	if (r->kid.len > 0) {
		buf_put_text(to, "\"kid\":");
		audit_text_put(to, r->kid);
		first = false;
	}
	buf_put_text(to, first ? "\"hash\":\"" : ",\"hash\":\"");
	buf_put_hex(to, bytes_of(r->token_hash, AUDIT_HASH_BYTES));
	buf_put_u8(to, '"');
	first = false;
	if (r->token_start != 0)
		inner_int(to, &first, "start", r->token_start);
	if (r->token_exp != 0)
		inner_int(to, &first, "exp", r->token_exp);
	buf_put_u8(to, '}');
}

/* "Load,Sign" as ["Load","Sign"]. */
static void put_hw(struct buf *to, struct bytes hw)
{
	const uint8_t *at = hw.data, *end = hw.data + hw.len;

	if (hw.len == 0)
		return;
	field(to, "hw");
	buf_put_u8(to, '[');
	while (at < end) {
		const uint8_t *comma = memchr(at, ',', (size_t)(end - at));
		const uint8_t *stop = comma != NULL ? comma : end;

		audit_text_put(to, bytes_of(at, (size_t)(stop - at)));
		at = comma != NULL ? comma + 1 : end;
		if (at < end)
			buf_put_u8(to, ',');
	}
	buf_put_u8(to, ']');
}

static void put_durations(struct buf *to, const struct audit_record *r)
{
	const struct {
		const char *name;
		int64_t us;
	} rows[] = { { "read", r->us_read }, { "authn", r->us_authn }, { "policy", r->us_policy },
		{ "queue", r->us_queue }, { "device", r->us_device }, { "total", r->us_total } };
	bool first = true;

	if (r->us_total < 0)
		return;
	field(to, "us");
	buf_put_u8(to, '{');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].us >= 0)
			inner_int(to, &first, rows[i].name, rows[i].us);
	buf_put_u8(to, '}');
}

void audit_line_put(struct buf *to, const char *boot, const struct audit_record *r)
{
	char time[CLOCK_TEXT_BYTES];

	clock_text(r->wall_us, time);
	buf_put_text(to, "\"time\":\"");
	buf_put_text(to, time);
	buf_put_u8(to, '"');
	field_text(to, "boot", boot);
	field_text(to, "event", r->event);
	if (r->conn != 0)
		field_int(to, "conn", (int64_t)r->conn);
	if (r->req != 0)
		field_int(to, "req", (int64_t)r->req);
	field_text(to, "authn", r->authn);
	field_bytes(to, "issuer", r->issuer);
	field_bytes(to, "identity", r->identity);
	field_bytes(to, "tenant", r->tenant);
	put_peer(to, r);
	put_holder(to, r);
	put_token(to, r);
	field_text(to, "op", r->op);
	field_bytes(to, "provider", r->provider);
	if (r->has_key) {
		field(to, "key");
		audit_text_put(to, r->key);
	}
	field_bytes(to, "target", r->target);
	field_hash(to, "record", r->record);
	field_text(to, "decision", r->decision);
	field_text(to, "rule", r->rule);
	field_text(to, "status", r->status);
	if (r->wire >= 0)
		field_int(to, "wire", r->wire);
	if (r->native != 0)
		field_int(to, "native", r->native);
	field_text(to, "detail", r->detail);
	if (r->count != 0)
		field_int(to, "count", r->count);
	field_hash(to, "request", r->request);
	field_hash(to, "response", r->response);
	put_hw(to, r->hw);
	put_durations(to, r);
	buf_put_text(to, "}\n");
}
