/* SPDX-License-Identifier: Apache-2.0
 *
 * Time.  Deadlines are monotonic microseconds, the same in every role of one boot; wall time is for tokens and audit.
 * Functions that decide take a time as an argument, so that tests choose it.  Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

enum { US_PER_MS = 1000, US_PER_S = 1000000 };

/* Microseconds since boot, CLOCK_MONOTONIC. */
uint64_t clock_mono_us(void);
/* Microseconds since boot, time asleep included; CLOCK_BOOTTIME. */
uint64_t clock_boot_us(void);
/* Microseconds since 1970, UTC. */
int64_t clock_wall_us(void);
/* "2026-11-23T15:04:05.000123Z": 27 bytes and a NUL. */
enum { CLOCK_TEXT_BYTES = 28 };
void clock_text(int64_t wall_us, char ret_text[CLOCK_TEXT_BYTES]);

#endif
