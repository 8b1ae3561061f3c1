/* Sessions and execs at their limits, with peers that are only structs: 20,000 sandboxes, 1,000 strangers,
 * 4,096 streams. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/codec.h"
#include "services/relay/serve.h"
#include "services/relay/session.h"

/* What left for a peer: how much, and the last of it. */
struct wire {
	struct peer *peer;
	uint64_t sent, ups, downs;
	enum envelope_kind kind;
	enum msg_id id;
	enum err error;
	uint64_t call;
	bool cut;
	struct wire *with; /* seen to be gone when this one is cut */
};

static struct loop *loop;
static struct relay relay;
static struct wire state, api;

static enum err
wire_send(struct peer *peer, struct span bytes, const int *fds, size_t fds_n, struct why *why)
{
	struct wire *wire = peer->wire;
	struct arena arena = {0};
	struct envelope envelope;

	(void)fds;
	(void)fds_n;
	assert_int_equal(envelope_decode(bytes, BUS_RELEASE, &arena, &envelope, why), OK);
	wire->sent++;
	wire->kind = envelope.kind;
	wire->id = envelope.kind == ENVELOPE_ERROR ? MSG_NONE : envelope.msg.id;
	wire->error = envelope.kind == ENVELOPE_ERROR ? envelope.error : OK;
	wire->call = envelope.call;
	wire->ups += wire->id == SESSION_UP;
	wire->downs += wire->id == SESSION_DOWN;
	arena_reset(&arena);
	return OK;
}

static void
wire_cut(struct peer *peer)
{
	struct wire *wire = peer->wire;
	const struct why why = {"cut"};

	if (wire->cut)
		return;
	wire->cut = true;
	if (wire->with != NULL)
		wire_cut(wire->with->peer);
	peer_is_down(peer, &why);
}

static void
wire_free(struct peer *peer)
{
	(void)peer;
}

static const struct transport transport = {wire_send, wire_cut, wire_free};

static void
wire_open(struct wire *wire, enum role role)
{
	*wire = (struct wire){0};
	wire->peer = peer_new(&relay.bus, role, "test", &transport, wire);
	wire->peer->dialled = role == ROLE_STATE;
	peer_is_up(wire->peer);
}

/* A message from a peer, as the bus would bring it. */
static void
give(struct wire *wire, enum envelope_kind kind, uint64_t call, const struct msg *m)
{
	struct envelope envelope = {.kind = kind, .call = call, .msg = *m};
	char *buffer = NULL;
	size_t room = 0, length;
	struct why why;

	if (envelope_encode(&envelope, &buffer, &room, &length, &why) != OK)
		fail_msg("%s", why.text);
	peer_receive(wire->peer, span_of_bytes(buffer, length), NULL, 0);
	free(buffer);
}

static int
setup(void **unused)
{
	struct why why;

	(void)unused;
	assert_int_equal(loop_new(&loop, &why), OK);
	relay_init(&relay, loop);
	bus_init(&relay.bus);
	relay.state = peer_new(&relay.bus, ROLE_STATE, "state", &transport, &state);
	state = (struct wire){.peer = relay.state};
	relay.state->dialled = true;
	peer_is_up(relay.state);
	wire_open(&api, ROLE_API);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	relay_done(&relay);
	bus_done(&relay.bus);
	peer_unref(relay.state);
	loop_free(loop);
	return 0;
}

static const uint8_t bytes32[32];
static struct span argv_true[] = {{"true", 4}};
static const struct msg enrolled = {
    .id = ENROLLED, .enrolled = {.name = {"n", 1}, .workspace = {"w", 1}, .policy = {"p", 1}, .policy_version = 1}};

static struct id
id_of(uint32_t n)
{
	struct id id = {{0}};

	memcpy(id.bytes + 4, &n, sizeof(n));
	id.bytes[0] = 1;
	return id;
}

static enum err
enrol(struct wire *wire, uint32_t n)
{
	const struct msg m = {.id = ENROL,
	    .enrol = {id_of(n), 1, id_of(n), span_of_bytes(bytes32, 32), span_of_bytes(bytes32, 32),
		span_of_bytes(bytes32, 32)}};

	give(wire, ENVELOPE_REQUEST, 1, &m);
	assert_int_equal(state.id, ENROL_CHECK);
	give(&state, ENVELOPE_ANSWER, state.call, &enrolled);
	return wire->error;
}

/* The table says "one CURVE key a sandbox"; here all keys are zero, and each sandbox is another. */
static void
as_many_sandboxes_as_are_allowed(void **unused)
{
	struct wire *wires = calloc(SESSIONS_MAX + 1, sizeof(*wires));
	uint64_t began = clock_ms();

	(void)unused;
	assert_non_null(wires);
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		wire_open(&wires[i], ROLE_STRANGER);
		assert_int_equal(relay.strangers_n, 1);
		assert_int_equal(enrol(&wires[i], i), OK);
		assert_int_equal(relay.strangers_n, 0);
	}
	assert_int_equal(state.ups, SESSIONS_MAX);
	wire_open(&wires[SESSIONS_MAX], ROLE_STRANGER);
	assert_int_equal(enrol(&wires[SESSIONS_MAX], SESSIONS_MAX), ERR_LIMIT);
	for (uint32_t i = 0; i < SESSIONS_MAX; i += 997)
		assert_ptr_equal(session_find(&relay, id_of(i))->peer, wires[i].peer);
	state.ups = 0;
	peer_is_down(relay.state, NULL);
	peer_is_up(relay.state);
	while (state.ups < SESSIONS_MAX)
		assert_int_equal(loop_turn(loop, 100, NULL), OK);
	wire_cut(wires[SESSIONS_MAX].peer);
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		wire_cut(wires[i].peer);
	assert_int_equal(state.downs, SESSIONS_MAX);
	assert_int_equal(relay.by_sandbox.count, 0);
	print_message("%u sessions came and went in %lu ms\n", SESSIONS_MAX, (unsigned long)(clock_ms() - began));
	free(wires);
}

static void
strangers_are_few_and_have_little_time(void **unused)
{
	static struct wire wires[STRANGERS_MAX + 2];
	uint64_t now = clock_ms();

	(void)unused;
	for (size_t i = 0; i < STRANGERS_MAX; i++)
		wire_open(&wires[i], ROLE_STRANGER);
	for (size_t i = 0; i < STRANGERS_MAX; i++) {
		struct session *session = wires[i].peer->self;

		assert_in_range(session->deadline.at_ms - now, STRANGER_MS, STRANGER_MS + 2000);
	}
	wire_open(&wires[STRANGERS_MAX], ROLE_STRANGER);
	wire_open(&wires[STRANGERS_MAX + 1], ROLE_STRANGER);
	while (!wires[STRANGERS_MAX].cut || !wires[STRANGERS_MAX + 1].cut)
		assert_int_equal(loop_turn(loop, 100, NULL), OK);
	assert_int_equal(relay.strangers_n, STRANGERS_MAX);
	assert_false(wires[0].cut);
	assert_int_equal(relay.counts.late, 2);
	for (size_t i = 0; i < STRANGERS_MAX; i++)
		wire_cut(wires[i].peer);
	assert_int_equal(relay.strangers_n, 0);
	assert_int_equal(state.downs, 0); /* state never heard of them */
}

/* As with real links: cutting one reads what is known of the others, among them the one that is let in. */
static void
a_link_that_ends_while_it_is_let_in(void **unused)
{
	static struct wire older, newer;

	(void)unused;
	wire_open(&older, ROLE_STRANGER);
	assert_int_equal(enrol(&older, 7), OK);
	wire_open(&newer, ROLE_STRANGER);
	older.with = &newer;
	(void)enrol(&newer, 7);
	assert_true(older.cut);
	assert_true(newer.cut);
	assert_int_equal(newer.sent, 0);
	assert_int_equal(state.downs, 1);
	assert_null(session_find(&relay, id_of(7)));
	assert_int_equal(relay.strangers_n, 0);
}

static void
start(uint32_t sandbox, uint64_t stream)
{
	const struct msg m = {.id = EXEC_START,
	    .exec_start = {.stream = stream, .sandbox = id_of(sandbox), .command = argv_true, .command_n = 1}};

	api.error = OK;
	give(&api, ENVELOPE_REQUEST, stream, &m);
}

static void
streams_are_counted(void **unused)
{
	static struct wire wires[EXECS_MAX / EXECS_SANDBOX_MAX + 1];
	const uint32_t n = EXECS_MAX / EXECS_SANDBOX_MAX;
	uint64_t stream = 1;

	(void)unused;
	for (uint32_t i = 0; i <= n; i++) {
		wire_open(&wires[i], ROLE_STRANGER);
		assert_int_equal(enrol(&wires[i], i), OK);
	}
	for (uint32_t i = 0; i < n; i++)
		for (unsigned j = 0; j < EXECS_SANDBOX_MAX; j++) {
			start(i, stream++);
			assert_int_equal(api.error, OK);
			assert_int_equal(wires[i].id, EXEC_START);
		}
	assert_int_equal(relay.by_link.count, EXECS_MAX);
	start(n, stream);
	assert_int_equal(api.error, ERR_LIMIT);
	wire_cut(wires[0].peer); /* each caller that waits is answered */
	assert_int_equal(api.error, ERR_UNAVAILABLE);
	assert_int_equal(relay.by_link.count, EXECS_MAX - EXECS_SANDBOX_MAX);
	start(n, stream);
	assert_int_equal(api.error, OK);
	wire_cut(api.peer);
	assert_int_equal(relay.by_api.count, 0);
	assert_int_equal(wires[1].id, EXEC_SIGNAL);
	for (uint32_t i = 1; i <= n; i++)
		wire_cut(wires[i].peer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(as_many_sandboxes_as_are_allowed, setup, teardown),
	    cmocka_unit_test_setup_teardown(strangers_are_few_and_have_little_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_link_that_ends_while_it_is_let_in, setup, teardown),
	    cmocka_unit_test_setup_teardown(streams_are_counted, setup, teardown),
	};

	log_open("test_session", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
