/* Deliveries: secrets are boxed by credentials, chunk by chunk, and handed to the relay that holds the session. */
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/providers.h"
#include "services/state/secrets.h"
#include "services/state/sessions.h"

#define DELIVERIES_MAX	 64 /* on their way at one time; others wait */
#define SEAL_DEADLINE_MS 10000
#define AGAIN_MS	 100	 /* the relay's queue is full, or somebody late */
#define CHUNK_BYTES_MAX	 500000u /* of 512 KiB */
#define CHUNK_ITEMS_MAX	 64
#define CHUNKS_MAX	 256

/* The secrets of one session on their way. */
struct delivery {
	struct state *state;
	struct session *session; /* NULL: it has ended */
	struct id sandbox;
	uint32_t epoch;
	struct arena arena;
	struct secrets_set set;
	size_t at; /* first item of the chunk */
	uint16_t chunk, chunks;
};

static void next(void *self);

/* ---- who is owed ---- */

static void
owe(struct state *state, struct session *session)
{
	session->secrets_owed = true;
	if (session->delivery == NULL && session->secrets_queue.next == NULL)
		list_append(&state->secrets_owed, &session->secrets_queue);
}

static void
later(struct state *state, uint32_t ms)
{
	loop_timer_set(state->loop, &state->delivering, ms, next, state);
}

static void
delivery_free(struct delivery *delivery)
{
	delivery->state->deliveries--;
	if (delivery->session != NULL)
		delivery->session->delivery = NULL;
	rows_free(&delivery->set.rows);
	arena_reset(&delivery->arena);
	free(delivery);
}

void
delivery_end(struct session *session)
{
	list_remove(&session->secrets_queue);
	if (session->delivery != NULL)
		session->delivery->session = NULL; /* freed by the answer it waits for */
}

/* ---- what is said of it ---- */

enum err
secrets_say(struct state *state, struct id sandbox, uint32_t epoch, bool well, const char *reason, struct span message,
    struct why *why)
{
	struct args args = {0};

	args_id(&args, sandbox);
	args_text(&args, well ? SPAN("True") : SPAN("False"));
	args_text(&args, span_of_text(reason));
	args_text(&args, span_head(message, 2048));
	args_number(&args, (uint64_t)clock_wall_ms());
	args_number(&args, epoch);
	return db_run(&state->db, SQL_SECRETS_SAY, &args, NULL, why);
}

static void
say(struct state *state, struct id sandbox, uint32_t epoch, const char *reason, const char *words)
{
	struct why why;

	log_warning(
	    "secrets.push", "sandbox=%s reason=%s why=%s", id_text(sandbox), reason, log_quote(span_of_text(words)));
	if (secrets_say(state, sandbox, epoch, false, reason, span_of_text(words), &why) != OK)
		log_debug("secrets.say", "sandbox=%s why=%s", id_text(sandbox), why.text);
}

/* Is it worth another try by itself? Otherwise its user reads why, and a change brings the next. */
static void
failed(struct state *state, struct session *session, enum err r, const struct why *why)
{
	static const char *const reasons[] = {[ERR_STATE] = "ProvidersConflict", [ERR_DENIED] = "SecretsRefused"};

	if (r == ERR_NOT_FOUND)
		return;
	if (r == ERR_TIMEOUT)
		say(state, session->sandbox, session->epoch, "CredentialsAway", "credentials does not answer");
	if (r == ERR_UNAVAILABLE || r == ERR_TIMEOUT || r == ERR_LIMIT || r == ERR_CONFLICT) {
		owe(state, session);
		later(state, AGAIN_MS);
		return;
	}
	say(state, session->sandbox, session->epoch,
	    (size_t)r < COUNT(reasons) && reasons[r] != NULL ? reasons[r] : "SecretsUnavailable", why->text);
}

/* ---- chunks ---- */

static size_t
scopes_bytes(const struct span *scopes, size_t n)
{
	size_t bytes = 8;

	for (size_t i = 0; i < n; i++)
		bytes += 8 + scopes[i].length;
	return bytes;
}

static size_t
grant_bytes(const struct msg_token_grant *grant)
{
	size_t bytes = 64 + grant->url.length + grant->field.length + grant->svid_audience.length +
		       grant->assertion_type.length + grant->audience.length +
		       scopes_bytes(grant->scopes, grant->scopes_n);

	for (size_t i = 0; i < grant->overrides_n; i++) {
		const struct msg_token_scope *scope = &grant->overrides[i];

		bytes += 32 + scope->host.length + scope->path.length + scope->audience.length +
			 scopes_bytes(scope->scopes, scope->scopes_n);
	}
	return bytes;
}

static size_t
item_bytes(const struct msg_bundle_item *item)
{
	size_t bytes = 64 + item->slot.length + item->provider.length + item->field.length + item->parameter.length;

	for (size_t i = 0; i < item->tokens_n; i++)
		bytes += 8 + item->tokens[i].length;
	for (size_t i = 0; i < item->bindings_n; i++)
		bytes += 16 + item->bindings[i].host.length + item->bindings[i].path.length;
	for (size_t i = 0; i < item->record_n; i++)
		bytes += 16 + item->record[i].key.length + item->record[i].record.length;
	for (size_t i = 0; i < item->grant_n; i++)
		bytes += grant_bytes(&item->grant[i]);
	return bytes;
}

/* How many items the chunk has that begins there. */
static size_t
chunk_items(const struct secrets_set *set, size_t at)
{
	size_t n = 0, bytes = 0;

	for (; at + n < set->items_n && n < CHUNK_ITEMS_MAX; n++)
		if ((bytes += item_bytes(&set->items[at + n])) > CHUNK_BYTES_MAX && n > 0)
			break;
	return n;
}

static enum err
chunks_count(struct delivery *delivery, struct why *why)
{
	size_t at = 0, n = 0;

	do {
		at += chunk_items(&delivery->set, at);
		n++;
	} while (at < delivery->set.items_n);
	if (n > CHUNKS_MAX)
		return fail(why, ERR_RANGE, "the secrets of the sandbox are too long");
	delivery->chunks = (uint16_t)n;
	return OK;
}

static enum err
chunk_tell(const struct delivery *delivery, struct span box, struct why *why)
{
	const struct secrets_set *set = &delivery->set;
	struct msg m = {.id = SECRETS_PUSH,
	    .secrets_push = {.sandbox = delivery->sandbox,
		.epoch = delivery->epoch,
		.revision = set->revision,
		.chunk = delivery->chunk,
		.chunks = delivery->chunks,
		.box = box}};

	if (delivery->chunk == 0) {
		m.secrets_push.environment = set->environment;
		m.secrets_push.environment_n = set->environment_n;
		m.secrets_push.backends = set->backends;
		m.secrets_push.backends_n = set->backends_n;
	}
	return peer_tell(delivery->session->relay, &m, why);
}

static call_done sealed;

static void
seal(struct delivery *delivery, struct peer *credentials)
{
	const struct secrets_set *set = &delivery->set;
	struct msg ask = {.id = BUNDLE_SEAL,
	    .bundle_seal = {.sandbox = delivery->sandbox,
		.epoch = delivery->epoch,
		.router_key = span_of_bytes(set->router_key, 32),
		.router_mac = span_of_bytes(set->router_mac, 32),
		.revision = set->revision,
		.chunk = delivery->chunk,
		.chunks = delivery->chunks,
		.items = set->items + delivery->at,
		.items_n = chunk_items(set, delivery->at)}};

	peer_call(credentials, &ask, SEAL_DEADLINE_MS, sealed, delivery);
}

static void
ended(struct delivery *delivery, enum err r, const struct why *why)
{
	struct state *state = delivery->state;
	struct session *session = delivery->session;

	if (session != NULL && r == OK) {
		session->secrets_revision = delivery->set.revision;
		log_info("secrets.push", "sandbox=%s revision=%lu secrets=%zu chunks=%u", id_text(delivery->sandbox),
		    (unsigned long)delivery->set.revision, delivery->set.items_n, delivery->chunks);
	}
	delivery_free(delivery);
	if (session != NULL && r != OK)
		failed(state, session, r, why);
	else if (session != NULL && session->secrets_owed)
		owe(state, session);
	if (!list_empty(&state->secrets_owed) && r == OK)
		later(state, 0);
}

static void
sealed(void *self, enum err r, struct msg *answer, const struct why *because_of)
{
	struct delivery *delivery = self;
	struct peer *credentials;
	struct why why = {0};

	if (because_of != NULL)
		why = *because_of;
	if (delivery->session == NULL || r != OK) {
		ended(delivery, r, &why);
		return;
	}
	if ((r = chunk_tell(delivery, answer->bundle_sealed.box, &why)) == OK) {
		delivery->at += chunk_items(&delivery->set, delivery->at);
		delivery->chunk++;
		if (delivery->chunk < delivery->chunks &&
		    (r = credentials_peer(delivery->state, &credentials, &why)) == OK) {
			seal(delivery, credentials);
			return;
		}
	}
	ended(delivery, r, &why);
}

/* ---- one after the other ---- */

static enum err
begin(struct state *state, struct session *session, struct peer *credentials, struct why *why)
{
	struct delivery *delivery;
	uint64_t revision;
	enum err r;

	if ((r = secrets_revision(state, session->sandbox, &revision, why)) != OK || revision == 0 ||
	    revision == session->secrets_revision)
		return r;
	if ((delivery = calloc(1, sizeof(*delivery))) == NULL)
		abort();
	*delivery = (struct delivery){.state = state, .sandbox = session->sandbox, .epoch = session->epoch};
	state->deliveries++;
	if ((r = secrets_read(state, session->sandbox, session->epoch, &delivery->arena, &delivery->set, why)) != OK ||
	    (r = chunks_count(delivery, why)) != OK) {
		delivery_free(delivery);
		return r == ERR_LIMIT ? ERR_RANGE : r; /* it will not become shorter by itself */
	}
	delivery->session = session;
	session->delivery = delivery;
	seal(delivery, credentials);
	return OK;
}

/* Whoever would be sent something is told why it waits. */
static void
credentials_away(struct state *state, const struct why *why)
{
	struct session *session;
	struct why ignored;
	uint64_t revision;

	list_each(session, &state->secrets_owed, struct session, secrets_queue)
		if (secrets_revision(state, session->sandbox, &revision, &ignored) != OK || revision == 0 ||
		    revision == session->secrets_revision) {
			list_remove(&session->secrets_queue);
			session->secrets_owed = false;
		} else
			say(state, session->sandbox, session->epoch, "CredentialsAway", why->text);
}

static void
next(void *self)
{
	struct state *state = self;
	struct peer *credentials;
	struct why why = {0};
	enum err r;

	if (!state->serving || list_empty(&state->secrets_owed))
		return; /* all are looked at when the database is back */
	if (credentials_peer(state, &credentials, &why) != OK) {
		credentials_away(state, &why); /* and when credentials is */
		return;
	}
	while (state->deliveries < DELIVERIES_MAX && !list_empty(&state->secrets_owed)) {
		struct session *session = list_item(state->secrets_owed.next, struct session, secrets_queue);

		list_remove(&session->secrets_queue);
		session->secrets_owed = false;
		if ((r = begin(state, session, credentials, &why)) == OK)
			continue;
		failed(state, session, r, &why);
		if (session->secrets_owed)
			return;
	}
}

void
deliver_owed(struct state *state)
{
	later(state, 0);
}

void
deliver_secrets(struct state *state, struct id sandbox)
{
	struct session *session = session_find(state, sandbox);

	if (session != NULL)
		owe(state, session);
	for (size_t i = 0; id_none(sandbox) && i < SESSION_BUCKETS; i++)
		list_each(session, &state->sessions[i], struct session, link)
			owe(state, session);
	next(state);
}
