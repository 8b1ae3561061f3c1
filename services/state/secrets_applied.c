/* What became of secrets that a sandbox was given: in use, or refused and why. */
#include "common/base/log.h"
#include "services/state/secrets.h"

struct applying {
	struct state *state;
	const struct msg_secrets_applied *in;
};

static enum err
note(void *arg, struct why *why)
{
	const struct applying *it = arg;
	const struct msg_secrets_applied *in = it->in;
	auto_arena struct arena arena = {0};
	struct args args = {0};
	auto_rows rows = {0};
	const char *words = arena_format(&arena, "secrets revision %lu was refused: " SPAN_FORMAT,
	    (unsigned long)in->revision, SPAN_ARGS(in->message));
	enum err r;

	args_id(&args, in->sandbox);
	if ((r = db_run(&it->state->db, SQL_BOX_ID_LOCK, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0 || rows_number(&rows, 0, 1) != in->epoch)
		return OK; /* another start than the one that counts */
	if (!in->loaded) {
		if ((r = log_say(it->state, in->sandbox, "WARN", words, why)) != OK)
			return r;
		return secrets_say(it->state, in->sandbox, in->epoch, false, "SecretsRefused", in->message, why);
	}
	args_number(&args, in->revision);
	if ((r = db_run(&it->state->db, SQL_SECRETS_APPLIED, &args, NULL, why)) != OK)
		return r;
	return secrets_say(it->state, in->sandbox, in->epoch, true, "Applied", SPAN("the secrets are in use"), why);
}

/*
 * The router and the proxy of a sandbox use a revision now, or say why they do not.
 *
 * in      secrets_applied, from relay
 * out     done: it need not be said again
 * errors  ERR_UNAVAILABLE the database is away: say it again
 */
enum err
secrets_applied(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct applying applying = {state, &m->secrets_applied};
	enum err r;

	answer->id = DONE;
	if ((r = state_serving(state, why)) != OK)
		return r;
	log_info("secrets.applied", "sandbox=%s revision=%lu loaded=%d", id_text(applying.in->sandbox),
	    (unsigned long)applying.in->revision, applying.in->loaded);
	return db_transaction(&state->db, LAZY, note, &applying, why);
}
