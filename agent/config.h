/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration as plain values, and the one table from which come its YAML form (config_yaml.c), its binary form
 * between roles, its JSON Schema and its reference page: name, type, default, bounds and text of every field stand
 * there once.  keyreeve-config parses and checks the file in its sandbox; keyreeved and the agent decode the tree.
 * A tree is built by one thread and immutable afterwards; then any thread.  DESIGN decision 15 and section 7. */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
	CONFIG_FILE_MAX = 4 * 1024 * 1024, /* the YAML file, bytes: a thousand tenants with a hundred rules each fit */
	CONFIG_TREE_MAX = 6 * 1024 * 1024, /* encoded; below IPC_SIZE_MAX */
	CONFIG_DEPTH_MAX = 12,		   /* nesting of the YAML file; the deepest legal one is 6 */
	CONFIG_ERRORS_MAX = 50,		   /* listed; the rest are counted */
	CONFIG_LISTENERS_MAX = 16,
	CONFIG_PROVIDERS_MAX = 16,
	CONFIG_TENANTS_MAX = 4096,
	CONFIG_RULES_MAX = 128,	      /* of one tenant; policy_check() walks those that name the verb */
	CONFIG_PATTERNS_MAX = 64,     /* key patterns of one rule */
	CONFIG_SUBJECTS_MAX = 64,     /* of one rule */
	CONFIG_DECLARED_MAX = 64,     /* principals of one tenant or administrator */
	CONFIG_PRINCIPALS_MAX = 1024, /* of one identity that can be told */
	CONFIG_INSTANCES_MAX = 64,    /* processes or cgroups that may share a token */
	CONFIG_ADMINS_MAX = 64,
	CONFIG_ACCEPTS_MAX = 64,
	CONFIG_AUDIENCES_MAX = 8,
	CONFIG_ISSUERS_MAX = 16,
	CONFIG_ISSUER_MAX = 255, /* bytes of an issuer's name */
	CONFIG_TYPES_MAX = 8,	 /* "typ" values of one issuer */
	CONFIG_FEDERATION_MAX = 32,
	CONFIG_BUNDLES_MAX = 32,
	CONFIG_PINS_MAX = 16,	      /* keys of one trust domain */
	CONFIG_MAX_AGE_S = 7 * 86400, /* longest that key documents may count unconfirmed */
	CONFIG_ENV_MAX = 32,
	CONFIG_AUTHENTICATORS_MAX = 4,
	CONFIG_PROVIDER_NAME_MAX = 32,	      /* "lane:NAME" must fit into ROLE_NAME_BYTES */
	CONFIG_TEXT_MAX = 1024,		      /* any text without a bound of its own */
	CONFIG_SOCKET_MAX = 107,	      /* sun_path */
	CONFIG_SEGMENTS_MAX = 16,	      /* of a match or a tenant template */
	CONFIG_BITS_MAX = 16384,	      /* size of a key */
	CONFIG_KEY_AGE_S = 36500u * 86400,    /* a hundred years: the longest age or life of a key */
	CONFIG_FAILURES_MAX = 1000000,	      /* ten times as many fit */
	CONFIG_RATE_MAX = 1000000000,	      /* requests of one unit of time */
	CONFIG_FLOW_MAX = 1024 * 1024 * 1024, /* bytes a second */
	CONFIG_TOKEN_LIFETIME_S = 600, /* the daemon's bounds (DESIGN decision 5); a tenant may only tighten them */
	CONFIG_TOKEN_AGE_S = 600,
	CONFIG_TOKEN_LEEWAY_S = 10,
	CONFIG_ISSUED_MAX_S = 86400, /* what an issuer's tokens may be given, in writing */
};

/* A number that the file does not state, and a uid or gid that is not resolved. */
#define CONFIG_UNSET UINT32_MAX
/* What clients of Parsec use without PARSEC_SERVICE_ENDPOINT. */
#define CONFIG_PARSEC_PATH "/run/parsec/parsec.sock"

enum config_posture { POSTURE_STRICT = 0, POSTURE_PERMISSIVE = 1 };

/* Numbers are Parsec's authentication types. */
enum config_authenticator {
	AUTHENTICATOR_NONE = 0,
	AUTHENTICATOR_DIRECT = 1,
	AUTHENTICATOR_ISSUER = 2,
	AUTHENTICATOR_UNIX_PEER = 3,
	AUTHENTICATOR_JWT_SVID = 4,
};

/* Numbers are Parsec's provider ids. */
enum config_provider_type { PROVIDER_NONE = 0, PROVIDER_SOFTWARE = 1, PROVIDER_PKCS11 = 2, PROVIDER_TPM = 3 };

enum config_sessions { SESSIONS_HMAC = 0, SESSIONS_PASSWORD = 1 };
enum config_switch { SWITCH_AUTO = 0, SWITCH_ON = 1, SWITCH_OFF = 2 };
enum config_validation { VALIDATION_LOCAL = 0, VALIDATION_REMOTE = 1, VALIDATION_BOTH = 2 };
enum config_continuity { CONTINUITY_HOLD = 0, CONTINUITY_ALARM = 1 };
enum config_compat { COMPAT_NONE = 0, COMPAT_PARSEC = 1 };
enum config_namespace { NAMESPACE_IDENTITY = 0, NAMESPACE_TENANT = 1 };

/* What a rule allows or denies.  VERB_NONE: the operation needs no rule (Ping, the lists of providers, opcodes and
 * authenticators, random, hashes). */
enum verb {
	VERB_NONE = 0,
	VERB_SIGN,
	VERB_VERIFY,
	VERB_ENCRYPT,
	VERB_DECRYPT,
	VERB_AGREE,
	VERB_MAC,
	VERB_LIST,
	VERB_EXPORT_PUBLIC,
	VERB_CAN_DO,
	VERB_GENERATE,
	VERB_IMPORT,
	VERB_DESTROY,
	VERB_EXPORT,
	VERB_ATTEST,
	VERB_COUNT
};
#define VERB_BIT(verb) (1u << (verb))

/* What a rule calls a key's type: kind and size together, as the command line does ("ecc-p256").  Sets of them are
 * KEY_TYPE_BIT()s; public halves count as their pairs. */
enum key_type {
	KEY_TYPE_ECC_P192 = 0,
	KEY_TYPE_ECC_P224,
	KEY_TYPE_ECC_P256,
	KEY_TYPE_ECC_P384,
	KEY_TYPE_ECC_P521,
	KEY_TYPE_ECC_SECP256K1,
	KEY_TYPE_ECC_OTHER,
	KEY_TYPE_RSA_1024,
	KEY_TYPE_RSA_2048,
	KEY_TYPE_RSA_3072,
	KEY_TYPE_RSA_4096,
	KEY_TYPE_RSA_OTHER,
	KEY_TYPE_AES,
	KEY_TYPE_HMAC,
	KEY_TYPE_DERIVE,
	KEY_TYPE_CHACHA20,
	KEY_TYPE_CAMELLIA,
	KEY_TYPE_DES,
	KEY_TYPE_ARC4,
	KEY_TYPE_RAW_DATA,
	KEY_TYPE_DH,
	KEY_TYPE_COUNT
};
#define KEY_TYPE_BIT(type) (1u << (type))
/* Sets of algorithms are bits of enum psa_alg_kind; sets of hashes bits of enum psa_hash, and this one. */
#define HASH_BIT_ANY (1u << 16)

/* How a token may be bound to who presents it; as bits in a rule.  Zero, with nobody declared, refuses. */
enum config_binding { BINDING_DECLARED = 0, BINDING_FIRST_USE = 1, BINDING_WATCH = 2, BINDING_NONE = 3 };
#define BINDING_BIT(binding) (1u << (binding))
/* What is counted as an instance. */
enum config_instance { INSTANCE_PROCESS = 0, INSTANCE_CGROUP = 1 };

/* Pointers are owned by the struct config they hang from; a text that the file does not give is NULL. */
struct config_paths {
	char *state;	       /* keys.db, audit/ */
	char *private_sockets; /* internal and metrics sockets */
};

struct config_audit {
	uint64_t segment_bytes;
	uint32_t keep; /* closed segments */
	uint64_t reserve_bytes;
};

struct config_listener {
	char *path;
	uint32_t mode; /* 0666 or 0660 */
	char *group;   /* name; NULL: the service's own */
	gid_t gid;     /* of group, by config_resolve(); CONFIG_UNSET before, and without group */
	bool is_admin;
	bool at_parsec_path; /* asked for a twin at CONFIG_PARSEC_PATH; the twin is a listener of its own, made by the
				parser */
	uint32_t *authenticators; /* enum config_authenticator, order of the file */
	uint32_t authenticator_count;
};

/* The bundle of another trust domain, from its own endpoint. */
struct config_federation {
	char *trust_domain;
	char *url;
	uint32_t profile;  /* enum fetch_profile */
	char *endpoint_id; /* https_spiffe: the server's SPIFFE ID */
	char *bundle_file; /* https_spiffe: the first bundle of endpoint_id's trust domain */
	bool follows_redirects;
};

/* What is known of a trust domain before anything is heard: its bundle, or some of its keys. */
struct config_bundle {
	char *trust_domain;
	char *file;  /* NULL: it comes from elsewhere */
	char *map;   /* in place of file: a bundle map that holds it */
	char **keys; /* RFC 7638 thumbprints */
	uint32_t key_count;
};

struct config_spiffe {
	char *endpoint;	     /* unix:///path */
	uint32_t server_uid; /* who serves it; CONFIG_UNSET: not stated */
	char *server_user;   /* the same, by name */
	uint32_t server;     /* the one of them, or root, by config_resolve(); CONFIG_UNSET before */
	char **audiences;
	uint32_t audience_count;
	uint32_t validation; /* enum config_validation */
	struct config_federation *federation;
	uint32_t federation_count;
	struct config_bundle *bundles;
	uint32_t bundle_count;
	char *web_authorities; /* PEM file, for https_web */
	uint32_t max_age_s;
	uint32_t continuity; /* enum config_continuity */
};

/* An identity provider that is no SPIFFE one (GNRC). */
struct config_issuer {
	char *issuer;	 /* "iss", byte for byte */
	char *jwks_file; /* its JWK Set; NULL: it has a URL */
	char *jwks_url;
	uint32_t jwks_refresh_s, jwks_max_age_s; /* of what came from the URL */
	char **audiences;
	uint32_t audience_count;
	char **types; /* values of "typ"; "none": a token without it */
	uint32_t type_count;
	char *claim;			    /* that names the identity */
	uint32_t algorithms;		    /* bits 1 << enum jwk_alg; 0: all nine */
	uint32_t max_lifetime_s, max_age_s; /* DESIGN decision 5, unless loosened here */
};

struct config_env {
	char *name;
	char *value;
};

struct config_provider {
	char *name;
	uint32_t type;		    /* enum config_provider_type: also the Parsec provider id */
	uint32_t verify_after_sign; /* enum config_switch */
	uint32_t threads;	    /* software: 0 = one per core */
	char *wrap;		    /* software: "auto", "file", or the name of a TPM or token */
	char *tcti;		    /* tpm: "device:/dev/tpmrm0", "swtpm:path=..." */
	uint32_t sessions;	    /* tpm: enum config_sessions */
	uint32_t handle;	    /* tpm: persistent storage key */
	char *owner_auth_file;	    /* tpm: NULL, or the owner's authorization for the first start */
	char *module;		    /* pkcs11 */
	char *module_sha256;	    /* pkcs11: NULL, or the hash that it must have, in hexadecimal */
	char *token;		    /* pkcs11: label */
	char *serial;		    /* pkcs11: NULL, or the serial number as well */
	char *pin_file;		    /* pkcs11 */
	bool needs_unix_sockets;    /* pkcs11: the module talks to a local daemon (pcscd) */
	struct config_env *env;	    /* pkcs11: the worker's environment */
	uint32_t env_count;
};

/* Exactly one is given.  The type implies the authenticator. */
struct config_match {
	char *spiffe; /* "spiffe://domain/a/{placeholder}/..." or ending in a segment "**" */
	uint32_t uid;
	char *user;	   /* account name */
	uint32_t user_uid; /* of user, by config_resolve() */
	char *direct;	   /* claimed name, same patterns without "spiffe://" */
	char *issuer;	   /* given together with subject; one of config->issuers */
	char *subject;	   /* the same patterns as for direct */
};

struct config_token {
	uint32_t max_lifetime_s, max_age_s, leeway_s, min_remaining_s; /* CONFIG_UNSET: not stated */
};

/* Who may present a token, as the kernel sees them: what is not stated (CONFIG_UNSET, NULL) may be anything. */
struct config_principal {
	uint32_t uid, gid;
	char *cgroup; /* path in the unified hierarchy */
	char *label;  /* of the security module */
};

struct config_bind {
	uint32_t binding;   /* enum config_binding */
	uint32_t instances; /* first-use: of a token's account, as many at a time; CONFIG_UNSET any number */
	uint32_t instance;  /* enum config_instance */
	struct config_principal *declared;
	uint32_t declared_count;
	bool is_once;	      /* each token is good for one request */
	bool single_audience; /* a token for us and for others is none */
};

struct config_tenant_token {
	struct config_token bounds;
	struct config_bind bind;
};

/* When a rule holds, UTC.  Times of day are minutes since midnight, moments seconds since 1970; CONFIG_UNSET: not
 * stated. */
struct config_time {
	uint32_t days;		      /* bit 0 is Monday; 0: every day */
	uint32_t from_min, until_min; /* until_min <= from_min: over midnight, counted to the day on which it begins */
	uint32_t not_before_s, not_after_s;
};

/* What a key that is created may be.  Numbers: CONFIG_UNSET not stated; sets: 0 not stated. */
struct config_created {
	uint32_t types; /* KEY_TYPE_BIT()s */
	uint32_t min_bits, max_bits;
	uint32_t algorithms, hashes;
	uint32_t usages; /* PSA_USAGE_ flags that it may have */
	bool may_export; /* may have PSA_USAGE_EXPORT */
	uint32_t expires_after_s;
};

struct config_rule {
	uint32_t allow, deny; /* VERB_BIT()s; exactly one of them is not 0 */
	char **keys;	      /* patterns: '*' is any run of bytes */
	uint32_t key_count;
	/* conditions; what is not stated is none.  Sets: 0 not stated, numbers: CONFIG_UNSET */
	char **subjects; /* patterns of identities, as in a match */
	uint32_t subject_count;
	uint32_t types; /* KEY_TYPE_BIT()s */
	uint32_t min_bits, max_bits;
	uint32_t algorithms; /* bits of enum psa_alg_kind */
	uint32_t hashes;     /* bits of enum psa_hash, HASH_BIT_ANY */
	char **providers;    /* names */
	uint32_t provider_count;
	uint32_t min_key_age_s, max_key_age_s;
	uint32_t authenticators; /* bits of enum config_authenticator */
	struct config_time time;
	uint32_t binding; /* BINDING_BIT()s */
	uint32_t max_principals;
	struct config_token token;     /* allow only: the rule does not match a token beyond these */
	struct config_created created; /* allow only: the rule does not match the creation of another key */
};

/* A number per unit of time; 0: not stated. */
struct config_rates {
	uint32_t per_s, per_d;
};

/* What a tenant may use, all its identities together; CONFIG_UNSET: not stated. */
struct config_quota {
	uint32_t keys; /* names taken */
	struct config_rates requests;
	uint32_t in_flight;   /* requests at a time */
	uint32_t bytes_per_s; /* bodies and answers */
};

struct config_tenant {
	struct config_match match;
	char *tenant;		 /* template: placeholders of the match as whole segments */
	uint32_t namespace_kind; /* enum config_namespace */
	char **providers;	 /* names; none: the first of each type */
	uint32_t provider_count;
	struct config_tenant_token token; /* refuses with 11 */
	struct config_created created;	  /* of every key; refuses with 1133 */
	struct config_quota quota;
	struct config_rule *rules;
	uint32_t rule_count;
};

struct config_admin {
	struct config_match match;	   /* spiffe (exact), uid, user, or issuer and subject (exact) */
	struct config_principal *declared; /* who may present its token; none: whoever is first */
	uint32_t declared_count;
};

struct config_accept {
	char *check; /* "DOC-05" */
	char *because;
};

struct config_limits {
	uint32_t connections;	      /* of all listeners together */
	uint32_t connections_per_uid; /* pods that share a uid share it */
	uint32_t queue;		      /* requests waiting for one provider */
	uint32_t failures;	      /* of one process, before it has to wait */
};

struct config {
	char *api_version;
	char *kind;
	uint32_t posture; /* enum config_posture */
	char *user;
	uid_t uid; /* of user, by config_resolve(); CONFIG_UNSET before */
	gid_t gid;
	struct config_paths paths;
	struct config_audit audit;
	uint32_t compat; /* enum config_compat */
	struct config_listener *listeners;
	uint32_t listener_count;
	struct config_spiffe spiffe;
	struct config_issuer *issuers;
	uint32_t issuer_count;
	struct config_provider *providers;
	uint32_t provider_count;
	struct config_tenant *tenants;
	uint32_t tenant_count;
	struct config_admin *admins;
	uint32_t admin_count;
	struct config_accept *accepts;
	uint32_t accept_count;
	struct config_limits limits;
};

/* Frees everything; NULL is accepted, and a half-built tree.  config_done() leaves a zero struct behind. */
void config_done(struct config *config);
void config_free(struct config *config);

/* Binary form: append all of it (cap of `to`: CONFIG_TREE_MAX), or of one provider.  Fails: LIMIT. */
struct status config_put(struct buf *to, const struct config *config);
struct status config_provider_put(struct buf *to, const struct config_provider *provider);
/* Do they say the same?  false also when that cannot be found out. */
bool config_provider_equal(const struct config_provider *a, const struct config_provider *b);
/* Decode one whole tree or provider: every count, text, word and number within the table's bounds, nothing left over.
 * What the fields mean together is config_check()'s.  The caller frees with config_free(), config_provider_free().
 * Fails: IPC_MALFORMED, NO_MEMORY. */
struct status config_get(struct bytes from, struct config **ret_config);
struct status config_provider_get(struct bytes from, struct config_provider **ret_provider);
void config_provider_free(struct config_provider *provider);

/* What the fields mean together: names that are unique and known, patterns, tenants that could be joined, bounds that
 * only tighten.  Each finding has the path of the field ("tenants[0].token.leeway"; also legal in a document) and a
 * sentence; is_later: it asks for what is not built yet.  Returns the number of findings.  Pure. */
typedef void config_visit_fn(void *context, const char *path, const char *text, bool is_later);
unsigned config_check(const struct config *config, config_visit_fn *visit, void *context);

/* Look up user, groups and the users of tenants and admins.  The first that does not exist stops it, with a sentence
 * in ret_text.  Reads the account database: keyreeved's, before any role starts.  Fails: CONFIG_SYNTAX, LIMIT. */
enum { CONFIG_TEXT_BYTES = 320 }; /* all words of a field, and the one that was meant */
struct status config_resolve(struct config *config, char ret_text[CONFIG_TEXT_BYTES]);
/* Only what the policy needs: the users of tenants and admins. */
struct status config_resolve_users(struct config *config, char ret_text[CONFIG_TEXT_BYTES]);

/* keyreeve-config as a role: keyreeved hands it the file as descriptor "file" and its path, for messages, as the
 * configuration bytes; after ROLE_READY it answers with one message and ends. */
enum config_message {
	CONFIG_MESSAGE_TREE = 100,   /* part 0: the encoded tree */
	CONFIG_MESSAGE_ERRORS = 101, /* status; part 0: text, one line per error */
};

/* Somebody may present a JWT-SVID. */
bool config_needs_idp(const struct config *config);
/* Has no entry before it the same bundle map? */
bool config_map_is_new(const struct config_spiffe *spiffe, uint32_t i);
/* NULL: no such issuer. */
const struct config_issuer *config_issuer_find(const struct config *config, struct bytes issuer);

/* Words for logs and audit: "jwt-svid", "tpm", "sign"; "?" for a number that names nothing. */
const char *config_authenticator_name(uint32_t authenticator);
const char *config_provider_type_name(uint32_t type);
const char *config_verb_name(uint32_t verb);
/* VERB_NONE when the word names no verb; groups are no verbs. */
enum verb config_verb_from_name(const char *name);

/* Times of the file (config_time.c).  False when the text is none. */
bool config_clock_parse(struct bytes text, uint32_t *ret_minutes);
bool config_moment_parse(struct bytes text, uint32_t *ret_s);
/* "2026-11-23T15:04:05Z"; "90d" or "150s". */
void config_moment_put(struct buf *to, uint32_t moment_s);
void config_span_put(struct buf *to, uint32_t span_s);

/* JSON Schema, reference page and manual page, from the table. */
void config_schema_put(struct buf *to);
void config_reference_put(struct buf *to);
void config_man_put(struct buf *to);

/* The table itself: for config_yaml.c and the generators above. */
enum config_type {
	CONFIG_TYPE_TEXT,	   /* char *; min..max bytes; no control characters */
	CONFIG_TYPE_PATH,	   /* char *: an absolute path without "." and ".." */
	CONFIG_TYPE_WORD,	   /* uint32_t: one of words */
	CONFIG_TYPE_BITS,	   /* uint32_t: list of words, or-ed */
	CONFIG_TYPE_WORDS,	   /* uint32_t * and count: list of words, in order, none twice */
	CONFIG_TYPE_BOOL,	   /* bool: true, false */
	CONFIG_TYPE_NUMBER,	   /* uint32_t: decimal, or hexadecimal after 0x */
	CONFIG_TYPE_SECONDS,	   /* uint32_t: 150s, 10m, 1h, 90d */
	CONFIG_TYPE_CLOCK,	   /* uint32_t: 08:30 in minutes since midnight, 00:00 to 24:00 */
	CONFIG_TYPE_MOMENT,	   /* uint32_t: 2026-11-23 or 2026-11-23T15:04:05Z in seconds since 1970 */
	CONFIG_TYPE_SIZE,	   /* uint64_t: bytes, or KiB, MiB, GiB */
	CONFIG_TYPE_FLOW,	   /* uint32_t: a size per second, 1MiB/s */
	CONFIG_TYPE_RATES,	   /* struct config_rates: list of 50/s and 20000/d, at most one of each */
	CONFIG_TYPE_MODE,	   /* uint32_t: octal */
	CONFIG_TYPE_TEXTS,	   /* char ** and count; one text may stand without a list */
	CONFIG_TYPE_ENV,	   /* struct config_env * and count: a map of texts */
	CONFIG_TYPE_MAP,	   /* a struct in place */
	CONFIG_TYPE_LIST,	   /* struct * and count */
	CONFIG_TYPE_NUMBER_HIDDEN, /* uint32_t that no file can state: results of config_resolve() */
	CONFIG_TYPE_LATER,	   /* known, not built yet: refused */
	CONFIG_TYPE_NEVER,	   /* refused with the row's text as the reason */
};

struct config_word {
	const char *word;
	uint32_t value;
	bool is_later; /* known, not built yet */
};

struct config_field {
	const char *name;
	enum config_type type;
	bool is_required;
	uint8_t only;	 /* bits of enum config_provider_type: 0 all */
	uint32_t offset; /* in the struct of the shape */
	uint32_t count_offset;
	uint64_t min, max;		  /* of the value, of the text's length or of the list's count */
	const char *standard;		  /* default, as it would stand in the file; NULL none */
	const struct config_word *words;  /* ends in a zero row */
	const struct config_shape *shape; /* MAP, LIST */
	const char *text;
};

struct config_shape {
	const char *name;
	size_t size;
	const struct config_field *fields; /* ends in a zero row */
};

extern const struct config_shape config_shape_root;
/* Free what hangs from a struct of a shape, and leave a zero struct behind. */
void config_shape_done(const struct config_shape *shape, void *base);

/* Words that others read too, by the field they belong to. */
extern const struct config_word config_key_types[], config_algorithms[], config_hashes[], config_usages[];

/* One scalar of the file to a value of the field's type (all types that fit into one scalar) in `base`, the struct of
 * the field's shape.  On failure ret_text has what is wrong, without the field's name.  For config_yaml.c.
 * Fails: CONFIG_SYNTAX, CONFIG_UNSUPPORTED, NO_MEMORY. */
struct status config_scalar(
	const struct config_field *field, struct bytes scalar, void *base, char ret_text[CONFIG_TEXT_BYTES]);
/* Append one zero element to the field's list; NULL when it is full or memory is. */
void *config_list_grow(const struct config_field *field, void *base);
bool config_list_full(const struct config_field *field, const void *base);
/* Set the field to its default. */
struct status config_standard(const struct config_field *field, void *base);
/* The word nearest to what was written, if it is near enough to be meant; else NULL.  next is called with 0, 1, ...
 * until NULL. */
const char *config_nearest(
	struct bytes written, const char *(*next)(const void *context, size_t i), const void *context);

#endif
