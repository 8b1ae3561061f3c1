/* intake: at most one message of the caller's is kept, and no more taken meanwhile. */
#include "services/api/intake.h"

#include <stdlib.h>

void
intake_done(struct intake *intake)
{
	free(intake->kept);
	intake->kept = NULL;
	intake->left = SPAN_NONE;
}

void
intake_hold(struct intake *intake, struct rpc_call *call)
{
	intake->call = call;
	intake->held = true;
	rpc_pause(call);
}

void
intake_flow(struct intake *intake, struct passage *passage)
{
	bool held = intake->held;

	intake->left = span_tail(intake->left, passage_write(passage, 0, intake->left));
	if (intake->left.length > 0)
		return;
	intake_done(intake);
	intake->held = false;
	if (intake->ends)
		passage_end(passage, 0);
	else if (held)
		rpc_resume(intake->call);
}

void
intake_take(struct intake *intake, struct passage *passage, struct span bytes)
{
	intake->left = bytes;
	intake_flow(intake, passage);
	if (intake->left.length == 0)
		return;
	intake_hold(intake, intake->call);
	if ((intake->kept = malloc(intake->left.length)) == NULL)
		abort();
	memcpy(intake->kept, intake->left.at, intake->left.length);
	intake->left.at = intake->kept;
}

void
intake_end(struct intake *intake, struct passage *passage)
{
	intake->ends = true;
	intake_flow(intake, passage);
}
