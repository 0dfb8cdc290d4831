/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program is: its version, its build, and the libraries that it links, as they are at run time.  The names come
 * from the program itself (DT_NEEDED), so that no list can grow old.  For `--version`, before any sandbox. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include "base/buf.h"

/* "keyreeve-soft 0.1.0 (build 0.1.0+1a2b)", then a line for each library: its name, and the version that it tells of
 * itself, else the one in the name of its file.  buf_check() says whether it is complete. */
void program_version_put(struct buf *to, const char *program);

#endif
