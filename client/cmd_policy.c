/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve policy check | explain | test | diff: executes keyreeve-config, which alone parses configurations.  Needs no
 * daemon.  What diff asks comes from the audit log, read with the caller's rights. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/cli.h"

#define CONFIG_DEFAULT "/etc/keyreeve/keyreeve.yaml"
enum { POLICY_ARGUMENTS = 48 }; /* NULL at the end included */

/* bin/keyreeve to libexec/keyreeve/keyreeve-config, in the build tree as after installation. */
static bool program_path(char ret_path[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return false;
	self[n] = '\0';
	for (int up = 0; up < 2; up++) {
		slash = strrchr(self, '/');
		if (slash == NULL)
			return false;
		*slash = '\0';
	}
	return snprintf(ret_path, PATH_MAX, "%.3000s/libexec/keyreeve/keyreeve-config", self) < PATH_MAX;
}

/* ---- arguments --------------------------------------------------------------------------------------- */

enum { POLICY_CHECK = 0, POLICY_EXPLAIN, POLICY_TEST, POLICY_DIFF, POLICY_COMMANDS };

/* clang-format off */
static const struct policy_command {
	const char *name;
	char option[12]; /* keyreeve-config's */
	int least, most; /* files */
	const char *synopsis, *text;
} commands[POLICY_COMMANDS] = {
	[POLICY_CHECK]   = { "check",   "--check",   0, 1, "policy check [FILE]",
		"is this configuration good; do tenants overlap, is there a rule that can never decide?\n" },
	[POLICY_EXPLAIN] = { "explain", "--explain", 0, 1, "policy explain [FILE] --as ID --op OPERATION [OPTIONS]",
		"what a configuration decides of one request, by which rule, and what would have passed.\n" },
	[POLICY_TEST]    = { "test",    "--test",    1, 1, "policy test FILE",
		"do the cases of FILE come out as they expect?  FILE names the configuration beside it.\n" },
	[POLICY_DIFF]    = { "diff",    "--diff",    2, 2, "policy diff OLD NEW [--dir DIRECTORY]",
		"which of the requests in the audit log would the NEW configuration answer otherwise than the OLD one?\n" },
};

static const char request_options[] =
	"  --as ID              spiffe://..., \"issuer:ISSUER SUBJECT\", uid:NUMBER or direct:NAME\n"
	"  --op OPERATION       a verb (sign, generate, list, ...) or a name such as PsaSignHash\n"
	"  --key NAME           the key that is asked for\n"
	"  --provider NAME      the provider's name in the configuration\n"
	"  --type TYPE          of the key: ecc-p256, rsa-2048, ...\n"
	"  --bits NUMBER        its size, where the type has none: aes, hmac, ...\n"
	"  --algorithm NAME     that is asked for, or the new key's: ecdsa, rsa-pss, ...\n"
	"  --hash NAME          its hash: sha-256, any, ...\n"
	"  --usages LIST        of the key to be created: sign-hash,verify-hash, ...\n"
	"  --key-age TIME       since the key's creation, as 90d\n"
	"  --expired            the key is past its expiry\n"
	"  --at TIME            when, in UTC, as 2026-11-23T15:04:05Z; else now\n"
	"  --lifetime TIME      of the token; else 300s\n"
	"  --age TIME           of the token; else 0s\n";
static const char diff_options[] =
	"  --dir DIRECTORY      of the audit log; else " CLI_AUDIT_DIRECTORY "\n";
/* clang-format on */

/* NULL: of the whole group. */
static int help(FILE *to, const struct policy_command *command, int code)
{
	const struct policy_command *first = command != NULL ? command : &commands[0];
	size_t count = command != NULL ? 1 : POLICY_COMMANDS;

	for (size_t i = 0; i < count; i++)
		(void)fprintf(to, "%s keyreeve %s\n", i == 0 ? "usage:" : "      ", first[i].synopsis);
	(void)fputc('\n', to);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(to, "%s%s%s", count > 1 ? first[i].name : "", count > 1 ? ": " : "", first[i].text);
	(void)fputs("\nNeeds no daemon.  A FILE that need not be named is " CONFIG_DEFAULT ".\n\n", to);
	if (command == NULL || command == &commands[POLICY_EXPLAIN])
		(void)fputs(request_options, to);
	if (command == NULL || command == &commands[POLICY_DIFF])
		(void)fputs(diff_options, to);
	(void)fputs("  --json               print JSON\n", to);
	return code;
}

/* keyreeve-config's own, but for help and dir. */
enum {
	POLICY_HELP = 1,
	POLICY_AS,
	POLICY_OP,
	POLICY_DIR,
	POLICY_JSON,
	POLICY_EXPIRED,
	POLICY_OTHER, /* says more of a request */
	POLICY_KINDS,
};
static const struct option options[] = { { "help", no_argument, NULL, POLICY_HELP },
	{ "json", no_argument, NULL, POLICY_JSON }, { "dir", required_argument, NULL, POLICY_DIR },
	{ "as", required_argument, NULL, POLICY_AS }, { "op", required_argument, NULL, POLICY_OP },
	{ "expired", no_argument, NULL, POLICY_EXPIRED }, { "key", required_argument, NULL, POLICY_OTHER },
	{ "provider", required_argument, NULL, POLICY_OTHER }, { "type", required_argument, NULL, POLICY_OTHER },
	{ "bits", required_argument, NULL, POLICY_OTHER }, { "algorithm", required_argument, NULL, POLICY_OTHER },
	{ "hash", required_argument, NULL, POLICY_OTHER }, { "usages", required_argument, NULL, POLICY_OTHER },
	{ "key-age", required_argument, NULL, POLICY_OTHER }, { "at", required_argument, NULL, POLICY_OTHER },
	{ "lifetime", required_argument, NULL, POLICY_OTHER }, { "age", required_argument, NULL, POLICY_OTHER },
	{ 0 } };
enum { POLICY_OPTIONS = sizeof(options) / sizeof(options[0]) };

struct policy_call {
	struct cli cli; /* json and directory only */
	char *argument[POLICY_ARGUMENTS];
	char name[POLICY_OPTIONS][16]; /* "--key-age" */
	size_t count;
	bool given[POLICY_KINDS];
};

static int wrong(const struct policy_call *call, const char *what, const char *text)
{
	return cli_refuse(&call->cli, KEYREEVE_INVALID, what, text, "keyreeve policy --help shows how");
}

static void add(struct policy_call *call, int index, char *value)
{
	(void)snprintf(call->name[index], sizeof(call->name[index]), "--%s", options[index].name);
	call->argument[call->count++] = call->name[index];
	if (value != NULL)
		call->argument[call->count++] = value;
}

/* Options to --NAME VALUE in call, from the first free argument on; 0 or an exit code. */
static int options_take(int argc, char **argv, struct policy_call *call)
{
	int index = 0, answer;

	while ((answer = getopt_long(argc, argv, ":", options, &index)) != -1) {
		if (answer == ':')
			return wrong(call, argv[optind - 1], "the option needs a value");
		if (answer == '?')
			return wrong(call, argv[optind - 1], "policy has no such option");
		call->given[answer] = true;
		if (answer == POLICY_JSON)
			call->cli.json = true;
		if (answer == POLICY_DIR)
			call->cli.directory = optarg;
		if (answer == POLICY_HELP || answer == POLICY_DIR)
			continue;
		if (call->count + 3 > POLICY_ARGUMENTS)
			return wrong(call, argv[optind - 1], "too many options");
		add(call, index, optarg);
	}
	return 0;
}

static int file_check(const struct policy_call *call, const char *path)
{
	if (access(path, R_OK) == 0)
		return 0;
	return cli_refuse(&call->cli, KEYREEVE_INVALID, path, strerror(errno),
		errno == ENOENT ? "name the configuration: keyreeve policy check FILE"
				: "this user may not read it: check the rights of file and directories");
}

/* ---- the requests of the audit log ------------------------------------------------------------------- */

/* agent/config_diff.c says what a record is: texts, each ended by a zero byte. */
static void field_put(FILE *to, const char *text)
{
	(void)fputs(text != NULL ? text : "", to);
	(void)fputc('\0', to);
}

static void number_put(FILE *to, const json_t *number)
{
	if (json_is_integer(number))
		(void)fprintf(to, "%lld", (long long)json_integer_value(number));
	(void)fputc('\0', to);
}

/* "2026-11-23T15:04:05.000123Z" in seconds since 1970; 0 for anything else. */
static long long seconds_of(const char *time)
{
	struct tm tm = { 0 };

	return time != NULL && strptime(time, "%Y-%m-%dT%H:%M:%S", &tm) != NULL ? (long long)timegm(&tm) : 0;
}

static void request_put(void *context, const json_t *line)
{
	FILE *to = context;
	const char *identity = json_string_value(json_object_get(line, "identity"));
	const char *op = json_string_value(json_object_get(line, "op"));
	const json_t *key = json_object_get(line, "key"), *token = json_object_get(line, "token");

	if (identity == NULL || op == NULL || json_object_get(line, "event") != NULL)
		return; /* counts and events are no requests */
	field_put(to, json_string_value(json_object_get(line, "authn")));
	field_put(to, json_string_value(json_object_get(line, "issuer")));
	field_put(to, identity);
	field_put(to, op);
	field_put(to, json_string_value(json_object_get(line, "provider")));
	field_put(to, json_string_value(key));
	field_put(to, key != NULL ? "1" : "0");
	(void)fprintf(to, "%lld", seconds_of(json_string_value(json_object_get(line, "time"))));
	(void)fputc('\0', to);
	number_put(to, json_object_get(token, "start"));
	number_put(to, json_object_get(token, "exp"));
}

/* Whoever ends early has said why; the child has the signal as it was. */
static void pipe_signal(void (*handler)(int number))
{
	struct sigaction action = { .sa_handler = handler };

	(void)sigaction(SIGPIPE, &action, NULL);
}

/* The program with the log's requests on its standard input; its exit code. */
static int diff_run(struct policy_call *call)
{
	int ends[2], code, status = 0;
	pid_t child;
	FILE *to;

	if (pipe2(ends, O_CLOEXEC) != 0 || (to = fdopen(ends[1], "w")) == NULL)
		return cli_refuse(&call->cli, KEYREEVE_FAILED, "policy diff", strerror(errno), "");
	pipe_signal(SIG_IGN);
	child = fork();
	if (child == 0) {
		pipe_signal(SIG_DFL);
		(void)dup2(ends[0], STDIN_FILENO);
		(void)execv(call->argument[0], call->argument);
		_exit(KEYREEVE_FAILED);
	}
	(void)close(ends[0]);
	code = child > 0 ? cli_audit_each(&call->cli, request_put, to) : KEYREEVE_FAILED;
	(void)fclose(to);
	if (child > 0 && waitpid(child, &status, 0) == child && code == 0)
		code = WIFEXITED(status) ? WEXITSTATUS(status) : KEYREEVE_FAILED;
	return code;
}

/* ---- the command ------------------------------------------------------------------------------------- */

/* The options that the command takes, and the files; 0 or an exit code. */
static int call_check(const struct policy_call *call, const struct policy_command *command, int files, char **file)
{
	bool says_more = call->given[POLICY_AS] || call->given[POLICY_OP] || call->given[POLICY_OTHER] ||
			 call->given[POLICY_EXPIRED];

	if (files > command->most)
		return wrong(call, file[command->most], "too many arguments");
	if (files < command->least)
		return wrong(call, command->name, command->least > 1 ? "OLD and NEW are needed" : "FILE is needed");
	if (command == &commands[POLICY_EXPLAIN] && (!call->given[POLICY_AS] || !call->given[POLICY_OP]))
		return wrong(call, "policy explain", "--as ID and --op OPERATION are needed");
	if (command != &commands[POLICY_EXPLAIN] && says_more)
		return wrong(call, command->name, "it has no options about a request");
	if (call->given[POLICY_DIR] && command != &commands[POLICY_DIFF])
		return wrong(call, command->name, "--dir is for diff");
	for (int i = 0; i < files; i++) {
		int code = file_check(call, file[i]);

		if (code != 0)
			return code;
	}
	return 0;
}

static int call_run(struct policy_call *call, const struct policy_command *command, int files, char **file)
{
	static char standard[] = CONFIG_DEFAULT, with[] = "--with";
	char path[PATH_MAX], option[sizeof(command->option)];
	int code = call_check(call, command, files, file);

	if (code == 0 && files == 0)
		code = file_check(call, standard);
	if (code != 0)
		return code;
	if (!program_path(path))
		return wrong(call, "policy", "cannot find out where this program lies");
	memcpy(option, command->option, sizeof(option));
	call->argument[0] = path;
	call->argument[1] = option;
	call->argument[2] = files > 0 ? file[0] : standard;
	if (files == 2) {
		call->argument[call->count++] = with;
		call->argument[call->count++] = file[1];
	}
	if (command == &commands[POLICY_DIFF])
		return diff_run(call);
	(void)execv(path, call->argument);
	return cli_refuse(&call->cli, KEYREEVE_FAILED, path, strerror(errno), "is keyreeve installed completely?");
}

/* argv: "policy", a command of its own, then its arguments. */
int cmd_policy(int argc, char **argv)
{
	struct policy_call call = { .count = 3 };
	const struct policy_command *command = NULL;
	int code = options_take(argc, argv, &call);

	if (code != 0)
		return code;
	for (size_t i = 0; optind < argc && i < POLICY_COMMANDS; i++)
		if (strcmp(argv[optind], commands[i].name) == 0)
			command = &commands[i];
	if (call.given[POLICY_HELP])
		return help(stdout, command, KEYREEVE_OK);
	if (optind == argc)
		return help(stderr, NULL, KEYREEVE_INVALID);
	if (command == NULL)
		return wrong(
			&call, argv[optind], "there is policy explain and policy check, policy test and policy diff");
	return call_run(&call, command, argc - optind - 1, argv + optind + 1);
}
