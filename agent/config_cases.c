/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve policy test: cases with the decisions that are expected, in a file beside the policy.  A case that comes out
 * otherwise is a finding with its line. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/config_hand.h"
#include "base/own.h"

struct run {
	const char *path; /* of the cases */
	unsigned cases, failed;
};

static void auto_config(struct config **config)
{
	config_free(*config);
}

static void auto_unref(struct policy **policy)
{
	policy_unref(*policy);
}

static void auto_cases(struct policy_cases *cases)
{
	config_shape_done(&policy_cases_shape, cases);
}

/* "cases[3]" and, in words, which. */
static void report(struct run *run, uint32_t i, const struct policy_case *asked, const char *sentence,
	config_visit_fn *visit, void *context)
{
	char path[32], text[2 * CONFIG_TEXT_BYTES];

	(void)snprintf(path, sizeof(path), "cases[%u]", i);
	(void)snprintf(text, sizeof(text), "%s%.100s%s%s", asked->name != NULL ? "(" : "",
		asked->name != NULL ? asked->name : "", asked->name != NULL ? ") " : "", sentence);
	run->failed++;
	visit(context, path, text, false);
}

static void case_run(struct run *run, const struct config *config, const struct policy *policy, uint32_t i,
	const struct policy_case *asked, config_visit_fn *visit, void *context)
{
	bool expects_allow = asked->expect == EXPECT_ALLOW;
	char sentence[CONFIG_TEXT_BYTES] = "";
	struct policy_question question;
	struct decision decision;
	struct status st;

	if (!policy_question_make(asked, config, &question, sentence)) {
		report(run, i, asked, sentence, visit, context);
		return;
	}
	st = policy_question_ask(policy, &question.request, &decision);
	if ((st.code == STATUS_OK) != expects_allow)
		(void)snprintf(sentence, sizeof(sentence), "expects %s, but %s by %s%s",
			expects_allow ? "allow" : "deny", decision.is_allowed ? "it is allowed" : "it is denied",
			decision.rule,
			decision.is_uncertain ? ": what the case does not say of the request denies" : "");
	else if (asked->rule != NULL && strcmp(asked->rule, decision.rule) != 0)
		(void)snprintf(sentence, sizeof(sentence), "expects %s by %.64s, but it is by %s",
			expects_allow ? "allow" : "deny", asked->rule, decision.rule);
	if (sentence[0] != '\0')
		report(run, i, asked, sentence, visit, context);
}

/* policy: is seen from the directory of the cases. */
static bool policy_path(const struct run *run, const char *policy, struct buf *to)
{
	const char *slash = strrchr(run->path, '/');

	if (policy[0] != '/' && slash != NULL)
		buf_put(to, bytes_of(run->path, (size_t)(slash - run->path) + 1));
	buf_put_text(to, policy);
	buf_put_u8(to, '\0');
	return buf_check(to).code == STATUS_OK;
}

static void cases_check(void *run_context, const void *base, config_visit_fn *visit, void *context)
{
	struct run *run = run_context;
	const struct policy_cases *cases = base;
	AUTO(buf_done) struct buf path = buf_make(8 * 1024), errors = buf_make(HAND_ERRORS_MAX);
	AUTO(auto_config) struct config *config = NULL;
	AUTO(auto_unref) struct policy *policy = NULL;

	if (strcmp(cases->api_version, "keyreeve/v1") != 0)
		visit(context, "apiVersion", "is not 'keyreeve/v1', the only version that this program reads", false);
	if (strcmp(cases->kind, "PolicyTest") != 0)
		visit(context, "kind", "is not 'PolicyTest'", false);
	if (!policy_path(run, cases->policy, &path) ||
		hand_load((const char *)path.data, &errors, &config).code != STATUS_OK ||
		policy_new(config, &policy).code != STATUS_OK) {
		hand_print(stderr, &errors);
		visit(context, "policy", "is no configuration that could be tested", false);
		return;
	}
	run->cases = cases->case_count;
	for (uint32_t i = 0; i < cases->case_count; i++)
		case_run(run, config, policy, i, &cases->cases[i], visit, context);
}

static void result_put(const struct run *run, bool is_good, const struct buf *lines, bool as_json)
{
	AUTO(buf_done) struct buf text = buf_make(HAND_OUTPUT_MAX);

	if (as_json) {
		buf_put_text(&text, "{\"file\": ");
		hand_json_text(&text, bytes_from_text(run->path));
		buf_printf(&text, ", \"cases\": %u, \"failed\": %u, \"good\": %s, \"findings\": ", run->cases,
			run->failed, is_good ? "true" : "false");
		hand_json_findings(&text, run->path, lines);
		buf_put_text(&text, "}\n");
	} else {
		hand_print(stderr, lines);
		buf_printf(&text, "%s: %u cases, %u failed\n", run->path, run->cases, run->failed);
	}
	hand_print(stdout, &text);
}

int cases_run(const char *path, bool as_json)
{
	AUTO(buf_done) struct buf text = buf_make(CONFIG_FILE_MAX + 128 * 1024), lines = buf_make(HAND_ERRORS_MAX);
	AUTO(auto_cases) struct policy_cases cases = { 0 };
	AUTO(own_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct run run = { .path = path };
	const struct config_yaml_checker checker = { cases_check, &run };
	struct status st = fd < 0 ? FAIL(IO) : hand_read(fd, path, &lines, &text);

	if (fd < 0)
		buf_printf(&lines, "%s: cannot be opened: %m\n", path);
	if (st.code == STATUS_OK)
		st = config_yaml_read(buf_bytes(&text), path, &lines, &policy_cases_shape, &checker, &cases);
	result_put(&run, st.code == STATUS_OK, &lines, as_json);
	return st.code == STATUS_OK ? EXIT_GOOD : EXIT_FINDINGS;
}
