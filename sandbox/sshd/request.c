/* Requests: a table of what is answered how; all else is refused, as X11, agents and unknown ones are. */
#define SSH_SUPPRESS_DEPRECATED /* libssh's other way to read a request answers it before we can ask anybody */
#include "sandbox/sshd/request.h"

#include <libssh/server.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "sandbox/sshd/attach.h"
#include "sandbox/sshd/command.h"
#include "sandbox/sshd/forward.h"
#include "sandbox/sshd/listen.h"

/* What became of one: it is still to be answered, it has been, or somebody keeps it and answers later. */
enum answered { REFUSED, GRANTED, ANSWERED, KEPT };

/* ---- who it is: anybody, as the relay let them through ---- */

static enum answered
admit(struct sshd *sshd, ssh_message message)
{
	sshd->authenticated = true;
	loop_timer_stop(sshd->loop, &sshd->grace);
	return ssh_message_auth_reply_success(message, 0) == SSH_OK ? ANSWERED : REFUSED;
}

/* Any key, once it has signed. */
static enum answered
public_key(struct sshd *sshd, ssh_message message)
{
	enum ssh_publickey_state_e state = ssh_message_auth_publickey_state(message);

	if (state == SSH_PUBLICKEY_STATE_VALID)
		return admit(sshd, message);
	if (state == SSH_PUBLICKEY_STATE_NONE && ssh_message_auth_reply_pk_ok_simple(message) == SSH_OK)
		return ANSWERED;
	return REFUSED;
}

static enum answered
service(struct sshd *sshd, ssh_message message)
{
	(void)sshd;
	return ssh_message_service_reply_success(message) == SSH_OK ? ANSWERED : REFUSED;
}

/* ---- channels and ports ---- */

static enum answered
session_open(struct sshd *sshd, ssh_message message)
{
	struct lane *lane;
	ssh_channel channel;
	struct why why;

	if (lane_new(sshd, &lane, &why) != OK) {
		log_info("channel.refused", "why=\"%s\"", why.text);
		return REFUSED;
	}
	if ((channel = ssh_message_channel_request_open_reply_accept(message)) == NULL ||
	    lane_join(lane, channel, &why) != OK)
		lane_free(lane);
	return ANSWERED;
}

static uint16_t
port_of(int port)
{
	return port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

static enum answered
direct_open(struct sshd *sshd, ssh_message message)
{
	forward_open(sshd, message, span_of_text(ssh_message_channel_request_open_destination(message)),
	    port_of(ssh_message_channel_request_open_destination_port(message)));
	return KEPT;
}

static enum answered
ports_listen(struct sshd *sshd, ssh_message message)
{
	listen_start(sshd, message, ssh_message_global_request_address(message),
	    port_of(ssh_message_global_request_port(message)));
	return KEPT;
}

static enum answered
ports_stop(struct sshd *sshd, ssh_message message)
{
	if (!listen_stop(
		sshd, ssh_message_global_request_address(message), port_of(ssh_message_global_request_port(message))))
		return REFUSED;
	return ssh_message_global_request_reply_success(message, 0) == SSH_OK ? ANSWERED : REFUSED;
}

/* ---- on a session's channel ---- */

static uint16_t
side(int cells)
{
	return cells > 0 && cells <= UINT16_MAX ? (uint16_t)cells : 0;
}

static enum answered
terminal(struct lane *lane, ssh_message message)
{
	if (lane->kind != NULL || lane->terminal)
		return REFUSED;
	lane->terminal = true;
	lane->columns = side(ssh_message_channel_request_pty_width(message));
	lane->rows = side(ssh_message_channel_request_pty_height(message));
	(void)span_copy(span_of_text(ssh_message_channel_request_pty_term(message)), lane->term, sizeof(lane->term));
	return GRANTED;
}

static enum answered
resize(struct lane *lane, ssh_message message)
{
	lane->columns = side(ssh_message_channel_request_pty_width(message));
	lane->rows = side(ssh_message_channel_request_pty_height(message));
	if (lane->kind != NULL && lane->kind->resize != NULL && lane->columns > 0 && lane->rows > 0)
		lane->kind->resize(lane);
	return GRANTED;
}

/* Words for a person's terminal: printable ASCII, or none. */
static void
take_hint(struct lane *lane, struct span words)
{
	for (size_t i = 0; i < words.length; i++)
		if (words.at[i] < ' ' || words.at[i] > '~')
			return;
	(void)span_copy(words, lane->hint, sizeof(lane->hint));
}

/* Two variables mean something to us; none reaches a command. */
static enum answered
variable(struct lane *lane, ssh_message message)
{
	struct span name = span_of_text(ssh_message_channel_request_env_name(message));
	struct span value = span_of_text(ssh_message_channel_request_env_value(message));

	if (span_is(name, "OPENSHELL_MAIN_READ_ONLY"))
		lane->read_only = span_is(value, "1");
	else if (span_is(name, "OPENSHELL_MAIN_HINT"))
		take_hint(lane, value);
	else
		return REFUSED;
	return GRANTED;
}

static enum answered
run(struct lane *lane, const struct command_line *line)
{
	if (lane->kind != NULL || lane->leave)
		return REFUSED;
	command_start(lane, line);
	return GRANTED;
}

static enum answered
shell(struct lane *lane, ssh_message message)
{
	const struct command_line line = command_shell(lane->sshd->setup.bash);

	(void)message;
	return run(lane, &line);
}

static enum answered
exec(struct lane *lane, ssh_message message)
{
	const char *words = ssh_message_channel_request_command(message);
	const struct command_line line = command_exec(lane->sshd->setup.bash, span_of_text(words));

	return run(lane, &line);
}

static enum answered
subsystem(struct lane *lane, ssh_message message)
{
	struct span name = span_of_text(ssh_message_channel_request_subsystem(message));
	const struct command_line sftp = command_sftp();

	if (span_is(name, "sftp")) {
		lane->terminal = false;
		return run(lane, &sftp);
	}
	if (!span_is(name, "openshell-main") || lane->kind != NULL || lane->leave)
		return REFUSED;
	attach_start(lane);
	return GRANTED;
}

/* ---- the tables ---- */

static const struct {
	int type, subtype; /* of libssh: ssh_requests_e; -1: any */
	enum answered (*take)(struct sshd *sshd, ssh_message message);
} requests[] = {
    {SSH_REQUEST_AUTH, SSH_AUTH_METHOD_NONE, admit},
    {SSH_REQUEST_AUTH, SSH_AUTH_METHOD_PUBLICKEY, public_key},
    {SSH_REQUEST_SERVICE, -1, service},
    {SSH_REQUEST_CHANNEL_OPEN, SSH_CHANNEL_SESSION, session_open},
    {SSH_REQUEST_CHANNEL_OPEN, SSH_CHANNEL_DIRECT_TCPIP, direct_open},
    {SSH_REQUEST_GLOBAL, SSH_GLOBAL_REQUEST_TCPIP_FORWARD, ports_listen},
    {SSH_REQUEST_GLOBAL, SSH_GLOBAL_REQUEST_CANCEL_TCPIP_FORWARD, ports_stop},
};

static const struct {
	int subtype; /* ssh_channel_requests_e */
	enum answered (*take)(struct lane *lane, ssh_message message);
} channel_requests[] = {
    {SSH_CHANNEL_REQUEST_PTY, terminal},
    {SSH_CHANNEL_REQUEST_WINDOW_CHANGE, resize},
    {SSH_CHANNEL_REQUEST_ENV, variable},
    {SSH_CHANNEL_REQUEST_SHELL, shell},
    {SSH_CHANNEL_REQUEST_EXEC, exec},
    {SSH_CHANNEL_REQUEST_SUBSYSTEM, subsystem},
};

/* Of a channel that is gone there is no lane any more: then the message's channel is not to be looked at. */
static struct lane *
lane_of(struct sshd *sshd, ssh_message message)
{
	ssh_channel channel = ssh_message_channel_request_channel(message);
	struct lane *lane;

	list_each(lane, &sshd->lanes, struct lane, in_sshd)
		if (lane->channel == channel)
			return lane;
	return NULL;
}

static enum answered
of_channel(struct sshd *sshd, ssh_message message)
{
	struct lane *lane = lane_of(sshd, message);

	if (lane == NULL)
		return ANSWERED;
	for (size_t i = 0; i < COUNT(channel_requests); i++)
		if (channel_requests[i].subtype == ssh_message_subtype(message))
			return channel_requests[i].take(lane, message);
	return REFUSED;
}

static enum answered
answer(struct sshd *sshd, ssh_message message)
{
	int type = ssh_message_type(message), subtype = ssh_message_subtype(message);

	if (type == SSH_REQUEST_CHANNEL)
		return of_channel(sshd, message);
	for (size_t i = 0; i < COUNT(requests); i++)
		if (requests[i].type == type && (requests[i].subtype == -1 || requests[i].subtype == subtype))
			return requests[i].take(sshd, message);
	return REFUSED;
}

void
request_take(struct sshd *sshd, ssh_message message)
{
	enum answered answered = answer(sshd, message);
	int r = SSH_OK;

	if (answered == KEPT)
		return;
	if (answered == REFUSED)
		r = ssh_message_reply_default(message);
	else if (answered == GRANTED)
		r = ssh_message_channel_request_reply_success(message);
	if (r != SSH_OK)
		log_debug("request.unanswered", "type=%d", ssh_message_type(message));
	ssh_message_free(message);
}
