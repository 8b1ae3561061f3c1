/* services: connections to ports in sandboxes: one exchange at a time, kept for a moment for the next one. */
#include <stdlib.h>

#include "services/api/service_inside.h"

#define IDLE_MS	      4000 /* less than servers keep them open */
#define IDLE_MAX      256
#define IDLE_EACH_MAX 32 /* of one port */

static void upstream_free(struct upstream *upstream);

/* ---- from the passage ---- */

static void
opened(void *self)
{
	struct upstream *upstream = self;

	upstream->opened = true;
	exchange_opened(upstream->exchange);
}

static bool
data(void *self, uint8_t channel, struct span bytes)
{
	struct upstream *upstream = self;

	(void)channel;
	if (upstream->exchange != NULL)
		return exchange_data(upstream->exchange, bytes);
	upstream_free(upstream); /* it speaks without being asked: what follows cannot be told apart */
	return true;
}

static void
ended(void *self, uint8_t channel)
{
	struct upstream *upstream = self;

	(void)channel;
	upstream->ended = true;
	if (upstream->exchange != NULL)
		exchange_ended(upstream->exchange);
	else
		upstream_free(upstream);
}

static void
room(void *self, uint8_t channel)
{
	struct upstream *upstream = self;

	(void)channel;
	if (upstream->exchange != NULL)
		exchange_room(upstream->exchange);
}

static void
over(void *self, enum err r, uint16_t exit_code, const struct why *why)
{
	struct upstream *upstream = self;
	struct exchange *exchange = upstream->exchange;
	static const struct why none;

	(void)exit_code;
	upstream->passage = NULL;
	upstream->exchange = NULL;
	if (exchange != NULL)
		exchange_lost(exchange, r, why == NULL ? &none : why);
	upstream_free(upstream);
}

static const struct passage_owner owner = {opened, data, ended, room, over};

/* ---- its life ---- */

static void
upstream_free(struct upstream *upstream)
{
	struct services *services = &upstream->api->services;

	if (upstream->link.next != NULL)
		services->idle_n--;
	list_remove(&upstream->link);
	loop_timer_stop(upstream->api->loop, &upstream->idle);
	if (upstream->passage != NULL)
		passage_leave(upstream->passage);
	free(upstream);
}

static void
idle_passed(void *self)
{
	upstream_free(self);
}

/* The one that was used last: it is the least likely to be closed by now. */
static struct upstream *
idle_find(struct services *services, const struct exchange *exchange, size_t *n)
{
	struct upstream *upstream, *found = NULL;

	*n = 0;
	list_each(upstream, &services->idle, struct upstream, link)
		if (upstream->port == exchange->port && id_equal(upstream->sandbox, exchange->sandbox)) {
			found = upstream;
			++*n;
		}
	return found;
}

struct upstream *
upstream_get(struct exchange *exchange, bool idle_too)
{
	struct api *api = exchange->work.api;
	size_t n;
	struct upstream *upstream = idle_too ? idle_find(&api->services, exchange, &n) : NULL;

	if (upstream != NULL) {
		list_remove(&upstream->link);
		api->services.idle_n--;
		loop_timer_stop(api->loop, &upstream->idle);
		upstream->exchange = exchange;
		return upstream;
	}
	if ((upstream = calloc(1, sizeof(*upstream))) == NULL)
		abort();
	*upstream =
	    (struct upstream){.api = api, .sandbox = exchange->sandbox, .port = exchange->port, .exchange = exchange};
	upstream->passage =
	    passage_door(api, exchange->sandbox, DOOR_TCP, SPAN("127.0.0.1"), exchange->port, &owner, upstream);
	return upstream;
}

void
upstream_release(struct upstream *upstream, bool keep)
{
	struct services *services = &upstream->api->services;
	const struct exchange *exchange = upstream->exchange;
	size_t n = 0;

	if (keep)
		(void)idle_find(services, exchange, &n);
	upstream->exchange = NULL;
	if (!keep || upstream->ended || n >= IDLE_EACH_MAX || services->idle_n >= IDLE_MAX) {
		upstream_free(upstream);
		return;
	}
	upstream->reused = true;
	list_append(&services->idle, &upstream->link);
	services->idle_n++;
	loop_timer_set(upstream->api->loop, &upstream->idle, IDLE_MS, idle_passed, upstream);
}

void
upstreams_free(struct api *api)
{
	struct upstream *upstream;

	list_each(upstream, &api->services.idle, struct upstream, link)
		upstream_free(upstream);
}
