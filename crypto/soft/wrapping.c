/* SPDX-License-Identifier: Apache-2.0
 *
 * The wrapping key: where it comes from is chosen when there is no state, and kept in the state.  From the provider's
 * first key on the agent always hands that back: it is never chosen anew, whatever is configured.
 *
 *   state: u8 version | sized place ("file", or the name of the provider that sealed it) | 16 bytes of
 *          HMAC-SHA-256(key, label) | sized sealed key (empty for "file")
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/own.h"
#include "crypto/aead.h"
#include "crypto/digest.h"
#include "crypto/soft/soft.h"
#include "crypto/wrap.h"

enum { STATE_VERSION = 1, CHECK_BYTES = 16 };
static const char place_file[] = "file"; /* no provider has this name */
static const char check_label[] = "keyreeve soft wrapping key";

struct wrapping {
	char place[WORKER_CONFIG_NAME_MAX + 1];
	uint8_t check[CHECK_BYTES];
	struct bytes sealed; /* borrowed from the state */
};

/* ---- state -------------------------------------------------------------------------------------- */

static struct status state_get(struct bytes from, struct wrapping *ret)
{
	struct wrapping w = { 0 };
	struct reader r = reader_of(from);
	uint8_t version = reader_u8(&r);
	struct bytes place = reader_sized(&r, WORKER_CONFIG_NAME_MAX);
	struct bytes check = reader_bytes(&r, CHECK_BYTES);

	w.sealed = reader_sized(&r, WRAP_SEALED_MAX);
	ENSURE(reader_done(&r) && version == STATE_VERSION && place.len > 0, RECORD_CORRUPT);
	memcpy(w.place, place.data, place.len);
	memcpy(w.check, check.data, check.len);
	*ret = w;
	return OK;
}

static struct status state_put(struct buf *to, const struct wrapping *w)
{
	buf_put_u8(to, STATE_VERSION);
	buf_put_sized(to, bytes_from_text(w->place));
	buf_put(to, bytes_of(w->check, sizeof(w->check)));
	buf_put_sized(to, w->sealed);
	return buf_check(to);
}

static struct status check_of(const struct secret *key, uint8_t ret_check[CHECK_BYTES])
{
	uint8_t sum[DIGEST_SHA256_BYTES];

	TRY(digest_hmac_sha256(secret_bytes(key), BYTES_LITERAL(check_label), sum));
	memcpy(ret_check, sum, CHECK_BYTES);
	return OK;
}

static struct status key_is(const struct secret *key, const struct wrapping *w)
{
	uint8_t check[CHECK_BYTES];

	TRY(check_of(key, check));
	ENSURE(ct_equal(bytes_of(check, sizeof(check)), bytes_of(w->check, sizeof(w->check))), WRAP_MISSING);
	return OK;
}

/* ---- the key file ------------------------------------------------------------------------------- */

struct status soft_key_file_open(int dir, const char *provider, bool create, int *ret_fd)
{
	char name[SOFT_KEY_FILE_NAME_MAX];
	AUTO(own_close) int fd = -1;
	struct stat info;

	(void)snprintf(name, sizeof(name), "soft-%s.key", provider);
	fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);
	if (fd < 0 && errno == ENOENT && !create) {
		*ret_fd = -1;
		return OK;
	}
	if (fd < 0 || fstat(fd, &info) < 0)
		return FAIL_RC(IO, errno);
	ENSURE(S_ISREG(info.st_mode) && (info.st_mode & 077) == 0 && info.st_uid == geteuid() && info.st_nlink == 1,
		WRAP_MISSING);
	*ret_fd = own_take_fd(&fd);
	return OK;
}

/* The key in the file; empty if the file is. */
static struct status file_read(int fd, struct secret *ret_key)
{
	AUTO(secret_done) struct secret key = { 0 };
	struct stat info;

	if (fstat(fd, &info) < 0)
		return FAIL_RC(IO, errno);
	if (info.st_size == 0)
		return OK;
	ENSURE(info.st_size == AEAD_KEY_BYTES, WRAP_MISSING);
	TRY(secret_alloc(&key, AEAD_KEY_BYTES));
	if (pread(fd, key.data, key.len, 0) != AEAD_KEY_BYTES)
		return FAIL_RC(IO, errno);
	*ret_key = TAKE(key);
	return OK;
}

static struct status file_write(const struct soft *soft, const struct secret *key)
{
	if (pwrite(soft->key_file, key->data, key->len, 0) != (ssize_t)key->len || fsync(soft->key_file) < 0 ||
		fsync(soft->key_dir) < 0)
		return FAIL_RC(IO, errno);
	return OK;
}

/* ---- first start, and every later one ----------------------------------------------------------- */

static struct status new_key(struct secret *ret_key)
{
	AUTO(secret_done) struct secret key = { 0 };

	TRY(secret_alloc(&key, AEAD_KEY_BYTES));
	TRY(random_fill(key.data, key.len));
	*ret_key = TAKE(key);
	return OK;
}

static struct status first_wrapped(struct soft *soft, const struct soft_wrapper *by, struct buf *ret_state)
{
	AUTO(secret_done) struct secret key = { 0 };
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	struct wrapping w = { 0 };

	TRY(new_key(&key));
	TRY(wrap_seal(by->ipc, secret_bytes(&key), &sealed));
	memcpy(w.place, by->name, sizeof(w.place));
	TRY(check_of(&key, w.check));
	w.sealed = buf_bytes(&sealed);
	TRY(state_put(ret_state, &w));
	soft->key = TAKE(key);
	return OK;
}

/* A key that is in the file already was made by a start that ended before its state was kept. */
static struct status first_file(struct soft *soft, struct buf *ret_state)
{
	AUTO(secret_done) struct secret key = { 0 };
	struct wrapping w = { 0 };

	ENSURE(!soft->config.strict && soft->key_file >= 0, WRAP_MISSING);
	TRY(file_read(soft->key_file, &key));
	if (key.data == NULL) {
		TRY(new_key(&key));
		TRY(file_write(soft, &key));
	}
	memcpy(w.place, place_file, sizeof(place_file));
	TRY(check_of(&key, w.check));
	TRY(state_put(ret_state, &w));
	soft->key = TAKE(key);
	return OK;
}

static struct status again_file(struct soft *soft, const struct wrapping *w)
{
	AUTO(secret_done) struct secret key = { 0 };

	ENSURE(!soft->config.strict && soft->key_file >= 0, WRAP_MISSING);
	TRY(file_read(soft->key_file, &key));
	ENSURE(key.data != NULL, WRAP_MISSING);
	TRY(key_is(&key, w));
	soft->key = TAKE(key);
	return OK;
}

static struct status again_wrapped(struct soft *soft, const struct wrapping *w)
{
	AUTO(secret_done) struct secret key = { 0 };
	const struct soft_wrapper *by = NULL;
	struct status st;

	for (size_t i = 0; i < soft->wrapper_count; i++)
		if (strcmp(soft->wrappers[i].name, w->place) == 0)
			by = &soft->wrappers[i];
	ENSURE(by != NULL, WRAP_MISSING);
	st = wrap_open(by->ipc, w->sealed, &key);
	if (st.code != STATUS_OK)
		return FAIL_RC(WRAP_MISSING, st.code); /* whatever its reason: without that device there is no key */
	TRY(key_is(&key, w));
	soft->key = TAKE(key);
	return OK;
}

void soft_wrappers_free(struct soft *soft)
{
	while (soft->wrapper_count > 0) /* the buffers of one held the key */
		ipc_free(soft->wrappers[--soft->wrapper_count].ipc);
}

static struct status open_any(struct soft *soft, struct bytes state, struct buf *ret_state)
{
	struct wrapping w;

	if (state.len == 0)
		return soft->wrapper_count > 0 ? first_wrapped(soft, &soft->wrappers[0], ret_state)
					       : first_file(soft, ret_state);
	TRY(state_get(state, &w));
	return strcmp(w.place, place_file) == 0 ? again_file(soft, &w) : again_wrapped(soft, &w);
}

struct status soft_wrapping_open(struct soft *soft, struct bytes state, struct buf *ret_state)
{
	struct status st = open_any(soft, state, ret_state);

	soft_wrappers_free(soft);
	own_close(&soft->key_file);
	own_close(&soft->key_dir);
	return st;
}
