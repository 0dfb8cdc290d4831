/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-config as keyreeved starts it, and by hand. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config.h"
#include "base/ipc.h"
#include "base/own.h"
#include "base/role.h"

enum { ANSWER_MS = 30000, OUTPUT_MAX = 256 * 1024 };

static const char good[] =
	"apiVersion: keyreeve/v1\nkind: Agent\nproviders: [{name: soft, type: software}, {name: tpm, type: tpm}]\n"
	"tenants:\n  - {match: {spiffe: \"spiffe://d/{n}\"}, tenant: \"t/{n}\", rules: [{allow: use, token: {max_age: "
	"30s}}]}\n"
	"  - {match: {uid: 7}, tenant: u}\n"
	"  - match: {uid: 9}\n    tenant: v\n    created: {types: ecc, exportable: false, expires_after: 30d}\n    "
	"rules:\n"
	"      - {allow: sign, types: ecc-p256, max_key_age: 90d}\n      - {allow: create}\n      - {allow: verify}\n"
	"      - {deny: verify, time: {days: [sat, sun], from: '00:00', until: '24:00'}}\n";

/* Arguments of printf(1): the policy, what the first expects, the number of a rule. */
#define CASES                                                                                  \
	"apiVersion: keyreeve/v1\\nkind: PolicyTest\\npolicy: %s\\ncases:\\n"                  \
	"- {name: fresh, as: \"spiffe://d/x\", op: sign, key: k, age: 30s, expect: %s, rule: " \
	"\"tenants[0].rules[0]\"}\\n"                                                          \
	"- {as: \"uid:9\", op: verify, at: 2026-11-28, expect: deny, rule: \"tenants[2].rules[%s]\"}\\n"
/* A record each: authenticator, issuer, identity, operation, provider, key, whether there is one, time, token's start
 * and end.
 */
#define SEEN                                                                                      \
	"jwt-svid\\0\\0spiffe://d/x\\0PsaSignHash\\0soft\\0k\\0001\\0001025\\0001000\\0001300\\0" \
	"jwt-svid\\0\\0spiffe://d/x\\0PsaSignHash\\0soft\\0l\\0001\\0001030\\0001000\\0001300\\0" \
	"jwt-svid\\0\\0spiffe://d/x\\0PsaSignHash\\0soft\\0k\\0001\\0001010\\0001000\\0001300\\0" \
	"unix-peer\\0\\0007\\0PsaDestroyKey\\0tpm\\0k\\0001\\0001010\\0\\0\\0"                    \
	"unix-peer\\0\\0009\\0PsaSignHash\\0tpm\\0k\\0001\\0001010\\0\\0\\0"

/* ---- the role ------------------------------------------------------------------------------------------------------
 */

static int file_of(const char *text)
{
	char path[] = "/tmp/config-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static pid_t role_start(struct ipc **ret_ctl)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char *const argv[] = { (char[]){ "keyreeve-config" }, NULL }, *const env[] = { NULL };

		if (ends[1] == ROLE_CTL_FD)
			(void)fcntl(ROLE_CTL_FD, F_SETFD, 0);
		else
			(void)dup2(ends[1], ROLE_CTL_FD);
		(void)execve(CONFIG_PROGRAM, argv, env);
		_exit(127);
	}
	close(ends[1]);
	assert_ok(ipc_new(ends[0], ret_ctl));
	return pid;
}

static void send_part(struct ipc *ctl, uint16_t type, unsigned part, struct bytes bytes, int fd)
{
	struct ipc_message message = ipc_message_of(type, 0);

	message.part[part] = bytes;
	message.fd = fd;
	assert_ok(ipc_send(ctl, &message));
}

/* Everything up to the answer; the caller ends ctl and the child. */
static struct ipc_message ask(struct ipc *ctl, int fd, const char *path)
{
	struct ipc_message got;

	send_part(ctl, ROLE_HELLO, 0, ipc_build_id(), -1);
	send_part(ctl, ROLE_CONFIG, 1, bytes_from_text(path), -1);
	send_part(ctl, ROLE_FD, 0, BYTES_LITERAL("file"), fd);
	send_part(ctl, ROLE_GO, 0, (struct bytes){ 0 }, -1);
	assert_ok(ipc_flush_wait(ctl, ANSWER_MS));
	assert_ok(ipc_wait(ctl, ANSWER_MS, &got));
	assert_int_equal(got.type, ROLE_HELLO);
	assert_ok(ipc_wait(ctl, ANSWER_MS, &got));
	assert_int_equal(got.type, ROLE_READY);
	assert_ok(ipc_wait(ctl, ANSWER_MS, &got));
	return got;
}

static void role_stop(struct ipc *ctl, pid_t pid)
{
	int status = 0;

	ipc_free(ctl);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_role_answers_the_tree(void **state)
{
	AUTO(own_close) int fd = file_of(good);
	struct config *config = NULL;
	struct ipc_message got;
	struct ipc *ctl;
	pid_t pid = role_start(&ctl);

	(void)state;
	got = ask(ctl, fd, "/etc/keyreeve/keyreeve.yaml");
	assert_int_equal(got.type, CONFIG_MESSAGE_TREE);
	assert_int_equal(got.status, STATUS_OK);
	assert_ok(config_get(got.part[0], &config));
	assert_int_equal(config->tenant_count, 3);
	assert_string_equal(config->tenants[0].tenant, "t/{n}");
	config_free(config);
	role_stop(ctl, pid);
}

/* More than goes in line: a tree in a memfd. */
static void the_role_answers_a_large_tree(void **state)
{
	AUTO(buf_done) struct buf text = buf_make(CONFIG_FILE_MAX);
	AUTO(own_close) int fd = -1;
	struct config *config = NULL;
	struct ipc_message got;
	struct ipc *ctl;
	pid_t pid = role_start(&ctl);

	(void)state;
	buf_put_text(&text, good);
	for (unsigned i = 0; i < 2000; i++)
		buf_printf(&text, "  - {match: {uid: %u}, tenant: a-tenant-with-a-longer-name-%u}\n", 1000 + i, i);
	buf_put_u8(&text, '\0');
	fd = file_of((const char *)text.data);
	got = ask(ctl, fd, "f");
	assert_int_equal(got.type, CONFIG_MESSAGE_TREE);
	assert_true(got.part[0].len > IPC_INLINE_MAX);
	assert_ok(config_get(got.part[0], &config));
	assert_int_equal(config->tenant_count, 2003);
	config_free(config);
	role_stop(ctl, pid);
}

static void the_role_answers_errors_with_the_path(void **state)
{
	AUTO(own_close)
	int fd =
		file_of("apiVersion: keyreeve/v1\nkind: Agent\nproviders: [{name: soft, type: software}]\npostur: x\n");
	struct ipc_message got;
	struct ipc *ctl;
	pid_t pid = role_start(&ctl);

	(void)state;
	got = ask(ctl, fd, "/etc/k.yaml");
	assert_int_equal(got.type, CONFIG_MESSAGE_ERRORS);
	assert_int_equal(got.status, STATUS_CONFIG_SYNTAX);
	assert_bytes(got.part[0],
		BYTES_LITERAL("/etc/k.yaml:4:1: the file has no field 'postur'; did you mean 'posture'?\n"));
	role_stop(ctl, pid);
}

static void the_role_says_when_it_cannot_read(void **state)
{
	AUTO(own_close) int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ipc_message got;
	struct ipc *ctl;
	pid_t pid = role_start(&ctl);

	(void)state;
	got = ask(ctl, fd, "/");
	assert_int_equal(got.type, CONFIG_MESSAGE_ERRORS);
	assert_int_equal(got.status, STATUS_IO);
	assert_bytes(got.part[0], BYTES_LITERAL("/: system call failed\n"));
	role_stop(ctl, pid);
}

/* ---- by hand
 * ---------------------------------------------------------------------------------------------------------- */

static char yaml_path[] = "/tmp/config-main-XXXXXX";

/* Run a shell line with $C for the program and $F for the file; its output, and its exit code. */
static int run(const char *line, char output[OUTPUT_MAX])
{
	FILE *from;
	size_t len;
	int status;

	assert_int_equal(setenv("C", CONFIG_PROGRAM, 1), 0);
	assert_int_equal(setenv("F", yaml_path, 1), 0);
	from = popen(line, "r");
	assert_non_null(from);
	len = fread(output, 1, OUTPUT_MAX - 1, from);
	output[len] = '\0';
	status = pclose(from);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void by_hand_it_checks_explains_and_tells(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *part;
	} rows[] = {
		{ "$C --check $F", 0, ": good; 1 listeners, 2 providers, 3 tenants, 0 administrators\n" },
		{ "echo 'posture: a' | $C --check /dev/stdin 2>&1", 8,
			"/dev/stdin:1:10: posture 'a' is none of strict, permissive\n" },
		{ "$C --check /nowhere 2>&1", 8, "/nowhere: cannot be opened: No such file or directory\n" },
		{ "$C --explain $F --as spiffe://d/x --op sign --key k", 0,
			"decision: allow\nrule:     tenants[0].rules[0]\n" },
		{ "$C --explain $F --as jwt-svid:spiffe://d/x --op PsaSignHash --key k --provider tpm", 0,
			"tenant:   t/x (tenants[0])" },
		{ "$C --explain $F --as spiffe://d/x --op sign --key k --age 31", 4, "passes:   tenants[0].rules[0]" },
		{ "$C --explain $F --as spiffe://d/x --op sign --key k --lifetime 601", 4, "TENANT_TOKEN" },
		{ "$C --explain $F --as spiffe://d/x --op generate --key k", 4, "rule:     tenants[0].rules\n" },
		{ "$C --explain $F --as uid:7 --op generate --key k", 0, "tenant:   u (tenants[1])" },
		{ "$C --explain $F --as unix:8 --op generate --key k", 4, "TENANT_NONE" },
		{ "$C --explain $F --as direct:x --op generate --key k", 4, "TENANT_NONE" },
		{ "$C --explain $F --as uid:x --op generate 2>&1", 1, "usage:" },
		{ "$C --explain $F --as somebody --op generate 2>&1", 1, "usage:" },
		{ "$C --explain $F --as uid:7 --op Ping 2>&1", 1, "no rule speaks of 'Ping'" },
		{ "$C --explain $F --as uid:7 --op sign --provider hsm 2>&1", 1, "has no provider 'hsm'" },
		{ "$C --explain $F --op sign 2>&1", 1, "usage:" },
		{ "$C --check $F --json", 0, "\"good\": true, \"findings\": []}\n" },
		{ "echo 'posture: a' | $C --check /dev/stdin --json", 8,
			"{\"file\": \"/dev/stdin\", \"line\": 1, \"column\": 10, \"text\": \"posture 'a' is none of "
			"strict, permissive\"}" },
		{ "sed 's/^admins.*//; $a\\  - {match: {uid: 8}, tenant: v, rules: [{allow: use}, {allow: sign}]}' $F "
		  "| $C --check "
		  "/dev/stdin 2>&1",
			8, "tenants[3].rules[1] is never reached: rules[0] says all of it before\n" },
		/* more of the request */
		{ "$C --explain $F --as spiffe://d/x --op sign --key k --age 30s", 0, "decision: allow" },
		{ "$C --explain $F --as spiffe://d/x --op generate --key k --type ecc-p256 --usages sign-hash,export",
			4, "decision: deny" },
		{ "$C --explain $F --as uid:9 --op sign --key k", 4,
			"tenants[2].rules[0]: keys * (covers this one); types ecc-p256: not known; key age at most "
			"90d: not "
			"known" },
		{ "$C --explain $F --as uid:9 --op sign --key k --type ecc-p256 --key-age 90d", 0,
			"tenants[2].rules[0]" },
		{ "$C --explain $F --as uid:9 --op sign --key k --type ecc-p256 --key-age 91d", 4,
			"at most 90d: not met" },
		{ "$C --explain $F --as uid:9 --op sign --key k --type ecc-p256 --key-age 1d --expired", 4,
			"rule:     created.expires_after\n" },
		{ "$C --explain $F --as uid:9 --op generate --key k --type ecc-p256 --usages sign-hash", 0,
			"expires:  30d after its creation\n" },
		{ "$C --explain $F --as uid:9 --op generate --key k --type rsa-2048", 4,
			"rule:     tenants[2].created\npasses:   a key of types ecc, not exportable\n" },
		{ "$C --explain $F --as uid:9 --op verify --key k --at 2026-11-25T12:00:00Z", 0,
			"tenants[2].rules[2]" },
		{ "$C --explain $F --as uid:9 --op verify --key k --at 2026-11-28", 4,
			"nothing, as long as tenants[2].rules[3] denies; time sat sun 00:00 to 24:00 UTC: met\n" },
		{ "$C --explain $F --as uid:9 --op sign --key k --json", 4,
			"{\"decision\": \"deny\", \"status\": \"POLICY_DENIED\", \"rule\": \"tenants[2].rules\", "
			"\"uncertain\": true" },
		{ "$C --explain $F --as uid:9 --op generate --key k --type ecc-p256 --json", 0,
			"\"expires_after_s\": 2592000" },
		{ "$C --explain $F --as uid:9 --op sign --type ecc 2>&1", 1, "type is several" },
		{ "$C --explain $F --as uid:9 --op sign --hash sha-1 2>&1", 1, "hash needs algorithm" },
		{ "$C --explain $F --as uid:9 --op sign --usages export 2>&1", 1, "bits and usages need type" },
		{ "$C --explain $F --as uid:9 --op sign --type ecc-p25 2>&1", 1, "did you mean 'ecc-p256'?" },
		{ "$C --check $F --as uid:9 --op sign 2>&1", 1, "usage:" },
		{ "$C --diff $F 2>&1", 1, "usage:" },
		/* cases beside the policy */
		{ "printf '" CASES "' $F allow 3 > $F.t; $C --test $F.t", 0, ".t: 2 cases, 0 failed\n" },
		{ "printf '" CASES "' $F deny 3 > $F.t; $C --test $F.t 2>&1", 8,
			".t:5:3: cases[0] (fresh) expects deny, but it is allowed by tenants[0].rules[0]\n" },
		{ "printf '" CASES "' $F allow 1 > $F.t; $C --test $F.t 2>&1", 8,
			".t:6:3: cases[1] expects deny by tenants[2].rules[1], but it is by tenants[2].rules[3]\n" },
		{ "printf '" CASES "' $F deny 3 > $F.t; $C --test $F.t --json", 8,
			"\"cases\": 2, \"failed\": 1, \"good\": false, \"findings\": [{\"file\": " },
		{ "printf '" CASES "' /nowhere allow 3 > $F.t; $C --test $F.t 2>&1", 8,
			".t:3:9: policy is no configuration that could be tested\n" },
		{ "printf '" CASES "' $F perhaps 3 > $F.t; $C --test $F.t 2>&1", 8,
			"expect 'perhaps' is none of allow, deny" },
		{ "printf '" CASES "' $F allow 3 | sed s/Test/Tset/ > $F.t; $C --test $F.t 2>&1", 8,
			"kind is not 'PolicyTest'" },
		{ "printf '" CASES "' $F allow 3 | sed s/sign,/Ping,/ > $F.t; $C --test $F.t 2>&1", 8,
			"cases[0] (fresh) no rule speaks of 'Ping'" },
		{ "$C --test /nowhere 2>&1", 8, "/nowhere: cannot be opened" },
		/* requests of the log, old against new */
		{ "sed 's/uid: 7/uid: 70/; s/max_age: 30s/max_age: 20s/' $F > $F.n; printf '" SEEN
		  "' | $C --diff $F --with $F.n; r=$?; rm -f $F.t $F.n; exit $r",
			8,
			"spiffe://d/x PsaSignHash k ..., 2 times: allow by tenants[0].rules[0], would be deny by "
			"tenants[0].rules\n"
			"7 PsaDestroyKey k, 1 time: allow by tenants[1], would be deny by tenants\n"
			"5 requests, 3 with another answer; 1 more depend on what the log does not hold; 0 changes not "
			"shown\n" },
		{ "printf '" SEEN "' | $C --diff $F --with $F --json", 0,
			"{\"changes\": [], \"requests\": 5, \"changed\": 0, \"uncertain\": 1, \"unnamed\": 0}\n" },
		{ "printf '" SEEN "' | sed 's/uid/uid/' | head -c 30 | $C --diff $F --with $F 2>&1", 1,
			"are malformed" },
		{ "$C --diff $F --with /nowhere 2>&1", 1, "/nowhere: cannot be opened" },
		{ "$C --explain $F --as uid:7 --op sign --age x 2>&1", 1, "usage:" },
		{ "$C --schema", 0, "\"$schema\"" },
		{ "$C --reference", 0, "# Configuration" },
		{ "$C --man", 0, ".TH KEYREEVE.YAML 5" },
		{ "$C --schema --reference 2>&1", 1, "usage:" },
		{ "$C --nonsense 2>&1", 1, "usage:" },
		{ "$C 2>&1 3>&-", 1, "usage:" },
		{ "$C --help", 0, "usage:" },
		{ "$C --version", 0, "libyaml" },
	};
	AUTO(own_free) char *output = malloc(OUTPUT_MAX);
	int fd = mkstemp(yaml_path);

	(void)state;
	assert_non_null(output);
	assert_int_equal(write(fd, good, strlen(good)), strlen(good));
	close(fd);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int code = run(rows[i].line, output);

		if (code != rows[i].code || strstr(output, rows[i].part) == NULL)
			fail_msg("%s: exit %d\n%s", rows[i].line, code, output);
	}
	assert_int_equal(unlink(yaml_path), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_role_answers_the_tree),
	cmocka_unit_test(the_role_answers_a_large_tree),
	cmocka_unit_test(the_role_answers_errors_with_the_path),
	cmocka_unit_test(the_role_says_when_it_cannot_read),
	cmocka_unit_test(by_hand_it_checks_explains_and_tells),
};

UNIT_MAIN(tests)
