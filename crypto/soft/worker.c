/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-soft: the role that holds software keys. */
#include <openssl/crypto.h>
#include <string.h>

#include "base/own.h"
#include "base/sandbox.h"
#include "crypto/digest.h"
#include "crypto/soft/soft.h"
#include "crypto/worker_start.h"

static const char *advice(struct status why)
{
	if (why.code == STATUS_WRAP_MISSING)
		return "the wrapping key of the software keys is not available: the TPM, token or key file that it was "
		       "made with has to be there";
	if (why.code == STATUS_RECORD_CORRUPT)
		return "what the store kept for this provider is damaged";
	return status_text(why.code);
}

/* Items "wrap:NAME", in the order of the configuration's choice. */
static struct status take_wrappers(struct role_start *role, struct soft *soft)
{
	static const char prefix[] = "wrap:";

	for (size_t i = 0; i < role->item_count; i++) {
		struct role_item *item = &role->items[i];
		struct soft_wrapper *to = &soft->wrappers[soft->wrapper_count];

		if (item->fd < 0 || strncmp(item->name, prefix, sizeof(prefix) - 1) != 0)
			continue;
		ENSURE(strlen(item->name) - (sizeof(prefix) - 1) < sizeof(to->name), IPC_MALFORMED);
		memcpy(to->name, item->name + sizeof(prefix) - 1, strlen(item->name) - (sizeof(prefix) - 1));
		TRY(ipc_new(item->fd, &to->ipc));
		item->fd = -1;
		soft->wrapper_count++;
	}
	return OK;
}

/* Everything that needs a path or a library's first start. */
static struct status prepare(struct worker_start *start, struct soft *soft)
{
	int dir = role_take_fd(&start->role, "keyfile");

	soft->config = start->config;
	soft->key_dir = dir;
	TRY(take_wrappers(&start->role, soft));
	if (dir >= 0)
		TRY(soft_key_file_open(dir, soft->config.name, soft->wrapper_count == 0, &soft->key_file));
	/* No configuration file of OpenSSL decides what happens here. */
	ENSURE(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1, CRYPTO);
	return digest_init();
}

static struct status run(struct worker_start *start, struct soft *soft)
{
	const struct sandbox_options options = sandbox_options_none();
	struct worker_ops ops = soft_ops;

	TRY(prepare(start, soft));
	ops.threads = soft_threads(&soft->config);
	TRY(sandbox_enter(SANDBOX_SOFT, &options, NULL));
	return worker_run(&ops, soft, start->role.ctl, start->lane, -1, start->page);
}

int main(int argc, char **argv)
{
	struct soft soft = { .key_file = -1, .key_dir = -1 };
	struct worker_start start;
	struct status st;

	if (role_version(argc, argv, "keyreeve-soft"))
		return 0;
	if (worker_start_begin("keyreeve-soft", WORKER_CONFIG_SOFTWARE, &start).code != STATUS_OK)
		return 1;
	st = run(&start, &soft);
	if (st.code != STATUS_OK)
		role_failed(&start.role, st, advice(st));
	soft_done(&soft);
	worker_start_end(&start);
	return st.code == STATUS_OK ? 0 : 1;
}
