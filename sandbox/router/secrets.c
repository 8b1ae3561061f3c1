/* Secrets as they come: chunks gathered, opened, checked; a whole good revision takes the place of the one before. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "sandbox/router/grant.h"
#include "sandbox/router/serve.h"
#include "sandbox/router/tell.h"
#include "sandbox/router/vault.h"

static void
forget_coming(struct router *router)
{
	vault_free(router->coming);
	router->coming = NULL;
}

static enum err
check(const struct router *router, const struct msg_secrets_push *in, struct why *why)
{
	if (!id_equal(in->sandbox, router->sandbox) || in->epoch != router->epoch)
		return fail(why, ERR_DENIED, "secrets of another sandbox or start");
	if (router->vault != NULL && in->revision < router->vault->revision)
		return fail(why, ERR_DENIED, "revision %llu is older than %llu, which is in use",
		    (unsigned long long)in->revision, (unsigned long long)router->vault->revision);
	return OK;
}

static enum err
take(struct router *router, const struct msg_secrets_push *in, struct why *why)
{
	enum err r;

	if ((r = check(router, in, why)) != OK)
		return r;
	if (in->chunk == 0) {
		forget_coming(router);
		router->coming = vault_new(in->revision, in->chunks);
	} else if (router->coming == NULL)
		return fail(why, ERR_PROTOCOL, "chunk %u without those before it", in->chunk);
	if ((r = vault_add(router->coming, in, router->credentials_key, &router->box_key, why)) != OK)
		return r;
	return router->coming->got == router->coming->chunks ? vault_close(router->coming, why) : OK;
}

/* What is filled in and has not gone yet goes only where the new secrets would let it: what is detached goes nowhere. */
static void
recheck(struct router *router)
{
	struct errand *errand;

	list_each(errand, &router->errands, struct errand, link) {
		struct why why = {0};
		const char *code = "";

		if (errand->state == ERRAND_OVER ||
		    request_recheck(router->vault, &errand->request, (uint64_t)clock_wall_ms(), &code, &why) == OK)
			continue;
		errand->retried = true; /* one that has gone: not once more */
		if (errand->state == ERRAND_GATHERS || errand->state == ERRAND_ASKS || errand->state == ERRAND_WAITS)
			errand_fail(errand, code, &why);
	}
	list_each(errand, &router->errands, struct errand, link)
		if (errand->state == ERRAND_ASKS)
			grant_ready(errand); /* it waited for a token of the set before */
	router->sides.settle(router);
}

/*
 * One chunk of a revision. What is in use stays until all of a newer one is here, from credentials, for this start.
 *
 * in      secrets_push, from the supervisor
 * out     done, where it was asked; secrets_applied follows
 */
enum err
secrets_push(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct router *router = self;
	const struct msg_secrets_push *in = &m->secrets_push;
	struct why wrong = {0};

	if (m->from != router->supervisor)
		return fail(why, ERR_DENIED, "only the supervisor brings secrets");
	if (m->call != 0)
		answer->id = DONE;
	if (take(router, in, &wrong) != OK) {
		forget_coming(router);
		tell_refused(router, in->revision, &wrong);
		return OK;
	}
	if (router->coming->got < router->coming->chunks)
		return OK;
	grants_free(router->vault);
	vault_free(router->vault);
	router->vault = router->coming;
	router->coming = NULL;
	log_info("secrets.loaded", "revision=%llu entries=%zu", (unsigned long long)router->vault->revision,
	    router->vault->entries_n);
	recheck(router);
	tell_applied(router);
	return OK;
}
