/* Which files of a directory git would keep: what is tracked, and what no .gitignore leaves out. */
#ifndef CLIENTS_CLI_GIT_FILES_H
#define CLIENTS_CLI_GIT_FILES_H

#include "clients/cli/cli.h"

struct git_files;

/*
 * Ask git, whose own variables are not passed on.
 *
 * out     the caller frees it; NULL: the directory is in no work tree
 * errors  ERR_NOT_FOUND it is, and git is not installed; ERR_STATE git says no: then nobody knows what was to be left out
 */
enum err git_files_list(struct cli *cli, const char *directory, struct git_files **out, struct why *why) must_check;
void git_files_free(struct git_files *files);
size_t git_files_count(const struct git_files *files);

/* The directory has this name in the paths that are asked about; NULL: none. Borrowed. */
void git_files_below(struct git_files *files, const char *name);

/* Is it one of them, above one, or in a directory that git lists as a whole (a repository of its own)? */
bool git_files_wanted(void *files, struct span path, bool directory);

#endif
