/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust_book.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/own.h"
#include "spiffe/strict.h"

enum {
	RECORD_FORM = 1,
	PIN_TEXT_BYTES = 43, /* 32 in base64url */
	INTERVAL_MAX_S = 24 * 3600,
	AGE_PARTS = 3,
};

const char *trust_verdict_name(enum trust_verdict verdict)
{
	switch (verdict) {
	case TRUST_NOTHING:
		return "none";
	case TRUST_HELD:
		return "held";
	case TRUST_OLDER:
		return "older";
	case TRUST_EMPTY:
		return "empty";
	case TRUST_FIRST:
		return "first-use";
	case TRUST_PINNED:
		return "pinned";
	case TRUST_CONTINUES:
		return "continues";
	case TRUST_ALARMED:
		return "discontinuous";
	case TRUST_GIVEN:
		return "file";
	}
	return "?";
}

bool trust_origin_is_file(enum trust_origin origin)
{
	return origin == TRUST_FILE || origin == TRUST_ISSUER_FILE;
}

/* ---- the book ------------------------------------------------------------------------------------------- */

static void domain_free(struct trust_domain *domain)
{
	bundle_set_unref(domain->set);
	free(domain->document);
	free(domain);
}

void trust_book_done(struct trust_book *book)
{
	for (size_t i = 0; i < book->count; i++)
		domain_free(book->domains[i]);
	book->count = 0;
}

struct trust_domain *trust_book_find(const struct trust_book *book, struct bytes name)
{
	for (size_t i = 0; i < book->count; i++)
		if (bytes_equal(bytes_from_text(book->domains[i]->name), name))
			return book->domains[i];
	return NULL;
}

struct status trust_book_get(struct trust_book *book, struct bytes name, struct trust_domain **ret_domain)
{
	struct trust_domain *domain = trust_book_find(book, name);

	if (domain == NULL) {
		ENSURE(book->count < TRUST_DOMAINS_MAX && name.len < sizeof(domain->name), LIMIT);
		domain = calloc(1, sizeof(*domain));
		ENSURE(domain != NULL, NO_MEMORY);
		memcpy(domain->name, name.data, name.len);
		book->domains[book->count++] = domain;
	}
	*ret_domain = domain;
	return OK;
}

void trust_book_drop(struct trust_book *book, struct trust_domain *domain)
{
	size_t i = 0;

	while (book->domains[i] != domain)
		i++;
	book->domains[i] = book->domains[--book->count];
	domain_free(domain);
}

/* ---- judging -------------------------------------------------------------------------------------------- */

/* The keys of one document. */
struct prints {
	uint8_t id[BUNDLE_KEYS_MAX][JWK_ID_BYTES];
	size_t count;
};

static struct status prints_make(const struct bundle *bundle, struct prints *ret)
{
	for (ret->count = 0; ret->count < bundle->key_count && ret->count < BUNDLE_KEYS_MAX; ret->count++)
		TRY(jwk_thumbprint(&bundle->keys[ret->count], ret->id[ret->count]));
	return OK;
}

static bool holds(const struct prints *prints, const uint8_t id[JWK_ID_BYTES])
{
	for (size_t i = 0; i < prints->count; i++)
		if (memcmp(prints->id[i], id, JWK_ID_BYTES) == 0)
			return true;
	return false;
}

static bool shares_a_key(const struct trust_domain *domain, const struct prints *prints)
{
	for (size_t i = 0; i < domain->known_count; i++)
		if (holds(prints, domain->known[i]))
			return true;
	return false;
}

static bool holds_a_pin(const struct trust_rules *rules, const struct prints *prints)
{
	for (size_t i = 0; i < rules->pin_count; i++) {
		struct bytes text = bytes_from_text(rules->pins[i]);
		uint8_t id[JWK_ID_BYTES];
		size_t len;

		if (text.len == PIN_TEXT_BYTES && strict_base64url(text, id, &len) && holds(prints, id))
			return true;
	}
	return false;
}

/* "Use the sequence number to decide which is newer" (Federation 4.2); without one the later counts. */
static bool is_older(const struct trust_domain *domain, const struct bundle *bundle)
{
	return bundle->has_sequence && bundle->sequence < domain->sequence;
}

static enum trust_verdict judge(const struct trust_domain *domain, enum trust_origin origin,
	const struct bundle *bundle, const struct prints *prints, const struct trust_rules *rules,
	struct trust_time now)
{
	/* What is held stays so, however long nobody confirms it: waiting is no way around. */
	bool is_known = domain->known_count > 0 &&
			(domain->verdict == TRUST_HELD || !trust_domain_is_stale(domain, rules->max_age_s, now));

	if (trust_origin_is_file(origin))
		return prints->count > 0 || bundle->authority_count > 0 ? TRUST_GIVEN : TRUST_EMPTY;
	if (is_older(domain, bundle) && is_known)
		return TRUST_OLDER;
	if (prints->count == 0)
		return TRUST_EMPTY;
	if (is_known && shares_a_key(domain, prints))
		return TRUST_CONTINUES;
	if (holds_a_pin(rules, prints))
		return TRUST_PINNED;
	if (!is_known)
		return rules->pin_count > 0 ? TRUST_HELD : TRUST_FIRST;
	return rules->continuity == CONTINUITY_ALARM ? TRUST_ALARMED : TRUST_HELD;
}

static void conclude(
	struct trust_domain *domain, enum trust_verdict verdict, const struct prints *prints, struct trust_time now)
{
	domain->verdict = verdict;
	domain->is_changed = true;
	if (!trust_domain_is_believed(domain))
		return;
	domain->confirmed = now;
	domain->sequence = domain->bundle->has_sequence ? domain->bundle->sequence : 0;
	domain->known_count = prints->count;
	memcpy(domain->known, prints->id, sizeof(domain->known));
}

struct status trust_domain_take(struct trust_domain *domain, enum trust_origin origin, struct bytes document,
	struct bundle_set *set, const struct bundle *bundle, const struct trust_rules *rules, struct trust_time now,
	enum trust_verdict *ret_verdict)
{
	AUTO(own_free) uint8_t *copy = malloc(document.len + 1);
	struct prints prints = { 0 };
	enum trust_verdict verdict;

	ENSURE(copy != NULL, NO_MEMORY);
	TRY(prints_make(bundle, &prints));
	*ret_verdict = verdict = judge(domain, origin, bundle, &prints, rules, now);
	if (verdict == TRUST_OLDER)
		return OK;
	if (document.len > 0)
		memcpy(copy, document.data, document.len);
	free(domain->document);
	domain->document = TAKE(copy);
	domain->document_len = document.len;
	(void)bundle_set_ref(set);
	bundle_set_unref(domain->set);
	domain->set = set;
	domain->bundle = bundle;
	domain->origin = origin;
	domain->is_in_force = false;
	conclude(domain, verdict, &prints, now);
	return OK;
}

struct status trust_domain_judge_again(struct trust_domain *domain, const struct trust_rules *rules,
	struct trust_time now, enum trust_verdict *ret_verdict)
{
	struct prints prints = { 0 };

	*ret_verdict = domain->verdict;
	if (domain->bundle == NULL || domain->verdict != TRUST_HELD)
		return OK;
	TRY(prints_make(domain->bundle, &prints));
	*ret_verdict = judge(domain, domain->origin, domain->bundle, &prints, rules, now);
	if (*ret_verdict != domain->verdict)
		conclude(domain, *ret_verdict, &prints, now);
	return OK;
}

void trust_domain_confirm(struct trust_domain *domain, struct trust_time now)
{
	domain->confirmed = now;
}

void trust_domain_withdraw(struct trust_domain *domain)
{
	if (domain->set == NULL)
		return;
	bundle_set_unref(domain->set);
	free(domain->document);
	domain->set = NULL;
	domain->bundle = NULL;
	domain->document = NULL;
	domain->document_len = 0;
	domain->verdict = TRUST_NOTHING;
	domain->is_in_force = false;
	domain->is_changed = true;
}

bool trust_domain_is_believed(const struct trust_domain *domain)
{
	return domain->bundle != NULL && domain->verdict >= TRUST_FIRST;
}

int64_t trust_domain_age_s(const struct trust_domain *domain, struct trust_time now)
{
	int64_t by_wall = now.wall_s - domain->confirmed.wall_s;
	int64_t by_mono = now.mono_us > domain->confirmed.mono_us
				  ? (int64_t)((now.mono_us - domain->confirmed.mono_us) / US_PER_S)
				  : 0;

	return by_wall > by_mono ? by_wall : by_mono;
}

bool trust_domain_is_stale(const struct trust_domain *domain, uint32_t max_age_s, struct trust_time now)
{
	return trust_domain_age_s(domain, now) > (int64_t)max_age_s;
}

/* ---- its bytes in the store ----------------------------------------------------------------------------- */

/* A held document is not worth keeping, but that one was: after a restart its source is asked again. */
void trust_domain_put(struct buf *to, const struct trust_domain *domain)
{
	bool is_believed = trust_domain_is_believed(domain);

	buf_put_u8(to, RECORD_FORM);
	buf_put_u8(to, (uint8_t)domain->origin);
	buf_put_u8(to, (uint8_t)(is_believed || domain->verdict == TRUST_HELD ? domain->verdict : TRUST_NOTHING));
	buf_put_u64(to, (uint64_t)domain->confirmed.wall_s);
	buf_put_u64(to, domain->sequence);
	buf_put_u8(to, (uint8_t)domain->known_count);
	buf_put(to, bytes_of(domain->known, domain->known_count * JWK_ID_BYTES));
	buf_put_sized(to, is_believed ? bytes_of(domain->document, domain->document_len) : (struct bytes){ 0 });
}

/* What was confirmed by a clock that is ahead of ours counts from now on. */
static struct trust_time time_of_record(int64_t confirmed_s, struct trust_time now)
{
	return (struct trust_time){ confirmed_s < now.wall_s ? confirmed_s : now.wall_s, now.mono_us };
}

struct status trust_domain_get(struct trust_domain *domain, struct bytes from, struct trust_time now)
{
	struct reader r = reader_of(from);
	uint8_t form = reader_u8(&r), origin = reader_u8(&r), verdict = reader_u8(&r);
	int64_t confirmed_s = (int64_t)reader_u64(&r);
	uint64_t sequence = reader_u64(&r);
	uint8_t known_count = reader_u8(&r);
	struct bytes known = reader_bytes(&r, (size_t)known_count * JWK_ID_BYTES);
	struct bytes document = reader_sized(&r, BUNDLE_DOCUMENT_MAX_BYTES);

	ENSURE(reader_done(&r) && form == RECORD_FORM && known_count <= BUNDLE_KEYS_MAX, RECORD_CORRUPT);
	ENSURE(origin == TRUST_STREAM || origin == TRUST_ENDPOINT || origin == TRUST_ISSUER_URL, RECORD_CORRUPT);
	ENSURE(verdict <= TRUST_ALARMED, RECORD_CORRUPT);
	ENSURE((verdict >= TRUST_FIRST) == (document.len > 0), RECORD_CORRUPT);
	if (document.len > 0) {
		TRY(trust_document_decode(
			(enum trust_origin)origin, bytes_from_text(domain->name), document, &domain->set));
		domain->bundle = bundle_set_at(domain->set, 0);
		domain->document = malloc(document.len);
		ENSURE(domain->document != NULL, NO_MEMORY);
		memcpy(domain->document, document.data, document.len);
		domain->document_len = document.len;
	}
	domain->origin = (enum trust_origin)origin;
	domain->verdict = (enum trust_verdict)verdict;
	domain->confirmed = time_of_record(confirmed_s, now);
	domain->sequence = sequence;
	domain->known_count = known_count;
	if (known.len > 0)
		memcpy(domain->known, known.data, known.len);
	domain->stored_confirmed_s = confirmed_s;
	return OK;
}

uint32_t trust_interval_s(const struct bundle *bundle, uint32_t refresh_s, uint32_t max_age_s)
{
	uint64_t interval = bundle == NULL	       ? TRUST_INTERVAL_MIN_S
			    : bundle->has_refresh_hint ? bundle->refresh_hint_s
						       : refresh_s;
	uint32_t most = max_age_s / AGE_PARTS < INTERVAL_MAX_S ? max_age_s / AGE_PARTS : INTERVAL_MAX_S;

	if (interval < TRUST_INTERVAL_MIN_S)
		interval = TRUST_INTERVAL_MIN_S;
	return interval < most ? (uint32_t)interval : most;
}

static unsigned flags_of(enum trust_origin origin)
{
	switch (origin) {
	case TRUST_ISSUER_FILE:
	case TRUST_ISSUER_URL:
		return BUNDLE_ISSUER_DOCUMENT;
	case TRUST_ENDPOINT:
	case TRUST_FILE:
		return BUNDLE_SPIFFE_DOCUMENT;
	case TRUST_STREAM:
	case TRUST_NOWHERE:
		break;
	}
	return BUNDLE_STRICT;
}

struct status trust_document_decode(
	enum trust_origin origin, struct bytes name, struct bytes document, struct bundle_set **ret_set)
{
	AUTO(buf_done) struct buf list = buf_make(BUNDLE_DOCUMENT_MAX_BYTES + SPIFFE_ID_MAX_BYTES);

	buf_put_sized(&list, name);
	buf_put_sized(&list, document);
	TRY(buf_check(&list));
	return bundle_set_new(buf_bytes(&list), flags_of(origin), ret_set);
}
