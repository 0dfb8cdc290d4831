/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

static size_t whole_pages(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

struct status secret_alloc(struct secret *ret_secret, size_t len)
{
	void *pages;

	ENSURE(len > 0 && len <= SECRET_MAX_BYTES, LIMIT);
	pages = mmap(NULL, whole_pages(len), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ENSURE(pages != MAP_FAILED, NO_MEMORY);
	/* Each of these may be refused by a limit or an old kernel; the posture reports that, the secret still works.
	 */
	(void)mlock(pages, whole_pages(len));
	(void)madvise(pages, whole_pages(len), MADV_DONTDUMP);
	(void)madvise(pages, whole_pages(len), MADV_WIPEONFORK);
	*ret_secret = (struct secret){ .data = pages, .len = len };
	return OK;
}

void secret_done(struct secret *s)
{
	if (s->data != NULL) {
		explicit_bzero(s->data, whole_pages(s->len));
		(void)munmap(s->data, whole_pages(s->len));
	}
	*s = (struct secret){ 0 };
}

struct status secret_read_fd(int fd, size_t max_bytes, struct secret *ret_secret)
{
	struct secret raw = { 0 };
	size_t have = 0;

	ENSURE(max_bytes > 0 && max_bytes < SECRET_MAX_BYTES, LIMIT);
	TRY(secret_alloc(&raw, max_bytes + 1));
	while (have < raw.len) {
		ssize_t n = pread(fd, raw.data + have, raw.len - have, (off_t)have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			secret_done(&raw);
			return FAIL_RC(IO, errno);
		}
		if (n == 0)
			break;
		have += (size_t)n;
	}
	if (have > 0 && have <= max_bytes && raw.data[have - 1] == '\n')
		have--;
	if (have == 0 || have > max_bytes) {
		secret_done(&raw);
		return FAIL(LIMIT);
	}
	/* The pages stay those of the whole allocation only if the rounded sizes agree: copy into one that fits. */
	struct status st = secret_alloc(ret_secret, have);
	if (st.code == STATUS_OK)
		memcpy(ret_secret->data, raw.data, have);
	secret_done(&raw);
	return st;
}

bool ct_equal(struct bytes a, struct bytes b)
{
	volatile uint8_t differ = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		differ = (uint8_t)(differ | (a.data[i] ^ b.data[i]));
	return differ == 0;
}

struct status random_fill(void *ret_data, size_t len)
{
	uint8_t *to = ret_data;

	while (len > 0) {
		ssize_t n = getrandom(to, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FAIL_RC(RANDOM_FAILED, errno);
		to += n;
		len -= (size_t)n;
	}
	return OK;
}
