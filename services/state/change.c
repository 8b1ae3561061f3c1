/* Changes to a sandbox's row: lock it, look the event up in the life cycle's table, write what the table says. */
#include "services/state/change.h"

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "services/state/configure.h"

/* The columns that the life cycle reads and writes. Texts are borrowed from the row that was read. */
struct box {
	struct id id;
	struct span workspace, name;
	enum phase phase;
	uint64_t epoch;
	struct id instance, ready_instance;
	uint64_t exit_code;
	struct span driver, session_state, session_relay; /* no session: both empty */
	uint64_t restarts, restarts_since_ms;
	struct span ready, reason, message;
	const struct span *walls;
	size_t walls_n;
};

static enum err
box_read(const struct rows *rows, struct arena *arena, struct box *box, struct why *why)
{
	*box = (struct box){
	    .id = rows_id(rows, 0, 0),
	    .workspace = rows_span(rows, 0, 1),
	    .name = rows_span(rows, 0, 2),
	    .phase = (enum phase)rows_number(rows, 0, 3),
	    .epoch = rows_number(rows, 0, 4),
	    .instance = rows_id(rows, 0, 5),
	    .ready_instance = rows_id(rows, 0, 6),
	    .exit_code = rows_number(rows, 0, 7),
	    .driver = rows_span(rows, 0, 8),
	    .session_state = rows_span(rows, 0, 9),
	    .session_relay = rows_span(rows, 0, 10),
	    .restarts = rows_number(rows, 0, 11),
	    .restarts_since_ms = rows_number(rows, 0, 12),
	    .ready = rows_span(rows, 0, 13),
	    .reason = rows_span(rows, 0, 14),
	    .message = rows_span(rows, 0, 15),
	};
	if ((box->walls = rows_texts(rows, 0, 16, arena, &box->walls_n)) == NULL)
		return fail(why, ERR_LIMIT, "the walls of sandbox %s are too long", id_text(box->id));
	return OK;
}

static void
args_text_or_null(struct args *args, struct span text)
{
	if (text.length == 0)
		args_null_text(args);
	else
		args_text(args, text);
}

static enum err
box_save(struct db *db, const struct box *box, struct arena *arena, struct why *why)
{
	struct args args = {.arena = arena};

	args_id(&args, box->id);
	args_number(&args, box->phase);
	args_number(&args, lifecycle_want(box->phase));
	args_number(&args, box->epoch);
	args_id(&args, box->instance);
	args_id(&args, box->ready_instance);
	args_number(&args, box->exit_code);
	args_text_or_null(&args, box->session_state);
	args_text_or_null(&args, box->session_relay);
	args_number(&args, box->restarts);
	args_number(&args, box->restarts_since_ms);
	args_text(&args, box->ready);
	args_text(&args, box->reason);
	args_text(&args, box->message);
	args_texts(&args, box->walls, box->walls_n);
	args_number(&args, (uint64_t)clock_wall_ms());
	return db_run(db, SQL_BOX_SAVE, &args, NULL, why);
}

/* What the table cannot say: events that mean two things, depending on the row. */
static enum event
refine(const struct change *change, struct box *box)
{
	uint64_t now = (uint64_t)clock_wall_ms();
	bool often;

	if (change->event == EVENT_SESSION_UP && !id_none(box->ready_instance) &&
	    id_equal(box->ready_instance, change->instance))
		return EVENT_SESSION_BACK;
	if ((change->event != EVENT_ENDED && change->event != EVENT_GONE) || lifecycle_want(box->phase) != WANT_RUNNING)
		return change->event;
	if (now - box->restarts_since_ms > RESTARTS_WINDOW_MS) {
		box->restarts = 0;
		box->restarts_since_ms = now;
	}
	often = box->restarts >= RESTARTS_MAX;
	if (change->event == EVENT_ENDED)
		return often ? EVENT_ENDED_OFTEN : EVENT_ENDED;
	return often ? EVENT_GONE_OFTEN : EVENT_GONE;
}

/* Is it about another start than the one that counts now? Of a sandbox being deleted only the end matters. */
static bool
is_stale(const struct change *change, const struct box *box)
{
	if (change->driver != NULL && !span_is(box->driver, change->driver))
		return true;
	if (box->phase == PHASE_DELETING && change->event == EVENT_GONE)
		return false;
	if (change->epoch != 0 && change->epoch != box->epoch)
		return true;
	return !id_none(change->instance) && !id_none(box->instance) && !id_equal(change->instance, box->instance);
}

static void
epoch_begin(struct box *box)
{
	box->epoch++;
	box->instance = box->ready_instance = (struct id){{0}};
	box->session_state = box->session_relay = SPAN_NONE;
	box->exit_code = 256;
	box->walls_n = 0;
}

static void
apply(const struct change *change, const struct step *step, struct box *box)
{
	bool said = (step->effects & EFFECT_SAID) != 0;

	if (step->to != PHASE_NONE)
		box->phase = step->to;
	if (step->ready != NULL) {
		box->ready = span_of_text(step->ready);
		box->reason = said && change->reason.length > 0 ? change->reason : span_of_text(step->reason);
		box->message = said && change->message.length > 0 ? change->message : span_of_text(step->message);
	}
	if ((step->effects & EFFECT_AGAIN) != 0)
		box->restarts++;
	if ((step->effects & EFFECT_AFRESH) != 0)
		box->restarts = 0;
	if ((step->effects & (EFFECT_AGAIN | EFFECT_AFRESH)) != 0)
		epoch_begin(box);
	if ((step->effects & EFFECT_READIED) != 0)
		box->ready_instance = change->instance;
	if ((step->effects & EFFECT_EXIT) != 0)
		box->exit_code = change->exit_code;
}

/* The session and the walls are told in every phase. */
static void
note(const struct change *change, struct box *box)
{
	if (change->event == EVENT_SESSION_DOWN || change->event == EVENT_SESSION_LOST)
		box->session_state = box->session_relay = SPAN_NONE;
	else if (change->relay != NULL && lifecycle_want(box->phase) == WANT_RUNNING) {
		box->session_state = span_of_text(change->state->config.service.process);
		box->session_relay = span_of_text(change->relay);
		box->instance = change->instance;
	}
	if (change->walls != NULL) {
		box->walls = change->walls;
		box->walls_n = change->walls_n;
	}
}

static enum err
said_in_log(const struct change *change, const struct box *box, struct arena *arena, struct why *why)
{
	const char *words = arena_format(arena, "sandbox is %s: " SPAN_FORMAT " (" SPAN_FORMAT ")",
	    phase_name(box->phase), SPAN_ARGS(box->message), SPAN_ARGS(box->reason));

	log_info("sandbox.phase", "sandbox=%s epoch=%lu phase=%s reason=%s", id_text(box->id),
	    (unsigned long)box->epoch, phase_name(box->phase), log_quote(box->reason));
	return log_say(change->state, box->id, box->phase == PHASE_ERROR ? "ERROR" : "INFO", words, why);
}

/* Why an instance died is shown nowhere else once it runs again; what waited in its spool nobody can count any more. */
static enum err
death_in_log(const struct change *change, const struct box *box, struct arena *arena, struct why *why)
{
	const char *words = arena_format(arena,
	    "start %lu ended: " SPAN_FORMAT " (" SPAN_FORMAT
	    "); it is started again, and log lines that it had not sent are lost",
	    (unsigned long)box->epoch - 1, SPAN_ARGS(change->message), SPAN_ARGS(change->reason));

	log_warning("sandbox.died", "sandbox=%s epoch=%lu reason=%s", id_text(box->id), (unsigned long)box->epoch - 1,
	    log_quote(change->reason));
	return log_say(change->state, box->id, "WARN", words, why);
}

static enum err
write_box(const struct change *change, const struct step *step, struct box *box, enum phase before, struct arena *arena,
    struct why *why)
{
	struct db *db = &change->state->db;
	struct args args = {0};
	enum err r;

	args_id(&args, box->id);
	if ((step->effects & EFFECT_REMOVE) != 0) {
		log_info("sandbox.removed", "sandbox=%s", id_text(box->id));
		return db_run(db, SQL_BOX_REMOVE, &args, NULL, why);
	}
	if ((step->effects & EFFECT_NUDGE) != 0)
		return db_run(db, SQL_BOX_NUDGE, &args, NULL, why);
	if ((r = box_save(db, box, arena, why)) != OK)
		return r;
	if (change->policy_version != 0 &&
	    (r = policy_in_force(change->state, box->id, change->policy_version, true, why)) != OK)
		return r;
	if ((step->effects & EFFECT_AGAIN) != 0 && (r = death_in_log(change, box, arena, why)) != OK)
		return r;
	return box->phase == before ? OK : said_in_log(change, box, arena, why);
}

static enum err
lookup(const struct change *change, struct rows *rows, struct why *why)
{
	bool by_id = !id_none(change->sandbox);
	struct args args = {0};
	enum err r;

	if (by_id)
		args_id(&args, change->sandbox);
	else {
		args_text(&args, change->workspace);
		args_text(&args, change->name);
	}
	if ((r = db_run(&change->state->db, by_id ? SQL_BOX : SQL_BOX_NAMED, &args, rows, why)) != OK)
		return r;
	return rows->n == 1 ? OK : fail(why, ERR_NOT_FOUND, "sandbox not found");
}

static enum err
carry_out(void *arg, struct why *why)
{
	static const struct step nothing = {0};
	struct change *change = arg;
	auto_arena struct arena arena = {0};
	auto_rows rows = {0};
	const struct step *step;
	struct box box;
	enum phase before;
	enum err r;

	if ((r = lookup(change, &rows, why)) != OK || (r = box_read(&rows, &arena, &box, why)) != OK)
		return r;
	change->found = box.id;
	change->current_epoch = (uint32_t)box.epoch;
	if ((change->stale = is_stale(change, &box)))
		return OK;
	before = box.phase;
	if ((change->event == EVENT_BEGUN || change->event == EVENT_RUNNING) && box.session_relay.length > 0)
		return OK; /* the supervisor itself has said more than that */
	if ((step = lifecycle_step(box.phase, refine(change, &box))) == NULL)
		step = &nothing;
	if ((step->effects & EFFECT_REFUSE) != 0)
		return fail(why, ERR_STATE, "sandbox is %s: %s", phase_name(box.phase), step->message);
	note(change, &box);
	apply(change, step, &box);
	change->current_epoch = (uint32_t)box.epoch;
	change->wanted = lifecycle_want(box.phase) == WANT_RUNNING;
	if ((r = write_box(change, step, &box, before, &arena, why)) != OK || change->action == NULL)
		return r;
	return audit_add(change->state, change->subject, change->action,
	    arena_format(&arena, SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(box.workspace), SPAN_ARGS(box.name)), "OK",
	    why);
}

/*
 * What a client asked for, and what its teller forgets once we have answered, must outlive the database's death. What
 * comes again by itself (where a session is) may be lost with it.
 */
static enum durability
durability_of(const struct change *change)
{
	static const bool told_once[] = {
	    [EVENT_READY] = true,
	    [EVENT_UNABLE] = true,
	    [EVENT_EXITED] = true,
	    [EVENT_ENDED] = true,
	    [EVENT_FAILED] = true,
	    [EVENT_GONE] = true,
	};
	size_t event = change->event;

	return change->action != NULL || (event < COUNT(told_once) && told_once[event]) ? DURABLE : LAZY;
}

enum err
change_run(struct change *change, struct why *why)
{
	char object[64];
	struct text text = TEXT_OF(object);
	enum err r;

	if ((r = state_serving(change->state, why)) != OK)
		return r;
	r = db_transaction(&change->state->db, durability_of(change), carry_out, change, why);
	if (r != OK && r != ERR_UNAVAILABLE && change->action != NULL) {
		text_add(&text, SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(change->workspace), SPAN_ARGS(change->name));
		audit_refusal(change->state, change->subject, change->action, object, r);
	}
	return r;
}
