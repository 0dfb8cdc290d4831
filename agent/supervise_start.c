/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/config_fetch.h"
#include "agent/supervise_parts.h"
#include "base/own.h"
#include "crypto/worker.h"
#include "crypto/worker_config.h"
#include "spiffe/endpoint.h"

struct child *supervise_child(struct supervisor *s, struct bytes name)
{
	for (size_t i = CHILD_FIRST_WORKER; i < s->child_count; i++)
		if (!supervise_is_free(&s->children[i]) && bytes_equal(bytes_from_text(s->children[i].name), name))
			return &s->children[i];
	return NULL;
}

/* A socket between soft and the worker that wraps for it; the worker's end waits until it runs. */
static struct status join_wrap(struct supervisor *s, struct child *soft, struct child *wrap)
{
	char name[ROLE_NAME_BYTES + 8];
	int pair[2];
	struct status st;

	assert(wrap != NULL); /* the configuration's check: it names a TPM or a token */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	(void)snprintf(name, sizeof(name), "wrap:%s", wrap->name);
	st = child_send_fd(soft, name, pair[0]);
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

/* Whatever the configuration lets wrap for soft, in the order of its choice.  Which of them does, soft finds in the
 * state that the store keeps for it; only without one it takes the first. */
static struct status offer_wraps(struct supervisor *s, struct child *soft, const char *wrap)
{
	static const uint32_t order[] = { PROVIDER_TPM, PROVIDER_PKCS11 };
	const struct config *config = s->given->config;

	if (strcmp(wrap, "file") == 0)
		return send_key_file(s, soft);
	if (strcmp(wrap, "auto") != 0)
		return join_wrap(s, soft, supervise_child(s, bytes_from_text(wrap)));
	for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++)
		for (uint32_t i = 0; i < config->provider_count; i++)
			if (config->providers[i].type == order[o])
				TRY(join_wrap(s, soft, supervise_child(s, bytes_from_text(config->providers[i].name))));
	return send_key_file(s, soft);
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
	copy_text(ret->state, sizeof(ret->state), config->paths.state);
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

	worker_config_of(s->given->config, provider, &wc);
	TRY(worker_config_put(&encoded, &wc));
	TRY(child_send_config(child, buf_bytes(&encoded)));
	TRY(join_lane(s, child));
	if (provider->type == PROVIDER_SOFTWARE)
		TRY(offer_wraps(s, child, provider->wrap));
	TRY(send_pin(s, child));
	if (s->given->owner_auths[child->provider] >= 0)
		TRY(child_send_fd(child, "ownerauth", s->given->owner_auths[child->provider]));
	if (s->wrap_waiting[child->provider] >= 0) {
		TRY(child_send_fd(child, "wrap", s->wrap_waiting[child->provider]));
		own_close(&s->wrap_waiting[child->provider]);
	}
	return child_go(child);
}

struct status supervise_join(struct supervisor *s, struct child *child)
{
	int pair[2];
	struct status st;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	st = child_send_fd(child, "agent", pair[0]);
	(void)close(pair[0]);
	if (st.code == STATUS_OK)
		st = child_send_fd(&s->children[CHILD_AGENT], child->name, pair[1]);
	(void)close(pair[1]);
	return st;
}

static struct status give_idp(struct supervisor *s, struct child *child)
{
	AUTO(buf_done) struct buf section = buf_make(CONFIG_TEXT_MAX + 16);

	endpoint_section_put(&section, bytes_from_text(s->given->config->spiffe.endpoint),
		s->given->config->spiffe.max_age_s, s->given->config->spiffe.server);
	TRY(child_send_config(child, buf_bytes(&section)));
	TRY(supervise_join(s, child));
	return child_go(child);
}

static struct status give_fetch(struct supervisor *s, struct child *child)
{
	AUTO(buf_done) struct buf section = buf_make(FETCH_SECTION_MAX);

	config_fetch_put(&section, s->given->config);
	TRY(buf_check(&section));
	TRY(child_send_config(child, buf_bytes(&section)));
	TRY(supervise_join(s, child));
	return child_go(child);
}

/* It holds nothing that is worth keeping, so that a new one knows what is configured now. */
void supervise_fetch(struct supervisor *s)
{
	struct child *fetch = &s->children[CHILD_FETCH];

	fetch->stays_down = !config_fetch_is_needed(s->given->config);
	if (fetch->pid != 0)
		(void)kill(fetch->pid, SIGKILL);
	else
		fetch->start_at_us = 0;
}

static struct status give_agent(struct supervisor *s, struct child *child)
{
	TRY(child_send_config(child, buf_bytes(&s->given->tree)));
	for (uint32_t i = 0; i < s->given->config->listener_count; i++) {
		char name[ROLE_NAME_BYTES];

		(void)snprintf(name, sizeof(name), "listen:%u", i);
		TRY(child_send_fd(child, name, s->given->listeners[i]));
	}
	TRY(supervise_give_files(s, s->given->config));
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

struct status supervise_start(struct supervisor *s, struct child *child)
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
	if (child == &s->children[CHILD_FETCH])
		return give_fetch(s, child);
	return give_worker(s, child);
}
