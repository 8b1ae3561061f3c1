/* Reach: one automaton for hosts, one for paths, in the dialects of the policy. */
#include "common/policy/reach.h"

static bool
every_path(struct span path)
{
	return path.length == 0 || span_is(path, "**") || span_is(path, "/**");
}

uint64_t
reach_score(struct span host, struct span path)
{
	uint64_t stars = 0, labels = host.length > 0, letters = 0, score;

	for (size_t i = 0; i < host.length; i++) {
		stars += host.at[i] == '*';
		labels += host.at[i] == '.';
		letters += host.at[i] != '*' && host.at[i] != '.';
	}
	score = 100000 + 100 * labels + letters;
	score = score > 10000 * stars ? score - 10000 * stars : 0;
	if (every_path(path))
		return score;
	letters = 0;
	for (size_t i = 0; i < path.length; i++)
		letters += path.at[i] != '*';
	return score + 1000000 + letters;
}

static struct span
lower(struct span text, struct arena *arena)
{
	char *copy = arena_text(arena, text);

	for (size_t i = 0; copy != NULL && i < text.length; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] | 0x20);
	return span_of_bytes(copy == NULL ? "" : copy, copy == NULL ? 0 : text.length);
}

static enum err
too_much(struct why *why)
{
	return fail(why, ERR_LIMIT, "too many hosts and paths");
}

/* What the matchers are made of. */
static enum err
patterns_make(struct reach *out, const struct reach_place *places, size_t n, struct matcher_pattern *hosts,
    struct matcher_pattern *paths, size_t *paths_n, struct why *why)
{
	for (size_t i = 0; i < n; i++) {
		struct span path;

		out->ports[i] = places[i].port;
		out->scores[i] = reach_score(places[i].host, places[i].path);
		hosts[i] = (struct matcher_pattern){lower(places[i].host, &out->memory), (uint32_t)i, MATCHER_HOST};
		if (every_path(places[i].path)) {
			out->any_path[i / 64] |= 1ull << i % 64;
			continue;
		}
		if (arena_span(&out->memory, places[i].path, &path) != OK)
			return too_much(why);
		paths[(*paths_n)++] = (struct matcher_pattern){path, (uint32_t)i, MATCHER_ROUTE};
	}
	return OK;
}

enum err
reach_make(struct reach *out, const struct reach_place *places, size_t n, struct why *why)
{
	struct matcher_pattern hosts[REACH_MAX], paths[REACH_MAX];
	size_t paths_n = 0;
	enum err r;

	if (n > REACH_MAX || (out->ports = arena_array(&out->memory, n + 1, sizeof(*out->ports))) == NULL ||
	    (out->scores = arena_array(&out->memory, n + 1, sizeof(*out->scores))) == NULL)
		return too_much(why);
	if ((r = patterns_make(out, places, n, hosts, paths, &paths_n, why)) != OK ||
	    (r = matcher_new(hosts, n, (uint32_t)n, &out->memory, &out->hosts, why)) != OK ||
	    (r = matcher_new(paths, paths_n, (uint32_t)n, &out->memory, &out->paths, why)) != OK)
		return r;
	out->n = n;
	return OK;
}

bool
reach_covers(const struct reach *reach, struct span host, uint16_t port, struct span path, size_t *which)
{
	uint64_t by_host[REACH_MAX / 64] = {0}, by_path[REACH_MAX / 64] = {0};
	size_t best = reach->n;

	if (reach->n == 0)
		return false;
	matcher_run(&reach->hosts, host, by_host);
	matcher_run(&reach->paths, path, by_path);
	for (size_t i = 0; i < reach->n; i++) {
		bool covered = bit_get(by_host, (uint32_t)i) &&
			       (bit_get(by_path, (uint32_t)i) || bit_get(reach->any_path, (uint32_t)i));

		if (covered && (reach->ports[i] == 0 || reach->ports[i] == port) &&
		    (best == reach->n || reach->scores[i] > reach->scores[best]))
			best = i;
	}
	if (best == reach->n)
		return false;
	if (which != NULL)
		*which = best;
	return true;
}

void
reach_done(struct reach *reach)
{
	arena_reset(&reach->memory);
}
