/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the start-up checks share: how a check says what it found, and the look at a path.  Private to
 * doctor*.c; one thread. */
#ifndef AGENT_DOCTOR_PARTS_H
#define AGENT_DOCTOR_PARTS_H

#include <limits.h>
#include <sys/stat.h>

#include "agent/doctor.h"

enum { PART_BYTES = 256, DOCTOR_SHA256_TEXT = 65 };

struct doctor {
	const struct config *config;
	const struct doctor_facts *facts;
	doctor_visit_fn *visit;
	void *context;
	struct doctor_result result;
	unsigned check; /* that is running */
	bool has_finding;
	char good[DOCTOR_TEXT_BYTES]; /* what a check that found nothing has to say; empty: its row's text */
};

/* One finding of the check that is running.  provider: CONFIG_UNSET when the whole start is concerned. */
void doctor_find(struct doctor *d, bool is_refusal, uint32_t provider, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
#define refuse(d, ...) doctor_find((d), true, CONFIG_UNSET, __VA_ARGS__)
#define refuse_provider(d, i, ...) doctor_find((d), true, (i), __VA_ARGS__)
#define warn(d, ...) doctor_find((d), false, CONFIG_UNSET, __VA_ARGS__)

enum walk { WALK_BAD = 0, WALK_ABSENT, WALK_GOOD };

/* Who may own a component or belong to the group that writes it, besides root. */
struct trust {
	uid_t uid;
	gid_t gid;
};

static const struct trust doctor_root_only = { 0, 0 };

static inline struct trust doctor_ourselves(const struct config *config)
{
	return (struct trust){ config->uid, config->gid };
}

/* Every component of an absolute path, never through a link.  ret_st: of the last, when all are there. */
enum walk doctor_walk(const char *path, const struct trust *trust, struct stat *ret_st, char why[PART_BYTES]);
/* The same of what the path leads to, and of the directory in which its name stands. */
enum walk doctor_walk_real(const char *path, const struct trust *trust, struct stat *ret_st, char why[PART_BYTES]);
/* The directory of a path; false for one without. */
bool doctor_directory_of(const char *path, char ret_directory[PATH_MAX]);
/* Others reach neither the file nor the directory around it. */
bool doctor_is_open(const char *path, mode_t bits, char why[PART_BYTES]);

/* The libraries that a module pulls in, theirs included, looked for where the loader looks: each file of that name.
 * visit gets the path; NULL with the name of one that is nowhere.  False: the module is no shared library of this
 * machine, or has more of them than anybody's. */
typedef void doctor_library_fn(void *context, const char *path, const char *name);
bool doctor_libraries(const char *module, doctor_library_fn *visit, void *context);
/* SHA-256 of a file, in hexadecimal.  False when it cannot be read.  FIPS 180-4; our own, so that keyreeved, which
 * holds PINs, maps no library for it. */
bool doctor_sha256(const char *path, char ret_text[DOCTOR_SHA256_TEXT]);

/* The checks that have a file of their own. */
void doctor_check_binding(struct doctor *d);  /* DOC-06 */
void doctor_check_endpoint(struct doctor *d); /* DOC-14 */
void doctor_check_audience(struct doctor *d); /* DOC-18 */
void doctor_check_devices(struct doctor *d);  /* DOC-21 */
void doctor_check_modules(struct doctor *d);  /* DOC-22 */
void doctor_check_accounts(struct doctor *d); /* DOC-31 */
void doctor_check_state(struct doctor *d);    /* DOC-42 */
void doctor_check_file(struct doctor *d);     /* DOC-45 */
void doctor_check_wrap(struct doctor *d);     /* DOC-47 */

#endif
