/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of our own operations (wire/opcode.h: private), to and from plain values; memory, budget and failures as in
 * psa_pb.h.  A request's decoder also refuses fields that it does not know (BODY_FIELD): an act whose meaning is not
 * whole is not done.  Answers may have more than a client knows.  Pure; one thread per arena. */
#ifndef WIRE_ADMIN_PB_H
#define WIRE_ADMIN_PB_H

#include "wire/psa_pb.h"

/* ---- AdminStatus ----------------------------------------------------------------------------------- */

/* The numbers are on the wire. */
enum wire_provider_state {
	WIRE_PROVIDER_DOWN = 0,
	WIRE_PROVIDER_STARTING = 1,
	WIRE_PROVIDER_RECOVERING = 2,
	WIRE_PROVIDER_UP = 3,
};
enum wire_audit_space { WIRE_AUDIT_FULL = 0, WIRE_AUDIT_LOW = 1, WIRE_AUDIT_READY = 2 };

struct wire_admin_provider {
	struct bytes name;
	uint32_t provider_id;
	uint32_t state;	   /* enum wire_provider_state */
	struct bytes text; /* what the device says of itself, or why it is down */
	uint64_t waiting;  /* requests in its queue */
};
struct wire_admin_domain {
	struct bytes name; /* trust domain or issuer */
	uint64_t keys;
	uint64_t age_s; /* of the key documents in force */
	bool is_issuer;
};
struct wire_admin_status {
	struct bytes build;
	bool is_strict;
	uint64_t started_s; /* since 1970 */
	uint64_t uptime_s;
	uint32_t landlock_abi; /* 0: the kernel has none */
	uint32_t seccomp_filters;
	uint32_t audit_space; /* enum wire_audit_space */
	uint64_t keys, namespaces, connections, requests;
	uint64_t revocations;			     /* in force */
	uint64_t clock_behind_s;		     /* the time that tokens are judged by; 0: it is not */
	const struct wire_admin_provider *providers; /* in the arena */
	size_t provider_count;
	const struct wire_admin_domain *domains;
	size_t domain_count;
};

/* AdminStatus has no fields. */
struct status wire_admin_nothing_decode(struct bytes body, struct wire_arena *arena);
/* The answer is its head (without lists), and one put for each entry, in any order. */
struct status wire_admin_status_put(struct buf *to, const struct wire_admin_status *status);
struct status wire_admin_provider_put(struct buf *to, const struct wire_admin_provider *provider);
struct status wire_admin_domain_put(struct buf *to, const struct wire_admin_domain *domain);
struct status wire_admin_status_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_status *ret_status);

/* ---- AdminKeys ------------------------------------------------------------------------------------- */

struct wire_admin_keys {
	struct bytes tenant, provider; /* empty: of all */
	struct bytes after;	       /* empty: from the beginning; else `next` of the page before */
	uint32_t limit;		       /* of this page; 0: as the service likes */
};
/* struct wire_admin_key.flags */
enum {
	WIRE_KEY_SUSPENDED = 1 << 0,
	WIRE_KEY_TENANT_SUSPENDED = 1 << 1,
	WIRE_KEY_LOCKED = 1 << 3,     /* its account is not the one that it began with */
	WIRE_KEY_UNFINISHED = 1 << 2, /* a create or destroy that recovery still decides */
};
struct wire_admin_key {
	struct bytes owner; /* "unix:2001" */
	struct bytes tenant, name;
	struct bytes creator;  /* the identity that made it */
	struct bytes provider; /* instance */
	uint32_t provider_id;
	struct psa_key_attributes attributes;
	uint64_t created_s, used_s, expires_s; /* since 1970; 0: never */
	uint32_t flags;
};
struct wire_admin_key_list {
	const struct wire_admin_key *item; /* in the arena */
	size_t count;
	struct bytes next; /* empty: the last page */
};
struct status wire_admin_keys_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_keys *ret_op);
struct status wire_admin_keys_put(struct buf *to, const struct wire_admin_keys *op);
struct status wire_admin_key_put(struct buf *to, const struct wire_admin_key *key);
struct status wire_admin_next_put(struct buf *to, struct bytes next);
struct status wire_admin_key_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_key_list *ret_list);

/* ---- AdminSuspend, AdminResume --------------------------------------------------------------------- */

/* A tenant, or a key of an owner; anything else is BODY_FIELD.  The key's name may be empty. */
struct wire_admin_hold {
	struct bytes tenant;
	struct bytes owner, key;
};
struct status wire_admin_hold_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_hold *ret_op);
struct status wire_admin_hold_put(struct buf *to, const struct wire_admin_hold *op);

/* ---- AdminSpaces ----------------------------------------------------------------------------------- */

struct wire_admin_spaces {
	struct bytes tenant; /* empty: of all */
	struct bytes after;
	uint32_t limit;
};
/* struct wire_admin_space.flags */
enum {
	WIRE_SPACE_TENANT_SUSPENDED = 1 << 0,
	WIRE_SPACE_LOCKED = 1 << 1, /* its account is not the one that it began with */
};
struct wire_admin_space {
	struct bytes owner; /* empty: no namespace, but a tenant that is suspended */
	struct bytes tenant;
	uint64_t keys;
	uint32_t strength; /* authentication type that is needed at least */
	uint32_t flags;
	const struct bytes *links; /* owners whose keys it sees, too */
	size_t link_count;
	struct bytes account; /* of a Unix peer: the name of the account that it belongs to */
};
struct wire_admin_space_list {
	const struct wire_admin_space *item; /* in the arena */
	size_t count;
	struct bytes next; /* empty: the last page */
};
struct status wire_admin_spaces_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_spaces *ret_op);
struct status wire_admin_spaces_put(struct buf *to, const struct wire_admin_spaces *op);
/* At most WIRE_LINKS_MAX links. */
enum { WIRE_LINKS_MAX = 16 };
struct status wire_admin_space_put(struct buf *to, const struct wire_admin_space *space);
struct status wire_admin_space_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_space_list *ret_list);

/* ---- AdminLink, AdminUnlink, AdminStrength --------------------------------------------------------- */

struct wire_admin_link {
	struct bytes from, to; /* owners; neither is empty */
	bool weaker_too;       /* whoever of the two has the weaker authenticator may use the keys, too */
};
struct wire_admin_strength {
	struct bytes owner;
	uint32_t authenticator; /* authentication type: 1 to 4 */
};
struct status wire_admin_link_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_link *ret_op);
struct status wire_admin_link_put(struct buf *to, const struct wire_admin_link *op);
struct status wire_admin_strength_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_strength *ret_op);
struct status wire_admin_strength_put(struct buf *to, const struct wire_admin_strength *op);

/* ---- AdminConfirm, AdminPurge: an owner, which is not empty ----------------------------------------- */

struct status wire_admin_owner_decode(struct bytes body, struct wire_arena *arena, struct bytes *ret_owner);
struct status wire_admin_owner_put(struct buf *to, struct bytes owner);

/* ---- AdminPins, AdminQuotas, AdminPenalties --------------------------------------------------------- */

struct wire_admin_slice {
	uint64_t skip;	/* pins before this page */
	uint32_t limit; /* 0: as the service likes */
};
struct wire_admin_pin {
	struct bytes hash; /* SHA-256 of the token's signed bytes */
	uint32_t authenticator;
	struct bytes identity;
	bool has_first;
	uint32_t uid, gid; /* whom it is bound to */
	struct bytes label;
	uint32_t principals, instances;
	uint64_t refused;
	uint64_t until_s;
};
struct wire_admin_pin_list {
	const struct wire_admin_pin *item; /* in the arena */
	size_t count;
	uint64_t next; /* skip of the next page; 0: the last one */
};
struct status wire_admin_slice_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_slice *ret_op);
struct status wire_admin_slice_put(struct buf *to, const struct wire_admin_slice *op);
struct status wire_admin_pin_put(struct buf *to, const struct wire_admin_pin *pin);
struct status wire_admin_slice_next_put(struct buf *to, uint64_t next);
struct status wire_admin_pin_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_pin_list *ret_list);

struct wire_admin_quota {
	struct bytes tenant;
	uint32_t authenticator;
	struct bytes domain; /* trust domain or issuer */
	uint32_t in_flight, in_flight_max;
	uint64_t day; /* since 1970, UTC, that the count is of */
	uint64_t requests, requests_max;
	uint64_t requests_second, bytes_second; /* used of a second's worth */
	uint32_t requests_second_max, bytes_second_max;
	uint64_t keys;
	bool has_keys_max; /* which may be 0; of the others 0 is none */
	uint32_t keys_max;
};
struct wire_admin_quota_list {
	const struct wire_admin_quota *item; /* in the arena */
	size_t count;
	uint64_t next;
};
struct wire_admin_penalty {
	uint32_t uid, pid;
	bool is_uid; /* a whole uid is throttled; else one process waits */
	uint32_t failures, left_s;
};
struct wire_admin_penalty_list {
	const struct wire_admin_penalty *item; /* in the arena */
	size_t count;
	uint64_t next;
};
struct status wire_admin_quota_put(struct buf *to, const struct wire_admin_quota *quota);
struct status wire_admin_quota_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_quota_list *ret_list);
struct status wire_admin_penalty_put(struct buf *to, const struct wire_admin_penalty *penalty);
struct status wire_admin_penalty_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_penalty_list *ret_list);

/* ---- AdminRevoke, AdminUnrevoke, AdminRevocations, AdminClock -------------------------------------- */

/* Kinds as of agent/revoke.h; the value of a subject is an owner ("jwt-svid:ID"), of JTI and TOKEN a SHA-256. */
enum wire_revoke_kind {
	WIRE_REVOKE_SUBJECT = 1,
	WIRE_REVOKE_KID = 2,
	WIRE_REVOKE_JTI = 3,
	WIRE_REVOKE_TOKEN = 4,
	WIRE_REVOKE_ALL = 5,
};
struct wire_admin_revoke {
	uint32_t kind;
	uint32_t authenticator; /* authentication type; 0 with SUBJECT and TOKEN */
	struct bytes domain, value;
	uint64_t issued_before_s; /* 0: whenever issued */
	uint64_t lasts_s;	  /* 0: until it is lifted */
	struct bytes because;
};
struct wire_admin_revocation {
	uint32_t kind, authenticator;
	struct bytes domain, value;
	uint64_t issued_before_s, until_s, since_s;
	struct bytes by, because;
};
struct wire_admin_revocation_list {
	const struct wire_admin_revocation *item; /* in the arena */
	size_t count;
	uint32_t next; /* 0: the last page */
};
struct status wire_admin_revoke_decode(struct bytes body, struct wire_arena *arena, struct wire_admin_revoke *ret_op);
struct status wire_admin_revoke_put(struct buf *to, const struct wire_admin_revoke *op);
struct status wire_admin_revocations_decode(struct bytes body, struct wire_arena *arena, uint32_t *ret_after);
struct status wire_admin_revocations_put(struct buf *to, uint32_t after);
struct status wire_admin_revocation_put(struct buf *to, const struct wire_admin_revocation *revocation);
struct status wire_admin_revocation_next_put(struct buf *to, uint32_t next);
struct status wire_admin_revocation_list_decode(
	struct bytes body, struct wire_arena *arena, struct wire_admin_revocation_list *ret_list);

#endif
