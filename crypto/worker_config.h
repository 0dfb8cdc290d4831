/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker needs to know of the configuration: keyreeved encodes it into part 1 of ROLE_CONFIG, the worker's
 * main decodes it.  Plain values, no pointers; secrets travel as descriptors, never here.  Pure; any thread. */
#ifndef CRYPTO_WORKER_CONFIG_H
#define CRYPTO_WORKER_CONFIG_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
	WORKER_CONFIG_NAME_MAX = 32,	/* provider name, as "lane:NAME" fits into ROLE_NAME_BYTES */
	WORKER_CONFIG_PATH_MAX = 1024,	/* module path, TCTI string */
	WORKER_CONFIG_LABEL_MAX = 32,	/* CK_TOKEN_INFO.label */
	WORKER_CONFIG_SERIAL_MAX = 16,	/* CK_TOKEN_INFO.serialNumber */
	WORKER_CONFIG_BYTES_MAX = 4096, /* encoded */
};

/* Numbers are Parsec's provider ids. */
enum worker_config_type {
	WORKER_CONFIG_NONE = 0,
	WORKER_CONFIG_SOFTWARE = 1,
	WORKER_CONFIG_PKCS11 = 2,
	WORKER_CONFIG_TPM = 3,
	WORKER_CONFIG_TYPE_COUNT
};

enum worker_config_verify {
	WORKER_VERIFY_AUTO = 0, /* the worker decides (DESIGN decision 20) and says so in its worker_info */
	WORKER_VERIFY_ON = 1,
	WORKER_VERIFY_OFF = 2,
	WORKER_VERIFY_COUNT
};

/* Texts are NUL-terminated; empty means not given. */
struct worker_config {
	char name[WORKER_CONFIG_NAME_MAX + 1];
	uint8_t type;		   /* enum worker_config_type */
	uint8_t verify_after_sign; /* enum worker_config_verify */
	bool strict;		   /* posture; a key file is refused then (false where DOC-47 is accepted) */
	bool sessions_password;	   /* tpm: else hmac */
	bool needs_unix_sockets;   /* pkcs11: the module talks to a local daemon */
	uint32_t threads;	   /* software: 0 = one per core */
	uint32_t handle;	   /* tpm: persistent storage key */
	char tcti[WORKER_CONFIG_PATH_MAX + 1];	   /* tpm */
	char module[WORKER_CONFIG_PATH_MAX + 1];   /* pkcs11: path of the module */
	char token[WORKER_CONFIG_LABEL_MAX + 1];   /* pkcs11: label */
	char serial[WORKER_CONFIG_SERIAL_MAX + 1]; /* pkcs11: number, where the label is not unique */
	char state[WORKER_CONFIG_PATH_MAX + 1];	   /* pkcs11: the state directory, closed to the module */
	char wrap[WORKER_CONFIG_NAME_MAX + 1];	   /* software: "auto", "file", or a provider's name; for the log */
};

/* Fails: LIMIT (a text without its NUL, the buffer's cap). */
struct status worker_config_put(struct buf *to, const struct worker_config *config);
/* Every text and number within its bounds, a name and a type there, nothing left over.  Fails: IPC_MALFORMED. */
struct status worker_config_get(struct bytes from, struct worker_config *ret_config);

#endif
