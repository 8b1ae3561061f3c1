/* What of the bundle the agent may see and execute: the directory agent, and nothing else. */
#ifndef SANDBOX_SUPERVISOR_VIEW_AGENT_H
#define SANDBOX_SUPERVISOR_VIEW_AGENT_H

#include "sandbox/supervisor/places.h"

#define VIEW_AGENT "/opt/openshell/agent" /* pack, sftp-server, and what they need */

/* A detached, read-only copy of it, while the old root is still there; -1 where the bundle has none. */
enum err view_agent_clone(int *out, struct why *why) must_check;

/*
 * Make a directory for it in the new root, which is the working directory, once /tmp is private and before hidden places
 * are covered. Where the policy shares /opt, ours is laid over it, and what was attached below it must be attached again.
 * Where /opt may be written, there is no room for it: the agent then has no programs of ours.
 *
 * laid    something was laid over /opt
 * errors  ERR_SYSTEM naming the step
 */
enum err view_agent_ground(const struct places *places, bool *laid, struct why *why) must_check;

/* Show it, where there is room. ERR_SYSTEM naming the step. */
enum err view_agent_attach(int clone, struct why *why) must_check;

#endif
