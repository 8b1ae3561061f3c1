/* The table of commands, flags and their help: the one place where a command or a flag is added. */
#include "clients/cli/commands.h"
#include "clients/cli/check.h"
#include "clients/cli/editor.h"
#include "clients/cli/listener.h"
#include "clients/cli/policy_update.h"
#include "clients/cli/rows.h"

static const char *const shells[] = {"bash", "fish", "zsh", NULL};
static const char *const sources[] = {"all", "gateway", "sandbox", NULL};
static const char *const line_formats[] = {"table", "json", NULL};
static const char *const levels[] = {"error", "warn", "info", "debug", "trace", NULL};

/* clang-format off */

#define TTY(text)									\
	{.id = FLAG_TTY, .name = "tty", .kind = KIND_SWITCH, .help = text},		\
	{.id = FLAG_TTY, .name = "no-tty", .kind = KIND_SWITCH, .negative = true,	\
	 .help = "give it none"}
const struct flag flags_global[] = {
	{.id = FLAG_GATEWAY, .name = "gateway", .letter = 'g', .kind = KIND_TEXT, .value = "NAME",
	 .variable = "OPENSHELL_GATEWAY", .check = check_gateway, .complete = COMPLETE_GATEWAY,
	 .help = "the gateway to talk to, by name; without it the active one"},
	{.id = FLAG_ENDPOINT, .name = "gateway-endpoint", .kind = KIND_TEXT, .value = "URL",
	 .variable = "OPENSHELL_GATEWAY_ENDPOINT", .check = check_gateway_endpoint,
	 .help = "the gateway to talk to, by address, as https://127.0.0.1:17670"},
	{.id = FLAG_INSECURE, .name = "gateway-insecure", .kind = KIND_SWITCH,
	 .variable = "OPENSHELL_GATEWAY_INSECURE",
	 .help = "do not verify the gateway's certificate, and present none"},
	{.id = FLAG_WORKSPACE, .name = "workspace", .kind = KIND_TEXT, .value = "NAME",
	 .variable = "OPENSHELL_WORKSPACE", .fallback = "default",
	 .help = "the workspace to work in"},
	{.id = FLAG_VERBOSE, .name = "verbose", .letter = 'v', .kind = KIND_COUNT,
	 .help = "say on standard error what is asked of the gateway; -vv says more"},
	{.id = FLAG_HELP, .name = "help", .letter = 'h', .kind = KIND_SWITCH,
	 .help = "show this help"},
	{.id = FLAG_VERSION, .name = "version", .letter = 'V', .kind = KIND_SWITCH,
	 .help = "show the version"},
	END
};

const struct variable variables[] = {
	{"OPENSHELL_PROVISION_TIMEOUT", "seconds without progress after which `sandbox create` gives up (300)"},
	{"OPENSHELL_LIFECYCLE_TIMEOUT", "seconds without change after which `sandbox stop` and `start` give up (300)"},
	{"OPENSHELL_SYSTEM_GATEWAY_DIR", "directory of the gateways that the system knows (/etc/openshell)"},
	{"OPENSHELL_LOCAL_TLS_DIR", "certificates of the local gateway ($XDG_STATE_HOME/openshell/tls)"},
	{"OPENSHELL_COMMUNITY_REGISTRY", "where short image names of `sandbox create --from` live"},
	{"XDG_CONFIG_HOME", "configuration is in its folder openshell (~/.config)"},
	{"NO_COLOR", "if set to anything, no colours"},
	{NULL, NULL}
};

static const struct flag flags_output[] = {OUTPUT(FLAG_NONE), END};

static const struct flag flags_gateway_add[] = {
	{.id = FLAG_NAME, .name = "name", .kind = KIND_TEXT, .value = "NAME", .check = check_gateway,
	 .help = "what to call it; without it openshell for this machine, else the host's name"},
	{.id = FLAG_LOCAL, .name = "local", .kind = KIND_SWITCH, .excludes = {FLAG_REMOTE},
	 .help = "the gateway runs on this machine: copy its client certificate"},
	{.id = FLAG_REMOTE, .name = "remote", .kind = KIND_TEXT, .value = "[USER@]HOST",
	 .help = "the gateway runs on this machine, reached by SSH; its client certificate must be stored already"},
	LATER("oidc-issuer"), LATER("oidc-client-id"), LATER("oidc-audience"), LATER("oidc-scopes"),
	END
};

#define NO_GIT_IGNORE									\
	{.id = FLAG_NO_GIT_IGNORE, .name = "no-git-ignore", .kind = KIND_SWITCH,	\
	 .help = "upload also what .gitignore leaves out"}

static const struct flag flags_sandbox_create[] = {
	{.id = FLAG_NAME, .name = "name", .kind = KIND_TEXT, .value = "NAME", .check = check_sandbox,
	 .help = "1 to 19 of a-z, 0-9 and hyphen; without it the gateway makes one up"},
	{.id = FLAG_POLICY, .name = "policy", .kind = KIND_TEXT, .value = "FILE",
	 .variable = "OPENSHELL_SANDBOX_POLICY", .complete = COMPLETE_FILE,
	 .help = "YAML file of what the sandbox may do; without it the gateway's default"},
	{.id = FLAG_FROM, .name = "from", .kind = KIND_TEXT, .value = "IMAGE",
	 .help = "container image to start from, where the gateway's driver uses images"},
	{.id = FLAG_ENV, .name = "env", .kind = KIND_LIST, .value = "KEY=VALUE", .check = check_env,
	 .help = "variable for the sandbox's main process; may be repeated"},
	{.id = FLAG_LABEL, .name = "label", .kind = KIND_LIST, .value = "KEY=VALUE", .check = check_pair,
	 .help = "label to find it by; may be repeated"},
	{.id = FLAG_CPU, .name = "cpu", .kind = KIND_TEXT, .value = "N", .check = check_cpu,
	 .help = "processors it may use, as 2, 0.5 or 500m"},
	{.id = FLAG_MEMORY, .name = "memory", .kind = KIND_TEXT, .value = "SIZE", .check = check_memory,
	 .help = "memory it may use, as 512Mi or 2G"},
	{.id = FLAG_DETACH, .name = "detach", .kind = KIND_SWITCH, .excludes = {FLAG_KEEP},
	 .help = "return when it is ready, also on a terminal"},
	TTY("give the main process a terminal; so by default where this is one"),
	{.id = FLAG_KEEP, .name = "no-keep", .kind = KIND_SWITCH, .negative = true,
	 .help = "delete the sandbox when its main process has ended"},
	{.id = FLAG_KEEP, .name = "keep", .kind = KIND_SWITCH, .hidden = true, .help = "keep it (the default)"},
	OUTPUT(FLAG_OPERANDS, FLAG_KEEP, FLAG_EDITOR, FLAG_FORWARD),
	{.id = FLAG_UPLOAD, .name = "upload", .kind = KIND_LIST, .value = "LOCAL[:REMOTE]", .check = check_upload,
	 .complete = COMPLETE_FILE, .excludes = {FLAG_OPERANDS},
	 .help = "copy this file or directory into it once it is ready; may be repeated"},
	NO_GIT_IGNORE,
	LATER("gpu"), LATER("driver-config-json"),
	LIST(FLAG_PROVIDER, "provider", "NAME", NULL, COMPLETE_PROVIDER, "provider whose credentials it may use"),
	{.id = FLAG_AUTO_PROVIDERS, .name = "auto-providers", .kind = KIND_SWITCH,
	 .help = "create missing providers from this machine's credentials without asking"},
	{.id = FLAG_AUTO_PROVIDERS, .name = "no-auto-providers", .kind = KIND_SWITCH, .negative = true,
	 .help = "create none, and look for none that the command could need"},
	{.id = FLAG_CREDENTIAL_WARNINGS, .name = "no-credential-warnings", .kind = KIND_SWITCH,
	 .help = "do not warn of --env that looks like a secret"},
	{.id = FLAG_FORWARD, .name = "forward", .kind = KIND_TEXT, .value = "[ADDRESS:]PORT", .check = check_listener,
	 .excludes = {FLAG_KEEP}, .help = "forward this port of this machine into it, in the background"},
	{.id = FLAG_EDITOR, .name = "editor", .kind = KIND_CHOICE, .value = "EDITOR", .choices = editors,
	 .excludes = {FLAG_KEEP, FLAG_DETACH}, .help = "open it in this editor of yours: vscode or cursor"},
	LATER("approval-mode"),
	END
};

static const struct flag flags_upload[] = {
	NO_GIT_IGNORE,
	END
};

static const struct flag flags_sandbox_list[] = {
	{.id = FLAG_LIMIT, .name = "limit", .kind = KIND_NUMBER, .value = "N", .fallback = "100", .high = UINT32_MAX,
	 .help = "rows at most; the gateway gives up to 1000"},
	{.id = FLAG_OFFSET, .name = "offset", .kind = KIND_NUMBER, .value = "N", .fallback = "0", .high = UINT32_MAX,
	 .help = "rows to skip"},
	{.id = FLAG_IDS, .name = "ids", .kind = KIND_SWITCH, .excludes = {FLAG_NAMES, FLAG_OUTPUT},
	 .help = "print ids only, one a line"},
	{.id = FLAG_NAMES, .name = "names", .kind = KIND_SWITCH, .excludes = {FLAG_OUTPUT},
	 .help = "print names only, one a line"},
	{.id = FLAG_SELECTOR, .name = "selector", .kind = KIND_TEXT, .value = "K=V,K=V",
	 .help = "only those with all these labels"},
	{.id = FLAG_ALL_WORKSPACES, .name = "all-workspaces", .kind = KIND_SWITCH,
	 .help = "those of every workspace (platform admins)"},
	OUTPUT(FLAG_NONE),
	END
};

static const struct flag flags_sandbox_get[] = {
	{.id = FLAG_POLICY_ONLY, .name = "policy-only", .kind = KIND_SWITCH, .excludes = {FLAG_OUTPUT},
	 .help = "print its policy alone, as YAML"},
	OUTPUT(FLAG_NONE),
	END
};

static const struct flag flags_sandbox_exec[] = {
	{.id = FLAG_NAME, .name = "name", .letter = 'n', .kind = KIND_TEXT, .value = "NAME", .complete = COMPLETE_SANDBOX,
	 .help = "the sandbox; without it the one that was used last"},
	{.id = FLAG_WORKDIR, .name = "workdir", .kind = KIND_TEXT, .value = "DIR",
	 .help = "directory to run in; without it the workspace"},
	{.id = FLAG_TIMEOUT, .name = "timeout", .kind = KIND_NUMBER, .value = "SECONDS", .fallback = "0",
	 .high = UINT32_MAX, .help = "end the command after so long, with exit code 124; 0 never"},
	{.id = FLAG_ENV, .name = "env", .kind = KIND_LIST, .value = "KEY=VALUE", .check = check_env,
	 .help = "variable for the command; may be repeated"},
	TTY("give the command a terminal, which merges both its streams"),
	END
};

static const struct flag flags_sandbox_delete[] = {
	{.id = FLAG_ALL, .name = "all", .kind = KIND_SWITCH, .excludes = {FLAG_OPERANDS},
	 .help = "delete every sandbox of the workspace"},
	END
};

static const struct flag flags_logs[] = {
	{.id = FLAG_LINES, .name = "lines", .letter = 'n', .kind = KIND_NUMBER, .value = "N", .fallback = "200",
	 .low = 1, .high = 2000, .help = "take the last so many lines, before sources and levels are chosen"},
	{.id = FLAG_TAIL, .name = "tail", .kind = KIND_SWITCH, .help = "go on with new lines until interrupted"},
	{.id = FLAG_SINCE, .name = "since", .kind = KIND_TEXT, .value = "TIME", .check = check_since,
	 .help = "only lines this young, as 30s, 5m or 1h"},
	{.id = FLAG_SOURCE, .name = "source", .kind = KIND_LIST, .value = "SOURCE", .choices = sources,
	 .help = "all, gateway or sandbox; may be repeated"},
	{.id = FLAG_LEVEL, .name = "level", .kind = KIND_CHOICE, .value = "LEVEL", .choices = levels,
	 .help = "only lines at least so grave: error, warn, info, debug or trace"},
	{.id = FLAG_OUTPUT, .name = "output", .letter = 'o', .kind = KIND_CHOICE, .value = "FORMAT",
	 .fallback = "table", .choices = line_formats,
	 .help = "how to print: table, or json with one object a line, an event's parts among its fields"},
	END
};

#define GLOBAL(text)									\
	{.id = FLAG_GLOBAL, .name = "global", .kind = KIND_SWITCH,			\
	 .excludes = {FLAG_OPERANDS}, .help = text}
#define YES										\
	{.id = FLAG_YES, .name = "yes", .letter = 'y', .kind = KIND_SWITCH,		\
	 .help = "do not ask whether --global is meant"}
#define WAIT										\
	{.id = FLAG_WAIT, .name = "wait", .kind = KIND_SWITCH,				\
	 .excludes = {FLAG_GLOBAL},							\
	 .help = "return when the sandbox decides by the new version, or could not load it"},	\
	{.id = FLAG_TIMEOUT, .name = "timeout", .kind = KIND_NUMBER, .value = "SECONDS",	\
	 .fallback = "60", .low = 1, .high = 86400,					\
	 .help = "how long --wait waits; past it the exit code is 124"}
static const struct flag flags_policy_set[] = {
	{.id = FLAG_POLICY, .name = "policy", .kind = KIND_TEXT, .value = "FILE",
	 .complete = COMPLETE_FILE, .help = "the policy, as YAML; - is standard input"},
	GLOBAL("for every sandbox of the gateway, in place of their own (platform admins)"),
	YES,
	WAIT,
	END
};

static const struct flag flags_policy_update[] = {
	LIST(FLAG_ADD_ENDPOINT, "add-endpoint", "ENDPOINT", check_add_endpoint, COMPLETE_NONE,
	    "allow HOST:PORT[:ACCESS[:PROTOCOL[:ENFORCEMENT[:OPTIONS]]]]"),
	LIST(FLAG_REMOVE_ENDPOINT, "remove-endpoint", "HOST:PORT", check_host_port, COMPLETE_NONE, "take an endpoint away"),
	LIST(FLAG_ADD_ALLOW, "add-allow", "RULE", check_rule, COMPLETE_NONE, "allow requests, as HOST:PORT:METHOD:PATH"),
	LIST(FLAG_ADD_DENY, "add-deny", "RULE", check_rule, COMPLETE_NONE, "refuse requests, as HOST:PORT:METHOD:PATH"),
	LIST(FLAG_REMOVE_RULE, "remove-rule", "NAME", NULL, COMPLETE_NONE, "take a whole rule away"),
	LIST(FLAG_BINARY, "binary", "PATH", NULL, COMPLETE_NONE, "the program that may use what --add-endpoint adds"),
	{.id = FLAG_RULE_NAME, .name = "rule-name", .kind = KIND_TEXT, .value = "NAME",
	 .help = "the rule that the one --add-endpoint goes into; without it allow_HOST_PORT"},
	{.id = FLAG_DRY_RUN, .name = "dry-run", .kind = KIND_SWITCH, .excludes = {FLAG_WAIT},
	 .help = "print the policy that would come of it, and change nothing"},
	WAIT,
	END
};

static const struct flag flags_policy_get[] = {
	{.id = FLAG_REV, .name = "rev", .kind = KIND_NUMBER, .value = "N", .fallback = "0", .high = UINT32_MAX,
	 .help = "this version; 0 is what is in force"},
	{.id = FLAG_FULL, .name = "full", .kind = KIND_SWITCH, .excludes = {FLAG_BASE},
	 .help = "print the policy too, with what providers add"},
	{.id = FLAG_BASE, .name = "base", .kind = KIND_SWITCH,
	 .help = "print the policy too, without what providers add"},
	GLOBAL("the gateway's own policy"),
	OUTPUT(FLAG_NONE),
	END
};

static const struct flag flags_policy_list[] = {
	{.id = FLAG_LIMIT, .name = "limit", .kind = KIND_NUMBER, .value = "N", .fallback = "20", .low = 1,
	 .high = UINT32_MAX, .help = "rows at most; the gateway gives up to 1000"},
	GLOBAL("the gateway's own policy"),
	OUTPUT(FLAG_NONE),
	END
};

static const struct flag flags_policy_delete[] = {GLOBAL("the gateway's own policy"), YES, END};

static const struct flag flags_policy_lint[] = {
	{.id = FLAG_GLOBAL, .name = "global", .kind = KIND_SWITCH,
	 .help = "check it as a policy for every sandbox"},
	OUTPUT(FLAG_NONE),
	END
};

#define KEY										\
	{.id = FLAG_KEY, .name = "key", .kind = KIND_TEXT, .value = "KEY", .complete = COMPLETE_SETTING,	\
	 .help = "the setting"}

static const struct flag flags_settings_get[] = {
	GLOBAL("the gateway's settings"),
	{.id = FLAG_JSON, .name = "json", .kind = KIND_SWITCH, .help = "print JSON"},
	END
};

static const struct flag flags_settings_set[] = {
	KEY,
	{.id = FLAG_VALUE, .name = "value", .kind = KIND_TEXT, .value = "VALUE", .help = "what it is to be"},
	GLOBAL("for every sandbox of the gateway (platform admins)"),
	YES,
	END
};

static const struct flag flags_settings_delete[] = {
	KEY,
	GLOBAL("the gateway's setting"),
	YES,
	END
};

static const struct command commands_gateway[] = {
	{.name = "add", .run = run_gateway_add, .flags = flags_gateway_add,
	 .summary = "Make a gateway known, and the active one",
	 .about =
	    "Writes the gateway into the configuration directory and tries to reach it. An http:// endpoint is\n"
	    "spoken to in the clear; https:// needs a client certificate. For a gateway on this machine it is\n"
	    "copied from where the gateway keeps it; for another, put ca.crt, tls.crt and tls.key into\n"
	    "~/.config/openshell/gateways/NAME/mtls first and say --remote.",
	 .examples =
	    "openshell gateway add https://127.0.0.1:17670 --local\n"
	    "openshell gateway add http://127.0.0.1:17670 --name dev\n"
	    "openshell gateway add ssh://me@build.example.org:17670",
	 .operand = {.name = "ENDPOINT", .least = 1, .most = 1,
	    .help = "https://HOST:PORT, http://HOST:PORT or ssh://[USER@]HOST:PORT; without a scheme https"}},
	{.name = "list", .run = run_gateway_list, .flags = flags_output,
	 .summary = "List the gateways that are known here",
	 .about = "Reads files only. The active gateway has a star.",
	 .examples = "openshell gateway list\nopenshell gateway list -o json"},
	{.name = "select", .run = run_gateway_select,
	 .summary = "Choose the active gateway",
	 .about = "Every command without --gateway talks to the active one. Without a name: choose from a list.",
	 .examples = "openshell gateway select dev",
	 .operand = {.name = "[NAME]", .most = 1, .complete = COMPLETE_GATEWAY, .help = "the gateway"}},
	{.name = "remove", .run = run_gateway_remove,
	 .summary = "Forget a gateway",
	 .about = "Removes its files here, certificates included; the gateway itself and its sandboxes stay.",
	 .examples = "openshell gateway remove dev",
	 .operand = {.name = "[NAME]", .most = 1, .complete = COMPLETE_GATEWAY,
	    .help = "the gateway; without it the active one"}},
	{.name = "info", .run = run_gateway_info, .flags = flags_output,
	 .summary = "Show a gateway's version and drivers",
	 .examples = "openshell gateway info\nopenshell -g dev gateway info -o json"},
	{.name = "login", .later = true}, {.name = "logout", .later = true},
	{.name = NULL}
};

static const struct command commands_sandbox[] = {
	{.name = "create", .run = run_sandbox_create, .flags = flags_sandbox_create,
	 .summary = "Create a sandbox and wait until it is ready",
	 .about =
	    "A command after -- becomes the sandbox's main process; when it ends, the sandbox is over. Without one it\n"
	    "is a login shell. On a terminal you then take part in it, as with `openshell sandbox connect`: Ctrl-P\n"
	    "Ctrl-Q leaves it running. Where standard input or output is no terminal, or with --detach, create returns\n"
	    "when it is ready, and its output is not shown.\n"
	    "\n"
	    "The sandbox stays until it is deleted; with --no-keep its output is shown, terminal or not, its exit code\n"
	    "is passed on, and the sandbox is deleted with it.\n"
	    "\n"
	    "Waiting ends after 300 seconds without progress (OPENSHELL_PROVISION_TIMEOUT); the sandbox is kept.",
	 .examples =
	    "openshell sandbox create --name demo\n"
	    "openshell sandbox create --name demo --policy policy.yaml --memory 2Gi --cpu 2\n"
	    "openshell sandbox create --no-keep -- make test",
	 .operand = {.name = "[-- CMD...]", .most = 256, .kind = OPERAND_AFTER_DASHES,
	    .help = "the sandbox's main process"}},
	{.name = "list", .run = run_sandbox_list, .flags = flags_sandbox_list,
	 .summary = "List sandboxes",
	 .examples =
	    "openshell sandbox list\n"
	    "openshell sandbox list --selector team=blue -o json\n"
	    "openshell sandbox list --names"},
	{.name = "get", .run = run_sandbox_get, .flags = flags_sandbox_get,
	 .summary = "Show one sandbox: state, walls and policy",
	 .examples = "openshell sandbox get demo\nopenshell sandbox get demo --policy-only > policy.yaml",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "exec", .run = run_sandbox_exec, .flags = flags_sandbox_exec,
	 .summary = "Run a command in a sandbox",
	 .about =
	    "The command's output comes out unchanged on both streams, and its exit code is this program's:\n"
	    "128 + N after signal N, 124 after --timeout. Standard input is streamed to it, however much there is;\n"
	    "a terminal is read only with --tty: then it is the command's own until that ends, Ctrl-C and all, and a\n"
	    "change of its size is passed on. Without --tty an interrupt (Ctrl-C) ends the command.",
	 .examples =
	    "openshell sandbox exec -n demo -- ls -la\n"
	    "openshell sandbox exec -n demo -- sh -c 'echo $HOME; id'\n"
	    "openshell sandbox exec -n demo --tty -- bash\n"
	    "tar c src | openshell sandbox exec -n demo -- tar x",
	 .operand = {.name = "CMD...", .least = 1, .most = 1024, .kind = OPERAND_COMMAND,
	    .help = "the command and its arguments; run as they are, without a shell"}},
	{.name = "stop", .run = run_sandbox_stop,
	 .summary = "Stop a sandbox and keep its files",
	 .examples = "openshell sandbox stop demo",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "start", .run = run_sandbox_start,
	 .summary = "Start a stopped sandbox",
	 .examples = "openshell sandbox start demo",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "delete", .run = run_sandbox_delete, .flags = flags_sandbox_delete,
	 .summary = "Delete sandboxes with their files",
	 .examples = "openshell sandbox delete demo\nopenshell sandbox delete --all",
	 .operand = {.name = "NAME...", .most = 1000, .complete = COMPLETE_SANDBOX, .help = "the sandboxes"}},
	{.name = "connect", .run = run_sandbox_connect, .flags = flags_connect,
	 .summary = "Take part in a sandbox's main process",
	 .about =
	    "First shows what the main process has written lately (at most 1 MiB), then what it writes. One client\n"
	    "at a time writes to it; further ones watch. Ctrl-P Ctrl-Q leaves it running; when it ends, its exit code\n"
	    "is this program's. Uses ssh, which must be installed. A shell of its own, beside the main process:\n"
	    "`openshell sandbox exec --tty -n demo -- bash`.\n"
	    "\n"
	    "With --editor the sandbox is opened in an editor: its host openshell-NAME.WORKSPACE is written to\n"
	    "~/.config/openshell/ssh_config, which ~/.ssh/config then includes.",
	 .examples =
	    "openshell sandbox connect demo\n"
	    "openshell sandbox connect demo --read-only\n"
	    "openshell sandbox connect demo --editor vscode",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "ssh-config", .run = run_ssh_config,
	 .summary = "Print what ssh's configuration needs to reach a sandbox",
	 .about =
	    "ssh, scp, sftp, rsync and everything else that uses OpenSSH then reach it as openshell-NAME.WORKSPACE.\n"
	    "Asks the gateway nothing.",
	 .examples =
	    "openshell sandbox ssh-config demo >> ~/.ssh/config\n"
	    "ssh openshell-demo.default",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "upload", .run = run_sandbox_upload, .flags = flags_upload,
	 .summary = "Copy a file or directory into a sandbox",
	 .about =
	    "A directory lands in DEST under its own name; a file goes into DEST where that ends with a slash or is\n"
	    "a directory, else DEST is what it will be called. Without DEST that is the workspace. Permissions, times,\n"
	    "links and holes are kept; a link is copied as a link. In a git work tree, what .gitignore leaves out\n"
	    "stays here. Files get their names when they are whole and their sums agree; after a break the copy goes\n"
	    "on where it was. Needs nothing in the sandbox: no shell, no tar.",
	 .examples =
	    "openshell sandbox upload demo src\n"
	    "openshell sandbox upload demo notes.txt /sandbox/docs/\n"
	    "openshell sandbox upload demo --no-git-ignore . project",
	 .operand = {.name = "NAME LOCAL [DEST]", .least = 2, .most = 3, .complete = COMPLETE_SANDBOX, .rest = COMPLETE_FILE,
	    .help = "the sandbox, what to copy, and where to"}},
	{.name = "download", .run = run_sandbox_download,
	 .summary = "Copy a file or directory out of a sandbox",
	 .about =
	    "PATH must lie in the workspace. What is in a directory lands in DEST; a file goes into DEST where that\n"
	    "ends with a slash or is a directory, else DEST is what it will be called. Without DEST both keep their\n"
	    "name in the current directory (\".\" is called as the sandbox is): what was a file may be a directory by\n"
	    "now, and must not be spread among yours. Nothing is written outside DEST, whatever the sandbox says; no\n"
	    "link is followed, and no setuid bit is kept.",
	 .examples =
	    "openshell sandbox download demo results\n"
	    "openshell sandbox download demo build/report.pdf /tmp/",
	 .operand = {.name = "NAME PATH [DEST]", .least = 2, .most = 3, .complete = COMPLETE_SANDBOX, .rest = COMPLETE_FILE,
	    .help = "the sandbox, what to copy, and where to"}},
	{.name = "provider", .commands = commands_sandbox_provider,
	 .summary = "Credentials that a sandbox may use",
	 .about = "What attaching does, and what the agent sees, is in docs/providers.md.",
	 .examples = "openshell sandbox provider attach demo github\nopenshell sandbox provider list demo"},
	{.name = NULL}
};

static const struct command commands_policy[] = {
	{.name = "set", .run = run_policy_set, .flags = flags_policy_set,
	 .summary = "Give a sandbox another policy",
	 .about =
	    "The file is checked first; every mistake is said with its line and column. Network rules take effect\n"
	    "at once: connections that were allowed by an older version end. File paths may be added but not\n"
	    "removed, and take effect when the sandbox starts again; landlock and process may not change. The file\n"
	    "is the whole policy: what it does not list is gone. For a small change see `openshell policy update`.",
	 .examples =
	    "openshell policy set demo --policy policy.yaml --wait\n"
	    "openshell policy set --global --policy policy.yaml --yes",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "update", .run = run_policy_update, .flags = flags_policy_update,
	 .summary = "Change a few endpoints or rules of a sandbox's policy",
	 .about =
	    "ACCESS is read-only, read-write or full; PROTOCOL tcp, rest, websocket or sql; ENFORCEMENT enforce or\n"
	    "audit; OPTIONS a list with commas of allowed-ip=CIDR, websocket-credential-rewrite,\n"
	    "request-body-credential-rewrite and allow-uninspected-credentials. Parts may be left empty. All\n"
	    "changes are made together or none is. Without PROTOCOL only connections are judged; without ENFORCEMENT\n"
	    "what no rule allows is logged and let through. A script's --binary is its interpreter.",
	 .examples =
	    "openshell policy update demo --add-endpoint pypi.org:443:read-only:rest:enforce --binary /usr/bin/python3\n"
	    "openshell policy update demo --add-endpoint api.github.com:443:read-only:rest:enforce --binary /usr/bin/gh\n"
	    "openshell policy update demo --add-allow 'api.github.com:443:POST:/graphql' --wait\n"
	    "openshell policy update demo --add-deny 'api.github.com:443:DELETE:/**' --dry-run",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "get", .run = run_policy_get, .flags = flags_policy_get,
	 .summary = "Show a sandbox's policy and its version",
	 .about = 
	    "What --base prints below the line --- can be given to `openshell policy set` again, and is what\n"
	    "`openshell sandbox get NAME --policy-only` prints alone; --full has besides the rules that attached providers\n"
	    "add, which cannot.",
	 .examples = "openshell policy get demo --full\nopenshell policy get demo --rev 2 -o json\n"
	    "openshell sandbox get demo --policy-only > policy.yaml",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "list", .run = run_policy_list, .flags = flags_policy_list,
	 .summary = "List the versions of a sandbox's policy",
	 .about =
	    "Loaded: in force. Superseded: a newer one is. Failed: it could not be loaded, and nothing is\n"
	    "allowed or the last good one stays, as the gateway is configured. Pending: the sandbox has not answered yet.",
	 .examples = "openshell policy list demo\nopenshell policy list --global",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "delete", .run = run_policy_delete, .flags = flags_policy_delete,
	 .summary = "Delete the gateway's global policy",
	 .about = "Each sandbox then decides by its own policy again. A sandbox's own policy cannot be deleted.",
	 .examples = "openshell policy delete --global --yes"},
	{.name = "lint", .run = run_policy_lint, .flags = flags_policy_lint,
	 .summary = "Check a policy file",
	 .about =
	    "Prints every mistake and warning with file, line and column, and exits 1 where there is a mistake.\n"
	    "It also warns of what is in order and often not meant. Needs no gateway.",
	 .examples = "openshell policy lint policy.yaml\nopenshell policy lint - < policy.yaml",
	 .operand = {.name = "FILE", .least = 1, .most = 1, .complete = COMPLETE_FILE,
	    .help = "the policy, as YAML; - is standard input"}},
	{.name = NULL}
};

static const struct command commands_settings[] = {
	{.name = "get", .run = run_settings_get, .flags = flags_settings_get,
	 .summary = "Show the settings of a sandbox or the gateway",
	 .examples = "openshell settings get demo\nopenshell settings get --global --json",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "set", .run = run_settings_set, .flags = flags_settings_set,
	 .summary = "Change a setting",
	 .about =
	    "providers_v2_enabled, ocsf_json_enabled and agent_policy_proposals_enabled are true or false;\n"
	    "proposal_approval_mode is manual or auto. The gateway's value wins over a sandbox's.",
	 .examples = "openshell settings set demo --key ocsf_json_enabled --value true",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "delete", .run = run_settings_delete, .flags = flags_settings_delete,
	 .summary = "Take a setting back",
	 .examples = "openshell settings delete demo --key ocsf_json_enabled",
	 .operand = SANDBOX_OPTIONAL},
	{.name = NULL}
};

static const struct command commands_all[] = {
	{.name = "status", .run = run_status, .flags = flags_output,
	 .summary = "Show whether the gateway answers",
	 .about = "Exits 0 also when the gateway does not answer: read the status, or `-o json`.",
	 .examples = "openshell status\nopenshell status -o json | jq -r .status"},
	{.name = "whoami", .run = run_whoami, .flags = flags_output,
	 .summary = "Show who the gateway takes you for",
	 .examples = "openshell whoami"},
	{.name = "gateway", .alias = "gw", .commands = commands_gateway,
	 .summary = "Gateways that are known here",
	 .examples = "openshell gateway add https://127.0.0.1:17670 --local\nopenshell gateway list"},
	{.name = "sandbox", .alias = "sb", .commands = commands_sandbox,
	 .summary = "Create, use and delete sandboxes",
	 .examples =
	    "openshell sandbox create --name demo\n"
	    "openshell sandbox exec -n demo -- id\n"
	    "openshell sandbox delete demo"},
	{.name = "logs", .alias = "lg", .run = run_logs, .flags = flags_logs,
	 .summary = "Show a sandbox's log",
	 .about =
	    "Lines of level OCSF are events: each connection and request, whether it was allowed, by which program,\n"
	    "and why not. With -o json an event's parts are among its fields: action, code, binary, host, reason ...",
	 .examples = "openshell logs demo\nopenshell logs demo --tail --source sandbox --level warn\n"
	    "openshell logs demo --since 10m -o json | jq 'select(.fields.action == \"DENIED\").fields'",
	 .operand = SANDBOX_OPTIONAL},
	{.name = "completions", .run = run_completions,
	 .summary = "Print what makes a shell complete openshell's commands",
	 .about =
	    "bash   source <(openshell completions bash)             in ~/.bashrc\n"
	    "fish   openshell completions fish | source              in ~/.config/fish/config.fish\n"
	    "zsh    source <(openshell completions zsh)              in ~/.zshrc, after compinit",
	 .examples = "source <(openshell completions bash)",
	 .operand = {.name = "SHELL", .least = 1, .most = 1, .choices = shells, .help = "bash, fish or zsh"}},
	{.name = "__complete", .run = run_complete, .hidden = true, .summary = "Candidates for the last word",
	 .operand = {.name = "[WORD...]", .most = 1024, .kind = OPERAND_COMMAND, .help = "the command line so far"}},
	{.name = "forward", .alias = "fwd", .commands = commands_forward,
	 .summary = "Ports of this machine that lead into sandboxes",
	 .examples = "openshell forward start 8080 demo -d\nopenshell forward list\nopenshell forward stop 8080"},
	{.name = "service", .alias = "svc", .commands = commands_service,
	 .summary = "Ports of sandboxes, served under names",
	 .about =
	    "A program that listens in a sandbox is reached from outside through the gateway's own port: each service has\n"
	    "a host name, WORKSPACE--SANDBOX--SERVICE.openshell.localhost. docs/services.md tells who may reach it.",
	 .examples = "openshell service expose demo 8000\nopenshell service list"},
	{.name = "policy", .alias = "pol", .commands = commands_policy,
	 .summary = "What sandboxes may do",
	 .about =
	    "A policy is one YAML file: which paths a sandbox has, which hosts its programs may reach, and with\n"
	    "which requests. What it does not list is refused, and `openshell logs` says what was and why.\n"
	    "docs/policy.md says all that a policy may hold; the folder examples has whole ones.",
	 .examples =
	    "openshell policy lint policy.yaml\n"
	    "openshell policy set demo --policy policy.yaml --wait\n"
	    "openshell policy get demo --full"},
	{.name = "settings", .commands = commands_settings,
	 .summary = "Settings of the gateway and of sandboxes",
	 .about = 
	    "providers_v2_enabled: attached providers bring the rules of their profiles. ocsf_json_enabled: events are also\n"
	    "written as JSON, in the names of OCSF. agent_policy_proposals_enabled and proposal_approval_mode are kept for\n"
	    "other clients, and change nothing in this release.",
	 .examples = "openshell settings get --global\nopenshell settings set demo --key ocsf_json_enabled --value true"},
	{.name = "rule", .alias = "rl", .later = true},
	{.name = "provider", .commands = commands_provider,
	 .summary = "Credentials that sandboxes may use without seeing them",
	 .about =
	    "A provider holds the keys of one service. A sandbox it is attached to finds placeholders in its\n"
	    "environment; the real key is put into requests on their way out, and only into those that go where the\n"
	    "profile of the provider's type says. docs/providers.md tells more.",
	 .examples =
	    "openshell provider create --name github --type github --credential GITHUB_TOKEN\n"
	    "openshell sandbox provider attach demo github\n"
	    "openshell provider list-profiles"},
	{.name = "inference", .commands = commands_inference,
	 .summary = "Which model answers at inference.local",
	 .about =
	    "Agents call https://inference.local without a key. The route says which provider and model answer;\n"
	    "docs/providers.md tells how a model server of your own is used.",
	 .examples = "openshell inference set --provider openai --model gpt-5\nopenshell inference get"},
	{.name = "workspace", .alias = "ws", .later = true},
	{.name = "doctor", .alias = "dr", .later = true},
	{.name = "term", .later = true},
	{.name = "ssh-proxy", .run = run_ssh_proxy, .flags = flags_ssh_proxy, .hidden = true,
	 .summary = "Carry ssh's bytes between standard input and output and a sandbox's SSH server",
	 .about = "For ProxyCommand of ssh: `openshell sandbox ssh-config` prints it.",
	 .examples = "ssh -o ProxyCommand='openshell ssh-proxy --name demo' sandbox"},
	{.name = NULL}
};

const struct command command_root = {
	.name = "openshell", .commands = commands_all,
	.summary = "Safe sandboxes for autonomous AI agents",
	.about =
	    "An agent runs in a sandbox that can read, write and reach only what a policy allows. A gateway\n"
	    "manages the sandboxes; this program talks to it.",
	.examples =
	    "openshell status\n"
	    "openshell sandbox create --name demo\n"
	    "openshell sandbox exec -n demo -- id\n"
	    "openshell sandbox delete demo",
};
