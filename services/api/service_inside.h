/* What the files of services share: where requests go, the connections into sandboxes, and one exchange over one of them. */
#ifndef API_SERVICE_INSIDE_H
#define API_SERVICE_INSIDE_H

#include "common/rpc/buffer.h"
#include "common/wire/http_chunk.h"
#include "services/api/api.h"
#include "services/api/passage.h"

#define TARGET_READY 2 /* phase of service_routed, as in sandbox_row */

struct exchange;

/* Where a service's requests go, as state said; in the order of use. */
struct target {
	struct list link;    /* in services.targets */
	struct list waiting; /* struct exchange, by lookup: for the answer */
	struct list users;   /* the same: they go by it */
	uint64_t number;     /* of the route; state tells by it that all may be otherwise */
	uint64_t question;   /* to state, not answered */
	bool known,
	    doubtful; /* it was answered; by a state that is gone: asked anew, and gone by while the new one cannot say */
	struct peer *state; /* referenced */
	struct api *api;
	struct service_name name;
	struct id sandbox;
	uint16_t port;
	uint8_t phase;
};

/* One connection to a port in a sandbox. */
struct upstream {
	struct api *api;
	struct passage *passage;
	struct list link; /* in services.idle while nobody uses it */
	struct timer idle;
	struct id sandbox;
	uint16_t port;
	bool opened, ended;	   /* ended: the server has closed its side */
	bool reused;		   /* it has served an exchange before */
	struct exchange *exchange; /* NULL: idle */
};

/* One request and its answer. */
struct exchange {
	struct work work;
	struct list lookup; /* in target.waiting, then target.users */
	struct upstream *upstream;
	struct id sandbox;
	uint16_t port;
	bool upgrade, head_only, safe; /* safe: it may be asked a second time */
	/* on its way in */
	struct span head; /* in the call's arena */
	enum http_body body;
	uint64_t body_length;
	struct buffer to;
	bool sent; /* all of the request has gone */
	/* on its way out */
	struct buffer from;
	bool begun, raw, keep; /* keep: the connection may serve another one */
	bool reused;	       /* the connection that was lost had served another one */
	unsigned interim;
	enum http_body answer;
	uint64_t answer_left;
	struct http_chunk chunk;
	struct rpc_field trailers[HTTP_TRAILERS_MAX];
	size_t trailers_n;
};

/* ---- service_target.c: where do requests for that name go? ---- */

/* exchange_routed or exchange_refused follows, maybe at once. */
void target_find(struct exchange *exchange, const struct service_name *name);
void target_forget(struct exchange *exchange); /* it is over */

/* ---- service_upstream.c ---- */

/* An idle connection, if one may be used, or a new one. exchange_opened follows, later for a new one. */
struct upstream *upstream_get(struct exchange *exchange, bool idle_too);

/* The exchange is done with it: kept for another one, or closed. */
void upstream_release(struct upstream *upstream, bool keep);

/* ---- service_exchange.c: what an exchange hears ---- */
void exchange_routed(struct exchange *exchange, const struct target *target);
void exchange_refused(struct exchange *exchange, int status, const char *words); /* cut, when it has begun */
void exchange_opened(struct exchange *exchange);
void exchange_room(struct exchange *exchange);
bool exchange_data(struct exchange *exchange, struct span bytes);		  /* false: no room now */
void exchange_ended(struct exchange *exchange);					  /* the server closed its side */
void exchange_lost(struct exchange *exchange, enum err r, const struct why *why); /* the upstream is gone */

struct exchange *exchange_new(
    struct api *api, struct rpc_call *call); /* of a call that is a service's; target_find follows */

/* ---- service_request.c: the request's bytes ---- */

/* How its body goes on, and its head. Errors: what service_request_write says; ERR_LIMIT */
enum err request_begin(struct exchange *exchange, struct why *why) must_check;

/* More of the body into exchange->to. false: none is there. */
bool request_body_next(struct exchange *exchange);

/* ---- service_answer.c: the answer's bytes ---- */

/* Read on in what has come. OK; ERR_PROTOCOL it is no answer. over: the answer is whole and was passed on. */
enum err exchange_read(struct exchange *exchange, bool *over, struct why *why) must_check;

#endif
