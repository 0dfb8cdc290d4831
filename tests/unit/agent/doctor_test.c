/* SPDX-License-Identifier: Apache-2.0
 *
 * Each start-up check fails where it should and nowhere else.  Runs as root, in a directory of its own below /tmp. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/config_yaml.h"
#include "agent/doctor.h"
#include "base/own.h"

enum { OURS = 4711, OURS_GID = 4712, FOREIGN = 4713, SERVER = 4714, FINDINGS_MAX = 64 };

/* ---- the machine that is looked at ---------------------------------------------------------------------------------
 */

struct world {
	char root[64]; /* 0755, root's */
	struct config *config;
	struct doctor_facts facts;
	char config_path[PATH_MAX];
	struct doctor_finding findings[FINDINGS_MAX];
	char texts[FINDINGS_MAX][DOCTOR_TEXT_BYTES];
	size_t count;
	struct doctor_result result;
};

static const char *in(const struct world *w, const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 8];

	(void)snprintf(path, PATH_MAX, "%s/%s", w->root, name);
	return path;
}

static void make_directory(const struct world *w, const char *name, mode_t mode, uid_t uid)
{
	assert_int_equal(mkdir(in(w, name), 0700), 0);
	assert_int_equal(chown(in(w, name), uid, uid == OURS ? OURS_GID : 0), 0);
	assert_int_equal(chmod(in(w, name), mode), 0);
}

static void make_file(const struct world *w, const char *name, mode_t mode, const char *text)
{
	int fd = open(in(w, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void copy_file(const struct world *w, const char *name, const char *from)
{
	char command[2 * PATH_MAX];

	(void)snprintf(command, sizeof(command), "install -m 755 %s %s", from, in(w, name));
	assert_int_equal(system(command), 0);
}

static int make_socket(const struct world *w, const char *name, bool listens)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", w->root, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (listens)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static const char yaml[] = "apiVersion: keyreeve/v1\nkind: Agent\n"
			   "paths: {state: %1$s/state, private: %1$s/private}\n"
			   "listeners:\n"
			   "  - {path: %1$s/run/socket}\n"
			   "  - {path: %1$s/direct/socket, mode: \"0660\", group: trusted, authenticators: direct}\n"
			   "spiffe: {endpoint: \"unix://%1$s/api/socket\", audience: ours}\n"
			   "providers:\n"
			   "  - {name: tpm, type: tpm, tcti: \"device:%1$s/tpm\"}\n"
			   "  - {name: soft, type: software}\n"
			   "  - {name: hsm, type: pkcs11, module: %1$s/module.so, token: t, pin_file: %1$s/pin, env: "
			   "{SOFTHSM2_CONF: %1$s/softhsm.conf}}\n"
			   "tenants:\n"
			   "  - {match: {spiffe: spiffe://d/a}, tenant: a}\n"
			   "  - {match: {spiffe: spiffe://d/b}, tenant: b, token: {instances: 2}}\n"
			   "  - {match: {spiffe: spiffe://d/c}, tenant: c, token: {binding: declared, declared: "
			   "[{cgroup: /a}, {label: l}]}}\n"
			   "admins: [{spiffe: spiffe://d/d, declared: [{uid: 5, gid: 6}]}]\n";

/* A world where every check is good. */
static int world_new(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	AUTO(buf_done) struct buf text = buf_make(8192), errors = buf_make(8192);

	assert_non_null(w);
	(void)snprintf(w->root, sizeof(w->root), "/tmp/doctor-XXXXXX");
	assert_non_null(mkdtemp(w->root));
	assert_int_equal(chmod(w->root, 0755), 0);
	make_directory(w, "run", 0755, OURS);
	make_directory(w, "direct", 0750, OURS);
	make_directory(w, "state", 0700, OURS);
	make_directory(w, "api", 0755, SERVER);
	make_directory(w, "etc", 0755, 0);
	make_directory(w, "tokens", 0700, OURS);
	make_file(w, "tpm", 0660, "");
	copy_file(w, "module.so", DOCTOR_MODULE);
	copy_file(w, "libtest_doctor_needed.so", DOCTOR_LIBRARY);
	make_file(w, "pin", 0400, "1234");
	buf_printf(&text, "directories.tokendir = %s/tokens\n", w->root);
	buf_put_u8(&text, '\0');
	make_file(w, "softhsm.conf", 0644, (const char *)text.data);
	make_file(w, "etc/keyreeve.yaml", 0644, "");
	(void)snprintf(w->config_path, sizeof(w->config_path), "%s/etc/keyreeve.yaml", w->root);

	buf_clear(&text);
	buf_printf(&text, yaml, w->root);
	if (config_yaml_parse(buf_bytes(&text), "f", &errors, &w->config).code != STATUS_OK)
		fail_msg("%.*s", (int)errors.len, (const char *)errors.data);
	w->config->uid = OURS;
	w->config->gid = OURS_GID;
	w->config->spiffe.server = SERVER;
	w->facts = (struct doctor_facts){ w->config_path, false, true, true, 3,
		{ .has_pidfd = true, .has_inodes = true, .has_info = true, .has_label = true, .cgroups = "/" }, NULL };
	*state = w;
	return 0;
}

static int world_free(void **state)
{
	struct world *w = *state;
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", w->root);
	assert_int_equal(system(command), 0);
	config_free(w->config);
	free(w);
	return 0;
}

static void keep(void *context, const struct doctor_finding *finding)
{
	struct world *w = context;

	assert_true(w->count < FINDINGS_MAX);
	(void)snprintf(w->texts[w->count], DOCTOR_TEXT_BYTES, "%s", finding->text);
	w->findings[w->count] = *finding;
	w->findings[w->count].text = w->texts[w->count];
	w->count++;
}

static void look(struct world *w)
{
	w->count = 0;
	w->result = doctor_run(w->config, &w->facts, keep, w);
}

/* Exactly one finding that is not good: this check, this outcome, a text with this in it. */
static void expect(struct world *w, unsigned check, enum doctor_outcome outcome, const char *part)
{
	const struct doctor_finding *found = NULL;

	look(w);
	for (size_t i = 0; i < w->count; i++) {
		if (w->findings[i].outcome == DOCTOR_GOOD)
			continue;
		if (found != NULL)
			fail_msg("two findings: %s; %s", found->text, w->findings[i].text);
		found = &w->findings[i];
	}
	if (found == NULL)
		fail_msg("nothing found; want DOC-%02u: %s", check, part);
	if (found->check != check || found->outcome != outcome || strstr(found->text, part) == NULL)
		fail_msg("DOC-%02u, outcome %d: %s; want %s", found->check, (int)found->outcome, found->text, part);
}

static void expect_refusal(struct world *w, unsigned check, const char *part)
{
	expect(w, check, DOCTOR_REFUSE, part);
	assert_int_equal(w->result.refused, 1);
	assert_int_equal(w->result.providers_down, 0);
}

static void expect_good(struct world *w)
{
	look(w);
	for (size_t i = 0; i < w->count; i++)
		if (w->findings[i].outcome != DOCTOR_GOOD)
			fail_msg("DOC-%02u: %s", w->findings[i].check, w->findings[i].text);
}

/* ---- good -----------------------------------------------------------------------------------------------------------
 */

static void a_machine_in_order_passes_every_check(void **state)
{
	static const unsigned checks[] = { 1, 4, 6, 11, 12, 14, 18, 21, 22, 31, 33, 42, 45, 47 };
	struct world *w = *state;

	expect_good(w);
	assert_int_equal(w->count, sizeof(checks) / sizeof(checks[0]));
	for (size_t i = 0; i < w->count; i++)
		assert_int_equal(w->findings[i].check, checks[i]);
	assert_int_equal(w->result.refused + w->result.warned + w->result.accepted, 0);
}

/* The account is uid 0, and everything of its belongs to it, so that nothing else is found. */
static void become_root(struct world *w)
{
	static const char *const directories[] = { "state", "run", "direct", "tokens" };

	w->config->uid = 0;
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		assert_int_equal(chown(in(w, directories[i]), 0, 0), 0);
}

/* ---- check by check
 * --------------------------------------------------------------------------------------------------- */

static void doc_01_refuses_uid_0_and_a_missing_account(void **state)
{
	struct world *w = *state;

	become_root(w);
	expect_refusal(w, 1, "is uid 0");
	w->config->uid = CONFIG_UNSET;
	look(w);
	assert_int_equal(w->findings[0].check, 1);
	assert_int_equal(w->findings[0].outcome, DOCTOR_REFUSE);
	assert_non_null(strstr(w->findings[0].text, "there is no account 'keyreeve': create it"));
}

static void doc_04_refuses_without_seccomp_and_warns_without_landlock(void **state)
{
	struct world *w = *state;

	w->facts.has_seccomp = false;
	expect_refusal(w, 4, "seccomp");
	w->facts.has_seccomp = true;
	w->facts.has_no_new_privileges = false;
	expect_refusal(w, 4, "no-new-privileges");
	w->facts.has_no_new_privileges = true;
	w->facts.landlock_abi = 0;
	expect(w, 4, DOCTOR_WARN, "Landlock");
	assert_int_equal(w->result.refused, 0);
}

static void doc_18_wants_an_audience_that_is_ours_alone(void **state)
{
	static const char *const domains[] = { "d", "spiffe://d" };
	struct world *w = *state;
	char **audience = &w->config->spiffe.audiences[0], *ours = *audience;

	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		*audience = strdup(domains[i]);
		expect_refusal(w, 18, "is a trust domain");
		free(*audience);
	}
	*audience = strdup("");
	expect_refusal(w, 18, "is empty");
	free(*audience);
	*audience = strdup("parsec");
	expect(w, 18, DOCTOR_WARN, "is parsec");
	assert_int_equal(w->result.refused, 0);
	w->config->listeners[0].authenticators[0] = AUTHENTICATOR_UNIX_PEER; /* nobody is asked for a token */
	w->config->listeners[0].authenticator_count = 1;
	expect_good(w);
	free(*audience);
	*audience = ours;
}

/* Every binding, and what it asks of the kernel. */
static void doc_06_refuses_what_binds_nothing_and_what_the_kernel_cannot_tell(void **state)
{
	struct world *w = *state;
	struct config_bind *first = &w->config->tenants[0].token.bind, *second = &w->config->tenants[1].token.bind;
	const struct principal_facts all = w->facts.peers;

	look(w);
	assert_string_equal(w->findings[2].text,
		"tokens are bound: 2 tenants first-use, 1 declared; this kernel tells uid "
		"and gid, process, cgroup, label");
	first->binding = BINDING_NONE;
	expect_refusal(w, 6, "tenants[0].token.binding is none");
	first->binding = BINDING_WATCH;
	expect(w, 6, DOCTOR_WARN, "tenants[0].token.binding is watch");
	assert_int_equal(w->result.refused, 0);
	first->binding = BINDING_FIRST_USE;
	w->facts.peers.has_label = false;
	expect_refusal(w, 6, "tenants[2].token.declared[1].label");
	w->facts.peers = all;
	w->facts.peers.cgroups = NULL;
	expect_refusal(w, 6, "tenants[2].token.declared[0].cgroup: no unified cgroup hierarchy");
	w->facts.peers = all;
	w->facts.peers.has_info = false;
	expect_refusal(w, 6, "tenants[2].token.declared[0].cgroup: this kernel is older than 6.13");
	w->facts.peers.has_proc = true;
	expect_good(w);
	w->facts.peers = all;
	w->facts.peers.has_inodes = false;
	expect_refusal(w, 6, "tenants[1].token.instances: this kernel is older than 6.9");
	w->facts.peers.has_proc = true;
	expect_good(w);
	w->facts.peers = all;
	second->instance = INSTANCE_CGROUP;
	expect_good(w);
	w->config->tenants[2].token.bind.declared[0].uid = 1; /* no cgroup is asked for any more */
	free(w->config->tenants[2].token.bind.declared[0].cgroup);
	w->config->tenants[2].token.bind.declared[0].cgroup = NULL;
	w->facts.peers.has_info = false;
	expect_refusal(w, 6, "tenants[1].token.instances: this kernel is older than 6.13");
	w->facts.peers = all;
	w->facts.peers.has_label = false;
	w->config->tenants[2].token.bind.declared_count = 1; /* its label neither */
	expect_good(w);
	w->config->admins[0].declared[0].label = strdup("l");
	expect_refusal(w, 6, "admins[0].declared[0].label");
	w->config->tenants[2].token.bind.declared_count = 2;
}

static void doc_11_refuses_what_others_can_write(void **state)
{
	struct world *w = *state;

	assert_int_equal(chmod(in(w, "run"), 0777), 0);
	expect_refusal(w, 11, "is writable by everybody; chmod o-w it");
	assert_int_equal(chmod(in(w, "run"), 0775), 0);
	assert_int_equal(chown(in(w, "run"), OURS, FOREIGN), 0);
	expect_refusal(w, 11, "is writable by its group");
	assert_int_equal(chmod(in(w, "run"), 0755), 0);
	assert_int_equal(chown(in(w, "run"), FOREIGN, FOREIGN), 0);
	expect_refusal(w, 11, "belongs to uid 4713");
}

static void doc_11_looks_at_every_ancestor(void **state)
{
	struct world *w = *state;

	make_directory(w, "open", 0777, 0);
	make_directory(w, "open/inner", 0755, OURS);
	free(w->config->listeners[0].path);
	w->config->listeners[0].path = strdup(in(w, "open/inner/socket"));
	expect_refusal(w, 11, "/open is writable by everybody");
	/* a sticky directory of root counts as closed, as /tmp above all this does */
	assert_int_equal(chmod(in(w, "open"), 01777), 0);
	expect_good(w);
	/* but not one of somebody else */
	assert_int_equal(chown(in(w, "open"), OURS, 0), 0);
	expect_refusal(w, 11, "/open is writable by everybody");
}

static void doc_11_refuses_links(void **state)
{
	struct world *w = *state;

	assert_int_equal(symlink(in(w, "run"), in(w, "link")), 0);
	free(w->config->listeners[0].path);
	w->config->listeners[0].path = strdup(in(w, "link/socket"));
	expect_refusal(w, 11, "is a symbolic link");
}

static void doc_12_refuses_a_listener_a_foreign_socket_and_no_socket(void **state)
{
	struct world *w = *state;
	int fd = make_socket(w, "run/socket", true);

	expect_refusal(w, 12, "somebody listens there already");
	w->facts.may_be_running = true;
	expect_good(w);
	w->facts.may_be_running = false;
	close(fd); /* stale, and ours: root's */
	expect_good(w);
	assert_int_equal(chown(in(w, "run/socket"), OURS, OURS_GID), 0);
	expect_good(w);
	assert_int_equal(chown(in(w, "run/socket"), FOREIGN, FOREIGN), 0);
	expect_refusal(w, 12, "is a socket of uid 4713");
	assert_int_equal(unlink(in(w, "run/socket")), 0);
	make_file(w, "run/socket", 0600, "");
	expect_refusal(w, 12, "exists and is no socket");
}

/* Nor by a link, nor while nothing stands there yet. */
static void doc_14_refuses_a_path_at_which_others_can_put_a_socket(void **state)
{
	struct world *w = *state;

	assert_int_equal(chmod(in(w, "api"), 0777), 0);
	expect_refusal(w, 14, "/api is writable by everybody; chmod o-w it");
	assert_int_equal(chmod(in(w, "api"), 0775), 0);
	assert_int_equal(chown(in(w, "api"), SERVER, FOREIGN), 0);
	expect_refusal(w, 14, "/api is writable by its group");
	assert_int_equal(chmod(in(w, "api"), 0755), 0);
	assert_int_equal(chown(in(w, "api"), OURS, OURS_GID), 0); /* a captured role of ours could, too */
	expect_refusal(w, 14, "/api belongs to uid 4711");
	assert_int_equal(rmdir(in(w, "api")), 0);
	expect_good(w);
	assert_int_equal(symlink(in(w, "etc"), in(w, "api")), 0);
	expect_refusal(w, 14, "is a symbolic link");
}

static void doc_14_refuses_a_socket_of_anybody_but_the_configured_account(void **state)
{
	struct world *w = *state;

	close(make_socket(w, "api/socket", true));
	expect_refusal(w, 14, "belongs to uid 0, and its server should be uid 4714");
	assert_int_equal(chown(in(w, "api/socket"), SERVER, 0), 0);
	assert_int_equal(chmod(in(w, "api/socket"), 0777), 0); /* to connect is everybody's right */
	expect_good(w);
	assert_int_equal(unlink(in(w, "api/socket")), 0);
	make_file(w, "api/socket", 0666, "");
	expect_refusal(w, 14, "is no socket");
	assert_int_equal(unlink(in(w, "api/socket")), 0);
	w->config->spiffe.server = OURS;
	assert_int_equal(chown(in(w, "api"), 0, 0), 0);
	expect_refusal(w, 14, "is that of 'keyreeve', as whom we run");
}

/* Nobody asks the Workload API for keys then. */
static void doc_14_looks_only_where_somebody_may_present_a_jwt_svid(void **state)
{
	struct world *w = *state;

	assert_int_equal(chmod(in(w, "api"), 0777), 0);
	for (uint32_t i = 0; i < w->config->listeners[0].authenticator_count; i++)
		w->config->listeners[0].authenticators[i] = AUTHENTICATOR_UNIX_PEER;
	expect_good(w);
}

static void doc_21_refuses_devices_and_files_open_to_others(void **state)
{
	struct world *w = *state;

	assert_int_equal(chmod(in(w, "tpm"), 0666), 0);
	expect_refusal(w, 21, "provider tpm");
	assert_int_equal(chmod(in(w, "tpm"), 0660), 0);
	assert_int_equal(chmod(in(w, "tokens"), 0755), 0);
	expect_refusal(w, 21, "token directory");
	assert_int_equal(chmod(in(w, "tokens"), 0700), 0);
	assert_int_equal(chmod(in(w, "pin"), 0444), 0);
	expect_refusal(w, 21, "PIN file");
	assert_int_equal(chmod(in(w, "pin"), 0400), 0);
	assert_int_equal(chmod(in(w, "softhsm.conf"), 0666), 0);
	expect_refusal(w, 21, "softhsm.conf is writable by everybody");
	assert_int_equal(unlink(in(w, "softhsm.conf")), 0);
	expect_good(w);
}

static void doc_21_refuses_a_tpm_on_a_port(void **state)
{
	struct world *w = *state;

	free(w->config->providers[0].tcti);
	w->config->providers[0].tcti = strdup("swtpm:host=127.0.0.1,port=2321");
	expect_refusal(w, 21, "network port");
}

static void doc_21_looks_at_both_nodes_of_a_tpm(void **state)
{
	struct world *w = *state;
	char tcti[PATH_MAX];

	(void)snprintf(tcti, sizeof(tcti), "device:%s/tpmrm7", w->root);
	free(w->config->providers[0].tcti);
	w->config->providers[0].tcti = strdup(tcti);
	make_file(w, "tpmrm7", 0660, "");
	make_file(w, "tpm7", 0660, "");
	expect_good(w);
	assert_int_equal(chmod(in(w, "tpm7"), 0666), 0);
	expect_refusal(w, 21, "/tpm7 is open to everybody");
	assert_int_equal(chmod(in(w, "tpm7"), 0660), 0);
	assert_int_equal(chmod(in(w, "tpmrm7"), 0666), 0);
	expect_refusal(w, 21, "/tpmrm7 is open to everybody");
	(void)snprintf(tcti, sizeof(tcti), "device:%s/tpm7", w->root);
	free(w->config->providers[0].tcti);
	w->config->providers[0].tcti = strdup(tcti);
	expect_refusal(w, 21, "/tpmrm7 is open to everybody");
}

/* Vectors of FIPS 180-4 and of its examples: the lengths on which the padding turns. */
static void doc_22_takes_a_provider_out_whose_module_has_another_hash(void **state)
{
	static const struct {
		const char *text, *hash;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnop"
		  "qrst"
		  "nopqrstu",
			"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		free(w->config->providers[2].module_sha256);
		w->config->providers[2].module_sha256 = strdup(rows[i].hash);
		make_file(w, "module.so", 0755, rows[i].text);
		expect(w, 22, DOCTOR_REFUSE, "is no shared library of this machine");
		w->config->providers[2].module_sha256[63] ^= 1;
		expect(w, 22, DOCTOR_REFUSE, "not module_sha256");
		assert_int_equal(w->result.providers_down, 1u << 2);
	}
}

static void doc_22_accepts_the_hash_that_is_pinned(void **state)
{
	struct world *w = *state;
	char command[PATH_MAX], hash[65] = "";
	FILE *out;

	(void)snprintf(command, sizeof(command), "sha256sum %s", in(w, "module.so"));
	out = popen(command, "r");
	assert_non_null(out);
	assert_int_equal(fscanf(out, "%64s", hash), 1);
	assert_int_equal(pclose(out), 0);
	w->config->providers[2].module_sha256 = strdup(hash);
	expect_good(w);
}

static void doc_22_looks_at_the_libraries_of_the_module(void **state)
{
	struct world *w = *state;

	assert_int_equal(chown(in(w, "libtest_doctor_needed.so"), FOREIGN, 0), 0);
	expect(w, 22, DOCTOR_REFUSE, "library");
	expect(w, 22, DOCTOR_REFUSE, "belongs to uid 4713");
	assert_int_equal(w->result.providers_down, 1u << 2);
	assert_int_equal(chown(in(w, "libtest_doctor_needed.so"), 0, 0), 0);
	assert_int_equal(chmod(in(w, "libtest_doctor_needed.so"), 0757), 0);
	expect(w, 22, DOCTOR_REFUSE, "is writable by everybody");
	/* a link is followed, as the loader does: what it leads to, and where it stands, must be root's */
	make_directory(w, "theirs", 0755, FOREIGN);
	copy_file(w, "theirs/needed.so", DOCTOR_LIBRARY);
	assert_int_equal(unlink(in(w, "libtest_doctor_needed.so")), 0);
	assert_int_equal(symlink("theirs/needed.so", in(w, "libtest_doctor_needed.so")), 0);
	expect(w, 22, DOCTOR_REFUSE, "/theirs belongs to uid 4713");
	assert_int_equal(unlink(in(w, "libtest_doctor_needed.so")), 0);
	expect(w, 22, DOCTOR_WARN, "needs libtest_doctor_needed.so, which is nowhere");
	assert_int_equal(w->result.providers_down, 0);
}

/* Cut anywhere it is no shared library, or one that needs less: never more than that. */
static void doc_22_reads_broken_modules(void **state)
{
	struct world *w = *state;
	struct stat st;

	assert_int_equal(stat(in(w, "module.so"), &st), 0);
	for (off_t len = st.st_size - 1; len >= 0; len -= 61) {
		assert_int_equal(truncate(in(w, "module.so"), len), 0);
		look(w);
		assert_int_equal(w->result.refused, 0);
		if (len < 64)
			assert_int_equal(w->result.providers_down, 1u << 2);
	}
}

static void doc_22_takes_a_provider_out_whose_module_others_can_change(void **state)
{
	struct world *w = *state;

	assert_int_equal(chmod(in(w, "module.so"), 0757), 0);
	expect(w, 22, DOCTOR_REFUSE, "is writable by everybody");
	assert_int_equal(w->result.refused, 0);
	assert_int_equal(w->result.providers_down, 1u << 2);
	assert_int_equal(chmod(in(w, "module.so"), 0755), 0);
	/* our own account is a stranger here: who can change the code can use the PIN */
	assert_int_equal(chown(in(w, "module.so"), OURS, OURS_GID), 0);
	expect(w, 22, DOCTOR_REFUSE, "belongs to uid 4711");
	assert_int_equal(unlink(in(w, "module.so")), 0);
	expect(w, 22, DOCTOR_REFUSE, "No such file");
	assert_int_equal(symlink("/lib/ld-linux.so.2", in(w, "module.so")), 0);
	expect(w, 22, DOCTOR_REFUSE, "is a symbolic link");
	assert_int_equal(unlink(in(w, "module.so")), 0);
	make_directory(w, "module.so", 0755, 0);
	expect(w, 22, DOCTOR_REFUSE, "no regular file");
}

static void doc_33_refuses_direct_beside_others_and_open_to_all(void **state)
{
	struct world *w = *state;

	w->config->listeners[1].mode = 0666;
	expect_refusal(w, 33, "lets everybody claim any name");
	w->config->listeners[1].mode = 0660;
	w->config->listeners[0].authenticators[0] = AUTHENTICATOR_DIRECT;
	expect_refusal(w, 33, "lets everybody claim any name");
	w->config->listeners[0].mode = 0660;
	w->config->listeners[0].group = strdup("g");
	w->config->listeners[0].authenticators = realloc(w->config->listeners[0].authenticators, 2 * sizeof(uint32_t));
	w->config->listeners[0].authenticators[1] = AUTHENTICATOR_UNIX_PEER;
	w->config->listeners[0].authenticator_count = 2;
	expect_refusal(w, 33, "beside others");
}

static void doc_33_prints_who_the_group_is(void **state)
{
	struct world *w = *state;
	const char *text = NULL;

	assert_int_equal(system("groupadd -f keyreeve-trusted && usermod -a -G keyreeve-trusted daemon"), 0);
	free(w->config->listeners[1].group);
	w->config->listeners[1].group = strdup("keyreeve-trusted");
	expect_good(w);
	for (size_t i = 0; i < w->count; i++)
		if (w->findings[i].check == 33)
			text = w->findings[i].text;
	assert_non_null(text);
	if (strstr(text, "direct/socket claims any name by group keyreeve-trusted: daemon") == NULL)
		fail_msg("%s", text);
	assert_int_equal(system("groupdel keyreeve-trusted"), 0);
}

static void doc_42_looks_at_each_file_of_ours(void **state)
{
	struct world *w = *state;

	make_file(w, "state/keys.db", 0600, "");
	make_file(w, "state/vendor.log", 0666, ""); /* not ours */
	expect_refusal(w, 42, "keys.db belongs to uid 0; chown keyreeve it");
	assert_int_equal(chown(in(w, "state/keys.db"), OURS, OURS_GID), 0);
	expect_good(w);
	assert_int_equal(chmod(in(w, "state/keys.db"), 0640), 0);
	expect_refusal(w, 42, "keys.db has mode 0640");
	assert_int_equal(chmod(in(w, "state/keys.db"), 0600), 0);
	assert_int_equal(link(in(w, "state/keys.db"), in(w, "another")), 0);
	expect_refusal(w, 42, "keys.db has another name");
	assert_int_equal(unlink(in(w, "another")), 0);
	make_directory(w, "state/audit", 0750, OURS);
	expect_refusal(w, 42, "audit has mode 0750");
	assert_int_equal(rmdir(in(w, "state/audit")), 0);
	assert_int_equal(symlink("keys.db", in(w, "state/pin-hsm")), 0);
	expect_refusal(w, 42, "pin-hsm is a symbolic link");
}

static void doc_42_refuses_a_store_that_is_not_ours_alone(void **state)
{
	struct world *w = *state;

	assert_int_equal(chmod(in(w, "state"), 0750), 0);
	expect_refusal(w, 42, "chmod 0700 it");
	assert_int_equal(chmod(in(w, "state"), 0700), 0);
	assert_int_equal(chown(in(w, "state"), 0, 0), 0);
	expect_refusal(w, 42, "chown keyreeve it");
	assert_int_equal(chown(in(w, "state"), FOREIGN, 0), 0);
	expect_refusal(w, 42, "belongs to uid 4713");
	assert_int_equal(rmdir(in(w, "state")), 0);
	expect_good(w); /* it will be made */
	assert_int_equal(symlink(in(w, "tokens"), in(w, "state")), 0);
	expect_refusal(w, 42, "is a symbolic link");
}

static void doc_45_refuses_a_file_that_others_can_write(void **state)
{
	struct world *w = *state;

	assert_int_equal(chmod(in(w, "etc/keyreeve.yaml"), 0666), 0);
	expect_refusal(w, 45, "is writable by everybody");
	assert_int_equal(chmod(in(w, "etc/keyreeve.yaml"), 0644), 0);
	assert_int_equal(chown(in(w, "etc/keyreeve.yaml"), OURS, 0), 0);
	expect_refusal(w, 45, "belongs to uid 4711");
	assert_int_equal(chown(in(w, "etc/keyreeve.yaml"), 0, 0), 0);
	assert_int_equal(chmod(in(w, "etc"), 0777), 0);
	expect_refusal(w, 45, "/etc is writable by everybody");
	assert_int_equal(chmod(in(w, "etc"), 0755), 0);
	assert_int_equal(chown(in(w, "etc"), FOREIGN, 0), 0);
	expect_refusal(w, 45, "/etc belongs to uid 4713");
}

static void doc_45_follows_links_inside_the_directory_only(void **state)
{
	struct world *w = *state;

	/* as Kubernetes mounts it */
	make_directory(w, "etc/..2026", 0755, 0);
	make_file(w, "etc/..2026/keyreeve.yaml", 0644, "");
	assert_int_equal(unlink(in(w, "etc/keyreeve.yaml")), 0);
	assert_int_equal(symlink("..2026", in(w, "etc/..data")), 0);
	assert_int_equal(symlink("..data/keyreeve.yaml", in(w, "etc/keyreeve.yaml")), 0);
	expect_good(w);
	make_directory(w, "etc-else", 0755, 0); /* whose name begins alike */
	make_file(w, "etc-else/keyreeve.yaml", 0644, "");
	assert_int_equal(unlink(in(w, "etc/keyreeve.yaml")), 0);
	assert_int_equal(symlink("../etc-else/keyreeve.yaml", in(w, "etc/keyreeve.yaml")), 0);
	expect_refusal(w, 45, "is a link out of its directory");
	make_file(w, "elsewhere.yaml", 0644, "");
	assert_int_equal(unlink(in(w, "etc/keyreeve.yaml")), 0);
	assert_int_equal(symlink("../elsewhere.yaml", in(w, "etc/keyreeve.yaml")), 0);
	expect_refusal(w, 45, "is a link out of its directory");
	assert_int_equal(unlink(in(w, "etc/keyreeve.yaml")), 0);
	expect_refusal(w, 45, "No such file");
}

/* Who can write an issuer's keys decides whose tokens are believed. */
static void doc_45_refuses_keys_of_an_issuer_that_others_can_write(void **state)
{
	struct world *w = *state;

	w->config->issuers = calloc(1, sizeof(*w->config->issuers));
	w->config->issuer_count = 1;
	w->config->issuers[0].issuer = strdup("https://idp.example");
	w->config->issuers[0].jwks_file = strdup(in(w, "jwks/idp.json"));
	make_directory(w, "jwks", 0755, OURS);
	expect(w, 45, DOCTOR_WARN, "is not there: its tokens are refused until it is");
	assert_int_equal(w->result.refused, 0);
	make_file(w, "jwks/idp.json", 0644, "{}");
	expect_good(w);
	assert_int_equal(chmod(in(w, "jwks/idp.json"), 0666), 0);
	expect_refusal(w, 45, "is writable by everybody");
	assert_int_equal(chmod(in(w, "jwks/idp.json"), 0644), 0);
	assert_int_equal(chown(in(w, "jwks/idp.json"), FOREIGN, 0), 0);
	expect_refusal(w, 45, "belongs to uid 4713");
	assert_int_equal(chown(in(w, "jwks/idp.json"), 0, 0), 0);
	assert_int_equal(chmod(in(w, "jwks"), 0777), 0);
	expect_refusal(w, 45, "/jwks is writable by everybody");
	assert_int_equal(chmod(in(w, "jwks"), 0755), 0);
	assert_int_equal(unlink(in(w, "jwks/idp.json")), 0);
	make_directory(w, "jwks/idp.json", 0755, 0);
	expect_refusal(w, 45, "is no regular file");
}

static void doc_47_takes_software_out_whose_keys_a_file_wraps(void **state)
{
	struct world *w = *state;

	free(w->config->providers[1].wrap);
	w->config->providers[1].wrap = strdup("file");
	expect(w, 47, DOCTOR_REFUSE, "wrapped by a key file");
	assert_int_equal(w->result.refused, 0);
	assert_int_equal(w->result.providers_down, 1u << 1);
	free(w->config->providers[1].wrap);
	w->config->providers[1].wrap = strdup("hsm");
	expect_good(w);
}

static void doc_47_sees_what_wrapped_the_first_key(void **state)
{
	struct world *w = *state;

	make_file(w, "state/soft-soft.key", 0600, "");
	assert_int_equal(chown(in(w, "state/soft-soft.key"), OURS, OURS_GID), 0);
	expect_good(w); /* a start that did not choose it */
	make_file(w, "state/soft-soft.key", 0600, "k");
	expect(w, 47, DOCTOR_REFUSE, "stay wrapped by the key file");
	assert_int_equal(w->result.providers_down, 1u << 1);
}

static void doc_47_knows_what_auto_means_without_devices(void **state)
{
	struct world *w = *state;
	struct config_provider *all = w->config->providers, soft = all[1];

	w->config->providers = &soft;
	w->config->provider_count = 1;
	expect(w, 47, DOCTOR_REFUSE, "wrapped by a key file");
	w->config->providers = all;
	w->config->provider_count = 3;
}

/* ---- posture and accepted findings
 * --------------------------------------------------------------------------------------- */

#define SERVICE "svc:x:4750:4750::/home/svc:/usr/sbin/nologin\n"
#define LOCKED "root:$6$a:1::::::\nsvc:!:1::::::\n"

static void put_accounts(const struct world *w, const char *passwd, const char *shadow)
{
	make_file(w, "etc/passwd", 0644, passwd);
	make_file(w, "etc/shadow", 0600, shadow);
}

/* Break what a check looks at; each is found alone. */
static void break_all(struct world *w)
{
	free(w->config->spiffe.audiences[0]);
	w->config->spiffe.audiences[0] = strdup("d");
	w->facts.has_seccomp = false;
	w->config->tenants[0].token.bind.binding = BINDING_NONE;
	assert_int_equal(chmod(in(w, "api"), 0777), 0);
	assert_int_equal(chmod(in(w, "tpm"), 0666), 0);
	assert_int_equal(chmod(in(w, "module.so"), 0757), 0);
	w->config->listeners[1].mode = 0666;
	assert_int_equal(chmod(in(w, "etc/keyreeve.yaml"), 0666), 0);
	free(w->config->providers[1].wrap);
	w->config->providers[1].wrap = strdup("file");
	put_accounts(w, "svc:x:4750:4750::/:/bin/sh\n", LOCKED);
	w->facts.root = w->root;
	w->config->tenants[0].match.uid = 4750;
	/* the four that no posture waives */
	assert_int_equal(chmod(in(w, "run"), 0777), 0);
	make_file(w, "direct/socket", 0600, "");
	assert_int_equal(chmod(in(w, "state"), 0750), 0);
	become_root(w);
}

static void permissive_warns_except_for_four(void **state)
{
	struct world *w = *state;

	break_all(w);
	look(w);
	assert_int_equal(w->result.refused, 12);
	assert_int_equal(w->result.providers_down, 1u << 1 | 1u << 2);
	w->config->posture = POSTURE_PERMISSIVE;
	look(w);
	assert_int_equal(w->result.refused, 4);
	assert_int_equal(w->result.providers_down, 0);
	assert_int_equal(w->result.warned, 10);
	for (size_t i = 0; i < w->count; i++) {
		unsigned check = w->findings[i].check;
		bool is_fixed = check == 1 || check == 11 || check == 12 || check == 42;

		assert_int_equal(w->findings[i].outcome, is_fixed ? DOCTOR_REFUSE : DOCTOR_WARN);
	}
}

static void an_accepted_finding_does_not_refuse_and_says_why(void **state)
{
	struct world *w = *state;
	struct config_accept accepts[] = { { (char[]){ "DOC-22" }, (char[]){ "vendor installs it so" } },
		{ (char[]){ "DOC-42" }, (char[]){ "it must not help" } } };

	w->config->accepts = accepts;
	w->config->accept_count = 2;
	assert_int_equal(chmod(in(w, "module.so"), 0757), 0);
	expect(w, 22, DOCTOR_ACCEPTED, "is writable");
	assert_int_equal(w->result.accepted, 1);
	assert_int_equal(w->result.providers_down, 0);
	for (size_t i = 0; i < w->count; i++)
		if (w->findings[i].check == 22)
			assert_string_equal(w->findings[i].because, "vendor installs it so");
	assert_int_equal(chmod(in(w, "module.so"), 0755), 0);
	assert_int_equal(chmod(in(w, "state"), 0750), 0);
	expect_refusal(w, 42, "chmod 0700");
	w->config->accepts = NULL;
	w->config->accept_count = 0;
}

static void this_machine_can_be_probed(void **state)
{
	struct doctor_facts facts = { 0 };

	(void)state;
	doctor_probe("/x", true, &facts);
	assert_string_equal(facts.config_path, "/x");
	assert_true(facts.may_be_running);
	assert_true(facts.has_no_new_privileges);
	assert_true(facts.landlock_abi >= 0);
}

#define in_a_world(test) cmocka_unit_test_setup_teardown(test, world_new, world_free)

/* ---- DOC-31 --------------------------------------------------------------------------------------------------------
 */

static void doc_31_refuses_accounts_that_can_log_in(void **state)
{
	static const struct {
		const char *passwd, *shadow, *part; /* part NULL: good */
	} rows[] = {
		{ SERVICE, LOCKED, NULL }, { SERVICE, "svc:*:1::::::\n", NULL }, { SERVICE, "svc:!!:1::::::\n", NULL },
		{ SERVICE, "root:$6$a:1::::::\n", NULL }, /* no line: no password */
		{ SERVICE, "svc:$6$salt$hash:1::::::\n", "has a password" },
		{ SERVICE, "svc::1::::::\n", "needs none" }, { "svc::4750:4750::/:/bin/false\n", LOCKED, "needs none" },
		{ "svc:x:4750:4750::/:/bin/sh\n", LOCKED, "has the shell /bin/sh" },
		{ "svc:x:4750:4750::/:\n", LOCKED, "has the shell /bin/sh" },
		{ "svc:x:4750:4750::/:nologin\n", LOCKED, "has the shell nologin" },
		{ "other:x:4751:1::/:/bin/sh\n" SERVICE, "other::1::::::\n" LOCKED, NULL }, /* no tenant */
		{ SERVICE "twin:x:4750:1::/:/bin/sh\n", LOCKED, "account twin" },
		{ "", "", NULL }, /* no account: nobody logs in */
	};
	struct world *w = *state;

	put_accounts(w, "svc:x:4750:4750::/:/bin/sh\n", "svc::1::::::\n");
	w->facts.root = w->root;
	expect_good(w); /* no tenant is named by uid */
	w->config->tenants[0].match.uid = 4750;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%zu\n", i);
		put_accounts(w, rows[i].passwd, rows[i].shadow);
		if (rows[i].part == NULL)
			expect_good(w);
		else
			expect(w, 31, DOCTOR_REFUSE, rows[i].part);
	}
	w->config->tenants[0].match.uid = CONFIG_UNSET;
}

static void doc_31_refuses_keys_and_containers(void **state)
{
	static const char *const names[] = { "home/svc/.ssh/authorized_keys", "home/svc/.ssh/authorized_keys2" };
	static const char *const marks[] = { ".dockerenv", "run/.containerenv" };
	struct world *w = *state;

	put_accounts(w, SERVICE, LOCKED);
	make_directory(w, "home", 0755, 0);
	make_directory(w, "home/svc", 0700, FOREIGN);
	make_directory(w, "home/svc/.ssh", 0700, FOREIGN);
	w->facts.root = w->root;
	w->config->tenants[0].match.uid = 4750;
	expect_good(w);
	for (size_t i = 0; i < 2; i++) {
		make_file(w, names[i], 0600, "");
		expect(w, 31, DOCTOR_REFUSE, "can log in with a key");
		assert_int_equal(unlink(in(w, names[i])), 0);
	}
	for (size_t i = 0; i < 2; i++) {
		make_file(w, marks[i], 0600, "");
		expect(w, 31, DOCTOR_REFUSE, "inside a container");
		assert_int_equal(unlink(in(w, marks[i])), 0);
	}
	w->config->tenants[0].match.uid = CONFIG_UNSET;
}

static const struct CMUnitTest tests[] = {
	in_a_world(a_machine_in_order_passes_every_check),
	in_a_world(doc_01_refuses_uid_0_and_a_missing_account),
	in_a_world(doc_04_refuses_without_seccomp_and_warns_without_landlock),
	in_a_world(doc_18_wants_an_audience_that_is_ours_alone),
	in_a_world(doc_06_refuses_what_binds_nothing_and_what_the_kernel_cannot_tell),
	in_a_world(doc_11_refuses_what_others_can_write),
	in_a_world(doc_11_looks_at_every_ancestor),
	in_a_world(doc_11_refuses_links),
	in_a_world(doc_12_refuses_a_listener_a_foreign_socket_and_no_socket),
	in_a_world(doc_14_refuses_a_path_at_which_others_can_put_a_socket),
	in_a_world(doc_14_refuses_a_socket_of_anybody_but_the_configured_account),
	in_a_world(doc_14_looks_only_where_somebody_may_present_a_jwt_svid),
	in_a_world(doc_21_refuses_devices_and_files_open_to_others),
	in_a_world(doc_21_refuses_a_tpm_on_a_port),
	in_a_world(doc_21_looks_at_both_nodes_of_a_tpm),
	in_a_world(doc_22_takes_a_provider_out_whose_module_has_another_hash),
	in_a_world(doc_22_accepts_the_hash_that_is_pinned),
	in_a_world(doc_22_looks_at_the_libraries_of_the_module),
	in_a_world(doc_22_reads_broken_modules),
	in_a_world(doc_31_refuses_accounts_that_can_log_in),
	in_a_world(doc_31_refuses_keys_and_containers),
	in_a_world(doc_33_prints_who_the_group_is),
	in_a_world(doc_42_looks_at_each_file_of_ours),
	in_a_world(doc_47_sees_what_wrapped_the_first_key),
	in_a_world(doc_22_takes_a_provider_out_whose_module_others_can_change),
	in_a_world(doc_33_refuses_direct_beside_others_and_open_to_all),
	in_a_world(doc_42_refuses_a_store_that_is_not_ours_alone),
	in_a_world(doc_45_refuses_a_file_that_others_can_write),
	in_a_world(doc_45_follows_links_inside_the_directory_only),
	in_a_world(doc_45_refuses_keys_of_an_issuer_that_others_can_write),
	in_a_world(doc_47_takes_software_out_whose_keys_a_file_wraps),
	in_a_world(doc_47_knows_what_auto_means_without_devices),
	in_a_world(permissive_warns_except_for_four),
	in_a_world(an_accepted_finding_does_not_refuse_and_says_why),
	in_a_world(this_machine_can_be_probed),
};

int main(int argc, char **argv)
{
	if (geteuid() != 0) {
		(void)fprintf(stderr, "these tests change owners: run them as root\n");
		return 1;
	}
	return unit_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
