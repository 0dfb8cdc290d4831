/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/doctor_parts.h"

/* What a list of principals asks of this kernel. */
static void declared_check(struct doctor *d, const char *where, const struct config_principal *declared, uint32_t count)
{
	const struct principal_facts *facts = &d->facts->peers;

	for (uint32_t n = 0; n < count; n++) {
		if (declared[n].label != NULL && !facts->has_label)
			refuse(d, "%s.declared[%u].label: no security module labels sockets here", where, n);
		if (declared[n].cgroup != NULL && facts->cgroups == NULL)
			refuse(d, "%s.declared[%u].cgroup: no unified cgroup hierarchy is mounted below /sys/fs/cgroup",
				where, n);
		else if (declared[n].cgroup != NULL && !principal_tells_cgroup(facts))
			refuse(d, "%s.declared[%u].cgroup: this kernel is older than 6.13, and /proc does not show it",
				where, n);
	}
}

static void tenant_check(struct doctor *d, uint32_t i)
{
	const struct config_bind *bind = &d->config->tenants[i].token.bind;
	const struct principal_facts *facts = &d->facts->peers;
	char where[32];

	(void)snprintf(where, sizeof(where), "tenants[%u].token", i);
	if (bind->binding == BINDING_NONE)
		refuse(d, "%s.binding is none: a stolen token works for everybody; choose first-use", where);
	if (bind->binding == BINDING_WATCH)
		warn(d, "%s.binding is watch: a stolen token works, and raises an alarm; choose first-use", where);
	if (bind->instances != CONFIG_UNSET && bind->instance == INSTANCE_PROCESS && !principal_tells_process(facts))
		refuse(d, "%s.instances: this kernel is older than 6.9, and /proc does not tell processes apart",
			where);
	if (bind->instances != CONFIG_UNSET && bind->instance == INSTANCE_CGROUP && !principal_tells_cgroup(facts))
		refuse(d, "%s.instances: this kernel is older than 6.13, and /proc does not show cgroups", where);
	declared_check(d, where, bind->declared, bind->declared_count);
}

/* How tokens are bound, and what the kernel tells of who presents them. */
static void strength_put(struct doctor *d, const unsigned count[BINDING_NONE + 1])
{
	const struct principal_facts *facts = &d->facts->peers;

	(void)snprintf(d->good, sizeof(d->good),
		"tokens are bound: %u tenants first-use, %u declared; this kernel tells uid and gid%s%s%s",
		count[BINDING_FIRST_USE], count[BINDING_DECLARED],
		principal_tells_process(facts) ? (facts->has_inodes ? ", process" : ", process by its number and start")
					       : "",
		principal_tells_cgroup(facts) ? ", cgroup" : "", facts->has_label ? ", label" : "");
}

/* DOC-06: tokens are bound to principals, by what this kernel tells of them. */
void doctor_check_binding(struct doctor *d)
{
	unsigned count[BINDING_NONE + 1] = { 0 }, tenants = 0;

	for (uint32_t i = 0; i < d->config->tenant_count; i++) {
		const struct config_tenant *tenant = &d->config->tenants[i];

		if (tenant->match.spiffe == NULL)
			continue;
		tenants++;
		count[tenant->token.bind.binding <= BINDING_NONE ? tenant->token.bind.binding : BINDING_NONE]++;
		tenant_check(d, i);
	}
	for (uint32_t i = 0; i < d->config->admin_count; i++) {
		char where[32];

		(void)snprintf(where, sizeof(where), "admins[%u]", i);
		declared_check(d, where, d->config->admins[i].declared, d->config->admins[i].declared_count);
	}
	if (tenants > 0)
		strength_put(d, count);
}

/* ---- audiences -------------------------------------------------------------------------------------------------- */

static const char scheme[] = "spiffe://";

static bool equals(const char *audience, const char *domain, size_t len)
{
	return strlen(audience) == len && strncmp(audience, domain, len) == 0;
}

/* A trust domain that the configuration speaks of. */
static bool is_trust_domain(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->spiffe.bundle_count; i++)
		if (strcmp(config->spiffe.bundles[i].trust_domain, name) == 0)
			return true;
	for (uint32_t i = 0; i < config->spiffe.federation_count; i++)
		if (strcmp(config->spiffe.federation[i].trust_domain, name) == 0)
			return true;
	for (uint32_t i = 0; i < config->tenant_count; i++) {
		const char *match = config->tenants[i].match.spiffe;
		const char *domain = match != NULL ? match + strlen(scheme) : NULL;

		if (domain != NULL && equals(name, domain, strcspn(domain, "/")))
			return true;
	}
	return false;
}

static bool is_asked_for(const struct config *config)
{
	for (uint32_t i = 0; i < config->listener_count; i++)
		for (uint32_t k = 0; k < config->listeners[i].authenticator_count; k++)
			if (config->listeners[i].authenticators[k] == AUTHENTICATOR_JWT_SVID)
				return true;
	return false;
}

/* DOC-18: a token that is good here is good nowhere else. */
void doctor_check_audience(struct doctor *d)
{
	const struct config_spiffe *spiffe = &d->config->spiffe;

	for (uint32_t i = 0; i < spiffe->audience_count && is_asked_for(d->config); i++) {
		const char *audience = spiffe->audiences[i];
		const char *name =
			strncmp(audience, scheme, strlen(scheme)) == 0 ? audience + strlen(scheme) : audience;

		if (name[0] == '\0')
			refuse(d, "spiffe.audience[%u] is empty", i);
		else if (is_trust_domain(d->config, name))
			refuse(d,
				"spiffe.audience %s is a trust domain, whose services all may be asked for: name one "
				"of this "
				"service's own",
				audience);
		else if (strcmp(audience, "parsec") == 0)
			warn(d, "spiffe.audience is parsec, as of every such service: a token that another one was "
				"given is good "
				"here; name one of your own where clients can ask for it");
	}
}
