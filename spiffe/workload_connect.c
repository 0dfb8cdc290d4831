/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/workload_connect.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/own.h"

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == ENDPOINT_PATH_BYTES, "a path is an address");

struct status workload_connect(const struct endpoint *endpoint, int *ret_fd, struct workload_server *ret_server)
{
	AUTO(own_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred server;
	socklen_t len = sizeof(server);

	if (fd < 0)
		return FAIL_RC(NO_DESCRIPTORS, errno);
	memcpy(address.sun_path, endpoint->path, sizeof(address.sun_path));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &server, &len) < 0)
		return FAIL_RC(IO, errno);
	*ret_server = (struct workload_server){ .uid = server.uid, .pid = server.pid };
	ENSURE(endpoint->server_uid == ENDPOINT_ANYBODY || endpoint->server_uid == server.uid, JWT_STRANGER);
	*ret_fd = own_take_fd(&fd);
	return OK;
}
