/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve, the command line: tables of options and commands, and how a handle is opened. */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/program.h"
#include "client/cli.h"
#include "client/keyreeve_spiffe.h"
#include "spiffe/endpoint.h"
#include "wire/opcode.h"
#include "wire/psa_pb.h"

#define ADMIN_SOCKET "/run/keyreeve-admin/admin.sock"

/* ---- options ----------------------------------------------------------------------------------------- */

struct cli_option {
	char letter; /* of struct cli_command.options; the global ones are in capitals */
	const char *name;
	size_t text, flag; /* offset of what it sets in struct cli; one of them */
	const char *value, *help;
};

#define FLAG(member) 0, offsetof(struct cli, member), NULL
#define TEXT(member, value) offsetof(struct cli, member), 0, value

/* clang-format off */
static const struct cli_option cli_options[] = {
	{ 'J', "json",          FLAG(json),                      "print JSON" },
	{ 'S', "socket",        TEXT(socket, "PATH"),            "the service's socket; else PARSEC_SERVICE_ENDPOINT, else /run/keyreeve/keyreeve.sock" },
	{ 'P', "provider",      TEXT(provider, "NAME"),          "software, pkcs11 or tpm; else the key's own, else the service's first" },
	{ 'A', "auth",          TEXT(auth, "KIND"),              "jwt-svid, unix-peer, direct:NAME or none; else jwt-svid where there is a Workload API, else unix-peer" },
	{ 'W', "spiffe-socket", TEXT(spiffe_socket, "URI"),      "the Workload API; else SPIFFE_ENDPOINT_SOCKET" },
	{ 'U', "audience",      TEXT(audience, "NAME"),          "audience of the token; else parsec" },
	{ 'O', "server-user",   TEXT(server_user, "USER"),       "talk only to a socket that this user opened" },
	{ 'T', "timeout",       TEXT(deadline, "SECONDS"),       "for each request; else 60" },
	{ 't', "type",          TEXT(type, "TYPE"),              "ecc-p256 (default), ecc-p384, ecc-p521, rsa-2048, rsa-3072, rsa-4096" },
	{ 'g', "alg",           TEXT(alg, "ALGORITHM"),          "ecdsa-sha-256, rsa-pss-sha-256, rsa-pkcs1v15-any, ...; else what the key's type or policy says" },
	{ 'u', "usage",         TEXT(usage, "LIST"),             "sign,verify (default), sign-message, verify-message, export, ..." },
	{ 'm', "message",       FLAG(message),                   "send the message itself (1 MiB at most), not its hash" },
	{ 'r', "raw",           FLAG(raw),                       "the protocol's own format: r and s side by side; a bare point or RSAPublicKey" },
	{ 'd', "der",           FLAG(der),                       "DER; for signatures of ECC keys the default" },
	{ 'b', "base64",        FLAG(base64),                    "base64 in place of bytes" },
	{ 'x', "hex",           FLAG(hex),                       "hexadecimal in place of bytes" },
	{ 'o', "out",           TEXT(out, "FILE"),               "write there" },
	{ 's', "signature",     TEXT(signature, "FILE"),         "the signature to verify" },
	{ 'i', "identity",      TEXT(identity, "ID"),            "only lines of this identity" },
	{ 'k', "key",           TEXT(key, "NAME"),               "only lines of this key" },
	{ 'e', "op",            TEXT(op, "OPERATION"),           "only lines of this operation" },
	{ 'q', "status",        TEXT(status, "NAME"),            "only lines with this status" },
	{ 'n', "since",         TEXT(since, "WHEN"),             "only lines since: 10m, 2h, 1d, or a time" },
	{ 'f', "follow",        FLAG(follow),                    "go on with what is written from now on" },
	{ 'y', "tenant",        TEXT(tenant, "NAME"),            "of this tenant" },
	{ 'w', "weaker-too",    FLAG(weaker_too),                "whoever has the weaker authenticator may use the keys, too" },
	{ '1', "subject",       TEXT(subject, "OWNER"),          "an identity: jwt-svid:ID, token:SUBJECT, unix:UID or direct:NAME" },
	{ '2', "kid",           TEXT(kid, "ID"),                 "all that this signing key signed, as the audit log shows it" },
	{ '3', "jti",           TEXT(jti, "ID"),                 "a token by its jti, or sha256: and the hash of that" },
	{ '4', "token-hash",    TEXT(token_hash, "HEX"),         "a token by its hash, as the audit log shows it" },
	{ '5', "all",           FLAG(all),                       "all tokens" },
	{ '6', "trust-domain",  TEXT(trust_domain, "NAME"),      "of this trust domain only; else of every one" },
	{ 'I', "issuer",        TEXT(issuer, "NAME"),            "of this issuer's tokens only, in place of a trust domain's" },
	{ '7', "issued-before", TEXT(issued_before, "WHEN"),     "only what was issued before: now, or a time (UTC)" },
	{ '8', "lasts",         TEXT(lasts, "SPAN"),             "for so long (10m, 2h, 30d); else until it is lifted" },
	{ '9', "because",       TEXT(because, "TEXT"),           "why, for those who read the list" },
	{ '0', "lower",         FLAG(lower),                     "the machine's clock is right, although it is behind" },
	{ 'D', "dir",           TEXT(directory, "DIRECTORY"),    "where the log is; else /var/lib/keyreeve/audit" },
};
#define GLOBAL "JSPAWUOT"

static const struct cli_command cli_commands[] = {
	{ "key", "create",    "tgu",    1, 1, cmd_key_create,    "NAME",         "create a key" },
	{ "key", "list",      "",       0, 0, cmd_key_list,      "",             "list your keys" },
	{ "key", "show",      "",       1, 1, cmd_key_show,      "NAME",         "what a key is and may do" },
	{ "key", "destroy",   "",       1, 1, cmd_key_destroy,   "NAME",         "destroy a key, for good" },
	{ "key", "public",    "rdbxo",   1, 1, cmd_key_public,    "NAME",         "its public half, as PEM" },
	{ "sign", NULL,       "gmrdbxo", 1, 2, cmd_sign,         "NAME [FILE]",  "sign a file or standard input" },
	{ "verify", NULL,     "gmrdbs", 1, 2, cmd_verify,        "NAME [FILE]",  "verify a signature (--signature FILE)" },
	{ "random", NULL,     "bxo",    1, 1, cmd_random,        "BYTES",        "random bytes" },
	{ "ping", NULL,       "",       0, 0, cmd_ping,          "",             "is the service there?" },
	{ "info", NULL,       "",       0, 0, cmd_info,          "",             "its providers, authenticators and operations" },
	{ "token", "inspect", "",       0, 1, cmd_token_inspect, "[FILE]",       "what your JWT-SVID says (or the one in FILE)" },
	{ "client", "list",   "",       0, 0, cmd_client_list,   "",             "who has keys; for administrators" },
	{ "client", "delete", "",       1, 1, cmd_client_delete, "NAME",         "destroy all keys of one; for administrators" },
	{ "admin", "status",  "",       0, 0, cmd_admin_status,  "",             "what the service is and how it does" },
	{ "admin", "keys",    "y",      0, 0, cmd_admin_keys,    "",             "who owns which key where, and when it was used" },
	{ "admin", "suspend", "y",      0, 2, cmd_admin_suspend, "[OWNER KEY]",  "refuse every use of a key, or of a tenant's keys" },
	{ "admin", "resume",  "y",      0, 2, cmd_admin_resume,  "[OWNER KEY]",  "the end of that" },
	{ "admin", "pins",    "",       0, 0, cmd_admin_pins,    "",             "tokens that are bound, and to whom" },
	{ "admin", "quotas",  "",       0, 0, cmd_admin_quotas,  "",             "what tenants use of what they may use" },
	{ "admin", "penalties", "",     0, 0, cmd_admin_penalties, "",           "who waits for its failures" },
	{ "admin", "unrevoke", "123456I", 0, 0, cmd_unrevoke,    "",             "lift a revocation" },
	{ "admin", "revocations", "",   0, 0, cmd_revocations,   "",             "what is revoked, by whom and why" },
	{ "admin", "clock",   "0",      0, 0, cmd_clock,         "",             "judge by the machine's clock again (--lower)" },
	{ "revoke", NULL,     "123456I789", 0, 0, cmd_revoke,    "",             "refuse an identity, a signing key's tokens, or a token" },
	{ "tenant", "list",   "y",      0, 0, cmd_tenant_list,   "",             "namespaces: owner, keys, what they need, whom they see" },
	{ "tenant", "link",   "w",      2, 2, cmd_tenant_link,   "FROM TO",      "let one identity use another's keys, too" },
	{ "tenant", "unlink", "",       2, 2, cmd_tenant_unlink, "FROM TO",      "the end of that" },
	{ "tenant", "strength", "",     2, 2, cmd_tenant_strength, "OWNER KIND", "which authenticator an owner's keys need at least" },
	{ "tenant", "confirm", "",      1, 1, cmd_tenant_confirm, "OWNER",       "a changed account is the owner of the keys that its uid had" },
	{ "tenant", "purge",  "",       1, 1, cmd_tenant_purge,  "OWNER",        "destroy those keys; the uid begins anew" },
	{ "audit", "show",    "ikeqnfD", 0, 0, cmd_audit_show,   "",             "the audit log" },
};
/* clang-format on */

enum {
	OPTION_COUNT = sizeof(cli_options) / sizeof(cli_options[0]),
	COMMAND_COUNT = sizeof(cli_commands) / sizeof(cli_commands[0]),
	VERSION_MAX = 4096,
};

/* ---- help -------------------------------------------------------------------------------------------- */

static void option_print(FILE *to, const struct cli_option *option)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "--%s%s%s", option->name, option->value != NULL ? " " : "",
		option->value != NULL ? option->value : "");
	(void)fprintf(to, "  %-20s %s\n", name, option->help);
}

static void options_print(FILE *to, const char *letters)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strchr(letters, cli_options[i].letter) != NULL)
			option_print(to, &cli_options[i]);
}

static void command_print(FILE *to, const struct cli_command *command)
{
	char words[80];

	(void)snprintf(words, sizeof(words), "%s%s%s %s", command->group, command->name != NULL ? " " : "",
		command->name != NULL ? command->name : "", command->synopsis);
	(void)fprintf(to, "  %-26s %s\n", words, command->text);
}

static int help(FILE *to, int code)
{
	(void)fputs("usage: keyreeve COMMAND [OPTIONS]\n\n", to);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		command_print(to, &cli_commands[i]);
	(void)fputs("  policy explain [FILE] ...  who may do what, and by which rule\n"
		    "  policy check [FILE]        is this configuration good?\n"
		    "  policy test FILE           does it decide as these cases expect?\n"
		    "  policy diff OLD NEW        whose requests would it answer otherwise?\n\nfor every command:\n",
		to);
	options_print(to, GLOBAL);
	(void)fputs("\nkeyreeve COMMAND --help shows a command's own options.  Exit codes: 0 good, 1 usage, 2 cannot "
		    "reach\n"
		    "the service, 3 no token, 4 refused, 5 no such key or it exists, 6 device or service failed, 7 "
		    "signature\n"
		    "wrong, 8 findings.\n",
		to);
	return code;
}

static int command_help(const struct cli_command *command)
{
	(void)printf("usage: keyreeve %s%s%s %s\n\n%s\n", command->group, command->name != NULL ? " " : "",
		command->name != NULL ? command->name : "", command->synopsis, command->text);
	options_print(stdout, command->options);
	(void)puts("\nfor every command:");
	options_print(stdout, GLOBAL);
	return 0;
}

static bool is_group(const struct cli_command *command, const char *word)
{
	return command->name != NULL && strcmp(command->group, word) == 0;
}

static int group_help(const char *group)
{
	(void)printf("usage: keyreeve %s COMMAND [OPTIONS]\n\n", group);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (is_group(&cli_commands[i], group))
			command_print(stdout, &cli_commands[i]);
	(void)puts("\nfor every command:");
	options_print(stdout, GLOBAL);
	return 0;
}

/* The words do not make a command: say which would. */
static int command_unknown(const struct cli *cli, bool help_wanted)
{
	char what[128], hint[256];
	const char *group = cli->argument[0], *second = cli->argument_count > 1 ? cli->argument[1] : NULL;
	size_t used = (size_t)snprintf(hint, sizeof(hint), "there are:");

	for (size_t i = 0; i < COMMAND_COUNT && used < sizeof(hint); i++)
		if (is_group(&cli_commands[i], group))
			used += (size_t)snprintf(
				hint + used, sizeof(hint) - used, " %s %s;", group, cli_commands[i].name);
	if (strcmp(group, "policy") == 0)
		return cli_refuse(cli, KEYREEVE_INVALID, group, "it is the first word, and has options of its own",
			"keyreeve policy --help shows them");
	if (hint[used - 1] != ';')
		return cli_refuse(cli, KEYREEVE_INVALID, group, "no such command", "keyreeve --help lists them");
	if (help_wanted && second == NULL)
		return group_help(group);
	hint[used - 1] = '\0';
	(void)snprintf(what, sizeof(what), "%s%s%s", group, second != NULL ? " " : "", second != NULL ? second : "");
	return cli_refuse(
		cli, KEYREEVE_INVALID, what, second != NULL ? "no such command" : "the command is not complete", hint);
}

static int version(void)
{
	struct buf text = buf_make(VERSION_MAX);

	program_version_put(&text, "keyreeve");
	(void)fwrite(text.data, 1, text.len, stdout);
	buf_done(&text);
	return 0;
}

/* ---- parsing ----------------------------------------------------------------------------------------- */

static void option_set(struct cli *cli, const struct cli_option *option, const char *value)
{
	if (option->value != NULL)
		memcpy((char *)cli + option->text, &value, sizeof(value));
	else
		*(bool *)((char *)cli + option->flag) = true;
}

static const struct cli_command *command_find(const struct cli *cli, size_t *ret_words)
{
	for (size_t i = 0; i < COMMAND_COUNT && cli->argument_count > 0; i++) {
		const struct cli_command *command = &cli_commands[i];
		size_t words = command->name != NULL ? 2 : 1;

		if (cli->argument_count < words || strcmp(cli->argument[0], command->group) != 0)
			continue;
		if (command->name != NULL && strcmp(cli->argument[1], command->name) != 0)
			continue;
		*ret_words = words;
		return command;
	}
	return NULL;
}

struct parsed {
	const struct cli_option *given[OPTION_COUNT];
	bool help, version;
};

enum { LONG_HELP = 256, LONG_VERSION, LONG_FIRST };

static int option_wrong(const struct cli *cli, int answer, const char *word)
{
	char letter[] = { '-', (char)optopt, '\0' };

	if (optopt > 0 && optopt < LONG_HELP)
		word = letter;
	if (answer == ':')
		return cli_refuse(
			cli, KEYREEVE_INVALID, word, "the option needs a value", "keyreeve --help lists the options");
	return cli_refuse(cli, KEYREEVE_INVALID, word,
		optopt >= LONG_HELP ? "the option takes no value" : "no such option, or the front of several",
		"keyreeve COMMAND --help lists them; a name or file that begins with - stands behind --");
}

static int parse(struct cli *cli, int argc, char **argv, struct parsed *parsed)
{
	struct option table[OPTION_COUNT + 3] = { { 0 } };
	int answer;

	for (size_t i = 0; i < OPTION_COUNT; i++)
		table[i] =
			(struct option){ cli_options[i].name, cli_options[i].value != NULL, NULL, LONG_FIRST + (int)i };
	table[OPTION_COUNT] = (struct option){ "help", no_argument, NULL, LONG_HELP };
	table[OPTION_COUNT + 1] = (struct option){ "version", no_argument, NULL, LONG_VERSION };
	while ((answer = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
		if (answer == '?' || answer == ':')
			return option_wrong(cli, answer, argv[optind - 1]);
		if (answer == 'h' || answer == LONG_HELP) {
			parsed->help = true;
		} else if (answer == LONG_VERSION) {
			parsed->version = true;
		} else {
			parsed->given[answer - LONG_FIRST] = &cli_options[answer - LONG_FIRST];
			option_set(cli, &cli_options[answer - LONG_FIRST], optarg);
		}
	}
	for (int i = optind; i < argc; i++) {
		if (cli->argument_count == CLI_ARGUMENTS)
			return cli_refuse(cli, KEYREEVE_INVALID, argv[i], "too many arguments",
				"keyreeve COMMAND --help shows how many there are");
		cli->argument[cli->argument_count++] = argv[i];
	}
	return 0;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
	const char *argument[CLI_ARGUMENTS + 1] = { NULL };
	const struct cli_command *command;
	char usage[160];
	size_t words = 0, count;

	command = command_find(cli, &words);
	if (command == NULL && cli->argument_count == 0)
		return help(stderr, KEYREEVE_INVALID);
	if (command == NULL)
		return command_unknown(cli, parsed->help);
	if (parsed->help)
		return command_help(command);
	count = cli->argument_count - words;
	(void)snprintf(usage, sizeof(usage), "usage: keyreeve %s%s%s %s [OPTIONS]", command->group,
		command->name != NULL ? " " : "", command->name != NULL ? command->name : "", command->synopsis);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (parsed->given[i] != NULL && strchr(GLOBAL, parsed->given[i]->letter) == NULL &&
			strchr(command->options, parsed->given[i]->letter) == NULL)
			return cli_refuse(cli, KEYREEVE_INVALID, parsed->given[i]->name,
				"this command has no such option", "keyreeve COMMAND --help lists them");
	if (cli->json && cli->out != NULL)
		return cli_refuse(cli, KEYREEVE_INVALID, "--out", "it does not go with --json",
			"JSON is printed to standard output");
	if (count < command->least || count > command->most)
		return cli_refuse(cli, KEYREEVE_INVALID, command->group,
			count < command->least ? "an argument is missing" : "too many arguments", usage);
	memcpy(argument, cli->argument + words, count * sizeof(argument[0]));
	return command->run(cli, argument);
}

/* ---- the handle -------------------------------------------------------------------------------------- */

struct keyreeve_spiffe *cli_spiffe(struct cli *cli)
{
	char reason[KEYREEVE_TEXT_BYTES] = "";

	if (cli->spiffe == NULL && keyreeve_spiffe_open(cli->spiffe_socket, cli->audience, &cli->spiffe, reason) != 0)
		(void)cli_refuse(cli, KEYREEVE_NO_TOKEN, "no token", reason,
			"set " ENDPOINT_VARIABLE " or --spiffe-socket to its unix:///path");
	return cli->spiffe;
}

/* Fetching starts threads and takes milliseconds: only when a request needs it. */
static int token_late(void *context, int again, char *buffer, size_t size, size_t *ret_len, char *reason)
{
	struct cli *cli = context;

	if (cli->spiffe == NULL && keyreeve_spiffe_open(cli->spiffe_socket, cli->audience, &cli->spiffe, reason) != 0)
		return -1;
	return keyreeve_spiffe_token(cli->spiffe, again, buffer, size, ret_len, reason);
}

static bool auth_parse(const struct cli *cli, struct keyreeve_options *options)
{
	static const char direct[] = "direct:";
	const char *variable = getenv(ENDPOINT_VARIABLE);
	bool has_api = cli->spiffe_socket != NULL || (variable != NULL && variable[0] != '\0');

	if (cli->auth == NULL) {
		options->auth = has_api ? KEYREEVE_AUTH_JWT_SVID : KEYREEVE_AUTH_UNIX_PEER;
		return true;
	}
	if (strncmp(cli->auth, direct, sizeof(direct) - 1) == 0) {
		options->auth = KEYREEVE_AUTH_DIRECT;
		options->direct_name = cli->auth + sizeof(direct) - 1;
		return options->direct_name[0] != '\0';
	}
	for (int type = 0; type < AUTH_TYPE_COUNT; type++)
		if (type != AUTH_TYPE_DIRECT && type != AUTH_TYPE_JWT &&
			strcmp(cli->auth, auth_row((uint32_t)type)->name) == 0) {
			options->auth = (enum keyreeve_auth)type;
			return true;
		}
	return false;
}

static bool user_parse(const char *name, uid_t *ret_uid)
{
	const struct passwd *entry = getpwnam(name);
	char *end = NULL;
	unsigned long number = strtoul(name, &end, 10);

	if (entry == NULL && (*name < '0' || *name > '9' || *end != '\0' || number >= UINT32_MAX))
		return false;
	*ret_uid = entry != NULL ? entry->pw_uid : (uid_t)number;
	return true;
}

static bool seconds_parse(const char *text, int *ret_ms)
{
	char *end = NULL;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds > 0 && seconds <= 3600))
		return false;
	*ret_ms = (int)(seconds * 1000) > 0 ? (int)(seconds * 1000) : 1;
	return true;
}

int cli_open(struct cli *cli)
{
	struct keyreeve_options options = { .size = sizeof(options),
		.endpoint = cli->socket,
		.token = token_late,
		.token_context = cli,
		.check_server = cli->server_user != NULL };
	struct keyreeve_error error;
	uint8_t provider = 0;

	if (cli->socket == NULL && cli->is_admin && getenv(KEYREEVE_ENDPOINT_VARIABLE) == NULL)
		options.endpoint = ADMIN_SOCKET;
	if (!auth_parse(cli, &options))
		return cli_refuse(cli, KEYREEVE_INVALID, "--auth", "no such way to authenticate",
			"jwt-svid, unix-peer, direct:NAME or none");
	if (cli->provider != NULL && (!provider_from_text(cli->provider, &provider) || provider == PROVIDER_ID_CORE))
		return cli_refuse(cli, KEYREEVE_INVALID, "--provider", "no such provider", "software, pkcs11 or tpm");
	if (cli->server_user != NULL && !user_parse(cli->server_user, &options.server_uid))
		return cli_refuse(
			cli, KEYREEVE_INVALID, "--server-user", "no such user", "a name or a uid of this machine");
	if (cli->deadline != NULL && !seconds_parse(cli->deadline, &options.deadline_ms))
		return cli_refuse(cli, KEYREEVE_INVALID, "--timeout", "not a number of seconds up to 3600",
			"for example --timeout 5, or 0.5");
	options.provider = provider;
	cli->provider_id = provider;
	if (keyreeve_open(&options, &cli->handle, &error) != KEYREEVE_OK)
		return cli_error(cli, "cannot begin", &error);
	return 0;
}

int cli_open_admin(struct cli *cli)
{
	cli->is_admin = true;
	return cli_open(cli);
}

int main(int argc, char **argv)
{
	struct parsed parsed = { .help = false };
	struct cli cli = { .json = false };
	int code;

	if (argc > 1 && strcmp(argv[1], "policy") == 0)
		return cmd_policy(argc - 1, argv + 1);
	code = parse(&cli, argc, argv, &parsed);
	if (code == 0 && parsed.version)
		code = version();
	else if (code == 0 && parsed.help && cli.argument_count == 0)
		code = help(stdout, 0);
	else if (code == 0)
		code = run(&cli, &parsed);
	keyreeve_close(cli.handle);
	keyreeve_spiffe_close(cli.spiffe);
	if ((fflush(stdout) != 0 || ferror(stdout) != 0) && code == 0)
		code = cli_refuse(&cli, KEYREEVE_FAILED, "standard output", "it does not take what is written",
			"is its disk full, or has its reader gone?");
	return code;
}
