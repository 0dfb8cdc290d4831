/* SPDX-License-Identifier: Apache-2.0
 *
 * The real keyreeve-p11, with this test as its keyreeved and its agent, on SoftHSM2 tokens that each test makes.  Two
 * other programs judge it: OpenSSL the signatures, pkcs11-tool the objects.  Between worker and SoftHSM2 stands a
 * shim that counts logins and spoils calls on request (tests/support/p11_shim.c). */
#include <dirent.h>
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

enum { START_MS = 20000, CALL_MS = 60000, TEXT_BYTES = 65536, PATH_BYTES = 256, KILLS = 20 };

static const char tag[WORKER_TAG_BYTES + 1] = "store-01";
static const char pin_good[] = "123456", pin_wrong[] = "999999";

/* ---- one token, one worker --------------------------------------------------------------------------------------- */

struct rig {
	char dir[64];
	pid_t pid;
	struct ipc *ctl, *lane, *wrap;
	struct worker_page *page;
	struct worker_info info;
	char text[1024]; /* of ROLE_READY or ROLE_FAILED */
	uint64_t id;
	struct ipc_message answer; /* of the last call */
};

static const char *path_in(const struct rig *rig, const char *name)
{
	static char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
	return path;
}

static void write_file(const struct rig *rig, const char *name, const char *text)
{
	FILE *file = fopen(path_in(rig, name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Ask the shim for something, or stop asking. */
static void shim_set(const struct rig *rig, const char *name, bool on)
{
	if (on)
		write_file(rig, name, "");
	else
		assert_int_equal(unlink(path_in(rig, name)), 0);
}

static bool shim_asked(const struct rig *rig, const char *name)
{
	return access(path_in(rig, name), F_OK) == 0;
}

static unsigned logins(const struct rig *rig)
{
	struct stat info;

	return stat(path_in(rig, "logins"), &info) == 0 ? (unsigned)info.st_size : 0;
}

/* Run a command with the token's configuration; what it printed, both ways. */
static const char *tool(const struct rig *rig, const char *command)
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

static void make_token(const struct rig *rig, const char *label)
{
	char command[256];

	(void)snprintf(command, sizeof(command),
		"softhsm2-util --init-token --free --label %s --pin %s --so-pin 654321", label, pin_good);
	(void)tool(rig, command);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	char config[PATH_BYTES];

	assert_non_null(rig);
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/keyreeve-p11-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	assert_int_equal(mkdir(path_in(rig, "tokens"), 0700), 0);
	(void)snprintf(config, sizeof(config), "directories.tokendir = %s/tokens\nlog.level = ERROR\n", rig->dir);
	write_file(rig, "softhsm2.conf", config);
	make_token(rig, "payments");
	*state = rig;
	return 0;
}

/* Close the lane, as an agent that ends: the worker ends by itself and in order. */
static void stop(struct rig *rig)
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
}

static void stop_killed(struct rig *rig)
{
	assert_int_equal(kill(rig->pid, SIGKILL), 0);
	stop(rig);
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	char command[PATH_BYTES];

	if (rig->pid > 0)
		stop_killed(rig);
	(void)snprintf(command, sizeof(command), "rm -rf %s", rig->dir);
	assert_int_equal(system(command), 0);
	free(rig);
	return 0;
}

/* How a worker is started; zeros mean what is usual. */
struct given {
	const char *module, *token, *serial, *pin; /* pin: "" none */
	uint8_t verify;
	bool directly; /* without the shim */
	bool wraps;
};

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

static void say(struct rig *rig, uint16_t type, struct bytes first, struct bytes second, int fd)
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
	say(rig, ROLE_CONFIG, (struct bytes){ 0 }, buf_bytes(&encoded), -1);
}

static void say_pin(struct rig *rig, const char *pin)
{
	int fd = memfd_create("pin", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, pin, strlen(pin)), (ssize_t)strlen(pin));
	assert_int_equal(write(fd, "\n", 1), 1);
	say(rig, ROLE_FD, BYTES_LITERAL("pin"), (struct bytes){ 0 }, fd);
	fd = open(path_in(rig, "pintry"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	say(rig, ROLE_FD, BYTES_LITERAL("pintry"), (struct bytes){ 0 }, fd);
}

static int socket_for(struct ipc **ret_ipc)
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
	say(rig, ROLE_FD, BYTES_LITERAL("page"), (struct bytes){ 0 }, fd);
}

static void say_hello(struct rig *rig)
{
	struct ipc_message hello = ipc_message_of(WORKER_HELLO, 1);

	hello.part[0] = ipc_build_id();
	hello.part[2] = bytes_from_text(tag);
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

static struct status start(struct rig *rig, const struct given *given)
{
	struct ipc_message hello;
	struct status st;

	spawn_role(rig);
	assert_ok(ipc_wait(rig->ctl, START_MS, &hello));
	say(rig, ROLE_HELLO, ipc_build_id(), (struct bytes){ 0 }, -1);
	say_config(rig, given);
	say(rig, ROLE_FD, BYTES_LITERAL("lane"), (struct bytes){ 0 }, socket_for(&rig->lane));
	say_page(rig);
	if (given->pin == NULL || given->pin[0] != '\0')
		say_pin(rig, given->pin != NULL ? given->pin : pin_good);
	if (given->wraps)
		say(rig, ROLE_FD, BYTES_LITERAL("wrap"), (struct bytes){ 0 }, socket_for(&rig->wrap));
	say_hello(rig);
	say(rig, ROLE_GO, (struct bytes){ 0 }, (struct bytes){ 0 }, -1);
	st = first_answer(rig);
	if (st.code != STATUS_OK)
		stop(rig);
	return st;
}

static const struct given usual = { 0 };

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static void send_call(struct rig *rig, enum worker_type type, const struct worker_request *rq, struct bytes first,
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
static struct status call(struct rig *rig, enum worker_type type, const struct worker_request *rq, struct bytes first,
	struct bytes second)
{
	send_call(rig, type, rq, first, second);
	assert_ok(ipc_wait(rig->lane, CALL_MS, &rig->answer));
	assert_int_equal(rig->answer.type, type);
	assert_int_equal(rig->answer.id, rig->id);
	return (struct status){ rig->answer.status };
}

static const struct bytes nothing;

struct key {
	struct worker_request rq;
	uint8_t blob[WORKER_BLOB_MAX];
	uint8_t public[PSA_PUBLIC_MAX_BYTES];
	size_t blob_len, public_len;
};

/* A request for a new key whose id starts with the store's tag. */
static struct worker_request request_of(uint8_t kind, uint32_t bits, struct psa_alg alg, uint8_t number)
{
	struct worker_request rq = { .key = { .kind = kind, .bits = bits, .usage = PSA_USAGE_SIGN_HASH, .alg = alg } };

	rq.key.family = kind == PSA_KEY_ECC_PAIR ? PSA_ECC_SECP_R1 : PSA_ECC_NONE;
	memcpy(rq.hardware_id, tag, WORKER_TAG_BYTES);
	memset(rq.hardware_id + WORKER_TAG_BYTES, number, WORKER_HARDWARE_ID_BYTES - WORKER_TAG_BYTES);
	return rq;
}

static struct worker_request p256(uint8_t number)
{
	return request_of(
		PSA_KEY_ECC_PAIR, 256, (struct psa_alg){ .kind = PSA_ALG_ECDSA, .hash = PSA_HASH_ANY }, number);
}

static struct status generate(struct rig *rig, const struct worker_request *rq, struct key *ret_key)
{
	struct status st = call(rig, WORKER_GENERATE, rq, nothing, nothing);

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

static struct bytes blob_of(const struct key *key)
{
	return bytes_of(key->blob, key->blob_len);
}

static struct status sign(struct rig *rig, const struct key *key, struct psa_alg alg, struct bytes hash)
{
	AUTO(buf_done) struct buf second = buf_make(PSA_HASH_MAX_BYTES + 8);
	struct worker_request rq = key->rq;

	rq.alg = alg;
	buf_put_sized(&second, nothing);
	buf_put(&second, hash);
	return call(rig, WORKER_SIGN, &rq, blob_of(key), buf_bytes(&second));
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

static bool openssl_verifies(const struct key *key, struct psa_alg alg, struct bytes hash, struct bytes signature)
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

static struct psa_alg ecdsa_sha256 = { .kind = PSA_ALG_ECDSA, .hash = PSA_HASH_SHA_256 };

static void fill_hash(uint8_t hash[PSA_HASH_MAX_BYTES])
{
	for (size_t i = 0; i < PSA_HASH_MAX_BYTES; i++)
		hash[i] = (uint8_t)(0xa0 + i);
}

static void assert_signs(struct rig *rig, const struct key *key, struct psa_alg alg)
{
	uint8_t hash[PSA_HASH_MAX_BYTES];
	struct bytes of = bytes_of(hash, psa_hash_bytes(alg.hash));

	fill_hash(hash);
	assert_ok(sign(rig, key, alg, of));
	assert_bytes(rig->answer.part[2], BYTES_LITERAL("C_Sign"));
	assert_true(openssl_verifies(key, alg, of, rig->answer.part[0]));
	hash[0] ^= 1;
	assert_false(openssl_verifies(key, alg, of, rig->answer.part[0]));
}

/* ---- capabilities ------------------------------------------------------------------------------------------------ */

static bool has_cap(const struct worker_info *info, uint8_t kind, uint32_t bits, uint8_t alg, uint8_t hash)
{
	for (uint32_t i = 0; i < info->cap_count; i++)
		if (info->caps[i].kind == kind && info->caps[i].bits == bits && info->caps[i].alg == alg &&
			info->caps[i].hash == hash)
			return true;
	return false;
}

static void every_capability_generates_signs_and_verifies(void **state)
{
	static const struct {
		uint8_t kind, alg;
		uint32_t bits;
	} rows[] = {
		{ PSA_KEY_ECC_PAIR, PSA_ALG_ECDSA, 256 },
		{ PSA_KEY_ECC_PAIR, PSA_ALG_ECDSA, 384 },
		{ PSA_KEY_ECC_PAIR, PSA_ALG_ECDSA, 521 },
		{ PSA_KEY_RSA_PAIR, PSA_ALG_RSA_PKCS1V15_SIGN, 2048 },
		{ PSA_KEY_RSA_PAIR, PSA_ALG_RSA_PKCS1V15_SIGN, 3072 },
		{ PSA_KEY_RSA_PAIR, PSA_ALG_RSA_PKCS1V15_SIGN, 4096 },
		{ PSA_KEY_RSA_PAIR, PSA_ALG_RSA_PSS, 2048 },
		{ PSA_KEY_RSA_PAIR, PSA_ALG_RSA_PSS, 3072 },
		{ PSA_KEY_RSA_PAIR, PSA_ALG_RSA_PSS, 4096 },
	};
	static const uint8_t hashes[] = { PSA_HASH_SHA_256, PSA_HASH_SHA_384, PSA_HASH_SHA_512 };
	struct rig *rig = *state;
	struct key key;

	assert_ok(start(rig, &usual));
	assert_int_equal(rig->info.cap_count, sizeof(rows) / sizeof(rows[0]) * sizeof(hashes));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct psa_alg alg = { .kind = rows[i].alg, .hash = PSA_HASH_ANY };
		struct worker_request rq = request_of(rows[i].kind, rows[i].bits, alg, (uint8_t)(i + 1));

		assert_ok(generate(rig, &rq, &key));
		for (size_t j = 0; j < sizeof(hashes); j++) {
			alg.hash = hashes[j];
			assert_true(has_cap(&rig->info, rows[i].kind, rows[i].bits, rows[i].alg, hashes[j]));
			assert_signs(rig, &key, alg);
		}
	}
	stop(rig);
}

static void info_describes_the_token(void **state)
{
	struct rig *rig = *state;
	uint8_t identity[32];

	assert_ok(start(rig, &usual));
	assert_string_equal(rig->info.description, "SoftHSM v2, token payments");
	assert_string_equal(rig->text, rig->info.description);
	assert_true(rig->info.needs_intent);
	assert_false(rig->info.needs_parent);
	assert_int_equal(rig->info.threads, 1);
	memcpy(identity, rig->info.identity, sizeof(identity));
	stop(rig);
	make_token(rig, "orders");
	assert_ok(start(rig, &(struct given){ .token = "orders" }));
	assert_memory_not_equal(identity, rig->info.identity, sizeof(identity));
	stop(rig);
	assert_ok(start(rig, &usual));
	assert_memory_equal(identity, rig->info.identity, sizeof(identity));
}

static void verification_after_signing_is_for_vendors_and_who_asks(void **state)
{
	static const struct {
		uint8_t verify;
		bool vendor, want;
	} rows[] = {
		{ WORKER_VERIFY_AUTO, false, false },
		{ WORKER_VERIFY_AUTO, true, true },
		{ WORKER_VERIFY_ON, false, true },
		{ WORKER_VERIFY_OFF, true, false },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].vendor)
			shim_set(rig, "vendor", true);
		assert_ok(start(rig, &(struct given){ .verify = rows[i].verify }));
		assert_int_equal(rig->info.verify_after_sign, rows[i].want);
		stop(rig);
		if (rows[i].vendor)
			shim_set(rig, "vendor", false);
	}
}

static void what_it_cannot_do_is_refused_with_its_reason(void **state)
{
	static const struct {
		uint8_t kind, family;
		uint32_t bits;
	} shapes[] = {
		{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, 192 },
		{ PSA_KEY_ECC_PAIR, PSA_ECC_SECP_K1, 256 },
		{ PSA_KEY_RSA_PAIR, PSA_ECC_NONE, 1024 },
		{ PSA_KEY_RSA_PAIR, PSA_ECC_NONE, 2056 },
		{ PSA_KEY_AES, PSA_ECC_NONE, 256 },
	};
	static const struct {
		struct psa_alg alg;
		size_t hash_bytes;
		enum status_code want;
	} rows[] = {
		{ { .kind = PSA_ALG_ECDSA, .hash = PSA_HASH_SHA_256 }, 31, STATUS_HASH_LENGTH },
		{ { .kind = PSA_ALG_ECDSA, .hash = PSA_HASH_SHA_256 }, 64, STATUS_HASH_LENGTH },
		{ { .kind = PSA_ALG_ECDSA, .hash = PSA_HASH_SHA_1 }, 20, STATUS_ATTR_ALG },
		{ { .kind = PSA_ALG_ECDSA, .hash = PSA_HASH_ANY }, 32, STATUS_ATTR_ALG },
		{ { .kind = PSA_ALG_RSA_PSS, .hash = PSA_HASH_SHA_256 }, 32, STATUS_KEY_TYPE },
		{ { .kind = PSA_ALG_RSA_PKCS1V15_SIGN, .hash = PSA_HASH_SHA_256 }, 32, STATUS_KEY_TYPE },
	};
	struct rig *rig = *state;
	uint8_t hash[PSA_HASH_MAX_BYTES] = { 1 };
	struct worker_request rq = p256(1);
	struct key key;

	assert_ok(start(rig, &usual));
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct worker_request bad = rq;

		bad.key.kind = shapes[i].kind;
		bad.key.family = shapes[i].family;
		bad.key.bits = shapes[i].bits;
		assert_fails(generate(rig, &bad, &key), ATTR_TYPE);
	}
	assert_ok(generate(rig, &rq, &key));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_status(sign(rig, &key, rows[i].alg, bytes_of(hash, rows[i].hash_bytes)), rows[i].want);
	assert_signs(rig, &key, ecdsa_sha256);
}

static void random_bytes_come_from_the_token(void **state)
{
	struct worker_request rq = { .bytes = WORKER_RANDOM_MAX };
	struct rig *rig = *state;
	uint8_t first[64];

	assert_ok(start(rig, &usual));
	assert_ok(call(rig, WORKER_RANDOM, &rq, nothing, nothing));
	assert_int_equal(rig->answer.part[0].len, WORKER_RANDOM_MAX);
	memcpy(first, rig->answer.part[0].data, sizeof(first));
	assert_ok(call(rig, WORKER_RANDOM, &rq, nothing, nothing));
	assert_memory_not_equal(first, rig->answer.part[0].data, sizeof(first));
}

/* ---- what another program sees ----------------------------------------------------------------------------------- */

#define TOOL "pkcs11-tool --module " SOFTHSM_MODULE " --token-label payments "
#define TOOL_LOGIN TOOL "--login --pin 123456 "

static void hex_of(struct bytes from, char *ret_text)
{
	for (size_t i = 0; i < from.len; i++)
		(void)sprintf(ret_text + 2 * i, "%02x", from.data[i]);
}

static unsigned occurrences(const char *text, const char *word)
{
	unsigned count = 0;

	for (; (text = strstr(text, word)) != NULL; text += strlen(word))
		count++;
	return count;
}

static void assert_says(const char *text, const char *word)
{
	if (strstr(text, word) == NULL)
		fail_msg("\"%s\" is not in: %s", word, text);
}

static void another_program_sees_a_key_that_cannot_be_had(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(7);
	char id[2 * WORKER_HARDWARE_ID_BYTES + 1], command[512];
	struct key key;
	const char *list;

	assert_ok(start(rig, &usual));
	assert_ok(generate(rig, &rq, &key));
	stop(rig);
	hex_of(bytes_of(rq.hardware_id, sizeof(rq.hardware_id)), id);
	list = tool(rig, TOOL_LOGIN "--list-objects --type privkey");
	assert_says(list, id);
	assert_says(list, "sensitive, always sensitive, never extractable, local");
	assert_says(list, "Usage:      sign\n");
	assert_says(list, "Allowed mechanisms: ECDSA\n");
	assert_null(strstr(list, "label:      k"));
	list = tool(rig, TOOL_LOGIN "--list-objects --type pubkey");
	assert_says(list, id);
	assert_says(list, "Usage:      verify\n");
	assert_int_equal(occurrences(tool(rig, TOOL "--list-objects"), "Key Object"), 0);
	(void)snprintf(command, sizeof(command),
		TOOL_LOGIN "--read-object --type pubkey --id %s --output-file %s/pub.der", id, rig->dir);
	(void)tool(rig, command);
}

static void another_program_has_the_same_public_key(void **state)
{
	AUTO(buf_done) struct buf spki = buf_make(DER_SPKI_MAX_BYTES);
	struct rig *rig = *state;
	uint8_t file[DER_SPKI_MAX_BYTES];
	char id[2 * WORKER_HARDWARE_ID_BYTES + 1], command[512];

	assert_ok(start(rig, &usual));
	for (uint8_t i = 1; i <= 2; i++) {
		struct psa_alg pss = { .kind = PSA_ALG_RSA_PSS, .hash = PSA_HASH_SHA_256 };
		struct worker_request rq = i == 1 ? p256(i) : request_of(PSA_KEY_RSA_PAIR, 2048, pss, i);
		struct key key;
		FILE *in;

		assert_ok(generate(rig, &rq, &key));
		hex_of(bytes_of(rq.hardware_id, sizeof(rq.hardware_id)), id);
		(void)snprintf(command, sizeof(command),
			TOOL_LOGIN "--read-object --type pubkey --id %s --output-file %s/pub.der", id, rig->dir);
		(void)tool(rig, command);
		in = fopen(path_in(rig, "pub.der"), "r");
		assert_non_null(in);
		buf_clear(&spki);
		assert_ok(der_spki_put(&spki, &rq.key, bytes_of(key.public, key.public_len)));
		assert_bytes(bytes_of(file, fread(file, 1, sizeof(file), in)), buf_bytes(&spki));
		(void)fclose(in);
	}
}

/* ---- life and death of keys -------------------------------------------------------------------------------------- */

static uint32_t find(struct rig *rig, const struct worker_request *rq)
{
	struct reader r;

	assert_ok(call(rig, WORKER_FIND, rq, nothing, nothing));
	r = reader_of(rig->answer.part[0]);
	return reader_u32(&r);
}

static void keys_survive_a_restart_of_the_worker(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(1), other = p256(2);
	struct key first, second;

	assert_ok(start(rig, &usual));
	assert_ok(generate(rig, &rq, &first));
	assert_ok(generate(rig, &other, &second));
	stop(rig);
	assert_ok(start(rig, &usual));
	assert_signs(rig, &second, ecdsa_sha256);
	assert_signs(rig, &first, ecdsa_sha256);
	stop_killed(rig);
	assert_ok(start(rig, &usual));
	assert_signs(rig, &first, ecdsa_sha256);
	assert_signs(rig, &second, ecdsa_sha256);
}

static void destroy_removes_both_halves_of_one_key(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(1), other = p256(2);
	struct key key, kept;
	uint8_t hash[32] = { 1 };

	assert_ok(start(rig, &usual));
	assert_ok(generate(rig, &rq, &key));
	assert_ok(generate(rig, &other, &kept));
	assert_signs(rig, &key, ecdsa_sha256);
	assert_int_equal(find(rig, &rq), 2);
	assert_ok(call(rig, WORKER_DESTROY, &rq, blob_of(&key), nothing));
	assert_bytes(rig->answer.part[2], BYTES_LITERAL("C_DestroyObject"));
	assert_int_equal(find(rig, &rq), 0);
	assert_fails(sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_KEY_GONE);
	assert_ok(call(rig, WORKER_DESTROY, &rq, blob_of(&key), nothing)); /* recovery may do it again */
	assert_int_equal(find(rig, &other), 2);
	assert_signs(rig, &kept, ecdsa_sha256);
	stop(rig);
	assert_int_equal(occurrences(tool(rig, TOOL_LOGIN "--list-objects"), "Key Object"), 2);
}

static void clean_destroys_by_id_alone(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(1), other = p256(2);
	struct key key;

	assert_ok(start(rig, &usual));
	assert_ok(generate(rig, &rq, &key));
	assert_ok(generate(rig, &other, &key));
	assert_ok(call(rig, WORKER_CLEAN, &rq, nothing, nothing));
	assert_int_equal(find(rig, &rq), 0);
	assert_int_equal(find(rig, &other), 2);
	assert_ok(call(rig, WORKER_CLEAN, &rq, nothing, nothing));
}

static void a_key_destroyed_by_another_program_is_gone(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(1);
	char id[2 * WORKER_HARDWARE_ID_BYTES + 1], command[512];
	uint8_t hash[32] = { 1 };
	struct key key;

	assert_ok(start(rig, &usual));
	assert_ok(generate(rig, &rq, &key));
	assert_signs(rig, &key, ecdsa_sha256);
	hex_of(bytes_of(rq.hardware_id, sizeof(rq.hardware_id)), id);
	(void)snprintf(command, sizeof(command), TOOL_LOGIN "--delete-object --type privkey --id %s", id);
	(void)tool(rig, command);
	assert_fails(sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_KEY_GONE);
}

static void a_damaged_or_foreign_blob_is_refused(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(1);
	uint8_t hash[32] = { 1 };
	struct key key, bad;

	assert_ok(start(rig, &usual));
	assert_ok(generate(rig, &rq, &key));
	for (size_t len = 0; len < key.blob_len; len++) {
		bad = key;
		bad.blob_len = len;
		assert_fails(sign(rig, &bad, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_INTEGRITY);
	}
	bad = key;
	bad.blob_len++;
	assert_fails(sign(rig, &bad, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_INTEGRITY);
	bad = key;
	bad.blob[0]++;
	assert_fails(sign(rig, &bad, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_INTEGRITY);
	bad = key;
	bad.blob[20] ^= 1; /* the id */
	assert_fails(sign(rig, &bad, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_KEY_GONE);
	stop(rig);
	make_token(rig, "orders");
	assert_ok(start(rig, &(struct given){ .token = "orders" }));
	assert_fails(sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_INTEGRITY);
	assert_fails(call(rig, WORKER_DESTROY, &rq, blob_of(&key), nothing), DEVICE_INTEGRITY);
}

static void clean_leaves_nothing_of_a_worker_that_was_killed(void **state)
{
	struct rig *rig = *state;
	char id[2 * WORKER_TAG_BYTES + 1];
	unsigned seen = 0;

	for (uint8_t i = 0; i < KILLS; i++) {
		struct worker_request rq = p256((uint8_t)(i + 1));

		assert_ok(start(rig, &(struct given){ .directly = true }));
		send_call(rig, WORKER_GENERATE, &rq, nothing, nothing);
		if (i == KILLS - 1) /* one at least is made for certain */
			assert_ok(ipc_wait(rig->lane, CALL_MS, &rig->answer));
		else
			assert_int_equal(usleep(i * 1500U), 0);
		stop_killed(rig);
	}
	assert_ok(start(rig, &usual));
	for (uint8_t i = 0; i < KILLS; i++) {
		struct worker_request rq = p256((uint8_t)(i + 1));

		seen += find(rig, &rq);
		assert_ok(call(rig, WORKER_CLEAN, &rq, nothing, nothing));
		assert_int_equal(find(rig, &rq), 0);
	}
	assert_true(seen >= 2);
	stop(rig);
	/* SoftHSM2 files an object before it fills it in; killed between, it keeps one that has neither id nor key. */
	hex_of(bytes_of(tag, WORKER_TAG_BYTES), id);
	assert_int_equal(occurrences(tool(rig, TOOL_LOGIN "--list-objects"), id), 0);
}

/* ---- tokens that make something else ----------------------------------------------------------------------------- */

static void a_pair_with_other_attributes_is_destroyed(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(1);
	struct key key;

	assert_ok(start(rig, &usual));
	shim_set(rig, "extractable", true);
	assert_fails(generate(rig, &rq, &key), DEVICE_ATTRS);
	assert_int_equal(find(rig, &rq), 0);
	shim_set(rig, "extractable", false);
	assert_ok(generate(rig, &rq, &key));
}

static void a_picky_token_gets_a_shorter_template(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(1);
	struct key key;

	assert_ok(start(rig, &usual));
	shim_set(rig, "picky", true);
	assert_ok(generate(rig, &rq, &key));
	assert_signs(rig, &key, ecdsa_sha256);
	stop(rig);
	assert_says(tool(rig, TOOL_LOGIN "--list-objects --type privkey"),
		"sensitive, always sensitive, never extractable, local");
}

/* ---- lost sessions ----------------------------------------------------------------------------------------------- */

static void a_lost_session_is_opened_once_more(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(1), other = p256(2);
	struct key key;

	assert_ok(start(rig, &usual));
	assert_int_equal(logins(rig), 1);
	assert_ok(generate(rig, &rq, &key));
	shim_set(rig, "lose", true);
	assert_signs(rig, &key, ecdsa_sha256);
	assert_false(shim_asked(rig, "lose"));
	assert_int_equal(logins(rig), 2);
	shim_set(rig, "lose-made", true);
	assert_ok(generate(rig, &other, &key));
	assert_false(shim_asked(rig, "lose-made"));
	assert_int_equal(logins(rig), 3);
	assert_int_equal(find(rig, &other), 2); /* nothing is left of the first attempt */
	assert_signs(rig, &key, ecdsa_sha256);
	assert_int_equal(logins(rig), 3);
}

static void an_absent_token_is_reported_and_may_come_back(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(1);
	uint8_t hash[32] = { 1 };
	struct key key;

	assert_ok(start(rig, &usual));
	assert_ok(generate(rig, &rq, &key));
	shim_set(rig, "absent", true);
	assert_fails(sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_GONE);
	assert_fails(sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_GONE);
	assert_int_equal(logins(rig), 1);
	shim_set(rig, "absent", false);
	assert_signs(rig, &key, ecdsa_sha256);
	assert_int_equal(logins(rig), 2);
}

static void an_exchanged_token_is_not_used(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = p256(1);
	uint8_t hash[32] = { 1 };
	struct key key;

	assert_ok(start(rig, &usual));
	assert_ok(generate(rig, &rq, &key));
	shim_set(rig, "other", true);
	shim_set(rig, "lose", true);
	assert_fails(sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_IDENTITY);
	assert_int_equal(logins(rig), 1);
}

/* ---- the PIN ----------------------------------------------------------------------------------------------------- */

static void a_wrong_pin_is_tried_exactly_once(void **state)
{
	const struct given wrong = { .pin = pin_wrong };
	struct rig *rig = *state;

	assert_fails(start(rig, &wrong), PIN_REFUSED);
	assert_says(rig->text, "put the right one into pin_file");
	assert_int_equal(logins(rig), 1);
	for (int i = 0; i < 3; i++) {
		assert_fails(start(rig, &wrong), PIN_TRIED);
		assert_says(rig->text, "put another into pin_file");
	}
	assert_int_equal(logins(rig), 1);
	assert_ok(start(rig, &usual)); /* another content: one more attempt, which succeeds */
	stop(rig);
	assert_int_equal(logins(rig), 2);
	assert_ok(start(rig, &usual));
	stop(rig);
	assert_int_equal(logins(rig), 3);
}

static void the_attempt_is_on_disk_before_the_login(void **state)
{
	struct rig *rig = *state;
	uint8_t record[64];
	FILE *file;

	assert_fails(start(rig, &(struct given){ .pin = pin_wrong }), PIN_REFUSED);
	file = fopen(path_in(rig, "pintry"), "r");
	assert_non_null(file);
	assert_int_equal(fread(record, 1, sizeof(record), file), 50);
	(void)fclose(file);
	assert_int_equal(record[0], 1);
	assert_int_equal(record[49], 1); /* tried, no success */
	assert_null(memmem(record, sizeof(record), pin_wrong, strlen(pin_wrong)));
	write_file(rig, "pintry", "something that is no attempt of ours");
	assert_fails(start(rig, &usual), PIN_TRIED);
	assert_int_equal(logins(rig), 1);
}

static void a_token_at_its_final_try_is_left_alone(void **state)
{
	static const char *const flags[] = { "final", "locked" };
	struct rig *rig = *state;

	for (size_t i = 0; i < 2; i++) {
		shim_set(rig, flags[i], true);
		assert_fails(start(rig, &usual), PIN_LOCKED);
		assert_says(rig->text, "unlock it");
		assert_int_equal(logins(rig), 0);
		shim_set(rig, flags[i], false);
	}
	assert_ok(start(rig, &usual)); /* it was no attempt */
}

static void a_token_that_wants_a_pin_says_so(void **state)
{
	struct rig *rig = *state;

	assert_fails(start(rig, &(struct given){ .pin = "" }), DEVICE_AUTH);
	assert_says(rig->text, "set pin_file");
	assert_int_equal(logins(rig), 0);
}

/* ---- what is missing --------------------------------------------------------------------------------------------- */

static void a_missing_module_or_token_says_what_to_do(void **state)
{
	static const struct {
		struct given given;
		const char *says;
	} rows[] = {
		{ { .module = "/nonexistent/libhsm.so" }, "providers[].module" },
		{ { .module = "libsofthsm2.so" }, "absolute path" },
		{ { .module = P11_PROGRAM }, "providers[].module" },
		{ { .module = "/lib/x86_64-linux-gnu/libm.so.6" }, "providers[].module" },
		{ { .token = "paymentz" }, "there is: 'payments'" },
		{ { .token = "payment" }, "providers[].token" },
		{ { .serial = "0000000000000000" }, "serial" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_fails(start(rig, &rows[i].given), MODULE_MISSING);
		assert_says(rig->text, rows[i].says);
		assert_says(rig->text, "provider hsm: ");
	}
	assert_int_equal(logins(rig), 0);
}

static void of_two_tokens_with_one_label_the_serial_number_decides(void **state)
{
	struct rig *rig = *state;
	char serial[17] = "";
	const char *at;

	make_token(rig, "payments");
	assert_fails(start(rig, &usual), MODULE_MISSING);
	assert_says(rig->text, "several tokens");
	at = strstr(tool(rig, "softhsm2-util --show-slots"), "Serial number:");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "Serial number: %16s", serial), 1);
	assert_ok(start(rig, &(struct given){ .serial = serial }));
}

/* ---- the wrapping key of software keys --------------------------------------------------------------------------- */

static void the_wrapping_key_is_sealed_and_opened(void **state)
{
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	AUTO(buf_done) struct buf again = buf_make(WRAP_SEALED_MAX);
	AUTO(secret_done) struct secret key = { 0 };
	const struct given wraps = { .wraps = true };
	uint8_t plain[WRAP_KEY_BYTES];
	struct rig *rig = *state;
	char by[WRAP_BY_BYTES];
	const char *list;

	memset(plain, 0x5a, sizeof(plain));
	assert_ok(start(rig, &wraps));
	assert_ok(wrap_seal(rig->wrap, bytes_of(plain, sizeof(plain)), &sealed, by));
	assert_string_equal(by, "p11");
	assert_null(memmem(sealed.data, sealed.len, plain, sizeof(plain)));
	assert_ok(wrap_seal(rig->wrap, bytes_of(plain, sizeof(plain)), &again, by));
	assert_false(bytes_equal(buf_bytes(&sealed), buf_bytes(&again)));
	stop(rig);

	assert_ok(start(rig, &wraps));
	assert_ok(wrap_open(rig->wrap, buf_bytes(&sealed), &key, by));
	assert_bytes(secret_bytes(&key), bytes_of(plain, sizeof(plain)));
	stop(rig);
	list = tool(rig, TOOL_LOGIN "--list-objects --type secrkey");
	assert_int_equal(occurrences(list, "Secret Key Object; AES length 32"), 1);
	assert_says(list, "keyreeve-wrap");
	assert_says(list, "sensitive, always sensitive, never extractable, local");
	assert_says(list, "Usage:      encrypt, decrypt\n");
}

static void a_sealed_wrapping_key_opens_unchanged_or_not_at_all(void **state)
{
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	const struct given wraps = { .wraps = true };
	uint8_t plain[WRAP_KEY_BYTES] = { 1 };
	struct rig *rig = *state;
	struct secret key = { 0 };
	char by[WRAP_BY_BYTES];

	assert_ok(start(rig, &wraps));
	assert_fails(wrap_open(rig->wrap, bytes_of(plain, sizeof(plain)), &key, by), DEVICE_INTEGRITY);
	assert_ok(wrap_seal(rig->wrap, bytes_of(plain, sizeof(plain)), &sealed, by));
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 0x40;
		assert_fails(wrap_open(rig->wrap, buf_bytes(&sealed), &key, by), DEVICE_INTEGRITY);
		sealed.data[i] ^= 0x40;
	}
	for (size_t len = 1; len < sealed.len; len++)
		assert_fails(wrap_open(rig->wrap, bytes_of(sealed.data, len), &key, by), DEVICE_INTEGRITY);
	assert_ok(wrap_open(rig->wrap, buf_bytes(&sealed), &key, by));
	secret_done(&key);
	stop(rig);
	(void)tool(rig, TOOL_LOGIN "--delete-object --type secrkey --label keyreeve-wrap");
	assert_ok(start(rig, &wraps));
	assert_fails(wrap_open(rig->wrap, buf_bytes(&sealed), &key, by), DEVICE_KEY_GONE);
}

/* A software worker that was started again comes with a new socket. */
static void a_later_wrapping_socket_is_served(void **state)
{
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	uint8_t plain[WRAP_KEY_BYTES] = { 1 };
	struct rig *rig = *state;
	struct worker_request rq = p256(1);
	char by[WRAP_BY_BYTES];
	struct key key;

	assert_ok(start(rig, &usual));
	for (int i = 0; i < 2; i++) {
		ipc_free(TAKE(rig->wrap));
		say(rig, ROLE_FD, BYTES_LITERAL("wrap"), nothing, socket_for(&rig->wrap));
		assert_ok(wrap_seal(rig->wrap, bytes_of(plain, sizeof(plain)), &sealed, by));
	}
	assert_ok(generate(rig, &rq, &key));
	assert_signs(rig, &key, ecdsa_sha256);
}

#define ON_TOKEN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
	ON_TOKEN(every_capability_generates_signs_and_verifies),
	ON_TOKEN(info_describes_the_token),
	ON_TOKEN(verification_after_signing_is_for_vendors_and_who_asks),
	ON_TOKEN(what_it_cannot_do_is_refused_with_its_reason),
	ON_TOKEN(random_bytes_come_from_the_token),
	ON_TOKEN(another_program_sees_a_key_that_cannot_be_had),
	ON_TOKEN(another_program_has_the_same_public_key),
	ON_TOKEN(keys_survive_a_restart_of_the_worker),
	ON_TOKEN(destroy_removes_both_halves_of_one_key),
	ON_TOKEN(clean_destroys_by_id_alone),
	ON_TOKEN(a_key_destroyed_by_another_program_is_gone),
	ON_TOKEN(a_damaged_or_foreign_blob_is_refused),
	ON_TOKEN(clean_leaves_nothing_of_a_worker_that_was_killed),
	ON_TOKEN(a_pair_with_other_attributes_is_destroyed),
	ON_TOKEN(a_picky_token_gets_a_shorter_template),
	ON_TOKEN(a_lost_session_is_opened_once_more),
	ON_TOKEN(an_absent_token_is_reported_and_may_come_back),
	ON_TOKEN(an_exchanged_token_is_not_used),
	ON_TOKEN(a_wrong_pin_is_tried_exactly_once),
	ON_TOKEN(the_attempt_is_on_disk_before_the_login),
	ON_TOKEN(a_token_at_its_final_try_is_left_alone),
	ON_TOKEN(a_token_that_wants_a_pin_says_so),
	ON_TOKEN(a_missing_module_or_token_says_what_to_do),
	ON_TOKEN(of_two_tokens_with_one_label_the_serial_number_decides),
	ON_TOKEN(the_wrapping_key_is_sealed_and_opened),
	ON_TOKEN(a_sealed_wrapping_key_opens_unchanged_or_not_at_all),
	ON_TOKEN(a_later_wrapping_socket_is_served),
};

UNIT_MAIN(tests)
