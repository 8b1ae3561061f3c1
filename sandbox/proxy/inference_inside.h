/* The inside of model calls, for inference.c (the request) and inference_answer.c (the answer, and what is told of it). */
#ifndef SANDBOX_PROXY_INFERENCE_INSIDE_H
#define SANDBOX_PROXY_INFERENCE_INSIDE_H

#include "common/wire/usage.h"
#include "sandbox/proxy/http.h"
#include "sandbox/proxy/inference_call.h"
#include "sandbox/proxy/routed.h"

#define INFERENCE_ROUTE	  "inference.local"
#define INFERENCE_IDLE_MS 120000 /* between two pieces of a stream */

#define INFERENCE_NAME_MS 5000 /* for so long addresses of a backend are not asked for again */

/* Where a backend is, as the name servers said last; via: of the operator's proxy, where it is asked for the way there. */
struct whereabouts {
	struct address addresses[CONNECTION_ADDRESSES], via[CONNECTION_ADDRESSES];
	size_t n, via_n;
	uint64_t until_ms; /* of the clock */
};

/* What the supervisor has told; counted, as calls under way hold it. */
struct backends {
	unsigned references;
	uint64_t revision;
	char *bytes;	    /* of the message */
	struct arena arena; /* and its lists */
	struct msg_inference_backend *list;
	struct whereabouts *where; /* of each */
	size_t n;
};

/* One call: an exchange with a model behind it. */
struct model_call {
	struct exchange *exchange;
	const struct inference_api *api;
	struct backends *backends;
	const struct msg_inference_backend *backend; /* that is tried */
	size_t next;				     /* of backends, to be tried after it */
	uint64_t resolving;			     /* its name, or 0 */
	struct whereabouts found;		     /* while that is under way */
	unsigned tried;
	char *host;	      /* of backend, in request */
	struct bytes body;    /* as the agent sent it */
	struct json object;   /* in it */
	struct arena request; /* what is sent to this backend */
	uint64_t begun_ms;
	struct timer timer; /* of a buffered call: all of it; of a stream: the next piece */
	bool stream;	    /* the agent asked for one */
	bool events;	    /* the answer is one */
	bool counts;	    /* the answer can be read: no content coding */
	bool told;
	unsigned status;
	uint64_t bytes; /* of the answer */
	struct usage usage;
};

extern const struct routed_watch inference_watch;

/*
 * Where call->backend is. inference_look finds it out anew; then call->failed of inference_watch is told why not, or
 * inference_found runs: later from the loop, unless the call is forgotten before.
 */
struct whereabouts *inference_where(const struct model_call *call);
void inference_look(struct model_call *call);
void inference_found(struct model_call *call);

/* Try the next backend that can take the call; false: there is none left. */
bool inference_next(struct model_call *call);

/* One event about the call, once. */
void inference_tell(struct model_call *call, int action, struct span code, struct span reason);

/* It cannot be answered: refused with status and words, and told. */
void inference_refuse(
    struct exchange *exchange, unsigned status, const char *error, struct span hint, struct span code);

#endif
