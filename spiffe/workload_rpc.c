/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/workload_rpc.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include "base/own.h"
#include "spiffe/endpoint.h"
#include "spiffe/workload_connect.h"

enum {
	CONNECT_MS = 5000, /* tcp: for a server that accepts and says nothing; where nobody listens, the kernel refuses
			      at once */
	VARIABLE_MAX = 256,
	TARGET_MAX = ENDPOINT_HOST_BYTES + 24, /* "ipv6:%5B", an address, "%5D:", a port */
};

/* ---- the process --------------------------------------------------------------------------------- */

/* gRPC prints errors of its own and obeys GRPC_TRACE: what matters comes back as a status. */
static void log_nothing(gpr_log_func_args *args)
{
	(void)args;
}

static bool steers_grpc(const char *variable)
{
	static const char *const names[] = { "GRPC_", "http_proxy=", "https_proxy=", "no_proxy=", "no_grpc_proxy=",
		"grpc_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=", "NO_PROXY=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static void clear_environment(void)
{
	char name[VARIABLE_MAX];
	size_t i = 0;

	while (environ != NULL && environ[i] != NULL) {
		size_t len = strcspn(environ[i], "=");

		if (!steers_grpc(environ[i]) || len >= sizeof(name)) {
			i++;
			continue;
		}
		memcpy(name, environ[i], len);
		name[len] = '\0';
		if (unsetenv(name) != 0) /* moves the rest up: the same place again */
			i++;
	}
}

void workload_library_begin(void)
{
	sigset_t all, before;

	clear_environment();
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	gpr_set_log_function(log_nothing);
	grpc_init();
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void workload_library_end(void)
{
	grpc_shutdown_blocking();
}

const char *workload_library_version(void)
{
	static char text[64];

	(void)snprintf(text, sizeof(text), "gRPC core %s", grpc_version_string());
	return text;
}

/* ---- addresses ------------------------------------------------------------------------------------- */

/* What the library connects to itself; it reads a target as a URI. */
static void target_from(const struct endpoint *endpoint, char ret_target[TARGET_MAX])
{
	(void)snprintf(ret_target, TARGET_MAX, endpoint->is_ipv6 ? "ipv6:%%5B%s%%5D:%u" : "ipv4:%s:%u", endpoint->host,
		endpoint->port);
}

/* ---- one call -------------------------------------------------------------------------------------- */

struct workload_rpc {
	grpc_completion_queue *queue;
	grpc_channel *channel;
	grpc_call *call;
	grpc_metadata_array initial;
	grpc_metadata_array trailing;
	grpc_byte_buffer *request;
	grpc_byte_buffer *message; /* handed out until the next event; the library's until its batch is drained */
	bool is_handed_out;
	grpc_slice whole;		 /* the message in one piece */
	bool is_stranger;		 /* who serves the socket: there is no call */
	char who[WORKLOAD_REASON_BYTES]; /* serves it; empty: nobody, a stranger, or not known */
	grpc_status_code status;
	grpc_slice details;
	unsigned pending; /* batches started and not drained */
};

enum rpc_tag { TAG_START = 1, TAG_STATUS, TAG_MESSAGE };

static gpr_timespec in_ms(uint64_t ms)
{
	return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis((int64_t)ms, GPR_TIMESPAN));
}

/* The library copies keys and texts, although its types do not say so. */
static grpc_arg int_arg(char *key, int value)
{
	return (grpc_arg){ .type = GRPC_ARG_INTEGER, .key = key, .value.integer = value };
}

/* fd: of a Unix socket, which the channel takes over. */
static grpc_channel *channel_open(const struct endpoint *endpoint, int fd, int connect_ms)
{
	char receive[] = GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, least[] = GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
	     first[] = GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, most[] = GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
	     proxy[] = GRPC_ARG_ENABLE_HTTP_PROXY, service[] = GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION,
	     retries[] = GRPC_ARG_ENABLE_RETRIES, own_pool[] = GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL,
	     coding[] = GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
	     inflating[] = GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, authority[] = GRPC_ARG_DEFAULT_AUTHORITY,
	     localhost[] = "localhost";
	grpc_arg args[] = {
		int_arg(receive, WORKLOAD_MESSAGE_MAX), /* GR-06; no keepalive pings by default (GR-07) */
		int_arg(least, connect_ms),		/* the time that connecting may take */
		int_arg(first, connect_ms), int_arg(most, connect_ms), int_arg(proxy, 0), int_arg(service, 1),
		int_arg(retries, 0), int_arg(own_pool, 1), int_arg(coding, 1 << GRPC_COMPRESS_NONE), /* GR-03 */
		int_arg(inflating, 0), /* else the library inflates whatever it is sent, without any limit */
		{ .type = GRPC_ARG_STRING, .key = authority, .value.string = localhost }, /* GR-02 */
	};
	const grpc_channel_args list = { sizeof(args) / sizeof(args[0]), args };
	grpc_channel_credentials *none = grpc_insecure_credentials_create();
	char target[TARGET_MAX] = "unix";
	grpc_channel *channel;

	if (endpoint->kind == ENDPOINT_UNIX) {
		channel = grpc_channel_create_from_fd(target, fd, none, &list);
	} else {
		target_from(endpoint, target);
		channel = grpc_channel_create(target, none, &list);
	}
	grpc_channel_credentials_release(none);
	return channel;
}

/* Fails only for a misuse of the library. */
static bool start(struct workload_rpc *rpc, const grpc_op *ops, size_t count, enum rpc_tag tag)
{
	/* A tag is never followed as a pointer. */
	if (grpc_call_start_batch(rpc->call, ops, count, (void *)(uintptr_t)tag, NULL) != GRPC_CALL_OK)
		return false;
	rpc->pending++;
	return true;
}

static bool start_receiving(struct workload_rpc *rpc)
{
	const grpc_op receive = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &rpc->message };

	return start(rpc, &receive, 1, TAG_MESSAGE);
}

/* Workload Endpoint, section 3: every request carries metadata "workload.spiffe.io: true"; exactly once (EP-11). */
static bool start_call(struct workload_rpc *rpc)
{
	grpc_metadata security = { .key = grpc_slice_from_static_string("workload.spiffe.io"),
		.value = grpc_slice_from_static_string("true") };
	const grpc_op ops[] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA,
			.data.send_initial_metadata = { .count = 1, .metadata = &security } },
		{ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = rpc->request },
		{ .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT },
		{ .op = GRPC_OP_RECV_INITIAL_METADATA,
			.data.recv_initial_metadata.recv_initial_metadata = &rpc->initial },
	};
	const grpc_op end = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
		.data.recv_status_on_client = { .trailing_metadata = &rpc->trailing,
			.status = &rpc->status,
			.status_details = &rpc->details } };

	return start(rpc, &end, 1, TAG_STATUS) && start(rpc, ops, sizeof(ops) / sizeof(ops[0]), TAG_START) &&
	       start_receiving(rpc);
}

/* The call has ended before it began, and nothing was said. */
static void end_unsaid(struct workload_rpc *rpc, const struct endpoint *endpoint, const struct workload_server *server)
{
	char text[WORKLOAD_REASON_BYTES];
	struct fault fault;

	fault_take(&fault);
	rpc->status = GRPC_STATUS_UNAVAILABLE;
	rpc->is_stranger = fault.code == STATUS_JWT_STRANGER;
	if (rpc->is_stranger)
		(void)snprintf(text, sizeof(text), "%s is served by uid %u (process %d), not by uid %u", endpoint->path,
			server->uid, server->pid, endpoint->server_uid);
	else
		(void)snprintf(text, sizeof(text), "%s: %s", endpoint->path, strerror((int)fault.native));
	rpc->details = grpc_slice_from_copied_string(text);
}

/* fd: connected, for a Unix endpoint. */
static struct status open_call(struct workload_rpc *rpc, const struct endpoint *endpoint, int fd, const char *method,
	struct bytes request, uint32_t deadline_ms)
{
	int connect_ms = deadline_ms > 0 && deadline_ms < CONNECT_MS ? (int)deadline_ms : CONNECT_MS;
	grpc_slice body = grpc_slice_from_copied_buffer((const char *)request.data, request.len);

	rpc->request = grpc_raw_byte_buffer_create(&body, 1);
	grpc_slice_unref(body);
	rpc->queue = grpc_completion_queue_create_for_next(NULL);
	rpc->channel = channel_open(endpoint, fd, connect_ms);
	rpc->call = grpc_channel_create_call(rpc->channel, NULL, GRPC_PROPAGATE_DEFAULTS, rpc->queue,
		grpc_slice_from_static_string(method), NULL,
		deadline_ms > 0 ? in_ms(deadline_ms) : gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	ENSURE(rpc->call != NULL && start_call(rpc), IO);
	return OK;
}

static struct status begin(struct workload_rpc *rpc, const struct endpoint *endpoint, const char *method,
	struct bytes request, uint32_t deadline_ms)
{
	struct workload_server server = { 0 };
	struct status st = OK;
	int fd = -1;

	if (endpoint->kind == ENDPOINT_UNIX)
		st = workload_connect(endpoint, &fd, &server);
	if (st.code == STATUS_OK && endpoint->kind == ENDPOINT_UNIX)
		(void)snprintf(rpc->who, sizeof(rpc->who), "uid %u (process %d) at %s", server.uid, server.pid,
			endpoint->path);
	if (st.code == STATUS_OK)
		return open_call(rpc, endpoint, fd, method, request, deadline_ms);
	if (st.code != STATUS_IO && st.code != STATUS_JWT_STRANGER)
		return st;
	end_unsaid(rpc, endpoint, &server);
	return OK;
}

struct status workload_rpc_open(const struct endpoint *endpoint, const char *method, struct bytes request,
	uint32_t deadline_ms, struct workload_rpc **ret_rpc)
{
	struct workload_rpc *rpc = calloc(1, sizeof(*rpc));
	struct status st;

	ENSURE(rpc != NULL, NO_MEMORY);
	rpc->status = GRPC_STATUS_UNKNOWN;
	rpc->details = grpc_empty_slice();
	rpc->whole = grpc_empty_slice();
	grpc_metadata_array_init(&rpc->initial);
	grpc_metadata_array_init(&rpc->trailing);
	st = begin(rpc, endpoint, method, request, deadline_ms);
	if (st.code != STATUS_OK) {
		workload_rpc_close(rpc);
		return st;
	}
	*ret_rpc = rpc;
	return OK;
}

static void drop_message(struct workload_rpc *rpc)
{
	grpc_slice_unref(rpc->whole);
	rpc->whole = grpc_empty_slice();
	if (rpc->message != NULL)
		grpc_byte_buffer_destroy(rpc->message);
	rpc->message = NULL;
	rpc->is_handed_out = false;
}

/* Sockets make progress in here, in whichever thread: that of another call may have a message ready before this one
 * looks, so a message is ours from its event on, not from when its pointer is set.  Every batch must be drained before
 * the call is released; the end is the status, and a NULL message only says that no more come. */
enum workload_rpc_event workload_rpc_next(struct workload_rpc *rpc, uint64_t wait_ms)
{
	const gpr_timespec deadline = in_ms(wait_ms);

	if (rpc->is_handed_out) {
		drop_message(rpc);
		if (!start_receiving(rpc))
			workload_rpc_cancel(rpc);
	}
	while (rpc->pending > 0) {
		grpc_event event = grpc_completion_queue_next(rpc->queue, deadline, NULL);

		if (event.type != GRPC_OP_COMPLETE)
			return WORKLOAD_RPC_TIMEOUT;
		rpc->pending--;
		if ((uintptr_t)event.tag != TAG_MESSAGE || rpc->message == NULL)
			continue;
		rpc->is_handed_out = true;
		return WORKLOAD_RPC_MESSAGE;
	}
	return WORKLOAD_RPC_ENDED;
}

void workload_rpc_cancel(struct workload_rpc *rpc)
{
	/* The one call that the library allows from any thread; it has nothing to report. */
	if (rpc->call != NULL)
		(void)grpc_call_cancel(rpc->call, NULL);
}

static void close_call(struct workload_rpc *rpc)
{
	workload_rpc_cancel(rpc);
	while (rpc->pending > 0) {
		(void)grpc_completion_queue_next(rpc->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
		rpc->pending--;
	}
	grpc_call_unref(rpc->call);
}

static void close_queue(grpc_completion_queue *queue)
{
	grpc_completion_queue_shutdown(queue);
	while (grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type != GRPC_QUEUE_SHUTDOWN)
		;
	grpc_completion_queue_destroy(queue);
}

void workload_rpc_close(struct workload_rpc *rpc)
{
	if (rpc == NULL)
		return;
	if (rpc->call != NULL)
		close_call(rpc);
	drop_message(rpc);
	if (rpc->channel != NULL)
		grpc_channel_destroy(rpc->channel);
	if (rpc->queue != NULL)
		close_queue(rpc->queue);
	if (rpc->request != NULL)
		grpc_byte_buffer_destroy(rpc->request);
	grpc_metadata_array_destroy(&rpc->initial);
	grpc_metadata_array_destroy(&rpc->trailing);
	grpc_slice_unref(rpc->whole);
	grpc_slice_unref(rpc->details);
	free(rpc);
}

static struct bytes slice_bytes(const grpc_slice *slice)
{
	return bytes_of(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

struct status workload_rpc_message(struct workload_rpc *rpc, struct bytes *ret_message)
{
	grpc_byte_buffer_reader reader;

	ENSURE(rpc->message->type == GRPC_BB_RAW && rpc->message->data.raw.compression == GRPC_COMPRESS_NONE, LIMIT);
	ENSURE(grpc_byte_buffer_reader_init(&reader, rpc->message), NO_MEMORY);
	grpc_slice_unref(rpc->whole);
	rpc->whole = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	*ret_message = slice_bytes(&rpc->whole);
	return OK;
}

int workload_rpc_status(const struct workload_rpc *rpc)
{
	return rpc->is_stranger ? WORKLOAD_RPC_STRANGER : (int)rpc->status;
}

static void print_text(struct bytes text, size_t at, char ret_text[WORKLOAD_REASON_BYTES])
{
	for (size_t i = 0; i < text.len && at + 1 < WORKLOAD_REASON_BYTES; i++)
		ret_text[at++] = text.data[i] >= ' ' && text.data[i] < 0x7f ? (char)text.data[i] : '?';
	ret_text[at] = '\0';
}

bool workload_rpc_server(const struct workload_rpc *rpc, char ret_who[WORKLOAD_REASON_BYTES])
{
	print_text(bytes_from_text(rpc->who), 0, ret_who);
	return ret_who[0] != '\0';
}

static const char *status_title(int status)
{
	static const char *const titles[] = { "OK", "Cancelled", "Unknown", "InvalidArgument", "DeadlineExceeded",
		"NotFound", "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted",
		"OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated" };

	if (status < 0 || (size_t)status >= sizeof(titles) / sizeof(titles[0]))
		return "unassigned status";
	return titles[status];
}

void workload_rpc_reason(const struct workload_rpc *rpc, char ret_reason[WORKLOAD_REASON_BYTES])
{
	struct bytes details = slice_bytes(&rpc->details);
	const char *title = rpc->is_stranger ? "Stranger" : status_title((int)rpc->status);
	size_t at = (size_t)snprintf(ret_reason, WORKLOAD_REASON_BYTES, "%s%s", title, details.len > 0 ? ": " : "");

	print_text(details, at, ret_reason);
}
