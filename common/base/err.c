/* Errors: the table of err.def and the writing of reasons. */
#include "common/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *words;
	int grpc;
	bool retry;
} rows[] = {
#define ERR(name, grpc, retry, words) {#name, words, grpc, retry},
#include "common/base/err.def"
#undef ERR
};

static size_t
row_of(enum err code)
{
	return (unsigned)code < ERR_COUNT ? (size_t)code : (size_t)ERR_INTERNAL;
}

const char *
err_name(enum err code)
{
	return rows[row_of(code)].name;
}

const char *
err_words(enum err code)
{
	return rows[row_of(code)].words;
}

int
err_grpc(enum err code)
{
	return rows[row_of(code)].grpc;
}

bool
err_retry(enum err code)
{
	return rows[row_of(code)].retry;
}

enum err
fail(struct why *why, enum err code, const char *format, ...)
{
	va_list args;

	if (why == NULL)
		return code;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return code;
}

enum err
fail_errno(struct why *why, enum err code, const char *format, ...)
{
	char detail[WHY_BYTES / 2];
	int saved = errno;
	va_list args;

	if (why == NULL)
		return code;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	return fail(why, code, "%s: %s", detail, strerror(saved));
}

enum err
because(struct why *why, enum err code, const char *format, ...)
{
	char context[WHY_BYTES / 2], reason[WHY_BYTES];
	va_list args;

	if (why == NULL)
		return code;
	va_start(args, format);
	vsnprintf(context, sizeof(context), format, args);
	va_end(args);
	memcpy(reason, why->text, sizeof(reason));
	reason[sizeof(reason) - 1] = '\0';
	/* Cut at the end of the buffer when both are long: that is what it promises. */
	if (snprintf(why->text, sizeof(why->text), "%s: %.*s", context, (int)(sizeof(reason) - 1), reason) < 0)
		why->text[0] = '\0';
	return code;
}
