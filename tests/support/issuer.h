/* SPDX-License-Identifier: Apache-2.0
 *
 * The test issuer as a child of a test: started in a folder of its own, driven by its control socket, gone with the
 * test.  Needs ISSUER_PROGRAM.  Every failure is the test's. */
#ifndef TESTS_SUPPORT_ISSUER_H
#define TESTS_SUPPORT_ISSUER_H

#include <sys/types.h>

#include "base/bytes.h"

enum { ISSUER_PATH_BYTES = 96, ISSUER_ANSWER_BYTES = 64 * 1024 };

struct issuer_child {
	char folder[64];
	char socket[ISSUER_PATH_BYTES];	      /* of the Workload API */
	char endpoint[ISSUER_PATH_BYTES + 8]; /* the same as a URI */
	char control[ISSUER_PATH_BYTES];
	pid_t pid; /* 0: not running */
	int fd;	   /* control connection; -1: none */
	char answer[ISSUER_ANSWER_BYTES];
};

/* A folder and its paths; nothing runs yet.  Ended by issuer_remove(). */
void issuer_prepare(struct issuer_child *issuer);
/* Start with these further options (NULL-terminated; NULL: none) and wait until it listens. */
void issuer_start(struct issuer_child *issuer, const char *const *options);
/* SIGKILL: no goodbye, and the socket's file stays. */
void issuer_kill(struct issuer_child *issuer);
/* Stop it if it runs, remove the folder. */
void issuer_remove(struct issuer_child *issuer);

/* Say one line; the answer after "ok ", NUL-terminated, until the next call.  "error" fails the test. */
const char *issuer_say(struct issuer_child *issuer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One number of "seen", for example "bundles". */
unsigned issuer_seen(struct issuer_child *issuer, const char *what);

#endif
