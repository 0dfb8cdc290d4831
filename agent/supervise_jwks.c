/* SPDX-License-Identifier: Apache-2.0
 *
 * Key documents of identity providers, from their files to the agent, which cannot open any.  Nothing in them is looked
 * at here. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/supervise_parts.h"
#include "base/log.h"
#include "base/own.h"

enum { DOCUMENT_MAX = 1024 * 1024, TAKE_MS = 1000 };

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* NULL: who can write it may say whose tokens are believed. */
static const char *fault_of(const struct stat *st, uid_t own)
{
	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (st->st_uid != 0 && st->st_uid != own)
		return "belongs to somebody else: chown root it";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "is writable by others: chmod go-w it";
	return st->st_size > DOCUMENT_MAX ? "is larger than 1 MiB" : NULL;
}

static bool read_all(int fd, struct buf *to)
{
	ssize_t n = 1;

	while (n > 0) {
		uint8_t *at = buf_reserve(to, 4096);

		n = at == NULL ? -1 : read(fd, at, 4096);
		if (n > 0)
			buf_grew(to, (size_t)n);
	}
	return n == 0;
}

static void hand_over(struct supervisor *s, const struct config_issuer *issuer, struct bytes document)
{
	struct child *agent = &s->children[CHILD_AGENT];
	struct ipc_message message = ipc_message_of(ROLE_JWKS, 0);

	message.part[0] = bytes_from_text(issuer->issuer);
	message.part[1] = document;
	if (ipc_send(agent->ctl, &message).code != STATUS_OK || ipc_flush_wait(agent->ctl, TAKE_MS).code != STATUS_OK)
		log_error("the agent does not take the keys of %s", issuer->issuer);
}

/* What cannot be read leaves with the agent what it has. */
static void send_one(struct supervisor *s, const struct config_issuer *issuer, struct stat *seen)
{
	AUTO(own_close) int fd = open(issuer->jwks_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO(buf_done) struct buf document = buf_make(DOCUMENT_MAX + 4096);
	struct stat now = { 0 };
	const char *fault;

	if (fd < 0 || fstat(fd, &now) < 0) {
		log_error("keys of %s: %s: %s", issuer->issuer, issuer->jwks_file, strerror(errno));
		return;
	}
	if (is_same_file(&now, seen))
		return;
	*seen = now;
	fault = fault_of(&now, s->given->config->uid);
	if (fault == NULL && !read_all(fd, &document))
		fault = "cannot be read";
	if (fault != NULL)
		log_error("keys of %s: %s %s", issuer->issuer, issuer->jwks_file, fault);
	else
		hand_over(s, issuer, buf_bytes(&document));
}

void supervise_jwks_send(struct supervisor *s, bool all)
{
	const struct config *config = s->given->config;

	if (s->children[CHILD_AGENT].ctl == NULL || !s->children[CHILD_AGENT].is_ready)
		return; /* all, when it is */
	for (uint32_t i = 0; i < config->issuer_count; i++) {
		if (all)
			s->jwks_seen[i] = (struct stat){ 0 };
		if (config->issuers[i].jwks_file != NULL)
			send_one(s, &config->issuers[i], &s->jwks_seen[i]);
	}
}

/* The directory, as of the configuration: links in it are exchanged.  Watching one twice is watching it once. */
void supervise_jwks_watch(struct supervisor *s)
{
	const struct config *config = s->given->config;

	for (uint32_t i = 0; i < config->issuer_count; i++) {
		const char *path = config->issuers[i].jwks_file, *slash;
		char directory[PATH_MAX];

		if (path == NULL)
			continue;
		slash = strrchr(path, '/');
		(void)snprintf(directory, sizeof(directory), "%.*s", slash == path ? 1 : (int)(slash - path), path);
		if (inotify_add_watch(s->given->watch_fd, directory, SUPERVISE_WATCHED) < 0)
			log_warning("%s cannot be watched: %s; keys of %s are read after SIGHUP only", directory,
				strerror(errno), config->issuers[i].issuer);
	}
}
