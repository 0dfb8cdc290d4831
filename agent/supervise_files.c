/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/supervise_parts.h"
#include "base/log.h"
#include "base/own.h"

enum { FILES_MAX = 7 * 1024 * 1024, NAME_MAX_BYTES = 1100 };

/* As it is; what it says is the agent's to read.  One that is not there is absent, which leaves its trust domain
 * without keys. */
static void put_file(struct buf *to, const char *kind, const char *of, const char *path)
{
	AUTO(own_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char name[NAME_MAX_BYTES];
	struct stat info;
	uint8_t *at;

	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
		log_error("%s: %s", path, fd < 0 ? strerror(errno) : "no regular file");
		return;
	}
	(void)snprintf(name, sizeof(name), "%s:%s", kind, of);
	buf_put_sized(to, bytes_from_text(name));
	buf_put_u32(to, (uint32_t)info.st_size);
	at = buf_reserve(to, (size_t)info.st_size);
	if (at != NULL && pread(fd, at, (size_t)info.st_size, 0) == (ssize_t)info.st_size)
		buf_grew(to, (size_t)info.st_size);
	else
		to->bad = true;
}

static struct status send_files(struct supervisor *s, struct bytes files)
{
	AUTO(own_close) int fd = memfd_create("bundles", MFD_CLOEXEC);

	ENSURE(fd >= 0, NO_DESCRIPTORS);
	if (write(fd, files.data, files.len) != (ssize_t)files.len)
		return FAIL_RC(IO, errno);
	return child_send_fd(&s->children[CHILD_AGENT], "bundles", fd);
}

struct status supervise_give_files(struct supervisor *s, const struct config *config)
{
	const struct config_spiffe *spiffe = &config->spiffe;
	AUTO(buf_done) struct buf files = buf_make(FILES_MAX);

	for (uint32_t i = 0; i < spiffe->bundle_count; i++) {
		const struct config_bundle *bundle = &spiffe->bundles[i];

		if (bundle->file != NULL)
			put_file(&files, "bundle", bundle->trust_domain, bundle->file);
		else if (bundle->map != NULL && config_map_is_new(spiffe, i))
			put_file(&files, "map", bundle->map, bundle->map);
	}
	for (uint32_t i = 0; i < spiffe->federation_count; i++)
		if (spiffe->federation[i].bundle_file != NULL)
			put_file(&files, "federation", spiffe->federation[i].trust_domain,
				spiffe->federation[i].bundle_file);
	TRY(buf_check(&files));
	return files.len > 0 ? send_files(s, buf_bytes(&files)) : OK;
}
