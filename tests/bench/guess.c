/* SPDX-License-Identifier: Apache-2.0
 *
 * Someone who guesses: one process sends frames with invalid tokens as fast as it can.
 *
 *   bench-guess SOCKET CONNECTIONS SECONDS < FRAMES
 *
 * FRAMES are complete requests, one after another; each is sent on a connection of its own, CONNECTIONS of them at a
 * time, the next one as soon as a connection ends.  Without any, connections are made and closed at once, one at a
 * time.  Prints "start", and after SECONDS a line of JSON: how many were sent, how they were answered, and its own CPU
 * time. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/measure.h"
#include "wire/frame.h"

enum {
	CONNECTIONS_MAX = 1024,
	EVENTS = 64,
	INPUT_MAX = 64 * 1024 * 1024,
	BODY_LEN_AT = 22,
	AUTH_LEN_AT = 26,
	STATUS_AT = 32,
	POLL_MS = 100,
	STATUS_WRONG = 11,
	STATUS_BUSY = 1141,
};

struct guess {
	struct sockaddr_un to;
	uint8_t *frames;
	size_t len, at; /* of the next one */
	int epoll;
	uint64_t sent, wrong, busy, closed, accepted, others;
};

static size_t frame_at(const struct guess *g, size_t at)
{
	uint32_t body;
	uint16_t auth;

	memcpy(&body, g->frames + at + BODY_LEN_AT, sizeof(body));
	memcpy(&auth, g->frames + at + AUTH_LEN_AT, sizeof(auth));
	return FRAME_HEADER_BYTES + (size_t)body + auth;
}

/* A connection with the next frame.  The service may have closed it before it is written. */
static bool guess_send(struct guess *g)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = frame_at(g, g->at);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&g->to, sizeof(g->to)) != 0)
		return false;
	event.data.fd = fd;
	if (epoll_ctl(g->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		return false;
	if (send(fd, g->frames + g->at, len, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return false;
	g->sent++;
	g->at = g->at + len < g->len ? g->at + len : 0;
	return true;
}

/* A connection for nothing. */
static bool guess_knock(struct guess *g)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && connect(fd, (const struct sockaddr *)&g->to, sizeof(g->to)) == 0;

	if (fd >= 0)
		(void)close(fd);
	g->sent++;
	return good;
}

static bool guess_answered(struct guess *g, int fd)
{
	uint8_t answer[256];
	ssize_t n = recv(fd, answer, sizeof(answer), 0);
	uint16_t status = 0;

	if (n >= FRAME_HEADER_BYTES)
		memcpy(&status, answer + STATUS_AT, sizeof(status));
	if (n <= 0)
		g->closed++;
	else if (status == STATUS_WRONG)
		g->wrong++;
	else if (status == STATUS_BUSY)
		g->busy++;
	else if (status == 0)
		g->accepted++;
	else
		g->others++;
	(void)close(fd);
	return guess_send(g);
}

static bool run(struct guess *g, size_t connections, double seconds)
{
	uint64_t began_ns = measure_now_ns(), until_ns = began_ns + (uint64_t)(seconds * 1e9),
		 cpu_ns = measure_cpu_ns();
	struct epoll_event events[EVENTS];

	printf("start\n");
	(void)fflush(stdout); /* a harness that is gone shows at the end */
	while (g->len == 0 && measure_now_ns() < until_ns)
		if (!guess_knock(g))
			return false;
	for (size_t i = 0; i < connections && g->len > 0; i++)
		if (!guess_send(g))
			return false;
	while (measure_now_ns() < until_ns) {
		int n = epoll_wait(g->epoll, events, EVENTS, POLL_MS);

		for (int i = 0; i < n; i++)
			if (!guess_answered(g, events[i].data.fd))
				return false;
	}
	printf("{\"sent\": %llu, \"wrong\": %llu, \"busy\": %llu, \"closed\": %llu, \"accepted\": %llu, \"others\": "
	       "%llu, "
	       "\"cpu_s\": %.4f, \"wall_s\": %.4f}\n",
		(unsigned long long)g->sent, (unsigned long long)g->wrong, (unsigned long long)g->busy,
		(unsigned long long)g->closed, (unsigned long long)g->accepted, (unsigned long long)g->others,
		(double)(measure_cpu_ns() - cpu_ns) / 1e9, (double)(measure_now_ns() - began_ns) / 1e9);
	return fflush(stdout) == 0;
}

static bool prepare(struct guess *g, const char *path)
{
	size_t at = 0;

	g->to.sun_family = AF_UNIX;
	(void)snprintf(g->to.sun_path, sizeof(g->to.sun_path), "%s", path); /* a longer one does not connect */
	g->frames = malloc(INPUT_MAX);
	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (g->frames == NULL || g->epoll < 0)
		return false;
	g->len = fread(g->frames, 1, INPUT_MAX, stdin);
	while (g->len - at >= FRAME_HEADER_BYTES && frame_at(g, at) <= g->len - at)
		at += frame_at(g, at);
	errno = EINVAL;
	return at == g->len;
}

int main(int argc, char **argv)
{
	struct guess g = { 0 };
	size_t connections = argc == 4 ? (size_t)strtoul(argv[2], NULL, 10) : 0;

	if (connections == 0 || connections > CONNECTIONS_MAX) {
		(void)fprintf(stderr, "usage: bench-guess SOCKET CONNECTIONS SECONDS < FRAMES\n");
		return 2;
	}
	if (!prepare(&g, argv[1]) || !run(&g, connections, strtod(argv[3], NULL))) {
		perror("bench-guess");
		return 1;
	}
	free(g.frames);
	return 0;
}
