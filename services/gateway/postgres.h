/* The embedded PostgreSQL: finding its programs, making the private cluster once, and how it is started. */
#ifndef GATEWAY_POSTGRES_H
#define GATEWAY_POSTGRES_H

#include <sys/types.h>

#include "services/gateway/config.h"

#define POSTGRES_PASSWORD_BYTES 65 /* 64 hex digits and a NUL */
#define POSTGRES_ARGS_MAX	64

struct postgres {
	char bin[CONFIG_PATH_BYTES]; /* directory of initdb and postgres */
	char cluster[PATH_BYTES], socket_dir[PATH_BYTES];
	bool set_ids; /* we are root: it runs as uid and gid */
	uid_t uid;
	gid_t gid;
	char password[POSTGRES_PASSWORD_BYTES]; /* of the role that state uses */
	char arguments[POSTGRES_ARGS_MAX][PATH_BYTES + 64];
	const char *argv[POSTGRES_ARGS_MAX + 1]; /* NULL-terminated; to start it */
	char program[PATH_BYTES];
};

/*
 * Find the programs and the user, without changing anything.
 *
 * errors  ERR_NOT_FOUND with the Debian package to install; ERR_INVALID when the user cannot reach the data directory
 */
enum err postgres_find(struct postgres *postgres, const struct config *config, struct why *why) must_check;

/*
 * Make the cluster where there is none: initdb, a role and a database named openshell, all beside and then renamed.
 * Takes a second or two.
 *
 * state_gid  group whose members may reach the socket, when we are root
 */
enum err postgres_prepare(
    struct postgres *postgres, const struct config *config, gid_t state_gid, struct why *why) must_check;

/* Before each start of the server: end what a killed one left running, and a lock file that misleads. */
void postgres_clear(const struct postgres *postgres);

/* Does the server with this pid accept connections? (The last line of its lock file, as pg_ctl reads it.) */
bool postgres_serves(const struct postgres *postgres, pid_t pid);

#endif
