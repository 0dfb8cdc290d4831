/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "crypto/worker.h"
#include "crypto/worker_config.h"

enum {
	CHILD_AGENT = 0,
	CHILD_IDP = 1,
	CHILD_FIRST_WORKER = 2,
	CHILDREN_MAX = CHILD_FIRST_WORKER + CONFIG_PROVIDERS_MAX,
	STOP_MS = 12000, /* the agent drains for at most ten seconds */
	CONFIG_MS = 20000,
	NOBODY = 65534,
};

struct supervisor {
	struct supervised *given;
	struct child children[CHILDREN_MAX];
	size_t child_count;
	int wrap_waiting[CONFIG_PROVIDERS_MAX]; /* a socket to soft for a wrapping worker that does not run yet; -1 */
	bool stopping, announced;
	uint64_t stop_at_us;
};

/* ---- service manager ---------------------------------------------------------------------------- */

/* sd_notify(3): one datagram to the socket named in the environment; without it nothing happens. */
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO(own_close) int fd = -1;

	if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
			       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
		log_warning("the service manager's socket does not answer");
}

/* ---- configuration ------------------------------------------------------------------------------ */

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

/* ---- starting roles ----------------------------------------------------------------------------- */

static struct child *child_named(struct supervisor *s, struct bytes name)
{
	for (size_t i = CHILD_FIRST_WORKER; i < s->child_count; i++)
		if (bytes_equal(bytes_from_text(s->children[i].name), name))
			return &s->children[i];
	return NULL;
}

/* The worker that wraps for the software provider; NULL for a key file. */
static struct child *wrapper(struct supervisor *s, const struct config_provider *soft)
{
	static const uint32_t order[] = { PROVIDER_TPM, PROVIDER_PKCS11 };
	const struct config *config = s->given->config;

	if (soft->wrap == NULL || strcmp(soft->wrap, "file") == 0)
		return NULL;
	if (strcmp(soft->wrap, "auto") != 0)
		return child_named(s, bytes_from_text(soft->wrap));
	for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++)
		for (uint32_t i = 0; i < config->provider_count; i++)
			if (config->providers[i].type == order[o])
				return child_named(s, bytes_from_text(config->providers[i].name));
	return NULL;
}

/* A socket between soft and the worker that wraps for it; the worker's end waits until it runs. */
static struct status join_wrap(struct supervisor *s, struct child *soft, struct child *wrap)
{
	int pair[2];
	struct status st;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	st = child_send_fd(soft, "wrap", pair[0]);
	(void)close(pair[0]);
	if (st.code == STATUS_OK && wrap->pid != 0 && wrap->is_ready) {
		st = child_send_fd(wrap, "wrap", pair[1]);
		(void)close(pair[1]);
		return st;
	}
	own_close(&s->wrap_waiting[wrap->provider]);
	s->wrap_waiting[wrap->provider] = pair[1];
	return st;
}

static struct status send_key_file(struct supervisor *s, struct child *soft)
{
	AUTO(own_close) int fd = open(s->given->config->paths.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return child_send_fd(soft, "keyfile", fd);
}

static struct status send_pin(struct supervisor *s, struct child *child)
{
	char path[CONFIG_TEXT_MAX + 128];
	AUTO(own_close) int tried = -1;
	int pin = s->given->pins[child->provider];

	if (pin < 0)
		return OK;
	TRY(child_send_fd(child, "pin", pin));
	(void)snprintf(path, sizeof(path), "%s/pin-%s", s->given->config->paths.state, child->name);
	tried = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (tried < 0)
		return FAIL_RC(IO, errno);
	return child_send_fd(child, "pintry", tried);
}

static void copy_text(char *to, size_t room, const char *from)
{
	(void)snprintf(to, room, "%s", from != NULL ? from : "");
}

/* DOC-47 accepted in writing: a key file may wrap software keys under strict, too. */
static bool accepts(const struct config *config, const char *check)
{
	for (uint32_t i = 0; i < config->accept_count; i++)
		if (strcmp(config->accepts[i].check, check) == 0)
			return true;
	return false;
}

static void worker_config_of(const struct config *config, const struct config_provider *p, struct worker_config *ret)
{
	*ret = (struct worker_config){ .type = (uint8_t)p->type,
		.verify_after_sign = (uint8_t)p->verify_after_sign,
		.strict = config->posture == POSTURE_STRICT && !accepts(config, "DOC-47"),
		.sessions_password = p->sessions == SESSIONS_PASSWORD,
		.needs_unix_sockets = p->needs_unix_sockets,
		.threads = p->threads,
		.handle = p->handle };
	copy_text(ret->name, sizeof(ret->name), p->name);
	copy_text(ret->tcti, sizeof(ret->tcti), p->tcti);
	copy_text(ret->module, sizeof(ret->module), p->module);
	copy_text(ret->token, sizeof(ret->token), p->token);
	copy_text(ret->serial, sizeof(ret->serial), p->serial);
	copy_text(ret->wrap, sizeof(ret->wrap), p->wrap);
}

/* The lane: one socketpair and one page, the worker's half at its start, the agent's by its control socket. */
static struct status join_lane(struct supervisor *s, struct child *child)
{
	char name[ROLE_NAME_BYTES + 8];
	AUTO(own_close) int page = memfd_create("page", MFD_CLOEXEC);
	int pair[2];
	struct child *agent = &s->children[CHILD_AGENT];
	struct status st;

	if (page < 0 || ftruncate(page, sizeof(struct worker_page)) < 0)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	st = child_send_fd(child, "lane", pair[0]);
	(void)close(pair[0]);
	if (st.code == STATUS_OK)
		st = child_send_fd(child, "page", page);
	if (st.code == STATUS_OK) {
		(void)snprintf(name, sizeof(name), "page:%s", child->name);
		st = child_send_fd(agent, name, page);
	}
	if (st.code == STATUS_OK) {
		(void)snprintf(name, sizeof(name), "lane:%s", child->name);
		st = child_send_fd(agent, name, pair[1]);
	}
	(void)close(pair[1]);
	return st;
}

static struct status give_worker(struct supervisor *s, struct child *child)
{
	const struct config_provider *provider = &s->given->config->providers[child->provider];
	AUTO(buf_done) struct buf encoded = buf_make(CONFIG_TREE_MAX);
	struct worker_config wc;
	struct child *wrap;

	worker_config_of(s->given->config, provider, &wc);
	TRY(worker_config_put(&encoded, &wc));
	TRY(child_send_config(child, buf_bytes(&encoded)));
	TRY(join_lane(s, child));
	if (provider->type == PROVIDER_SOFTWARE) {
		wrap = wrapper(s, provider);
		TRY(wrap != NULL ? join_wrap(s, child, wrap) : send_key_file(s, child));
	}
	TRY(send_pin(s, child));
	if (s->given->owner_auths[child->provider] >= 0)
		TRY(child_send_fd(child, "ownerauth", s->given->owner_auths[child->provider]));
	if (s->wrap_waiting[child->provider] >= 0) {
		TRY(child_send_fd(child, "wrap", s->wrap_waiting[child->provider]));
		own_close(&s->wrap_waiting[child->provider]);
	}
	return child_go(child);
}

/* A socket between idp and the agent; a new one when the agent was started again. */
static struct status join_idp(struct supervisor *s, struct child *child)
{
	int pair[2];
	struct status st;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	st = child_send_fd(child, "agent", pair[0]);
	(void)close(pair[0]);
	if (st.code == STATUS_OK)
		st = child_send_fd(&s->children[CHILD_AGENT], "idp", pair[1]);
	(void)close(pair[1]);
	return st;
}

static struct status give_idp(struct supervisor *s, struct child *child)
{
	AUTO(buf_done) struct buf section = buf_make(CONFIG_TEXT_MAX + 16);

	buf_put_sized(&section, bytes_from_text(s->given->config->spiffe.endpoint));
	TRY(child_send_config(child, buf_bytes(&section)));
	TRY(join_idp(s, child));
	return child_go(child);
}

static struct status give_agent(struct supervisor *s, struct child *child)
{
	TRY(child_send_config(child, buf_bytes(&s->given->tree)));
	for (uint32_t i = 0; i < s->given->config->listener_count; i++) {
		char name[ROLE_NAME_BYTES];

		(void)snprintf(name, sizeof(name), "listen:%u", i);
		TRY(child_send_fd(child, name, s->given->listeners[i]));
	}
	return child_go(child);
}

/* The provider's own environment, and nothing else. */
static void make_env(
	const struct supervisor *s, const struct child *child, char *env[CHILD_ENV_MAX], struct buf *storage)
{
	size_t offsets[CHILD_ENV_MAX], count = 0;
	const struct config_provider *p;

	if (child->provider >= 0) {
		p = &s->given->config->providers[child->provider];
		for (uint32_t i = 0; i < p->env_count && count < CHILD_ENV_MAX - 1; i++) {
			offsets[count++] = storage->len;
			buf_put_text(storage, p->env[i].name);
			buf_put_u8(storage, '=');
			buf_put_text(storage, p->env[i].value);
			buf_put_u8(storage, '\0');
		}
	}
	for (size_t i = 0; i < count; i++)
		env[i] = (char *)storage->data + offsets[i];
	env[count] = NULL;
}

static struct status start_child(struct supervisor *s, struct child *child)
{
	AUTO(buf_done) struct buf storage = buf_make(CONFIG_TREE_MAX);
	char *env[CHILD_ENV_MAX];

	make_env(s, child, env, &storage);
	TRY(buf_check(&storage));
	TRY(child_start(child, s->given->libexec_fd, env, 0, 0));
	if (child == &s->children[CHILD_AGENT])
		return give_agent(s, child);
	if (child == &s->children[CHILD_IDP])
		return give_idp(s, child);
	return give_worker(s, child);
}

/* Everything but the agent needs the agent's control socket. */
static bool may_start(const struct supervisor *s, const struct child *child)
{
	const struct child *agent = &s->children[CHILD_AGENT];

	return child == agent || (agent->ctl != NULL && agent->is_ready);
}

static void start_due(struct supervisor *s, uint64_t now_us)
{
	for (size_t i = 0; i < s->child_count && !s->stopping; i++) {
		struct child *child = &s->children[i];
		struct status st;

		if (child->pid != 0 || child->stays_down || child->start_at_us > now_us || !may_start(s, child))
			continue;
		st = start_child(s, child);
		if (st.code != STATUS_OK) {
			struct fault fault;
			char text[LOG_FAULT_BYTES];

			fault_take(&fault);
			log_error("cannot start %s: %s", child->name, log_fault_text(&fault, text));
			if (child->pid != 0)
				(void)kill(child->pid, SIGKILL);
			else
				child->start_at_us = now_us + US_PER_S;
		}
	}
}

/* ---- messages and deaths ------------------------------------------------------------------------ */

static void tell_down(struct supervisor *s, const struct child *child)
{
	struct child *agent = &s->children[CHILD_AGENT];
	struct ipc_message down = ipc_message_of(ROLE_DOWN, 0);

	if (child->provider < 0 || agent->ctl == NULL)
		return;
	down.part[0] = bytes_from_text(child->name);
	down.part[1] = bytes_from_text(child->reason);
	if (ipc_send(agent->ctl, &down).code == STATUS_OK && ipc_flush(agent->ctl).code != STATUS_OK)
		log_warning("the agent does not listen");
}

/* A PIN that was refused is not tried again; waiting would not change that. */
static bool is_final(enum status_code code)
{
	return code == STATUS_PIN_REFUSED || code == STATUS_PIN_TRIED || code == STATUS_PIN_LOCKED ||
	       code == STATUS_DEVICE_IDENTITY;
}

static void child_failed(struct supervisor *s, struct child *child, const struct ipc_message *message)
{
	child->failed = message->status;
	(void)snprintf(child->reason, sizeof(child->reason), "%.*s", (int)message->part[0].len,
		(const char *)message->part[0].data);
	child->stays_down = is_final(message->status);
	tell_down(s, child);
}

static void child_ready(struct supervisor *s, struct child *child, struct bytes text)
{
	child->is_ready = true;
	child->early_deaths = 0;
	log_info("%s is ready%s%.*s", child->name, text.len > 0 ? ": " : "", (int)text.len, (const char *)text.data);
	if (child->provider >= 0 && s->wrap_waiting[child->provider] >= 0) {
		if (child_send_fd(child, "wrap", s->wrap_waiting[child->provider]).code != STATUS_OK)
			log_warning("%s does not take its wrapping socket", child->name);
		own_close(&s->wrap_waiting[child->provider]);
	}
	if (child == &s->children[CHILD_AGENT] && s->children[CHILD_IDP].pid != 0 &&
		join_idp(s, &s->children[CHILD_IDP]).code != STATUS_OK)
		(void)kill(s->children[CHILD_IDP].pid, SIGKILL); /* a new one gets a new socket */
	for (size_t i = CHILD_FIRST_WORKER; i < s->child_count && child == &s->children[CHILD_AGENT]; i++)
		if (s->children[i].stays_down)
			tell_down(s, &s->children[i]);
	if (child == &s->children[CHILD_AGENT] && !s->announced) {
		s->announced = true;
		notify("READY=1\nSTATUS=serving");
		log_notice("keyreeve is ready");
	}
}

static void child_message(struct supervisor *s, struct child *child, const struct ipc_message *message)
{
	struct child *other;

	switch (message->type) {
	case ROLE_HELLO:
		if (!bytes_equal(message->part[0], ipc_build_id()))
			log_error("%s is of another build", child->name);
		return;
	case ROLE_READY:
		child_ready(s, child, message->part[0]);
		return;
	case ROLE_FAILED:
		child_failed(s, child, message);
		return;
	case ROLE_KILL:
		other = child == &s->children[CHILD_AGENT] ? child_named(s, message->part[0]) : NULL;
		if (other != NULL && other->pid != 0) {
			log_warning("%s took twice its time for one request and is ended", other->name);
			(void)kill(other->pid, SIGKILL);
		}
		return;
	default:
		log_error("%s sent what it must not send", child->name);
		(void)kill(child->pid, SIGKILL);
	}
}

static void child_readable(struct supervisor *s, struct child *child)
{
	struct status received = ipc_receive(child->ctl);
	struct ipc_message message;
	bool have = true;

	while (have && ipc_next(child->ctl, &message, &have).code == STATUS_OK)
		if (have)
			child_message(s, child, &message);
	/* At the end of file SIGCHLD follows; until then do not spin on it. */
	if (received.code != STATUS_OK && child->pid != 0) {
		ipc_free(child->ctl);
		child->ctl = NULL;
	}
}

static void reap(struct supervisor *s)
{
	uint64_t now = clock_mono_us();
	int wait_status;
	pid_t pid;

	while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0)
		for (size_t i = 0; i < s->child_count; i++) {
			struct child *child = &s->children[i];

			if (child->pid != pid)
				continue;
			if (child->ctl != NULL)
				child_readable(s, child); /* its last words */
			child_died(child, wait_status, now);
			if (child->failed == STATUS_OK && child->early_deaths >= CHILD_EARLY_DEATHS) {
				(void)snprintf(child->reason, sizeof(child->reason), "its worker does not start");
				tell_down(s, child);
			}
		}
}

/* ---- signals ------------------------------------------------------------------------------------ */

static void begin_stop(struct supervisor *s)
{
	struct child *agent = &s->children[CHILD_AGENT];
	struct ipc_message stop = ipc_message_of(ROLE_STOP, 0);

	if (s->stopping)
		return;
	s->stopping = true;
	s->stop_at_us = clock_mono_us() + (uint64_t)STOP_MS * US_PER_MS;
	notify("STOPPING=1");
	log_notice("stopping: open requests are finished first");
	if (agent->ctl == NULL || ipc_send(agent->ctl, &stop).code != STATUS_OK ||
		ipc_flush(agent->ctl).code != STATUS_OK)
		s->stop_at_us = 0;
}

/* What a running daemon cannot change; the rest goes to the agent. */
static const char *needs_restart(const struct config *was, const struct config *now)
{
	if (was->posture != now->posture)
		return "posture";
	if (strcmp(was->paths.state, now->paths.state) != 0)
		return "paths.state";
	if (was->listener_count != now->listener_count)
		return "listeners";
	for (uint32_t i = 0; i < now->listener_count; i++)
		if (strcmp(was->listeners[i].path, now->listeners[i].path) != 0)
			return "listeners";
	if (was->provider_count != now->provider_count)
		return "providers";
	for (uint32_t i = 0; i < now->provider_count; i++)
		if (strcmp(was->providers[i].name, now->providers[i].name) != 0)
			return "providers";
	return NULL;
}

static void reload(struct supervisor *s)
{
	struct child *agent = &s->children[CHILD_AGENT];
	AUTO(buf_done) struct buf tree = buf_make(CONFIG_TREE_MAX);
	AUTO(buf_done) struct buf text = buf_make(CONFIG_TREE_MAX);
	struct ipc_message message = ipc_message_of(ROLE_RELOAD, 0);
	struct config *config = NULL;
	const char *fixed;
	char why[CONFIG_TEXT_BYTES];

	if (config_load(s->given->libexec_fd, s->given->config_path, &config, &tree, &text).code != STATUS_OK) {
		log_error("the old configuration stays in force: %.*s", (int)text.len, (const char *)text.data);
		return;
	}
	fixed = needs_restart(s->given->config, config);
	if (fixed != NULL)
		log_error("the old configuration stays in force: a change of %s needs a restart", fixed);
	else if (config_resolve(config, why).code != STATUS_OK)
		log_error("the old configuration stays in force: %s", why);
	else {
		buf_clear(&tree);
		if (config_put(&tree, config).code != STATUS_OK || agent->ctl == NULL)
			log_error("the old configuration stays in force: it could not be handed over");
		else {
			struct config *was = s->given->config;
			struct buf old_tree = s->given->tree;

			s->given->config = config;
			s->given->tree = TAKE(tree);
			config = was;
			buf_done(&old_tree);
			message.part[1] = buf_bytes(&s->given->tree);
			if (ipc_send(agent->ctl, &message).code != STATUS_OK ||
				ipc_flush_wait(agent->ctl, 1000).code != STATUS_OK)
				log_error("the agent does not take the new configuration");
		}
	}
	config_free(config);
}

static void take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->given->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(s);
			break;
		case SIGHUP:
			log_notice("SIGHUP from uid %u pid %u", info.ssi_uid, info.ssi_pid);
			reload(s);
			break;
		default:
			log_notice("signal %u from uid %u pid %u", info.ssi_signo, info.ssi_uid, info.ssi_pid);
			begin_stop(s);
		}
	}
}

/* ---- the loop ----------------------------------------------------------------------------------- */

static int wait_ms(const struct supervisor *s)
{
	uint64_t now = clock_mono_us(), at = now + 60 * (uint64_t)US_PER_S;

	if (s->stopping)
		at = s->stop_at_us;
	for (size_t i = 0; i < s->child_count && !s->stopping; i++) {
		const struct child *child = &s->children[i];

		if (child->pid == 0 && !child->stays_down && may_start(s, child) && child->start_at_us < at)
			at = child->start_at_us;
	}
	return at <= now ? 0 : (int)((at - now) / US_PER_MS + 1);
}

static void end_all(struct supervisor *s)
{
	/* Closing a role's socket ends it; what does not listen is killed. */
	for (size_t i = s->child_count; i > 0; i--) {
		struct child *child = &s->children[i - 1];
		int wait_status;

		if (child->pid == 0)
			continue;
		ipc_free(child->ctl);
		child->ctl = NULL;
		for (int ms = 0; waitpid(child->pid, &wait_status, WNOHANG) == 0; ms += 5) {
			if (ms >= 1000)
				(void)kill(child->pid, SIGKILL);
			(void)poll(NULL, 0, 5);
		}
		child->pid = 0;
	}
}

/* Somebody may present a JWT-SVID. */
static bool needs_idp(const struct config *config)
{
	for (uint32_t i = 0; i < config->listener_count; i++)
		for (uint32_t a = 0; a < config->listeners[i].authenticator_count; a++)
			if (config->listeners[i].authenticators[a] == AUTHENTICATOR_JWT_SVID)
				return config->spiffe.endpoint != NULL;
	return false;
}

static void add_children(struct supervisor *s)
{
	const struct config *config = s->given->config;
	static const char *const programs[] = { [PROVIDER_SOFTWARE] = "keyreeve-soft",
		[PROVIDER_PKCS11] = "keyreeve-p11",
		[PROVIDER_TPM] = "keyreeve-tpm" };

	s->children[CHILD_AGENT] = (struct child){ .name = "agent", .program = "keyreeve-agent", .provider = -1 };
	s->children[CHILD_IDP] = (struct child){
		.name = "idp", .program = "keyreeve-idp", .provider = -1, .stays_down = !needs_idp(config)
	};
	s->child_count = CHILD_FIRST_WORKER;
	for (uint32_t i = 0; i < config->provider_count; i++) {
		struct child *child = &s->children[s->child_count++];

		*child = (struct child){ .provider = (int)i,
			.stays_down = (s->given->providers_down >> i & 1) != 0,
			.reason = "a start-up check takes it out of service" };
		(void)snprintf(child->name, sizeof(child->name), "%s", config->providers[i].name);
		(void)snprintf(child->program, sizeof(child->program), "%s", programs[config->providers[i].type]);
		s->wrap_waiting[i] = -1;
	}
}

int supervise(struct supervised *given)
{
	struct supervisor s = { .given = given };

	add_children(&s);
	for (;;) {
		struct pollfd polls[CHILDREN_MAX + 1] = { { .fd = given->signal_fd, .events = POLLIN } };

		start_due(&s, clock_mono_us());
		if (s.stopping && (s.children[CHILD_AGENT].pid == 0 || clock_mono_us() >= s.stop_at_us))
			break;
		for (size_t i = 0; i < s.child_count; i++) {
			struct ipc *ctl = s.children[i].ctl;

			polls[i + 1] = (struct pollfd){ .fd = ctl != NULL ? ipc_fd(ctl) : -1, .events = POLLIN };
		}
		if (poll(polls, s.child_count + 1, wait_ms(&s)) < 0 && errno != EINTR)
			break;
		for (size_t i = 0; i < s.child_count; i++)
			if (polls[i + 1].revents != 0 && s.children[i].ctl != NULL)
				child_readable(&s, &s.children[i]);
		if (polls[0].revents != 0)
			take_signals(&s);
	}
	end_all(&s);
	log_notice("stopped");
	return s.stopping ? 0 : 1;
}
