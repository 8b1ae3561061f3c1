/* The table of `inference`: flags, help, and which function runs. */
#include "clients/cli/commands.h"
#include "clients/cli/rows.h"

/* clang-format off */

#define SYSTEM										\
	{.id = FLAG_SYSTEM, .name = "system", .kind = KIND_SWITCH,			\
	 .help = "the route sandbox-system, which OpenShell itself calls, not inference.local"}
#define BACKENDS									\
	LIST(FLAG_PROVIDER, "provider", "NAME", NULL, COMPLETE_PROVIDER, "which provider answers; several in order of preference"), \
	LIST(FLAG_MODEL, "model", "MODEL", NULL, COMPLETE_NONE, "with which model, one for each provider")
#define VERIFY										\
	{.id = FLAG_VERIFY, .name = "no-verify", .kind = KIND_SWITCH, .negative = true,	\
	 .help = "do not ask the model for an answer first"}
#define LIMIT(default)									\
	{.id = FLAG_TIMEOUT, .name = "timeout", .kind = KIND_NUMBER, .value = "SECONDS", .fallback = default,	\
	 .high = 3600, .help = "how long an answer may take; 0 is 60 seconds"}

static const struct flag flags_set[] = {
	BACKENDS, SYSTEM, VERIFY,
	LIMIT("0"),
	END
};

static const struct flag flags_update[] = {BACKENDS, SYSTEM, VERIFY, LIMIT(NULL), END};
static const struct flag flags_get[] = {SYSTEM, OUTPUT(FLAG_NONE), END};
static const struct flag flags_delete[] = {SYSTEM, END};

const struct command commands_inference[] = {
	{.name = "set", .run = run_inference_set, .flags = flags_set,
	 .summary = "Choose the model that answers at inference.local",
	 .about =
	    "Every sandbox of the workspace uses it within a second. The model is asked for an answer first, unless\n"
	    "with --no-verify. With several providers the next one is tried where one does not answer.",
	 .examples =
	    "openshell inference set --provider openai --model gpt-5\n"
	    "openshell inference set --provider ollama --model qwen3 --provider openai --model gpt-5-mini"},
	{.name = "update", .run = run_inference_update, .flags = flags_update,
	 .summary = "Change the provider, the model or the time limit alone",
	 .examples = "openshell inference update --model gpt-5-mini"},
	{.name = "get", .run = run_inference_get, .flags = flags_get,
	 .summary = "Show the routes to models",
	 .examples = "openshell inference get\nopenshell inference get -o json"},
	{.name = "delete", .run = run_inference_delete, .flags = flags_delete,
	 .summary = "Let nobody answer at inference.local",
	 .examples = "openshell inference delete"},
	{.name = NULL}
};
