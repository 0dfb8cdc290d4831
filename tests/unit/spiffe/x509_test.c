/* SPDX-License-Identifier: Apache-2.0
 *
 * X509-SVIDs: the rows of the vector catalogue, TV-X5, and of spiffe-requirements section 10 (XS), each under its name.
 * Two trust domains with a root each; certificates are made here, and a row says in what they differ from good ones. */
#include "tests/support/unit.h"

#include "spiffe/x509.h"
#include "tests/support/mint_x509.h"

#include <stdlib.h>

#define NOW INT64_C(1900000000)
#define ID "spiffe://example.org/ns/a/sa/web"
#define DER_MAX (4 * 1024 * 1024)

/* A field of a row that the good certificate has and this one has not. */
static const char absent[] = "";
#define ABSENT absent

enum key_name { ROOT, OTHER_ROOT, MID, MID2, LEAF, STRANGER, KEY_COUNT };

static struct mint_key *keys[KEY_COUNT];
static struct mint_key *odd_keys[MINT_TYPES];

static const struct mint_key *odd_key(enum mint_type type)
{
	if (odd_keys[type] == NULL)
		odd_keys[type] = mint_key_new(type);
	return odd_keys[type];
}

/* ---- good certificates ----------------------------------------------------------------------------- */

static struct mint_cert good_root(void)
{
	return (struct mint_cert){ .key = keys[ROOT],
		.subject = "root",
		.basic = "critical,CA:TRUE",
		.usage = "critical,keyCertSign,cRLSign",
		.uri = { "spiffe://example.org" },
		.hash = "SHA256",
		.from_s = NOW - 86400,
		.to_s = NOW + 86400 };
}

static struct mint_cert good_mid(void)
{
	struct mint_cert cert = good_root();

	cert.key = keys[MID];
	cert.signer = keys[ROOT];
	cert.subject = "mid";
	cert.issuer = "root";
	return cert;
}

static struct mint_cert good_leaf(void)
{
	return (struct mint_cert){ .key = keys[LEAF],
		.signer = keys[ROOT],
		.subject = "leaf",
		.issuer = "root",
		.uri = { ID },
		.basic = "critical,CA:FALSE",
		.usage = "critical,digitalSignature,keyEncipherment,keyAgreement",
		.extended = "serverAuth,clientAuth",
		.hash = "SHA256",
		.from_s = NOW - 60,
		.to_s = NOW + 3600 };
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEY_COUNT; i++)
		keys[i] = mint_key_new(MINT_P256);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEY_COUNT; i++)
		mint_key_free(keys[i]);
	for (size_t i = 0; i < MINT_TYPES; i++)
		if (odd_keys[i] != NULL)
			mint_key_free(odd_keys[i]);
	return 0;
}

/* ---- bundles and chains ---------------------------------------------------------------------------- */

struct entry {
	const char *map_key;
	const struct mint_cert *authority; /* NULL: none */
};

/* Of count entries; one map key in two entries next to each other is one entry with two certificates. */
static struct x509svid_bundles *bundles_of(const struct entry *entries, size_t count)
{
	struct buf list = buf_make(DER_MAX);
	struct x509svid_bundles *bundles = NULL;

	for (size_t i = 0; i < count; i++) {
		struct buf value = buf_make(DER_MAX);
		const char *map_key = entries[i].map_key;

		for (; i < count && strcmp(entries[i].map_key, map_key) == 0; i++)
			if (entries[i].authority != NULL) {
				struct bytes der = mint_certificate(entries[i].authority);

				buf_put(&value, der);
				mint_bytes_free(&der);
			}
		i--;
		buf_put_sized(&list, bytes_from_text(map_key));
		buf_put_sized(&list, buf_bytes(&value));
		buf_done(&value);
	}
	assert_ok(x509svid_bundles_new(buf_bytes(&list), &bundles));
	buf_done(&list);
	return bundles;
}

static struct x509svid_bundles *bundle_of(struct mint_cert root)
{
	return bundles_of(&(struct entry){ "spiffe://example.org", &root }, 1);
}

static struct status verify_der(const struct bytes *chain, size_t count, const struct x509svid_bundles *bundles)
{
	struct spiffe_id id = { 0 };
	struct status st = x509svid_verify(chain, count, bundles, NOW, &id);

	assert_true((st.code == STATUS_OK) == (id.len > 0));
	spiffe_id_done(&id);
	return st;
}

/* certs: the leaf first. */
static struct status verify(const struct mint_cert *certs, size_t count, const struct x509svid_bundles *bundles)
{
	struct bytes chain[X509SVID_CHAIN_MAX + 1];
	struct status st;

	for (size_t i = 0; i < count; i++)
		chain[i] = mint_certificate(&certs[i]);
	st = verify_der(chain, count, bundles);
	for (size_t i = 0; i < count; i++)
		mint_bytes_free(&chain[i]);
	return st;
}

/* ---- tables ---------------------------------------------------------------------------------------- */

/* What is set in a row's certificate replaces what the good one has. */
struct row {
	const char *name;
	enum status_code want;
	struct mint_cert leaf, mid, root;
	bool with_mid;
};

static void text_over(const char **text, const char *over)
{
	if (over != NULL)
		*text = over == ABSENT ? NULL : over;
}

static void over(struct mint_cert *cert, const struct mint_cert *with)
{
	if (with->key != NULL)
		cert->key = with->key;
	if (with->signer != NULL)
		cert->signer = with->signer;
	if (with->subject != NULL)
		cert->subject = with->subject;
	if (with->issuer != NULL)
		cert->issuer = with->issuer;
	for (size_t i = 0; i < MINT_URIS_MAX; i++)
		text_over(&cert->uri[i], with->uri[i]);
	if (with->raw_uri.data != NULL)
		cert->raw_uri = with->raw_uri;
	text_over(&cert->dns, with->dns);
	text_over(&cert->names_critical, with->names_critical);
	text_over(&cert->basic, with->basic);
	text_over(&cert->usage, with->usage);
	text_over(&cert->extended, with->extended);
	text_over(&cert->constraints, with->constraints);
	text_over(&cert->unknown_critical, with->unknown_critical);
	text_over(&cert->twice, with->twice);
	text_over(&cert->hash, with->hash);
	text_over(&cert->explicit_curve, with->explicit_curve);
	cert->exponent = with->exponent;
	cert->is_version_2 = with->is_version_2;
	cert->from_s = with->from_s != 0 ? with->from_s : cert->from_s;
	cert->to_s = with->to_s != 0 ? with->to_s : cert->to_s;
}

static void row_is(const struct row *row)
{
	struct mint_cert chain[2] = { good_leaf(), good_mid() }, root = good_root();
	struct x509svid_bundles *bundles;
	struct status st;

	if (row->with_mid) {
		chain[0].signer = keys[MID];
		chain[0].issuer = "mid";
	}
	over(&chain[0], &row->leaf);
	over(&chain[1], &row->mid);
	over(&root, &row->root);
	bundles = bundle_of(root);
	st = verify(chain, row->with_mid ? 2 : 1, bundles);
	if (st.code != row->want)
		fail_msg("%s: %s, want %s", row->name, status_name(st.code), status_name(row->want));
	x509svid_bundles_unref(bundles);
}

#define ROWS_ARE(rows)                                                           \
	do {                                                                     \
		for (size_t i_ = 0; i_ < sizeof(rows) / sizeof((rows)[0]); i_++) \
			row_is(&(rows)[i_]);                                     \
	} while (0)
#define GOOD STATUS_OK

/* clang-format off */
static void TV_X5_01_good_chains(void **state)
{
	static const struct row rows[] = {
		{ "TV-X5-01 plain leaf",       GOOD, .leaf = { 0 } },
		{ "TV-X5-01 intermediate",     GOOD, .with_mid = true },
		{ "TV-X5-01 extra DNS SAN",    GOOD, .leaf = { .dns = "web.example" } },
		{ "TV-X5-01 empty subject",    GOOD, .leaf = { .subject = "", .names_critical = "yes" } },
		{ "XS-06 name not critical",   STATUS_X509_SUBJECT, .leaf = { .subject = "" } },
		{ "XS-03 no basic constraints", GOOD, .leaf = { .basic = ABSENT } },
		{ "XS-05 no EKU",              GOOD, .leaf = { .extended = ABSENT } },
		{ "XS-05 more EKU",            GOOD, .leaf = { .extended = "serverAuth,clientAuth,codeSigning" } },
		{ "XS-09 mid without ID",      GOOD, .with_mid = true, .mid = { .uri = { ABSENT } } },
		{ "XS-09 mid of another TD",   GOOD, .with_mid = true, .mid = { .uri = { "spiffe://other.org" } } },
		{ "XS-09 root without ID",     GOOD, .root = { .uri = { ABSENT } } },
		{ "XS-07 permitted URI",       GOOD, .root = { .constraints = "critical,permitted;URI:example.org" } },
		{ "path length 0",             GOOD, .root = { .basic = "critical,CA:TRUE,pathlen:0" } },
		{ "path length 1",             GOOD, .with_mid = true, .root = { .basic = "critical,CA:TRUE,pathlen:1" } },
		{ "SHA-512",                   GOOD, .leaf = { .hash = "SHA512" } },
	};

	(void)state;
	ROWS_ARE(rows);
}

static void TV_X5_02_names(void **state)
{
	static const struct row rows[] = {
		{ "TV-X5-02 two URI SANs",   STATUS_X509_URI, .leaf = { .uri = { NULL, "spiffe://example.org/other" } } },
		{ "TV-X5-02 twice the same", STATUS_X509_URI, .leaf = { .uri = { NULL, ID } } },
		{ "TV-X5-02 a second https", STATUS_X509_URI, .leaf = { .uri = { NULL, "https://example.org/" } } },
		{ "TV-X5-02 none",           STATUS_X509_URI, .leaf = { .uri = { ABSENT } } },
		{ "TV-X5-02 DNS alone",      STATUS_X509_URI, .leaf = { .uri = { ABSENT }, .dns = "example.org" } },
		{ "TV-X5-02 https://",       STATUS_X509_ID, .leaf = { .uri = { "https://example.org/ns/a" } } },
		{ "TV-X5-02 no path",        STATUS_X509_ID, .leaf = { .uri = { "spiffe://example.org" } } },
		{ "TV-X5-02 root path",      STATUS_X509_ID, .leaf = { .uri = { "spiffe://example.org/" } } },
		{ "TV-X5-02 port",           STATUS_X509_ID, .leaf = { .uri = { "spiffe://example.org:80/w" } } },
		{ "TV-X5-02 user",           STATUS_X509_ID, .leaf = { .uri = { "spiffe://me@example.org/w" } } },
		{ "TV-X5-02 query",          STATUS_X509_ID, .leaf = { .uri = { "spiffe://example.org/w?a=b" } } },
		{ "TV-X5-02 fragment",       STATUS_X509_ID, .leaf = { .uri = { "spiffe://example.org/w#a" } } },
		{ "TV-X5-02 upper case",     STATUS_X509_ID, .leaf = { .uri = { "spiffe://Example.org/w" } } },
		{ "TV-X5-02 scheme's case",  STATUS_X509_ID, .leaf = { .uri = { "SPIFFE://example.org/w" } } },
		{ "TV-X5-02 percent",        STATUS_X509_ID, .leaf = { .uri = { "spiffe://example.org/%77" } } },
		{ "TV-X5-02 dots",           STATUS_X509_ID, .leaf = { .uri = { "spiffe://example.org/a/../w" } } },
		{ "TV-X5-02 trailing /",     STATUS_X509_ID, .leaf = { .uri = { ID "/" } } },
		{ "SID-19 embedded NUL",     STATUS_X509_ID, .leaf = { .uri = { ABSENT }, .raw_uri = { (const uint8_t *)ID "\0x", sizeof(ID) + 1 } } },
		{ "SID-19 NUL at the end",   STATUS_X509_ID, .leaf = { .uri = { ABSENT }, .raw_uri = { (const uint8_t *)ID, sizeof(ID) } } },
		{ "XS-01 two extensions",    STATUS_X509_MALFORMED, .leaf = { .twice = "yes" } },
	};

	(void)state;
	ROWS_ARE(rows);
}

static void TV_X5_03_and_08_what_a_leaf_may_do(void **state)
{
	static const struct row rows[] = {
		{ "TV-X5-03 cA true",            STATUS_X509_LEAF_CA, .leaf = { .basic = "critical,CA:TRUE" } },
		{ "TV-X5-03 cA true, no usage",  STATUS_X509_LEAF_CA, .leaf = { .basic = "CA:TRUE", .usage = ABSENT } },
		{ "TV-X5-03 keyCertSign",        STATUS_X509_LEAF_CA, .leaf = { .usage = "critical,digitalSignature,keyCertSign" } },
		{ "TV-X5-03 cRLSign",            STATUS_X509_LEAF_CA, .leaf = { .usage = "critical,digitalSignature,cRLSign" } },
		{ "TV-X5-03 no digitalSignature", STATUS_X509_KEY_USAGE, .leaf = { .usage = "critical,keyEncipherment" } },
		{ "XS-04 no key usage",          STATUS_X509_KEY_USAGE, .leaf = { .usage = ABSENT } },
		{ "XS-04 usage not critical",    STATUS_X509_KEY_USAGE, .leaf = { .usage = "digitalSignature" } },
		{ "TV-X5-08 serverAuth only",    STATUS_X509_EXTENDED_USAGE, .leaf = { .extended = "serverAuth" } },
		{ "TV-X5-08 clientAuth only",    STATUS_X509_EXTENDED_USAGE, .leaf = { .extended = "clientAuth" } },
		{ "XS-05 neither",               STATUS_X509_EXTENDED_USAGE, .leaf = { .extended = "codeSigning" } },
		{ "XS-05 any",                   STATUS_X509_EXTENDED_USAGE, .leaf = { .extended = "anyExtendedKeyUsage" } },
		{ "unknown critical extension",  STATUS_X509_EXTENSION, .leaf = { .unknown_critical = "1.3.6.1.4.1.99999.1" } },
	};

	(void)state;
	ROWS_ARE(rows);
}

static void TV_X5_04_path_validation(void **state)
{
	const struct row rows[] = {
		{ "TV-X5-04 expired",              STATUS_X509_EXPIRED, .leaf = { .to_s = NOW - 1 } },
		{ "D-09 expires now",              STATUS_X509_EXPIRED, .leaf = { .to_s = NOW } },
		{ "D-09 expires in a second",      GOOD, .leaf = { .to_s = NOW + 1 } },
		{ "TV-X5-04 not yet valid",        STATUS_X509_NOT_YET, .leaf = { .from_s = NOW + 1 } },
		{ "TV-X5-04 valid from now",       GOOD, .leaf = { .from_s = NOW } },
		{ "TV-X5-04 expired intermediate", STATUS_X509_EXPIRED, .with_mid = true, .mid = { .to_s = NOW - 1 } },
		{ "TV-X5-04 intermediate to come", STATUS_X509_NOT_YET, .with_mid = true, .mid = { .from_s = NOW + 1 } },
		{ "XS-07 expired root",            STATUS_X509_EXPIRED, .root = { .to_s = NOW - 1 } },
		{ "TV-X5-04 wrong CA, same name",  STATUS_X509_SIGNATURE, .leaf = { .signer = keys[STRANGER] } },
		{ "TV-X5-04 other issuer's name",  STATUS_X509_UNTRUSTED, .leaf = { .issuer = "nobody" } },
		{ "TV-X5-04 self-signed",          STATUS_X509_UNTRUSTED, .leaf = { .signer = keys[LEAF], .issuer = "leaf" } },
		{ "XS-07 mid of a stranger",       STATUS_X509_SIGNATURE, .with_mid = true, .mid = { .signer = keys[STRANGER] } },
		{ "XS-09 mid is no CA",            STATUS_X509_SIGNER, .with_mid = true, .mid = { .basic = "critical,CA:FALSE" } },
		{ "XS-09 mid without constraints", STATUS_X509_SIGNER, .with_mid = true, .mid = { .basic = ABSENT } },
		{ "XS-09 mid without keyCertSign", STATUS_X509_SIGNER, .with_mid = true, .mid = { .usage = "critical,cRLSign" } },
		{ "XS-09 mid without key usage",   STATUS_X509_SIGNER, .with_mid = true, .mid = { .usage = ABSENT } },
		{ "XS-09 mid's ID has a path",     STATUS_X509_SIGNER_ID, .with_mid = true, .mid = { .uri = { "spiffe://example.org/ca" } } },
		{ "XS-09 mid's ID is none",        STATUS_X509_SIGNER_ID, .with_mid = true, .mid = { .uri = { "https://example.org" } } },
		{ "XS-09 mid has two IDs",         STATUS_X509_SIGNER_ID, .with_mid = true, .mid = { .uri = { NULL, "spiffe://other.org" } } },
		{ "XS-09 root's ID has a path",    STATUS_X509_SIGNER_ID, .root = { .uri = { "spiffe://example.org/ca" } } },
		{ "XS-04 mid's usage",             STATUS_X509_KEY_USAGE, .with_mid = true, .mid = { .usage = "keyCertSign" } },
		{ "XS-04 mid is no SVID",          GOOD, .with_mid = true, .mid = { .uri = { ABSENT }, .usage = "keyCertSign" } },
		{ "XS-05 mid's EKU",               STATUS_X509_EXTENDED_USAGE, .with_mid = true, .mid = { .extended = "codeSigning" } },
		{ "path length 0 with mid",        STATUS_X509_CONSTRAINT, .with_mid = true, .root = { .basic = "critical,CA:TRUE,pathlen:0" } },
		{ "name constraint, permitted",    STATUS_X509_CONSTRAINT, .root = { .constraints = "critical,permitted;URI:other.org" } },
		{ "name constraint, excluded",     STATUS_X509_CONSTRAINT, .root = { .constraints = "critical,excluded;URI:example.org" } },
		{ "name constraint of mid",        STATUS_X509_CONSTRAINT, .with_mid = true, .mid = { .constraints = "critical,permitted;URI:other.org" } },
		{ "mid's extensions twice",         STATUS_X509_MALFORMED, .with_mid = true, .mid = { .uri = { ABSENT }, .twice = "yes" } },
		{ "mid with a critical unknown",   STATUS_X509_EXTENSION, .with_mid = true, .mid = { .unknown_critical = "1.3.6.1.4.1.99999.1" } },
	};

	(void)state;
	ROWS_ARE(rows);
}

static void keys_and_algorithms(void **state)
{
	const struct row rows[] = {
		{ "P-384",            GOOD, .leaf = { .key = odd_key(MINT_P384) } },
		{ "P-521",            GOOD, .leaf = { .key = odd_key(MINT_P521) } },
		{ "Ed25519",          GOOD, .leaf = { .key = odd_key(MINT_ED25519) } },
		{ "RSA 2048",         GOOD, .leaf = { .key = odd_key(MINT_RSA2048) } },
		{ "RSA 4096",         GOOD, .leaf = { .key = odd_key(MINT_RSA4096) } },
		{ "RSA 1024",         STATUS_X509_ALG, .leaf = { .key = odd_key(MINT_RSA1024) } },
		{ "RSA 2040",         STATUS_X509_ALG, .leaf = { .key = odd_key(MINT_RSA2040) } },
		{ "RSA 4104",         STATUS_X509_ALG, .leaf = { .key = odd_key(MINT_RSA4104) } },
		{ "secp256k1",        STATUS_X509_ALG, .leaf = { .key = odd_key(MINT_K256) } },
		{ "RSA of e 3",       STATUS_X509_ALG, .leaf = { .key = odd_key(MINT_RSA2048), .exponent = 3 } },
		{ "RSA of e 65535",   STATUS_X509_ALG, .leaf = { .key = odd_key(MINT_RSA2048), .exponent = 65535 } },
		{ "RSA of an even e", STATUS_X509_ALG, .leaf = { .key = odd_key(MINT_RSA2048), .exponent = 65538 } },
		{ "RSA of e 65539",   GOOD, .leaf = { .key = odd_key(MINT_RSA2048), .exponent = 65539 } },
		{ "P-256 by numbers", STATUS_X509_ALG, .leaf = { .explicit_curve = "yes" } },
		{ "version 2",        STATUS_X509_MALFORMED, .leaf = { .is_version_2 = true } },
		{ "mid RSA 1024",     STATUS_X509_ALG, .with_mid = true, .leaf = { .signer = odd_key(MINT_RSA1024) }, .mid = { .key = odd_key(MINT_RSA1024) } },
		{ "mid secp256k1",    STATUS_X509_ALG, .with_mid = true, .leaf = { .signer = odd_key(MINT_K256) }, .mid = { .key = odd_key(MINT_K256) } },
		{ "mid RSA 2048",     GOOD, .with_mid = true, .leaf = { .signer = odd_key(MINT_RSA2048) }, .mid = { .key = odd_key(MINT_RSA2048) } },
		{ "mid Ed25519",      GOOD, .with_mid = true, .leaf = { .signer = odd_key(MINT_ED25519) }, .mid = { .key = odd_key(MINT_ED25519) } },
		{ "root RSA 2048",    GOOD, .leaf = { .signer = odd_key(MINT_RSA2048) }, .root = { .key = odd_key(MINT_RSA2048) } },
		{ "root RSA 1024",    STATUS_X509_DOMAIN_UNKNOWN, .leaf = { .signer = odd_key(MINT_RSA1024) }, .root = { .key = odd_key(MINT_RSA1024) } },
		{ "root is no CA",    STATUS_X509_DOMAIN_UNKNOWN, .root = { .basic = "critical,CA:FALSE" } },
		{ "root cannot sign", STATUS_X509_DOMAIN_UNKNOWN, .root = { .usage = "critical,cRLSign" } },
		{ "leaf of SHA-1",    STATUS_X509_ALG, .leaf = { .hash = "SHA1" } },
		{ "leaf of SHA-224",  STATUS_X509_ALG, .leaf = { .hash = "SHA224" } },
		{ "mid of SHA-1",     STATUS_X509_ALG, .with_mid = true, .mid = { .hash = "SHA1" } },
		{ "root of SHA-1",    GOOD, .root = { .hash = "SHA1" } }, /* nobody relies on that signature */
	};

	(void)state;
	ROWS_ARE(rows);
}
/* clang-format on */

/* ---- trust domains --------------------------------------------------------------------------------- */

static struct mint_cert other_root(void)
{
	struct mint_cert cert = good_root();

	cert.key = keys[OTHER_ROOT];
	cert.subject = "other";
	cert.uri[0] = "spiffe://other.org";
	return cert;
}

/* A leaf of this ID that other.org's root signed. */
static struct mint_cert signed_by_other(const char *id)
{
	struct mint_cert cert = good_leaf();

	cert.signer = keys[OTHER_ROOT];
	cert.issuer = "other";
	cert.uri[0] = id;
	return cert;
}

static struct mint_cert leaf_of(const char *id)
{
	struct mint_cert cert = good_leaf();

	cert.uri[0] = id;
	return cert;
}

static struct x509svid_bundles *both_domains(void)
{
	struct mint_cert root = good_root(), other = other_root();
	const struct entry entries[] = { { "spiffe://example.org", &root }, { "other.org", &other } };

	return bundles_of(entries, 2);
}

static void TV_X5_05_no_authority_of_another_domain_counts(void **state)
{
	struct mint_cert leaf = leaf_of("spiffe://other.org/w");
	struct x509svid_bundles *without = bundle_of(good_root()), *with = both_domains();

	(void)state;
	assert_fails(verify(&leaf, 1, without), X509_DOMAIN_UNKNOWN);
	assert_fails(verify(&leaf, 1, with), X509_UNTRUSTED);
	x509svid_bundles_unref(without);
	x509svid_bundles_unref(with);
}

static void TV_X5_05_nor_does_one_that_the_peer_shows(void **state)
{
	struct mint_cert chain[] = { leaf_of("spiffe://other.org/w"), good_root() };
	struct x509svid_bundles *bundles = both_domains();

	(void)state;
	assert_fails(verify(chain, 2, bundles), X509_UNTRUSTED);
	x509svid_bundles_unref(bundles);
}

static void TV_X5_06_a_good_peer_leaves_nothing_behind(void **state)
{
	struct mint_cert good = signed_by_other("spiffe://other.org/w"), bad = signed_by_other(ID);
	struct x509svid_bundles *bundles = both_domains();

	(void)state;
	assert_ok(verify(&good, 1, bundles));
	assert_fails(verify(&bad, 1, bundles), X509_UNTRUSTED);
	assert_ok(verify(&good, 1, bundles));
	x509svid_bundles_unref(bundles);
}

static void TV_X5_07_a_withdrawn_authority_is_refused(void **state)
{
	struct mint_cert leaf = good_leaf(), second = good_root(), root = good_root();
	struct x509svid_bundles *before, *after;

	(void)state;
	second.key = keys[STRANGER];
	before = bundles_of((struct entry[]){ { "example.org", &root }, { "example.org", &second } }, 2);
	after = bundle_of(second);
	assert_int_equal(x509svid_bundles_count(before, BYTES_LITERAL("example.org")), 2);
	assert_ok(verify(&leaf, 1, before));
	assert_fails(verify(&leaf, 1, after), X509_SIGNATURE);
	assert_ok(verify(&leaf, 1, before)); /* who holds the old snapshot still does */
	leaf.signer = keys[STRANGER];
	assert_ok(verify(&leaf, 1, after));
	x509svid_bundles_unref(before);
	x509svid_bundles_unref(after);
}

/* XS-07; during a rotation an authority and its successor stand side by side, often under one name. */
static void XS_07_each_of_several_authorities_of_one_name_counts(void **state)
{
	struct mint_cert old = good_root(), next = good_root(), later = good_root(), leaf = good_leaf();
	struct x509svid_bundles *bundles;

	(void)state;
	next.key = keys[STRANGER];
	later.key = keys[MID2];
	for (int turn = 0; turn < 2; turn++) { /* whichever comes first */
		bundles = bundles_of((const struct entry[]){ { "spiffe://example.org", turn == 0 ? &old : &next },
					     { "spiffe://example.org", turn == 0 ? &next : &old } },
			2);
		leaf.signer = keys[ROOT];
		assert_ok(verify(&leaf, 1, bundles));
		leaf.signer = keys[STRANGER];
		assert_ok(verify(&leaf, 1, bundles));
		leaf.signer = keys[OTHER_ROOT]; /* of that name too, but not there */
		assert_fails(verify(&leaf, 1, bundles), X509_SIGNATURE);
		x509svid_bundles_unref(bundles);
	}
	bundles = bundles_of((const struct entry[]){ { "spiffe://example.org", &old },
				     { "spiffe://example.org", &next }, { "spiffe://example.org", &later } },
		3);
	leaf.signer = keys[MID2];
	assert_ok(verify(&leaf, 1, bundles));
	leaf.from_s = NOW - 120;
	leaf.to_s = NOW - 60; /* found, and still judged */
	assert_fails(verify(&leaf, 1, bundles), X509_EXPIRED);
	x509svid_bundles_unref(bundles);
}

static void XS_07_an_intermediate_in_the_bundle_is_an_authority(void **state)
{
	struct mint_cert leaf = good_leaf(), mid = good_mid();
	struct x509svid_bundles *bundles = bundle_of(mid);

	(void)state;
	leaf.signer = keys[MID];
	leaf.issuer = "mid";
	assert_ok(verify(&leaf, 1, bundles));
	x509svid_bundles_unref(bundles);
}

static void a_leaf_in_the_bundle_is_no_authority(void **state)
{
	struct mint_cert leaf = good_leaf();
	struct x509svid_bundles *bundles = bundle_of(leaf);

	(void)state;
	assert_int_equal(x509svid_bundles_count(bundles, BYTES_LITERAL("example.org")), 0);
	assert_int_equal(x509svid_bundles_left_out(bundles), 1);
	assert_fails(verify(&leaf, 1, bundles), X509_DOMAIN_UNKNOWN);
	x509svid_bundles_unref(bundles);
}

static void the_verified_id_is_returned(void **state)
{
	struct x509svid_bundles *bundles = bundle_of(good_root()), *again = x509svid_bundles_ref(bundles);
	struct mint_cert leaf = good_leaf();
	struct bytes der = mint_certificate(&leaf);
	struct spiffe_id id = { 0 };

	(void)state;
	x509svid_bundles_unref(bundles);
	assert_ok(x509svid_verify(&der, 1, again, NOW, &id));
	assert_bytes(spiffe_id_text(&id), BYTES_LITERAL(ID));
	spiffe_id_done(&id);
	mint_bytes_free(&der);
	x509svid_bundles_unref(again);
}

/* ---- bounds ---------------------------------------------------------------------------------------- */

static void a_chain_is_counted_before_it_is_read(void **state)
{
	struct mint_cert leaf = good_leaf();
	struct bytes good = mint_certificate(&leaf), chain[X509SVID_CHAIN_MAX + 1];
	struct x509svid_bundles *bundles = bundle_of(good_root());

	(void)state;
	for (size_t i = 0; i <= X509SVID_CHAIN_MAX; i++)
		chain[i] = good; /* what nobody needs of a chain is ignored */
	assert_ok(verify_der(chain, X509SVID_CHAIN_MAX, bundles));
	assert_fails(verify_der(chain, X509SVID_CHAIN_MAX + 1, bundles), X509_LONG);
	assert_fails(verify_der(chain, SIZE_MAX, bundles), X509_LONG);
	assert_fails(verify_der(chain, 0, bundles), X509_MALFORMED);
	chain[1] = (struct bytes){ 0 };
	assert_fails(verify_der(chain, 2, bundles), X509_MALFORMED);
	/* Not read, or the sanitizer would say so. */
	chain[0].len = X509SVID_CERTIFICATE_MAX_BYTES + 1;
	assert_fails(verify_der(chain, 1, bundles), X509_LONG);
	mint_bytes_free(&good);
	x509svid_bundles_unref(bundles);
}

static void the_longest_chain_is_verified(void **state)
{
	static const char *const names[] = { "leaf", "a", "b", "c", "d", "e", "f", "g" };
	struct mint_cert chain[X509SVID_CHAIN_MAX], root = good_root();
	struct x509svid_bundles *bundles = bundle_of(root);

	(void)state;
	_Static_assert(sizeof(names) / sizeof(names[0]) == X509SVID_CHAIN_MAX, "a name for each");
	for (size_t i = 0; i < X509SVID_CHAIN_MAX; i++) {
		chain[i] = i == 0 ? good_leaf() : good_mid();
		chain[i].key = i == 0 ? keys[LEAF] : keys[i % 2 == 0 ? MID : MID2];
		chain[i].signer = i + 1 == X509SVID_CHAIN_MAX ? keys[ROOT] : keys[i % 2 == 0 ? MID2 : MID];
		chain[i].subject = names[i];
		chain[i].issuer = i + 1 == X509SVID_CHAIN_MAX ? "root" : names[i + 1];
	}
	assert_ok(verify(chain, X509SVID_CHAIN_MAX, bundles));
	assert_fails(verify(chain, X509SVID_CHAIN_MAX - 1, bundles), X509_UNTRUSTED);
	x509svid_bundles_unref(bundles);
}

static void a_certificate_cut_anywhere_or_followed_by_anything_is_refused(void **state)
{
	struct mint_cert leaf = good_leaf();
	struct bytes der = mint_certificate(&leaf);
	struct x509svid_bundles *bundles = bundle_of(good_root());
	uint8_t *longer = calloc(1, der.len + 1);

	(void)state;
	assert_non_null(longer);
	memcpy(longer, der.data, der.len);
	for (size_t len = 0; len < der.len; len++) {
		uint8_t *exact = malloc(len > 0 ? len : 1);
		struct bytes cut = bytes_of(exact, len);

		assert_non_null(exact);
		memcpy(exact, der.data, len);
		assert_fails(verify_der(&cut, 1, bundles), X509_MALFORMED);
		free(exact);
	}
	assert_fails(verify_der(&(struct bytes){ longer, der.len + 1 }, 1, bundles), X509_MALFORMED);
	assert_ok(verify_der(&(struct bytes){ longer, der.len }, 1, bundles));
	free(longer);
	mint_bytes_free(&der);
	x509svid_bundles_unref(bundles);
}

/* Whatever bit is turned: never another identity, and never this one unless the bit is in what nobody signed. */
static void no_bit_of_what_is_signed_can_change(void **state)
{
	struct mint_cert leaf = good_leaf();
	struct bytes der = mint_certificate(&leaf);
	struct x509svid_bundles *bundles = bundle_of(good_root());
	size_t tbs = 4 + 4 + ((size_t)der.data[6] << 8 | der.data[7]); /* two heads of four bytes */
	uint8_t *copy = malloc(der.len);

	(void)state;
	assert_non_null(copy);
	assert_int_equal(der.data[1], 0x82);
	assert_int_equal(der.data[5], 0x82);
	for (size_t at = 0; at < tbs; at++) {
		memcpy(copy, der.data, der.len);
		copy[at] ^= (uint8_t)(1U << (at % 8));
		if (verify_der(&(struct bytes){ copy, der.len }, 1, bundles).code == STATUS_OK)
			fail_msg("byte %zu of %zu", at, tbs);
	}
	free(copy);
	mint_bytes_free(&der);
	x509svid_bundles_unref(bundles);
}

/* ---- what the Workload API gives ------------------------------------------------------------------- */

static void certificates_in_a_row_are_split(void **state)
{
	struct mint_cert leaf = good_leaf(), mid = good_mid();
	struct bytes first = mint_certificate(&leaf), second = mint_certificate(&mid), chain[X509SVID_CHAIN_MAX];
	struct buf row = buf_make(DER_MAX);
	size_t count = 0;

	(void)state;
	buf_put(&row, first);
	buf_put(&row, second);
	assert_ok(x509svid_split(buf_bytes(&row), chain, &count));
	assert_int_equal(count, 2);
	assert_bytes(chain[0], first);
	assert_bytes(chain[1], second);
	for (size_t len = 0; len < row.len; len++)
		if (len == first.len)
			assert_ok(x509svid_split(bytes_of(row.data, len), chain, &count));
		else
			assert_fails(x509svid_split(bytes_of(row.data, len), chain, &count), X509_MALFORMED);
	for (size_t i = 2; i < X509SVID_CHAIN_MAX; i++)
		buf_put(&row, first);
	assert_ok(x509svid_split(buf_bytes(&row), chain, &count));
	assert_int_equal(count, X509SVID_CHAIN_MAX);
	buf_put(&row, first);
	assert_fails(x509svid_split(buf_bytes(&row), chain, &count), X509_LONG);
	buf_done(&row);
	mint_bytes_free(&first);
	mint_bytes_free(&second);
}

static void lengths_of_certificates_have_one_form(void **state)
{
	static uint8_t large[X509SVID_CERTIFICATE_MAX_BYTES + 8] = { 0x30, 0x82 };
	struct bytes chain[X509SVID_CHAIN_MAX];
	size_t count;

	(void)state;
	assert_fails(x509svid_split(BYTES_LITERAL("\x30"), chain, &count), X509_MALFORMED);
	assert_fails(x509svid_split(BYTES_LITERAL("\x31\x00"), chain, &count), X509_MALFORMED);
	assert_fails(x509svid_split(BYTES_LITERAL("\x30\x80\x00\x00"), chain, &count), X509_MALFORMED);
	assert_fails(x509svid_split(BYTES_LITERAL("\x30\x80"), chain, &count), X509_MALFORMED);
	assert_fails(x509svid_split(BYTES_LITERAL("\x30\x84\x00\x00\x00\x01x"), chain, &count), X509_LONG);
	assert_fails(x509svid_split(BYTES_LITERAL("\x30\xff"), chain, &count), X509_LONG);
	assert_fails(x509svid_split(BYTES_LITERAL("\x30\x83\xff\xff"), chain, &count), X509_MALFORMED);
	assert_fails(x509svid_split(BYTES_LITERAL("\x30\x83\xff\xff\xff"), chain, &count), X509_LONG);
	large[2] = (X509SVID_CERTIFICATE_MAX_BYTES - 4) >> 8;
	large[3] = (X509SVID_CERTIFICATE_MAX_BYTES - 4) & 0xff;
	assert_ok(x509svid_split(bytes_of(large, X509SVID_CERTIFICATE_MAX_BYTES), chain, &count));
	large[3]++;
	assert_fails(x509svid_split(bytes_of(large, X509SVID_CERTIFICATE_MAX_BYTES + 1), chain, &count), X509_LONG);
}

static struct status own(struct mint_cert leaf, struct bytes key, const char *id)
{
	struct x509svid_bundles *bundles = bundle_of(good_root());
	struct bytes der = mint_certificate(&leaf);
	struct status st = x509svid_check_own(der, key, bytes_from_text(id), bundles, NOW);

	mint_bytes_free(&der);
	x509svid_bundles_unref(bundles);
	return st;
}

static void WA_18_ones_own_svid_is_checked(void **state)
{
	struct mint_cert late = good_leaf();
	struct bytes key = mint_pkcs8(keys[LEAF]), other = mint_pkcs8(keys[STRANGER]);
	uint8_t *longer = calloc(1, key.len + 1);

	(void)state;
	assert_non_null(longer);
	memcpy(longer, key.data, key.len);
	late.to_s = NOW - 1;
	assert_fails(own(good_leaf(), bytes_of(longer, key.len + 1), ID), X509_KEY);
	free(longer);
	assert_ok(own(good_leaf(), key, ID));
	assert_fails(own(good_leaf(), other, ID), X509_KEY);
	assert_fails(own(good_leaf(), bytes_of(key.data, key.len - 1), ID), X509_KEY);
	assert_fails(own(good_leaf(), (struct bytes){ 0 }, ID), X509_KEY);
	assert_fails(own(good_leaf(), bytes_of(key.data, X509SVID_KEY_MAX_BYTES + 1), ID), X509_KEY); /* not read */
	assert_fails(own(good_leaf(), key, "spiffe://example.org/other"), X509_ID);
	assert_fails(own(late, key, ID), X509_EXPIRED);
	mint_bytes_free(&key);
	mint_bytes_free(&other);
}

static struct status bundles_status(const char *map_key, struct bytes value, size_t *ret_count, size_t *ret_left_out)
{
	struct buf list = buf_make(DER_MAX);
	struct x509svid_bundles *bundles = NULL;
	struct status st;

	buf_put_sized(&list, bytes_from_text(map_key));
	buf_put_sized(&list, value);
	st = x509svid_bundles_new(buf_bytes(&list), &bundles);
	if (st.code == STATUS_OK) {
		*ret_count = x509svid_bundles_count(bundles, BYTES_LITERAL("example.org"));
		*ret_left_out = x509svid_bundles_left_out(bundles);
	}
	x509svid_bundles_unref(bundles);
	buf_done(&list);
	return st;
}

static void a_malformed_list_of_bundles_is_refused(void **state)
{
	static const char *const map_keys[] = { "", "spiffe://example.org/x", "Example.org", "spiffe://" };
	struct mint_cert root = good_root();
	struct bytes der = mint_certificate(&root);
	struct x509svid_bundles *bundles = NULL;
	struct buf list = buf_make(DER_MAX);
	size_t count, left_out;

	(void)state;
	assert_fails(x509svid_bundles_new((struct bytes){ 0 }, &bundles), BUNDLE_MALFORMED);
	for (size_t i = 0; i < sizeof(map_keys) / sizeof(map_keys[0]); i++) /* SID-20 */
		assert_fails(bundles_status(map_keys[i], der, &count, &left_out), BUNDLE_MALFORMED);
	for (unsigned i = 0; i < BUNDLE_DOMAINS_MAX + 1; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "d%u", i);
		buf_put_sized(&list, bytes_from_text(name));
		buf_put_sized(&list, (struct bytes){ 0 });
		if (i + 1 == BUNDLE_DOMAINS_MAX) {
			assert_ok(x509svid_bundles_new(buf_bytes(&list), &bundles));
			x509svid_bundles_unref(bundles);
			bundles = NULL;
		}
	}
	assert_fails(x509svid_bundles_new(buf_bytes(&list), &bundles), BUNDLE_MALFORMED);
	buf_clear(&list);
	for (unsigned i = 0; i < 2; i++) { /* WA-09 */
		buf_put_sized(&list, i == 0 ? BYTES_LITERAL("example.org") : BYTES_LITERAL("spiffe://example.org"));
		buf_put_sized(&list, der);
	}
	assert_fails(x509svid_bundles_new(buf_bytes(&list), &bundles), BUNDLE_MALFORMED);
	assert_fails(x509svid_bundles_new(bytes_of(list.data, list.len - 1), &bundles), BUNDLE_MALFORMED);
	assert_null(bundles);
	buf_done(&list);
	mint_bytes_free(&der);
}

static void a_broken_bundle_costs_its_own_domain_only(void **state)
{
	struct mint_cert root = good_root();
	struct bytes der = mint_certificate(&root);
	struct buf many = buf_make(DER_MAX);
	size_t count, left_out;

	(void)state;
	assert_ok(bundles_status("example.org", der, &count, &left_out));
	assert_true(count == 1 && left_out == 0);
	assert_ok(bundles_status("example.org", bytes_of(der.data, der.len - 1), &count, &left_out));
	assert_true(count == 0 && left_out == 1);
	assert_ok(bundles_status("example.org", BYTES_LITERAL("\x30\x01x"), &count, &left_out));
	assert_true(count == 0 && left_out == 1);
	for (size_t i = 0; i < X509SVID_AUTHORITIES_MAX; i++)
		buf_put(&many, der);
	assert_ok(bundles_status("example.org", buf_bytes(&many), &count, &left_out));
	assert_true(count == X509SVID_AUTHORITIES_MAX && left_out == 0);
	buf_put(&many, der);
	assert_ok(bundles_status("example.org", buf_bytes(&many), &count, &left_out));
	assert_true(count == 0 && left_out == 1);
	buf_done(&many);
	mint_bytes_free(&der);
}

/* From a SPIFFE bundle document: SB-09, and the JWT keys beside it count for nothing here (WA-08). */
static void TV_SB_01_authorities_of_a_bundle_document_verify(void **state)
{
	struct mint_cert root = good_root(), leaf = good_leaf();
	struct bytes der = mint_certificate(&root);
	char *text = mint_base64(der), *jwk = mint_jwk(keys[STRANGER], "k1", "\"use\":\"jwt-svid\"");
	char *document =
		mint_printf("{\"keys\":[%s,{\"kty\":\"EC\",\"use\":\"x509-svid\",\"x5c\":[\"%s\"]}]}", jwk, text);
	struct buf list = buf_make(DER_MAX);
	struct bundle_set *set = NULL;
	struct x509svid_bundles *bundles = NULL;

	(void)state;
	mint_list_put(&list, "example.org", document);
	assert_ok(bundle_set_new(buf_bytes(&list), BUNDLE_SPIFFE_DOCUMENT, &set));
	assert_ok(x509svid_bundles_from(set, &bundles));
	bundle_set_unref(set);
	assert_int_equal(x509svid_bundles_count(bundles, BYTES_LITERAL("example.org")), 1);
	assert_ok(verify(&leaf, 1, bundles));
	leaf.signer = keys[STRANGER];
	assert_fails(verify(&leaf, 1, bundles), X509_SIGNATURE);
	x509svid_bundles_unref(bundles);
	buf_done(&list);
	free(document);
	free(jwk);
	free(text);
	mint_bytes_free(&der);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(TV_X5_01_good_chains),
	cmocka_unit_test(TV_X5_02_names),
	cmocka_unit_test(TV_X5_03_and_08_what_a_leaf_may_do),
	cmocka_unit_test(TV_X5_04_path_validation),
	cmocka_unit_test(keys_and_algorithms),
	cmocka_unit_test(TV_X5_05_no_authority_of_another_domain_counts),
	cmocka_unit_test(TV_X5_05_nor_does_one_that_the_peer_shows),
	cmocka_unit_test(TV_X5_06_a_good_peer_leaves_nothing_behind),
	cmocka_unit_test(TV_X5_07_a_withdrawn_authority_is_refused),
	cmocka_unit_test(XS_07_each_of_several_authorities_of_one_name_counts),
	cmocka_unit_test(XS_07_an_intermediate_in_the_bundle_is_an_authority),
	cmocka_unit_test(a_leaf_in_the_bundle_is_no_authority),
	cmocka_unit_test(the_verified_id_is_returned),
	cmocka_unit_test(a_chain_is_counted_before_it_is_read),
	cmocka_unit_test(the_longest_chain_is_verified),
	cmocka_unit_test(a_certificate_cut_anywhere_or_followed_by_anything_is_refused),
	cmocka_unit_test(no_bit_of_what_is_signed_can_change),
	cmocka_unit_test(certificates_in_a_row_are_split),
	cmocka_unit_test(lengths_of_certificates_have_one_form),
	cmocka_unit_test(WA_18_ones_own_svid_is_checked),
	cmocka_unit_test(a_malformed_list_of_bundles_is_refused),
	cmocka_unit_test(a_broken_bundle_costs_its_own_domain_only),
	cmocka_unit_test(TV_SB_01_authorities_of_a_bundle_document_verify),
};

int main(int argc, char **argv)
{
	int failed;

	(void)setup(NULL);
	failed = unit_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
	(void)teardown(NULL);
	return failed;
}
