/* SPDX-License-Identifier: Apache-2.0
 *
 * Role keyreeve-tpm: the only holder of one TPM.  Opens the device, enters its sandbox, serves its lane. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/own.h"
#include "base/sandbox.h"
#include "base/role.h"
#include "crypto/tpm/provider.h"

/* What a sentence can add to the status; the operator reads it. */
static const char *advice(struct status st)
{
	switch (st.code) {
	case STATUS_DEVICE_IDENTITY:
		return "this is not the TPM that the keys were made in: restore the device, or start with a new store";
	case STATUS_DEVICE_HANDLE:
		return "something else lives at the storage key's handle: choose another `handle:`";
	case STATUS_DEVICE_AUTH:
		return "the TPM refuses the owner's authorization: it must be empty when the storage key is created";
	case STATUS_MODULE_MISSING:
		return "the TPM transport library that `tcti:` names is not installed";
	case STATUS_CLIENT_ARGUMENT:
		return "`tcti:` must be device:PATH, swtpm:path=PATH or tabrmd:";
	case STATUS_DEVICE_GONE:
		return "the TPM cannot be reached: check `tcti:` and the rights on the device";
	default:
		return status_text(st.code);
	}
}

/* After a reset the device is opened again from inside: only that device, or for swtpm a local socket. */
static struct status enter_sandbox(const struct worker_config *config)
{
	static const char device[] = "device:", swtpm[] = "swtpm:";
	struct sandbox_options options = sandbox_options_none();

	if (strncmp(config->tcti, device, sizeof(device) - 1) == 0)
		options.write[0] = config->tcti + sizeof(device) - 1;
	options.needs_unix_sockets = strncmp(config->tcti, swtpm, sizeof(swtpm) - 1) == 0;
	return sandbox_enter(SANDBOX_TPM, &options, NULL);
}

static struct status serve(struct role_start *start)
{
	AUTO(own_close) int lane_fd = role_take_fd(start, "lane");
	AUTO(own_close) int page_fd = role_take_fd(start, "page");
	struct worker_page *page = MAP_FAILED;
	struct worker_config config;
	struct ipc *lane = NULL;
	struct tpm *tpm = NULL;
	struct status st;

	TRY(worker_config_get(buf_bytes(&start->config), &config));
	ENSURE(lane_fd >= 0 && page_fd >= 0 && config.type == WORKER_CONFIG_TPM, IPC_MALFORMED);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	ENSURE(page != MAP_FAILED, IO);
	TRY(ipc_new(lane_fd, &lane));
	(void)own_take_fd(&lane_fd);
	st = provider_new(&config, &tpm); /* loads the driver */
	if (st.code == STATUS_OK)
		st = enter_sandbox(&config);
	if (st.code == STATUS_OK)
		st = worker_run(&provider_ops, tpm, start->ctl, lane, role_take_fd(start, "wrap"), page);
	provider_free(tpm);
	ipc_free(lane);
	(void)munmap(page, sizeof(*page));
	return st;
}

int main(int argc, char **argv)
{
	struct role_start start;
	struct status st;

	if (role_version(argc, argv, "keyreeve-tpm"))
		return EXIT_SUCCESS;
	/* Before its first call: the library would write to standard error. */
	if (setenv("TSS2_LOG", "all+none", 1) != 0)
		return EXIT_FAILURE;
	st = role_begin("keyreeve-tpm", &start);
	if (st.code != STATUS_OK)
		return EXIT_FAILURE;
	st = serve(&start);
	if (st.code != STATUS_OK)
		role_failed(&start, st, advice(st));
	role_end(&start);
	return st.code == STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
