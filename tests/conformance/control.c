/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/control.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/version.h"
#include "jwtsvid/verify.h"
#include "spiffe/workload.h"
#include "tests/conformance/tls.h"

enum {
	BODY_MAX = 1024 * 1024,
	KEYS_WAIT_MS = 5000, /* for the first key documents */
	FETCH_MS = 5000,
	LEEWAY_S = 10,	   /* the daemon's default */
	REFUSED_WIRE = 11, /* what every verdict on a credential is on the wire */
};

struct control {
	const struct endpoint *endpoint;
	struct source *source;
	struct MHD_Daemon *daemon;
};

struct answer {
	unsigned http;
	json_t *body; /* owned; NULL: there was no memory */
};

/* ---- answers ------------------------------------------------------------------------------------------- */

static struct answer answer_of(unsigned http, const char *status, const char *message)
{
	return (struct answer){ http, json_pack("{s:s, s:s}", "status", status, "message", message) };
}

static struct answer error_of(const char *message)
{
	return answer_of(MHD_HTTP_INTERNAL_SERVER_ERROR, "error", message);
}

static bool is_refusal(struct status st)
{
	return st.code != STATUS_OK && status_wire(st.code) == REFUSED_WIRE;
}

static struct answer failure_of(struct status st)
{
	if (is_refusal(st))
		return answer_of(MHD_HTTP_UNPROCESSABLE_CONTENT, "rejected", status_name(st.code));
	return error_of(status_name(st.code));
}

static json_t *text_of(struct bytes text)
{
	return json_stringn((const char *)text.data, text.len);
}

static bool read_text(const json_t *value, struct bytes *ret_text)
{
	*ret_text = bytes_of(json_string_value(value), json_string_length(value));
	return json_is_string(value);
}

/* ---- POST /v1/jwt/validate ----------------------------------------------------------------------------- */

static void svid_done(struct jwtsvid **svid)
{
	jwtsvid_unref(*svid);
}

static void keys_done(struct keyset **keys)
{
	keyset_unref(*keys);
}

/* What we keep of the claims. */
static json_t *claims_of(const struct jwtsvid *svid)
{
	json_t *audiences = json_array();

	for (size_t i = 0; i < svid->audience_count; i++)
		(void)json_array_append_new(audiences, text_of(svid->audiences[i])); /* a lack shows in the answer */
	return json_pack("{s:o, s:o, s:I}", "sub", text_of(spiffe_id_text(&svid->id)), "aud", audiences, "exp",
		(json_int_t)svid->exp_s);
}

static struct answer jwt_validate(struct control *control, const json_t *request)
{
	AUTO(keys_done) struct keyset *keys = NULL;
	AUTO(svid_done) struct jwtsvid *svid = NULL;
	struct bytes token, audience;
	const struct jwtsvid_rules rules = { .audiences = &audience, .audience_count = 1, .leeway_s = LEEWAY_S };
	struct status st;

	if (!read_text(json_object_get(request, "token"), &token) ||
		!read_text(json_object_get(request, "audience"), &audience))
		return error_of("token and audience are strings");
	if (!source_await_keys(control->source, KEYS_WAIT_MS))
		return error_of("no key documents from the Workload API");
	keys = source_keys(control->source);
	if (keys == NULL)
		return error_of("out of memory");
	st = jwtsvid_verify(token, keys, &rules, clock_wall_us() / US_PER_S, &svid);
	if (st.code != STATUS_OK)
		return failure_of(st);
	return (struct answer){ MHD_HTTP_OK, json_pack("{s:s, s:o, s:o}", "status", "ok", "spiffe_id",
						     text_of(spiffe_id_text(&svid->id)), "claims", claims_of(svid)) };
}

/* ---- POST /v1/jwt/fetch -------------------------------------------------------------------------------- */

/* False: not an array of strings, or of more than a request may have. */
static bool read_audiences(const json_t *value, struct bytes audiences[WORKLOAD_AUDIENCES_MAX], size_t *ret_count)
{
	if (!json_is_array(value) || json_array_size(value) > WORKLOAD_AUDIENCES_MAX)
		return false;
	*ret_count = json_array_size(value);
	for (size_t i = 0; i < *ret_count; i++)
		if (!read_text(json_array_get(value, i), &audiences[i]))
			return false;
	return true;
}

static json_t *svids_of(const struct workload_jwts *jwts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < jwts->count; i++)
		(void)json_array_append_new(
			list, json_pack("{s:o, s:o, s:o}", "spiffe_id", text_of(jwts->item[i].spiffe_id), "token",
				      text_of(jwts->item[i].token), "hint", text_of(jwts->item[i].hint)));
	return list;
}

/* The client refused the request or the answer (no gRPC status), or the server did. */
static struct answer fetch_failure(struct status st, const char *reason)
{
	struct fault fault;

	fault_take(&fault);
	if (st.code == STATUS_CLIENT_ARGUMENT || (st.code == STATUS_CLIENT_TOKEN && fault.native == 0))
		return answer_of(MHD_HTTP_UNPROCESSABLE_CONTENT, "rejected", reason);
	return error_of(reason);
}

static struct answer jwt_fetch(struct control *control, const json_t *request)
{
	AUTO(own_free) struct workload_jwts *jwts = calloc(1, sizeof(*jwts));
	struct bytes audiences[WORKLOAD_AUDIENCES_MAX];
	struct workload_jwt_request ask = {
		.endpoint = control->endpoint, .audiences = audiences, .deadline_ms = FETCH_MS
	};
	const json_t *id = json_object_get(request, "spiffe_id");
	char reason[WORKLOAD_REASON_BYTES] = "";
	struct answer answer;
	struct status st;

	if (!read_audiences(json_object_get(request, "audience"), audiences, &ask.audience_count) ||
		(id != NULL && !read_text(id, &ask.spiffe_id)))
		return error_of("audience is an array of at most 16 strings, spiffe_id a string");
	if (jwts == NULL)
		return error_of("out of memory");
	st = workload_fetch_jwt(&ask, jwts, reason);
	if (st.code != STATUS_OK)
		return fetch_failure(st, reason);
	answer = (struct answer){ MHD_HTTP_OK, json_pack("{s:s, s:o}", "status", "ok", "svids", svids_of(jwts)) };
	workload_jwts_done(jwts);
	return answer;
}

/* ---- POST /v1/x509/dial, GET /v1/info ------------------------------------------------------------------ */

static struct answer x509_dial(struct control *control, const json_t *request)
{
	AUTO(spiffe_id_done) struct spiffe_id id = { 0 };
	const char *address = json_string_value(json_object_get(request, "address"));
	struct status st;

	if (address == NULL)
		return error_of("address is a string");
	st = tls_dial(control->source, address, &id);
	if (st.code != STATUS_OK)
		return failure_of(st);
	return (struct answer){ MHD_HTTP_OK,
		json_pack("{s:s, s:o}", "status", "ok", "spiffe_id", text_of(spiffe_id_text(&id))) };
}

static struct answer info(struct control *control, const json_t *request)
{
	(void)control;
	(void)request;
	return (struct answer){ MHD_HTTP_OK, json_pack("{s:s, s:s, s:s, s:s}", "status", "ok", "sdk", "keyreeve",
						     "sdk_version", KEYREEVE_VERSION, "language", "c") };
}

/* ---- HTTP ---------------------------------------------------------------------------------------------- */

static const struct route {
	const char *method, *path;
	struct answer (*answer)(struct control *control, const json_t *request);
} routes[] = {
	{ MHD_HTTP_METHOD_POST, "/v1/jwt/validate", jwt_validate },
	{ MHD_HTTP_METHOD_POST, "/v1/jwt/fetch", jwt_fetch },
	{ MHD_HTTP_METHOD_POST, "/v1/x509/dial", x509_dial },
	{ MHD_HTTP_METHOD_GET, "/v1/info", info },
};

static struct answer respond(struct control *control, const char *method, const char *path, const struct buf *body)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct answer answer;
		json_t *request;

		if (strcmp(path, routes[i].path) != 0 || strcmp(method, routes[i].method) != 0)
			continue;
		if (body->bad)
			return error_of("request over 1 MiB");
		request =
			json_loadb((const char *)body->data, body->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
		if (request == NULL && strcmp(method, MHD_HTTP_METHOD_POST) == 0)
			return error_of("request is not JSON");
		answer = routes[i].answer(control, request);
		json_decref(request);
		return answer;
	}
	return answer_of(MHD_HTTP_NOT_IMPLEMENTED, "unsupported", "no such endpoint");
}

static enum MHD_Result answer_send(struct MHD_Connection *connection, struct answer answer)
{
	char *text = answer.body == NULL ? NULL : json_dumps(answer.body, JSON_COMPACT);
	struct MHD_Response *response;
	enum MHD_Result sent;

	json_decref(answer.body);
	if (text == NULL)
		return MHD_NO; /* closes the connection */
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	sent = MHD_queue_response(connection, answer.http, response);
	MHD_destroy_response(response);
	return sent;
}

/* Called once with the head, once for each piece of the body, and once at its end. */
static enum MHD_Result request_arrived(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *data_len, void **state)
{
	struct buf *body = *state;

	(void)version;
	if (body == NULL) {
		body = calloc(1, sizeof(*body));
		if (body != NULL)
			*body = buf_make(BODY_MAX);
		*state = body;
		return body == NULL ? MHD_NO : MHD_YES;
	}
	if (*data_len > 0) {
		buf_put(body, bytes_of(data, *data_len));
		*data_len = 0;
		return MHD_YES;
	}
	return answer_send(connection, respond(context, method, url, body));
}

static void request_ended(
	void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
	struct buf *body = *state;

	(void)context;
	(void)connection;
	(void)code;
	if (body != NULL)
		buf_done(body);
	free(body);
}

struct status control_new(const struct endpoint *endpoint, struct source *source, struct control **ret_control)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	AUTO(own_free) struct control *control = calloc(1, sizeof(*control));

	ENSURE(control != NULL, NO_MEMORY);
	control->endpoint = endpoint;
	control->source = source;
	/* A thread for each connection: fetching and dialling wait. */
	control->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL,
		NULL, request_arrived, control, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&here,
		MHD_OPTION_NOTIFY_COMPLETED, request_ended, NULL, MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_END);
	ENSURE(control->daemon != NULL, IO);
	*ret_control = TAKE(control);
	return OK;
}

uint16_t control_port(const struct control *control)
{
	return MHD_get_daemon_info(control->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void control_free(struct control *control)
{
	if (control != NULL)
		MHD_stop_daemon(control->daemon);
	free(control);
}
