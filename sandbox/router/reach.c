/* Reach: one automaton for hosts, one for paths, in the dialects of the policy. */
#include "sandbox/router/reach.h"

#include "common/base/log.h"

#define BINDINGS_MAX 64 /* bits of a word */

static bool
every_path(struct span path)
{
	return path.length == 0 || span_is(path, "**") || span_is(path, "/**");
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
compile(struct reach *reach, const struct msg_binding *bindings, size_t n, struct why *why)
{
	struct matcher_pattern hosts[BINDINGS_MAX], paths[BINDINGS_MAX];
	size_t paths_n = 0;
	enum err r;

	for (size_t i = 0; i < n; i++) {
		struct span path;

		hosts[i] = (struct matcher_pattern){lower(bindings[i].host, &reach->memory), (uint32_t)i, MATCHER_HOST};
		if (every_path(bindings[i].path)) {
			reach->any_path |= 1ull << i;
			continue;
		}
		if ((r = arena_span(&reach->memory, bindings[i].path, &path)) != OK)
			return fail(why, r, "too much of it");
		paths[paths_n++] = (struct matcher_pattern){path, (uint32_t)i, MATCHER_ROUTE};
	}
	if ((r = matcher_new(hosts, n, BINDINGS_MAX, &reach->memory, &reach->hosts, why)) != OK)
		return r;
	return matcher_new(paths, paths_n, BINDINGS_MAX, &reach->memory, &reach->paths, why);
}

bool
reach_covers(struct reach *reach, const struct msg_binding *bindings, size_t n, struct span host, uint16_t port,
    struct span path)
{
	uint64_t by_host = 0, by_path = 0;
	struct why why = {0};

	if (!reach->compiled) {
		reach->compiled = true;
		reach->broken = n > BINDINGS_MAX || compile(reach, bindings, n, &why) != OK;
		if (reach->broken)
			log_warning("binding.unreadable", "why=%s", log_quote(span_of_text(why.text)));
	}
	if (reach->broken)
		return false;
	matcher_run(&reach->hosts, host, &by_host);
	matcher_run(&reach->paths, path, &by_path);
	by_host &= by_path | reach->any_path;
	for (size_t i = 0; i < n; i++)
		if ((by_host >> i & 1) != 0 && bindings[i].port == port)
			return true;
	return false;
}

void
reach_done(struct reach *reach)
{
	arena_reset(&reach->memory);
}
