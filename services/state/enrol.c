/* Enrolment: a ticket for each start, given to its driver, brought back by the sandbox, bound to the key that brings it. */
#include <sodium.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "services/state/change.h"
#include "services/state/secrets.h"

#define CREDENTIALS_DEADLINE_MS 5000

static void
token_hash(struct span token, uint8_t hash[32])
{
	crypto_generichash(hash, 32, (const uint8_t *)token.at, token.length, NULL, 0);
}

/* ---- tickets ---- */

/* A ticket that waits for its claim. */
struct ticketing {
	struct state *state;
	struct reply reply;
	struct id sandbox;
	uint32_t epoch;
	uint8_t hash[32], credentials_key[32];
};

static enum err
ticket_store(void *arg, struct why *why)
{
	struct ticketing *t = arg;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, t->sandbox);
	args_number(&args, t->epoch);
	args_bytes(&args, span_of_bytes(t->hash, sizeof(t->hash)));
	args_bytes(&args, span_of_bytes(t->credentials_key, sizeof(t->credentials_key)));
	if ((r = db_run(&t->state->db, SQL_TICKET_SAVE, &args, &rows, why)) != OK)
		return r;
	if (rows.touched == 0)
		return fail(why, ERR_CONFLICT, "this start is no longer wanted, or has enrolled already");
	args = (struct args){0};
	args_id(&args, t->sandbox);
	args_number(&args, t->epoch);
	return db_run(&t->state->db, SQL_TICKETS_PAST, &args, NULL, why);
}

/* A sandbox that cannot begin without credentials says so; that it begins takes the words' place. */
static void
waits_say(struct state *state, struct id sandbox, const char *words)
{
	struct args args = {0};
	struct why why;

	args_id(&args, sandbox);
	args_text(&args, span_of_text(words));
	if (db_run(&state->db, SQL_BOX_WAITS, &args, NULL, &why) != OK)
		log_debug("sandbox.waits", "sandbox=%s why=%s", id_text(sandbox), why.text);
}

static void
claim_came(void *self, enum err r, struct msg *claim, const struct why *because_of)
{
	struct ticketing *t = self;
	auto_secret struct secret token = {0};
	struct why why = {0};
	struct msg answer = {.id = TICKET_GIVEN};

	if (r != OK) {
		why = *because_of;
		waits_say(t->state, t->sandbox, why.text);
	} else {
		randombytes_buf(token.bytes, sizeof(token.bytes));
		token_hash(span_of_bytes(token.bytes, sizeof(token.bytes)), t->hash);
		answer.ticket_given.token = span_of_bytes(token.bytes, sizeof(token.bytes));
		answer.ticket_given.claim_box = claim->claim_made.claim_box;
		answer.ticket_given.credentials_key = claim->claim_made.credentials_key;
		memcpy(t->credentials_key, claim->claim_made.credentials_key.at, sizeof(t->credentials_key));
		r = db_transaction(&t->state->db, LAZY, ticket_store, t, &why);
	}
	if (r == OK)
		reply_send(&t->reply, &answer);
	else
		reply_fail(&t->reply, r, &why);
	free(t);
}

static enum err
ticket_wanted(struct state *state, const struct msg_ticket *in, const struct driver *driver, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, in->sandbox);
	if ((r = state_serving(state, why)) != OK ||
	    (r = db_run(&state->db, SQL_TICKET_CHECK, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0 || !span_is(rows_span(&rows, 0, 2), driver->roster_name))
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	if (rows_number(&rows, 0, 0) != in->epoch || rows_number(&rows, 0, 1) != WANT_RUNNING)
		return fail(why, ERR_CONFLICT, "start %u is no longer wanted", in->epoch);
	if (!rows_null(&rows, 0, 3))
		return fail(why, ERR_CONFLICT, "start %u has enrolled already", in->epoch);
	return OK;
}

/*
 * A driver is about to start an epoch: make its token, of which only the hash is kept, and fetch its claim.
 *
 * in      ticket, from a driver that has joined
 * out     ticket_given
 * errors  ERR_NOT_FOUND no such sandbox of this driver; ERR_CONFLICT another start counts, or this one has enrolled;
 *         ERR_UNAVAILABLE the database or credentials is away; ERR_STATE the driver has not joined
 */
enum err
ticket(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_ticket *in = &m->ticket;
	struct state *state = self;
	struct driver *driver = driver_of(state, span_of_text(m->from->name));
	struct msg ask = {.id = CLAIM_MAKE, .claim_make = {.sandbox = in->sandbox, .epoch = in->epoch}};
	struct ticketing *t;
	struct peer *credentials;
	enum err r;

	(void)answer;
	if (driver == NULL || driver->peer != m->from)
		return fail(why, ERR_STATE, "driver_join comes first");
	if ((r = ticket_wanted(state, in, driver, why)) != OK)
		return r;
	if ((r = credentials_peer(state, &credentials, why)) != OK) {
		waits_say(state, in->sandbox, why->text);
		return r;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL)
		abort();
	*t = (struct ticketing){.state = state, .reply = reply_later(m), .sandbox = in->sandbox, .epoch = in->epoch};
	ask.claim_make.box_key = span_of_bytes(driver->box_key, sizeof(driver->box_key));
	peer_call(credentials, &ask, CREDENTIALS_DEADLINE_MS, claim_came, t);
	return OK;
}

/* ---- a sandbox comes ---- */

/* An enrolment that waits for credentials to vouch for its router's key. */
struct enrolment {
	struct state *state;
	struct reply reply;
	struct id sandbox, instance;
	uint32_t epoch;
	uint8_t bus_key[32], router_key[32], router_mac[32];
	struct arena arena;
};

/* One answer for an unknown sandbox, start and token: whoever guesses learns nothing. */
static enum err
not_it(struct why *why)
{
	return fail(why, ERR_UNAUTHENTICATED, "no such sandbox, start or token");
}

static enum err
enrol_allowed(struct state *state, const struct msg_enrol_check *in, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	uint8_t hash[32];
	struct span kept;
	enum err r;

	args_id(&args, in->sandbox);
	args_number(&args, in->epoch);
	if ((r = state_serving(state, why)) != OK || (r = db_run(&state->db, SQL_ENROL_GET, &args, &rows, why)) != OK)
		return r;
	token_hash(in->token, hash);
	if (rows.n == 0 || (kept = rows_span(&rows, 0, 2)).length != sizeof(hash) ||
	    sodium_memcmp(kept.at, hash, sizeof(hash)) != 0)
		return not_it(why);
	if (!rows_null(&rows, 0, 3) &&
	    (!span_equal(rows_span(&rows, 0, 3), in->bus_key) || !id_equal(rows_id(&rows, 0, 4), in->instance)))
		return fail(why, ERR_UNAUTHENTICATED, "the token was used by another key");
	if (rows_number(&rows, 0, 0) != in->epoch || rows_number(&rows, 0, 1) != WANT_RUNNING)
		return fail(why, ERR_STATE, "start %u is over", in->epoch);
	return OK;
}

/* The key is bound first; a second one that came meanwhile finds it taken. */
static enum err
enrol_bind(void *arg, struct why *why)
{
	struct enrolment *e = arg;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, e->sandbox);
	args_number(&args, e->epoch);
	args_bytes(&args, span_of_bytes(e->bus_key, sizeof(e->bus_key)));
	args_id(&args, e->instance);
	args_bytes(&args, span_of_bytes(e->router_key, sizeof(e->router_key)));
	args_bytes(&args, span_of_bytes(e->router_mac, sizeof(e->router_mac)));
	if ((r = db_run(&e->state->db, SQL_ENROL_BIND, &args, &rows, why)) != OK)
		return r;
	return rows.touched == 1 ? OK : fail(why, ERR_UNAUTHENTICATED, "the token was used by another key");
}

static enum err
enrolled_read(struct enrolment *e, struct msg_enrolled *out, struct why *why)
{
	struct effective now;
	uint64_t secrets;
	enum err r;

	if ((r = effective_read(e->state, e->sandbox, &e->arena, &now, why)) != OK ||
	    (r = secrets_revision(e->state, e->sandbox, &secrets, why)) != OK)
		return r == ERR_NOT_FOUND ? not_it(why) : r;
	*out = (struct msg_enrolled){
	    .name = now.name,
	    .workspace = now.workspace,
	    .command = now.command,
	    .command_n = now.command_n,
	    .environment = now.environment,
	    .environment_n = now.environment_n,
	    .tty = now.tty,
	    .policy = now.policy,
	    .policy_version = now.version,
	    .settings = now.settings,
	    .settings_n = now.settings_n,
	    .config_revision = now.revision,
	    .retain = now.retain,
	    .secrets_revision = secrets,
	};
	return OK;
}

static void
vouched(void *self, enum err r, struct msg *done, const struct why *because_of)
{
	struct enrolment *e = self;
	struct msg answer = {.id = ENROLLED};
	struct why why = {0};

	(void)done;
	if (r != OK)
		why = *because_of;
	if (r == OK)
		r = db_transaction(&e->state->db, LAZY, enrol_bind, e, &why);
	if (r == OK)
		r = enrolled_read(e, &answer.enrolled, &why);
	if (r == OK) {
		log_info("sandbox.enrol", "sandbox=%s epoch=%u", id_text(e->sandbox), e->epoch);
		reply_send(&e->reply, &answer);
	} else {
		log_warning("sandbox.enrol", "sandbox=%s epoch=%u error=%s why=%s", id_text(e->sandbox), e->epoch,
		    err_name(r), log_quote(span_of_text(why.text)));
		reply_fail(&e->reply, r, &why);
	}
	arena_reset(&e->arena);
	free(e);
}

/*
 * May this key be that sandbox? The first key that brings the token is bound to it; the same may come again.
 *
 * in      enrol_check, from relay
 * out     enrolled: all that the sandbox needs to start
 * errors  ERR_UNAUTHENTICATED sandbox, start, token or key do not belong together; ERR_STATE this start is over;
 *         ERR_DENIED credentials does not know the router's key; ERR_UNAVAILABLE the database or credentials is away
 */
enum err
enrol_check(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_enrol_check *in = &m->enrol_check;
	struct state *state = self;
	struct msg ask = {.id = CLAIM_CHECK, .claim_check = {in->sandbox, in->epoch, in->router_key, in->router_mac}};
	struct peer *credentials;
	struct enrolment *e;
	enum err r;

	(void)answer;
	if ((r = enrol_allowed(state, in, why)) != OK) {
		log_warning(
		    "sandbox.refused", "sandbox=%s epoch=%u why=%s", id_text(in->sandbox), in->epoch, why->text);
		return r;
	}
	if ((r = credentials_peer(state, &credentials, why)) != OK)
		return r;
	if ((e = calloc(1, sizeof(*e))) == NULL)
		abort();
	*e = (struct enrolment){.state = state,
	    .reply = reply_later(m),
	    .sandbox = in->sandbox,
	    .instance = in->instance,
	    .epoch = in->epoch};
	memcpy(e->bus_key, in->bus_key.at, sizeof(e->bus_key));
	memcpy(e->router_key, in->router_key.at, sizeof(e->router_key));
	memcpy(e->router_mac, in->router_mac.at, sizeof(e->router_mac));
	peer_call(credentials, &ask, CREDENTIALS_DEADLINE_MS, vouched, e);
	return OK;
}
