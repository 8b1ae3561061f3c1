/* services: where requests for a name go: asked once, and remembered until state says that it may be otherwise. */
#include <stdlib.h>

#include "services/api/service_inside.h"

#define TARGETS_MAX 1024
#define ASKED_MAX   256 /* questions to state at one time */

static struct target *
find_label(struct services *services, const char *label)
{
	struct target *target;

	list_each(target, &services->targets, struct target, link)
		if (strcmp(target->label, label) == 0)
			return target;
	return NULL;
}

static void
target_free(struct target *target)
{
	if (target->question != 0)
		call_cancel(target->state, target->question);
	list_remove(&target->link);
	target->api->services.targets_n--;
	peer_unref(target->state);
	free(target);
}

/* Nobody waits for it and it is the one that was not used for longest: state need not tell of it any more. */
static void
make_room(struct services *services)
{
	struct target *target;

	list_each(target, &services->targets, struct target, link) {
		const struct msg m = {.id = SERVICE_FORGET, .service_forget.route = target->number};
		struct why why;

		if (services->targets_n < TARGETS_MAX)
			return;
		if (target->question != 0)
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
		if (status == 0)
			exchange_routed(exchange, target);
		else
			exchange_refused(exchange, status, words);
	}
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
		tell(target, 0, NULL);
		return;
	}
	if (r == ERR_NOT_FOUND) {
		tell(target, 404, "Service endpoint not found");
	} else if (target->known) {
		tell(target, 0, NULL);
		return;
	} else {
		log_warning("service.route", "of=%s error=%s why=\"%s\"", target->label, err_name(r), why->text);
		tell(target, 500, "Service endpoint lookup failed");
	}
	target_free(target);
}

static void
ask(struct target *target, struct peer *state, const struct service_name *name)
{
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
	memcpy(target->label, name->label, sizeof(target->label));
	list_init(&target->waiting);
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
			ask(target, state, name);
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

/* It may be otherwise now: asked again when it is wanted. In: service_stale, from state. */
enum err
service_stale(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct api *api = self;
	struct target *target;

	(void)answer, (void)why;
	list_each(target, &api->services.targets, struct target, link)
		if (target->number == m->service_stale.route && target->question == 0)
			target_free(target);
	return OK;
}

void
services_state_up(struct api *api)
{
	struct target *target;

	list_each(target, &api->services.targets, struct target, link)
		target->doubtful |= target->question == 0;
}

void
targets_free(struct api *api)
{
	struct target *target;

	list_each(target, &api->services.targets, struct target, link)
		target_free(target);
}
