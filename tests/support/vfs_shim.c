/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vfs_shim.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 8, PATH_MAX_BYTES = 512 };

/* One change of a file since its last sync; data NULL is a truncation to `offset`. */
struct change {
	struct change *next;
	sqlite3_int64 offset;
	size_t len;
	uint8_t *data;
};

/* What the disk has of one path: its content at the last sync, then the changes, perhaps. */
struct disk_file {
	char path[PATH_MAX_BYTES]; /* empty: slot is free */
	uint8_t *synced;
	size_t synced_len;
	struct change *changes, **changes_tail;
	bool is_wal;
	bool is_deleted; /* from the directory, which was not synced since */
};

struct shim_file {
	sqlite3_file base;
	struct disk_file *disk; /* NULL: a temporary file, which nobody misses */
	sqlite3_file *real;	/* follows in the same memory */
	bool syncs_directory;	/* at its next sync: a journal that this open made */
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *under;
	struct vfs_shim_plan plan;
	struct vfs_shim_seen seen;
	struct disk_file disks[FILES_MAX];
} shim;

/* Not assert(): the release build leaves that out. */
static void must(bool holds)
{
	if (!holds)
		abort();
}

/* ---- the disk ----------------------------------------------------------------------------------- */

static void forget_changes(struct disk_file *disk)
{
	while (disk->changes != NULL) {
		struct change *gone = disk->changes;

		disk->changes = gone->next;
		free(gone->data);
		free(gone);
	}
	disk->changes_tail = &disk->changes;
}

static void keep_image(struct disk_file *disk)
{
	int fd = open(disk->path, O_RDONLY | O_CLOEXEC);
	struct stat facts;

	free(disk->synced);
	disk->synced = NULL;
	disk->synced_len = 0;
	if (fd < 0)
		return;
	must(fstat(fd, &facts) == 0);
	disk->synced_len = (size_t)facts.st_size;
	disk->synced = malloc(disk->synced_len + 1);
	must(disk->synced != NULL);
	must(pread(fd, disk->synced, disk->synced_len, 0) == facts.st_size);
	(void)close(fd);
}

static struct disk_file *disk_of(const char *path)
{
	struct disk_file *free_slot = NULL;

	for (size_t i = 0; i < FILES_MAX; i++) {
		if (strcmp(shim.disks[i].path, path) == 0)
			return &shim.disks[i];
		if (shim.disks[i].path[0] == '\0' && free_slot == NULL)
			free_slot = &shim.disks[i];
	}
	must(free_slot != NULL && strlen(path) < PATH_MAX_BYTES);
	strcpy(free_slot->path, path);
	free_slot->is_wal = strlen(path) > 4 && strcmp(path + strlen(path) - 4, "-wal") == 0;
	free_slot->changes_tail = &free_slot->changes;
	keep_image(free_slot); /* what was there before we came counts as synced */
	return free_slot;
}

static void remember(struct disk_file *disk, sqlite3_int64 offset, const void *data, size_t len)
{
	struct change *change = calloc(1, sizeof(*change));

	must(change != NULL);
	change->offset = offset;
	change->len = len;
	if (data != NULL) {
		change->data = malloc(len + 1);
		must(change->data != NULL);
		memcpy(change->data, data, len);
	}
	*disk->changes_tail = change;
	disk->changes_tail = &change->next;
}

/* The directory is on disk: what was deleted stays so. */
static void sync_deletions(void)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (shim.disks[i].is_deleted) {
			shim.disks[i].is_deleted = false;
			forget_changes(&shim.disks[i]);
			keep_image(&shim.disks[i]);
		}
}

static void settle(struct disk_file *disk, unsigned *dice)
{
	int fd = open(disk->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0);
	must(pwrite(fd, disk->synced, disk->synced_len, 0) == (ssize_t)disk->synced_len);
	for (struct change *c = disk->changes; c != NULL && shim.plan.seed != 0; c = c->next) {
		*dice = *dice * 1103515245u + 12345u;
		if ((*dice >> 16 & 1) == 0)
			continue;
		if (c->data == NULL)
			must(ftruncate(fd, c->offset) == 0);
		else
			must(pwrite(fd, c->data, c->len, c->offset) == (ssize_t)c->len);
	}
	(void)close(fd);
}

void vfs_shim_settle(void)
{
	unsigned dice = shim.plan.seed;

	for (size_t i = 0; i < FILES_MAX; i++)
		if (shim.disks[i].path[0] != '\0')
			settle(&shim.disks[i], &dice);
}

/* ---- the plan ----------------------------------------------------------------------------------- */

static int step(void)
{
	if (shim.seen.killed)
		return SQLITE_IOERR;
	shim.seen.calls++;
	if (shim.seen.calls == shim.plan.kill_at) {
		shim.seen.killed = true;
		return SQLITE_IOERR;
	}
	if (shim.plan.fail_at != 0 && (shim.seen.calls == shim.plan.fail_at ||
					      (shim.plan.fail_for_good && shim.seen.calls > shim.plan.fail_at))) {
		shim.seen.failed = true;
		return shim.plan.fail_code;
	}
	return SQLITE_OK;
}

void vfs_shim_kill(void)
{
	shim.seen.killed = true;
}

struct vfs_shim_seen vfs_shim_seen(void)
{
	return shim.seen;
}

/* ---- SQLite's side ------------------------------------------------------------------------------ */

static struct shim_file *file_of(sqlite3_file *file)
{
	return (struct shim_file *)(void *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
	return file_of(file)->real;
}

static int on_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int on_read(sqlite3_file *file, void *ret, int len, sqlite3_int64 offset)
{
	return real_of(file)->pMethods->xRead(real_of(file), ret, len, offset);
}

static int on_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
	int rc = step();

	if (rc != SQLITE_OK)
		return rc;
	if (file_of(file)->disk != NULL)
		remember(file_of(file)->disk, offset, data, (size_t)len);
	return real_of(file)->pMethods->xWrite(real_of(file), data, len, offset);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int rc = step();

	if (rc != SQLITE_OK)
		return rc;
	if (file_of(file)->disk != NULL)
		remember(file_of(file)->disk, size, NULL, 0);
	return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int on_sync(sqlite3_file *file, int flags)
{
	struct disk_file *disk = file_of(file)->disk;
	int rc = step();

	if (rc == SQLITE_OK)
		rc = real_of(file)->pMethods->xSync(real_of(file), flags);
	if (rc != SQLITE_OK || disk == NULL)
		return rc;
	forget_changes(disk);
	keep_image(disk);
	if (file_of(file)->syncs_directory)
		sync_deletions();
	file_of(file)->syncs_directory = false;
	*(disk->is_wal ? &shim.seen.wal_syncs : &shim.seen.file_syncs) += 1;
	return SQLITE_OK;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), ret);
}

static int on_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int on_reserved(sqlite3_file *file, int *ret)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret);
}

static int on_control(sqlite3_file *file, int op, void *argument)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), op, argument);
}

static int on_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

/* The weakest disk: nothing is atomic, and a write may spoil its neighbours no further than its own bytes. */
static int on_characteristics(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_reserved,
	.xFileControl = on_control,
	.xSectorSize = on_sector,
	.xDeviceCharacteristics = on_characteristics,
};

static int on_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	const int journals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
	struct shim_file *f = file_of(file);
	int rc;

	(void)vfs;
	/* As the system's VFS does it: the first sync of a new journal or WAL syncs the directory too. */
	f->syncs_directory = path != NULL && (flags & journals) != 0 && access(path, F_OK) != 0;
	f->real = (sqlite3_file *)(void *)(f + 1);
	f->disk = path != NULL ? disk_of(path) : NULL;
	if (f->disk != NULL)
		f->disk->is_deleted = false; /* made anew: its old content still counts as synced */
	rc = shim.under->xOpen(shim.under, path, f->real, flags, ret_flags);
	f->base.pMethods = f->real->pMethods != NULL ? &methods : NULL;
	return rc;
}

static int on_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
	struct disk_file *disk = disk_of(path);
	int rc = step();

	(void)vfs;
	if (rc == SQLITE_OK)
		rc = shim.under->xDelete(shim.under, path, sync_directory);
	if (rc != SQLITE_OK)
		return rc;
	/* Until the directory is synced the file may come back as it was, which is what settle() writes. */
	disk->is_deleted = true;
	if (sync_directory)
		sync_deletions();
	return SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret)
{
	(void)vfs;
	return shim.under->xAccess(shim.under, path, flags, ret);
}

static int on_full_path(sqlite3_vfs *vfs, const char *path, int len, char *ret)
{
	(void)vfs;
	return shim.under->xFullPathname(shim.under, path, len, ret);
}

static int on_random(sqlite3_vfs *vfs, int len, char *ret)
{
	(void)vfs;
	return shim.under->xRandomness(shim.under, len, ret);
}

static int on_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return shim.under->xSleep(shim.under, us);
}

static int on_time(sqlite3_vfs *vfs, double *ret)
{
	(void)vfs;
	return shim.under->xCurrentTime(shim.under, ret);
}

static int on_last_error(sqlite3_vfs *vfs, int len, char *ret)
{
	(void)vfs;
	return shim.under->xGetLastError != NULL ? shim.under->xGetLastError(shim.under, len, ret) : 0;
}

static void enroll(void)
{
	shim.under = sqlite3_vfs_find(NULL);
	must(shim.under != NULL);
	shim.vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = (int)sizeof(struct shim_file) + shim.under->szOsFile,
		.mxPathname = shim.under->mxPathname,
		.zName = VFS_SHIM_NAME,
		.xOpen = on_open,
		.xDelete = on_delete,
		.xAccess = on_access,
		.xFullPathname = on_full_path,
		.xRandomness = on_random,
		.xSleep = on_sleep,
		.xCurrentTime = on_time,
		.xGetLastError = on_last_error,
	};
	must(sqlite3_vfs_register(&shim.vfs, 0) == SQLITE_OK);
}

void vfs_shim_replan(const struct vfs_shim_plan *plan)
{
	shim.plan = *plan;
	shim.seen = (struct vfs_shim_seen){ 0 };
}

void vfs_shim_start(const struct vfs_shim_plan *plan)
{
	if (shim.under == NULL)
		enroll();
	vfs_shim_replan(plan);
	for (size_t i = 0; i < FILES_MAX; i++) {
		forget_changes(&shim.disks[i]);
		free(shim.disks[i].synced);
		shim.disks[i] = (struct disk_file){ 0 };
	}
}
