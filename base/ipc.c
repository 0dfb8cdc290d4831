/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/version.h"

enum { FLAG_MEMFD = 1, FLAG_FD = 2, FLAGS_KNOWN = 3, READ_BYTES = 64 * 1024, FDS_PER_READ = 8 };

/* A descriptor that travels with the byte at `offset` of everything ever queued. */
struct pending_fd {
	uint64_t offset;
	int fd;
};

struct ipc {
	int fd;
	struct buf out;
	uint64_t sent; /* bytes written so far: the offset of out's first unsent byte */
	size_t out_at; /* first unsent byte in out */
	struct pending_fd out_fds[IPC_FDS_MAX];
	size_t out_fd_count;
	struct buf in;
	size_t in_at; /* first byte not handed out */
	int in_fds[IPC_FDS_MAX];
	size_t in_fd_count;
	bool ended;
	/* what the message handed out last still holds */
	int message_fd;
	void *mapped;
	size_t mapped_len;
};

struct status ipc_new(int fd, struct ipc **ret_ipc)
{
	struct ipc *ipc = calloc(1, sizeof(*ipc));
	int flags = fcntl(fd, F_GETFL);

	ENSURE(ipc != NULL, NO_MEMORY);
	ipc->fd = fd;
	ipc->message_fd = -1;
	ipc->out = buf_make(IPC_QUEUE_MAX);
	ipc->in = buf_make(IPC_HEADER_BYTES + IPC_INLINE_MAX + READ_BYTES);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		free(ipc);
		return FAIL_RC(IO, errno);
	}
	*ret_ipc = ipc;
	return OK;
}

/* End the life of what the last message borrowed. */
static void release_message(struct ipc *ipc)
{
	own_close(&ipc->message_fd);
	if (ipc->mapped != NULL)
		(void)munmap(ipc->mapped, ipc->mapped_len);
	ipc->mapped = NULL;
}

void ipc_free(struct ipc *ipc)
{
	if (ipc == NULL)
		return;
	release_message(ipc);
	for (size_t i = 0; i < ipc->out_fd_count; i++)
		own_close(&ipc->out_fds[i].fd);
	for (size_t i = 0; i < ipc->in_fd_count; i++)
		own_close(&ipc->in_fds[i]);
	buf_done(&ipc->out);
	buf_done(&ipc->in);
	own_close(&ipc->fd);
	free(ipc);
}

int ipc_fd(const struct ipc *ipc)
{
	return ipc->fd;
}

/* ---- sending ---------------------------------------------------------------------------------- */

static struct status write_all(int fd, struct bytes bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.data, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL_RC(IO, errno);
		bytes = bytes_of(bytes.data + n, bytes.len - (size_t)n);
	}
	return OK;
}

/* The parts of a large message in a memfd that nobody can change any more. */
static struct status seal_parts(const struct ipc_message *message, int *ret_fd)
{
	AUTO(own_close) int fd = memfd_create("ipc", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return FAIL_RC(IO, errno);
	for (size_t i = 0; i < IPC_PARTS; i++)
		TRY(write_all(fd, message->part[i]));
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return FAIL_RC(IO, errno);
	*ret_fd = own_take_fd(&fd);
	return OK;
}

static void compact_out(struct ipc *ipc)
{
	buf_drop(&ipc->out, ipc->out_at);
	ipc->out_at = 0;
}

struct status ipc_send(struct ipc *ipc, const struct ipc_message *message)
{
	size_t size = message->part[0].len + message->part[1].len + message->part[2].len;
	bool large = size > IPC_INLINE_MAX;
	size_t fds = (large ? 1u : 0u) + (message->fd >= 0 ? 1u : 0u);
	struct ipc_header header = { .size = (uint32_t)size,
		.type = message->type,
		.id = message->id,
		.deadline_us = message->deadline_us,
		.status = (uint32_t)message->status,
		.native = message->native,
		.len = { (uint32_t)message->part[0].len, (uint32_t)message->part[1].len } };
	AUTO(own_close) int memfd = -1;
	AUTO(own_close) int copy = -1;
	uint64_t offset;

	ENSURE(size <= IPC_SIZE_MAX, LIMIT);
	ENSURE(ipc->out_fd_count + fds <= IPC_FDS_MAX, LIMIT);
	if (ipc->out_at > 0 && ipc->out_at == ipc->out.len)
		compact_out(ipc);
	ENSURE(ipc->out.len + IPC_HEADER_BYTES + (large ? 0 : size) <= IPC_QUEUE_MAX, LIMIT);
	if (large) {
		TRY(seal_parts(message, &memfd));
		header.flags |= FLAG_MEMFD;
	}
	if (message->fd >= 0) {
		copy = fcntl(message->fd, F_DUPFD_CLOEXEC, 0);
		if (copy < 0)
			return FAIL_RC(NO_DESCRIPTORS, errno);
		header.flags |= FLAG_FD;
	}

	size_t mark = ipc->out.len;
	offset = ipc->sent + (mark - ipc->out_at);
	buf_put(&ipc->out, bytes_of(&header, sizeof(header)));
	for (size_t i = 0; i < IPC_PARTS && !large; i++)
		buf_put(&ipc->out, message->part[i]);
	if (ipc->out.bad) { /* no memory: as if it had never been queued */
		ipc->out.len = mark;
		ipc->out.bad = false;
		return FAIL(NO_MEMORY);
	}
	/* Each descriptor needs a byte of its own to travel with. */
	if (memfd >= 0)
		ipc->out_fds[ipc->out_fd_count++] = (struct pending_fd){ offset, own_take_fd(&memfd) };
	if (copy >= 0)
		ipc->out_fds[ipc->out_fd_count++] = (struct pending_fd){ offset + 1, own_take_fd(&copy) };
	return OK;
}

/* One sendmsg: up to the next descriptor's byte, or from it with the descriptor. */
static ssize_t send_some(struct ipc *ipc)
{
	size_t len = ipc->out.len - ipc->out_at;
	struct iovec iov = { .iov_base = ipc->out.data + ipc->out_at };
	union {
		char raw[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .raw = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t next = 0;
	ssize_t n;

	if (ipc->out_fd_count > 0 && ipc->out_fds[0].offset == ipc->sent) {
		msg.msg_control = control.raw;
		msg.msg_controllen = sizeof(control.raw);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &ipc->out_fds[0].fd, sizeof(int));
		next = 1;
	}
	if (ipc->out_fd_count > next && ipc->out_fds[next].offset - ipc->sent < len)
		len = (size_t)(ipc->out_fds[next].offset - ipc->sent);
	iov.iov_len = len;
	n = sendmsg(ipc->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0 && next == 1) {
		own_close(&ipc->out_fds[0].fd);
		ipc->out_fd_count--;
		memmove(&ipc->out_fds[0], &ipc->out_fds[1], ipc->out_fd_count * sizeof(ipc->out_fds[0]));
	}
	return n;
}

struct status ipc_flush(struct ipc *ipc)
{
	while (ipc->out_at < ipc->out.len) {
		ssize_t n = send_some(ipc);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return OK;
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET ? FAIL_RC(IPC_CLOSED, errno) : FAIL_RC(IO, errno);
		ipc->sent += (uint64_t)n;
		ipc->out_at += (size_t)n;
	}
	compact_out(ipc);
	return OK;
}

bool ipc_wants_write(const struct ipc *ipc)
{
	return ipc->out_at < ipc->out.len;
}

/* Time left until a monotonic deadline, for poll; -1 stays for ever. */
static int left_ms(int timeout_ms, uint64_t start_us)
{
	uint64_t passed;

	if (timeout_ms < 0)
		return -1;
	passed = (clock_mono_us() - start_us) / US_PER_MS;
	return passed >= (uint64_t)timeout_ms ? 0 : timeout_ms - (int)passed;
}

struct status ipc_flush_wait(struct ipc *ipc, int timeout_ms)
{
	uint64_t start = clock_mono_us();

	for (;;) {
		struct pollfd wait = { .fd = ipc->fd, .events = POLLOUT };
		int n;

		TRY(ipc_flush(ipc));
		if (!ipc_wants_write(ipc))
			return OK;
		n = poll(&wait, 1, left_ms(timeout_ms, start));
		if (n < 0 && errno != EINTR)
			return FAIL_RC(IO, errno);
		ENSURE(n != 0, IPC_CLOSED);
	}
}

/* ---- receiving -------------------------------------------------------------------------------- */

/* Take the descriptors of one recvmsg; more than we have room for end the connection. */
static struct status collect_fds(struct ipc *ipc, struct msghdr *msg)
{
	bool overflow = (msg->msg_flags & MSG_CTRUNC) != 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (ipc->in_fd_count == IPC_FDS_MAX) {
				(void)close(fd);
				overflow = true;
				continue;
			}
			ipc->in_fds[ipc->in_fd_count++] = fd;
		}
	}
	ENSURE(!overflow, IPC_MALFORMED);
	return OK;
}

struct status ipc_receive(struct ipc *ipc)
{
	release_message(ipc);
	buf_drop(&ipc->in, ipc->in_at);
	ipc->in_at = 0;
	ENSURE(!ipc->ended, IPC_CLOSED);
	for (;;) {
		size_t room = ipc->in.max_bytes - ipc->in.len;
		union {
			char raw[CMSG_SPACE(FDS_PER_READ * sizeof(int))];
			struct cmsghdr align;
		} control;
		struct iovec iov = { .iov_len = room < READ_BYTES ? room : READ_BYTES };
		struct msghdr msg = { .msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.raw,
			.msg_controllen = sizeof(control.raw) };
		ssize_t n;

		if (room == 0)
			return OK; /* hand out first */
		iov.iov_base = buf_reserve(&ipc->in, iov.iov_len);
		ENSURE(iov.iov_base != NULL, NO_MEMORY);
		n = recvmsg(ipc->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return OK;
		if (n < 0)
			return errno == ECONNRESET ? FAIL_RC(IPC_CLOSED, errno) : FAIL_RC(IO, errno);
		if (n == 0) {
			ipc->ended = true;
			return FAIL(IPC_CLOSED);
		}
		buf_grew(&ipc->in, (size_t)n);
		TRY(collect_fds(ipc, &msg));
		if ((size_t)n < iov.iov_len && msg.msg_controllen == 0)
			return OK; /* drained: saves the call that would say EAGAIN */
	}
}

static int next_fd(struct ipc *ipc)
{
	int fd;

	if (ipc->in_fd_count == 0)
		return -1;
	fd = ipc->in_fds[0];
	ipc->in_fd_count--;
	memmove(&ipc->in_fds[0], &ipc->in_fds[1], ipc->in_fd_count * sizeof(int));
	return fd;
}

/* Map the parts of a large message; only a sealed memfd of exactly the size that was announced. */
static struct status map_parts(struct ipc *ipc, size_t size, struct bytes *ret_body)
{
	const int sealed = F_SEAL_SHRINK | F_SEAL_WRITE;
	AUTO(own_close) int fd = next_fd(ipc);
	struct stat info;
	void *at;

	ENSURE(fd >= 0, IPC_MALFORMED);
	ENSURE((fcntl(fd, F_GET_SEALS) & sealed) == sealed, IPC_MALFORMED);
	ENSURE(fstat(fd, &info) == 0 && info.st_size == (off_t)size, IPC_MALFORMED);
	at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return FAIL_RC(IO, errno);
	ipc->mapped = at;
	ipc->mapped_len = size;
	*ret_body = bytes_of(at, size);
	return OK;
}

static struct status check_header(const struct ipc_header *header)
{
	bool large = (header->flags & FLAG_MEMFD) != 0;

	ENSURE((header->flags & ~FLAGS_KNOWN) == 0 && header->reserved == 0, IPC_MALFORMED);
	ENSURE(header->size <= IPC_SIZE_MAX && large == (header->size > IPC_INLINE_MAX), IPC_MALFORMED);
	ENSURE(header->len[0] <= header->size && header->len[1] <= header->size - header->len[0], IPC_MALFORMED);
	ENSURE(header->status < STATUS_COUNT, IPC_MALFORMED);
	return OK;
}

struct status ipc_next(struct ipc *ipc, struct ipc_message *ret_message, bool *ret_have)
{
	struct ipc_header header;
	struct bytes left, body;
	bool large;

	release_message(ipc);
	*ret_have = false;
	if (ipc->in.len - ipc->in_at < IPC_HEADER_BYTES)
		return OK; /* also where nothing has come yet, and there is no buffer to point into */
	left = bytes_of(ipc->in.data + ipc->in_at, ipc->in.len - ipc->in_at);
	memcpy(&header, left.data, sizeof(header));
	TRY(check_header(&header));
	large = (header.flags & FLAG_MEMFD) != 0;
	if (!large && left.len < IPC_HEADER_BYTES + header.size)
		return OK;
	/* The second descriptor comes with the second byte of the header: both are there once the header is. */
	if (large)
		TRY(map_parts(ipc, header.size, &body));
	else
		body = bytes_of(left.data + IPC_HEADER_BYTES, header.size);
	if ((header.flags & FLAG_FD) != 0) {
		ipc->message_fd = next_fd(ipc);
		ENSURE(ipc->message_fd >= 0, IPC_MALFORMED);
	}
	ipc->in_at += IPC_HEADER_BYTES + (large ? 0 : header.size);

	struct reader parts = reader_of(body);
	*ret_message = (struct ipc_message){ .type = header.type,
		.id = header.id,
		.deadline_us = header.deadline_us,
		.status = (enum status_code)header.status,
		.native = header.native,
		.fd = ipc->message_fd };
	ret_message->part[0] = reader_bytes(&parts, header.len[0]);
	ret_message->part[1] = reader_bytes(&parts, header.len[1]);
	ret_message->part[2] = parts.left;
	*ret_have = true;
	return OK;
}

int ipc_take_fd(struct ipc *ipc, struct ipc_message *message)
{
	message->fd = -1;
	return own_take_fd(&ipc->message_fd);
}

struct status ipc_wait(struct ipc *ipc, int timeout_ms, struct ipc_message *ret_message)
{
	uint64_t start = clock_mono_us();
	bool have;

	for (;;) {
		struct pollfd wait = { .fd = ipc->fd, .events = POLLIN };
		struct status st;
		int n;

		TRY(ipc_next(ipc, ret_message, &have));
		if (have)
			return OK;
		n = poll(&wait, 1, left_ms(timeout_ms, start));
		if (n < 0 && errno != EINTR)
			return FAIL_RC(IO, errno);
		ENSURE(n != 0, LIMIT);
		st = ipc_receive(ipc);
		if (st.code != STATUS_OK && ipc->in.len < IPC_HEADER_BYTES)
			return st; /* what was read before the end is handed out first */
	}
}

struct bytes ipc_build_id(void)
{
	static const char text[IPC_BUILD_BYTES + 1] = KEYREEVE_BUILD;

	return bytes_of(text, IPC_BUILD_BYTES);
}
