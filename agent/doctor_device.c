/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/doctor_parts.h"
#include "crypto/softhsm.h"

static void device_check(struct doctor *d, uint32_t i, const char *path)
{
	char why[PART_BYTES];

	if (doctor_is_open(path, S_IROTH | S_IWOTH, why))
		refuse(d, "provider %s: %s; chmod o-rw it, others reach the TPM past keyreeve",
			d->config->providers[i].name, why);
}

/* The same TPM has two nodes: itself, and its resource manager. */
static bool twin_of(const char *path, char ret_twin[PATH_MAX])
{
	const char *name = strrchr(path, '/');
	const bool is_managed = name != NULL && strncmp(name, "/tpmrm", 6) == 0;
	const char *number = name != NULL ? name + (is_managed ? 6 : 4) : NULL;

	if (name == NULL || strncmp(name, "/tpm", 4) != 0 || number[0] == '\0' ||
		number[strspn(number, "0123456789")] != '\0')
		return false;
	return snprintf(ret_twin, PATH_MAX, "%.*s/tpm%s%s", (int)(name - path), path, is_managed ? "" : "rm", number) <
	       PATH_MAX;
}

static void tpm_device_check(struct doctor *d, uint32_t i)
{
	const char *tcti = d->config->providers[i].tcti, *path = NULL;
	char twin[PATH_MAX];

	if (strncmp(tcti, "device:", 7) == 0)
		path = tcti + 7;
	else if (strncmp(tcti, "swtpm:path=", 11) == 0)
		path = tcti + 11;
	else if (strncmp(tcti, "swtpm:", 6) == 0)
		refuse(d,
			"provider %s: a TPM on a network port is open to everybody on this machine; use "
			"swtpm:path=SOCKET",
			d->config->providers[i].name);
	if (path != NULL)
		device_check(d, i, path);
	if (path != NULL && twin_of(path, twin))
		device_check(d, i, twin);
}

static const char *env_value(const struct config_provider *provider, const char *name)
{
	for (uint32_t i = 0; i < provider->env_count; i++)
		if (strcmp(provider->env[i].name, name) == 0)
			return provider->env[i].value;
	return NULL;
}

static void token_check(struct doctor *d, uint32_t i)
{
	const struct config_provider *provider = &d->config->providers[i];
	const char *conf = env_value(provider, SOFTHSM_VARIABLE);
	struct trust trust = doctor_ourselves(d->config);
	char directory[PATH_MAX], why[PART_BYTES];
	struct stat st;

	if (conf != NULL && doctor_walk(conf, &trust, &st, why) == WALK_BAD)
		refuse(d, "provider %s: %s", provider->name, why);
	if (conf != NULL && softhsm_directory(conf, directory) && doctor_is_open(directory, S_IRWXO, why))
		refuse(d, "provider %s: token directory %s; chmod o-rwx it", provider->name, why);
	if (provider->needs_unix_sockets && doctor_is_open("/run/pcscd/pcscd.comm", S_IWOTH, why))
		refuse(d, "provider %s: %s; let its daemon serve the group of '%s' only", provider->name, why,
			d->config->user);
	if (doctor_is_open(provider->pin_file, S_IROTH | S_IWOTH, why))
		refuse(d, "provider %s: PIN file %s; chmod 0400 it", provider->name, why);
}

/* DOC-21: devices, token directories and broker sockets are closed to others. */
void doctor_check_devices(struct doctor *d)
{
	for (uint32_t i = 0; i < d->config->provider_count; i++) {
		if (d->config->providers[i].type == PROVIDER_TPM)
			tpm_device_check(d, i);
		if (d->config->providers[i].type == PROVIDER_PKCS11)
			token_check(d, i);
	}
}
