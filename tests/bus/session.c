/* What the tests of relay and link both say and expect of a session. */
#include "tests/bus/session.h"

#include "tests/unit/test.h"

#include <signal.h>

struct span argv_true[1] = {{"true", 4}};
const uint8_t bytes32[32] = {3};
const struct msg done = {.id = DONE};
const struct msg enrolled = {.id = ENROLLED,
    .enrolled = {.name = {"demo", 4},
	.workspace = {"default", 7},
	.command = argv_true,
	.command_n = 1,
	.policy = {"p", 1},
	.policy_version = 1}};

void
send_grant(struct peer *peer, uint64_t stream, uint8_t channel, uint64_t limit)
{
	const struct msg m = {.id = STREAM_GRANT, .stream_grant = {stream, channel, limit}};

	tell(peer, &m);
}

void
send_data(struct peer *peer, uint64_t stream, uint8_t channel, uint64_t offset, struct span bytes)
{
	const struct msg m = {.id = STREAM_DATA, .stream_data = {stream, channel, offset, bytes}};

	tell(peer, &m);
}

void
send_end(struct peer *peer, uint64_t stream, uint8_t channel, uint64_t offset)
{
	const struct msg m = {.id = STREAM_END, .stream_end = {stream, channel, offset}};

	tell(peer, &m);
}

void
expect_data(struct actor *actor, uint64_t stream, uint8_t channel, const char *text)
{
	struct heard *heard = actor_hear(actor, STREAM_DATA);

	assert_int_equal(heard->msg.stream_data.stream, stream);
	assert_int_equal(heard->msg.stream_data.channel, channel);
	assert_true(span_is(heard->msg.stream_data.bytes, text));
	heard_free(heard);
}

void
expect_grant(struct actor *actor, uint64_t stream, uint8_t channel, uint64_t limit)
{
	struct heard *heard = actor_hear(actor, STREAM_GRANT);

	assert_int_equal(heard->msg.stream_grant.stream, stream);
	assert_int_equal(heard->msg.stream_grant.channel, channel);
	assert_int_equal(heard->msg.stream_grant.limit, limit);
	heard_free(heard);
}

void
expect_end(struct actor *actor, uint64_t stream, uint8_t channel, uint64_t offset)
{
	struct heard *heard = actor_hear(actor, STREAM_END);

	assert_int_equal(heard->msg.stream_end.stream, stream);
	assert_int_equal(heard->msg.stream_end.channel, channel);
	assert_int_equal(heard->msg.stream_end.offset, offset);
	heard_free(heard);
}

void
expect_exited(struct actor *actor, uint64_t stream, uint16_t code)
{
	struct heard *heard = actor_hear(actor, EXEC_EXITED);

	assert_int_equal(heard->msg.exec_exited.stream, stream);
	assert_int_equal(heard->msg.exec_exited.exit_code, code);
	heard_free(heard);
}

void
expect_killed(struct actor *actor, uint64_t stream)
{
	struct heard *heard = actor_hear(actor, EXEC_SIGNAL);

	assert_int_equal(heard->msg.exec_signal.stream, stream);
	assert_int_equal(heard->msg.exec_signal.signal, SIGKILL);
	heard_free(heard);
}
