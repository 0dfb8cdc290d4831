/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-p11: one module, one token, one PIN.  Started afresh by keyreeved, never forked from a process that is
 * logged in; the module is loaded inside the sandbox, since its code is foreign. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/own.h"
#include "base/role.h"
#include "base/sandbox.h"
#include "crypto/pkcs11/provider.h"
#include "crypto/pkcs11/reach.h"
#include "crypto/worker.h"
#include "crypto/worker_config.h"

enum { ADVICE_BYTES = 512 };

/* What an operator has to do. */
static const struct advice {
	enum status_code code;
	const char *text;
} advices[] = {
	{ STATUS_PIN_REFUSED, "the token refused the PIN and it is not tried again: put the right one into pin_file" },
	{ STATUS_PIN_TRIED,
		"this PIN was tried before without success and is not tried again: put another into pin_file" },
	{ STATUS_PIN_LOCKED, "the token is locked or at its final try: unlock it with its own tool, then start again" },
	{ STATUS_DEVICE_AUTH, "the token wants a PIN: set pin_file, and the user's PIN on the token" },
	{ STATUS_LIMIT, "pin_file is empty or too long" },
	{ STATUS_DEVICE_IDENTITY, "another token is in the slot" },
	{ STATUS_SANDBOX,
		"the sandbox cannot be entered: the kernel lacks it, or the directories above paths.state have "
		"too many entries" },
};

static void advise(const struct provider *p, struct status why, char ret_text[static ADVICE_BYTES])
{
	const char *text = status_text(why.code);

	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (advices[i].code == why.code)
			text = advices[i].text;
	if (why.code == STATUS_MODULE_MISSING)
		text = p->module.why;
	(void)snprintf(ret_text, ADVICE_BYTES, "provider %s: %s", p->config.name, text);
}

static struct status enter_sandbox(const struct provider *p)
{
	struct sandbox_options options = sandbox_options_none();
	struct reach reach;

	options.needs_unix_sockets = p->config.needs_unix_sockets;
	options.closed = p->config.state[0] != '\0' ? p->config.state : NULL;
	if (options.closed != NULL) {
		TRY(reach_find(&reach, p->config.state, environ));
		for (size_t i = 0; i < reach.count; i++)
			options.write[i] = reach.paths[i];
	}
	return sandbox_enter(SANDBOX_P11, &options, NULL);
}

static struct status map_page(int page_fd, struct worker_page **ret_page)
{
	AUTO(own_close) int fd = page_fd;
	void *page;

	ENSURE(fd >= 0, IPC_MALFORMED);
	page = mmap(NULL, sizeof(struct worker_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ENSURE(page != MAP_FAILED, NO_MEMORY);
	*ret_page = page;
	return OK;
}

struct p11 {
	struct role_start start;
	struct provider provider;
	struct ipc *lane;
	struct worker_page *page;
};

static struct status begin(struct p11 *p11)
{
	struct provider *p = &p11->provider;
	int lane = role_take_fd(&p11->start, "lane");
	int pin = role_take_fd(&p11->start, "pin");

	TRY(worker_config_get(buf_bytes(&p11->start.config), &p->config));
	TRY(pin_init(&p->pin, pin, role_take_fd(&p11->start, "pintry")));
	ENSURE(lane >= 0 && p->config.type == WORKER_CONFIG_PKCS11, IPC_MALFORMED);
	TRY(ipc_new(lane, &p11->lane));
	TRY(map_page(role_take_fd(&p11->start, "page"), &p11->page));
	TRY(enter_sandbox(p));
	/* Foreign code comes from here on. */
	return provider_load(p);
}

static struct status run(struct p11 *p11)
{
	struct provider *p = &p11->provider;
	char text[ADVICE_BYTES];
	struct status st = begin(p11);

	if (st.code == STATUS_OK)
		st = worker_run(
			&provider_ops, p, p11->start.ctl, p11->lane, role_take_fd(&p11->start, "wrap"), p11->page);
	if (st.code != STATUS_OK && !p->is_open) {
		advise(p, st, text);
		role_failed(&p11->start, st, text);
	} else if (st.code != STATUS_OK) {
		log_error("the lane failed: %s", status_text(st.code));
	}
	return st;
}

static void end(struct p11 *p11)
{
	provider_done(&p11->provider);
	ipc_free(p11->lane);
	if (p11->page != NULL)
		(void)munmap(p11->page, sizeof(*p11->page));
	role_end(&p11->start);
}

int main(int argc, char **argv)
{
	static struct p11 p11 = { .provider.pin.tried_fd = -1 };
	struct status st;

	if (role_version(argc, argv, "keyreeve-p11"))
		return 0;
	if (role_begin("keyreeve-p11", &p11.start).code != STATUS_OK)
		return 1;
	st = run(&p11);
	end(&p11);
	return st.code == STATUS_OK ? 0 : 1;
}
