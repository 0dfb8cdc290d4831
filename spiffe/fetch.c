/* SPDX-License-Identifier: Apache-2.0
 *
 * Role keyreeve-fetch: gets documents over the network for the agent, who asks by the name of a configured source and
 * parses what comes.  It runs only where something is configured, is the only role that maps libcurl, and keeps
 * nothing: when to ask again and what to believe are the agent's questions.
 *
 * One thread of ours, and one of libcurl's for each name that is looked up.  Inside the sandbox it reads the C
 * library's two files about names and the Web's authorities, makes internet sockets and nothing else.  Names are looked
 * up in files and DNS only: other modules of the name service would have to be loaded. */
#include <errno.h>
#include <nss.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/log.h"
#include "base/own.h"
#include "base/role.h"
#include "base/sandbox.h"
#include "spiffe/fetch_http.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define HOSTS "/etc/hosts"

enum { WAIT_MS = 60 * 1000, DNS_PORT = 53 };

struct fetch {
	struct role_start start;
	struct ipc *agent; /* NULL while there is none */
	struct fetch_source sources[FETCH_SOURCES_MAX];
	size_t source_count;
	char ca_file[FETCH_PATH_MAX + 1];
	struct fetch_http *http;
	struct stat resolv; /* the file that the sandbox lets us read */
};

/* ---- the agent ------------------------------------------------------------------------------------------ */

static void drop_agent(struct fetch *fetch)
{
	ipc_free(fetch->agent);
	fetch->agent = NULL;
}

/* An answer that nobody waits for any more goes nowhere. */
static void answer(void *context, uint64_t id, struct status st, struct bytes document, const char *text)
{
	struct fetch *fetch = context;
	struct ipc_message message = ipc_message_of(st.code == STATUS_OK ? FETCH_DOCUMENT : FETCH_FAILED, id);

	if (fetch->agent == NULL)
		return;
	message.status = st.code;
	message.part[0] = bytes_from_text(text);
	message.part[1] = document;
	if (ipc_send(fetch->agent, &message).code != STATUS_OK)
		drop_agent(fetch);
}

static void get(struct fetch *fetch, const struct ipc_message *message)
{
	for (size_t i = 0; i < fetch->source_count; i++)
		if (bytes_equal(fetch->sources[i].name, message->part[0])) {
			fetch_http_start(fetch->http, message->id, &fetch->sources[i], message->part[1]);
			return;
		}
	answer(fetch, message->id, FAIL(CLIENT_ARGUMENT), (struct bytes){ 0 }, "no source of that name");
}

static struct status read_agent(struct fetch *fetch)
{
	struct status st = ipc_receive(fetch->agent);

	for (;;) {
		struct ipc_message message;
		bool have;

		TRY(ipc_next(fetch->agent, &message, &have));
		if (!have)
			return st;
		if (message.type == FETCH_HELLO) {
			ENSURE(bytes_equal(message.part[0], ipc_build_id()), IPC_BUILD);
			continue;
		}
		ENSURE(message.type == FETCH_GET, IPC_MALFORMED);
		get(fetch, &message);
		ENSURE(fetch->agent != NULL, IPC_CLOSED);
	}
}

static struct status take_agent(struct fetch *fetch, int fd)
{
	struct ipc_message hello = ipc_message_of(FETCH_HELLO, 0);
	struct status st;

	drop_agent(fetch);
	st = ipc_new(fd, &fetch->agent);
	if (st.code != STATUS_OK) {
		(void)close(fd);
		return st;
	}
	hello.part[0] = ipc_build_id();
	return ipc_send(fetch->agent, &hello);
}

static void serve_agent(struct fetch *fetch, short events)
{
	struct status st = OK;

	if (fetch->agent != NULL && events != 0)
		st = read_agent(fetch);
	if (st.code == STATUS_OK && fetch->agent != NULL)
		st = ipc_flush(fetch->agent);
	if (st.code == STATUS_OK)
		return;
	log_notice("agent's connection ended: %s", status_text(st.code));
	drop_agent(fetch);
}

/* ---- keyreeved --------------------------------------------------------------------------------------------- */

/* A later ROLE_FD named "agent" replaces the agent's socket; the end of the stream ends the role. */
static struct status read_ctl(struct fetch *fetch)
{
	struct ipc_message message;
	struct status st = ipc_receive(fetch->start.ctl);
	bool have;

	for (;;) {
		TRY(ipc_next(fetch->start.ctl, &message, &have));
		if (!have)
			return st;
		ENSURE(message.type == ROLE_FD && message.fd >= 0, IPC_MALFORMED);
		ENSURE(bytes_equal(message.part[0], BYTES_LITERAL("agent")), IPC_MALFORMED);
		if (take_agent(fetch, ipc_take_fd(fetch->start.ctl, &message)).code != STATUS_OK)
			drop_agent(fetch);
	}
}

/* The sandbox is about the file that stood there at the start.  Another one has taken its place: a new role reads it.
 */
static bool names_have_changed(const struct fetch *fetch)
{
	struct stat now;

	return fetch->resolv.st_ino != 0 && stat(RESOLV_CONF, &now) == 0 &&
	       (now.st_dev != fetch->resolv.st_dev || now.st_ino != fetch->resolv.st_ino);
}

/* Until keyreeved closes its end. */
static struct status serve(struct fetch *fetch)
{
	enum { CTL, AGENT, COUNT };

	for (;;) {
		struct pollfd wait[COUNT] = {
			[CTL] = { .fd = ipc_fd(fetch->start.ctl), .events = POLLIN },
			[AGENT] = { .fd = fetch->agent == NULL ? -1 : ipc_fd(fetch->agent), .events = POLLIN },
		};

		if (fetch->agent != NULL && ipc_wants_write(fetch->agent))
			wait[AGENT].events |= POLLOUT;
		TRY(fetch_http_wait(fetch->http, wait, COUNT, WAIT_MS));
		if (names_have_changed(fetch)) {
			log_notice("%s is another file now: starting anew", RESOLV_CONF);
			return OK;
		}
		serve_agent(fetch, wait[AGENT].revents);
		if (wait[CTL].revents != 0)
			TRY(read_ctl(fetch));
		serve_agent(fetch, 0);
	}
}

/* ---- begin and end ------------------------------------------------------------------------------------------ */

static struct status begin(struct fetch *fetch)
{
	const struct fetch_http_events events = { fetch, answer };
	struct bytes ca_file;

	TRY(fetch_section_get(buf_bytes(&fetch->start.config), &ca_file, fetch->sources, &fetch->source_count));
	(void)snprintf(fetch->ca_file, sizeof(fetch->ca_file), "%.*s", (int)ca_file.len, (const char *)ca_file.data);
	ENSURE(__nss_configure_lookup("hosts", "files dns") == 0, NO_MEMORY);
	if (stat(RESOLV_CONF, &fetch->resolv) != 0)
		fetch->resolv = (struct stat){ 0 }; /* addresses only */
	return fetch_http_new(fetch->ca_file, &events, &fetch->http);
}

/* The directory of the Web's authorities, since their file is put in place anew when they change. */
static const char *directory_of(const char *path, char room[FETCH_PATH_MAX + 1])
{
	const char *slash = strrchr(path, '/');

	(void)snprintf(room, FETCH_PATH_MAX + 1, "%.*s", slash == NULL || slash == path ? 1 : (int)(slash - path),
		slash == NULL ? "." : path);
	return room;
}

static struct status enter_sandbox(const struct fetch *fetch)
{
	struct sandbox_options options = sandbox_options_none();
	char directory[FETCH_PATH_MAX + 1];

	options.read[0] = RESOLV_CONF;
	options.read[1] = HOSTS;
	options.read[2] = directory_of(fetch->ca_file, directory);
	options.needs_network = true;
	options.ports[options.port_count++] = DNS_PORT;
	for (size_t i = 0; i < fetch->source_count; i++)
		TRY(fetch_url_check(fetch->sources[i].url, &options.ports[options.port_count++]));
	return sandbox_enter(SANDBOX_FETCH, &options, NULL);
}

static struct status run(struct fetch *fetch)
{
	int fd = role_take_fd(&fetch->start, "agent");
	struct status st = fd >= 0 ? take_agent(fetch, fd) : OK;

	if (st.code == STATUS_OK)
		st = role_ready(&fetch->start, "");
	if (st.code == STATUS_OK)
		st = serve(fetch);
	drop_agent(fetch);
	return st;
}

int main(int argc, char **argv)
{
	static struct fetch fetch;
	struct status st;

	if (role_version(argc, argv, "keyreeve-fetch"))
		return 0;
	if (role_begin("keyreeve-fetch", &fetch.start).code != STATUS_OK)
		return 1;
	st = begin(&fetch);
	if (st.code != STATUS_OK)
		role_failed(&fetch.start, st, "the sources cannot be used");
	else if ((st = enter_sandbox(&fetch)).code != STATUS_OK)
		role_failed(&fetch.start, st, "the sandbox cannot be entered on this kernel");
	else
		st = run(&fetch); /* foreign bytes come from here on */
	fetch_http_free(fetch.http);
	role_end(&fetch.start);
	return st.code == STATUS_IPC_CLOSED || st.code == STATUS_OK ? 0 : 1;
}
