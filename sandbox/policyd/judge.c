/* Connections: who opened it, by the record of its connect and a look at all owners; then whether they may. */
#include "sandbox/policyd/policyd.h"

#include <assert.h>

#include "common/base/clean.h"
#include "sandbox/policyd/diag.h"
#include "sandbox/policyd/show.h"

/* What became of a question. */
struct judged {
	uint64_t inode;
	struct owners owners;
	pid_t pid; /* who connected, for the event */
	bool anybody;
	const char *code; /* when it is refused here, before the policy is asked */
	struct why words; /* of the refusal, for the agent */
};

static enum err
refused(struct judged *judged, const char *code, enum err r, const struct why *why)
{
	judged->code = code;
	judged->words = *why;
	return r;
}

/* The socket at the other end, and the record of who connected it. */
static enum err
find_socket(
    struct policyd *policyd, const struct msg_connection_judge *in, struct record **record, struct judged *judged)
{
	struct diag_ends ends = {
	    .local = in->client, .remote = in->server, .local_port = in->client_port, .remote_port = in->server_port};
	struct why why = {0};
	enum err r = diag_find(policyd->diag, &policyd->diag_sequence, &ends, &judged->inode, &why);

	if (r != OK)
		return refused(judged, "identity", ERR_DENIED, &why);
	if ((*record = record_find(&policyd->records, judged->inode)) == NULL) {
		(void)fail(&why, ERR_DENIED, "nobody was seen to connect this socket");
		return refused(judged, "identity", ERR_DENIED, &why);
	}
	judged->pid = (*record)->pid;
	return OK;
}

/* One look is fresh for all that had arrived before it. */
static enum err
look_shared(struct policyd *policyd, struct why *why)
{
	if (policyd->looked)
		return OK;
	policyd->looked = true;
	return look_now(&policyd->observer.look, why);
}

static void
process_of(const struct identity *identity, bool anybody, struct engine_process *out)
{
	*out = (struct engine_process){.any = anybody};
	if (identity == NULL)
		return;
	out->exe = identity->exe;
	out->ancestors = identity->ancestors;
	out->ancestors_n = identity->ancestors_n;
}

/* May who connected go there at all? Where he may not, nobody else needs to be looked for. */
static bool
may_go(struct policyd *policyd, const struct msg_connection_judge *in, const struct identity *identity)
{
	auto_arena struct arena arena = {.max_bytes = CONNECTION_BYTES};
	struct engine_admission admission;
	struct engine_process process;
	struct why why;

	process_of(identity, false, &process);
	return engine_connect(policyd->force.engine, in->host, in->port, &process, &arena, &admission, &why) == OK &&
	       admission.allowed;
}

/* What was noted at connect already says no. It is kept for the event. */
static enum err
noted_fault(struct policyd *policyd, const struct record *record, struct judged *judged)
{
	struct identity *identity = record->identity;
	struct why why = {0};

	judged->owners.identity = identity_ref(identity);
	(void)fail(&why, identity->fault, SPAN_FORMAT, SPAN_ARGS(identity->words));
	if (identity->fault == ERR_CONFLICT)
		event_integrity(policyd, identity);
	return refused(judged, identity->fault == ERR_CONFLICT ? "integrity" : "identity", ERR_DENIED, &why);
}

/*
 * Who is it? OK: owners are all alike, and as they were at connect. ERR_MORE a hash is awaited; ERR_BUSY it may be so
 * for a moment only; ERR_DENIED.
 */
static enum err
who(struct policyd *policyd, const struct msg_connection_judge *in, struct judged *judged)
{
	struct record *record;
	struct why why = {0};
	enum err r;

	if ((r = find_socket(policyd, in, &record, judged)) != OK)
		return r;
	if (record->identity->fault != OK)
		return noted_fault(policyd, record, judged);
	if (!may_go(policyd, in, record->identity)) {
		judged->owners.identity = identity_ref(record->identity);
		return OK; /* without owners: decide says no */
	}
	if ((r = look_shared(policyd, &why)) != OK)
		return refused(judged, "identity", ERR_DENIED, &why);
	if ((r = owners_find(&policyd->observer, judged->inode, &judged->owners, &why)) == ERR_MORE)
		return r;
	if (r != OK)
		return refused(judged, judged->owners.code, ERR_BUSY, &why);
	if (judged->owners.identity == record->identity)
		return OK;
	(void)fail(&why, ERR_DENIED, "the process that connected is another now");
	return refused(judged, "identity", ERR_BUSY, &why);
}

/* Identity is switched off: what can be found is told in events, nothing depends on it. */
static enum err
whoever(struct policyd *policyd, const struct msg_connection_judge *in, struct judged *judged)
{
	struct record *record;

	judged->anybody = true;
	if (find_socket(policyd, in, &record, judged) == OK)
		judged->owners.identity = identity_ref(record->identity);
	judged->code = NULL;
	return OK;
}

/* ---- the answer ---- */

static uint32_t
pid_shown(pid_t pid)
{
	auto_fd int dir = -1;

	return pid != 0 && proc_open(pid, &dir, NULL) == OK ? proc_inner_pid(dir) : 0;
}

static void
fill_who(const struct judged *judged, struct arena *arena, struct msg_connection_judged *out)
{
	const struct identity *identity = judged->owners.identity;

	if (identity == NULL)
		return;
	out->binary = show_path(identity->exe, arena);
	out->pid = judged->owners.n > 0 ? proc_inner_pid(judged->owners.items[0]->dir) : pid_shown(judged->pid);
	out->ancestors = arena_array(arena, identity->ancestors_n, sizeof(struct span));
	for (size_t i = 0; out->ancestors != NULL && i < identity->ancestors_n; i++)
		out->ancestors[out->ancestors_n++] = show_path(identity->ancestors[i], arena);
}

static void
fill_admission(const struct engine_admission *admission, struct msg_connection_judged *out)
{
	out->allowed = admission->allowed;
	out->code = span_of_text(admission->code);
	out->reason = show_fit(admission->reason, 512);
	out->policy = show_fit(admission->policy, 253);
	out->inspect = admission->inspect;
	out->tls_skip = admission->tls_skip;
	out->encoded_slash = admission->encoded_slash;
	out->credentials = admission->must_inspect;
	out->destination = (uint8_t)admission->destination.mode;
	out->allowed_ips = (struct span *)admission->destination.allowed_ips;
	out->allowed_ips_n = admission->destination.allowed_ips_n;
}

static void
fill_refusal(const struct judged *judged, struct arena *arena, struct msg_connection_judged *out)
{
	char *reason = arena_format(arena, "%s: %s", judged->code, judged->words.text);

	out->code = span_of_text(judged->code);
	out->reason = show_fit(span_of_text(reason), 512);
}

/* Keep what was admitted, for its requests. The admission is made in the connection's own memory. */
static enum err
decide(struct policyd *policyd, const struct msg_connection_judge *in, struct judged *judged,
    struct msg_connection_judged *out, struct arena *arena, struct why *why)
{
	struct engine_process process;
	struct connection *connection = connection_new(policyd, in->connection);
	struct engine_admission admission;
	enum err r;

	if (connection == NULL)
		return fail(why, ERR_LIMIT, "%d connections are open", CONNECTIONS_MAX);
	process_of(judged->owners.identity, judged->anybody, &process);
	r = engine_connect(
	    policyd->force.engine, in->host, in->port, &process, &connection->memory, &connection->admission, why);
	admission = connection->admission;
	fill_who(judged, arena, out);
	if (r == OK && admission.allowed) {
		assert(judged->anybody || judged->owners.n > 0);
		connection->inode = judged->inode;
		connection->anybody = judged->anybody;
		connection->owners = judged->owners;
		connection->looked = policyd->observer.look.number;
		judged->owners = (struct owners){0};
		fill_admission(&admission, out);
		return OK;
	}
	if (r == OK) { /* its words live in the connection's memory */
		fill_admission(&admission, out);
		out->reason = span_of_text(arena_text(arena, out->reason));
		out->policy = span_of_text(arena_text(arena, out->policy));
		out->allowed_ips_n = 0;
	}
	connection_free(policyd, connection);
	return r;
}

static void
answer_judged(struct policyd *policyd, const struct msg *m, struct judged *judged, struct reply *reply)
{
	struct msg answer = {.id = CONNECTION_JUDGED};
	struct msg_connection_judged *out = &answer.connection_judged;
	struct why why = {0};
	enum err r = OK;

	out->generation = policyd->force.generation;
	if (judged->code == NULL)
		r = decide(policyd, &m->connection_judge, judged, out, m->arena, &why);
	else {
		fill_who(judged, m->arena, out);
		fill_refusal(judged, m->arena, out);
	}
	if (r == OK)
		reply_send(reply, &answer);
	else
		reply_fail(reply, r, &why);
}

void
connection_judge_again(struct policyd *policyd, const struct msg *m, unsigned looks, struct reply *reply)
{
	struct judged judged = {0};
	struct why why = {0};
	enum err r = OK;

	if (policyd->force.engine == NULL) {
		(void)fail(&why, ERR_DENIED, "there is no valid policy, nothing is allowed%s%s",
		    policyd->force.words[0] == '\0' ? "" : ": ", policyd->force.words);
		r = refused(&judged, "no_policy", ERR_DENIED, &why);
	} else if (policyd->binaries_free)
		r = whoever(policyd, &m->connection_judge, &judged);
	else
		r = who(policyd, &m->connection_judge, &judged);
	if ((r == ERR_MORE || (r == ERR_BUSY && ++looks < LOOKS_MAX)) &&
	    wait_for(policyd, m, looks, r == ERR_MORE ? WAIT_HASH : wait_look_ms(looks), reply, &why) == OK) {
		owners_drop(&policyd->observer, &judged.owners);
		return;
	}
	if (r == ERR_MORE)
		(void)refused(&judged, "identity", r, &why);
	if (r == ERR_BUSY && judged.owners.identity != NULL && judged.owners.identity->fault == ERR_CONFLICT)
		event_integrity(policyd, judged.owners.identity);
	answer_judged(policyd, m, &judged, reply);
	owners_drop(&policyd->observer, &judged.owners);
}

/*
 * Who opened this connection, and may it go there?
 *
 * in      connection_judge, from the proxy
 * out     connection_judged, when all that has arrived is read; later still when a process must be looked at again or a
 *         file be read
 * errors  ERR_LIMIT too many connections, or too many questions
 */
enum err
connection_judge(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct policyd *policyd = self;
	struct reply reply = reply_later(m);
	enum err r = wait_for(policyd, m, 0, look_pause_ms(&policyd->observer.look), &reply, why);

	(void)answer;
	peer_unref(reply.peer); /* where it could not be kept */
	return r;
}

/* Could any endpoint mean this name? in: name_judge. out: name_judged. */
enum err
name_judge(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct policyd *policyd = self;

	(void)why;
	answer->id = NAME_JUDGED;
	answer->name_judged.known =
	    policyd->force.engine != NULL && engine_name(policyd->force.engine, m->name_judge.name);
	return OK;
}
