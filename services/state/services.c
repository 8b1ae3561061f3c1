/* Services as they are exposed, read, listed and withdrawn. */
#include "services/state/services.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/lifecycle.h"

#define SERVICES_MAX 100 /* of one sandbox */

/* A row as SERVICE_COLUMNS gives it; texts are copied into the arena. */
static enum err
row_read(const struct rows *rows, int row, struct arena *arena, struct msg_service_row *out, struct why *why)
{
	*out = (struct msg_service_row){
	    .service = rows_id(rows, row, 0),
	    .sandbox = rows_id(rows, row, 2),
	    .port = (uint16_t)rows_number(rows, row, 5),
	    .domain = rows_flag(rows, row, 6),
	    .created_ms = rows_number(rows, row, 7),
	    .resource_version = rows_number(rows, row, 8),
	};
	if (arena_span(arena, rows_span(rows, row, 1), &out->workspace) != OK ||
	    arena_span(arena, rows_span(rows, row, 3), &out->sandbox_name) != OK ||
	    arena_span(arena, rows_span(rows, row, 4), &out->name) != OK)
		return fail(why, ERR_LIMIT, "the answer is too long");
	return OK;
}

static enum err
row_named(struct state *state, struct span workspace, struct span sandbox, struct span name, struct msg *m,
    struct msg *answer, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, workspace);
	args_text(&args, sandbox);
	args_text(&args, name);
	if ((r = db_run(&state->db, SQL_SERVICE, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "service endpoint not found");
	answer->id = SERVICE_ROW;
	return row_read(&rows, 0, m->arena, &answer->service_row, why);
}

/* ---- what is written, with who wrote it ---- */

struct writing {
	struct state *state;
	struct arena *arena;
	struct span workspace, sandbox, name, subject;
	const struct msg_service_expose *expose; /* NULL: it is withdrawn */
	struct id box;
	bool done;
};

/* The sandbox, held so that it stays while the transaction lasts. */
static enum err
box_hold(struct writing *writing, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, writing->workspace);
	args_text(&args, writing->sandbox);
	if ((r = db_run(&writing->state->db, SQL_SERVICE_BOX, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	if (writing->expose != NULL && rows_number(&rows, 0, 1) == WANT_DELETED)
		return fail(why, ERR_STATE, "sandbox '" SPAN_FORMAT "' is being deleted", SPAN_ARGS(writing->sandbox));
	writing->box = rows_id(&rows, 0, 0);
	return OK;
}

/* The audit, the gateway's log and the sandbox's own all tell of it. */
static enum err
say(struct writing *writing, const char *what, const char *action, struct why *why)
{
	struct span name = writing->name;
	const char *dashes = name.length > 0 ? "--" : "";
	char *object = arena_format(writing->arena, SPAN_FORMAT "/" SPAN_FORMAT "%s" SPAN_FORMAT,
	    SPAN_ARGS(writing->workspace), SPAN_ARGS(writing->sandbox), dashes, SPAN_ARGS(name));
	char *line = arena_format(writing->arena, "CONFIG:%s " SPAN_FORMAT "%s" SPAN_FORMAT "%s", what,
	    SPAN_ARGS(writing->sandbox), dashes, SPAN_ARGS(name),
	    writing->expose == NULL ? "" : arena_format(writing->arena, " port:%u", writing->expose->port));
	enum err r;

	if (object == NULL || line == NULL)
		return fail(why, ERR_LIMIT, "the service needs too much memory");
	log_info(action, "of=%s what=%s", object, what);
	if ((r = log_say(writing->state, writing->box, "INFO", line, why)) != OK)
		return r;
	return audit_add(writing->state, writing->subject, action, object, "OK", why);
}

static enum err
room_check(struct writing *writing, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, writing->box);
	args_text(&args, writing->name);
	if ((r = db_run(&writing->state->db, SQL_SERVICE_COUNT, &args, &rows, why)) != OK)
		return r;
	if (rows_number(&rows, 0, 0) >= SERVICES_MAX)
		return fail(why, ERR_LIMIT, "the sandbox has %d services, which is the most", SERVICES_MAX);
	return OK;
}

static enum err
write_service(void *arg, struct why *why)
{
	struct writing *writing = arg;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	if ((r = box_hold(writing, why)) != OK || (r = room_check(writing, why)) != OK)
		return r;
	args_id(&args, id_new());
	args_id(&args, writing->box);
	args_text(&args, writing->name);
	args_number(&args, writing->expose->port);
	args_flag(&args, writing->expose->domain);
	args_number(&args, (uint64_t)clock_wall_ms());
	if ((r = db_run(&writing->state->db, SQL_SERVICE_SAVE, &args, &rows, why)) != OK)
		return r;
	return say(writing, rows_number(&rows, 0, 0) == 1 ? "service_endpoint_created" : "service_endpoint_updated",
	    "service.expose", why);
}

/*
 * Serve a port of a sandbox under a name; the same name again points at the port that is given now.
 *
 * in      service_expose, from api
 * out     service_row
 * errors  ERR_NOT_FOUND no such sandbox; ERR_STATE it is being deleted; ERR_LIMIT it has SERVICES_MAX
 */
enum err
service_expose(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_service_expose *in = &m->service_expose;
	struct state *state = self;
	struct writing writing = {.state = state,
	    .arena = m->arena,
	    .workspace = in->workspace,
	    .sandbox = in->sandbox,
	    .name = in->name,
	    .subject = in->subject,
	    .expose = in};
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = db_transaction(&state->db, DURABLE, write_service, &writing, why)) != OK)
		return r;
	return row_named(state, in->workspace, in->sandbox, in->name, m, answer, why);
}

static enum err
remove_service(void *arg, struct why *why)
{
	struct writing *writing = arg;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	if ((r = box_hold(writing, why)) != OK)
		return r == ERR_NOT_FOUND ? OK : r;
	args_id(&args, writing->box);
	args_text(&args, writing->name);
	if ((r = db_run(&writing->state->db, SQL_SERVICE_REMOVE, &args, &rows, why)) != OK || rows.touched == 0)
		return r;
	writing->done = true;
	return say(writing, "service_endpoint_deleted", "service.delete", why);
}

/*
 * Serve it no more.
 *
 * in      service_delete, from api
 * out     service_deleted: whether there was one
 */
enum err
service_delete(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_service_delete *in = &m->service_delete;
	struct state *state = self;
	struct writing writing = {.state = state,
	    .arena = m->arena,
	    .workspace = in->workspace,
	    .sandbox = in->sandbox,
	    .name = in->name,
	    .subject = in->subject};
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = db_transaction(&state->db, DURABLE, remove_service, &writing, why)) != OK)
		return r;
	answer->id = SERVICE_DELETED;
	answer->service_deleted.deleted = writing.done;
	return OK;
}

/* ---- read ---- */

/*
 * Read one.
 *
 * in      service_get, from api
 * out     service_row
 * errors  ERR_NOT_FOUND
 */
enum err
service_get(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_service_get *in = &m->service_get;
	enum err r;

	if ((r = state_serving(self, why)) != OK)
		return r;
	return row_named(self, in->workspace, in->sandbox, in->name, m, answer, why);
}

static void
args_optional(struct args *args, struct span text)
{
	if (text.length == 0)
		args_null_text(args);
	else
		args_text(args, text);
}

/*
 * Read a page.
 *
 * in      service_list, from api
 * out     service_listed; a row is short, so that the largest page fits one message
 */
enum err
service_list(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_service_list *in = &m->service_list;
	struct msg_service_listed *out = &answer->service_listed;
	struct state *state = self;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_optional(&args, in->workspace);
	args_optional(&args, in->sandbox);
	args_number(&args, in->limit);
	args_number(&args, in->offset);
	if ((r = state_serving(state, why)) != OK || (r = db_run(&state->db, SQL_SERVICES, &args, &rows, why)) != OK)
		return r;
	answer->id = SERVICE_LISTED;
	if ((out->services = arena_array(m->arena, (size_t)rows.n + 1, sizeof(*out->services))) == NULL)
		return fail(why, ERR_LIMIT, "the page is too long");
	for (int i = 0; i < rows.n && r == OK; i++)
		r = row_read(&rows, i, m->arena, &out->services[out->services_n++], why);
	return r;
}
