/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs11/rc.h"

#include <stddef.h>

enum { CURVE_NOT_SUPPORTED = 0x140, TOKEN_RESOURCE_EXCEEDED = 0x201 }; /* of PKCS #11 v2.40 and v3.0 */

enum {
	REOPENS = 1 << 0,
	TEMPLATE = 1 << 1,
	UNSEEN = 1 << 2,
};

struct rc_row {
	CK_RV rv;
	enum status_code code;
	unsigned flags;
};

/* clang-format off */
static const struct rc_row rows[] = {
	{ CKR_OK,                           STATUS_OK,                 0 },
	/* the session, or the token, went away */
	{ CKR_SESSION_HANDLE_INVALID,       STATUS_DEVICE_GONE,        REOPENS | UNSEEN },
	{ CKR_SESSION_CLOSED,               STATUS_DEVICE_GONE,        REOPENS | UNSEEN },
	{ CKR_DEVICE_REMOVED,               STATUS_DEVICE_GONE,        REOPENS },
	{ CKR_TOKEN_NOT_PRESENT,            STATUS_DEVICE_GONE,        REOPENS | UNSEEN },
	{ CKR_TOKEN_NOT_RECOGNIZED,         STATUS_DEVICE_GONE,        REOPENS | UNSEEN },
	{ CKR_USER_NOT_LOGGED_IN,           STATUS_DEVICE_GONE,        REOPENS },
	{ CKR_OPERATION_ACTIVE,             STATUS_DEVICE_FAILED,      REOPENS },
	{ CKR_SLOT_ID_INVALID,              STATUS_DEVICE_GONE,        0 },
	{ CKR_CRYPTOKI_NOT_INITIALIZED,     STATUS_DEVICE_GONE,        UNSEEN },
	/* room */
	{ CKR_HOST_MEMORY,                  STATUS_NO_MEMORY,          0 },
	{ CKR_DEVICE_MEMORY,                STATUS_DEVICE_FULL,        0 },
	{ TOKEN_RESOURCE_EXCEEDED,          STATUS_DEVICE_FULL,        0 },
	{ CKR_SESSION_COUNT,                STATUS_DEVICE_MEMORY,      0 },
	/* the PIN */
	{ CKR_PIN_INCORRECT,                STATUS_PIN_REFUSED,        0 },
	{ CKR_PIN_INVALID,                  STATUS_PIN_REFUSED,        0 },
	{ CKR_PIN_LEN_RANGE,                STATUS_PIN_REFUSED,        0 },
	{ CKR_PIN_EXPIRED,                  STATUS_PIN_REFUSED,        0 },
	{ CKR_PIN_LOCKED,                   STATUS_PIN_LOCKED,         0 },
	{ CKR_USER_PIN_NOT_INITIALIZED,     STATUS_DEVICE_AUTH,        UNSEEN },
	{ CKR_USER_ALREADY_LOGGED_IN,       STATUS_DEVICE_AUTH,        UNSEEN },
	{ CKR_USER_ANOTHER_ALREADY_LOGGED_IN, STATUS_DEVICE_AUTH,      UNSEEN },
	/* keys and objects */
	{ CKR_OBJECT_HANDLE_INVALID,        STATUS_DEVICE_KEY_GONE,    0 },
	{ CKR_KEY_HANDLE_INVALID,           STATUS_DEVICE_KEY_GONE,    0 },
	{ CKR_ENCRYPTED_DATA_INVALID,       STATUS_DEVICE_INTEGRITY,   0 },
	{ CKR_ENCRYPTED_DATA_LEN_RANGE,     STATUS_DEVICE_INTEGRITY,   0 },
	/* what it cannot do */
	{ CKR_MECHANISM_INVALID,            STATUS_DEVICE_UNSUPPORTED, 0 },
	{ CKR_MECHANISM_PARAM_INVALID,      STATUS_DEVICE_UNSUPPORTED, 0 },
	{ CKR_FUNCTION_NOT_SUPPORTED,       STATUS_DEVICE_UNSUPPORTED, 0 },
	{ CKR_KEY_SIZE_RANGE,               STATUS_DEVICE_UNSUPPORTED, 0 },
	{ CURVE_NOT_SUPPORTED,              STATUS_DEVICE_UNSUPPORTED, 0 },
	{ CKR_DOMAIN_PARAMS_INVALID,        STATUS_DEVICE_UNSUPPORTED, 0 },
	{ CKR_TOKEN_WRITE_PROTECTED,        STATUS_DEVICE_UNSUPPORTED, 0 },
	{ CKR_SESSION_READ_ONLY,            STATUS_DEVICE_UNSUPPORTED, 0 },
	{ CKR_ATTRIBUTE_TYPE_INVALID,       STATUS_DEVICE_UNSUPPORTED, TEMPLATE },
	{ CKR_ATTRIBUTE_VALUE_INVALID,      STATUS_DEVICE_UNSUPPORTED, TEMPLATE },
	{ CKR_ATTRIBUTE_READ_ONLY,          STATUS_DEVICE_UNSUPPORTED, TEMPLATE },
	{ CKR_TEMPLATE_INCONSISTENT,        STATUS_DEVICE_UNSUPPORTED, TEMPLATE },
	{ CKR_GENERAL_ERROR,                STATUS_DEVICE_FAILED,      TEMPLATE }, /* NSS, of an attribute it cannot store */
	{ CKR_RANDOM_NO_RNG,                STATUS_RANDOM_FAILED,      0 },
};
/* clang-format on */

static const struct rc_row *row_of(CK_RV rv)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].rv == rv)
			return &rows[i];
	return NULL;
}

enum status_code rc_code(CK_RV rv)
{
	const struct rc_row *row = row_of(rv);

	return row != NULL ? row->code : STATUS_DEVICE_FAILED;
}

static bool has_flag(CK_RV rv, unsigned flag)
{
	const struct rc_row *row = row_of(rv);

	return row != NULL && (row->flags & flag) != 0;
}

bool rc_reopens(CK_RV rv)
{
	return has_flag(rv, REOPENS);
}

bool rc_is_template(CK_RV rv)
{
	return has_flag(rv, TEMPLATE);
}

bool rc_pin_unseen(CK_RV rv)
{
	return has_flag(rv, UNSEEN);
}
