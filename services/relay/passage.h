/* Passages: byte streams between a caller and a sandbox, api's number on one side and ours on the link's. Nothing is
 * buffered. */
#ifndef RELAY_PASSAGE_H
#define RELAY_PASSAGE_H

#include "services/relay/session.h"

#define CHANNELS 4
#define START_MS CALL_DEADLINE_MS /* for the link's answer */

struct passage;

/* What passes: a command, or a door. */
struct passage_kind {
	enum passage_place place;			 /* where these are counted */
	const char *name, *plural;			 /* for reasons and logs */
	enum msg_id started;				 /* the answer that opens it */
	uint8_t inward;					 /* bits of the channels that api writes */
	uint8_t outward;				 /* and of those that the link writes */
	bool ends_with_channels;			 /* it is over when all of them have ended */
	unsigned all_max, sandbox_max;			 /* open at one time */
	unsigned starting_all_max, starting_sandbox_max; /* not yet answered by the sandbox; 0: not limited by itself */
	void (*fill_stop)(struct msg *m, uint64_t stream); /* tell the link that nobody wants it any more */
	void (*fill_lost)(struct msg *m, uint64_t stream, const char *words); /* tell api that it is lost */
};

/* What one channel may carry: credit is between the ends, but neither end may make us the queue of the other. */
struct passage_channel {
	uint64_t sent, limit;
	bool ended;
};

struct passage {
	const struct passage_kind *kind;
	struct relay *relay;
	struct peer *api; /* referenced */
	struct session *session;
	uint64_t api_stream, link_stream;
	uint64_t start; /* the call on the link that is not answered; 0: it is open */
	struct reply reply;
	struct passage_channel channels[CHANNELS];
	struct table_entry by_api, by_link;
	struct list in_caller, in_session;
};

/* An api that is connected: what it opened ends with it. */
struct caller {
	struct list passages;
};

/* An api has come or gone. */
void caller_open(struct peer *peer);
void caller_close(struct relay *relay, struct peer *peer);

/* A link is gone: what it carried ends, and the callers are told why. */
void passage_end_all(struct session *session, const char *words);

/*
 * Ask the sandbox to open a stream for whoever sent m, under a number of ours; its answer is passed on.
 *
 * m        the request, from api
 * sandbox  which
 * stream   the number that api chose
 * onward   the request for the link: the place of its stream's number is given
 * errors   ERR_DENIED not from api; ERR_PROTOCOL no answer is wanted; ERR_INVALID no sandbox; ERR_EXISTS the number is in
 *          use; ERR_UNAVAILABLE no session; ERR_LIMIT too many are open, or on their way
 */
enum err passage_start(struct relay *relay, const struct passage_kind *kind, const struct msg *m, struct id sandbox,
    uint64_t stream, struct msg *onward, uint64_t *onward_stream, struct why *why) must_check;

/* The passage that a message of either side is about; NULL when it has ended: races at the end are no breach. */
struct passage *passage_find(
    struct relay *relay, const struct passage_kind *kind, const struct peer *from, uint64_t stream);

/*
 * Pass on under the other side's number, for which *stream is the place. false: the other end does not take it; the stream
 * is lost, and freed.
 */
bool passage_forward(struct passage *passage, const struct peer *from, struct msg *m, uint64_t *stream);

/* Tell that end what nobody would miss if it is gone: its own end tells it all. */
void passage_tell(struct peer *peer, const struct msg *m);

/* An end broke the stream's rules: a link is cut, and with it all its streams; a caller loses this one. ERR_PROTOCOL. */
enum err passage_breach(
    struct passage *passage, const struct peer *from, const char *words, struct why *why) must_check;

/* Tell the link that nobody wants it any more. */
void passage_stop(const struct passage *passage);

/* It is over, and all are told. */
void passage_free(struct passage *passage);

handler passage_data, passage_grant, passage_end;

#endif
