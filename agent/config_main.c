/* SPDX-License-Identifier: Apache-2.0
 *
 * Role keyreeve-config, short-lived: reads the configuration in its sandbox and answers the checked tree, so that
 * keyreeved never sees YAML.  By hand it does the same and tells: --check, --explain, --schema, --reference. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/config_yaml.h"
#include "agent/policy.h"
#include "base/log.h"
#include "base/own.h"
#include "base/role.h"
#include "base/sandbox.h"

enum {
	EXIT_GOOD = 0,
	EXIT_USAGE = 1,
	EXIT_DENIED = 4,
	EXIT_FINDINGS = 8,
	ERRORS_MAX = 64 * 1024, /* CONFIG_ERRORS_MAX lines */
	OUTPUT_MAX = 1024 * 1024,
	PATH_MAX_BYTES = 4096,
};

/* ---- the role --------------------------------------------------------------------------------------------------- */

static struct status file_read(int fd, struct buf *to)
{
	ssize_t got;

	do {
		uint8_t *room = buf_reserve(to, 64 * 1024);

		ENSURE(room != NULL, LIMIT);
		got = read(fd, room, 64 * 1024);
		ENSURE(got >= 0, IO);
		buf_grew(to, (size_t)got);
	} while (got > 0 && to->len <= CONFIG_FILE_MAX); /* one byte more is refused by the parser, with its sentence */
	return OK;
}

/* errors has text whenever this fails. */
static struct status file_parse(int fd, const char *path, struct buf *errors, struct config **ret_config)
{
	AUTO(buf_done) struct buf text = buf_make(CONFIG_FILE_MAX + 128 * 1024);
	struct status st = file_read(fd, &text);

	if (st.code != STATUS_OK)
		buf_printf(errors, "%s: %s\n", path, status_text(st.code));
	TRY(st);
	return config_yaml_parse(buf_bytes(&text), path, errors, ret_config);
}

static void auto_config(struct config **config)
{
	config_free(*config);
}

static struct status answer_make(int fd, const char *path, struct buf *tree, struct buf *errors)
{
	AUTO(auto_config) struct config *config = NULL;

	TRY(file_parse(fd, path, errors, &config));
	return config_put(tree, config);
}

static struct status answer_send(struct role_start *start, int fd, const char *path)
{
	AUTO(buf_done) struct buf tree = buf_make(CONFIG_TREE_MAX);
	AUTO(buf_done) struct buf errors = buf_make(ERRORS_MAX);
	struct status st = answer_make(fd, path, &tree, &errors);
	bool is_good = st.code == STATUS_OK;
	struct ipc_message answer = ipc_message_of(is_good ? CONFIG_MESSAGE_TREE : CONFIG_MESSAGE_ERRORS, 0);

	answer.status = st.code;
	answer.part[0] = buf_bytes(is_good ? &tree : &errors);
	TRY(ipc_send(start->ctl, &answer));
	return ipc_flush_wait(start->ctl, ROLE_START_MS);
}

static struct status role_run(void)
{
	struct sandbox_options nothing = sandbox_options_none();
	AUTO(role_end) struct role_start start = { 0 };
	AUTO(own_close) int fd = -1;
	char path[PATH_MAX_BYTES] = "configuration";

	TRY(role_begin("config", &start));
	fd = role_take_fd(&start, "file");
	ENSURE(fd >= 0 && start.config.len < sizeof(path), IPC_MALFORMED);
	if (start.config.len > 0) {
		memcpy(path, start.config.data, start.config.len);
		path[start.config.len] = '\0';
	}
	TRY(sandbox_enter(SANDBOX_CONFIG, &nothing, NULL)); /* before the first byte of the file */
	TRY(role_ready(&start, "reading the configuration"));
	return answer_send(&start, fd, path);
}

/* ---- by hand ---------------------------------------------------------------------------------------------------- */

static void print(FILE *to, const struct buf *text)
{
	if (text->len > 0)
		(void)fwrite(text->data, 1, text->len, to);
}

static int usage(FILE *to, int code)
{
	(void)fputs(
		"usage: keyreeve-config --check FILE\n"
		"       keyreeve-config --explain FILE --as ID --op OPERATION [--key NAME] [--provider NAME]\n"
		"                       [--lifetime SECONDS] [--age SECONDS]\n"
		"       keyreeve-config --schema | --reference | --man | --version\n"
		"\n"
		"ID is spiffe://..., uid:NUMBER or direct:NAME.  OPERATION is a verb (sign, generate, list, ...) or a\n"
		"name such as PsaSignHash.  A token is taken to be fresh and to live 300 seconds unless told "
		"otherwise.\n",
		to);
	return code;
}

static int refused(const struct buf *errors)
{
	print(stderr, errors);
	return EXIT_FINDINGS;
}

static struct status path_parse(const char *path, struct buf *errors, struct config **ret_config)
{
	AUTO(own_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		buf_printf(errors, "%s: cannot be opened: %m\n", path);
		return FAIL(IO);
	}
	return file_parse(fd, path, errors, ret_config);
}

static int check_run(const char *path)
{
	AUTO(buf_done) struct buf errors = buf_make(ERRORS_MAX);
	AUTO(auto_config) struct config *config = NULL;

	if (path_parse(path, &errors, &config).code != STATUS_OK)
		return refused(&errors);
	printf("%s: good; %u listeners, %u providers, %u tenants, %u administrators\n", path, config->listener_count,
		config->provider_count, config->tenant_count, config->admin_count);
	return EXIT_GOOD;
}

struct question {
	const char *path, *as, *op, *key, *provider;
	struct token_facts token;
};

static bool number_parse(const char *text, uint32_t *ret_number)
{
	unsigned long long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*ret_number = (uint32_t)value;
	return value < UINT32_MAX;
}

/* "jwt-svid:ID" or the ID itself, "unix:UID" or "uid:UID", "direct:NAME". */
static bool identity_parse(const char *as, struct identity *ret_identity)
{
	static const struct {
		const char *prefix;
		uint8_t authenticator;
		size_t drop;
	} rows[] = {
		{ "spiffe://", AUTHENTICATOR_JWT_SVID, 0 },
		{ "jwt-svid:", AUTHENTICATOR_JWT_SVID, 9 },
		{ "uid:", AUTHENTICATOR_UNIX_PEER, 4 },
		{ "unix:", AUTHENTICATOR_UNIX_PEER, 5 },
		{ "direct:", AUTHENTICATOR_DIRECT, 7 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity identity = { .authenticator = rows[i].authenticator };

		if (strncmp(as, rows[i].prefix, strlen(rows[i].prefix)) != 0)
			continue;
		identity.name = bytes_from_text(as + rows[i].drop);
		if (identity.authenticator == AUTHENTICATOR_UNIX_PEER &&
			!number_parse(as + rows[i].drop, &identity.uid))
			return false;
		*ret_identity = identity;
		return identity.name.len > 0;
	}
	return false;
}

static uint32_t provider_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->provider_count; i++)
		if (strcmp(config->providers[i].name, name) == 0)
			return i;
	return TENANT_NO_PROVIDER;
}

static void auto_unref(struct policy **policy)
{
	policy_unref(*policy);
}

static int explain(
	const struct config *config, const struct question *q, const struct identity *identity, enum verb verb)
{
	AUTO(buf_done) struct buf text = buf_make(OUTPUT_MAX);
	AUTO(auto_unref) struct policy *policy = NULL;
	uint32_t provider = q->provider == NULL ? TENANT_NO_PROVIDER : provider_find(config, q->provider);
	struct status st;

	if (q->provider != NULL && provider == TENANT_NO_PROVIDER) {
		(void)fprintf(stderr, "keyreeve-config: %s has no provider '%s'\n", q->path, q->provider);
		return EXIT_USAGE;
	}
	if (policy_new(config, &policy).code != STATUS_OK) {
		(void)fprintf(stderr, "keyreeve-config: %s cannot be compiled\n", q->path);
		return EXIT_FINDINGS;
	}
	st = policy_explain(policy,
		&(struct policy_request){ .verb = verb,
			.provider = provider,
			.key = bytes_from_text(q->key),
			.identity = identity,
			.token = &q->token,
			.now_s = q->token.now_s },
		&text);
	print(stdout, &text);
	return st.code == STATUS_OK ? EXIT_GOOD : EXIT_DENIED;
}

static int explain_run(const struct question *asked)
{
	AUTO(buf_done) struct buf errors = buf_make(ERRORS_MAX);
	AUTO(auto_config) struct config *config = NULL;
	struct question q = *asked;
	struct identity identity;
	char text[CONFIG_TEXT_BYTES];
	enum verb verb;

	if (q.as == NULL || q.op == NULL || !identity_parse(q.as, &identity))
		return usage(stderr, EXIT_USAGE);
	verb = policy_verb(q.op);
	if (verb == VERB_NONE) {
		(void)fprintf(stderr, "keyreeve-config: no rule speaks of '%s'\n", q.op);
		return EXIT_USAGE;
	}
	q.token.has_token = identity.authenticator == AUTHENTICATOR_JWT_SVID;
	if (path_parse(q.path, &errors, &config).code != STATUS_OK)
		return refused(&errors);
	/* Accounts that this machine lacks match nobody here. */
	if (config_resolve_users(config, text).code != STATUS_OK)
		(void)fprintf(stderr, "keyreeve-config: %s\n", text);
	return explain(config, &q, &identity, verb);
}

static int put_run(void (*put)(struct buf *to))
{
	AUTO(buf_done) struct buf text = buf_make(OUTPUT_MAX);

	put(&text);
	print(stdout, &text);
	return EXIT_GOOD;
}

/* --lifetime and --age, once both are known; any "now" will do. */
static bool token_set(struct token_facts *token, const char *lifetime, const char *age)
{
	uint32_t lifetime_s = 300, age_s = 0;

	if ((lifetime != NULL && !number_parse(lifetime, &lifetime_s)) || (age != NULL && !number_parse(age, &age_s)))
		return false;
	token->now_s = INT64_C(1) << 33;
	token->start_s = token->now_s - age_s;
	token->expires_s = token->start_s + lifetime_s;
	return true;
}

static int by_hand(int argc, char **argv)
{
	/* clang-format off */
	static const struct option options[] = {
		{ "check", required_argument, NULL, 'c' }, { "explain", required_argument, NULL, 'e' },
		{ "as", required_argument, NULL, 'a' }, { "op", required_argument, NULL, 'o' },
		{ "key", required_argument, NULL, 'k' }, { "provider", required_argument, NULL, 'p' },
		{ "lifetime", required_argument, NULL, 'l' }, { "age", required_argument, NULL, 'g' },
		{ "schema", no_argument, NULL, 's' }, { "reference", no_argument, NULL, 'r' },
		{ "man", no_argument, NULL, 'm' }, { 0 } };
	/* clang-format on */
	const char *given[128] = { NULL };
	struct question q = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return usage(stderr, EXIT_USAGE);
		given[option] = optarg != NULL ? optarg : "";
	}
	if (optind != argc || !!given['c'] + !!given['e'] + !!given['s'] + !!given['r'] + !!given['m'] != 1)
		return usage(stderr, EXIT_USAGE);
	if (given['c'] != NULL)
		return check_run(given['c']);
	if (given['s'] != NULL || given['r'] != NULL)
		return put_run(given['s'] != NULL ? config_schema_put : config_reference_put);
	if (given['m'] != NULL)
		return put_run(config_man_put);
	q = (struct question){ given['e'], given['a'], given['o'], given['k'] != NULL ? given['k'] : "", given['p'],
		{ 0 } };
	return token_set(&q.token, given['l'], given['g']) ? explain_run(&q) : usage(stderr, EXIT_USAGE);
}

int main(int argc, char **argv)
{
	struct stat ctl;
	struct status st;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, EXIT_GOOD);
	if (role_version(argc, argv, "keyreeve-config"))
		return EXIT_GOOD;
	if (argc > 1)
		return by_hand(argc, argv);
	if (fstat(ROLE_CTL_FD, &ctl) != 0 || !S_ISSOCK(ctl.st_mode))
		return usage(stderr, EXIT_USAGE);
	log_open("config", LOG_LEVEL_NOTICE);
	st = role_run();
	if (st.code != STATUS_OK)
		log_error("ended early: %s", status_text(st.code));
	return st.code == STATUS_OK ? EXIT_GOOD : EXIT_USAGE;
}
