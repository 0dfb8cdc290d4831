/* SPDX-License-Identifier: Apache-2.0
 *
 * A TPM for tests: swtpm with a folder of its own, and a relay in front of it that counts commands and damages one
 * where a test asks for it.  Fails the running cmocka test where it cannot do what it is asked. */
#ifndef TESTS_SUPPORT_SWTPM_H
#define TESTS_SUPPORT_SWTPM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SWTPM_PATH_BYTES = 96, SWTPM_TCTI_BYTES = SWTPM_PATH_BYTES + 16 };

struct swtpm {
	char folder[SWTPM_PATH_BYTES - 16];
	char socket[SWTPM_PATH_BYTES];
	char tcti[SWTPM_TCTI_BYTES]; /* "swtpm:path=..." */
	pid_t pid;
};

/* A folder and a manufactured, started TPM in it. */
void swtpm_new(struct swtpm *tpm);
/* End it with its state kept; start it again: a TPM reset. */
void swtpm_stop(struct swtpm *tpm);
void swtpm_start(struct swtpm *tpm);
/* Stop it and remove its folder. */
void swtpm_free(struct swtpm *tpm);

enum relay_damage { RELAY_NONE = 0, RELAY_COMMAND, RELAY_ANSWER, RELAY_HANG_UP };
enum { RELAY_CODES = 64, RELAY_MESSAGE_MAX = 8192 };

struct relay {
	const struct swtpm *tpm; /* borrowed */
	char socket[SWTPM_PATH_BYTES];
	char tcti[SWTPM_TCTI_BYTES];
	int listener, control, stop[2];
	pthread_t thread;
	pthread_mutex_t lock;		    /* of all below */
	uint64_t commands;		    /* answered by the TPM */
	uint32_t codes[RELAY_CODES];	    /* the last ones, by number modulo RELAY_CODES */
	uint8_t answer[RELAY_MESSAGE_MAX];  /* the last one */
	size_t command_bytes, answer_bytes; /* of the last one */
	enum relay_damage damage;	    /* of the next command, then none */
	uint32_t damage_code;		    /* only a command with this code; 0 any */
	uint8_t needle[32];
	size_t needle_len;
	unsigned seen;
	size_t damage_at; /* byte that is changed; beyond the end: the last one */
};

void relay_new(struct relay *relay, const struct swtpm *tpm);
void relay_free(struct relay *relay);
uint64_t relay_commands(struct relay *relay);
/* The code of command number n, counted from 0. */
uint32_t relay_code(struct relay *relay, uint64_t n);
/* Damage the next command (with that code, unless 0) or its answer. */
void relay_damage(struct relay *relay, enum relay_damage damage, uint32_t code, size_t at);
/* From now on look for these bytes (at most 32) in everything that passes; how often they were seen. */
void relay_watch(struct relay *relay, const void *needle, size_t len);
unsigned relay_seen(struct relay *relay);
/* Was this byte string in the last answer? */
bool relay_last_answer_has(struct relay *relay, const void *needle, size_t len);
/* Has the damage been done? */
bool relay_has_damaged(struct relay *relay);

#endif
