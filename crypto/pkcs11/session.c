/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs11/session.h"

#include <string.h>

#include "crypto/pkcs11/rc.h"

struct status session_status(struct session *s, CK_RV rv, const char *file, int line, const char *function)
{
	if (rv == CKR_OK)
		return OK;
	if (rc_reopens(rv))
		s->is_lost = true;
	return status_fail(rc_code(rv), (int64_t)rv, file, line, function);
}

struct status session_init(struct session *s, CK_FUNCTION_LIST *fn, CK_SLOT_ID slot, struct pin *pin)
{
	*s = (struct session){ .fn = fn, .pin = pin, .slot = slot, .handle = CK_INVALID_HANDLE };
	return SESSION_CHECK(s, fn->C_GetTokenInfo(slot, &s->token));
}

static void close_session(struct session *s)
{
	if (s->handle != CK_INVALID_HANDLE)
		(void)s->fn->C_CloseSession(s->handle); /* it may be gone already */
	s->handle = CK_INVALID_HANDLE;
}

/* Slots keep their numbers while tokens come and go. */
static struct status check_token(struct session *s)
{
	CK_TOKEN_INFO now;

	TRY(SESSION_CHECK(s, s->fn->C_GetTokenInfo(s->slot, &now)));
	ENSURE(memcmp(now.label, s->token.label, sizeof(now.label)) == 0 &&
			memcmp(now.serialNumber, s->token.serialNumber, sizeof(now.serialNumber)) == 0 &&
			memcmp(now.manufacturerID, s->token.manufacturerID, sizeof(now.manufacturerID)) == 0 &&
			memcmp(now.model, s->token.model, sizeof(now.model)) == 0,
		DEVICE_IDENTITY);
	return OK;
}

static struct status log_in(struct session *s)
{
	CK_SESSION_INFO info;

	if ((s->token.flags & CKF_LOGIN_REQUIRED) == 0)
		return OK;
	TRY(SESSION_CHECK(s, s->fn->C_GetSessionInfo(s->handle, &info)));
	if (info.state == CKS_RW_USER_FUNCTIONS)
		return OK;
	return pin_login(s->pin, s->fn, s->slot, s->handle);
}

struct status session_open(struct session *s)
{
	CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
	struct status st;

	close_session(s);
	TRY(check_token(s));
	TRY(SESSION_CHECK(s, s->fn->C_OpenSession(s->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &handle)));
	s->handle = handle;
	s->is_lost = false;
	st = log_in(s);
	if (st.code != STATUS_OK)
		close_session(s);
	return st;
}

void session_done(struct session *s)
{
	if (s->fn != NULL)
		close_session(s);
	*s = (struct session){ 0 };
}
