/* Files as a whole: a text into one of the kernel's, a file replaced at once, bytes sealed in memory. */
#ifndef COMMON_OS_FILE_H
#define COMMON_OS_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/span.h"

/*
 * Write a text, with one call, to a file that is there already: those of /proc want it so (user_namespaces(7)).
 *
 * errors  ERR_SYSTEM naming the path
 */
enum err file_put(const char *path, const char *text, struct why *why) must_check;

/*
 * Write beside, then rename: whoever reads sees the old file or the new one, never a part.
 *
 * lasting  synchronised first, file and directory: what was there before or what is new outlives a crash
 * errors   ERR_RANGE the path is too long; ERR_SYSTEM naming the path
 */
enum err file_replace(const char *path, mode_t mode, struct span bytes, bool lasting, struct why *why) must_check;

/*
 * Bytes that nobody can change any more, read from their beginning: for a child's descriptor (memfd_create(2)).
 *
 * out     the caller's, close-on-exec
 * errors  ERR_SYSTEM naming the memfd
 */
enum err memfd_sealed(const char *name, struct span bytes, int *out, struct why *why) must_check;

/*
 * Memory of so many bytes of zero, whose size nobody can change: who maps it is never sent SIGBUS (fcntl(2)).
 *
 * out     the caller's, close-on-exec
 * errors  ERR_SYSTEM naming the memfd
 */
enum err memfd_fixed(const char *name, size_t size, int *out, struct why *why) must_check;

#endif
