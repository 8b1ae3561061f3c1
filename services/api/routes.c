/* routes: which message of the bus goes where, and how things are found by their number. */
#include "services/api/passage.h"

const struct route routes[] = {
    /* message      handler      in these states  per second, per peer */
    {WATCH_ROW, watch_row, 0, 0},
    {SERVICE_STALE, service_stale, 0, 0},
    {WATCH_LOG, watch_log, 0, 0},
    {STREAM_DATA, passage_data, 0, 0},
    {STREAM_GRANT, passage_grant, 0, 0},
    {STREAM_END, passage_ended, 0, 0},
    {EXEC_EXITED, passage_exited, 0, 0},
    {DOOR_CLOSED, passage_closed, 0, 0},
    {0},
};

enum err
api_peer(struct api *api, enum role role, struct peer **out, struct why *why)
{
	struct peer *peer = bus_peer(&api->bus, role, NULL);

	if (peer == NULL || !peer->up)
		return fail(
		    why, ERR_UNAVAILABLE, "the gateway's %s process is away: try again in a moment", role_name(role));
	*out = peer;
	return OK;
}

uint32_t
api_patience(const struct rpc_call *call, uint32_t most_ms)
{
	uint64_t left = rpc_deadline_ms(call);

	return left < most_ms ? (uint32_t)left : most_ms;
}

struct numbered *
numbered_find(struct list *buckets, uint64_t number)
{
	struct numbered *numbered;

	list_each(numbered, &buckets[number % API_BUCKETS], struct numbered, link)
		if (numbered->number == number)
			return numbered;
	return NULL;
}

void
numbered_add(struct list *buckets, struct numbered *numbered, uint64_t number)
{
	numbered->number = number;
	list_append(&buckets[number % API_BUCKETS], &numbered->link);
}

void
numbered_remove(struct numbered *numbered)
{
	list_remove(&numbered->link);
}
