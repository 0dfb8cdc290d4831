/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/issuer/server.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>

#include "base/clock.h"
#include "base/own.h"
#include "spiffe/workload.pb-c.h"

enum {
	POLLERS = 2,
	UIDS_MAX = 32,
	CONNECTIONS_MAX = 256,
	RESPONSE_MAX = 16 * 1024 * 1024,
	AUDIENCES_MAX = 16,
	RAW_WAIT_MS = 5000
};

/* One server per uid that has connected. */
struct listener {
	struct server *server;
	unsigned uid;
	grpc_server *grpc;
};

/* One call.  Everything about it happens under the server's lock. */
struct rpc {
	struct listener *listener;
	grpc_call *call;
	grpc_call_details details;
	grpc_metadata_array metadata;
	grpc_byte_buffer *request;
	grpc_byte_buffer *sending;
	int cancelled;
	unsigned pending;
	bool is_stream;	 /* in the list of open ones */
	bool is_x509;	 /* of FetchX509SVID */
	bool is_sending; /* a batch of ours is under way */
	bool has_begun;	 /* initial metadata is sent */
	bool is_dirty;	 /* there is something newer to send */
	bool is_ending;	 /* status is to be sent, or was */
	bool has_ended;
	int end_status;
	struct rpc *next; /* among the open streams */
};

/* What completes: an operation of a call. */
enum step { STEP_NEW, STEP_READ, STEP_CLOSED, STEP_SENT, STEP_ENDED };
struct tag {
	struct rpc *rpc;
	enum step step;
};

struct entry {
	unsigned uid;
	char id[SERVER_ID_BYTES];
};
struct document {
	char key[SERVER_ID_BYTES];
	struct buf bytes;
};

struct server {
	pthread_mutex_t lock;
	pthread_t pollers[POLLERS];
	unsigned poller_count;
	grpc_completion_queue *queue;
	pthread_cond_t gone;
	size_t gone_count; /* servers that have shut down */
	char trust_domain[256];
	struct listener listeners[UIDS_MAX];
	size_t listener_count;
	int connections[CONNECTIONS_MAX]; /* copies, to cut them by */
	size_t connection_count;
	struct entry entries[SERVER_ENTRIES_MAX];
	size_t entry_count;
	struct document documents[SERVER_DOCUMENTS_MAX];
	size_t document_count;
	bool has_own_document;
	struct buf x509; /* the message of FetchX509SVID; empty: there is none */
	struct keys keys;
	int64_t ttl_s;
	enum server_mode mode;
	unsigned mode_left; /* 0: for ever */
	enum server_twist twist;
	enum server_opinion opinion;
	struct rpc *streams;
	struct server_seen seen;
};

static void lock(struct server *server)
{
	(void)pthread_mutex_lock(&server->lock);
}

static void unlock(struct server *server)
{
	(void)pthread_mutex_unlock(&server->lock);
}

/* ---- batches ------------------------------------------------------------------------------------------- */

static void *tag_of(struct rpc *rpc, enum step step)
{
	struct tag *tag = malloc(sizeof(*tag));

	if (tag == NULL)
		abort(); /* a test server */
	*tag = (struct tag){ rpc, step };
	return tag;
}

static void start(struct rpc *rpc, const grpc_op *ops, size_t count, enum step step)
{
	void *tag = tag_of(rpc, step);

	if (grpc_call_start_batch(rpc->call, ops, count, tag, NULL) == GRPC_CALL_OK)
		rpc->pending++;
	else
		free(tag);
}

/* Without it a cancelled call is not seen. */
static void watch_close(struct rpc *rpc)
{
	const grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
		.data.recv_close_on_server.cancelled = &rpc->cancelled };

	start(rpc, &op, 1, STEP_CLOSED);
}

static void read_request(struct rpc *rpc)
{
	const grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &rpc->request };

	start(rpc, &op, 1, STEP_READ);
}

static grpc_op begin_op(struct rpc *rpc)
{
	rpc->has_begun = true;
	return (grpc_op){ .op = GRPC_OP_SEND_INITIAL_METADATA };
}

static void send_message(struct rpc *rpc, struct bytes message)
{
	grpc_slice slice = grpc_slice_from_copied_buffer((const char *)message.data, message.len);
	grpc_op ops[2];
	size_t count = 0;

	rpc->sending = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	if (!rpc->has_begun)
		ops[count++] = begin_op(rpc);
	ops[count++] = (grpc_op){ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = rpc->sending };
	rpc->is_sending = true;
	start(rpc, ops, count, STEP_SENT);
}

static const char *words_of(int status)
{
	switch (status) {
	case MODE_INVALID_ARGUMENT:
		return "security header missing from request";
	case MODE_PERMISSION_DENIED:
		return "no identity issued";
	case MODE_UNIMPLEMENTED:
		return "unknown method";
	case MODE_UNAVAILABLE:
		return "not ready";
	default:
		return "";
	}
}

/* End the call; after what is being sent. */
static void end_call(struct rpc *rpc, int status)
{
	grpc_slice words = grpc_slice_from_static_string(words_of(status));
	grpc_op ops[2];
	size_t count = 0;

	rpc->end_status = status;
	rpc->is_ending = true;
	if (rpc->is_sending || rpc->has_ended)
		return;
	rpc->has_ended = true;
	if (!rpc->has_begun)
		ops[count++] = begin_op(rpc);
	ops[count++] = (grpc_op){ .op = GRPC_OP_SEND_STATUS_FROM_SERVER,
		.data.send_status_from_server = { .status = (grpc_status_code)status, .status_details = &words } };
	start(rpc, ops, count, STEP_ENDED);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static bool entry_is_for(const struct entry *entry, unsigned uid)
{
	return entry->uid == uid || entry->uid == UINT32_MAX;
}

static bool is_known(const struct server *server, unsigned uid)
{
	for (size_t i = 0; i < server->entry_count; i++)
		if (entry_is_for(&server->entries[i], uid))
			return true;
	return false;
}

static ProtobufCBinaryData field_of(const void *data, size_t len)
{
	union { /* protobuf-c only reads what it packs */
		const void *from;
		uint8_t *to;
	} at = { .from = data };

	return (ProtobufCBinaryData){ .len = len, .data = at.to };
}

static ProtobufCBinaryData field_text(const char *text)
{
	return field_of(text, strlen(text));
}

/* The JWTBundlesResponse of this moment. */
static struct status bundles_message(struct server *server, struct buf *message)
{
	Workload__JwtBundle bundle[SERVER_DOCUMENTS_MAX + 1], *pointers[SERVER_DOCUMENTS_MAX + 1];
	Workload__JwtBundlesResponse response = WORKLOAD__JWT_BUNDLES_RESPONSE__INIT;
	AUTO(buf_done) struct buf own = buf_make(KEYS_DOCUMENT_MAX);
	char own_key[sizeof(server->trust_domain) + 16];
	uint8_t *at;

	(void)snprintf(own_key, sizeof(own_key), "spiffe://%s", server->trust_domain);
	TRY(keys_document(&server->keys, &own));
	for (size_t i = 0; i <= server->document_count; i++) {
		bool is_own = i == server->document_count;

		if (is_own && !server->has_own_document)
			break;
		pointers[i] = &bundle[i];
		workload__jwt_bundle__init(&bundle[i]);
		bundle[i].trust_domain_id = field_text(is_own ? own_key : server->documents[i].key);
		bundle[i].document = is_own ? field_of(own.data, own.len)
					    : field_of(server->documents[i].bytes.data, server->documents[i].bytes.len);
		response.n_bundles++;
	}
	response.bundles = pointers;
	at = buf_reserve(message, workload__jwt_bundles_response__get_packed_size(&response) + 1);
	ENSURE(at != NULL, LIMIT);
	buf_grew(message, workload__jwt_bundles_response__pack(&response, at));
	return OK;
}

/* The message of this moment for a stream. */
static struct status snapshot(struct rpc *rpc, struct buf *message)
{
	struct server *server = rpc->listener->server;

	if (!rpc->is_x509)
		return bundles_message(server, message);
	buf_put(message, buf_bytes(&server->x509));
	return buf_check(message);
}

static void push(struct rpc *rpc)
{
	AUTO(buf_done) struct buf message = buf_make(RESPONSE_MAX);

	rpc->is_dirty = rpc->is_sending;
	if (rpc->is_sending || rpc->is_ending)
		return;
	if (snapshot(rpc, &message).code != STATUS_OK)
		end_call(rpc, MODE_INTERNAL);
	else
		send_message(rpc, buf_bytes(&message));
}

static void push_all(struct server *server)
{
	for (struct rpc *rpc = server->streams; rpc != NULL; rpc = rpc->next)
		push(rpc);
}

static void open_stream(struct rpc *rpc)
{
	struct server *server = rpc->listener->server;

	rpc->is_stream = true;
	rpc->next = server->streams;
	server->streams = rpc;
	server->seen.streams++;
	push(rpc);
}

static void close_stream(struct rpc *rpc)
{
	struct server *server = rpc->listener->server;

	if (!rpc->is_stream)
		return;
	for (struct rpc **at = &server->streams; *at != NULL; at = &(*at)->next)
		if (*at == rpc) {
			*at = rpc->next;
			break;
		}
	rpc->is_stream = false;
	server->seen.streams--;
}

/* One token for one entry, spoilt as the script wants it. */
static struct status svid_of(struct server *server, const char *id, const Workload__JwtSvidRequest *request,
	Workload__JwtSvid *svid, struct buf *token)
{
	struct bytes audiences[AUDIENCES_MAX];
	int64_t now = clock_wall_us() / US_PER_S;
	struct claims claims = {
		.subject = id, .audiences = audiences, .issued_s = now, .expires_s = now + server->ttl_s
	};
	char other[SERVER_ID_BYTES + 8];

	claims.audience_count = request->n_audience;
	ENSURE(claims.audience_count <= AUDIENCES_MAX, LIMIT);
	for (size_t i = 0; i < request->n_audience; i++)
		audiences[i] = bytes_of(request->audience[i].data, request->audience[i].len);
	if (server->twist == TWIST_AUDIENCE)
		audiences[claims.audience_count - 1] = BYTES_LITERAL("somebody-else");
	if (server->twist == TWIST_EXPIRED)
		claims.expires_s = now - 1;
	(void)snprintf(other, sizeof(other), "%s/other", id);
	if (server->twist == TWIST_SUBJECT)
		claims.subject = other;
	TRY(keys_mint(&server->keys, &claims, token));
	svid->spiffe_id = field_text(server->twist == TWIST_EMPTY_ID ? "" : id);
	svid->svid = server->twist == TWIST_EMPTY_SVID ? field_text("") : field_of(token->data, token->len);
	return OK;
}

static bool is_asked_for(const Workload__JwtSvidRequest *request, const char *id)
{
	return request->spiffe_id.len == 0 ||
	       bytes_equal(bytes_of(request->spiffe_id.data, request->spiffe_id.len), bytes_from_text(id));
}

/* The JWTSVIDResponse for a caller; ret_status is gRPC's. */
static struct status svids_message(struct server *server, unsigned uid, const Workload__JwtSvidRequest *request,
	struct buf *message, int *ret_status)
{
	Workload__JwtSvidResponse response = WORKLOAD__JWT_SVID_RESPONSE__INIT;
	Workload__JwtSvid svid[SERVER_ENTRIES_MAX], *pointers[SERVER_ENTRIES_MAX];
	struct buf tokens[SERVER_ENTRIES_MAX] = { 0 };
	struct status st = OK;

	*ret_status = request->n_audience == 0 ? MODE_INVALID_ARGUMENT : MODE_PERMISSION_DENIED;
	for (size_t i = 0; i < server->entry_count && request->n_audience > 0 && st.code == STATUS_OK; i++) {
		size_t n = response.n_svids;

		if (!entry_is_for(&server->entries[i], uid) || !is_asked_for(request, server->entries[i].id))
			continue;
		tokens[n] = buf_make(KEYS_TOKEN_MAX);
		pointers[n] = &svid[n];
		workload__jwt_svid__init(&svid[n]);
		st = svid_of(server, server->entries[i].id, request, &svid[n], &tokens[n]);
		response.n_svids++;
		*ret_status = MODE_OK;
	}
	response.svids = pointers;
	if (server->twist == TWIST_NO_SVIDS)
		response.n_svids = 0;
	if (st.code == STATUS_OK) {
		uint8_t *at = buf_reserve(message, workload__jwt_svid_response__get_packed_size(&response) + 1);

		if (at != NULL)
			buf_grew(message, workload__jwt_svid_response__pack(&response, at));
		st = buf_check(message);
	}
	for (size_t i = 0; i < SERVER_ENTRIES_MAX; i++)
		buf_done(&tokens[i]);
	return st;
}

static ProtobufCMessage *decode_as(struct rpc *rpc, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *request = NULL;
	grpc_byte_buffer_reader reader;
	grpc_slice slice;

	if (rpc->request == NULL || !grpc_byte_buffer_reader_init(&reader, rpc->request))
		return NULL;
	slice = grpc_byte_buffer_reader_readall(&reader);
	request = protobuf_c_message_unpack(type, NULL, GRPC_SLICE_LENGTH(slice), GRPC_SLICE_START_PTR(slice));
	grpc_slice_unref(slice);
	grpc_byte_buffer_reader_destroy(&reader);
	return request;
}

static Workload__JwtSvidRequest *decode_request(struct rpc *rpc)
{
	return (Workload__JwtSvidRequest *)decode_as(rpc, &workload__jwt_svid_request__descriptor);
}

static void answer_svids(struct rpc *rpc)
{
	AUTO(buf_done) struct buf message = buf_make(RESPONSE_MAX);
	Workload__JwtSvidRequest *request = decode_request(rpc);
	int status = MODE_INVALID_ARGUMENT;

	if (request != NULL &&
		svids_message(rpc->listener->server, rpc->listener->uid, request, &message, &status).code != STATUS_OK)
		status = MODE_INTERNAL;
	workload__jwt_svid_request__free_unpacked(request, NULL);
	if (status == MODE_OK)
		send_message(rpc, buf_bytes(&message));
	end_call(rpc, status);
}

/* ---- somebody else's token --------------------------------------------------------------------------- */

/* {"sub": TEXT} as google.protobuf.Struct; TEXT is short. */
static void claims_put(struct buf *to, const char *text)
{
	size_t len = strlen(text);

	buf_printf(to, "\x0a%c\x0a\x03sub\x12%c\x1a%c%s", (char)(len + 9), (char)(len + 2), (char)len, text);
}

static void answer_validation(struct rpc *rpc)
{
	static const char *const other = "spiffe://rig.example/other";
	AUTO(buf_done) struct buf message = buf_make(RESPONSE_MAX), subject = buf_make(SERVER_ID_BYTES);
	AUTO(buf_done) struct buf claims = buf_make(RESPONSE_MAX);
	enum server_opinion opinion = rpc->listener->server->opinion;
	ProtobufCMessage *decoded = decode_as(rpc, &workload__validate_jwt_svid_request__descriptor);
	const Workload__ValidateJwtSvidRequest *request = (const Workload__ValidateJwtSvidRequest *)decoded;
	Workload__ValidateJwtSvidResponse response = WORKLOAD__VALIDATE_JWT_SVID_RESPONSE__INIT;
	uint8_t *at;

	if (opinion == OPINION_HANG || (opinion > OPINION_GOOD && opinion < OPINION_HANG)) {
		protobuf_c_message_free_unpacked(decoded, NULL);
		if (opinion != OPINION_HANG)
			end_call(rpc, (int)opinion);
		return;
	}
	if (request == NULL || request->audience.len == 0 ||
		keys_subject(bytes_of(request->svid.data, request->svid.len), &subject).code != STATUS_OK) {
		protobuf_c_message_free_unpacked(decoded, NULL);
		end_call(rpc, MODE_INVALID_ARGUMENT);
		return;
	}
	protobuf_c_message_free_unpacked(decoded, NULL);
	claims_put(&claims, "x");
	if (opinion != OPINION_NO_ID && opinion != OPINION_EMPTY)
		response.spiffe_id = opinion == OPINION_OTHER	 ? field_text(other)
				     : opinion == OPINION_BAD_ID ? field_text("https://rig.example/w")
								 : field_of(subject.data, subject.len);
	if (opinion != OPINION_NO_CLAIMS && opinion != OPINION_EMPTY)
		response.claims = field_of(claims.data, claims.len);
	at = buf_reserve(&message, workload__validate_jwt_svid_response__get_packed_size(&response) + 1);
	if (at != NULL)
		buf_grew(&message, workload__validate_jwt_svid_response__pack(&response, at));
	send_message(rpc, buf_bytes(&message));
	end_call(rpc, MODE_OK);
}

/* ---- calls --------------------------------------------------------------------------------------------- */

static bool is_method(const struct rpc *rpc, const char *name)
{
	return grpc_slice_str_cmp(rpc->details.method, name) == 0;
}

/* SPIRE's rule: the key exactly once, with exactly this value. */
static bool has_security_header(const struct rpc *rpc)
{
	unsigned found = 0;

	for (size_t i = 0; i < rpc->metadata.count; i++) {
		if (grpc_slice_str_cmp(rpc->metadata.metadata[i].key, "workload.spiffe.io") != 0)
			continue;
		if (grpc_slice_str_cmp(rpc->metadata.metadata[i].value, "true") != 0)
			return false;
		found++;
	}
	return found == 1;
}

static void count_call(struct rpc *rpc)
{
	struct server_seen *seen = &rpc->listener->server->seen;

	if (!has_security_header(rpc))
		seen->bad_metadata++;
	if (is_method(rpc, "/SpiffeWorkloadAPI/FetchJWTSVID")) {
		seen->svids++;
	} else if (is_method(rpc, "/SpiffeWorkloadAPI/FetchJWTBundles")) {
		if (seen->bundles < SERVER_CALLS_MAX)
			seen->bundle_us[seen->bundles] = clock_mono_us();
		seen->bundles++;
	} else if (is_method(rpc, "/SpiffeWorkloadAPI/ValidateJWTSVID")) {
		seen->validations++;
	} else {
		seen->others++;
	}
}

/* The rule for this call. */
static enum server_mode take_mode(struct server *server)
{
	enum server_mode mode = server->mode;

	if (server->mode_left > 0 && --server->mode_left == 0)
		server->mode = MODE_OK;
	return mode;
}

static bool has_x509(struct rpc *rpc)
{
	rpc->is_x509 = is_method(rpc, "/SpiffeWorkloadAPI/FetchX509SVID");
	return rpc->is_x509 && rpc->listener->server->x509.len > 0;
}

static void answer(struct rpc *rpc)
{
	struct server *server = rpc->listener->server;
	enum server_mode mode = take_mode(server);

	if (mode == MODE_HANG)
		return;
	if (mode != MODE_OK)
		end_call(rpc, (int)mode);
	else if (!has_security_header(rpc))
		end_call(rpc, MODE_INVALID_ARGUMENT);
	else if (is_method(rpc, "/SpiffeWorkloadAPI/FetchJWTSVID"))
		answer_svids(rpc);
	else if (is_method(rpc, "/SpiffeWorkloadAPI/ValidateJWTSVID"))
		answer_validation(rpc);
	else if (!is_method(rpc, "/SpiffeWorkloadAPI/FetchJWTBundles") && !has_x509(rpc))
		end_call(rpc, MODE_UNIMPLEMENTED);
	else if (!is_known(server, rpc->listener->uid))
		end_call(rpc, MODE_PERMISSION_DENIED);
	else
		open_stream(rpc);
}

static void rpc_free(struct rpc *rpc)
{
	close_stream(rpc);
	if (rpc->request != NULL)
		grpc_byte_buffer_destroy(rpc->request);
	if (rpc->sending != NULL)
		grpc_byte_buffer_destroy(rpc->sending);
	grpc_metadata_array_destroy(&rpc->metadata);
	grpc_call_details_destroy(&rpc->details);
	if (rpc->call != NULL)
		grpc_call_unref(rpc->call);
	free(rpc);
}

/* Ask for the next call of this uid. */
static void await_call(struct listener *listener)
{
	struct rpc *rpc = calloc(1, sizeof(*rpc));
	void *tag = tag_of(rpc, STEP_NEW);

	if (rpc == NULL)
		abort(); /* a test server */
	rpc->listener = listener;
	rpc->pending = 1;
	grpc_call_details_init(&rpc->details);
	grpc_metadata_array_init(&rpc->metadata);
	if (grpc_server_request_call(listener->grpc, &rpc->call, &rpc->details, &rpc->metadata, listener->server->queue,
		    listener->server->queue, tag) != GRPC_CALL_OK) {
		free(tag);
		rpc_free(rpc);
	}
}

static void sent(struct rpc *rpc, bool success)
{
	rpc->is_sending = false;
	grpc_byte_buffer_destroy(rpc->sending);
	rpc->sending = NULL;
	if (rpc->is_ending)
		end_call(rpc, rpc->end_status);
	else if (success && rpc->is_dirty)
		push(rpc);
}

static void step(struct rpc *rpc, enum step done, bool success)
{
	rpc->pending--;
	switch (done) {
	case STEP_NEW:
		if (!success)
			break; /* the server is going */
		await_call(rpc->listener);
		count_call(rpc);
		watch_close(rpc);
		read_request(rpc);
		break;
	case STEP_READ:
		answer(rpc);
		break;
	case STEP_CLOSED:
		rpc->has_ended = rpc->has_ended || rpc->cancelled != 0;
		close_stream(rpc);
		break;
	case STEP_SENT:
		sent(rpc, success);
		break;
	case STEP_ENDED:
		break;
	}
	if (rpc->pending == 0)
		rpc_free(rpc);
}

static void *poll_main(void *context)
{
	struct server *server = context;

	for (;;) {
		grpc_event event = grpc_completion_queue_next(server->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
		struct tag *tag = event.tag;

		if (event.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		lock(server);
		if (tag == NULL) { /* one of the servers has gone */
			server->gone_count++;
			(void)pthread_cond_signal(&server->gone);
			unlock(server);
			continue;
		}
		step(tag->rpc, tag->step, event.success != 0);
		unlock(server);
		free(tag);
	}
}

/* ---- connections --------------------------------------------------------------------------------------- */

static struct listener *listener_for(struct server *server, unsigned uid)
{
	struct listener *listener = &server->listeners[server->listener_count];

	for (size_t i = 0; i < server->listener_count; i++)
		if (server->listeners[i].uid == uid)
			return &server->listeners[i];
	if (server->listener_count == UIDS_MAX)
		return NULL;
	*listener = (struct listener){ .server = server, .uid = uid, .grpc = grpc_server_create(NULL, NULL) };
	grpc_server_register_completion_queue(listener->grpc, server->queue, NULL);
	grpc_server_start(listener->grpc);
	server->listener_count++;
	await_call(listener);
	return listener;
}

struct status server_add(struct server *server, int fd, unsigned uid)
{
	grpc_server_credentials *none;
	struct listener *listener;

	lock(server);
	listener = listener_for(server, uid);
	if (listener != NULL && server->connection_count < CONNECTIONS_MAX) {
		int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

		if (copy >= 0)
			server->connections[server->connection_count++] = copy;
	}
	unlock(server);
	if (listener == NULL) {
		(void)close(fd);
		return FAIL(LIMIT);
	}
	none = grpc_insecure_server_credentials_create();
	grpc_server_add_channel_from_fd(listener->grpc, fd, none);
	grpc_server_credentials_release(none);
	return OK;
}

void server_disconnect(struct server *server)
{
	lock(server);
	for (size_t i = 0; i < server->connection_count; i++) {
		(void)shutdown(server->connections[i], SHUT_RDWR); /* it may have ended already */
		own_close(&server->connections[i]);
	}
	server->connection_count = 0;
	unlock(server);
}

struct status server_new(const char *trust_domain, struct server **ret_server)
{
	struct server *server = calloc(1, sizeof(*server));

	ENSURE(server != NULL, NO_MEMORY);
	(void)pthread_mutex_init(&server->lock, NULL); /* neither can fail with defaults */
	(void)pthread_cond_init(&server->gone, NULL);
	(void)snprintf(server->trust_domain, sizeof(server->trust_domain), "%s", trust_domain);
	server->ttl_s = 300; /* as SPIRE's */
	server->has_own_document = true;
	grpc_init();
	server->queue = grpc_completion_queue_create_for_next(NULL);
	/* Two: sends complete at once in the thread that makes them, and somebody has to poll meanwhile. */
	while (server->poller_count < POLLERS &&
		pthread_create(&server->pollers[server->poller_count], NULL, poll_main, server) == 0)
		server->poller_count++;
	if (server->poller_count < POLLERS) {
		server_free(server);
		return FAIL(NO_MEMORY);
	}
	*ret_server = server;
	return OK;
}

void server_free(struct server *server)
{
	server_disconnect(server);
	for (size_t i = 0; i < server->listener_count; i++) {
		grpc_server_shutdown_and_notify(server->listeners[i].grpc, server->queue, NULL);
		grpc_server_cancel_all_calls(server->listeners[i].grpc);
	}
	/* Somebody has to poll until the last call has ended. */
	lock(server);
	while (server->gone_count < server->listener_count)
		(void)pthread_cond_wait(&server->gone, &server->lock);
	unlock(server);
	grpc_completion_queue_shutdown(server->queue);
	for (unsigned i = 0; i < server->poller_count; i++)
		(void)pthread_join(server->pollers[i], NULL); /* our own threads */
	for (size_t i = 0; i < server->listener_count; i++)
		grpc_server_destroy(server->listeners[i].grpc);
	grpc_completion_queue_destroy(server->queue);
	for (size_t i = 0; i < server->document_count; i++)
		buf_done(&server->documents[i].bytes);
	buf_done(&server->x509);
	keys_done(&server->keys);
	(void)pthread_cond_destroy(&server->gone);
	(void)pthread_mutex_destroy(&server->lock);
	free(server);
}

/* ---- the script ------------------------------------------------------------------------------------------ */

void server_close_streams(struct server *server, int status)
{
	lock(server);
	for (struct rpc *rpc = server->streams; rpc != NULL; rpc = rpc->next)
		end_call(rpc, status);
	unlock(server);
}

struct status server_entry(struct server *server, unsigned uid, const char *spiffe_id)
{
	struct status st = OK;

	lock(server);
	if (server->entry_count == SERVER_ENTRIES_MAX || strlen(spiffe_id) >= SERVER_ID_BYTES)
		st = FAIL(LIMIT);
	else
		(void)snprintf(server->entries[server->entry_count].id, SERVER_ID_BYTES, "%s", spiffe_id);
	if (st.code == STATUS_OK)
		server->entries[server->entry_count++].uid = uid;
	unlock(server);
	return st;
}

/* As SPIRE does: who has no identity any more has no stream either. */
void server_entry_delete(struct server *server, unsigned uid)
{
	lock(server);
	for (size_t i = server->entry_count; i > 0; i--)
		if (server->entries[i - 1].uid == uid)
			server->entries[i - 1] = server->entries[--server->entry_count];
	for (struct rpc *rpc = server->streams; rpc != NULL; rpc = rpc->next)
		if (!is_known(server, rpc->listener->uid))
			end_call(rpc, MODE_PERMISSION_DENIED);
	unlock(server);
}

void server_x509(struct server *server, struct bytes message)
{
	lock(server);
	buf_done(&server->x509);
	server->x509 = buf_make(RESPONSE_MAX);
	buf_put(&server->x509, message);
	for (struct rpc *rpc = server->streams; rpc != NULL; rpc = rpc->next)
		if (rpc->is_x509 && message.len > 0)
			push(rpc);
		else if (rpc->is_x509)
			end_call(rpc, MODE_PERMISSION_DENIED);
	unlock(server);
}

void server_mode(struct server *server, enum server_mode mode, unsigned count)
{
	lock(server);
	server->mode = mode;
	server->mode_left = count;
	unlock(server);
	if (mode != MODE_OK && mode != MODE_HANG)
		server_close_streams(server, (int)mode);
}

void server_twist(struct server *server, enum server_twist twist)
{
	lock(server);
	server->twist = twist;
	unlock(server);
}

void server_opinion(struct server *server, enum server_opinion opinion)
{
	lock(server);
	server->opinion = opinion;
	unlock(server);
}

void server_ttl(struct server *server, int64_t seconds)
{
	lock(server);
	server->ttl_s = seconds;
	unlock(server);
}

struct status server_key_add(struct server *server, const char *kid, const char *alg)
{
	struct status st;

	lock(server);
	st = keys_add(&server->keys, kid, alg);
	push_all(server);
	unlock(server);
	return st;
}

struct status server_key_activate(struct server *server, const char *kid)
{
	struct status st;

	lock(server);
	st = keys_activate(&server->keys, kid);
	unlock(server);
	return st;
}

struct status server_key_withdraw(struct server *server, const char *kid)
{
	struct status st;

	lock(server);
	st = keys_withdraw(&server->keys, kid);
	push_all(server);
	unlock(server);
	return st;
}

struct status server_key_document(struct server *server, struct buf *document)
{
	struct status st;

	lock(server);
	st = keys_document(&server->keys, document);
	unlock(server);
	return st;
}

struct status server_mint(struct server *server, const struct claims *claims, struct buf *token)
{
	struct status st;

	lock(server);
	st = keys_mint(&server->keys, claims, token);
	unlock(server);
	return st;
}

static void forget_documents(struct server *server, const char *key)
{
	for (size_t i = server->document_count; i > 0; i--)
		if (strcmp(server->documents[i - 1].key, key) == 0) {
			buf_done(&server->documents[i - 1].bytes);
			server->documents[i - 1] = server->documents[--server->document_count];
		}
}

static struct status keep_document(struct server *server, const char *key, struct bytes document)
{
	struct document *kept = &server->documents[server->document_count];

	ENSURE(server->document_count < SERVER_DOCUMENTS_MAX && strlen(key) < sizeof(kept->key), LIMIT);
	kept->bytes = buf_make(RESPONSE_MAX);
	buf_put(&kept->bytes, document);
	TRY(buf_check(&kept->bytes));
	(void)snprintf(kept->key, sizeof(kept->key), "%s", key);
	server->document_count++;
	return OK;
}

struct status server_document(struct server *server, const char *key, struct bytes document)
{
	struct status st = OK;

	lock(server);
	if (document.len == 0)
		forget_documents(server, key);
	else
		st = keep_document(server, key, document);
	push_all(server);
	unlock(server);
	return st;
}

void server_own_document(struct server *server, bool is_sent)
{
	lock(server);
	server->has_own_document = is_sent;
	push_all(server);
	unlock(server);
}

/* A message of ours that is still under way would have to be waited for. */
static bool is_any_sending(const struct server *server)
{
	for (const struct rpc *rpc = server->streams; rpc != NULL; rpc = rpc->next)
		if (rpc->is_sending)
			return true;
	return false;
}

void server_raw(struct server *server, struct bytes message)
{
	lock(server);
	for (unsigned ms = 0; ms < RAW_WAIT_MS && is_any_sending(server); ms++) {
		unlock(server);
		(void)poll(NULL, 0, 1);
		lock(server);
	}
	for (struct rpc *rpc = server->streams; rpc != NULL; rpc = rpc->next)
		if (!rpc->is_sending && !rpc->is_ending)
			send_message(rpc, message);
	unlock(server);
}

void server_seen(struct server *server, struct server_seen *ret_seen)
{
	lock(server);
	*ret_seen = server->seen;
	unlock(server);
}
