/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/suspend.h"

#include <stdlib.h>
#include <string.h>

#include "agent/keyfact.h"

void suspend_done(struct suspended *suspended)
{
	for (size_t i = 0; i < suspended->count; i++)
		free((void *)(uintptr_t)suspended->tenants[i].name.data);
	free(suspended->tenants);
	*suspended = (struct suspended){ 0 };
}

static int name_order(struct bytes a, struct bytes b)
{
	size_t least = a.len < b.len ? a.len : b.len;
	int order = least > 0 ? memcmp(a.data, b.data, least) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The first that is not before it. */
static size_t place(const struct suspended *suspended, struct bytes tenant)
{
	size_t low = 0, high = suspended->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (name_order(suspended->tenants[middle].name, tenant) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct suspended *suspended, size_t at, struct bytes tenant)
{
	return at < suspended->count && bytes_equal(suspended->tenants[at].name, tenant);
}

bool suspend_has(const struct suspended *suspended, struct bytes tenant)
{
	return suspended->count > 0 && is_at(suspended, place(suspended, tenant), tenant);
}

struct status suspend_add(struct suspended *suspended, struct bytes tenant, int64_t since_s)
{
	size_t at = place(suspended, tenant);
	struct suspended_tenant *more;
	uint8_t *name;

	if (is_at(suspended, at, tenant))
		return OK;
	ENSURE(suspended->count < SUSPEND_TENANTS_MAX && tenant.len > 0 && tenant.len <= KEYSTORE_TENANT_MAX, LIMIT);
	name = malloc(tenant.len);
	more = calloc(suspended->count + 1, sizeof(*more));
	if (name == NULL || more == NULL) {
		free(name);
		free(more);
		return FAIL(NO_MEMORY);
	}
	memcpy(name, tenant.data, tenant.len);
	for (size_t i = 0; i < suspended->count; i++)
		more[i < at ? i : i + 1] = suspended->tenants[i];
	more[at] = (struct suspended_tenant){ bytes_of(name, tenant.len), since_s };
	free(suspended->tenants);
	suspended->tenants = more;
	suspended->count++;
	return OK;
}

void suspend_remove(struct suspended *suspended, struct bytes tenant)
{
	size_t at = place(suspended, tenant);

	if (!is_at(suspended, at, tenant))
		return;
	free((void *)(uintptr_t)suspended->tenants[at].name.data);
	suspended->count--;
	memmove(&suspended->tenants[at], &suspended->tenants[at + 1],
		(suspended->count - at) * sizeof(suspended->tenants[0]));
}

struct status suspend_load(struct suspended *suspended, const struct fact *fact)
{
	int64_t since_s;

	ENSURE(fact->id.len > 0 && fact->id.len <= KEYSTORE_TENANT_MAX, RECORD_CORRUPT);
	TRY(keyfact_time_get(fact->value, &since_s));
	return suspend_add(suspended, fact->id, since_s);
}
