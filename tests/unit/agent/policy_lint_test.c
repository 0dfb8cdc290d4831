/* SPDX-License-Identifier: Apache-2.0
 *
 * What `policy check` finds in a policy that is no error, and what it leaves alone. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/config_yaml.h"
#include "agent/policy.h"
#include "base/own.h"

#define HEAD                                     \
	"apiVersion: keyreeve/v1\nkind: Agent\n" \
	"providers: [{name: tpm, type: tpm}, {name: soft, type: software}]\ntenants:\n"
#define ONE "  - {match: {spiffe: spiffe://d/a}, tenant: t, rules: ["

static void lint(void *context, const void *base, config_visit_fn *visit, void *visit_context)
{
	(void)context;
	if (config_check(base, visit, visit_context) == 0)
		(void)policy_lint(base, visit, visit_context);
}

static void auto_config(struct config **config)
{
	config_free(*config);
}

/* clang-format off */
static const struct {
	const char *tenants, *findings;
} rows[] = {
	/* what is fine */
	{ ONE "{allow: use}, {allow: read}]}\n", "" },
	{ ONE "{allow: use, keys: 'a*'}, {allow: use, keys: '*b'}]}\n", "" },
	{ ONE "{allow: use, keys: ab}, {allow: use, keys: 'a*'}]}\n", "" },
	{ ONE "{deny: sign, keys: 'a*'}, {allow: use, keys: 'a*'}]}\n", "" },                        /* verify is left */
	{ ONE "{deny: use, keys: 'a*', time: {days: sun}}, {allow: use, keys: 'a*'}]}\n", "" },      /* not always */
	{ ONE "{allow: use, max_key_age: 1d}, {allow: use}]}\n", "" },
	{ ONE "{allow: create, created: {expires_after: 1d}, keys: 'tmp-*'}, {allow: create}]}\n", "" },
	{ ONE "{allow: sign, types: ecc-p256, min_bits: 256, algorithms: ecdsa}]}\n", "" },
	{ ONE "{allow: use, types: [aes, hmac], algorithms: [aead, hmac]}]}\n", "" },
	{ ONE "{allow: use, token: {min_remaining: 10m}}]}\n", "" },
	/* never reached */
	{ ONE "{allow: use}, {allow: sign, keys: web}]}\n",
		"f:5:70: tenants[0].rules[1] is never reached: rules[0] says all of it before\n" },
	{ ONE "{allow: [use, read], keys: ['a*', 'b*']}, {allow: read, keys: ['ab', 'b*c']}]}\n",
		"f:5:98: tenants[0].rules[1] is never reached: rules[0] says all of it before\n" },
	{ ONE "{allow: use, keys: 'a*'}, {allow: use, keys: 'a*', max_key_age: 1d}]}\n",
		"f:5:82: tenants[0].rules[1] is never reached: rules[0] says all of it before\n" },
	{ ONE "{deny: use}, {deny: sign}]}\n",
		"f:5:69: tenants[0].rules[1] is never reached: rules[0] says all of it before\n" },
	/* can never allow */
	{ ONE "{allow: sign, keys: 'a*'}, {deny: use}]}\n",
		"f:5:56: tenants[0].rules[0] can never allow: rules[1] denies what is left of it\n" },
	{ ONE "{deny: sign, keys: ['*a', '*']}, {allow: [sign, verify], keys: [x, y]}, {deny: [verify, mac]}]}\n",
		"f:5:89: tenants[0].rules[1] can never allow: rules[2] denies what is left of it\n" },
	{ ONE "{allow: sign, types: rsa, algorithms: ecdsa}]}\n",
		"f:5:56: tenants[0].rules[0] can never allow: no key has one of its types, its size and one of its algorithms\n" },
	{ ONE "{allow: sign, types: rsa-2048, min_bits: 3072}]}\n",
		"f:5:56: tenants[0].rules[0] can never allow: no key has one of its types, its size and one of its algorithms\n" },
	{ ONE "{allow: sign, types: ecc-p384, max_bits: 256}, {allow: verify}]}\n",
		"f:5:56: tenants[0].rules[0] can never allow: no key has one of its types, its size and one of its algorithms\n" },
	{ ONE "{deny: sign, types: ecc-p384, max_bits: 256}]}\n",
		"f:5:56: tenants[0].rules[0] can never deny: no key has one of its types, its size and one of its algorithms\n" },
	{ ONE "{allow: sign, token: {max_lifetime: 1m, min_remaining: 2m}}]}\n",
		"f:5:56: tenants[0].rules[0] can never allow: no token that may be presented has so much time left\n" },
	{ "  - {match: {spiffe: spiffe://d/a}, tenant: t, created: {types: ecc}, rules: [{allow: create, created: {types: rsa}}]}\n",
		"f:5:79: tenants[0].rules[0] can never allow: no key is within all the limits of what may be created\n" },
	{ "  - {match: {spiffe: spiffe://d/a}, tenant: t, created: {min_bits: 3072}, rules: [{allow: create, types: [ecc, rsa-2048]}]}\n", "" },
	{ "  - {match: {spiffe: spiffe://d/a}, tenant: t, created: {min_bits: 3072}, rules: [{allow: create, types: [ecc-p256, rsa-2048]}]}\n",
		"f:5:83: tenants[0].rules[0] can never allow: no key is within all the limits of what may be created\n" },
	{ "  - {match: {spiffe: spiffe://d/a}, tenant: t, created: {min_bits: 3000}, rules: [{allow: create, created: {max_bits: 2048}}]}\n",
		"f:5:83: tenants[0].rules[0] can never allow: no key is within all the limits of what may be created\n" },
	/* tenants: exceptions before the rule, and others, are fine; what crosses is shown */
	{ "  - {match: {spiffe: 'spiffe://d/a/b'}, tenant: t}\n  - {match: {spiffe: 'spiffe://d/**'}, tenant: u}\n", "" },
	{ "  - {match: {spiffe: 'spiffe://d/{a}'}, tenant: t}\n  - {match: {spiffe: 'spiffe://e/{a}'}, tenant: u}\n", "" },
	{ "  - {match: {spiffe: 'spiffe://d/{a}'}, tenant: t}\n  - {match: {spiffe: 'spiffe://d/{a}/b'}, tenant: u}\n", "" },
	{ "  - {match: {spiffe: 'spiffe://d/{a}/b'}, tenant: t}\n  - {match: {spiffe: 'spiffe://d/a/{b}'}, tenant: u}\n",
		"f:6:13: tenants[1].match overlaps tenants[0].match: both match spiffe://d/a/b, which is tenants[0]'s since the first match wins\n" },
	{ "  - {match: {spiffe: 'spiffe://d/{a}/b/**'}, tenant: t}\n  - {match: {spiffe: 'spiffe://d/a/**'}, tenant: u}\n",
		"f:6:13: tenants[1].match overlaps tenants[0].match: both match spiffe://d/a/b/x, which is tenants[0]'s since the first match wins\n" },
	{ "  - {match: {uid: 5}, tenant: t}\n  - {match: {uid: 6}, tenant: u}\n", "" },
};
/* clang-format on */

static void findings_are_what_the_table_says(void **state)
{
	static const struct config_yaml_checker checker = { .run = lint };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(buf_done) struct buf text = buf_make(8192), findings = buf_make(8192);
		AUTO(auto_config) struct config *config = NULL;
		struct status st;

		buf_printf(&text, HEAD "%s", rows[i].tenants);
		st = config_yaml_parse_with(buf_bytes(&text), "f", &findings, &checker, &config);
		buf_put_u8(&findings, '\0');
		if (strcmp((const char *)findings.data, rows[i].findings) != 0 ||
			(st.code == STATUS_OK) != (rows[i].findings[0] == '\0'))
			fail_msg("row %zu: %s\n%s", i, rows[i].tenants, (const char *)findings.data);
	}
}

/* The daemon loads all of them: they are findings, not errors. */
static void findings_do_not_stop_the_daemon(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(buf_done) struct buf text = buf_make(8192), errors = buf_make(8192);
		AUTO(auto_config) struct config *config = NULL;
		struct policy *policy = NULL;

		buf_printf(&text, HEAD "%s", rows[i].tenants);
		assert_ok(config_yaml_parse(buf_bytes(&text), "f", &errors, &config));
		assert_ok(policy_new(config, &policy));
		policy_unref(policy);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(findings_are_what_the_table_says),
	cmocka_unit_test(findings_do_not_stop_the_daemon),
};

UNIT_MAIN(tests)
