/* One byte stream into a sandbox. */
#include "clients/cli/tunnel.h"

#include <string.h>

#include "common/rpc/grpc.h"

/* Has all that came out been written, or can it be written no more? */
static void
tunnel_judge(struct tunnel *tunnel)
{
	bool over = (tunnel->ended && tunnel->out.kept == NULL) || tunnel->out.error != 0 || tunnel->in.error != 0;

	if (!over || tunnel->told)
		return;
	tunnel->told = true;
	source_done(&tunnel->in);
	tunnel->over(tunnel->self);
}

static void
tunnel_drained(void *self)
{
	struct tunnel *tunnel = self;

	if (!tunnel->ended)
		rpc_stream_resume(tunnel->stream);
	tunnel_judge(tunnel);
}

static bool
tunnel_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	const Openshell__V1__TcpForwardFrame *frame = (const Openshell__V1__TcpForwardFrame *)message;
	struct tunnel *tunnel = self;
	bool on = true;

	(void)stream;
	tunnel->carried = true;
	if (frame->payload_case == OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_DATA && frame->data.len > 0)
		on = sink_write(&tunnel->out, (struct span){(const char *)frame->data.data, frame->data.len});
	tunnel_judge(tunnel);
	return on;
}

static void
tunnel_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct tunnel *tunnel = self;

	(void)stream;
	tunnel->ended = true;
	tunnel->status = *status;
	tunnel_judge(tunnel);
}

static void
tunnel_room(void *self, struct rpc_stream *stream)
{
	struct tunnel *tunnel = self;

	(void)stream;
	source_resume(&tunnel->in);
}

static bool
tunnel_took(void *self, struct span bytes)
{
	Openshell__V1__TcpForwardFrame frame = OPENSHELL__V1__TCP_FORWARD_FRAME__INIT;
	struct tunnel *tunnel = self;

	if (tunnel->ended)
		return false;
	if (bytes.length == 0) {
		rpc_stream_half_close(tunnel->stream);
		tunnel_judge(tunnel);
		return false;
	}
	frame.payload_case = OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_DATA;
	frame.data = (ProtobufCBinaryData){bytes.length, (uint8_t *)(uintptr_t)bytes.at};
	rpc_stream_send(tunnel->stream, &frame.base);
	return rpc_stream_room(tunnel->stream) > 0;
}

static enum err
tunnel_stream(struct tunnel *tunnel, struct connection *connection, const struct tunnel_target *target, struct why *why)
{
	Openshell__V1__TcpForwardFrame frame = OPENSHELL__V1__TCP_FORWARD_FRAME__INIT;
	Openshell__V1__TcpForwardInit init = OPENSHELL__V1__TCP_FORWARD_INIT__INIT;
	Openshell__V1__SshRelayTarget ssh = OPENSHELL__V1__SSH_RELAY_TARGET__INIT;
	Openshell__V1__TcpRelayTarget tcp = OPENSHELL__V1__TCP_RELAY_TARGET__INIT;
	const struct rpc_stream_config config = {
	    .path = "/openshell.v1.OpenShell/ForwardTcp",
	    .response = &openshell__v1__tcp_forward_frame__descriptor,
	    .self = tunnel,
	    .message = tunnel_message,
	    .ended = tunnel_ended,
	    .writable = tunnel_room,
	};

	init.sandbox_id = (char *)(uintptr_t)target->sandbox_id;
	init.authorization_token = (char *)(uintptr_t)target->token;
	init.service_id = (char *)(uintptr_t)target->service;
	tcp.host = (char *)(uintptr_t)target->host;
	tcp.has_port = true;
	tcp.port = target->port;
	init.target_case = target->host == NULL ? OPENSHELL__V1__TCP_FORWARD_INIT__TARGET_SSH
						: OPENSHELL__V1__TCP_FORWARD_INIT__TARGET_TCP;
	if (target->host == NULL)
		init.ssh = &ssh;
	else
		init.tcp = &tcp;
	frame.payload_case = OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_INIT;
	frame.init = &init;
	return rpc_stream_open(connection->client, &config, &frame.base, false, &tunnel->stream, why);
}

enum err
tunnel_open(struct tunnel *tunnel, struct connection *connection, const struct tunnel_target *target, int in, int out,
    void (*over)(void *self), void *self, struct why *why)
{
	enum err r;

	*tunnel = (struct tunnel){.over = over, .self = self};
	if ((r = tunnel_stream(tunnel, connection, target, why)) != OK)
		return r;
	sink_init(&tunnel->out, connection->loop, out, tunnel_drained, tunnel);
	return source_start(&tunnel->in, connection->loop, in, tunnel_took, tunnel, why);
}

enum err
tunnel_result(const struct tunnel *tunnel, struct why *why)
{
	if (tunnel->in.error != 0)
		return fail(why, ERR_SYSTEM, "reading: %s", strerror(tunnel->in.error));
	if (tunnel->out.error != 0)
		return fail(why, ERR_SYSTEM, "writing: %s", strerror(tunnel->out.error));
	if (tunnel->status.code != 0)
		return connection_why(&tunnel->status, grpc_err(tunnel->status.code), why);
	return OK;
}

void
tunnel_done(struct tunnel *tunnel)
{
	source_done(&tunnel->in);
	if (tunnel->out.loop != NULL)
		sink_done(&tunnel->out);
	if (tunnel->stream != NULL && !tunnel->ended)
		rpc_stream_cancel(tunnel->stream);
	tunnel->stream = NULL;
}
