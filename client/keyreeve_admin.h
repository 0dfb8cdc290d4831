/* SPDX-License-Identifier: Apache-2.0
 *
 * libkeyreeve for administrators: what has no operation in Parsec's protocol.  Needs keyreeved (another service answers
 * 9), its admin socket, and an identity that its configuration lists under `admins`; elsewhere KEYREEVE_REFUSED.
 * Memory, threads and retries as in keyreeve.h.  Texts are printable, NUL-terminated and cut to their room. */
#ifndef KEYREEVE_ADMIN_H
#define KEYREEVE_ADMIN_H

#include "keyreeve.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ---------------------------------------------------------------------------------------- */

enum keyreeve_provider_state {
	KEYREEVE_PROVIDER_DOWN = 0,
	KEYREEVE_PROVIDER_STARTING = 1,
	KEYREEVE_PROVIDER_RECOVERING = 2,
	KEYREEVE_PROVIDER_UP = 3,
};

struct keyreeve_admin_provider {
	char name[64];
	int id;
	enum keyreeve_provider_state state;
	char text[160];	  /* what the device says of itself, or why it is down */
	uint64_t waiting; /* requests in its queue */
};
struct keyreeve_admin_domain {
	char name[256];
	uint64_t keys;
	uint64_t age_s; /* of the key documents in force */
	bool is_issuer;
};

enum keyreeve_audit_space { KEYREEVE_AUDIT_FULL = 0, KEYREEVE_AUDIT_LOW = 1, KEYREEVE_AUDIT_READY = 2 };

struct keyreeve_admin_status {
	char build[64];
	int is_strict;
	int64_t started_s; /* since 1970 */
	uint64_t uptime_s;
	unsigned landlock_abi;	  /* 0: the kernel has none */
	unsigned seccomp_filters; /* in force in keyreeve-agent */
	enum keyreeve_audit_space audit;
	uint64_t keys, namespaces, connections, requests;
	uint64_t revocations;	 /* in force */
	uint64_t clock_behind_s; /* the time that tokens are judged by; 0: it is not */
	struct keyreeve_admin_provider *providers;
	size_t provider_count;
	struct keyreeve_admin_domain *domains; /* trust domains and issuers whose tokens are believed */
	size_t domain_count;
};
enum keyreeve_result keyreeve_admin_status(struct keyreeve *k, struct keyreeve_admin_status *ret_status);
void keyreeve_admin_status_free(struct keyreeve_admin_status *status);

/* ---- keys ------------------------------------------------------------------------------------------ */

/* struct keyreeve_admin_key.flags */
enum {
	KEYREEVE_KEY_SUSPENDED = 1 << 0,
	KEYREEVE_KEY_TENANT_SUSPENDED = 1 << 1,
	KEYREEVE_KEY_LOCKED = 1 << 3,	  /* its account is not the one that it began with */
	KEYREEVE_KEY_UNFINISHED = 1 << 2, /* a create or destroy that recovery still decides */
};

struct keyreeve_admin_key {
	char *owner;   /* "unix:2001", "jwt-svid:spiffe://...", "tenant:NAME" where the tenant shares it */
	char *creator; /* the identity that made it */
	char tenant[256], provider[64]; /* instance of the configuration */
	struct keyreeve_key key;
	int64_t created_s, used_s, expires_s; /* since 1970; 0: never.  used_s: a crash forgets the last minute */
	unsigned flags;
};
struct keyreeve_admin_keys {
	struct keyreeve_admin_key *items;
	size_t count;
	void *next; /* where the next page begins; NULL: this is the last one */
	size_t next_len;
};
/* One page of all keys, or of a tenant's or a provider instance's (NULL: all).  A page may be empty and not the last.
 *   after  the page before; NULL: the first page */
enum keyreeve_result keyreeve_admin_keys(struct keyreeve *k, const char *tenant, const char *provider,
	const struct keyreeve_admin_keys *after, struct keyreeve_admin_keys *ret_list);
void keyreeve_admin_keys_free(struct keyreeve_admin_keys *list);

/* ---- suspending ------------------------------------------------------------------------------------ */

/* In force at the answer and until resumed, over restarts: every use is refused (1133).  Repeating is no failure.
 * Fails: KEYREEVE_KEY: the owner has no such key. */
enum keyreeve_result keyreeve_admin_suspend_tenant(struct keyreeve *k, const char *tenant);
enum keyreeve_result keyreeve_admin_resume_tenant(struct keyreeve *k, const char *tenant);
enum keyreeve_result keyreeve_admin_suspend_key(struct keyreeve *k, const char *owner, const char *name);
enum keyreeve_result keyreeve_admin_resume_key(struct keyreeve *k, const char *owner, const char *name);

/* ---- namespaces ------------------------------------------------------------------------------------ */

/* struct keyreeve_admin_space.flags */
enum {
	KEYREEVE_SPACE_TENANT_SUSPENDED = 1 << 0,
	KEYREEVE_SPACE_LOCKED = 1 << 1, /* its account is not the one that it began with */
};

struct keyreeve_admin_space {
	char *owner; /* NULL: no namespace, but a tenant that is suspended */
	char tenant[256];
	uint64_t keys;
	enum keyreeve_auth strength; /* that is needed at least */
	unsigned flags;
	char **links; /* owners whose keys it sees, too */
	size_t link_count;
	char account[64]; /* of a Unix peer: the account that it belongs to */
};
struct keyreeve_admin_spaces {
	struct keyreeve_admin_space *items;
	size_t count;
	void *next; /* as in struct keyreeve_admin_keys */
	size_t next_len;
};
enum keyreeve_result keyreeve_admin_spaces(struct keyreeve *k, const char *tenant,
	const struct keyreeve_admin_spaces *after, struct keyreeve_admin_spaces *ret_list);
void keyreeve_admin_spaces_free(struct keyreeve_admin_spaces *list);

/* From now on `from` sees and uses the keys of `to`, under the rules of its own tenant.  The keys of `to` then need the
 * stronger authenticator of the two, so that the weaker one is refused, or a weaker `from` is not linked at all (1133);
 * with weaker_too both may use them.  Fails: KEYREEVE_KEY: there is nobody of that name. */
enum keyreeve_result keyreeve_admin_link(struct keyreeve *k, const char *from, const char *to, int weaker_too);
enum keyreeve_result keyreeve_admin_unlink(struct keyreeve *k, const char *from, const char *to);
/* Which authenticator the owner's keys need at least, from now on. */
enum keyreeve_result keyreeve_admin_strength(struct keyreeve *k, const char *owner, enum keyreeve_auth auth);

/* A namespace that was locked because its uid belongs to another account: the account of today owns it, or all its keys
 * are destroyed and the uid begins anew.  A purge is never repeated by the library. */
enum keyreeve_result keyreeve_admin_confirm(struct keyreeve *k, const char *owner);
enum keyreeve_result keyreeve_admin_purge(struct keyreeve *k, const char *owner);

/* ---- pins ------------------------------------------------------------------------------------------ */

struct keyreeve_admin_pin {
	uint8_t hash[32]; /* SHA-256 of the token's signed bytes, as in the audit log */
	enum keyreeve_auth auth;
	char *identity;
	int has_first;
	uid_t uid; /* whom it is bound to */
	gid_t gid;
	char label[256];
	unsigned principals; /* uid, gid and label: that hold it */
	unsigned instances;  /* processes or cgroups that hold it; 0: not told apart */
	uint64_t refused;
	int64_t until_s;
};
struct keyreeve_admin_pins {
	struct keyreeve_admin_pin *items;
	size_t count;
	uint64_t next; /* for the next page; 0: this is the last one */
};
/* Tokens that are bound to principals now, a page of them.
 *   skip  0, or `next` of the page before; what comes and goes meanwhile may be missed or come twice */
enum keyreeve_result keyreeve_admin_pins(struct keyreeve *k, uint64_t skip, struct keyreeve_admin_pins *ret_list);
void keyreeve_admin_pins_free(struct keyreeve_admin_pins *list);

/* ---- quotas and penalties -------------------------------------------------------------------------- */

struct keyreeve_admin_quota {
	char tenant[256];
	enum keyreeve_auth auth;
	char domain[256]; /* trust domain or issuer */
	unsigned in_flight, in_flight_max;
	int64_t day_s;			 /* the count's day, UTC: its first second */
	uint64_t requests, requests_max; /* max 0: none is known */
	/* Used of a second's worth, which bytes may be beyond; max 0: none is known. */
	uint64_t requests_second, requests_second_max, bytes_second, bytes_second_max;
	uint64_t keys, keys_max; /* names taken */
	int has_keys_max;	 /* 0: none is known */
};
struct keyreeve_admin_quotas {
	struct keyreeve_admin_quota *items;
	size_t count;
	uint64_t next; /* as of pins */
};
/* What tenants use of what they may use. */
enum keyreeve_result keyreeve_admin_quotas(struct keyreeve *k, uint64_t skip, struct keyreeve_admin_quotas *ret_list);
void keyreeve_admin_quotas_free(struct keyreeve_admin_quotas *list);

struct keyreeve_admin_penalty {
	uid_t uid;
	pid_t pid;  /* 0: a uid, or not known */
	int is_uid; /* the whole uid is throttled; else one process waits */
	unsigned failures, left_s;
};
struct keyreeve_admin_penalties {
	struct keyreeve_admin_penalty *items;
	size_t count;
	uint64_t next; /* as of pins */
};
/* Who waits for its failures. */
enum keyreeve_result keyreeve_admin_penalties(
	struct keyreeve *k, uint64_t skip, struct keyreeve_admin_penalties *ret_list);
void keyreeve_admin_penalties_free(struct keyreeve_admin_penalties *list);

/* ---- revoking -------------------------------------------------------------------------------------- */

enum keyreeve_revoke_kind {
	KEYREEVE_REVOKE_SUBJECT = 1, /* an identity: value is an owner, "jwt-svid:spiffe://..." */
	KEYREEVE_REVOKE_KID = 2,     /* what a signing key signed: value is its id, as the audit log shows it */
	KEYREEVE_REVOKE_JTI = 3,     /* a token by the SHA-256 of its "jti", in hexadecimal */
	KEYREEVE_REVOKE_TOKEN = 4,   /* a token by its hash in hexadecimal, as the audit log shows it */
	KEYREEVE_REVOKE_ALL = 5,     /* all tokens of a domain; no value */
};

struct keyreeve_revocation {
	enum keyreeve_revoke_kind kind;
	enum keyreeve_auth auth; /* of KID, JTI and ALL; else 0 */
	char *domain;		 /* of KID, JTI and ALL: a trust domain; NULL: of every one */
	char *value;
	uint64_t issued_before_s; /* seconds since 1970; 0: whenever issued */
	uint64_t until_s;	  /* in a list: when it is over; 0: never */
	uint64_t lasts_s;	  /* to revoke: for so long; 0: until it is lifted */
	uint64_t since_s;	  /* in a list */
	char *by, *because;	  /* in a list; because also to revoke; may be NULL */
};

/* In force when it returns, and over restarts; one of the same kind, domain and value is replaced.  Not retried by the
 * library; may be retried. */
enum keyreeve_result keyreeve_admin_revoke(struct keyreeve *k, const struct keyreeve_revocation *what);
/* The end of it; kind, auth, domain and value count.  One that is not there is no failure. */
enum keyreeve_result keyreeve_admin_unrevoke(struct keyreeve *k, const struct keyreeve_revocation *what);

struct keyreeve_revocations {
	struct keyreeve_revocation *items;
	size_t count;
	uint32_t next; /* 0: the last page */
};
/* after: the page before, or NULL.  End with the _free() function. */
enum keyreeve_result keyreeve_admin_revocations(
	struct keyreeve *k, const struct keyreeve_revocations *after, struct keyreeve_revocations *ret_list);
void keyreeve_admin_revocations_free(struct keyreeve_revocations *list);

/* The machine's clock is right, although it is behind a time that was seen: judge by it from now on. */
enum keyreeve_result keyreeve_admin_clock_lower(struct keyreeve *k);

#ifdef __cplusplus
}
#endif

#endif
