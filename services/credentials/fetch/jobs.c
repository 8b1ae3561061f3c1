/* Jobs: the table, and what the jobs share. */
#include "services/credentials/fetch/jobs.h"

#include <stdlib.h>

#include "common/base/clean.h"

static const struct {
	const char *what;
	job *run;
} jobs[] = {
    {"oauth_refresh", oauth_refresh},
    {"oauth_client", oauth_client},
    {"google_jwt", google_jwt},
    {"aws_role", aws_role},
    {"probe", probe},
    {"vault_put", vault_put},
    {"vault_get", vault_get},
    {"vault_drop", vault_drop},
    {"kubernetes_put", kubernetes_put},
    {"kubernetes_get", kubernetes_get},
    {"kubernetes_drop", kubernetes_drop},
};

enum err
job_run(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	for (size_t i = 0; i < COUNT(jobs); i++)
		if (span_is(fetch->job->what, jobs[i].what))
			return jobs[i].run(fetch, out, why);
	return fail(why, ERR_UNIMPLEMENTED, "no job is called so");
}

bool
job_text(const struct fetch *fetch, const char *name, struct span *out)
{
	return texts_find(fetch->job->texts, fetch->job->texts_n, name, out) && out->length > 0;
}

bool
job_secret(const struct fetch *fetch, const char *name, struct span *out)
{
	for (size_t i = 0; i < fetch->job->secrets_n; i++)
		if (span_is(fetch->job->secrets[i].key, name) && fetch->job->secrets[i].value.length > 0) {
			*out = fetch->job->secrets[i].value;
			return true;
		}
	return false;
}

enum err
job_need(const struct fetch *fetch, const char *name, struct span *out, struct why *why)
{
	if (job_secret(fetch, name, out) || job_text(fetch, name, out))
		return OK;
	return fail(why, ERR_INVALID, "the material has no %s", name);
}

struct text
job_room(struct fetch *fetch, size_t size)
{
	struct text text = {arena_alloc(fetch->arena, size), 0, size, false};

	if (text.at == NULL)
		abort();
	return text;
}

struct msg_fetch_value *
job_values(struct fetch *fetch, size_t n)
{
	struct msg_fetch_value *values = arena_array(fetch->arena, n, sizeof(*values));

	if (values == NULL)
		abort();
	return values;
}

bool
job_output(const struct fetch *fetch, const char *output, struct span *name)
{
	return texts_find(fetch->job->outputs, fetch->job->outputs_n, output, name) && name->length > 0;
}
