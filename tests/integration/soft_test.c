/* SPDX-License-Identifier: Apache-2.0
 *
 * The real keyreeve-soft, through its role and lane messages. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "crypto/aead.h"
#include "crypto/digest.h"
#include "crypto/public.h"
#include "crypto/wrap.h"
#include "tests/support/role_rig.h"

static const struct bytes none = { 0 };
static char *const no_env[] = { NULL };

/* A state directory and what the store keeps for the provider. */
struct place {
	char path[64];
	int dir;
	uint8_t state[WORKER_STATE_MAX];
	size_t state_len;
};

static struct place place_new(void)
{
	struct place place = { .path = "/tmp/keyreeve-soft-XXXXXX" };

	assert_non_null(mkdtemp(place.path));
	place.dir = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place.dir >= 0);
	return place;
}

static void place_done(struct place *place)
{
	(void)unlinkat(place->dir, "soft-soft.key", 0);
	(void)close(place->dir);
	assert_int_equal(rmdir(place->path), 0);
}

static struct worker_config config_of(uint32_t threads)
{
	return (struct worker_config){ .name = "soft", .type = WORKER_CONFIG_SOFTWARE, .threads = threads };
}

static void keep_state(struct place *place, const struct ipc_message *hello)
{
	if (hello->part[2].len == 0)
		return;
	assert_true(hello->part[2].len <= sizeof(place->state));
	memcpy(place->state, hello->part[2].data, hello->part[2].len);
	place->state_len = hello->part[2].len;
}

/* What keyreeved offers for wrapping: sockets by provider, and the key file's directory. */
struct offer {
	const char *item; /* "wrap:NAME"; NULL: none */
	int fd;
};
enum { OFFERS = 2 };

static void start_with(struct role_rig *rig, struct place *place, const struct worker_config *config,
	const struct offer offers[OFFERS], bool with_file)
{
	role_rig_start(rig, SOFT_PROGRAM, no_env, config);
	for (size_t i = 0; offers != NULL && i < OFFERS; i++)
		if (offers[i].item != NULL)
			role_rig_item(rig, offers[i].item, offers[i].fd);
	if (with_file)
		role_rig_item(rig, "keyfile", place->dir);
	role_rig_go(rig);
}

static void start(struct role_rig *rig, struct place *place, uint32_t threads)
{
	struct worker_config config = config_of(threads);
	struct ipc_message hello;

	start_with(rig, place, &config, NULL, true);
	hello = role_rig_hello(rig, bytes_of(place->state, place->state_len));
	assert_int_equal(hello.status, STATUS_OK);
	keep_state(place, &hello);
	role_rig_ready(rig);
}

struct made {
	struct worker_request rq;
	uint8_t blob[WORKER_BLOB_MAX];
	size_t blob_len;
	uint8_t public_key[PSA_PUBLIC_MAX_BYTES];
	size_t public_len;
};

static void take_made(struct made *made, const struct ipc_message *answer)
{
	assert_int_equal(answer->status, STATUS_OK);
	assert_true(answer->part[0].len <= sizeof(made->blob) && answer->part[1].len <= sizeof(made->public_key));
	memcpy(made->blob, answer->part[0].data, answer->part[0].len);
	made->blob_len = answer->part[0].len;
	memcpy(made->public_key, answer->part[1].data, answer->part[1].len);
	made->public_len = answer->part[1].len;
}

static struct made make(struct role_rig *rig, uint8_t kind, uint32_t bits, uint8_t alg, uint8_t hash)
{
	struct made made = { .rq = role_rig_request(kind, bits, alg, hash) };
	struct ipc_message answer = role_rig_call(rig, WORKER_GENERATE, &made.rq, none, none);

	take_made(&made, &answer);
	return made;
}

static struct bytes blob_of(const struct made *made)
{
	return bytes_of(made->blob, made->blob_len);
}

static void sign_and_verify(struct role_rig *rig, struct made *made, struct psa_alg alg, uint8_t hash_alg)
{
	uint8_t hash[PSA_HASH_MAX_BYTES];
	struct ipc_message answer;
	size_t len;

	made->rq.alg = alg;
	assert_ok(digest_compute(hash_alg, BYTES_LITERAL("message"), hash, &len));
	answer = role_rig_sign(rig, &made->rq, blob_of(made), bytes_of(hash, len));
	assert_int_equal(answer.status, STATUS_OK);
	assert_int_equal(answer.part[0].len, psa_signature_bytes(&made->rq.key));
	assert_ok(public_verify(NULL, &made->rq.key, bytes_of(made->public_key, made->public_len), alg,
		bytes_of(hash, len), answer.part[0]));
}

static void every_kind_of_key_signs_and_its_public_key_verifies(void **state)
{
	static const struct {
		uint8_t kind;
		uint32_t bits;
		uint8_t policy, policy_hash, hash;
	} rows[] = {
		{ PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_SHA_256, PSA_HASH_SHA_256 },
		{ PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_ANY, PSA_HASH_SHA_512 },
		{ PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA_ANY, 0, PSA_HASH_SHA3_256 },
		{ PSA_KEY_ECC_PAIR, 384, PSA_ALG_ECDSA, PSA_HASH_SHA_384, PSA_HASH_SHA_384 },
		{ PSA_KEY_ECC_PAIR, 521, PSA_ALG_ECDSA, PSA_HASH_SHA_512, PSA_HASH_SHA_512 },
		{ PSA_KEY_RSA_PAIR, 2048, PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_SHA_256, PSA_HASH_SHA_256 },
		{ PSA_KEY_RSA_PAIR, 2048, PSA_ALG_RSA_PKCS1V15_SIGN, PSA_HASH_ANY, PSA_HASH_SHA3_512 },
		{ PSA_KEY_RSA_PAIR, 3072, PSA_ALG_RSA_PSS, PSA_HASH_SHA_384, PSA_HASH_SHA_384 },
		{ PSA_KEY_RSA_PAIR, 4096, PSA_ALG_RSA_PSS, PSA_HASH_ANY, PSA_HASH_SHA_512 },
	};
	struct place place = place_new();
	struct role_rig rig;

	(void)state;
	start(&rig, &place, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct made made = make(&rig, rows[i].kind, rows[i].bits, rows[i].policy, rows[i].policy_hash);
		struct psa_alg alg = { .kind = rows[i].policy, .hash = rows[i].hash };

		if (alg.kind == PSA_ALG_ECDSA_ANY)
			alg.hash = 0;
		assert_ok(public_check(&made.rq.key, bytes_of(made.public_key, made.public_len)));
		sign_and_verify(&rig, &made, alg, rows[i].hash);
	}
	assert_int_equal(role_rig_end(&rig), 0);
	place_done(&place);
}

static void keys_survive_the_worker(void **state)
{
	struct place place = place_new();
	struct role_rig rig;
	struct made ec, rsa;

	(void)state;
	start(&rig, &place, 0);
	ec = make(&rig, PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	rsa = make(&rig, PSA_KEY_RSA_PAIR, 2048, PSA_ALG_RSA_PSS, PSA_HASH_SHA_256);
	role_rig_kill(&rig);
	for (size_t round = 0; round < 2; round++) {
		size_t before = place.state_len;

		start(&rig, &place, 0);
		assert_int_equal(place.state_len, before);
		sign_and_verify(&rig, &ec, ec.rq.key.alg, PSA_HASH_SHA_256);
		sign_and_verify(&rig, &rsa, rsa.rq.key.alg, PSA_HASH_SHA_256);
		assert_int_equal(role_rig_end(&rig), 0);
	}
	place_done(&place);
}

static void a_blob_serves_only_its_own_record(void **state)
{
	static const uint8_t hash[32] = { 1 };
	struct place place = place_new();
	struct role_rig rig;
	struct made a, b;
	struct worker_request rq;

	(void)state;
	start(&rig, &place, 0);
	a = make(&rig, PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_ANY);
	b = make(&rig, PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_ANY);
	a.rq.alg.hash = b.rq.alg.hash = PSA_HASH_SHA_256;
	/* both decoded and cached, so that the cache is asked as well */
	sign_and_verify(&rig, &a, a.rq.alg, PSA_HASH_SHA_256);
	sign_and_verify(&rig, &b, b.rq.alg, PSA_HASH_SHA_256);
	assert_int_equal(role_rig_sign(&rig, &a.rq, blob_of(&b), bytes_of(hash, 32)).status, STATUS_DEVICE_INTEGRITY);
	rq = a.rq;
	rq.hardware_id[31] ^= 1;
	assert_int_equal(role_rig_sign(&rig, &rq, blob_of(&a), bytes_of(hash, 32)).status, STATUS_DEVICE_INTEGRITY);
	rq = a.rq;
	rq.key.usage |= PSA_USAGE_EXPORT;
	assert_int_equal(role_rig_sign(&rig, &rq, blob_of(&a), bytes_of(hash, 32)).status, STATUS_DEVICE_INTEGRITY);
	rq = a.rq;
	rq.key.bits = 384;
	assert_int_equal(role_rig_sign(&rig, &rq, blob_of(&a), bytes_of(hash, 32)).status, STATUS_DEVICE_INTEGRITY);
	for (size_t cut = 0; cut < a.blob_len; cut++)
		assert_int_equal(role_rig_sign(&rig, &a.rq, bytes_of(a.blob, cut), bytes_of(hash, 32)).status,
			STATUS_DEVICE_INTEGRITY);
	a.blob[20] ^= 1;
	assert_int_equal(role_rig_sign(&rig, &a.rq, blob_of(&a), bytes_of(hash, 32)).status, STATUS_DEVICE_INTEGRITY);
	assert_int_equal(role_rig_end(&rig), 0);
	place_done(&place);
}

static void what_a_policy_does_not_permit_is_refused_by_the_worker_too(void **state)
{
	static const uint8_t hash[64] = { 1 };
	struct place place = place_new();
	struct role_rig rig;
	struct made made;
	struct worker_request rq;

	(void)state;
	start(&rig, &place, 0);
	made = make(&rig, PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	rq = made.rq;
	rq.alg.hash = PSA_HASH_SHA_512;
	assert_int_equal(role_rig_sign(&rig, &rq, blob_of(&made), bytes_of(hash, 64)).status, STATUS_KEY_ALG);
	assert_int_equal(role_rig_sign(&rig, &made.rq, blob_of(&made), bytes_of(hash, 31)).status, STATUS_HASH_LENGTH);
	assert_int_equal(role_rig_end(&rig), 0);
	place_done(&place);
}

static void keys_that_it_cannot_make_are_refused(void **state)
{
	static const struct {
		uint8_t kind, alg, hash;
		uint32_t bits;
		enum status_code want;
	} rows[] = {
		{ PSA_KEY_RSA_PAIR, PSA_ALG_RSA_PSS, PSA_HASH_SHA_256, 1024, STATUS_ATTR_TYPE },
		{ PSA_KEY_RSA_PAIR, PSA_ALG_RSA_PSS, PSA_HASH_SHA_256, 1u << 20, STATUS_ATTR_TYPE },
		{ PSA_KEY_RSA_PAIR, PSA_ALG_RSA_OAEP, PSA_HASH_SHA_256, 2048, STATUS_ATTR_ALG },
		{ PSA_KEY_ECC_PAIR, PSA_ALG_ECDSA, PSA_HASH_SHA_256, 224, STATUS_ATTR_TYPE },
		{ PSA_KEY_ECC_PAIR, PSA_ALG_ECDSA, PSA_HASH_SHA_1, 256, STATUS_ATTR_ALG },
		{ PSA_KEY_ECC_PUBLIC, PSA_ALG_ECDSA, PSA_HASH_SHA_256, 256, STATUS_ATTR_PUBLIC },
		{ PSA_KEY_AES, PSA_ALG_CIPHER, 0, 256, STATUS_ATTR_TYPE },
	};
	struct place place = place_new();
	struct role_rig rig;

	(void)state;
	start(&rig, &place, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct worker_request rq = role_rig_request(rows[i].kind, rows[i].bits, rows[i].alg, rows[i].hash);

		assert_int_equal(role_rig_call(&rig, WORKER_GENERATE, &rq, none, none).status, rows[i].want);
	}
	assert_int_equal(role_rig_end(&rig), 0);
	place_done(&place);
}

/* ---- where the wrapping key comes from ---------------------------------------------------------- */

static void fails_to_open(struct place *place, const struct worker_config *config, enum status_code want)
{
	struct role_rig rig;

	start_with(&rig, place, config, NULL, true);
	assert_int_equal(role_rig_hello(&rig, bytes_of(place->state, place->state_len)).status, want);
	assert_int_equal(role_rig_failed(&rig).status, want);
	assert_int_equal(role_rig_end(&rig), 1);
}

static void without_the_key_file_that_was_chosen_it_is_down(void **state)
{
	struct place place = place_new(), other;
	struct worker_config config = config_of(0), strict = config_of(0);
	struct role_rig rig;

	(void)state;
	strict.strict = true;
	fails_to_open(&place, &strict, STATUS_WRAP_MISSING);
	start(&rig, &place, 0);
	assert_int_equal(role_rig_end(&rig), 0);
	fails_to_open(&place, &strict, STATUS_WRAP_MISSING);
	/* gone */
	assert_int_equal(unlinkat(place.dir, "soft-soft.key", 0), 0);
	fails_to_open(&place, &config, STATUS_WRAP_MISSING);
	/* another one */
	other = place_new();
	start(&rig, &other, 0);
	assert_int_equal(role_rig_end(&rig), 0);
	memcpy(other.state, place.state, place.state_len);
	fails_to_open(&other, &config, STATUS_WRAP_MISSING);
	/* damaged state */
	other.state_len--;
	fails_to_open(&other, &config, STATUS_RECORD_CORRUPT);
	place_done(&other);
	place_done(&place);
}

static void a_key_file_that_others_can_read_is_refused(void **state)
{
	struct worker_config config = config_of(0);
	struct place place = place_new();
	struct role_rig rig;

	(void)state;
	start(&rig, &place, 0);
	assert_int_equal(role_rig_end(&rig), 0);
	assert_int_equal(fchmodat(place.dir, "soft-soft.key", 0640, 0), 0);
	start_with(&rig, &place, &config, NULL, true);
	assert_int_equal(role_rig_failed(&rig).status, STATUS_WRAP_MISSING);
	assert_int_equal(role_rig_end(&rig), 1);
	place_done(&place);
}

static void the_key_file_is_ours_alone_and_exactly_one_key(void **state)
{
	struct place place = place_new();
	struct role_rig rig;
	struct stat info;

	(void)state;
	start(&rig, &place, 0);
	assert_int_equal(fstatat(place.dir, "soft-soft.key", &info, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(info.st_size, AEAD_KEY_BYTES);
	assert_int_equal(role_rig_end(&rig), 0);
	place_done(&place);
}

/* The wrapping side, by hand: it "seals" by turning bits round. */
static void serve_wrap(int fd, uint8_t mask)
{
	AUTO(buf_done) struct buf turned = buf_make(WRAP_SEALED_MAX);
	struct ipc_message m;
	struct ipc *ipc;

	assert_ok(ipc_new(fd, &ipc));
	assert_ok(ipc_wait(ipc, 10000, &m));
	assert_ok(wrap_check(&m));
	for (size_t i = 0; i < m.part[1].len; i++)
		buf_put_u8(&turned, m.part[1].data[i] ^ mask);
	struct ipc_message answer = ipc_message_of(m.type, m.id);
	answer.part[0] = buf_bytes(&turned);
	assert_ok(ipc_send(ipc, &answer));
	assert_ok(ipc_flush_wait(ipc, 10000));
	ipc_free(ipc);
}

/* Start with these wrappers offered, of which `used` (1, 2, or none: 0) is asked and turns bits by mask; the status of
 * the hello. */
static enum status_code hello_wrapped(struct role_rig *rig, struct place *place, const char *const names[OFFERS],
	unsigned used, uint8_t mask, bool with_file)
{
	struct worker_config config = config_of(0);
	struct ipc_message hello = ipc_message_of(WORKER_HELLO, 1);
	struct offer offers[OFFERS] = { 0 };
	int ours[OFFERS] = { -1, -1 };

	config.strict = !with_file;
	for (size_t i = 0; i < OFFERS && names[i] != NULL; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		ours[i] = fds[0];
		offers[i] = (struct offer){ names[i], fds[1] };
	}
	start_with(rig, place, &config, offers, with_file);
	for (size_t i = 0; i < OFFERS; i++)
		if (offers[i].item != NULL)
			(void)close(offers[i].fd);
	hello.part[0] = ipc_build_id();
	hello.part[1] = bytes_of(place->state, place->state_len);
	hello.part[2] = BYTES_LITERAL("storetag");
	assert_ok(ipc_send(rig->lane, &hello));
	assert_ok(ipc_flush_wait(rig->lane, 10000));
	if (used > 0)
		serve_wrap(ours[used - 1], mask);
	for (size_t i = 0; i < OFFERS; i++) {
		uint8_t byte;

		if (used == i + 1 || ours[i] < 0)
			continue;
		assert_int_equal(read(ours[i], &byte, 1), 0); /* not asked, and closed */
		(void)close(ours[i]);
	}
	hello = role_rig_answer(rig);
	if (hello.status == STATUS_OK)
		keep_state(place, &hello);
	return hello.status;
}

static const char *const only_tpm[] = { "wrap:tpm", NULL };
static const char *const only_hsm[] = { "wrap:hsm", NULL };
static const char *const other_first[] = { "wrap:hsm", "wrap:tpm" };

static void a_wrapped_key_needs_its_own_device_each_time(void **state)
{
	struct place place = place_new();
	struct worker_config config = config_of(0);
	struct role_rig rig;
	struct made made;

	(void)state;
	assert_int_equal(hello_wrapped(&rig, &place, only_tpm, 1, 0x5a, false), STATUS_OK);
	made = make(&rig, PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	assert_int_equal(role_rig_end(&rig), 0);

	assert_int_equal(hello_wrapped(&rig, &place, only_tpm, 1, 0x5a, false), STATUS_OK);
	sign_and_verify(&rig, &made, made.rq.key.alg, PSA_HASH_SHA_256);
	assert_int_equal(role_rig_end(&rig), 0);

	/* another is the first now */
	assert_int_equal(hello_wrapped(&rig, &place, other_first, 2, 0x5a, true), STATUS_OK);
	sign_and_verify(&rig, &made, made.rq.key.alg, PSA_HASH_SHA_256);
	assert_int_equal(role_rig_end(&rig), 0);

	/* another key comes out; another provider; a file instead */
	assert_int_equal(hello_wrapped(&rig, &place, only_tpm, 1, 0x11, false), STATUS_WRAP_MISSING);
	assert_int_equal(role_rig_end(&rig), 1);
	assert_int_equal(hello_wrapped(&rig, &place, only_hsm, 0, 0, true), STATUS_WRAP_MISSING);
	assert_int_equal(role_rig_end(&rig), 1);
	fails_to_open(&place, &config, STATUS_WRAP_MISSING);
	place_done(&place);
}

static void a_key_file_that_was_chosen_stays_though_there_is_a_device(void **state)
{
	struct place place = place_new();
	struct role_rig rig;
	struct made made;

	(void)state;
	start(&rig, &place, 0);
	made = make(&rig, PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	assert_int_equal(role_rig_end(&rig), 0);
	assert_int_equal(hello_wrapped(&rig, &place, only_tpm, 0, 0, true), STATUS_OK);
	sign_and_verify(&rig, &made, made.rq.key.alg, PSA_HASH_SHA_256);
	assert_int_equal(role_rig_end(&rig), 0);
	assert_int_equal(hello_wrapped(&rig, &place, only_tpm, 0, 0, false), STATUS_WRAP_MISSING);
	assert_int_equal(role_rig_end(&rig), 1);
	/* nothing was made under it: the device is asked, and no file is needed */
	place.state_len = 0;
	assert_int_equal(hello_wrapped(&rig, &place, only_tpm, 1, 0x5a, true), STATUS_OK);
	assert_int_equal(role_rig_end(&rig), 0);
	assert_int_equal(hello_wrapped(&rig, &place, only_tpm, 1, 0x5a, false), STATUS_OK);
	assert_int_equal(role_rig_end(&rig), 0);
	place_done(&place);
}

/* ---- threads ------------------------------------------------------------------------------------ */

static void two_threads_answer_every_request_rightly(void **state)
{
	enum { COUNT = 400 };
	struct place place = place_new();
	struct role_rig rig;
	struct made keys[3];
	uint8_t hash[PSA_HASH_MAX_BYTES];
	uint64_t first = 0;
	size_t len;

	(void)state;
	start(&rig, &place, 2);
	for (size_t i = 0; i < 3; i++)
		keys[i] = make(&rig, PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	assert_ok(digest_compute(PSA_HASH_SHA_256, BYTES_LITERAL("message"), hash, &len));
	for (size_t i = 0; i < COUNT; i++) {
		uint8_t part2[4 + 32] = { 0 };
		uint64_t id;

		memcpy(part2 + 4, hash, 32);
		id = role_rig_send(
			&rig, WORKER_SIGN, &keys[i % 3].rq, blob_of(&keys[i % 3]), bytes_of(part2, sizeof(part2)));
		first = i == 0 ? id : first;
	}
	for (size_t i = 0; i < COUNT; i++) {
		struct ipc_message answer = role_rig_answer(&rig);
		const struct made *key = &keys[(answer.id - first) % 3];

		assert_int_equal(answer.status, STATUS_OK);
		assert_ok(public_verify(NULL, &key->rq.key, bytes_of(key->public_key, key->public_len), key->rq.key.alg,
			bytes_of(hash, 32), answer.part[0]));
	}
	assert_int_equal(role_rig_end(&rig), 0);
	place_done(&place);
}

static void rsa_generation_does_not_hold_up_signatures(void **state)
{
	enum { GENERATIONS = 3 };
	struct place place = place_new();
	struct role_rig rig;
	struct made ec;
	uint64_t sign_id = 0;
	size_t generated = 0;

	(void)state;
	start(&rig, &place, 2);
	ec = make(&rig, PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	for (size_t i = 0; i < GENERATIONS; i++) {
		struct worker_request rq = role_rig_request(PSA_KEY_RSA_PAIR, 4096, PSA_ALG_RSA_PSS, PSA_HASH_SHA_256);

		(void)role_rig_send(&rig, WORKER_GENERATE, &rq, none, none);
	}
	sign_id = role_rig_send(&rig, WORKER_SIGN, &ec.rq, blob_of(&ec),
		BYTES_LITERAL("\0\0\0\0"
			      "0123456789abcdef0123456789abcdef"));
	while (role_rig_answer(&rig).id != sign_id)
		generated++;
	/* Three keys of 4096 bits take seconds; the signature was behind them in the queue. */
	assert_true(generated < GENERATIONS);
	for (; generated < GENERATIONS; generated++)
		assert_int_equal(role_rig_answer(&rig).status, STATUS_OK);
	assert_int_equal(role_rig_end(&rig), 0);
	place_done(&place);
}

static void random_bytes_and_destroyed_keys(void **state)
{
	struct place place = place_new();
	struct worker_request rq = role_rig_request(PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	struct role_rig rig;
	struct made made;
	uint8_t one[64];

	(void)state;
	start(&rig, &place, 0);
	rq.bytes = sizeof(one);
	struct ipc_message answer = role_rig_call(&rig, WORKER_RANDOM, &rq, none, none);
	assert_int_equal(answer.part[0].len, sizeof(one));
	memcpy(one, answer.part[0].data, sizeof(one));
	answer = role_rig_call(&rig, WORKER_RANDOM, &rq, none, none);
	assert_memory_not_equal(answer.part[0].data, one, sizeof(one));
	made = make(&rig, PSA_KEY_ECC_PAIR, 256, PSA_ALG_ECDSA, PSA_HASH_SHA_256);
	assert_int_equal(role_rig_call(&rig, WORKER_DESTROY, &made.rq, blob_of(&made), none).status, STATUS_OK);
	assert_int_equal(role_rig_call(&rig, WORKER_FIND, &made.rq, none, none).status, STATUS_DEVICE_UNSUPPORTED);
	assert_int_equal(role_rig_end(&rig), 0);
	place_done(&place);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_kind_of_key_signs_and_its_public_key_verifies),
	cmocka_unit_test(keys_survive_the_worker),
	cmocka_unit_test(a_blob_serves_only_its_own_record),
	cmocka_unit_test(what_a_policy_does_not_permit_is_refused_by_the_worker_too),
	cmocka_unit_test(keys_that_it_cannot_make_are_refused),
	cmocka_unit_test(without_the_key_file_that_was_chosen_it_is_down),
	cmocka_unit_test(a_key_file_that_others_can_read_is_refused),
	cmocka_unit_test(the_key_file_is_ours_alone_and_exactly_one_key),
	cmocka_unit_test(a_wrapped_key_needs_its_own_device_each_time),
	cmocka_unit_test(a_key_file_that_was_chosen_stays_though_there_is_a_device),
	cmocka_unit_test(two_threads_answer_every_request_rightly),
	cmocka_unit_test(rsa_generation_does_not_hold_up_signatures),
	cmocka_unit_test(random_bytes_and_destroyed_keys),
};

UNIT_MAIN(tests)
