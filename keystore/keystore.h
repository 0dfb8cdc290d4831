/* SPDX-License-Identifier: Apache-2.0
 *
 * Which keys exist: key records, namespaces, journal and a few named values, durable in one SQLite file.  The only
 * module that speaks SQL.  It knows nothing of policy, workers or sockets.
 *
 * Thread rule: one thread (the durability thread) calls everything that takes a struct keystore.  Records and
 * namespaces are immutable once made, counted, and may be read by any thread.
 *
 * Tables (DESIGN section 5): key(id PRIMARY KEY, ns, provider, state, generation, record), namespace(id, provider,
 * record, PRIMARY KEY (id, provider)), intent(id PRIMARY KEY, seq, op, key, node, hardware_id, record), kv(name PRIMARY
 * KEY, value), fact(id PRIMARY KEY, kind, record).  id and ns are HMAC-SHA-256 under 32 random bytes kept in kv, so
 * that no plaintext name is a column; node is the store's tag.  Every record and value lies in an envelope that binds
 * it to its row (record.h). */
#ifndef KEYSTORE_KEYSTORE_H
#define KEYSTORE_KEYSTORE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"
#include "crypto/psa.h"

enum {
	KEYSTORE_ID_BYTES = 32,
	KEYSTORE_HARDWARE_ID_BYTES = 32,
	KEYSTORE_TAG_BYTES = 8,	       /* the store's own tag, the first bytes of every hardware id */
	KEYSTORE_NAME_MAX = 255,       /* key name, bytes; DESIGN: 1135 above */
	KEYSTORE_TENANT_MAX = 255,     /* tenant name */
	KEYSTORE_IDENTITY_MAX = 2048,  /* a SPIFFE ID's limit */
	KEYSTORE_PROVIDER_MAX = 63,    /* provider instance name */
	KEYSTORE_BLOB_MAX = 16 * 1024, /* worker-sealed key or parent */
	KEYSTORE_RECORD_MAX = 64 * 1024,
	KEYSTORE_KEYS_MAX = 1000000, /* records loaded at start */
	KEYSTORE_KV_MAX = 16 * 1024,
	KEYSTORE_FACT_ID_MAX = 8 * 1024, /* a namespace and a key name */
	KEYSTORE_FACT_MAX = 16 * 1024,	 /* value */
	KEYSTORE_FACTS_MAX = 1000000,	 /* loaded at start */
};

struct keystore_id {
	uint8_t bytes[KEYSTORE_ID_BYTES];
};

/* Where key names live: a tuple, never a joined string.  Borrowed views. */
struct namespace_name {
	uint8_t authenticator; /* Parsec's auth type: 1 Direct, 2 token of an issuer, 3 Unix peer, 4 JWT-SVID */
	struct bytes domain;   /* trust domain or issuer; empty for Direct and Unix peer */
	struct bytes tenant;
	struct bytes identity; /* empty: shared by the tenant */
};
/* The unambiguous encoding that ids are made of. */
void namespace_name_put(struct buf *to, const struct namespace_name *name);
struct status namespace_name_get(struct reader *from, struct namespace_name *ret_name);

/* One key, immutable.  All pointers are into memory that the record owns. */
struct key_record {
	struct keystore_id id;
	struct keystore_id ns;
	struct namespace_name space;
	struct bytes name;
	uint8_t creator_authenticator;
	struct bytes creator;	       /* creating identity */
	struct bytes provider;	       /* instance name */
	uint8_t provider_kind;	       /* Parsec's provider id: 1 software, 2 PKCS#11, 3 TPM */
	uint8_t hardware_identity[32]; /* of the device; zeros when it has none */
	uint8_t hardware_id[KEYSTORE_HARDWARE_ID_BYTES];
	struct psa_key_attributes attributes;
	struct bytes public_key; /* export format of the wire reference, section 11 */
	struct bytes blob;	 /* opaque, sealed by the worker */
	int64_t created_us;	 /* wall clock */
	int64_t expires_us;	 /* wall clock; from then on it only verifies and shows its public half.  0: never */
	uint64_t generation;	 /* of the row; starts at 1 */
	bool is_damaged;	 /* its row does not authenticate: it can only be destroyed; see keystore_damage */
};
/* A deep copy with one reference.  Fails: NO_MEMORY, LIMIT (a field over its maximum). */
struct status key_record_new(const struct key_record *from, struct key_record **ret_record);
struct key_record *key_record_ref(struct key_record *record);
void key_record_unref(struct key_record *record);

/* A namespace that owns something: today the parent blob per provider (TPM). */
struct namespace_record {
	struct keystore_id id;
	struct namespace_name space; /* into memory owned */
	struct bytes provider;	     /* the provider instance the parent belongs to */
	struct bytes parent;	     /* opaque blob */
};

enum intent_op { INTENT_NONE = 0, INTENT_CREATE = 1, INTENT_DESTROY = 2 };

/* A journal row.  seq is 0 until the act's audit line has its number. */
struct intent {
	int64_t id; /* set by keystore_intent_put() */
	uint64_t seq;
	enum intent_op op;
	struct keystore_id key;
	struct bytes provider;
	uint8_t hardware_id[KEYSTORE_HARDWARE_ID_BYTES];
	struct bytes
		record; /* the caller's: what recovery needs to write the audit line; at most KEYSTORE_RECORD_MAX */
};

/* What the agent has to remember beside keys, one row per kind and id; what id and value hold is the kind's business.
 * Numbers are in the file: they are never used for something else. */
enum fact_kind {
	FACT_NONE = 0,
	FACT_REVOCATION = 1,	   /* agent/revoke.c */
	FACT_CLOCK = 2,		   /* agent/floor.c */
	FACT_QUOTA = 3,		   /* agent/quota.c: what a day has used */
	FACT_KEY_USE = 4,	   /* when a key was last used */
	FACT_KEY_SUSPENDED = 5,	   /* by an administrator */
	FACT_TENANT_SUSPENDED = 6, /* the same */
	FACT_LINK = 7,		   /* one identity sees another's keys */
	FACT_ACCOUNT = 8,	   /* what an account looked like when its namespace began */
	FACT_STRENGTH = 9,	   /* the authenticator that a namespace's owner must use at least */
	FACT_TRUST = 10,	   /* of a trust domain's key documents */
	FACT_ISSUER = 11,	   /* of an issuer's, that is no trust domain */
	FACT_KIND_COUNT
};
struct fact {
	enum fact_kind kind;
	struct bytes id;    /* at most KEYSTORE_FACT_ID_MAX; borrowed, as value */
	struct bytes value; /* at most KEYSTORE_FACT_MAX */
};

struct keystore;

/* Open or make `directory`/keys.db (0600) with WAL and synchronous=FULL, upgrade it by numbered migrations, make the
 * HMAC key and the tag at the first start.  The file is held exclusively until the close: a second opener, a reader
 * too, is refused (STORE_IO).  Fails: STORE_IO, STORE_NEWER, STORE_FULL, RECORD_CORRUPT (the file or what it says of
 * itself is damaged, or it is not ours), NO_MEMORY, RANDOM_FAILED. */
struct status keystore_open(const char *directory, struct keystore **ret_store);
/* The same through a registered SQLite VFS; NULL names the system's.  vfs is borrowed for the call. */
struct status keystore_open_vfs(const char *directory, const char *vfs, struct keystore **ret_store);
void keystore_close(struct keystore *store);

/* The store's tag, KEYSTORE_TAG_BYTES; borrowed for the store's life; any thread. */
struct bytes keystore_tag(const struct keystore *store);
/* HMAC of a namespace, and of a namespace and a name.  Any thread (reads only what open made). */
struct status keystore_namespace_id(
	const struct keystore *store, const struct namespace_name *space, struct keystore_id *ret_id);
struct status keystore_key_id(
	const struct keystore *store, const struct keystore_id *ns, struct bytes name, struct keystore_id *ret_id);

/* Everything at start, one call per row: facts, namespaces, keys, then intents in order of their making; kinds without
 * a function are left out.  A failing visit stops and is returned.  The record belongs to the visitor (one reference);
 * fact, namespace and intent rows are borrowed for the call.  A row whose record does not open or decode, or whose id
 * is not the HMAC of its names, goes to `damaged` and the others follow.  It is RECORD_CORRUPT without that function,
 * and where it was a fact, since what a fact forbade must not come to be allowed (FACT_TRUST, FACT_ISSUER forbid
 * nothing); as is a file that SQLite finds damaged.  More than KEYSTORE_KEYS_MAX keys are LIMIT. */
enum keystore_table { KEYSTORE_NONE = 0, KEYSTORE_KEY, KEYSTORE_NAMESPACE, KEYSTORE_INTENT, KEYSTORE_FACT };
/* What can be told of a damaged row; borrowed for the call. */
struct keystore_damage {
	enum keystore_table table;
	bool has_id;
	struct keystore_id id; /* the column, as it stands there; of an intent: its key's */
	struct bytes provider; /* the column, likewise; empty for an intent and a fact */
	bool has_names;	       /* of a key: they are those that its id was made of, or made of before it was damaged */
	/* Of a key: id, generation, is_damaged; its names, if they are known; the rest, as far as it can be read, is
	 * not proved. */
	struct key_record *key;
};
struct keystore_visitor {
	void *context;
	struct status (*damaged)(void *context, const struct keystore_damage *damage);
	struct status (*fact)(void *context, const struct fact *fact);
	struct status (*key)(void *context, struct key_record *record);
	struct status (*space)(void *context, const struct namespace_record *record);
	struct status (*intent)(void *context, const struct intent *intent);
};
struct status keystore_load(struct keystore *store, const struct keystore_visitor *visitor);

/* One transaction for a batch.  After a failure inside, roll back: nothing of it happened.  Savepoints let one job
 * of a batch fail alone.  commit returns only when the WAL is synced.  Fails: STORE_IO, STORE_FULL. */
struct status keystore_begin(struct keystore *store);
struct status keystore_commit(struct keystore *store);
void keystore_rollback(struct keystore *store);
struct status keystore_savepoint(struct keystore *store);
struct status keystore_release(struct keystore *store);
void keystore_rewind(struct keystore *store);

/* Inside a transaction; without one (there was none, or SQLite rolled it back after a failure) all are STORE_IO, so
 * that nothing of a lost batch is committed alone.
 * Fails: STORE_IO, STORE_FULL, LIMIT (a field over its maximum); key_put: KEY_EXISTS; key_delete: KEY_ABSENT; key_put
 * and namespace_put: RECORD_CORRUPT (the ids are not those of the names); intent_number: STORE_IO for a row that is not
 * there, while deleting one is no failure.  namespace_put replaces the row of the same namespace and provider. */
struct status keystore_intent_put(struct keystore *store, const struct intent *intent, int64_t *ret_id);
struct status keystore_intent_number(struct keystore *store, int64_t id, uint64_t seq);
/* Numbers from `first` on become 0: their lines are not in the log, and other lines get these numbers now. */
struct status keystore_intent_owe(struct keystore *store, uint64_t first);
struct status keystore_intent_delete(struct keystore *store, int64_t id);
struct status keystore_key_put(struct keystore *store, const struct key_record *record);
struct status keystore_key_delete(struct keystore *store, const struct keystore_id *id);
struct status keystore_namespace_put(struct keystore *store, const struct namespace_record *record);
/* A fact replaces the one of its kind and id; deleting one that is not there is no failure. */
struct status keystore_fact_put(struct keystore *store, const struct fact *fact);
struct status keystore_fact_delete(struct keystore *store, const struct fact *fact);
/* A named value, at most KEYSTORE_KV_MAX bytes; get leaves ret_value empty when there is none, and needs no
 * transaction.  Names that begin with "keystore." are NOT_PERMITTED.  get fails also: RECORD_CORRUPT, LIMIT. */
struct status keystore_kv_put(struct keystore *store, const char *name, struct bytes value);
struct status keystore_kv_get(struct keystore *store, const char *name, struct buf *ret_value);

#endif
