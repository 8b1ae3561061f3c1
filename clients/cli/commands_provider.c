/* The tables of `provider` and `sandbox provider`: flags, help, and which function runs. */
#include "clients/cli/check.h"
#include "clients/cli/commands.h"
#include "clients/cli/provider_input.h"
#include "clients/cli/rows.h"

const char *const formats[] = {"table", "yaml", "json", NULL};
static const char *const files[] = {"yaml", "json", NULL};
static const char *const strategies[] = {
    "oauth2-refresh-token", "oauth2-client-credentials", "google-service-account-jwt", "aws-sts-assume-role", NULL};

/* clang-format off */

#define CREDENTIAL(what)								\
	LIST(FLAG_CREDENTIAL, "credential", "KEY[=VALUE]", NULL, COMPLETE_NONE,		\
	    what "KEY takes the value of that variable of your environment, which is safer than KEY=VALUE: "		\
	    "a command line is seen by others and kept in histories")
#define CONFIG										\
	LIST(FLAG_CONFIG, "config", "KEY=VALUE", check_pair, COMPLETE_NONE, "what is no secret, as OPENAI_BASE_URL=https://...")
#define FROM_EXISTING(...)								\
	{.id = FLAG_FROM_EXISTING, .name = "from-existing", .kind = KIND_SWITCH, .excludes = {__VA_ARGS__},		\
	 .help = "take what this machine has for that type: variables, and files of its program"}
#define PLATFORM									\
	{.id = FLAG_GLOBAL, .name = "global", .kind = KIND_SWITCH,			\
	 .help = "of the platform, for every workspace (platform admins), not of the workspace"}
#define FILES										\
	{.id = FLAG_FILE, .name = "file", .letter = 'f', .kind = KIND_LIST, .value = "FILE", .complete = COMPLETE_FILE,	\
	 .help = "a profile, as YAML or JSON; - is standard input; may be repeated"}
#define KEY_OF(text)									\
	{.id = FLAG_CREDENTIAL_KEY, .name = "credential-key", .kind = KIND_TEXT, .value = "KEY", .help = text}
#define PROVIDER_NAMED									\
	{.name = "NAME", .least = 1, .most = 1, .complete = COMPLETE_PROVIDER, .help = "the provider"}

static const struct flag flags_output_only[] = {OUTPUT(FLAG_NONE), END};

static const struct flag flags_create[] = {
	{.id = FLAG_NAME, .name = "name", .kind = KIND_TEXT, .value = "NAME",
	 .help = "what to call it; without it the gateway makes a name up"},
	{.id = FLAG_TYPE, .name = "type", .kind = KIND_TEXT, .value = "TYPE", .complete = COMPLETE_PROFILE,
	 .help = "a profile, as github, or openai, anthropic, opencode, gitlab, generic, outlook"},
	CREDENTIAL("a secret: "),
	FROM_EXISTING(FLAG_CREDENTIAL, FLAG_FROM_ADC, FLAG_RUNTIME),
	{.id = FLAG_FROM_ADC, .name = "from-gcloud-adc", .kind = KIND_SWITCH, .excludes = {FLAG_CREDENTIAL, FLAG_RUNTIME},
	 .help = "mint tokens from Google's application default credentials on this machine"},
	{.id = FLAG_RUNTIME, .name = "runtime-credentials", .kind = KIND_SWITCH, .excludes = {FLAG_CREDENTIAL},
	 .help = "create it empty: its credentials come by refresh or token grants"},
	CONFIG,
	{.id = FLAG_GLOBAL_PROFILE, .name = "global-profile", .kind = KIND_SWITCH,
	 .help = "use the platform's profile of that type, not the workspace's"},
	END
};

static const struct flag flags_list[] = {
	PAGE_FLAGS,
	{.id = FLAG_NAMES, .name = "names", .kind = KIND_SWITCH, .excludes = {FLAG_OUTPUT},
	 .help = "print names only, one a line"},
	{.id = FLAG_ALL_WORKSPACES, .name = "all-workspaces", .kind = KIND_SWITCH,
	 .help = "those of every workspace (platform admins)"},
	OUTPUT(FLAG_NONE),
	END
};

static const struct flag flags_update[] = {
	CREDENTIAL("set a secret; KEY= takes it away. "),
	FROM_EXISTING(FLAG_CREDENTIAL),
	CONFIG,
	LIST(FLAG_EXPIRES_AT, "credential-expires-at", "KEY=TIME", check_pair, COMPLETE_NONE,
	    "when a secret ends: milliseconds since 1970 or as 2026-12-31T23:59:59Z; 0 never"),
	END
};

static const struct flag flags_list_profiles[] = {PLATFORM, OUTPUT(FLAG_NONE), END};

static const struct flag flags_export[] = {
	{.id = FLAG_OUTPUT, .name = "output", .letter = 'o', .kind = KIND_CHOICE, .value = "FORMAT", .fallback = "yaml",
	 .choices = files, .help = "yaml or json"},
	PLATFORM,
	END
};

static const struct flag flags_import[] = {
	FILES,
	{.id = FLAG_FROM, .name = "from", .kind = KIND_TEXT, .value = "DIR", .complete = COMPLETE_DIRECTORY,
	 .help = "every *.yaml, *.yml and *.json of a directory"},
	PLATFORM,
	OUTPUT(FLAG_NONE),
	END
};

static const struct flag flags_profile_update[] = {FILES, PLATFORM, OUTPUT(FLAG_NONE), END};

static const struct flag flags_lint[] = {
	FILES,
	{.id = FLAG_FROM, .name = "from", .kind = KIND_TEXT, .value = "DIR", .complete = COMPLETE_DIRECTORY,
	 .help = "every *.yaml, *.yml and *.json of a directory"},
	{.id = FLAG_SERVER, .name = "server", .kind = KIND_SWITCH,
	 .help = "ask the gateway, too, which knows what is stored"},
	{.id = FLAG_SERVER, .name = "offline", .kind = KIND_SWITCH, .negative = true, .help = "do not (the default)"},
	PLATFORM,
	OUTPUT(FLAG_NONE),
	END
};

static const struct flag flags_profile_delete[] = {PLATFORM, END};

static const struct flag flags_refresh_status[] = {KEY_OF("this credential only"), OUTPUT(FLAG_NONE), END};
static const struct flag flags_refresh_key[] = {KEY_OF("the credential"), END};

static const struct flag flags_refresh_configure[] = {
	KEY_OF("the credential"),
	{.id = FLAG_STRATEGY, .name = "strategy", .kind = KIND_CHOICE, .value = "STRATEGY", .choices = strategies,
	 .help = "oauth2-refresh-token, oauth2-client-credentials, google-service-account-jwt or aws-sts-assume-role"},
	LIST(FLAG_MATERIAL, "material", "KEY=VALUE", NULL, COMPLETE_NONE, "what is minted from, as client_id=..."),
	LIST(FLAG_SECRET_ENV, "secret-material-env", "KEY[=VARIABLE]", NULL, COMPLETE_NONE,
	    "the same from your environment, and secret; without VARIABLE from KEY in capitals"),
	LIST(FLAG_SECRET_KEY, "secret-material-key", "KEY", NULL, COMPLETE_NONE, "material of --material that is secret"),
	{.id = FLAG_EXPIRES_AT, .name = "credential-expires-at", .kind = KIND_TEXT, .value = "TIME", .check = check_time,
	 .help = "when the value that is stored now ends; 0 never"},
	END
};

static const struct command commands_profile[] = {
	{.name = "export", .run = run_profile_export, .flags = flags_export,
	 .summary = "Print a profile as a file",
	 .examples = "openshell provider profile export github > mine.yaml",
	 .operand = {.name = "ID", .least = 1, .most = 1, .complete = COMPLETE_PROFILE, .help = "the profile"}},
	{.name = "import", .run = run_profile_import, .flags = flags_import,
	 .summary = "Add profiles of your own",
	 .about = "All files or none. The id of a built-in profile cannot be taken.",
	 .examples = "openshell provider profile import -f mine.yaml\nopenshell provider profile import --from profiles/"},
	{.name = "update", .run = run_profile_update, .flags = flags_profile_update,
	 .summary = "Replace a profile of your own",
	 .about =
	    "Sandboxes that have a provider of it are looked at first: where it would leave a credential without a\n"
	    "destination, nothing changes. A resource_version in the file, as export writes it, must be the stored one.",
	 .examples = "openshell provider profile update mine -f mine.yaml",
	 .operand = {.name = "ID", .least = 1, .most = 1, .complete = COMPLETE_PROFILE_OWN, .help = "the profile"}},
	{.name = "lint", .run = run_profile_lint, .flags = flags_lint,
	 .summary = "Check profile files",
	 .about =
	    "Prints every mistake and warning with file, line and column, and exits 1 where there is a mistake.\n"
	    "Needs no gateway.",
	 .examples = "openshell provider profile lint mine.yaml\nopenshell provider profile lint --from profiles/ -o json",
	 .operand = {.name = "[FILE...]", .most = 256, .complete = COMPLETE_FILE, .help = "the same as -f FILE"}},
	{.name = "delete", .run = run_profile_delete, .flags = flags_profile_delete,
	 .summary = "Delete a profile of your own",
	 .about = "Refused while a provider of it is attached to a sandbox.",
	 .examples = "openshell provider profile delete mine",
	 .operand = {.name = "ID", .least = 1, .most = 1, .complete = COMPLETE_PROFILE_OWN, .help = "the profile"}},
	{.name = NULL}
};

static const struct command commands_refresh[] = {
	{.name = "status", .run = run_refresh_status, .flags = flags_refresh_status,
	 .summary = "Show how renewal of a provider's credentials goes",
	 .examples = "openshell provider refresh status vertex", .operand = PROVIDER_NAMED},
	{.name = "configure", .run = run_refresh_configure, .flags = flags_refresh_configure,
	 .summary = "Let the gateway renew a credential",
	 .about =
	    "Where the material is sent to is said by the profile alone. Agents are given a placeholder that stays\n"
	    "the same when the value changes.",
	 .examples =
	    "openshell provider refresh configure vertex --credential-key GOOGLE_VERTEX_AI_TOKEN \\\n"
	    "    --strategy oauth2-refresh-token --material client_id=... \\\n"
	    "    --secret-material-env client_secret --secret-material-env refresh_token",
	 .operand = PROVIDER_NAMED},
	{.name = "rotate", .run = run_refresh_rotate, .flags = flags_refresh_key,
	 .summary = "Renew a credential now",
	 .about = "Returns when the new value is stored; sandboxes use it within a second.",
	 .examples = "openshell provider refresh rotate vertex --credential-key GOOGLE_VERTEX_AI_TOKEN",
	 .operand = PROVIDER_NAMED},
	{.name = "delete", .run = run_refresh_delete, .flags = flags_refresh_key,
	 .summary = "End renewal of a credential",
	 .about = "What it is minted from is deleted; its last value stays until it expires.",
	 .examples = "openshell provider refresh delete vertex --credential-key GOOGLE_VERTEX_AI_TOKEN",
	 .operand = PROVIDER_NAMED},
	{.name = NULL}
};

const struct command commands_provider[] = {
	{.name = "create", .run = run_provider_create, .flags = flags_create,
	 .summary = "Store the credentials of a service",
	 .about =
	    "Secrets are sealed by the gateway before they are stored; nobody can read them back. With a type that\n"
	    "has a profile they can only go to that profile's endpoints.",
	 .examples =
	    "openshell provider create --name github --type github --credential GITHUB_TOKEN\n"
	    "openshell provider create --name claude --type claude-code --from-existing\n"
	    "openshell provider create --name vertex --type google-vertex-ai --from-gcloud-adc \\\n"
	    "    --config VERTEX_AI_PROJECT_ID=my-project\n"
	    "openshell provider create --name ollama --type openai --config OPENAI_BASE_URL=http://127.0.0.1:11434/v1"},
	{.name = "get", .run = run_provider_get, .flags = flags_output_only,
	 .summary = "Show one provider, without its secrets",
	 .examples = "openshell provider get github\nopenshell provider get github -o json", .operand = PROVIDER_NAMED},
	{.name = "list", .run = run_provider_list, .flags = flags_list,
	 .summary = "List providers",
	 .examples = "openshell provider list\nopenshell provider list --names"},
	{.name = "update", .run = run_provider_update, .flags = flags_update,
	 .summary = "Change a provider's secrets, configuration or expiry",
	 .about =
	    "What is not named stays. Sandboxes use a new value within a second, without any change in the agent.\n"
	    "The type cannot change.",
	 .examples =
	    "openshell provider update github --credential GITHUB_TOKEN\n"
	    "openshell provider update github --credential-expires-at GITHUB_TOKEN=2026-12-31T23:59:59Z",
	 .operand = PROVIDER_NAMED},
	{.name = "delete", .run = run_provider_delete,
	 .summary = "Delete providers with their secrets",
	 .about = "Refused while one is attached to a sandbox.",
	 .examples = "openshell provider delete github",
	 .operand = {.name = "NAME...", .least = 1, .most = 1000, .complete = COMPLETE_PROVIDER, .help = "the providers"}},
	{.name = "list-profiles", .run = run_list_profiles, .flags = flags_list_profiles,
	 .summary = "List the types of providers there are",
	 .examples = "openshell provider list-profiles"},
	{.name = "profile", .commands = commands_profile,
	 .summary = "Types of providers of your own",
	 .about = "A profile says which credentials a service has and where they may go; docs/providers.md has its fields.",
	 .examples = "openshell provider profile lint mine.yaml\nopenshell provider profile import -f mine.yaml"},
	{.name = "refresh", .commands = commands_refresh,
	 .summary = "Credentials that the gateway renews",
	 .examples = "openshell provider refresh status vertex"},
	{.name = NULL}
};

const struct command commands_sandbox_provider[] = {
	{.name = "list", .run = run_sandbox_provider_list, .flags = flags_output_only,
	 .summary = "List the providers of a sandbox",
	 .examples = "openshell sandbox provider list demo",
	 .operand = {.name = "[NAME]", .most = 1, .complete = COMPLETE_SANDBOX,
	    .help = "the sandbox; without it the one that was used last"}},
	{.name = "attach", .run = run_sandbox_provider_attach,
	 .summary = "Let a sandbox use a provider's credentials",
	 .about =
	    "Commands that start from then on find placeholders in their environment. Two providers with the same\n"
	    "key cannot be attached together.",
	 .examples = "openshell sandbox provider attach demo github",
	 .operand = {.name = "NAME PROVIDER", .least = 2, .most = 2, .complete = COMPLETE_SANDBOX, .rest = COMPLETE_PROVIDER,
	    .help = "the sandbox, and the provider"}},
	{.name = "detach", .run = run_sandbox_provider_detach,
	 .summary = "Take a provider's credentials from a sandbox",
	 .about = "Placeholders that its processes hold fill in nothing from then on.",
	 .examples = "openshell sandbox provider detach demo github",
	 .operand = {.name = "NAME PROVIDER", .least = 2, .most = 2, .complete = COMPLETE_SANDBOX, .rest = COMPLETE_PROVIDER,
	    .help = "the sandbox, and the provider"}},
	{.name = NULL}
};
