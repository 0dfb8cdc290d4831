/* SPDX-License-Identifier: Apache-2.0
 *
 * libkeyreeve: use keys that live in a node's TPM, HSM or key store, through keyreeved (or another service that
 * speaks Parsec's wire protocol).  Plain C, this header alone; link with -lkeyreeve.
 *
 *	struct keyreeve_options options = { .size = sizeof(options), .auth = KEYREEVE_AUTH_UNIX_PEER };
 *	struct keyreeve_error error;
 *	struct keyreeve *k;
 *	uint8_t signature[KEYREEVE_SIGNATURE_MAX];
 *	size_t len = sizeof(signature);
 *
 *	if (keyreeve_open(&options, &k, &error) != KEYREEVE_OK ||
 *	    keyreeve_sign_hash(k, "web", "ecdsa-sha-256", hash, 32, signature, &len) != KEYREEVE_OK)
 *		...
 *	keyreeve_close(k);
 *
 * Threads: none of its own.  One handle serves one thread at a time; several handles are independent.  A handle keeps
 * one connection, opens it when it is first needed and again when the service closed it; after a fork it belongs to
 * the parent alone.
 * Signals: SIGPIPE is never raised; a call goes on after a signal handler returns.
 * Memory: arguments are borrowed for the call.  Outputs are written on success only.  What a call allocates is freed
 * with the function named beside it; every _free function accepts zeros.
 *
 * What may be retried, and what the library does by itself, always within the call's deadline:
 *
 *	answer                             operations                 here
 *	busy (1141): refused, not begun    all                        repeated with growing pauses
 *	token refused (11)                 all                        repeated once, if the callback has another token
 *	closed before an answer,           all but create, destroy,   repeated once
 *	or worker failed (1145)            client deletion
 *	the same                           create, destroy, client    never: it may have happened; KEYREEVE_UNDECIDED is
 *	                                   deletion                   set, so look (keyreeve_list_keys) before repeating
 *	connection refused                 all                        never: the service is not there
 *	anything else                      -                          never: it would be answered alike
 */
#ifndef KEYREEVE_H
#define KEYREEVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- results --------------------------------------------------------------------------------------- */

/* What happened, in classes that a program can act on.  The numbers are also the exit codes of the command line. */
enum keyreeve_result {
	KEYREEVE_OK = 0,
	KEYREEVE_INVALID = 1,	  /* an argument: the request cannot be meant as it was made */
	KEYREEVE_UNREACHABLE = 2, /* no connection, no answer in time, or an answer that is none */
	KEYREEVE_NO_TOKEN = 3,	  /* the token callback had none */
	KEYREEVE_REFUSED = 4,	  /* not authenticated, not permitted, not supported, or too busy */
	KEYREEVE_KEY = 5,	  /* no such key, or the name is taken */
	KEYREEVE_FAILED = 6,	  /* the device, the service or its storage failed */
	KEYREEVE_SIGNATURE = 7,	  /* the signature does not verify */
};

enum {
	KEYREEVE_TEXT_BYTES = 256,
	KEYREEVE_SIGNATURE_MAX = 512,	   /* bytes */
	KEYREEVE_PUBLIC_MAX = 600,	   /* bytes */
	KEYREEVE_HASH_MAX = 64,		   /* bytes */
	KEYREEVE_MESSAGE_MAX = 1048000,	   /* bytes of a message: a request's body is at most 1 MiB */
	KEYREEVE_RANDOM_MAX = 1024 * 1024, /* bytes in one call */
	KEYREEVE_TOKEN_MAX = 16 * 1024,	   /* bytes */
	KEYREEVE_NAME_MAX = 255,	   /* bytes of a key's name, UTF-8 without control characters */
	KEYREEVE_DEADLINE_MS = 60000,
};

/* enum keyreeve_error.flags */
enum {
	KEYREEVE_UNDECIDED = 1 << 0, /* it may have happened: see the table above */
	KEYREEVE_BUSY = 1 << 1,	     /* later may do */
};

struct keyreeve_error {
	enum keyreeve_result result;
	unsigned status; /* the service's number (Parsec, e.g. 1140); 0: it gave none */
	int os_error;	 /* errno; 0: none */
	unsigned flags;
	char text[KEYREEVE_TEXT_BYTES]; /* what went wrong and where: "no such key (1140)" */
	char hint[KEYREEVE_TEXT_BYTES]; /* what to do about it; may be empty */
};

/* The class that a service's number belongs to, its text and its hint: static. */
enum keyreeve_result keyreeve_status_result(unsigned status);
const char *keyreeve_status_text(unsigned status);
const char *keyreeve_status_hint(unsigned status);

/* ---- opening --------------------------------------------------------------------------------------- */

/* One client of one service: opaque. */
struct keyreeve;

#define KEYREEVE_ENDPOINT_VARIABLE "PARSEC_SERVICE_ENDPOINT"
#define KEYREEVE_ENDPOINT_DEFAULT "unix:/run/keyreeve/keyreeve.sock"

/* How the caller says who it is; the protocol's numbers. */
enum keyreeve_auth {
	KEYREEVE_AUTH_NONE = 0,	     /* lists, Ping and random bytes only */
	KEYREEVE_AUTH_DIRECT = 1,    /* a name, among clients that trust each other */
	KEYREEVE_AUTH_ISSUER = 2,    /* a token of an identity provider, from the callback */
	KEYREEVE_AUTH_UNIX_PEER = 3, /* the process's effective uid */
	KEYREEVE_AUTH_JWT_SVID = 4,  /* a JWT-SVID for the audience of the service ("parsec"), from the callback */
};

/* Give a token.
 *   again    0, or 1 when the last one was refused: fetch, do not answer from a cache
 *   buffer   size bytes of room, KEYREEVE_TOKEN_MAX
 *   ret_len  its length; no NUL needed
 * Return 0, or anything else when there is none; then say why in reason (KEYREEVE_TEXT_BYTES of room). */
typedef int (*keyreeve_token_fn)(void *context, int again, char *buffer, size_t size, size_t *ret_len, char *reason);

struct keyreeve_options {
	size_t size;	      /* sizeof(struct keyreeve_options): must be set */
	const char *endpoint; /* "unix:/path" or "/path"; NULL: the variable, else the default */
	enum keyreeve_auth auth;
	const char *direct_name; /* KEYREEVE_AUTH_DIRECT */
	keyreeve_token_fn token; /* KEYREEVE_AUTH_JWT_SVID, KEYREEVE_AUTH_ISSUER */
	void *token_context;
	int deadline_ms;  /* for a whole call, retries included; 0: KEYREEVE_DEADLINE_MS */
	int provider;	  /* 1 to 5; 0: the first that the service lists */
	int check_server; /* 1: talk to nobody but a service whose socket was opened by server_uid */
	uid_t server_uid;
};

/* Check the options; connects at the first call.
 *   ret_error  may be NULL
 * Fails: KEYREEVE_INVALID, KEYREEVE_FAILED (no memory). */
enum keyreeve_result keyreeve_open(
	const struct keyreeve_options *options, struct keyreeve **ret_keyreeve, struct keyreeve_error *ret_error);
void keyreeve_close(struct keyreeve *k);
/* Of the last call that failed; valid until the next call. */
const struct keyreeve_error *keyreeve_last_error(const struct keyreeve *k);
/* Which provider the calls below go to from now on (1 to 5; 0: the first that the service lists). */
void keyreeve_set_provider(struct keyreeve *k, int provider);
/* "0.1.0" of the library. */
const char *keyreeve_version(void);

/* ---- the service ----------------------------------------------------------------------------------- */

/* Version of the wire protocol: 1 and 0. */
enum keyreeve_result keyreeve_ping(struct keyreeve *k, unsigned *ret_major, unsigned *ret_minor);

struct keyreeve_provider {
	int id; /* 0 is the core: lists and administration */
	char uuid[40];
	char vendor[64];
	char description[128];
	unsigned version[3];
};
struct keyreeve_providers {
	struct keyreeve_provider *items; /* the first is what provider 0 stands for */
	size_t count;
};
enum keyreeve_result keyreeve_list_providers(struct keyreeve *k, struct keyreeve_providers *ret_list);
void keyreeve_providers_free(struct keyreeve_providers *list);

struct keyreeve_authenticator {
	int id; /* enum keyreeve_auth */
	char description[128];
	unsigned version[3];
};
struct keyreeve_authenticators {
	struct keyreeve_authenticator *items; /* the one meant for ordinary clients first */
	size_t count;
};
enum keyreeve_result keyreeve_list_authenticators(struct keyreeve *k, struct keyreeve_authenticators *ret_list);
void keyreeve_authenticators_free(struct keyreeve_authenticators *list);

struct keyreeve_opcodes {
	uint32_t *items;
	size_t count;
};
enum keyreeve_result keyreeve_list_opcodes(struct keyreeve *k, int provider, struct keyreeve_opcodes *ret_list);
void keyreeve_opcodes_free(struct keyreeve_opcodes *list);
/* "PsaSignHash"; NULL for an unknown number. */
const char *keyreeve_opcode_name(uint32_t opcode);

/* ---- keys ------------------------------------------------------------------------------------------ */

/* What a key may be used for. */
enum {
	KEYREEVE_USAGE_EXPORT = 1 << 0,
	KEYREEVE_USAGE_COPY = 1 << 1,
	KEYREEVE_USAGE_CACHE = 1 << 2,
	KEYREEVE_USAGE_ENCRYPT = 1 << 3,
	KEYREEVE_USAGE_DECRYPT = 1 << 4,
	KEYREEVE_USAGE_SIGN_MESSAGE = 1 << 5,
	KEYREEVE_USAGE_VERIFY_MESSAGE = 1 << 6,
	KEYREEVE_USAGE_SIGN_HASH = 1 << 7,   /* implies SIGN_MESSAGE */
	KEYREEVE_USAGE_VERIFY_HASH = 1 << 8, /* implies VERIFY_MESSAGE */
	KEYREEVE_USAGE_DERIVE = 1 << 9,
};

/* Types by name: "ecc-p256", "ecc-p384", "ecc-p521", "rsa-2048", "rsa-3072", "rsa-4096".
 * Algorithms by name: "ecdsa-HASH", "rsa-pss-HASH", "rsa-pkcs1v15-HASH", where HASH is "sha-256", "sha-384", "sha-512",
 * "sha3-256" and so on; as a key's policy also "ecdsa-any" and the like: any hash. */
struct keyreeve_key {
	int provider;
	char name[KEYREEVE_NAME_MAX + 1];
	size_t name_len;
	char type[32]; /* "other" where it has no name here */
	unsigned bits;
	char alg[64]; /* the policy */
	unsigned usage;
};
struct keyreeve_keys {
	struct keyreeve_key *items;
	size_t count;
};
/* The caller's keys, of all providers. */
enum keyreeve_result keyreeve_list_keys(struct keyreeve *k, struct keyreeve_keys *ret_list);
void keyreeve_keys_free(struct keyreeve_keys *list);

/* Create a key.  usage 0: sign and verify, hashes and messages.
 * Fails: KEYREEVE_KEY (name is taken), KEYREEVE_REFUSED, KEYREEVE_FAILED, ... */
enum keyreeve_result keyreeve_generate_key(
	struct keyreeve *k, const char *name, const char *type, const char *alg, unsigned usage);
enum keyreeve_result keyreeve_destroy_key(struct keyreeve *k, const char *name);

/* The public half: RSAPublicKey in DER, or an uncompressed point (04, X, Y).
 *   ret_len  in: room, KEYREEVE_PUBLIC_MAX suffices; out: bytes written */
enum keyreeve_result keyreeve_export_public_key(
	struct keyreeve *k, const char *name, uint8_t *ret_data, size_t *ret_len);

/* Sign a hash, or a message (which the service hashes).  ECDSA: r and s, each as long as the key; RSA: big-endian.
 *   ret_len  in: room, KEYREEVE_SIGNATURE_MAX suffices; out: bytes written */
enum keyreeve_result keyreeve_sign_hash(struct keyreeve *k, const char *name, const char *alg, const uint8_t *hash,
	size_t hash_len, uint8_t *ret_signature, size_t *ret_len);
enum keyreeve_result keyreeve_sign_message(struct keyreeve *k, const char *name, const char *alg,
	const uint8_t *message, size_t message_len, uint8_t *ret_signature, size_t *ret_len);
/* KEYREEVE_OK: it verifies; KEYREEVE_SIGNATURE: it does not. */
enum keyreeve_result keyreeve_verify_hash(struct keyreeve *k, const char *name, const char *alg, const uint8_t *hash,
	size_t hash_len, const uint8_t *signature, size_t signature_len);
enum keyreeve_result keyreeve_verify_message(struct keyreeve *k, const char *name, const char *alg,
	const uint8_t *message, size_t message_len, const uint8_t *signature, size_t signature_len);

/* Exactly len bytes, at most KEYREEVE_RANDOM_MAX. */
enum keyreeve_result keyreeve_generate_random(struct keyreeve *k, uint8_t *ret_data, size_t len);

/* ---- administration: on the admin socket ----------------------------------------------------------- */

struct keyreeve_client {
	char *name; /* owned, NUL-terminated */
	size_t name_len;
};
struct keyreeve_clients {
	struct keyreeve_client *items;
	size_t count;
};
enum keyreeve_result keyreeve_list_clients(struct keyreeve *k, struct keyreeve_clients *ret_list);
void keyreeve_clients_free(struct keyreeve_clients *list);
/* Destroy all keys of a client; one that has none is no failure. */
enum keyreeve_result keyreeve_delete_client(struct keyreeve *k, const char *client);

#ifdef __cplusplus
}
#endif

#endif
