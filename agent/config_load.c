/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/supervise.h"
#include "base/own.h"

enum { CONFIG_MS = 20000, NOBODY = 65534 };

/* keyreeve-config must not run as root either; before the file is read its user is not known. */
static void config_user(uid_t *ret_uid, gid_t *ret_gid)
{
	const struct passwd *account;

	*ret_uid = 0;
	*ret_gid = 0;
	if (geteuid() != 0)
		return;
	account = getpwnam("keyreeve");
	*ret_uid = account != NULL ? account->pw_uid : NOBODY;
	*ret_gid = account != NULL ? account->pw_gid : NOBODY;
}

static struct status ask_config(struct child *child, int fd, const char *path, struct config **ret_config,
	struct buf *ret_tree, struct buf *ret_text)
{
	struct ipc_message message;

	TRY(child_send_config(child, bytes_from_text(path)));
	TRY(child_send_fd(child, "file", fd));
	TRY(child_go(child));
	do
		TRY(ipc_wait(child->ctl, CONFIG_MS, &message));
	while (message.type == ROLE_HELLO || message.type == ROLE_READY);
	if (message.type != CONFIG_MESSAGE_TREE) {
		buf_put(ret_text, message.part[0]);
		return (struct status){ message.status != STATUS_OK ? message.status : STATUS_CONFIG_SYNTAX };
	}
	buf_put(ret_tree, message.part[0]);
	TRY(buf_check(ret_tree));
	return config_get(buf_bytes(ret_tree), ret_config);
}

struct status config_load(
	int libexec_fd, const char *path, struct config **ret_config, struct buf *ret_tree, struct buf *ret_text)
{
	struct child child = { .name = "config", .program = "keyreeve-config", .provider = -1 };
	char *const env[] = { NULL };
	AUTO(own_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct status st;
	uid_t uid;
	gid_t gid;
	int wait_status;

	if (fd < 0) {
		buf_printf(ret_text, "%s: %s\n", path, strerror(errno));
		return FAIL_RC(IO, errno);
	}
	config_user(&uid, &gid);
	TRY(child_start(&child, libexec_fd, env, uid, gid));
	st = ask_config(&child, fd, path, ret_config, ret_tree, ret_text);
	ipc_free(child.ctl); /* end of file ends it */
	if (waitpid(child.pid, &wait_status, 0) < 0)
		return FAIL_RC(IO, errno);
	if (st.code != STATUS_OK && ret_text->len == 0)
		buf_printf(ret_text, "%s: keyreeve-config ended without an answer (%s)\n", path, status_name(st.code));
	return st;
}
