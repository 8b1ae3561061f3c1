/* Telling: all tokens in messages back to back, of which the last is waited for. */
#include "sandbox/router/tell.h"

#include "common/base/log.h"
#include "sandbox/router/vault.h"

#define TOKENS_A_MESSAGE 4096
#define ANSWER_MS	 10000

static void
applied(struct router *router, uint64_t revision, bool loaded, struct span words)
{
	struct msg m = {.id = SECRETS_APPLIED,
	    .secrets_applied = {.sandbox = router->sandbox,
		.epoch = router->epoch,
		.revision = revision,
		.loaded = loaded,
		.message = span_head(words, 512)}};
	struct why why = {0};

	if (peer_tell(router->supervisor, &m, &why) != OK)
		log_warning("supervisor.untold", "why=%s", log_quote(span_of_text(why.text)));
}

void
tell_refused(struct router *router, uint64_t revision, const struct why *why)
{
	log_warning("secrets.refused", "revision=%llu why=%s", (unsigned long long)revision,
	    log_quote(span_of_text(why->text)));
	applied(router, revision, false, span_of_text(why->text));
}

/* All that waited for the proxy to know. */
static void
known(struct router *router)
{
	reply_send(&router->telling.channel, &(struct msg){.id = DONE});
	if (router->telling.applied_owed && router->vault != NULL)
		applied(router, router->vault->revision, true, SPAN_NONE);
	router->telling.applied_owed = false;
}

static void
told(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct router *router = self;

	(void)answer;
	router->telling.call = 0;
	if (r == ERR_UNAVAILABLE)
		return; /* peer_down */
	if (r != OK)
		log_failure("proxy.slots", r, why);
	if (router->telling.again)
		tell_slots(router);
	else
		known(router);
}

/* The next tokens of the set; moves on behind them. */
static size_t
gather(const struct vault *vault, size_t *entry, size_t *token, struct span *to)
{
	size_t n = 0;

	for (; vault != NULL && *entry < vault->entries_n; (*entry)++, *token = 0) {
		const struct msg_secret_entry *secret = vault->entries[*entry].secret;

		for (; *token < secret->tokens_n; (*token)++) {
			if (n == TOKENS_A_MESSAGE)
				return n;
			to[n++] = secret->tokens[*token];
		}
	}
	return n;
}

static void
tell_all(struct router *router)
{
	const struct vault *vault = router->vault;
	size_t entry = 0, token = 0, left = vault == NULL ? 0 : vault->tokens_n;
	struct span tokens[TOKENS_A_MESSAGE];
	struct msg m = {.id = SLOTS, .slots = {.tokens = tokens, .first = true}};
	struct why why = {0};

	m.slots.revision = vault == NULL ? 0 : vault->revision;
	m.slots.grants = vault == NULL ? NULL : vault->granted;
	m.slots.grants_n = vault == NULL ? 0 : vault->granted_n;
	for (;; m.slots.first = false, m.slots.grants_n = 0) {
		m.slots.tokens_n = gather(vault, &entry, &token, tokens);
		left -= m.slots.tokens_n;
		m.slots.last = left == 0;
		if (m.slots.last)
			break;
		if (peer_tell(router->proxy, &m, &why) != OK)
			return; /* it is gone: peer_down */
	}
	router->telling.call = peer_call(router->proxy, &m, ANSWER_MS, told, router);
}

void
tell_slots(struct router *router)
{
	if (router->proxy == NULL)
		return;
	router->telling.again = router->telling.call != 0;
	if (!router->telling.again)
		tell_all(router);
}

void
tell_forget(struct router *router)
{
	router->telling.call = 0;
	router->telling.again = false;
	if (router->telling.applied_owed)
		known(router);
}

void
tell_applied(struct router *router)
{
	router->telling.applied_owed = true;
	if (router->proxy == NULL)
		known(router);
	else
		tell_slots(router);
}
