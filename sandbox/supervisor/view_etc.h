/* What the agent finds in /etc that is the sandbox's own: account files, name service, the CA that it is to trust. */
#ifndef SANDBOX_SUPERVISOR_VIEW_ETC_H
#define SANDBOX_SUPERVISOR_VIEW_ETC_H

#include "sandbox/supervisor/places.h"

#define VIEW_TLS	"/etc/openshell-tls"
#define VIEW_TLS_BUNDLE VIEW_TLS "/ca-bundle.pem"

/*
 * Put it there, in the new root, which is the working directory, once the policy's places were attached and /tmp is
 * private. Where a place of the root is at /etc, ours is laid over it (by overlayfs, or entry by entry where that is refused),
 * and what was attached below it must be attached again. The system's own file of trust anchors then holds the CA too.
 *
 * root_fd  the agent's root as it was: the system's trust anchors are read from it
 * laid     something was laid over /etc
 * errors   ERR_INVALID /etc of a host may be written by the policy; ERR_SYSTEM naming the step
 */
enum err view_etc(const struct msg_spawner_setup *setup, const struct places *places, int root_fd, bool *laid,
    struct why *why) must_check;

#endif
