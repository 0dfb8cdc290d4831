/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations of administrators that are our own. */
#include <stdlib.h>

#include "client/handle.h"
#include "client/keyreeve_admin.h"
#include "wire/admin_pb.h"
#include "wire/opcode.h"

_Static_assert(KEYREEVE_PROVIDER_UP == (int)WIRE_PROVIDER_UP, "state");
_Static_assert(KEYREEVE_AUDIT_READY == (int)WIRE_AUDIT_READY, "space");

#define TEXT(to, from) call_text(to, sizeof(to), from)

/* ---- status ---------------------------------------------------------------------------------------- */

static struct status status_fill(const struct wire_admin_status *from, struct keyreeve_admin_status *to)
{
	to->providers = call_list(from->provider_count, sizeof(*to->providers));
	to->domains = call_list(from->domain_count, sizeof(*to->domains));
	ENSURE(to->providers != NULL && to->domains != NULL, NO_MEMORY);
	for (; to->provider_count < from->provider_count; to->provider_count++) {
		const struct wire_admin_provider *in = &from->providers[to->provider_count];
		struct keyreeve_admin_provider *out = &to->providers[to->provider_count];

		ENSURE(in->state <= WIRE_PROVIDER_UP && in->provider_id < PROVIDER_ID_COUNT, CLIENT_ANSWER);
		TEXT(out->name, in->name);
		TEXT(out->text, in->text);
		out->id = (int)in->provider_id;
		out->state = (enum keyreeve_provider_state)in->state;
		out->waiting = in->waiting;
	}
	for (; to->domain_count < from->domain_count; to->domain_count++) {
		const struct wire_admin_domain *in = &from->domains[to->domain_count];
		struct keyreeve_admin_domain *out = &to->domains[to->domain_count];

		TEXT(out->name, in->name);
		out->keys = in->keys;
		out->age_s = in->age_s;
	}
	return OK;
}

enum keyreeve_result keyreeve_admin_status(struct keyreeve *k, struct keyreeve_admin_status *ret_status)
{
	struct keyreeve_admin_status status = { .build = "" };
	struct wire_admin_status from;
	struct bytes body;
	struct status st;

	call_begin(k);
	CALL_ASK(OPCODE_ADMIN_STATUS, PROVIDER_ID_CORE, &body);
	st = wire_admin_status_decode(body, &k->arena, &from);
	if (st.code == STATUS_OK && from.audit_space > WIRE_AUDIT_READY)
		st = FAIL(CLIENT_ANSWER);
	if (st.code != STATUS_OK)
		return call_done(k, st);
	TEXT(status.build, from.build);
	status.is_strict = from.is_strict;
	status.started_s = (int64_t)from.started_s;
	status.uptime_s = from.uptime_s;
	status.landlock_abi = from.landlock_abi;
	status.seccomp_filters = from.seccomp_filters;
	status.audit = (enum keyreeve_audit_space)from.audit_space;
	status.keys = from.keys;
	status.namespaces = from.namespaces;
	status.connections = from.connections;
	status.requests = from.requests;
	st = status_fill(&from, &status);
	if (st.code == STATUS_OK)
		*ret_status = status;
	else
		keyreeve_admin_status_free(&status);
	return call_done(k, st);
}

void keyreeve_admin_status_free(struct keyreeve_admin_status *status)
{
	free(status->providers);
	free(status->domains);
	*status = (struct keyreeve_admin_status){ .build = "" };
}
