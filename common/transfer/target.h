/* Where a copied file or tree goes, and where it comes from, as people name the two: cp's rules, made exact. */
#ifndef COMMON_TRANSFER_TARGET_H
#define COMMON_TRANSFER_TARGET_H

#include <stdbool.h>

#include "common/base/err.h"

/*
 * The directory to write in. What is missing of it is made. A single file goes into to where that ends with a slash or
 * is a directory; else to is what it will be called. A tree goes into to.
 *
 * name    of a single file there; as it came in where it keeps its name; else part of to
 * root    the caller's
 * errors  ERR_DENIED, ERR_STATE something else is in the way, ERR_SYSTEM naming the path
 */
enum err target_open(const char *to, bool single, const char **name, int *root, struct why *why) must_check;

/*
 * What to send: a directory with its name, or without it where the path ends in none (".", "/", "a/.."), or else one
 * file or link, which is not followed.
 *
 * root    the caller's
 * only    the name in root, part of a copy that the caller frees; NULL: all of root
 * errors  ERR_NOT_FOUND, ERR_DENIED, ERR_INVALID neither file, directory nor link; ERR_SYSTEM naming the path
 */
enum err target_source(const char *path, int *root, char **only, bool *single, struct why *why) must_check;

/* The last name of a path without the slashes behind it, a copy that the caller frees; NULL: it has none. */
char *target_name(const char *path);

#endif
