/* What the fence refuses, as the kernel tells it: packets of log group REFUSALS_GROUP (rules.h), over nfnetlink_log. */
#ifndef SANDBOX_SUPERVISOR_REFUSALS_H
#define SANDBOX_SUPERVISOR_REFUSALS_H

#include "common/base/err.h"

/*
 * A socket that hears of each packet refused from now on, whoever holds it later. Each message is numbered; those that
 * find its buffer full are lost, and the next number shows how many.
 *
 * The process must hold CAP_NET_ADMIN of the user namespace that its network namespace belongs to.
 *
 * out     the caller's; also set after ERR_STATE: then it never hears anything
 * errors  ERR_STATE the kernel does not log packets here; ERR_SYSTEM
 */
enum err refusals_open(int *out, struct why *why) must_check;

/* Forget what it heard so far: what was refused while the fence was being tried. */
void refusals_forget(int fd);

#endif
