/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/download.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "spiffe/fetch_source.h"

void downloads_init(struct downloads *downloads, struct loop *loop)
{
	*downloads = (struct downloads){ .loop = loop, .watch.fd = -1, .next_id = 1 };
}

static void hang_up(struct downloads *downloads)
{
	if (downloads->fetch == NULL)
		return;
	watch_remove(downloads->loop, &downloads->watch);
	ipc_free(downloads->fetch);
	downloads->fetch = NULL;
}

void downloads_done(struct downloads *downloads)
{
	if (downloads->loop == NULL)
		return;
	hang_up(downloads);
	downloads->waiting = NULL;
}

/* Those that are asked meanwhile wait for another keyreeve-fetch, so they are not among these. */
static void disconnect(struct downloads *downloads)
{
	struct download *failed = TAKE(downloads->waiting);

	hang_up(downloads);
	while (failed != NULL) {
		struct download *download = failed;

		failed = download->next;
		download->done(
			download, FAIL(LANE_DOWN), (struct bytes){ 0 }, BYTES_LITERAL("keyreeve-fetch is not there"));
	}
}

static struct download *take(struct downloads *downloads, uint64_t id)
{
	for (struct download **link = &downloads->waiting; *link != NULL; link = &(*link)->next)
		if ((*link)->id == id) {
			struct download *found = *link;

			*link = found->next;
			return found;
		}
	return NULL; /* forgotten */
}

static struct status take_message(struct downloads *downloads, const struct ipc_message *message)
{
	struct download *download;

	if (message->type == FETCH_HELLO) {
		ENSURE(bytes_equal(message->part[0], ipc_build_id()), IPC_BUILD);
		return OK;
	}
	ENSURE(message->type == FETCH_DOCUMENT || message->type == FETCH_FAILED, IPC_MALFORMED);
	ENSURE(message->part[1].len <= FETCH_DOCUMENT_MAX && message->part[0].len < FETCH_TEXT_MAX, IPC_MALFORMED);
	ENSURE((message->type == FETCH_DOCUMENT) == (message->status == STATUS_OK), IPC_MALFORMED);
	download = take(downloads, message->id);
	if (download != NULL)
		download->done(download, (struct status){ message->status }, message->part[1], message->part[0]);
	return OK;
}

static void fetch_ready(struct watch *watch, uint32_t events)
{
	struct downloads *downloads = (struct downloads *)((char *)watch - offsetof(struct downloads, watch));
	struct status st = (events & EPOLLOUT) != 0 ? ipc_flush(downloads->fetch) : OK;
	struct status received = ipc_receive(downloads->fetch);
	bool have = true;

	while (have && st.code == STATUS_OK) {
		struct ipc_message message;

		st = ipc_next(downloads->fetch, &message, &have);
		if (have && st.code == STATUS_OK)
			st = take_message(downloads, &message);
	}
	if (st.code == STATUS_OK && received.code == STATUS_OK) {
		watch_events(downloads->loop, watch, ipc_wants_write(downloads->fetch) ? EPOLLIN | EPOLLOUT : EPOLLIN);
		return;
	}
	log_notice("keyreeve-fetch: connection ended: %s", status_text(st.code != STATUS_OK ? st.code : received.code));
	disconnect(downloads);
}

static struct status say_hello(struct downloads *downloads)
{
	struct ipc_message hello = ipc_message_of(FETCH_HELLO, 0);

	hello.part[0] = ipc_build_id();
	TRY(ipc_send(downloads->fetch, &hello));
	return ipc_flush(downloads->fetch);
}

struct status downloads_connect(struct downloads *downloads, int fd)
{
	struct status st;

	disconnect(downloads);
	st = ipc_new(fd, &downloads->fetch);
	if (st.code != STATUS_OK) {
		(void)close(fd);
		return st;
	}
	downloads->watch = (struct watch){ .fd = fd, .events = EPOLLIN, .ready = fetch_ready };
	TRY(watch_add(downloads->loop, &downloads->watch));
	return say_hello(downloads);
}

struct status download_start(
	struct downloads *downloads, struct download *download, struct bytes name, struct bytes authorities)
{
	struct ipc_message message = ipc_message_of(FETCH_GET, downloads->next_id);

	ENSURE(downloads->fetch != NULL, LANE_DOWN);
	message.part[0] = name;
	message.part[1] = authorities;
	TRY(ipc_send(downloads->fetch, &message));
	TRY(ipc_flush(downloads->fetch));
	if (ipc_wants_write(downloads->fetch))
		watch_events(downloads->loop, &downloads->watch, EPOLLIN | EPOLLOUT);
	download->id = downloads->next_id++;
	download->next = downloads->waiting;
	downloads->waiting = download;
	return OK;
}

void download_forget(struct downloads *downloads, struct download *download)
{
	(void)take(downloads, download->id);
}
