/* What is wrong with a policy, and what is only doubtful: as many as there are, up to a bound, each with its place. */
#ifndef COMMON_POLICY_FINDINGS_H
#define COMMON_POLICY_FINDINGS_H

#include "common/base/arena.h"
#include "common/base/err.h"

#define FINDINGS_MAX   100 /* kept; more are counted */
#define FINDINGS_VALUE 60  /* bytes of a value that are shown */

struct finding {
	bool warning;
	const char *text;    /* "network policy 'NAME': endpoint I: field: 'value': what is allowed"; safe to show */
	const void *at[2];   /* where the value is kept, and the message around it: yaml.c finds its line by them */
	size_t line, column; /* in the file; 0: not from a file */
};

struct findings {
	struct arena *arena; /* texts live there */
	struct finding *items;
	size_t count;		 /* of items */
	size_t errors, warnings; /* all there were */
};

/* One more; text in printf form, foreign bytes in it escaped already. */
void finding_add(struct findings *findings, bool warning, const void *at, const void *within, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Foreign bytes between quotes, escaped and cut, good until the enclosing block ends. */
#define FINDINGS_QUOTE_BYTES 280
#define finding_quote(text)  finding_quote_into((text), (char[FINDINGS_QUOTE_BYTES]){0})
const char *finding_quote_into(const char *text, char to[FINDINGS_QUOTE_BYTES]);

/*
 * All errors as one reason: "a; b; and 3 more". Returns code when there is an error, else OK.
 */
enum err findings_why(const struct findings *findings, enum err code, struct why *why) must_check;

#endif
