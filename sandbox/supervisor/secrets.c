/* Secrets on their way to the router: chunks gathered, tried, kept while they are good; their placeholders for commands. */
#include "sandbox/supervisor/supervisor.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"

#define REPORT_WAIT_MS	  5000
#define TRY_WAIT_MS	  15000
#define INTRODUCE_WAIT_MS 15000

/* ---- sets ---- */

static void
set_free(struct secrets_set *set)
{
	for (size_t i = 0; i < set->got; i++)
		given_free(&set->chunk[i]);
	free(set->chunk);
	*set = (struct secrets_set){0};
}

static void
set_move(struct secrets_set *to, struct secrets_set *from)
{
	set_free(to);
	*to = *from;
	*from = (struct secrets_set){0};
}

static void
set_begin(struct secrets_set *set, const struct msg_secrets_push *in)
{
	set_free(set);
	set->revision = in->revision;
	set->chunks = in->chunks;
	if ((set->chunk = calloc(in->chunks, sizeof(*set->chunk))) == NULL)
		abort();
}

/* The next chunk of what is coming; a first one begins anew. */
static enum err
set_add(struct secrets_set *set, const struct msg *m, struct why *why)
{
	const struct msg_secrets_push *in = &m->secrets_push;
	enum err r;

	if (in->chunk == 0)
		set_begin(set, in);
	if (in->revision != set->revision || in->chunks != set->chunks || in->chunk != set->got ||
	    set->got == set->chunks)
		return fail(why, ERR_PROTOCOL, "chunk %u of %u is not the one that follows", in->chunk, in->chunks);
	if ((r = given_keep(&set->chunk[set->got], m, why)) != OK)
		return r;
	set->bytes += set->chunk[set->got++].length;
	if (set->bytes > SECRETS_BYTES_MAX)
		return fail(why, ERR_LIMIT, "over %u bytes of secrets", SECRETS_BYTES_MAX);
	return OK;
}

/* ---- reports ---- */

static void
reported(void *self, enum err r, struct msg *answer, const struct why *why)
{
	(void)self;
	(void)answer;
	if (r != OK) /* link is gone, and the next one is told */
		log_warning("secrets.untold", "error=%s why=%s", err_name(r), log_quote(span_of_text(why->text)));
}

static void
report_one(struct supervisor *s, const struct secrets_report *report)
{
	struct msg m = {.id = SECRETS_APPLIED,
	    .secrets_applied = {.sandbox = s->boot.sandbox,
		.epoch = s->boot.epoch,
		.revision = report->revision,
		.loaded = report->loaded,
		.message = report->loaded ? SPAN_NONE : span_of_text(report->words.text)}};

	if (report->revision != 0 && s->link.peer != NULL)
		peer_call(s->link.peer, &m, REPORT_WAIT_MS, reported, s);
}

void
secrets_report(struct supervisor *s)
{
	report_one(s, &s->secrets.applied);
	report_one(s, &s->secrets.refused);
}

static void
refused(struct supervisor *s, uint64_t revision, struct span words)
{
	struct secrets_report *report = &s->secrets.refused;

	*report = (struct secrets_report){.revision = revision};
	fail(&report->words, ERR_INVALID, "%.*s", SPAN_ARGS(words));
	linkage_say(s, "ERROR", "secrets of revision %llu are not in use: %s", (unsigned long long)revision,
	    report->words.text);
	report_one(s, report);
}

/* ---- the proxy ---- */

static void
inference_is_set(void *self, enum err r, struct msg *answer, const struct why *why)
{
	(void)self;
	(void)answer;
	if (r != OK && r != ERR_UNAVAILABLE) /* the next proxy is told again */
		log_failure("proxy.inference", r, why);
}

static void
inference_tell(struct supervisor *s)
{
	struct secrets *secrets = &s->secrets;
	struct msg m = {
	    .id = INFERENCE_SET, .inference_set = {secrets->good.revision, secrets->backends, secrets->backends_n}};

	if (!s->way.proxy.told || (secrets->backends_n == 0 && !secrets->inference_told))
		return;
	secrets->inference_told = true;
	peer_call(s->way.proxy.peer, &m, TRY_WAIT_MS, inference_is_set, s);
}

void
secrets_proxy_greeted(struct supervisor *s)
{
	s->secrets.introduced = false;
	inference_tell(s);
	metadata_tell(s);
}

/* The router answers when the proxy knows what it can fill. */
static void
introduced(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct supervisor *s = self;

	(void)answer;
	if (r != OK && r != ERR_UNAVAILABLE)
		log_failure("router.channel", r, why);
	s->secrets.introduced = r == OK;
	begin_continue(s);
}

void
secrets_introduce(struct supervisor *s)
{
	struct kept *router = &s->secrets.router, *proxy = &s->way.proxy;
	struct msg m = {.id = CHANNEL_GIVE, .fds_n = 1};
	struct why why = {0};
	int ends[2];

	if (!s->way.open || !router->told || !proxy->told)
		return;
	if (channel_pair(&ends[0], &ends[1], &why) != OK) {
		log_failure("channel.pair", ERR_SYSTEM, &why);
		return;
	}
	m.channel_give.role = ROLE_ROUTER;
	m.fds[0] = ends[0];
	if (peer_tell(proxy->peer, &m, &why) != OK)
		log_warning("channel.untold", "name=%s why=%s", proxy->name, log_quote(span_of_text(why.text)));
	m.channel_give.role = ROLE_PROXY;
	m.fds[0] = ends[1];
	peer_call(router->peer, &m, INTRODUCE_WAIT_MS, introduced, s);
	close(ends[0]);
	close(ends[1]);
}

/* ---- in use ---- */

static void try_next(struct supervisor *s);

static void
router_late(void *self)
{
	struct supervisor *s = self;

	log_warning("router.late", NULL);
	loop_timer_set(s->loop, &s->secrets.late, TRY_WAIT_MS, router_late, s);
	kept_renew(&s->secrets.router); /* the next one is asked */
}

/* Commands from here on, and the proxy, go by the new set. */
static void
take_over(struct supervisor *s)
{
	struct secrets *secrets = &s->secrets;
	struct msg m;

	set_move(&secrets->good, &secrets->trying);
	arena_reset(&secrets->memory);
	given_read(&secrets->good.chunk[0], &secrets->memory, &m);
	secrets->environment = m.secrets_push.environment;
	secrets->environment_n = m.secrets_push.environment_n;
	secrets->backends = m.secrets_push.backends;
	secrets->backends_n = m.secrets_push.backends_n;
	secrets->applied = (struct secrets_report){.revision = secrets->good.revision, .loaded = true};
	inference_tell(s);
	metadata_tell(s);
	linkage_say(s, "INFO", "secrets of revision %llu are in use", (unsigned long long)secrets->good.revision);
	report_one(s, &secrets->applied);
}

/*
 * A revision is in use, or cannot be.
 *
 * in      secrets_applied, from the router
 */
enum err
secrets_applied(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	struct secrets *secrets = &s->secrets;
	const struct msg_secrets_applied *in = &m->secrets_applied;

	if (m->from != secrets->router.peer)
		return fail(why, ERR_DENIED, "only the router knows");
	if (m->call != 0)
		answer->id = DONE;
	if (in->revision != secrets->trying.revision || s->bus.state == STATE_OVER)
		return OK; /* of a set that is in use already: the router was started again */
	loop_timer_stop(s->loop, &secrets->late);
	if (in->loaded)
		take_over(s);
	else
		refused(s, in->revision, in->message);
	set_free(&secrets->trying);
	try_next(s);
	begin_continue(s);
	return OK;
}

static void
try_next(struct supervisor *s)
{
	struct secrets *secrets = &s->secrets;
	struct why why = {0};

	if (secrets->trying.revision != 0 || secrets->next.revision == 0)
		return;
	set_move(&secrets->trying, &secrets->next);
	loop_timer_set(s->loop, &secrets->late, TRY_WAIT_MS, router_late, s);
	if (!secrets->started) {
		if (router_start(s, &why) != OK)
			log_failure("router.start", ERR_SYSTEM, &why);
	} else if (secrets->router.told)
		router_send(s, &secrets->trying);
}

/* ---- what comes ---- */

static void
whole(struct supervisor *s)
{
	struct secrets *secrets = &s->secrets;
	uint64_t revision = secrets->coming.revision;

	if (revision == secrets->good.revision) { /* told already; it was not heard */
		set_free(&secrets->coming);
		report_one(s, &secrets->applied);
	} else if (!secrets->possible || (s->way.tried && !s->way.open)) {
		set_free(&secrets->coming);
		refused(s, revision, SPAN("this sandbox has no way out, so nothing could be filled in"));
	} else {
		set_move(&secrets->next, &secrets->coming);
		try_next(s);
	}
}

/*
 * Secrets of this sandbox, boxed for its router.
 *
 * in      secrets_push, from link; chunks in order
 * out     done, where it was asked; secrets_applied follows the last chunk
 * errors  ERR_STATE for another start than this; ERR_PROTOCOL a chunk is missing or of another revision; ERR_LIMIT
 */
enum err
secrets_pushed(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	const struct msg_secrets_push *in = &m->secrets_push;
	struct secrets_set *coming = &s->secrets.coming;
	struct why wrong = {0};

	if (m->from != s->link.peer)
		return fail(why, ERR_DENIED, "only link brings secrets");
	if (!id_equal(in->sandbox, s->boot.sandbox) || in->epoch != s->boot.epoch)
		return fail(why, ERR_STATE, "secrets for another start than this");
	if (m->call != 0)
		answer->id = DONE;
	if (s->bus.state == STATE_OVER)
		return OK;
	if (set_add(coming, m, &wrong) != OK) {
		set_free(coming);
		refused(s, in->revision, span_of_text(wrong.text));
	} else if (coming->got == coming->chunks)
		whole(s);
	return OK;
}

/* ---- the start ---- */

void
secrets_init(struct supervisor *s)
{
	router_init(s);
}

void
secrets_begin(struct supervisor *s)
{
	struct why why = {0};

	if (s->enrolled.secrets_revision != 0 && s->secrets.possible && router_start(s, &why) != OK)
		log_failure("router.start", ERR_SYSTEM, &why);
}

bool
secrets_ready(struct supervisor *s)
{
	struct secrets *secrets = &s->secrets;
	uint64_t wanted = s->enrolled.secrets_revision;

	if (wanted == 0 || !secrets->possible || !s->way.open)
		return true;
	if (secrets->good.revision >= wanted && secrets->introduced)
		return true;
	if (!secrets->said_waiting)
		linkage_say(
		    s, "INFO", "the main process waits for the sandbox's secrets, which the gateway has not sent yet");
	secrets->said_waiting = true;
	return false;
}

void
secrets_stop(struct supervisor *s)
{
	struct secrets *secrets = &s->secrets;
	struct secrets_set *const sets[] = {&secrets->good, &secrets->trying, &secrets->next, &secrets->coming};

	kept_stop(&secrets->router);
	loop_timer_stop(s->loop, &secrets->late);
	secrets->environment_n = secrets->backends_n = 0;
	for (size_t i = 0; i < COUNT(sets); i++)
		set_free(sets[i]);
	arena_reset(&secrets->memory);
	secret_wipe(&s->identity.router_secret);
}
