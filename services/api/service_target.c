/* services: where requests for a name go: asked once, and remembered until state says that it may be otherwise. */
#include <stdlib.h>

#include "services/api/service_inside.h"

#define TARGETS_MAX 1024
#define ASKED_MAX   256 /* questions to state at one time, of names that are asked for first */
#define AGAIN_MS    250

static struct target *
find_label(struct services *services, const char *label)
{
	struct target *target;

	list_each(target, &services->targets, struct target, link)
		if (strcmp(target->name.label, label) == 0)
			return target;
	return NULL;
}

static void
target_free(struct target *target)
{
	struct exchange *exchange;

	list_each(exchange, &target->users, struct exchange, lookup)
		list_remove(&exchange->lookup);
	if (target->question != 0)
		call_cancel(target->state, target->question);
	list_remove(&target->link);
	target->api->services.targets_n--;
	peer_unref(target->state);
	free(target);
}

/* Nobody waits for it or goes by it and it is the one that was not used for longest: state need not tell of it any more. */
static void
make_room(struct services *services)
{
	struct target *target;

	list_each(target, &services->targets, struct target, link) {
		const struct msg m = {.id = SERVICE_FORGET, .service_forget.route = target->number};
		struct why why;

		if (services->targets_n < TARGETS_MAX)
			return;
		if (target->question != 0 || !list_empty(&target->users))
			continue;
		if (peer_tell(target->state, &m, &why) != OK)
			log_debug("service.forget", "why=\"%s\"", why.text);
		target_free(target);
	}
}

/* All that wait hear it. */
static void
tell(struct target *target, int status, const char *words)
{
	while (!list_empty(&target->waiting)) {
		struct exchange *exchange = list_item(target->waiting.next, struct exchange, lookup);

		list_remove(&exchange->lookup);
		if (status == 0) {
			list_append(&target->users, &exchange->lookup);
			exchange_routed(exchange, target);
		} else {
			exchange_refused(exchange, status, words);
		}
	}
}

/* What is under way to where the name leads no more ends, WebSockets above all: they would never by themselves. */
static void
withdraw(struct target *target, bool all)
{
	struct exchange *exchange;

	list_each(exchange, &target->users, struct exchange, lookup)
		if (all)
			exchange_refused(exchange, 404, "Service endpoint not found");
		else if (target->phase != TARGET_READY)
			exchange_refused(exchange, 412, "Sandbox is not ready");
		else if (exchange->port != target->port || !id_equal(exchange->sandbox, target->sandbox))
			exchange_refused(exchange, 502, "Service endpoint is not reachable");
}

static void ask(struct target *target, struct peer *state);

/* Those in use that state could not tell of: once more. */
static void
ask_again(void *self)
{
	struct api *api = self;
	struct target *target;
	struct peer *state;
	struct why why;

	if (api_peer(api, ROLE_STATE, &state, &why) != OK)
		return; /* services_state_up comes */
	list_each(target, &api->services.targets, struct target, link)
		if (target->doubtful && target->question == 0 && !list_empty(&target->users))
			ask(target, state);
}

static void
answered(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct target *target = self;
	const struct msg_service_routed *routed;

	target->question = 0;
	target->api->services.asked_n--;
	if (r == OK && answer->id == SERVICE_ROUTED) {
		routed = &answer->service_routed;
		target->sandbox = routed->sandbox;
		target->port = routed->port;
		target->phase = routed->phase;
		target->known = true;
		target->doubtful = false;
		withdraw(target, false);
		tell(target, 0, NULL);
		return;
	}
	if (r == ERR_NOT_FOUND) {
		withdraw(target, true);
		tell(target, 404, "Service endpoint not found");
	} else if (target->known) {
		target->doubtful = true;
		loop_timer_set(target->api->loop, &target->api->services.again, AGAIN_MS, ask_again, target->api);
		tell(target, 0, NULL);
		return;
	} else {
		log_warning("service.route", "of=%s error=%s why=\"%s\"", target->name.label, err_name(r), why->text);
		tell(target, 500, "Service endpoint lookup failed");
	}
	target_free(target);
}

static void
ask(struct target *target, struct peer *state)
{
	const struct service_name *name = &target->name;
	struct msg question = {.id = SERVICE_ROUTE};

	peer_ref(state);
	peer_unref(target->state);
	target->state = state;
	question.service_route =
	    (struct msg_service_route){target->number, name->workspace, name->sandbox, name->service};
	target->api->services.asked_n++;
	target->question = peer_call(state, &question, CALL_DEADLINE_MS, answered, target);
}

static struct target *
target_new(struct api *api, struct peer *state, const struct service_name *name)
{
	struct target *target = calloc(1, sizeof(*target));

	if (target == NULL)
		abort();
	make_room(&api->services);
	*target = (struct target){.api = api, .state = peer_ref(state), .number = api->next_number++};
	service_name_copy(name, &target->name);
	list_init(&target->waiting);
	list_init(&target->users);
	list_append(&api->services.targets, &target->link);
	api->services.targets_n++;
	return target;
}

void
target_find(struct exchange *exchange, const struct service_name *name)
{
	struct api *api = exchange->work.api;
	struct target *target = find_label(&api->services, name->label);
	struct peer *state;
	struct why why;

	if (target == NULL || (target->doubtful && target->question == 0)) {
		bool asks = api->services.asked_n < ASKED_MAX && api_peer(api, ROLE_STATE, &state, &why) == OK;

		if (target == NULL && !asks) {
			exchange_refused(exchange, 500, "Service endpoint lookup failed");
			return;
		}
		if (target == NULL)
			target = target_new(api, state, name);
		if (asks)
			ask(target, state);
	}
	list_remove(&target->link); /* used last */
	list_append(&api->services.targets, &target->link);
	list_append(&target->waiting, &exchange->lookup);
	if (target->question == 0)
		tell(target, 0, NULL);
}

void
target_forget(struct exchange *exchange)
{
	list_remove(&exchange->lookup);
}

/* It may be otherwise now: asked again when it is wanted, or at once while it is in use. In: service_stale, from state. */
enum err
service_stale(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct api *api = self;
	struct target *target;

	(void)answer, (void)why;
	list_each(target, &api->services.targets, struct target, link) {
		if (target->number != m->service_stale.route || target->question != 0)
			continue;
		if (list_empty(&target->users)) {
			target_free(target);
		} else {
			target->doubtful = true;
			ask(target, m->from);
		}
	}
	return OK;
}

void
services_state_up(struct api *api)
{
	struct target *target;

	list_each(target, &api->services.targets, struct target, link)
		target->doubtful |= target->question == 0;
	ask_again(api);
}

void
targets_free(struct api *api)
{
	struct target *target;

	loop_timer_stop(api->loop, &api->services.again);
	list_each(target, &api->services.targets, struct target, link)
		target_free(target);
}
