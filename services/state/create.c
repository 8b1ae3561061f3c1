/* Creating a sandbox: ask the driver whether it could, then one transaction; the same request again, the same row. */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/change.h"
#include "services/state/inference.h"
#include "services/state/providers.h"

#define CHECK_DEADLINE_MS 5000
#define ROW_BYTES_MAX	  1400000u /* spec, labels and annotations: so that every row fits an answer */

/* A request that waits for its driver's word. Owns a copy of the message. */
struct creation {
	struct state *state;
	struct reply reply;
	struct kept kept;
	struct id sandbox;
	const char *driver; /* roster name */
	bool connected;
	struct span policy;
	uint8_t hash[32];
};

static void
creation_free(struct creation *creation)
{
	kept_free(&creation->kept); /* environment may hold what only the sandbox is to know */
	free(creation);
}

static enum err
creation_new(struct creation **out, struct state *state, const struct msg *m, struct why *why)
{
	struct creation *creation = calloc(1, sizeof(*creation));
	enum err r;

	if (creation == NULL)
		abort();
	creation->state = state;
	creation->sandbox = id_new();
	if ((r = kept_take(&creation->kept, m, why)) != OK) {
		free(creation);
		return r;
	}
	*out = creation;
	return OK;
}

static enum err
insert_sandbox(const struct creation *c, uint64_t now_ms, int *inserted, struct why *why)
{
	const struct msg_sandbox_create *in = &c->kept.m.sandbox_create;
	auto_arena struct arena arena = {0};
	struct args args = {.arena = &arena};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, c->sandbox);
	args_id(&args, in->request);
	args_text(&args, in->workspace);
	args_text(&args, in->name);
	args_texts(&args, in->labels, in->labels_n);
	args_texts(&args, in->annotations, in->annotations_n);
	args_number(&args, now_ms);
	args_text(&args, span_of_text(c->driver));
	args_text(&args, c->connected ? SPAN("Starting") : SPAN("DriverNotConnected"));
	args_text(&args, c->connected ? SPAN("the sandbox is being started") : SPAN("its compute driver is away"));
	args_bytes(&args, in->spec);
	args_text(&args, in->image);
	args_texts(&args, in->command, in->command_n);
	args_texts(&args, in->environment, in->environment_n);
	args_flag(&args, in->tty);
	args_number(&args, in->cpu_milli);
	args_number(&args, in->memory_bytes);
	r = db_run(&c->state->db, SQL_CREATE, &args, &rows, why);
	*inserted = rows.touched;
	return r;
}

static enum err
insert_policy(const struct creation *c, uint64_t now_ms, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct args args = {.arena = &arena};

	args_id(&args, c->sandbox);
	args_number(&args, 1);
	args_bytes(&args, c->policy);
	args_bytes(&args, span_of_bytes(c->hash, sizeof(c->hash)));
	args_number(&args, now_ms);
	args_texts(&args, NULL, 0);
	return db_run(&c->state->db, SQL_POLICY_ADD, &args, NULL, why);
}

/* Nothing was inserted: either this very request was there before, or its name is taken. */
static enum err
already_there(struct creation *c, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, c->kept.m.sandbox_create.request);
	if ((r = db_run(&c->state->db, SQL_ROW_REQUEST, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_EXISTS, "sandbox '" SPAN_FORMAT "' already exists",
		    SPAN_ARGS(c->kept.m.sandbox_create.name));
	c->sandbox = rows_id(&rows, 0, 0);
	return OK;
}

static enum err
workspace_there(struct creation *c, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, c->kept.m.sandbox_create.workspace);
	if ((r = db_run(&c->state->db, SQL_WORKSPACE, &args, &rows, why)) != OK)
		return r;
	return rows.n == 1 ? OK
			   : fail(why, ERR_NOT_FOUND, "workspace '" SPAN_FORMAT "' not found",
				 SPAN_ARGS(c->kept.m.sandbox_create.workspace));
}

static enum err
store(void *arg, struct why *why)
{
	struct creation *c = arg;
	const struct msg_sandbox_create *in = &c->kept.m.sandbox_create;
	uint64_t now_ms = (uint64_t)clock_wall_ms();
	int inserted = 0;
	enum err r;

	if ((r = workspace_there(c, why)) != OK || (r = insert_sandbox(c, now_ms, &inserted, why)) != OK)
		return r;
	if (inserted == 0)
		return already_there(c, why);
	if ((r = insert_policy(c, now_ms, why)) != OK ||
	    (r = attach_all(c->state, c->sandbox, in->workspace, in->providers, in->providers_n, why)) != OK ||
	    (r = inference_begin(c->state, c->sandbox, in->workspace, why)) != OK ||
	    (r = log_say(c->state, c->sandbox, "INFO", "sandbox is provisioning: created", why)) != OK)
		return r;
	log_info("sandbox.create", "sandbox=%s name=" SPAN_FORMAT " workspace=" SPAN_FORMAT " driver=%s",
	    id_text(c->sandbox), SPAN_ARGS(in->name), SPAN_ARGS(in->workspace), c->driver);
	return audit_add(c->state, in->subject, "sandbox.create",
	    arena_format(&c->kept.arena, SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(in->workspace), SPAN_ARGS(in->name)),
	    "OK", why);
}

static enum err
store_and_read(struct creation *c, struct msg *answer, struct why *why)
{
	enum err r;

	if ((r = state_serving(c->state, why)) != OK ||
	    (r = db_transaction(&c->state->db, DURABLE, store, c, why)) != OK)
		return r;
	answer->id = SANDBOX_ROW;
	return sandbox_load(c->state, c->sandbox, &c->kept.arena, &answer->sandbox_row, why);
}

/* Answer, whichever way it went; what was refused for its own sake is in the audit too. */
static void
creation_end(struct creation *c, enum err r, const struct why *because_of)
{
	const struct msg_sandbox_create *in = &c->kept.m.sandbox_create;
	struct msg answer = {0};
	struct why why = {0};

	if (because_of != NULL)
		why = *because_of;
	if (r == OK)
		r = store_and_read(c, &answer, &why);
	if (r == OK)
		reply_send(&c->reply, &answer);
	else {
		reply_fail(&c->reply, r, &why);
		if (r != ERR_UNAVAILABLE)
			audit_refusal(c->state, in->subject, "sandbox.create",
			    arena_format(&c->kept.arena, SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(in->workspace),
				SPAN_ARGS(in->name)),
			    r);
	}
	creation_free(c);
}

/* The driver's word. One that goes away while it is asked is as one that was away: the row waits for it. */
static void
checked(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct creation *c = self;

	(void)answer;
	if (r == ERR_UNAVAILABLE) {
		c->connected = false;
		creation_end(c, OK, NULL);
	} else
		creation_end(c, r, why);
}

static enum err
too_long(const struct msg_sandbox_create *in, struct why *why)
{
	size_t bytes = in->spec.length;

	for (size_t i = 0; i < in->labels_n; i++)
		bytes += in->labels[i].length;
	for (size_t i = 0; i < in->annotations_n; i++)
		bytes += in->annotations[i].length;
	if (bytes > ROW_BYTES_MAX)
		return fail(
		    why, ERR_LIMIT, "spec, labels and annotations have %zu bytes, at most %u", bytes, ROW_BYTES_MAX);
	if (in->command_n == 0)
		return fail(why, ERR_INVALID, "command is required");
	return OK;
}

/* Has this very request been carried out before? Then its row, and the driver is not asked again. */
static enum err
seen_before(struct state *state, const struct msg *m, struct msg *answer, bool *seen, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, m->sandbox_create.request);
	if ((r = db_run(&state->db, SQL_ROW_REQUEST, &args, &rows, why)) != OK)
		return r;
	if (!(*seen = rows.n == 1))
		return OK;
	answer->id = SANDBOX_ROW;
	return sandbox_read(&rows, 0, m->arena, &answer->sandbox_row, why);
}

static enum err
creation_fill(struct creation *c, struct why *why)
{
	enum err r = OK;

	c->policy = c->kept.m.sandbox_create.policy;
	if (c->policy.length == 0)
		r = policy_builtin(&c->kept.arena, &c->policy, why);
	policy_hash(c->policy, c->hash);
	return r;
}

static void
ask_driver(struct creation *c, const struct driver *driver, bool driver_config)
{
	const struct msg_sandbox_create *in = &c->kept.m.sandbox_create;
	struct msg ask = {
	    .id = CREATE_CHECK, .create_check = {in->image, in->cpu_milli, in->memory_bytes, driver_config}};

	c->driver = driver->roster_name;
	c->connected = driver->peer != NULL && driver->peer->up;
	if (c->connected)
		peer_call(driver->peer, &ask, CHECK_DEADLINE_MS, checked, c);
	else
		creation_end(c, OK, NULL);
}

/*
 * Store a new sandbox that should run.
 *
 * in      sandbox_create, from api
 * out     sandbox_row, PROVISIONING
 * errors  ERR_EXISTS the name is taken; ERR_NOT_FOUND no such workspace; ERR_UNAVAILABLE no driver is known;
 *         what the driver says against it; ERR_LIMIT too long; ERR_INVALID no command, no request id
 */
enum err
sandbox_create(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct creation *creation;
	struct driver *driver;
	bool driver_config, seen;
	enum err r;

	if (id_none(m->sandbox_create.request))
		return fail(why, ERR_INVALID, "request is required");
	if ((r = too_long(&m->sandbox_create, why)) != OK ||
	    (r = spec_has_driver_config(m->sandbox_create.spec, &driver_config, why)) != OK ||
	    (r = state_serving(state, why)) != OK || (r = seen_before(state, m, answer, &seen, why)) != OK || seen)
		return r;
	if ((driver = driver_choose(state)) == NULL)
		return fail(why, ERR_UNAVAILABLE, "no compute driver is connected");
	if ((r = creation_new(&creation, state, m, why)) != OK)
		return r;
	if ((r = creation_fill(creation, why)) != OK) {
		creation_free(creation);
		return r;
	}
	creation->reply = reply_later(m);
	ask_driver(creation, driver, driver_config);
	return OK;
}
