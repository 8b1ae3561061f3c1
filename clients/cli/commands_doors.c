/* The tables of the ways into a sandbox beside exec: connect, ssh-proxy, forward. */
#include "clients/cli/check.h"
#include "clients/cli/commands.h"
#include "clients/cli/editor.h"
#include "clients/cli/listener.h"
#include "clients/cli/rows.h"
#include "clients/cli/ssh_command.h"

/* clang-format off */

static const char *const loopback[] = {"127.0.0.1", "::1", "localhost", NULL};

const struct flag flags_connect[] = {
	{.id = FLAG_EDITOR, .name = "editor", .kind = KIND_CHOICE, .value = "EDITOR", .choices = editors,
	 .help = "open the sandbox in this editor of yours: vscode or cursor"},
	{.id = FLAG_READ_ONLY, .name = "read-only", .kind = KIND_SWITCH, .excludes = {FLAG_EDITOR},
	 .help = "watch, and write nothing to it"},
	END
};

const struct flag flags_ssh_proxy[] = {
	{.id = FLAG_NAME, .name = "name", .kind = KIND_TEXT, .value = "NAME", .check = check_sandbox,
	 .complete = COMPLETE_SANDBOX, .excludes = {FLAG_SANDBOX_ID, FLAG_TOKEN},
	 .help = "the sandbox; a token is made for it"},
	{.id = FLAG_SANDBOX_ID, .name = "sandbox-id", .kind = KIND_TEXT, .value = "ID",
	 .help = "the sandbox, by its id, with --token"},
	{.id = FLAG_TOKEN, .name = "token", .kind = KIND_TEXT, .value = "TOKEN", .variable = SSH_TOKEN_VARIABLE,
	 .help = "the token for it; better in the variable, since a command line is for everybody to see"},
	{.id = FLAG_ENDPOINT, .name = "gateway", .kind = KIND_TEXT, .value = "URL", .check = check_gateway_endpoint,
	 .help = "the gateway, by address"},
	{.id = FLAG_ENDPOINT, .name = "server", .kind = KIND_TEXT, .value = "URL", .check = check_gateway_endpoint,
	 .hidden = true, .help = "the same"},
	{.id = FLAG_GATEWAY, .name = "gateway-name", .kind = KIND_TEXT, .value = "NAME", .check = check_gateway,
	 .complete = COMPLETE_GATEWAY, .help = "the gateway, by name: it says how to log in"},
	END
};

static const struct flag flags_forward_start[] = {
	{.id = FLAG_BACKGROUND, .name = "background", .letter = 'd', .kind = KIND_SWITCH,
	 .help = "return when it works; `openshell forward stop` ends it"},
	END
};

static const struct flag flags_forward_list[] = {OUTPUT(FLAG_NONE), END};

static const struct flag flags_forward_service[] = {
	{.id = FLAG_TARGET_PORT, .name = "target-port", .kind = KIND_NUMBER, .value = "N", .low = 1, .high = UINT16_MAX,
	 .help = "port inside the sandbox"},
	{.id = FLAG_TARGET_HOST, .name = "target-host", .kind = KIND_CHOICE, .value = "HOST", .fallback = "127.0.0.1",
	 .choices = loopback, .help = "address inside the sandbox: 127.0.0.1, ::1 or localhost"},
	{.id = FLAG_LOCAL_ADDRESS, .name = "local", .kind = KIND_TEXT, .value = "[ADDRESS:]PORT", .check = check_listener_any,
	 .help = "where to listen on this machine; port 0 is any that is free; without it the port of the sandbox"},
	END
};

const struct command commands_forward[] = {
	{.name = "start", .run = run_forward_start, .flags = flags_forward_start,
	 .summary = "Forward a port of this machine into a sandbox",
	 .about =
	    "Connections to the port on this machine come out at the same port of the sandbox's own loopback. It\n"
	    "listens on 127.0.0.1 unless another ADDRESS is given; anybody who reaches that address reaches the\n"
	    "sandbox's port. Uses ssh, which must be installed. Stopping or deleting the sandbox ends its forwards.",
	 .examples =
	    "openshell forward start 8080 demo\n"
	    "openshell forward start 0.0.0.0:8080 demo -d",
	 .operand = {.name = "[ADDRESS:]PORT [NAME]", .least = 1, .most = 2, .rest = COMPLETE_SANDBOX,
	    .help = "the port; the sandbox, without it the one that was used last"}},
	{.name = "stop", .run = run_forward_stop,
	 .summary = "Stop a forward that runs in the background",
	 .about = "A process is ended only if it really is that forward; what is left of one that died is removed.",
	 .examples = "openshell forward stop 8080\nopenshell forward stop 8080 demo",
	 .operand = {.name = "PORT [NAME]", .least = 1, .most = 2, .complete = COMPLETE_FORWARD, .rest = COMPLETE_SANDBOX,
	    .help = "the port; the sandbox, without it whichever has the port"}},
	{.name = "list", .run = run_forward_list, .flags = flags_forward_list,
	 .summary = "List the forwards that run in the background",
	 .examples = "openshell forward list\nopenshell forward list -o json"},
	{.name = "service", .run = run_forward_service, .flags = flags_forward_service,
	 .summary = "Forward any port of this machine to a port of a sandbox, without ssh",
	 .about =
	    "Runs until it is interrupted, or the sandbox is stopped or gone. Where the gateway is away for a moment,\n"
	    "connections end and new ones are taken when it is back.",
	 .examples =
	    "openshell forward service demo --target-port 8000\n"
	    "openshell forward service demo --target-port 8000 --local 0",
	 .operand = SANDBOX_OPTIONAL},
	{.name = NULL}
};
