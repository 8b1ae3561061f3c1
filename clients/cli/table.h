/* The rows that the command line is made of: commands, flags, operands. Parsing, help and completion read
 * nothing else. */
#ifndef CLIENTS_CLI_TABLE_H
#define CLIENTS_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

struct cli;

enum flag_id {
	FLAG_NONE,
	FLAG_OPERANDS, /* no flag: in excludes it means the command's operands */
	FLAG_HELP,
	FLAG_VERSION,
	FLAG_GATEWAY,
	FLAG_ENDPOINT,
	FLAG_INSECURE,
	FLAG_WORKSPACE,
	FLAG_VERBOSE,
	FLAG_OUTPUT,
	FLAG_NAME,
	FLAG_REMOTE,
	FLAG_LOCAL,
	FLAG_FROM,
	FLAG_POLICY,
	FLAG_ENV,
	FLAG_LABEL,
	FLAG_CPU,
	FLAG_MEMORY,
	FLAG_DETACH,
	FLAG_TTY,
	FLAG_KEEP,
	FLAG_LIMIT,
	FLAG_OFFSET,
	FLAG_IDS,
	FLAG_NAMES,
	FLAG_SELECTOR,
	FLAG_ALL_WORKSPACES,
	FLAG_POLICY_ONLY,
	FLAG_ALL,
	FLAG_WORKDIR,
	FLAG_TIMEOUT,
	FLAG_LINES,
	FLAG_TAIL,
	FLAG_SINCE,
	FLAG_SOURCE,
	FLAG_LEVEL,
	FLAG_GLOBAL,
	FLAG_YES,
	FLAG_WAIT,
	FLAG_REV,
	FLAG_FULL,
	FLAG_BASE,
	FLAG_DRY_RUN,
	FLAG_ADD_ENDPOINT,
	FLAG_REMOVE_ENDPOINT,
	FLAG_ADD_ALLOW,
	FLAG_ADD_DENY,
	FLAG_REMOVE_RULE,
	FLAG_BINARY,
	FLAG_RULE_NAME,
	FLAG_KEY,
	FLAG_VALUE,
	FLAG_JSON,
	FLAG_TYPE,
	FLAG_FROM_EXISTING,
	FLAG_CREDENTIAL,
	FLAG_FROM_ADC,
	FLAG_RUNTIME,
	FLAG_CONFIG,
	FLAG_GLOBAL_PROFILE,
	FLAG_EXPIRES_AT,
	FLAG_CREDENTIAL_KEY,
	FLAG_STRATEGY,
	FLAG_MATERIAL,
	FLAG_SECRET_ENV,
	FLAG_SECRET_KEY,
	FLAG_FILE,
	FLAG_SERVER,
	FLAG_PROVIDER,
	FLAG_MODEL,
	FLAG_SYSTEM,
	FLAG_VERIFY,
	FLAG_AUTO_PROVIDERS,
	FLAG_CREDENTIAL_WARNINGS,
	FLAG_EDITOR,
	FLAG_FORWARD,
	FLAG_BACKGROUND,
	FLAG_TARGET_PORT,
	FLAG_TARGET_HOST,
	FLAG_LOCAL_ADDRESS,
	FLAG_READ_ONLY,
	FLAG_SANDBOX_ID,
	FLAG_TOKEN,
	FLAG_UPLOAD,
	FLAG_NO_GIT_IGNORE,
	FLAG_LATER,
	FLAG_COUNT
};

enum flag_kind {
	KIND_SWITCH, /* no value */
	KIND_COUNT,  /* no value; may be repeated */
	KIND_TEXT,
	KIND_NUMBER, /* low to high */
	KIND_CHOICE, /* one of choices */
	KIND_LIST,   /* may be repeated; each is one of choices where there are some */
	KIND_LATER,  /* of a later release: refused with a sentence */
};

/* Where completion finds candidates. */
enum complete {
	COMPLETE_NONE,
	COMPLETE_FILE,
	COMPLETE_DIRECTORY,
	COMPLETE_GATEWAY, /* names of the configuration directory */
	COMPLETE_SANDBOX, /* asks the gateway, as all below */
	COMPLETE_PROVIDER,
	COMPLETE_PROFILE,
	COMPLETE_PROFILE_OWN, /* without the built-in ones */
	COMPLETE_SETTING,     /* asks nobody */
	COMPLETE_FORWARD,     /* ports of forwards in the background */
};

#define EXCLUDES_MAX 5

struct flag {
	enum flag_id id;
	const char *name; /* without dashes */
	char letter;	  /* 0: none */
	enum flag_kind kind;
	const char *value;				       /* what help calls the value */
	const char *variable;				       /* of the environment, used when the flag is not given */
	const char *fallback;				       /* value when neither is given */
	uint64_t low, high;				       /* KIND_NUMBER */
	const char *const *choices;			       /* NULL-terminated */
	enum err (*check)(struct span value, struct why *why); /* NULL: any text */
	enum flag_id excludes[EXCLUDES_MAX];		       /* cannot be given together */
	enum complete complete;
	bool negative; /* KIND_SWITCH: turns the id off; of both forms the last one wins */
	bool hidden;   /* works, and is not in the help */
	const char *help;
};

struct operand {
	const char *name; /* NULL: the command takes none */
	size_t least, most;
	enum complete complete;
	enum complete rest; /* of the second and further ones, where they are something else */
	const char *const *choices;
	enum {
		OPERAND_PLAIN,
		OPERAND_COMMAND,      /* a command line: from its first word on nothing is a flag of ours */
		OPERAND_AFTER_DASHES, /* a command line, only after -- */
	} kind;
	const char *help;
};

struct command {
	const char *name, *alias; /* alias may be NULL */
	const char *summary;	  /* one line, for the list */
	const char *about;	  /* paragraphs for its own help; may be NULL */
	const char *examples;	  /* lines; may be NULL */
	const struct flag *flags; /* ends with FLAG_NONE; may be NULL */
	struct operand operand;
	const struct command *commands;			   /* ends with a NULL name; NULL: none */
	enum err (*run)(struct cli *cli, struct why *why); /* NULL: a group */
	bool later;					   /* of a later release: refused with a sentence */
	bool hidden;					   /* works, and is not in the help */
};

/* A variable that is no flag's. */
struct variable {
	const char *name, *help;
};

extern const struct command command_root;
extern const struct flag flags_global[];
extern const struct variable variables[]; /* ends with a NULL name */

#endif
