/* who: identities and roles; pure. */
#include "services/api/who.h"

#define ROLE_USER_TEXT	"openshell-user"
#define ROLE_ADMIN_TEXT "openshell-admin"

static void
role_add(struct who *who, struct span role)
{
	if (who->roles_n == WHO_ROLES_MAX || role.length == 0)
		return;
	who->roles[who->roles_n++] = role;
	who->admin = who->admin || span_is(role, ROLE_ADMIN_TEXT);
	who->user = who->user || who->admin || span_is(role, ROLE_USER_TEXT); /* admin implies user */
}

enum err
who_read(const struct rpc_caller *caller, bool allow_unauthenticated, struct who *out, struct why *why)
{
	struct who who = {.subject = SPAN("unauthenticated-local-dev"), .provider = "local"};

	if (caller->authorization.length > 0)
		return fail(why, ERR_UNAUTHENTICATED,
		    "this gateway has no identity provider that could check the "
		    "authorization header");
	if (!caller->certificate && !allow_unauthenticated)
		return fail(why, ERR_UNAUTHENTICATED, "missing authorization header");
	if (caller->certificate) {
		who.provider = "mtls";
		who.subject = caller->common_name;
		for (size_t i = 0; i < caller->units_n; i++)
			role_add(&who, caller->units[i]);
		if (who.subject.length == 0)
			return fail(why, ERR_UNAUTHENTICATED, "the client certificate has no common name (CN)");
	}
	if (who.roles_n == 0) {
		role_add(&who, SPAN(ROLE_USER_TEXT));
		role_add(&who, SPAN(ROLE_ADMIN_TEXT));
	}
	*out = who;
	return OK;
}

enum err
who_may(const struct who *who, const struct rule *rule, struct why *why)
{
	if (rule->auth == AUTH_SANDBOX)
		return fail(why, ERR_DENIED, "%s is for sandboxes alone", rule->name);
	if (rule->need >= NEED_ROLE_WORKSPACE_ADMIN && !who->admin)
		return fail(why, ERR_DENIED, "role '%s' required", ROLE_ADMIN_TEXT);
	if (rule->need == NEED_ROLE_WORKSPACE_USER && !who->user)
		return fail(why, ERR_DENIED, "role '%s' required", ROLE_USER_TEXT);
	return OK;
}
