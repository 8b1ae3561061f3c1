/* Sandboxes as api asks for them: read, listed, stopped, started, deleted; and the gateway itself. */
#include "common/base/clean.h"
#include "services/state/change.h"

#define WALL_TYPE_BYTES	 64
#define CONDITIONS_MAX	 32
#define LISTED_BYTES_MAX 1500000u /* of one page; the rest of MSG_BYTES_MAX is for lengths and conditions */

/* "NAME=enforced", "NAME=partial: why", "NAME=absent: why" as a condition. */
static enum err
wall_condition(struct span wall, uint64_t since_ms, struct arena *arena, struct msg_condition *out)
{
	static const struct {
		const char *word, *status, *reason;
	} kinds[] = {{"enforced", "True", "Enforced"}, {"partial", "False", "Partial"}, {"absent", "False", "Absent"}};
	struct span message = wall, name = span_cut(&message, '='), word = span_cut(&message, ':');
	const char *type = arena_format(arena, "Wall." SPAN_FORMAT, SPAN_ARGS(span_head(name, WALL_TYPE_BYTES - 5)));

	if (type == NULL)
		return ERR_LIMIT;
	if (message.length > 0 && message.at[0] == ' ')
		message = span_tail(message, 1);
	*out = (struct msg_condition){
	    .type = span_of_text(type), .status = SPAN("Unknown"), .message = message, .since_ms = since_ms};
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (span_is(word, kinds[i].word)) {
			out->status = span_of_text(kinds[i].status);
			out->reason = span_of_text(kinds[i].reason);
		}
	return OK;
}

/* Whether the secrets that it should have are in use. */
static enum err
secrets_condition(const struct rows *rows, int row, struct arena *arena, struct msg_sandbox_row *out)
{
	struct msg_condition *at = &out->conditions[out->conditions_n++];

	*at = (struct msg_condition){.type = SPAN("Secrets"), .since_ms = rows_number(rows, row, 22)};
	if (arena_span(arena, rows_span(rows, row, 19), &at->status) != OK ||
	    arena_span(arena, rows_span(rows, row, 20), &at->reason) != OK)
		return ERR_LIMIT;
	return arena_span(arena, rows_span(rows, row, 21), &at->message);
}

static enum err
conditions_read(const struct rows *rows, int row, struct arena *arena, struct msg_sandbox_row *out)
{
	size_t walls_n;
	struct span *walls = rows_texts(rows, row, 17, arena, &walls_n);
	struct msg_condition *at;
	enum err r;

	if (walls == NULL || (out->conditions = arena_array(arena, walls_n + 2, sizeof(*at))) == NULL)
		return ERR_LIMIT;
	at = &out->conditions[out->conditions_n++];
	*at = (struct msg_condition){.type = SPAN("Ready"), .since_ms = rows_number(rows, row, 16)};
	if (arena_span(arena, rows_span(rows, row, 13), &at->status) != OK ||
	    arena_span(arena, rows_span(rows, row, 14), &at->reason) != OK ||
	    arena_span(arena, rows_span(rows, row, 15), &at->message) != OK)
		return ERR_LIMIT;
	if (rows_span(rows, row, 19).length > 0 && secrets_condition(rows, row, arena, out) != OK)
		return ERR_LIMIT;
	for (size_t i = 0; i < walls_n && out->conditions_n < CONDITIONS_MAX; i++)
		if ((r = wall_condition(
			 walls[i], rows_number(rows, row, 18), arena, &out->conditions[out->conditions_n++])) != OK)
			return r;
	return OK;
}

enum err
sandbox_read(const struct rows *rows, int row, struct arena *arena, struct msg_sandbox_row *out, struct why *why)
{
	*out = (struct msg_sandbox_row){
	    .sandbox = rows_id(rows, row, 0),
	    .created_ms = rows_number(rows, row, 5),
	    .resource_version = rows_number(rows, row, 6),
	    .phase = (uint8_t)rows_number(rows, row, 7),
	    .epoch = (uint32_t)rows_number(rows, row, 8),
	    .instance = rows_id(rows, row, 9),
	    .exit_code = (uint16_t)rows_number(rows, row, 10),
	    .policy_version = (uint32_t)rows_number(rows, row, 11),
	};
	if (arena_span(arena, rows_span(rows, row, 1), &out->name) != OK ||
	    arena_span(arena, rows_span(rows, row, 2), &out->workspace) != OK ||
	    (out->labels = rows_texts(rows, row, 3, arena, &out->labels_n)) == NULL ||
	    (out->annotations = rows_texts(rows, row, 4, arena, &out->annotations_n)) == NULL ||
	    arena_span(arena, rows_span(rows, row, 12), &out->spec) != OK ||
	    (out->providers = rows_texts(rows, row, 23, arena, &out->providers_n)) == NULL ||
	    conditions_read(rows, row, arena, out) != OK)
		return fail(why, ERR_LIMIT, "the sandbox's row is too long for an answer");
	return OK;
}

static enum err
load(struct state *state, enum sql sql, const struct args *args, struct arena *arena, struct msg_sandbox_row *out,
    struct why *why)
{
	auto_rows rows = {0};
	enum err r;

	if ((r = state_serving(state, why)) != OK || (r = db_run(&state->db, sql, args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	return sandbox_read(&rows, 0, arena, out, why);
}

enum err
sandbox_load(struct state *state, struct id sandbox, struct arena *arena, struct msg_sandbox_row *out, struct why *why)
{
	struct args args = {0};

	args_id(&args, sandbox);
	return load(state, SQL_ROW, &args, arena, out, why);
}

/*
 * Read one sandbox.
 *
 * in      sandbox_get, from api
 * out     sandbox_row
 * errors  ERR_NOT_FOUND; ERR_INVALID neither id nor name
 */
enum err
sandbox_get(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_sandbox_get *in = &m->sandbox_get;
	struct args args = {0};

	answer->id = SANDBOX_ROW;
	if (!id_none(in->sandbox))
		return sandbox_load(self, in->sandbox, m->arena, &answer->sandbox_row, why);
	if (in->name.length == 0 || in->workspace.length == 0)
		return fail(why, ERR_INVALID, "name is required");
	args_text(&args, in->workspace);
	args_text(&args, in->name);
	return load(self, SQL_ROW_NAMED, &args, m->arena, &answer->sandbox_row, why);
}

/*
 * Read a page of sandboxes.
 *
 * in      sandbox_list, from api
 * out     sandbox_listed, cut (more) where it would be too long for one message
 * errors  ERR_NOT_FOUND no such workspace
 */
enum err
sandbox_list(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_sandbox_list *in = &m->sandbox_list;
	struct msg_sandbox_listed *out = &answer->sandbox_listed;
	struct state *state = self;
	struct args args = {.arena = m->arena};
	auto_rows rows = {0};
	enum err r;

	if ((r = state_serving(state, why)) != OK)
		return r;
	if (in->workspace.length == 0)
		args_null_text(&args);
	else
		args_text(&args, in->workspace);
	args_texts(&args, in->selector, in->selector_n);
	args_number(&args, in->limit);
	args_number(&args, in->offset);
	args_number(&args, LISTED_BYTES_MAX);
	if ((r = db_run(&state->db, SQL_ROWS, &args, &rows, why)) != OK)
		return r;
	answer->id = SANDBOX_LISTED;
	if ((out->sandboxes = arena_array(m->arena, (size_t)rows.n + 1, sizeof(*out->sandboxes))) == NULL)
		return fail(why, ERR_LIMIT, "the page is too long");
	for (int i = 0; i < rows.n && r == OK; i++)
		r = sandbox_read(&rows, i, m->arena, &out->sandboxes[i], why);
	out->sandboxes_n = (size_t)rows.n;
	out->more = rows.n > 0 && rows_number(&rows, 0, 24) > (uint64_t)rows.n;
	return r;
}

/* A client's stop, start or delete, in one transaction; then the row as it is now, where it is still there. */
static enum err
lifecycle_request(struct state *state, enum event event, const char *action, struct span workspace, struct span name,
    struct span subject, struct msg *m, struct msg *answer, struct why *why)
{
	struct change change = {
	    .state = state, .event = event, .action = action, .workspace = workspace, .name = name, .subject = subject};
	enum err r;

	if ((r = change_run(&change, why)) != OK)
		return r;
	if (event == EVENT_DELETE) {
		answer->id = SANDBOX_DELETED;
		answer->sandbox_deleted.sandbox = change.found;
		return OK;
	}
	answer->id = SANDBOX_ROW;
	return sandbox_load(state, change.found, m->arena, &answer->sandbox_row, why);
}

/*
 * Stop a sandbox and keep its workspace.
 *
 * in      sandbox_stop, from api
 * out     sandbox_row: STOPPING, or STOPPED when it was that already
 * errors  ERR_NOT_FOUND; ERR_STATE it is not ready
 */
enum err
sandbox_stop(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_sandbox_stop *in = &m->sandbox_stop;

	return lifecycle_request(
	    self, EVENT_STOP, "sandbox.stop", in->workspace, in->name, in->subject, m, answer, why);
}

/*
 * Start a stopped sandbox as a new epoch.
 *
 * in      sandbox_start, from api
 * out     sandbox_row: STARTING, or what it is when it runs or comes already
 * errors  ERR_NOT_FOUND; ERR_STATE it is not stopped
 */
enum err
sandbox_start(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_sandbox_start *in = &m->sandbox_start;

	return lifecycle_request(
	    self, EVENT_START, "sandbox.start", in->workspace, in->name, in->subject, m, answer, why);
}

/*
 * Delete a sandbox with all that is its own; the row goes when its driver has nothing left of it.
 *
 * in      sandbox_delete, from api
 * out     sandbox_deleted: it is recorded and will happen
 * errors  ERR_NOT_FOUND
 */
enum err
sandbox_delete(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_sandbox_delete *in = &m->sandbox_delete;

	return lifecycle_request(
	    self, EVENT_DELETE, "sandbox.delete", in->workspace, in->name, in->subject, m, answer, why);
}

/*
 * Which drivers are there, and whether the store is well; answered also when it is not.
 *
 * in      gateway_get, from api
 * out     gateway
 */
enum err
gateway_get(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct msg_gateway *out = &answer->gateway;
	struct driver *driver;

	answer->id = GATEWAY;
	if ((out->drivers = arena_array(m->arena, DRIVERS_MAX, sizeof(*out->drivers))) == NULL)
		return fail(why, ERR_LIMIT, "too many drivers");
	list_each(driver, &state->drivers, struct driver, link)
		if (out->drivers_n < DRIVERS_MAX && driver_ours(state, driver))
			out->drivers[out->drivers_n++] = (struct msg_driver_info){
			    span_of_text(driver->name), span_of_text(driver->version), driver->peer != NULL};
	out->database = state->serving && db_run(&state->db, SQL_PING, NULL, NULL, NULL) == OK;
	return OK;
}
