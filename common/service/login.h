/* The login for the operator's proxy, as its file has it. */
#ifndef COMMON_SERVICE_LOGIN_H
#define COMMON_SERVICE_LOGIN_H

#include "common/policy/forward_proxy.h"

/*
 * Read the file of a login: one line USER:PASSWORD; what else was read of it is wiped.
 *
 * out     in to, which the caller wipes; empty where path is "" (there is none). Untouched unless OK
 * errors  as settings_file and forward_login_parse
 */
enum err login_read(const char *path, char to[FORWARD_LOGIN_MAX], struct span *out, struct why *why) must_check;

#endif
