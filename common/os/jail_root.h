/* The jail's root directory: another one, or an empty one. */
#ifndef COMMON_OS_JAIL_ROOT_H
#define COMMON_OS_JAIL_ROOT_H

#include "common/base/err.h"

/*
 * Change the root directory of this process.
 *
 * A user without the right to do so gets it from a user namespace of its own, in which its ids are what they were; the
 * right is still there afterwards, for jail_enter to give up.
 *
 * root    NULL: an empty one that nothing can be written to; "/" keeps
 */
enum err jail_root(const char *root, struct why *why) must_check;

#endif
