/* Mounts as the view is built of them: detached first, attached below the working directory, which is the new root. */
#ifndef SANDBOX_SUPERVISOR_VIEW_MOUNT_H
#define SANDBOX_SUPERVISOR_VIEW_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

#include "common/base/err.h"

#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* All: ERR_SYSTEM naming the step. What comes in *out is owned by the caller. Paths are absolute, in the new root. */

/* A detached file system of the type. options: key, value, ..., NULL. */
enum err mount_fresh(
    const char *type, const char *const *options, unsigned attributes, int *out, struct why *why) must_check;

/* Narrow a mount, and with recursive all below it; they share nothing with the outside from here on. */
enum err mount_narrow(int fd, uint64_t attributes, bool recursive, struct why *why) must_check;

/* A detached copy of what fd (and path from it) refers to, with all that is mounted below it, narrowed. */
enum err mount_clone(int fd, const char *path, uint64_t attributes, int *out, struct why *why) must_check;

/* Make the directories above a path, and what a mount needs to stand on; what is there already is used. */
enum err mount_ground(const char *path, bool directory, struct why *why) must_check;

/* Attach a detached mount at a path. */
enum err mount_attach(int fd, const char *path, struct why *why) must_check;
enum err mount_attach_fresh(
    const char *type, const char *const *options, unsigned attributes, const char *path, struct why *why) must_check;

#endif
