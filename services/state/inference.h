/* Inference routes: which providers and models a workspace's inference.local leads to. */
#ifndef SERVICES_STATE_INFERENCE_H
#define SERVICES_STATE_INFERENCE_H

#include "common/provider/inference.h"
#include "services/state/providers.h"

#define INFERENCE_BACKENDS_MAX 16
#define INFERENCE_TIMEOUT_S    60 /* where a route says nothing */

/* A provider and a model, worked out. */
struct inference_place {
	struct msg_provider_row row;
	struct inference_target target;
	struct span model;
	bool keyed; /* key is one of row.keys */
	size_t key;
};

/* ---- inference_plan.c ---- */

/*
 * Where a provider's model is, and which of its keys opens it.
 *
 * errors  ERR_STATE its type answers no model calls, it has no key where it needs one, an address that is wrong; ERR_LIMIT
 */
enum err inference_place(const struct msg_provider_row *row, struct span model, struct arena *arena,
    struct inference_place *out, struct why *why) must_check;

/* The record of the place's key, in the arena; none where it is called without one. */
enum err inference_record(struct state *state, const struct inference_place *place, struct arena *arena,
    struct msg_secret_record **out, size_t *n, struct why *why) must_check;

/*
 * What a sandbox gets for the routes of its workspace: entries of the bundle, and the backends for its proxy, in the same
 * order. A backend that cannot be worked out any more (its key is gone) is left out, and logged.
 *
 * n       of both
 * errors  ERR_LIMIT the arena
 */
enum err inference_items(struct state *state, struct id sandbox, struct arena *arena,
    struct msg_bundle_item items[INFERENCE_BACKENDS_MAX], struct msg_inference_backend **backends, size_t *n,
    struct why *why) must_check;

/* Within the transaction that creates a sandbox: it has secrets where its workspace has routes. */
enum err inference_begin(struct state *state, struct id sandbox, struct span workspace, struct why *why) must_check;

/* ERR_STATE a route still names the provider. */
enum err inference_unused(struct state *state, struct id provider, struct span name, struct why *why) must_check;

/* ---- inference_probe.c ---- */

/* Models that are asked something short, one after the other. */
struct probing;

/*
 * Ask all of them; done runs once, later: OK with where each answered (in arena), or ERR_STATE with what is wrong and
 * how to go on; ERR_UNAVAILABLE credentials is away.
 *
 * places  borrowed until then, as arena
 */
enum err inference_probe(struct state *state, const struct inference_place *places, size_t n, struct arena *arena,
    void (*done)(void *self, enum err r, struct msg_inference_place *answered, size_t n, const struct why *why),
    void *self, struct why *why) must_check;

handler inference_put, inference_get, inference_delete;

#endif
