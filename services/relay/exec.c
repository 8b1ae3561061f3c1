/* Execs: what a command has beside its streams: its start, its signals and its exit code. */
#include "services/relay/exec.h"

#include <signal.h>

#include "services/relay/passage.h"

static void
fill_kill(struct msg *m, uint64_t stream)
{
	*m = (struct msg){.id = EXEC_SIGNAL, .exec_signal = {stream, SIGKILL}};
}

static void
fill_lost(struct msg *m, uint64_t stream, const char *words)
{
	*m = (struct msg){.id = EXEC_EXITED, .exec_exited = {stream, 256, span_of_text(words)}};
}

/* Standard input (0) and terminal size (3) flow to the link, output (1) and error (2) to api. */
/* clang-format off */
static const struct passage_kind exec_kind = {
	.place = PASSAGE_EXEC,
	.name = "command",
	.plural = "commands",
	.started = EXEC_STARTED,
	.inward = 1 << 0 | 1 << 3,
	.outward = 1 << 1 | 1 << 2,
	.all_max = EXECS_MAX,
	.sandbox_max = EXECS_SANDBOX_MAX,
	.fill_stop = fill_kill,
	.fill_lost = fill_lost,
};
/* clang-format on */

/*
 * Run a command in a sandbox and open its stream.
 *
 * in      exec_start, from api, which chose the stream's number
 * out     exec_started, as the link answers
 * errors  as passage_start; ERR_TIMEOUT; the sandbox's
 */
enum err
exec_start(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct msg start = {.id = EXEC_START, .exec_start = m->exec_start};

	(void)answer;
	start.exec_start.sandbox = (struct id){{0}}; /* the link knows whose it is */
	return passage_start(
	    self, &exec_kind, m, m->exec_start.sandbox, m->exec_start.stream, &start, &start.exec_start.stream, why);
}

/* The command ended: told to its caller, and forgotten. In: exec_exited, from a link. */
enum err
exec_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct passage *exec = passage_find(self, &exec_kind, m->from, m->exec_exited.stream);

	(void)answer;
	if (exec == NULL)
		return OK;
	if (exec->start != 0)
		return passage_breach(exec, m->from, "exec_exited before exec_started", why);
	if (passage_forward(exec, m->from, m, &m->exec_exited.stream))
		passage_free(exec);
	return OK;
}

/* A signal for the command's process group. In: exec_signal, from api. */
enum err
exec_signal(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct passage *exec =
	    m->from->role == ROLE_API ? passage_find(self, &exec_kind, m->from, m->exec_signal.stream) : NULL;

	(void)answer;
	(void)why;
	if (exec != NULL)
		(void)passage_forward(exec, m->from, m, &m->exec_signal.stream);
	return OK;
}
