/* A model call: which one a request is, and what it becomes for one backend. Pure. */
#ifndef SANDBOX_PROXY_INFERENCE_CALL_H
#define SANDBOX_PROXY_INFERENCE_CALL_H

#include "common/bus/message.h"
#include "common/wire/http_head.h"
#include "common/wire/json.h"

#define INFERENCE_BODY_MAX   (10u << 20) /* of a request */
#define INFERENCE_ANSWER_MAX (32u << 20)
#define INFERENCE_FIELDS_MAX 8

/* One way to call a model (policy-and-proxy 10). */
struct inference_api {
	const char *method;
	const char *path;     /* with one star: one segment; with two at its end: whatever is below */
	const char *protocol; /* a backend must speak it */
	bool streaming;	      /* the answer may be an event stream */
	bool body;	      /* a JSON object, whose model is the route's */
	bool path_model;      /* the model stands in the path */
};

/* The row of a request by method (in any case) and canonical path; NULL: no model call. */
const struct inference_api *inference_api(struct span method, struct span path);

/* Does a backend speak it, under this route? */
bool inference_speaks(const struct msg_inference_backend *backend, const char *route, const char *protocol);

/*
 * The path upstream: base and path without a doubled /v1, the model's own segment, or the backend's path_override.
 *
 * stream  the body asks for a stream (a Vertex model has another path then)
 * errors  ERR_LIMIT past 1,024 bytes
 */
enum err inference_path(const struct msg_inference_backend *backend, const struct inference_api *api, struct span path,
    bool stream, struct arena *arena, struct span *out, struct why *why) must_check;

/*
 * The body for a backend: its model in place of the agent's, and what Vertex wants otherwise.
 *
 * counted  "stream_options": a stream is asked to tell its tokens where nothing was said about that
 * errors   ERR_SYNTAX, ERR_INVALID the body is no object, or has a name that only looks like "model"; ERR_LIMIT
 */
enum err inference_body(const struct msg_inference_backend *backend, const struct inference_api *api, struct json body,
    struct arena *arena, struct span *out, struct why *why) must_check;

/* Does the body ask for a stream? */
bool inference_streams(const struct inference_api *api, struct json body);

/*
 * The fields that go on: what the body is, those that every backend gets, those that its kind knows, and its key.
 *
 * returns how many were written to out (INFERENCE_FIELDS_MAX at least), each of pieces in arena; 0 past the arena's ceiling
 */
size_t inference_fields(const struct msg_inference_backend *backend, const struct inference_api *api,
    const struct http_head *request, struct arena *arena, struct msg_route_field out[INFERENCE_FIELDS_MAX]);

#endif
