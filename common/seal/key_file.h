/* Key files: read with care, as what they hold must be its owner's alone. */
#ifndef COMMON_SEAL_KEY_FILE_H
#define COMMON_SEAL_KEY_FILE_H

#include "common/base/err.h"
#include "common/base/secret.h"

/*
 * Read a file of low to high bytes: regular, reached by no symbolic link in its last part, the caller's own or
 * root's, closed to group and others.
 *
 * out     high bytes, the caller's to wipe; *length gets how many were read
 * errors  ERR_NOT_FOUND there is none; ERR_SYSTEM it cannot be read; ERR_INVALID not regular, another
 *         user's, open to others, another size. All name the path
 */
enum err key_file_read(
    const char *path, size_t low, size_t high, uint8_t *out, size_t *length, struct why *why) must_check;

/* The same for one key of 32 bytes. */
enum err key_file_secret(const char *path, struct secret *out, struct why *why) must_check;

#endif
