/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/doctor_parts.h"

struct module {
	struct doctor *doctor;
	uint32_t provider; /* index */
};

/* A library's code is the module's: who can change it can use the PIN. */
static void library_check(void *context, const char *path, const char *name)
{
	const struct module *module = context;
	const char *provider = module->doctor->config->providers[module->provider].name;
	char why[PART_BYTES];
	struct stat st;

	if (path == NULL)
		warn(module->doctor, "provider %s: its module needs %s, which is nowhere that the loader looks",
			provider, name);
	else if (doctor_walk_real(path, &doctor_root_only, &st, why) == WALK_BAD)
		refuse_provider(module->doctor, module->provider, "provider %s: library %s", provider, why);
}

static bool has_pinned_hash(struct doctor *d, uint32_t i)
{
	const struct config_provider *provider = &d->config->providers[i];
	char hash[DOCTOR_SHA256_TEXT] = "(unreadable)";

	if (provider->module_sha256 == NULL)
		return true;
	if (doctor_sha256(provider->module, hash) && strcasecmp(hash, provider->module_sha256) == 0)
		return true;
	refuse_provider(d, i,
		"provider %s: module %.120s has SHA-256 %s, not module_sha256: find out who replaced it, then pin anew",
		provider->name, provider->module, hash);
	return false;
}

static void module_check(struct doctor *d, uint32_t i)
{
	const struct config_provider *provider = &d->config->providers[i];
	struct module module = { d, i };
	char why[PART_BYTES];
	struct stat st;

	if (doctor_walk(provider->module, &doctor_root_only, &st, why) != WALK_GOOD)
		refuse_provider(d, i, "provider %s: module %s", provider->name, why);
	else if (!S_ISREG(st.st_mode))
		refuse_provider(d, i, "provider %s: module %s is no regular file", provider->name, provider->module);
	else if (has_pinned_hash(d, i) && !doctor_libraries(provider->module, library_check, &module))
		refuse_provider(d, i, "provider %s: module %s is no shared library of this machine", provider->name,
			provider->module);
}

/* DOC-22: whose code the worker loads. */
void doctor_check_modules(struct doctor *d)
{
	for (uint32_t i = 0; i < d->config->provider_count; i++)
		if (d->config->providers[i].type == PROVIDER_PKCS11)
			module_check(d, i);
}
