/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/revoke.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "base/hash.h"
#include "base/own.h"

enum { BUCKETS = 16384, VALUE_VERSION = 1 };

struct entry {
	struct entry *next;
	uint64_t hash;
	size_t selector_len;
	struct revocation revocation; /* its views are into data */
	uint8_t data[];		      /* encoded selector, then value */
};

struct revocations {
	struct hash_seed seed;
	size_t count, of_kind[REVOKE_KIND_COUNT]; /* a kind that nobody uses costs nothing */
	struct entry **buckets;			  /* owned: BUCKETS of them */
};

/* ---- encoding ----------------------------------------------------------------------------------- */

void revoke_selector_put(struct buf *to, const struct revoke_selector *what)
{
	buf_put_u8(to, (uint8_t)what->kind);
	buf_put_u8(to, what->authenticator);
	buf_put_sized(to, what->domain);
	buf_put_sized(to, what->value);
}

void revocation_put(struct buf *to, const struct revocation *revocation)
{
	buf_put_u8(to, VALUE_VERSION);
	buf_put_u64(to, (uint64_t)revocation->issued_before_s);
	buf_put_u64(to, (uint64_t)revocation->until_s);
	buf_put_u64(to, (uint64_t)revocation->since_s);
	buf_put_sized(to, revocation->by);
	buf_put_sized(to, revocation->because);
}

struct status revocation_get(struct bytes id, struct bytes value, struct revocation *ret_revocation)
{
	struct reader selector = reader_of(id), rest = reader_of(value);
	struct revocation got = { 0 };

	got.what.kind = (enum revoke_kind)reader_u8(&selector);
	got.what.authenticator = reader_u8(&selector);
	got.what.domain = reader_sized(&selector, REVOKE_DOMAIN_MAX);
	got.what.value = reader_sized(&selector, REVOKE_VALUE_MAX);
	ENSURE(reader_u8(&rest) == VALUE_VERSION, RECORD_CORRUPT);
	got.issued_before_s = (int64_t)reader_u64(&rest);
	got.until_s = (int64_t)reader_u64(&rest);
	got.since_s = (int64_t)reader_u64(&rest);
	got.by = reader_sized(&rest, REVOKE_VALUE_MAX);
	got.because = reader_sized(&rest, REVOKE_BECAUSE_MAX);
	ENSURE(reader_done(&selector) && reader_done(&rest), RECORD_CORRUPT);
	ENSURE(revocation_check(&got).code == STATUS_OK, RECORD_CORRUPT);
	*ret_revocation = got;
	return OK;
}

/* ---- what is a revocation ------------------------------------------------------------------------ */

static bool selector_is_sane(const struct revoke_selector *what)
{
	/* A subject means something at its issuer only; any other identity has its domain in its name. */
	bool names_one = (what->domain.len > 0) == (what->authenticator == AUTHENTICATOR_ISSUER) && what->value.len > 0;

	if (what->domain.len > REVOKE_DOMAIN_MAX || what->value.len > REVOKE_VALUE_MAX)
		return false;
	switch (what->kind) {
	case REVOKE_SUBJECT:
		return what->authenticator != 0 && names_one;
	case REVOKE_KID:
		return what->authenticator != 0 && what->value.len > 0;
	case REVOKE_JTI:
		return what->authenticator != 0 && what->value.len == REVOKE_HASH_BYTES;
	case REVOKE_TOKEN:
		return what->authenticator == 0 && what->domain.len == 0 && what->value.len == REVOKE_HASH_BYTES;
	case REVOKE_ALL:
		return what->authenticator != 0 && what->value.len == 0;
	case REVOKE_NOTHING:
	case REVOKE_KIND_COUNT:
		break;
	}
	return false;
}

struct status revocation_check(const struct revocation *r)
{
	ENSURE(selector_is_sane(&r->what), REVOKE_INVALID);
	ENSURE(r->issued_before_s >= 0 && r->until_s >= 0 && r->since_s >= 0, REVOKE_INVALID);
	ENSURE(r->until_s == 0 || r->until_s > r->since_s, REVOKE_INVALID);
	ENSURE(r->by.len <= REVOKE_VALUE_MAX && r->because.len <= REVOKE_BECAUSE_MAX, REVOKE_INVALID);
	return OK;
}

/* ---- the table ----------------------------------------------------------------------------------- */

static void auto_free(struct revocations **all)
{
	revocations_free(*all);
}

struct status revocations_new(struct revocations **ret_all)
{
	AUTO(auto_free) struct revocations *all = calloc(1, sizeof(*all));

	ENSURE(all != NULL, NO_MEMORY);
	all->buckets = calloc(BUCKETS, sizeof(struct entry *));
	ENSURE(all->buckets != NULL, NO_MEMORY);
	TRY(hash_seed(&all->seed));
	*ret_all = TAKE(all);
	return OK;
}

void revocations_free(struct revocations *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; all->buckets != NULL && i < BUCKETS; i++)
		while (all->buckets[i] != NULL) {
			struct entry *entry = all->buckets[i];

			all->buckets[i] = entry->next;
			free(entry);
		}
	free(all->buckets);
	free(all);
}

static struct entry **link_of(const struct revocations *all, uint64_t hash, struct bytes selector)
{
	struct entry **link = &all->buckets[hash % BUCKETS];

	while (*link != NULL &&
		!((*link)->hash == hash && bytes_equal(bytes_of((*link)->data, (*link)->selector_len), selector)))
		link = &(*link)->next;
	return link;
}

static struct status selector_encode(
	const struct revoke_selector *what, uint8_t raw[REVOKE_SELECTOR_MAX], struct bytes *ret_encoded)
{
	struct buf to = { .data = raw, .room = REVOKE_SELECTOR_MAX, .max_bytes = REVOKE_SELECTOR_MAX };

	revoke_selector_put(&to, what);
	ENSURE(!to.bad, LIMIT);
	*ret_encoded = buf_bytes(&to);
	return OK;
}

static void unlink_entry(struct revocations *all, struct entry **link)
{
	struct entry *entry = *link;

	*link = entry->next;
	all->count--;
	all->of_kind[entry->revocation.what.kind]--;
	free(entry);
}

static struct status entry_new(
	const struct revocations *all, const struct revocation *revocation, struct entry **ret_entry)
{
	AUTO(buf_done) struct buf both = buf_make(REVOKE_SELECTOR_MAX + REVOKE_FACT_MAX);
	struct entry *entry;
	size_t selector_len;

	revoke_selector_put(&both, &revocation->what);
	selector_len = both.len;
	revocation_put(&both, revocation);
	TRY(buf_check(&both));
	entry = malloc(sizeof(*entry) + both.len);
	ENSURE(entry != NULL, NO_MEMORY);
	memcpy(entry->data, both.data, both.len);
	entry->selector_len = selector_len;
	entry->hash = hash_keyed(&all->seed, 0, bytes_of(entry->data, selector_len));
	/* It was checked, so it decodes. */
	(void)!revocation_get(bytes_of(entry->data, selector_len),
		bytes_of(entry->data + selector_len, both.len - selector_len), &entry->revocation)
		.code;
	*ret_entry = entry;
	return OK;
}

struct status revocations_put(struct revocations *all, const struct revocation *revocation)
{
	struct entry *entry = NULL, **link;

	TRY(revocation_check(revocation));
	TRY(entry_new(all, revocation, &entry));
	link = link_of(all, entry->hash, bytes_of(entry->data, entry->selector_len));
	if (*link != NULL) {
		unlink_entry(all, link);
	} else if (all->count >= REVOKE_MAX) {
		free(entry);
		return FAIL(LIMIT);
	}
	entry->next = all->buckets[entry->hash % BUCKETS];
	all->buckets[entry->hash % BUCKETS] = entry;
	all->count++;
	all->of_kind[entry->revocation.what.kind]++;
	return OK;
}

static struct entry **find(const struct revocations *all, const struct revoke_selector *what)
{
	uint8_t raw[REVOKE_SELECTOR_MAX];
	struct bytes selector;

	if (selector_encode(what, raw, &selector).code != STATUS_OK)
		return NULL;
	return link_of(all, hash_keyed(&all->seed, 0, selector), selector);
}

bool revocations_remove(struct revocations *all, const struct revoke_selector *what)
{
	struct entry **link = find(all, what);

	if (link == NULL || *link == NULL)
		return false;
	unlink_entry(all, link);
	return true;
}

size_t revocations_count(const struct revocations *all)
{
	return all->count;
}

void revocations_visit(const struct revocations *all, revocation_visit_fn *visit, void *context)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct entry *entry = all->buckets[i]; entry != NULL; entry = entry->next)
			if (!visit(context, &entry->revocation))
				return;
}

/* Whole buckets: a page is a little longer than it need be, and stays where it is while others come and go. */
uint32_t revocations_page(const struct revocations *all, uint32_t from, revocation_visit_fn *visit, void *context)
{
	bool more = true;

	for (uint32_t i = from; i < BUCKETS; i++) {
		if (!more)
			return i;
		for (const struct entry *entry = all->buckets[i]; entry != NULL; entry = entry->next)
			more = visit(context, &entry->revocation) && more;
	}
	return 0;
}

static bool is_over(const struct revocation *revocation, int64_t now_s)
{
	return revocation->until_s != 0 && now_s >= revocation->until_s;
}

size_t revocations_expire(struct revocations *all, int64_t now_s, size_t most, revocation_visit_fn *gone, void *context)
{
	size_t removed = 0;

	for (size_t i = 0; i < BUCKETS; i++)
		for (struct entry **link = &all->buckets[i]; *link != NULL && removed < most;) {
			if (!is_over(&(*link)->revocation, now_s)) {
				link = &(*link)->next;
				continue;
			}
			if (!gone(context, &(*link)->revocation))
				return removed;
			unlink_entry(all, link);
			removed++;
		}
	return removed;
}

/* ---- asking -------------------------------------------------------------------------------------- */

static bool applies(const struct revocation *r, const struct revoke_credential *credential, int64_t now_s)
{
	if (is_over(r, now_s))
		return false;
	return r->issued_before_s == 0 || !credential->has_start || credential->start_s < r->issued_before_s;
}

struct question {
	const struct revocations *all;
	const struct revoke_credential *credential;
	int64_t now_s;
	const struct revocation *found;
};

static void ask_one(struct question *q, enum revoke_kind kind, struct bytes domain, struct bytes value)
{
	struct revoke_selector what = { kind, q->credential->authenticator, domain, value };
	struct entry **link;

	if (q->found != NULL || q->all->of_kind[kind] == 0)
		return;
	if (kind == REVOKE_TOKEN)
		what.authenticator = 0;
	link = find(q->all, &what);
	if (link != NULL && *link != NULL && applies(&(*link)->revocation, q->credential, q->now_s))
		q->found = &(*link)->revocation;
}

/* Of this domain, and of every domain. */
static void ask_both(struct question *q, enum revoke_kind kind, struct bytes value)
{
	ask_one(q, kind, (struct bytes){ 0 }, value);
	if (q->credential->domain.len > 0)
		ask_one(q, kind, q->credential->domain, value);
}

struct status revocations_ask(const struct revocations *all, const struct revoke_credential *credential, int64_t now_s,
	const struct revocation **ret_by)
{
	struct question q = { all, credential, now_s, NULL };

	if (all->count == 0)
		return OK;
	ask_one(&q, REVOKE_SUBJECT,
		credential->authenticator == AUTHENTICATOR_ISSUER ? credential->domain : (struct bytes){ 0 },
		credential->name);
	ask_both(&q, REVOKE_ALL, (struct bytes){ 0 });
	if (credential->kid.len > 0)
		ask_both(&q, REVOKE_KID, credential->kid);
	if (credential->jti_hash != NULL)
		ask_both(&q, REVOKE_JTI, bytes_of(credential->jti_hash, REVOKE_HASH_BYTES));
	if (credential->token_hash != NULL)
		ask_one(&q, REVOKE_TOKEN, (struct bytes){ 0 }, bytes_of(credential->token_hash, REVOKE_HASH_BYTES));
	if (ret_by != NULL && q.found != NULL)
		*ret_by = q.found;
	ENSURE(q.found == NULL, CREDENTIAL_REVOKED);
	return OK;
}
