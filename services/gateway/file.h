/* Files: read whole, directories with their modes, random bytes; writing is common/os/file.h. */
#ifndef GATEWAY_FILE_H
#define GATEWAY_FILE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/base/err.h"

/* Read at most size - 1 bytes and put a NUL behind them. ERR_NOT_FOUND when there is no such file. */
enum err file_read(const char *path, char *to, size_t size, size_t *length, struct why *why) must_check;

bool file_exists(const char *path);

/* Make the directory (and what is missing above it, 0755) and give it this mode. */
enum err dir_make(const char *path, mode_t mode, struct why *why) must_check;

/* The same, and give it to this user and group when we are root. */
enum err dir_make_for(const char *path, mode_t mode, uid_t uid, gid_t gid, struct why *why) must_check;

/* Remove a directory with all that is in it, as far as it goes: after an error that is told already. */
void dir_clear(const char *path);

/* From the kernel's generator; cannot fail. */
void random_bytes(void *to, size_t length);

#endif
