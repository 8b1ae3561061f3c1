/* Laying entries of the sandbox's own over a directory that the policy shares, which keeps its others. */
#ifndef SANDBOX_SUPERVISOR_VIEW_LAY_H
#define SANDBOX_SUPERVISOR_VIEW_LAY_H

#include "common/base/err.h"

/*
 * Lay a directory over the one at path in the new root, which is the working directory, once /tmp is private: by
 * overlayfs, or entry by entry where that is refused. Both are read-only afterwards.
 *
 * layer   a detached tmpfs with the entries; the caller's still, and attached or gone
 * errors  ERR_LIMIT too many entries; ERR_SYSTEM naming the step
 */
enum err view_lay(int layer, const char *path, struct why *why) must_check;

#endif
