/* SPDX-License-Identifier: Apache-2.0
 *
 * The wall clock of one process, off by what a file says: the eight bytes of "clock_offset" beside this library, in
 * microseconds, which may be changed while the process runs.  tests/integration/clock_test.py makes it a library that a
 * copy of a role needs; the role itself is the one that ships. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int (*real)(clockid_t which, struct timespec *ret);
static volatile const int64_t *offset_us;

__attribute__((constructor)) static void open_offset(void)
{
	char path[PATH_MAX + 16];
	Dl_info where;
	void *found = dlsym(RTLD_NEXT, "clock_gettime");
	void *map;
	char *slash;
	int fd;

	memcpy(&real, &found, sizeof(real));
	if (dladdr((void *)&offset_us, &where) == 0 || (slash = strrchr(where.dli_fname, '/')) == NULL)
		return;
	(void)snprintf(path, sizeof(path), "%.*s/clock_offset", (int)(slash - where.dli_fname), where.dli_fname);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*offset_us), PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (map != MAP_FAILED)
		offset_us = map;
}

int clock_gettime(clockid_t which, struct timespec *ret)
{
	int rc = real(which, ret);
	int64_t us;

	if (rc != 0 || which != CLOCK_REALTIME || offset_us == NULL)
		return rc;
	us = (int64_t)ret->tv_sec * 1000000 + ret->tv_nsec / 1000 + *offset_us;
	ret->tv_sec = us / 1000000;
	ret->tv_nsec = us % 1000000 * 1000;
	return 0;
}
