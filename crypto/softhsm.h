/* SPDX-License-Identifier: Apache-2.0
 *
 * Where SoftHSM keeps its tokens: the one module that names its directory in a file of its own.  Any thread. */
#ifndef CRYPTO_SOFTHSM_H
#define CRYPTO_SOFTHSM_H

#include <limits.h>
#include <stdbool.h>

#define SOFTHSM_VARIABLE "SOFTHSM2_CONF"
enum { SOFTHSM_CONF_MAX = 64 * 1024 }; /* bytes that are read of the file; SoftHSM's own has a dozen lines */

/* The file says "directories.tokendir = PATH".  False when it cannot be read, is a link, or does not say so. */
bool softhsm_directory(const char *conf_path, char ret_directory[PATH_MAX]);

#endif
