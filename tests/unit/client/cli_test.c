/* SPDX-License-Identifier: Apache-2.0
 *
 * The program keyreeve against a scripted service: exit codes, what it prints, and what it makes of the audit log.
 * The key and the signature were made with openssl. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/support/scripted.h"
#include "wire/opcode.h"
#include "wire/psa_pb.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char point_hex[] =
	"04932175858208211b2b4f028f54eb0797070ba812c10f2498864ddfe15828940337f169a58ea33aa08734d84"
	"76cb397c42f284cc04445afc0a74cbd2c565a828d";
static const char raw_hex[] =
	"82fffbd71e43dbbc836680b931bb940b844c871491177288b4bda94f02ebadd2bb68b1ed8fe1de9f3f2a73a5523"
	"9dcacf43d6733b91853763c2e42ae888f60cb";
static const char der_hex[] =
	"304602210082fffbd71e43dbbc836680b931bb940b844c871491177288b4bda94f02ebadd2022100bb68b1ed8fe"
	"1de9f3f2a73a55239dcacf43d6733b91853763c2e42ae888f60cb";
static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
			  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEkyF1hYIIIRsrTwKPVOsHlwcLqBLB\n"
			  "DySYhk3f4VgolAM38WmljqM6oIc02Edss5fELyhMwERFr8CnTL0sVlqCjQ==\n"
			  "-----END PUBLIC KEY-----\n";

/* ---- running it ---------------------------------------------------------------------------------------- */

enum { ARGUMENTS = 16 };

struct ran {
	int code;
	char out[8192], err[8192];
	size_t out_len;
};

static size_t slurp(const char *path, char *to, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t len;

	assert_non_null(file);
	len = fread(to, 1, size - 1, file);
	to[len] = '\0';
	(void)fclose(file);
	return len;
}

/* Arguments up to NULL; input is what standard input holds.  A clean environment, but for a socket at `path`. */
static struct ran run(const char *path, const char *input, const char *const *arguments)
{
	char in[] = "/tmp/cli-in.XXXXXX", out[] = "/tmp/cli-out.XXXXXX", err[] = "/tmp/cli-err.XXXXXX", endpoint[100];
	char *argv[ARGUMENTS + 2] = { (char *)(uintptr_t)TEST_KEYREEVE };
	char *environment[] = { endpoint, (char *)(uintptr_t) "PATH=/usr/bin:/bin", NULL };
	int fds[3] = { mkstemp(in), mkstemp(out), mkstemp(err) }, status = 0;
	posix_spawn_file_actions_t actions;
	struct ran ran = { 0 };
	pid_t pid;

	for (size_t i = 0; i < ARGUMENTS && arguments[i] != NULL; i++)
		argv[i + 1] = (char *)(uintptr_t)arguments[i];
	(void)snprintf(endpoint, sizeof(endpoint), "PARSEC_SERVICE_ENDPOINT=unix:%s", path);
	assert_true(fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0);
	assert_int_equal(write(fds[0], input, strlen(input)), strlen(input));
	assert_int_equal(lseek(fds[0], 0, SEEK_SET), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fds[i], i), 0);
	assert_int_equal(posix_spawn(&pid, TEST_KEYREEVE, &actions, NULL, argv, environment), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)posix_spawn_file_actions_destroy(&actions);
	assert_true(WIFEXITED(status));
	ran.code = WEXITSTATUS(status);
	ran.out_len = slurp(out, ran.out, sizeof(ran.out));
	(void)slurp(err, ran.err, sizeof(ran.err));
	for (int i = 0; i < 3; i++)
		(void)close(fds[i]);
	(void)unlink(in);
	(void)unlink(out);
	(void)unlink(err);
	return ran;
}

#define RUN(path, input, ...) run(path, input, (const char *const[]){ __VA_ARGS__, NULL })

static struct ran run_scripted(const struct script_step *steps, size_t count, const char *input,
	const char *const *arguments, struct scripted *ret_server)
{
	struct ran ran;

	scripted_start(ret_server, steps, count);
	ran = run(ret_server->path, input, arguments);
	scripted_stop(ret_server);
	return ran;
}

#define SCRIPTED(steps, input, ...) \
	run_scripted(steps, COUNT(steps), input, (const char *const[]){ __VA_ARGS__, NULL }, &server)

static struct bytes hex(const char *text, uint8_t *to)
{
	size_t len = strlen(text) / 2;

	for (size_t i = 0; i < len; i++) {
		unsigned value;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
		to[i] = (uint8_t)value;
	}
	return bytes_of(to, len);
}

/* A list of one key, and a result with data; static so that steps may borrow them. */
static struct bytes list_of(uint8_t provider, const char *name, struct psa_alg alg)
{
	static struct buf body;
	struct psa_key_attributes key = { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1,
		PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE, 256, alg };

	buf_done(&body);
	body = buf_make(1000);
	assert_ok(wire_key_info_put(&body, provider, bytes_from_text(name), &key));
	return buf_bytes(&body);
}

static struct bytes data_of(const char *text)
{
	static struct buf body;
	uint8_t raw[256];

	buf_done(&body);
	body = buf_make(1000);
	assert_ok(wire_data_result_put(&body, hex(text, raw)));
	return buf_bytes(&body);
}

static const struct psa_alg ecdsa_any = { PSA_ALG_ECDSA, PSA_HASH_ANY, 0, 0, 0 };

/* ---- exit codes ---------------------------------------------------------------------------------------- */

/* DESIGN section 9, over the way that a user sees it. */
static void every_status_has_its_exit_code(void **state)
{
	static const struct {
		uint16_t status;
		int want;
	} rows[] = { { 0, 0 }, { 1, 2 }, { 2, 2 }, { 3, 2 }, { 4, 2 }, { 5, 4 }, { 6, 4 }, { 7, 2 }, { 8, 6 }, { 9, 4 },
		{ 10, 1 }, { 11, 4 }, { 12, 4 }, { 13, 4 }, { 14, 6 }, { 15, 2 }, { 16, 1 }, { 17, 2 }, { 18, 2 },
		{ 19, 4 }, { 20, 1 }, { 21, 4 }, { 22, 4 }, { 1132, 6 }, { 1133, 4 }, { 1134, 4 }, { 1135, 1 },
		{ 1136, 6 }, { 1137, 6 }, { 1138, 6 }, { 1139, 5 }, { 1140, 5 }, { 1142, 6 }, { 1143, 6 }, { 1145, 6 },
		{ 1146, 6 }, { 1147, 6 }, { 1148, 6 }, { 1149, 7 }, { 1150, 6 }, { 1151, 6 }, { 1152, 6 },
		{ 1153, 6 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct script_step steps[] = { { .status = rows[i].status } };
		struct scripted server;
		struct ran ran = SCRIPTED(steps, "", "key", "create", "web", "--provider", "tpm");
		char number[16];

		(void)snprintf(number, sizeof(number), "(%u ", rows[i].status);
		assert_int_equal(ran.code, rows[i].want);
		assert_int_equal(ran.code == 0, ran.err[0] == '\0');
		assert_true(ran.code == 0 || strstr(ran.err, number) != NULL);
		assert_true(ran.code == 0 || strncmp(ran.err, "keyreeve: web: ", 15) == 0);
	}
}

static void wrong_usage_is_1_and_says_what(void **state)
{
	static const struct {
		const char *arguments[6], *says;
	} rows[] = {
		{ { NULL }, "usage:" },
		{ { "frobnicate" }, "no such command" },
		{ { "key" }, "there are: key create; key list; key show; key destroy; key public" },
		{ { "key", "creat", "a" }, "key creat: no such command" },
		{ { "key", "create" }, "argument is missing" },
		{ { "key", "create", "a", "b" }, "too many arguments" },
		{ { "ping", "--type", "x" }, "no such option" },
		{ { "ping", "--frobnicate" }, "--frobnicate: no such option" },
		{ { "ping", "--json=1" }, "takes no value" },
		{ { "ping", "--timeout" }, "needs a value" },
		{ { "key", "create", "" }, "the name is empty" },
		{ { "random", "1", "--json", "--out", "x" }, "--out" },
		{ { "verify", "web", "--signature", "-" }, "cannot both be standard input" },
		{ { "ping", "--auth", "password" }, "no such way to authenticate" },
		{ { "ping", "--auth", "direct:" }, "no such way to authenticate" },
		{ { "ping", "--provider", "abacus" }, "no such provider" },
		{ { "ping", "--timeout", "soon" }, "not a number of seconds" },
		{ { "ping", "--socket", "here" }, "address is not valid" },
		{ { "random", "-1" }, "-1: no such option" },
		{ { "random", "many" }, "not a number of bytes" },
		{ { "random", "1048577" }, "not a number of bytes" },
		{ { "verify", "web" }, "--signature FILE is missing" },
		{ { "key", "create", "a", "--usage", "juggle" }, "no usage" },
		{ { "key", "create", "a", "--type", "ecc-p257" }, "unknown key type" },
		{ { "key", "create", "a", "--alg", "ecdsa" }, "unknown algorithm" },
		{ { "audit", "show", "--since", "lately" }, "it is no time" },
		{ { "audit", "show", "--dir", "/nowhere" }, "No such file" },
		{ { "policy" }, "usage:" },
		{ { "policy", "guess" }, "there is policy explain and policy check" },
		{ { "policy", "explain", "/dev/null", "--as", "uid:1" }, "--as ID and --op OPERATION" },
		{ { "policy", "check", "/nowhere" }, "No such file" },
		{ { "policy", "check", "/dev/null", "--key", "k" }, "it has no options" },
		{ { "policy", "diff", "/dev/null" }, "OLD and NEW are needed" },
		{ { "policy", "test" }, "FILE is needed" },
		{ { "policy", "check", "/dev/null", "--dir", "/" }, "--dir is for diff" },
		{ { "policy", "diff", "/dev/null", "/dev/null", "x" }, "too many arguments" },
		{ { "--json", "policy", "check" }, "it is the first word" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ran ran = run("/nowhere/keyreeve.sock", "", rows[i].arguments);

		print_message("%s\n", rows[i].says);
		assert_int_equal(ran.code, 1);
		assert_non_null(strstr(ran.err, rows[i].says));
		assert_int_equal(ran.out_len, 0);
	}
}

static void absent_service_is_2_and_absent_workload_api_is_3(void **state)
{
	struct scripted server;
	struct ran ran = RUN("/nowhere/keyreeve.sock", "", "ping");

	(void)state;
	assert_int_equal(ran.code, 2);
	assert_non_null(strstr(ran.err, "/nowhere/keyreeve.sock"));
	scripted_start(&server, NULL, 0);
	ran = RUN(server.path, "", "key", "list", "--auth", "jwt-svid");
	assert_int_equal(ran.code, 3);
	assert_non_null(strstr(ran.err, "SPIFFE_ENDPOINT_SOCKET"));
	ran = RUN(server.path, "", "token", "inspect");
	assert_int_equal(ran.code, 3);
	scripted_stop(&server);
	assert_int_equal(server.connections, 0);
}

static void help_and_version_are_good(void **state)
{
	struct ran ran = RUN("/nowhere", "", "--help");

	(void)state;
	assert_int_equal(ran.code, 0);
	assert_non_null(strstr(ran.out, "key create NAME"));
	ran = RUN("/nowhere", "", "sign", "--help");
	assert_int_equal(ran.code, 0);
	assert_non_null(strstr(ran.out, "--message"));
	assert_null(strstr(ran.out, "--since"));
	ran = RUN("/nowhere", "", "--version");
	assert_int_equal(ran.code, 0);
	assert_non_null(strstr(ran.out, "build"));
	assert_non_null(strstr(ran.out, "gRPC"));
}

/* ---- signatures ------------------------------------------------------------------------------------------ */

static void signature_is_what_openssl_made(void **state)
{
	struct script_step steps[] = { { .keep = true }, { .keep = true } };
	static const uint8_t hash_of_hello[] = { 0x58, 0x91, 0xb5, 0xb5 };
	struct wire_arena arena = { 0 };
	struct scripted server;
	struct wire_sign sent;
	uint8_t want[128];
	struct ran ran;

	(void)state;
	steps[0].body = list_of(PROVIDER_ID_TPM, "web", ecdsa_any);
	steps[1].body = data_of(raw_hex);
	ran = SCRIPTED(steps, "hello\n", "sign", "web");
	assert_int_equal(ran.code, 0);
	assert_bytes(bytes_of(ran.out, ran.out_len), hex(der_hex, want));
	assert_int_equal(server.connections, 1);
	assert_int_equal(server.seen[1].header.provider, PROVIDER_ID_TPM);
	assert_int_equal(server.seen[1].header.opcode, OPCODE_PSA_SIGN_HASH);
	assert_ok(
		wire_sign_decode(bytes_of(server.seen[1].body, server.seen[1].header.body_len), &arena, false, &sent));
	assert_int_equal(sent.alg.hash, PSA_HASH_SHA_256); /* "any" becomes what fits the key */
	assert_int_equal(sent.data.len, 32);
	assert_memory_equal(sent.data.data, hash_of_hello, 4);
	wire_arena_done(&arena);

	ran = SCRIPTED(steps, "hello\n", "sign", "web", "--raw");
	assert_bytes(bytes_of(ran.out, ran.out_len), hex(raw_hex, want));
	ran = SCRIPTED(steps, "hello\n", "sign", "web", "--hex", "--message");
	assert_int_equal(server.seen[1].header.opcode, OPCODE_PSA_SIGN_MESSAGE);
	assert_int_equal(strncmp(ran.out, der_hex, strlen(der_hex)), 0);
	ran = SCRIPTED(steps, "hello\n", "sign", "web", "--json");
	assert_non_null(strstr(ran.out, "\"signature\": \"MEYCIQCC"));
	assert_non_null(strstr(ran.out, "\"provider\": \"tpm\""));
}

static void public_key_is_the_pem_of_openssl(void **state)
{
	struct script_step steps[] = { { .keep = true }, { .keep = true } };
	struct script_step hidden[] = { { .status = 1133, .keep = true }, { .keep = true } };
	struct scripted server;
	struct ran ran;

	(void)state;
	steps[0].body = list_of(PROVIDER_ID_TPM, "web", ecdsa_any);
	steps[1].body = hidden[1].body = data_of(point_hex);
	ran = SCRIPTED(steps, "", "key", "public", "web");
	assert_int_equal(ran.code, 0);
	assert_string_equal(ran.out, pem);
	ran = SCRIPTED(steps, "", "key", "public", "web", "--raw", "--hex");
	assert_int_equal(strncmp(ran.out, point_hex, strlen(point_hex)), 0);
	/* policy hides the list: the key says itself what it is */
	ran = SCRIPTED(hidden, "", "key", "public", "web", "--provider", "tpm");
	assert_int_equal(ran.code, 0);
	assert_string_equal(ran.out, pem);
}

static void signatures_are_verified_in_every_form(void **state)
{
	static const struct {
		const char *text; /* hexadecimal, or base64 */
		const char *option;
		int want;
	} rows[] = { { der_hex, NULL, 0 }, { raw_hex, NULL, 0 }, { raw_hex, "--raw", 0 }, { "3000", NULL, 7 } };
	struct script_step steps[] = { { .keep = true }, { .keep = true } };
	char file[] = "/tmp/cli-signature.XXXXXX";
	int fd = mkstemp(file);
	struct wire_arena arena = { 0 };
	struct wire_verify sent;
	uint8_t raw[128], want[128];
	struct scripted server;

	(void)state;
	assert_true(fd >= 0);
	steps[0].body = list_of(PROVIDER_ID_TPM, "web", ecdsa_any);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes signature = hex(rows[i].text, raw);
		struct ran ran;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, signature.data, signature.len, 0), signature.len);
		ran = run_scripted(steps, rows[i].want == 0 ? 2 : 1, "hello\n",
			(const char *const[]){ "verify", "web", "--signature", file, rows[i].option, NULL }, &server);
		assert_int_equal(ran.code, rows[i].want);
		if (rows[i].want != 0)
			continue;
		assert_string_equal(ran.out, "verified\n");
		assert_ok(wire_verify_decode(
			bytes_of(server.seen[1].body, server.seen[1].header.body_len), &arena, false, &sent));
		assert_bytes(sent.signature, hex(raw_hex, want));
		wire_arena_done(&arena);
	}
	steps[1].status = 1149;
	{
		struct ran ran = SCRIPTED(steps, "hello\n", "verify", "web", "--raw", "--signature", file);

		assert_int_equal(ran.code, 7);
		ran = SCRIPTED(steps, "hello\n", "verify", "web", "--raw", "--json", "--signature", file);
		assert_int_equal(ran.code, 7);
		assert_non_null(strstr(ran.out, "\"verified\": false"));
	}
	(void)close(fd);
	(void)unlink(file);
}

/* ---- keys ------------------------------------------------------------------------------------------------ */

static void keys_are_shown_as_table_and_as_json(void **state)
{
	struct script_step steps[] = { { .keep = true } };
	struct scripted server;
	struct ran ran;

	(void)state;
	steps[0].body = list_of(PROVIDER_ID_PKCS11, "web", ecdsa_any);
	ran = SCRIPTED(steps, "", "key", "list");
	assert_int_equal(ran.code, 0);
	assert_non_null(strstr(ran.out, "web   ecc-p256   ecdsa-any               pkcs11"));
	ran = SCRIPTED(steps, "", "key", "list", "--json");
	assert_non_null(strstr(ran.out, "\"algorithm\": \"ecdsa-any\""));
	ran = SCRIPTED(steps, "", "key", "show", "web");
	assert_non_null(strstr(ran.out, "usage      sign-message,sign-hash"));
	ran = SCRIPTED(steps, "", "key", "show", "other");
	assert_int_equal(ran.code, 5);
	ran = SCRIPTED(steps, "", "key", "show", "web", "--provider", "tpm");
	assert_int_equal(ran.code, 5);
}

static void undecided_create_says_so(void **state)
{
	static const struct script_step steps[] = { { .act = SCRIPT_CLOSE } };
	struct scripted server;
	struct ran ran;

	(void)state;
	ran = SCRIPTED(steps, "", "key", "create", "web", "--provider", "tpm");
	assert_int_equal(ran.code, 2);
	assert_non_null(strstr(ran.err, "it may have happened"));
	ran = SCRIPTED(steps, "", "key", "create", "web", "--provider", "tpm", "--json");
	assert_non_null(strstr(ran.err, "\"undecided\": true"));
	assert_int_equal(server.seen_count, 1);
}

/* ---- tokens ---------------------------------------------------------------------------------------------- */

/* {"alg":"ES256","kid":"x1","typ":"JWT"} . {"sub":"spiffe://d/w","aud":["parsec"],"iat":1763910000,"exp":N} . sig */
#define TOKEN_HEAD "eyJhbGciOiJFUzI1NiIsImtpZCI6IngxIiwidHlwIjoiSldUIn0."
#define TOKEN_PAST "eyJzdWIiOiJzcGlmZmU6Ly9kL3ciLCJhdWQiOlsicGFyc2VjIl0sImlhdCI6MTc2MzkxMDAwMCwiZXhwIjoxNzYzOTEwMzAwfQ."
#define TOKEN_SIGNATURE "c2VjcmV0LXNpZ25hdHVyZQ"

static void token_is_shown_without_what_makes_it_usable(void **state)
{
	struct ran ran = RUN("/nowhere", TOKEN_HEAD TOKEN_PAST TOKEN_SIGNATURE "\n", "token", "inspect", "-");

	(void)state;
	assert_int_equal(ran.code, 8); /* it has expired */
	assert_non_null(strstr(ran.out, "subject    spiffe://d/w"));
	assert_non_null(strstr(ran.out, "lifetime   300 s"));
	assert_non_null(strstr(ran.out, "2025-11-23T15:05:00Z"));
	assert_null(strstr(ran.out, TOKEN_SIGNATURE));
	ran = RUN("/nowhere", TOKEN_HEAD TOKEN_PAST TOKEN_SIGNATURE, "token", "inspect", "-", "--json");
	assert_non_null(strstr(ran.out, "\"expired\": true"));
	assert_null(strstr(ran.out, TOKEN_SIGNATURE));
	ran = RUN("/nowhere", "not.a.token", "token", "inspect", "-");
	assert_int_equal(ran.code, 1);
	ran = RUN("/nowhere", "", "token", "inspect", "-");
	assert_int_equal(ran.code, 1);
}

/* ---- audit ----------------------------------------------------------------------------------------------- */

static const char first_segment[] =
	"{\"v\":1,\"seq\":1,\"time\":\"2026-11-23T15:04:05.000123Z\",\"event\":\"start\",\"detail\":\"up\"}\n"
	"{\"v\":1,\"seq\":2,\"time\":\"2026-11-23T15:04:06.000123Z\",\"identity\":\"spiffe://d/"
	"w\",\"op\":\"PsaSignHash\","
	"\"provider\":\"tpm\",\"key\":\"web\",\"rule\":\"tenants[0].rules[0]\",\"status\":\"OK\"}\n";
static const char second_segment[] =
	"{\"v\":1,\"seq\":3,\"time\":\"2026-11-23T15:04:07.000123Z\",\"identity\":\"2001\",\"op\":\"PsaGenerateKey\","
	"\"key\":\"x\\u001b[31m\",\"status\":\"POLICY_DENIED\"}\n"
	"{\"v\":1,\"seq\":4,\"time\":\"2026-11-23T15:04"; /* being written */

static void file_put(const char *directory, const char *name, const char *text)
{
	char path[200];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static size_t lines(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

static void audit_log_is_read_across_segments_and_filtered(void **state)
{
	static const struct {
		const char *option, *value;
		size_t want;
	} rows[] = { { "--identity", "2001", 1 }, { "--identity", "200", 0 }, { "--key", "web", 1 },
		{ "--key", "we", 0 }, { "--op", "psasignhash", 1 }, { "--status", "POLICY_DENIED", 1 },
		{ "--since", "2026-11-23T15:04:06", 2 }, { "--since", "2027", 0 }, { "--since", "2026", 3 } };
	char directory[] = "/tmp/cli-audit.XXXXXX", command[100];
	struct ran ran;

	(void)state;
	assert_non_null(mkdtemp(directory));
	file_put(directory, "0000000000000001.log", first_segment);
	file_put(directory, "0000000000000003.log", second_segment);
	file_put(directory, "reserve", "zzz\n");
	ran = RUN("/nowhere", "", "audit", "show", "--dir", directory);
	assert_int_equal(ran.code, 0);
	assert_int_equal(lines(ran.out), 4); /* with the head */
	assert_non_null(strstr(ran.out, "x?[31m"));
	assert_non_null(strstr(ran.out, "tenants[0].rules[0]"));
	for (size_t i = 0; i < COUNT(rows); i++) {
		ran = RUN("/nowhere", "", "audit", "show", "--json", "--dir", directory, rows[i].option, rows[i].value);
		assert_int_equal(ran.code, 0);
		assert_int_equal(lines(ran.out), rows[i].want);
	}
	file_put(directory, "0000000000000004.log", "garbage\n");
	ran = RUN("/nowhere", "", "audit", "show", "--dir", directory);
	assert_int_equal(ran.code, 8);
	(void)snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_status_has_its_exit_code),
	cmocka_unit_test(wrong_usage_is_1_and_says_what),
	cmocka_unit_test(absent_service_is_2_and_absent_workload_api_is_3),
	cmocka_unit_test(help_and_version_are_good),
	cmocka_unit_test(signature_is_what_openssl_made),
	cmocka_unit_test(public_key_is_the_pem_of_openssl),
	cmocka_unit_test(signatures_are_verified_in_every_form),
	cmocka_unit_test(keys_are_shown_as_table_and_as_json),
	cmocka_unit_test(undecided_create_says_so),
	cmocka_unit_test(token_is_shown_without_what_makes_it_usable),
	cmocka_unit_test(audit_log_is_read_across_segments_and_filtered),
};

UNIT_MAIN(tests)
