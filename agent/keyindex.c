/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keyindex.h"

#include <stdlib.h>
#include <string.h>

#include "agent/holder.h"
#include "agent/link.h"
#include "base/hash.h"
#include "base/own.h"

enum { BUCKETS_MIN = 1024, SPACE_BUCKETS = 4096, SPACES_MAX = 1000000, ENCODED_MAX = 4096 };

struct keyindex {
	struct keyindex_entry **buckets;
	size_t bucket_count; /* a power of two */
	size_t count, max_keys;
	struct keyindex_space *spaces[SPACE_BUCKETS];
	struct keyindex_space *all, **all_tail;
	struct keyindex_tenant *tenants[SPACE_BUCKETS];
	size_t space_count;
	uint64_t taken; /* names ever: the last one's number */
	struct keyindex_entry *used, **used_tail;
	struct hash_seed seed; /* names are the clients' choice */
};

struct status keyindex_new(size_t max_keys, struct keyindex **ret_index)
{
	struct keyindex *index = calloc(1, sizeof(*index));
	struct status st;

	ENSURE(index != NULL, NO_MEMORY);
	index->max_keys = max_keys;
	index->bucket_count = BUCKETS_MIN;
	index->buckets = calloc(index->bucket_count, sizeof(struct keyindex_entry *));
	index->all_tail = &index->all;
	index->used_tail = &index->used;
	st = index->buckets != NULL ? hash_seed(&index->seed) : FAIL(NO_MEMORY);
	if (st.code != STATUS_OK) {
		keyindex_free(index);
		return st;
	}
	*ret_index = index;
	return OK;
}

static void parents_free(struct keyindex_space *space)
{
	while (space->parents != NULL) {
		struct keyindex_parent *parent = space->parents;

		space->parents = parent->next;
		free(parent);
	}
}

void keyindex_free(struct keyindex *index)
{
	if (index == NULL)
		return;
	for (size_t i = 0; index->buckets != NULL && i < index->bucket_count; i++)
		while (index->buckets[i] != NULL)
			keyindex_drop(index, index->buckets[i]);
	while (index->all != NULL) {
		struct keyindex_space *space = index->all;

		index->all = space->all_next;
		parents_free(space);
		link_done(space);
		holder_done(space);
		free(space);
	}
	for (size_t i = 0; i < SPACE_BUCKETS; i++)
		while (index->tenants[i] != NULL) {
			struct keyindex_tenant *tenant = index->tenants[i];

			index->tenants[i] = tenant->next;
			free(tenant);
		}
	free(index->buckets);
	free(index);
}

/* ---- namespaces ------------------------------------------------------------------------------- */

static struct keyindex_space *find_encoded(struct keyindex *index, uint64_t hash, struct bytes encoded)
{
	struct keyindex_space *space = index->spaces[hash % SPACE_BUCKETS];

	while (space != NULL && !(space->hash == hash && bytes_equal(space->encoded, encoded)))
		space = space->next;
	return space;
}

/* Into a buffer on the caller's stack: this is on the path of every request. */
static struct bytes encode(const struct namespace_name *name, uint8_t raw[ENCODED_MAX])
{
	struct buf to = { .data = raw, .room = ENCODED_MAX, .max_bytes = ENCODED_MAX };

	namespace_name_put(&to, name);
	return to.bad ? bytes_of(NULL, 0) : buf_bytes(&to);
}

struct keyindex_space *keyindex_space_find(struct keyindex *index, const struct namespace_name *name)
{
	uint8_t raw[ENCODED_MAX];
	struct bytes encoded = encode(name, raw);

	if (encoded.len == 0)
		return NULL;
	return find_encoded(index, hash_keyed(&index->seed, 0, encoded), encoded);
}

static struct bytes tenant_encode(const struct namespace_name *name, uint8_t raw[ENCODED_MAX])
{
	struct namespace_name without = *name;

	without.identity = (struct bytes){ 0 };
	return encode(&without, raw);
}

static struct keyindex_tenant *tenant_find(struct keyindex *index, uint64_t hash, struct bytes encoded)
{
	struct keyindex_tenant *tenant = index->tenants[hash % SPACE_BUCKETS];

	while (tenant != NULL && !(tenant->hash == hash && bytes_equal(tenant->encoded, encoded)))
		tenant = tenant->next;
	return tenant;
}

struct keyindex_tenant *keyindex_tenant_find(struct keyindex *index, const struct namespace_name *name)
{
	uint8_t raw[ENCODED_MAX];
	struct bytes encoded = tenant_encode(name, raw);

	return encoded.len > 0 ? tenant_find(index, hash_keyed(&index->seed, 0, encoded), encoded) : NULL;
}

void keyindex_tenants(const struct keyindex *index, keyindex_tenant_fn *visit, void *context)
{
	for (size_t i = 0; i < SPACE_BUCKETS; i++)
		for (const struct keyindex_tenant *tenant = index->tenants[i]; tenant != NULL; tenant = tenant->next)
			visit(context, tenant);
}

/* The one that a namespace belongs to, made when it is not there. */
static struct status tenant_make(
	struct keyindex *index, const struct namespace_name *name, struct keyindex_tenant **ret_tenant)
{
	struct keyindex_tenant *tenant;
	uint8_t raw[ENCODED_MAX];
	struct bytes encoded = tenant_encode(name, raw);
	uint64_t hash;

	ENSURE(encoded.len > 0, LIMIT);
	hash = hash_keyed(&index->seed, 0, encoded);
	tenant = tenant_find(index, hash, encoded);
	if (tenant == NULL) {
		tenant = calloc(1, sizeof(*tenant) + encoded.len);
		ENSURE(tenant != NULL, NO_MEMORY);
		memcpy(tenant + 1, encoded.data, encoded.len);
		tenant->encoded = bytes_of(tenant + 1, encoded.len);
		tenant->hash = hash;
		tenant->names_max = UINT32_MAX;
		tenant->next = index->tenants[hash % SPACE_BUCKETS];
		index->tenants[hash % SPACE_BUCKETS] = tenant;
	}
	*ret_tenant = tenant;
	return OK;
}

struct status keyindex_space_make(
	struct keyindex *index, const struct namespace_name *name, struct keyindex_space **ret_space)
{
	uint8_t raw[ENCODED_MAX];
	struct bytes encoded = encode(name, raw);
	struct keyindex_tenant *tenant;
	struct keyindex_space *space;
	struct reader r;
	uint64_t hash;

	ENSURE(encoded.len > 0, LIMIT);
	hash = hash_keyed(&index->seed, 0, encoded);
	space = find_encoded(index, hash, encoded);
	if (space != NULL) {
		*ret_space = space;
		return OK;
	}
	ENSURE(index->space_count < SPACES_MAX, LIMIT);
	TRY(tenant_make(index, name, &tenant)); /* at most as many as there are namespaces */
	space = calloc(1, sizeof(*space) + encoded.len);
	ENSURE(space != NULL, NO_MEMORY);
	memcpy(space + 1, encoded.data, encoded.len);
	space->encoded = bytes_of(space + 1, encoded.len);
	space->hash = hash;
	space->tenant = tenant;
	r = reader_of(space->encoded);
	if (namespace_name_get(&r, &space->name).code != STATUS_OK) {
		free(space);
		return FAIL(LIMIT);
	}
	space->next = index->spaces[hash % SPACE_BUCKETS];
	index->spaces[hash % SPACE_BUCKETS] = space;
	*index->all_tail = space;
	index->all_tail = &space->all_next;
	index->space_count++;
	*ret_space = space;
	return OK;
}

struct keyindex_space *keyindex_spaces(struct keyindex *index)
{
	return index->all;
}

/* ---- names ------------------------------------------------------------------------------------ */

struct keyindex_entry *keyindex_find(struct keyindex *index, const struct keyindex_space *space, struct bytes name)
{
	uint64_t hash = hash_keyed(&index->seed, space->hash, name);
	struct keyindex_entry *entry = index->buckets[hash & (index->bucket_count - 1)];

	while (entry != NULL && !(entry->hash == hash && entry->space == space && bytes_equal(entry->name, name)))
		entry = entry->next;
	return entry;
}

static void grow(struct keyindex *index)
{
	size_t wanted = index->bucket_count * 2;
	struct keyindex_entry **buckets = calloc(wanted, sizeof(struct keyindex_entry *));

	if (buckets == NULL)
		return; /* longer chains, still right */
	for (size_t i = 0; i < index->bucket_count; i++)
		while (index->buckets[i] != NULL) {
			struct keyindex_entry *entry = index->buckets[i];

			index->buckets[i] = entry->next;
			entry->next = buckets[entry->hash & (wanted - 1)];
			buckets[entry->hash & (wanted - 1)] = entry;
		}
	free(index->buckets);
	index->buckets = buckets;
	index->bucket_count = wanted;
}

struct status keyindex_take(
	struct keyindex *index, struct keyindex_space *space, struct bytes name, struct keyindex_entry **ret_entry)
{
	struct keyindex_entry *entry;
	struct keyindex_entry **bucket;

	ENSURE(keyindex_find(index, space, name) == NULL, KEY_EXISTS);
	ENSURE(index->count < index->max_keys, LIMIT);
	if (index->count >= index->bucket_count)
		grow(index);
	entry = calloc(1, sizeof(*entry) + name.len + 1);
	ENSURE(entry != NULL, NO_MEMORY);
	if (name.len > 0)
		memcpy(entry + 1, name.data, name.len);
	entry->name = bytes_of(entry + 1, name.len);
	entry->hash = hash_keyed(&index->seed, space->hash, name);
	entry->space = space;
	entry->number = ++index->taken;
	bucket = &index->buckets[entry->hash & (index->bucket_count - 1)];
	entry->next = *bucket;
	*bucket = entry;
	entry->ns_link = &space->entries;
	entry->ns_next = space->entries;
	if (entry->ns_next != NULL)
		entry->ns_next->ns_link = &entry->ns_next;
	space->entries = entry;
	space->tenant->names++;
	index->count++;
	*ret_entry = entry;
	return OK;
}

void keyindex_publish(struct keyindex_entry *entry, struct key_record *record)
{
	if (entry->record == NULL)
		entry->record = key_record_ref(record);
	if (!entry->usable)
		entry->space->count++;
	entry->usable = true;
}

void keyindex_withdraw(struct keyindex_entry *entry)
{
	if (entry->usable)
		entry->space->count--;
	entry->usable = false;
}

static void used_unlink(struct keyindex *index, struct keyindex_entry *entry)
{
	if (entry->used_link == NULL)
		return;
	*entry->used_link = entry->used_next;
	if (entry->used_next != NULL)
		entry->used_next->used_link = entry->used_link;
	else
		index->used_tail = entry->used_link;
	entry->used_next = NULL;
	entry->used_link = NULL;
}

void keyindex_use(struct keyindex *index, struct keyindex_entry *entry, int64_t wall_s, uint64_t mono_us)
{
	entry->used_s = wall_s;
	if (entry->used_link != NULL)
		return;
	entry->used_at_us = mono_us;
	entry->used_link = index->used_tail;
	*index->used_tail = entry;
	index->used_tail = &entry->used_next;
}

struct keyindex_entry *keyindex_used_take(struct keyindex *index, uint64_t until_us)
{
	struct keyindex_entry *entry = index->used;

	if (entry == NULL || entry->used_at_us > until_us)
		return NULL;
	used_unlink(index, entry);
	return entry;
}

void keyindex_drop(struct keyindex *index, struct keyindex_entry *entry)
{
	struct keyindex_entry **link = &index->buckets[entry->hash & (index->bucket_count - 1)];

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	*entry->ns_link = entry->ns_next;
	if (entry->ns_next != NULL)
		entry->ns_next->ns_link = entry->ns_link;
	keyindex_withdraw(entry);
	used_unlink(index, entry);
	entry->space->tenant->names--;
	key_record_unref(entry->record);
	free(entry);
	index->count--;
}

size_t keyindex_count(const struct keyindex *index)
{
	return index->count;
}

size_t keyindex_space_count(const struct keyindex *index)
{
	return index->space_count;
}

/* ---- parents ---------------------------------------------------------------------------------- */

struct bytes keyindex_parent(const struct keyindex_space *space, struct bytes provider)
{
	for (const struct keyindex_parent *p = space->parents; p != NULL; p = p->next)
		if (bytes_equal(p->provider, provider))
			return p->blob;
	return (struct bytes){ 0 };
}

struct status keyindex_parent_put(struct keyindex_space *space, struct bytes provider, struct bytes parent)
{
	struct keyindex_parent *made = calloc(1, sizeof(*made) + provider.len + parent.len);
	uint8_t *at = (uint8_t *)(made + 1);

	ENSURE(made != NULL, NO_MEMORY);
	memcpy(at, provider.data, provider.len);
	memcpy(at + provider.len, parent.data, parent.len);
	made->provider = bytes_of(at, provider.len);
	made->blob = bytes_of(at + provider.len, parent.len);
	made->next = space->parents; /* a newer one is found first */
	space->parents = made;
	return OK;
}
