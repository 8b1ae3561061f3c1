/* A client's files: where its configuration lives, and reading and writing small files there. */
#ifndef CLIENTS_SDK_FILES_H
#define CLIENTS_SDK_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define FILE_BYTES_MAX (1u << 20) /* of any file a client reads as a whole */

/* The directories, absolute and without a slash at the end. */
struct places {
	char user[PATH_MAX];   /* $XDG_CONFIG_HOME/openshell, else ~/.config/openshell */
	char system[PATH_MAX]; /* $OPENSHELL_SYSTEM_GATEWAY_DIR, else /etc/openshell */
	char tls[PATH_MAX];    /* $OPENSHELL_LOCAL_TLS_DIR, else $XDG_STATE_HOME/openshell/tls */
};

/* ERR_NOT_FOUND when neither HOME nor the XDG variable says where; ERR_INVALID a path that is not absolute.
 */
enum err places_find(struct places *out, struct why *why) must_check;

/*
 * Read a whole regular file.
 *
 * out     in the arena, with a NUL behind it
 * errors  ERR_NOT_FOUND no such file; ERR_LIMIT over FILE_BYTES_MAX; ERR_SYSTEM the rest
 */
enum err file_read(const char *path, struct arena *arena, struct span *out, struct why *why) must_check;

/* Replace a file at once (a new file renamed over it); missing directories are made with mode 0700. */
enum err file_write(const char *path, mode_t mode, struct span bytes, struct why *why) must_check;

bool file_exists(const char *path);

#endif
