/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates, hostile: the bytes as a chain, as the authorities of a domain, and as a leaf that an authority of ours
 * has signed, so that what is behind the signature is reached.  Whatever passes has the one name that its certificate
 * bears, read here a second time, and no domain without authorities names anybody. */
#include "tests/fuzz/fuzz.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "spiffe/x509.h"
#include "tests/fuzz/x509_world.h"

enum { PLANTED_CERTIFICATES = 4 };

static struct x509svid_bundles *bundles;
static EVP_PKEY *signer;

static void world_make(void)
{
	struct mint_key *key = mint_key_new(MINT_P256);
	struct mint_cert root = fuzz_x509_root(key);
	struct bytes der = mint_certificate(&root), pkcs8 = mint_pkcs8(key);
	struct buf list = buf_make(64 * 1024);
	const uint8_t *at = pkcs8.data;

	buf_put_sized(&list, BYTES_LITERAL("spiffe://example.org"));
	buf_put_sized(&list, der);
	FUZZ_CHECK(x509svid_bundles_new(buf_bytes(&list), &bundles).code == STATUS_OK);
	FUZZ_CHECK(x509svid_bundles_count(bundles, BYTES_LITERAL("example.org")) == 1);
	signer = d2i_AutoPrivateKey(NULL, &at, (long)pkcs8.len);
	FUZZ_CHECK(signer != NULL);
	buf_done(&list);
	mint_bytes_free(&der);
	mint_bytes_free(&pkcs8);
	mint_key_free(key);
}

/* The name that the certificate bears, by another call of the library. */
static void check_name(X509 *cert, const struct spiffe_id *id)
{
	STACK_OF(GENERAL_NAME) *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	unsigned uris = 0;

	FUZZ_CHECK(bytes_equal(spiffe_id_domain(id), BYTES_LITERAL("example.org")) && spiffe_id_path(id).len > 1);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		int type;
		const ASN1_STRING *text = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);

		if (type != GEN_URI)
			continue;
		uris++;
		FUZZ_CHECK(bytes_equal(
			spiffe_id_text(id), bytes_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text))));
	}
	FUZZ_CHECK(uris == 1 && X509_check_ca(cert) == 0);
	GENERAL_NAMES_free(names);
}

/* Sign it as the authority would and verify it in front of the chain it came with. */
static void resigned(struct bytes leaf, struct bytes *chain, size_t count)
{
	X509_NAME *issuer = X509_NAME_new();
	struct spiffe_id id = { 0 };
	const uint8_t *at = leaf.data;
	X509 *cert = d2i_X509(NULL, &at, (long)leaf.len);
	uint8_t *der = NULL;
	int len;

	FUZZ_CHECK(issuer != NULL &&
		   X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_ASC, (const uint8_t *)"root", -1, -1, 0) == 1);
	if (cert != NULL && X509_set_issuer_name(cert, issuer) == 1 && X509_sign(cert, signer, EVP_sha256()) > 0) {
		len = i2d_X509(cert, &der);
		FUZZ_CHECK(len > 0);
		chain[0] = bytes_of(der, (size_t)len);
		if (x509svid_verify(chain, count, bundles, FUZZ_X509_NOW, &id).code == STATUS_OK)
			check_name(cert, &id);
		spiffe_id_done(&id);
		OPENSSL_free(der);
	}
	X509_free(cert);
	X509_NAME_free(issuer);
}

static void as_chain(struct bytes input)
{
	struct bytes chain[X509SVID_CHAIN_MAX];
	struct spiffe_id id = { 0 };
	size_t count;

	/* One certificate whatever its length says; nobody's signature of it is known. */
	FUZZ_CHECK(x509svid_verify(&input, 1, bundles, FUZZ_X509_NOW, &id).code != STATUS_OK);
	if (x509svid_split(input, chain, &count).code != STATUS_OK)
		return;
	fuzz_plant_count(count, PLANTED_CERTIFICATES);
	FUZZ_CHECK(x509svid_verify(chain, count, bundles, FUZZ_X509_NOW, &id).code != STATUS_OK);
	resigned(chain[0], chain, count);
}

static void as_authorities(struct bytes input)
{
	struct buf list = buf_make(input.len + 64);
	struct x509svid_bundles *theirs = NULL;
	struct bytes chain[X509SVID_CHAIN_MAX];
	struct spiffe_id id = { 0 };
	size_t count;

	if (x509svid_bundles_new(input, &theirs).code == STATUS_OK)
		x509svid_bundles_unref(theirs);
	theirs = NULL;
	buf_put_sized(&list, BYTES_LITERAL("example.org"));
	buf_put_sized(&list, input);
	FUZZ_CHECK(x509svid_bundles_new(buf_bytes(&list), &theirs).code == STATUS_OK);
	FUZZ_CHECK(x509svid_bundles_count(theirs, BYTES_LITERAL("example.org")) <= X509SVID_AUTHORITIES_MAX);
	/* A chain that ends in the authorities of its own message may be good: then it names somebody there. */
	if (x509svid_split(input, chain, &count).code == STATUS_OK &&
		x509svid_verify(chain, count, theirs, FUZZ_X509_NOW, &id).code == STATUS_OK)
		FUZZ_CHECK(x509svid_bundles_count(theirs, spiffe_id_domain(&id)) > 0);
	spiffe_id_done(&id);
	x509svid_bundles_unref(theirs);
	buf_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = fuzz_copy(bytes_of(data, size));

	if (bundles == NULL)
		world_make();
	as_chain(input);
	as_authorities(input);
	fuzz_free(input);
	return 0;
}
