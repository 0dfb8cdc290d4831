/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/disk_shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES_MAX = 16, NAME_MAX_BYTES = 64, PATH_BYTES = 512, EVENTS_MAX = 20000 };

enum kind { KIND_WRITE, KIND_TRUNCATE, KIND_SYNC, KIND_MARK };

struct event {
	enum kind kind;
	unsigned file; /* or what a mark says */
	uint64_t offset;
	size_t len;
	uint8_t *data; /* owned */
};

struct image {
	uint8_t *data; /* owned */
	size_t len;
};

struct disk_trace {
	char names[FILES_MAX][NAME_MAX_BYTES]; /* relative */
	struct image before[FILES_MAX];
	size_t file_count, event_count;
	struct event events[EVENTS_MAX];
};

static struct {
	pthread_mutex_t lock;
	_Atomic bool is_on; /* recording or failing */
	char directory[PATH_BYTES];
	struct disk_trace *trace;
	char fail_part[NAME_MAX_BYTES];
	int fail_error;
	unsigned fail_count;
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Not assert(): the release build leaves that out. */
static void must(bool holds)
{
	if (!holds)
		abort();
}

/* ---- images ------------------------------------------------------------------------------------- */

static void image_resize(struct image *image, size_t len)
{
	uint8_t *data = calloc(1, len + 1);

	must(data != NULL);
	if (image->len > 0)
		memcpy(data, image->data, image->len < len ? image->len : len);
	free(image->data);
	*image = (struct image){ .data = data, .len = len };
}

static void image_write(struct image *image, uint64_t offset, const uint8_t *data, size_t len)
{
	if (offset + len > image->len)
		image_resize(image, offset + len);
	if (len > 0)
		memcpy(image->data + offset, data, len);
}

static void image_copy(struct image *to, const struct image *from)
{
	image_resize(to, 0);
	image_write(to, 0, from->data, from->len);
}

static void image_apply(struct image *image, const struct event *event)
{
	if (event->kind == KIND_WRITE)
		image_write(image, event->offset, event->data, event->len);
	else if (event->kind == KIND_TRUNCATE)
		image_resize(image, event->offset);
}

static void image_read(struct image *image, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat facts;

	must(fd >= 0 && fstat(fd, &facts) == 0);
	image_resize(image, (size_t)facts.st_size);
	must(pread(fd, image->data, image->len, 0) == facts.st_size);
	(void)close(fd);
}

/* ---- recording ---------------------------------------------------------------------------------- */

static bool has_end(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* A file of ours by its relative name; false for all others, and for what is only space set aside. */
static bool name_of(int fd, char ret_name[NAME_MAX_BYTES])
{
	char link[64], path[PATH_BYTES];
	size_t root = strlen(disk.directory);
	struct stat facts;
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len <= 0 || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
		return false;
	path[len] = '\0';
	if (strncmp(path, disk.directory, root) != 0 || path[root] != '/' || has_end(path, "/reserve"))
		return false;
	must(strlen(path + root + 1) < NAME_MAX_BYTES);
	(void)snprintf(ret_name, NAME_MAX_BYTES, "%s", path + root + 1);
	return true;
}

static unsigned file_of(struct disk_trace *trace, const char *name)
{
	for (size_t i = 0; i < trace->file_count; i++)
		if (strcmp(trace->names[i], name) == 0)
			return (unsigned)i;
	must(trace->file_count < FILES_MAX);
	(void)snprintf(trace->names[trace->file_count], NAME_MAX_BYTES, "%s", name);
	return (unsigned)trace->file_count++;
}

static void keep(enum kind kind, unsigned file, uint64_t offset, const void *data, size_t len)
{
	struct event *event = &disk.trace->events[disk.trace->event_count++];

	must(disk.trace->event_count < EVENTS_MAX);
	*event = (struct event){ .kind = kind, .file = file, .offset = offset, .len = len };
	if (data == NULL)
		return;
	event->data = malloc(len + 1);
	must(event->data != NULL);
	memcpy(event->data, data, len);
}

/* Before a change: does it fail?  Else it is noted.  Called with the lock, which is held until the change has happened,
 * so that the order noted is the order of the file. */
static int note(enum kind kind, int fd, int64_t offset, const void *data, size_t len)
{
	char name[NAME_MAX_BYTES];
	struct stat facts;

	if (!name_of(fd, name))
		return 0;
	if (disk.fail_count > 0 && strstr(name, disk.fail_part) != NULL) {
		disk.fail_count--;
		return disk.fail_error;
	}
	if (disk.trace == NULL)
		return 0;
	if (offset < 0) {
		must(fstat(fd, &facts) == 0); /* logs are opened for appending */
		offset = facts.st_size;
	}
	keep(kind, file_of(disk.trace, name), (uint64_t)offset, data, len);
	return 0;
}

static long change(enum kind kind, int fd, int64_t offset, const void *data, size_t len, long number)
{
	long result = -1;
	int error;

	if (!atomic_load(&disk.is_on))
		return syscall(number, fd, kind == KIND_TRUNCATE ? offset : (int64_t)(intptr_t)data, len, offset);
	pthread_mutex_lock(&disk.lock);
	error = note(kind, fd, offset, data, len);
	if (error == 0)
		result = syscall(number, fd, kind == KIND_TRUNCATE ? offset : (int64_t)(intptr_t)data, len, offset);
	else
		errno = error;
	pthread_mutex_unlock(&disk.lock);
	return result;
}

ssize_t write(int fd, const void *data, size_t len)
{
	return change(KIND_WRITE, fd, -1, data, len, SYS_write);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
	return change(KIND_WRITE, fd, offset, data, len, SYS_pwrite64);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	return change(KIND_WRITE, fd, offset, data, len, SYS_pwrite64);
}

int ftruncate(int fd, off_t len)
{
	return (int)change(KIND_TRUNCATE, fd, len, NULL, 0, SYS_ftruncate);
}

int ftruncate64(int fd, off64_t len)
{
	return (int)change(KIND_TRUNCATE, fd, len, NULL, 0, SYS_ftruncate);
}

int fdatasync(int fd)
{
	return (int)change(KIND_SYNC, fd, 0, NULL, 0, SYS_fdatasync);
}

int fsync(int fd)
{
	return (int)change(KIND_SYNC, fd, 0, NULL, 0, SYS_fsync);
}

static void take_images(const char *below)
{
	char path[PATH_BYTES + NAME_MAX_BYTES];
	struct dirent *entry;
	struct stat facts;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/%s", disk.directory, below);
	dir = opendir(path);
	must(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		char name[NAME_MAX_BYTES];
		int len = snprintf(name, sizeof(name), "%s%s%s", below, below[0] != '\0' ? "/" : "", entry->d_name);

		must(len > 0 && len < NAME_MAX_BYTES);
		(void)snprintf(path, sizeof(path), "%s/%s", disk.directory, name);
		if (entry->d_name[0] == '.' || stat(path, &facts) != 0 || strcmp(entry->d_name, "reserve") == 0)
			continue;
		if (S_ISDIR(facts.st_mode))
			take_images(name);
		else
			image_read(&disk.trace->before[file_of(disk.trace, name)], path);
	}
	(void)closedir(dir);
}

void disk_record(const char *directory)
{
	must(disk.trace == NULL && strlen(directory) < PATH_BYTES);
	(void)snprintf(disk.directory, sizeof(disk.directory), "%s", directory);
	disk.trace = calloc(1, sizeof(*disk.trace));
	must(disk.trace != NULL);
	take_images("");
	atomic_store(&disk.is_on, true);
}

void disk_mark(unsigned what)
{
	pthread_mutex_lock(&disk.lock);
	if (disk.trace != NULL)
		keep(KIND_MARK, what, 0, NULL, 0);
	pthread_mutex_unlock(&disk.lock);
}

struct disk_trace *disk_stop(void)
{
	struct disk_trace *trace;

	pthread_mutex_lock(&disk.lock);
	trace = disk.trace;
	disk.trace = NULL;
	atomic_store(&disk.is_on, disk.fail_count > 0);
	pthread_mutex_unlock(&disk.lock);
	return trace;
}

void disk_fail(const char *directory, const char *part, int error, unsigned count)
{
	pthread_mutex_lock(&disk.lock);
	(void)snprintf(disk.directory, sizeof(disk.directory), "%s", directory);
	(void)snprintf(disk.fail_part, sizeof(disk.fail_part), "%s", part);
	disk.fail_error = error;
	disk.fail_count = count;
	atomic_store(&disk.is_on, count > 0 || disk.trace != NULL);
	pthread_mutex_unlock(&disk.lock);
}

void disk_trace_free(struct disk_trace *trace)
{
	if (trace == NULL)
		return;
	for (size_t i = 0; i < trace->event_count; i++)
		free(trace->events[i].data);
	for (size_t i = 0; i < trace->file_count; i++)
		free(trace->before[i].data);
	free(trace);
}

/* ---- states ------------------------------------------------------------------------------------- */

size_t disk_events(const struct disk_trace *trace)
{
	return trace->event_count;
}

bool disk_is_mark(const struct disk_trace *trace, size_t event, unsigned *ret_what)
{
	*ret_what = trace->events[event].file;
	return trace->events[event].kind == KIND_MARK;
}

static bool is_log(const struct disk_trace *trace, const struct event *event)
{
	return event->kind != KIND_MARK && has_end(trace->names[event->file], ".log");
}

/* The event before which this file was synced last. */
static size_t synced_until(const struct disk_trace *trace, unsigned file, size_t at)
{
	while (at > 0 && (trace->events[at - 1].kind != KIND_SYNC || trace->events[at - 1].file != file))
		at--;
	return at;
}

size_t disk_tail(const struct disk_trace *trace, size_t at)
{
	size_t bytes = 0;

	for (size_t i = 0; i < at; i++)
		if (is_log(trace, &trace->events[i]) && trace->events[i].kind == KIND_WRITE &&
			i >= synced_until(trace, trace->events[i].file, at))
			bytes += trace->events[i].len;
	return bytes;
}

/* An unsynced change of a log, as far as `left` bytes go. */
static void apply_log(struct image *image, const struct event *event, size_t *left)
{
	struct event torn = *event;

	if (*left == 0)
		return;
	if (torn.kind == KIND_WRITE && torn.len > *left)
		torn.len = *left;
	image_apply(image, &torn);
	*left -= torn.kind == KIND_WRITE ? torn.len : 0;
}

static bool survives(unsigned seed, unsigned *dice)
{
	*dice = *dice * 1103515245u + 12345u;
	return seed == DISK_ALL || (seed != DISK_NONE && (*dice >> 16 & 1) != 0);
}

static unsigned long long put_file(const char *directory, const char *name, const struct image *image)
{
	unsigned long long hash = 14695981039346656037ull;
	char path[PATH_BYTES + NAME_MAX_BYTES];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (strchr(name, '/') != NULL) {
		*strrchr(path, '/') = '\0';
		(void)mkdir(path, 0700);
		path[strlen(path)] = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	must(fd >= 0 && syscall(SYS_write, fd, image->data, image->len) == (long)image->len);
	(void)close(fd);
	for (const char *c = name; *c != '\0'; c++)
		hash = (hash ^ (uint8_t)*c) * 1099511628211ull;
	for (size_t i = 0; i < image->len; i++)
		hash = (hash ^ image->data[i]) * 1099511628211ull;
	return hash;
}

unsigned long long disk_build(const struct disk_trace *trace, const struct disk_cut *cut, const char *directory)
{
	struct image images[FILES_MAX] = { 0 };
	bool exists[FILES_MAX] = { false };
	unsigned long long hash = 0;
	unsigned dice = cut->seed;
	size_t left = cut->tail;

	for (unsigned f = 0; f < trace->file_count; f++)
		if (trace->before[f].data != NULL) {
			exists[f] = true;
			image_copy(&images[f], &trace->before[f]);
		}
	for (size_t i = 0; i < cut->at; i++) {
		const struct event *event = &trace->events[i];

		if (event->kind == KIND_MARK || event->kind == KIND_SYNC)
			continue;
		exists[event->file] = true;
		if (i < synced_until(trace, event->file, cut->at))
			image_apply(&images[event->file], event);
		else if (is_log(trace, event))
			apply_log(&images[event->file], event, &left);
		else if (survives(cut->seed, &dice))
			image_apply(&images[event->file], event);
	}
	for (unsigned f = 0; f < trace->file_count; f++) {
		if (exists[f])
			hash += put_file(directory, trace->names[f], &images[f]);
		free(images[f].data);
	}
	return hash;
}
