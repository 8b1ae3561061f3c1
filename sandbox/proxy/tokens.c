/* Tokens: a set with open places, at most half full; a new telling is built beside the one in use. */
#include "sandbox/proxy/tokens.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "common/policy/reach.h"
#include "sandbox/proxy/proxy.h"

#define TOKENS_MAX   131072 /* 10,000 credentials with all the generations that are kept */
#define TOKENS_BYTES (48u << 20)

struct set {
	struct span *at; /* length 0: free */
	size_t room, n;
	struct arena memory;
	struct reach granted; /* where requests get a token of their own */
};

struct tokens {
	struct set used, coming;
};

static uint64_t
hash_of(struct span token)
{
	uint64_t hash = 1469598103934665603u; /* FNV-1a: the names come from our own state */

	for (size_t i = 0; i < token.length; i++)
		hash = (hash ^ (unsigned char)token.at[i]) * 1099511628211u;
	return hash;
}

static struct span *
place_of(const struct set *set, struct span token)
{
	size_t at = hash_of(token) & (set->room - 1);

	while (set->at[at].length > 0 && !span_equal(set->at[at], token))
		at = (at + 1) & (set->room - 1);
	return &set->at[at];
}

static void
set_free(struct set *set)
{
	free(set->at);
	arena_reset(&set->memory);
	reach_done(&set->granted);
	*set = (struct set){0};
}

static void
grow(struct set *set)
{
	struct set bigger = *set;

	bigger.room = set->room == 0 ? 64 : set->room * 2;
	if ((bigger.at = calloc(bigger.room, sizeof(*bigger.at))) == NULL)
		abort();
	for (size_t i = 0; i < set->room; i++)
		if (set->at[i].length > 0)
			*place_of(&bigger, set->at[i]) = set->at[i];
	free(set->at);
	*set = bigger;
}

static enum err
add(struct set *set, struct span token, struct why *why)
{
	struct span *place;

	if (token.length == 0)
		return OK;
	if (set->n * 2 >= set->room)
		grow(set);
	place = place_of(set, token);
	if (place->length > 0)
		return OK;
	if (set->n == TOKENS_MAX)
		return fail(why, ERR_LIMIT, "more than %d tokens", TOKENS_MAX);
	set->memory.max_bytes = TOKENS_BYTES;
	if (arena_span(&set->memory, token, place) != OK) {
		*place = SPAN_NONE;
		return fail(why, ERR_LIMIT, "more than %u bytes of tokens", TOKENS_BYTES);
	}
	set->n++;
	return OK;
}

static bool
known(const void *self, struct span token)
{
	const struct tokens *tokens = self;

	return tokens != NULL && tokens->used.n > 0 && token.length > 0 && place_of(&tokens->used, token)->length > 0;
}

struct placeholder_tokens
tokens_of(const struct proxy *proxy)
{
	return (struct placeholder_tokens){known, proxy->tokens};
}

bool
tokens_any(const struct proxy *proxy)
{
	return proxy->tokens != NULL && proxy->tokens->used.n > 0;
}

bool
tokens_granted(const struct proxy *proxy, struct span host, uint16_t port, struct span path)
{
	return proxy->tokens != NULL && reach_covers(&proxy->tokens->used.granted, host, port, path, NULL);
}

static enum err
granted_add(struct set *set, const struct msg_slots *in, struct why *why)
{
	struct reach_place places[REACH_MAX];

	for (size_t i = 0; i < in->grants_n; i++)
		places[i] = (struct reach_place){in->grants[i].host, in->grants[i].port, in->grants[i].path};
	return in->grants_n == 0 ? OK : reach_make(&set->granted, places, in->grants_n, why);
}

void
tokens_free(struct tokens *tokens)
{
	if (tokens == NULL)
		return;
	set_free(&tokens->used);
	set_free(&tokens->coming);
	free(tokens);
}

/*
 * What can be filled from now on.
 *
 * in      slots, from the router: some of the list, or the rest of it
 * out     done: with the last, it is in use
 * errors  ERR_LIMIT more than are kept: the list before stays
 */
enum err
slots(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct proxy *proxy = self;
	struct tokens *tokens = proxy->tokens;
	enum err r = OK;

	if (tokens == NULL && (tokens = proxy->tokens = calloc(1, sizeof(*tokens))) == NULL)
		abort();
	if (m->slots.first) {
		set_free(&tokens->coming);
		r = granted_add(&tokens->coming, &m->slots, why);
	}
	for (size_t i = 0; i < m->slots.tokens_n && r == OK; i++)
		r = add(&tokens->coming, m->slots.tokens[i], why);
	if (r != OK) {
		set_free(&tokens->coming);
		return r;
	}
	if (m->slots.last) {
		set_free(&tokens->used);
		tokens->used = tokens->coming;
		tokens->coming = (struct set){0};
	}
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
