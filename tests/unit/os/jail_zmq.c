/* Runs libzmq with CURVE inside a jail: its threads start there, and an ipc and a tcp endpoint are served and dialled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/os/jail.h"

/* Bytes across one endpoint and back; 0, or the line that failed. */
static int
exchange(void *context, const char *endpoint, const char *public_key, const char *secret_key)
{
	void *server = zmq_socket(context, ZMQ_REP), *client = zmq_socket(context, ZMQ_REQ);
	int yes = 1, wait_ms = 5000;
	char text[8] = "";

	zmq_setsockopt(server, ZMQ_CURVE_SERVER, &yes, sizeof(yes));
	zmq_setsockopt(server, ZMQ_CURVE_SECRETKEY, secret_key, 41);
	zmq_setsockopt(client, ZMQ_CURVE_SERVERKEY, public_key, 41);
	zmq_setsockopt(client, ZMQ_CURVE_PUBLICKEY, public_key, 41);
	zmq_setsockopt(client, ZMQ_CURVE_SECRETKEY, secret_key, 41);
	zmq_setsockopt(server, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms));
	zmq_setsockopt(client, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms));
	if (zmq_bind(server, endpoint) < 0 || zmq_connect(client, endpoint) < 0)
		return __LINE__;
	if (zmq_send(client, "ping", 4, 0) != 4 || zmq_recv(server, text, sizeof(text), 0) != 4)
		return __LINE__;
	if (zmq_send(server, text, 4, 0) != 4 || zmq_recv(client, text, sizeof(text), 0) != 4)
		return __LINE__;
	zmq_close(client);
	zmq_close(server);
	return memcmp(text, "ping", 4) == 0 ? 0 : __LINE__;
}

int
main(int argc, char **argv)
{
	static const char *write_paths[] = {"/w", NULL};
	char public_key[41], secret_key[41], tcp[64];
	struct jail jail = {
	    .process = "zmq", .root = argv[1], .promises = PROMISE_STDIO | PROMISE_BUS, .write_paths = write_paths};
	struct why why = {0};
	void *context;
	int r;

	jail.uid = jail.gid = argc > 2 ? (uid_t)strtoul(argv[2], NULL, 10) : 0;
	zmq_curve_keypair(public_key, secret_key);
	if (jail_enter(&jail, &why) != OK) {
		printf("refused %s\n", why.text);
		return 1;
	}
	context = zmq_ctx_new();
	snprintf(tcp, sizeof(tcp), "tcp://127.0.0.1:%d", 20000 + getpid() % 40000);
	if ((r = exchange(context, "ipc:///w/bus", public_key, secret_key)) == 0)
		r = exchange(context, tcp, public_key, secret_key);
	zmq_ctx_term(context);
	printf(r == 0 ? "exchanged\n" : "failed in line %d: %s\n", r, zmq_strerror(zmq_errno()));
	return r != 0;
}
