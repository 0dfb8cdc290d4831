/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config_hand.h"

#include <assert.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"

/* ---- shared ---------------------------------------------------------------------------------------------------- */

void hand_print(FILE *to, const struct buf *text)
{
	if (text->len > 0)
		(void)fwrite(text->data, 1, text->len, to);
}

struct status hand_read(int fd, const char *path, struct buf *errors, struct buf *ret_text)
{
	ssize_t got;

	do {
		uint8_t *room = buf_reserve(ret_text, 64 * 1024);

		ENSURE(room != NULL, LIMIT);
		got = read(fd, room, 64 * 1024);
		if (got < 0) {
			buf_printf(errors, "%s: %s\n", path, status_text(STATUS_IO));
			return FAIL(IO);
		}
		buf_grew(ret_text, (size_t)got);
	} while (got > 0 && ret_text->len <= CONFIG_FILE_MAX); /* one byte more is the parser's to refuse */
	return OK;
}

struct status hand_parse(int fd, const char *path, const struct config_yaml_checker *checker, struct buf *errors,
	struct config **ret_config)
{
	AUTO(buf_done) struct buf text = buf_make(CONFIG_FILE_MAX + 128 * 1024);

	TRY(hand_read(fd, path, errors, &text));
	if (checker == NULL)
		return config_yaml_parse(buf_bytes(&text), path, errors, ret_config);
	return config_yaml_parse_with(buf_bytes(&text), path, errors, checker, ret_config);
}

static struct status path_parse(
	const char *path, const struct config_yaml_checker *checker, struct buf *errors, struct config **ret_config)
{
	AUTO(own_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		buf_printf(errors, "%s: cannot be opened: %m\n", path);
		return FAIL(IO);
	}
	return hand_parse(fd, path, checker, errors, ret_config);
}

struct status hand_load(const char *path, struct buf *errors, struct config **ret_config)
{
	char text[CONFIG_TEXT_BYTES];

	TRY(path_parse(path, NULL, errors, ret_config));
	/* Accounts that this machine lacks match nobody here. */
	if (config_resolve_users(*ret_config, text).code != STATUS_OK)
		(void)fprintf(stderr, "keyreeve-config: %s\n", text);
	return OK;
}

void hand_json_text(struct buf *to, struct bytes text)
{
	buf_put_u8(to, '"');
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c < 0x20 || c == 0x7f)
			buf_printf(to, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			buf_printf(to, "\\%c", c);
		else
			buf_put_u8(to, c);
	}
	buf_put_u8(to, '"');
}

/* Up to the next ':' that ends a number; false when there is none. */
static bool number_cut(struct bytes *line, unsigned *ret_number)
{
	size_t i = 0;

	for (*ret_number = 0; i < line->len && line->data[i] >= '0' && line->data[i] <= '9'; i++)
		*ret_number = *ret_number * 10 + (line->data[i] - '0');
	if (i == 0 || i == line->len || line->data[i] != ':')
		return false;
	*line = bytes_of(line->data + i + 1, line->len - i - 1);
	return true;
}

static void finding_json(struct buf *to, const char *path, struct bytes line)
{
	size_t len = strlen(path);
	unsigned row, column;

	buf_put_text(to, "{\"file\": ");
	hand_json_text(to, bytes_from_text(path));
	if (line.len > len + 1 && memcmp(line.data, path, len) == 0 && line.data[len] == ':') {
		line = bytes_of(line.data + len + 1, line.len - len - 1);
		if (number_cut(&line, &row) && number_cut(&line, &column))
			buf_printf(to, ", \"line\": %u, \"column\": %u", row, column);
		if (line.len > 0 && line.data[0] == ' ')
			line = bytes_of(line.data + 1, line.len - 1);
	}
	buf_put_text(to, ", \"text\": ");
	hand_json_text(to, line);
	buf_put_text(to, "}");
}

void hand_json_findings(struct buf *to, const char *path, const struct buf *lines)
{
	struct bytes left = buf_bytes(lines);
	const char *separator = "";

	buf_put_text(to, "[");
	while (left.len > 0) {
		const uint8_t *end = memchr(left.data, '\n', left.len);
		size_t len = end == NULL ? left.len : (size_t)(end - left.data);

		buf_put_text(to, separator);
		finding_json(to, path, bytes_of(left.data, len));
		left = end == NULL ? bytes_of(NULL, 0) : bytes_of(end + 1, left.len - len - 1);
		separator = ",\n ";
	}
	buf_put_text(to, "]");
}

static void auto_config(struct config **config)
{
	config_free(*config);
}

static void auto_unref(struct policy **policy)
{
	policy_unref(*policy);
}

static int usage(FILE *to, int code)
{
	(void)fputs(
		"usage: keyreeve-config --check FILE\n"
		"       keyreeve-config --explain FILE --as ID --op OPERATION [OPTIONS]\n"
		"       keyreeve-config --test FILE\n"
		"       keyreeve-config --diff OLD --with NEW\n"
		"       keyreeve-config --schema | --reference | --man | --version\n"
		"\n"
		"ID is spiffe://..., uid:NUMBER or direct:NAME.  OPERATION is a verb (sign, generate, list, ...) or a\n"
		"name such as PsaSignHash.  What more may be said of the request:\n"
		"\n"
		"  --key NAME  --provider NAME  --type TYPE  --bits NUMBER  --algorithm NAME  --hash NAME\n"
		"  --usages LIST  --key-age TIME  --expired  --at TIME  --lifetime TIME  --age TIME\n"
		"\n"
		"A token is taken to be fresh and to live 300 seconds unless told otherwise.  --json prints JSON.\n"
		"keyreeve policy --help has more words.\n",
		to);
	return code;
}

/* ---- check ----------------------------------------------------------------------------------------------------- */

/* Errors first; what else there is to say only of a good file. */
static void check_all(void *context, const void *base, config_visit_fn *visit, void *visit_context)
{
	(void)context;
	if (config_check(base, visit, visit_context) == 0)
		(void)policy_lint(base, visit, visit_context);
}

static void check_json(const char *path, bool is_good, const struct buf *lines)
{
	AUTO(buf_done) struct buf text = buf_make(HAND_OUTPUT_MAX);

	buf_put_text(&text, "{\"file\": ");
	hand_json_text(&text, bytes_from_text(path));
	buf_printf(&text, ", \"good\": %s, \"findings\": ", is_good ? "true" : "false");
	hand_json_findings(&text, path, lines);
	buf_put_text(&text, "}\n");
	hand_print(stdout, &text);
}

static int check_run(const char *path, bool as_json)
{
	static const struct config_yaml_checker checker = { .run = check_all };
	AUTO(buf_done) struct buf errors = buf_make(HAND_ERRORS_MAX);
	AUTO(auto_config) struct config *config = NULL;
	bool is_good = path_parse(path, &checker, &errors, &config).code == STATUS_OK;

	if (as_json)
		check_json(path, is_good, &errors);
	else if (!is_good)
		hand_print(stderr, &errors);
	else
		printf("%s: good; %u listeners, %u providers, %u tenants, %u administrators\n", path,
			config->listener_count, config->provider_count, config->tenant_count, config->admin_count);
	return is_good ? EXIT_GOOD : EXIT_FINDINGS;
}

/* ---- explain --------------------------------------------------------------------------------------------------- */

static void explain_json(const struct policy *policy, const struct policy_request *rq, struct bytes words)
{
	AUTO(buf_done) struct buf text = buf_make(HAND_OUTPUT_MAX);
	struct decision decision;
	struct status st = policy_question_ask(policy, rq, &decision);

	buf_printf(&text,
		"{\"decision\": \"%s\", \"status\": \"%s\", \"rule\": ", st.code == STATUS_OK ? "allow" : "deny",
		status_name(st.code));
	hand_json_text(&text, bytes_from_text(decision.rule));
	if (decision.expires_after_s != 0)
		buf_printf(&text, ", \"expires_after_s\": %u", decision.expires_after_s);
	buf_printf(&text, ", \"uncertain\": %s, \"explanation\": ", decision.is_uncertain ? "true" : "false");
	hand_json_text(&text, words);
	buf_put_text(&text, "}\n");
	hand_print(stdout, &text);
}

static int explain_run(const char *path, const struct policy_case *asked, bool as_json)
{
	AUTO(buf_done) struct buf errors = buf_make(HAND_ERRORS_MAX);
	AUTO(buf_done) struct buf words = buf_make(HAND_OUTPUT_MAX);
	AUTO(auto_config) struct config *config = NULL;
	AUTO(auto_unref) struct policy *policy = NULL;
	struct policy_question question;
	char why[CONFIG_TEXT_BYTES] = "";
	struct status st;

	if (hand_load(path, &errors, &config).code != STATUS_OK || policy_new(config, &policy).code != STATUS_OK) {
		if (errors.len == 0)
			buf_printf(&errors, "%s: cannot be compiled\n", path);
		hand_print(stderr, &errors);
		return EXIT_FINDINGS;
	}
	if (!policy_question_make(asked, config, &question, why)) {
		(void)fprintf(stderr, "keyreeve-config: %s\n", why);
		return usage(stderr, EXIT_USAGE);
	}
	st = policy_explain(policy, &question.request, &words);
	if (as_json)
		explain_json(policy, &question.request, buf_bytes(&words));
	else
		hand_print(stdout, &words);
	return st.code == STATUS_OK ? EXIT_GOOD : EXIT_DENIED;
}

/* ---- options --------------------------------------------------------------------------------------------------- */

enum { OPTION_CHECK = 1, OPTION_EXPLAIN, OPTION_TEST, OPTION_DIFF, OPTION_SCHEMA, OPTION_REFERENCE, OPTION_MAN };
enum { OPTION_WITH = OPTION_MAN + 1, OPTION_JSON, OPTION_EXPIRED, OPTION_FIELD, OPTION_COUNT };
/* clang-format off */
static const struct option options[] = {
	{ "check", required_argument, NULL, OPTION_CHECK }, { "explain", required_argument, NULL, OPTION_EXPLAIN },
	{ "test", required_argument, NULL, OPTION_TEST }, { "diff", required_argument, NULL, OPTION_DIFF },
	{ "schema", no_argument, NULL, OPTION_SCHEMA }, { "reference", no_argument, NULL, OPTION_REFERENCE },
	{ "man", no_argument, NULL, OPTION_MAN }, { "with", required_argument, NULL, OPTION_WITH },
	{ "json", no_argument, NULL, OPTION_JSON },
	/* fields of a case */
	{ "as", required_argument, NULL, OPTION_FIELD }, { "op", required_argument, NULL, OPTION_FIELD },
	{ "key", required_argument, NULL, OPTION_FIELD }, { "provider", required_argument, NULL, OPTION_FIELD },
	{ "type", required_argument, NULL, OPTION_FIELD }, { "bits", required_argument, NULL, OPTION_FIELD },
	{ "algorithm", required_argument, NULL, OPTION_FIELD }, { "hash", required_argument, NULL, OPTION_FIELD },
	{ "usages", required_argument, NULL, OPTION_FIELD }, { "key-age", required_argument, NULL, OPTION_FIELD },
	{ "expired", no_argument, NULL, OPTION_EXPIRED }, { "at", required_argument, NULL, OPTION_FIELD },
	{ "lifetime", required_argument, NULL, OPTION_FIELD }, { "age", required_argument, NULL, OPTION_FIELD },
	{ 0 } };
/* clang-format on */

static const struct config_field *field_of(const char *option)
{
	for (const struct config_field *field = policy_case_shape.fields; field->name != NULL; field++) {
		size_t i = 0;

		while (field->name[i] != '\0' &&
			(field->name[i] == option[i] || (field->name[i] == '_' && option[i] == '-')))
			i++;
		if (field->name[i] == option[i])
			return field;
	}
	return NULL;
}

/* One option to its field: several words between commas, seconds also without unit. */
static bool field_set(const char *option, const char *value, struct policy_case *asked)
{
	const struct config_field *field = field_of(option);
	AUTO(buf_done) struct buf text = buf_make(CONFIG_TEXT_MAX);
	char why[CONFIG_TEXT_BYTES] = "";
	bool is_bare;

	assert(field != NULL); /* the options are made of the fields */
	is_bare = field->type == CONFIG_TYPE_SECONDS && value[strspn(value, "0123456789")] == '\0';
	for (const char *at = value;; at++) {
		size_t len = field->type == CONFIG_TYPE_BITS ? strcspn(at, ",") : strlen(at);

		buf_clear(&text);
		buf_put(&text, bytes_of(at, len));
		buf_put_text(&text, is_bare ? "s" : "");
		if (buf_check(&text).code != STATUS_OK ||
			config_scalar(field, buf_bytes(&text), asked, why).code != STATUS_OK) {
			(void)fprintf(
				stderr, "keyreeve-config: --%s %s\n", option, why[0] != '\0' ? why : "is too long");
			return false;
		}
		at += len;
		if (*at == '\0')
			return true;
	}
}

struct call {
	const char *given[OPTION_COUNT]; /* the option's value, or "" */
	struct policy_case asked;
};

static bool options_take(int argc, char **argv, struct call *call)
{
	int index = 0, option;

	for (const struct config_field *field = policy_case_shape.fields; field->name != NULL; field++)
		if (config_standard(field, &call->asked).code != STATUS_OK)
			return false;
	call->asked.at_s = (uint32_t)time(NULL);
	while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (option == '?')
			return false;
		call->given[option] = optarg != NULL ? optarg : "";
		if (option == OPTION_FIELD && !field_set(options[index].name, optarg, &call->asked))
			return false;
	}
	call->asked.is_expired = call->given[OPTION_EXPIRED] != NULL;
	return optind == argc;
}

static int put_run(void (*put)(struct buf *to))
{
	AUTO(buf_done) struct buf text = buf_make(HAND_OUTPUT_MAX);

	put(&text);
	hand_print(stdout, &text);
	return EXIT_GOOD;
}

static int command_run(const struct call *call)
{
	const char *const *given = call->given;
	bool as_json = given[OPTION_JSON] != NULL, has_question = call->asked.as != NULL && call->asked.op != NULL;
	unsigned commands = 0;

	for (unsigned i = OPTION_CHECK; i <= OPTION_MAN; i++)
		commands += given[i] != NULL;
	if (commands != 1 || (given[OPTION_DIFF] != NULL) != (given[OPTION_WITH] != NULL))
		return usage(stderr, EXIT_USAGE);
	if ((given[OPTION_EXPLAIN] != NULL) != has_question || (given[OPTION_FIELD] != NULL && !has_question))
		return usage(stderr, EXIT_USAGE);
	if (given[OPTION_CHECK] != NULL)
		return check_run(given[OPTION_CHECK], as_json);
	if (given[OPTION_EXPLAIN] != NULL)
		return explain_run(given[OPTION_EXPLAIN], &call->asked, as_json);
	if (given[OPTION_TEST] != NULL)
		return cases_run(given[OPTION_TEST], as_json);
	if (given[OPTION_DIFF] != NULL)
		return diff_run(given[OPTION_DIFF], given[OPTION_WITH], as_json);
	return put_run(given[OPTION_SCHEMA] != NULL	 ? config_schema_put
		       : given[OPTION_REFERENCE] != NULL ? config_reference_put
							 : config_man_put);
}

int hand_run(int argc, char **argv)
{
	struct call call = { 0 };
	int code;

	if (argc < 2 || (argc == 2 && strcmp(argv[1], "--help") == 0))
		return argc < 2 ? usage(stderr, EXIT_USAGE) : usage(stdout, EXIT_GOOD);
	code = options_take(argc, argv, &call) ? command_run(&call) : usage(stderr, EXIT_USAGE);
	config_shape_done(&policy_case_shape, &call.asked);
	return code;
}
