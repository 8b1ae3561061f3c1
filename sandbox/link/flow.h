/* Flows: streams that end in this process, found by who speaks them and their number, whatever they carry. */
#ifndef LINK_FLOW_H
#define LINK_FLOW_H

#include "sandbox/link/link.h"

struct flow;

/* What a stream does with what is said about it. An error of these is a breach of the stream's rules: then comes drop. */
struct flow_kind {
	enum err (*data)(struct flow *flow, const struct msg_stream_data *m, struct why *why);
	enum err (*grant)(struct flow *flow, const struct msg_stream_grant *m, struct why *why);
	enum err (*end)(struct flow *flow, const struct msg_stream_end *m, struct why *why);
	void (*drop)(struct flow *flow, const char *words); /* it is over: tell, and free it */
	void (*signal)(struct flow *flow, uint8_t number);  /* NULL: there is nobody to signal */
	void (*closed)(struct flow *flow); /* who opened it wants no more: free it; NULL: that is said in another way */
};

/* The first member of what it belongs to. */
struct flow {
	const struct flow_kind *kind;
	struct peer *peer; /* borrowed: its owner is freed when that goes down */
	uint64_t stream;
	struct list in_link;
};

/* Found from now on. */
void flow_add(struct link *link, struct flow *flow, const struct flow_kind *kind, struct peer *peer, uint64_t stream);
void flow_remove(struct flow *flow);

/* It is removed, after so many bytes. */
void flow_over(struct link *link, uint64_t bytes);

/* NULL when there is none. */
struct flow *flow_find(struct link *link, const struct peer *peer, uint64_t stream);

handler flow_data, flow_grant, flow_end, flow_signal, flow_closed;

#endif
