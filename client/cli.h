/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: options, the handle, and what every command shares.  main.c has the tables of options and
 * commands; a command is one function that returns its exit code (DESIGN section 9).  One thread of ours. */
#ifndef CLIENT_CLI_H
#define CLIENT_CLI_H

#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "client/keyreeve.h"

/* Exit codes: enum keyreeve_result, and */
enum { CLI_FINDINGS = 8 };

enum { CLI_ARGUMENTS = 8 };

struct cli {
	/* options */
	bool json, follow, message, raw, der, base64, hex, weaker_too, all, lower;
	const char *socket, *provider, *auth, *server_user, *deadline, *spiffe_socket, *audience;
	const char *type, *alg, *usage, *out, *signature, *directory, *identity, *key, *since, *op, *status, *config,
		*tenant, *subject, *kid, *jti, *token_hash, *trust_domain, *issuer, *issued_before, *lasts, *because;
	/* what remains: command words first */
	const char *argument[CLI_ARGUMENTS];
	size_t argument_count;
	/* under way */
	bool is_admin;			/* the default socket is the administrators' */
	int provider_id;		/* 0: not given */
	struct keyreeve *handle;	/* owned */
	struct keyreeve_spiffe *spiffe; /* owned */
};

struct cli_command {
	const char *group, *name; /* name NULL: the group is the command */
	const char *options;	  /* letters of its own options; main.c */
	size_t least, most;	  /* arguments after the command's words */
	int (*run)(struct cli *cli, const char *const *argument);
	const char *synopsis, *text;
};

/* ---- main.c ----------------------------------------------------------------------------------------- */

/* The handle, opened as the options say; else an exit code. */
int cli_open(struct cli *cli);
/* The same on the administrators' socket, unless another was named. */
int cli_open_admin(struct cli *cli);
/* The source of tokens, opened when it is first needed; NULL and a message when there is none. */
struct keyreeve_spiffe *cli_spiffe(struct cli *cli);

/* ---- cli.c ------------------------------------------------------------------------------------------ */

/* Say what went wrong, where, and what to do; returns the exit code. */
int cli_error(const struct cli *cli, const char *what, const struct keyreeve_error *error);
/* The handle's last error. */
int cli_failed(const struct cli *cli, const char *what);
/* Our own: KEYREEVE_INVALID and the like. */
int cli_refuse(
	const struct cli *cli, enum keyreeve_result result, const char *what, const char *text, const char *hint);
/* A file that cannot be opened or read. */
int cli_file_failed(const struct cli *cli, const char *path, int os_error);
/* Text, with '?' for what a terminal would act on or what is not UTF-8; returns its width in characters. */
int cli_put(FILE *to, const char *text);
/* Print and free one JSON value; returns 0. */
int cli_json(json_t *value);
/* { "WHAT": "name" } */
int cli_json_named(const char *what, const char *name);
json_t *cli_json_text(const char *text);

/* A list of administrators that comes in pages: printed below `head` (NULL: none), or with --json as one array. */
struct cli_list {
	json_t *all;   /* where entries go; NULL: they are printed */
	void *context; /* of the list: what it needs from the page before */
	uint64_t skip; /* the same where that is a number */
	bool has_more;
};
/* Asks for the next page and shows its entries; what fails has none. */
typedef enum keyreeve_result cli_page_fn(struct cli *cli, struct cli_list *list);
int cli_list(struct cli *cli, const char *what, const char *head, cli_page_fn *page, void *context);

/* One of the caller's keys by name: fills ret_key and turns the handle to its provider.  With --provider only that
 * one counts.  ret_key->type is empty when the list does not show it (policy may hide it): not a failure. */
int cli_key_find(struct cli *cli, const char *name, struct keyreeve_key *ret_key);
const char *cli_provider_name(int id);

/* File ("-" or NULL: standard input) to its end, at most what `to` takes. */
int cli_read(const struct cli *cli, const char *path, struct buf *to);
/* To --out or standard output: as bytes, or as text where asked for or where it is a terminal. */
enum cli_text { CLI_BYTES, CLI_BASE64, CLI_HEX };
int cli_write(const struct cli *cli, struct bytes data, enum cli_text terminal);

/* ---- encode.c: text and DER ------------------------------------------------------------------------- */

void encode_base64(struct buf *to, struct bytes data);
/* Strict but for line ends and blanks; `url` takes the URL alphabet without padding.  False if it is not. */
bool decode_base64(struct buf *to, struct bytes text, bool url);
void encode_pem(struct buf *to, const char *label, struct bytes der);
/* r || s of fixed width to and from SEQUENCE { INTEGER r, INTEGER s } (RFC 3279, 2.2.3). */
void encode_ecdsa(struct buf *to, struct bytes raw);
bool decode_ecdsa(struct buf *to, struct bytes der, size_t half_bytes);

/* ---- commands --------------------------------------------------------------------------------------- */

int cmd_key_create(struct cli *cli, const char *const *argument);
int cmd_key_list(struct cli *cli, const char *const *argument);
int cmd_key_show(struct cli *cli, const char *const *argument);
int cmd_key_destroy(struct cli *cli, const char *const *argument);
int cmd_key_public(struct cli *cli, const char *const *argument);
int cmd_sign(struct cli *cli, const char *const *argument);
int cmd_verify(struct cli *cli, const char *const *argument);
int cmd_random(struct cli *cli, const char *const *argument);
int cmd_ping(struct cli *cli, const char *const *argument);
int cmd_info(struct cli *cli, const char *const *argument);
int cmd_client_list(struct cli *cli, const char *const *argument);
int cmd_client_delete(struct cli *cli, const char *const *argument);
int cmd_admin_status(struct cli *cli, const char *const *argument);
int cmd_admin_keys(struct cli *cli, const char *const *argument);
int cmd_admin_suspend(struct cli *cli, const char *const *argument);
int cmd_admin_resume(struct cli *cli, const char *const *argument);
int cmd_admin_pins(struct cli *cli, const char *const *argument);
int cmd_admin_quotas(struct cli *cli, const char *const *argument);
int cmd_admin_penalties(struct cli *cli, const char *const *argument);
int cmd_tenant_list(struct cli *cli, const char *const *argument);
int cmd_tenant_link(struct cli *cli, const char *const *argument);
int cmd_tenant_unlink(struct cli *cli, const char *const *argument);
int cmd_tenant_strength(struct cli *cli, const char *const *argument);
int cmd_tenant_confirm(struct cli *cli, const char *const *argument);
int cmd_tenant_purge(struct cli *cli, const char *const *argument);
int cmd_revoke(struct cli *cli, const char *const *argument);
int cmd_unrevoke(struct cli *cli, const char *const *argument);
int cmd_revocations(struct cli *cli, const char *const *argument);
int cmd_clock(struct cli *cli, const char *const *argument);
int cmd_token_inspect(struct cli *cli, const char *const *argument);
int cmd_audit_show(struct cli *cli, const char *const *argument);
/* Every line of the audit log's segments in cli->directory, or where it usually is, oldest first; 0 or an exit code. */
#define CLI_AUDIT_DIRECTORY "/var/lib/keyreeve/audit"
int cli_audit_each(const struct cli *cli, void (*visit)(void *context, const json_t *line), void *context);
/* From the word "policy" on: it has options of its own, which keyreeve-config parses. */
int cmd_policy(int argc, char **argv);

#endif
