/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a handle, and one call: identity, deadline, retries, errors. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/version.h"
#include "client/handle.h"
#include "wire/opcode.h"

enum {
	PAUSE_FIRST_MS = 20, /* after "busy"; doubled, with jitter */
	PAUSE_LAST_MS = 1000,
	BUSY_TRIES = 8,
	PAUSE_RESTART_MS = 300, /* a worker that failed is back within a second */
};

/* ---- errors ------------------------------------------------------------------------------------------ */

static enum keyreeve_result error_set(
	struct keyreeve_error *error, enum keyreeve_result result, const char *text, const char *hint)
{
	error->result = result;
	(void)snprintf(error->text, sizeof(error->text), "%s", text);
	(void)snprintf(error->hint, sizeof(error->hint), "%s", hint);
	return result;
}

static const char *connect_hint(int os_error)
{
	if (os_error == ENOENT || os_error == ECONNREFUSED)
		return "is keyreeved running? " KEYREEVE_ENDPOINT_VARIABLE " or --socket says where its socket is";
	if (os_error == EACCES || os_error == EPERM)
		return "this user may not use the socket: it may need a group";
	return KEYREEVE_ENDPOINT_VARIABLE " or --socket says where the service's socket is";
}

static void describe_connect(struct keyreeve *k, int os_error)
{
	k->error.os_error = os_error;
	(void)snprintf(k->error.text, sizeof(k->error.text), "cannot reach the service at %.120s: %.100s",
		k->transport.path, strerror(os_error));
	(void)snprintf(k->error.hint, sizeof(k->error.hint), "%s", connect_hint(os_error));
}

static void describe_at(struct keyreeve *k, const char *what, const char *hint)
{
	(void)snprintf(k->error.text, sizeof(k->error.text), "%s, at %.120s", what, k->transport.path);
	(void)snprintf(k->error.hint, sizeof(k->error.hint), "%s", hint);
}

/* Class of a failure on our side of the wire. */
static enum keyreeve_result describe(struct keyreeve *k, enum status_code code, int64_t native)
{
	switch ((int)code) {
	case STATUS_CLIENT_CONNECT:
		describe_connect(k, (int)native);
		return KEYREEVE_UNREACHABLE;
	case STATUS_CLIENT_TIMEOUT:
		describe_at(k, "no answer in time", "the service or its device may be overloaded or stuck");
		return KEYREEVE_UNREACHABLE;
	case STATUS_CLIENT_CLOSED:
		describe_at(k, "the service closed the connection before its answer was complete",
			"it may have been restarted: see its log");
		return KEYREEVE_UNREACHABLE;
	case STATUS_CLIENT_SERVER:
		(void)snprintf(k->error.text, sizeof(k->error.text), "the socket %.120s was opened by uid %u, not %u",
			k->transport.path, (unsigned)native, (unsigned)k->transport.uid);
		(void)snprintf(k->error.hint, sizeof(k->error.hint), "do not trust it; see who put it there");
		return KEYREEVE_UNREACHABLE;
	case STATUS_ENCODE:
		error_set(
			&k->error, KEYREEVE_INVALID, "the request is too large", "sign a hash instead of the message");
		return KEYREEVE_INVALID;
	case STATUS_CLIENT_ARGUMENT:
	case STATUS_NAME_LONG:
	case STATUS_NAME_CONTROL:
		error_set(&k->error, KEYREEVE_INVALID, status_text(code),
			"a name is at most 255 bytes of UTF-8 without control characters");
		return KEYREEVE_INVALID;
	case STATUS_CLIENT_ENDPOINT:
		error_set(&k->error, KEYREEVE_INVALID, "the service's address is not valid",
			"it is unix:/path, absolute and at most 107 bytes");
		return KEYREEVE_INVALID;
	case STATUS_NO_MEMORY:
	case STATUS_LIMIT:
		error_set(&k->error, KEYREEVE_FAILED, "out of memory", "");
		return KEYREEVE_FAILED;
	default: /* an answer that is none, whatever is wrong with it */
		describe_at(k, "the answer is malformed", "check what listens on the socket");
		return KEYREEVE_UNREACHABLE;
	}
}

enum keyreeve_result call_failed(struct keyreeve *k, struct status st)
{
	struct fault fault;

	fault_take(&fault);
	k->error = (struct keyreeve_error){ 0 };
	k->error.result = describe(k, st.code, fault.code == st.code ? fault.native : 0);
	return k->error.result;
}

enum keyreeve_result call_invalid(struct keyreeve *k, const char *text, const char *hint)
{
	k->error = (struct keyreeve_error){ 0 };
	return error_set(&k->error, KEYREEVE_INVALID, text, hint);
}

static enum keyreeve_result answered(struct keyreeve *k, unsigned status)
{
	k->error = (struct keyreeve_error){ .status = status, .flags = status == 1141 ? KEYREEVE_BUSY : 0 };
	(void)snprintf(k->error.text, sizeof(k->error.text), "%s (%u %s)", keyreeve_status_text(status), status,
		status_wire_name((uint16_t)status));
	(void)snprintf(k->error.hint, sizeof(k->error.hint), "%s", keyreeve_status_hint(status));
	k->error.result = keyreeve_status_result(status);
	return k->error.result;
}

const struct keyreeve_error *keyreeve_last_error(const struct keyreeve *k)
{
	return &k->error;
}

/* ---- open and close ---------------------------------------------------------------------------------- */

static const char *endpoint_of(const struct keyreeve_options *options)
{
	const char *variable = secure_getenv(KEYREEVE_ENDPOINT_VARIABLE);

	if (options->endpoint != NULL)
		return options->endpoint;
	return variable != NULL && variable[0] != '\0' ? variable : KEYREEVE_ENDPOINT_DEFAULT;
}

static const char *options_fault(const struct keyreeve_options *o)
{
	if (o->size != sizeof(*o))
		return "options.size is not sizeof(struct keyreeve_options)";
	if ((int)o->auth < 0 || (int)o->auth >= AUTH_TYPE_COUNT)
		return "options.auth names no way to authenticate";
	if (o->auth == KEYREEVE_AUTH_DIRECT && (o->direct_name == NULL || o->direct_name[0] == '\0'))
		return "options.direct_name is needed to authenticate by name";
	if ((o->auth == KEYREEVE_AUTH_JWT_SVID || o->auth == KEYREEVE_AUTH_ISSUER) && o->token == NULL)
		return "options.token is needed to authenticate by token";
	if (o->provider < 0 || o->provider >= PROVIDER_ID_COUNT)
		return "options.provider names no provider";
	return o->deadline_ms < 0 ? "options.deadline_ms is negative" : NULL;
}

static enum keyreeve_result fill(struct keyreeve *k, const struct keyreeve_options *o)
{
	struct status st = transport_init(&k->transport, endpoint_of(o));

	if (st.code != STATUS_OK)
		return call_failed(k, st);
	k->auth = o->auth;
	k->token = o->token;
	k->token_context = o->token_context;
	k->provider = o->provider;
	k->deadline_us = (uint64_t)(o->deadline_ms > 0 ? o->deadline_ms : KEYREEVE_DEADLINE_MS) * US_PER_MS;
	k->transport.check_uid = o->check_server != 0;
	k->transport.uid = o->server_uid;
	k->body = buf_make(FRAME_BODY_MAX);
	if (o->auth != KEYREEVE_AUTH_DIRECT)
		return KEYREEVE_OK;
	k->direct_name = strdup(o->direct_name);
	return k->direct_name != NULL ? KEYREEVE_OK : call_failed(k, FAIL(NO_MEMORY));
}

enum keyreeve_result keyreeve_open(
	const struct keyreeve_options *options, struct keyreeve **ret_keyreeve, struct keyreeve_error *ret_error)
{
	// cppcheck-suppress uninitvar ; written before it is read
	struct keyreeve_error ignored, *error = ret_error != NULL ? ret_error : &ignored;
	const char *fault = options_fault(options);
	enum keyreeve_result result;
	struct keyreeve *k;

	*error = (struct keyreeve_error){ 0 };
	if (fault != NULL)
		return error_set(error, KEYREEVE_INVALID, fault, "");
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return error_set(error, KEYREEVE_FAILED, "out of memory", "");
	k->transport.fd = -1;
	result = fill(k, options);
	if (result != KEYREEVE_OK) {
		*error = k->error;
		keyreeve_close(k);
		return result;
	}
	*ret_keyreeve = k;
	return KEYREEVE_OK;
}

void keyreeve_close(struct keyreeve *k)
{
	if (k == NULL)
		return;
	call_end(k);
	transport_done(&k->transport);
	free(k->direct_name);
	explicit_bzero(k, sizeof(*k));
	free(k);
}

void keyreeve_set_provider(struct keyreeve *k, int provider)
{
	k->provider = provider > 0 && provider < PROVIDER_ID_COUNT ? provider : 0;
}

const char *keyreeve_version(void)
{
	return KEYREEVE_VERSION;
}

/* ---- identity ---------------------------------------------------------------------------------------- */

static enum keyreeve_result token_get(struct keyreeve *k, bool again, struct bytes *ret_auth)
{
	size_t len = 0;

	k->reason[0] = '\0';
	if (k->token(k->token_context, again, (char *)k->token_bytes, sizeof(k->token_bytes), &len, k->reason) == 0 &&
		len > 0 && len <= sizeof(k->token_bytes)) {
		*ret_auth = bytes_of(k->token_bytes, len);
		return KEYREEVE_OK;
	}
	k->reason[sizeof(k->reason) - 1] = '\0';
	k->error = (struct keyreeve_error){ .result = KEYREEVE_NO_TOKEN };
	(void)snprintf(
		k->error.text, sizeof(k->error.text), "no token%s%.200s", k->reason[0] != '\0' ? ": " : "", k->reason);
	(void)snprintf(k->error.hint, sizeof(k->error.hint),
		"is the Workload API's agent running, and is this process registered with it?");
	return KEYREEVE_NO_TOKEN;
}

static enum keyreeve_result auth_get(struct keyreeve *k, bool again, struct bytes *ret_auth)
{
	uint32_t uid = (uint32_t)geteuid();

	switch (k->auth) {
	case KEYREEVE_AUTH_NONE:
		*ret_auth = (struct bytes){ 0 };
		return KEYREEVE_OK;
	case KEYREEVE_AUTH_DIRECT:
		*ret_auth = bytes_from_text(k->direct_name);
		return KEYREEVE_OK;
	case KEYREEVE_AUTH_UNIX_PEER:
		for (int i = 0; i < 4; i++) /* little-endian, whatever we are */
			k->token_bytes[i] = (uint8_t)(uid >> (8 * i));
		*ret_auth = bytes_of(k->token_bytes, 4);
		return KEYREEVE_OK;
	case KEYREEVE_AUTH_ISSUER:
	case KEYREEVE_AUTH_JWT_SVID:
		break;
	}
	return token_get(k, again, ret_auth);
}

/* ---- one call ---------------------------------------------------------------------------------------- */

/* What may be sent twice although the first may have been done. */
static bool is_repeatable(uint32_t opcode)
{
	return opcode != OPCODE_PSA_GENERATE_KEY && opcode != OPCODE_PSA_DESTROY_KEY &&
	       opcode != OPCODE_DELETE_CLIENT && opcode != OPCODE_ADMIN_PURGE;
}

/* Lists, Ping and random bytes are for anybody; an identity that is refused would hide them. */
static bool needs_identity(uint32_t opcode)
{
	return opcode != OPCODE_PING && opcode != OPCODE_LIST_PROVIDERS && opcode != OPCODE_LIST_OPCODES &&
	       opcode != OPCODE_LIST_AUTHENTICATORS && opcode != OPCODE_PSA_GENERATE_RANDOM;
}

struct attempt {
	uint32_t opcode;
	uint8_t provider;
	uint64_t deadline_us;
	unsigned busy; /* "busy" so far */
	bool repeated, token_again;
};

/* Sleep, or say that there is no time for it. */
static bool pause_ms(const struct attempt *a, unsigned ms)
{
	if (clock_mono_us() + (uint64_t)ms * US_PER_MS >= a->deadline_us)
		return false;
	(void)poll(NULL, 0, (int)ms);
	return true;
}

static unsigned busy_pause(unsigned tries)
{
	unsigned pause = (unsigned)PAUSE_FIRST_MS << (tries < 6 ? tries : 6);
	uint8_t noise = 128;

	(void)random_fill(&noise, sizeof(noise)); /* jitter only: without it all clients come back at once */
	pause = pause < PAUSE_LAST_MS ? pause : PAUSE_LAST_MS;
	return pause / 2 + pause * noise / 255;
}

static enum keyreeve_result send_once(struct keyreeve *k, struct attempt *a, struct status *ret_st,
	struct frame_header *ret_answer, struct bytes *ret_body)
{
	struct frame_header header = { .flags = FRAME_KEEP, .provider = a->provider, .opcode = a->opcode };
	struct bytes auth = { 0 };
	struct buf frame = buf_make(FRAME_HEADER_BYTES + FRAME_BODY_MAX + FRAME_AUTH_MAX);

	if (needs_identity(a->opcode)) {
		enum keyreeve_result result = auth_get(k, a->token_again, &auth);

		if (result != KEYREEVE_OK)
			return result;
		header.auth_type = (uint8_t)k->auth;
	}
	*ret_st = frame_request_put(&frame, &header, buf_bytes(&k->body), auth);
	if (ret_st->code == STATUS_OK)
		*ret_st = transport_exchange(&k->transport, buf_bytes(&frame), a->opcode, !is_repeatable(a->opcode),
			a->deadline_us, ret_answer, ret_body);
	buf_done(&frame); /* wiped: it holds the token */
	return KEYREEVE_OK;
}

/* The table of keyreeve.h. */
static bool may_retry(struct keyreeve *k, struct attempt *a, struct status st, unsigned status)
{
	bool by_token = k->auth == KEYREEVE_AUTH_JWT_SVID || k->auth == KEYREEVE_AUTH_ISSUER;

	if (st.code == STATUS_OK && status == 1141)
		return a->busy < BUSY_TRIES && pause_ms(a, busy_pause(a->busy++));
	if (st.code == STATUS_OK && status == 11 && by_token && needs_identity(a->opcode)) {
		bool first = !a->token_again;

		a->token_again = true;
		return first;
	}
	if (a->repeated)
		return false;
	if (st.code == STATUS_CLIENT_CLOSED && (is_repeatable(a->opcode) || !k->transport.sent)) {
		a->repeated = true;
		return true;
	}
	if (st.code == STATUS_OK && status == 1145 && is_repeatable(a->opcode)) {
		a->repeated = true;
		return pause_ms(a, PAUSE_RESTART_MS);
	}
	return false;
}

/* A create or destroy that was sent and not answered definitely. */
static bool is_undecided(const struct keyreeve *k, const struct attempt *a, struct status st, unsigned status)
{
	if (is_repeatable(a->opcode))
		return false;
	if (st.code == STATUS_OK)
		return status == 1145 || status == 15;
	return k->transport.sent;
}

static enum keyreeve_result conclude(struct keyreeve *k, const struct attempt *a, struct status st, unsigned status)
{
	enum keyreeve_result result = st.code != STATUS_OK ? call_failed(k, st) : answered(k, status);

	if (is_undecided(k, a, st, status)) {
		k->error.flags |= KEYREEVE_UNDECIDED;
		(void)snprintf(k->error.hint, sizeof(k->error.hint),
			"it may have happened: look (keyreeve key list) before repeating it");
	}
	return result;
}

static enum keyreeve_result attempt_all(struct keyreeve *k, struct attempt *a, struct bytes *ret_body)
{
	for (;;) {
		struct frame_header answer = { 0 };
		struct status st = OK;
		enum keyreeve_result result = send_once(k, a, &st, &answer, ret_body);

		if (result != KEYREEVE_OK)
			return result;
		if (st.code == STATUS_OK && answer.status == 0)
			return KEYREEVE_OK;
		if (!may_retry(k, a, st, answer.status))
			return conclude(k, a, st, answer.status);
	}
}

/* "The first entry is what clients use by default" (section 10). */
static enum keyreeve_result implicit_get(struct keyreeve *k, uint64_t deadline_us)
{
	struct attempt a = {
		.opcode = OPCODE_LIST_PROVIDERS, .provider = PROVIDER_ID_CORE, .deadline_us = deadline_us
	};
	struct buf kept = k->body;
	struct wire_providers list;
	enum keyreeve_result result;
	struct bytes body;
	struct status st;

	k->body = (struct buf){ 0 };
	result = attempt_all(k, &a, &body);
	k->body = kept;
	if (result != KEYREEVE_OK)
		return result;
	st = wire_providers_decode(body, &k->arena, &list);
	if (st.code != STATUS_OK)
		return call_failed(k, FAIL(CLIENT_ANSWER));
	for (size_t i = 0; i < list.count && k->implicit == 0; i++)
		if (list.item[i].id > PROVIDER_ID_CORE && list.item[i].id < PROVIDER_ID_COUNT)
			k->implicit = (int)list.item[i].id;
	if (k->implicit != 0)
		return KEYREEVE_OK;
	k->error = (struct keyreeve_error){ 0 };
	return error_set(&k->error, KEYREEVE_REFUSED, "the service has no provider for keys", "see its configuration");
}

void call_begin(struct keyreeve *k)
{
	call_end(k);
	k->error = (struct keyreeve_error){ 0 };
}

void call_end(struct keyreeve *k)
{
	wire_arena_done(&k->arena);
	buf_done(&k->body);
	explicit_bzero(k->token_bytes, sizeof(k->token_bytes));
}

enum keyreeve_result call_done(struct keyreeve *k, struct status st)
{
	enum keyreeve_result result = KEYREEVE_OK;

	if (st.code == STATUS_NO_MEMORY)
		result = call_failed(k, st);
	else if (st.code != STATUS_OK)
		result = call_failed(k, FAIL(CLIENT_ANSWER));
	call_end(k);
	return result;
}

enum keyreeve_result call_act(struct keyreeve *k, uint32_t opcode, struct status put)
{
	struct bytes body;

	CALL_PUT(put);
	CALL_ASK(opcode, PROVIDER_ID_CORE, &body);
	return call_done(k, OK);
}

enum keyreeve_result call_refuse(struct keyreeve *k, struct status st)
{
	enum keyreeve_result result = call_failed(k, st);

	call_end(k);
	return result;
}

void call_text(char *to, size_t size, struct bytes from)
{
	size_t len = from.len < size - 1 ? from.len : size - 1;

	for (size_t i = 0; i < len; i++)
		to[i] = from.data[i] >= 0x20 && from.data[i] != 0x7f ? (char)from.data[i] : '?';
	to[len] = '\0';
}

void *call_list(size_t count, size_t size)
{
	return calloc(count > 0 ? count : 1, size);
}

enum keyreeve_result call_service(struct keyreeve *k, uint32_t opcode, int provider, struct bytes *ret_body)
{
	struct attempt a = { .opcode = opcode, .deadline_us = clock_mono_us() + k->deadline_us };

	if (provider == CALL_IMPLICIT)
		provider = k->provider != 0 ? k->provider : k->implicit;
	if (provider == 0 && !opcode_is_core(opcode)) {
		enum keyreeve_result result = implicit_get(k, a.deadline_us);

		if (result != KEYREEVE_OK)
			return result;
		provider = k->implicit;
	}
	a.provider = (uint8_t)provider;
	return attempt_all(k, &a, ret_body);
}
