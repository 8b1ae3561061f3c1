/* Policies: compiled, put in force at once here, then at the proxy; and the channels to those two who need to know. */
#include "sandbox/policyd/policyd.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"
#include "common/policy/check.h"
#include "common/wire/protobuf.h"
#include "openshell/sandbox.pb-c.h"
#include "sandbox/policyd/show.h"

#define GENERATION_MS 10000
#define WARNINGS_MAX  64

/* ---- symbolic links of the sandbox, for entries of binaries ---- */

/* One hop of the last component, made absolute; the engine goes on from there. */
static bool
link_target(void *self, const char *path, char *to, size_t room)
{
	const struct policyd *policyd = self;
	const char *slash = strrchr(path, '/');
	char name[32], target[PROC_PATH_BYTES];
	auto_fd int root = -1;
	ssize_t n;

	snprintf(name, sizeof(name), "/%d/root", (int)policyd->identities.spawner);
	if (path[0] != '/' || path[1] == '\0' || (root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return false;
	n = readlinkat(root, path + 1, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	n = target[0] == '/' ? snprintf(to, room, "%s", target)
			     : snprintf(to, room, "%.*s/%s", (int)(slash - path), path, target);
	return n > 0 && (size_t)n < room;
}

/* ---- the proxy is told ---- */

static struct msg
generation_message(const struct force *force)
{
	return (struct msg){.id = GENERATION,
	    .generation = {.generation = force->generation,
		.version = force->version == 0 ? 1 : force->version,
		.settings = (struct span *)force->settings,
		.settings_n = force->settings_n,
		.deny_all = force->engine == NULL}};
}

/* A load that waits for the proxy. */
struct loading {
	struct reply reply;
	uint64_t generation;
	struct arena memory;
	struct span warnings[WARNINGS_MAX]; /* in memory */
	size_t warnings_n;
};

static void
loading_free(struct loading *loading)
{
	arena_reset(&loading->memory);
	free(loading);
}

/* A proxy that went away meanwhile ended all its connections with it; the next one begins with this generation. */
static void
proxy_knows(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct loading *loading = self;
	struct msg loaded = {.id = POLICY_LOADED,
	    .policy_loaded = {
		.generation = loading->generation, .warnings = loading->warnings, .warnings_n = loading->warnings_n}};

	(void)answer;
	if (r == OK || r == ERR_UNAVAILABLE)
		reply_send(&loading->reply, &loaded);
	else
		reply_fail(&loading->reply, r, why);
	loading_free(loading);
}

static void
proxy_greeted(void *self, enum err r, struct msg *answer, const struct why *why)
{
	(void)self;
	(void)answer;
	if (r != OK && r != ERR_UNAVAILABLE)
		log_warning(
		    "generation.untold", "error=%s why=\"%s\"", err_name(r), log_quote(span_of_text(why->text)));
}

/* ---- loading ---- */

static void
warnings_keep(const Openshell__Sandbox__V1__SandboxPolicy *policy, struct loading *loading)
{
	struct findings findings = {.arena = &loading->memory};
	struct why why;

	if (policy_check(policy, 0, &findings, &why) != OK)
		return; /* it was checked when it was compiled: only memory can be short here */
	for (size_t i = 0; i < findings.count && loading->warnings_n < WARNINGS_MAX; i++)
		if (findings.items[i].warning)
			loading->warnings[loading->warnings_n++] = show_fit(span_of_text(findings.items[i].text), 512);
}

static enum err
settings_keep(struct force *force, const struct msg_policy_load *in, struct why *why)
{
	for (size_t i = 0; i < in->settings_n && i < SETTINGS_MAX; i++)
		if (arena_span(&force->memory, in->settings[i], &force->settings[i]) != OK)
			return fail(why, ERR_LIMIT, "settings are too large");
	force->settings_n = in->settings_n;
	return OK;
}

/* Compile it; nothing that is in force is touched until all of it stands. */
static enum err
compile(struct policyd *policyd, const struct msg_policy_load *in, struct force *next, struct loading *loading,
    struct why *why)
{
	auto_arena struct arena arena = {.max_bytes = POLICY_ARENA_BYTES};
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	ProtobufCMessage *message = NULL;
	enum err r;

	r = protobuf_read(&openshell__sandbox__v1__sandbox_policy__descriptor, in->policy, &arena, &message, why);
	if (r != OK)
		return r;
	policy = (Openshell__Sandbox__V1__SandboxPolicy *)message;
	if ((r = engine_new(policy, link_target, policyd, &next->engine, why)) != OK)
		return r;
	if ((r = settings_keep(next, in, why)) != OK) {
		engine_free(next->engine);
		arena_reset(&next->memory);
		return r;
	}
	next->version = in->version;
	next->generation = policyd->force.generation + 1;
	warnings_keep(policy, loading);
	loading->generation = next->generation;
	return OK;
}

static void
enforce(struct policyd *policyd, const struct force *next)
{
	connections_clear(policyd); /* they hold on to the old engine */
	engine_free(policyd->force.engine);
	arena_reset(&policyd->force.memory);
	policyd->force = *next;
}

static void
tell_proxy(struct policyd *policyd, struct loading *loading)
{
	struct msg generation = generation_message(&policyd->force);

	if (policyd->proxy == NULL)
		proxy_knows(loading, ERR_UNAVAILABLE, NULL, NULL);
	else
		peer_call(policyd->proxy, &generation, GENERATION_MS, proxy_knows, loading);
}

/*
 * Decide by this from now on.
 *
 * in      policy_load, from the supervisor
 * out     policy_loaded, when the proxy has ended what was admitted before
 * errors  as engine_new; the policy before stays in force. ERR_TIMEOUT: in force here, but the proxy did not answer
 */
enum err
policy_load(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct policyd *policyd = self;
	struct loading *loading = calloc(1, sizeof(*loading));
	struct force next = {0};
	enum err r;

	(void)answer;
	if (loading == NULL)
		abort();
	if ((r = compile(policyd, &m->policy_load, &next, loading, why)) != OK) {
		loading_free(loading);
		event_policy(policyd, false, m->policy_load.version, why->text);
		return r;
	}
	enforce(policyd, &next);
	malloc_trim(0); /* compiling takes much more than what is kept */
	event_policy(policyd, true, next.version, "");
	for (size_t i = 0; i < loading->warnings_n; i++)
		event_warning(policyd, next.version, loading->warnings[i]); /* S16 and others */
	loading->reply = reply_later(m);
	tell_proxy(policyd, loading);
	return OK;
}

/*
 * Allow nothing: a policy was to come that cannot be loaded.
 *
 * in      policy_close, from the supervisor
 * out     policy_loaded, as for policy_load
 */
enum err
policy_close(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct policyd *policyd = self;
	struct loading *loading = calloc(1, sizeof(*loading));
	struct force next = {.generation = policyd->force.generation + 1, .version = m->policy_close.version};

	(void)answer;
	(void)why;
	if (loading == NULL)
		abort();
	snprintf(next.words, sizeof(next.words), "revision %u cannot be loaded: %.*s", next.version,
	    SPAN_ARGS(m->policy_close.reason));
	enforce(policyd, &next);
	event_closed(policyd, next.version, next.words);
	loading->generation = next.generation;
	loading->reply = reply_later(m);
	tell_proxy(policyd, loading);
	return OK;
}

/* ---- channels ---- */

static enum err
replace(struct policyd *policyd, struct peer **place, enum role role, const char *name, int *fd, struct why *why)
{
	if (*place != NULL)
		(*place)->transport->cut(*place); /* serve.c forgets it */
	return channel_open(&policyd->bus, role, name, fd_take(fd), place, why);
}

/*
 * A channel to the proxy or the link.
 *
 * in      channel_give, from the supervisor, with one descriptor
 * errors  ERR_INVALID
 */
enum err
channel_give(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct policyd *policyd = self;
	struct msg generation;
	enum err r;

	if (m->call != 0)
		answer->id = DONE;
	if (m->fds_n != 1)
		return fail(why, ERR_INVALID, "%zu descriptors came with the channel", m->fds_n);
	if (m->channel_give.role == ROLE_LINK)
		return replace(policyd, &policyd->link, ROLE_LINK, "link", &m->fds[0], why);
	if (m->channel_give.role != ROLE_PROXY)
		return fail(why, ERR_INVALID, "a channel to role %u", m->channel_give.role);
	if ((r = replace(policyd, &policyd->proxy, ROLE_PROXY, "proxy", &m->fds[0], why)) != OK)
		return r;
	generation = generation_message(&policyd->force);
	peer_call(policyd->proxy, &generation, GENERATION_MS, proxy_greeted, policyd);
	return OK;
}
