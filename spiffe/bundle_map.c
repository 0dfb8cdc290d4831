/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/bundle_map.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/own.h"
#include "spiffe/id.h"
#include "spiffe/strict.h"

enum { MAP_DEPTH_MAX = BUNDLE_DEPTH_MAX + 2 };

static void json_done(json_t **json)
{
	json_decref(*json);
}

static void set_done(struct bundle_set **set)
{
	bundle_set_unref(*set);
}

static struct status bundle_put(struct buf *list, struct bytes name, json_t *bundle)
{
	AUTO(own_free) char *document = NULL;

	/* BM-04: an ID is none.  BM-01, by then: JSON has no name twice, and a name has one form only. */
	if (spiffe_trust_domain_check(name).code != STATUS_OK)
		return FAIL(BUNDLE_MALFORMED);
	ENSURE(json_is_object(bundle), BUNDLE_MALFORMED);
	(void)json_object_del(bundle, "spiffe_sequence"); /* it need not be there */
	(void)json_object_del(bundle, "spiffe_refresh_hint");
	document = json_dumps(bundle, JSON_COMPACT);
	ENSURE(document != NULL, NO_MEMORY);
	buf_put_sized(list, name);
	buf_put_sized(list, bytes_from_text(document));
	return buf_check(list);
}

static struct status all_are_good(const struct bundle_set *set)
{
	for (size_t i = 0; i < bundle_set_count(set); i++)
		ENSURE(!bundle_set_at(set, i)->is_malformed, BUNDLE_MALFORMED);
	return OK;
}

struct status bundle_map_new(struct bytes map, struct buf *list, struct bundle_set **ret_set)
{
	AUTO(set_done) struct bundle_set *set = NULL;
	AUTO(json_done) json_t *root = NULL;
	json_t *domains, *bundle;
	const char *name;

	ENSURE(map.len <= BUNDLE_MAP_MAX_BYTES, LIMIT);
	root = strict_json(map, MAP_DEPTH_MAX);
	ENSURE(root != NULL || errno != ENOMEM, NO_MEMORY);
	domains = json_object_get(root, "trust_domains");
	ENSURE(json_is_object(root) && json_is_object(domains), BUNDLE_MALFORMED);
	json_object_foreach(domains, name, bundle)
	{
		TRY(bundle_put(list, bytes_from_text(name), bundle));
	}
	if (list->len > 0) {
		TRY(bundle_set_new(buf_bytes(list), BUNDLE_SPIFFE_DOCUMENT, &set));
		TRY(all_are_good(set));
	}
	*ret_set = TAKE(set);
	return OK;
}
