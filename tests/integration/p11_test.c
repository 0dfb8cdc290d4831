/* SPDX-License-Identifier: Apache-2.0
 *
 * The real keyreeve-p11, with this test as its keyreeved and its agent, on SoftHSM2 tokens that each test makes.  Two
 * other programs judge it: OpenSSL the signatures, pkcs11-tool the objects.  Between worker and SoftHSM2 stands a
 * shim that counts logins and spoils calls on request (tests/support/p11_shim.c). */
#include <stdlib.h>
#include <unistd.h>

#include "base/own.h"
#include "crypto/der.h"
#include "crypto/wrap.h"
#include "tests/support/p11_rig.h"
#include "tests/support/unit.h"

enum { KILLS = 20 };

static const char pin_wrong[] = "999999";
static const struct given usual = { 0 };
static const struct bytes nothing;

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
	assert_ok(rig_sign(rig, key, alg, of));
	assert_bytes(rig->answer.part[2], BYTES_LITERAL("C_Sign"));
	assert_true(rig_verifies(key, alg, of, rig->answer.part[0]));
	hash[0] ^= 1;
	assert_false(rig_verifies(key, alg, of, rig->answer.part[0]));
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

	assert_ok(rig_start(rig, &usual));
	assert_int_equal(rig->info.cap_count, sizeof(rows) / sizeof(rows[0]) * sizeof(hashes));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct psa_alg alg = { .kind = rows[i].alg, .hash = PSA_HASH_ANY };
		struct worker_request rq = rig_request(rows[i].kind, rows[i].bits, alg, (uint8_t)(i + 1));

		assert_ok(rig_generate(rig, &rq, &key));
		for (size_t j = 0; j < sizeof(hashes); j++) {
			alg.hash = hashes[j];
			assert_true(has_cap(&rig->info, rows[i].kind, rows[i].bits, rows[i].alg, hashes[j]));
			assert_signs(rig, &key, alg);
		}
	}
	rig_stop(rig);
}

static void info_describes_the_token(void **state)
{
	struct rig *rig = *state;
	uint8_t identity[32];

	assert_ok(rig_start(rig, &usual));
	assert_string_equal(rig->info.description, "SoftHSM v2, token payments");
	assert_string_equal(rig->text, rig->info.description);
	assert_true(rig->info.needs_intent);
	assert_false(rig->info.needs_parent);
	assert_int_equal(rig->info.threads, 1);
	memcpy(identity, rig->info.identity, sizeof(identity));
	rig_stop(rig);
	rig_token(rig, "orders");
	assert_ok(rig_start(rig, &(struct given){ .token = "orders" }));
	assert_memory_not_equal(identity, rig->info.identity, sizeof(identity));
	rig_stop(rig);
	assert_ok(rig_start(rig, &usual));
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
			rig_ask(rig, "vendor", true);
		assert_ok(rig_start(rig, &(struct given){ .verify = rows[i].verify }));
		assert_int_equal(rig->info.verify_after_sign, rows[i].want);
		rig_stop(rig);
		if (rows[i].vendor)
			rig_ask(rig, "vendor", false);
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
	struct worker_request rq = rig_p256(1);
	struct key key;

	assert_ok(rig_start(rig, &usual));
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct worker_request bad = rq;

		bad.key.kind = shapes[i].kind;
		bad.key.family = shapes[i].family;
		bad.key.bits = shapes[i].bits;
		assert_fails(rig_generate(rig, &bad, &key), ATTR_TYPE);
	}
	assert_ok(rig_generate(rig, &rq, &key));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_status(rig_sign(rig, &key, rows[i].alg, bytes_of(hash, rows[i].hash_bytes)), rows[i].want);
	assert_signs(rig, &key, ecdsa_sha256);
}

static void random_bytes_come_from_the_token(void **state)
{
	struct worker_request rq = { .bytes = WORKER_RANDOM_MAX };
	struct rig *rig = *state;
	uint8_t first[64];

	assert_ok(rig_start(rig, &usual));
	assert_ok(rig_call(rig, WORKER_RANDOM, &rq, nothing, nothing));
	assert_int_equal(rig->answer.part[0].len, WORKER_RANDOM_MAX);
	memcpy(first, rig->answer.part[0].data, sizeof(first));
	assert_ok(rig_call(rig, WORKER_RANDOM, &rq, nothing, nothing));
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
	struct worker_request rq = rig_p256(7);
	char id[2 * WORKER_HARDWARE_ID_BYTES + 1], command[512];
	struct key key;
	const char *list;

	assert_ok(rig_start(rig, &usual));
	assert_ok(rig_generate(rig, &rq, &key));
	rig_stop(rig);
	hex_of(bytes_of(rq.hardware_id, sizeof(rq.hardware_id)), id);
	list = rig_tool(rig, TOOL_LOGIN "--list-objects --type privkey");
	assert_says(list, id);
	assert_says(list, "sensitive, always sensitive, never extractable, local");
	assert_says(list, "Usage:      sign\n");
	assert_says(list, "Allowed mechanisms: ECDSA\n");
	assert_null(strstr(list, "label:      k"));
	list = rig_tool(rig, TOOL_LOGIN "--list-objects --type pubkey");
	assert_says(list, id);
	assert_says(list, "Usage:      verify\n");
	assert_int_equal(occurrences(rig_tool(rig, TOOL "--list-objects"), "Key Object"), 0);
	(void)snprintf(command, sizeof(command),
		TOOL_LOGIN "--read-object --type pubkey --id %s --output-file %s/pub.der", id, rig->dir);
	(void)rig_tool(rig, command);
}

static void another_program_has_the_same_public_key(void **state)
{
	AUTO(buf_done) struct buf spki = buf_make(DER_SPKI_MAX_BYTES);
	struct rig *rig = *state;
	uint8_t file[DER_SPKI_MAX_BYTES];
	char id[2 * WORKER_HARDWARE_ID_BYTES + 1], command[512];

	assert_ok(rig_start(rig, &usual));
	for (uint8_t i = 1; i <= 2; i++) {
		struct psa_alg pss = { .kind = PSA_ALG_RSA_PSS, .hash = PSA_HASH_SHA_256 };
		struct worker_request rq = i == 1 ? rig_p256(i) : rig_request(PSA_KEY_RSA_PAIR, 2048, pss, i);
		struct key key;
		FILE *in;

		assert_ok(rig_generate(rig, &rq, &key));
		hex_of(bytes_of(rq.hardware_id, sizeof(rq.hardware_id)), id);
		(void)snprintf(command, sizeof(command),
			TOOL_LOGIN "--read-object --type pubkey --id %s --output-file %s/pub.der", id, rig->dir);
		(void)rig_tool(rig, command);
		in = fopen(rig_path(rig, "pub.der"), "r");
		assert_non_null(in);
		buf_clear(&spki);
		assert_ok(der_spki_put(&spki, &rq.key, bytes_of(key.public, key.public_len)));
		assert_bytes(bytes_of(file, fread(file, 1, sizeof(file), in)), buf_bytes(&spki));
		(void)fclose(in);
	}
}

/* ---- life and death of keys -------------------------------------------------------------------------------------- */

static void keys_survive_a_restart_of_the_worker(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1), other = rig_p256(2);
	struct key first, second;

	assert_ok(rig_start(rig, &usual));
	assert_ok(rig_generate(rig, &rq, &first));
	assert_ok(rig_generate(rig, &other, &second));
	rig_stop(rig);
	assert_ok(rig_start(rig, &usual));
	assert_signs(rig, &second, ecdsa_sha256);
	assert_signs(rig, &first, ecdsa_sha256);
	rig_kill(rig);
	assert_ok(rig_start(rig, &usual));
	assert_signs(rig, &first, ecdsa_sha256);
	assert_signs(rig, &second, ecdsa_sha256);
}

static void destroy_removes_both_halves_of_one_key(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1), other = rig_p256(2);
	struct key key, kept;
	uint8_t hash[32] = { 1 };

	assert_ok(rig_start(rig, &usual));
	assert_ok(rig_generate(rig, &rq, &key));
	assert_ok(rig_generate(rig, &other, &kept));
	assert_signs(rig, &key, ecdsa_sha256);
	assert_int_equal(rig_find(rig, &rq), 2);
	assert_ok(rig_call(rig, WORKER_DESTROY, &rq, rig_blob(&key), nothing));
	assert_bytes(rig->answer.part[2], BYTES_LITERAL("C_DestroyObject"));
	assert_int_equal(rig_find(rig, &rq), 0);
	assert_fails(rig_sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_KEY_GONE);
	assert_ok(rig_call(rig, WORKER_DESTROY, &rq, rig_blob(&key), nothing)); /* recovery may do it again */
	assert_int_equal(rig_find(rig, &other), 2);
	assert_signs(rig, &kept, ecdsa_sha256);
	rig_stop(rig);
	assert_int_equal(occurrences(rig_tool(rig, TOOL_LOGIN "--list-objects"), "Key Object"), 2);
}

static void clean_destroys_by_id_alone(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1), other = rig_p256(2);
	struct key key;

	assert_ok(rig_start(rig, &usual));
	assert_ok(rig_generate(rig, &rq, &key));
	assert_ok(rig_generate(rig, &other, &key));
	assert_ok(rig_call(rig, WORKER_CLEAN, &rq, nothing, nothing));
	assert_int_equal(rig_find(rig, &rq), 0);
	assert_int_equal(rig_find(rig, &other), 2);
	assert_ok(rig_call(rig, WORKER_CLEAN, &rq, nothing, nothing));
}

static void a_key_destroyed_by_another_program_is_gone(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1);
	char id[2 * WORKER_HARDWARE_ID_BYTES + 1], command[512];
	uint8_t hash[32] = { 1 };
	struct key key;

	assert_ok(rig_start(rig, &usual));
	assert_ok(rig_generate(rig, &rq, &key));
	assert_signs(rig, &key, ecdsa_sha256);
	hex_of(bytes_of(rq.hardware_id, sizeof(rq.hardware_id)), id);
	(void)snprintf(command, sizeof(command), TOOL_LOGIN "--delete-object --type privkey --id %s", id);
	(void)rig_tool(rig, command);
	assert_fails(rig_sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_KEY_GONE);
}

static void a_damaged_or_foreign_blob_is_refused(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1);
	uint8_t hash[32] = { 1 };
	struct key key, bad;

	assert_ok(rig_start(rig, &usual));
	assert_ok(rig_generate(rig, &rq, &key));
	for (size_t len = 0; len < key.blob_len; len++) {
		bad = key;
		bad.blob_len = len;
		assert_fails(rig_sign(rig, &bad, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_INTEGRITY);
	}
	bad = key;
	bad.blob_len++;
	assert_fails(rig_sign(rig, &bad, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_INTEGRITY);
	bad = key;
	bad.blob[0]++;
	assert_fails(rig_sign(rig, &bad, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_INTEGRITY);
	bad = key;
	bad.blob[20] ^= 1; /* the id */
	assert_fails(rig_sign(rig, &bad, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_KEY_GONE);
	rig_stop(rig);
	rig_token(rig, "orders");
	assert_ok(rig_start(rig, &(struct given){ .token = "orders" }));
	assert_fails(rig_sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_INTEGRITY);
	assert_fails(rig_call(rig, WORKER_DESTROY, &rq, rig_blob(&key), nothing), DEVICE_INTEGRITY);
}

static void clean_leaves_nothing_of_a_worker_that_was_killed(void **state)
{
	struct rig *rig = *state;
	char id[2 * WORKER_TAG_BYTES + 1];
	unsigned seen = 0;

	for (uint8_t i = 0; i < KILLS; i++) {
		struct worker_request rq = rig_p256((uint8_t)(i + 1));

		assert_ok(rig_start(rig, &(struct given){ .directly = true }));
		rig_send(rig, WORKER_GENERATE, &rq, nothing, nothing);
		if (i == KILLS - 1) /* one at least is made for certain */
			assert_ok(ipc_wait(rig->lane, RIG_CALL_MS, &rig->answer));
		else
			assert_int_equal(usleep(i * 1500U), 0);
		rig_kill(rig);
	}
	assert_ok(rig_start(rig, &usual));
	for (uint8_t i = 0; i < KILLS; i++) {
		struct worker_request rq = rig_p256((uint8_t)(i + 1));

		seen += rig_find(rig, &rq);
		assert_ok(rig_call(rig, WORKER_CLEAN, &rq, nothing, nothing));
		assert_int_equal(rig_find(rig, &rq), 0);
	}
	assert_true(seen >= 2);
	rig_stop(rig);
	/* SoftHSM2 files an object before it fills it in; killed between, it keeps one that has neither id nor key. */
	hex_of(bytes_of(RIG_TAG, WORKER_TAG_BYTES), id);
	assert_int_equal(occurrences(rig_tool(rig, TOOL_LOGIN "--list-objects"), id), 0);
}

/* ---- tokens that make something else ----------------------------------------------------------------------------- */

static void a_pair_with_other_attributes_is_destroyed(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1);
	struct key key;

	assert_ok(rig_start(rig, &usual));
	rig_ask(rig, "extractable", true);
	assert_fails(rig_generate(rig, &rq, &key), DEVICE_ATTRS);
	assert_int_equal(rig_find(rig, &rq), 0);
	rig_ask(rig, "extractable", false);
	assert_ok(rig_generate(rig, &rq, &key));
}

static void a_picky_token_gets_a_shorter_template(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1);
	struct key key;

	assert_ok(rig_start(rig, &usual));
	rig_ask(rig, "picky", true);
	assert_ok(rig_generate(rig, &rq, &key));
	assert_signs(rig, &key, ecdsa_sha256);
	rig_stop(rig);
	assert_says(rig_tool(rig, TOOL_LOGIN "--list-objects --type privkey"),
		"sensitive, always sensitive, never extractable, local");
}

/* ---- lost sessions ----------------------------------------------------------------------------------------------- */

static void a_lost_session_is_opened_once_more(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1), other = rig_p256(2);
	struct key key;

	assert_ok(rig_start(rig, &usual));
	assert_int_equal(rig_logins(rig), 1);
	assert_ok(rig_generate(rig, &rq, &key));
	rig_ask(rig, "lose", true);
	assert_signs(rig, &key, ecdsa_sha256);
	assert_false(rig_asked(rig, "lose"));
	assert_int_equal(rig_logins(rig), 2);
	rig_ask(rig, "lose-made", true);
	assert_ok(rig_generate(rig, &other, &key));
	assert_false(rig_asked(rig, "lose-made"));
	assert_int_equal(rig_logins(rig), 3);
	assert_int_equal(rig_find(rig, &other), 2); /* nothing is left of the first attempt */
	assert_signs(rig, &key, ecdsa_sha256);
	assert_int_equal(rig_logins(rig), 3);
}

static void an_absent_token_is_reported_and_may_come_back(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1);
	uint8_t hash[32] = { 1 };
	struct key key;

	assert_ok(rig_start(rig, &usual));
	assert_ok(rig_generate(rig, &rq, &key));
	rig_ask(rig, "absent", true);
	assert_fails(rig_sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_GONE);
	assert_fails(rig_sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_GONE);
	assert_int_equal(rig_logins(rig), 1);
	rig_ask(rig, "absent", false);
	assert_signs(rig, &key, ecdsa_sha256);
	assert_int_equal(rig_logins(rig), 2);
}

static void an_exchanged_token_is_not_used(void **state)
{
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1);
	uint8_t hash[32] = { 1 };
	struct key key;

	assert_ok(rig_start(rig, &usual));
	assert_ok(rig_generate(rig, &rq, &key));
	rig_ask(rig, "other", true);
	rig_ask(rig, "lose", true);
	assert_fails(rig_sign(rig, &key, ecdsa_sha256, bytes_of(hash, sizeof(hash))), DEVICE_IDENTITY);
	assert_int_equal(rig_logins(rig), 1);
}

/* ---- the PIN ----------------------------------------------------------------------------------------------------- */

static void a_wrong_pin_is_tried_exactly_once(void **state)
{
	const struct given wrong = { .pin = pin_wrong };
	struct rig *rig = *state;

	assert_fails(rig_start(rig, &wrong), PIN_REFUSED);
	assert_says(rig->text, "put the right one into pin_file");
	assert_int_equal(rig_logins(rig), 1);
	for (int i = 0; i < 3; i++) {
		assert_fails(rig_start(rig, &wrong), PIN_TRIED);
		assert_says(rig->text, "put another into pin_file");
	}
	assert_int_equal(rig_logins(rig), 1);
	assert_ok(rig_start(rig, &usual)); /* another content: one more attempt, which succeeds */
	rig_stop(rig);
	assert_int_equal(rig_logins(rig), 2);
	assert_ok(rig_start(rig, &usual));
	rig_stop(rig);
	assert_int_equal(rig_logins(rig), 3);
}

static size_t read_file(const struct rig *rig, const char *name, uint8_t *to, size_t room)
{
	FILE *file = fopen(rig_path(rig, name), "r");
	size_t len;

	assert_non_null(file);
	len = fread(to, 1, room, file);
	(void)fclose(file);
	return len;
}

static void the_attempt_is_on_disk_before_the_login(void **state)
{
	struct rig *rig = *state;
	uint8_t record[64], seen[8];

	assert_fails(rig_start(rig, &(struct given){ .pin = pin_wrong }), PIN_REFUSED);
	assert_int_equal(read_file(rig, "pintry", record, sizeof(record)), 50);
	assert_int_equal(record[0], 1);
	assert_int_equal(record[49], 1); /* tried, no success */
	assert_null(memmem(record, sizeof(record), pin_wrong, strlen(pin_wrong)));
	assert_ok(rig_start(rig, &usual));
	rig_stop(rig);
	assert_int_equal(read_file(rig, "pintry", record, sizeof(record)), 50);
	assert_int_equal(record[49], 2);
	assert_ok(rig_start(rig, &usual));
	rig_stop(rig);
	assert_bytes(bytes_of(seen, read_file(rig, "logins", seen, sizeof(seen))), BYTES_LITERAL("RRR"));
}

/* As a worker that was killed in the middle of a login leaves it. */
static void set_attempt(const struct rig *rig, uint8_t attempt)
{
	FILE *file = fopen(rig_path(rig, "pintry"), "r+");

	assert_non_null(file);
	assert_int_equal(fseek(file, 49, SEEK_SET), 0);
	assert_int_equal(fwrite(&attempt, 1, 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

static void a_login_cut_short_is_tried_again_only_with_a_pin_that_was_good(void **state)
{
	struct rig *rig = *state;

	assert_ok(rig_start(rig, &usual));
	rig_stop(rig);
	set_attempt(rig, 3);
	assert_ok(rig_start(rig, &usual));
	rig_stop(rig);
	assert_int_equal(rig_logins(rig), 2);
	set_attempt(rig, 3);
	rig_ask(rig, "low", true); /* that login has failed: somebody changed the token's PIN */
	assert_fails(rig_start(rig, &usual), PIN_TRIED);
	assert_int_equal(rig_logins(rig), 2);
	rig_ask(rig, "low", false);
	set_attempt(rig, 1); /* it was never good */
	assert_fails(rig_start(rig, &usual), PIN_TRIED);
	assert_int_equal(rig_logins(rig), 2);
	assert_fails(rig_start(rig, &(struct given){ .pin = pin_wrong }), PIN_REFUSED);
	set_attempt(rig, 3);
	assert_fails(rig_start(rig, &(struct given){ .pin = pin_wrong }), PIN_TRIED); /* SoftHSM2 says so itself */
	assert_int_equal(rig_logins(rig), 3);
}

static void a_record_that_is_not_ours_counts_as_an_attempt(void **state)
{
	struct rig *rig = *state;

	rig_write(rig, "pintry", "something that is no attempt of ours");
	assert_fails(rig_start(rig, &usual), PIN_TRIED);
	assert_int_equal(rig_logins(rig), 0);
}

static void a_token_at_its_final_try_is_left_alone(void **state)
{
	static const char *const flags[] = { "final", "locked" };
	struct rig *rig = *state;

	for (size_t i = 0; i < 2; i++) {
		rig_ask(rig, flags[i], true);
		assert_fails(rig_start(rig, &usual), PIN_LOCKED);
		assert_says(rig->text, "unlock it");
		assert_int_equal(rig_logins(rig), 0);
		rig_ask(rig, flags[i], false);
	}
	assert_ok(rig_start(rig, &usual)); /* it was no attempt */
}

static void a_token_that_wants_a_pin_says_so(void **state)
{
	struct rig *rig = *state;

	assert_fails(rig_start(rig, &(struct given){ .pin = "" }), DEVICE_AUTH);
	assert_says(rig->text, "set pin_file");
	assert_int_equal(rig_logins(rig), 0);
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
		assert_fails(rig_start(rig, &rows[i].given), MODULE_MISSING);
		assert_says(rig->text, rows[i].says);
		assert_says(rig->text, "provider hsm: ");
	}
	assert_int_equal(rig_logins(rig), 0);
}

static void of_two_tokens_with_one_label_the_serial_number_decides(void **state)
{
	struct rig *rig = *state;
	char serial[17] = "";
	const char *at;

	rig_token(rig, "payments");
	assert_fails(rig_start(rig, &usual), MODULE_MISSING);
	assert_says(rig->text, "several tokens");
	at = strstr(rig_tool(rig, "softhsm2-util --show-slots"), "Serial number:");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "Serial number: %16s", serial), 1);
	assert_ok(rig_start(rig, &(struct given){ .serial = serial }));
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
	const char *list;

	memset(plain, 0x5a, sizeof(plain));
	assert_ok(rig_start(rig, &wraps));
	assert_ok(wrap_seal(rig->wrap, bytes_of(plain, sizeof(plain)), &sealed));
	assert_null(memmem(sealed.data, sealed.len, plain, sizeof(plain)));
	assert_ok(wrap_seal(rig->wrap, bytes_of(plain, sizeof(plain)), &again));
	assert_false(bytes_equal(buf_bytes(&sealed), buf_bytes(&again)));
	rig_stop(rig);

	assert_ok(rig_start(rig, &wraps));
	assert_ok(wrap_open(rig->wrap, buf_bytes(&sealed), &key));
	assert_bytes(secret_bytes(&key), bytes_of(plain, sizeof(plain)));
	rig_stop(rig);
	list = rig_tool(rig, TOOL_LOGIN "--list-objects --type secrkey");
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

	assert_ok(rig_start(rig, &wraps));
	assert_fails(wrap_open(rig->wrap, bytes_of(plain, sizeof(plain)), &key), DEVICE_INTEGRITY);
	assert_ok(wrap_seal(rig->wrap, bytes_of(plain, sizeof(plain)), &sealed));
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 0x40;
		assert_fails(wrap_open(rig->wrap, buf_bytes(&sealed), &key), DEVICE_INTEGRITY);
		sealed.data[i] ^= 0x40;
	}
	for (size_t len = 1; len < sealed.len; len++)
		assert_fails(wrap_open(rig->wrap, bytes_of(sealed.data, len), &key), DEVICE_INTEGRITY);
	assert_ok(wrap_open(rig->wrap, buf_bytes(&sealed), &key));
	secret_done(&key);
	rig_stop(rig);
	(void)rig_tool(rig, TOOL_LOGIN "--delete-object --type secrkey --label keyreeve-wrap");
	assert_ok(rig_start(rig, &wraps));
	assert_fails(wrap_open(rig->wrap, buf_bytes(&sealed), &key), DEVICE_KEY_GONE);
}

/* A software worker that was started again comes with a new socket. */
static void a_later_wrapping_socket_is_served(void **state)
{
	AUTO(buf_done) struct buf sealed = buf_make(WRAP_SEALED_MAX);
	uint8_t plain[WRAP_KEY_BYTES] = { 1 };
	struct rig *rig = *state;
	struct worker_request rq = rig_p256(1);
	struct key key;

	assert_ok(rig_start(rig, &usual));
	for (int i = 0; i < 2; i++) {
		ipc_free(TAKE(rig->wrap));
		rig_say(rig, ROLE_FD, BYTES_LITERAL("wrap"), nothing, rig_socket(&rig->wrap));
		assert_ok(wrap_seal(rig->wrap, bytes_of(plain, sizeof(plain)), &sealed));
	}
	assert_ok(rig_generate(rig, &rq, &key));
	assert_signs(rig, &key, ecdsa_sha256);
}

#define ON_TOKEN(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

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
	ON_TOKEN(a_record_that_is_not_ours_counts_as_an_attempt),
	ON_TOKEN(a_token_at_its_final_try_is_left_alone),
	ON_TOKEN(a_login_cut_short_is_tried_again_only_with_a_pin_that_was_good),
	ON_TOKEN(a_token_that_wants_a_pin_says_so),
	ON_TOKEN(a_missing_module_or_token_says_what_to_do),
	ON_TOKEN(of_two_tokens_with_one_label_the_serial_number_decides),
	ON_TOKEN(the_wrapping_key_is_sealed_and_opened),
	ON_TOKEN(a_sealed_wrapping_key_opens_unchanged_or_not_at_all),
	ON_TOKEN(a_later_wrapping_socket_is_served),
};

UNIT_MAIN(tests)
