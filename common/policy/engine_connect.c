/* The decision about connections: host and port, then the binary, both of one policy
 * (policy-and-proxy 4.1, 4.5, 4.6, 7.2). */
#include "common/policy/engine_parts.h"

#include "common/base/text.h"

#define HOST_MAX  255
#define SHOWN_MAX 300 /* bytes of a path in a reason */

/* What is found out on the way. */
struct connecting {
	const struct engine *engine;
	struct arena *arena;
	struct span host; /* lower case */
	uint16_t port;
	uint64_t *endpoints; /* bit: host and port match */
	uint64_t *policies;  /* bit: the binary matches */
	uint64_t *own;	     /* the same, by an entry that no advisor made */
	struct engine_admission *out;
};

static uint64_t *
bits_new(struct arena *arena, uint32_t n)
{
	return arena_array(arena, n / 64 + 1, sizeof(uint64_t));
}

static void
bit_put(uint64_t *bits, uint32_t bit)
{
	bits[bit / 64] |= 1ull << (bit % 64);
}

/* The next bit that is set, from *at on; moves *at behind it. */
static bool
bit_next(const uint64_t *bits, uint32_t n, uint32_t *at, uint32_t *bit)
{
	while (*at < n) {
		uint64_t word = bits[*at / 64] >> (*at % 64);

		if (word != 0) {
			*bit = *at + (uint32_t)__builtin_ctzll(word);
			*at = *bit + 1;
			return *bit < n;
		}
		*at = (*at / 64 + 1) * 64;
	}
	return false;
}

static bool
port_listed(const struct engine_endpoint *endpoint, uint16_t port)
{
	size_t low = 0, high = endpoint->ports_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (endpoint->ports[middle] == port)
			return true;
		if (endpoint->ports[middle] < port)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool
host_lower(struct span host, char to[HOST_MAX], struct span *out)
{
	if (host.length > HOST_MAX)
		return false;
	for (size_t i = 0; i < host.length; i++)
		to[i] = (char)(host.at[i] >= 'A' && host.at[i] <= 'Z' ? host.at[i] - 'A' + 'a' : host.at[i]);
	*out = (struct span){to, host.length};
	return true;
}

static enum err
endpoints_find(struct connecting *c, bool *any)
{
	const struct engine *engine = c->engine;
	const struct engine_lists *lists = &engine->host_endpoints;
	uint64_t *hosts = matcher_bits(&engine->hosts, c->host, c->arena);
	uint32_t at = 0, host;

	if ((c->endpoints = bits_new(c->arena, engine->endpoints_n)) == NULL || hosts == NULL)
		return ERR_LIMIT;
	bit_put(hosts, 0); /* endpoints for every host */
	while (bit_next(hosts, engine->hosts.groups_n, &at, &host))
		for (uint32_t i = lists->first[host]; i < lists->first[host + 1]; i++)
			if (port_listed(&engine->endpoints[lists->at[i]], c->port)) {
				bit_put(c->endpoints, lists->at[i]);
				*any = true;
			}
	return OK;
}

static enum err
policies_find(struct connecting *c, const struct engine_process *process)
{
	const struct engine *engine = c->engine;
	const struct engine_lists *lists = &engine->binary_policies;
	uint64_t *binaries = matcher_bits(&engine->binaries, process->exe, c->arena);
	uint32_t at = 0, binary;

	c->policies = bits_new(c->arena, engine->policies_n);
	c->own = bits_new(c->arena, engine->policies_n);
	if (binaries == NULL || c->policies == NULL || c->own == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < process->ancestors_n; i++)
		matcher_run(&engine->binaries, process->ancestors[i], binaries);
	for (uint32_t i = 0; process->any && i < engine->policies_n; i++) {
		bit_put(c->policies, i);
		bit_put(c->own, i);
	}
	while (bit_next(binaries, engine->binaries.groups_n, &at, &binary))
		for (uint32_t i = lists->first[binary]; i < lists->first[binary + 1]; i++) {
			const struct engine_binary *entry = &engine->binary_entries[lists->at[i]];

			bit_put(c->policies, entry->policy);
			if (!entry->advisor)
				bit_put(c->own, entry->policy);
		}
	return OK;
}

/* One endpoint that counts, into what is answered. */
static void
endpoint_count(struct connecting *c, uint32_t number, bool *declared)
{
	const struct engine_endpoint *endpoint = &c->engine->endpoints[number];
	struct engine_admission *out = c->out;

	if (out->endpoints_n == 0)
		out->tls_skip = true;
	out->endpoints_n++;
	out->tls_skip = out->tls_skip && endpoint->tls_skip;
	out->inspect = out->inspect || endpoint->protocol >= PROTOCOL_REST;
	out->must_inspect = out->must_inspect || endpoint->must_inspect;
	out->encoded_slash = out->encoded_slash || (endpoint->protocol >= PROTOCOL_REST && endpoint->encoded_slash);
	if (out->destination.allowed_ips_n == 0 && endpoint->allowed_ips_n > 0) {
		out->destination.allowed_ips = endpoint->allowed_ips;
		out->destination.allowed_ips_n = endpoint->allowed_ips_n;
	}
	*declared = *declared || (endpoint->exact && !endpoint->advisor && bit_get(c->own, endpoint->policy));
}

static enum destination_mode
mode_of(const struct connecting *c, bool declared)
{
	struct address address;

	if (c->out->destination.allowed_ips_n > 0)
		return DESTINATION_ALLOWED_IPS;
	if (address_parse(c->host, &address))
		return DESTINATION_LITERAL;
	return declared ? DESTINATION_DECLARED : DESTINATION_PUBLIC;
}

static enum err
admit(struct connecting *c)
{
	const struct engine *engine = c->engine;
	uint32_t *endpoints, at = 0, number, n = 0;
	bool declared = false;

	while (bit_next(c->endpoints, engine->endpoints_n, &at, &number))
		n += bit_get(c->policies, engine->endpoints[number].policy);
	if ((endpoints = arena_array(c->arena, n + 1u, sizeof(*endpoints))) == NULL)
		return ERR_LIMIT;
	at = 0;
	while (bit_next(c->endpoints, engine->endpoints_n, &at, &number))
		if (bit_get(c->policies, engine->endpoints[number].policy)) {
			endpoints[c->out->endpoints_n] = number;
			endpoint_count(c, number, &declared);
		}
	c->out->endpoints = endpoints;
	if (c->out->endpoints_n == 0)
		return OK;
	c->out->allowed = true;
	c->out->code = "";
	c->out->policy = engine->policies[engine->endpoints[endpoints[0]].policy];
	c->out->inspect = c->out->inspect && !c->out->tls_skip;
	c->out->destination.mode = mode_of(c, declared);
	return OK;
}

/* Words of a reason, with foreign bytes escaped. */
static enum err
refuse(struct connecting *c, const char *code, const char *before, struct span shown, const char *after)
{
	char room[512];
	struct text text = TEXT_OF(room);

	text_add(&text, "%s", before);
	text_add_escaped(&text, span_head(shown, SHOWN_MAX));
	text_add(&text, "%s", after);
	*c->out = (struct engine_admission){.code = code};
	return arena_span(c->arena, engine_words_cut(text_span(&text), sizeof(room)), &c->out->reason);
}

static bool
host_may_be(struct span host)
{
	struct address address;

	if (address_parse(host, &address))
		return true;
	return host_well_formed(host) && !host_looks_numeric(host) && !host_is_metadata(host);
}

static enum err
decide(struct connecting *c, const struct engine_process *process)
{
	char where[HOST_MAX + 8];
	struct text text = TEXT_OF(where);
	bool any = false;

	if (c->engine->policies_n == 0)
		return refuse(c, "no_policy", "network connections not allowed by policy", SPAN_NONE, "");
	if (endpoints_find(c, &any) != OK || policies_find(c, process) != OK)
		return ERR_LIMIT;
	text_add(&text, SPAN_FORMAT ":%u", SPAN_ARGS(c->host), c->port);
	if (!any)
		return refuse(c, "no_endpoint", "endpoint ", text_span(&text), " is not allowed by any policy");
	if (admit(c) != OK)
		return ERR_LIMIT;
	if (!c->out->allowed)
		return refuse(c, "binary", "binary '", process->exe, "' is not allowed to reach this endpoint");
	return OK;
}

enum err
engine_connect(const struct engine *engine, struct span host, uint16_t port, const struct engine_process *process,
    struct arena *arena, struct engine_admission *out, struct why *why)
{
	struct engine_admission admission = {.code = ""};
	struct connecting c = {.engine = engine, .arena = arena, .port = port, .out = &admission};
	char lower[HOST_MAX];
	enum err r;

	if (!host_lower(host, lower, &c.host) || !host_may_be(c.host))
		r = refuse(&c, "host", "'", host, "' is not a host name that may be asked for");
	else
		r = decide(&c, process);
	if (r != OK)
		return fail(why, r, "a decision needs too much memory");
	*out = admission;
	return OK;
}

bool
engine_name(const struct engine *engine, struct span name)
{
	auto_arena struct arena arena = {0};
	char lower[HOST_MAX];
	struct span host;
	uint64_t *hosts;
	uint32_t at = 0, found;

	if (!host_lower(name, lower, &host) || !host_well_formed(host) || !host_may_be(host))
		return false;
	if ((hosts = matcher_bits(&engine->hosts, host, &arena)) == NULL)
		return false;
	if (engine->host_endpoints.first[1] > engine->host_endpoints.first[0])
		return true;
	return bit_next(hosts, engine->hosts.groups_n, &at, &found);
}
