/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/provider.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/own.h"
#include "crypto/tpm/caps.h"
#include "crypto/tpm/key.h"
#include "crypto/tpm/seal.h"
#include "crypto/tpm/session.h"
#include "crypto/tpm/sign.h"
#include "crypto/tpm/state.h"
#include "crypto/tpm/storage.h"
#include "crypto/wrap.h"

enum {
	WAITS_MAX = 6, /* 20, 40, ... 640 ms: then the device is not busy but broken */
	WAIT_FIRST_MS = 20,
	REPEATS_MAX = 1,
	RANDOM_CHUNK = 64, /* asked for at once; a TPM gives at most its largest digest */
};

/* ---- keeping the connection ------------------------------------------------------------------------- */

/* Who is it?  At every start and after every reconnect. */
static struct status identify(struct tpm *t)
{
	TRY(storage_open(t));
	TRY(session_start(t));
	return seal_ready(t);
}

static void give_up(struct tpm *t)
{
	t->is_ready = false;
	t->storage = t->session = ESYS_TR_NONE;
	slots_lost(&t->slots, false);
	device_disconnect(&t->device);
}

static struct status make_ready(struct tpm *t)
{
	uint32_t resets = t->device.resets;
	bool was_connected = t->device.esys != NULL;

	if (t->is_ready)
		return OK;
	if (!was_connected) {
		TRY(device_connect(&t->device));
		slots_lost(&t->slots, t->device.resets != resets);
	}
	TRY(identify(t));
	t->is_ready = true;
	return OK;
}

static void wait_a_little(unsigned tries)
{
	long ms = (long)WAIT_FIRST_MS << tries;
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* A refused authorization is final with a password.  In a session it may mean no more than that an answer was lost or
 * damaged, so that the two ends count differently: a new session tells; no key of ours counts attempts. */
static enum rc_reaction reaction_to(const struct tpm *t, struct status st)
{
	if (st.code != t->device.last.status)
		return RC_REFUSE;
	if (st.code == STATUS_DEVICE_AUTH && !t->device.last.alarm && !t->config.sessions_password && t->is_ready)
		return RC_REOPEN;
	return t->device.last.reaction;
}

/* Put right what can be; true if the request is worth repeating. */
static bool recover(struct tpm *t, struct status st, unsigned tries)
{
	switch (reaction_to(t, st)) {
	case RC_WAIT:
		if (tries < WAITS_MAX)
			wait_a_little(tries);
		return tries < WAITS_MAX;
	case RC_ROOM:
		if (slots_room(&t->slots, t->device.slots).code != STATUS_OK)
			give_up(t);
		return tries < REPEATS_MAX;
	case RC_REOPEN:
		give_up(t);
		return tries < REPEATS_MAX;
	case RC_REFUSE:
		if (!t->is_ready)
			give_up(t); /* half identified: the next request begins at the beginning */
		return false;
	}
	return false;
}

typedef struct status act_fn(struct tpm *t, void *context);

/* Everything that talks to the TPM goes through here. */
static struct status perform(struct tpm *t, act_fn *act, void *context)
{
	device_begin(&t->device);
	for (unsigned tries = 0;; tries++) {
		struct status st = make_ready(t);
		struct fault fault;
		bool again;

		if (st.code == STATUS_OK)
			st = act(t, context);
		if (st.code == STATUS_OK)
			st = slots_settle(&t->slots);
		if (st.code == STATUS_OK)
			return OK;
		fault_take(&fault);
		again = recover(t, st, tries);
		fault_put(&fault);
		if (!again)
			return st;
	}
}

/* ---- operations ------------------------------------------------------------------------------------- */

/* One request, for its act. */
struct work {
	const struct worker_request *rq;
	struct bytes blob, parent, hash;
	uint32_t bytes;
	struct worker_answer *answer;
	struct worker_info *info;
	const struct ipc_message *message;
};

static void clear_answer(struct worker_answer *answer)
{
	for (size_t i = 0; i < IPC_PARTS; i++)
		buf_clear(&answer->part[i]);
}

static struct status put_commands(struct tpm *t, struct worker_answer *answer)
{
	buf_put(&answer->part[2], buf_bytes(&t->device.commands));
	return OK;
}

static struct status open_act(struct tpm *t, void *context)
{
	struct work *work = context;

	return caps_read(t, work->info);
}

static bool verifies(const struct worker_config *config)
{
	if (config->verify_after_sign == WORKER_VERIFY_AUTO)
		return config->sessions_password; /* answers are not authenticated */
	return config->verify_after_sign == WORKER_VERIFY_ON;
}

static struct status provider_open(
	void *self, struct bytes state, struct bytes tag, struct worker_info *ret_info, struct buf *ret_state)
{
	struct tpm *t = self;
	struct work work = { .info = ret_info };

	(void)tag; /* TPM keys are blobs: nothing in the device carries the store's tag */
	TRY(state_get(state, &t->state));
	TRY(digest_init());
	TRY(perform(t, open_act, &work));
	memcpy(ret_info->identity, t->identity, sizeof(ret_info->identity));
	ret_info->needs_parent = true;
	ret_info->needs_intent = false;
	ret_info->verify_after_sign = verifies(&t->config);
	return t->state_changed ? state_put(ret_state, &t->state) : OK;
}

static struct status generate_act(struct tpm *t, void *context)
{
	struct work *work = context;

	clear_answer(work->answer);
	return key_make(t, work->rq, work->parent, &work->answer->part[0], &work->answer->part[1]);
}

static struct status provider_generate(
	void *self, const struct worker_request *rq, struct bytes parent, struct worker_answer *answer)
{
	struct work work = { .rq = rq, .parent = parent, .answer = answer };

	TRY(perform(self, generate_act, &work));
	return put_commands(self, answer);
}

static struct status sign_act(struct tpm *t, void *context)
{
	struct work *work = context;
	ESYS_TR key;

	clear_answer(work->answer);
	TRY(key_load(t, work->rq, work->blob, work->parent, &key));
	return sign_digest(t, key, &work->rq->key, work->rq->alg, work->hash, &work->answer->part[0]);
}

/* The agent has asked already; here the attributes are those that the blob is authenticated with. */
static struct status provider_sign(void *self, const struct worker_request *rq, struct bytes blob, struct bytes parent,
	struct bytes hash, struct worker_answer *answer)
{
	struct work work = { .rq = rq, .blob = blob, .parent = parent, .hash = hash, .answer = answer };

	TRY(psa_key_permits(&rq->key, PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE, rq->alg));
	TRY(psa_hash_fits(rq->alg, hash.len));
	TRY(perform(self, sign_act, &work));
	return put_commands(self, answer);
}

static struct status destroy_act(struct tpm *t, void *context)
{
	struct work *work = context;

	return key_forget(t, work->blob);
}

/* Nothing to undo where there is no connection: then nothing is loaded either. */
static struct status provider_destroy(
	void *self, const struct worker_request *rq, struct bytes blob, struct worker_answer *answer)
{
	struct work work = { .rq = rq, .blob = blob, .answer = answer };
	struct tpm *t = self;

	if (!t->is_ready)
		return key_forget(t, blob);
	TRY(perform(t, destroy_act, &work));
	return put_commands(t, answer);
}

static struct status parent_act(struct tpm *t, void *context)
{
	struct work *work = context;

	clear_answer(work->answer);
	return key_parent_make(t, &work->answer->part[0]);
}

static struct status provider_parent(void *self, const struct worker_request *rq, struct worker_answer *answer)
{
	struct work work = { .rq = rq, .answer = answer };

	return perform(self, parent_act, &work);
}

static struct status random_act(struct tpm *t, void *context)
{
	struct work *work = context;
	struct buf *to = &work->answer->part[0];

	clear_answer(work->answer);
	while (to->len < work->bytes) {
		size_t left = work->bytes - to->len;
		AUTO(device_free) TPM2B_DIGEST *got = NULL;
		ESYS_TR session;
		TSS2_RC rc;

		TRY(session_protect(t, SESSION_HIDES_ANSWER, &session));
		rc = Esys_GetRandom(t->device.esys, session, ESYS_TR_NONE, ESYS_TR_NONE,
			(UINT16)(left < RANDOM_CHUNK ? left : RANDOM_CHUNK), &got);
		TRY(device_check(&t->device, "GetRandom", rc));
		ENSURE(got->size > 0 && got->size <= left && got->size <= sizeof(got->buffer), RANDOM_FAILED);
		buf_put(to, bytes_of(got->buffer, got->size));
		TRY(buf_check(to));
	}
	return OK;
}

static struct status provider_random(void *self, uint32_t bytes, struct worker_answer *answer)
{
	struct work work = { .bytes = bytes, .answer = answer };

	return perform(self, random_act, &work);
}

/* A TPM key is its blob: there is never an object without one. */
static struct status provider_find(void *self, const struct worker_request *rq, uint32_t *ret_count)
{
	(void)self;
	(void)rq;
	*ret_count = 0;
	return OK;
}

static struct status provider_clean(void *self, const struct worker_request *rq)
{
	(void)self;
	(void)rq;
	return OK;
}

static struct status wrap_act(struct tpm *t, void *context)
{
	struct work *work = context;
	struct bytes part = work->message->part[1];
	AUTO(secret_done) struct secret key = { 0 };

	_Static_assert(SEAL_BYTES == (int)WRAP_KEY_BYTES, "a wrapping key is sealed");
	clear_answer(work->answer);
	if (work->message->type == WRAP_SEAL)
		return seal_make(t, part, &work->answer->part[0]);
	TRY(seal_open(t, part, &key));
	buf_put(&work->answer->part[0], secret_bytes(&key));
	return buf_check(&work->answer->part[0]);
}

static struct status provider_wrap(void *self, const struct ipc_message *message, struct worker_answer *answer)
{
	struct work work = { .message = message, .answer = answer };

	return perform(self, wrap_act, &work);
}

const struct worker_ops provider_ops = {
	.role = "tpm",
	.threads = 1,
	.open = provider_open,
	.generate = provider_generate,
	.sign = provider_sign,
	.destroy = provider_destroy,
	.parent = provider_parent,
	.random = provider_random,
	.find = provider_find,
	.clean = provider_clean,
	.wrap = provider_wrap,
};

/* ---- life ------------------------------------------------------------------------------------------- */

struct status provider_new(const struct worker_config *config, struct tpm **ret_tpm)
{
	struct tpm *t = calloc(1, sizeof(*t));
	struct status st;

	ENSURE(t != NULL, NO_MEMORY);
	t->config = *config;
	if (t->config.handle == 0)
		t->config.handle = STORAGE_HANDLE;
	t->storage = t->session = ESYS_TR_NONE;
	slots_init(&t->slots, &t->device);
	st = device_init(&t->device, config->tcti);
	if (st.code == STATUS_OK)
		st = device_connect(&t->device);
	if (st.code != STATUS_OK) {
		provider_free(t);
		return st;
	}
	*ret_tpm = t;
	return OK;
}

void provider_free(struct tpm *t)
{
	if (t == NULL)
		return;
	slots_done(&t->slots);
	device_done(&t->device);
	secret_done(&t->seal_key);
	free(t);
}
