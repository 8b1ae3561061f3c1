/* The command lines of OpenSSH's ssh: how it reaches a sandbox through this program, as text. Opens nothing. */
#ifndef CLIENTS_CLI_SSH_COMMAND_H
#define CLIENTS_CLI_SSH_COMMAND_H

#include "clients/sdk/entry.h"
#include "common/base/arena.h"

#define SSH_WORDS_MAX	   64
#define SSH_TOKEN_VARIABLE "OPENSHELL_SSH_TOKEN" /* the token travels here: a command line is for everybody to see */

/* What a command line is about. */
struct ssh_plan {
	const char *program; /* path of this one */
	const struct gateway *gateway;
	bool insecure;
	const char *workspace, *sandbox, *sandbox_id;
};

/* One word for a shell and for ssh's percent signs: quoted where it holds more than plain bytes. NULL past the ceiling. */
const char *ssh_quoted(struct arena *arena, const char *word);

/* ProxyCommand for one connection: by id, with the token in the environment; NULL past the arena's ceiling. */
const char *ssh_proxy_by_token(struct arena *arena, const struct ssh_plan *plan);

/* ProxyCommand that works at any time: by name, making its own token. */
const char *ssh_proxy_by_name(struct arena *arena, const struct ssh_plan *plan);

/*
 * ssh's words up to its own options: no configuration file, the proxy, no host keys (the gateway vouches for the way).
 *
 * level    of ssh's messages: QUIET, FATAL, ERROR, INFO, VERBOSE, DEBUG...
 * returns  how many of words (SSH_WORDS_MAX of them) are set; 0 past the arena's ceiling
 */
size_t ssh_words(struct arena *arena, const struct ssh_plan *plan, const char *level, const char **words);

/* openshell-<sandbox>.<workspace>, by which editors and ssh call it. */
const char *ssh_alias(struct arena *arena, const struct ssh_plan *plan);

/* Its block of an ssh_config(5) file, with a line break at the end; NULL past the ceiling. */
const char *ssh_host_block(struct arena *arena, const struct ssh_plan *plan);

/*
 * A text of ssh_config(5) with this block in place of the one of the same alias, or at its end.
 *
 * block    NULL takes the alias's block away
 * returns  NULL past the arena's ceiling
 */
const char *ssh_config_put(struct arena *arena, struct span text, const char *alias, const char *block);

/* The text with "Include path" as its first line, or NULL when some line of it says that already. */
const char *ssh_config_include(struct arena *arena, struct span text, const char *path);

#endif
