/* Deterministic automata: subset construction with bounds, and the run. */
#include "common/policy/dfa.h"

#include <stdlib.h>

#define STATES_PER_NODE	 2
#define STATES_LEAST	 512
#define PLACES_PER_STATE 16
#define CELLS_PER_STATE	 8
#define CELLS_LEAST	 4096
#define SORT_BY_HAND	 24

/* A set of places that became a state: pool[at] to pool[at + n - 1], in order. */
struct subset {
	uint32_t at, n;
};

struct making {
	const struct trie *trie;
	const struct byte_sets *sets;
	struct dfa dfa;
	uint32_t classes;
	uint8_t sample[256]; /* a byte of each class */
	struct subset *subsets;
	uint32_t *pool, *table, *stamp; /* table: hash to state; stamp: which move last met a node */
	uint32_t *found, *last;		/* the places of the move that is made, and of the one before */
	uint32_t found_n, last_n, now;
	size_t pool_n, pool_max, states_max, table_size, accepts_max;
};

static void
place_reach(struct making *making, uint32_t node)
{
	const struct trie_node *nodes = making->trie->nodes;

	if (making->stamp[node] == making->now)
		return;
	making->stamp[node] = making->now;
	making->found[making->found_n++] = node;
	if (nodes[node].step.skip == 0)
		return;
	for (uint32_t child = nodes[node].first; child != 0; child = nodes[child].next) {
		place_reach(making, child);
		if (nodes[node].step.skip < 2)
			continue;
		for (uint32_t next = nodes[child].first; next != 0; next = nodes[next].next)
			place_reach(making, next);
	}
}

static void
children_reach(struct making *making, uint32_t node)
{
	const struct trie_node *nodes = making->trie->nodes;

	for (uint32_t child = nodes[node].first; child != 0; child = nodes[child].next)
		place_reach(making, child);
}

static int
place_order(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* Most sets are small, and nearly in order. */
static void
places_sort(uint32_t *places, uint32_t n)
{
	if (n > SORT_BY_HAND) {
		qsort(places, n, sizeof(*places), place_order);
		return;
	}
	for (uint32_t i = 1; i < n; i++) {
		uint32_t place = places[i], k = i;

		for (; k > 0 && places[k - 1] > place; k--)
			places[k] = places[k - 1];
		places[k] = place;
	}
}

static size_t
places_hash(const uint32_t *places, uint32_t n)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (uint32_t i = 0; i < n; i++)
		hash = (hash ^ places[i]) * 0x100000001b3u;
	return (size_t)(hash ^ hash >> 29);
}

/* Groups of the ends among the places of a new state. */
static bool
accepts_add(struct making *making, struct dfa_state *state, const uint32_t *places, uint32_t n)
{
	struct dfa *dfa = &making->dfa;

	state->accept = dfa->accepts_n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t group = making->trie->nodes[places[i]].group;

		if (group == 0)
			continue;
		if (dfa->accepts_n == making->accepts_max)
			return false;
		dfa->accepts[dfa->accepts_n++] = group - 1;
	}
	state->accept_n = dfa->accepts_n - state->accept;
	return true;
}

static bool
state_add(struct making *making, uint32_t *out)
{
	struct dfa *dfa = &making->dfa;
	struct subset *subset = &making->subsets[dfa->states_n];

	if (dfa->states_n == making->states_max || making->pool_max - making->pool_n < making->found_n)
		return false;
	*subset = (struct subset){(uint32_t)making->pool_n, making->found_n};
	memcpy(making->pool + making->pool_n, making->found, making->found_n * sizeof(*making->found));
	making->pool_n += making->found_n;
	*out = dfa->states_n++;
	return accepts_add(making, &dfa->states[*out], making->found, making->found_n);
}

/* The state of the places found, an old one or a new one. */
static bool
state_of(struct making *making, uint32_t *out)
{
	size_t at;

	*out = 0;
	if (making->found_n == 0)
		return true;
	places_sort(making->found, making->found_n);
	at = places_hash(making->found, making->found_n) % making->table_size;
	for (; making->table[at] != 0; at = (at + 1) % making->table_size) {
		const struct subset *subset = &making->subsets[making->table[at]];

		*out = making->table[at];
		if (subset->n == making->found_n &&
		    memcmp(making->pool + subset->at, making->found, subset->n * sizeof(*making->found)) == 0)
			return true;
	}
	if (!state_add(making, out))
		return false;
	making->table[at] = *out;
	return true;
}

static void
move(struct making *making, struct subset from, uint8_t byte)
{
	making->found_n = 0;
	making->now++;
	for (uint32_t i = 0; i < from.n; i++) {
		uint32_t node = making->pool[from.at + i];
		const struct glob_step *step = &making->trie->nodes[node].step;

		if (byte_sets_has(making->sets, step->stay, byte))
			place_reach(making, node);
		if (byte_sets_has(making->sets, step->on, byte))
			children_reach(making, node);
	}
}

/* Which classes may lead anywhere from these places? All of them once a set is wider than a byte. */
static void
classes_of_interest(const struct making *making, struct subset from, bool interest[256])
{
	memset(interest, 0, 256 * sizeof(*interest));
	for (uint32_t i = 0; i < from.n; i++) {
		const struct glob_step *step = &making->trie->nodes[making->pool[from.at + i]].step;
		bool wide = step->stay != BYTE_SETS_NONE || step->on > BYTE_SETS_NONE;

		if (wide)
			memset(interest, 1, 256 * sizeof(*interest));
		else if (step->on < 256)
			interest[making->dfa.class_of[step->on]] = true;
	}
}

/* Are the places found those of the move before? Then so is the state. Else they are remembered, before they are
 * sorted. */
static bool
found_again(struct making *making)
{
	bool again = making->found_n == making->last_n &&
		     memcmp(making->found, making->last, making->found_n * sizeof(*making->found)) == 0;

	memcpy(making->last, making->found, making->found_n * sizeof(*making->found));
	making->last_n = making->found_n;
	return again;
}

static bool
row_make(struct making *making, uint32_t state, uint32_t row[256])
{
	struct subset from = making->subsets[state];
	uint32_t to = 0;
	bool interest[256];

	making->last_n = 0; /* no places: state 0 */
	classes_of_interest(making, from, interest);
	for (uint32_t class = 0; class < making->classes; class ++) {
		row[class] = 0;
		if (!interest[class])
			continue;
		move(making, from, making->sample[class]);
		if (!found_again(making) && !state_of(making, &to))
			return false;
		row[class] = to;
	}
	return true;
}

static bool
row_pack(struct making *making, uint32_t state, const uint32_t row[256])
{
	struct dfa_state *to = &making->dfa.states[state];

	return comb_put(&making->dfa.comb, state, row, making->classes, &to->base, &to->rest, &to->still);
}

size_t
dfa_states_max(const struct trie *trie)
{
	return STATES_LEAST + (size_t)trie->n * STATES_PER_NODE;
}

static bool
making_room(struct making *making, struct arena *scratch)
{
	making->states_max = dfa_states_max(making->trie);
	making->pool_max = making->states_max * PLACES_PER_STATE;
	making->dfa.comb.max = CELLS_LEAST + making->states_max * CELLS_PER_STATE;
	making->accepts_max = making->states_max * 2 + making->trie->n;
	making->table_size = making->states_max * 2 + 1;
	making->dfa.states = arena_array(scratch, making->states_max, sizeof(*making->dfa.states));
	making->dfa.comb.cells = arena_array(scratch, making->dfa.comb.max, sizeof(*making->dfa.comb.cells));
	making->dfa.accepts = arena_array(scratch, making->accepts_max, sizeof(*making->dfa.accepts));
	making->subsets = arena_array(scratch, making->states_max, sizeof(*making->subsets));
	making->pool = arena_array(scratch, making->pool_max, sizeof(*making->pool));
	making->table = arena_array(scratch, making->table_size, sizeof(*making->table));
	making->stamp = arena_array(scratch, making->trie->n, sizeof(*making->stamp));
	making->found = arena_array(scratch, making->trie->n, sizeof(*making->found));
	making->last = arena_array(scratch, making->trie->n, sizeof(*making->last));
	return making->dfa.states != NULL && making->dfa.comb.cells != NULL && making->dfa.accepts != NULL &&
	       making->subsets != NULL && making->pool != NULL && making->table != NULL && making->stamp != NULL &&
	       making->found != NULL;
}

static void *
keep_copy(struct arena *keep, const void *from, size_t n, size_t size)
{
	void *to = arena_array(keep, n + 1, size);

	if (to != NULL)
		memcpy(to, from, n * size);
	return to;
}

static enum err
dfa_keep(const struct dfa *from, uint32_t classes, struct arena *keep, struct dfa *out)
{
	struct dfa dfa = *from;

	dfa.comb.n += classes; /* a row may look that far past the last cell in use */
	dfa.states = keep_copy(keep, from->states, dfa.states_n, sizeof(*dfa.states));
	dfa.comb.cells = keep_copy(keep, from->comb.cells, dfa.comb.n, sizeof(*dfa.comb.cells));
	dfa.accepts = keep_copy(keep, from->accepts, dfa.accepts_n, sizeof(*dfa.accepts));
	if (dfa.states == NULL || dfa.comb.cells == NULL || dfa.accepts == NULL)
		return ERR_LIMIT;
	*out = dfa;
	return OK;
}

bool
dfa_make(const struct trie *trie, const struct byte_sets *sets, struct arena *scratch, struct arena *keep,
    struct dfa *out, enum err *r)
{
	struct making making = {.trie = trie, .sets = sets, .dfa = {.states_n = 1}};
	uint32_t row[256], start;

	*r = OK;
	if (!making_room(&making, scratch))
		return false;
	making.classes = trie_classes(trie, sets, making.dfa.class_of);
	for (unsigned byte = 255; byte > 0; byte--)
		making.sample[making.dfa.class_of[byte]] = (uint8_t)byte;
	making.dfa.states[0].still = true;
	making.now = 1;
	children_reach(&making, 0);
	if (!state_of(&making, &start))
		return false;
	for (uint32_t state = 1; state < making.dfa.states_n; state++)
		if (!row_make(&making, state, row) || !row_pack(&making, state, row))
			return false;
	*r = dfa_keep(&making.dfa, making.classes, keep, out);
	return true;
}

void
dfa_run(const struct dfa *dfa, struct span text, uint64_t *groups)
{
	const struct dfa_state *states = dfa->states;
	uint32_t state = 1;

	for (size_t i = 0; i < text.length && !states[state].still; i++) {
		const struct comb_cell *cell =
		    &dfa->comb.cells[states[state].base + dfa->class_of[(uint8_t)text.at[i]]];

		state = cell->owner == state ? cell->to : states[state].rest;
	}
	for (uint32_t i = 0; i < states[state].accept_n; i++) {
		uint32_t group = dfa->accepts[states[state].accept + i];

		groups[group / 64] |= 1ull << (group % 64);
	}
}
