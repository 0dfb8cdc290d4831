/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree between roles, and what is written from the table. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/config_yaml.h"
#include "base/own.h"

static const char rich[] =
	"apiVersion: keyreeve/v1\nkind: Agent\nposture: permissive\nuser: root\n"
	"audit: {segment: 1GiB, keep: 3, reserve: 128KiB}\n"
	"listeners:\n"
	"  - {path: /run/a, mode: \"0660\", group: root, parsec_path: true, authenticators: [unix-peer, jwt-svid]}\n"
	"  - {path: /run/b, mode: \"0660\", group: root, admin: true}\n"
	"spiffe: {audience: [a, b]}\n"
	"providers:\n"
	"  - {name: t, type: tpm, tcti: \"swtpm:path=/x\", sessions: password, handle: 0x81000001, owner_auth_file: "
	"/o}\n"
	"  - {name: s, type: software, wrap: t, threads: 3, verify_after_sign: on}\n"
	"  - {name: h, type: pkcs11, module: /m, module_sha256: "
	"0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef, token: l, serial: n, pin_file: /p, "
	"unix_sockets: true, env: {A: b, C: "
	"\"\"}}\n"
	"tenants:\n"
	"  - match: {spiffe: \"spiffe://d/{x}/**\"}\n"
	"    tenant: \"k/{x}\"\n"
	"    namespace: tenant\n"
	"    providers: [s, t]\n"
	"    token: {max_age: 5m, leeway: 0s, instances: 3, instance: cgroup}\n"
	"    rules: [{allow: [use, list], keys: [\"a*\", b], token: {max_lifetime: 30s}}, {deny: export}]\n"
	"  - match: {spiffe: spiffe://e/x}\n"
	"    tenant: x\n"
	"    token: {binding: declared, declared: [{uid: 1, gid: 2}, {cgroup: /a/b, label: l}]}\n"
	"    rules: [{allow: use, binding: declared, max_principals: 4}]\n"
	"  - {match: {uid: 7}, tenant: u}\n"
	"  - {match: {user: root}, tenant: r}\n"
	"  - {match: {direct: \"{x}\"}, tenant: d}\n"
	"admins: [{spiffe: spiffe://d/admin, declared: [{uid: 3}]}, {uid: 0}, {user: root}]\n"
	"accept: [{check: DOC-04, because: old kernel}]\n"
	"limits: {connections: 100, connections_per_uid: 10, queue: 5}\n";

static void auto_config(struct config **config)
{
	config_free(*config);
}

static struct config *load(const char *text)
{
	AUTO(buf_done) struct buf errors = buf_make(4096);
	struct config *config = NULL;
	struct status st = config_yaml_parse(bytes_from_text(text), "f", &errors, &config);

	if (st.code != STATUS_OK)
		fail_msg("%s\n%.*s", status_name(st.code), (int)errors.len, (const char *)errors.data);
	return config;
}

static struct buf encoded(const char *text)
{
	AUTO(auto_config) struct config *config = load(text);
	struct buf tree = buf_make(CONFIG_TREE_MAX);

	assert_ok(config_put(&tree, config));
	return tree;
}

static void a_decoded_tree_encodes_to_the_same_bytes(void **state)
{
	AUTO(buf_done) struct buf tree = encoded(rich), again = buf_make(CONFIG_TREE_MAX);
	AUTO(auto_config) struct config *config = NULL;

	(void)state;
	assert_ok(config_get(buf_bytes(&tree), &config));
	assert_ok(config_put(&again, config));
	assert_bytes(buf_bytes(&again), buf_bytes(&tree));
	/* and it is the tree that was meant */
	assert_int_equal(config->posture, POSTURE_PERMISSIVE);
	assert_int_equal(config->listener_count, 3);
	assert_int_equal(config->providers[0].handle, 0x81000001);
	assert_int_equal(config->providers[1].threads, 3);
	assert_string_equal(config->providers[2].env[1].value, "");
	assert_true(config->providers[2].needs_unix_sockets);
	assert_string_equal(config->tenants[0].rules[0].keys[1], "b");
	assert_int_equal(config->tenants[0].token.bounds.leeway_s, 0);
	assert_int_equal(config->tenants[0].token.bounds.max_lifetime_s, CONFIG_UNSET);
	assert_int_equal(config->tenants[0].token.bind.instances, 3);
	assert_int_equal(config->tenants[1].token.bind.declared_count, 2);
	assert_int_equal(config->tenants[1].token.bind.declared[0].gid, 2);
	assert_string_equal(config->tenants[1].token.bind.declared[1].cgroup, "/a/b");
	assert_int_equal(config->admins[0].declared[0].uid, 3);
	assert_int_equal(config->audit.segment_bytes, UINT64_C(1) << 30);
}

static void a_tree_cut_at_any_byte_is_refused(void **state)
{
	AUTO(buf_done) struct buf tree = encoded(rich);

	(void)state;
	for (size_t len = 0; len < tree.len; len++) {
		AUTO(own_free) uint8_t *exact = malloc(len + 1);
		struct config *config = NULL;

		assert_non_null(exact);
		memcpy(exact, tree.data, len);
		assert_fails(config_get(bytes_of(exact, len), &config), IPC_MALFORMED);
		assert_null(config);
	}
	buf_put_u8(&tree, 0);
	assert_fails(config_get(buf_bytes(&tree), &(struct config *){ NULL }), IPC_MALFORMED);
}

/* Every byte changed in four ways: refused, or a tree within bounds, which then encodes to just these bytes. */
static void a_tree_with_any_byte_changed_is_refused_or_another_tree(void **state)
{
	static const uint8_t changes[] = { 0x01, 0x80, 0xff, 0x20 };
	AUTO(buf_done) struct buf tree = encoded(rich);
	size_t refused = 0;

	(void)state;
	for (size_t i = 0; i < tree.len * sizeof(changes); i++) {
		AUTO(buf_done) struct buf again = buf_make(CONFIG_TREE_MAX);
		AUTO(auto_config) struct config *config = NULL;
		uint8_t *byte = &tree.data[i / sizeof(changes)], change = changes[i % sizeof(changes)];
		struct status st;

		*byte ^= change;
		st = config_get(buf_bytes(&tree), &config);
		if (st.code == STATUS_OK) {
			assert_ok(config_put(&again, config));
			assert_bytes(buf_bytes(&again), buf_bytes(&tree));
		}
		refused += st.code == STATUS_IPC_MALFORMED;
		*byte ^= change;
	}
	assert_true(refused > tree.len);
}

/* A field of the encoded tree overwritten by what no table allows. */
static void refuses_values_outside_of_the_table(void **state)
{
	static const struct {
		const char *what;
		size_t offset; /* in struct config */
		uint32_t value;
	} rows[] = {
		{ "posture", offsetof(struct config, posture), 2 },
		{ "compat that is not built", offsetof(struct config, compat), COMPAT_PARSEC },
		{ "validation", offsetof(struct config, spiffe.validation), VALIDATION_BOTH + 1 },
		{ "audit files", offsetof(struct config, audit.keep), 1 },
		{ "queue", offsetof(struct config, limits.queue), 0 },
		{ "queue not stated", offsetof(struct config, limits.queue), CONFIG_UNSET },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(auto_config) struct config *config = load(rich), *got = NULL;
		AUTO(buf_done) struct buf tree = buf_make(CONFIG_TREE_MAX);

		memcpy((char *)config + rows[i].offset, &rows[i].value, sizeof(uint32_t));
		assert_ok(config_put(&tree, config));
		if (config_get(buf_bytes(&tree), &got).code != STATUS_IPC_MALFORMED)
			fail_msg("%s", rows[i].what);
	}
}

static void refuses_a_list_that_is_longer_than_the_table_allows(void **state)
{
	AUTO(auto_config) struct config *config = load(rich), *got = NULL;
	AUTO(buf_done) struct buf tree = buf_make(CONFIG_TREE_MAX);
	struct config_rule *rule = &config->tenants[0].rules[0];

	(void)state;
	rule->keys = reallocarray(rule->keys, CONFIG_PATTERNS_MAX + 1, sizeof(char *));
	assert_non_null(rule->keys);
	while (rule->key_count < CONFIG_PATTERNS_MAX + 1)
		rule->keys[rule->key_count++] = strdup("k");
	assert_ok(config_put(&tree, config));
	assert_fails(config_get(buf_bytes(&tree), &got), IPC_MALFORMED);
}

static void refuses_texts_outside_of_the_table(void **state)
{
	static const char *const texts[] = { "", "relative", "/a\nb" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		AUTO(auto_config) struct config *config = load(rich), *got = NULL;
		AUTO(buf_done) struct buf tree = buf_make(CONFIG_TREE_MAX);

		free(config->paths.state);
		config->paths.state = strdup(texts[i]);
		assert_ok(config_put(&tree, config));
		assert_fails(config_get(buf_bytes(&tree), &got), IPC_MALFORMED);
	}
}

/* What a file must give for one type of provider is there in a decoded tree too. */
static void refuses_a_provider_that_lacks_what_its_type_needs(void **state)
{
	static const struct {
		uint32_t provider;
		size_t offset;
	} rows[] = {
		{ 0, offsetof(struct config_provider, tcti) },
		{ 1, offsetof(struct config_provider, wrap) },
		{ 2, offsetof(struct config_provider, module) },
		{ 2, offsetof(struct config_provider, token) },
		{ 2, offsetof(struct config_provider, pin_file) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(auto_config) struct config *config = load(rich), *got = NULL;
		AUTO(buf_done) struct buf tree = buf_make(CONFIG_TREE_MAX), one = buf_make(CONFIG_TREE_MAX);
		struct config_provider *provider = NULL;
		char **field = (char **)(void *)((char *)&config->providers[rows[i].provider] + rows[i].offset);

		free(*field);
		*field = NULL;
		assert_ok(config_put(&tree, config));
		assert_fails(config_get(buf_bytes(&tree), &got), IPC_MALFORMED);
		assert_ok(config_provider_put(&one, &config->providers[rows[i].provider]));
		assert_fails(config_provider_get(buf_bytes(&one), &provider), IPC_MALFORMED);
	}
}

static void a_tree_over_the_limit_is_not_encoded(void **state)
{
	AUTO(auto_config) struct config *config = load(rich);
	AUTO(buf_done) struct buf small = buf_make(100);

	(void)state;
	assert_fails(config_put(&small, config), LIMIT);
}

static void a_provider_travels_alone(void **state)
{
	AUTO(auto_config) struct config *config = load(rich);

	(void)state;
	for (uint32_t i = 0; i < config->provider_count; i++) {
		AUTO(buf_done) struct buf one = buf_make(CONFIG_TREE_MAX), again = buf_make(CONFIG_TREE_MAX);
		struct config_provider *provider = NULL;

		assert_ok(config_provider_put(&one, &config->providers[i]));
		assert_ok(config_provider_get(buf_bytes(&one), &provider));
		assert_string_equal(provider->name, config->providers[i].name);
		assert_ok(config_provider_put(&again, provider));
		assert_bytes(buf_bytes(&again), buf_bytes(&one));
		assert_true(config_provider_equal(provider, &config->providers[i]));
		provider->threads++;
		assert_false(config_provider_equal(provider, &config->providers[i]));
		config_provider_free(provider);
		assert_fails(config_provider_get(bytes_of(one.data, one.len - 1), &provider), IPC_MALFORMED);
	}
	config_provider_free(NULL);
}

static void names_become_numbers(void **state)
{
	AUTO(auto_config) struct config *config = load(rich);
	char text[CONFIG_TEXT_BYTES] = "";

	(void)state;
	assert_int_equal(config->tenants[3].match.user_uid, CONFIG_UNSET);
	assert_ok(config_resolve(config, text));
	assert_int_equal(config->uid, 0);
	assert_int_equal(config->gid, 0);
	assert_int_equal(config->listeners[0].gid, 0);
	assert_int_equal(config->tenants[3].match.user_uid, 0);
	assert_int_equal(config->admins[2].match.user_uid, 0);
}

static void names_that_do_not_exist_are_named(void **state)
{
	AUTO(auto_config) struct config *config = load(rich);
	char text[CONFIG_TEXT_BYTES] = "";

	(void)state;
	config->admins[2].match.user[0] = 'Z';
	assert_fails(config_resolve(config, text), CONFIG_SYNTAX);
	assert_string_equal(text, "admins[2].user: there is no account 'Zoot'");
	config->listeners[1].group[0] = 'Z';
	assert_fails(config_resolve(config, text), CONFIG_SYNTAX);
	assert_string_equal(text, "listeners[1].group: there is no group 'Zoot'");
	config->user[0] = 'Z';
	assert_fails(config_resolve(config, text), CONFIG_SYNTAX);
	assert_string_equal(text, "user: there is no account 'Zoot'");
}

/* Nobody stated is root, whose account need not have a name here. */
static void the_workload_api_s_server_is_a_uid_a_name_or_root(void **state)
{
	AUTO(auto_config) struct config *config = load(rich);
	char text[CONFIG_TEXT_BYTES] = "";

	(void)state;
	assert_int_equal(config->spiffe.server, CONFIG_UNSET);
	assert_ok(config_resolve(config, text));
	assert_int_equal(config->spiffe.server, 0);
	config->spiffe.server_uid = 4711;
	assert_ok(config_resolve(config, text));
	assert_int_equal(config->spiffe.server, 4711);
	config->spiffe.server_uid = CONFIG_UNSET;
	config->spiffe.server_user = strdup("nobody");
	assert_ok(config_resolve(config, text));
	assert_int_equal(config->spiffe.server, 65534);
	config->spiffe.server_user[0] = 'Z';
	assert_fails(config_resolve(config, text), CONFIG_SYNTAX);
	assert_string_equal(text, "spiffe.server_user: there is no account 'Zobody'");
}

static void words_have_names_both_ways(void **state)
{
	(void)state;
	assert_string_equal(config_authenticator_name(AUTHENTICATOR_JWT_SVID), "jwt-svid");
	assert_string_equal(config_authenticator_name(77), "?");
	assert_string_equal(config_provider_type_name(PROVIDER_TPM), "tpm");
	assert_string_equal(config_provider_type_name(PROVIDER_NONE), "?");
	assert_string_equal(config_verb_name(VERB_NONE), "?");
	for (uint32_t verb = VERB_NONE + 1; verb < VERB_COUNT; verb++)
		assert_int_equal(config_verb_from_name(config_verb_name(verb)), verb);
	assert_int_equal(config_verb_from_name("use"), VERB_NONE);
	assert_int_equal(config_verb_from_name("destroy"), VERB_DESTROY);
}

static void the_reference_page_is_current(void **state)
{
	AUTO(buf_done) struct buf page = buf_make(1024 * 1024);
	AUTO(own_free) char *text = calloc(1, 1024 * 1024);
	FILE *file = fopen(TEST_SOURCE_DIR "/docs/configuration.md", "r");
	size_t len;

	(void)state;
	assert_non_null(file);
	assert_non_null(text);
	len = fread(text, 1, 1024 * 1024, file);
	fclose(file);
	config_reference_put(&page);
	assert_ok(buf_check(&page));
	if (!bytes_equal(buf_bytes(&page), bytes_of(text, len)))
		fail_msg("docs/configuration.md is old: keyreeve-config --reference > docs/configuration.md");
}

static void the_schema_is_balanced_and_names_every_field(void **state)
{
	static const char *const names[] = { "apiVersion", "parsec_path", "pin_file", "max_age", "connections_per_uid",
		"keys", "in_flight", "\"jwks_url\"" };
	AUTO(buf_done) struct buf schema = buf_make(1024 * 1024);
	int depth = 0;

	(void)state;
	config_schema_put(&schema);
	buf_put_u8(&schema, '\0');
	assert_ok(buf_check(&schema));
	for (size_t i = 0; i < schema.len; i++)
		depth += schema.data[i] == '{' ? 1 : schema.data[i] == '}' ? -1 : 0;
	assert_int_equal(depth, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(strstr((const char *)schema.data, names[i]));
	/* what is not built yet is not offered */
	assert_null(strstr((const char *)schema.data, "\"addresses\""));
	assert_null(strstr((const char *)schema.data, "\"config_signers\""));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_decoded_tree_encodes_to_the_same_bytes),
	cmocka_unit_test(a_tree_cut_at_any_byte_is_refused),
	cmocka_unit_test(a_tree_with_any_byte_changed_is_refused_or_another_tree),
	cmocka_unit_test(refuses_values_outside_of_the_table),
	cmocka_unit_test(refuses_a_list_that_is_longer_than_the_table_allows),
	cmocka_unit_test(refuses_texts_outside_of_the_table),
	cmocka_unit_test(refuses_a_provider_that_lacks_what_its_type_needs),
	cmocka_unit_test(a_tree_over_the_limit_is_not_encoded),
	cmocka_unit_test(a_provider_travels_alone),
	cmocka_unit_test(names_become_numbers),
	cmocka_unit_test(names_that_do_not_exist_are_named),
	cmocka_unit_test(the_workload_api_s_server_is_a_uid_a_name_or_root),
	cmocka_unit_test(words_have_names_both_ways),
	cmocka_unit_test(the_reference_page_is_current),
	cmocka_unit_test(the_schema_is_balanced_and_names_every_field),
};

UNIT_MAIN(tests)
