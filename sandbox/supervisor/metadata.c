/* The Google metadata emulator is told what to answer: placeholders and names out of the commands' environment. */
#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/message.h"
#include "sandbox/supervisor/supervisor.h"

#define TELL_WAIT_MS 15000

/* The first of these variables that is there. */
static struct span
first_of(const struct secrets *secrets, const char *const *names)
{
	struct span value;

	for (; *names != NULL; names++)
		if (texts_find(secrets->environment, secrets->environment_n, *names, &value))
			return value;
	return SPAN_NONE;
}

static void
is_told(void *self, enum err r, struct msg *answer, const struct why *why)
{
	(void)self;
	(void)answer;
	if (r != OK && r != ERR_UNAVAILABLE) /* the next proxy is told again */
		log_failure("proxy.metadata", r, why);
}

void
metadata_tell(struct supervisor *s)
{
	static const char *const hosts[] = {"GCE_METADATA_HOST",
	    NULL}, /* state gives it where a credential of Google's is attached */
	    *const tokens[] = {"GCP_SA_ACCESS_TOKEN", "GCP_ADC_ACCESS_TOKEN", NULL},
				 *const emails[] = {"GCP_SERVICE_ACCOUNT_EMAIL", NULL},
				 *const projects[] = {"GCP_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", NULL};
	struct secrets *secrets = &s->secrets;
	struct msg m = {.id = METADATA_SET, .metadata_set = {.known = first_of(secrets, hosts).length > 0}};

	if (!s->way.proxy.told || (!m.metadata_set.known && !secrets->metadata_told))
		return;
	secrets->metadata_told = true;
	if (m.metadata_set.known) {
		m.metadata_set.token = first_of(secrets, tokens);
		m.metadata_set.email = first_of(secrets, emails);
		m.metadata_set.project = first_of(secrets, projects);
	}
	peer_call(s->way.proxy.peer, &m, TELL_WAIT_MS, is_told, s);
}
