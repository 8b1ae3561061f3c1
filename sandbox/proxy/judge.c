/* Connections are judged one by one; requests in batches: what one turn of the loop asks is one message. */
#include "sandbox/proxy/judge.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "sandbox/proxy/copy.h"

#define CONNECTION_MS 15000 /* a large binary may have to be hashed first */
#define JUDGE_MS      5000
#define ANSWER_US     50 /* a verdict takes 20 or so, and to be woken for it as long again */
#define BATCH_MAX     32
#define BATCH_BYTES   (512u << 10) /* sent at once when it is that large; a message has at most 2 MiB */
#define BATCH_CEILING (4u << 20)

/* One question that waits for its verdict. */
struct ask {
	uint64_t number;
	struct judge *judge;
	void (*done)(
	    void *self, enum err r, const struct msg_verdict *verdict, const struct why *why); /* NULL: cancelled */
	void *self;
};

struct batch {
	struct judge *judge;
	size_t n;
	struct ask asks[BATCH_MAX];
	struct msg_question questions[BATCH_MAX];
	struct arena memory; /* of the questions, until they are sent */
	struct timer unsent; /* nobody to send it to */
};

struct judge {
	struct proxy *proxy;
	struct idle idle;
	struct slots asks;   /* struct ask by number */
	struct batch *batch; /* being filled; NULL: none */
	struct batch *spare;
	struct timer cut; /* policyd's channel */
};

/* ---- connections ---- */

struct admission {
	struct connection *connection;
	void (*then)(struct connection *connection, enum err r, const struct why *why);
};

static struct span
address_span(const struct address *address)
{
	return span_of_bytes(address->bytes, address->length);
}

/*
 * Is the agent's end still there? While it is, nobody else can have had these two ends when policyd looked who has them;
 * what one who is gone has sent must not be taken for the next one's.
 */
static bool
is_connected(const struct connection *connection)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);

	return getsockopt(leg_fd(connection->agent), IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
	       (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT);
}

static enum err
take_judgement(struct connection *connection, const struct msg *answer, struct why *why)
{
	enum err r = copy_connection_judged(&connection->memory, &answer->connection_judged, &connection->judged, why);

	connection->judged_allowed = connection->judged.allowed;
	connection->policyd_life = connection->proxy->policyd_life;
	if (r == OK && connection->judged.generation < connection->proxy->generation)
		r = fail(why, ERR_CONFLICT, "policy changed");
	if (r == OK && connection->judged.allowed && !is_connected(connection))
		r = fail(why, ERR_UNAVAILABLE, "who opened it is gone");
	return r;
}

static void
connection_answered(void *self, enum err r, struct msg *answer, const struct why *said)
{
	struct admission *admission = self;
	struct connection *connection = admission->connection;
	void (*then)(struct connection * connection, enum err r, const struct why *why) = admission->then;
	struct why why = {0};

	connection->judging = 0;
	free(admission);
	connection->admission = NULL;
	if (r != OK)
		r = because(&why, ERR_UNAVAILABLE, "no decision: %s", said->text);
	else if (answer->id != CONNECTION_JUDGED)
		r = fail(&why, ERR_PROTOCOL, "no decision");
	else
		r = take_judgement(connection, answer, &why);
	then(connection, r, &why);
}

static void
nobody_there(void *self)
{
	struct connection *connection = self;
	struct why why;

	fail(&why, ERR_UNAVAILABLE, "policyd is away");
	connection_answered(connection->admission, ERR_UNAVAILABLE, NULL, &why);
}

void
judge_connection(
    struct connection *connection, void (*then)(struct connection *connection, enum err r, const struct why *why))
{
	struct msg m = {.id = CONNECTION_JUDGE,
	    .connection_judge = {.connection = connection->number,
		.how = connection->how,
		.client = address_span(&connection->client),
		.client_port = connection->client_port,
		.server = address_span(&connection->server),
		.server_port = connection->server_port,
		.host = span_of_text(connection->host),
		.port = connection->port}};
	struct admission *admission = calloc(1, sizeof(*admission));

	if (admission == NULL)
		abort();
	*admission = (struct admission){connection, then};
	connection->admission = admission;
	if (connection->proxy->policyd == NULL)
		loop_timer_set(connection->proxy->loop, &connection->timer, 0, nobody_there, connection);
	else
		connection->judging =
		    peer_call(connection->proxy->policyd, &m, CONNECTION_MS, connection_answered, admission);
}

/* It does not read what it is told: it must not keep what is over. Later: who ends a connection holds others. */
static void
cut_policyd(void *self)
{
	struct proxy *proxy = self;

	if (proxy->policyd != NULL)
		proxy->policyd->transport->cut(proxy->policyd);
}

void
judge_forget(struct connection *connection)
{
	struct msg m = {.id = CONNECTION_END, .connection_end = {connection->number}};
	struct proxy *proxy = connection->proxy;
	struct why why;

	if (proxy->policyd != NULL && connection->judging != 0)
		call_cancel(proxy->policyd, connection->judging);
	if (proxy->policyd != NULL && (connection->judging != 0 || connection->judged_allowed) &&
	    peer_tell(proxy->policyd, &m, &why) != OK)
		loop_timer_set(proxy->loop, &proxy->judge->cut, 0, cut_policyd, proxy);
	free(connection->admission);
	connection->admission = NULL;
}

/* ---- requests ---- */

static void
ask_done(struct ask *ask, enum err r, const struct msg_verdict *verdict, const struct why *why)
{
	void (*done)(void *self, enum err r, const struct msg_verdict *verdict, const struct why *why) = ask->done;

	if (done == NULL)
		return;
	ask->done = NULL;
	slots_take(&ask->judge->asks, ask->number);
	done(ask->self, r, verdict, why);
}

static void
batch_free(struct batch *batch)
{
	arena_reset(&batch->memory);
	if (batch->judge->spare == NULL) {
		batch->n = 0;
		batch->judge->spare = batch;
		return;
	}
	free(batch);
}

static void
batch_answered(void *self, enum err r, struct msg *answer, const struct why *said)
{
	struct batch *batch = self;
	struct why why = {0};

	if (r != OK)
		r = because(&why, ERR_UNAVAILABLE, "no decision: %s", said->text);
	else if (answer->id != REQUESTS_JUDGED || answer->requests_judged.verdicts_n != batch->n)
		r = fail(&why, ERR_PROTOCOL, "no decision");
	for (size_t i = 0; i < batch->n; i++) {
		const struct msg_verdict *verdict = r == OK ? &answer->requests_judged.verdicts[i] : NULL;

		if (verdict != NULL && verdict->request != batch->questions[i].request) {
			fail(&why, ERR_PROTOCOL, "no decision");
			ask_done(&batch->asks[i], ERR_PROTOCOL, NULL, &why);
			continue;
		}
		ask_done(&batch->asks[i], r, verdict, &why);
	}
	batch_free(batch);
}

static void
batch_unsent(void *self)
{
	struct why why;

	batch_answered(self, fail(&why, ERR_UNAVAILABLE, "policyd is away"), NULL, &why);
}

static bool
batch_send(void *self)
{
	struct judge *judge = self;
	struct batch *batch = judge->batch;
	struct msg m = {.id = REQUESTS_JUDGE};

	if (batch == NULL)
		return false;
	judge->batch = NULL;
	m.requests_judge.questions = batch->questions;
	m.requests_judge.questions_n = batch->n;
	if (judge->proxy->policyd == NULL)
		loop_timer_set(judge->proxy->loop, &batch->unsent, 0, batch_unsent, batch);
	else {
		peer_call(judge->proxy->policyd, &m, JUDGE_MS, batch_answered, batch);
		loop_expect(judge->proxy->loop, ANSWER_US);
	}
	arena_reset(&batch->memory);
	return judge->batch != NULL; /* what is due now is due by a timer or the channel: the loop may sleep */
}

static struct batch *
batch_open(struct judge *judge)
{
	if (judge->batch != NULL && (judge->batch->n == BATCH_MAX || judge->batch->memory.used_bytes > BATCH_BYTES))
		batch_send(judge);
	if (judge->batch != NULL)
		return judge->batch;
	if ((judge->batch = judge->spare) == NULL && (judge->batch = calloc(1, sizeof(*judge->batch))) == NULL)
		abort();
	judge->spare = NULL;
	judge->batch->judge = judge;
	judge->batch->memory.max_bytes = BATCH_CEILING;
	return judge->batch;
}

uint64_t
judge_request(struct connection *connection, const struct msg_question *question,
    void (*done)(void *self, enum err r, const struct msg_verdict *verdict, const struct why *why), void *self)
{
	struct judge *judge = connection->proxy->judge;
	struct batch *batch = batch_open(judge);
	struct ask *ask = &batch->asks[batch->n];
	struct msg_question *copy = &batch->questions[batch->n];

	if (copy_question(&batch->memory, question, copy) != OK) /* nobody asks that much: refused by what it asks */
		*copy = (struct msg_question){.kind = question->kind,
		    .method = SPAN("?"),
		    .path = SPAN("/"),
		    .refusal = SPAN("the request is too large to be judged")};
	*ask = (struct ask){.judge = judge, .done = done, .self = self};
	ask->number = slots_put(&judge->asks, ask);
	copy->request = ask->number;
	copy->connection = connection->number;
	batch->n++;
	return ask->number;
}

void
judge_cancel(struct proxy *proxy, uint64_t number)
{
	struct ask *ask = slots_take(&proxy->judge->asks, number);

	if (ask != NULL)
		ask->done = NULL;
}

struct judge *
judge_new(struct proxy *proxy)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (judge == NULL)
		abort();
	judge->proxy = proxy;
	loop_idle(proxy->loop, &judge->idle, batch_send, judge);
	return judge;
}

void
judge_free(struct judge *judge)
{
	if (judge == NULL)
		return;
	loop_idle_remove(judge->proxy->loop, &judge->idle);
	loop_timer_stop(judge->proxy->loop, &judge->cut);
	if (judge->batch != NULL)
		batch_send(judge);
	free(judge->spare);
	slots_done(&judge->asks);
	free(judge);
}
