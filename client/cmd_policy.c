/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve policy explain | check: executes keyreeve-config, which alone parses configurations.  Needs no daemon. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli.h"

#define CONFIG_DEFAULT "/etc/keyreeve/keyreeve.yaml"
enum { POLICY_ARGUMENTS = 32 }; /* NULL at the end included */

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

static int help(FILE *to, int code)
{
	(void)fputs("usage: keyreeve policy explain [FILE] --as ID --op OPERATION [OPTIONS]\n"
		    "       keyreeve policy check [FILE]\n"
		    "\n"
		    "what a configuration decides, and by which rule; whether it is good.  Needs no daemon.\n"
		    "FILE is " CONFIG_DEFAULT " unless named.\n"
		    "\n"
		    "  --as ID              spiffe://..., uid:NUMBER or direct:NAME\n"
		    "  --op OPERATION       a verb (sign, generate, list, ...) or a name such as PsaSignHash\n"
		    "  --key NAME           the key that is asked for\n"
		    "  --provider NAME      the provider's name in the configuration\n"
		    "  --lifetime SECONDS   of the token; else 300\n"
		    "  --age SECONDS        of the token; else 0\n",
		to);
	return code;
}

/* keyreeve-config's own, but for help. */
enum { POLICY_HELP = 1, POLICY_AS, POLICY_OP, POLICY_OTHER, POLICY_OPTIONS = 7 };
static char option_text[POLICY_OPTIONS][12] = { "--help", "--as", "--op", "--key", "--provider", "--lifetime",
	"--age" };
static const struct option options[POLICY_OPTIONS + 1] = { { "help", no_argument, NULL, POLICY_HELP },
	{ "as", required_argument, NULL, POLICY_AS }, { "op", required_argument, NULL, POLICY_OP },
	{ "key", required_argument, NULL, POLICY_OTHER }, { "provider", required_argument, NULL, POLICY_OTHER },
	{ "lifetime", required_argument, NULL, POLICY_OTHER }, { "age", required_argument, NULL, POLICY_OTHER },
	{ 0 } };

struct policy_call {
	char *argument[POLICY_ARGUMENTS];
	size_t count;
	bool given[POLICY_OTHER + 1];
};

static int wrong(const char *what, const char *text)
{
	return cli_refuse(
		&(struct cli){ .json = false }, KEYREEVE_INVALID, what, text, "keyreeve policy --help shows how");
}

/* Options to --NAME VALUE in call, from the third argument on; 0 or an exit code. */
static int options_take(int argc, char **argv, struct policy_call *call)
{
	int index = 0, answer;

	while ((answer = getopt_long(argc, argv, ":", options, &index)) != -1) {
		if (answer == ':')
			return wrong(argv[optind - 1], "the option needs a value");
		if (answer == '?')
			return wrong(argv[optind - 1], "policy has no such option");
		call->given[answer] = true;
		if (answer == POLICY_HELP)
			continue;
		if (call->count + 3 > POLICY_ARGUMENTS)
			return wrong(argv[optind - 1], "too many options");
		call->argument[call->count++] = option_text[index];
		call->argument[call->count++] = optarg;
	}
	return 0;
}

static int file_check(const char *path)
{
	if (access(path, R_OK) == 0)
		return 0;
	return cli_refuse(&(struct cli){ .json = false }, KEYREEVE_INVALID, path, strerror(errno),
		errno == ENOENT ? "name the configuration: keyreeve policy check FILE"
				: "this user may not read it: check the rights of file and directories");
}

/* argv: "policy", "explain" or "check", then its arguments. */
int cmd_policy(int argc, char **argv)
{
	static char explain[] = "--explain", check[] = "--check", standard[] = CONFIG_DEFAULT;
	char path[PATH_MAX];
	struct policy_call call = { .argument = { path }, .count = 3 };
	bool explains;
	int code = options_take(argc, argv, &call);

	if (code != 0)
		return code;
	if (call.given[POLICY_HELP])
		return help(stdout, KEYREEVE_OK);
	if (optind == argc)
		return help(stderr, KEYREEVE_INVALID);
	explains = strcmp(argv[optind], "explain") == 0;
	if (!explains && strcmp(argv[optind], "check") != 0)
		return wrong(argv[optind], "there is policy explain and policy check");
	if (argc - optind > 2)
		return wrong(argv[optind + 2], "too many arguments: one FILE");
	if (explains && (!call.given[POLICY_AS] || !call.given[POLICY_OP]))
		return wrong("policy explain", "--as ID and --op OPERATION are needed");
	if (!explains && call.count > 3)
		return wrong("policy check", "it has no options");
	call.argument[1] = explains ? explain : check;
	call.argument[2] = argc - optind > 1 ? argv[optind + 1] : standard;
	code = file_check(call.argument[2]);
	if (code != 0)
		return code;
	if (!program_path(path))
		return wrong("policy", "cannot find out where this program lies");
	(void)execv(path, call.argument);
	return cli_refuse(&(struct cli){ .json = false }, KEYREEVE_FAILED, path, strerror(errno),
		"is keyreeve installed completely?");
}
