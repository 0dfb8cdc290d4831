/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of a captured role on a socketpair: whatever comes, in whatever pieces and with whatever descriptors, a message
 * is handed out whole or the connection ends; no descriptor is lost; and what is decoded from its parts survives being
 * encoded again.
 *
 *   byte 0   descriptors sent along (low two bits); 4: one is a memfd of the size in the header, 8: sealed
 *   byte 1   bytes per piece, 0 all at once
 *   the rest as it goes over the socket */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ipc.h"
#include "crypto/worker.h"
#include "crypto/worker_config.h"
#include "crypto/wrap.h"
#include "keystore/intent.h"

enum { HEAD = 2, FDS_MASK = 3, WITH_MEMFD = 4, SEALED = 8, MEMFD_MAX = 1024 * 1024, PLANTED_THREADS = 16 };

/* The lowest number that is free: a descriptor that was lost moves it. */
static int free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	FUZZ_CHECK(fd >= 0 && close(fd) == 0);
	return fd;
}

/* ---- what is in the parts ----------------------------------------------------------------------- */

static void check_request(struct bytes from)
{
	struct buf again = buf_make(WORKER_REQUEST_BYTES);
	struct worker_request request, second;

	if (worker_request_get(from, &request).code != STATUS_OK)
		return;
	FUZZ_CHECK(from.len == WORKER_REQUEST_BYTES);
	worker_request_put(&again, &request);
	FUZZ_CHECK(worker_request_get(buf_bytes(&again), &second).code == STATUS_OK);
	FUZZ_CHECK(memcmp(request.hardware_id, second.hardware_id, sizeof(second.hardware_id)) == 0);
	FUZZ_CHECK(request.bytes == second.bytes && request.key.bits == second.key.bits);
	buf_done(&again);
}

static void check_info(struct bytes from)
{
	struct buf again = buf_make(IPC_INLINE_MAX);
	struct worker_info info, second;

	if (worker_info_get(from, &info).code != STATUS_OK)
		return;
	FUZZ_CHECK(memchr(info.description, '\0', sizeof(info.description)) != NULL);
	FUZZ_CHECK(info.cap_count <= WORKER_CAPS_MAX);
	worker_info_put(&again, &info);
	FUZZ_CHECK(worker_info_get(buf_bytes(&again), &second).code == STATUS_OK);
	FUZZ_CHECK(strcmp(info.description, second.description) == 0 && info.cap_count == second.cap_count);
	FUZZ_CHECK(memcmp(info.caps, second.caps, info.cap_count * sizeof(info.caps[0])) == 0);
	buf_done(&again);
}

static void check_config(struct bytes from)
{
	struct buf again = buf_make(WORKER_CONFIG_BYTES_MAX);
	struct worker_config config, second;

	if (worker_config_get(from, &config).code != STATUS_OK)
		return;
	FUZZ_CHECK(worker_config_put(&again, &config).code == STATUS_OK);
	FUZZ_CHECK(worker_config_get(buf_bytes(&again), &second).code == STATUS_OK);
	FUZZ_CHECK(strcmp(config.name, second.name) == 0 && strcmp(config.module, second.module) == 0);
	FUZZ_CHECK(config.type == second.type && config.threads == second.threads);
	fuzz_plant_count(config.threads, PLANTED_THREADS);
	buf_done(&again);
}

static void check_intent(struct bytes from)
{
	struct buf again = buf_make(INTENT_BODY_MAX);
	struct intent intent = { 0 }, second = { 0 };

	if (intent_body_get(from, &intent).code != STATUS_OK)
		return;
	FUZZ_CHECK(intent_body_put(&again, &intent).code == STATUS_OK);
	FUZZ_CHECK(intent_body_get(buf_bytes(&again), &second).code == STATUS_OK);
	FUZZ_CHECK(bytes_equal(intent.provider, second.provider) && bytes_equal(intent.record, second.record));
	buf_done(&again);
}

/* Copies without a byte to spare: a part's own end is inside the connection's buffer. */
static void check_message(const struct ipc_message *message)
{
	FUZZ_CHECK(message->status < STATUS_COUNT);
	for (size_t i = 0; i < IPC_PARTS; i++) {
		struct bytes part = fuzz_copy(message->part[i]);

		check_request(part);
		check_info(part);
		check_config(part);
		check_intent(part);
		fuzz_free(part);
	}
	if (wrap_check(message).code == STATUS_OK)
		FUZZ_CHECK(bytes_equal(message->part[0], ipc_build_id()));
}

/* ---- the socket --------------------------------------------------------------------------------- */

static int memfd_of(struct bytes stream, bool sealed)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct reader r = reader_of(stream);
	uint32_t size = reader_u32(&r);

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(ftruncate(fd, size < MEMFD_MAX ? size : MEMFD_MAX) == 0);
	if (stream.len > IPC_HEADER_BYTES && size > stream.len)
		FUZZ_CHECK(pwrite(fd, stream.data + IPC_HEADER_BYTES, stream.len - IPC_HEADER_BYTES, 0) > 0);
	if (sealed)
		FUZZ_CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	return fd;
}

static void send_piece(int to, struct bytes piece, const int *fds, size_t fd_count)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)piece.data, .iov_len = piece.len };
	union {
		char raw[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control = { .raw = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd_count > 0) {
		msg.msg_control = control.raw;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	FUZZ_CHECK(sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)piece.len);
}

/* Everything that is complete; false when the connection is over. */
static bool take_messages(struct ipc *ipc)
{
	if (ipc_receive(ipc).code != STATUS_OK)
		return false;
	for (;;) {
		struct ipc_message message;
		bool have = true;

		if (ipc_next(ipc, &message, &have).code != STATUS_OK)
			return false;
		if (!have)
			return true;
		check_message(&message);
		if (message.fd >= 0 && (message.id & 1) != 0) {
			int fd = ipc_take_fd(ipc, &message);

			FUZZ_CHECK(close(fd) == 0);
		}
	}
}

static void converse(struct bytes stream, uint8_t flags, size_t piece)
{
	int pair[2], fds[4];
	size_t count = 0;
	struct ipc *ipc;
	struct reader r = reader_of(stream);

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	FUZZ_CHECK(ipc_new(pair[0], &ipc).code == STATUS_OK);
	if ((flags & WITH_MEMFD) != 0)
		fds[count++] = memfd_of(stream, (flags & SEALED) != 0);
	for (int i = 0; i < (flags & FDS_MASK); i++) {
		fds[count++] = dup(pair[1]);
		FUZZ_CHECK(fds[count - 1] >= 0);
	}
	for (bool goes_on = true, first = true; goes_on && r.left.len > 0; first = false) {
		size_t len = piece == 0 || piece > r.left.len ? r.left.len : piece;

		send_piece(pair[1], reader_bytes(&r, len), fds, first ? count : 0);
		goes_on = take_messages(ipc);
	}
	for (size_t i = 0; i < count; i++)
		FUZZ_CHECK(close(fds[i]) == 0);
	FUZZ_CHECK(close(pair[1]) == 0);
	ipc_free(ipc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int before = free_fd();

	if (size <= HEAD)
		return 0;
	converse(bytes_of(data + HEAD, size - HEAD), data[0], data[1]);
	FUZZ_CHECK(free_fd() == before);
	return 0;
}
