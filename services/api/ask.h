/* ask: a unary call that is one question to another process and the answer made from what comes back. */
#ifndef API_ASK_H
#define API_ASK_H

#include "services/api/api.h"

/* In the call's arena. */
struct ask {
	struct work work;
	struct peer *peer; /* referenced while number is set */
	uint64_t number;   /* of the question under way; 0: none */
	enum msg_id want;
	void (*answered)(struct ask *ask, enum err r, struct msg *answer, struct why *why);
	const ProtobufCMessage *request;
	uint32_t patience_ms; /* for an answer; 0: CALL_DEADLINE_MS */
	void *detail;	      /* the handler's own, in the call's arena */
};

typedef void ask_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why);

/* Begin: NULL after the call has been ended because it is out of memory. */
struct ask *ask_new(struct api *api, struct rpc_call *call, const ProtobufCMessage *request, size_t detail_bytes);

/*
 * Put a question to the peer of that role; answered runs once, unless the call ends first: r OK with an answer whose id is
 * want, or an error with words for the caller. It then calls ask_put again, ask_send or ask_fail.
 */
void ask_put(struct ask *ask, enum role role, const struct msg *question, enum msg_id want, ask_answered *answered);

/* End the call: with one message, or with an error. */
void ask_send(struct ask *ask, const ProtobufCMessage *message);
void ask_fail(struct ask *ask, enum err r, const struct why *why);

/* End a call that has asked nothing. */
void call_send(struct rpc_call *call, const ProtobufCMessage *message);
void call_fail(struct rpc_call *call, enum err r, const struct why *why);

#endif
