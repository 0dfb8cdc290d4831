/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own verdict, by the library that the daemon links. */
#include <stdlib.h>
#include <string.h>

#include "jwtsvid/verify.h"
#include "spiffe/x509.h"
#include "tests/conformance/opinion.h"

static void put_no(struct buf *verdict, struct status st)
{
	buf_printf(verdict, "no %s", status_name(st.code));
}

static void judge_id(struct bytes text, struct buf *verdict)
{
	struct spiffe_id id = { 0 };
	struct status st = spiffe_id_parse(text, &id);

	if (st.code != STATUS_OK) {
		put_no(verdict, st);
		return;
	}
	buf_put_text(verdict, "ok ");
	buf_put(verdict, spiffe_id_text(&id));
	spiffe_id_done(&id);
}

static int by_kid(const void *a, const void *b)
{
	const struct keyset_key *left = a, *right = b;
	size_t less = left->kid.len < right->kid.len ? left->kid.len : right->kid.len;
	int order = memcmp(left->kid.data, right->kid.data, less);

	return order != 0 ? order : (left->kid.len > right->kid.len) - (left->kid.len < right->kid.len);
}

static void put_domain(struct buf *verdict, const struct keyset_domain *domain)
{
	struct keyset_key keys[BUNDLE_KEYS_MAX];

	buf_put_text(verdict, " ");
	buf_put(verdict, domain->name);
	buf_put_text(verdict, ":");
	if (domain->key_count > 0)
		memcpy(keys, domain->keys, domain->key_count * sizeof(keys[0]));
	qsort(keys, domain->key_count, sizeof(keys[0]), by_kid);
	for (size_t i = 0; i < domain->key_count; i++) {
		if (i > 0 && bytes_equal(keys[i].kid, keys[i - 1].kid))
			continue;
		buf_put_text(verdict, i > 0 ? "," : "");
		opinion_put_kid(verdict, keys[i].kid);
	}
}

static void put_authorities(struct buf *verdict, const struct bundle_set *set, struct bytes domain)
{
	struct x509svid_bundles *authorities = NULL;

	if (x509svid_bundles_from(set, &authorities).code != STATUS_OK)
		abort();
	buf_printf(verdict, "+%zu", x509svid_bundles_count(authorities, domain));
	x509svid_bundles_unref(authorities);
}

static void judge_keys(struct opinion_keys *keys, struct buf *verdict)
{
	struct buf list = buf_make(16 * 1024 * 1024);
	struct bundle_set *set = NULL;
	struct keyset *keyset = NULL;

	for (size_t i = 0; i < keys->count; i++) {
		buf_put_sized(&list, keys->documents[i].domain);
		buf_put_sized(&list, keys->documents[i].text);
	}
	if (bundle_set_new(buf_bytes(&list), keys->is_bundle ? BUNDLE_SPIFFE_DOCUMENT : BUNDLE_STRICT, &set).code !=
			STATUS_OK ||
		keyset_new(set, &keyset).code != STATUS_OK)
		abort();
	buf_put_text(verdict, "ok");
	for (size_t i = 0; i < bundle_set_count(set); i++) {
		put_domain(verdict, keyset_find(keyset, bundle_set_at(set, i)->domain));
		if (keys->is_bundle)
			put_authorities(verdict, set, bundle_set_at(set, i)->domain);
	}
	keys->compiled = keyset;
	bundle_set_unref(set);
	buf_done(&list);
}

static void judge_token(const struct opinion_token *token, struct buf *verdict)
{
	const struct jwtsvid_rules rules = { .audiences = token->audiences,
		.audience_count = token->audience_count,
		.leeway_s = token->leeway_s,
		.max_lifetime_s = token->max_lifetime_s,
		.single_audience = token->single_audience };
	struct jwtsvid *svid = NULL;
	struct status st = jwtsvid_verify(token->text, token->keys->compiled, &rules, token->now_s, &svid);

	if (st.code != STATUS_OK) {
		put_no(verdict, st);
		return;
	}
	buf_put_text(verdict, "ok ");
	buf_put(verdict, spiffe_id_text(&svid->id));
	jwtsvid_unref(svid);
}

int main(void)
{
	return opinion_run(&(struct opinion){ judge_id, judge_keys, judge_token });
}
