/* SPDX-License-Identifier: Apache-2.0 */
#include "keystore/intent.h"

#include "keystore/record.h"

enum intent_tag { TAG_PROVIDER = 1, TAG_RECORD = 2 };

void intent_columns_put(struct buf *to, const struct intent *intent, struct bytes node)
{
	buf_put_u8(to, (uint8_t)intent->op);
	buf_put_sized(to, bytes_of(intent->key.bytes, KEYSTORE_ID_BYTES));
	buf_put_sized(to, node);
	buf_put_sized(to, bytes_of(intent->hardware_id, KEYSTORE_HARDWARE_ID_BYTES));
}

struct status intent_body_put(struct buf *to, const struct intent *intent)
{
	ENSURE(intent->provider.len <= KEYSTORE_PROVIDER_MAX && intent->record.len <= KEYSTORE_RECORD_MAX, LIMIT);
	record_field_put(to, TAG_PROVIDER, intent->provider);
	record_field_put(to, TAG_RECORD, intent->record);
	return buf_check(to);
}

struct status intent_body_get(struct bytes body, struct intent *ret_intent)
{
	struct reader from = reader_of(body);
	struct bytes provider = record_field_get(&from, TAG_PROVIDER, KEYSTORE_PROVIDER_MAX);
	struct bytes record = record_field_get(&from, TAG_RECORD, KEYSTORE_RECORD_MAX);

	ENSURE(reader_done(&from), RECORD_CORRUPT);
	ret_intent->provider = provider;
	ret_intent->record = record;
	return OK;
}

struct status intent_op_of(int64_t number, enum intent_op *ret_op)
{
	ENSURE(number == INTENT_CREATE || number == INTENT_DESTROY, RECORD_CORRUPT);
	*ret_op = (enum intent_op)number;
	return OK;
}
