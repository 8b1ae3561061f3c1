/* The two processes of this program: their descriptors, and what of the system they may read. */
#ifndef CREDENTIALS_FETCH_PROCESS_H
#define CREDENTIALS_FETCH_PROCESS_H

#include <stddef.h>

enum { FD_SOCKET = 3, FD_AUTHORITIES = 4, FD_PROGRAM = 5, FD_LEDGER = 5 }; /* the last: the keeper's, and a fetch's */

#define PATHS_MAX 32

/* Where names, certificates and a service account are; ends with NULL. */
extern const char *const world_paths[];

/* Add the paths that this machine has to a list with room for PATHS_MAX, which has n: how many it has then. */
size_t paths_add(const char **to, size_t n, const char *const *from);

/*
 * Wait for sockets and start a fetch with each, until the other end is gone: the exit status.
 *
 * uid_text, gid_text  whom to become when run as root
 * token_file          what fetches may read besides; "": nothing
 */
int keeper_run(const char *uid_text, const char *gid_text, const char *token_file);

#endif
