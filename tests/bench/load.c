/* SPDX-License-Identifier: Apache-2.0
 *
 * Load on a Parsec service: N clients, each one request at a time, all in one thread.
 *
 *   bench-load SOCKET CLIENTS SECONDS [VARY [PACE]] < FRAME
 *
 * FRAME is one complete request, sent over and over.  Where bit 0 of its flags is set every client keeps its
 * connection, else it makes a new one for each request: latency then counts from before socket() to the answer's last
 * byte.  From offset VARY on, 8 bytes become a running number, so that no two requests are the same.  PACE: so many
 * requests a second in all, and latency counts from when one is due; without, each client sends as soon as it can.
 *
 * Prints "start" after a warm-up of a tenth of SECONDS, and after SECONDS a line of JSON: at the two the caller can
 * read the CPU time of others.  Then the answers that are still out are awaited, one request more is sent on a
 * connection of its own, and it is printed with its answer, for a verifier that is not ours, beside the number of all
 * requests sent. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/measure.h"
#include "wire/frame.h"

enum {
	CLIENTS_MAX = 1024,
	EVENTS = 64,
	ANSWER_MAX = 4096, /* of pings and signatures */
	BODY_LEN_AT = 22,
	STATUS_AT = 32,
	POLL_MS = 100,
	WARM_SHARE = 10, /* of the time asked for, before it */
	FLAGS_AT = 8,
};

/* For the answers that are out when the time is up. */
#define DRAIN_NS UINT64_C(10000000000)

struct client {
	int fd;
	bool is_waiting; /* for its answer */
	uint64_t began_ns;
	size_t got;
	uint8_t answer[ANSWER_MAX];
};

struct load {
	struct sockaddr_un to;
	uint8_t request[FRAME_HEADER_BYTES + FRAME_BODY_MAX + FRAME_AUTH_MAX];
	size_t request_len;
	size_t vary; /* 0: not */
	uint64_t number;
	bool keep;
	int epoll;
	struct client *clients;
	size_t count;
	bool counting, stopping;
	size_t waiting;	  /* clients without their answer */
	uint64_t pace_ns; /* 0: as fast as they can */
	uint64_t due_ns;
	int timer;
	struct measure latency;
	uint64_t refused, broken;
	uint16_t last_status;
};

static bool client_connect(struct load *l, struct client *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	/* Blocks while the service's backlog is full: that is part of the latency. */
	if (connect(c->fd, (const struct sockaddr *)&l->to, sizeof(l->to)) != 0)
		return false;
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0;
}

static bool client_send(struct load *l, struct client *c)
{
	size_t sent = 0;

	c->began_ns = l->pace_ns > 0 ? l->due_ns : measure_now_ns();
	c->got = 0;
	if (c->fd < 0 && !client_connect(l, c))
		return false;
	l->number++;
	l->waiting++;
	c->is_waiting = true;
	if (l->vary > 0)
		memcpy(l->request + l->vary, &l->number, sizeof(l->number));
	while (sent < l->request_len) {
		ssize_t n = send(c->fd, l->request + sent, l->request_len - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		sent += (size_t)n;
	}
	return true;
}

/* 0 while the header is not complete. */
static size_t answer_length(const struct client *c)
{
	uint32_t body;

	if (c->got < FRAME_HEADER_BYTES)
		return 0;
	memcpy(&body, c->answer + BODY_LEN_AT, sizeof(body));
	return FRAME_HEADER_BYTES + (size_t)body;
}

static void answered(struct load *l, struct client *c)
{
	uint16_t status;

	memcpy(&status, c->answer + STATUS_AT, sizeof(status));
	l->last_status = status;
	if (!l->counting)
		return;
	if (status != 0) {
		l->refused++;
		return;
	}
	measure_add(&l->latency, measure_now_ns() - c->began_ns);
}

/* The next request of a client that has its answer: now, or when it is due. */
static bool client_next(struct load *l, struct client *c)
{
	return l->stopping || l->pace_ns > 0 || client_send(l, c);
}

/* Every request that is due, as long as there is a client for it. */
static bool pace(struct load *l)
{
	struct itimerspec at = { 0 };

	for (size_t i = 0; i < l->count && l->due_ns <= measure_now_ns(); i++) {
		if (l->clients[i].is_waiting)
			continue;
		if (!client_send(l, &l->clients[i]))
			return false;
		l->due_ns += l->pace_ns;
	}
	at.it_value.tv_sec = (time_t)(l->due_ns / 1000000000U);
	at.it_value.tv_nsec = (long)(l->due_ns % 1000000000U);
	return timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &at, NULL) == 0;
}

static bool pace_begin(struct load *l)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (l->pace_ns == 0)
		return true;
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	l->due_ns = measure_now_ns();
	return l->timer >= 0 && epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &event) == 0;
}

static void client_close(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

/* Bytes for one client; when its answer is complete, the next request. */
static bool client_ready(struct load *l, struct client *c)
{
	ssize_t n = recv(c->fd, c->answer + c->got, sizeof(c->answer) - c->got, MSG_DONTWAIT);
	size_t len;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		l->broken++;
		l->waiting--;
		c->is_waiting = false;
		client_close(c);
		return l->broken < CLIENTS_MAX && client_next(l, c);
	}
	c->got += (size_t)n;
	len = answer_length(c);
	if (len > sizeof(c->answer)) {
		errno = EMSGSIZE;
		return false;
	}
	if (len == 0 || c->got < len)
		return true;
	answered(l, c);
	l->waiting--;
	c->is_waiting = false;
	if (!l->keep)
		client_close(c);
	return client_next(l, c);
}

static bool turn(struct load *l, uint64_t until_ns)
{
	struct epoll_event events[EVENTS];

	while ((l->waiting > 0 || (l->pace_ns > 0 && !l->stopping)) && measure_now_ns() < until_ns) {
		int n = epoll_wait(l->epoll, events, EVENTS, POLL_MS);

		if (n < 0 && errno != EINTR)
			return false;
		for (int i = 0; i < n; i++)
			if (events[i].data.ptr != NULL && !client_ready(l, events[i].data.ptr))
				return false;
		if (l->pace_ns > 0 && !l->stopping && !pace(l))
			return false;
	}
	return true;
}

static void print_hex(const char *name, const uint8_t *data, size_t len)
{
	printf(", \"%s\": \"", name);
	for (size_t i = 0; i < len; i++)
		printf("%02x", data[i]);
	printf("\"");
}

/* Its connection is kept or not, as asked for: it is closed at the end either way. */
static bool sample(struct load *l)
{
	struct client *c = &l->clients[0];

	client_close(c);
	if (!client_send(l, c))
		return false;
	while (answer_length(c) == 0 || c->got < answer_length(c)) {
		ssize_t n = recv(c->fd, c->answer + c->got, sizeof(c->answer) - c->got, 0);

		if (n <= 0)
			return false;
		c->got += (size_t)n;
	}
	printf("{\"sent\": %llu", (unsigned long long)l->number);
	print_hex("request", l->request, l->request_len);
	print_hex("answer", c->answer, c->got);
	printf("}\n");
	return true;
}

static void figures_print(struct load *l, uint64_t wall_ns, uint64_t cpu_ns)
{
	printf("{");
	measure_print(&l->latency, wall_ns, cpu_ns);
	printf(", \"refused\": %llu, \"broken\": %llu, \"last_status\": %u}\n", (unsigned long long)l->refused,
		(unsigned long long)l->broken, l->last_status);
	(void)fflush(stdout); /* a harness that is gone shows at the end */
}

static bool measured(struct load *l, uint64_t span_ns)
{
	uint64_t began_ns, cpu_ns;

	printf("start\n");
	(void)fflush(stdout); /* as above */
	l->counting = true;
	began_ns = measure_now_ns();
	cpu_ns = measure_cpu_ns();
	if (!turn(l, began_ns + span_ns))
		return false;
	figures_print(l, measure_now_ns() - began_ns, measure_cpu_ns() - cpu_ns);
	l->counting = false;
	return true;
}

static bool run(struct load *l, double seconds)
{
	uint64_t span_ns = (uint64_t)(seconds * 1e9);

	for (size_t i = 0; l->pace_ns == 0 && i < l->count; i++)
		if (!client_send(l, &l->clients[i]))
			return false;
	if (!pace_begin(l) || (l->pace_ns > 0 && !pace(l)))
		return false;
	if (!turn(l, measure_now_ns() + span_ns / WARM_SHARE) || !measured(l, span_ns))
		return false;
	l->stopping = true;
	if (!turn(l, measure_now_ns() + DRAIN_NS) || !sample(l))
		return false;
	return fflush(stdout) == 0;
}

static bool request_read(struct load *l)
{
	l->request_len = fread(l->request, 1, sizeof(l->request), stdin);
	if (l->request_len < FRAME_HEADER_BYTES || l->vary + sizeof(l->number) > l->request_len) {
		errno = EINVAL;
		return false;
	}
	l->keep = (l->request[FLAGS_AT] & FRAME_KEEP) != 0;
	return true;
}

static bool prepare(struct load *l, char **argv)
{
	l->to.sun_family = AF_UNIX;
	(void)snprintf(l->to.sun_path, sizeof(l->to.sun_path), "%s", argv[1]); /* a longer one does not connect */
	l->count = (size_t)strtoul(argv[2], NULL, 10);
	l->vary = argv[4] != NULL ? (size_t)strtoul(argv[4], NULL, 10) : 0;
	if (argv[4] != NULL && argv[5] != NULL)
		l->pace_ns = (uint64_t)(1e9 / strtod(argv[5], NULL));
	if (l->count == 0 || l->count > CLIENTS_MAX) {
		errno = EINVAL;
		return false;
	}
	l->clients = calloc(l->count, sizeof(l->clients[0]));
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->clients == NULL || l->epoll < 0)
		return false;
	for (size_t i = 0; i < l->count; i++)
		l->clients[i].fd = -1;
	return request_read(l);
}

int main(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof(*l));
	bool good;

	if (argc < 4 || l == NULL) {
		(void)fprintf(stderr, "usage: bench-load SOCKET CLIENTS SECONDS [VARY [PACE]] < FRAME\n");
		free(l);
		return 2;
	}
	good = prepare(l, argv) && run(l, strtod(argv[3], NULL));
	if (!good)
		perror("bench-load");
	free(l->clients);
	free(l);
	return good ? 0 : 1;
}
