/* The token server: its name is looked up, the identity goes there, a token comes back. */
#include "sandbox/grant/grant.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/https/https.h"
#include "common/https/oauth.h"
#include "common/provider/url.h"

#define FORM_MAX 65536

/* ---- its addresses ---- */

struct looking {
	bool done;
	enum err r;
	struct why why;
	struct address addresses[RESOLVE_MAX];
	size_t n;
};

static void
found(void *self, enum err r, const struct address *addresses, size_t n, const struct why *why)
{
	struct looking *looking = self;

	looking->done = true;
	looking->r = r;
	if (r != OK)
		looking->why = *why;
	for (looking->n = 0; r == OK && looking->n < n && looking->n < RESOLVE_MAX; looking->n++)
		looking->addresses[looking->n] = addresses[looking->n];
}

static enum err
look_up(struct grant *grant, const char *host, struct looking *looking, struct why *why)
{
	enum err r = OK;

	if (strcmp(host, "localhost") == 0) /* as RFC 6761 has it, whatever a server says */
		host = "127.0.0.1";
	resolve(grant->resolver, host, found, looking);
	while (r == OK && !looking->done) {
		uint64_t now_ms = clock_ms();

		if (now_ms >= grant->until_ms)
			return fail(why, ERR_TIMEOUT, "%s: no answer in time", host);
		r = loop_turn(grant->loop, (int)(grant->until_ms - now_ms), why);
	}
	if (r == OK && looking->r != OK)
		r = fail(why, looking->r, "%s: %s", host, looking->why.text);
	return r;
}

/* ---- the form ---- */

static enum err
form_make(struct grant *grant, struct span svid, struct text *form, struct why *why)
{
	const struct msg_grant_fetch *job = &grant->job;
	char room[64 * 513 + 1];
	struct text scopes = TEXT_OF(room);

	for (size_t i = 0; i < job->scopes_n; i++) {
		text_add(&scopes, "%s", i == 0 ? "" : " ");
		text_add_span(&scopes, job->scopes[i]);
	}
	form_add(form, "grant_type", SPAN("client_credentials"));
	form_add(form, "client_assertion_type", job->assertion_type);
	form_add(form, "client_assertion", svid);
	if (job->audience.length > 0)
		form_add(form, "audience", job->audience);
	if (job->scopes_n > 0)
		form_add(form, "scope", text_span(&scopes));
	return form->cut || scopes.cut ? fail(why, ERR_LIMIT, "too long a request for a token") : OK;
}

/* ---- the answer ---- */

static enum err
answer_read(struct grant *grant, const struct https_answer *answer, struct msg *out, struct why *why)
{
	struct oauth_token token;
	struct span error = oauth_error_read(answer->body);
	enum err r;

	if (answer->status != 200)
		return fail(why, answer->status >= 500 || answer->status == 429 ? ERR_UNAVAILABLE : ERR_DENIED,
		    "the token server answered %u%s" SPAN_FORMAT, answer->status, error.length == 0 ? "" : " ",
		    SPAN_ARGS(error));
	if ((r = oauth_token_read(answer->body, &grant->memory, &token, why)) != OK)
		return because(why, r, "the token server");
	*out = (struct msg){.id = GRANT_TOKEN,
	    .grant_token = {
		.token = token.access_token, .lifetime_s = token.has_lifetime ? (uint32_t)token.lifetime_s : 0}};
	return OK;
}

enum err
exchange(struct grant *grant, struct span svid, struct msg *out, struct why *why)
{
	struct text form = {arena_alloc(&grant->memory, FORM_MAX), 0, FORM_MAX, false};
	struct https_request request = {.method = SPAN("POST"),
	    .no_system = true,
	    .fields = SPAN("Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n")};
	struct looking looking = {.n = 0};
	struct https_answer answer;
	char host[256];
	enum err r;

	if (form.at == NULL)
		return fail(why, ERR_LIMIT, "no room for a request");
	if ((r = provider_url_check(grant->job.url, PROVIDER_URL_LOOPBACK | PROVIDER_URL_CLUSTER, why)) != OK ||
	    (r = https_url_parse(grant->job.url, true, &request.url, why)) != OK)
		return because(why, r, "token_endpoint");
	if (!span_copy(request.url.host, host, sizeof(host)))
		return fail(why, ERR_INVALID, "token_endpoint: too long a name");
	if ((r = form_make(grant, svid, &form, why)) != OK || (r = look_up(grant, host, &looking, why)) != OK)
		return r;
	request.body = text_span(&form);
	request.addresses = looking.addresses;
	request.addresses_n = looking.n;
	request.limit_ms = grant->until_ms > clock_ms() ? (uint32_t)(grant->until_ms - clock_ms()) : 1;
	if ((r = https_ask(&request, grant->authorities, &grant->memory, &answer, why)) != OK)
		return r;
	return answer_read(grant, &answer, out, why);
}
