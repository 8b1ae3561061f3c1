/* The view: the file system that the agent sees, built of binds and tmpfs in the spawner's own mount namespace. */
#ifndef SANDBOX_SUPERVISOR_VIEW_H
#define SANDBOX_SUPERVISOR_VIEW_H

#include "sandbox/supervisor/places.h"

/*
 * Build it and make it the root, leaving nothing of the old one: the policy's places, /proc of this process namespace,
 * a small /dev, a private /tmp, /sandbox, account files. Afterwards the working directory is "/".
 *
 * The process must be root of the user namespace that owns its mount namespace, and pid 1 of its process namespace.
 *
 * errors  as places_find; ERR_SYSTEM naming the step
 */
enum err view_enter(
    const struct msg_spawner_setup *setup, const struct places *places, int root_fd, struct why *why) must_check;

/*
 * Look at what was built: is every mount that may not be written read-only, is every one nosuid, and nodev but for the
 * device nodes, and is nothing else mounted?
 *
 * errors  ERR_STATE naming the mount that is not as it should be
 */
enum err view_verify(const struct places *places, struct why *why) must_check;

#endif
