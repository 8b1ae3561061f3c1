/* The table of `service`: flags, help, and which function runs. */
#include "clients/cli/commands.h"
#include "clients/cli/rows.h"

/* clang-format off */

static const struct flag flags_show[] = {OUTPUT(FLAG_NONE), END};

static const struct flag flags_list[] = {
	PAGE_FLAGS,
	{.id = FLAG_ALL_WORKSPACES, .name = "all-workspaces", .kind = KIND_SWITCH,
	 .help = "those of every workspace (platform admins)"},
	OUTPUT(FLAG_NONE),
	END
};

const struct command commands_service[] = {
	{.name = "expose", .run = run_service_expose, .flags = flags_show,
	 .summary = "Serve a port of a sandbox under a name",
	 .about =
	    "What listens on 127.0.0.1:TARGET-PORT in the sandbox is reached at the address that is printed, over the\n"
	    "gateway's own port: HTTP/1.1, HTTP/2 and WebSocket. The same name again points at another port.",
	 .examples = "openshell service expose demo 8000\nopenshell service expose demo 3000 web",
	 .operand = {.name = "SANDBOX TARGET-PORT [SERVICE]", .least = 2, .most = 3, .complete = COMPLETE_SANDBOX,
	    .help = "the sandbox, the port in it, and a name where it has several services"}},
	{.name = "list", .run = run_service_list, .flags = flags_list,
	 .summary = "List the services",
	 .examples = "openshell service list\nopenshell service list demo -o json",
	 .operand = {.name = "[SANDBOX]", .most = 1, .complete = COMPLETE_SANDBOX, .help = "those of this sandbox alone"}},
	{.name = "get", .run = run_service_get, .flags = flags_show,
	 .summary = "Show one service and its address",
	 .examples = "openshell service get demo\nopenshell service get demo web",
	 .operand = {.name = "SANDBOX [SERVICE]", .least = 1, .most = 2, .complete = COMPLETE_SANDBOX,
	    .help = "the sandbox, and the service where it has a name"}},
	{.name = "delete", .run = run_service_delete,
	 .summary = "Serve it no more",
	 .examples = "openshell service delete demo web",
	 .operand = {.name = "SANDBOX [SERVICE]", .least = 1, .most = 2, .complete = COMPLETE_SANDBOX,
	    .help = "the sandbox, and the service where it has a name"}},
	{.name = NULL}
};
