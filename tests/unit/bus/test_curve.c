/* CURVE links: keys decide who somebody is, links come back, and every open call learns when one breaks. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/curve.h"

struct side {
	struct bus bus;
	struct curve *curve;
	struct secret secret;
	uint8_t key[32];
	struct peer *peer; /* the last that came up */
	struct reply kept;
	int ups, downs, done, asked;
	enum err result;
};

static struct loop *loop;
static char directory[64], endpoint[128];

static void
came_up(void *self, struct peer *peer)
{
	struct side *side = self;

	side->ups++;
	side->peer = peer;
}

static void
went_down(void *self, struct peer *peer, const struct why *why)
{
	struct side *side = self;

	(void)peer;
	(void)why;
	side->downs++;
}

static enum err
on_get(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct side *side = self;

	(void)why;
	side->asked++;
	if (m->id == GATEWAY_GET)
		side->kept = reply_later(m);
	else
		answer->id = DONE;
	return OK;
}

static const struct route routes[] = {
    {GATEWAY_GET, on_get, 0, 0}, {SANDBOX_DELETE, on_get, 0, 0}, {ENROL, on_get, 0, 0}, {0}};

static void
side_init(struct side *side, enum role role, const char *name)
{
	*side = (struct side){.bus = {.loop = loop,
				  .role = role,
				  .name = name,
				  .routes = routes,
				  .self = side,
				  .peer_up = came_up,
				  .peer_down = went_down}};
	bus_init(&side->bus);
	curve_keypair(&side->secret, side->key);
}

static void
side_open(struct side *side, const struct roster_entry *roster, size_t n)
{
	struct why why = {0};

	if (curve_new(&side->curve, &side->bus, &side->secret, roster, n, &why) != OK)
		fail_msg("%s", why.text);
}

static void
side_close(struct side *side)
{
	curve_free(side->curve);
	bus_done(&side->bus);
}

static void
until(const int *counter, int value)
{
	uint64_t end = clock_ms() + 5000;
	struct why why;

	while (*counter < value && clock_ms() < end)
		assert_int_equal(loop_turn(loop, 50, &why), OK);
	assert_true(*counter >= value);
}

static void
done(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct side *side = self;

	(void)answer;
	(void)why;
	side->result = r;
	side->done++;
}

static int
begin(void **state)
{
	struct why why;

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/curve.XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/bus", directory);
	assert_int_equal(loop_new(&loop, &why), OK);
	return 0;
}

static int
end(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/bus", directory);
	unlink(path);
	rmdir(directory);
	loop_free(loop);
	return 0;
}

static struct roster_entry
entry(enum role role, const char *name, const struct side *side)
{
	struct roster_entry e = {.role = role};

	snprintf(e.name, sizeof(e.name), "%s", name);
	memcpy(e.key, side->key, 32);
	return e;
}

static struct side state_side, api, other;

static void
open_pair(void)
{
	struct roster_entry to_state[1], to_api[1];
	struct peer *peer;
	struct why why = {0};

	side_init(&state_side, ROLE_STATE, "state");
	side_init(&api, ROLE_API, "api");
	to_state[0] = entry(ROLE_STATE, "state", &state_side);
	to_api[0] = entry(ROLE_API, "api", &api);
	side_open(&state_side, to_api, 1);
	side_open(&api, to_state, 1);
	assert_int_equal(curve_bind(state_side.curve, endpoint, false, &why), OK);
	assert_int_equal(curve_connect(api.curve, endpoint, ROLE_STATE, "state", &peer, &why), OK);
	until(&api.ups, 1);
	until(&state_side.ups, 1);
}

static void
keys_name_the_peer(void **state)
{
	struct msg m = {.id = SANDBOX_DELETE, .sandbox_delete = {.workspace = SPAN("w"), .name = SPAN("n")}};

	(void)state;
	open_pair();
	assert_int_equal(state_side.peer->role, ROLE_API);
	assert_string_equal(state_side.peer->name, "api");
	assert_memory_equal(state_side.peer->key, api.key, 32);
	peer_call(api.peer, &m, 5000, done, &api);
	until(&api.done, 1);
	assert_int_equal(api.result, OK);
	side_close(&api);
	until(&state_side.downs, 1);
	side_close(&state_side);
}

static void
unknown_key_does_not_get_in(void **state)
{
	struct roster_entry to_state[1];
	struct peer *peer;
	struct why why = {0};
	uint64_t stop;

	(void)state;
	open_pair();
	side_init(&other, ROLE_API, "api"); /* says it is api; its key is not */
	to_state[0] = entry(ROLE_STATE, "state", &state_side);
	side_open(&other, to_state, 1);
	assert_int_equal(curve_connect(other.curve, endpoint, ROLE_STATE, "state", &peer, &why), OK);
	for (stop = clock_ms() + 300; clock_ms() < stop;)
		assert_int_equal(loop_turn(loop, 20, &why), OK);
	assert_int_equal(other.ups, 0);
	assert_int_equal(state_side.ups, 1);
	side_close(&other);
	side_close(&api);
	side_close(&state_side);
}

static void
out_of_role_is_cut_and_redials(void **state)
{
	struct msg m = {.id = CLAIM_CHECK, .claim_check = {.epoch = 1}};
	uint8_t zero[32] = {0};
	struct why why = {0};

	(void)state;
	open_pair();
	m.claim_check.router_key = m.claim_check.router_mac = span_of_bytes(zero, 32);
	peer_call(api.peer, &m, 5000, done, &api); /* only state may ask this, and only of credentials */
	until(&api.done, 1);
	assert_int_equal(api.result, ERR_UNAVAILABLE);
	assert_int_equal(state_side.bus.refused, 1);
	until(&api.ups, 2);
	assert_int_equal(peer_tell(api.peer, &(struct msg){.id = WATCH_CLOSE, .watch_close = {.watch = 1}}, &why), OK);
	side_close(&api);
	side_close(&state_side);
}

static void
server_death_ends_calls_and_comes_back(void **state)
{
	struct msg m = {.id = GATEWAY_GET};
	struct roster_entry to_api[1];
	struct why why = {0};
	struct side again;

	(void)state;
	open_pair();
	peer_call(api.peer, &m, 60000, done, &api);
	until(&state_side.asked, 1);
	reply_fail(&state_side.kept, ERR_BUSY, NULL);
	until(&api.done, 1);
	assert_int_equal(api.result, ERR_BUSY);
	peer_call(api.peer, &m, 60000, done, &api);
	until(&state_side.asked, 2);
	peer_unref(state_side.kept.peer);
	curve_free(state_side.curve);
	until(&api.done, 2);
	assert_int_equal(api.result, ERR_UNAVAILABLE);
	assert_int_equal(api.downs, 1);
	peer_call(api.peer, &m, 60000, done, &api); /* away: an answer at once, not a queue */
	until(&api.done, 3);
	assert_int_equal(api.result, ERR_UNAVAILABLE);
	side_init(&again, ROLE_STATE, "state");
	again.secret = state_side.secret;
	to_api[0] = entry(ROLE_API, "api", &api);
	side_open(&again, to_api, 1);
	assert_int_equal(curve_bind(again.curve, endpoint, false, &why), OK);
	until(&api.ups, 2);
	side_close(&api);
	side_close(&again);
	bus_done(&state_side.bus);
}

static void
stranger_enrols(void **state)
{
	struct msg m = {.id = ENROL, .enrol = {.epoch = 1}};
	uint8_t zero[32] = {0};
	struct side relay, link;
	struct peer *peer;
	struct why why = {0};
	struct id sandbox = id_new();

	(void)state;
	side_init(&relay, ROLE_RELAY, "relay");
	side_init(&link, ROLE_STRANGER, "link");
	side_open(&relay, NULL, 0);
	side_open(&link, NULL, 0);
	assert_int_equal(curve_bind(relay.curve, endpoint, true, &why), OK);
	assert_int_equal(curve_connect_key(link.curve, endpoint, ROLE_RELAY, "relay", relay.key, &peer, &why), OK);
	until(&link.ups, 1);
	assert_int_equal(relay.peer->role, ROLE_STRANGER);
	m.enrol.token = m.enrol.router_key = m.enrol.router_mac = span_of_bytes(zero, 32);
	peer_call(link.peer, &m, 5000, done, &link);
	until(&link.done, 1);
	assert_int_equal(link.result, OK);
	peer_enrol(relay.peer, sandbox, 3);
	assert_int_equal(relay.peer->role, ROLE_LINK);
	m = (struct msg){.id = SESSION_DROP, .session_drop = {.epoch = 1}};
	assert_int_equal(peer_tell(link.peer, &m, &why), OK); /* a link may not say this */
	until(&relay.downs, 1);
	assert_int_equal(relay.bus.refused, 1);
	side_close(&link);
	side_close(&relay);
}

/* Connections that say nothing are bounded: the oldest goes when there are too many. */
static void
silence_is_bounded(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	static int fds[1010];
	struct side relay;
	struct pollfd first = {.events = POLLIN};
	struct why why = {0};
	uint64_t stop = clock_ms() + 5000;

	(void)state;
	side_init(&relay, ROLE_RELAY, "relay");
	side_open(&relay, NULL, 0);
	assert_int_equal(curve_bind(relay.curve, endpoint, true, &why), OK);
	assert_true(span_copy(span_of_text(endpoint + 6), address.sun_path, sizeof(address.sun_path)));
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
		assert_int_equal(loop_turn(loop, 0, &why), OK);
	}
	first.fd = fds[0];
	while (clock_ms() < stop) {
		char bytes[128];

		assert_int_equal(loop_turn(loop, 20, &why), OK);
		if (poll(&first, 1, 0) == 1 && read(fds[0], bytes, sizeof(bytes)) <= 0)
			break;
	}
	assert_true(clock_ms() < stop);
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
	side_close(&relay);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(keys_name_the_peer, begin, end),
	    cmocka_unit_test_setup_teardown(unknown_key_does_not_get_in, begin, end),
	    cmocka_unit_test_setup_teardown(out_of_role_is_cut_and_redials, begin, end),
	    cmocka_unit_test_setup_teardown(server_death_ends_calls_and_comes_back, begin, end),
	    cmocka_unit_test_setup_teardown(stranger_enrols, begin, end),
	    cmocka_unit_test_setup_teardown(silence_is_bounded, begin, end)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
