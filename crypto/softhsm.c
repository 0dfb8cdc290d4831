/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/softhsm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"

_Static_assert(PATH_MAX > 4095, "the width below");

bool softhsm_directory(const char *conf_path, char ret_directory[PATH_MAX])
{
	AUTO(own_close) int fd = open(conf_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	AUTO(own_free) char *text = calloc(1, SOFTHSM_CONF_MAX + 1);
	const char *line;

	if (fd < 0 || text == NULL || read(fd, text, SOFTHSM_CONF_MAX) <= 0)
		return false;
	for (line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, " directories.tokendir = %4095s", ret_directory) == 1)
			return true;
	}
	return false;
}
