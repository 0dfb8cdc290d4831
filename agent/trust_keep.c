/* SPDX-License-Identifier: Apache-2.0
 *
 * What is believed, in the store, so that a restart without the Workload API or an endpoint is none for clients.  A
 * domain is a row of pieces: facts hold less than a document may be long.  What counts no more leaves the store. */
#include "agent/trust_parts.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/own.h"

enum {
	PIECE_BYTES = KEYSTORE_FACT_MAX,
	PIECES_MAX = TRUST_RECORD_MAX / PIECE_BYTES + 1,
	PIECE_HEAD_BYTES = 8, /* index, count */
	CONFIRM_PARTS = 16,   /* of max_age: how much newer a confirmation must be to be written */
};

/* One change of the store, with all that its job borrows. */
struct keep {
	struct durable_job job;
	struct buf record, ids;
	struct buf pieces;
	struct fact_change changes[PIECES_MAX];
};

static void kept(struct post *post)
{
	struct keep *keep = (struct keep *)((char *)post - offsetof(struct keep, job.post));

	if (keep->job.result != STATUS_OK)
		log_error("what is believed could not be stored: %s; a restart may find older keys",
			status_text(keep->job.result));
	buf_done(&keep->record);
	buf_done(&keep->ids);
	buf_done(&keep->pieces);
	free(keep);
}

/* Piece `index` of the name, at a fixed place, since the ids are borrowed while the buffer grows. */
static size_t id_put(struct buf *ids, const char *name, uint32_t index)
{
	size_t at = ids->len;

	buf_put_u32(ids, index);
	buf_put_text(ids, name);
	return ids->len - at;
}

/* rows pieces of the record, and deletions of those beyond them that were there. */
static struct status changes_make(
	struct keep *keep, enum fact_kind kind, const struct trust_domain *domain, uint32_t rows)
{
	uint32_t all = rows > domain->stored_rows ? rows : domain->stored_rows;
	size_t id_len = 0, at = 0;

	ENSURE(all <= PIECES_MAX, LIMIT);
	for (uint32_t i = 0; i < all; i++)
		id_len = id_put(&keep->ids, domain->name, i);
	for (uint32_t i = 0; i < rows; i++) {
		size_t left = keep->record.len - at, room = PIECE_BYTES - PIECE_HEAD_BYTES;
		size_t len = left < room ? left : room;

		buf_put_u32(&keep->pieces, rows);
		buf_put_u32(&keep->pieces, (uint32_t)len);
		buf_put(&keep->pieces, bytes_of(keep->record.data + at, len));
		at += len;
	}
	TRY(buf_check(&keep->ids));
	TRY(buf_check(&keep->pieces));
	at = 0;
	for (uint32_t i = 0; i < all; i++) {
		struct fact_change *change = &keep->changes[i];
		size_t left = keep->pieces.len - at, len = left < PIECE_BYTES ? left : PIECE_BYTES;

		change->fact.kind = kind;
		change->fact.id = bytes_of(keep->ids.data + i * id_len, id_len);
		change->is_out = i >= rows;
		if (!change->is_out)
			change->fact.value = bytes_of(keep->pieces.data + at, len);
		at += change->is_out ? 0 : len;
	}
	keep->job.changes = keep->changes;
	keep->job.change_count = all;
	return OK;
}

static void submit(struct trust *trust, struct trust_domain *domain, bool is_kept)
{
	struct keep *keep = calloc(1, sizeof(*keep));
	struct status st = keep != NULL ? OK : FAIL(NO_MEMORY);
	uint32_t rows = 0;

	if (st.code == STATUS_OK) {
		keep->job = (struct durable_job){ .kind = DURABLE_FACTS, .post.done = kept };
		keep->record = buf_make(TRUST_RECORD_MAX);
		keep->ids = buf_make((size_t)PIECES_MAX * (sizeof(domain->name) + sizeof(uint32_t)));
		keep->pieces = buf_make((size_t)PIECES_MAX * PIECE_BYTES);
		if (is_kept)
			trust_domain_put(&keep->record, domain);
		rows = (uint32_t)((keep->record.len + PIECE_BYTES - PIECE_HEAD_BYTES - 1) /
				  (PIECE_BYTES - PIECE_HEAD_BYTES));
		st = buf_check(&keep->record);
	}
	if (st.code == STATUS_OK)
		st = changes_make(keep, trust->kind == TRUST_OF_DOMAINS ? FACT_TRUST : FACT_ISSUER, domain, rows);
	if (st.code == STATUS_OK) {
		domain->stored_rows = rows;
		domain->stored_confirmed_s = domain->confirmed.wall_s;
		domain->is_changed = false;
		durable_submit(trust->durable, &keep->job);
		return;
	}
	log_error("%s: what is believed of it could not be stored: %s", domain->name, status_text(st.code));
	if (keep != NULL) {
		keep->job.result = STATUS_OK;
		kept(&keep->job.post);
	}
}

void trust_keep(struct trust *trust, struct trust_domain *domain)
{
	int64_t step = (int64_t)trust_rules_of(trust, bytes_from_text(domain->name)).max_age_s / CONFIRM_PARTS;

	if (trust->durable == NULL || trust_origin_is_file(domain->origin))
		return;
	if (domain->is_changed || domain->confirmed.wall_s > domain->stored_confirmed_s + step)
		submit(trust, domain, true);
}

void trust_erase(struct trust *trust, struct trust_domain *domain)
{
	if (trust->durable != NULL && domain->stored_rows > 0)
		submit(trust, domain, false);
}

/* ---- after a restart ------------------------------------------------------------------------------------- */

static bool is_name(const struct trust *trust, struct bytes name)
{
	if (trust->kind == TRUST_OF_DOMAINS)
		return spiffe_trust_domain_check(name).code == STATUS_OK;
	return name.len > 0 && name.len <= CONFIG_ISSUER_MAX;
}

/* Pieces come in the order of their ids' hashes: each goes to its place in a record of the domain's, in `document`
 * until all are there. */
struct status trust_load(struct trust *trust, const struct fact *fact)
{
	struct reader id = reader_of(fact->id), piece = reader_of(fact->value);
	uint32_t index = reader_u32(&id), count = reader_u32(&piece), len = reader_u32(&piece);
	const size_t room = PIECE_BYTES - PIECE_HEAD_BYTES;
	struct trust_domain *domain;
	uint8_t *record;

	ENSURE(!id.bad && !piece.bad && count <= PIECES_MAX && index < count && piece.left.len == len, RECORD_CORRUPT);
	ENSURE(len <= room && (index == count - 1 || len == room), RECORD_CORRUPT);
	ENSURE(is_name(trust, id.left), RECORD_CORRUPT);
	TRY(trust_book_get(&trust->book, id.left, &domain));
	if (domain->document == NULL) {
		domain->document = calloc(count, room);
		ENSURE(domain->document != NULL, NO_MEMORY);
		domain->stored_rows = count;
	}
	ENSURE(domain->stored_rows == count, RECORD_CORRUPT);
	record = domain->document + index * room;
	if (len > 0)
		memcpy(record, piece.left.data, len);
	domain->document_len += len;
	return OK;
}

/* The record that trust_load() put together becomes the domain. */
static struct status believe(struct trust_domain *domain, struct trust_time now)
{
	AUTO(own_free) uint8_t *record = TAKE(domain->document);
	size_t len = TAKE(domain->document_len);

	return trust_domain_get(domain, bytes_of(record, len), now);
}

static bool is_wanted(const struct trust *trust, const struct trust_domain *domain)
{
	struct bytes name = bytes_from_text(domain->name);

	return domain->origin == trust_origin_of(trust, name) &&
	       (domain->verdict == TRUST_HELD ||
		       !trust_domain_is_stale(domain, trust_rules_of(trust, name).max_age_s, trust_now(trust)));
}

void trust_open(struct trust *trust, struct durable *durable, struct audit_events *events)
{
	trust->durable = durable;
	trust->events = events;
	for (size_t i = trust->book.count; i > 0; i--) {
		struct trust_domain *domain = trust->book.domains[i - 1];
		struct status st = believe(domain, trust_now(trust));

		if (st.code == STATUS_OK && is_wanted(trust, domain)) {
			if (trust_domain_is_believed(domain))
				trust_tell(trust, "trust-restored", domain, "believed before the restart");
			continue;
		}
		if (st.code != STATUS_OK)
			log_error("ALARM: %s: what was believed before the restart is damaged and not used: %s",
				domain->name, status_text(st.code));
		trust_erase(trust, domain);
		trust_book_drop(&trust->book, domain);
	}
	trust->changes++;
	trust->needs_build = trust->book.count > 0;
}
