/* SPDX-License-Identifier: Apache-2.0
 *
 * What keyreeve-fetch may get, and what it and the agent say to each other.  keyreeved gives the role a list of
 * sources, each with a name, and its sandbox follows from them; the agent asks by name only, so that a captured agent
 * reaches no other address.  Plain values and their bytes; any thread.  SPIFFE Federation section 5;
 * spiffe-requirements section 9.
 */
#ifndef SPIFFE_FETCH_SOURCE_H
#define SPIFFE_FETCH_SOURCE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
	FETCH_URL_MAX = 1024,
	FETCH_NAME_MAX = 1100, /* "federation:" or "jwks:" and what it is of */
	FETCH_ID_MAX = 2048,
	FETCH_PATH_MAX = 1024,
	FETCH_SOURCES_MAX = 64,
	FETCH_SECTION_MAX = 512 * 1024,
	FETCH_DOCUMENT_MAX = 1024 * 1024, /* JB-11 */
	FETCH_AUTHORITIES_MAX = 2 * 1024 * 1024,
	FETCH_REDIRECTS_MAX = 4,
	FETCH_CONNECT_MS = 10 * 1000,
	FETCH_TOTAL_MS = 15 * 1000, /* from the question to the answer, redirects and names included */
	FETCH_TEXT_MAX = 256,
};

/* The numbers are those of the configuration's words, too. */
enum fetch_profile {
	FETCH_NO_PROFILE = 0,
	FETCH_HTTPS_WEB = 1,	/* a certificate of the Web's authorities for the URL's host (FD-04) */
	FETCH_HTTPS_SPIFFE = 2, /* an X509-SVID of exactly endpoint_id (FD-05) */
};

struct fetch_source {
	struct bytes name;
	struct bytes url;
	struct bytes endpoint_id; /* https_spiffe only */
	enum fetch_profile profile;
	bool follows_redirects;
};

/* "https", a host, no user, no fragment, printable ASCII (FD-03); the port, 443 where none stands there.
 * Fails: CLIENT_ENDPOINT. */
struct status fetch_url_check(struct bytes url, uint16_t *ret_port);

/* The role's section of the configuration: the file with the Web's authorities, then the sources.  ret_sources has room
 * for FETCH_SOURCES_MAX; what is got are views into section, each checked.  Fails: CONFIG_SYNTAX. */
void fetch_section_put(struct buf *to, struct bytes ca_file, const struct fetch_source *sources, size_t count);
struct status fetch_section_get(
	struct bytes section, struct bytes *ret_ca_file, struct fetch_source *ret_sources, size_t *ret_count);

/* Over struct ipc on the socket "agent". */
enum fetch_message {
	FETCH_NONE = 0,
	FETCH_HELLO,	/* both ways; part 0: build id; first on every socket */
	FETCH_GET,	/* agent: id, answered once; part 0 name of a source; https_spiffe: part 1 authorities, pairs of
			 * sized values, trust domain and DER certificates one after the other (spiffe/x509.h) */
	FETCH_DOCUMENT, /* id; part 1: the body, undecoded */
	FETCH_FAILED,	/* id; status; part 0: text for log and status */
};

#endif
