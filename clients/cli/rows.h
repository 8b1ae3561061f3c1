/* Rows that several tables of commands have. */
#ifndef CLIENTS_CLI_ROWS_H
#define CLIENTS_CLI_ROWS_H

#include "clients/cli/table.h"

extern const char *const formats[]; /* table, yaml, json */

/* clang-format off */

#define OUTPUT(...)									\
	{.id = FLAG_OUTPUT, .name = "output", .letter = 'o', .kind = KIND_CHOICE,	\
	 .value = "FORMAT", .fallback = "table", .choices = formats,			\
	 .excludes = {__VA_ARGS__}, .help = "what to print: table, yaml or json"}
#define LATER(flag)	{.id = FLAG_LATER, .name = flag, .kind = KIND_LATER, .hidden = true}
#define END		{.id = FLAG_NONE}
#define SANDBOX_OPTIONAL								\
	{.name = "[NAME]", .most = 1, .complete = COMPLETE_SANDBOX,			\
	 .help = "the sandbox; without it the one that was used last"}

#define LIST(flag, word, what, test, from, text)						\
	{.id = flag, .name = word, .kind = KIND_LIST, .value = what, .check = test,	.complete = from, \
	 .help = text "; may be repeated"}

#define PAGE_FLAGS									\
	{.id = FLAG_LIMIT, .name = "limit", .kind = KIND_NUMBER, .value = "N", .fallback = "100", .high = UINT32_MAX,	\
	 .help = "rows at most; the gateway gives up to 1000"},				\
	{.id = FLAG_OFFSET, .name = "offset", .kind = KIND_NUMBER, .value = "N", .fallback = "0", .high = UINT32_MAX,	\
	 .help = "rows to skip"}
/* clang-format on */

#endif
