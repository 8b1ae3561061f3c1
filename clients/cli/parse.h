/* The command line and the environment, read by the tables into one struct. */
#ifndef CLIENTS_CLI_PARSE_H
#define CLIENTS_CLI_PARSE_H

#include "clients/cli/table.h"
#include "common/base/arena.h"

#define DEPTH_MAX 4

struct value {
	bool set; /* given, by flag or by variable */
	bool on;  /* KIND_SWITCH */
	const char *text;
	uint64_t number; /* KIND_NUMBER, KIND_COUNT */
	const char **list;
	size_t count; /* of list */
};

struct args {
	const struct command *path[DEPTH_MAX]; /* from the root down */
	size_t depth;
	const struct command *command; /* the last of path */
	struct value values[FLAG_COUNT];
	const char **operands;
	size_t operands_count;
	bool help, version;
};

/*
 * Read argv[1] and on.
 *
 * variable  looks a name of the environment up (getenv)
 * out       borrows argv's and the environment's texts; lists are the arena's
 * errors    ERR_SYNTAX one sentence for the user, with the nearest match where a word is unknown
 */
enum err args_parse(const struct command *root, int argc, char **argv, char *(*variable)(const char *),
    struct arena *arena, struct args *out, struct why *why) must_check;

/* The row of a flag by name or letter, the command's own before the global ones; NULL. */
const struct flag *flag_by_name(const struct command *command, struct span name);
const struct flag *flag_by_letter(const struct command *command, char letter);

/* The command of a group by name or alias; NULL. */
const struct command *command_by_name(const struct command *group, struct span name);

/* Does the flag take a value? */
bool flag_takes_value(const struct flag *flag);

/* "openshell sandbox create" */
const char *args_path(const struct args *args, struct arena *arena);

#endif
