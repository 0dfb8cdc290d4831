/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/p11_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/ipc.h"
#include "base/own.h"
#include "base/role.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/worker.h"
#include "crypto/worker_config.h"
#include "crypto/wrap.h"
#include "tests/support/unit.h"

enum { START_MS = 20000, TEXT_BYTES = 65536, PATH_BYTES = 256 };

static const struct bytes nothing;

/* ---- one token, one worker --------------------------------------------------------------------------------------- */

const char *rig_path(const struct rig *rig, const char *name)
{
	static char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
	return path;
}

void rig_write(const struct rig *rig, const char *name, const char *text)
{
	FILE *file = fopen(rig_path(rig, name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Ask the shim for something, or stop asking. */
void rig_ask(const struct rig *rig, const char *name, bool on)
{
	if (on)
		rig_write(rig, name, "");
	else
		assert_int_equal(unlink(rig_path(rig, name)), 0);
}

bool rig_asked(const struct rig *rig, const char *name)
{
	return access(rig_path(rig, name), F_OK) == 0;
}

unsigned rig_logins(const struct rig *rig)
{
	struct stat info;

	return stat(rig_path(rig, "logins"), &info) == 0 ? (unsigned)info.st_size : 0;
}

/* Run a command with the token's configuration; what it printed, both ways. */
const char *rig_tool(const struct rig *rig, const char *command)
{
	static char out[TEXT_BYTES];
	char line[1024];
	size_t len;
	FILE *pipe;

	(void)snprintf(line, sizeof(line), "SOFTHSM2_CONF=%s/softhsm2.conf %s 2>&1", rig->dir, command);
	pipe = popen(line, "r");
	assert_non_null(pipe);
	len = fread(out, 1, sizeof(out) - 1, pipe);
	out[len] = '\0';
	if (pclose(pipe) != 0)
		fail_msg("%s: %s", line, out);
	return out;
}

void rig_token(const struct rig *rig, const char *label)
{
	char command[256];

	(void)snprintf(command, sizeof(command),
		"softhsm2-util --init-token --free --label %s --pin %s --so-pin 654321", label, RIG_PIN);
	(void)rig_tool(rig, command);
}

int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	char config[PATH_BYTES];

	assert_non_null(rig);
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/keyreeve-p11-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	assert_int_equal(mkdir(rig_path(rig, "tokens"), 0700), 0);
	(void)snprintf(config, sizeof(config), "directories.tokendir = %s/tokens\nlog.level = ERROR\n", rig->dir);
	rig_write(rig, "softhsm2.conf", config);
	rig_token(rig, "payments");
	*state = rig;
	return 0;
}

/* Close the lane and see the worker off; how it ended. */
static int end_worker(struct rig *rig)
{
	int how = 0;

	ipc_free(TAKE(rig->lane));
	ipc_free(TAKE(rig->wrap));
	if (rig->pid > 0)
		assert_int_equal(waitpid(rig->pid, &how, 0), rig->pid);
	rig->pid = 0;
	ipc_free(TAKE(rig->ctl));
	if (rig->page != NULL)
		(void)munmap(rig->page, sizeof(*rig->page));
	rig->page = NULL;
	return how;
}

/* As an agent that ends: the worker ends by itself and in order. */
void rig_stop(struct rig *rig)
{
	int how = end_worker(rig);

	assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

void rig_kill(struct rig *rig)
{
	assert_int_equal(kill(rig->pid, SIGKILL), 0);
	(void)end_worker(rig);
}

int rig_teardown(void **state)
{
	struct rig *rig = *state;
	char command[PATH_BYTES];

	if (rig->pid > 0)
		rig_kill(rig);
	(void)snprintf(command, sizeof(command), "rm -rf %s", rig->dir);
	assert_int_equal(system(command), 0);
	free(rig);
	return 0;
}

static void spawn_role(struct rig *rig)
{
	char program[] = P11_PROGRAM;
	char conf[PATH_BYTES], dir[PATH_BYTES], module[] = "P11_SHIM_MODULE=" SOFTHSM_MODULE;
	char *argv[] = { program, NULL }, *environment[] = { conf, dir, module, NULL };
	posix_spawn_file_actions_t actions;
	int ends[2];

	(void)snprintf(conf, sizeof(conf), "SOFTHSM2_CONF=%s/softhsm2.conf", rig->dir);
	(void)snprintf(dir, sizeof(dir), "P11_SHIM_DIR=%s", rig->dir);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], ROLE_CTL_FD), 0);
	assert_int_equal(posix_spawn(&rig->pid, program, &actions, NULL, argv, environment), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	assert_ok(ipc_new(ends[0], &rig->ctl));
}

void rig_say(struct rig *rig, uint16_t type, struct bytes first, struct bytes second, int fd)
{
	struct ipc_message message = ipc_message_of(type, 0);

	message.part[0] = first;
	message.part[1] = second;
	message.fd = fd;
	assert_ok(ipc_send(rig->ctl, &message));
	assert_ok(ipc_flush_wait(rig->ctl, START_MS));
	if (fd >= 0)
		(void)close(fd);
}

static void say_config(struct rig *rig, const struct given *given)
{
	AUTO(buf_done) struct buf encoded = buf_make(WORKER_CONFIG_BYTES_MAX);
	struct worker_config config = { .name = "hsm", .type = WORKER_CONFIG_PKCS11, .strict = true };
	const char *module = given->module != NULL ? given->module : given->directly ? SOFTHSM_MODULE : SHIM_MODULE;

	config.verify_after_sign = given->verify;
	(void)snprintf(config.module, sizeof(config.module), "%s", module);
	(void)snprintf(config.token, sizeof(config.token), "%s", given->token != NULL ? given->token : "payments");
	(void)snprintf(config.serial, sizeof(config.serial), "%s", given->serial != NULL ? given->serial : "");
	assert_ok(worker_config_put(&encoded, &config));
	rig_say(rig, ROLE_CONFIG, (struct bytes){ 0 }, buf_bytes(&encoded), -1);
}

static void say_pin(struct rig *rig, const char *pin)
{
	int fd = memfd_create("pin", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, pin, strlen(pin)), (ssize_t)strlen(pin));
	assert_int_equal(write(fd, "\n", 1), 1);
	rig_say(rig, ROLE_FD, BYTES_LITERAL("pin"), (struct bytes){ 0 }, fd);
	fd = open(rig_path(rig, "pintry"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	rig_say(rig, ROLE_FD, BYTES_LITERAL("pintry"), (struct bytes){ 0 }, fd);
}

int rig_socket(struct ipc **ret_ipc)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_ok(ipc_new(ends[0], ret_ipc));
	return ends[1];
}

static void say_page(struct rig *rig)
{
	int fd = memfd_create("page", MFD_CLOEXEC);
	void *page;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(struct worker_page)), 0);
	page = mmap(NULL, sizeof(struct worker_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(page, MAP_FAILED);
	rig->page = page;
	rig_say(rig, ROLE_FD, BYTES_LITERAL("page"), (struct bytes){ 0 }, fd);
}

static void say_hello(struct rig *rig)
{
	struct ipc_message hello = ipc_message_of(WORKER_HELLO, 1);

	hello.part[0] = ipc_build_id();
	hello.part[2] = bytes_from_text(RIG_TAG);
	assert_ok(ipc_send(rig->lane, &hello));
	assert_ok(ipc_flush_wait(rig->lane, START_MS));
	rig->id = 1;
}

/* READY, or the reason of FAILED. */
static struct status first_answer(struct rig *rig)
{
	struct ipc_message got;

	assert_ok(ipc_wait(rig->ctl, START_MS, &got));
	assert_true(got.part[0].len > 0 && got.part[0].len < sizeof(rig->text));
	memcpy(rig->text, got.part[0].data, got.part[0].len);
	rig->text[got.part[0].len] = '\0';
	if (got.type == ROLE_FAILED) {
		assert_int_not_equal(got.status, STATUS_OK);
		return (struct status){ got.status };
	}
	assert_int_equal(got.type, ROLE_READY);
	assert_ok(ipc_wait(rig->lane, START_MS, &got));
	assert_int_equal(got.type, WORKER_HELLO);
	assert_int_equal(got.status, STATUS_OK);
	assert_bytes(got.part[0], ipc_build_id());
	assert_int_equal(got.part[2].len, 0);
	return worker_info_get(got.part[1], &rig->info);
}

struct status rig_start(struct rig *rig, const struct given *given)
{
	struct ipc_message hello;
	struct status st;

	spawn_role(rig);
	assert_ok(ipc_wait(rig->ctl, START_MS, &hello));
	rig_say(rig, ROLE_HELLO, ipc_build_id(), (struct bytes){ 0 }, -1);
	say_config(rig, given);
	rig_say(rig, ROLE_FD, BYTES_LITERAL("lane"), (struct bytes){ 0 }, rig_socket(&rig->lane));
	say_page(rig);
	if (given->pin == NULL || given->pin[0] != '\0')
		say_pin(rig, given->pin != NULL ? given->pin : RIG_PIN);
	if (given->wraps)
		rig_say(rig, ROLE_FD, BYTES_LITERAL("wrap"), (struct bytes){ 0 }, rig_socket(&rig->wrap));
	say_hello(rig);
	rig_say(rig, ROLE_GO, (struct bytes){ 0 }, (struct bytes){ 0 }, -1);
	st = first_answer(rig);
	if (st.code != STATUS_OK) {
		int how = end_worker(rig);

		assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 1);
	}
	return st;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

void rig_send(struct rig *rig, enum worker_type type, const struct worker_request *rq, struct bytes first,
	struct bytes second)
{
	AUTO(buf_done) struct buf encoded = buf_make(WORKER_REQUEST_BYTES);
	struct ipc_message message = ipc_message_of((uint16_t)type, ++rig->id);

	worker_request_put(&encoded, rq);
	message.part[0] = buf_bytes(&encoded);
	message.part[1] = first;
	message.part[2] = second;
	assert_ok(ipc_send(rig->lane, &message));
	assert_ok(ipc_flush_wait(rig->lane, START_MS));
}

/* The answer's parts stay until the next call. */
struct status rig_call(struct rig *rig, enum worker_type type, const struct worker_request *rq, struct bytes first,
	struct bytes second)
{
	rig_send(rig, type, rq, first, second);
	assert_ok(ipc_wait(rig->lane, RIG_CALL_MS, &rig->answer));
	assert_int_equal(rig->answer.type, type);
	assert_int_equal(rig->answer.id, rig->id);
	return (struct status){ rig->answer.status };
}

/* A request for a new key whose id starts with the store's tag. */
struct worker_request rig_request(uint8_t kind, uint32_t bits, struct psa_alg alg, uint8_t number)
{
	struct worker_request rq = { .key = { .kind = kind, .bits = bits, .usage = PSA_USAGE_SIGN_HASH, .alg = alg } };

	rq.key.family = kind == PSA_KEY_ECC_PAIR ? PSA_ECC_SECP_R1 : PSA_ECC_NONE;
	memcpy(rq.hardware_id, RIG_TAG, WORKER_TAG_BYTES);
	memset(rq.hardware_id + WORKER_TAG_BYTES, number, WORKER_HARDWARE_ID_BYTES - WORKER_TAG_BYTES);
	return rq;
}

struct worker_request rig_p256(uint8_t number)
{
	return rig_request(
		PSA_KEY_ECC_PAIR, 256, (struct psa_alg){ .kind = PSA_ALG_ECDSA, .hash = PSA_HASH_ANY }, number);
}

struct status rig_generate(struct rig *rig, const struct worker_request *rq, struct key *ret_key)
{
	struct status st = rig_call(rig, WORKER_GENERATE, rq, nothing, nothing);

	if (st.code != STATUS_OK)
		return st;
	*ret_key =
		(struct key){ .rq = *rq, .blob_len = rig->answer.part[0].len, .public_len = rig->answer.part[1].len };
	assert_true(ret_key->blob_len > 0 && ret_key->blob_len <= sizeof(ret_key->blob));
	assert_true(ret_key->public_len > 0 && ret_key->public_len <= sizeof(ret_key->public));
	memcpy(ret_key->blob, rig->answer.part[0].data, ret_key->blob_len);
	memcpy(ret_key->public, rig->answer.part[1].data, ret_key->public_len);
	assert_bytes(rig->answer.part[2], BYTES_LITERAL("C_GenerateKeyPair"));
	return OK;
}

struct bytes rig_blob(const struct key *key)
{
	return bytes_of(key->blob, key->blob_len);
}

struct status rig_sign(struct rig *rig, const struct key *key, struct psa_alg alg, struct bytes hash)
{
	AUTO(buf_done) struct buf second = buf_make(PSA_HASH_MAX_BYTES + 8);
	struct worker_request rq = key->rq;

	rq.alg = alg;
	buf_put_sized(&second, nothing);
	buf_put(&second, hash);
	return rig_call(rig, WORKER_SIGN, &rq, rig_blob(key), buf_bytes(&second));
}

/* ---- what OpenSSL says ------------------------------------------------------------------------------------------- */

static EVP_PKEY *openssl_key(const struct key *key)
{
	AUTO(buf_done) struct buf spki = buf_make(DER_SPKI_MAX_BYTES);
	const unsigned char *at;
	EVP_PKEY *pkey;

	assert_ok(der_spki_put(&spki, &key->rq.key, bytes_of(key->public, key->public_len)));
	at = spki.data;
	pkey = d2i_PUBKEY(NULL, &at, (long)spki.len);
	assert_non_null(pkey);
	assert_int_equal(EVP_PKEY_get_bits(pkey), key->rq.key.bits);
	return pkey;
}

/* r||s to the DER that OpenSSL wants. */
static size_t der_signature(struct bytes raw, unsigned char *ret_der)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int half = (int)(raw.len / 2), len;

	assert_int_equal(
		ECDSA_SIG_set0(sig, BN_bin2bn(raw.data, half, NULL), BN_bin2bn(raw.data + half, half, NULL)), 1);
	len = i2d_ECDSA_SIG(sig, &ret_der);
	ECDSA_SIG_free(sig);
	assert_true(len > 0);
	return (size_t)len;
}

bool rig_verifies(const struct key *key, struct psa_alg alg, struct bytes hash, struct bytes signature)
{
	EVP_PKEY *pkey = openssl_key(key);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	unsigned char der[PSA_SIGNATURE_MAX_BYTES + 64];
	int rc;

	assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
	if (alg.kind == PSA_ALG_ECDSA) {
		assert_int_equal(signature.len, 2 * psa_bits_to_bytes(key->rq.key.bits));
		signature = bytes_of(der, der_signature(signature, der));
	} else {
		bool is_pss = alg.kind == PSA_ALG_RSA_PSS;

		assert_int_equal(
			EVP_PKEY_CTX_set_rsa_padding(ctx, is_pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, digest_md(alg.hash)), 1);
		if (is_pss)
			assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	rc = EVP_PKEY_verify(ctx, signature.data, signature.len, hash.data, hash.len);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return rc == 1;
}

uint32_t rig_find(struct rig *rig, const struct worker_request *rq)
{
	struct reader r;

	assert_ok(rig_call(rig, WORKER_FIND, rq, nothing, nothing));
	r = reader_of(rig->answer.part[0]);
	return reader_u32(&r);
}
