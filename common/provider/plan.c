/* The plan of a sandbox: each provider in turn, then what does not go together. */
#include "common/provider/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/provider/binding.h"
#include "common/provider/environment.h"
#include "common/provider/grants.h"
#include "common/provider/messages.h"
#include "common/provider/planning.h"
#include "common/provider/type.h"

static enum err
full(struct why *why)
{
	return fail(why, ERR_LIMIT, "the providers of the sandbox need too much room");
}

/* Room for what there can be at most. */
static enum err
room_make(const struct provider_question *question, struct arena *arena, struct provider_plan *plan, struct why *why)
{
	size_t keys = 0, credentials = 0;

	for (size_t i = 0; i < question->attached_count; i++) {
		keys += question->attached[i].keys_count;
		credentials += question->attached[i].profile == NULL ? 0 : question->attached[i].profile->n_credentials;
	}
	plan->secrets = arena_array(arena, keys + 1, sizeof(*plan->secrets));
	plan->grants = arena_array(arena, credentials + 1, sizeof(*plan->grants));
	plan->withheld = arena_array(arena, keys + credentials + 1, sizeof(*plan->withheld));
	plan->plain =
	    arena_array(arena, question->attached_count * ENVIRONMENT_VARIABLES_MAX + 1, sizeof(*plan->plain));
	plan->layers = arena_array(arena, question->attached_count + 1, sizeof(*plan->layers));
	return plan->secrets == NULL || plan->grants == NULL || plan->withheld == NULL || plan->plain == NULL ||
		       plan->layers == NULL
		   ? full(why)
		   : OK;
}

/* Why this key is not given; NULL: it is. */
static const char *
reason_withheld(const struct provider_attached *attached, const char *key, size_t bindings, struct arena *arena)
{
	if (attached->profile == NULL)
		return arena_format(arena,
		    "type %s has no profile, so nothing says where %s may go; import one, or use the provider for "
		    "inference",
		    attached->type, key);
	if (provider_bootstrap(span_of_text(attached->type), span_of_text(key)))
		return arena_format(arena, "%s is only what tokens are minted from", key);
	if (bindings == 0)
		return arena_format(arena,
		    "profile %s has no endpoints; name the provider on an endpoint of the sandbox's policy: "
		    "credential_binding: {provider: %s}",
		    text_or(attached->profile->id), attached->name);
	return NULL;
}

static enum err
secret_add(const struct provider_question *question, size_t which, const struct provider_key *key,
    const struct provider_bindings *bindings, unsigned opted, struct arena *arena, struct provider_plan *plan,
    struct why *why)
{
	const struct provider_attached *attached = &question->attached[which];
	struct provider_secret *secret = &plan->secrets[plan->secrets_count++];

	*secret = (struct provider_secret){
	    .provider = which,
	    .key = key->key,
	    .bindings = bindings->items,
	    .bindings_count = bindings->count,
	    .expires_ms = key->expires_ms,
	    .stable = key->refreshed,
	    .stored = key->stored,
	    .expired = key->expires_ms > 0 && key->expires_ms <= question->now_ms,
	};
	provider_handle(&(struct provider_identity){question->sandbox, attached->id, key->key,
			    key->epoch == NULL ? "" : key->epoch, bindings->items, bindings->count},
	    secret->handle);
	return places_set(attached->profile, secret, opted, arena) ? OK : full(why);
}

static enum err
keys_add(const struct provider_question *question, size_t which, struct arena *arena, struct provider_plan *plan,
    struct why *why)
{
	const struct provider_attached *attached = &question->attached[which];
	struct provider_bindings bindings;
	unsigned opted;
	enum err r;

	if ((r = provider_bindings(attached->profile, attached->name, question->policy, arena, &bindings, why)) != OK ||
	    (r = grants_add(question, which, &bindings, arena, plan, why)) != OK)
		return r;
	opted = places_opted(question, attached->profile, &bindings);
	for (size_t i = 0; i < attached->keys_count && r == OK; i++) {
		const struct provider_key *key = &attached->keys[i];
		const char *reason = reason_withheld(attached, key->key, bindings.count, arena);

		if (reason != NULL)
			plan->withheld[plan->withheld_count++] = (struct provider_withheld){which, key->key, reason};
		else if (key->stored || key->refreshed)
			r = secret_add(question, which, key, &bindings, opted, arena, plan, why);
	}
	return r;
}

static enum err
layer_add(const struct provider_question *question, size_t which, size_t before, struct arena *arena,
    struct provider_plan *plan, struct why *why)
{
	const struct provider_attached *attached = &question->attached[which];
	Rule *rule;
	enum err r;

	if (attached->profile == NULL)
		return OK;
	if ((r = provider_rule(attached->profile, attached->name, arena, &rule, why)) != OK)
		return r;
	plan->layers[plan->layers_count++] = (struct policy_layer){
	    .provider = attached->name,
	    .rule = rule,
	    .credentialed = plan->secrets_count + plan->grants_count > before,
	    .marks_only = !question->derive,
	};
	return OK;
}

/* ---- what does not go together ---- */

static enum err
keys_collide(const struct provider_question *question, const struct provider_plan *plan, struct why *why)
{
	for (size_t i = 0; i < plan->secrets_count; i++)
		for (size_t j = i + 1; j < plan->secrets_count; j++) {
			const struct provider_secret *a = &plan->secrets[i], *b = &plan->secrets[j];

			if (a->provider != b->provider && strcmp(a->key, b->key) == 0)
				return fail(why, ERR_STATE,
				    "providers '%.80s' and '%.80s' both deliver %.80s: a sandbox can have one of them",
				    question->attached[a->provider].name, question->attached[b->provider].name, a->key);
		}
	return OK;
}

/* Is the variable there already: of another provider, or as a key of the same one? */
static bool
plain_taken(const struct provider_plan *plan, size_t which, const char *key)
{
	for (size_t i = 0; i < plan->secrets_count; i++)
		if (plan->secrets[i].provider == which && strcmp(plan->secrets[i].key, key) == 0)
			return true;
	for (size_t i = 0; i < plan->plain_count; i++)
		if (strcmp(plan->plain[i].key, key) == 0)
			return true;
	return false;
}

/* The variables of one provider, which no other's key may be called as. */
static enum err
plain_add(const struct provider_question *question, size_t which, struct provider_plan *plan, struct why *why)
{
	const struct provider_attached *attached = question->attached;
	struct provider_pair made[ENVIRONMENT_VARIABLES_MAX];
	size_t n = environment_of(&attached[which], question->metadata, made);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < plan->secrets_count; j++) {
			const struct provider_secret *secret = &plan->secrets[j];

			if (secret->provider != which && strcmp(secret->key, made[i].key) == 0)
				return fail(why, ERR_STATE,
				    "the credential %.80s of provider '%.80s' is also a variable that provider '%.80s' "
				    "sets",
				    made[i].key, attached[secret->provider].name, attached[which].name);
		}
		if (!plain_taken(plan, which, made[i].key))
			plan->plain[plan->plain_count++] = made[i];
	}
	return OK;
}

enum err
provider_plan(const struct provider_question *question, struct arena *arena, struct provider_plan *out, struct why *why)
{
	struct provider_plan plan = {0};
	enum err r;

	if (question->attached_count > PROVIDER_ATTACHED_MAX)
		return fail(why, ERR_LIMIT, "a sandbox has at most %d providers", PROVIDER_ATTACHED_MAX);
	if ((r = room_make(question, arena, &plan, why)) != OK)
		return r;
	for (size_t i = 0; i < question->attached_count; i++) {
		size_t before = plan.secrets_count + plan.grants_count;

		if ((r = keys_add(question, i, arena, &plan, why)) != OK ||
		    (r = layer_add(question, i, before, arena, &plan, why)) != OK)
			return r;
	}
	for (size_t i = 0; i < plan.withheld_count; i++)
		if (plan.withheld[i].reason == NULL)
			return full(why);
	if ((r = keys_collide(question, &plan, why)) != OK)
		return r;
	for (size_t i = 0; i < question->attached_count; i++)
		if ((r = plain_add(question, i, &plan, why)) != OK)
			return r;
	if ((r = grants_check(question, why)) != OK || (r = grants_fit(&plan, why)) != OK)
		return r;
	*out = plan;
	return OK;
}
