/* Inside of the lint: what its files share. */
#ifndef COMMON_PROVIDER_LINTING_H
#define COMMON_PROVIDER_LINTING_H

#include "common/provider/findings.h"
#include "common/provider/messages.h"

#define LINT_FIELD_BYTES 120

struct linting {
	const Profile *profile;
	const char *source;
	struct profile_findings *findings;
};

/* "credentials[0].env_vars", good until the enclosing block ends. */
#define lint_field(...) lint_field_into((char[LINT_FIELD_BYTES]){0}, __VA_ARGS__)
const char *lint_field_into(char to[LINT_FIELD_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A finding about the value that is kept at an address (for its line; NULL: none). */
void lint_say(const struct linting *linting, bool warning, const void *at, const char *field, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#define lint_error(linting, at, field, ...)   lint_say(linting, false, at, field, __VA_ARGS__)
#define lint_warning(linting, at, field, ...) lint_say(linting, true, at, field, __VA_ARGS__)

/* Nothing, or nothing but space? */
bool lint_blank(const char *text);

void lint_credentials(const struct linting *linting);
void lint_refresh(const struct linting *linting, size_t credential);
void lint_grant(const struct linting *linting, size_t credential);
void lint_endpoints(const struct linting *linting);

#endif
