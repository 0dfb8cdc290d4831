/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/doctor_parts.h"
#include "spiffe/endpoint.h"

/* What stands there now; keyreeve-idp compares the server itself at each connect. */
static void socket_check(struct doctor *d, const char *path, uint32_t server)
{
	struct stat st;

	if (lstat(path, &st) != 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			refuse(d, "spiffe.endpoint: %s: %s", path, strerror(errno));
	} else if (!S_ISSOCK(st.st_mode)) {
		refuse(d, "spiffe.endpoint: %s is no socket: name the socket itself", path);
	} else if (st.st_uid != server) {
		refuse(d,
			"spiffe.endpoint: %s belongs to uid %u, and its server should be uid %u: find out who made it, "
			"or set "
			"spiffe.server_uid",
			path, (unsigned)st.st_uid, server);
	}
}

/* DOC-14: nobody but root and the Workload API's own account can put a socket at its path.  One that is not there yet
 * is waited for. */
void doctor_check_endpoint(struct doctor *d)
{
	const uint32_t server = d->config->spiffe.server;
	const struct trust trust = { server, 0 };
	char directory[PATH_MAX], why[PART_BYTES];
	struct endpoint endpoint;
	struct stat st;

	if (!config_needs_idp(d->config)) {
		(void)snprintf(d->good, sizeof(d->good), "no listener takes JWT-SVIDs: nobody is asked for keys");
		return;
	}
	if (endpoint_parse(bytes_from_text(d->config->spiffe.endpoint), &endpoint).code != STATUS_OK ||
		endpoint.kind != ENDPOINT_UNIX || !doctor_directory_of(endpoint.path, directory)) {
		refuse(d, "spiffe.endpoint: %s is no address of a socket", d->config->spiffe.endpoint);
		return;
	}
	if (server == d->config->uid)
		refuse(d, "spiffe.server_uid is that of '%s', as whom we run: let an account of its own serve it",
			d->config->user);
	if (doctor_walk(directory, &trust, &st, why) == WALK_BAD)
		refuse(d, "spiffe.endpoint: %s", why);
	else
		socket_check(d, endpoint.path, server);
}
