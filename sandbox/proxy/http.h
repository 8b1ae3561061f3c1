/*
 * What the files of the HTTP relay share and nobody else includes. An agent's connection (struct http) has exchanges:
 * one request and its answer each. The front speaks with the agent, backs speak with upstream, each in HTTP/1 or HTTP/2;
 * an exchange stands between one front and one back and knows neither's protocol. Nothing is freed inside a callback:
 * what is over is buried when it ends (http_settle).
 */
#ifndef SANDBOX_PROXY_HTTP_H
#define SANDBOX_PROXY_HTTP_H

#include <nghttp2/nghttp2.h>

#include "common/wire/http_chunk.h"
#include "common/wire/http_head.h"
#include "common/wire/http_target.h"
#include "sandbox/proxy/connection.h"
#include "sandbox/proxy/refusal.h"
#include "common/leg/side.h"

#define STREAMS_MAX	   100	  /* exchanges at once on an HTTP/2 connection */
#define PIPELINE_MAX	   16	  /* requests read ahead on an HTTP/1 connection */
#define BACKS_MAX	   32	  /* connections upstream of one agent's connection */
#define IDLE_MAX	   128	  /* of all, kept without an exchange */
#define STREAM_OUT_BYTES   32768  /* of a body, waiting for an HTTP/2 window */
#define STREAM_AGENT_BYTES 65535  /* window of a stream towards us, from the agent */
#define STREAM_BACK_BYTES  262144 /* and from upstream, which is further away */
#define INTERIM_MAX	   32	  /* 1xx of one answer */
#define UNWANTED_MAX                                                                                                   \
	(1u << 20)	   /* of a request whose answer is whole: clients that write before they read get to see it */
#define UNUSED_MAX	16 /* ranges of stream numbers that an agent passed over */
#define HELD_MAX_BYTES	(256u << 20) /* of bodies and heads on their way, of all connections */
#define EXCHANGE_INLINE 4096	     /* memory of an exchange without asking for more */
#define EXCHANGE_BYTES	(192u << 10)
#define SPARES_MAX	64 /* exchanges kept for the next requests, of all connections */

#define HTTP_HEAD_MS	  10000	 /* S23 */
#define HTTP_FIRST_MS	  120000 /* idle before the first request */
#define HTTP_IDLE_MS	  300000 /* idle between requests */
#define HTTP_HALF_MS	  60000	 /* an answer still under way to an agent that has ended its sending */
#define HTTP_BACK_IDLE_MS 30000	 /* upstream, kept for the next exchange */

struct http;
struct exchange;
struct back;
struct tunnel;
struct inject;
struct model_call;
struct placeholder_tail;

/* What the other side of an HTTP/2 connection may still make us do for nothing, in thousandths of a frame. */
struct h2_budget {
	int64_t left;
	uint64_t ms; /* of the clock, when that was so */
};

/* One direction pair of an HTTP/2 stream, as one of our two sessions sees it. */
struct flow {
	struct exchange *exchange;
	int32_t stream; /* 0: none */
	struct bytes in, out;
	bool in_ended;	/* all of it is in `in` */
	bool out_ended; /* nothing is added to out any more */
	bool deferred;	/* nghttp2 waits for us */
	bool starved;	/* there was no room: tell when there is again */
	bool head_done; /* of an answer from upstream: what follows are trailers */
	bool counted;	/* `left` is known */
	uint64_t left;	/* to be sent yet; the last of it goes with the end, or clients reset what they have whole */
	struct http_field *trailers_in;
	const struct http_field *trailers_out;
	size_t trailers_in_n, trailers_out_n;
};

enum exchange_state {
	EXCHANGE_JUDGING,    /* policyd is asked */
	EXCHANGE_COLLECTING, /* the body is read, to be looked at */
	EXCHANGE_DECIDED,    /* may go on when it is its turn */
	EXCHANGE_WAITING,    /* for a connection upstream */
	EXCHANGE_SENT,	     /* its head is written */
	EXCHANGE_REFUSED,    /* answered here: what still comes is dropped */
	EXCHANGE_OVER,	     /* to be buried */
};

struct exchange {
	struct http *http;
	struct list link;    /* in http.exchanges, in the order they came; in http.dead when over */
	struct list waiting; /* in http.waiting */
	enum exchange_state state;
	struct flow front, upstream; /* with HTTP/2 on that side */
	struct back *back;
	/* the request */
	struct http_target target; /* path canonical */
	bool upgrade;		   /* a WebSocket, or (uninspected) another upgrade */
	bool websocket;
	bool request_done; /* all of it came from the agent */
	bool request_sent; /* all of it went upstream */
	bool body_begun;   /* some of it went upstream: no second try */
	bool retried;
	bool bad;	   /* its head breaks a rule (HTTP/2, while it comes) */
	size_t head_bytes; /* of an HTTP/2 head, so far */
	/* the decision */
	uint64_t judging; /* judge_request, or 0 */
	bool refuse;	  /* DECIDED: answer refusal, else send */
	bool close;	  /* answer nothing, close */
	struct refusal refusal;
	bool messages, messages_graphql; /* of a WebSocket */
	bool messages_free;		 /* they are read for placeholders only, and pass unjudged */
	bool deflate_offered, deflate;	 /* permessage-deflate, to the server; agreed */
	struct span policy;
	struct {
		bool wanted;
		uint8_t what; /* ALLOWED or AUDITED */
		struct span rule, code, reason;
	} untold;     /* its event, until some of it goes upstream: what is never sent was not allowed */
	uint8_t look; /* of a body: enum engine_look */
	bool tool_names;
	size_t body_max;
	struct bytes collected;
	bool collected_whole;		   /* it is sent in place of what came */
	const struct http_field *trailers; /* that stood behind it; one that passes has them with its end */
	size_t trailers_n;
	size_t held_beside;	      /* bytes that a model call holds for it, besides its own */
	bool collecting;	      /* for inject_body.c, once it is allowed */
	struct model_call *inference; /* NULL: no model is asked */
	/* credentials (inject.h) */
	struct inject *inject;		     /* what is to be filled; NULL: nothing */
	bool rewrite_body, rewrite_messages; /* as its endpoint says */
	uint8_t signing;		     /* as its verdict says; 0: not */
	struct span sign_service, sign_region;
	struct placeholder_tail *tail; /* of a body that passes unread */
	uint64_t passed;	       /* bytes of it */
	/* the answer */
	bool head;	   /* to HEAD */
	bool answer_begun; /* its head went to the agent */
	bool answer_done;
	bool answer_chunked; /* HTTP/1 front */
	bool answer_last;    /* HTTP/1 front: the connection closes behind it */
	unsigned interims;
	/* memory */
	size_t inline_used;
	struct arena more;
	struct http_head request;
	_Alignas(16) char inline_bytes[EXCHANGE_INLINE];
};

/* What speaks with the agent. */
struct front {
	bool (*turn_of)(struct exchange *exchange); /* may it go upstream, or be answered, now? */
	void (*head)(struct exchange *exchange, const struct http_head *answer); /* also 1xx */
	size_t (*room)(struct exchange *exchange);
	void (*body)(struct exchange *exchange, struct span bytes); /* at most room */
	void (*end)(struct exchange *exchange, const struct http_field *trailers, size_t n);
	void (*broken)(struct exchange *exchange); /* the answer ends in the middle */
	void (*resume)(struct exchange *exchange); /* exchange_room has grown: go on with its body */
	void (*over)(struct exchange *exchange);   /* the answer is whole */
	void (*goodbye)(struct http *http);	   /* the connection is ended by us */
	void (*drop)(struct http *http);
};

/* What speaks with upstream. */
struct back_kind {
	bool (*start)(struct back *back, struct exchange *exchange); /* write its head; false: it takes no more */
	size_t (*room)(struct exchange *exchange);
	void (*body)(struct exchange *exchange, struct span bytes);
	void (*end)(struct exchange *exchange, const struct http_field *trailers, size_t n);
	void (*resume)(struct exchange *exchange); /* the front has room: go on with the answer */
	void (*leave)(struct exchange *exchange);  /* it is over for the exchange, whole or not */
	void (*drop)(struct back *back);
};

enum back_state { BACK_DIALLING, BACK_OPEN, BACK_DEAD };

struct back {
	struct http *http;
	struct list link; /* in http.backs; in http.dead_backs when dead */
	enum back_state state;
	const struct back_kind *kind; /* when open */
	uint64_t dialling;
	bool plain; /* HTTP/1 was asked for: an upgrade waits for it */
	struct side side;
	struct timer idle;
	bool idles; /* counted in proxy.idle_n */
	/* HTTP/1 */
	struct exchange *exchange; /* NULL: idle */
	bool used;		   /* has served one before */
	bool answer_head;	   /* of this exchange is read */
	bool keep, keep_after;	   /* it may serve another; once this answer is whole */
	enum http_body body;
	uint64_t left;
	struct http_chunk chunk;
	/* HTTP/2 */
	nghttp2_session *session;
	unsigned streams;
	struct h2_budget budget;
	bool going;		  /* GOAWAY */
	struct http_head *answer; /* being read */
	size_t answer_bytes;
	bool answer_bad;
};

struct http {
	struct connection *connection;
	struct loop *loop;
	struct sides sides;
	struct side agent;
	const struct front *front;
	struct list exchanges, dead, waiting, backs, dead_backs;
	size_t exchanges_n, backs_n;
	struct timer limit;
	uint64_t limit_ms; /* which limit runs; 0: none */
	bool forward;	   /* one absolute-form request to the explicit proxy */
	bool asked;	   /* a request came */
	bool ending;	   /* no more requests; over when those that are there have ended */
	bool over;	   /* bury it */
	bool offers_h2;	   /* to upstream: the agent speaks it, or the server nothing else */
	bool upstream_h2;  /* what ALPN said */
	bool upstream_known;
	struct tunnel *tunnel; /* after 101 */
	/* HTTP/1 front */
	struct exchange *reading; /* whose body comes */
	struct http_chunk chunk;
	uint64_t left;
	/* HTTP/2 front */
	nghttp2_session *session;
	size_t block_bytes; /* of a header block that has not ended */
	bool in_block;
	int32_t highest; /* stream that the agent opened */
	struct {
		int32_t first, last;
	} unused[UNUSED_MAX]; /* below it: numbers that were passed over, the newest such ranges */
	size_t unused_n;
	struct h2_budget budget;
};

/* http.c */
void http_settle(void *http);
void http_over(struct http *http); /* all of it, at once */
void http_limit(struct http *http, uint64_t ms);
void http_event(struct http *http, struct exchange *exchange, const char *head, int action, struct span policy,
    struct span rule, struct span code, struct span reason);

/* exchange.c: the front calls */
struct exchange *exchange_new(struct http *http);
void *exchange_alloc(struct exchange *exchange, size_t bytes);		 /* NULL past EXCHANGE_BYTES; not zeroed */
struct span exchange_copy(struct exchange *exchange, struct span bytes); /* SPAN_NONE past it */
/* Copies of the trailers that go on; false past EXCHANGE_BYTES. */
bool exchange_trailers(struct exchange *exchange, const struct http_field *trailers, size_t n,
    const struct http_field **out, size_t *out_n);
void exchange_begin(struct exchange *exchange);	 /* its head is whole, in request */
size_t exchange_room(struct exchange *exchange); /* for more of its body */
void exchange_body(struct exchange *exchange, struct span bytes);
void exchange_body_end(struct exchange *exchange, const struct http_field *trailers, size_t n);
bool exchange_empty(const struct exchange *exchange); /* no body follows the head that goes upstream */
void exchange_proceed(struct exchange *exchange);     /* it is its turn, perhaps */
void exchange_gone(struct exchange *exchange);	      /* the agent has left it */

/* exchange.c: backs call */
void exchange_answer(struct exchange *exchange, const struct http_head *answer);
void exchange_answer_end(struct exchange *exchange, const struct http_field *trailers, size_t n);
void exchange_tell(struct exchange *exchange); /* that it was allowed, once: some of it went upstream */
void exchange_failed(struct exchange *exchange, enum err r, const struct why *why);
void exchange_retry(struct exchange *exchange, const struct why *why); /* it broke before any byte of an answer */
void exchange_pump(struct exchange *exchange);			       /* the back has room for its body */

/* exchange.c: what was decided */
void exchange_refuse(struct exchange *exchange, const struct refusal *refusal);
void exchange_decide(struct exchange *exchange); /* it may be sent when it is its turn */
void exchange_let_go(struct exchange *exchange); /* of policyd and of upstream */
void exchange_over(struct exchange *exchange);
void exchange_free(struct exchange *exchange);

/* check.c: what no policy needs to be asked about */
enum check { CHECK_OK, CHECK_REFUSE, CHECK_REJECT };
enum check check_request(struct exchange *exchange, struct refusal *refusal, struct why *why);

/* ask.c: the question and what follows from its verdict */
void ask_again(struct exchange *exchange);			   /* its body is collected */
void ask_reject(struct exchange *exchange, const struct why *why); /* it is no request: close */

/* body.c: what a body says, for policyd */
enum look { LOOK_NOT, LOOK_GRAPHQL, LOOK_RPC, LOOK_MCP };
struct graphql_request;
bool body_operations(const struct graphql_request *request, struct arena *arena, struct msg_question *question);
void body_question(struct exchange *exchange, struct arena *arena, struct msg_question *question);

/* pool.c */
void pool_send(struct exchange *exchange); /* over some back; later, if need be */
void pool_idle(struct back *back);	   /* it can take another exchange */
void pool_room(struct back *back);	   /* it can take one more beside those that it has */
void pool_dead(struct back *back);	   /* no longer: forget it */
void pool_cancel(struct http *http);	   /* all of them */
void pool_bury(struct http *http);

/* The codecs. */
extern const struct front h1_front, h2_front;
extern const struct back_kind h1_back, h2_back;
void h1_request_write(struct side *side, const struct exchange *exchange);
void h1_answer_write(struct exchange *exchange, const struct http_head *answer);
void h1_head_write(struct side *side, const struct http_head *head); /* its fields but those of this connection alone */
void h1_length_write(struct side *side, uint64_t length);
void h1_body_write(struct side *side, bool chunked, struct span bytes);
void h1_end_write(struct side *side, const struct http_field *trailers, size_t n);
void h1_front_turn(void *http);
void h1_back_turn(void *back);
enum err h2_front_open(struct http *http);
void h2_front_turn(void *http);
enum err h2_back_open(struct back *back);
void h2_back_turn(void *back);
bool h2_back_takes_more(const struct back *back); /* of streams: neither we nor the server say that it is enough */

/*
 * upgrade.c: before the request is written: what extensions to offer; when the answer came: is it one (else
 * ERR_PROTOCOL), told to the agent.
 */
void upgrade_offer(struct exchange *exchange);
enum err upgrade_answer(struct exchange *exchange, const struct http_head *answer, struct why *why) must_check;

/* tunnel.c: then bytes or WebSocket frames pass, over the sides of http and back. */
void tunnel_begin(struct exchange *exchange);
void tunnel_end(struct http *http, unsigned code, const char *why);
void tunnel_free(struct tunnel *tunnel);
size_t tunnel_held(const struct tunnel *tunnel); /* memory of its message */

#endif
