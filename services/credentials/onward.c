/* The operator's proxy: its settings go with each job, for the child alone speaks with the world. */
#include "services/credentials/onward.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"

void
onward_load(struct credentials *credentials)
{
	struct onward *onward = calloc(1, sizeof(*onward));
	enum err r;

	if (onward == NULL)
		abort();
	credentials->onward = onward;
	r = login_read(credentials->config->upstream_login_file, onward->bytes, &onward->login, &onward->why);
	onward->broken = r != OK;
	if (r != OK)
		log_failure("fetch.login", r, &onward->why);
}

void
onward_done(struct credentials *credentials)
{
	if (credentials->onward != NULL)
		explicit_bzero(credentials->onward, sizeof(*credentials->onward));
	free(credentials->onward);
	credentials->onward = NULL;
}

enum err
onward_say(const struct credentials *credentials, struct msg_fetch_job *job, struct why *why)
{
	const struct config *config = credentials->config;
	const struct onward *onward = credentials->onward;

	if (config->upstream_proxy[0] == '\0')
		return OK;
	if (onward->broken)
		return fail(why, ERR_UNAVAILABLE, "%s", onward->why.text);
	job->upstream_proxy = span_of_text(config->upstream_proxy);
	job->upstream_direct = span_of_text(config->upstream_direct);
	job->upstream_login = onward->login;
	job->upstream_by_name = config->upstream_by_name;
	return OK;
}
