/* A router that the test plays. */
#include "tests/unit/test.h"

#include "tests/unit/proxy/play_router.h"

#include <stdio.h>

#include "common/bus/channel.h"
#include "sandbox/proxy/routed.h"
#include "sandbox/proxy/tokens.h"

struct play play;

/* ---- what it hears ---- */

static void
pieces_say(const struct msg_piece *pieces, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (pieces[i].slot.length > 0)
			text_add(&play.heard, "<" SPAN_FORMAT "/%u>", SPAN_ARGS(pieces[i].slot), pieces[i].place);
		else
			text_add(&play.heard, pieces[i].place == 2 ? "{" SPAN_FORMAT "}" : SPAN_FORMAT,
			    SPAN_ARGS(span_head(pieces[i].literal, 200)));
	}
}

static enum err
hear_open(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_route_open *in = &m->route_open;

	(void)self, (void)answer, (void)why;
	play.stream = in->stream;
	play.got = play.sent = 0;
	text_add(&play.heard, "open " SPAN_FORMAT " " SPAN_FORMAT ":%u ", SPAN_ARGS(in->method), SPAN_ARGS(in->host),
	    in->port);
	pieces_say(in->path, in->path_n);
	text_add(&play.heard, "%s", in->has_query ? "?" : "");
	pieces_say(in->query, in->query_n);
	text_add(&play.heard, " to=" SPAN_FORMAT " body=%u/%llu%s%s%s", SPAN_ARGS(in->addresses[0]), in->body,
	    (unsigned long long)in->length, in->upgrade ? " upgrade" : "", in->h2 ? " h2" : "", in->tls ? " tls" : "");
	if (in->sign_service.length > 0)
		text_add(&play.heard, " sign=" SPAN_FORMAT "/" SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(in->sign_service),
		    SPAN_ARGS(in->sign_region), SPAN_ARGS(in->payload_hash));
	for (size_t i = 0; i < in->fields_n; i++) {
		text_add(&play.heard, "\n" SPAN_FORMAT ": ", SPAN_ARGS(in->fields[i].name));
		pieces_say(in->fields[i].value, in->fields[i].value_n);
	}
	text_add(&play.heard, ";");
	return OK;
}

static enum err
hear_pieces(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self, (void)answer, (void)why;
	text_add(&play.heard, "pieces ");
	pieces_say(m->route_pieces.pieces, m->route_pieces.pieces_n);
	text_add(&play.heard, m->route_pieces.last ? " last;" : ";");
	return OK;
}

static enum err
hear_trailers(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_route_trailers *in = &m->route_trailers;

	(void)self, (void)answer, (void)why;
	text_add(&play.heard, "trailers");
	for (size_t i = 0; i < in->trailers_n; i++)
		text_add(&play.heard, " " SPAN_FORMAT "=" SPAN_FORMAT, SPAN_ARGS(in->trailers[i].name),
		    SPAN_ARGS(span_head(in->trailers[i].value, 200)));
	text_add(&play.heard, ";");
	return OK;
}

static enum err
hear_close(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self, (void)m, (void)answer, (void)why;
	text_add(&play.heard, "close;");
	return OK;
}

static enum err
hear_data(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self, (void)answer, (void)why;
	assert_int_equal(m->stream_data.channel, 0);
	assert_int_equal(m->stream_data.offset, play.got);
	play.got += m->stream_data.bytes.length;
	text_add(&play.heard, "data " SPAN_FORMAT ";", SPAN_ARGS(span_head(m->stream_data.bytes, 200)));
	return OK;
}

static enum err
hear_grant(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self, (void)answer, (void)why;
	assert_int_equal(m->stream_grant.channel, 1);
	return OK;
}

static enum err
hear_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self, (void)answer, (void)why;
	assert_int_equal(m->stream_end.channel, 0);
	assert_int_equal(m->stream_end.offset, play.got);
	text_add(&play.heard, "end;");
	return OK;
}

static const struct route router_routes[] = {
    {ROUTE_OPEN, hear_open, 0, 0},
    {ROUTE_PIECES, hear_pieces, 0, 0},
    {ROUTE_TRAILERS, hear_trailers, 0, 0},
    {ROUTE_CLOSE, hear_close, 0, 0},
    {STREAM_DATA, hear_data, 0, 0},
    {STREAM_GRANT, hear_grant, 0, 0},
    {STREAM_END, hear_end, 0, 0},
    {0},
};

static const struct route proxys_routes[] = {
    {SLOTS, slots, 0, 0},
    {ROUTE_HEAD, route_head, 0, 0},
    {ROUTE_END, route_end, 0, 0},
    {STREAM_DATA, routed_data, 0, 0},
    {STREAM_GRANT, routed_credit, 0, 0},
    {STREAM_END, routed_data_end, 0, 0},
    {0},
};

bool
play_heard(const char *words)
{
	return strstr(play.words, words) != NULL;
}

void
play_forget(void)
{
	play.heard.length = 0;
	play.words[0] = '\0';
}

/* ---- its life ---- */

/* As serve.c does it. */
static void
router_gone(void *self, struct peer *peer, const struct why *why)
{
	struct proxy *proxy = self;

	(void)peer, (void)why;
	peer_unref(proxy->router);
	proxy->router = NULL;
	routed_down(proxy);
}

void
play_open(const char *const *tokens)
{
	int ours, theirs;
	struct peer *peer;
	struct why why;

	memset(&play, 0, sizeof(play));
	play.heard = TEXT_OF(play.words);
	play.bus = (struct bus){
	    .loop = world.proxy.loop, .role = ROLE_ROUTER, .name = "router", .routes = router_routes, .self = &play};
	world.proxy.bus = (struct bus){.loop = world.proxy.loop,
	    .role = ROLE_PROXY,
	    .name = "proxy",
	    .routes = proxys_routes,
	    .self = &world.proxy,
	    .peer_down = router_gone};
	bus_init(&play.bus);
	bus_init(&world.proxy.bus);
	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	assert_int_equal(channel_open(&play.bus, ROLE_PROXY, "proxy", ours, &play.peer, &why), OK);
	assert_int_equal(channel_open(&world.proxy.bus, ROLE_ROUTER, "router", theirs, &peer, &why), OK);
	world.proxy.router = peer_ref(peer);
	play_slots(tokens, true, true);
}

void
play_close(void)
{
	if (play.bus.loop != NULL)
		bus_done(&play.bus);
	play.bus.loop = NULL;
	if (world.proxy.router != NULL)
		world_rest();
	if (world.proxy.bus.loop != NULL)
		bus_done(&world.proxy.bus);
	tokens_free(world.proxy.tokens);
	world.proxy.tokens = NULL;
	slots_done(&world.proxy.routes);
}

/* ---- what it says ---- */

static void
say(struct msg m)
{
	struct why why;

	if (peer_tell(play.peer, &m, &why) != OK)
		fail_msg("%s", why.text);
}

static void
taken(void *self, enum err r, struct msg *answer, const struct why *why)
{
	(void)self, (void)why;
	assert_int_equal(r, OK);
	assert_int_equal(answer->id, DONE);
	play.told = true;
}

void
play_slots(const char *const *tokens, bool first, bool last)
{
	struct span list[16];
	struct msg m = {.id = SLOTS, .slots = {.revision = 1, .first = first, .last = last, .tokens = list}};

	for (; tokens[m.slots.tokens_n] != NULL; m.slots.tokens_n++)
		list[m.slots.tokens_n] = span_of_text(tokens[m.slots.tokens_n]);
	play.told = false;
	peer_call(play.peer, &m, 10000, taken, NULL);
	UNTIL(play.told);
}

void
play_grant(uint64_t limit)
{
	say((struct msg){.id = STREAM_GRANT, .stream_grant = {play.stream, 0, limit}});
}

void
play_head(unsigned status, const char *fields, const char *flags)
{
	struct msg_plain_field list[16];
	struct msg m = {
	    .id = ROUTE_HEAD, .route_head = {.stream = play.stream, .status = (uint16_t)status, .fields = list}};
	struct span rest = span_of_text(fields);

	while (rest.length > 0) {
		struct span line = span_cut(&rest, '\n'), name = span_cut(&line, ':');

		list[m.route_head.fields_n++] = (struct msg_plain_field){name, span_tail(line, 1)};
	}
	m.route_head.no_body = strchr(flags, 'n') != NULL;
	m.route_head.upgraded = strchr(flags, 'u') != NULL;
	m.route_head.has_length = strchr(flags, 'l') != NULL;
	if (m.route_head.has_length)
		m.route_head.length = (uint64_t)(strchr(flags, 'l')[1] - '0');
	say(m);
}

void
play_data(const char *text)
{
	say((struct msg){.id = STREAM_DATA, .stream_data = {play.stream, 1, play.sent, span_of_text(text)}});
	play.sent += strlen(text);
}

void
play_end(const char *code, const char *reason)
{
	say((struct msg){.id = ROUTE_END,
	    .route_end = {.stream = play.stream, .code = span_of_text(code), .reason = span_of_text(reason)}});
}

void
play_done(void)
{
	say((struct msg){.id = STREAM_END, .stream_end = {play.stream, 1, play.sent}});
	play_end("", "");
}

void
play_trailers(const char *name, const char *value)
{
	struct msg_plain_field field = {span_of_text(name), span_of_text(value)};

	say((struct msg){.id = STREAM_END, .stream_end = {play.stream, 1, play.sent}});
	say((struct msg){.id = ROUTE_END, .route_end = {.stream = play.stream, .trailers = &field, .trailers_n = 1}});
}
