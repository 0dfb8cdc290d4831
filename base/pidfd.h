/* SPDX-License-Identifier: Apache-2.0
 *
 * PIDFD_GET_INFO of <linux/pidfd.h>, which kernel headers of the build may be too old to have: what is asked of a
 * pidfd, and the one ioctl that a sandbox lets through. */
#ifndef BASE_PIDFD_H
#define BASE_PIDFD_H

#include <stdint.h>

/* As of Linux 6.13; later kernels accept it and know more. */
struct pidfd_info {
	uint64_t mask; /* PIDFD_INFO_ bits: asked for, and answered */
	uint64_t cgroup;
	uint32_t others[12]; /* numbers of the process and its credentials: of now, so not for us */
};
_Static_assert(sizeof(struct pidfd_info) == 64, "of the kernel's first version");

#define PIDFD_INFO_CGROUP (1ull << 2)
#define PIDFD_GET_INFO 0xC040FF0Bu /* _IOWR(0xFF, 11, struct pidfd_info) */

#endif
