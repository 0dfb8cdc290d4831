/* SPDX-License-Identifier: Apache-2.0
 *
 * What one decision costs: tenant_find() and policy_check(), CPU time, over numbers of tenants and of rules a tenant.
 * Each measurement asks for tenants in an order without pattern, so that their rules are not in the first caches; a
 * SHA-256 over 1 KiB by OpenSSL, in turn with it, says how fast the machine is just then.  The least of the rounds
 * counts: whatever else runs only adds. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/config_yaml.h"
#include "agent/policy.h"

enum { ROUNDS = 7, ASKED = 200000, REFERENCE = 100000, NAME_BYTES = 64, BOUND_NS = 2000 };

/* How the rules of a tenant stand to the request. */
enum shape { SHAPE_LAST, SHAPE_NONE, SHAPE_ASK, SHAPE_MORE, SHAPE_COUNT };
static const char *const shapes[SHAPE_COUNT] = { "the last rule's keys match", "no rule's keys match",
	"all match verb and key, and ask for the type", "all match verb and key, and ask for the size" };

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* cannot fail for this clock */
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static void policy_text(struct buf *to, unsigned tenants, unsigned rules, enum shape shape)
{
	buf_put_text(to, "apiVersion: keyreeve/v1\nkind: Agent\nproviders: [{name: soft, type: software}]\ntenants:\n");
	for (unsigned i = 0; i < tenants; i++) {
		buf_printf(to, "- match: {spiffe: 'spiffe://d/ns/n%u/sa/{a}'}\n  tenant: t%u\n  rules: [", i, i);
		for (unsigned k = 0; k < rules; k++) {
			if (shape == SHAPE_ASK)
				buf_printf(to, "%s{allow: sign, types: rsa}", k > 0 ? ", " : "");
			else if (shape == SHAPE_MORE)
				buf_printf(to, "%s{allow: sign, max_bits: 9}", k > 0 ? ", " : "");
			else
				buf_printf(to, "%s{allow: sign, keys: r%u-*}", k > 0 ? ", " : "", k);
		}
		buf_put_text(to, "]\n");
	}
}

static struct policy *policy_make(unsigned tenants, unsigned rules, enum shape shape)
{
	struct buf text = buf_make(CONFIG_FILE_MAX), errors = buf_make(64 * 1024);
	struct config *config = NULL;
	struct policy *policy = NULL;

	policy_text(&text, tenants, rules, shape);
	if (buf_check(&text).code != STATUS_OK ||
		config_yaml_parse(buf_bytes(&text), "policy", &errors, &config).code != STATUS_OK ||
		policy_new(config, &policy).code != STATUS_OK)
		fprintf(stderr, "%u tenants, %u rules: %.*s\n", tenants, rules, (int)errors.len,
			(const char *)errors.data);
	config_free(config);
	buf_done(&text);
	buf_done(&errors);
	return policy;
}

static char (*names_make(unsigned tenants))[NAME_BYTES]
{
	char(*names)[NAME_BYTES] = calloc(tenants, sizeof(*names));

	for (unsigned i = 0; names != NULL && i < tenants; i++)
		(void)snprintf(names[i], NAME_BYTES, "spiffe://d/ns/n%u/sa/web", i);
	return names;
}

/* One question after the other; how many were allowed, so that nothing is left out. */
static unsigned ask(const struct policy *policy, char (*names)[NAME_BYTES], unsigned tenants, struct bytes key)
{
	static const struct psa_key_attributes p256 = { PSA_KEY_ECC_PAIR, PSA_ECC_SECP_R1, PSA_USAGE_SIGN_HASH, 256,
		{ PSA_ALG_ECDSA, PSA_HASH_SHA_256, 0, 0, 0 } };
	struct token_facts token = { true, 1000, 1300, 1010 };
	uint32_t draw = 1;
	unsigned allowed = 0;

	for (unsigned i = 0; i < ASKED; i++) {
		struct identity who = { .authenticator = AUTHENTICATOR_JWT_SVID };
		struct policy_request rq = { .verb = VERB_SIGN,
			.key = key,
			.identity = &who,
			.token = &token,
			.now_s = 1010,
			.attributes = &p256,
			.key_created_s = 1 };
		struct tenant_match match;
		struct decision decision;

		draw = draw * 1664525 + 1013904223;
		who.name = bytes_from_text(names[(draw >> 8) % tenants]);
		if (tenant_find(policy, &who, &token, &match, &decision).code == STATUS_OK)
			allowed += policy_check(policy, &match, &rq, &decision).code == STATUS_OK;
	}
	return allowed;
}

static double reference_ns(void)
{
	static uint8_t data[1024];
	uint8_t digest[EVP_MAX_MD_SIZE];
	uint64_t from = cpu_ns();

	for (unsigned i = 0; i < REFERENCE; i++) {
		data[0] = (uint8_t)i;
		if (EVP_Digest(data, sizeof(data), digest, NULL, EVP_sha256(), NULL) != 1)
			return 0;
	}
	return (double)(cpu_ns() - from) / REFERENCE;
}

static int measure(unsigned tenants, unsigned rules, enum shape shape)
{
	struct policy *policy = policy_make(tenants, rules, shape);
	char(*names)[NAME_BYTES] = names_make(tenants), key[32];
	double best = 0, reference = 0;
	bool is_good = policy != NULL && names != NULL;

	(void)snprintf(key, sizeof(key), shape == SHAPE_NONE ? "x-%u" : "r%u-key", rules - 1);
	for (int round = 0; is_good && round < ROUNDS; round++) {
		double raw = reference_ns(), took;
		uint64_t from = cpu_ns();
		unsigned allowed = ask(policy, names, tenants, bytes_from_text(key));

		took = (double)(cpu_ns() - from) / ASKED;
		is_good = allowed == (shape == SHAPE_LAST ? ASKED : 0) && raw > 0;
		best = round == 0 || took < best ? took : best;
		reference = round == 0 || raw < reference ? raw : reference;
	}
	if (is_good)
		printf("| %u | %u | %s | %.0f | %.0f | %.2f | %s |\n", tenants, rules, shapes[shape], best, reference,
			best / reference, best < BOUND_NS ? "met" : "**missed**");
	free(names);
	policy_unref(policy);
	return is_good ? 0 : 1;
}

int main(void)
{
	static const unsigned sizes[][2] = { { 1, 10 }, { 10, 10 }, { 100, 10 }, { 1000, 10 }, { 4096, 10 }, { 1, 100 },
		{ 10, 100 }, { 100, 100 }, { 1000, 100 } };
	int failed = 0;

	printf("| Tenants | Rules a tenant | | CPU ns a decision | SHA-256 of 1 KiB, CPU ns | ratio | < 2 µs |\n"
	       "|---:|---:|---|---:|---:|---:|---|\n");
	for (int shape = 0; shape < SHAPE_COUNT; shape++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			failed |= measure(sizes[i][0], sizes[i][1], (enum shape)shape);
	return failed;
}
