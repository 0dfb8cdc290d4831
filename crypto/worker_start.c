/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/worker_start.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/own.h"

static struct status map_page(struct worker_start *start)
{
	AUTO(own_close) int fd = role_take_fd(&start->role, "page");
	struct stat info;
	void *at;

	ENSURE(fd >= 0 && fstat(fd, &info) == 0, IPC_MALFORMED);
	ENSURE(info.st_size >= (off_t)sizeof(struct worker_page), IPC_MALFORMED);
	at = mmap(NULL, sizeof(struct worker_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return FAIL_RC(IO, errno);
	start->page = at;
	return OK;
}

static struct status take_lane(struct worker_start *start)
{
	int fd = role_take_fd(&start->role, "lane");
	struct status st;

	ENSURE(fd >= 0, IPC_MALFORMED);
	st = ipc_new(fd, &start->lane);
	if (st.code != STATUS_OK)
		(void)close(fd);
	return st;
}

static struct status take_all(struct worker_start *start, enum worker_config_type type)
{
	TRY(worker_config_get(buf_bytes(&start->role.config), &start->config));
	ENSURE(start->config.type == type, IPC_MALFORMED);
	start->wrap_fd = role_take_fd(&start->role, "wrap");
	TRY(map_page(start));
	return take_lane(start);
}

struct status worker_start_begin(const char *role, enum worker_config_type type, struct worker_start *ret_start)
{
	struct worker_start start = { .wrap_fd = -1 };
	struct status st;

	TRY(role_begin(role, &start.role));
	st = take_all(&start, type);
	if (st.code != STATUS_OK) {
		role_failed(&start.role, st, "what keyreeved sent at the start is not complete");
		worker_start_end(&start);
		return st;
	}
	*ret_start = start;
	return OK;
}

void worker_start_end(struct worker_start *start)
{
	own_close(&start->wrap_fd);
	ipc_free(start->lane);
	if (start->page != NULL)
		(void)munmap(start->page, sizeof(*start->page));
	role_end(&start->role);
	*start = (struct worker_start){ .wrap_fd = -1 };
}
