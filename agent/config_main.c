/* SPDX-License-Identifier: Apache-2.0
 *
 * Role keyreeve-config, short-lived: reads the configuration in its sandbox and answers the checked tree, so that
 * keyreeved never sees YAML.  By hand (config_hand.c) it is what `keyreeve policy` executes. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/config_hand.h"
#include "base/log.h"
#include "base/own.h"
#include "base/role.h"
#include "base/sandbox.h"

enum { PATH_MAX_BYTES = 4096 };

static void auto_config(struct config **config)
{
	config_free(*config);
}

static struct status answer_make(int fd, const char *path, struct buf *tree, struct buf *errors)
{
	AUTO(auto_config) struct config *config = NULL;

	struct status st;

	TRY(hand_parse(fd, path, NULL, errors, &config));
	st = config_put(tree, config);
	if (st.code != STATUS_OK)
		buf_printf(errors, "%s: taken apart it is larger than %d bytes\n", path, CONFIG_TREE_MAX);
	return st;
}

static struct status answer_send(struct role_start *start, int fd, const char *path)
{
	AUTO(buf_done) struct buf tree = buf_make(CONFIG_TREE_MAX);
	AUTO(buf_done) struct buf errors = buf_make(HAND_ERRORS_MAX);
	struct status st = answer_make(fd, path, &tree, &errors);
	bool is_good = st.code == STATUS_OK;
	struct ipc_message answer = ipc_message_of(is_good ? CONFIG_MESSAGE_TREE : CONFIG_MESSAGE_ERRORS, 0);

	answer.status = st.code;
	answer.part[0] = buf_bytes(is_good ? &tree : &errors);
	TRY(ipc_send(start->ctl, &answer));
	return ipc_flush_wait(start->ctl, ROLE_START_MS);
}

static struct status role_run(void)
{
	struct sandbox_options nothing = sandbox_options_none();
	AUTO(role_end) struct role_start start = { 0 };
	AUTO(own_close) int fd = -1;
	char path[PATH_MAX_BYTES] = "configuration";

	TRY(role_begin("config", &start));
	fd = role_take_fd(&start, "file");
	ENSURE(fd >= 0 && start.config.len < sizeof(path), IPC_MALFORMED);
	if (start.config.len > 0) {
		memcpy(path, start.config.data, start.config.len);
		path[start.config.len] = '\0';
	}
	TRY(sandbox_enter(SANDBOX_CONFIG, &nothing, NULL)); /* before the first byte of the file */
	TRY(role_ready(&start, "reading the configuration"));
	return answer_send(&start, fd, path);
}

int main(int argc, char **argv)
{
	struct stat ctl;
	struct status st;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return hand_run(argc, argv); /* it is for people, too: not what a role says */
	if (role_version(argc, argv, "keyreeve-config"))
		return EXIT_GOOD;
	if (argc > 1 || fstat(ROLE_CTL_FD, &ctl) != 0 || !S_ISSOCK(ctl.st_mode))
		return hand_run(argc, argv);
	log_open("config", LOG_LEVEL_NOTICE);
	st = role_run();
	if (st.code != STATUS_OK)
		log_error("ended early: %s", status_text(st.code));
	return st.code == STATUS_OK ? EXIT_GOOD : EXIT_USAGE;
}
