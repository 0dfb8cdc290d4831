/* SPDX-License-Identifier: Apache-2.0
 *
 * Start-up checks: what the configuration asks of this machine, looked at before anything listens.  A check says what
 * it found and what to do.  Under strict a finding refuses the start, or takes its provider out of service; facts of
 * the host warn; permissive warns instead, except for DOC-01, 11, 12 and 42; an accepted finding is shown with its
 * reason.  Threat ledger, section 10.  One thread; reads the file system and nothing else. */
#ifndef AGENT_DOCTOR_H
#define AGENT_DOCTOR_H

#include "agent/config.h"
#include "agent/principal.h"

enum { DOCTOR_TEXT_BYTES = 512 };

enum doctor_outcome { DOCTOR_REFUSE = 0, DOCTOR_WARN, DOCTOR_ACCEPTED, DOCTOR_GOOD };

/* What is true of this process and kernel; an argument, so that tests choose it. */
struct doctor_facts {
	const char *config_path; /* borrowed; as given */
	bool may_be_running;	 /* `--check`: our own daemon may hold the sockets */
	bool has_seccomp, has_no_new_privileges;
	int landlock_abi; /* 0: none */
	struct principal_facts peers;
	const char *root; /* borrowed; stands before /etc, homes and the marks of a container; NULL: nothing does */
};
void doctor_probe(const char *config_path, bool may_be_running, struct doctor_facts *ret_facts);

struct doctor_finding {
	unsigned check; /* 42: DOC-42 */
	enum doctor_outcome outcome;
	uint32_t provider;   /* index: only this provider is concerned; CONFIG_UNSET: the whole start */
	const char *text;    /* what is wrong and what to do; borrowed for the visit */
	const char *because; /* of an accepted finding */
};
typedef void doctor_visit_fn(void *context, const struct doctor_finding *finding);

/* What came out: the start is refused when refused > 0; bit n of providers_down: provider n must not be started. */
struct doctor_result {
	unsigned refused, warned, accepted;
	uint32_t providers_down;
};

/* All checks in order of their numbers, on a resolved configuration; a check that finds nothing is visited once as
 * DOCTOR_GOOD. */
struct doctor_result doctor_run(
	const struct config *config, const struct doctor_facts *facts, doctor_visit_fn *visit, void *context);

/* Why the checks run: at the start, by `--check`, which also says what is good, or while we run, for a reload.  In the
 * last two the sockets may be our own daemon's. */
enum doctor_moment { DOCTOR_START = 0, DOCTOR_CHECK, DOCTOR_RUNNING };

/* Probe, run and write each finding to the log. */
struct doctor_result doctor_report(const struct config *config, const char *config_path, enum doctor_moment moment);

#endif
