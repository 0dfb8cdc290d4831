/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs11/pin.h"

#include <errno.h>
#include <unistd.h>

#include "base/own.h"
#include "crypto/digest.h"
#include "crypto/pkcs11/rc.h"

enum { TRY_VERSION = 1, TRY_SALT_BYTES = 16, TRY_BYTES = 50 };
enum try_state { TRY_NONE = 0, TRY_TRIED = 1, TRY_SUCCEEDED = 2, TRY_AGAIN = 3 };

struct
try {
	uint8_t version;
	uint8_t salt[TRY_SALT_BYTES];
	uint8_t hash[DIGEST_SHA256_BYTES];
	uint8_t state;
};
_Static_assert(sizeof(struct try) == TRY_BYTES, "bytes only: it is written as it is");

struct status pin_init(struct pin *pin, int pin_fd, int tried_fd)
{
	AUTO(own_close) int fd = pin_fd;

	pin->tried_fd = tried_fd;
	if (fd < 0)
		return OK;
	ENSURE(tried_fd >= 0, IPC_MALFORMED);
	return secret_read_fd(fd, PIN_MAX_BYTES, &pin->text);
}

void pin_done(struct pin *pin)
{
	secret_done(&pin->text);
	own_close(&pin->tried_fd);
}

/* ---- the attempt's file ------------------------------------------------------------------------- */

/* A file that is not ours may hide an attempt: it counts as one. */
static struct status try_read(int fd, struct try *ret_try)
{
	struct try got = { 0 };
	ssize_t n = pread(fd, &got, sizeof(got), 0);

	if (n < 0)
		return FAIL_RC(IO, errno);
	ENSURE(n == 0 || (n == TRY_BYTES && got.version == TRY_VERSION), PIN_TRIED);
	*ret_try = got;
	return OK;
}

static struct status try_write(int fd, const struct try *what)
{
	if (what->state == TRY_NONE) {
		if (ftruncate(fd, 0) < 0)
			return FAIL_RC(IO, errno);
	} else if (pwrite(fd, what, sizeof(*what), 0) != TRY_BYTES) {
		return FAIL_RC(IO, errno);
	}
	return fdatasync(fd) == 0 ? OK : FAIL_RC(IO, errno);
}

static struct status salted_hash(
	const struct pin *pin, const uint8_t salt[TRY_SALT_BYTES], uint8_t ret[DIGEST_SHA256_BYTES])
{
	AUTO(secret_done) struct secret both = { 0 };

	TRY(secret_alloc(&both, TRY_SALT_BYTES + pin->text.len));
	memcpy(both.data, salt, TRY_SALT_BYTES);
	memcpy(both.data + TRY_SALT_BYTES, pin->text.data, pin->text.len);
	return digest_sha256(secret_bytes(&both), ret);
}

static struct status is_same(const struct pin *pin, const struct try *before, bool *ret_same)
{
	uint8_t hash[DIGEST_SHA256_BYTES];

	*ret_same = false;
	if (before->state == TRY_NONE)
		return OK;
	TRY(salted_hash(pin, before->salt, hash));
	*ret_same = ct_equal(bytes_of(hash, sizeof(hash)), bytes_of(before->hash, sizeof(before->hash)));
	return OK;
}

/* May this PIN be tried, after what was tried before?  Then `ret_now` is the attempt. */
static struct status may_try(const struct pin *pin, const struct try *before, CK_FLAGS flags, struct try *ret_now)
{
	bool same;

	TRY(is_same(pin, before, &same));
	ENSURE(!same || before->state == TRY_SUCCEEDED ||
			(before->state == TRY_AGAIN && (flags & CKF_USER_PIN_COUNT_LOW) == 0),
		PIN_TRIED);
	*ret_now = (struct try){ .version = TRY_VERSION, .state = same ? TRY_AGAIN : TRY_TRIED };
	TRY(random_fill(ret_now->salt, sizeof(ret_now->salt)));
	return salted_hash(pin, ret_now->salt, ret_now->hash);
}

/* ------------------------------------------------------------------------------------------------- */

static struct status check_tries(CK_FUNCTION_LIST *fn, CK_SLOT_ID slot, CK_FLAGS *ret_flags)
{
	CK_TOKEN_INFO info;
	CK_RV rv = fn->C_GetTokenInfo(slot, &info);

	if (rv != CKR_OK)
		return status_fail(rc_code(rv), (int64_t)rv, __FILE__, __LINE__, __func__);
	ENSURE((info.flags & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY)) == 0, PIN_LOCKED);
	*ret_flags = info.flags;
	return OK;
}

struct status pin_login(struct pin *pin, CK_FUNCTION_LIST *fn, CK_SLOT_ID slot, CK_SESSION_HANDLE session)
{
	struct try before, now;
	CK_FLAGS flags;
	CK_RV rv;

	ENSURE(pin->text.len > 0, DEVICE_AUTH);
	TRY(check_tries(fn, slot, &flags));
	TRY(try_read(pin->tried_fd, &before));
	TRY(may_try(pin, &before, flags, &now));
	TRY(try_write(pin->tried_fd, &now));

	rv = fn->C_Login(session, CKU_USER, pin->text.data, pin->text.len);
	if (rv == CKR_OK)
		now.state = TRY_SUCCEEDED;
	else if (rc_pin_unseen(rv))
		now = before;
	else
		now.state = TRY_TRIED;
	TRY(try_write(pin->tried_fd, &now));
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
		return status_fail(rc_code(rv), (int64_t)rv, __FILE__, __LINE__, __func__);
	return OK;
}
