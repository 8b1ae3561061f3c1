/* target: the sandbox that a call wants to reach into, named as callers name it, and whether it is ready. */
#ifndef API_TARGET_H
#define API_TARGET_H

#include "services/api/ask.h"

/*
 * Which sandbox is meant: by its id, or by its name (from 0.1 on), which is never as long as an id.
 *
 * errors  ERR_INVALID "sandbox_id is required", "sandbox is required"; ERR_NOT_FOUND "sandbox not found"
 */
enum err target_read(
    const char *sandbox, const char *workspace, struct msg_sandbox_get *out, struct why *why) must_check;

/*
 * What state answered to it: is the sandbox there and READY? Puts the error for the caller in its place.
 *
 * errors  ERR_NOT_FOUND "sandbox not found"; ERR_STATE "sandbox is not ready"; others as they came
 */
enum err target_ready(enum err r, const struct msg *answer, struct why *why) must_check;

#endif
