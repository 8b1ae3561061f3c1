/* Drops: what credentials is to forget, told until it says that it has. Where it keeps nothing outside it has at once.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/providers.h"

#define DROP_DEADLINE_MS 30000
#define TAKEN_MS	 60000 /* then another may try */
#define LOOK_MS		 30000 /* there is nothing: look again */

/* One that is being told. */
struct drop {
	struct state *state;
	uint64_t number;
};

static void look(void *self);

static void
forgotten(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct drop *drop = self;
	struct args args = {0};
	struct why ignored;

	(void)answer;
	args_number(&args, drop->number);
	if (r == OK)
		r = db_run(&drop->state->db, SQL_DROP_DONE, &args, NULL, &ignored);
	else if (r != ERR_UNAVAILABLE)
		log_warning("secrets.drop", "number=%lu error=%s why=%s", (unsigned long)drop->number, err_name(r),
		    log_quote(span_of_text(why->text)));
	free(drop);
}

static void
tell(struct state *state, struct peer *credentials, const struct rows *rows, int row)
{
	struct msg_secret_record record = {rows_span(rows, row, 3), rows_span(rows, row, 4)};
	bool whole = !rows_null(rows, row, 2);
	struct msg ask = {.id = SECRETS_DROP,
	    .secrets_drop = {rows_id(rows, row, 1), whole ? NULL : &record, whole ? 0 : 1, rows_id(rows, row, 2)}};
	struct drop *drop = malloc(sizeof(*drop));

	if (drop == NULL)
		abort();
	*drop = (struct drop){state, rows_number(rows, row, 0)};
	peer_call(credentials, &ask, DROP_DEADLINE_MS, forgotten, drop);
}

static void
look(void *self)
{
	struct state *state = self;
	uint64_t now_ms = (uint64_t)clock_wall_ms();
	struct args args = {0};
	auto_rows rows = {0};
	struct peer *credentials;
	struct why why;

	loop_timer_set(state->loop, &state->drops, LOOK_MS, look, state);
	args_number(&args, now_ms);
	args_number(&args, now_ms + TAKEN_MS);
	if (!state->serving || credentials_peer(state, &credentials, &why) != OK ||
	    db_run(&state->db, SQL_DROPS_TAKE, &args, &rows, &why) != OK)
		return;
	for (int i = 0; i < rows.n; i++)
		tell(state, credentials, &rows, i);
	if (rows.n > 0)
		loop_timer_set(state->loop, &state->drops, 0, look, state);
}

void
drops_kick(struct state *state)
{
	loop_timer_set(state->loop, &state->drops, 0, look, state);
}
