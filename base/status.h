/* SPDX-License-Identifier: Apache-2.0
 *
 * The one vocabulary of failure: an internal reason, the Parsec wire status that a caller may see, and a text for
 * log and audit.  Several reasons share one wire code, so that a caller learns no more than the protocol promises.
 * The last failure's origin is kept per thread in struct fault; nothing here logs.  Any thread. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define STATUS_ROWS(X) \
	X(OK,                   0,    "success") \
	/* the frame: stage A of the wire reference, section 3 */ \
	X(FRAME_MAGIC,          17,   "not a Parsec frame") \
	X(FRAME_HEADER_SIZE,    17,   "header size is not 30") \
	X(FRAME_VERSION,        4,    "wire protocol version is not 1.0") \
	X(FRAME_RESERVED,       17,   "reserved header byte is set") \
	X(FRAME_BODY_LONG,      20,   "body over the limit") \
	X(FRAME_SHORT,          15,   "frame ends early") \
	X(FRAME_TIMEOUT,        15,   "request did not arrive in time") \
	X(FRAME_CONTENT_TYPE,   2,    "content type is not Protobuf") \
	X(FRAME_ACCEPT_TYPE,    3,    "accept type is not Protobuf") \
	X(FRAME_AUTH_TYPE,      12,   "unknown authentication type") \
	X(FRAME_OPCODE,         9,    "unknown opcode") \
	X(FRAME_PROVIDER,       6,    "unknown provider id") \
	/* who asks */ \
	X(AUTHN_NOT_LISTED,     13,   "authenticator is not served here") \
	X(AUTHN_LONG,           11,   "authentication field over 16 KiB") \
	X(AUTHN_NEEDED,         19,   "operation needs an identity") \
	X(ADMIN_NEEDED,         21,   "operation needs an administrator") \
	X(PEER_FIELD,           11,   "Unix peer field is not four bytes") \
	X(PEER_UID,             11,   "claimed uid is not the peer's") \
	X(DIRECT_GROUP,         11,   "who connected to a Direct socket is not of its group") \
	X(DIRECT_NAME,          11,   "Direct name is empty, too long or not UTF-8") \
	X(ID_MALFORMED,         11,   "not a SPIFFE ID") \
	X(JWT_LONG,             11,   "token over 16 KiB") \
	X(JWT_MALFORMED,        11,   "token is not a compact JWS") \
	X(JWT_HEADER,           11,   "token header is malformed") \
	X(JWT_ALG,              11,   "token algorithm is not allowed") \
	X(JWT_PAYLOAD,          11,   "token payload is malformed") \
	X(JWT_SUBJECT,          11,   "token subject is not a SPIFFE ID") \
	X(JWT_ISSUER,           11,   "token is of no issuer that is configured") \
	X(JWT_DOMAIN_UNKNOWN,   11,   "no keys for the token's trust domain or issuer") \
	X(JWT_KEY_UNKNOWN,      11,   "no key fits the token") \
	X(JWT_SIGNATURE,        11,   "token signature is wrong") \
	X(JWT_AUDIENCE,         11,   "token is for another audience") \
	X(JWT_EXPIRED,          11,   "token has expired") \
	X(JWT_NOT_YET,          11,   "token is not valid yet") \
	X(JWT_CLAIM,            11,   "token claim is missing or of the wrong type") \
	X(JWT_LIFETIME,         11,   "token lives longer than allowed") \
	X(JWT_AGE,              11,   "token is older than allowed") \
	X(JWT_REMOTE,           11,   "Workload API refuses the token") \
	X(JWT_UNDECIDED,        11,   "Workload API did not decide about the token") \
	X(JWT_DISAGREE,         11,   "Workload API and our own verification disagree about the token") \
	X(JWT_STRANGER,         11,   "Workload API's socket is served by another account") \
	X(X509_LONG,            11,   "certificate or chain over its bound") \
	X(X509_MALFORMED,       11,   "certificate is malformed") \
	X(X509_URI,             11,   "certificate has not exactly one URI name") \
	X(X509_ID,              11,   "certificate's URI name is no SPIFFE ID of a workload") \
	X(X509_SUBJECT,         11,   "certificate has no subject and a name that is not critical") \
	X(X509_LEAF_CA,         11,   "leaf certificate may sign certificates") \
	X(X509_KEY_USAGE,       11,   "certificate's key usage is missing, not critical or too narrow") \
	X(X509_EXTENDED_USAGE,  11,   "certificate's extended key usage is not for both sides of TLS") \
	X(X509_SIGNER,          11,   "certificate was signed by one that may not sign") \
	X(X509_SIGNER_ID,       11,   "signing certificate's URI name is not a trust domain's SPIFFE ID") \
	X(X509_ALG,             11,   "certificate's key or signature algorithm is not allowed") \
	X(X509_EXTENSION,       11,   "certificate has a critical extension that is not understood") \
	X(X509_DOMAIN_UNKNOWN,  11,   "no authorities for the certificate's trust domain") \
	X(X509_UNTRUSTED,       11,   "no path to an authority of the certificate's trust domain") \
	X(X509_SIGNATURE,       11,   "certificate's signature is wrong") \
	X(X509_EXPIRED,         11,   "certificate has expired") \
	X(X509_NOT_YET,         11,   "certificate is not valid yet") \
	X(X509_CONSTRAINT,      11,   "path length or name constraint is violated") \
	X(X509_KEY,             11,   "private key is not the certificate's") \
	X(RULES_AUDIENCE,       1132, "validator has no audience of its own") \
	X(TENANT_NONE,          11,   "identity belongs to no tenant") \
	X(CREDENTIAL_REVOKED,   11,   "an administrator has revoked it") \
	X(TOKEN_USED,           11,   "token may be used once, and it was or could have been") \
	X(TOKEN_JTI,            11,   "token without jti where each may be used once") \
	X(TOKEN_TABLE,          1141, "too many tokens that may be used once") \
	X(REVOKE_INVALID,       1135,  "what is to be revoked is not well said") \
	X(TENANT_TOKEN,         11,   "token refused by the tenant's rule") \
	X(BIND_SCOPE,           11,   "token is bound to another uid, gid or label") \
	X(BIND_INSTANCES,       11,   "token is in use by as many instances as may share it") \
	X(BIND_UNKNOWN,         11,   "process or cgroup of the client cannot be told") \
	X(BIND_DECLARED,        11,   "client is not among the declared principals") \
	X(BIND_FULL,            1141, "no room to bind another token") \
	/* bodies */ \
	X(BODY_SYNTAX,          7,    "body is not valid Protobuf") \
	X(BODY_FIELD,           16,   "body field is missing or out of range") \
	X(BODY_LONG,            20,   "body over the operation's limit") \
	X(BODY_BUDGET,          20,   "body needs more memory than its size allows") \
	X(LIST_PROVIDER,        6,    "unknown provider id in the body") \
	X(LIST_PROVIDER_ABSENT, 5,    "provider in the body is not configured") \
	X(NAME_LONG,            1135, "name over 255 bytes") \
	X(NAME_CONTROL,         1135, "name has a control character or is not UTF-8") \
	X(RANDOM_LONG,          10,   "more than 1 MiB of random bytes") \
	X(ENCODE,               8,    "result cannot be encoded") \
	/* routing and keys */ \
	X(PROVIDER_ABSENT,      5,    "provider is not configured") \
	X(OPCODE_ROUTE,         1134, "operation does not belong to that provider") \
	X(OPCODE_UNSUPPORTED,   1134, "provider does not implement the operation") \
	X(KEY_ABSENT,           1140, "no such key") \
	X(KEY_OTHER_PROVIDER,   1140, "key belongs to another provider") \
	X(KEY_EXISTS,           1139, "key name is taken") \
	X(KEY_USAGE,            1133, "key's usage flags forbid it") \
	X(KEY_ALG,              1133, "key's policy has another algorithm") \
	X(KEY_TYPE,             1133, "algorithm does not fit the key's type") \
	X(ATTR_TYPE,            1134, "key type or size is not supported") \
	X(ATTR_PUBLIC,          1135, "a public key cannot be generated") \
	X(ATTR_ALG,             1134, "algorithm is not supported") \
	X(HASH_LENGTH,          1135, "hash length does not fit the algorithm") \
	X(SIGNATURE_WRONG,      1149, "signature does not verify") \
	X(POLICY_DENIED,        1133, "denied by policy") \
	X(POLICY_PROVIDER,      1133, "provider is not in the tenant's list") \
	X(TENANT_SUSPENDED,     1133, "tenant is suspended") \
	X(KEY_SUSPENDED,        1133, "key is suspended") \
	X(STRENGTH_LOW,         1133, "authenticator is weaker than the namespace needs") \
	X(UID_CHANGED,          1133, "uid belongs to another account than its keys") \
	X(OWNER_UNKNOWN,        1140, "nobody of that name has keys or may have them") \
	X(NOT_PERMITTED,        1133, "not permitted") \
	/* scheduling and lanes */ \
	X(QUEUE_FULL,           1141, "queue is full") \
	X(QUEUE_DEADLINE,       1141, "deadline passed in the queue") \
	X(LANE_DOWN,            1145, "provider is down") \
	X(LANE_DIED,            1145, "worker died executing the request") \
	X(LANE_DEADLINE,        1145, "deadline passed while executing; outcome undecided") \
	/* penalties and quotas */ \
	X(PENALTY_BOXED,        1141, "the process failed too often and has to wait") \
	X(QUOTA_KEYS,           1142, "tenant has as many keys as it may") \
	X(QUOTA_RATE,           1141, "tenant's requests of this second are used up") \
	X(QUOTA_DAY,            1141, "tenant's requests of this day are used up") \
	X(QUOTA_IN_FLIGHT,      1141, "tenant has as many requests at a time as it may") \
	X(QUOTA_BYTES,          1141, "tenant's bytes of this second are used up") \
	X(QUOTA_TENANTS,        1141, "no room to count another tenant") \
	/* devices */ \
	X(DEVICE_FAILED,        1147, "device reported an error") \
	X(DEVICE_GONE,          1145, "device or token is gone") \
	X(DEVICE_FULL,          1142, "device has no room") \
	X(DEVICE_MEMORY,        1141, "device is short of memory") \
	X(DEVICE_KEY_GONE,      1136, "device lost the key") \
	X(DEVICE_UNSUPPORTED,   1134, "device does not support it") \
	X(DEVICE_INTEGRITY,     1151, "key blob is damaged or of another device") \
	X(DEVICE_ATTRS,         1147, "device made a key with other attributes") \
	X(DEVICE_SIGNATURE,     1151, "device's signature does not verify") \
	X(DEVICE_IDENTITY,      1145, "device is not the one enrolled") \
	X(DEVICE_HANDLE,        1145, "something else lives at the storage key's handle") \
	X(DEVICE_AUTH,          1147, "device refused our authorization") \
	X(PIN_REFUSED,          1145, "token refused the PIN") \
	X(PIN_TRIED,            1145, "this PIN was tried before; change the PIN file") \
	X(PIN_LOCKED,           1145, "token is locked or at its final try") \
	X(MODULE_MISSING,       1145, "PKCS#11 module or token is missing") \
	X(WRAP_MISSING,         1145, "wrapping key of software keys is not available") \
	X(RANDOM_FAILED,        1148, "random generator failed") \
	/* records and audit */ \
	X(STORE_IO,             14,   "key store I/O failed") \
	X(STORE_FULL,           1142, "key store has no room") \
	X(STORE_NEWER,          14,   "key store was written by a newer keyreeve") \
	X(RECORD_CORRUPT,       1151, "key record is damaged") \
	X(AUDIT_IO,             1146, "audit record could not be written") \
	X(AUDIT_SPACE,          1142, "audit space is low") \
	X(CLIENT_PENDING,       1147, "some keys of the client could not be destroyed yet") \
	/* ourselves */ \
	X(NO_MEMORY,            1141, "out of memory") \
	X(NO_DESCRIPTORS,       1141, "out of descriptors") \
	X(IO,                   1132, "system call failed") \
	X(LIMIT,                1132, "named limit exceeded") \
	X(CRYPTO,               1132, "cryptographic library failed") \
	X(IPC_CLOSED,           1145, "other role closed the connection") \
	X(IPC_MALFORMED,        1132, "malformed message between roles") \
	X(IPC_BUILD,            1132, "roles are of different builds") \
	X(CONFIG_SYNTAX,        1132, "configuration is not valid") \
	X(CONFIG_UNSUPPORTED,   1132, "configuration asks for what is not built yet") \
	X(BUNDLE_MALFORMED,     1132, "key document is malformed") \
	X(SANDBOX,              1132, "sandbox could not be entered") \
	X(CHECK_FAILED,         1132, "start-up check failed") \
	/* the client's side */ \
	X(CLIENT_CONNECT,       1132, "cannot reach the daemon") \
	X(CLIENT_ANSWER,        1132, "daemon's answer is malformed") \
	X(CLIENT_TOKEN,         1132, "no token from the Workload API") \
	X(CLIENT_ENDPOINT,      1132, "endpoint address is not valid") \
	X(CLIENT_ARGUMENT,      1132, "argument is not valid") \
	X(CLIENT_CLOSED,        1132, "daemon closed the connection before its answer was complete") \
	X(CLIENT_TIMEOUT,       1132, "no answer in time") \
	X(CLIENT_SERVER,        1132, "socket belongs to another user")
/* clang-format on */

enum status_code {
#define STATUS_ENUM(name, wire, text) STATUS_##name,
	STATUS_ROWS(STATUS_ENUM)
#undef STATUS_ENUM
		STATUS_COUNT
};

/* An ignored status is a warning, so an error.  A struct, since enums convert silently to bool and int. */
#if defined(__clang__)
#define MUST_CHECK __attribute__((warn_unused_result))
struct MUST_CHECK status {
	enum status_code code;
};
#else
#define MUST_CHECK __attribute__((warn_unused_result))
struct status {
	enum status_code code;
};
#endif

/* Where and why this thread last failed. */
struct fault {
	enum status_code code;
	int64_t native;	      /* code of the library or kernel; 0 none */
	const char *file;     /* static text */
	const char *function; /* static text */
	int line;
};

#define OK ((struct status){ STATUS_OK })
/* The code stands in the expression itself, so that a compiler sees that it is no success. */
#define FAIL(NAME) FAIL_RC(NAME, 0)
#define FAIL_RC(NAME, rc)                                                               \
	((void)status_fail(STATUS_##NAME, (int64_t)(rc), __FILE__, __LINE__, __func__), \
		(struct status){ STATUS_##NAME })
#define TRY(call)                            \
	do {                                 \
		struct status try_ = (call); \
		if (try_.code != STATUS_OK)  \
			return try_;         \
	} while (0)
#define ENSURE(cond, NAME)                 \
	do {                               \
		if (!(cond))               \
			return FAIL(NAME); \
	} while (0)

/* Record the failure for this thread and return it; use FAIL and FAIL_RC. */
struct status status_fail(enum status_code code, int64_t native, const char *file, int line, const char *function);

/* Move this thread's last fault out, leaving zeros behind. */
void fault_take(struct fault *ret_fault);

/* Make a fault of another thread or role this thread's last one. */
void fault_put(const struct fault *fault);

/* Wire status (Parsec, section 9), reason name ("JWT_EXPIRED") and text.  Total: unknown codes read as internal. */
uint16_t status_wire(enum status_code code);
const char *status_name(enum status_code code);
const char *status_text(enum status_code code);
/* The code of a number received from another role; false if it names none. */
bool status_from_number(uint32_t number, enum status_code *ret_code);
/* Name of a Parsec wire status ("PsaErrorDoesNotExist"); NULL for a number that Parsec does not know. */
const char *status_wire_name(uint16_t wire);

#endif
