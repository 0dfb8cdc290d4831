/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/scripted.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/unit.h"

enum { WAIT_MS = 5000 };

static bool wait_in(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, WAIT_MS) == 1;
}

static bool read_frame(int fd, struct buf *in)
{
	size_t want = FRAME_SIZED_BYTES;

	for (;;) {
		uint8_t *to;
		ssize_t n;

		if (frame_length(buf_bytes(in), &want).code != STATUS_OK)
			return false;
		if (in->len >= want)
			return true;
		to = buf_reserve(in, want - in->len);
		if (to == NULL || !wait_in(fd))
			return false;
		n = recv(fd, to, want - in->len, 0);
		if (n <= 0)
			return false;
		buf_grew(in, (size_t)n);
	}
}

static void note(struct scripted *s, const struct buf *in)
{
	struct script_seen *seen = &s->seen[s->seen_count < SCRIPT_SEEN_MAX ? s->seen_count : SCRIPT_SEEN_MAX - 1];
	size_t body, auth;

	(void)frame_header_decode(buf_bytes(in), &seen->header).code;
	body = seen->header.body_len < sizeof(seen->body) ? seen->header.body_len : sizeof(seen->body);
	auth = seen->header.auth_len < sizeof(seen->auth) ? seen->header.auth_len : sizeof(seen->auth);
	memcpy(seen->body, in->data + FRAME_HEADER_BYTES, body);
	memcpy(seen->auth, in->data + FRAME_HEADER_BYTES + seen->header.body_len, auth);
	seen->connection = s->connections;
	s->seen_count++;
}

static void act(const struct script_step *step, int fd, const struct script_seen *seen)
{
	struct frame_header echoed = seen->header;
	struct buf out = buf_make(FRAME_HEADER_BYTES + FRAME_ANSWER_MAX);
	char waste[256];
	size_t len;

	echoed.flags = step->keep ? FRAME_KEEP : 0;
	if (step->opcode != 0)
		echoed.opcode = step->opcode;
	if (step->act == SCRIPT_RAW)
		buf_put(&out, step->body);
	else if (step->act == SCRIPT_ANSWER || step->act == SCRIPT_CUT)
		frame_response_put(&out, &echoed, step->status, step->body);
	len = step->act == SCRIPT_CUT ? step->cut : out.len;
	if (len > 0)
		(void)send(fd, out.data, len, MSG_NOSIGNAL);
	while (step->act == SCRIPT_SILENT && wait_in(fd) && recv(fd, waste, sizeof(waste), 0) > 0)
		;
	buf_done(&out);
}

/* The step's request over the open connection, or a new one; false when the open one has ended. */
static bool serve_step(struct scripted *s, const struct script_step *step, int *fd)
{
	struct buf in = buf_make(4 * FRAME_BODY_MAX);
	bool served = true;

	if (*fd < 0 && wait_in(s->fd)) {
		*fd = accept(s->fd, NULL, NULL);
		s->connections++;
	}
	if (*fd >= 0 && step->act != SCRIPT_REFUSE) {
		served = read_frame(*fd, &in);
		if (served) {
			note(s, &in);
			act(step, *fd, &s->seen[(s->seen_count - 1) % SCRIPT_SEEN_MAX]);
		}
	}
	if (*fd >= 0 && (!step->keep || !served)) {
		(void)close(*fd);
		*fd = -1;
	}
	buf_done(&in);
	return served;
}

static void *serve(void *scripted)
{
	struct scripted *s = scripted;
	int fd = -1;

	for (size_t i = 0; i < s->step_count; i++)
		if (!serve_step(s, &s->steps[i], &fd))
			(void)serve_step(s, &s->steps[i], &fd); /* the client gave a kept connection up: the next one */
	if (fd >= 0)
		(void)close(fd);
	return NULL;
}

void scripted_start(struct scripted *s, const struct script_step *steps, size_t step_count)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*s = (struct scripted){ .steps = steps, .step_count = step_count };
	(void)snprintf(s->directory, sizeof(s->directory), "/tmp/scripted.XXXXXX");
	assert_non_null(mkdtemp(s->directory));
	(void)snprintf(s->path, sizeof(s->path), "%s/socket", s->directory);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void scripted_stop(struct scripted *s)
{
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	(void)close(s->fd);
	(void)unlink(s->path);
	(void)rmdir(s->directory);
}
