/* Lines: each in a call of its own, because only an answer says that link has it. */
#include "common/bus/lines.h"

#include <stdlib.h>

/* On its way. */
struct telling {
	struct lines *lines;
	uint64_t n; /* that are lost if it does not come: the line, and those that were counted with it */
};

static void
told(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct telling *telling = self;

	(void)answer;
	(void)why;
	if (r != OK)
		telling->lines->lost += telling->n;
	free(telling);
}

bool
lines_tell(struct lines *lines, struct peer *link, struct id sandbox, const struct msg_log_line *line)
{
	struct msg m = {.id = LOGS_ADD,
	    .logs_add = {.sandbox = sandbox,
		.lines = (struct msg_log_line *)(uintptr_t)line,
		.lines_n = line != NULL,
		.dropped = lines->lost < UINT32_MAX ? (uint32_t)lines->lost : UINT32_MAX}};
	struct telling *telling;

	if (link == NULL) {
		lines->lost += line != NULL;
		return false;
	}
	if (line == NULL && lines->lost == 0)
		return true;
	if ((telling = malloc(sizeof(*telling))) == NULL)
		abort();
	*telling = (struct telling){lines, m.logs_add.lines_n + m.logs_add.dropped};
	lines->lost -= m.logs_add.dropped;
	peer_call(link, &m, CALL_DEADLINE_MS, told, telling);
	return true;
}
