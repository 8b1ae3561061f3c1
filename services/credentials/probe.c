/* Questions to model servers: the key is opened for the child that asks. */
#include "services/credentials/probe.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "services/credentials/fetching.h"
#include "services/credentials/opening.h"

struct probe {
	struct credentials *credentials;
	struct reply reply;
};

static void
probed(void *self, enum err r, const struct msg_fetch_done *done, const struct why *why)
{
	struct probe *probe = self;
	struct msg answer = {.id = MODEL_PROBED};

	if (r == OK) {
		answer.model_probed = (struct msg_model_probed){done->status};
		reply_send(&probe->reply, &answer);
	} else {
		reply_fail(&probe->reply, r, why);
	}
	probe->credentials->probes_n--;
	free(probe);
}

/* "https://host:port/path", with brackets around an IPv6 address. */
static char *
probe_url(const struct msg_model_probe *in, struct arena *arena)
{
	size_t at;
	bool six = span_find(in->host, ':', &at);

	return arena_format(arena, "url=%s://%s" SPAN_FORMAT "%s:%u%s" SPAN_FORMAT, in->tls ? "https" : "http",
	    six ? "[" : "", SPAN_ARGS(in->host), six ? "]" : "", in->port, in->path.at[0] == '/' ? "" : "/",
	    SPAN_ARGS(in->path));
}

static enum err
probe_opened(struct credentials *credentials, struct msg *m, const struct span *values, struct reply *reply,
    struct msg *answer, struct why *why)
{
	static const char *const auths[] = {"auth=", "auth=bearer", "auth=x-api-key"};
	const struct msg_model_probe *in = &m->model_probe;
	struct msg_fetch_value key = {SPAN("key"), values[0]};
	char *url = probe_url(in, m->arena);
	struct span texts[] = {span_of_text(url), span_of_text(auths[in->auth])};
	const struct msg_fetch_job job = {.what = SPAN("probe"),
	    .texts = texts,
	    .texts_n = COUNT(texts),
	    .secrets = &key,
	    .secrets_n = in->record_n,
	    .fields = in->fields,
	    .fields_n = in->fields_n,
	    .body = in->body};
	struct probe *probe;
	enum err r;

	(void)answer;
	if (credentials->probes_n == PROBES_MAX)
		return fail(why, ERR_LIMIT, "%d models are being asked already: try again in a moment", PROBES_MAX);
	if ((probe = calloc(1, sizeof(*probe))) == NULL || url == NULL)
		abort();
	if ((r = fetch_start(credentials, &job, NULL, probed, probe, why)) != OK) {
		free(probe);
		return r;
	}
	probe->credentials = credentials;
	credentials->probes_n++;
	probe->reply = opening_reply(reply, m);
	return OK;
}

/*
 * Ask a model server something.
 *
 * in      model_probe, from state
 * out     model_probed: what it answered, whatever the status
 * errors  as refresh_run; ERR_LIMIT PROBES_MAX are under way
 */
enum err
model_probe(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_model_probe *in = &m->model_probe;
	const struct wanted wanted = {in->provider_id, in->record_n > 0 ? &in->record[0] : NULL};

	return records_open(self, m, &wanted, 1, probe_opened, answer, why);
}
