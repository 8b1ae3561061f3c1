/* Connections that were made to a forward of our own, each a stream into the sandbox with a token of its own. */
#include "clients/cli/forward_passage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients/cli/ssh_session.h"
#include "clients/cli/tunnel.h"
#include "common/base/clean.h"

/* One connection: first its token is asked for, then it is a tunnel, then the token is made void. */
struct passage {
	struct forward_passages *all;
	struct list link;
	struct tunnel tunnel;
	int in, out; /* the socket, twice: it is watched for both */
	struct rpc_stream *asking;
	char *token;
	struct why why;
	struct timer end;
};

/* Said as it is in a run that lasts: no memory is taken. */
static void
passage_note(const struct forward_passages *all, const char *text)
{
	char line[WHY_BYTES * 2];
	struct text safe = TEXT_OF(line);

	line[0] = '\0';
	shown_add(&safe, span_of_text(text));
	cli_note(all->cli, "A connection to sandbox %s failed: %s", all->name, line);
}

static bool
revoked_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	(void)self, (void)stream, (void)message;
	return true;
}

static void
revoked(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	(void)self, (void)stream, (void)status;
}

/* Nobody will use it again; the answer does not matter. */
static void
token_revoke(struct connection *connection, char *token)
{
	Openshell__V1__RevokeSshSessionRequest request = OPENSHELL__V1__REVOKE_SSH_SESSION_REQUEST__INIT;
	const struct rpc_stream_config config = {
	    .path = "/openshell.v1.OpenShell/RevokeSshSession",
	    .response = &openshell__v1__revoke_ssh_session_response__descriptor,
	    .message = revoked_message,
	    .ended = revoked,
	};
	struct rpc_stream *stream;

	request.token = token;
	if (connection->client == NULL ||
	    rpc_stream_open(connection->client, &config, &request.base, true, &stream, NULL) != OK)
		return; /* it ends by itself */
}

static void
passage_free(struct passage *passage)
{
	struct forward_passages *all = passage->all;

	if (passage->asking != NULL)
		rpc_stream_cancel(passage->asking);
	tunnel_done(&passage->tunnel);
	loop_timer_stop(all->cli->loop, &passage->end);
	if (passage->token != NULL)
		token_revoke(&all->cli->connection, passage->token);
	free(passage->token);
	clean_fd(&passage->in);
	clean_fd(&passage->out);
	list_remove(&passage->link);
	all->count--;
	free(passage);
}

static void
passage_end(void *self)
{
	struct passage *passage = self;
	struct forward_passages *all = passage->all;

	if (passage->why.text[0] != '\0')
		passage_note(all, passage->why.text);
	passage_free(passage);
	all->fewer(all->self);
}

/* It is over; its memory goes when nothing of it is on the stack any more. */
static void
passage_over(void *self)
{
	struct passage *passage = self;

	if (passage->tunnel.told && tunnel_result(&passage->tunnel, &passage->why) == OK)
		passage->why.text[0] = '\0';
	if (passage->tunnel.status.code == 0 && passage->tunnel.ended)
		shutdown(passage->out, SHUT_WR);
	loop_timer_set(passage->all->cli->loop, &passage->end, 0, passage_end, passage);
}

static void
passage_fail(struct passage *passage)
{
	loop_timer_set(passage->all->cli->loop, &passage->end, 0, passage_end, passage);
}

static bool
token_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	const Openshell__V1__CreateSshSessionResponse *answer =
	    (const Openshell__V1__CreateSshSessionResponse *)message;
	struct passage *passage = self;

	(void)stream;
	if (passage->token == NULL && ssh_session_check(answer, passage->all->sandbox_id, &passage->why) == OK)
		passage->token = span_dup(span_of_text(answer->token));
	return true;
}

/* The token is there, or will never be. */
static void
token_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct passage *passage = self;
	const struct forward_passages *all = passage->all;
	const struct tunnel_target target = {.sandbox_id = all->sandbox_id,
	    .token = passage->token,
	    .service = "forward",
	    .host = all->host,
	    .port = all->port};

	(void)stream;
	passage->asking = NULL;
	if (status->code != 0)
		connection_why(status, ERR_UNAVAILABLE, &passage->why);
	if (status->code != 0 || passage->token == NULL ||
	    tunnel_open(&passage->tunnel, &all->cli->connection, &target, passage->in, passage->out, passage_over,
		passage, &passage->why) != OK)
		passage_fail(passage);
}

static enum err
passage_begin(struct passage *passage, struct why *why)
{
	Openshell__V1__CreateSshSessionRequest request = OPENSHELL__V1__CREATE_SSH_SESSION_REQUEST__INIT;
	const struct rpc_stream_config config = {
	    .path = "/openshell.v1.OpenShell/CreateSshSession",
	    .response = &openshell__v1__create_ssh_session_response__descriptor,
	    .self = passage,
	    .message = token_message,
	    .ended = token_ended,
	};

	request.sandbox_id = (char *)(uintptr_t)passage->all->sandbox_id;
	return rpc_stream_open(
	    passage->all->cli->connection.client, &config, &request.base, true, &passage->asking, why);
}

void
forward_passage_begin(struct forward_passages *all, int fd)
{
	struct passage *passage = calloc(1, sizeof(*passage));

	if (passage == NULL)
		abort();
	passage->all = all;
	passage->in = fd;
	passage->out = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	list_append(&all->all, &passage->link);
	all->count++;
	if (passage->out < 0)
		fail_errno(&passage->why, ERR_SYSTEM, "dup");
	if (passage->out < 0 || passage_begin(passage, &passage->why) != OK)
		passage_fail(passage);
}

void
forward_passages_end(struct forward_passages *all)
{
	struct passage *passage;

	list_each(passage, &all->all, struct passage, link)
		passage_free(passage);
}
