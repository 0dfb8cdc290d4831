/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/worker_config.h"

#include <string.h>

/* Tag, length, value; in any order, each at most once, unknown ones refused: both ends are of one build. */
enum tag {
	TAG_NAME = 1,
	TAG_TYPE,
	TAG_VERIFY,
	TAG_STRICT,
	TAG_SESSIONS_PASSWORD,
	TAG_NEEDS_UNIX_SOCKETS,
	TAG_THREADS,
	TAG_HANDLE,
	TAG_TCTI,
	TAG_MODULE,
	TAG_TOKEN,
	TAG_SERIAL,
	TAG_WRAP,
	TAG_STATE,
	TAG_COUNT
};

enum field_shape { SHAPE_NONE = 0, SHAPE_TEXT, SHAPE_BOOL, SHAPE_U8, SHAPE_U32 };

struct field {
	enum field_shape shape;
	uint32_t offset;
	uint32_t max; /* texts: bytes without the NUL; numbers: the largest */
};

/* clang-format off */
#define FIELD(member) offsetof(struct worker_config, member)
static const struct field fields[TAG_COUNT] = {
	[TAG_NAME]               = { SHAPE_TEXT, FIELD(name),               WORKER_CONFIG_NAME_MAX },
	[TAG_TYPE]               = { SHAPE_U8,   FIELD(type),               WORKER_CONFIG_TYPE_COUNT - 1 },
	[TAG_VERIFY]             = { SHAPE_U8,   FIELD(verify_after_sign),  WORKER_VERIFY_COUNT - 1 },
	[TAG_STRICT]             = { SHAPE_BOOL, FIELD(strict),             1 },
	[TAG_SESSIONS_PASSWORD]  = { SHAPE_BOOL, FIELD(sessions_password),  1 },
	[TAG_NEEDS_UNIX_SOCKETS] = { SHAPE_BOOL, FIELD(needs_unix_sockets), 1 },
	[TAG_THREADS]            = { SHAPE_U32,  FIELD(threads),            UINT32_MAX },
	[TAG_HANDLE]             = { SHAPE_U32,  FIELD(handle),             UINT32_MAX },
	[TAG_TCTI]               = { SHAPE_TEXT, FIELD(tcti),               WORKER_CONFIG_PATH_MAX },
	[TAG_MODULE]             = { SHAPE_TEXT, FIELD(module),             WORKER_CONFIG_PATH_MAX },
	[TAG_TOKEN]              = { SHAPE_TEXT, FIELD(token),              WORKER_CONFIG_LABEL_MAX },
	[TAG_SERIAL]             = { SHAPE_TEXT, FIELD(serial),             WORKER_CONFIG_SERIAL_MAX },
	[TAG_WRAP]               = { SHAPE_TEXT, FIELD(wrap),               WORKER_CONFIG_NAME_MAX },
	[TAG_STATE]              = { SHAPE_TEXT, FIELD(state),              WORKER_CONFIG_PATH_MAX },
};
/* clang-format on */

static struct status field_put(struct buf *to, const struct field *field, const uint8_t *at)
{
	size_t len;
	uint32_t number;

	switch (field->shape) {
	case SHAPE_TEXT:
		len = strnlen((const char *)at, field->max + 1);
		ENSURE(len <= field->max, LIMIT);
		buf_put_sized(to, bytes_of(at, len));
		return OK;
	case SHAPE_BOOL:
	case SHAPE_U8:
		buf_put_sized(to, bytes_of(at, 1));
		return OK;
	case SHAPE_U32:
		memcpy(&number, at, sizeof(number));
		buf_put_u32(to, sizeof(number));
		buf_put_u32(to, number);
		return OK;
	case SHAPE_NONE:
		break;
	}
	return OK;
}

struct status worker_config_put(struct buf *to, const struct worker_config *config)
{
	for (unsigned tag = 1; tag < TAG_COUNT; tag++) {
		buf_put_u8(to, (uint8_t)tag);
		TRY(field_put(to, &fields[tag], (const uint8_t *)config + fields[tag].offset));
	}
	return buf_check(to);
}

static struct status field_get(struct bytes value, const struct field *field, uint8_t *at)
{
	struct reader r = reader_of(value);
	uint32_t number;

	switch (field->shape) {
	case SHAPE_TEXT:
		ENSURE(value.len <= field->max, IPC_MALFORMED);
		ENSURE(value.len == 0 || memchr(value.data, '\0', value.len) == NULL, IPC_MALFORMED);
		if (value.len > 0)
			memcpy(at, value.data, value.len);
		at[value.len] = '\0';
		return OK;
	case SHAPE_BOOL:
	case SHAPE_U8:
		number = reader_u8(&r);
		ENSURE(reader_done(&r) && number <= field->max, IPC_MALFORMED);
		*at = (uint8_t)number;
		return OK;
	case SHAPE_U32:
		number = reader_u32(&r);
		ENSURE(reader_done(&r), IPC_MALFORMED);
		memcpy(at, &number, sizeof(number));
		return OK;
	case SHAPE_NONE:
		break;
	}
	return FAIL(IPC_MALFORMED);
}

struct status worker_config_get(struct bytes from, struct worker_config *ret_config)
{
	struct worker_config config = { 0 };
	struct reader r = reader_of(from);
	uint32_t seen = 0;

	while (!r.bad && r.left.len > 0) {
		uint8_t tag = reader_u8(&r);
		struct bytes value = reader_sized(&r, WORKER_CONFIG_BYTES_MAX);

		ENSURE(!r.bad && tag > 0 && tag < TAG_COUNT && (seen & 1u << tag) == 0, IPC_MALFORMED);
		seen |= 1u << tag;
		TRY(field_get(value, &fields[tag], (uint8_t *)&config + fields[tag].offset));
	}
	ENSURE(!r.bad && config.name[0] != '\0' && config.type != WORKER_CONFIG_NONE, IPC_MALFORMED);
	*ret_config = config;
	return OK;
}
