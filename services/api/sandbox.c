/* sandbox: the calls that make, show, list, stop, start and delete sandboxes; state decides, this side checks. */
#include "common/base/clean.h"
#include "common/wire/protobuf.h"
#include "services/api/ask.h"
#include "services/api/check.h"
#include "services/api/methods.h"
#include "services/api/view.h"
#include "services/api/words.h"

#define WORKSPACE_DEFAULT "default"
#define NAME_TRIES	  8	      /* of generated names, before one that is free must have been found */
#define ANSWER_BYTES_MAX  (4u << 20)  /* what clients accept (client-side limit of gRPC) */
#define ARENA_BYTES	  (24u << 20) /* rows, unpacked */
#define PAGE_DEFAULT	  100
#define PAGE_MAX	  1000

static struct span
workspace_of(const char *workspace)
{
	return workspace == NULL || workspace[0] == '\0' ? SPAN(WORKSPACE_DEFAULT) : span_of_text(workspace);
}

/* ---- create ---- */

/* What a creation keeps while state is asked. */
struct creation {
	struct msg question;
	bool named; /* by the caller */
	unsigned tries;
	char name[WORDS_NAME_BYTES];
};

static ask_answered create_answered;

static void
create_try(struct ask *ask)
{
	struct creation *creation = ask->detail;

	if (!creation->named) {
		words_name(creation->name);
		creation->question.sandbox_create.name = span_of_text(creation->name);
	}
	creation->question.sandbox_create.request = id_new();
	ask_put(ask, ROLE_STATE, &creation->question, SANDBOX_ROW, create_answered);
}

/* The one answer that most of these calls have. */
static void
row_send(struct ask *ask, const struct msg_sandbox_row *row)
{
	Openshell__V1__SandboxResponse out = OPENSHELL__V1__SANDBOX_RESPONSE__INIT;
	auto_arena struct arena arena = {.max_bytes = ARENA_BYTES};
	struct why why = {0};
	enum err r;

	if ((r = view_sandbox(&arena, row, &out.sandbox, &why)) != OK)
		ask_fail(ask, r, &why);
	else
		ask_send(ask, &out.base);
}

static void
create_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct creation *creation = ask->detail;

	if (r == ERR_EXISTS && !creation->named && ++creation->tries < NAME_TRIES) {
		create_try(ask);
		return;
	}
	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	log_info("sandbox.create", "sandbox=%s name=" SPAN_FORMAT " subject=\"%s\"",
	    id_text(answer->sandbox_row.sandbox), SPAN_ARGS(answer->sandbox_row.name),
	    log_quote(creation->question.sandbox_create.subject));
	row_send(ask, &answer->sandbox_row);
}

/* An empty command is the login shell, with a terminal. */
static void
spec_complete(Openshell__V1__SandboxSpec *spec)
{
	static char *const shell[] = {(char *)"/bin/bash", (char *)"-l"};

	if (spec->n_command > 0)
		return;
	spec->command = (char **)shell;
	spec->n_command = COUNT(shell);
	spec->has_tty = spec->tty = true;
}

/* Labels and annotations. */
static enum err
create_marks(
    struct arena *arena, const Openshell__V1__CreateSandboxRequest *in, struct msg_sandbox_create *out, struct why *why)
{
	struct pair *pairs;
	size_t n;
	enum err r;

	if ((r = pairs_of(arena, in->labels, in->n_labels, &pairs, &n, why)) != OK)
		return because(why, r, "labels");
	if ((r = check_labels("labels", pairs, n, why)) != OK ||
	    (r = pairs_texts(arena, pairs, n, &out->labels, why)) != OK)
		return r;
	out->labels_n = n;
	if ((r = pairs_of(arena, in->annotations, in->n_annotations, &pairs, &n, why)) != OK)
		return because(why, r, "annotations");
	out->annotations_n = n;
	if ((r = check_annotations("annotations", pairs, n, why)) != OK)
		return r;
	return pairs_texts(arena, pairs, n, &out->annotations, why);
}

static enum err
create_read(
    struct arena *arena, const Openshell__V1__CreateSandboxRequest *in, struct msg_sandbox_create *out, struct why *why)
{
	Openshell__V1__SandboxSpec spec;
	struct wanted wanted;
	enum err r;

	if (in->spec == NULL)
		return fail(why, ERR_INVALID, "spec is required");
	spec = *in->spec;
	spec_complete(&spec);
	out->workspace = workspace_of(in->workspace);
	out->name = span_of_text(in->name);
	if ((r = check_name("workspace", out->workspace, why)) != OK ||
	    (out->name.length > 0 && (r = check_name("name", out->name, why)) != OK) ||
	    (r = create_marks(arena, in, out, why)) != OK || (r = check_spec(arena, &spec, &wanted, why)) != OK ||
	    (r = protobuf_write(&spec.base, arena, &out->spec, why)) != OK)
		return r;
	if (out->spec.length > CHECK_SPEC_BYTES)
		return fail(why, ERR_INVALID, "spec has %zu bytes encoded, at most %u are allowed", out->spec.length,
		    CHECK_SPEC_BYTES);
	out->image = wanted.image;
	out->command = wanted.command;
	out->command_n = wanted.command_n;
	out->environment = wanted.environment;
	out->environment_n = wanted.environment_n;
	out->tty = spec.has_tty && spec.tty;
	out->policy = wanted.policy;
	out->providers = wanted.providers;
	out->providers_n = wanted.providers_n;
	out->cpu_milli = wanted.cpu_milli;
	out->memory_bytes = wanted.memory_bytes;
	return OK;
}

/*
 * CreateSandbox: check, complete, store.
 *
 * errors  INVALID_ARGUMENT a limit; ALREADY_EXISTS the name; NOT_FOUND the workspace; FAILED_PRECONDITION what this
 *         gateway has not, or its driver refuses; UNAVAILABLE state is away
 */
void
sandbox_create(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__CreateSandboxRequest *in = (const Openshell__V1__CreateSandboxRequest *)message;
	struct ask *ask = ask_new(self, call, message, sizeof(struct creation));
	struct creation *creation;
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	creation = ask->detail;
	creation->question.id = SANDBOX_CREATE;
	if ((r = create_read(rpc_arena(call), in, &creation->question.sandbox_create, &why)) != OK) {
		ask_fail(ask, r, &why);
		return;
	}
	creation->named = creation->question.sandbox_create.name.length > 0;
	creation->question.sandbox_create.subject = span_head(methods_subject(self, call), 253);
	create_try(ask);
}

/* ---- by name ---- */

/* What is not there is told in the words that clients compare. */
static void
named_failed(struct ask *ask, enum err r, struct why *why)
{
	if (r == ERR_NOT_FOUND)
		(void)fail(why, r, "sandbox not found");
	ask_fail(ask, r, why);
}

static void
row_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	if (r == OK)
		row_send(ask, &answer->sandbox_row);
	else
		named_failed(ask, r, why);
}

static void
delete_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	const Openshell__V1__DeleteSandboxRequest *in = (const Openshell__V1__DeleteSandboxRequest *)ask->request;
	Openshell__V1__DeleteSandboxResponse out = OPENSHELL__V1__DELETE_SANDBOX_RESPONSE__INIT;
	char id[ID_TEXT_BYTES];

	if (r == OK)
		out.sandbox_id = id_write(answer->sandbox_deleted.sandbox, id);
	out.has_deleted = out.has_outcome = true;
	out.deleted = r == OK;
	out.outcome = r == OK ? OPENSHELL__V1__DELETION_OUTCOME__DELETION_OUTCOME_ACCEPTED
			      : OPENSHELL__V1__DELETION_OUTCOME__DELETION_OUTCOME_ALREADY_ABSENT;
	if (r == OK || (r == ERR_NOT_FOUND && in->has_allow_missing && in->allow_missing))
		ask_send(ask, &out.base);
	else
		named_failed(ask, r, why);
}

/* A name that could not have been given is one that does not exist. */
static enum err
named(const char *name, const char *workspace, struct span *out_name, struct span *out_workspace, struct why *why)
{
	struct why ignored;

	*out_name = span_of_text(name);
	*out_workspace = workspace_of(workspace);
	if (out_name->length == 0)
		return fail(why, ERR_INVALID, "name is required");
	if (check_name("name", *out_name, &ignored) != OK || check_name("workspace", *out_workspace, &ignored) != OK)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	return OK;
}

static void
named_put(struct api *api, struct rpc_call *call, const ProtobufCMessage *message, const struct msg *question,
    enum msg_id want, ask_answered *answered)
{
	struct ask *ask = ask_new(api, call, message, 0);

	if (ask == NULL)
		return;
	if (question->id != SANDBOX_GET)
		log_info("sandbox.ask", "what=%s subject=\"%s\"", msg_info(question->id)->name,
		    log_quote(methods_subject(api, call)));
	ask_put(ask, ROLE_STATE, question, want, answered);
}

/* GetSandbox: NOT_FOUND "sandbox not found". */
void
sandbox_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetSandboxRequest *in = (const Openshell__V1__GetSandboxRequest *)message;
	struct msg question = {.id = SANDBOX_GET};
	struct why why = {0};
	enum err r;

	if ((r = named(in->name, in->workspace, &question.sandbox_get.name, &question.sandbox_get.workspace, &why)) !=
	    OK)
		call_fail(call, r, &why);
	else
		named_put(self, call, message, &question, SANDBOX_ROW, row_answered);
}

/* Which sandbox, and who asks: all that stopping, starting and deleting are told. false: the call has its answer. */
static bool
change_asked(struct api *api, struct rpc_call *call, const char *of, const char *in, struct span *name,
    struct span *workspace, struct span *subject)
{
	struct why why = {0};
	enum err r = named(of, in, name, workspace, &why);

	*subject = span_head(methods_subject(api, call), 253);
	if (r != OK)
		call_fail(call, r, &why);
	return r == OK;
}

/* StopSandbox: FAILED_PRECONDITION unless it is ready, stopping or stopped. */
void
sandbox_stop(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__StopSandboxRequest *in = (const Openshell__V1__StopSandboxRequest *)message;
	struct msg question = {.id = SANDBOX_STOP};
	struct msg_sandbox_stop *m = &question.sandbox_stop;

	if (change_asked(self, call, in->name, in->workspace, &m->name, &m->workspace, &m->subject))
		named_put(self, call, message, &question, SANDBOX_ROW, row_answered);
}

/* StartSandbox: FAILED_PRECONDITION unless it is stopped, starting or ready. */
void
sandbox_start(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__StartSandboxRequest *in = (const Openshell__V1__StartSandboxRequest *)message;
	struct msg question = {.id = SANDBOX_START};
	struct msg_sandbox_start *m = &question.sandbox_start;

	if (change_asked(self, call, in->name, in->workspace, &m->name, &m->workspace, &m->subject))
		named_put(self, call, message, &question, SANDBOX_ROW, row_answered);
}

/* DeleteSandbox: answered when it is recorded; that it is gone shows in GetSandbox. */
void
sandbox_delete(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__DeleteSandboxRequest *in = (const Openshell__V1__DeleteSandboxRequest *)message;
	struct msg question = {.id = SANDBOX_DELETE};
	struct msg_sandbox_delete *m = &question.sandbox_delete;

	if (change_asked(self, call, in->name, in->workspace, &m->name, &m->workspace, &m->subject))
		named_put(self, call, message, &question, SANDBOX_DELETED, delete_answered);
}

/* ---- list ---- */

/* A page that is being put together: state cuts what would be too long for one message. */
struct listing {
	struct msg question;
	uint32_t wanted;
	size_t bytes;
	Openshell__V1__ListSandboxesResponse out;
};

/* Take one answer's rows in. */
static enum err
listing_take(struct listing *listing, struct arena *arena, const struct msg_sandbox_listed *listed, struct why *why)
{
	Openshell__V1__ListSandboxesResponse *out = &listing->out;
	enum err r;

	if (listed->sandboxes_n > listing->wanted - out->n_sandboxes)
		return fail(why, ERR_PROTOCOL, "more rows came than were asked for");
	for (size_t i = 0; i < listed->sandboxes_n; i++) {
		Openshell__V1__Sandbox **to = &out->sandboxes[out->n_sandboxes];

		if ((r = view_sandbox(arena, &listed->sandboxes[i], to, why)) != OK)
			return r;
		out->n_sandboxes++;
		listing->bytes += openshell__v1__sandbox__get_packed_size(*to) + 8;
		if (listing->bytes > ANSWER_BYTES_MAX)
			return fail(why, ERR_LIMIT,
			    "the page would have more than %u bytes: ask with a limit below %zu", ANSWER_BYTES_MAX,
			    out->n_sandboxes);
	}
	return OK;
}

static void
list_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct listing *listing = ask->detail;
	struct msg_sandbox_list *m = &listing->question.sandbox_list;
	char *token;

	if (r == OK)
		r = listing_take(listing, rpc_arena(ask->work.call), &answer->sandbox_listed, why);
	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	m->offset += (uint32_t)answer->sandbox_listed.sandboxes_n;
	if (!answer->sandbox_listed.more || answer->sandbox_listed.sandboxes_n == 0 ||
	    listing->out.n_sandboxes == listing->wanted) {
		/* A full page may have another behind it, even if an empty one. */
		if (listing->out.n_sandboxes == listing->wanted &&
		    (token = arena_format(rpc_arena(ask->work.call), "%u", m->offset)) != NULL)
			listing->out.next_page_token = token;
		ask_send(ask, &listing->out.base);
		return;
	}
	m->limit = listing->wanted - (uint32_t)listing->out.n_sandboxes;
	ask_put(ask, ROLE_STATE, &listing->question, SANDBOX_LISTED, list_answered);
}

static enum err
list_read(struct api *api, struct rpc_call *call, const Openshell__V1__ListSandboxesRequest *in,
    struct listing *listing, struct why *why)
{
	struct msg_sandbox_list *m = &listing->question.sandbox_list;
	bool all = in->has_all_workspaces && in->all_workspaces;
	struct why ignored;
	struct who who;
	enum err r;

	if (all && in->workspace != NULL && in->workspace[0] != '\0')
		return fail(why, ERR_INVALID, "all_workspaces and workspace cannot be given together");
	if (all && who_read(rpc_caller(call), api->config->allow_unauthenticated, &who, why) == OK && !who.admin)
		return fail(why, ERR_DENIED, "all_workspaces is for a platform admin");
	m->workspace = all ? SPAN_NONE : workspace_of(in->workspace);
	if (!all && check_name("workspace", m->workspace, &ignored) != OK)
		return fail(why, ERR_NOT_FOUND, "workspace '%s' not found", log_quote(m->workspace));
	if ((r = check_selector(
		 rpc_arena(call), span_of_text(in->label_selector), &m->selector, &m->selector_n, why)) != OK)
		return r;
	m->limit = in->limit == 0 ? PAGE_DEFAULT : in->limit > PAGE_MAX ? PAGE_MAX : in->limit;
	m->offset = in->offset;
	return OK;
}

/* ListSandboxes: a page, by creation time then name. */
void
sandboxes_list(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	struct ask *ask = ask_new(self, call, message, sizeof(struct listing));
	struct listing *listing;
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	listing = ask->detail;
	listing->question.id = SANDBOX_LIST;
	rpc_arena(call)->max_bytes = ARENA_BYTES;
	openshell__v1__list_sandboxes_response__init(&listing->out);
	if ((r = list_read(self, call, (const Openshell__V1__ListSandboxesRequest *)message, listing, &why)) != OK) {
		ask_fail(ask, r, &why);
		return;
	}
	listing->wanted = listing->question.sandbox_list.limit;
	listing->out.sandboxes = arena_array(rpc_arena(call), listing->wanted, sizeof(*listing->out.sandboxes));
	if (listing->out.sandboxes == NULL) {
		ask_fail(ask, fail(&why, ERR_LIMIT, "the request needs too much memory"), &why);
		return;
	}
	ask_put(ask, ROLE_STATE, &listing->question, SANDBOX_LISTED, list_answered);
}
