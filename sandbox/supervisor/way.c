/* Equipping policyd and the proxy, at the start and whenever one of them has been started again. */
#include "sandbox/supervisor/supervisor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"

#define READY_WAIT_MS	10000
#define NAMES_A_MESSAGE 1024
#define LISTENER	NETWORK_FDS

/* ---- introductions ---- */

/* One end of a new channel to each; where one of them has gone meanwhile, it is done again when it is back. */
static void
introduce(struct kept *a, struct kept *b)
{
	struct msg m = {.id = CHANNEL_GIVE, .fds_n = 1};
	struct kept *const ends[] = {a, b};
	struct why why = {0};
	int pair[2];

	if (!a->told || !b->told)
		return;
	if (channel_pair(&pair[0], &pair[1], &why) != OK) {
		log_failure("channel.pair", ERR_SYSTEM, &why);
		return;
	}
	for (size_t i = 0; i < COUNT(ends); i++) {
		m.channel_give.role = ends[!i]->role;
		m.fds[0] = pair[i];
		if (peer_tell(ends[i]->peer, &m, &why) != OK)
			log_warning(
			    "channel.untold", "name=%s why=%s", ends[i]->name, log_quote(span_of_text(why.text)));
	}
	close(pair[0]);
	close(pair[1]);
}

void
way_introduce(struct supervisor *s, struct kept *newcomer)
{
	struct kept *const all[] = {&s->link, &s->way.policyd, &s->way.proxy};

	for (size_t i = 0; s->way.open && i < COUNT(all); i++)
		if (all[i] != newcomer)
			introduce(newcomer, all[i]);
	if (newcomer == &s->way.proxy)
		secrets_introduce(s);
}

/* ---- the proxy ---- */

static void
proxy_listens(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct supervisor *s = self;

	(void)answer;
	if (r == ERR_UNAVAILABLE)
		return; /* it is gone: the next one is asked again */
	if (r != OK) {
		log_failure("proxy.listen", r, why);
		kept_renew(&s->way.proxy);
		return;
	}
	s->way.listening = true;
	begin_continue(s);
}

static void
proxy_listen(struct supervisor *s)
{
	struct msg m = {.id = PROXY_LISTEN};

	while (m.fds_n < NETWORK_SOCK_DIAG) {
		m.fds[m.fds_n] = s->way.fds[m.fds_n];
		m.fds_n++;
	}
	peer_call(s->way.proxy.peer, &m, READY_WAIT_MS, proxy_listens, s);
}

static void
proxy_tell_names(struct supervisor *s)
{
	struct span names[NAMES_A_MESSAGE];
	struct msg m = {.id = PROXY_NAMES, .proxy_names = {.names = names}};
	struct why why = {0};

	for (size_t at = 0; at < s->way.names_n; at += m.proxy_names.names_n) {
		for (m.proxy_names.names_n = 0;
		     m.proxy_names.names_n < NAMES_A_MESSAGE && at + m.proxy_names.names_n < s->way.names_n;
		     m.proxy_names.names_n++)
			names[m.proxy_names.names_n] = span_of_text(s->way.names[at + m.proxy_names.names_n]);
		if (peer_tell(s->way.proxy.peer, &m, &why) != OK)
			log_failure("proxy.names", ERR_UNAVAILABLE, &why);
	}
}

static void
proxy_is_ready(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct supervisor *s = self;
	struct ca *ca = &s->way.ca;

	if (r == ERR_UNAVAILABLE)
		return;
	if (r != OK) {
		log_failure("proxy.setup", r, why);
		kept_renew(&s->way.proxy);
		return;
	}
	if (ca->key_n == 0) {
		ca->key_n = answer->proxy_ready.ca_key.length;
		ca->certificate_n = answer->proxy_ready.ca_certificate.length;
		memcpy(ca->key, answer->proxy_ready.ca_key.at, ca->key_n);
		memcpy(ca->certificate, answer->proxy_ready.ca_certificate.at, ca->certificate_n);
	}
	begin_continue(s);
}

static enum err
proxy_greet(void *self, struct why *why)
{
	struct supervisor *s = self;
	struct way *way = &s->way;
	struct msg m = {.id = PROXY_SETUP,
	    .fds = {way->anchors},
	    .fds_n = 1,
	    .proxy_setup = {.sandbox = s->boot.sandbox,
		.ca_key = span_of_bytes(way->ca.key, way->ca.key_n),
		.ca_certificate = span_of_bytes(way->ca.certificate, way->ca.certificate_n),
		.resolvers = way->files.resolvers,
		.resolvers_n = way->files.resolvers_n,
		.hosts = way->files.hosts,
		.hosts_n = way->files.hosts_n,
		.upstream_proxy = s->boot.upstream_proxy,
		.upstream_direct = s->boot.upstream_direct,
		.upstream_login = s->boot.upstream_login,
		.upstream_by_name = s->boot.upstream_by_name}};

	(void)why;
	lseek(way->anchors, 0, SEEK_SET); /* the one before has read it */
	peer_call(way->proxy.peer, &m, READY_WAIT_MS, proxy_is_ready, s);
	way->proxy.told = true;
	proxy_tell_names(s);
	secrets_proxy_greeted(s);
	if (way->open) {
		way_introduce(s, &way->proxy);
		proxy_listen(s);
	}
	return OK;
}

/*
 * Addresses that the proxy made up for names, to be told to the next one.
 *
 * in      proxy_names, from the proxy
 */
enum err
way_names(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	struct way *way = &s->way;

	(void)answer;
	(void)why;
	for (size_t i = 0; i < m->proxy_names.names_n; i++) {
		struct span rest = m->proxy_names.names[i], address = span_cut(&rest, ' ');
		size_t at = 0;

		while (at < way->names_n &&
		       (!span_starts(span_of_text(way->names[at]), address) || way->names[at][address.length] != ' '))
			at++;
		if (at == WAY_NAMES_MAX)
			at = 0; /* the oldest makes room */
		if (at < way->names_n) {
			free(way->names[at]);
			memmove(&way->names[at], &way->names[at + 1], (way->names_n - at - 1) * sizeof(way->names[0]));
			way->names_n--;
		}
		if ((way->names[way->names_n] = span_dup(m->proxy_names.names[i])) != NULL)
			way->names_n++;
	}
	return OK;
}

/* ---- policyd ---- */

static void
policyd_is_set_up(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct supervisor *s = self;

	(void)answer;
	if (r == OK || r == ERR_UNAVAILABLE)
		return;
	log_failure("policyd.setup", r, why);
	kept_renew(&s->way.policyd);
}

static void
policyd_equip(struct supervisor *s)
{
	struct way *way = &s->way;
	struct msg m = {.id = POLICYD_SETUP,
	    .fds = {way->fds[LISTENER], way->fds[NETWORK_SOCK_DIAG], way->fds[NETWORK_REFUSALS], way->connects_fd},
	    .fds_n = 4,
	    .policyd_setup = {.sandbox = s->boot.sandbox,
		.spawner = (uint32_t)s->spawner.pid,
		.binaries_free = s->boot.binaries_free}};

	peer_call(way->policyd.peer, &m, READY_WAIT_MS, policyd_is_set_up, s);
	way->policyd.told = true;
	way_introduce(s, &way->policyd);
	config_load(s);
}

/* Before the agent's network stands there is nothing to tell it. */
static enum err
policyd_greet(void *self, struct why *why)
{
	struct supervisor *s = self;

	(void)why;
	if (s->way.open)
		policyd_equip(s);
	return OK;
}

static void
policyd_gone(void *self)
{
	config_unloaded(self);
}

static bool
died(struct supervisor *s, const struct kept *kept, int code)
{
	if (s->bus.state == STATE_OVER)
		return false;
	linkage_say(s, "ERROR", "%s ended with code %d: nothing is admitted until it is back", kept->name, code);
	return true;
}

static bool
policyd_ended(void *self, int code)
{
	struct supervisor *s = self;

	return died(s, &s->way.policyd, code);
}

static bool
proxy_ended(void *self, int code)
{
	struct supervisor *s = self;

	return died(s, &s->way.proxy, code);
}

/* ---- all of it ---- */

/* What the agent could change is copied; a host's own file it cannot. */
static enum err
open_anchors(const struct supervisor *s, int root_fd, int *out, struct why *why)
{
	if (!s->boot.host_root)
		return hostfiles_anchors_copy(root_fd, out, why);
	*out = hostfiles_anchors(root_fd);
	return *out >= 0 ? OK : hostfiles_anchors_copy(root_fd, out, why);
}

static enum err
read_files(struct supervisor *s, struct why *why)
{
	char root[257];
	auto_fd int root_fd = -1;
	enum err r;

	if (!span_copy(s->boot.root, root, sizeof(root)) ||
	    (root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "the root of the sandbox");
	if ((r = hostfiles_read(root_fd, &s->memory, &s->way.files, why)) != OK)
		return r;
	if (s->way.files.hosts_cut)
		log_warning("hosts.cut", "kept=%d", HOSTS_MAX);
	return open_anchors(s, root_fd, &s->way.anchors, why);
}

void
way_init(struct supervisor *s)
{
	struct way *way = &s->way;

	for (size_t i = 0; i < WAY_FDS; i++)
		way->fds[i] = -1;
	way->anchors = -1;
	way->possible =
	    access("/opt/openshell/bin/policyd", X_OK) == 0 && access("/opt/openshell/bin/proxy", X_OK) == 0;
	way->policyd = (struct kept){.name = "policyd",
	    .role = ROLE_POLICYD,
	    .bus = &s->bus,
	    .self = s,
	    .ready = finish_replaced,
	    .greet = policyd_greet,
	    .gone = policyd_gone,
	    .ended = policyd_ended,
	    .child.pidfd = -1};
	way->proxy = (struct kept){.name = "proxy",
	    .role = ROLE_PROXY,
	    .bus = &s->bus,
	    .self = s,
	    .ready = finish_replaced,
	    .greet = proxy_greet,
	    .ended = proxy_ended,
	    .child.pidfd = -1};
}

enum err
way_start(struct supervisor *s, struct why *why)
{
	enum err r;

	if (!s->way.possible)
		return OK;
	if ((r = read_files(s, why)) != OK || (r = kept_start(&s->way.proxy, why)) != OK)
		return r;
	return kept_start(&s->way.policyd, why);
}

void
way_stop(struct supervisor *s)
{
	kept_stop(&s->way.policyd);
	kept_stop(&s->way.proxy);
	explicit_bzero(&s->way.ca, sizeof(s->way.ca));
}

void
way_open(struct supervisor *s, struct msg *ready)
{
	struct way *way = &s->way;

	way->tried = true;
	way->open = ready->fds_n == WAY_FDS;
	if (!way->open) {
		way_stop(s);
		return;
	}
	for (size_t i = 0; i < WAY_FDS; i++)
		way->fds[i] = fd_take(&ready->fds[i]);
	if (way->proxy.told) {
		way_introduce(s, &way->proxy);
		proxy_listen(s);
	}
	if (way->policyd.peer != NULL)
		policyd_equip(s);
}

bool
way_known(const struct supervisor *s)
{
	return !s->way.possible || s->way.tried || s->way.ca.key_n > 0;
}

bool
way_ready(const struct supervisor *s)
{
	return s->way.tried && (!s->way.open || (s->way.listening && s->config.in_force));
}
