/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/frame.h"

#include "wire/opcode.h"

enum {
	MAGIC = 0x5ec0a710,
	HEADER_SIZE = FRAME_HEADER_BYTES - FRAME_SIZED_BYTES, /* what the field says: the bytes after it */
	CONTENT_PROTOBUF = 0,
};
_Static_assert(HEADER_SIZE == 30, "section 1");

struct status frame_magic_check(struct bytes have)
{
	static const uint8_t magic[FRAME_MAGIC_BYTES] = { 0x10, 0xa7, 0xc0, 0x5e };
	size_t len = have.len < FRAME_MAGIC_BYTES ? have.len : FRAME_MAGIC_BYTES;

	ENSURE(len == 0 || memcmp(have.data, magic, len) == 0, FRAME_MAGIC);
	return OK;
}

struct status frame_length(struct bytes have, size_t *ret_len)
{
	struct reader r = reader_of(have);
	struct frame_header header;
	size_t announced;

	TRY(frame_magic_check(have));
	if (have.len < FRAME_SIZED_BYTES) {
		*ret_len = FRAME_SIZED_BYTES;
		return OK;
	}
	(void)reader_bytes(&r, FRAME_MAGIC_BYTES);
	announced = FRAME_SIZED_BYTES + (size_t)reader_u16(&r);
	if (have.len < announced) {
		*ret_len = announced;
		return OK;
	}
	ENSURE(announced == FRAME_HEADER_BYTES, FRAME_HEADER_SIZE);
	TRY(frame_header_decode(have, &header));
	*ret_len = FRAME_HEADER_BYTES + (size_t)header.body_len + header.auth_len;
	return OK;
}

/* What stands before the lengths and after them; version and reserved bytes are for the caller to check. */
struct raw_header {
	uint32_t magic;
	uint16_t size;
	uint8_t major, minor;
	uint8_t reserved[2];
};

static void header_read(struct bytes from, struct raw_header *raw, struct frame_header *header)
{
	struct reader r = reader_of(from);

	raw->magic = reader_u32(&r);
	raw->size = reader_u16(&r);
	raw->major = reader_u8(&r);
	raw->minor = reader_u8(&r);
	header->flags = reader_u16(&r);
	header->provider = reader_u8(&r);
	header->session = reader_u64(&r);
	header->content_type = reader_u8(&r);
	header->accept_type = reader_u8(&r);
	header->auth_type = reader_u8(&r);
	header->body_len = reader_u32(&r);
	header->auth_len = reader_u16(&r);
	header->opcode = reader_u32(&r);
	header->status = reader_u16(&r);
	raw->reserved[0] = reader_u8(&r);
	raw->reserved[1] = reader_u8(&r);
}

struct status frame_header_decode(struct bytes from, struct frame_header *ret_header)
{
	struct raw_header raw;
	struct frame_header header;

	TRY(frame_magic_check(from));
	ENSURE(from.len >= FRAME_HEADER_BYTES, FRAME_SHORT);
	header_read(from, &raw, &header);
	ENSURE(raw.size == HEADER_SIZE, FRAME_HEADER_SIZE);
	ENSURE(raw.major == WIRE_VERSION_MAJOR && raw.minor == WIRE_VERSION_MINOR, FRAME_VERSION);
	ENSURE(raw.reserved[0] == 0 && raw.reserved[1] == 0, FRAME_RESERVED);
	ENSURE(header.body_len <= FRAME_BODY_MAX, FRAME_BODY_LONG);
	*ret_header = header;
	return OK;
}

struct status frame_check(const struct frame_header *header, bool has_private)
{
	ENSURE(header->content_type == CONTENT_PROTOBUF, FRAME_CONTENT_TYPE);
	ENSURE(header->accept_type == CONTENT_PROTOBUF, FRAME_ACCEPT_TYPE);
	ENSURE(header->auth_type < AUTH_TYPE_COUNT, FRAME_AUTH_TYPE);
	ENSURE(opcode_is_known(header->opcode) || (has_private && opcode_is_private(header->opcode)), FRAME_OPCODE);
	ENSURE(header->provider < PROVIDER_ID_COUNT, FRAME_PROVIDER);
	return OK;
}

static void header_put(struct buf *to, const struct frame_header *header)
{
	buf_put_u32(to, MAGIC);
	buf_put_u16(to, HEADER_SIZE);
	buf_put_u8(to, WIRE_VERSION_MAJOR);
	buf_put_u8(to, WIRE_VERSION_MINOR);
	buf_put_u16(to, header->flags);
	buf_put_u8(to, header->provider);
	buf_put_u64(to, header->session);
	buf_put_u8(to, header->content_type);
	buf_put_u8(to, header->accept_type);
	buf_put_u8(to, header->auth_type);
	buf_put_u32(to, header->body_len);
	buf_put_u16(to, header->auth_len);
	buf_put_u32(to, header->opcode);
	buf_put_u16(to, header->status);
	buf_put_u16(to, 0);
}

void frame_response_put(struct buf *to, const struct frame_header *echoed, uint16_t status, struct bytes body)
{
	struct frame_header header = { .opcode = OPCODE_PING, .status = status };

	if (status != 0)
		body = (struct bytes){ 0 };
	if (echoed != NULL) {
		header.flags = echoed->flags & FRAME_KEEP;
		header.provider = echoed->provider;
		header.session = echoed->session;
		header.opcode = echoed->opcode;
	}
	header.body_len = (uint32_t)body.len;
	header_put(to, &header);
	buf_put(to, body);
}

struct status frame_request_put(struct buf *to, const struct frame_header *header, struct bytes body, struct bytes auth)
{
	struct frame_header sent = *header;

	ENSURE(body.len <= FRAME_BODY_MAX && auth.len <= FRAME_AUTH_MAX, CLIENT_ARGUMENT);
	sent.body_len = (uint32_t)body.len;
	sent.auth_len = (uint16_t)auth.len;
	sent.status = 0;
	header_put(to, &sent);
	buf_put(to, body);
	buf_put(to, auth);
	return buf_check(to);
}

struct status frame_response_decode(struct bytes from, uint32_t opcode, struct frame_header *ret_header)
{
	struct raw_header raw;
	struct frame_header header;

	ENSURE(from.len >= FRAME_HEADER_BYTES, FRAME_SHORT);
	header_read(from, &raw, &header);
	ENSURE(raw.magic == MAGIC && raw.size == HEADER_SIZE, CLIENT_ANSWER);
	ENSURE(raw.major == WIRE_VERSION_MAJOR && raw.minor == WIRE_VERSION_MINOR, CLIENT_ANSWER);
	ENSURE(header.content_type == CONTENT_PROTOBUF && header.provider < PROVIDER_ID_COUNT, CLIENT_ANSWER);
	ENSURE(status_wire_name(header.status) != NULL, CLIENT_ANSWER);
	ENSURE(header.opcode == opcode || (header.opcode == OPCODE_PING && header.status != 0), CLIENT_ANSWER);
	ENSURE(header.body_len <= (header.status == 0 ? FRAME_ANSWER_MAX : 0), CLIENT_ANSWER);
	ENSURE(header.auth_len == 0, CLIENT_ANSWER);
	*ret_header = header;
	return OK;
}
