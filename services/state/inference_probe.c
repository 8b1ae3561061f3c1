/* Models asked something short before a route is pointed at them: the first way that works, or what is wrong. */
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/wire/http_target.h"
#include "common/wire/json_edit.h"
#include "services/state/inference.h"

#define PROBE_MS   35000
#define BODY_BYTES 2048
#define NO_VERIFY  "; give --no-verify to set it all the same"

/* Ways to ask, in order; body: what follows the model. */
static const struct way {
	const char *protocol, *path, *body;
} ways[] = {
    {"openai_chat_completions", "/v1/chat/completions",
	"\"messages\":[{\"role\":\"user\",\"content\":\"ping\"}],\"max_completion_tokens\":32}"},
    {"openai_chat_completions", "/v1/chat/completions",
	"\"messages\":[{\"role\":\"user\",\"content\":\"ping\"}],\"max_tokens\":32}"},
    {"anthropic_messages", "/v1/messages",
	"\"messages\":[{\"role\":\"user\",\"content\":\"ping\"}],\"max_tokens\":32}"},
    {"openai_responses", "/v1/responses", "\"input\":\"ping\",\"max_output_tokens\":32}"},
    {"openai_completions", "/v1/completions", "\"prompt\":\"ping\",\"max_tokens\":32}"},
    {"openai_embeddings", "/v1/embeddings", "\"input\":\"ping\"}"},
};

/* What Vertex wants of a publisher's own model. */
static const char raw_body[] =
    "{\"anthropic_version\":\"vertex-2023-10-16\",\"messages\":[{\"role\":\"user\",\"content\":\"ping\"}],\"max_tokens\":32}";

struct probing {
	struct state *state;
	const struct inference_place *places;
	size_t n, at, way; /* which place; which way of it */
	struct arena *arena;
	struct msg_inference_place *answered;
	void (*done)(void *self, enum err r, struct msg_inference_place *answered, size_t n, const struct why *why);
	void *self;
};

static void ask(struct probing *probing);

static void
end(struct probing *probing, enum err r, const struct why *why)
{
	probing->done(probing->self, r, probing->answered, r == OK ? probing->n : 0, why);
	free(probing);
}

static bool
speaks(const struct inference_target *target, const char *protocol)
{
	for (size_t i = 0; target->protocols[i] != NULL; i++)
		if (strcmp(target->protocols[i], protocol) == 0)
			return true;
	return false;
}

static struct span
path_of(const struct inference_target *target, const struct way *way, struct arena *arena)
{
	struct span base = span_of_text(target->base.path);
	const char *path = target->path_override[0] != '\0'
			       ? target->path_override
			       : arena_format(arena, "%s" SPAN_FORMAT, target->base.path,
				     SPAN_ARGS(http_behind_base(base, span_of_text(way->path))));

	return span_of_text(path);
}

static bool
is_raw(const struct inference_target *target)
{
	struct span path = span_of_text(target->path_override), raw = SPAN(":rawPredict");

	return path.length > raw.length && span_equal(span_tail(path, path.length - raw.length), raw);
}

static struct span
body_of(const struct inference_target *target, const struct way *way, struct arena *arena)
{
	char bytes[BODY_BYTES];
	struct text model = TEXT_OF(bytes);

	if (is_raw(target))
		return span_of_bytes(raw_body, sizeof(raw_body) - 1);
	json_string_write(&model, span_of_text(target->model));
	return model.cut ? SPAN_NONE : span_of_text(arena_format(arena, "{\"model\":%s,%s", bytes, way->body));
}

/* ---- answers ---- */

static void
next(struct probing *probing, const struct way *way, struct span path)
{
	const struct provider_url *base = &probing->places[probing->at].target.base;
	const char *url = arena_format(probing->arena, "http%s://%s:%u" SPAN_FORMAT, base->tls ? "s" : "", base->host,
	    base->port, SPAN_ARGS(path));
	struct why why;

	probing->answered[probing->at++] = (struct msg_inference_place){span_of_text(url), span_of_text(way->protocol)};
	probing->way = 0;
	if (url == NULL)
		end(probing, fail(&why, ERR_LIMIT, "the answer needs too much memory"), &why);
	else if (probing->at == probing->n)
		end(probing, OK, NULL);
	else
		ask(probing);
}

static void
bad(struct probing *probing, const char *words)
{
	const struct inference_place *place = &probing->places[probing->at];
	struct why why;

	end(probing,
	    fail(&why, ERR_STATE,
		"failed to verify inference endpoint: model '" SPAN_FORMAT "' of provider '" SPAN_FORMAT
		"' %s" NO_VERIFY,
		SPAN_ARGS(place->model), SPAN_ARGS(place->row.name), words),
	    &why);
}

/* 400, 404, 405 and 422: it may be asked in another way. */
static bool
is_shape(unsigned status)
{
	return status == 400 || status == 404 || status == 405 || status == 422;
}

static void
answered(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct probing *probing = self;
	const struct way *way = &ways[probing->way];
	char words[WHY_BYTES + 64];
	struct text text = TEXT_OF(words);
	unsigned status;

	if (r != OK || answer->id != MODEL_PROBED) {
		text_add(&text, "cannot be asked: %s", why != NULL ? why->text : "credentials answered something else");
		bad(probing, words);
		return;
	}
	status = answer->model_probed.status;
	if (status >= 200 && status < 300) {
		next(probing, way, path_of(&probing->places[probing->at].target, way, probing->arena));
	} else if (is_shape(status)) {
		probing->way++;
		ask(probing);
	} else if (status == 401 || status == 403) {
		text_add(&text, "refuses its credential (HTTP %u)", status);
		bad(probing, words);
	} else {
		text_add(&text, "answers HTTP %u", status);
		bad(probing, words);
	}
}

/* ---- questions ---- */

static enum err
question_of(struct probing *probing, struct msg *out, struct why *why)
{
	static struct span version = {"anthropic-version: 2023-06-01", 29};
	const struct inference_place *place = &probing->places[probing->at];
	const struct way *way = &ways[probing->way];
	struct msg_model_probe *m = &out->model_probe;
	bool anthropic = place->target.auth == INFERENCE_AUTH_X_API_KEY;
	enum err r;

	*out = (struct msg){.id = MODEL_PROBE};
	*m = (struct msg_model_probe){.provider_id = place->row.provider,
	    .tls = place->target.base.tls,
	    .host = span_of_text(place->target.base.host),
	    .port = place->target.base.port,
	    .path = path_of(&place->target, way, probing->arena),
	    .auth = (uint8_t)place->target.auth,
	    .fields = &version,
	    .fields_n = anthropic ? 1 : 0,
	    .body = body_of(&place->target, way, probing->arena)};
	if ((r = inference_record(probing->state, place, probing->arena, &m->record, &m->record_n, why)) != OK)
		return r;
	return m->path.length > 0 && m->body.length > 0 ? OK
							: fail(why, ERR_LIMIT, "the question needs too much memory");
}

static void
ask(struct probing *probing)
{
	const struct inference_place *place = &probing->places[probing->at];
	struct peer *credentials;
	struct why why = {0};
	struct msg question;
	enum err r;

	while (probing->way < COUNT(ways) && !speaks(&place->target, ways[probing->way].protocol))
		probing->way++;
	if (probing->way == COUNT(ways)) {
		bad(probing, "cannot be verified: it answers no question that is known here");
		return;
	}
	if ((r = credentials_peer(probing->state, &credentials, &why)) != OK ||
	    (r = question_of(probing, &question, &why)) != OK)
		end(probing, r, &why);
	else
		peer_call(credentials, &question, PROBE_MS, answered, probing);
}

enum err
inference_probe(struct state *state, const struct inference_place *places, size_t n, struct arena *arena,
    void (*done)(void *self, enum err r, struct msg_inference_place *answered, size_t n, const struct why *why),
    void *self, struct why *why)
{
	struct probing *probing = calloc(1, sizeof(*probing));
	struct peer *credentials;
	enum err r;

	if (probing == NULL)
		abort();
	*probing = (struct probing){.state = state,
	    .places = places,
	    .n = n,
	    .arena = arena,
	    .done = done,
	    .self = self,
	    .answered = arena_array(arena, n + 1, sizeof(*probing->answered))};
	r = probing->answered == NULL ? fail(why, ERR_LIMIT, "the route needs too much memory")
				      : credentials_peer(state, &credentials, why);
	if (r != OK)
		free(probing);
	else
		ask(probing);
	return r;
}
