/* Why namespaces could not be made, said so that a person can do something about it. */
#ifndef COMMON_OS_NAMESPACES_H
#define COMMON_OS_NAMESPACES_H

#include "common/base/err.h"

/*
 * The reason for which clone or unshare with these CLONE_NEW* flags failed, as errno says it: a limit of
 * /proc/sys/user (user_namespaces(7)), a system that forbids it to ordinary users, or the error's own words.
 *
 * flags   what was asked for; only the namespaces among them count
 * what    what it was for: "the sandbox"
 * errors  ERR_SYSTEM, always
 */
enum err namespaces_failed(struct why *why, unsigned long flags, const char *what);

#endif
