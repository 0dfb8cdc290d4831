/* SPDX-License-Identifier: Apache-2.0 */
#include "client/transport.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"

enum { CONNECT_PAUSE_MS = 5 }; /* a full backlog of a Unix socket cannot be waited for with poll() */

struct status transport_init(struct transport *t, const char *endpoint)
{
	static const char scheme[] = "unix:";
	size_t len;

	if (strncmp(endpoint, scheme, sizeof(scheme) - 1) == 0)
		endpoint += sizeof(scheme) - 1;
	if (strncmp(endpoint, "///", 3) == 0)
		endpoint += 2;
	len = strlen(endpoint);
	ENSURE(endpoint[0] == '/' && endpoint[1] != '\0' && endpoint[1] != '/', CLIENT_ENDPOINT);
	ENSURE(len < TRANSPORT_PATH_BYTES, CLIENT_ENDPOINT);
	*t = (struct transport){ .fd = -1, .in = buf_make(FRAME_HEADER_BYTES + FRAME_ANSWER_MAX) };
	memcpy(t->path, endpoint, len + 1);
	return OK;
}

void transport_close(struct transport *t)
{
	own_close(&t->fd);
}

void transport_done(struct transport *t)
{
	transport_close(t);
	buf_done(&t->in);
}

/* Milliseconds for poll(), rounded up so that it does not spin; 0 when it is over. */
static int left_ms(uint64_t deadline_us)
{
	uint64_t now = clock_mono_us(), left;

	if (now >= deadline_us)
		return 0;
	left = (deadline_us - now + US_PER_MS - 1) / US_PER_MS;
	return left > 60000 ? 60000 : (int)left;
}

static struct status wait_for(int fd, short events, uint64_t deadline_us)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int left = left_ms(deadline_us), n;

		ENSURE(left > 0, CLIENT_TIMEOUT);
		n = poll(&p, 1, left);
		if (n > 0)
			return OK;
		if (n < 0 && errno != EINTR)
			return FAIL_RC(CLIENT_CONNECT, errno);
	}
}

/* The service answers for whoever called listen(): that is what the kernel remembers. */
static struct status server_check(const struct transport *t, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (!t->check_uid)
		return OK;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return FAIL_RC(CLIENT_CONNECT, errno);
	if (peer.uid != t->uid)
		return FAIL_RC(CLIENT_SERVER, peer.uid);
	return OK;
}

static struct status transport_connect(struct transport *t, uint64_t deadline_us)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO(own_close) int fd = -1;

	memcpy(address.sun_path, t->path, sizeof(address.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return FAIL_RC(CLIENT_CONNECT, errno);
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == EISCONN)
			break;
		if (errno != EAGAIN && errno != EINTR)
			return FAIL_RC(CLIENT_CONNECT, errno);
		ENSURE(left_ms(deadline_us) > 0, CLIENT_TIMEOUT);
		(void)poll(NULL, 0, CONNECT_PAUSE_MS);
	}
	TRY(server_check(t, fd));
	t->fd = own_take_fd(&fd);
	return OK;
}

/* A kept connection is usable while nothing can be read from it: neither its end nor bytes that nobody asked for. */
static bool is_usable(const struct transport *t)
{
	char byte;

	return t->fd >= 0 && recv(t->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* The answer may be there although the request was not taken whole (too large, say): then it is read all the same. */
static struct status send_all(struct transport *t, struct bytes request, uint64_t deadline_us)
{
	while (request.len > 0) {
		ssize_t n = send(t->fd, request.data, request.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			TRY(wait_for(t->fd, POLLOUT, deadline_us));
			continue;
		}
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return OK;
		if (n < 0)
			return FAIL_RC(CLIENT_CONNECT, errno);
		t->sent = true;
		request = bytes_of(request.data + n, request.len - (size_t)n);
	}
	return OK;
}

/* Until `in` has `len` bytes. */
static struct status receive(struct transport *t, size_t len, uint64_t deadline_us)
{
	while (t->in.len < len) {
		uint8_t *to = buf_reserve(&t->in, len - t->in.len);
		ssize_t n;

		ENSURE(to != NULL, NO_MEMORY);
		n = recv(t->fd, to, len - t->in.len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			TRY(wait_for(t->fd, POLLIN, deadline_us));
			continue;
		}
		if (n <= 0) /* the end, or a reset: alike */
			return FAIL(CLIENT_CLOSED);
		t->answered = true;
		buf_grew(&t->in, (size_t)n);
	}
	return OK;
}

static struct status exchange(struct transport *t, struct bytes request, uint32_t opcode, uint64_t deadline_us,
	struct frame_header *ret_header, struct bytes *ret_body)
{
	TRY(send_all(t, request, deadline_us));
	TRY(receive(t, FRAME_HEADER_BYTES, deadline_us));
	TRY(frame_response_decode(buf_bytes(&t->in), opcode, ret_header));
	TRY(receive(t, FRAME_HEADER_BYTES + (size_t)ret_header->body_len, deadline_us));
	*ret_body = bytes_of(t->in.data + FRAME_HEADER_BYTES, ret_header->body_len);
	return OK;
}

struct status transport_exchange(struct transport *t, struct bytes request, uint32_t opcode, bool fresh,
	uint64_t deadline_us, struct frame_header *ret_header, struct bytes *ret_body)
{
	struct status st;

	t->answered = t->sent = false;
	buf_done(&t->in); /* wiped: the last answer is nobody's any more */
	if (fresh || !is_usable(t))
		transport_close(t);
	if (t->fd < 0)
		TRY(transport_connect(t, deadline_us));
	st = exchange(t, request, opcode, deadline_us, ret_header, ret_body);
	if (st.code != STATUS_OK || (ret_header->flags & FRAME_KEEP) == 0)
		transport_close(t);
	return st;
}
