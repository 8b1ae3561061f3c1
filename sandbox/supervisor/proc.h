/* Reading /proc: the few facts that walls are checked by. */
#ifndef SANDBOX_SUPERVISOR_PROC_H
#define SANDBOX_SUPERVISOR_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A small file as text; false when it cannot be read or does not fit. */
bool proc_read(const char *path, char *text, size_t size);

/* A value of /proc/self/status by its name; false (and "?") when it is not there. */
bool proc_status(const char *name, char *value, size_t size);

/* Is a uid_map or gid_map one line for one id? */
bool proc_map_single(const char *path);

/* The namespace ("pid", "net", ...) of a process; 0 when it cannot be read. */
uint64_t proc_namespace(pid_t pid, const char *name);

#endif
