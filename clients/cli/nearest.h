/* The nearest match to a mistyped word. */
#ifndef CLIENTS_CLI_NEAREST_H
#define CLIENTS_CLI_NEAREST_H

#include "clients/cli/table.h"

/* Edits (insert, delete, replace, swap of neighbours) between two words; words over 32 bytes are far from
 * all. */
size_t word_distance(struct span a, struct span b);

/* Name of the nearest visible command of a group, or flag of a command; NULL when none is near. */
const char *nearest_command(const struct command *group, struct span word);
const char *nearest_flag(const struct command *command, struct span word);

/* The group whose command has exactly this name, for a person who left the group out ("exec" is "sandbox exec");
 * NULL. */
const struct command *nearest_group(const struct command *root, struct span word);

#endif
