/* SPDX-License-Identifier: Apache-2.0
 *
 * A watch of one's own X509-SVIDs, with their private keys and the authorities to verify others by.  Bytes again,
 * handed on undecoded; whether they may be used is spiffe/x509.h's question (WA-18).  Never part of keyreeve-idp or the
 * agent, which have no business with such keys.  Workload API section 5.2.1; spiffe-requirements WA-02 to WA-13. */
#ifndef SPIFFE_WORKLOAD_X509_H
#define SPIFFE_WORKLOAD_X509_H

#include "spiffe/workload.h"

/* Views. */
struct workload_x509 {
	struct bytes spiffe_id; /* a SPIFFE ID */
	struct bytes chain;	/* DER, one certificate after the other, the leaf first */
	struct bytes key;	/* PKCS#8, DER */
	struct bytes hint;	/* empty: none, or one over 1024 bytes (WA-13) */
};
struct workload_x509s {
	struct workload_x509 item[WORKLOAD_SVIDS_MAX]; /* the first is the default (WA-10) */
	size_t count;				       /* at least one */
	struct bytes
		bundles; /* pairs as x509svid_bundles_new() takes them: the SVIDs' own domains, then federated ones */
};

/* As workload_watch_new(); the list of events->bundles() is for workload_x509_read(). */
struct status workload_x509_watch_new(const struct endpoint *endpoint, const struct workload_events *events,
	const struct workload_timing *timing, struct workload_watch **ret_watch);

/* Views into list, which is one that the watch announced.  Fails: CLIENT_TOKEN (it is not). */
struct status workload_x509_read(struct bytes list, struct workload_x509s *ret_svids);

#endif
