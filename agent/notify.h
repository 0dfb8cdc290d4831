/* SPDX-License-Identifier: Apache-2.0
 *
 * What the service manager is told, as by sd_notify(3).  keyreeved's only thread. */
#ifndef AGENT_NOTIFY_H
#define AGENT_NOTIFY_H

/* A socket that is connected to the one named in NOTIFY_SOCKET; -1 without.  Before the sandbox, which keeps abstract
 * addresses out of reach.  The caller closes it. */
int notify_open(void);
/* One datagram: "READY=1".  fd -1: nothing happens. */
void notify_send(int fd, const char *text);

#endif
