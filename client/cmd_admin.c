/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve admin status: on the admin socket. */
#include <stdlib.h>
#include <time.h>

#include "client/cli.h"
#include "client/keyreeve_admin.h"

enum { TIME_BYTES = 32 };

/* The handle, on the administrators' socket unless another was named. */
static int open_admin(struct cli *cli)
{
	cli->is_admin = true;
	return cli_open(cli);
}

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

static json_t *domains_json(const struct keyreeve_admin_status *status)
{
	json_t *all = json_array();

	for (size_t i = 0; i < status->domain_count; i++) {
		json_t *o = json_object();

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
	json_object_set_new(o, "trust_domains", domains_json(status));
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
		(void)printf("%-10s  %s: %llu keys, %llu s old\n", i == 0 ? "trusted" : "", status->domains[i].name,
			(unsigned long long)status->domains[i].keys, (unsigned long long)status->domains[i].age_s);
}

int cmd_admin_status(struct cli *cli, const char *const *argument)
{
	struct keyreeve_admin_status status;
	int code = open_admin(cli);

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
