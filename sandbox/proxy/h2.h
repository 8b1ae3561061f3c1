/* HTTP/2 as both sides speak it: frames out of nghttp2 into a side, fields in its form, bodies through a flow. */
#ifndef SANDBOX_PROXY_H2_H
#define SANDBOX_PROXY_H2_H

#include "sandbox/proxy/http.h"

#define H2_FIELDS     (HTTP_FIELDS_MAX + 8)
#define H2_LIST_BYTES (4 * HTTP_HEAD_BYTES) /* of a list of fields: beyond it no more of them are looked at */

/* A list of fields being built for nghttp2, which copies it. */
struct h2_fields {
	nghttp2_nv nv[H2_FIELDS];
	size_t n;
	char names[HTTP_HEAD_BYTES + 1024]; /* in lower case */
	size_t names_used;
};

void h2_field_add(struct h2_fields *fields, struct span name, struct span value);

/* All but those of one connection alone, and Host. */
void h2_fields_add(struct h2_fields *fields, const struct http_field *from, size_t n);

/* Options and callbacks that both sessions have; the caller adds its own and frees them. */
void h2_begin(nghttp2_session_callbacks **callbacks, nghttp2_option **option);
void h2_begun(nghttp2_session_callbacks *callbacks, nghttp2_option *option);

/* For side->fill: frames into side->out, up to its bound. */
void h2_fill(struct side *side, nghttp2_session *session);

/* What comes goes through nghttp2; false: the session is broken. */
bool h2_take(struct side *side, nghttp2_session *session);

/* Bodies out of a flow. */
nghttp2_data_provider h2_provider(struct flow *flow);
size_t h2_room(struct flow *flow);
void h2_body(nghttp2_session *session, struct flow *flow, struct span bytes);
void h2_end(nghttp2_session *session, struct flow *flow, const struct http_field *trailers, size_t n);

/* Was it starved, and is there room again? Says so once. */
bool h2_relieved(struct flow *flow);

/* One trailer that came; flags as nghttp2 gives them. false: there are too many, or it is none. */
bool h2_trailer(struct flow *flow, struct span name, struct span value, uint8_t flags);

/* Is it a field that no table may hold (RFC 7541, 6.2.3)? */
static inline bool
h2_secret(uint8_t flags)
{
	return (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
}

/* Has it nothing to say or hear any more, and is all written? Then the connection is to be closed (RFC 9113, 5.4.1). */
bool h2_finished(const struct side *side, nghttp2_session *session);

/* For on_frame_send; an error of flow control becomes the connection's (RFC 9113, 6.9.2). Returns what it costs. */
int64_t h2_sent(nghttp2_session *session, const nghttp2_frame *frame);

/*
 * Frames that lead nowhere are paid for: rapid reset, what makes us reset, floods of PING, SETTINGS, empty DATA. Bodies
 * that go the other way earn the WINDOW_UPDATEs that they need, and a PING (gRPC measures by them).
 */
void h2_budget_open(struct h2_budget *budget);
int64_t h2_price(const nghttp2_frame *came);
bool h2_pay(struct h2_budget *budget, int64_t price); /* false: there is nothing left */

/* h2_request.c: callbacks for heads from the agent; when one is whole the exchange begins, or is refused. */
int h2_request_begin(nghttp2_session *session, const nghttp2_frame *frame, void *side);
int h2_request_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *side);
void h2_request_whole(struct http *http, struct exchange *exchange, bool ended);

/* h2_answer.c: the same for answers from upstream. */
int h2_answer_begin(nghttp2_session *session, const nghttp2_frame *frame, void *side);
int h2_answer_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *side);
void h2_answer_whole(struct back *back, struct flow *flow, bool ended);

#endif
