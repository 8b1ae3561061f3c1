/* User and group ids of this user namespace: whether one is there, and a namespace that has just one. */
#ifndef COMMON_OS_IDS_H
#define COMMON_OS_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"

/* Can this number be a user and a group here (user_namespaces(7), uid_map and gid_map)? false when /proc does not say. */
bool id_mapped(uint32_t id);

/* The same for any map of its form: lines of "inside outside count". */
bool id_mapped_in(const char *path, uint32_t id);

/*
 * Enter a user namespace of its own, in which the user and group that the caller is are called uid and gid, and there
 * is no other; groups cannot be set. The process is as dumpable afterwards as it was.
 *
 * flags   of other namespaces to be made with it, CLONE_NEW* (unshare(2)); 0: none
 * errors  ERR_SYSTEM: this system refuses, or naming the file
 */
enum err ids_enter(int flags, uid_t uid, gid_t gid, struct why *why) must_check;

#endif
