/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve admin status | keys | suspend | resume | pins | quotas | penalties: on the admin socket. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "client/cli.h"
#include "client/keyreeve_admin.h"
#include "wire/opcode.h"

enum { TIME_BYTES = 32 };

/* "2026-11-23T15:04:05Z" */
static const char *time_text(int64_t unix_s, char text[TIME_BYTES])
{
	time_t at = (time_t)unix_s;
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL || strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(text, TIME_BYTES, "%lld", (long long)unix_s);
	return text;
}

/* ---- status ------------------------------------------------------------------------------------------ */

static const char *const provider_states[] = { "down", "starting", "recovering", "up" };
static const char *const audit_states[] = { "full", "low", "ready" };

static json_t *providers_json(const struct keyreeve_admin_status *status)
{
	json_t *all = json_array();

	for (size_t i = 0; i < status->provider_count; i++) {
		const struct keyreeve_admin_provider *provider = &status->providers[i];
		json_t *o = json_object();

		json_object_set_new(o, "name", cli_json_text(provider->name));
		json_object_set_new(o, "type", json_string(cli_provider_name(provider->id)));
		json_object_set_new(o, "state", json_string(provider_states[provider->state]));
		json_object_set_new(o, "text", cli_json_text(provider->text));
		json_object_set_new(o, "waiting", json_integer((json_int_t)provider->waiting));
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *domains_json(const struct keyreeve_admin_status *status, bool are_issuers)
{
	json_t *all = json_array();

	for (size_t i = 0; i < status->domain_count; i++) {
		json_t *o;

		if (status->domains[i].is_issuer != are_issuers)
			continue;
		o = json_object();
		json_object_set_new(o, "name", cli_json_text(status->domains[i].name));
		json_object_set_new(o, "keys", json_integer((json_int_t)status->domains[i].keys));
		json_object_set_new(o, "age", json_integer((json_int_t)status->domains[i].age_s));
		json_array_append_new(all, o);
	}
	return all;
}

static int status_json(const struct keyreeve_admin_status *status)
{
	char started[TIME_BYTES];
	json_t *o = json_object();

	json_object_set_new(o, "build", cli_json_text(status->build));
	json_object_set_new(o, "posture", json_string(status->is_strict ? "strict" : "permissive"));
	json_object_set_new(o, "started", json_string(time_text(status->started_s, started)));
	json_object_set_new(o, "uptime", json_integer((json_int_t)status->uptime_s));
	json_object_set_new(o, "landlock", json_integer(status->landlock_abi));
	json_object_set_new(o, "seccomp", json_integer(status->seccomp_filters));
	json_object_set_new(o, "audit", json_string(audit_states[status->audit]));
	json_object_set_new(o, "keys", json_integer((json_int_t)status->keys));
	json_object_set_new(o, "namespaces", json_integer((json_int_t)status->namespaces));
	json_object_set_new(o, "connections", json_integer((json_int_t)status->connections));
	json_object_set_new(o, "requests", json_integer((json_int_t)status->requests));
	json_object_set_new(o, "providers", providers_json(status));
	json_object_set_new(o, "trust_domains", domains_json(status, false));
	json_object_set_new(o, "issuers", domains_json(status, true));
	return cli_json(o);
}

static void status_print(const struct keyreeve_admin_status *status)
{
	char started[TIME_BYTES];

	(void)printf("build       %s\nposture     %s\nstarted     %s (%llu s ago)\n", status->build,
		status->is_strict ? "strict" : "permissive", time_text(status->started_s, started),
		(unsigned long long)status->uptime_s);
	(void)printf("sandbox     %u seccomp filters, %s\naudit log   %s\n", status->seccomp_filters,
		status->landlock_abi > 0 ? "Landlock" : "this kernel has no Landlock", audit_states[status->audit]);
	(void)printf("keys        %llu in %llu namespaces\nserving     %llu connections, %llu requests\n",
		(unsigned long long)status->keys, (unsigned long long)status->namespaces,
		(unsigned long long)status->connections, (unsigned long long)status->requests);
	for (size_t i = 0; i < status->provider_count; i++) {
		const struct keyreeve_admin_provider *provider = &status->providers[i];

		(void)printf("%-10s  %s (%s): %s, %llu waiting%s", i == 0 ? "providers" : "", provider->name,
			cli_provider_name(provider->id), provider_states[provider->state],
			(unsigned long long)provider->waiting, provider->text[0] != '\0' ? "; " : "");
		(void)cli_put(stdout, provider->text);
		(void)putchar('\n');
	}
	for (size_t i = 0; i < status->domain_count; i++)
		(void)printf("%-10s  %s%s: %llu keys, %llu s old\n", i == 0 ? "trusted" : "",
			status->domains[i].is_issuer ? "issuer " : "", status->domains[i].name,
			(unsigned long long)status->domains[i].keys, (unsigned long long)status->domains[i].age_s);
}

int cmd_admin_status(struct cli *cli, const char *const *argument)
{
	struct keyreeve_admin_status status;
	int code = cli_open_admin(cli);

	(void)argument;
	if (code != 0)
		return code;
	if (keyreeve_admin_status(cli->handle, &status) != KEYREEVE_OK)
		return cli_failed(cli, "admin status");
	if (cli->json)
		code = status_json(&status);
	else
		status_print(&status);
	keyreeve_admin_status_free(&status);
	return code;
}

/* ---- keys -------------------------------------------------------------------------------------------- */

static const struct {
	unsigned flag;
	const char *text;
} key_flags[] = {
	{ KEYREEVE_KEY_SUSPENDED, "suspended" },
	{ KEYREEVE_KEY_TENANT_SUSPENDED, "tenant-suspended" },
	{ KEYREEVE_KEY_LOCKED, "locked" },
	{ KEYREEVE_KEY_UNFINISHED, "unfinished" },
};

static void set_time(json_t *object, const char *name, int64_t unix_s)
{
	char text[TIME_BYTES];

	if (unix_s != 0)
		json_object_set_new(object, name, json_string(time_text(unix_s, text)));
}

static json_t *key_json(const struct keyreeve_admin_key *key)
{
	json_t *o = json_object(), *state = json_array();

	json_object_set_new(o, "owner", cli_json_text(key->owner));
	json_object_set_new(o, "tenant", cli_json_text(key->tenant));
	json_object_set_new(o, "name", cli_json_text(key->key.name));
	json_object_set_new(o, "creator", cli_json_text(key->creator));
	json_object_set_new(o, "provider", cli_json_text(key->provider));
	json_object_set_new(o, "type", cli_json_text(key->key.type));
	json_object_set_new(o, "bits", json_integer(key->key.bits));
	json_object_set_new(o, "algorithm", cli_json_text(key->key.alg));
	set_time(o, "created", key->created_s);
	set_time(o, "used", key->used_s);
	set_time(o, "expires", key->expires_s);
	for (size_t i = 0; i < sizeof(key_flags) / sizeof(key_flags[0]); i++)
		if ((key->flags & key_flags[i].flag) != 0)
			json_array_append_new(state, json_string(key_flags[i].text));
	json_object_set_new(o, "state", state);
	return o;
}

static void key_print(const struct keyreeve_admin_key *key)
{
	char created[TIME_BYTES], used[TIME_BYTES];

	(void)printf("%-20s  %-20s  %-12s  ", time_text(key->created_s, created),
		key->used_s != 0 ? time_text(key->used_s, used) : "-", key->provider);
	(void)cli_put(stdout, key->owner);
	(void)fputs("  ", stdout);
	(void)cli_put(stdout, key->key.name);
	for (size_t i = 0; i < sizeof(key_flags) / sizeof(key_flags[0]); i++)
		if ((key->flags & key_flags[i].flag) != 0)
			(void)printf("  %s", key_flags[i].text);
	(void)putchar('\n');
}

struct keys_walk {
	const char *provider;		 /* instance; NULL: of all */
	struct keyreeve_admin_keys page; /* the one before; owned */
};

static enum keyreeve_result keys_page(struct cli *cli, struct cli_list *list)
{
	struct keys_walk *walk = list->context;
	struct keyreeve_admin_keys page = { .count = 0 };
	enum keyreeve_result result = keyreeve_admin_keys(
		cli->handle, cli->tenant, walk->provider, walk->page.next != NULL ? &walk->page : NULL, &page);

	for (size_t i = 0; i < page.count; i++) {
		if (list->all != NULL)
			json_array_append_new(list->all, key_json(&page.items[i]));
		else
			key_print(&page.items[i]);
	}
	keyreeve_admin_keys_free(&walk->page);
	walk->page = page;
	list->has_more = page.next != NULL;
	return result;
}

int cmd_admin_keys(struct cli *cli, const char *const *argument)
{
	struct keys_walk walk = { .provider = cli->provider }; /* an instance here, not a kind */
	int code;

	(void)argument;
	cli->provider = NULL;
	code = cli_list(cli, "admin keys", "CREATED               LAST USED             PROVIDER      OWNER  KEY",
		keys_page, &walk);
	keyreeve_admin_keys_free(&walk.page);
	return code;
}

/* ---- suspend and resume ------------------------------------------------------------------------------ */

static int hold(struct cli *cli, const char *const *argument, bool resume)
{
	bool is_tenant = cli->tenant != NULL && argument[0] == NULL;
	const char *what = is_tenant ? cli->tenant : argument[1];
	enum keyreeve_result result;
	int code;

	if (!is_tenant && (cli->tenant != NULL || argument[0] == NULL || argument[1] == NULL))
		return cli_refuse(cli, KEYREEVE_INVALID, resume ? "admin resume" : "admin suspend",
			"it is about a tenant, or about a key of an owner", "--tenant NAME, or OWNER KEY");
	code = cli_open_admin(cli);
	if (code != 0)
		return code;
	if (is_tenant)
		result = resume ? keyreeve_admin_resume_tenant(cli->handle, what)
				: keyreeve_admin_suspend_tenant(cli->handle, what);
	else
		result = resume ? keyreeve_admin_resume_key(cli->handle, argument[0], what)
				: keyreeve_admin_suspend_key(cli->handle, argument[0], what);
	if (result != KEYREEVE_OK)
		return cli_failed(cli, what);
	if (cli->json)
		return cli_json_named(resume ? "resumed" : "suspended", what);
	(void)printf("%s %s\n", resume ? "resumed" : "suspended", what);
	return 0;
}

int cmd_admin_suspend(struct cli *cli, const char *const *argument)
{
	return hold(cli, argument, false);
}

int cmd_admin_resume(struct cli *cli, const char *const *argument)
{
	return hold(cli, argument, true);
}

/* ---- pins -------------------------------------------------------------------------------------------- */

static const char *hash_text(const uint8_t hash[32], char text[65])
{
	for (int i = 0; i < 32; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", hash[i]);
	return text;
}

static json_t *pin_json(const struct keyreeve_admin_pin *pin)
{
	json_t *o = json_object();
	char hash[65];

	json_object_set_new(o, "token", json_string(hash_text(pin->hash, hash)));
	json_object_set_new(o, "identity", cli_json_text(pin->identity));
	json_object_set_new(o, "authenticator", json_string(auth_row((uint32_t)pin->auth)->name));
	if (pin->has_first) {
		json_object_set_new(o, "uid", json_integer(pin->uid));
		json_object_set_new(o, "gid", json_integer(pin->gid));
		if (pin->label[0] != '\0')
			json_object_set_new(o, "label", cli_json_text(pin->label));
	}
	json_object_set_new(o, "principals", json_integer(pin->principals));
	json_object_set_new(o, "instances", json_integer(pin->instances));
	json_object_set_new(o, "refused", json_integer((json_int_t)pin->refused));
	set_time(o, "until", pin->until_s);
	return o;
}

static void pin_print(const struct keyreeve_admin_pin *pin)
{
	char until[TIME_BYTES], hash[65];

	(void)printf("%.16s  %-20s  %7llu  ", hash_text(pin->hash, hash), time_text(pin->until_s, until),
		(unsigned long long)pin->refused);
	if (pin->has_first)
		(void)printf("%u:%u  ", (unsigned)pin->uid, (unsigned)pin->gid);
	else
		(void)fputs("-  ", stdout);
	(void)cli_put(stdout, pin->identity);
	(void)putchar('\n');
}

static enum keyreeve_result pins_page(struct cli *cli, struct cli_list *list)
{
	struct keyreeve_admin_pins page = { .count = 0 };
	enum keyreeve_result result = keyreeve_admin_pins(cli->handle, list->skip, &page);

	for (size_t i = 0; i < page.count; i++) {
		if (list->all != NULL)
			json_array_append_new(list->all, pin_json(&page.items[i]));
		else
			pin_print(&page.items[i]);
	}
	list->skip = page.next;
	list->has_more = page.next != 0;
	keyreeve_admin_pins_free(&page);
	return result;
}

int cmd_admin_pins(struct cli *cli, const char *const *argument)
{
	(void)argument;
	return cli_list(cli, "admin pins", "TOKEN             UNTIL                 REFUSED  UID:GID  IDENTITY",
		pins_page, NULL);
}

/* ---- quotas and penalties ---------------------------------------------------------------------------- */

static json_t *quota_json(const struct keyreeve_admin_quota *quota)
{
	json_t *o = json_object();

	json_object_set_new(o, "tenant", cli_json_text(quota->tenant));
	json_object_set_new(o, "authenticator", json_string(auth_row((uint32_t)quota->auth)->name));
	if (quota->domain[0] != '\0')
		json_object_set_new(o, "domain", cli_json_text(quota->domain));
	json_object_set_new(o, "in_flight", json_integer(quota->in_flight));
	json_object_set_new(o, "in_flight_max", json_integer(quota->in_flight_max));
	set_time(o, "day", quota->day_s);
	json_object_set_new(o, "requests", json_integer((json_int_t)quota->requests));
	json_object_set_new(o, "requests_max", json_integer((json_int_t)quota->requests_max));
	json_object_set_new(o, "requests_second", json_integer((json_int_t)quota->requests_second));
	json_object_set_new(o, "requests_second_max", json_integer((json_int_t)quota->requests_second_max));
	json_object_set_new(o, "bytes_second", json_integer((json_int_t)quota->bytes_second));
	json_object_set_new(o, "bytes_second_max", json_integer((json_int_t)quota->bytes_second_max));
	json_object_set_new(o, "keys", json_integer((json_int_t)quota->keys));
	if (quota->has_keys_max)
		json_object_set_new(o, "keys_max", json_integer((json_int_t)quota->keys_max));
	return o;
}

/* "3/200", or "3" where there is no limit. */
static void use_print(int width, uint64_t used, bool has_max, uint64_t max)
{
	char text[48];

	if (has_max)
		(void)snprintf(text, sizeof(text), "%" PRIu64 "/%" PRIu64, used, max);
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64, used);
	(void)printf("  %*s", width, text);
}

static void quota_print(const struct keyreeve_admin_quota *quota)
{
	int used = cli_put(stdout, quota->tenant);

	(void)printf("%*s", used < 20 ? 20 - used : 0, "");
	use_print(9, quota->keys, quota->has_keys_max, quota->keys_max);
	use_print(9, quota->in_flight, quota->in_flight_max > 0, quota->in_flight_max);
	use_print(11, quota->requests_second, quota->requests_second_max > 0, quota->requests_second_max);
	use_print(15, quota->requests, quota->requests_max > 0, quota->requests_max);
	use_print(19, quota->bytes_second, quota->bytes_second_max > 0, quota->bytes_second_max);
	(void)printf("  %s  ", auth_row((uint32_t)quota->auth)->name);
	(void)cli_put(stdout, quota->domain);
	(void)putchar('\n');
}

static enum keyreeve_result quotas_page(struct cli *cli, struct cli_list *list)
{
	struct keyreeve_admin_quotas page = { .count = 0 };
	enum keyreeve_result result = keyreeve_admin_quotas(cli->handle, list->skip, &page);

	for (size_t i = 0; i < page.count; i++) {
		if (list->all != NULL)
			json_array_append_new(list->all, quota_json(&page.items[i]));
		else
			quota_print(&page.items[i]);
	}
	list->skip = page.next;
	list->has_more = page.next != 0;
	keyreeve_admin_quotas_free(&page);
	return result;
}

int cmd_admin_quotas(struct cli *cli, const char *const *argument)
{
	(void)argument;
	return cli_list(cli, "admin quotas",
		"TENANT                     KEYS  IN FLIGHT   REQUESTS/S   REQUESTS TODAY              BYTES/S  "
		"AUTHENTICATOR",
		quotas_page, NULL);
}

static json_t *penalty_json(const struct keyreeve_admin_penalty *penalty)
{
	json_t *o = json_object();

	json_object_set_new(o, "uid", json_integer(penalty->uid));
	if (penalty->pid != 0)
		json_object_set_new(o, "pid", json_integer(penalty->pid));
	json_object_set_new(o, "kind", json_string(penalty->is_uid ? "throttled" : "boxed"));
	json_object_set_new(o, "failures", json_integer(penalty->failures));
	json_object_set_new(o, "seconds_left", json_integer(penalty->left_s));
	return o;
}

static void penalty_print(const struct keyreeve_admin_penalty *penalty)
{
	(void)printf("%-10u  %-10d  %-9s  %8u  %7u s\n", (unsigned)penalty->uid, (int)penalty->pid,
		penalty->is_uid ? "throttled" : "boxed", penalty->failures, penalty->left_s);
}

static enum keyreeve_result penalties_page(struct cli *cli, struct cli_list *list)
{
	struct keyreeve_admin_penalties page = { .count = 0 };
	enum keyreeve_result result = keyreeve_admin_penalties(cli->handle, list->skip, &page);

	for (size_t i = 0; i < page.count; i++) {
		if (list->all != NULL)
			json_array_append_new(list->all, penalty_json(&page.items[i]));
		else
			penalty_print(&page.items[i]);
	}
	list->skip = page.next;
	list->has_more = page.next != 0;
	keyreeve_admin_penalties_free(&page);
	return result;
}

int cmd_admin_penalties(struct cli *cli, const char *const *argument)
{
	(void)argument;
	return cli_list(
		cli, "admin penalties", "UID         PID         KIND       FAILURES  LEFT", penalties_page, NULL);
}
