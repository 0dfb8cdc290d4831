/* SPDX-License-Identifier: Apache-2.0
 *
 * Someone who trickles: one process sends a request at one byte a second on each of many connections.
 *
 *   bench-slow SOCKET CONNECTIONS SECONDS
 *
 * Whenever a connection ends, the next one is opened.  Prints "start" when all are open, and after SECONDS a line of
 * JSON: how many ended, how they were answered, how long those that ended lived (milliseconds since before their
 * connect()), and its own CPU time. */
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
	CONNECTIONS_MAX = 65536,
	EVENTS = 64,
	STATUS_AT = 32,
	STATUS_TIMEOUT = 15,
	STATUS_BUSY = 1141,
	POLL_MS = 1,
};
#define BYTE_NS UINT64_C(1000000000)

struct trickle {
	int fd;
	uint64_t began_ns;
	size_t sent;
};

struct slow {
	struct sockaddr_un to;
	struct trickle *all;
	size_t count;
	uint64_t began_ns, turns; /* bytes sent since: each connection's turn comes once in BYTE_NS */
	int epoll;
	struct measure lives;
	uint64_t shortest_ns, longest_ns, timeouts, busy, closed, others;
};

/* The head of a Ping, without its end. */
static const uint8_t frame[] = { 0x10, 0xA7, 0xC0, 0x5E, 0x1E, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00 };

static bool trickle_byte(struct trickle *t)
{
	if (t->sent == sizeof(frame))
		return true;
	if (send(t->fd, frame + t->sent++, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return errno == EPIPE || errno == ECONNRESET || errno == EAGAIN;
	return true;
}

static bool trickle_begin(struct slow *s, struct trickle *t)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = t };

	*t = (struct trickle){ .began_ns = measure_now_ns(), .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	if (t->fd < 0 || connect(t->fd, (const struct sockaddr *)&s->to, sizeof(s->to)) != 0)
		return false;
	return trickle_byte(t) && epoll_ctl(s->epoll, EPOLL_CTL_ADD, t->fd, &event) == 0;
}

/* Its answer, or its end. */
static bool trickle_ended(struct slow *s, struct trickle *t)
{
	uint8_t answer[FRAME_HEADER_BYTES];
	ssize_t n = recv(t->fd, answer, sizeof(answer), MSG_DONTWAIT);
	uint64_t life_ns = measure_now_ns() - t->began_ns;
	uint16_t status = 0;

	if (n == FRAME_HEADER_BYTES)
		memcpy(&status, answer + STATUS_AT, sizeof(status));
	s->timeouts += status == STATUS_TIMEOUT;
	s->busy += status == STATUS_BUSY;
	s->closed += n <= 0;
	s->others += n > 0 && status != STATUS_TIMEOUT && status != STATUS_BUSY;
	measure_add(&s->lives, life_ns);
	s->shortest_ns = life_ns < s->shortest_ns ? life_ns : s->shortest_ns;
	s->longest_ns = life_ns > s->longest_ns ? life_ns : s->longest_ns;
	(void)close(t->fd);
	return trickle_begin(s, t);
}

/* The bytes that are due by now. */
static bool trickle_due(struct slow *s)
{
	uint64_t due = (measure_now_ns() - s->began_ns) / (BYTE_NS / s->count);

	for (; s->turns < due; s->turns++)
		if (!trickle_byte(&s->all[s->turns % s->count]))
			return false;
	return true;
}

/* Those that have ended. */
static bool trickle_turn(struct slow *s, int wait_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(s->epoll, events, EVENTS, wait_ms);

	for (int i = 0; i < n; i++)
		if (!trickle_ended(s, events[i].data.ptr))
			return false;
	return true;
}

static bool run(struct slow *s, double seconds)
{
	uint64_t until_ns, cpu_ns;

	for (size_t i = 0; i < s->count; i++)
		if (!trickle_begin(s, &s->all[i]) || (i % EVENTS == 0 && !trickle_turn(s, 0)))
			return false;
	printf("start\n");
	(void)fflush(stdout); /* a harness that is gone shows at the end */
	s->began_ns = measure_now_ns();
	until_ns = s->began_ns + (uint64_t)(seconds * 1e9);
	cpu_ns = measure_cpu_ns();
	while (measure_now_ns() < until_ns)
		if (!trickle_turn(s, POLL_MS) || !trickle_due(s))
			return false;
	printf("{\"ended\": %llu, \"timeouts\": %llu, \"busy\": %llu, \"closed\": %llu, \"others\": %llu, ",
		(unsigned long long)s->lives.count, (unsigned long long)s->timeouts, (unsigned long long)s->busy,
		(unsigned long long)s->closed, (unsigned long long)s->others);
	printf("\"shortest_ms\": %.1f, \"p50_ms\": %.1f, \"longest_ms\": %.1f, \"cpu_s\": %.4f, \"wall_s\": %.4f}\n",
		(double)s->shortest_ns / 1e6, measure_quantile_us(&s->lives, 0.5) / 1e3, (double)s->longest_ns / 1e6,
		(double)(measure_cpu_ns() - cpu_ns) / 1e9, (double)(measure_now_ns() - s->began_ns) / 1e9);
	return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
	static struct slow s = { .to.sun_family = AF_UNIX, .shortest_ns = UINT64_MAX };

	s.count = argc == 4 ? (size_t)strtoul(argv[2], NULL, 10) : 0;
	if (s.count == 0 || s.count > CONNECTIONS_MAX) {
		(void)fprintf(stderr, "usage: bench-slow SOCKET CONNECTIONS SECONDS\n");
		return 2;
	}
	(void)snprintf(s.to.sun_path, sizeof(s.to.sun_path), "%s", argv[1]); /* a longer one does not connect */
	s.all = calloc(s.count, sizeof(s.all[0]));
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s.all == NULL || s.epoll < 0 || !run(&s, strtod(argv[3], NULL))) {
		perror("bench-slow");
		return 1;
	}
	free(s.all);
	return 0;
}
