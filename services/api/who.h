/* who: the caller, from its certificate or the listener it came through, and what it may call. */
#ifndef API_WHO_H
#define API_WHO_H

#include "common/rpc/server.h"

#define WHO_ROLES_MAX 16

/* How a method is guarded: the last columns of proto/openshell/methods.def. */
enum auth { AUTH_NONE, AUTH_BEARER, AUTH_SANDBOX, AUTH_DUAL };
enum need { NEED_ROLE_NONE, NEED_ROLE_WORKSPACE_USER, NEED_ROLE_WORKSPACE_ADMIN, NEED_ROLE_PLATFORM_ADMIN };

struct rule {
	const char *name; /* of the method */
	enum auth auth;
	const char *scope; /* for logins with scopes, which come with their issue */
	enum need need;
};

/* A caller that is known. Spans are borrowed from the call. */
struct who {
	struct span subject;
	struct span roles[WHO_ROLES_MAX];
	size_t roles_n;
	const char *provider; /* what vouches for it: "mtls" or "local" */
	bool user, admin;     /* has openshell-user, has openshell-admin */
};

/*
 * Who is calling: by client certificate, CN the subject and each OU a role (none: both roles); else, where that is
 * allowed, the local developer.
 *
 * errors  ERR_UNAUTHENTICATED "missing authorization header", or a bearer token that nobody here can check
 */
enum err who_read(
    const struct rpc_caller *caller, bool allow_unauthenticated, struct who *out, struct why *why) must_check;

/* ERR_DENIED naming the role that is missing. */
enum err who_may(const struct who *who, const struct rule *rule, struct why *why) must_check;

#endif
