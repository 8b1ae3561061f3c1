/* A server of the world's that speaks HTTP/2: it answers what it is asked, in the test's loop. */
#ifndef TESTS_BUS_ROUTER_H2_WORLD_H
#define TESTS_BUS_ROUTER_H2_WORLD_H

#include "tests/bus/router_stage.h"

#define H2_ASKED_MAX 16

/* One request that came whole. */
struct h2_asked {
	int32_t stream;
	char method[16], path[256], authorization[256], te[32], sum[32], body[1024];
	bool head, sum_behind; /* its head came whole; x-sum came behind it */
	size_t body_n;
	bool whole;
};

struct h2_world {
	struct tls_client tls;
	struct nghttp2_session *session;
	struct h2_asked asked[H2_ASKED_MAX];
	size_t asked_n;
	size_t answered; /* bytes of the answer that are left to send, of the one that is being sent */
	char text[65536];
	size_t text_n, text_at;
	bool trailer;
};

/* Someone comes, and HTTP/2 is agreed. */
void h2_world_accept(int listener, struct h2_world *world);
/* Turn until so many requests came whole. */
void h2_world_wait(struct h2_world *world, size_t requests);
/* Answer one: 200, with this body, and a trailer "grpc-status: 0" if wanted. */
void h2_world_answer(struct h2_world *world, size_t request, const char *text, bool trailer);
void h2_world_reset(struct h2_world *world, size_t request, uint32_t code);
void h2_world_goaway(struct h2_world *world);
void h2_world_end(struct h2_world *world);
/* One turn: what can be read and written. */
void h2_world_turn(struct h2_world *world);

#endif
