/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs11/provider.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/pkcs11/caps.h"
#include "crypto/pkcs11/sign.h"
#include "crypto/pkcs11/wrapkey.h"
#include "crypto/wrap.h"

enum { BLOB_VERSION = 1, SERIAL_BYTES = 16 };

struct status provider_load(struct provider *p)
{
	CK_SLOT_ID slot;

	TRY(module_load(&p->module, p->config.module));
	TRY(module_find(&p->module, p->config.token, p->config.serial, &slot));
	p->keys.session = &p->session;
	return session_init(&p->session, p->module.fn, slot, &p->pin);
}

void provider_done(struct provider *p)
{
	session_done(&p->session);
	pin_done(&p->pin);
	module_done(&p->module);
}

/* ---- open ---------------------------------------------------------------------------------------- */

/* PKCS #11 pads its texts with blanks and terminates none. */
static void put_padded(struct buf *to, const unsigned char *text, size_t len)
{
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\0'))
		len--;
	for (size_t i = 0; i < len; i++)
		buf_put_u8(to, text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
}

static void describe(const CK_TOKEN_INFO *token, struct worker_info *info)
{
	struct buf text = buf_make(sizeof(info->description) - 1);

	put_padded(&text, token->model, sizeof(token->model));
	buf_put_text(&text, ", token ");
	put_padded(&text, token->label, sizeof(token->label));
	if (text.len > 0)
		memcpy(info->description, text.data, text.len);
	buf_done(&text);
}

static struct status identify(const CK_TOKEN_INFO *token, uint8_t ret_identity[static DIGEST_SHA256_BYTES])
{
	uint8_t all[sizeof(token->manufacturerID) + sizeof(token->model) + sizeof(token->serialNumber) +
		    sizeof(token->label)];
	uint8_t *at = all;

#define IDENTIFY_PUT(field) at = mempcpy(at, token->field, sizeof(token->field))
	IDENTIFY_PUT(manufacturerID);
	IDENTIFY_PUT(model);
	IDENTIFY_PUT(serialNumber);
	IDENTIFY_PUT(label);
#undef IDENTIFY_PUT
	return digest_sha256(bytes_of(all, (size_t)(at - all)), ret_identity);
}

static bool is_softhsm(const CK_TOKEN_INFO *token)
{
	static const char softhsm[] = "SoftHSM project";

	return memcmp(token->manufacturerID, softhsm, sizeof(softhsm) - 1) == 0;
}

static bool verifies(const struct provider *p)
{
	if (p->config.verify_after_sign == WORKER_VERIFY_AUTO)
		return !is_softhsm(&p->session.token);
	return p->config.verify_after_sign == WORKER_VERIFY_ON;
}

static struct status provider_open(
	void *self, struct bytes state, struct bytes tag, struct worker_info *ret_info, struct buf *ret_state)
{
	struct provider *p = self;

	(void)state; /* the token keeps its own */
	(void)ret_state;
	ENSURE(tag.len == sizeof(p->tag), IPC_MALFORMED);
	memcpy(p->tag, tag.data, tag.len);
	TRY(session_open(&p->session));
	TRY(caps_ask(&p->session, ret_info));
	describe(&p->session.token, ret_info);
	TRY(identify(&p->session.token, ret_info->identity));
	ret_info->needs_intent = true;
	ret_info->verify_after_sign = verifies(p);
	p->is_open = true;
	return OK;
}

/* ---- once more, when the session was lost -------------------------------------------------------- */

/* One request, with what its act needs. */
struct act {
	const struct worker_request *rq;
	const uint8_t *id; /* WORKER_HARDWARE_ID_BYTES; NULL where the act has none */
	struct bytes input;
	struct buf *output;
	uint32_t count;
	bool is_repeated;
};

typedef struct status act_fn(struct provider *p, struct act *act);

static struct status reopen(struct provider *p)
{
	struct status st;

	key_forget_all(&p->keys);
	st = session_open(&p->session);
	if (st.code == STATUS_OK)
		log_notice("session with the token was lost and is open again");
	return st;
}

static struct status do_act(struct provider *p, act_fn *fn, struct act *act)
{
	struct status st;

	if (p->session.handle != CK_INVALID_HANDLE) {
		st = fn(p, act);
		if (st.code == STATUS_OK || !p->session.is_lost)
			return st;
		act->is_repeated = true;
	}
	TRY(reopen(p));
	st = fn(p, act);
	ENSURE(st.code == STATUS_OK || !p->session.is_lost, DEVICE_GONE);
	return st;
}

/* ---- keys ---------------------------------------------------------------------------------------- */

static void blob_put(struct buf *to, const struct provider *p, const uint8_t *id)
{
	buf_put_u8(to, BLOB_VERSION);
	buf_put(to, bytes_of(id, WORKER_HARDWARE_ID_BYTES));
	buf_put(to, bytes_of(p->session.token.serialNumber, SERIAL_BYTES));
}

/* The id, borrowed from the blob. */
static struct status blob_get(const struct provider *p, struct bytes blob, const uint8_t **ret_id)
{
	struct reader r = reader_of(blob);
	uint8_t version = reader_u8(&r);
	struct bytes id = reader_bytes(&r, WORKER_HARDWARE_ID_BYTES);
	struct bytes serial = reader_bytes(&r, SERIAL_BYTES);

	ENSURE(reader_done(&r) && version == BLOB_VERSION, DEVICE_INTEGRITY);
	ENSURE(bytes_equal(serial, bytes_of(p->session.token.serialNumber, SERIAL_BYTES)), DEVICE_INTEGRITY);
	*ret_id = id.data;
	return OK;
}

static struct status act_generate(struct provider *p, struct act *act)
{
	if (act->is_repeated) /* the first one may have got as far as an object */
		TRY(key_destroy(&p->keys, act->id));
	return key_generate(&p->keys, act->rq, act->output);
}

static struct status provider_generate(
	void *self, const struct worker_request *rq, struct bytes parent, struct worker_answer *answer)
{
	struct provider *p = self;
	struct act act = { .rq = rq, .id = rq->hardware_id, .output = &answer->part[1] };

	(void)parent;
	TRY(do_act(p, act_generate, &act));
	blob_put(&answer->part[0], p, rq->hardware_id);
	buf_put_text(&answer->part[2], "C_GenerateKeyPair");
	return OK;
}

static struct status act_sign(struct provider *p, struct act *act)
{
	return sign_hash(&p->keys, act->rq, act->id, act->input, act->output);
}

static struct status provider_sign(void *self, const struct worker_request *rq, struct bytes blob, struct bytes parent,
	struct bytes hash, struct worker_answer *answer)
{
	struct provider *p = self;
	struct act act = { .rq = rq, .input = hash, .output = &answer->part[0] };

	(void)parent;
	TRY(blob_get(p, blob, &act.id));
	TRY(do_act(p, act_sign, &act));
	buf_put_text(&answer->part[2], "C_Sign");
	return OK;
}

static struct status act_destroy(struct provider *p, struct act *act)
{
	return key_destroy(&p->keys, act->id);
}

static struct status provider_destroy(
	void *self, const struct worker_request *rq, struct bytes blob, struct worker_answer *answer)
{
	struct provider *p = self;
	struct act act = { .rq = rq };

	TRY(blob_get(p, blob, &act.id));
	TRY(do_act(p, act_destroy, &act));
	buf_put_text(&answer->part[2], "C_DestroyObject");
	return OK;
}

static struct status act_find(struct provider *p, struct act *act)
{
	return key_count(&p->keys, act->id, &act->count);
}

static struct status provider_find(void *self, const struct worker_request *rq, uint32_t *ret_count)
{
	struct act act = { .rq = rq, .id = rq->hardware_id };

	TRY(do_act(self, act_find, &act));
	*ret_count = act.count;
	return OK;
}

static struct status provider_clean(void *self, const struct worker_request *rq)
{
	struct act act = { .rq = rq, .id = rq->hardware_id };

	return do_act(self, act_destroy, &act);
}

/* ---- random bytes and the wrapping key ----------------------------------------------------------- */

static struct status act_random(struct provider *p, struct act *act)
{
	uint8_t *to = buf_reserve(act->output, act->count);

	ENSURE(to != NULL, NO_MEMORY);
	TRY(SESSION_CHECK(&p->session, p->session.fn->C_GenerateRandom(p->session.handle, to, act->count)));
	buf_grew(act->output, act->count);
	return OK;
}

static struct status provider_random(void *self, uint32_t bytes, struct worker_answer *answer)
{
	struct act act = { .output = &answer->part[0], .count = bytes };

	return do_act(self, act_random, &act);
}

static struct status act_seal(struct provider *p, struct act *act)
{
	return wrapkey_seal(&p->session, bytes_of(p->tag, sizeof(p->tag)), act->input, act->output);
}

static struct status act_unseal(struct provider *p, struct act *act)
{
	return wrapkey_open(&p->session, bytes_of(p->tag, sizeof(p->tag)), act->input, act->output);
}

static struct status provider_wrap(void *self, const struct ipc_message *message, struct worker_answer *answer)
{
	struct provider *p = self;
	struct act act = { .input = message->part[1], .output = &answer->part[0] };

	ENSURE(p->is_open, WRAP_MISSING);
	return do_act(p, message->type == WRAP_SEAL ? act_seal : act_unseal, &act);
}

const struct worker_ops provider_ops = {
	.role = "p11",
	.threads = 1, /* SoftHSM2 dies of concurrent use, and libraries of vendors are not better known */
	.open = provider_open,
	.generate = provider_generate,
	.sign = provider_sign,
	.destroy = provider_destroy,
	.random = provider_random,
	.find = provider_find,
	.clean = provider_clean,
	.wrap = provider_wrap,
};
