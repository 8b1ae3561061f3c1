/* forward: ForwardTcp: a caller's byte stream to a sandbox's SSH server or to a port of the agent's. */
#include <sodium.h>

#include "common/base/clean.h"
#include "services/api/ask.h"
#include "services/api/check.h"
#include "services/api/intake.h"
#include "services/api/methods.h"
#include "services/api/target.h"

#define DATA_BYTES_MAX	  65536
#define OF_TOKEN_MAX	  3
#define OF_SANDBOX_MAX	  20
#define SERVICE_BYTES_MAX 253 /* of service_id, which is for the log */

struct forward {
	struct work work; /* the state of its call, once its token is known to be good */
	struct list link; /* in api->forwards: counted while the call is open */
	struct id sandbox, session;
	struct passage *passage;
	struct intake intake;
	enum door door;
	struct span host;
	uint16_t port;
	bool opened;
};

static void
forward_done(struct forward *forward)
{
	list_remove(&forward->link);
	intake_done(&forward->intake);
}

/* ---- from the passage ---- */

static void
opened(void *self)
{
	struct forward *forward = self;

	forward->opened = true;
	intake_flow(&forward->intake, forward->passage);
}

static bool
data(void *self, uint8_t channel, struct span bytes)
{
	Openshell__V1__TcpForwardFrame frame = OPENSHELL__V1__TCP_FORWARD_FRAME__INIT;
	struct forward *forward = self;

	(void)channel;
	if (rpc_room(forward->work.call) == 0)
		return false;
	frame.payload_case = OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_DATA;
	frame.data = (ProtobufCBinaryData){bytes.length, (uint8_t *)bytes.at};
	rpc_send(forward->work.call, &frame.base);
	return true;
}

/* gRPC has no other way to tell a caller that nothing more comes than the end of the call. */
static void
ended(void *self, uint8_t channel)
{
	struct forward *forward = self;

	(void)channel;
	passage_leave(forward->passage);
	forward_done(forward);
	call_fail(forward->work.call, OK, NULL);
}

static void
room(void *self, uint8_t channel)
{
	struct forward *forward = self;

	if (channel == 0)
		intake_flow(&forward->intake, forward->passage);
}

/* What the sandbox refuses is no fault of the call's: callers take NOT_FOUND and FAILED_PRECONDITION for the sandbox's.
 */
static void
over(void *self, enum err r, uint16_t exit_code, const struct why *reason)
{
	struct forward *forward = self;
	struct why why = {0};

	(void)exit_code;
	if (r != OK)
		why = *reason;
	if (r != OK && r != ERR_TIMEOUT && r != ERR_LIMIT && r != ERR_UNAVAILABLE)
		r = because(&why, ERR_UNAVAILABLE, "supervisor relay failed");
	forward_done(forward);
	call_fail(forward->work.call, r, &why);
}

static const struct passage_owner owner = {.opened = opened, .data = data, .ended = ended, .room = room, .over = over};

/* ---- the call ---- */

static void
gone(struct work *work)
{
	struct forward *forward = (struct forward *)work;

	passage_leave(forward->passage);
	forward_done(forward);
}

static void
writable(struct work *work)
{
	passage_read(((struct forward *)work)->passage);
}

/* One more for this token, and this sandbox? */
static enum err
room_check(struct api *api, const struct forward *forward, struct why *why)
{
	struct list *bucket = &api->forwards[forward->sandbox.bytes[0] % API_BUCKETS];
	unsigned of_session = 0, of_sandbox = 0;
	struct forward *other;

	list_each(other, bucket, struct forward, link) {
		of_session += id_equal(other->session, forward->session);
		of_sandbox += id_equal(other->sandbox, forward->sandbox);
	}
	if (of_session >= OF_TOKEN_MAX)
		return fail(why, ERR_LIMIT, "%d connections are open with this token, which is the most", OF_TOKEN_MAX);
	if (of_sandbox >= OF_SANDBOX_MAX)
		return fail(
		    why, ERR_LIMIT, "%d connections are open to this sandbox, which is the most", OF_SANDBOX_MAX);
	return OK;
}

static void
checked(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct forward *forward = ask->detail;
	struct rpc_call *call = ask->work.call;
	struct api *api = ask->work.api;

	if (r == OK) {
		forward->sandbox = answer->ssh_session_good.sandbox;
		forward->session = answer->ssh_session_good.session;
		r = room_check(api, forward, why);
	}
	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	forward->work = (struct work){.api = api, .call = call, .gone = gone, .writable = writable};
	list_append(&api->forwards[forward->sandbox.bytes[0] % API_BUCKETS], &forward->link);
	rpc_set_state(call, &forward->work);
	passage_set_queue(call);
	rpc_begin(call);
	forward->passage =
	    passage_door(api, forward->sandbox, forward->door, forward->host, forward->port, &owner, forward);
}

/* Loopback of the sandbox alone: beyond it is what its policy is for. */
static enum err
target_tcp(const Openshell__V1__TcpRelayTarget *in, struct forward *out, struct why *why)
{
	static const char *const hosts[] = {"127.0.0.1", "::1", "localhost"};

	if (in->port < 1 || in->port > UINT16_MAX)
		return fail(why, ERR_INVALID, "tcp.port: %u is not within 1 to 65535", in->port);
	for (size_t i = 0; i < COUNT(hosts); i++)
		if (span_is(span_of_text(in->host), hosts[i]))
			out->host = span_of_text(hosts[i]);
	if (out->host.length == 0)
		return fail(why, ERR_INVALID, "tcp.host must be 127.0.0.1, ::1 or localhost");
	out->door = DOOR_TCP;
	out->port = (uint16_t)in->port;
	return OK;
}

static enum err
init_read(const Openshell__V1__TcpForwardInit *in, struct forward *out, struct msg_ssh_session_check *question,
    uint8_t hash[32], struct why *why)
{
	struct span token = span_of_text(in->authorization_token);
	struct msg_sandbox_get target = {0};
	enum err r;

	if ((r = target_read(in->sandbox_id, in->workspace, &target, why)) != OK)
		return r;
	if (span_of_text(in->service_id).length > SERVICE_BYTES_MAX)
		return fail(why, ERR_INVALID, "service_id has more than %d bytes", SERVICE_BYTES_MAX);
	out->door = DOOR_SSH;
	if (in->target_case == OPENSHELL__V1__TCP_FORWARD_INIT__TARGET_TCP)
		r = target_tcp(in->tcp, out, why);
	else if (in->target_case != OPENSHELL__V1__TCP_FORWARD_INIT__TARGET_SSH)
		r = fail(why, ERR_INVALID, "target is required: ssh or tcp");
	if (r != OK)
		return r;
	crypto_hash_sha256(hash, (const uint8_t *)token.at, token.length);
	*question = (struct msg_ssh_session_check){
	    target.sandbox, target.workspace, target.name, span_of_bytes(hash, 32), out->door == DOOR_SSH};
	return OK;
}

static void
begin(struct api *api, struct rpc_call *call, const Openshell__V1__TcpForwardFrame *in)
{
	struct msg question = {.id = SSH_SESSION_CHECK};
	struct forward forward = {0};
	struct why why = {0};
	struct ask *ask;
	uint8_t hash[32];
	enum err r;

	if (in == NULL || in->payload_case != OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_INIT)
		r = fail(&why, ERR_INVALID, "the first frame must be init");
	else
		r = init_read(in->init, &forward, &question.ssh_session_check, hash, &why);
	if (r != OK) {
		call_fail(call, r, &why);
		return;
	}
	if ((ask = ask_new(api, call, NULL, sizeof(forward))) == NULL)
		return;
	memcpy(ask->detail, &forward, sizeof(forward));
	intake_hold(&((struct forward *)ask->detail)->intake, call); /* until the door is open */
	ask_put(ask, ROLE_STATE, &question, SSH_SESSION_GOOD, checked);
}

static void
data_take(struct forward *forward, const Openshell__V1__TcpForwardFrame *in)
{
	struct why why = {0};

	if (in->payload_case == OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_DATA && in->data.len <= DATA_BYTES_MAX) {
		intake_take(&forward->intake, forward->passage, span_of_bytes(in->data.data, in->data.len));
		return;
	}
	gone(&forward->work);
	call_fail(forward->work.call,
	    fail(&why, ERR_INVALID, "after init each frame has data, of at most %d bytes", DATA_BYTES_MAX), &why);
}

/*
 * ForwardTcp. A caller that half-closes has ended its way; the other way's end ends the call.
 *
 * errors  INVALID_ARGUMENT init is missing or names no loopback target, a frame is too long; NOT_FOUND,
 * FAILED_PRECONDITION the sandbox; UNAUTHENTICATED the token; RESOURCE_EXHAUSTED connections of the token or the
 * sandbox; UNAVAILABLE no session within 15 s, nobody listens there, lost; DEADLINE_EXCEEDED the sandbox is silent
 */
void
tcp_forward(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__TcpForwardFrame *in = (const Openshell__V1__TcpForwardFrame *)message;
	struct forward *forward = rpc_state(call);

	if (forward == NULL)
		begin(self, call, in);
	else if (in == NULL)
		intake_end(&forward->intake, forward->passage);
	else
		data_take(forward, in);
}
