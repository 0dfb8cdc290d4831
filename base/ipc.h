/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between roles, over a SOCK_STREAM socketpair: one fixed 40-byte header, then up to three parts of bytes,
 * in line up to IPC_INLINE_MAX, in a sealed memfd above it, and at most one descriptor.  The peer is another role of
 * ours that may be captured, so that every length is checked and a malformed message ends the connection.
 * Sending queues; ipc_flush() writes what the socket takes; ipc_receive() reads until EAGAIN and ipc_next() hands out
 * one message after another.  One thread at a time.
 *
 *   offset size field
 *    0     4   size       of the parts together, bytes
 *    4     2   type       enum of the two roles
 *    6     1   flags      bit 0 parts in a memfd, bit 1 carries a descriptor
 *    7     1   reserved   0
 *    8     8   id         request id; answers repeat it
 *   16     8   deadline   monotonic microseconds, 0 none
 *   24     4   status     enum status_code
 *   28     4   native     code of library or device behind the status
 *   32     4   len[0]     first part
 *   36     4   len[1]     second part; the third is the rest
 */
#ifndef BASE_IPC_H
#define BASE_IPC_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
	IPC_HEADER_BYTES = 40,
	IPC_PARTS = 3,
	IPC_INLINE_MAX = 64 * 1024,	  /* above it: memfd */
	IPC_SIZE_MAX = 8 * 1024 * 1024,	  /* one message; the largest is a set of key documents, 4 MiB */
	IPC_QUEUE_MAX = 16 * 1024 * 1024, /* bytes waiting to be written */
	IPC_FDS_MAX = 64,		  /* descriptors waiting, either direction */
	IPC_BUILD_BYTES = 32,
};

struct ipc_header {
	uint32_t size;
	uint16_t type;
	uint8_t flags;
	uint8_t reserved;
	uint64_t id;
	uint64_t deadline_us;
	uint32_t status;
	uint32_t native;
	uint32_t len[2];
};
_Static_assert(sizeof(struct ipc_header) == IPC_HEADER_BYTES, "the header is fixed");

struct ipc_message {
	uint16_t type;
	uint64_t id;
	uint64_t deadline_us;
	enum status_code status;
	uint32_t native;
	struct bytes part[IPC_PARTS]; /* sending: borrowed for the call; received: borrowed until the next ipc_ call */
	int fd;			      /* -1 none; sending: stays the caller's (duplicated); received: see ipc_next() */
};

/* A message without parts or descriptor. */
static inline struct ipc_message ipc_message_of(uint16_t type, uint64_t id)
{
	return (struct ipc_message){ .type = type, .id = id, .fd = -1 };
}

struct ipc;

/* Take over a connected stream socket, made non-blocking and close-on-exec.  Fails: NO_MEMORY, IO. */
struct status ipc_new(int fd, struct ipc **ret_ipc);
void ipc_free(struct ipc *ipc);
/* Borrowed, for poll or epoll. */
int ipc_fd(const struct ipc *ipc);

/* Queue one message.  Fails: LIMIT (queue or message too large), NO_MEMORY, IO (memfd). */
struct status ipc_send(struct ipc *ipc, const struct ipc_message *message);
/* Write what the socket takes; OK also when it would block.  Fails: IPC_CLOSED, IO. */
struct status ipc_flush(struct ipc *ipc);
/* Bytes are waiting to be written: watch for writability. */
bool ipc_wants_write(const struct ipc *ipc);
/* Write everything, waiting at most timeout_ms (-1 for ever).  Fails: IPC_CLOSED, IO. */
struct status ipc_flush_wait(struct ipc *ipc, int timeout_ms);

/* Read until EAGAIN.  Fails: IPC_CLOSED at end of file (messages already read remain), IO, NO_MEMORY. */
struct status ipc_receive(struct ipc *ipc);
/* The next complete message; false when there is none.  A received descriptor that the caller does not take
 * with ipc_take_fd() is closed at the next call.  Fails: IPC_MALFORMED, IO. */
struct status ipc_next(struct ipc *ipc, struct ipc_message *ret_message, bool *ret_have);
/* The descriptor of the message just handed out is the caller's from now on. */
int ipc_take_fd(struct ipc *ipc, struct ipc_message *message);
/* Block until one message is there, at most timeout_ms (-1 for ever).  Fails: as above; LIMIT at the timeout. */
struct status ipc_wait(struct ipc *ipc, int timeout_ms, struct ipc_message *ret_message);

/* The build this program is of: every connection between roles starts with it, and a mismatch ends the role. */
struct bytes ipc_build_id(void);

#endif
