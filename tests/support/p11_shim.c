/* SPDX-License-Identifier: Apache-2.0
 *
 * A PKCS #11 module for tests: everything goes to the module that P11_SHIM_MODULE names, but calls are counted and
 * spoilt on request.  Requests are files in the directory P11_SHIM_DIR:
 *
 *   logins       written here: one byte for each C_Login, 'R' if the attempt was recorded in pintry before it
 *   final        C_GetTokenInfo: the user PIN is at its final try
 *   locked       C_GetTokenInfo: the user PIN is locked
 *   low          C_GetTokenInfo: a login has failed since the last good one
 *   vendor       C_GetTokenInfo: another manufacturer
 *   other        C_GetTokenInfo: another serial number, as if tokens had been exchanged
 *   absent       C_OpenSession, C_Sign: the token is not there
 *   forge        C_Sign: another digest is signed
 *   lose         C_SignInit: every session is closed first; once
 *   lose-made    C_GenerateKeyPair: makes the pair, then loses every session; once
 *   extractable  C_GetAttributeValue: the key is extractable
 *   picky        C_GenerateKeyPair: CKA_MODIFIABLE is not taken
 *   constant     C_GenerateRandom: zeros; or what the file says, again and again */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, RECORD_BYTES = 50 };

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST ours;
static CK_SLOT_ID slot_in_use;

static const char *file_of(const char *name)
{
	static char path[PATH_BYTES];
	const char *dir = getenv("P11_SHIM_DIR");

	(void)snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : "", name);
	return path;
}

static bool asked(const char *name)
{
	return access(file_of(name), F_OK) == 0;
}

static bool asked_once(const char *name)
{
	return unlink(file_of(name)) == 0;
}

/* The record's last byte: tried, for the first time or once more. */
static char recorded(void)
{
	int fd = open(file_of("pintry"), O_RDONLY | O_CLOEXEC);
	char record[RECORD_BYTES + 1];
	ssize_t n = fd >= 0 ? read(fd, record, sizeof(record)) : 0;

	if (fd >= 0)
		(void)close(fd);
	return n == RECORD_BYTES && (record[RECORD_BYTES - 1] == 1 || record[RECORD_BYTES - 1] == 3) ? 'R' : 'L';
}

static CK_RV shim_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG len)
{
	int fd = open(file_of("logins"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char how = recorded();

	if (fd < 0 || write(fd, &how, 1) != 1)
		return CKR_GENERAL_ERROR;
	(void)close(fd);
	return real->C_Login(session, user, pin, len);
}

static CK_RV shim_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv = real->C_GetTokenInfo(slot, info);

	if (rv != CKR_OK)
		return rv;
	if (asked("final"))
		info->flags |= CKF_USER_PIN_FINAL_TRY;
	if (asked("locked"))
		info->flags |= CKF_USER_PIN_LOCKED;
	if (asked("low"))
		info->flags |= CKF_USER_PIN_COUNT_LOW;
	if (asked("vendor"))
		memcpy(info->manufacturerID, "Vendor project ", 15);
	if (asked("other"))
		memcpy(info->serialNumber, "another serial!!", 16);
	return rv;
}

static CK_RV shim_open(CK_SLOT_ID slot, CK_FLAGS flags, void *context, CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
	slot_in_use = slot;
	return asked("absent") ? CKR_TOKEN_NOT_PRESENT : real->C_OpenSession(slot, flags, context, notify, session);
}

static CK_RV shim_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	if (asked_once("lose"))
		(void)real->C_CloseAllSessions(slot_in_use);
	return real->C_SignInit(session, mechanism, key);
}

static CK_RV shim_sign(
	CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG len, unsigned char *signature, CK_ULONG *signature_len)
{
	if (asked("absent"))
		return CKR_DEVICE_REMOVED;
	if (asked("forge"))
		data[len - 1] ^= 1;
	return real->C_Sign(session, data, len, signature, signature_len);
}

static CK_RV shim_generate(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public, CK_ULONG publics,
	CK_ATTRIBUTE *private, CK_ULONG privates, CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
	CK_RV rv;

	for (CK_ULONG i = 0; i < privates && asked("picky"); i++)
		if (private[i].type == CKA_MODIFIABLE)
			return CKR_TEMPLATE_INCONSISTENT;
	rv = real->C_GenerateKeyPair(session, mechanism, public, publics, private, privates, public_key, private_key);
	if (rv == CKR_OK && asked_once("lose-made")) {
		(void)real->C_CloseAllSessions(slot_in_use);
		return CKR_DEVICE_REMOVED;
	}
	return rv;
}

static CK_RV shim_attributes(
	CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	CK_RV rv = real->C_GetAttributeValue(session, object, attributes, count);

	for (CK_ULONG i = 0; i < count && asked("extractable"); i++)
		if (attributes[i].type == CKA_EXTRACTABLE && attributes[i].pValue != NULL)
			*(CK_BBOOL *)attributes[i].pValue = CK_TRUE;
	return rv;
}

static CK_RV shim_random(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG len)
{
	int fd = open(file_of("constant"), O_RDONLY | O_CLOEXEC);
	unsigned char pattern[RECORD_BYTES] = { 0 };
	ssize_t n;

	if (fd < 0)
		return real->C_GenerateRandom(session, data, len);
	n = read(fd, pattern, sizeof(pattern));
	(void)close(fd);
	for (CK_ULONG i = 0; i < len; i++)
		data[i] = n > 0 ? pattern[i % (CK_ULONG)n] : 0;
	return CKR_OK;
}

/* The one symbol of a module. */
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	const char *path = getenv("P11_SHIM_MODULE");
	void *handle = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	union {
		void *from;
		CK_RV (*to)(CK_FUNCTION_LIST **);
	} get = { .from = handle != NULL ? dlsym(handle, "C_GetFunctionList") : NULL };

	if (get.from == NULL || get.to(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	ours = *real;
	ours.C_Login = shim_login;
	ours.C_GetTokenInfo = shim_token_info;
	ours.C_OpenSession = shim_open;
	ours.C_SignInit = shim_sign_init;
	ours.C_Sign = shim_sign;
	ours.C_GenerateKeyPair = shim_generate;
	ours.C_GetAttributeValue = shim_attributes;
	ours.C_GenerateRandom = shim_random;
	*list = &ours;
	return CKR_OK;
}
