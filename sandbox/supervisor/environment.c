/* What a command finds in its environment: ours, then the sandbox's, then the caller's. */
#include "sandbox/supervisor/supervisor.h"

#include "common/base/clean.h"

static const char *const always[] = {
    "HOME=/sandbox",
    "USER=sandbox",
    "LOGNAME=sandbox",
    "SHELL=/bin/bash",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "OPENSHELL_SANDBOX=1",
};

static struct span
key_of(struct span pair)
{
	struct span rest = pair;

	return span_cut(&rest, '=');
}

static enum err
add(struct span *list, size_t *n, struct span pair, struct why *why)
{
	for (size_t i = 0; i < *n; i++)
		if (span_equal(key_of(list[i]), key_of(pair))) {
			list[i] = pair;
			return OK;
		}
	if (*n == ENVIRONMENT_MAX)
		return fail(why, ERR_LIMIT, "over %d environment variables", ENVIRONMENT_MAX);
	list[(*n)++] = pair;
	return OK;
}

/* Our own prefix; but upstream's Python SDK hands over a function under one such name, which the api lets into an exec alone. */
static bool
reserved(struct span key)
{
	return span_starts(key, SPAN("OPENSHELL_")) && !span_is(key, "OPENSHELL_PYFUNC_B64");
}

/* What someone else names: never a name of ours, never one that is empty. */
static enum err
add_all(struct span *list, size_t *n, const struct span *more, size_t more_n, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; r == OK && i < more_n; i++) {
		struct span key = key_of(more[i]);

		if (key.length > 0 && key.length < more[i].length && !reserved(key))
			r = add(list, n, more[i], why);
	}
	return r;
}

enum err
environment_make(const struct supervisor *s, const struct span *more, size_t more_n, bool tty, struct arena *arena,
    struct span **out, size_t *out_n, struct why *why)
{
	struct span *list = arena_array(arena, ENVIRONMENT_MAX, sizeof(*list));
	size_t n = 0;
	enum err r;

	if (list == NULL)
		return fail(why, ERR_LIMIT, "the environment is too large");
	for (size_t i = 0; i < COUNT(always); i++)
		list[n++] = span_of_text(always[i]);
	list[n++] = tty ? SPAN("TERM=xterm-256color") : SPAN("TERM=dumb");
	if ((r = add_all(list, &n, s->enrolled.environment, s->enrolled.environment_n, why)) != OK ||
	    (r = add_all(list, &n, more, more_n, why)) != OK)
		return r;
	*out = list;
	*out_n = n;
	return OK;
}
