/* SPDX-License-Identifier: Apache-2.0
 *
 * Key documents in files of the configuration.  The agent opens none: keyreeved hands their contents over. */
#include "agent/trust_parts.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "spiffe/bundle_map.h"

struct bytes trust_file_find(const struct trust *trust, const char *kind, const char *name)
{
	char wanted[FETCH_NAME_MAX + 1];
	struct reader r = reader_of(buf_bytes(&trust->files));

	(void)snprintf(wanted, sizeof(wanted), "%s:%s", kind, name);
	while (!r.bad && r.left.len > 0) {
		struct bytes key = reader_sized(&r, FETCH_NAME_MAX), content = reader_sized(&r, TRUST_FILES_MAX);

		if (!r.bad && bytes_equal(key, bytes_from_text(wanted)))
			return content;
	}
	return (struct bytes){ 0 };
}

struct status trust_files(struct trust *trust, int fd)
{
	AUTO(own_close) int own = fd;
	struct stat info;
	uint8_t *at;

	if (fstat(own, &info) < 0)
		return FAIL_RC(IO, errno);
	buf_clear(&trust->files);
	trust->files.bad = false;
	at = buf_reserve(&trust->files, (size_t)info.st_size);
	ENSURE(at != NULL, LIMIT);
	if (pread(own, at, (size_t)info.st_size, 0) != (ssize_t)info.st_size)
		return FAIL_RC(IO, errno);
	buf_grew(&trust->files, (size_t)info.st_size);
	return OK;
}

struct status trust_issuer_file(struct trust *trust, struct bytes name, struct bytes document)
{
	const struct config_issuer *issuer = config_issuer_find(trust->config, name);

	ENSURE(issuer != NULL && trust_origin_of(trust, name) == TRUST_ISSUER_FILE, JWT_ISSUER);
	trust_submit(trust, TRUST_ISSUER_FILE, issuer->issuer, document);
	return OK;
}

static void take_file(struct trust *trust, const struct config_bundle *from)
{
	struct bytes name = bytes_from_text(from->trust_domain),
		     document = trust_file_find(trust, "bundle", from->trust_domain);
	struct bundle_set *set;

	if (document.len == 0) {
		log_error("%s: its bundle, %s, cannot be read", from->trust_domain, from->file);
		return;
	}
	if (trust_document_decode(TRUST_FILE, name, document, &set).code != STATUS_OK) {
		log_error("%s: its bundle, %s, cannot be decoded", from->trust_domain, from->file);
		return;
	}
	for (size_t i = 0; i < bundle_set_report_count(set); i++)
		log_warning("%s: %s", from->file, bundle_set_report(set, i));
	trust_take(trust, TRUST_FILE, document, set, bundle_set_at(set, 0));
	bundle_set_unref(set);
}

/* What the map said of it before counts no more. */
static void leave_map(struct trust *trust, const struct config_bundle *from)
{
	struct trust_domain *domain = trust_book_find(&trust->book, bytes_from_text(from->trust_domain));

	log_error("%s: its bundle is not in the map %s", from->trust_domain, from->map);
	if (domain == NULL || domain->bundle == NULL)
		return;
	trust_domain_withdraw(domain);
	trust_tell(trust, "trust-withdrawn", domain, "no longer in its map: nobody of it is believed");
	trust_prune(trust);
}

static struct bytes document_of(struct bytes list, struct bytes name)
{
	struct reader r = reader_of(list);
	struct bytes document = { 0 };
	bool found = false;

	while (!found && r.left.len > 0) {
		found = bytes_equal(reader_sized(&r, SPIFFE_TRUST_DOMAIN_MAX_BYTES), name);
		document = reader_sized(&r, BUNDLE_MAP_LIST_MAX);
	}
	return document;
}

/* For all that name the same map; whole, or not at all (BM-03). */
static void take_map(struct trust *trust, const char *path)
{
	AUTO(buf_done) struct buf list = buf_make(BUNDLE_MAP_LIST_MAX);
	const struct config_spiffe *spiffe = &trust->config->spiffe;
	struct bundle_set *set;

	if (bundle_map_new(trust_file_find(trust, "map", path), &list, &set).code != STATUS_OK) {
		log_error("%s is no bundle map that can be used: what was before stays", path);
		return;
	}
	for (uint32_t i = 0; i < spiffe->bundle_count; i++) {
		const struct config_bundle *from = &spiffe->bundles[i];
		struct bytes name = bytes_from_text(from->trust_domain);
		const struct bundle *bundle = set != NULL ? bundle_set_find(set, name) : NULL;

		if (from->map == NULL || strcmp(from->map, path) != 0)
			continue;
		if (bundle != NULL)
			trust_take(trust, TRUST_FILE, document_of(buf_bytes(&list), name), set, bundle);
		else
			leave_map(trust, from);
	}
	for (size_t i = 0; set != NULL && i < bundle_set_report_count(set); i++)
		log_warning("%s: %s", path, bundle_set_report(set, i));
	bundle_set_unref(set);
}

void trust_take_files(struct trust *trust)
{
	const struct config_spiffe *spiffe = &trust->config->spiffe;

	for (uint32_t i = 0; i < spiffe->bundle_count; i++)
		if (spiffe->bundles[i].file != NULL)
			take_file(trust, &spiffe->bundles[i]);
		else if (spiffe->bundles[i].map != NULL && config_map_is_new(spiffe, i))
			take_map(trust, spiffe->bundles[i].map);
}
