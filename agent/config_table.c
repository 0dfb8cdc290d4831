/* SPDX-License-Identifier: Apache-2.0
 *
 * The table: every field of the file, once.  Data only; the longest file of the folder for that reason. */
#include "agent/config.h"

#include <stddef.h>

#include "crypto/psa.h"
#include "jwtsvid/jwk.h"
#include "spiffe/fetch_source.h"

#define AT(type, member) .offset = offsetof(struct type, member)
#define LIST_AT(type, member, count) \
	.offset = offsetof(struct type, member), .count_offset = offsetof(struct type, count)
#define BOUNDS(low, high) .min = (low), .max = (high)
#define ONLY(type) .only = 1u << (type)
#define REQUIRED .is_required = true
#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* clang-format off */
static const struct config_word postures[] = {
	{ "strict", POSTURE_STRICT, false }, { "permissive", POSTURE_PERMISSIVE, false }, { 0 } };
static const struct config_word compats[] = {
	{ "none", COMPAT_NONE, false }, { "parsec", COMPAT_PARSEC, true }, { 0 } };
static const struct config_word authenticators[] = {
	{ "jwt-svid", AUTHENTICATOR_JWT_SVID, false }, { "unix-peer", AUTHENTICATOR_UNIX_PEER, false },
	{ "direct", AUTHENTICATOR_DIRECT, false }, { "jwt", AUTHENTICATOR_ISSUER, false }, { 0 } };
static const struct config_word validations[] = {
	{ "local", VALIDATION_LOCAL, false }, { "remote", VALIDATION_REMOTE, false }, { "both", VALIDATION_BOTH, false }, { 0 } };
static const struct config_word provider_types[] = {
	{ "software", PROVIDER_SOFTWARE, false }, { "tpm", PROVIDER_TPM, false }, { "pkcs11", PROVIDER_PKCS11, false }, { 0 } };
static const struct config_word switches[] = {
	{ "auto", SWITCH_AUTO, false }, { "on", SWITCH_ON, false }, { "off", SWITCH_OFF, false }, { 0 } };
static const struct config_word sessions[] = {
	{ "hmac", SESSIONS_HMAC, false }, { "password", SESSIONS_PASSWORD, false }, { 0 } };
static const struct config_word namespaces[] = {
	{ "identity", NAMESPACE_IDENTITY, false }, { "tenant", NAMESPACE_TENANT, false }, { 0 } };

/* Verbs, then the groups that are not verbs of their own. */
static const struct config_word verbs[] = {
	{ "sign", VERB_BIT(VERB_SIGN), false }, { "verify", VERB_BIT(VERB_VERIFY), false },
	{ "encrypt", VERB_BIT(VERB_ENCRYPT), false }, { "decrypt", VERB_BIT(VERB_DECRYPT), false },
	{ "agree", VERB_BIT(VERB_AGREE), false }, { "mac", VERB_BIT(VERB_MAC), false },
	{ "list", VERB_BIT(VERB_LIST), false }, { "export-public", VERB_BIT(VERB_EXPORT_PUBLIC), false },
	{ "can-do", VERB_BIT(VERB_CAN_DO), false }, { "generate", VERB_BIT(VERB_GENERATE), false },
	{ "import", VERB_BIT(VERB_IMPORT), false }, { "destroy", VERB_BIT(VERB_DESTROY), false },
	{ "export", VERB_BIT(VERB_EXPORT), false }, { "attest", VERB_BIT(VERB_ATTEST), false },
	{ "use", VERB_BIT(VERB_SIGN) | VERB_BIT(VERB_VERIFY) | VERB_BIT(VERB_ENCRYPT) | VERB_BIT(VERB_DECRYPT) |
		VERB_BIT(VERB_AGREE) | VERB_BIT(VERB_MAC), false },
	{ "read", VERB_BIT(VERB_LIST) | VERB_BIT(VERB_EXPORT_PUBLIC) | VERB_BIT(VERB_CAN_DO), false },
	{ "create", VERB_BIT(VERB_GENERATE) | VERB_BIT(VERB_IMPORT), false },
	{ 0 } };

#define TYPE(name) KEY_TYPE_BIT(KEY_TYPE_##name)
/* Kind and size together, by the command line's names; then kinds. */
const struct config_word config_key_types[] = {
	{ "ecc-p192", TYPE(ECC_P192), false }, { "ecc-p224", TYPE(ECC_P224), false }, { "ecc-p256", TYPE(ECC_P256), false },
	{ "ecc-p384", TYPE(ECC_P384), false }, { "ecc-p521", TYPE(ECC_P521), false }, { "ecc-secp256k1", TYPE(ECC_SECP256K1), false },
	{ "ecc-other", TYPE(ECC_OTHER), false }, { "rsa-1024", TYPE(RSA_1024), false }, { "rsa-2048", TYPE(RSA_2048), false },
	{ "rsa-3072", TYPE(RSA_3072), false }, { "rsa-4096", TYPE(RSA_4096), false }, { "rsa-other", TYPE(RSA_OTHER), false },
	{ "aes", TYPE(AES), false }, { "hmac", TYPE(HMAC), false }, { "derive", TYPE(DERIVE), false }, { "chacha20", TYPE(CHACHA20), false },
	{ "camellia", TYPE(CAMELLIA), false }, { "des", TYPE(DES), false }, { "arc4", TYPE(ARC4), false },
	{ "raw-data", TYPE(RAW_DATA), false }, { "dh", TYPE(DH), false },
	{ "ecc", TYPE(ECC_P192) | TYPE(ECC_P224) | TYPE(ECC_P256) | TYPE(ECC_P384) | TYPE(ECC_P521) | TYPE(ECC_SECP256K1) |
		TYPE(ECC_OTHER), false },
	{ "rsa", TYPE(RSA_1024) | TYPE(RSA_2048) | TYPE(RSA_3072) | TYPE(RSA_4096) | TYPE(RSA_OTHER), false },
	{ 0 } };

#define ALG(name) (1u << PSA_ALG_##name)
const struct config_word config_algorithms[] = {
	{ "ecdsa", ALG(ECDSA), false }, { "ecdsa-unhashed", ALG(ECDSA_ANY), false }, { "deterministic-ecdsa", ALG(DETERMINISTIC_ECDSA), false },
	{ "rsa-pss", ALG(RSA_PSS), false }, { "rsa-pkcs1v15", ALG(RSA_PKCS1V15_SIGN), false },
	{ "rsa-pkcs1v15-raw", ALG(RSA_PKCS1V15_SIGN_RAW), false }, { "rsa-pkcs1v15-crypt", ALG(RSA_PKCS1V15_CRYPT), false },
	{ "rsa-oaep", ALG(RSA_OAEP), false }, { "hmac", ALG(HMAC), false }, { "cmac", ALG(CMAC), false }, { "cbc-mac", ALG(CBC_MAC), false },
	{ "cipher", ALG(CIPHER), false }, { "aead", ALG(AEAD), false }, { "key-agreement", ALG(KEY_AGREEMENT), false },
	{ "key-derivation", ALG(KEY_DERIVATION), false }, { 0 } };

#define HASH(name) (1u << PSA_HASH_##name)
const struct config_word config_hashes[] = {
	{ "sha-224", HASH(SHA_224), false }, { "sha-256", HASH(SHA_256), false }, { "sha-384", HASH(SHA_384), false },
	{ "sha-512", HASH(SHA_512), false }, { "sha-512-224", HASH(SHA_512_224), false }, { "sha-512-256", HASH(SHA_512_256), false },
	{ "sha3-224", HASH(SHA3_224), false }, { "sha3-256", HASH(SHA3_256), false }, { "sha3-384", HASH(SHA3_384), false },
	{ "sha3-512", HASH(SHA3_512), false }, { "sha-1", HASH(SHA_1), false }, { "md5", HASH(MD5), false }, { "md4", HASH(MD4), false },
	{ "md2", HASH(MD2), false }, { "ripemd-160", HASH(RIPEMD160), false }, { "any", HASH_BIT_ANY, false }, { 0 } };

/* sign-hash implies sign-message, verify-hash verify-message (PSA Crypto API 1.1, section 9.6.2). */
const struct config_word config_usages[] = {
	{ "sign-message", PSA_USAGE_SIGN_MESSAGE, false }, { "verify-message", PSA_USAGE_VERIFY_MESSAGE, false },
	{ "sign-hash", PSA_USAGE_SIGN_HASH | PSA_USAGE_SIGN_MESSAGE, false },
	{ "verify-hash", PSA_USAGE_VERIFY_HASH | PSA_USAGE_VERIFY_MESSAGE, false },
	{ "encrypt", PSA_USAGE_ENCRYPT, false }, { "decrypt", PSA_USAGE_DECRYPT, false }, { "derive", PSA_USAGE_DERIVE, false },
	{ "export", PSA_USAGE_EXPORT, false }, { "copy", PSA_USAGE_COPY, false }, { "cache", PSA_USAGE_CACHE, false }, { 0 } };

static const struct config_word authenticator_bits[] = {
	{ "jwt-svid", 1u << AUTHENTICATOR_JWT_SVID, false }, { "unix-peer", 1u << AUTHENTICATOR_UNIX_PEER, false },
	{ "direct", 1u << AUTHENTICATOR_DIRECT, false }, { "jwt", 1u << AUTHENTICATOR_ISSUER, false }, { 0 } };
static const struct config_word binding_words[] = {
	{ "first-use", BINDING_FIRST_USE, false }, { "declared", BINDING_DECLARED, false }, { "watch", BINDING_WATCH, false },
	{ "none", BINDING_NONE, false }, { 0 } };
static const struct config_word instance_words[] = { { "process", INSTANCE_PROCESS, false }, { "cgroup", INSTANCE_CGROUP, false }, { 0 } };
static const struct config_word bindings[] = {
	{ "none", BINDING_BIT(BINDING_NONE), false }, { "watch", BINDING_BIT(BINDING_WATCH), false },
	{ "first-use", BINDING_BIT(BINDING_FIRST_USE), false }, { "declared", BINDING_BIT(BINDING_DECLARED), false }, { 0 } };
static const struct config_word days[] = {
	{ "mon", 1, false }, { "tue", 2, false }, { "wed", 4, false }, { "thu", 8, false }, { "fri", 16, false }, { "sat", 32, false },
	{ "sun", 64, false }, { 0 } };

static const struct config_field paths_fields[] = {
	{ .name = "state", .type = CONFIG_TYPE_PATH, AT(config_paths, state), BOUNDS(1, CONFIG_TEXT_MAX), .standard = "/var/lib/keyreeve",
	  .text = "Directory of `keys.db` and `audit/`. Owned by the service account, mode 0700. A change needs a restart." },
	{ .name = "private", .type = CONFIG_TYPE_PATH, AT(config_paths, private_sockets), BOUNDS(1, 80), .standard = "/run/keyreeve-private",
	  .text = "Directory of internal sockets, mode 0700." },
	{ 0 } };
static const struct config_shape paths = { "paths", sizeof(struct config_paths), paths_fields };

static const struct config_field audit_fields[] = {
	{ .name = "segment", .type = CONFIG_TYPE_SIZE, AT(config_audit, segment_bytes), BOUNDS(64 * KIB, GIB), .standard = "64MiB",
	  .text = "Size at which an audit file is closed and the next begun." },
	{ .name = "keep", .type = CONFIG_TYPE_NUMBER, AT(config_audit, keep), BOUNDS(2, 100000), .standard = "16",
	  .text = "Closed audit files that are kept; the oldest beyond that is deleted, which is audited." },
	{ .name = "reserve", .type = CONFIG_TYPE_SIZE, AT(config_audit, reserve_bytes), BOUNDS(64 * KIB, 1024 * GIB), .standard = "64MiB",
	  .text = "Free space below which no key is created any more, so that what is left can be audited." },
	{ 0 } };
static const struct config_shape audit = { "audit", sizeof(struct config_audit), audit_fields };

static const struct config_field listener_fields[] = {
	{ .name = "path", .type = CONFIG_TYPE_PATH, AT(config_listener, path), BOUNDS(1, CONFIG_SOCKET_MAX), .standard = "/run/keyreeve/keyreeve.sock",
	  .text = "Path of the Unix socket, alone in its directory." },
	{ .name = "mode", .type = CONFIG_TYPE_MODE, AT(config_listener, mode), BOUNDS(0, 0777), .standard = "0666",
	  .text = "0666 (the token is the authority), or 0660 with a group." },
	{ .name = "group", .type = CONFIG_TYPE_TEXT, AT(config_listener, group), BOUNDS(1, 32),
	  .text = "Group that may connect; needed with mode 0660." },
	{ .name = "admin", .type = CONFIG_TYPE_BOOL, AT(config_listener, is_admin), .standard = "false",
	  .text = "Serve administrators here: the only kind of listener that knows them. Needs mode 0660." },
	{ .name = "parsec_path", .type = CONFIG_TYPE_BOOL, AT(config_listener, at_parsec_path), .standard = "false",
	  .text = "Listen at `" CONFIG_PARSEC_PATH "` as well, for clients that know no other path." },
	{ .name = "authenticators", .type = CONFIG_TYPE_WORDS, LIST_AT(config_listener, authenticators, authenticator_count),
	  BOUNDS(1, CONFIG_AUTHENTICATORS_MAX), .words = authenticators, .standard = "jwt-svid",
	  .text = "How clients may prove who they are, in the order in which clients are told. `direct` under strict: on a listener of "
		  "its own, mode 0660." },
	{ .name = "gid", .type = CONFIG_TYPE_NUMBER_HIDDEN, AT(config_listener, gid) },
	{ 0 } };
static const struct config_shape listener = { "listeners", sizeof(struct config_listener), listener_fields };

static const struct config_word profiles[] = {
	{ "https_web", FETCH_HTTPS_WEB, false }, { "https_spiffe", FETCH_HTTPS_SPIFFE, false }, { 0 } };

static const struct config_word continuities[] = {
	{ "hold", CONTINUITY_HOLD, false }, { "alarm", CONTINUITY_ALARM, false }, { 0 } };

static const struct config_field federation_fields[] = {
	{ .name = "trust_domain", .type = CONFIG_TYPE_TEXT, REQUIRED, AT(config_federation, trust_domain), BOUNDS(1, 255),
	  .text = "The trust domain whose bundle the endpoint serves, by its name." },
	{ .name = "url", .type = CONFIG_TYPE_TEXT, REQUIRED, AT(config_federation, url), BOUNDS(1, FETCH_URL_MAX), .text = "Its `https` URL." },
	{ .name = "profile", .type = CONFIG_TYPE_WORD, REQUIRED, AT(config_federation, profile), .words = profiles,
	  .text = "How the endpoint proves itself: `https_web`, a certificate of the Web's authorities for the URL's host; `https_spiffe`, an "
		  "X509-SVID of exactly `endpoint_id`." },
	{ .name = "endpoint_id", .type = CONFIG_TYPE_TEXT, AT(config_federation, endpoint_id), BOUNDS(1, FETCH_ID_MAX),
	  .text = "The endpoint's SPIFFE ID; needed with `https_spiffe`." },
	{ .name = "bundle_file", .type = CONFIG_TYPE_PATH, AT(config_federation, bundle_file), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "SPIFFE bundle of the trust domain of `endpoint_id`, for the first connection; needed with `https_spiffe`. Once a bundle of "
		  "that trust domain was had from an endpoint or from `bundles`, that one counts." },
	{ .name = "redirects", .type = CONFIG_TYPE_BOOL, AT(config_federation, follows_redirects), .standard = "true",
	  .text = "Follow redirects, at most four, to `https` URLs under the same rules, on a port that some source's URL has." },
	{ 0 } };
static const struct config_shape federation = { "federation", sizeof(struct config_federation), federation_fields };

static const struct config_field bundle_fields[] = {
	{ .name = "trust_domain", .type = CONFIG_TYPE_TEXT, REQUIRED, AT(config_bundle, trust_domain), BOUNDS(1, 255), .text = "A trust domain, by its name." },
	{ .name = "file", .type = CONFIG_TYPE_PATH, AT(config_bundle, file), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "SPIFFE bundle that is all there is for this trust domain: what the Workload API says of it does not count. Read at the start and "
		  "with each reload." },
	{ .name = "map", .type = CONFIG_TYPE_PATH, AT(config_bundle, map), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "SPIFFE bundle map, in place of `file`, that holds the bundle of this trust domain, and perhaps those of others that name the "
		  "same map; of a domain that no entry names it says nothing. It counts as a whole: one that is broken anywhere leaves "
		  "what was before, and a domain that is no longer in it has no keys." },
	{ .name = "keys", .type = CONFIG_TYPE_TEXTS, LIST_AT(config_bundle, keys, key_count), BOUNDS(1, CONFIG_PINS_MAX),
	  .text = "Thumbprints (RFC 7638, SHA-256, base64url) of keys: a set that shares no key with the one before, or that is the first, "
		  "counts only with one of these in it." },
	{ 0 } };
static const struct config_shape bundle = { "bundles", sizeof(struct config_bundle), bundle_fields };

static const struct config_field spiffe_fields[] = {
	{ .name = "endpoint", .type = CONFIG_TYPE_TEXT, AT(config_spiffe, endpoint), BOUNDS(1, 120),
	  .standard = "unix:///run/spire/agent-sockets/spire-agent.sock",
	  .text = "The Workload API's socket, from which the keys of trust domains are had. A port (`tcp:`) is refused: nobody can tell who serves it." },
	{ .name = "server_uid", .type = CONFIG_TYPE_NUMBER, AT(config_spiffe, server_uid), BOUNDS(0, UINT32_MAX - 1),
	  .text = "The uid of the process that listens at `endpoint`, as the kernel reports it here; without it and `server_user`: root. It is compared "
		  "at each connection, under every posture; to another one nothing is said, and an alarm is raised." },
	{ .name = "server_user", .type = CONFIG_TYPE_TEXT, AT(config_spiffe, server_user), BOUNDS(1, 32),
	  .text = "The same by the account's name, looked up when the file is read." },
	{ .name = "audience", .type = CONFIG_TYPE_TEXTS, LIST_AT(config_spiffe, audiences, audience_count), BOUNDS(1, CONFIG_AUDIENCES_MAX),
	  .standard = "parsec",
	  .text = "Audiences that are ours: a token for one of them is accepted. `parsec` is what existing clients ask for." },
	{ .name = "validation", .type = CONFIG_TYPE_WORD, AT(config_spiffe, validation), .words = validations, .standard = "local",
	  .text = "Who verifies a JWT-SVID. `local`: we do, with the keys of its trust domain. `both`: the Workload API is asked as well, for each "
		  "request, and what it does not confirm is refused; that it refuses, or names another identity, is an alarm. `remote`: the "
		  "Workload API alone says whether the signature is good; not under strict." },
	{ .name = "bundles", .type = CONFIG_TYPE_LIST, LIST_AT(config_spiffe, bundles, bundle_count), BOUNDS(0, CONFIG_BUNDLES_MAX), .shape = &bundle,
	  .text = "What is known of trust domains beforehand." },
	{ .name = "federation", .type = CONFIG_TYPE_LIST, LIST_AT(config_spiffe, federation, federation_count), BOUNDS(0, CONFIG_FEDERATION_MAX), .shape = &federation,
	  .text = "Trust domains whose bundles come from endpoints of their own, for which `keyreeve-fetch` runs. If it did not run before, a restart is needed. "
		  "SPIRE streams the bundles of domains that it federates with itself; what it says of one that stands here does not count." },
	{ .name = "web_authorities", .type = CONFIG_TYPE_PATH, AT(config_spiffe, web_authorities), BOUNDS(1, CONFIG_TEXT_MAX),
	  .standard = "/etc/ssl/certs/ca-certificates.crt",
	  .text = "The Web's authorities, as PEM, for `https_web` and for `issuers[].jwks_url`." },
	{ .name = "max_age", .type = CONFIG_TYPE_SECONDS, AT(config_spiffe, max_age_s), BOUNDS(10, CONFIG_MAX_AGE_S), .standard = "24h",
	  .text = "How long key documents count after they were last confirmed, also over a restart." },
	{ .name = "continuity", .type = CONFIG_TYPE_WORD, AT(config_spiffe, continuity), .words = continuities, .standard = "hold",
	  .text = "What becomes of a set of keys that shares none with the one before: `hold`, none of it is used until one of its keys stands in "
		  "`bundles`; `alarm`, it is used, with an alarm." },
	{ .name = "server", .type = CONFIG_TYPE_NUMBER_HIDDEN, AT(config_spiffe, server) },
	{ 0 } };
static const struct config_shape spiffe = { "spiffe", sizeof(struct config_spiffe), spiffe_fields };

#define SIGNED(name) { #name, 1u << JWK_##name, false }
static const struct config_word token_algorithms[] = {
	SIGNED(RS256), SIGNED(RS384), SIGNED(RS512), SIGNED(ES256), SIGNED(ES384), SIGNED(ES512), SIGNED(PS256), SIGNED(PS384),
	SIGNED(PS512), { 0 } };

static const struct config_field issuer_fields[] = {
	{ .name = "issuer", .type = CONFIG_TYPE_TEXT, REQUIRED, AT(config_issuer, issuer), BOUNDS(1, CONFIG_ISSUER_MAX),
	  .text = "The claim `iss` of its tokens, byte for byte: `https://idp.example/realm`." },
	{ .name = "jwks_file", .type = CONFIG_TYPE_PATH, AT(config_issuer, jwks_file), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "Its JWK Set. Owned by root or the service account, writable by nobody else; read again when it changes. A file that is "
		  "broken or gone leaves the keys before in force, one without keys ends them." },
	{ .name = "jwks_url", .type = CONFIG_TYPE_TEXT, AT(config_issuer, jwks_url), BOUNDS(1, FETCH_URL_MAX),
	  .text = "Where its JWK Set is fetched by `keyreeve-fetch`, instead of `jwks_file`: an `https` URL whose host shows a certificate of "
		  "`spiffe.web_authorities`. Redirects are not followed. While nothing comes, or no JWK Set, the keys before stay in force; a "
		  "set without keys ends them. If `keyreeve-fetch` did not run before, a restart is needed." },
	{ .name = "jwks_refresh", .type = CONFIG_TYPE_SECONDS, AT(config_issuer, jwks_refresh_s), BOUNDS(30, 86400), .standard = "5m",
	  .text = "Longest time from one fetch to the next; a third of `jwks_max_age` at most. Before there are keys, and when a token names "
		  "one that nobody knows, it is 30 s." },
	{ .name = "jwks_max_age", .type = CONFIG_TYPE_SECONDS, AT(config_issuer, jwks_max_age_s), BOUNDS(10, CONFIG_MAX_AGE_S), .standard = "24h",
	  .text = "How long the keys of `jwks_url` count after they were last confirmed, also over a restart." },
	{ .name = "audiences", .type = CONFIG_TYPE_TEXTS, REQUIRED, LIST_AT(config_issuer, audiences, audience_count), BOUNDS(1, CONFIG_AUDIENCES_MAX),
	  .text = "Audiences that are ours: a token for one of them is accepted." },
	{ .name = "types", .type = CONFIG_TYPE_TEXTS, LIST_AT(config_issuer, types, type_count), BOUNDS(1, CONFIG_TYPES_MAX), .standard = "JWT",
	  .text = "Values of the header member `typ`, byte for byte. `none`: a token that has no `typ`. Name what the provider writes into "
		  "tokens for services, so that its other tokens (of identity, of logout) are refused." },
	{ .name = "claim", .type = CONFIG_TYPE_TEXT, AT(config_issuer, claim), BOUNDS(1, 64), .standard = "sub",
	  .text = "The claim that names the identity: a text of 1 to 255 bytes without control characters. Choose one that the provider never "
		  "gives to somebody else." },
	{ .name = "algorithms", .type = CONFIG_TYPE_BITS, AT(config_issuer, algorithms), .words = token_algorithms,
	  .text = "Signature algorithms that its tokens may have. Without: all of these." },
	{ .name = "max_lifetime", .type = CONFIG_TYPE_SECONDS, AT(config_issuer, max_lifetime_s), BOUNDS(1, CONFIG_ISSUED_MAX_S), .standard = "10m",
	  .text = "Longest life of its tokens, expiry minus start. The longer, the more a stolen one is worth." },
	{ .name = "max_age", .type = CONFIG_TYPE_SECONDS, AT(config_issuer, max_age_s), BOUNDS(1, CONFIG_ISSUED_MAX_S), .standard = "10m",
	  .text = "Longest time since the start of its tokens." },
	{ 0 } };
static const struct config_shape issuer = { "issuers", sizeof(struct config_issuer), issuer_fields };

static const struct config_field provider_fields[] = {
	{ .name = "name", .type = CONFIG_TYPE_TEXT, REQUIRED, AT(config_provider, name), BOUNDS(1, CONFIG_PROVIDER_NAME_MAX),
	  .text = "Instance name: lower-case letters, digits, `-`. Part of every key's record, so do not change it." },
	{ .name = "type", .type = CONFIG_TYPE_WORD, REQUIRED, AT(config_provider, type), .words = provider_types,
	  .text = "What holds the keys. The order of the providers is their priority for clients that ask for none." },
	{ .name = "verify_after_sign", .type = CONFIG_TYPE_WORD, AT(config_provider, verify_after_sign), .words = switches, .standard = "auto",
	  .text = "Verify each signature before it is handed out. `auto`: where a fault of the device or its driver could pass unseen." },
	{ .name = "threads", .type = CONFIG_TYPE_NUMBER, ONLY(PROVIDER_SOFTWARE), AT(config_provider, threads), BOUNDS(0, 16), .standard = "0",
	  .text = "Threads of the worker; 0 is one per core." },
	{ .name = "wrap", .type = CONFIG_TYPE_TEXT, ONLY(PROVIDER_SOFTWARE), AT(config_provider, wrap), BOUNDS(1, CONFIG_PROVIDER_NAME_MAX),
	  .standard = "auto",
	  .text = "What seals software keys: the name of a TPM or token, `auto` (the first TPM, else the first token, else a file), "
		  "or `file`, which strict refuses. Resolved at the first key and recorded." },
	{ .name = "tcti", .type = CONFIG_TYPE_TEXT, ONLY(PROVIDER_TPM), AT(config_provider, tcti), BOUNDS(1, 255), .standard = "device:/dev/tpmrm0",
	  .text = "Where the TPM is: `device:PATH`, or `swtpm:...` for tests." },
	{ .name = "sessions", .type = CONFIG_TYPE_WORD, ONLY(PROVIDER_TPM), AT(config_provider, sessions), .words = sessions, .standard = "hmac",
	  .text = "`hmac`: salted sessions that authenticate the TPM's answers. `password` is faster and lowers the published posture." },
	{ .name = "handle", .type = CONFIG_TYPE_NUMBER, ONLY(PROVIDER_TPM), AT(config_provider, handle), BOUNDS(0x81000001, 0x817FFFFF),
	  .standard = "0x8101A001", .text = "Persistent handle of the storage key; refused if something else lives there." },
	{ .name = "owner_auth_file", .type = CONFIG_TYPE_PATH, ONLY(PROVIDER_TPM), AT(config_provider, owner_auth_file), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "File with the owner hierarchy's authorization, for the first start." },
	{ .name = "module", .type = CONFIG_TYPE_PATH, ONLY(PROVIDER_PKCS11), AT(config_provider, module), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "The PKCS#11 module: a regular file, no link, owned by root." },
	{ .name = "module_sha256", .type = CONFIG_TYPE_TEXT, ONLY(PROVIDER_PKCS11), AT(config_provider, module_sha256), BOUNDS(64, 64),
	  .text = "SHA-256 of the module in hexadecimal, as `sha256sum` prints it: a module that has another stays down (DOC-22)." },
	{ .name = "token", .type = CONFIG_TYPE_TEXT, ONLY(PROVIDER_PKCS11), AT(config_provider, token), BOUNDS(1, 32), .text = "The token's label." },
	{ .name = "serial", .type = CONFIG_TYPE_TEXT, ONLY(PROVIDER_PKCS11), AT(config_provider, serial), BOUNDS(1, 16),
	  .text = "The token's serial number, where labels are not unique." },
	{ .name = "pin_file", .type = CONFIG_TYPE_PATH, ONLY(PROVIDER_PKCS11), AT(config_provider, pin_file), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "File with the user PIN. Each content is tried once." },
	{ .name = "unix_sockets", .type = CONFIG_TYPE_BOOL, ONLY(PROVIDER_PKCS11), AT(config_provider, needs_unix_sockets), .standard = "false",
	  .text = "The module talks to a local daemon such as pcscd." },
	{ .name = "env", .type = CONFIG_TYPE_ENV, ONLY(PROVIDER_PKCS11), LIST_AT(config_provider, env, env_count), BOUNDS(0, CONFIG_ENV_MAX),
	  .text = "The worker's environment; nothing else is inherited." },
	{ .name = "addresses", .type = CONFIG_TYPE_LATER, .text = "Addresses of a network HSM." },
	{ .name = "pin", .type = CONFIG_TYPE_NEVER, .text = "a PIN never stands in this file; put it into a file of mode 0400 and name that with pin_file" },
	{ .name = "owner_auth", .type = CONFIG_TYPE_NEVER,
	  .text = "an authorization never stands in this file; put it into a file of mode 0400 and name that with owner_auth_file" },
	{ 0 } };
static const struct config_shape provider = { "providers", sizeof(struct config_provider), provider_fields };

static const struct config_field match_fields[] = {
	{ .name = "spiffe", .type = CONFIG_TYPE_TEXT, AT(config_match, spiffe), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "A SPIFFE ID; `{name}` is exactly one path segment, a last segment `**` is the rest (quote it)." },
	{ .name = "uid", .type = CONFIG_TYPE_NUMBER, AT(config_match, uid), BOUNDS(0, UINT32_MAX - 1), .text = "A uid, as the kernel reports it." },
	{ .name = "user", .type = CONFIG_TYPE_TEXT, AT(config_match, user), BOUNDS(1, 32), .text = "An account's name, looked up when the file is read." },
	{ .name = "direct", .type = CONFIG_TYPE_TEXT, AT(config_match, direct), BOUNDS(1, 255),
	  .text = "A name that a client merely claims; patterns as for `spiffe`." },
	{ .name = "issuer", .type = CONFIG_TYPE_TEXT, AT(config_match, issuer), BOUNDS(1, CONFIG_ISSUER_MAX),
	  .text = "An identity provider of `issuers`; together with `subject`." },
	{ .name = "subject", .type = CONFIG_TYPE_TEXT, AT(config_match, subject), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "Identities at that issuer, cut into segments at `/`; patterns as for `spiffe`." },
	{ .name = "user uid", .type = CONFIG_TYPE_NUMBER_HIDDEN, AT(config_match, user_uid) },
	{ 0 } };
static const struct config_shape match = { "match", sizeof(struct config_match), match_fields };

static const struct config_field principal_fields[] = {
	{ .name = "uid", .type = CONFIG_TYPE_NUMBER, AT(config_principal, uid), BOUNDS(0, UINT32_MAX - 1), .text = "Its uid, as the kernel reports it." },
	{ .name = "gid", .type = CONFIG_TYPE_NUMBER, AT(config_principal, gid), BOUNDS(0, UINT32_MAX - 1), .text = "Its gid." },
	{ .name = "cgroup", .type = CONFIG_TYPE_PATH, AT(config_principal, cgroup), BOUNDS(1, CONFIG_TEXT_MAX),
	  .text = "Its cgroup in the unified hierarchy, as `/system.slice/web.service`: this one, none below it. Looked up at each request." },
	{ .name = "label", .type = CONFIG_TYPE_TEXT, AT(config_principal, label), BOUNDS(1, 255),
	  .text = "Its label of SELinux or AppArmor, whole, as the kernel reports it." },
	{ 0 } };
static const struct config_shape principal = { "declared", sizeof(struct config_principal), principal_fields };

/* Bounds of a token stand in a tenant and in a rule. */
#define TOKEN_BOUNDS \
	{ .name = "max_lifetime", .type = CONFIG_TYPE_SECONDS, AT(config_token, max_lifetime_s), BOUNDS(1, CONFIG_TOKEN_LIFETIME_S), \
	  .text = "Longest life of a token, expiry minus start. The daemon's own bound is 10m." }, \
	{ .name = "max_age", .type = CONFIG_TYPE_SECONDS, AT(config_token, max_age_s), BOUNDS(1, CONFIG_TOKEN_AGE_S), \
	  .text = "Longest time since a token's start. The daemon's own bound is 10m; SPIRE hands a token out for half of its life." }, \
	{ .name = "leeway", .type = CONFIG_TYPE_SECONDS, AT(config_token, leeway_s), BOUNDS(0, CONFIG_TOKEN_LEEWAY_S), \
	  .text = "How far clocks may differ. The daemon's own bound is 10s." }, \
	{ .name = "min_remaining", .type = CONFIG_TYPE_SECONDS, AT(config_token, min_remaining_s), BOUNDS(1, CONFIG_TOKEN_LIFETIME_S), \
	  .text = "Shortest time that a token must have left, expiry minus now." },
static const struct config_field token_fields[] = { TOKEN_BOUNDS { 0 } };
static const struct config_shape token = { "token", sizeof(struct config_token), token_fields };

_Static_assert(offsetof(struct config_tenant_token, bounds) == 0, "the bounds' rows hold for both");
static const struct config_field tenant_token_fields[] = { TOKEN_BOUNDS
	{ .name = "binding", .type = CONFIG_TYPE_WORD, AT(config_tenant_token, bind.binding), .words = binding_words, .standard = "first-use",
	  .text = "Who may present a token. `first-use`: from the first use on only that uid, gid and label, so that replicas pass. "
		  "`declared`: whom `declared` lists. `watch`: anybody, and a second principal raises an alarm; strict warns (DOC-06). "
		  "`none`: anybody; strict refuses (DOC-06)." },
	{ .name = "instances", .type = CONFIG_TYPE_NUMBER, AT(config_tenant_token, bind.instances), BOUNDS(1, CONFIG_INSTANCES_MAX),
	  .text = "Narrows `first-use` to so many processes or cgroups at a time; the end of a process frees its place." },
	{ .name = "instance", .type = CONFIG_TYPE_WORD, AT(config_tenant_token, bind.instance), .words = instance_words, .standard = "process",
	  .text = "What `instances` counts." },
	{ .name = "once", .type = CONFIG_TYPE_BOOL, AT(config_tenant_token, bind.is_once), .standard = "false",
	  .text = "Each token is good for one request, told by its `jti`; one without is refused, and so is what was issued before the daemon's start. "
		  "Only where the issuer mints a token per call: SPIRE's cached ones have no `jti`." },
	{ .name = "single_audience", .type = CONFIG_TYPE_BOOL, AT(config_tenant_token, bind.single_audience), .standard = "false",
	  .text = "A token for another audience beside ours is refused: who else it is for could present it here." },
	{ .name = "declared", .type = CONFIG_TYPE_LIST, LIST_AT(config_tenant_token, bind.declared, bind.declared_count),
	  BOUNDS(0, CONFIG_DECLARED_MAX), .shape = &principal,
	  .text = "Principals that may present tokens under `binding: declared`; of an entry everything must fit." },
	{ 0 } };
static const struct config_shape tenant_token = { "token", sizeof(struct config_tenant_token), tenant_token_fields };

static const struct config_field time_fields[] = {
	{ .name = "days", .type = CONFIG_TYPE_BITS, AT(config_time, days), .words = days, .text = "Days of the week. Without: every day." },
	{ .name = "from", .type = CONFIG_TYPE_CLOCK, AT(config_time, from_min), BOUNDS(0, 24 * 60 - 1),
	  .text = "Time of day from which on the rule holds, UTC; given together with `until`." },
	{ .name = "until", .type = CONFIG_TYPE_CLOCK, AT(config_time, until_min), BOUNDS(0, 24 * 60),
	  .text = "Time of day up to which the rule holds, UTC. Not later than `from`: over midnight, and the day is the one on which it begins." },
	{ .name = "not_before", .type = CONFIG_TYPE_MOMENT, AT(config_time, not_before_s), BOUNDS(0, UINT32_MAX - 1),
	  .text = "The rule does not hold before." },
	{ .name = "not_after", .type = CONFIG_TYPE_MOMENT, AT(config_time, not_after_s), BOUNDS(0, UINT32_MAX - 1),
	  .text = "The rule does not hold after; a date alone is its first second." },
	{ 0 } };
static const struct config_shape window = { "time", sizeof(struct config_time), time_fields };

static const struct config_field created_fields[] = {
	{ .name = "types", .type = CONFIG_TYPE_BITS, AT(config_created, types), .words = config_key_types,
	  .text = "Types that the key may be of. `ecc` and `rsa` are all of their kind." },
	{ .name = "min_bits", .type = CONFIG_TYPE_NUMBER, AT(config_created, min_bits), BOUNDS(1, CONFIG_BITS_MAX), .text = "Smallest size in bits." },
	{ .name = "max_bits", .type = CONFIG_TYPE_NUMBER, AT(config_created, max_bits), BOUNDS(1, CONFIG_BITS_MAX), .text = "Largest size in bits." },
	{ .name = "algorithms", .type = CONFIG_TYPE_BITS, AT(config_created, algorithms), .words = config_algorithms,
	  .text = "Algorithms that the key may be for." },
	{ .name = "hashes", .type = CONFIG_TYPE_BITS, AT(config_created, hashes), .words = config_hashes,
	  .text = "Hashes that the key's algorithm may have; `any`: a key that leaves the hash open." },
	{ .name = "usages", .type = CONFIG_TYPE_BITS, AT(config_created, usages), .words = config_usages,
	  .text = "Usage flags that the key may have, and no others. `sign-hash` and `verify-hash` bring the flag for messages with them." },
	{ .name = "exportable", .type = CONFIG_TYPE_BOOL, AT(config_created, may_export), .standard = "true",
	  .text = "Whether the key may have the usage flag `export`." },
	{ .name = "expires_after", .type = CONFIG_TYPE_SECONDS, AT(config_created, expires_after_s), BOUNDS(1, CONFIG_KEY_AGE_S),
	  .text = "Time after its creation from which the key only verifies and shows its public half; it can still be listed and destroyed. "
		  "Kept with the key: a later change of the file does not move it. Of the tenant's and the allowing rule's the shorter counts." },
	{ 0 } };
static const struct config_shape created = { "created", sizeof(struct config_created), created_fields };

static const struct config_field rule_fields[] = {
	{ .name = "allow", .type = CONFIG_TYPE_BITS, AT(config_rule, allow), .words = verbs,
	  .text = "Verbs or groups that this rule allows. Once one rule allows, what no rule allows is denied." },
	{ .name = "deny", .type = CONFIG_TYPE_BITS, AT(config_rule, deny), .words = verbs,
	  .text = "Verbs or groups that this rule denies, whatever others allow. What a condition is about and cannot be known denies." },
	{ .name = "keys", .type = CONFIG_TYPE_TEXTS, LIST_AT(config_rule, keys, key_count), BOUNDS(1, CONFIG_PATTERNS_MAX), .standard = "*",
	  .text = "Patterns of key names: `*` is any run of bytes, nothing else is special. An operation that names no key (`list`, `can-do`) "
		  "has the empty name." },
	{ .name = "subjects", .type = CONFIG_TYPE_TEXTS, LIST_AT(config_rule, subjects, subject_count), BOUNDS(1, CONFIG_SUBJECTS_MAX),
	  .text = "Identities of this tenant that the rule is about, as patterns like those of `match`. Without: all of them." },
	{ .name = "types", .type = CONFIG_TYPE_BITS, AT(config_rule, types), .words = config_key_types,
	  .text = "Types of the key, the one that is used or the one to be created. `ecc` and `rsa` are all of their kind." },
	{ .name = "min_bits", .type = CONFIG_TYPE_NUMBER, AT(config_rule, min_bits), BOUNDS(1, CONFIG_BITS_MAX), .text = "Smallest size of the key in bits." },
	{ .name = "max_bits", .type = CONFIG_TYPE_NUMBER, AT(config_rule, max_bits), BOUNDS(1, CONFIG_BITS_MAX), .text = "Largest size of the key in bits." },
	{ .name = "algorithms", .type = CONFIG_TYPE_BITS, AT(config_rule, algorithms), .words = config_algorithms,
	  .text = "Algorithms: the one that is asked for; where the operation names none, the key's." },
	{ .name = "hashes", .type = CONFIG_TYPE_BITS, AT(config_rule, hashes), .words = config_hashes,
	  .text = "Hashes of that algorithm. A hash that is left open is `any`: to a rule that allows none of the others, to a rule that denies each of them." },
	{ .name = "providers", .type = CONFIG_TYPE_TEXTS, LIST_AT(config_rule, providers, provider_count), BOUNDS(1, CONFIG_PROVIDERS_MAX),
	  .text = "Providers by name." },
	{ .name = "min_key_age", .type = CONFIG_TYPE_SECONDS, AT(config_rule, min_key_age_s), BOUNDS(1, CONFIG_KEY_AGE_S),
	  .text = "Shortest time since the key's creation." },
	{ .name = "max_key_age", .type = CONFIG_TYPE_SECONDS, AT(config_rule, max_key_age_s), BOUNDS(1, CONFIG_KEY_AGE_S),
	  .text = "Longest time since the key's creation." },
	{ .name = "authenticators", .type = CONFIG_TYPE_BITS, AT(config_rule, authenticators), .words = authenticator_bits,
	  .text = "How the client proved who it is." },
	{ .name = "time", .type = CONFIG_TYPE_MAP, AT(config_rule, time), .shape = &window, .text = "When the rule holds." },
	{ .name = "binding", .type = CONFIG_TYPE_BITS, AT(config_rule, binding), .words = bindings,
	  .text = "How the tenant binds tokens to who presents them." },
	{ .name = "max_principals", .type = CONFIG_TYPE_NUMBER, AT(config_rule, max_principals), BOUNDS(1, CONFIG_PRINCIPALS_MAX - 1),
	  .text = "Most principals (uid, gid and label) that present tokens of this identity at a time." },
	{ .name = "token", .type = CONFIG_TYPE_MAP, AT(config_rule, token), .shape = &token,
	  .text = "Of an allowing rule: it does not match a token beyond these bounds." },
	{ .name = "created", .type = CONFIG_TYPE_MAP, AT(config_rule, created), .shape = &created,
	  .text = "Of a rule that allows to create: it does not match a key beyond these limits." },
	{ 0 } };
static const struct config_shape rule = { "rules", sizeof(struct config_rule), rule_fields };

static const struct config_field quota_fields[] = {
	{ .name = "keys", .type = CONFIG_TYPE_NUMBER, AT(config_quota, keys), BOUNDS(0, 1000000),
	  .text = "Names of keys that may be taken at a time, in all namespaces of the tenant; one more answers 1142." },
	{ .name = "requests", .type = CONFIG_TYPE_RATES, AT(config_quota, requests), BOUNDS(1, CONFIG_RATE_MAX),
	  .text = "Requests per second, with a second's worth at once, and per day of UTC, as `[50/s, 20000/d]`; one more answers 1141. "
		  "The day's count outlives a restart." },
	{ .name = "in_flight", .type = CONFIG_TYPE_NUMBER, AT(config_quota, in_flight), BOUNDS(1, 65536),
	  .text = "Requests at a time; one more answers 1141." },
	{ .name = "bytes", .type = CONFIG_TYPE_FLOW, AT(config_quota, bytes_per_s), BOUNDS(KIB, CONFIG_FLOW_MAX),
	  .text = "Bytes of request bodies and answers per second, with a second's worth at once. A request is let in while the tenant is "
		  "not beyond that, whatever its size, and what it was too much delays the next; one that is refused answers 1141." },
	{ 0 } };
static const struct config_shape quota = { "quota", sizeof(struct config_quota), quota_fields };

static const struct config_field tenant_fields[] = {
	{ .name = "match", .type = CONFIG_TYPE_MAP, REQUIRED, AT(config_tenant, match), .shape = &match,
	  .text = "Whose tenant this is: exactly one of the fields, or `issuer` with `subject`. The first match wins; who matches nothing is "
		  "refused." },
	{ .name = "tenant", .type = CONFIG_TYPE_TEXT, REQUIRED, AT(config_tenant, tenant), BOUNDS(1, 255),
	  .text = "The tenant's name: words separated by `/`; a placeholder of the match may stand as a whole word." },
	{ .name = "namespace", .type = CONFIG_TYPE_WORD, AT(config_tenant, namespace_kind), .words = namespaces, .standard = "identity",
	  .text = "`identity`: each identity has keys of its own. `tenant`: all identities of the tenant share them." },
	{ .name = "providers", .type = CONFIG_TYPE_TEXTS, LIST_AT(config_tenant, providers, provider_count), BOUNDS(1, CONFIG_PROVIDERS_MAX),
	  .text = "Providers by name, at most one of each type. Without: the first of each type." },
	{ .name = "token", .type = CONFIG_TYPE_MAP, AT(config_tenant, token), .shape = &tenant_token,
	  .text = "Tightens the daemon's bounds for this tenant, and says who may present a token; what is beyond is refused as not authenticated." },
	{ .name = "created", .type = CONFIG_TYPE_MAP, AT(config_tenant, created), .shape = &created,
	  .text = "What the keys of this tenant may be, whatever a rule allows." },
	{ .name = "quota", .type = CONFIG_TYPE_MAP, AT(config_tenant, quota), .shape = &quota,
	  .text = "What the tenant may use, all its identities together. Entries that yield the same tenant name, by the same authenticator "
		  "and trust domain, share one count; each request is held against the limits of the entry that it matched." },
	{ .name = "rules", .type = CONFIG_TYPE_LIST, LIST_AT(config_tenant, rules, rule_count), BOUNDS(0, CONFIG_RULES_MAX), .shape = &rule,
	  .text = "What the tenant may do. Without rules: everything but export." },
	{ 0 } };
static const struct config_shape tenant = { "tenants", sizeof(struct config_tenant), tenant_fields };

static const struct config_field admin_fields[] = {
	{ .name = "spiffe", .type = CONFIG_TYPE_TEXT, AT(config_admin, match.spiffe), BOUNDS(1, CONFIG_TEXT_MAX), .text = "A SPIFFE ID, without placeholders." },
	{ .name = "uid", .type = CONFIG_TYPE_NUMBER, AT(config_admin, match.uid), BOUNDS(0, UINT32_MAX - 1), .text = "A uid, as the kernel reports it." },
	{ .name = "user", .type = CONFIG_TYPE_TEXT, AT(config_admin, match.user), BOUNDS(1, 32), .text = "An account's name, looked up when the file is read." },
	{ .name = "direct", .type = CONFIG_TYPE_NEVER, .text = "a claimed name cannot be an administrator" },
	{ .name = "issuer", .type = CONFIG_TYPE_TEXT, AT(config_admin, match.issuer), BOUNDS(1, CONFIG_ISSUER_MAX),
	  .text = "An identity provider of `issuers`; together with `subject`." },
	{ .name = "subject", .type = CONFIG_TYPE_TEXT, AT(config_admin, match.subject), BOUNDS(1, 255),
	  .text = "An identity at that issuer, without placeholders." },
	{ .name = "declared", .type = CONFIG_TYPE_LIST, LIST_AT(config_admin, declared, declared_count), BOUNDS(0, CONFIG_DECLARED_MAX),
	  .shape = &principal,
	  .text = "Principals that may present this identity's token. Without: whoever is first with it, as under `first-use`. "
		  "A `uid` or `user` needs none." },
	{ .name = "user uid", .type = CONFIG_TYPE_NUMBER_HIDDEN, AT(config_admin, match.user_uid) },
	{ 0 } };
static const struct config_shape admin = { "admins", sizeof(struct config_admin), admin_fields };

static const struct config_field accept_fields[] = {
	{ .name = "check", .type = CONFIG_TYPE_TEXT, REQUIRED, AT(config_accept, check), BOUNDS(6, 6), .text = "A start-up check, as `DOC-04`." },
	{ .name = "because", .type = CONFIG_TYPE_TEXT, REQUIRED, AT(config_accept, because), BOUNDS(1, 255),
	  .text = "Why its finding is accepted; audited and shown." },
	{ 0 } };
static const struct config_shape accept = { "accept", sizeof(struct config_accept), accept_fields };

static const struct config_field limits_fields[] = {
	{ .name = "connections", .type = CONFIG_TYPE_NUMBER, AT(config_limits, connections), BOUNDS(8, 65536), .standard = "4096",
	  .text = "Open connections of all listeners together." },
	{ .name = "connections_per_uid", .type = CONFIG_TYPE_NUMBER, AT(config_limits, connections_per_uid), BOUNDS(4, 65536), .standard = "1024",
	  .text = "Open connections of one uid; pods that share a uid share it." },
	{ .name = "queue", .type = CONFIG_TYPE_NUMBER, AT(config_limits, queue), BOUNDS(1, 65536), .standard = "1024",
	  .text = "Requests that may wait for one provider." },
	{ .name = "failures", .type = CONFIG_TYPE_NUMBER, AT(config_limits, failures), BOUNDS(1, CONFIG_FAILURES_MAX), .standard = "8",
	  .text = "Failed authentications, malformed frames and frames that did not arrive in time after which a process has to wait; "
		  "a uid is throttled after ten times as many." },
	{ 0 } };
static const struct config_shape limits = { "limits", sizeof(struct config_limits), limits_fields };

/* Of texts whose reader says itself what is wrong: only for the schema. */
static const struct config_word versions[] = { { "keyreeve/v1", 0, false }, { 0 } };
static const struct config_word kinds[] = { { "Agent", 0, false }, { 0 } };

static const struct config_field root_fields[] = {
	{ .name = "apiVersion", .type = CONFIG_TYPE_TEXT, REQUIRED, AT(config, api_version), BOUNDS(1, 32), .words = versions,
	  .text = "`keyreeve/v1`." },
	{ .name = "kind", .type = CONFIG_TYPE_TEXT, REQUIRED, AT(config, kind), BOUNDS(1, 32), .words = kinds, .text = "`Agent`." },
	{ .name = "posture", .type = CONFIG_TYPE_WORD, AT(config, posture), .words = postures, .standard = "strict",
	  .text = "`strict` refuses to start where a start-up check fails; `permissive` (laptops, demonstrations) warns. A change needs a restart." },
	{ .name = "user", .type = CONFIG_TYPE_TEXT, AT(config, user), BOUNDS(1, 32), .standard = "keyreeve",
	  .text = "The account that every role becomes." },
	{ .name = "paths", .type = CONFIG_TYPE_MAP, AT(config, paths), .shape = &paths, .text = "Directories." },
	{ .name = "audit", .type = CONFIG_TYPE_MAP, AT(config, audit), .shape = &audit, .text = "The audit log." },
	{ .name = "compat", .type = CONFIG_TYPE_WORD, AT(config, compat), .words = compats, .standard = "none",
	  .text = "`parsec`: lists, CanDoCrypto and a few statuses as Parsec 1.5 has them." },
	{ .name = "listeners", .type = CONFIG_TYPE_LIST, LIST_AT(config, listeners, listener_count), BOUNDS(1, CONFIG_LISTENERS_MAX),
	  .shape = &listener, .text = "Sockets. Without: one, with the defaults below." },
	{ .name = "spiffe", .type = CONFIG_TYPE_MAP, AT(config, spiffe), .shape = &spiffe, .text = "Where trust comes from." },
	{ .name = "issuers", .type = CONFIG_TYPE_LIST, LIST_AT(config, issuers, issuer_count), BOUNDS(0, CONFIG_ISSUERS_MAX), .shape = &issuer,
	  .text = "Identity providers that are no SPIFFE ones. Their tokens come by the authenticator `jwt`, and name an identity by issuer "
		  "and subject that never meets a SPIFFE ID." },
	{ .name = "providers", .type = CONFIG_TYPE_LIST, REQUIRED, LIST_AT(config, providers, provider_count), BOUNDS(1, CONFIG_PROVIDERS_MAX),
	  .shape = &provider, .text = "What holds keys." },
	{ .name = "tenants", .type = CONFIG_TYPE_LIST, LIST_AT(config, tenants, tenant_count), BOUNDS(0, CONFIG_TENANTS_MAX), .shape = &tenant,
	  .text = "Who may use keys, and which." },
	{ .name = "admins", .type = CONFIG_TYPE_LIST, LIST_AT(config, admins, admin_count), BOUNDS(0, CONFIG_ADMINS_MAX), .shape = &admin,
	  .text = "Who may administer, on a listener with `admin: true`: each exactly one of the fields, or `issuer` with `subject`." },
	{ .name = "accept", .type = CONFIG_TYPE_LIST, LIST_AT(config, accepts, accept_count), BOUNDS(0, CONFIG_ACCEPTS_MAX), .shape = &accept,
	  .text = "Findings of start-up checks that are accepted. DOC-01, DOC-11, DOC-12 and DOC-42 cannot be." },
	{ .name = "config_signers", .type = CONFIG_TYPE_LATER, .text = "Keys one of which must have signed this file." },
	{ .name = "limits", .type = CONFIG_TYPE_MAP, AT(config, limits), .shape = &limits, .text = "What clients may cost." },
	{ .name = "uid", .type = CONFIG_TYPE_NUMBER_HIDDEN, AT(config, uid) },
	{ .name = "gid", .type = CONFIG_TYPE_NUMBER_HIDDEN, AT(config, gid) },
	{ 0 } };
const struct config_shape config_shape_root = { "", sizeof(struct config), root_fields };
/* clang-format on */
