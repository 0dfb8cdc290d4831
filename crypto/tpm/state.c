/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/state.h"

#include <string.h>

enum { STATE_VERSION = 1 };

struct status state_put(struct buf *to, const struct tpm_state *state)
{
	buf_put_u8(to, STATE_VERSION);
	buf_put_sized(to, bytes_of(state->storage_name.name, state->storage_name.size));
	buf_put_sized(to, bytes_of(state->seal_key, state->seal_key_len));
	buf_put_u64(to, state->firmware);
	buf_put_u8(to, state->pss_fits ? 1 : 0);
	return buf_check(to);
}

struct status state_get(struct bytes from, struct tpm_state *ret_state)
{
	struct tpm_state state = { 0 };
	struct reader r = reader_of(from);
	struct bytes name, key;
	uint8_t version, fits;

	if (from.len == 0) {
		*ret_state = state;
		return OK;
	}
	version = reader_u8(&r);
	name = reader_sized(&r, sizeof(state.storage_name.name));
	key = reader_sized(&r, sizeof(state.seal_key));
	state.firmware = reader_u64(&r);
	fits = reader_u8(&r);
	ENSURE(reader_done(&r) && version == STATE_VERSION && name.len > 0 && key.len > 0 && fits <= 1, RECORD_CORRUPT);
	memcpy(state.storage_name.name, name.data, name.len);
	state.storage_name.size = (UINT16)name.len;
	memcpy(state.seal_key, key.data, key.len);
	state.seal_key_len = key.len;
	state.pss_fits = fits == 1;
	*ret_state = state;
	return OK;
}
