/* Grants: which token a request needs, who waits for it, and the process that is asked for it. */
#include "sandbox/router/grant.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/channel.h"

#define START_MS       10000
#define SKEW_MS	       30000 /* before its end it is used no more */
#define LIFETIME_S     300   /* where nobody says */
#define LIFETIME_MAX_S 3600
#define FAILED_MS      1000 /* so long it is not asked for again: a server that is down is not stormed */

/* A token for one grant, audience and set of scopes; one is made when the first request wants it. */
struct grant {
	struct grant *next;
	struct router *router;
	const struct vault_entry *entry;
	size_t scope; /* which of the overrides; overrides_n: none */
	char *token;  /* NULL: none is known */
	size_t length;
	uint64_t until_ms; /* clock_ms */
	uint64_t failed_ms;
	struct why why; /* with failed_ms */
	struct fetch *fetch;
	struct list waiting; /* errands */
};

/* A process that is asked. */
struct fetch {
	struct router *router;
	struct grant *grant; /* NULL: nobody wants it any more */
	struct peer *peer;   /* NULL: it is being started */
};

/* ---- pure ---- */

uint64_t
grant_keep_ms(uint32_t ttl_s, uint32_t lifetime_s)
{
	uint64_t most = lifetime_s == 0 ? LIFETIME_S : lifetime_s < LIFETIME_MAX_S ? lifetime_s : LIFETIME_MAX_S;
	uint64_t keep_ms;

	if (ttl_s > 0)
		most = lifetime_s > 0 && lifetime_s < ttl_s ? lifetime_s : ttl_s;
	keep_ms = most * 1000;
	return keep_ms > SKEW_MS + 1000 ? keep_ms - SKEW_MS : 1000;
}

bool
grant_token68(struct span token)
{
	while (token.length > 1 && token.at[token.length - 1] == '=')
		token.length--;
	return token.length > 0 && token.at[token.length - 1] != '=' &&
	       span_only(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/");
}

/* ---- which ---- */

/* The override that names the request most exactly. */
static size_t
scope_of(const struct msg_token_grant *in, const struct request *request)
{
	struct reach_place places[64];
	struct reach reach = {0};
	struct why why;
	size_t which = in->overrides_n;

	for (size_t i = 0; i < in->overrides_n && i < COUNT(places); i++)
		places[i] = (struct reach_place){in->overrides[i].host, in->overrides[i].port, in->overrides[i].path};
	if (in->overrides_n > 0 && reach_make(&reach, places, in->overrides_n, &why) == OK)
		(void)reach_covers(&reach, span_of_text(request->host), request->port, request->shown, &which);
	reach_done(&reach);
	return which;
}

static struct grant *
grant_of(struct router *router, const struct request *request)
{
	struct vault *vault = router->vault;
	size_t scope = scope_of(&request->granting->secret->grant[0], request);
	struct grant *grant = vault->grants;

	while (grant != NULL && (grant->entry != request->granting || grant->scope != scope))
		grant = grant->next;
	if (grant != NULL)
		return grant;
	if ((grant = calloc(1, sizeof(*grant))) == NULL)
		abort();
	*grant = (struct grant){.next = vault->grants, .router = router, .entry = request->granting, .scope = scope};
	list_init(&grant->waiting);
	return vault->grants = grant;
}

/* ---- its end ---- */

static void
fetch_end(struct fetch *fetch)
{
	if (fetch->grant != NULL)
		fetch->grant->fetch = NULL;
	fetch->router->fetches_n--;
	if (fetch->peer != NULL) {
		struct peer *peer = fetch->peer;

		fetch->peer = NULL;
		peer->transport->cut(peer);
		peer_unref(peer);
	}
	free(fetch);
}

static void
token_forget(struct grant *grant)
{
	if (grant->token != NULL)
		explicit_bzero(grant->token, grant->length);
	free(grant->token);
	grant->token = NULL;
}

static void
failed(struct grant *grant, enum err r, const struct why *why)
{
	struct router *router = grant->router;
	struct errand *errand;

	grant->why = *why;
	grant->failed_ms = clock_ms() + FAILED_MS;
	log_warning("grant.failed", "provider=%s url=%s error=%s why=%s", log_quote(grant->entry->secret->provider),
	    log_quote(grant->entry->secret->grant[0].url), err_name(r), log_quote(span_of_text(why->text)));
	list_each(errand, &grant->waiting, struct errand, waiting) {
		list_remove(&errand->waiting);
		errand_fail(errand, "token_grant_failed", &grant->why);
	}
	router->sides.settle(router);
}

/* ---- asking ---- */

static void
token_keep(struct grant *grant, const struct msg_grant_token *in)
{
	const struct msg_token_grant *from = &grant->entry->secret->grant[0];

	token_forget(grant);
	if ((grant->token = malloc(in->token.length + 1)) == NULL)
		abort();
	memcpy(grant->token, in->token.at, in->token.length);
	grant->length = in->token.length;
	grant->until_ms = clock_ms() + grant_keep_ms(from->ttl_s, in->lifetime_s);
	log_info("grant.token", "provider=%s lifetime_s=%u keep_ms=%llu", log_quote(grant->entry->secret->provider),
	    in->lifetime_s, (unsigned long long)(grant->until_ms - clock_ms()));
}

static void
fetched(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct fetch *fetch = self;
	struct grant *grant = fetch->grant;
	struct router *router = fetch->router;
	struct why wrong = why == NULL ? (struct why){0} : *why;
	struct errand *errand;

	fetch_end(fetch);
	if (grant == NULL)
		return;
	if (r == OK && (answer->id != GRANT_TOKEN || !grant_token68(answer->grant_token.token)))
		r = fail(&wrong, ERR_PROTOCOL, "what came is no token that a header field may hold");
	if (r != OK) {
		failed(grant, r, &wrong);
		return;
	}
	token_keep(grant, &answer->grant_token);
	list_each(errand, &grant->waiting, struct errand, waiting) {
		list_remove(&errand->waiting);
		grant_ready(errand);
	}
	router->sides.settle(router);
}

static void
ask(struct fetch *fetch)
{
	const struct grant *grant = fetch->grant;
	const struct msg_token_grant *in = &grant->entry->secret->grant[0];
	const struct msg_token_scope *scope = grant->scope < in->overrides_n ? &in->overrides[grant->scope] : NULL;
	struct msg m = {.id = GRANT_FETCH,
	    .grant_fetch = {.url = in->url,
		.svid_audience = in->svid_audience,
		.assertion_type = in->assertion_type,
		.audience = in->audience,
		.scopes = in->scopes,
		.scopes_n = in->scopes_n,
		.limit_ms = GRANT_LIMIT_MS}};

	if (scope != NULL && scope->audience.length > 0)
		m.grant_fetch.audience = scope->audience;
	if (scope != NULL && scope->scopes_n > 0) {
		m.grant_fetch.scopes = scope->scopes;
		m.grant_fetch.scopes_n = scope->scopes_n;
	}
	peer_call(fetch->peer, &m, GRANT_LIMIT_MS + START_MS, fetched, fetch);
}

static void
started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct fetch *fetch = self;
	struct grant *grant = fetch->grant;
	struct why wrong = why == NULL ? (struct why){0} : *why;

	if (r == OK && (answer->id != GRANT_STARTED || answer->fds_n != 1))
		r = fail(&wrong, ERR_PROTOCOL, "no channel came");
	if (r == OK && grant != NULL)
		r = channel_open(
		    &fetch->router->bus, ROLE_GRANT, "grant", fd_take(&answer->fds[0]), &fetch->peer, &wrong);
	if (r == OK && grant != NULL) {
		fetch->peer = peer_ref(fetch->peer);
		ask(fetch);
		return;
	}
	fetch->peer = NULL;
	fetch_end(fetch);
	if (grant != NULL)
		failed(grant, r, &wrong);
}

static enum err
begin(struct grant *grant, struct why *why)
{
	struct router *router = grant->router;
	struct msg m = {.id = GRANT_START};
	struct fetch *fetch;

	if (grant->failed_ms > clock_ms()) {
		*why = grant->why;
		return ERR_UNAVAILABLE;
	}
	if (router->fetches_n >= GRANTS_MAX)
		return fail(why, ERR_LIMIT, "%u tokens are being fetched", GRANTS_MAX);
	if ((fetch = calloc(1, sizeof(*fetch))) == NULL)
		abort();
	*fetch = (struct fetch){.router = router, .grant = grant};
	grant->fetch = fetch;
	router->fetches_n++;
	peer_call(router->supervisor, &m, START_MS, started, fetch);
	return OK;
}

bool
grant_put(struct errand *errand)
{
	struct grant *grant = grant_of(errand->router, &errand->request);
	struct why why = {0};

	if (grant->token != NULL && grant->until_ms > clock_ms()) {
		if (request_grant(&errand->request, span_of_bytes(grant->token, grant->length), &why) == OK)
			return true;
		errand_fail(errand, "token_grant_failed", &why);
		return false;
	}
	token_forget(grant);
	if (grant->fetch == NULL && begin(grant, &why) != OK) {
		errand_fail(errand, "token_grant_failed", &why);
		return false;
	}
	errand->state = ERRAND_ASKS;
	list_append(&grant->waiting, &errand->waiting);
	return false;
}

void
grants_free(struct vault *vault)
{
	struct grant *grant, *next;

	for (grant = vault == NULL ? NULL : vault->grants; grant != NULL; grant = next) {
		struct errand *errand;

		next = grant->next;
		list_each(errand, &grant->waiting, struct errand, waiting)
			list_remove(&errand->waiting);
		if (grant->fetch != NULL)
			grant->fetch->grant = NULL; /* its answer ends it */
		token_forget(grant);
		free(grant);
	}
	if (vault != NULL)
		vault->grants = NULL;
}
