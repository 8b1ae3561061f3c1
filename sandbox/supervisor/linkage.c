/* The link process: given its key, and told what it must pass on, as is each that takes its place. */
#include "sandbox/supervisor/supervisor.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define EXIT_REFUSED   77 /* of link: the gateway refuses this start of the sandbox for good */
#define REPORT_WAIT_MS 5000

static enum err
tell_setup(struct supervisor *s, struct why *why)
{
	const struct identity *identity = &s->identity;
	struct msg m = {.id = LINK_SETUP,
	    .link_setup = {.relay = s->boot.relay,
		.relay_key = s->boot.relay_key,
		.bus_key = span_of_bytes(identity->bus_secret.bytes, 32),
		.sandbox = s->boot.sandbox,
		.epoch = s->boot.epoch,
		.instance = identity->instance,
		.token = s->boot.token,
		.router_key = span_of_bytes(identity->router_key, 32),
		.router_mac = span_of_bytes(identity->router_mac, 32),
		.again = s->configured,
		.config_revision = s->config.revision,
		.secrets_revision = s->secrets.good.revision},
	    .fds = {s->spool_fd},
	    .fds_n = 1};

	return peer_tell(s->link.peer, &m, why);
}

/* A new one has heard nothing yet. */
static enum err
link_greet(void *self, struct why *why)
{
	struct supervisor *s = self;
	enum err r;

	if ((r = tell_setup(s, why)) != OK)
		return r;
	s->link.told = true;
	way_introduce(s, &s->link);
	linkage_stdio(s);
	lines_tell(&s->lines, s->link.peer, s->boot.sandbox, NULL);
	linkage_report(s);
	config_report(s);
	secrets_report(s);
	return OK;
}

static void
link_gone(void *self)
{
	ssh_link_gone(self);
}

static bool
link_ended(void *self, int code)
{
	struct supervisor *s = self;

	if (code != EXIT_REFUSED)
		return true;
	log_error("link.refused", "why=\"the gateway does not know this start of the sandbox\"");
	loop_stop(s->loop);
	return false;
}

void
linkage_init(struct supervisor *s)
{
	s->link = (struct kept){.name = "link",
	    .role = ROLE_LINK,
	    .bus = &s->bus,
	    .self = s,
	    .ready = finish_replaced,
	    .greet = link_greet,
	    .gone = link_gone,
	    .ended = link_ended,
	    .child.pidfd = -1};
}

/*
 * The relay is there or away. What must be known there is told again by link itself.
 *
 * in      link_status, from link
 */
enum err
linkage_status(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self;
	(void)answer;
	(void)why;
	log_info("relay.status", "connected=%d why=%s", m->link_status.connected, log_quote(m->link_status.message));
	return OK;
}

/* ---- what link is told ---- */

static void
reported(void *self, enum err r, struct msg *answer, const struct why *why)
{
	(void)self;
	(void)answer;
	if (r != OK)
		log_warning("report.untold", "error=%s why=\"%s\"", err_name(r), why->text);
}

static void
fill_report(const struct supervisor *s, struct msg *m, struct span *walls)
{
	struct id sandbox = s->boot.sandbox, instance = s->identity.instance;
	uint32_t epoch = s->boot.epoch;

	if (s->failed)
		*m = (struct msg){.id = SANDBOX_FAILED,
		    .sandbox_failed = {sandbox, epoch, instance, span_of_text(s->failed_reason),
			span_of_text(s->failed_words.text), walls, s->walls.n}};
	else if (s->bus.state == STATE_OVER)
		*m = (struct msg){.id = MAIN_EXITED, .main_exited = {sandbox, epoch, instance, s->main.exit_code}};
	else
		*m = (struct msg){.id = SANDBOX_READY,
		    .sandbox_ready = {sandbox, epoch, instance, s->enrolled.policy_version, walls, s->walls.n}};
}

void
linkage_report(struct supervisor *s)
{
	auto_arena struct arena arena = {0};
	struct msg m;

	if (s->link.peer == NULL || (s->bus.state & (STATE_RUNNING | STATE_OVER)) == 0 || s->stopping)
		return;
	fill_report(s, &m, walls_spans(&s->walls, &arena));
	peer_call(s->link.peer, &m, REPORT_WAIT_MS, reported, s);
}

void
linkage_stdio(struct supervisor *s)
{
	struct msg m = {.id = MAIN_STDIO, .main_stdio = {.tty = s->enrolled.tty}, .fds_n = 1 + s->main.fds_n};
	struct why why;

	if (s->link.peer == NULL || !s->main.started)
		return;
	m.fds[0] = s->main.memory_fd;
	for (size_t i = 0; i < s->main.fds_n; i++)
		m.fds[1 + i] = s->main.fds[i];
	if (peer_tell(s->link.peer, &m, &why) != OK)
		log_warning("link.untold", "why=\"%s\"", why.text);
}

void
linkage_say(struct supervisor *s, const char *level, const char *format, ...)
{
	char words[1024];
	struct msg_log_line line = {.time_ms = (uint64_t)clock_wall_ms(),
	    .source = SPAN("sandbox"),
	    .level = span_of_text(level),
	    .target = SPAN("supervisor")};
	va_list values;

	va_start(values, format);
	vsnprintf(words, sizeof(words), format, values);
	va_end(values);
	line.message = span_of_text(words);
	log_info("sandbox.event", "level=%s words=\"%s\"", level, log_quote(line.message));
	lines_tell(&s->lines, s->link.peer, s->boot.sandbox, &line);
}
