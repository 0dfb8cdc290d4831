/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-conformance-harness: our own SPIFFE modules behind the contract of the public conformance suite, version 1.
 * It finds the Workload API by SPIFFE_ENDPOINT_SOCKET, opens two ports on 127.0.0.1, prints them, and READY once it has
 * an X509-SVID.  It decides nothing itself: see source.h, tls.h and control.h.  Never installed. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "spiffe/workload.h"
#include "tests/conformance/control.h"
#include "tests/conformance/tls.h"

enum { TURN_MS = 20 };

struct connection {
	struct source *source;
	int fd;
};

static struct status listen_here(int *ret_fd, uint16_t *ret_port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	AUTO(own_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(here);

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 || listen(fd, SOMAXCONN) < 0 ||
		getsockname(fd, (struct sockaddr *)&here, &len) < 0)
		return FAIL_RC(IO, errno);
	*ret_port = ntohs(here.sin_port);
	*ret_fd = own_take_fd(&fd);
	return OK;
}

static void *connection_main(void *context)
{
	struct connection *connection = context;

	tls_serve(connection->source, connection->fd);
	free(connection);
	return NULL;
}

/* In a thread of its own: a peer may take its time. */
static void accept_peer(struct source *source, int listener)
{
	AUTO(own_close) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct connection *connection = malloc(sizeof(*connection));
	pthread_t thread;

	if (fd < 0 || connection == NULL) {
		free(connection);
		return;
	}
	*connection = (struct connection){ source, fd };
	if (pthread_create(&thread, NULL, connection_main, connection) != 0) {
		free(connection);
		return;
	}
	(void)own_take_fd(&fd);
	(void)pthread_detach(thread);
}

/* Until a signal. */
static void serve(struct source *source, int listener, int signals)
{
	struct pollfd wait[] = { { .fd = signals, .events = POLLIN }, { .fd = listener, .events = POLLIN } };
	bool is_ready = false;

	while (wait[0].revents == 0) {
		if (!is_ready && source_await_identity(source, 0)) {
			is_ready = true;
			printf("READY\n");
			(void)fflush(stdout); /* nobody may be reading */
		}
		if (poll(wait, 2, is_ready ? -1 : TURN_MS) < 0 && errno != EINTR)
			return;
		if (wait[1].revents != 0)
			accept_peer(source, listener);
	}
}

static struct status run(int signals)
{
	struct control *control = NULL;
	struct source *source = NULL;
	AUTO(own_close) int listener = -1;
	struct endpoint endpoint;
	uint16_t port = 0;
	struct status st;

	TRY(endpoint_choose(NULL, &endpoint));
	TRY(listen_here(&listener, &port));
	TRY(source_new(&endpoint, &source));
	st = control_new(&endpoint, source, &control);
	if (st.code == STATUS_OK) {
		printf("SPIFFE_HARNESS_VERSION=1\nSPIFFE_X509_PORT=%u\nSPIFFE_CONTROL_PORT=%u\n", port,
			control_port(control));
		(void)fflush(stdout);
		serve(source, listener, signals);
	}
	control_free(control);
	/* Not the source: a connection's thread may still be reading it; the process ends. */
	return st;
}

int main(int argc, char **argv)
{
	sigset_t set;
	struct status st;

	(void)argv;
	if (argc != 1) {
		fprintf(stderr, "usage: SPIFFE_ENDPOINT_SOCKET=unix:///PATH keyreeve-conformance-harness\n");
		return 1;
	}
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGPIPE); /* a peer that hung up is an error of write, as elsewhere */
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)sigdelset(&set, SIGPIPE);
	workload_library_begin();
	st = run(signalfd(-1, &set, SFD_CLOEXEC));
	if (st.code != STATUS_OK)
		fprintf(stderr, "harness: %s\n", status_text(st.code));
	_exit(st.code == STATUS_OK ? 0 : 1); /* gRPC's threads are still there */
}
