/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/audit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

enum { NAME_DIGITS = 16, TAIL_SCAN = 64 * 1024 };

struct audit_log {
	int dir_fd, fd;
	uint64_t next; /* number of the next line */
	uint64_t size; /* of the open segment: what is known to be whole lines */
	uint64_t segment_bytes, reserve_bytes;
	uint32_t keep;
	bool unsynced, broken;
	bool may_drop; /* there may be more segments than are kept */
	struct buf batch;
	uint64_t refused;  /* appends refused since space ran out */
	_Atomic int space; /* enum audit_space */
};

static void segment_name(uint64_t first, char ret_name[NAME_DIGITS + 8])
{
	(void)snprintf(ret_name, NAME_DIGITS + 8, "%016" PRIu64 ".log", first);
}

static bool is_segment(const char *name, uint64_t *ret_first)
{
	char *end;

	if (strlen(name) != NAME_DIGITS + 4 || strcmp(name + NAME_DIGITS, ".log") != 0)
		return false;
	*ret_first = strtoull(name, &end, 10);
	return end == name + NAME_DIGITS;
}

/* First numbers of all segments: count, smallest and largest. */
static struct status survey(int dir_fd, size_t *ret_count, uint64_t *ret_first, uint64_t *ret_last)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	uint64_t number;

	*ret_count = 0;
	*ret_first = UINT64_MAX;
	*ret_last = 0;
	if (dir == NULL) {
		own_close(&fd);
		return FAIL_RC(AUDIT_IO, errno);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (!is_segment(entry->d_name, &number))
			continue;
		(*ret_count)++;
		if (number < *ret_first)
			*ret_first = number;
		if (number > *ret_last)
			*ret_last = number;
	}
	(void)closedir(dir);
	return OK;
}

static struct status open_segment(struct audit_log *log, uint64_t first, bool make)
{
	char name[NAME_DIGITS + 8];
	int fd;

	segment_name(first, name);
	fd = openat(
		log->dir_fd, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (make ? O_CREAT | O_EXCL : 0), 0600);
	if (fd < 0)
		return FAIL_RC(AUDIT_IO, errno);
	if (make && fsync(log->dir_fd) < 0) {
		(void)close(fd);
		return FAIL_RC(AUDIT_IO, errno);
	}
	own_close(&log->fd);
	log->fd = fd;
	log->size = 0;
	return OK;
}

/* The number in the head of a line that we wrote; 0 when it is not one. */
static uint64_t line_number(const char *line)
{
	static const char head[] = "{\"v\":1,\"seq\":";

	if (strncmp(line, head, sizeof(head) - 1) != 0)
		return 0;
	return strtoull(line + sizeof(head) - 1, NULL, 10);
}

/* Cut off what has no newline (a crash in the middle of a write) and find the last whole line's number. */
static struct status read_tail(struct audit_log *log, uint64_t first)
{
	struct stat info;
	AUTO(own_free) char *tail = malloc(TAIL_SCAN + 1);
	off_t from;
	ssize_t n;
	char *end, *line;

	ENSURE(tail != NULL, NO_MEMORY);
	if (fstat(log->fd, &info) < 0)
		return FAIL_RC(AUDIT_IO, errno);
	from = info.st_size > TAIL_SCAN ? info.st_size - TAIL_SCAN : 0;
	n = pread(log->fd, tail, TAIL_SCAN, from);
	if (n < 0)
		return FAIL_RC(AUDIT_IO, errno);
	tail[n] = '\0';
	end = memrchr(tail, '\n', (size_t)n);
	log->next = first;
	ENSURE(end != NULL || from == 0, AUDIT_IO); /* longer than any line of ours */
	log->size = (uint64_t)from + (end != NULL ? (uint64_t)(end - tail) + 1 : 0);
	if (log->size != (uint64_t)info.st_size && ftruncate(log->fd, (off_t)log->size) < 0)
		return FAIL_RC(AUDIT_IO, errno);
	if (end == NULL)
		return OK;
	line = end > tail ? memrchr(tail, '\n', (size_t)(end - tail)) : NULL;
	line = line != NULL ? line + 1 : tail;
	log->next = line_number(line) + 1;
	ENSURE(log->next > first, AUDIT_IO);
	return OK;
}

/* Disk space set aside: its blocks are allocated now and given back when they are needed. */
static bool take_reserve(struct audit_log *log)
{
	int fd = openat(log->dir_fd, "reserve", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool taken;

	if (fd < 0)
		return false;
	taken = log->reserve_bytes == 0 || posix_fallocate(fd, 0, (off_t)log->reserve_bytes) == 0;
	(void)close(fd);
	if (!taken)
		(void)unlinkat(log->dir_fd, "reserve", 0);
	return taken;
}

struct status audit_log_open(const struct audit_options *options, struct audit_log **ret_log)
{
	struct audit_log *log = calloc(1, sizeof(*log));
	uint64_t first, last;
	size_t count;
	struct status st = OK;

	ENSURE(log != NULL, NO_MEMORY);
	log->fd = -1;
	log->next = 1;
	log->keep = options->keep < 2 ? 2 : options->keep;
	log->segment_bytes = options->segment_bytes;
	log->reserve_bytes = options->reserve_bytes;
	log->batch = buf_make(AUDIT_BATCH_MAX);
	if (mkdir(options->directory, 0700) < 0 && errno != EEXIST)
		st = FAIL_RC(AUDIT_IO, errno);
	log->dir_fd = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st.code == STATUS_OK && log->dir_fd < 0)
		st = FAIL_RC(AUDIT_IO, errno);
	if (st.code == STATUS_OK)
		st = survey(log->dir_fd, &count, &first, &last);
	if (st.code == STATUS_OK)
		st = open_segment(log, count > 0 ? last : 1, count == 0);
	if (st.code == STATUS_OK)
		st = read_tail(log, count > 0 ? last : 1);
	if (st.code != STATUS_OK) {
		audit_log_close(log);
		return st;
	}
	log->may_drop = count > log->keep;
	atomic_store(&log->space, take_reserve(log) ? AUDIT_READY : AUDIT_LOW);
	*ret_log = log;
	return OK;
}

void audit_log_close(struct audit_log *log)
{
	if (log == NULL)
		return;
	own_close(&log->fd);
	own_close(&log->dir_fd);
	buf_done(&log->batch);
	free(log);
}

uint64_t audit_log_next(const struct audit_log *log)
{
	return log->next;
}

enum audit_space audit_log_space(const struct audit_log *log)
{
	return (enum audit_space)atomic_load(&log->space);
}

bool audit_log_unsynced(const struct audit_log *log)
{
	return log->unsynced && !log->broken;
}

bool audit_log_is_full(const struct audit_log *log)
{
	return log->size >= log->segment_bytes || log->may_drop;
}

struct status audit_log_sync(struct audit_log *log)
{
	if (!log->unsynced)
		return OK;
	if (fdatasync(log->fd) < 0) {
		/* The kernel may have dropped the pages: what the file holds is unknown until it is read again. */
		log->broken = true;
		atomic_store(&log->space, AUDIT_FULL);
		return FAIL_RC(AUDIT_IO, errno);
	}
	log->unsynced = false;
	return OK;
}

/* A full segment is synced and closed for good before the next one is made. */
static struct status rotate_if_full(struct audit_log *log)
{
	if (log->size < log->segment_bytes)
		return OK;
	TRY(audit_log_sync(log));
	TRY(open_segment(log, log->next, true));
	log->may_drop = true;
	return OK;
}

/* All of it, or nothing: a part that was written is cut off again. */
static struct status write_batch(struct audit_log *log)
{
	size_t done = 0;

	while (done < log->batch.len) {
		ssize_t n = write(log->fd, log->batch.data + done, log->batch.len - done);
		int error = errno;

		if (n < 0 && error == EINTR)
			continue;
		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (done > 0 && ftruncate(log->fd, (off_t)log->size) < 0)
			log->broken = true;
		return FAIL_RC(AUDIT_IO, error);
	}
	log->size += log->batch.len;
	log->unsynced = true;
	return OK;
}

static void put_line(struct audit_log *log, uint64_t number, struct bytes body)
{
	buf_put_text(&log->batch, "{\"v\":1,\"seq\":");
	audit_int_put(&log->batch, (int64_t)number);
	buf_put_u8(&log->batch, ',');
	buf_put(&log->batch, body);
}

/* A body that was cut (its buffer was full) would take the next line with it. */
static bool is_whole(struct bytes body)
{
	return body.len > 0 && body.data[body.len - 1] == '\n';
}

static struct status write_lines(struct audit_log *log, const struct bytes *bodies, size_t count)
{
	uint64_t number = log->next;

	buf_clear(&log->batch);
	for (size_t i = 0; i < count; i++)
		put_line(log, number++, bodies[i]);
	TRY(buf_check(&log->batch));
	TRY(write_batch(log));
	log->next = number;
	return OK;
}

/* A line of the log's own. */
static struct status write_event(struct audit_log *log, const char *event, const char *detail, int64_t count)
{
	struct audit_record record = audit_record_of(clock_wall_us());
	AUTO(buf_done) struct buf line = buf_make(AUDIT_LINE_MAX);
	struct bytes body;

	record.event = event;
	record.detail = detail;
	record.count = count;
	audit_line_put(&line, NULL, &record);
	TRY(buf_check(&line));
	body = buf_bytes(&line);
	return write_lines(log, &body, 1);
}

/* First its line, on disk, then the file. */
static struct status drop_oldest(struct audit_log *log, uint64_t first)
{
	char name[NAME_DIGITS + 8];

	segment_name(first, name);
	TRY(write_event(log, "segment-removed", name, 0));
	TRY(audit_log_sync(log));
	if (unlinkat(log->dir_fd, name, 0) < 0)
		return FAIL_RC(AUDIT_IO, errno);
	log_notice("audit segment %s is gone: more than %u were there", name, log->keep);
	return OK;
}

/* After the lines that the new segment was made for: their numbers were given before.  One at a time; what fails is
 * tried again with the next segment. */
static struct status drop_old(struct audit_log *log)
{
	uint64_t first, last;
	size_t count;

	log->may_drop = false;
	TRY(survey(log->dir_fd, &count, &first, &last));
	if (count <= log->keep)
		return OK;
	TRY(drop_oldest(log, first));
	log->may_drop = count > (size_t)log->keep + 1;
	return OK;
}

static struct status write_numbered(struct audit_log *log, const struct bytes *bodies, size_t count)
{
	TRY(rotate_if_full(log));
	TRY(write_lines(log, bodies, count));
	if (log->may_drop && drop_old(log).code != STATUS_OK)
		log_warning("an audit segment beyond the %u that are kept could not be removed", log->keep);
	return OK;
}

struct status audit_log_append_all(struct audit_log *log, const struct bytes *bodies, size_t count)
{
	struct status st;

	if (log->broken || atomic_load(&log->space) == AUDIT_FULL) {
		log->refused += count;
		return FAIL(AUDIT_IO);
	}
	for (size_t i = 0; i < count; i++)
		ENSURE(is_whole(bodies[i]), AUDIT_IO); /* ours to prevent; no matter of disk space */
	st = write_numbered(log, bodies, count);
	if (st.code == STATUS_OK || atomic_load(&log->space) != AUDIT_READY) {
		if (st.code != STATUS_OK) {
			log->refused += count;
			atomic_store(&log->space, AUDIT_FULL);
			log_error("audit log cannot be written: every identified request is refused");
		}
		return st;
	}
	/* Space ran out: what was set aside for this moment is given back, and creates are refused from now on. */
	(void)unlinkat(log->dir_fd, "reserve", 0);
	atomic_store(&log->space, AUDIT_LOW);
	log_error("disk space for the audit log is low: creating keys is refused");
	st = write_numbered(log, bodies, count);
	if (st.code != STATUS_OK) {
		log->refused += count;
		atomic_store(&log->space, AUDIT_FULL);
	}
	return st;
}

struct status audit_log_append(struct audit_log *log, struct bytes body)
{
	return audit_log_append_all(log, &body, 1);
}

/* The first line after space returns says how many were refused without one. */
static struct status write_refused(struct audit_log *log)
{
	TRY(rotate_if_full(log));
	return write_event(
		log, "audit-refused", "requests answered 1146 while no line could be written", (int64_t)log->refused);
}

void audit_log_tend(struct audit_log *log)
{
	if (log->broken || atomic_load(&log->space) == AUDIT_READY)
		return;
	if (atomic_load(&log->space) == AUDIT_FULL) {
		if (write_refused(log).code != STATUS_OK)
			return;
		log->refused = 0;
		atomic_store(&log->space, AUDIT_LOW);
	}
	if (take_reserve(log)) {
		atomic_store(&log->space, AUDIT_READY);
		log_notice("disk space for the audit log is back");
	}
}
