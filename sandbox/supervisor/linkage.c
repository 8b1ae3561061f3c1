/* The link process: started, watched, started again with the same key, and told again what it must pass on. */
#include "sandbox/supervisor/supervisor.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/channel.h"

#define EXIT_REFUSED	 77 /* of link: the gateway refuses this start of the sandbox for good */
#define DELAY_FIRST_MS	 50
#define DELAY_MAX_MS	 800
#define STEADY_MS	 10000 /* a link that ran so long begins the delays anew */
#define REPORT_WAIT_MS	 5000

static void link_ended(void *self, int status);

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
		.again = s->configured}};

	return peer_tell(s->link_peer, &m, why);
}

enum err
linkage_start(struct supervisor *s, struct why *why)
{
	static const char *const argv[] = {"link", NULL};
	struct child_plan plan = {
	    .path = BUNDLE_LINK, .argv = argv, .fds = {0, 1, 2, -1}, .fds_count = 4, .die_with_parent = true};
	auto_fd int theirs = -1;
	int ours;
	enum err r;

	if ((r = channel_pair(&ours, &theirs, why)) != OK)
		return r;
	plan.fds[3] = theirs;
	if ((r = child_start(&s->link, &plan, why)) != OK) {
		close(ours);
		return r;
	}
	s->link_started_ms = clock_ms();
	if ((r = child_watch(&s->link, s->loop, link_ended, s, why)) != OK ||
	    (r = channel_open(&s->bus, ROLE_LINK, "link", ours, &s->link_peer, why)) != OK ||
	    (r = tell_setup(s, why)) != OK)
		return r;
	linkage_stdio(s);
	linkage_report(s);
	return OK;
}

static void
start_again(void *self)
{
	struct supervisor *s = self;
	struct why why = {0};

	if (linkage_start(s, &why) == OK)
		return;
	log_failure("link.start", ERR_SYSTEM, &why);
	loop_timer_set(s->loop, &s->link_again, DELAY_MAX_MS, start_again, s);
}

static void
link_ended(void *self, int status)
{
	struct supervisor *s = self;
	bool steady = clock_ms() - s->link_started_ms >= STEADY_MS;

	linkage_down(s);
	if (child_exit_code(status) == EXIT_REFUSED) {
		log_error("link.refused", "why=\"the gateway does not know this start of the sandbox\"");
		loop_stop(s->loop);
		return;
	}
	log_warning("link.ended", "code=%d", child_exit_code(status));
	s->link_delay_ms = steady || s->link_delay_ms == 0 ? DELAY_FIRST_MS : s->link_delay_ms * 2;
	if (s->link_delay_ms > DELAY_MAX_MS)
		s->link_delay_ms = DELAY_MAX_MS;
	loop_timer_set(s->loop, &s->link_again, steady ? 0 : s->link_delay_ms, start_again, s);
}

/* Its channel is gone. Commands that it asked for have no one to hear of them. */
void
linkage_down(struct supervisor *s)
{
	if (s->link_peer == NULL)
		return;
	s->link_peer = NULL;
	child_kill(&s->link, SIGKILL);
	command_forget_all(s);
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

	if (s->link_peer == NULL || (s->bus.state & (STATE_RUNNING | STATE_OVER)) == 0 || s->stopping)
		return;
	fill_report(s, &m, walls_spans(&s->walls, &arena));
	peer_call(s->link_peer, &m, REPORT_WAIT_MS, reported, s);
}

void
linkage_stdio(struct supervisor *s)
{
	struct msg m = {.id = MAIN_STDIO, .main_stdio = {.tty = s->enrolled.tty}, .fds_n = s->main.fds_n};
	struct why why;

	if (s->link_peer == NULL || s->main.fds_n == 0)
		return;
	for (size_t i = 0; i < s->main.fds_n; i++)
		m.fds[i] = s->main.fds[i];
	if (peer_tell(s->link_peer, &m, &why) != OK)
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
	struct msg m = {.id = LOGS_ADD, .logs_add = {.sandbox = s->boot.sandbox, .lines = &line, .lines_n = 1}};
	struct why why;
	va_list values;

	va_start(values, format);
	vsnprintf(words, sizeof(words), format, values);
	va_end(values);
	line.message = span_of_text(words);
	log_info("sandbox.event", "level=%s words=\"%s\"", level, log_quote(line.message));
	if (s->link_peer != NULL && peer_tell(s->link_peer, &m, &why) != OK)
		log_warning("link.untold", "why=\"%s\"", why.text);
}
