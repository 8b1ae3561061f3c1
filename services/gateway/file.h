/* Files: written whole or not at all, directories with their modes, sealed memfds, random bytes. */
#ifndef GATEWAY_FILE_H
#define GATEWAY_FILE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/span.h"

/* Write beside, sync and rename: a reader sees the old file or the new one. */
enum err file_write(const char *path, mode_t mode, struct span bytes, struct why *why) must_check;

/* The same without sync, for what need not outlive a crash. */
enum err file_write_quick(const char *path, mode_t mode, struct span bytes, struct why *why) must_check;

/* Read at most size - 1 bytes and put a NUL behind them. ERR_NOT_FOUND when there is no such file. */
enum err file_read(const char *path, char *to, size_t size, size_t *length, struct why *why) must_check;

bool file_exists(const char *path);

/* Make the directory (and what is missing above it, 0755) and give it this mode. */
enum err dir_make(const char *path, mode_t mode, struct why *why) must_check;

/* The same, and give it to this user and group when we are root. */
enum err dir_make_for(const char *path, mode_t mode, uid_t uid, gid_t gid, struct why *why) must_check;

/* Remove a directory, named from another (AT_FDCWD), with all that is in it; nothing there is well too. */
enum err dir_remove(int at, const char *path, struct why *why) must_check;

/* The same, as far as it goes: after an error that is told already. */
void dir_clear(const char *path);

/* Read-only for ever: for a child's descriptor. */
enum err memfd_sealed(const char *name, struct span bytes, int *fd, struct why *why) must_check;

/* From the kernel's generator; cannot fail. */
void random_bytes(void *to, size_t length);

#endif
