/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 (RFC 4648), PEM (RFC 7468) and the DER of ECDSA signatures (RFC 3279 section 2.2.3). */
#include <string.h>

#include "client/cli.h"

enum { PEM_LINE = 64, PAD = 64, SKIP = 65, BAD = 66 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void encode_base64(struct buf *to, struct bytes data)
{
	for (size_t i = 0; i < data.len; i += 3) {
		size_t left = data.len - i;
		uint32_t group = (uint32_t)data.data[i] << 16 | (left > 1 ? (uint32_t)data.data[i + 1] << 8 : 0) |
				 (left > 2 ? data.data[i + 2] : 0u);

		buf_put_u8(to, (uint8_t)alphabet[group >> 18]);
		buf_put_u8(to, (uint8_t)alphabet[group >> 12 & 63]);
		buf_put_u8(to, (uint8_t)(left > 1 ? alphabet[group >> 6 & 63] : '='));
		buf_put_u8(to, (uint8_t)(left > 2 ? alphabet[group & 63] : '='));
	}
}

static unsigned digit(uint8_t c, bool url)
{
	const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

	if (c == (url ? '-' : '+'))
		return 62;
	if (c == (url ? '_' : '/'))
		return 63;
	if (at != NULL && at < alphabet + 62)
		return (unsigned)(at - alphabet);
	if (!url && (c == '\n' || c == '\r' || c == ' ' || c == '\t'))
		return SKIP;
	return !url && c == '=' ? PAD : BAD;
}

/* Bits gather in `held`; what is left at the end must be less than a byte, and zero. */
bool decode_base64(struct buf *to, struct bytes text, bool url)
{
	uint32_t held = 0;
	unsigned bits = 0;
	size_t digits = 0, pads = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned d = digit(text.data[i], url);

		if (d == SKIP)
			continue;
		if (d == BAD || (pads > 0 && d != PAD))
			return false;
		if (d == PAD) {
			pads++;
			continue;
		}
		digits++;
		held = held << 6 | d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_put_u8(to, (uint8_t)(held >> bits));
			held &= (1u << bits) - 1;
		}
	}
	if (held != 0 || digits % 4 == 1 || (!url && (digits + pads) % 4 != 0) || pads > 2)
		return false;
	return buf_check(to).code == STATUS_OK;
}

void encode_pem(struct buf *to, const char *label, struct bytes der)
{
	struct buf text = buf_make(2 * der.len + 8);

	encode_base64(&text, der);
	buf_printf(to, "-----BEGIN %s-----\n", label);
	for (size_t i = 0; i < text.len; i += PEM_LINE) {
		size_t len = text.len - i < PEM_LINE ? text.len - i : PEM_LINE;

		buf_put(to, bytes_of(text.data + i, len));
		buf_put_text(to, "\n");
	}
	buf_printf(to, "-----END %s-----\n", label);
	buf_done(&text);
}

/* ---- ECDSA signatures -------------------------------------------------------------------------------- */

enum { DER_INTEGER = 0x02, DER_SEQUENCE = 0x30 };

static struct bytes without_zeros(struct bytes number)
{
	while (number.len > 1 && number.data[0] == 0)
		number = bytes_of(number.data + 1, number.len - 1);
	return number;
}

static void put_length(struct buf *to, size_t len)
{
	if (len >= 0x80)
		buf_put_u8(to, 0x81); /* a signature is shorter than 256 bytes */
	buf_put_u8(to, (uint8_t)len);
}

static void put_integer(struct buf *to, struct bytes number)
{
	bool is_high = (number.data[0] & 0x80) != 0;

	buf_put_u8(to, DER_INTEGER);
	put_length(to, number.len + is_high);
	if (is_high)
		buf_put_u8(to, 0);
	buf_put(to, number);
}

void encode_ecdsa(struct buf *to, struct bytes raw)
{
	struct bytes r = without_zeros(bytes_of(raw.data, raw.len / 2));
	struct bytes s = without_zeros(bytes_of(raw.data + raw.len / 2, raw.len / 2));
	struct buf inner = buf_make(raw.len + 16);

	put_integer(&inner, r);
	put_integer(&inner, s);
	buf_put_u8(to, DER_SEQUENCE);
	put_length(to, inner.len);
	buf_put(to, buf_bytes(&inner));
	buf_done(&inner);
}

static size_t get_length(struct reader *r)
{
	uint8_t len = reader_u8(r);

	if (len < 0x80)
		return len;
	if (len != 0x81)
		r->bad = true;
	len = reader_u8(r);
	if (len < 0x80)
		r->bad = true; /* DER: the shortest form */
	return len;
}

/* Positive, minimal, and not wider than half_bytes; written right-aligned. */
static void get_integer(struct reader *r, size_t half_bytes, struct buf *to)
{
	uint8_t tag = reader_u8(r);
	struct bytes number = reader_bytes(r, get_length(r));

	if (r->bad || tag != DER_INTEGER || number.len == 0 || (number.data[0] & 0x80) != 0 ||
		(number.len > 1 && number.data[0] == 0 && (number.data[1] & 0x80) == 0)) {
		r->bad = true;
		return;
	}
	number = without_zeros(number);
	if (number.len > half_bytes) {
		r->bad = true;
		return;
	}
	for (size_t i = number.len; i < half_bytes; i++)
		buf_put_u8(to, 0);
	buf_put(to, number);
}

bool decode_ecdsa(struct buf *to, struct bytes der, size_t half_bytes)
{
	struct reader r = reader_of(der);
	uint8_t tag = reader_u8(&r);
	size_t len = get_length(&r);

	if (r.bad || tag != DER_SEQUENCE || len != r.left.len)
		return false;
	get_integer(&r, half_bytes, to);
	get_integer(&r, half_bytes, to);
	return reader_done(&r) && buf_check(to).code == STATUS_OK;
}
