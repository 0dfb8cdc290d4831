/* SPDX-License-Identifier: Apache-2.0
 *
 * What a service's number means to a caller: class, text, and what to do. */
#include "client/keyreeve.h"

struct status_row {
	unsigned status;
	enum keyreeve_result result;
	const char *text, *hint;
};

#define OTHER_SIDE "the service speaks another protocol or version: check what listens on the socket"
#define SEE_AUDIT "the service's audit log names the rule or reason: keyreeve audit show --identity YOU"
#define SEE_LOG "see the service's log and keyreeve doctor"

/* clang-format off */
static const struct status_row rows[] = {
	{ 0,    KEYREEVE_OK,          "success", "" },
	{ 1,    KEYREEVE_UNREACHABLE, "wrong provider id", OTHER_SIDE },
	{ 2,    KEYREEVE_UNREACHABLE, "content type not supported", OTHER_SIDE },
	{ 3,    KEYREEVE_UNREACHABLE, "accept type not supported", OTHER_SIDE },
	{ 4,    KEYREEVE_UNREACHABLE, "wire protocol version not supported", OTHER_SIDE },
	{ 5,    KEYREEVE_REFUSED,     "this provider is not configured", "keyreeve info lists the providers" },
	{ 6,    KEYREEVE_REFUSED,     "no such provider", "keyreeve info lists the providers" },
	{ 7,    KEYREEVE_UNREACHABLE, "the service could not read the request", OTHER_SIDE },
	{ 8,    KEYREEVE_FAILED,      "the service could not write its answer", SEE_LOG },
	{ 9,    KEYREEVE_REFUSED,     "the service does not know this operation", "keyreeve info lists the operations" },
	{ 10,   KEYREEVE_INVALID,     "the answer would be too large", "ask for less" },
	{ 11,   KEYREEVE_REFUSED,     "not authenticated", "the identity or token was refused, or belongs to no tenant; " SEE_AUDIT },
	{ 12,   KEYREEVE_REFUSED,     "the service does not know this way to authenticate", "choose another with --auth" },
	{ 13,   KEYREEVE_REFUSED,     "this way to authenticate is not served on this socket", "keyreeve info lists the authenticators; choose one with --auth" },
	{ 14,   KEYREEVE_FAILED,      "the key store failed", SEE_LOG },
	{ 15,   KEYREEVE_UNREACHABLE, "the request did not arrive whole or in time", "the service or this host may be overloaded" },
	{ 16,   KEYREEVE_INVALID,     "the service could not use a value of the request", "a type, algorithm or hash that it does not know" },
	{ 17,   KEYREEVE_UNREACHABLE, "the service refused the request's header", OTHER_SIDE },
	{ 18,   KEYREEVE_UNREACHABLE, "wrong provider UUID", OTHER_SIDE },
	{ 19,   KEYREEVE_REFUSED,     "the operation needs an identity", "choose one with --auth" },
	{ 20,   KEYREEVE_INVALID,     "the request is too large", "sign a hash instead of the message" },
	{ 21,   KEYREEVE_REFUSED,     "the operation is for administrators", "administrators use the admin socket: --socket /run/keyreeve-admin/admin.sock" },
	{ 22,   KEYREEVE_REFUSED,     "deprecated algorithm", "choose another with --alg" },
	{ 1132, KEYREEVE_FAILED,      "the service failed", SEE_LOG },
	{ 1133, KEYREEVE_REFUSED,     "not permitted", "by policy, or by the key's usage or algorithm: see keyreeve key show; " SEE_AUDIT },
	{ 1134, KEYREEVE_REFUSED,     "not supported", "this provider does not have this operation, key type or algorithm" },
	{ 1135, KEYREEVE_INVALID,     "an argument is not valid", "check key name, type and the length of the hash" },
	{ 1136, KEYREEVE_FAILED,      "the device lost the key", SEE_LOG },
	{ 1137, KEYREEVE_FAILED,      "the device is in a bad state", SEE_LOG },
	{ 1138, KEYREEVE_FAILED,      "a buffer is too small", SEE_LOG },
	{ 1139, KEYREEVE_KEY,         "a key of this name exists", "choose another name, or destroy it first; names are one per identity, for all providers" },
	{ 1140, KEYREEVE_KEY,         "no such key", "keyreeve key list shows yours; a key of another provider or identity does not count" },
	{ 1141, KEYREEVE_REFUSED,     "the service is busy or a limit was reached", "try again later" },
	{ 1142, KEYREEVE_FAILED,      "no room for keys or their audit records, or a quota was reached", "destroy keys, or ask the operator" },
	{ 1143, KEYREEVE_FAILED,      "not enough data", SEE_LOG },
	{ 1145, KEYREEVE_FAILED,      "the provider is down or failed during the request", SEE_LOG },
	{ 1146, KEYREEVE_FAILED,      "the request could not be audited", "the service's disk may be full" },
	{ 1147, KEYREEVE_FAILED,      "the device reported an error", SEE_LOG },
	{ 1148, KEYREEVE_FAILED,      "the random generator failed", SEE_LOG },
	{ 1149, KEYREEVE_SIGNATURE,   "the signature does not verify", "message, key or algorithm is another than it was made with" },
	{ 1150, KEYREEVE_FAILED,      "wrong padding", "the data was made for another key or algorithm" },
	{ 1151, KEYREEVE_FAILED,      "the key or its record is damaged", SEE_LOG },
	{ 1152, KEYREEVE_FAILED,      "stored data is damaged", SEE_LOG },
	{ 1153, KEYREEVE_FAILED,      "stored data is not valid", SEE_LOG },
};
/* clang-format on */

static const struct status_row *row_of(unsigned status)
{
	static const struct status_row unknown = { 0, KEYREEVE_UNREACHABLE, "a status that Parsec does not have",
		OTHER_SIDE };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return &rows[i];
	return &unknown;
}

enum keyreeve_result keyreeve_status_result(unsigned status)
{
	return row_of(status)->result;
}

const char *keyreeve_status_text(unsigned status)
{
	return row_of(status)->text;
}

const char *keyreeve_status_hint(unsigned status)
{
	return row_of(status)->hint;
}
