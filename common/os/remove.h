/* Removing a tree that a stranger filled: as deep and as odd as it likes, a piece at a time. */
#ifndef COMMON_OS_REMOVE_H
#define COMMON_OS_REMOVE_H

#include "common/base/err.h"

/*
 * Remove name and all below it, without following a link, at most so many entries at once.
 *
 * dir     its parent; nothing outside name is touched
 * errors  ERR_MORE entries are left, call again; ERR_SYSTEM one cannot be removed
 */
enum err tree_remove(int dir, const char *name, unsigned entries_max, struct why *why) must_check;

/* The same to the end, however long it takes; that it is not there is no error. dir: AT_FDCWD for a path. */
enum err tree_remove_whole(int dir, const char *name, struct why *why) must_check;

#endif
