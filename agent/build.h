/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of keyreeve-agent, made in order and ended in reverse. */
#ifndef AGENT_BUILD_H
#define AGENT_BUILD_H

#include "base/role.h"

struct agent;

/* All of it, from a zeroed struct: the sandbox first, then what the store and the log have.  The role is borrowed.
 * Whether it fails or not, agent_tear_down() ends it.  Fails: the codes of the parts. */
struct status agent_build(struct agent *agent, struct role_start *role);
/* Also of one that is half built. */
void agent_tear_down(struct agent *agent);

#endif
