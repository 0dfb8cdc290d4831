/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/workload_x509.h"

#include "base/own.h"
#include "spiffe/id.h"
#include "spiffe/workload.pb-c.h"
#include "spiffe/workload_pb.h"
#include "spiffe/workload_stream.h"

enum { HINT_MAX = 1024 /* WA-13 */ };

/* The trust domains of a message, each with its authorities once. */
struct domains {
	struct bytes name[WORKLOAD_DOMAINS_MAX];
	struct bytes bundle[WORKLOAD_DOMAINS_MAX];
	size_t count;
};

/* An SVID's own domain.  Two SVIDs of one domain carry the same bundle, or the message contradicts itself (WA-09). */
static const char *own_domain_add(struct domains *domains, const Workload__X509Svid *svid)
{
	struct bytes bundle = workload_field(svid->bundle), name, path;

	if (spiffe_id_split(workload_field(svid->spiffe_id), &name, &path).code != STATUS_OK)
		return "message with an X509-SVID for what is no SPIFFE ID";
	if (svid->x509_svid.len == 0 || svid->x509_svid_key.len == 0 || bundle.len == 0)
		return "message with an X509-SVID that lacks a part";
	for (size_t i = 0; i < domains->count; i++)
		if (bytes_equal(domains->name[i], name))
			return bytes_equal(domains->bundle[i], bundle) ? NULL
								       : "message with two bundles for a trust domain";
	domains->name[domains->count] = name;
	domains->bundle[domains->count++] = bundle;
	return NULL;
}

/* What is wrong with a message; NULL if nothing is (WA-05, WA-09, SID-20). */
static const char *message_fault(const Workload__X509SvidResponse *response, struct domains *domains)
{
	struct bytes sorted[WORKLOAD_DOMAINS_MAX];

	if (response->n_svids == 0 || response->n_svids > WORKLOAD_SVIDS_MAX)
		return "message without X509-SVIDs, or with more than 64";
	for (size_t i = 0; i < response->n_svids; i++) {
		const char *fault = own_domain_add(domains, response->svids[i]);

		if (fault != NULL)
			return fault;
	}
	if (response->n_federated_bundles > WORKLOAD_DOMAINS_MAX - domains->count)
		return "message with more than 256 trust domains";
	for (size_t i = 0; i < response->n_federated_bundles; i++) {
		const Workload__X509Bundle *bundle = response->federated_bundles[i];
		struct bytes key = workload_field(bundle->trust_domain_id);

		if (spiffe_map_key_domain(key, &domains->name[domains->count]).code != STATUS_OK)
			return "message with a key that names no trust domain";
		if (bundle->certificates.len == 0)
			return "message with an empty bundle";
		domains->bundle[domains->count++] = workload_field(bundle->certificates);
	}
	memcpy(sorted, domains->name, sizeof(sorted));
	return workload_has_twins(sorted, domains->count) ? "message that names a trust domain twice" : NULL;
}

/* WA-12: "the first one is used"; entries without a hint never collide. */
static bool is_hint_taken(const Workload__X509SvidResponse *response, size_t index)
{
	struct bytes hint = workload_field(response->svids[index]->hint);

	for (size_t i = 0; i < index && hint.len > 0 && hint.len <= HINT_MAX; i++)
		if (bytes_equal(workload_field(response->svids[i]->hint), hint))
			return true;
	return false;
}

/* The SVIDs as one sized value of sized values, then pairs of domain and bundle. */
static void list_write(
	const Workload__X509SvidResponse *response, const struct domains *domains, struct buf *svids, struct buf *list)
{
	for (size_t i = 0; i < response->n_svids; i++) {
		const Workload__X509Svid *svid = response->svids[i];
		struct bytes hint = workload_field(svid->hint);

		if (is_hint_taken(response, i))
			continue;
		buf_put_sized(svids, workload_field(svid->spiffe_id));
		buf_put_sized(svids, workload_field(svid->x509_svid));
		buf_put_sized(svids, workload_field(svid->x509_svid_key));
		buf_put_sized(svids, hint.len > HINT_MAX ? (struct bytes){ 0 } : hint);
	}
	buf_put_sized(list, buf_bytes(svids));
	for (size_t i = 0; i < domains->count; i++) {
		buf_put_sized(list, domains->name[i]);
		buf_put_sized(list, domains->bundle[i]);
	}
}

static const char *x509_decode(struct bytes message, struct buf *list)
{
	AUTO(buf_done) struct buf svids = buf_make(WORKLOAD_LIST_MAX);
	struct domains domains = { .count = 0 };
	struct workload_budget budget;
	Workload__X509SvidResponse *response;
	const char *fault;

	response = workload__x509_svid_response__unpack(
		workload_budget_begin(&budget, message.len), message.len, message.data);
	if (response == NULL)
		return "message that does not decode";
	fault = message_fault(response, &domains);
	if (fault == NULL)
		list_write(response, &domains, &svids, list);
	workload__x509_svid_response__free_unpacked(response, &budget.allocator);
	if (fault == NULL && (svids.bad || list->bad))
		fault = "message that there was no memory for";
	return fault;
}

static const struct workload_stream x509_svids = { "/SpiffeWorkloadAPI/FetchX509SVID", x509_decode };

struct status workload_x509_watch_new(const struct endpoint *endpoint, const struct workload_events *events,
	const struct workload_timing *timing, struct workload_watch **ret_watch)
{
	return workload_stream_watch(&x509_svids, endpoint, events, timing, ret_watch);
}

struct status workload_x509_read(struct bytes list, struct workload_x509s *ret_svids)
{
	struct reader whole = reader_of(list);
	struct reader r = reader_of(reader_sized(&whole, WORKLOAD_LIST_MAX));
	size_t count = 0;

	while (!reader_done(&r)) {
		ENSURE(!r.bad && count < WORKLOAD_SVIDS_MAX, CLIENT_TOKEN);
		ret_svids->item[count].spiffe_id = reader_sized(&r, SPIFFE_ID_MAX_BYTES);
		ret_svids->item[count].chain = reader_sized(&r, WORKLOAD_MESSAGE_MAX);
		ret_svids->item[count].key = reader_sized(&r, WORKLOAD_MESSAGE_MAX);
		ret_svids->item[count].hint = reader_sized(&r, HINT_MAX);
		count++;
	}
	ENSURE(count > 0 && !whole.bad, CLIENT_TOKEN);
	ret_svids->count = count;
	ret_svids->bundles = whole.left;
	return OK;
}
