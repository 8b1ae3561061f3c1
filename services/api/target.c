/* target: which sandbox a call means. */
#include "services/api/target.h"

#include "services/api/check.h"

enum err
target_read(const char *sandbox, const char *workspace, struct msg_sandbox_get *out, struct why *why)
{
	struct span name = span_of_text(sandbox), tenant = span_of_text(workspace == NULL ? "" : workspace);
	struct why ignored;

	if (tenant.length == 0 && check_name("sandbox", name, &ignored) == OK)
		tenant = SPAN("default");
	if (tenant.length == 0)
		return check_id("sandbox_id", name, &out->sandbox, why);
	if (name.length == 0)
		return fail(why, ERR_INVALID, "sandbox is required");
	if (check_name("sandbox", name, &ignored) != OK || check_name("workspace", tenant, &ignored) != OK)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	out->name = name;
	out->workspace = tenant;
	return OK;
}

enum err
target_ready(enum err r, const struct msg *answer, struct why *why)
{
	if (r == ERR_NOT_FOUND)
		return fail(why, r, "sandbox not found");
	if (r == OK && answer->sandbox_row.phase != OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY)
		return fail(why, ERR_STATE, "sandbox is not ready");
	return r;
}
