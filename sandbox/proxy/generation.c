/* Generations: the new one is in force when the answer says so; ending comes first. */
#include "sandbox/proxy/generation.h"

#include "sandbox/proxy/proxy.h"

static bool
older(const struct connection *connection)
{
	const struct proxy *proxy = connection->proxy;

	return connection->judged_allowed &&
	       (connection->judged.generation < proxy->generation || connection->policyd_life != proxy->policyd_life);
}

/*
 * A policy is in force.
 *
 * in      generation, from policyd
 * out     done: nothing that was admitted under an older one is left
 */
enum err
generation(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct proxy *proxy = self;

	(void)why;
	proxy->generation = m->generation.generation;
	proxy->policy_version = m->generation.version;
	connections_end(proxy, older, "policy changed");
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
