/* Requests of generation 0.1 of the interface, as the older one has them. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "services/api/newer.h"

#define SANDBOX_API "/openshell.v1.OpenShell/"

static const struct {
	const char *what, *path;
	struct span in;
	enum err want;
	struct span out;
} cases[] = {
    {"a workspace as text", "GetSandbox",
	SPAN("\x0a\x01"
	     "a\x12\x07"
	     "default"),
	OK,
	SPAN("\x0a\x01"
	     "a\x12\x07"
	     "default")},
    {"a selector", "GetSandbox",
	SPAN("\x0a\x01"
	     "a\x12\x09\x0a\x07"
	     "default"),
	OK,
	SPAN("\x0a\x01"
	     "a\x12\x07"
	     "default")},
    {"an empty selector", "StopSandbox", SPAN("\x12\x00"), OK, SPAN("\x12\x00")},
    {"the last member of a oneof counts", "StartSandbox", SPAN("\x12\x05\x12\x00\x0a\x01w"), OK, SPAN("\x12\x01w")},
    {"a member that we do not know", "DeleteSandbox", SPAN("\x12\x05\x0a\x01w\x18\x05"), OK, SPAN("\x12\x01w")},
    {"all where one is meant", "GetSandbox", SPAN("\x12\x02\x12\x00"), ERR_INVALID, {NULL, 0}},
    {"a selector cut short", "GetSandbox", SPAN("\x12\x03\x0a\x05w"), ERR_INVALID, {NULL, 0}},
    {"all for a list", "ListSandboxes", SPAN("\x08\x05\x22\x02\x12\x00"), OK, SPAN("\x08\x05\x28\x01")},
    {"an offset", "ListSandboxes", SPAN("\x10\x05"), OK, SPAN("\x10\x05")},
    {"a page token", "ListSandboxes",
	SPAN("\x12\x03"
	     "300"),
	OK, SPAN("\x10\xac\x02")},
    {"the greatest page token", "ListSandboxes",
	SPAN("\x12\x0a"
	     "4294967295"),
	OK, SPAN("\x10\xff\xff\xff\xff\x0f")},
    {"one past it", "ListSandboxes",
	SPAN("\x12\x0a"
	     "4294967296"),
	ERR_INVALID, {NULL, 0}},
    {"a page token of somebody else", "ListSandboxes", SPAN("\x12\x01x"), ERR_INVALID, {NULL, 0}},
    {"an empty page token", "ListSandboxes", SPAN("\x12\x00"), OK, SPAN("")},
    {"create: a scope", "CreateSandbox", SPAN("\x0a\x00\x3a\x03\x0a\x01w"), OK, SPAN("\x0a\x00\x2a\x01w")},
    {"create: a workspace as text", "CreateSandbox", SPAN("\x2a\x01w"), OK, SPAN("\x2a\x01w")},
    {"create: not waiting", "CreateSandbox", SPAN("\x28\x00"), OK, SPAN("")},
    {"create: waiting", "CreateSandbox", SPAN("\x28\x01"), ERR_UNIMPLEMENTED, {NULL, 0}},
    {"create: a template", "CreateSandbox", SPAN("\x32\x01t"), ERR_UNIMPLEMENTED, {NULL, 0}},
    {"expose: logins stripped", "ExposeService", SPAN("\x38\x01"), OK, SPAN("")},
    {"expose: logins passed on", "ExposeService", SPAN("\x38\x02"), ERR_UNIMPLEMENTED, {NULL, 0}},
    {"expose: a scope", "ExposeService", SPAN("\x2a\x03\x0a\x01w"), OK, SPAN("\x2a\x01w")},
    {"services: a page token", "ListServices",
	SPAN("\x1a\x02"
	     "10"),
	OK, SPAN("\x18\x0a")},
    {"services: all", "ListServices", SPAN("\x22\x02\x12\x00"), OK, SPAN("\x28\x01")},
    {"a service: a scope", "DeleteService", SPAN("\x1a\x03\x0a\x01w"), OK, SPAN("\x1a\x01w")},
    {"create: a service", "CreateSandbox", SPAN("\x4a\x02\x10\x50"), ERR_UNIMPLEMENTED, {NULL, 0}},
    {"update: a scope", "UpdateConfig", SPAN("\x0a\x01n\x52\x03\x0a\x01w"), OK, SPAN("\x0a\x01n\x52\x01w")},
    {"update: all", "UpdateConfig", SPAN("\x52\x02\x12\x00"), ERR_INVALID, {NULL, 0}},
    {"a revision: a scope", "GetSandboxPolicyStatus", SPAN("\x22\x03\x0a\x01w"), OK, SPAN("\x22\x01w")},
    {"revisions: a scope and a page", "ListSandboxPolicies",
	SPAN("\x1a\x01"
	     "7\x2a\x03\x0a\x01w"),
	OK, SPAN("\x18\x07\x2a\x01w")},
    {"a configuration: a scope", "GetSandboxConfig", SPAN("\x0a\x01n\x1a\x03\x0a\x01w"), OK,
	SPAN("\x0a\x01n\x1a\x01w")},
    {"exec: a scope", "ExecSandbox", SPAN("\x62\x03\x0a\x01w"), OK, SPAN("\x62\x01w")},
    {"exec: seconds", "ExecSandbox", SPAN("\xca\x06\x02\x08\x7f"), OK, SPAN("\x28\x7f")},
    {"exec: a moment more", "ExecSandbox", SPAN("\xca\x06\x04\x08\x7f\x10\x01"), OK, SPAN("\x28\x80\x01")},
    {"exec: no time", "ExecSandbox", SPAN("\xca\x06\x00"), OK, SPAN("\x28\x00")},
    {"exec: more seconds than there are", "ExecSandbox", SPAN("\xca\x06\x06\x08\xff\xff\xff\xff\x7f"), OK,
	SPAN("\x28\xfe\xff\xff\xff\x0f")},
    {"exec: less than no time", "ExecSandbox", SPAN("\xca\x06\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	ERR_INVALID, {NULL, 0}},
    {"exec: not a duration", "ExecSandbox", SPAN("\xca\x06\x01\x08"), ERR_INVALID, {NULL, 0}},
    {"interactive: a scope within", "ExecSandboxInteractive", SPAN("\x0a\x05\x62\x03\x0a\x01w"), OK,
	SPAN("\x0a\x03\x62\x01w")},
    {"interactive: nothing to change within", "ExecSandboxInteractive", SPAN("\x0a\x03\x0a\x01n"), OK,
	SPAN("\x0a\x03\x0a\x01n")},
    {"interactive: less than no time within", "ExecSandboxInteractive",
	SPAN("\x0a\x0e\xca\x06\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ERR_INVALID, {NULL, 0}},
    {"interactive: malformed within", "ExecSandboxInteractive", SPAN("\x0a\x02\x62\x03"), OK, SPAN("\x0a\x02\x62\x03")},
    {"interactive: input stays", "ExecSandboxInteractive", SPAN("\x12\x05\x62\x03\x0a\x01w"), OK,
	SPAN("\x12\x05\x62\x03\x0a\x01w")},
    {"a session: a scope", "CreateSshSession", SPAN("\x1a\x03\x0a\x01w"), OK, SPAN("\x1a\x01w")},
    {"what is malformed stays", "GetSandbox",
	SPAN("\x12\x09\x0a\x07"
	     "def"),
	OK,
	SPAN("\x12\x09\x0a\x07"
	     "def")},
    {"nothing", "GetSandbox", SPAN(""), OK, SPAN("")},
    {"a method that did not change", "WatchSandbox", SPAN("\x12\x03\x0a\x01w"), OK, SPAN("\x12\x03\x0a\x01w")},
};

static void
requests(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		char path[128];
		struct rpc_method method = {.path = path};
		struct span out = SPAN_NONE;
		struct why why = {0};
		enum err r;

		snprintf(path, sizeof(path), SANDBOX_API "%s", cases[i].path);
		r = newer_request(&method, cases[i].in, &arena, &out, &why);
		if (r != cases[i].want || (r == OK && !span_equal(out, cases[i].out)) ||
		    (r != OK && why.text[0] == '\0'))
			fail_msg("%s: %s \"%s\", %zu bytes", cases[i].what, err_name(r), why.text, out.length);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
