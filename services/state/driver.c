/* Drivers: who they are, what each should make true, and what they say is true. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/change.h"

#define AGAIN_MS 50 /* the driver's queue was full, or the database late */

struct driver *
driver_of(struct state *state, struct span roster_name)
{
	struct driver *driver;

	list_each(driver, &state->drivers, struct driver, link)
		if (span_is(roster_name, driver->roster_name))
			return driver;
	return NULL;
}

bool
driver_ours(const struct state *state, const struct driver *driver)
{
	const struct service_roster *roster = &state->config.service.roster;

	if (driver->peer != NULL)
		return true;
	for (size_t i = 0; i < roster->count; i++)
		if (roster->at[i].role == ROLE_DRIVER && strcmp(roster->at[i].name, driver->roster_name) == 0)
			return true;
	return false;
}

struct driver *
driver_choose(struct state *state)
{
	struct driver *driver, *ours = NULL, *any = NULL;

	list_each(driver, &state->drivers, struct driver, link) {
		if (driver->peer != NULL)
			return driver;
		if (ours == NULL && driver_ours(state, driver))
			ours = driver;
		if (any == NULL)
			any = driver;
	}
	return ours != NULL ? ours : any;
}

static struct driver *
driver_get(struct state *state, struct span roster_name)
{
	struct driver *driver = driver_of(state, roster_name);

	if (driver != NULL)
		return driver;
	if ((driver = calloc(1, sizeof(*driver))) == NULL)
		abort();
	driver->state = state;
	if (!span_copy(roster_name, driver->roster_name, sizeof(driver->roster_name)))
		abort();
	list_append(&state->drivers, &driver->link);
	return driver;
}

static size_t
drivers_count(const struct state *state)
{
	size_t n = 0;

	for (const struct list *at = state->drivers.next; at != &state->drivers; at = at->next)
		n++;
	return n;
}

void
driver_down(struct state *state, struct peer *peer)
{
	struct driver *driver = driver_of(state, span_of_text(peer->name));

	if (driver == NULL || driver->peer != peer)
		return;
	loop_timer_stop(state->loop, &driver->listing);
	peer_unref(driver->peer);
	driver->peer = NULL;
	log_warning("driver.away", "driver=%s", driver->roster_name);
}

void
drivers_done(struct state *state)
{
	struct driver *driver;

	list_each(driver, &state->drivers, struct driver, link) {
		loop_timer_stop(state->loop, &driver->listing);
		peer_unref(driver->peer);
		list_remove(&driver->link);
		free(driver);
	}
}

/* ---- what should be ---- */

static void
desired_read(const struct rows *rows, int row, struct msg *m)
{
	*m = (struct msg){.id = DESIRED,
	    .desired = {
		.sandbox = rows_id(rows, row, 0),
		.name = rows_span(rows, row, 1),
		.workspace = rows_span(rows, row, 2),
		.epoch = (uint32_t)rows_number(rows, row, 3),
		.want = (uint8_t)rows_number(rows, row, 4),
		.image = rows_span(rows, row, 5),
		.cpu_milli = (uint32_t)rows_number(rows, row, 6),
		.memory_bytes = rows_number(rows, row, 7),
	    }};
}

static enum err
driver_save(struct driver *driver, struct why *why)
{
	struct args args = {0};
	enum err r;

	if (driver->saved)
		return OK;
	args_text(&args, span_of_text(driver->roster_name));
	args_text(&args, span_of_text(driver->name));
	args_text(&args, span_of_text(driver->version));
	args_flag(&args, driver->images);
	args_text(&args, span_of_text(driver->default_image));
	args_number(&args, (uint64_t)clock_wall_ms());
	if ((r = db_run(&driver->state->db, SQL_DRIVER_SAVE, &args, NULL, why)) != OK)
		return r;
	args = (struct args){0};
	args_text(&args, span_of_text(driver->roster_name));
	if ((r = db_run(&driver->state->db, SQL_DRIVER_CAME, &args, NULL, why)) == OK)
		driver->saved = true;
	return r;
}

/* Send what fits now; *more: there are others. ERR_LIMIT: its queue is full, go on later from where it stands. */
static enum err
list_page(struct driver *driver, bool *more, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	struct msg m;
	enum err r;

	args_text(&args, span_of_text(driver->roster_name));
	args_id(&args, driver->after);
	if ((r = db_run(&driver->state->db, SQL_DESIRED_PAGE, &args, &rows, why)) != OK)
		return r;
	for (int i = 0; i < rows.n; i++) {
		desired_read(&rows, i, &m);
		if ((r = peer_tell(driver->peer, &m, why)) != OK)
			return r;
		driver->after = m.desired.sandbox;
	}
	*more = rows.n > 0;
	m = (struct msg){.id = DESIRED_END};
	return *more ? OK : peer_tell(driver->peer, &m, why);
}

static void
list_some(void *self)
{
	struct driver *driver = self;
	bool more = false;
	struct why why = {0};
	enum err r;

	if (driver->peer == NULL || !driver->state->serving)
		return; /* begins again when both are back */
	if ((r = driver_save(driver, &why)) == OK)
		r = list_page(driver, &more, &why);
	if (r == OK && !more) {
		log_info("driver.listed", "driver=%s", driver->roster_name);
		return;
	}
	if (r != OK && r != ERR_LIMIT)
		log_warning("driver.list", "driver=%s why=%s", driver->roster_name, why.text);
	loop_timer_set(driver->state->loop, &driver->listing, r == OK ? 0 : AGAIN_MS, list_some, driver);
}

static void
list_begin(struct driver *driver)
{
	driver->after = (struct id){{0}};
	loop_timer_set(driver->state->loop, &driver->listing, 0, list_some, driver);
}

enum err
drivers_load(struct state *state, struct why *why)
{
	struct driver *driver;
	auto_rows rows = {0};
	enum err r;

	if ((r = db_run(&state->db, SQL_DRIVERS, NULL, &rows, why)) != OK)
		return r;
	for (int i = 0; i < rows.n && i < DRIVERS_MAX; i++) {
		driver = driver_get(state, rows_span(&rows, i, 0));
		if (driver->peer != NULL)
			continue; /* it has told more lately */
		span_copy(rows_span(&rows, i, 1), driver->name, sizeof(driver->name));
		span_copy(rows_span(&rows, i, 2), driver->version, sizeof(driver->version));
		driver->images = rows_flag(&rows, i, 3);
		span_copy(rows_span(&rows, i, 4), driver->default_image, sizeof(driver->default_image));
	}
	list_each(driver, &state->drivers, struct driver, link)
		if (driver->peer != NULL)
			list_begin(driver);
	return OK;
}

static void
tell_drop(struct state *state, struct id sandbox, uint32_t epoch)
{
	struct msg m = {.id = SESSION_DROP, .session_drop = {sandbox, epoch}};
	struct peer *peer;

	list_each(peer, &state->bus.peers, struct peer, link)
		if (peer->role == ROLE_RELAY && peer->up && peer_tell(peer, &m, NULL) != OK)
			log_warning("session.drop", "relay=%s sandbox=%s", peer->name, id_text(sandbox));
}

enum err
driver_tell(struct state *state, struct id sandbox, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	struct driver *driver;
	struct msg m;
	enum err r;

	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_DESIRED, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0) {
		tell_drop(state, sandbox, UINT32_MAX);
		return OK;
	}
	desired_read(&rows, 0, &m);
	if (m.desired.want != WANT_RUNNING)
		tell_drop(state, sandbox, m.desired.epoch);
	else if (m.desired.epoch > 1)
		tell_drop(state, sandbox, m.desired.epoch - 1);
	driver = driver_of(state, rows_span(&rows, 0, 8));
	if (driver != NULL && driver->peer != NULL && peer_tell(driver->peer, &m, NULL) == ERR_LIMIT)
		list_begin(driver); /* its queue is full: all of it again, in its own time */
	return OK;
}

/*
 * A driver is there: remember what it can do, answer, then send it the list of what should be.
 *
 * in      driver_join, from a driver
 * out     done; then desired for each sandbox of this driver, and desired_end
 * errors  ERR_LIMIT too many drivers
 */
enum err
driver_join(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_driver_join *in = &m->driver_join;
	struct state *state = self;
	struct driver *driver;

	if (driver_of(state, span_of_text(m->from->name)) == NULL && drivers_count(state) >= DRIVERS_MAX)
		return fail(why, ERR_LIMIT, "%d drivers are known", DRIVERS_MAX);
	driver = driver_get(state, span_of_text(m->from->name));
	span_copy(in->name, driver->name, sizeof(driver->name));
	span_copy(in->version, driver->version, sizeof(driver->version));
	span_copy(in->default_image, driver->default_image, sizeof(driver->default_image));
	driver->images = in->images;
	memcpy(driver->box_key, in->box_key.at, sizeof(driver->box_key));
	driver->saved = false;
	if (driver->peer != m->from) {
		peer_unref(driver->peer);
		driver->peer = peer_ref(m->from);
	}
	log_info(
	    "driver.join", "driver=%s name=%s version=%s", driver->roster_name, driver->name, log_quote(in->version));
	list_begin(driver);
	answer->id = DONE;
	return OK;
}

/*
 * What a driver sees of one start of a sandbox. About another driver's sandbox or an older start it changes nothing.
 *
 * in      observed, from a driver
 * out     done when it is stored, or when there is no such sandbox any more
 * errors  ERR_UNAVAILABLE the database is away: say it again
 */
enum err
observed(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	static const enum event events[] = {
	    [1] = EVENT_BEGUN,
	    [2] = EVENT_RUNNING,
	    [3] = EVENT_ENDED,
	    [4] = EVENT_FAILED,
	    [5] = EVENT_GONE,
	};
	const struct msg_observed *in = &m->observed;
	struct change change = {.state = self,
	    .event = events[in->what],
	    .sandbox = in->sandbox,
	    .epoch = in->epoch,
	    .driver = m->from->name,
	    .reason = in->reason,
	    .message = in->message};
	enum err r = change_run(&change, why);

	answer->id = DONE;
	return r == ERR_NOT_FOUND ? OK : r;
}
