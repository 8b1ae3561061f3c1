/* Errors: a code from err.def, and a reason in words that needs no memory. */
#ifndef COMMON_BASE_ERR_H
#define COMMON_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

enum err {
#define ERR(name, grpc, retry, words) name,
#include "common/base/err.def"
#undef ERR
	ERR_COUNT
};

#define must_check __attribute__((warn_unused_result))

#define WHY_BYTES 512

/* Why something failed: one clause, lower case, no full stop; NUL-terminated, cut at WHY_BYTES - 1. */
struct why {
	char text[WHY_BYTES];
};

/*
 * Write the reason (printf form) and return the code, so that a failing function ends with `return fail(...)`.
 *
 * why     may be NULL: the reason is then dropped
 */
enum err fail(struct why *why, enum err code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, with ": " and strerror(errno) behind it; code is normally ERR_SYSTEM. */
enum err fail_errno(struct why *why, enum err code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Put the caller's context in front of the reason that is there: "context: reason". Returns code. */
enum err because(struct why *why, enum err code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The columns of err.def; a number that is no code reads as ERR_INTERNAL. */
const char *err_name(enum err code);
const char *err_words(enum err code);
int err_grpc(enum err code);
bool err_retry(enum err code);

#endif
