/* SPDX-License-Identifier: Apache-2.0
 *
 * A Workload API message, hostile, as keyreeve-idp hands it on: the bytes once as the whole list, once as the document
 * of one domain, which must never cost another domain its key.  And as a bundle map, of which nothing stays. */
#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "spiffe/bundle.h"
#include "spiffe/bundle_map.h"
#include "spiffe/id.h"

#define GOOD "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"g\",\"n\":\"gAE\",\"e\":\"AQAB\"}]}"

static void check_bundle(const struct bundle_set *set, const struct bundle *bundle)
{
	FUZZ_CHECK(spiffe_trust_domain_check(bundle->domain).code == STATUS_OK);
	FUZZ_CHECK(bundle_set_find(set, bundle->domain) == bundle);
	FUZZ_CHECK(bundle->key_count <= BUNDLE_KEYS_MAX);
	for (size_t i = 0; i < bundle->key_count; i++) {
		const struct bundle_key *key = &bundle->keys[i];

		FUZZ_CHECK(key->kid.len > 0 && key->kty != BUNDLE_KTY_NONE);
		FUZZ_CHECK(key->kty != BUNDLE_KTY_EC || key->curve != BUNDLE_CURVE_NONE);
	}
}

static void check_set(const struct bundle_set *set)
{
	FUZZ_CHECK(bundle_set_count(set) > 0 && bundle_set_count(set) <= BUNDLE_DOMAINS_MAX);
	FUZZ_CHECK(bundle_set_report_count(set) <= BUNDLE_REPORTS_MAX);
	for (size_t i = 0; i < bundle_set_count(set); i++)
		check_bundle(set, bundle_set_at(set, i));
	for (size_t i = 0; i < bundle_set_report_count(set); i++)
		for (const char *at = bundle_set_report(set, i); *at != '\0'; at++)
			FUZZ_CHECK(*at >= 0x20 && *at < 0x7f);
}

static void check_map(struct bytes map)
{
	struct buf list = buf_make(BUNDLE_MAP_LIST_MAX);
	struct bundle_set *set = NULL;

	if (bundle_map_new(map, &list, &set).code == STATUS_OK && set != NULL)
		check_set(set);
	bundle_set_unref(set);
	buf_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf list = buf_make(size + 256);
	struct bundle_set *set = NULL;

	fuzz_plant(bytes_of(data, size));
	if (bundle_set_new(bytes_of(data, size), BUNDLE_STRICT, &set).code == STATUS_OK)
		check_set(set);
	bundle_set_unref(set);
	set = NULL;
	buf_put_sized(&list, BYTES_LITERAL("spiffe://hostile.org"));
	buf_put_sized(&list, bytes_of(data, size));
	buf_put_sized(&list, BYTES_LITERAL("spiffe://good.org"));
	buf_put_sized(&list, BYTES_LITERAL(GOOD));
	FUZZ_CHECK(bundle_set_new(buf_bytes(&list), BUNDLE_STRICT, &set).code == STATUS_OK);
	FUZZ_CHECK(bundle_set_find(set, BYTES_LITERAL("good.org"))->key_count == 1);
	check_set(set);
	bundle_set_unref(set);
	buf_done(&list);
	check_map(bytes_of(data, size));
	return 0;
}
