/* The stage of the tests of router: the router alone, between a supervisor and a proxy that the test plays, in a world of
 * TLS servers that it plays too. */
#ifndef TESTS_BUS_ROUTER_STAGE_H
#define TESTS_BUS_ROUTER_STAGE_H

#include "tests/bus/proxy_tls.h"
#include "tests/bus/script.h"

#define CANARY "s3cr3t-Canary/+="
#define OTHER  "other-secret"

extern struct loop *loop;
extern struct actor supervisor, proxy;
extern struct child child;

/* The program under test and perhaps one test's name, from the command line; false: no program. */
bool stage_begin(int argc, char **argv);

/* Around each test: the router is set up and has a proxy, which was told that there are no secrets. */
int setup(void **unused);
int teardown(void **unused);

/* The same without a proxy. */
int setup_bare(void **unused);
void router_again(void); /* it was killed: another, set up, without secrets or proxy */

/* ---- secrets ---- */

extern const struct id own_sandbox;
#define OWN_EPOCH 3

/* A push as credentials and state make it; the caller may spoil it before it is sent. */
struct push {
	struct msg msg;
	uint8_t box[65536];
};
void push_make(struct push *push, uint64_t revision, uint16_t chunk, uint16_t chunks,
    const struct msg_secret_entry *entries, size_t n);
/* Boxed with a key that is not credentials'. */
void push_forge(struct push *push, uint64_t revision, const struct msg_secret_entry *entries, size_t n);
void push_send(const struct push *push);

/* The usual secrets: tokens v5_TOK (*.test, below /repos/), v5_OTHER (other.test), v5_OLD (expired), v5_LINE (holds a line
 * break), v5_DOTS, v5_SEEN (redacted), and the backend openai (up.test, plain). All at the port of the world's server. */
void secrets_send(uint64_t revision, uint16_t port);

/* What the router says of a revision. */
void expect_applied(uint64_t revision, bool loaded, const char *words);

/* ---- the proxy ---- */

void proxy_give(void);
/* The proxy answers `slots`; how many tokens came. */
size_t slots_hear(uint64_t revision);

/* A GET to up.test of /repos/x with "authorization: Bearer <v5_TOK>"; the caller changes what it likes. */
struct request_script {
	struct msg msg;
	struct msg_piece path[8], query[8], authorization[4], more[4];
	struct msg_route_field fields[8];
	struct span addresses[2];
};
void request_begin(struct request_script *script, uint64_t stream, uint16_t port);
void request_field(struct request_script *script, const char *name, const char *value);
/* Sent, with credit for the answer. */
void request_send(struct request_script *script);
void grant(uint64_t stream, uint8_t channel, uint64_t limit);

/* A refusal with this code, and nothing before it. */
void expect_refusal(uint64_t stream, const char *code);
/* The end of a whole answer. */
void expect_whole(uint64_t stream);
/* A head; checked for a field, unless name is NULL. */
void expect_head(uint64_t stream, unsigned status, const char *name, const char *value);
/* Bytes on channel 1. */
void expect_answer(uint64_t stream, const char *text);

/* ---- the world ---- */

const char *stage_trust(void); /* PEM of its authority */

int world_listen(uint16_t *port);
/* Someone comes, and TLS stands, with a certificate of that name. */
void world_accept(int listener, struct tls_client *world, const char *name);
void world_expect(struct tls_client *world, const char *text);
void world_read(struct tls_client *world, char *bytes, size_t n);
void world_say(struct tls_client *world, const char *text);
void until_readable(int fd);

#endif
