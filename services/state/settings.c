/* Settings: of the gateway, which go before, and of one sandbox. Which keys there are is api's to know. */
#include "common/base/log.h"
#include "services/state/configure.h"

/* A setting that is to be written. */
struct setting_writing {
	struct state *state;
	const struct msg_setting_set *in;
	struct msg_config_changed *out;
	struct arena *arena; /* of the message */
};

/* Save or remove it; touched: something is other than it was. */
static enum err
write_one(const struct setting_writing *s, struct id sandbox, int *touched, struct why *why)
{
	bool gateway = id_none(sandbox);
	struct args args = {0};
	auto_rows rows = {0};
	enum sql sql;
	enum err r;

	if (!gateway)
		args_id(&args, sandbox);
	args_text(&args, s->in->key);
	if (!s->in->remove)
		args_text(&args, s->in->value);
	if (gateway)
		sql = s->in->remove ? SQL_GATEWAY_SETTING_REMOVE : SQL_GATEWAY_SETTING_SAVE;
	else
		sql = s->in->remove ? SQL_SETTING_REMOVE : SQL_SETTING_SAVE;
	r = db_run(&s->state->db, sql, &args, &rows, why);
	*touched = rows.touched;
	return r;
}

static enum err
counted(const struct setting_writing *s, struct id sandbox, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, sandbox);
	if ((r = db_run(&s->state->db, SQL_SETTINGS_COUNT, &args, &rows, why)) != OK)
		return r;
	if (rows_number(&rows, 0, 0) > SETTINGS_MAX)
		return fail(why, ERR_LIMIT, "%d settings are there, no more fit", SETTINGS_MAX);
	return OK;
}

/* What follows from a setting that is other than it was. */
static enum err
written(const struct setting_writing *s, struct id sandbox, struct why *why)
{
	const struct msg_setting_set *in = s->in;
	const char *whose = id_none(sandbox) ? "gateway"
					     : arena_format(s->arena, SPAN_FORMAT "/" SPAN_FORMAT,
						   SPAN_ARGS(in->workspace), SPAN_ARGS(in->name));
	enum err r;

	s->out->settings_revision++;
	s->out->removed = in->remove;
	log_info("setting.set", "of=%s key=" SPAN_FORMAT " removed=%d", whose, SPAN_ARGS(in->key), in->remove);
	if ((r = counted(s, sandbox, why)) != OK)
		return r;
	if (id_none(sandbox))
		r = db_run(&s->state->db, SQL_GATEWAY_SETTINGS_NEXT, NULL, NULL, why);
	else
		r = db_run_of(&s->state->db, SQL_SETTINGS_NEXT, sandbox, why);
	if (r != OK || (r = config_changed(s->state, sandbox, why)) != OK)
		return r;
	return audit_add(s->state, in->subject, in->remove ? "setting.delete" : "setting.set",
	    arena_format(s->arena, "%s setting " SPAN_FORMAT, whose, SPAN_ARGS(in->key)), "OK", why);
}

/* Set for the gateway: then a sandbox has no say. */
static enum err
not_managed(const struct setting_writing *s, struct why *why)
{
	struct args args = {0};
	auto_rows lock = {0}, rows = {0};
	enum err r;

	args_text(&args, s->in->key);
	if ((r = db_run(&s->state->db, SQL_GATEWAY_SHARE, NULL, &lock, why)) != OK ||
	    (r = db_run(&s->state->db, SQL_SETTING_GATEWAY, &args, &rows, why)) != OK)
		return r;
	if (rows.n > 0)
		return fail(why, ERR_STATE,
		    "setting '" SPAN_FORMAT "' is managed globally: delete the global setting first",
		    SPAN_ARGS(s->in->key));
	return OK;
}

static enum err
own_set(void *arg, struct why *why)
{
	struct setting_writing *s = arg;
	struct locked_box box;
	int touched;
	enum err r;

	if ((r = box_lock(s->state, s->in->workspace, s->in->name, s->in->expected, &box, why)) != OK ||
	    (r = not_managed(s, why)) != OK)
		return r;
	s->out->settings_revision = box.settings_revision;
	if ((r = write_one(s, box.id, &touched, why)) != OK || touched == 0)
		return r;
	return written(s, box.id, why);
}

static enum err
global_set(void *arg, struct why *why)
{
	struct setting_writing *s = arg;
	auto_rows rows = {0};
	int touched;
	enum err r;

	if ((r = db_run(&s->state->db, SQL_GATEWAY_LOCK, NULL, &rows, why)) != OK)
		return r;
	s->out->settings_revision = rows_number(&rows, 0, 1);
	if ((r = write_one(s, (struct id){{0}}, &touched, why)) != OK || touched == 0)
		return r;
	return written(s, (struct id){{0}}, why);
}

/*
 * Set or remove one setting. What changes nothing gives no new revision.
 *
 * in      setting_set, from api, which knows the keys and their values
 * out     config_changed
 * errors  ERR_NOT_FOUND; ERR_STATE the gateway sets this key; ERR_CONFLICT another resource_version; ERR_LIMIT too many
 */
enum err
setting_change(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_setting_set *in = &m->setting_set;
	struct state *state = self;
	struct setting_writing s = {state, in, &answer->config_changed, m->arena};
	bool global = in->name.length == 0;
	enum err r;

	if ((r = state_serving(state, why)) != OK)
		return r;
	answer->id = CONFIG_CHANGED;
	r = db_transaction(&state->db, DURABLE, global ? global_set : own_set, &s, why);
	if (r != OK && r != ERR_UNAVAILABLE && r != ERR_CONFLICT)
		audit_refusal(state, in->subject, in->remove ? "setting.delete" : "setting.set",
		    global ? "gateway"
			   : arena_format(
				 m->arena, SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(in->workspace), SPAN_ARGS(in->name)),
		    r);
	return r;
}
