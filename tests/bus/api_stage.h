/* The stage that tests of api stand on: state and relay played by the test, a real gRPC client before it. */
#ifndef TESTS_BUS_API_STAGE_H
#define TESTS_BUS_API_STAGE_H

#include "common/rpc/client.h"
#include "openshell/openshell.pb-c.h"
#include "tests/bus/script.h"
#include "tests/unit/rpc/pki.h"

#define OPENSHELL "/openshell.v1.OpenShell/"
#define GOT_MAX	  4096

extern const char *program;
extern char directory[64];
extern struct loop *loop;
extern struct daemon daemon_;
extern struct actor state, relay;
extern struct rpc_client *client;
extern uint16_t port;
extern struct pki pki; /* all NULL: plaintext */

extern const struct id sandbox;

/* What came of one call. */
struct got {
	struct rpc_stream *stream;
	struct arena arena;
	ProtobufCMessage *messages[GOT_MAX];
	size_t n;
	bool paused, ended;
	struct rpc_status status;
	size_t bytes; /* of output */
};

struct got *call(const char *path, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response);
void got_free(struct got *got);

/* Wait for the end and look at how it was. */
void got_ended(struct got *got, int code, const char *words);
void call_fails(const char *path, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response, int code,
    const char *words);

/* The same process once more, with the key that api knows. */
void actor_restart(struct actor *actor, enum role role, const char *name);

/* api with these settings between its peers. */
void house_open(const char *settings);
void house_close(void);

/* The peers are up at our end before api has read their welcome: ask until it says that it is well. */
void until_healthy(void);

/* Of a group of tests: open to all, over plaintext. */
int setup(void **unused);
int teardown(void **unused);

/* ---- sandbox demo ---- */

/* Its row in this phase, as state answers it; and the one of an answer or of a watch's event. */
struct msg row(uint8_t phase);
const Openshell__V1__Sandbox *sandbox_of(const struct got *got, size_t i);

/* A watch that state has begun; tail: what it answers first where logs are followed, else NULL. */
struct got *watch(Openshell__V1__WatchSandboxRequest *request, const struct msg *tail, uint64_t *number, uint8_t phase);

/* A command that is asked for; state answers this phase. */
struct got *exec_ask(Openshell__V1__ExecSandboxRequest *request, uint8_t phase);

/* Until it runs: its stream's number. */
uint64_t exec_started(void);

/* What the relay tells of a stream. */
void stream_bytes(uint64_t stream, uint8_t channel, uint64_t offset, const char *bytes, size_t n);
void stream_over(uint64_t stream, uint8_t channel, uint64_t offset);
void stream_credit(uint64_t stream, uint8_t channel, uint64_t limit);
void exec_exit(uint64_t stream, uint16_t code);

/* Channel 1 of a stream into api: what was written, and how far its credit goes. */
struct feed {
	uint64_t stream, sent, limit;
};

/* Write as much as there is credit for, in pieces of at most that size, until so many bytes have gone, or none for quiet_ms. */
void feed_until(struct feed *feed, uint64_t all, size_t piece, unsigned quiet_ms);

/* A bidirectional call that has sent its first message. */
struct got *talk(const char *path, const ProtobufCMessage *first, const ProtobufCMessageDescriptor *response);

/* A test of its own, and after others: it answers, and knows who asks. */
void health_and_user(void **unused);

#endif
