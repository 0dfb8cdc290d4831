/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the seeds of the target x509: x509_seeds DIR.  Their keys are nobody's and forgotten at once. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/x509_world.h"

static const char *folder;

static void write_bytes(const char *name, struct bytes bytes)
{
	char path[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	if (file == NULL || fwrite(bytes.data, 1, bytes.len, file) != bytes.len || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void write_seed(const char *name, const struct mint_cert *certs, size_t count)
{
	struct buf row = buf_make(64 * 1024);

	for (size_t i = 0; i < count; i++) {
		struct bytes der = mint_certificate(&certs[i]);

		buf_put(&row, der);
		mint_bytes_free(&der);
	}
	write_bytes(name, buf_bytes(&row));
	buf_done(&row);
}

static struct mint_cert leaf_of(const struct mint_key *key, const struct mint_key *signer, const char *issuer)
{
	return (struct mint_cert){ .key = key,
		.signer = signer,
		.subject = "leaf",
		.issuer = issuer,
		.uri = { "spiffe://example.org/w" },
		.basic = "critical,CA:FALSE",
		.usage = "critical,digitalSignature",
		.extended = "serverAuth,clientAuth",
		.hash = "SHA256",
		.from_s = FUZZ_X509_NOW - 60,
		.to_s = FUZZ_X509_NOW + 3600 };
}

static void chains(const struct mint_key *key)
{
	struct mint_cert certs[3] = { leaf_of(key, key, "mid"), fuzz_x509_root(key), fuzz_x509_root(key) };

	certs[1].subject = "mid";
	certs[1].issuer = "root";
	write_seed("leaf-mid-root", certs, 3);
	write_seed("leaf-mid", certs, 2);
	write_seed("root", &certs[2], 1);
	certs[2].constraints = "critical,permitted;URI:example.org,permitted;DNS:.example.org,excluded;URI:.a.org";
	certs[2].basic = "critical,CA:TRUE,pathlen:1";
	write_seed("leaf-mid-root-constraints", certs, 3);
	certs[1].uri[0] = "spiffe://example.org/ca";
	write_seed("mid-with-path", certs, 3);
}

static void leaves(const struct mint_key *key, const struct mint_key *const *others, size_t count)
{
	struct mint_cert leaf = leaf_of(key, key, "root");
	struct mint_cert changed = leaf;
	char name[32];

	write_seed("leaf", &leaf, 1);
	for (size_t i = 0; i < count; i++) {
		changed.key = others[i];
		(void)snprintf(name, sizeof(name), "leaf-key-%zu", i);
		write_seed(name, &changed, 1);
	}
	changed = leaf;
	changed.uri[1] = "spiffe://example.org/second";
	changed.dns = "example.org";
	write_seed("leaf-two-names", &changed, 1);
	changed = leaf;
	changed.subject = "";
	changed.names_critical = "yes";
	write_seed("leaf-no-subject", &changed, 1);
	changed = leaf;
	changed.unknown_critical = "1.3.6.1.4.1.99999.1";
	write_seed("leaf-unknown-critical", &changed, 1);
	changed = leaf;
	changed.twice = "yes";
	write_seed("leaf-twice", &changed, 1);
	changed = leaf;
	changed.basic = changed.usage = changed.extended = changed.uri[0] = NULL;
	write_seed("leaf-bare", &changed, 1);
	changed = leaf;
	changed.basic = "critical,CA:TRUE";
	write_seed("leaf-ca", &changed, 1);
}

int main(int argc, char **argv)
{
	static const enum mint_type types[] = { MINT_P384, MINT_P521, MINT_K256, MINT_ED25519, MINT_RSA1024,
		MINT_RSA2048 };
	struct mint_key *others[sizeof(types) / sizeof(types[0])], *key = mint_key_new(MINT_P256);

	if (argc != 2) {
		fprintf(stderr, "usage: x509_seeds DIR\n");
		return 1;
	}
	folder = argv[1];
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		others[i] = mint_key_new(types[i]);
	write_bytes("empty", BYTES_LITERAL("\x30\x00"));
	write_bytes("endless", BYTES_LITERAL("\x30\x80\x00\x00"));
	chains(key);
	leaves(key, (const struct mint_key *const *)others, sizeof(types) / sizeof(types[0]));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		mint_key_free(others[i]);
	mint_key_free(key);
	return 0;
}
