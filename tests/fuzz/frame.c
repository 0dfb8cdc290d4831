/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of a stranger as frames: whatever arrives, the length that frame_length() asks for only grows, header and
 * request survive being written again, and a client makes something definite of the same bytes as an answer. */
#include "tests/fuzz/fuzz.h"

#include "wire/frame.h"
#include "wire/opcode.h"

/* Arrive in steps, as a connection reads: ask, get as many, ask again. */
static size_t arrive(struct bytes input)
{
	size_t have = 0, want = 0;

	while (have < input.len) {
		struct bytes part = fuzz_copy(bytes_of(input.data, have));
		struct status st = frame_length(part, &want);

		fuzz_free(part);
		if (st.code != STATUS_OK)
			return 0;
		if (want <= have)
			return want;
		have = want;
	}
	return 0;
}

static void write_again(struct bytes input, size_t len)
{
	struct frame_header header;
	struct buf out = buf_make(len);
	struct bytes body, auth;

	FUZZ_CHECK(frame_header_decode(input, &header).code == STATUS_OK);
	FUZZ_CHECK(len == FRAME_HEADER_BYTES + (size_t)header.body_len + header.auth_len);
	if (frame_check(&header, (header.session & 1) != 0).code != STATUS_OK)
		return;
	body = bytes_of(input.data + FRAME_HEADER_BYTES, header.body_len);
	auth = bytes_of(body.data + body.len, header.auth_len);
	if (frame_request_put(&out, &header, body, auth).code == STATUS_OK) {
		FUZZ_CHECK(out.len == len);
		out.data[32] = input.data[32]; /* a request's status is ignored, and written as 0 */
		out.data[33] = input.data[33];
		FUZZ_CHECK(memcmp(out.data, input.data, len) == 0);
	}
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size);
	struct frame_header header;
	size_t len;

	fuzz_plant(input);
	len = arrive(input);
	if (len > 0 && len <= size)
		write_again(input, len);
	if (frame_response_decode(input, OPCODE_PSA_SIGN_HASH, &header).code == STATUS_OK)
		FUZZ_CHECK(header.status == 0 || header.body_len == 0);
	return 0;
}
