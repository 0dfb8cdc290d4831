/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/h2.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/unit.h"

enum { HEADER_BYTES = 9, PREFACE_BYTES = 24, INPUT_MAX = 64 * 1024 };

/* ---- frames ----------------------------------------------------------------------------------------------- */

static void text_put(struct buf *block, const char *text)
{
	assert_true(strlen(text) < 127);
	buf_put_u8(block, (uint8_t)strlen(text));
	buf_put(block, bytes_from_text(text));
}

void h2_field_put(struct buf *block, const char *name, const char *value)
{
	buf_put_u8(block, 0);
	text_put(block, name);
	text_put(block, value);
}

void h2_prefix_put(struct buf *message, uint8_t flag, size_t len)
{
	buf_put_u8(message, flag);
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_put_u8(message, (uint8_t)(len >> shift));
}

void h2_frame_put(struct buf *out, enum h2_type type, uint8_t flags, uint8_t pad, struct bytes payload)
{
	const bool is_padded = (flags & H2_PADDED) != 0;
	const size_t len = payload.len + (is_padded ? 1u + pad : 0);
	const bool is_of_connection = type == H2_SETTINGS || type == H2_PING || type == H2_GOAWAY;

	for (int shift = 16; shift >= 0; shift -= 8)
		buf_put_u8(out, (uint8_t)(len >> shift));
	buf_put_u8(out, (uint8_t)type);
	buf_put_u8(out, flags);
	buf_put(out, bytes_of(is_of_connection ? "\0\0\0\0" : "\0\0\0\1", 4));
	if (is_padded)
		buf_put_u8(out, pad);
	buf_put(out, payload);
	for (unsigned i = 0; is_padded && i < pad; i++)
		buf_put_u8(out, 0);
}

/* ---- one connection --------------------------------------------------------------------------------------- */

/* Exactly that many bytes; false when the client has gone, or the server is to stop. */
static bool read_exactly(const struct h2_server *server, int fd, uint8_t *to, size_t len)
{
	struct pollfd wait[] = { { .fd = fd, .events = POLLIN }, { .fd = server->stop, .events = POLLIN } };

	for (size_t have = 0; have < len;) {
		ssize_t n;

		if (poll(wait, 2, -1) < 0 || wait[1].revents != 0)
			return false;
		n = recv(fd, to + have, len - have, 0);
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

static void send_all(int fd, struct bytes bytes)
{
	for (size_t sent = 0; sent < bytes.len;) {
		ssize_t n = send(fd, bytes.data + sent, bytes.len - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* the client has gone: it has its reasons */
		sent += (size_t)n;
	}
}

static void acknowledge(int fd, enum h2_type type, struct bytes payload)
{
	AUTO(buf_done) struct buf out = buf_make(64);

	h2_frame_put(&out, type, H2_ACK, 0, payload);
	send_all(fd, buf_bytes(&out));
}

/* Until the client goes, or has been answered and hung up on. */
static void serve_connection(struct h2_server *server, int fd)
{
	uint8_t head[PREFACE_BYTES], payload[INPUT_MAX];
	AUTO(buf_done) struct buf settings = buf_make(64);

	h2_frame_put(&settings, H2_SETTINGS, 0, 0, (struct bytes){ 0 });
	send_all(fd, buf_bytes(&settings));
	if (!read_exactly(server, fd, head, PREFACE_BYTES))
		return;
	while (read_exactly(server, fd, head, HEADER_BYTES)) {
		const size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		const uint8_t type = head[3], flags = head[4];

		if (len > sizeof(payload) || !read_exactly(server, fd, payload, len))
			return;
		if ((type == H2_SETTINGS || type == H2_PING) && (flags & H2_ACK) == 0)
			acknowledge(fd, (enum h2_type)type, bytes_of(payload, type == H2_PING ? len : 0));
		if ((type == H2_DATA || type == H2_HEADERS) && (flags & H2_END_STREAM) != 0) {
			size_t last = server->answer_count - 1, n = server->calls < last ? server->calls : last;

			server->calls++;
			send_all(fd, buf_bytes(&server->answers[n]));
			if (server->hangs_up != NULL && server->hangs_up[n])
				return;
		}
	}
}

static void *serve(void *context)
{
	struct h2_server *server = context;
	struct pollfd wait[] = { { .fd = server->fd, .events = POLLIN }, { .fd = server->stop, .events = POLLIN } };

	while (poll(wait, 2, -1) > 0 && wait[1].revents == 0) {
		AUTO(own_close) int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			serve_connection(server, fd);
	}
	return NULL;
}

/* ---- begin and end ---------------------------------------------------------------------------------------- */

void h2_start(struct h2_server *server, const struct buf *answers, size_t answer_count, const bool *hangs_up)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*server = (struct h2_server){ .answers = answers, .answer_count = answer_count, .hangs_up = hangs_up };
	for (size_t i = 0; i < answer_count; i++)
		assert_ok(buf_check(&answers[i]));
	(void)snprintf(server->directory, sizeof(server->directory), "/tmp/h2.XXXXXX");
	assert_non_null(mkdtemp(server->directory));
	(void)snprintf(server->path, sizeof(server->path), "%s/socket", server->directory);
	(void)snprintf(server->endpoint, sizeof(server->endpoint), "unix://%s", server->path);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
	server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	server->stop = eventfd(0, EFD_CLOEXEC);
	assert_true(server->fd >= 0 && server->stop >= 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->fd, 16), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

void h2_stop(struct h2_server *server)
{
	assert_int_equal(eventfd_write(server->stop, 1), 0);
	assert_int_equal(pthread_join(server->thread, NULL), 0);
	own_close(&server->fd);
	own_close(&server->stop);
	(void)unlink(server->path);
	(void)rmdir(server->directory);
}
