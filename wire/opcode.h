/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers that Parsec assigns: operations, providers, authenticators, and what the protocol says of each.
 * "Known" means that the protocol has it (A9 to A11), not that anybody here serves it.  Pure; any thread.
 * Parsec wire reference sections 4, 6 and 10. */
#ifndef WIRE_OPCODE_H
#define WIRE_OPCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_VERSION_MAJOR = 1, WIRE_VERSION_MINOR = 0 };

/* Number, name here, name in the protocol, sent to the core provider. */
/* clang-format off */
#define OPCODE_ROWS(X) \
	X(0x01, PING,                    "Ping",                  true) \
	X(0x02, PSA_GENERATE_KEY,        "PsaGenerateKey",        false) \
	X(0x03, PSA_DESTROY_KEY,         "PsaDestroyKey",         false) \
	X(0x04, PSA_SIGN_HASH,           "PsaSignHash",           false) \
	X(0x05, PSA_VERIFY_HASH,         "PsaVerifyHash",         false) \
	X(0x06, PSA_IMPORT_KEY,          "PsaImportKey",          false) \
	X(0x07, PSA_EXPORT_PUBLIC_KEY,   "PsaExportPublicKey",    false) \
	X(0x08, LIST_PROVIDERS,          "ListProviders",         true) \
	X(0x09, LIST_OPCODES,            "ListOpcodes",           true) \
	X(0x0a, PSA_ASYMMETRIC_ENCRYPT,  "PsaAsymmetricEncrypt",  false) \
	X(0x0b, PSA_ASYMMETRIC_DECRYPT,  "PsaAsymmetricDecrypt",  false) \
	X(0x0c, PSA_EXPORT_KEY,          "PsaExportKey",          false) \
	X(0x0d, PSA_GENERATE_RANDOM,     "PsaGenerateRandom",     false) \
	X(0x0e, LIST_AUTHENTICATORS,     "ListAuthenticators",    true) \
	X(0x0f, PSA_HASH_COMPUTE,        "PsaHashCompute",        false) \
	X(0x10, PSA_HASH_COMPARE,        "PsaHashCompare",        false) \
	X(0x11, PSA_AEAD_ENCRYPT,        "PsaAeadEncrypt",        false) \
	X(0x12, PSA_AEAD_DECRYPT,        "PsaAeadDecrypt",        false) \
	X(0x13, PSA_RAW_KEY_AGREEMENT,   "PsaRawKeyAgreement",    false) \
	X(0x14, PSA_CIPHER_ENCRYPT,      "PsaCipherEncrypt",      false) \
	X(0x15, PSA_CIPHER_DECRYPT,      "PsaCipherDecrypt",      false) \
	X(0x16, PSA_MAC_COMPUTE,         "PsaMacCompute",         false) \
	X(0x17, PSA_MAC_VERIFY,          "PsaMacVerify",          false) \
	X(0x18, PSA_SIGN_MESSAGE,        "PsaSignMessage",        false) \
	X(0x19, PSA_VERIFY_MESSAGE,      "PsaVerifyMessage",      false) \
	X(0x1a, LIST_KEYS,               "ListKeys",              true) \
	X(0x1b, LIST_CLIENTS,            "ListClients",           true) \
	X(0x1c, DELETE_CLIENT,           "DeleteClient",          true) \
	X(0x1e, ATTEST_KEY,              "AttestKey",             false) \
	X(0x1f, PREPARE_KEY_ATTESTATION, "PrepareKeyAttestation", false) \
	X(0x20, CAN_DO_CRYPTO,           "CanDoCrypto",           false)

/* What Parsec has no number for: our own, of administrators and the core provider.  They exist on admin listeners;
 * elsewhere such a number is unknown.  Never listed: a Rust client refuses the whole list (section 6). */
#define OPCODE_PRIVATE_ROWS(X) \
	X(0x4b520001, ADMIN_STATUS,      "AdminStatus",           true) \
	X(0x4b520002, ADMIN_KEYS,        "AdminKeys",             true) \
	X(0x4b520003, ADMIN_SUSPEND,     "AdminSuspend",          true) \
	X(0x4b520004, ADMIN_RESUME,      "AdminResume",           true) \
	X(0x4b520005, ADMIN_SPACES,      "AdminSpaces",           true) \
	X(0x4b520006, ADMIN_LINK,        "AdminLink",             true) \
	X(0x4b520007, ADMIN_UNLINK,      "AdminUnlink",           true) \
	X(0x4b520008, ADMIN_STRENGTH,    "AdminStrength",         true) \
	X(0x4b520009, ADMIN_CONFIRM,     "AdminConfirm",          true) \
	X(0x4b52000a, ADMIN_PURGE,       "AdminPurge",            true) \
	X(0x4b52000b, ADMIN_PINS,        "AdminPins",             true) \
	X(0x4b52000c, ADMIN_QUOTAS,      "AdminQuotas",           true) \
	X(0x4b52000d, ADMIN_PENALTIES,   "AdminPenalties",        true) \
	X(0x4b520010, ADMIN_REVOKE,      "AdminRevoke",           true) \
	X(0x4b520011, ADMIN_UNREVOKE,    "AdminUnrevoke",         true) \
	X(0x4b520012, ADMIN_REVOCATIONS, "AdminRevocations",      true) \
	X(0x4b520013, ADMIN_CLOCK,       "AdminClock",            true)
/* clang-format on */

enum opcode {
#define OPCODE_ENUM(number, name, text, core) OPCODE_##name = number,
	OPCODE_ROWS(OPCODE_ENUM) OPCODE_PRIVATE_ROWS(OPCODE_ENUM)
#undef OPCODE_ENUM
};

/* Does the protocol have this opcode (A10)?  The two MAC numbers are in it, although Parsec's service refuses them.
 * Private ones are not. */
bool opcode_is_known(uint32_t opcode);
/* Is it one of our own? */
bool opcode_is_private(uint32_t opcode);
/* Is it the core provider's?  False for unknown numbers. */
bool opcode_is_core(uint32_t opcode);
/* "PsaSignHash"; NULL for unknown numbers. */
const char *opcode_name(uint32_t opcode);

/* Providers; every id that client libraries know.  New ones would break them. */
enum provider_id {
	PROVIDER_ID_CORE = 0,
	PROVIDER_ID_SOFTWARE = 1, /* Parsec: Mbed Crypto */
	PROVIDER_ID_PKCS11 = 2,
	PROVIDER_ID_TPM = 3,
	PROVIDER_ID_TRUSTED_SERVICE = 4,
	PROVIDER_ID_CAL = 5,
	PROVIDER_ID_COUNT
};

struct provider_row {
	const char *uuid; /* lower case, with hyphens */
	const char *description;
	const char *vendor;
	const char *name; /* short: "tpm"; for the command line */
	uint8_t version[3];
};

/* What ListProviders says of an id; NULL for unknown ids. */
const struct provider_row *provider_row(uint32_t id);
/* The id with that short name ("core", "software", "pkcs11", "tpm", ...) or number in decimal; false if none. */
bool provider_from_text(const char *text, uint8_t *ret_id);

/* Authentication types; the configuration's enum has the same numbers. */
enum auth_type {
	AUTH_TYPE_NONE = 0,
	AUTH_TYPE_DIRECT = 1,
	AUTH_TYPE_JWT = 2,
	AUTH_TYPE_UNIX_PEER = 3,
	AUTH_TYPE_JWT_SVID = 4,
	AUTH_TYPE_COUNT
};

struct auth_row {
	const char *description;
	const char *name; /* short: "jwt-svid" */
	uint8_t version[3];
};

/* What ListAuthenticators says of a type; NULL for unknown types. */
const struct auth_row *auth_row(uint32_t type);

#endif
