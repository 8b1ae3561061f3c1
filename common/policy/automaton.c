/* Automata: which branches go into which machine. */
#include "common/policy/automaton.h"

#include <stdlib.h>

#include "common/policy/bits.h"
#include "common/policy/dfa.h"

#define SCRATCH_MAX_BYTES (256u << 20)
#define WILD_TOGETHER	  64	  /* tried in one machine */
#define WORK_MAX	  2000000 /* states that all tries together may make: some seconds */

/* One of the two, and the next. */
struct machine {
	struct machine *next;
	struct dfa dfa;
	struct bits bits;
	bool walked; /* by bits */
};

struct automaton {
	struct machine *first;
};

struct dividing {
	const struct byte_sets *sets;
	struct arena *keep;
	struct automaton *automaton;
	size_t work; /* states tried so far, at most */
	struct why *why;
};

/*
 * Is there a ** in it with something behind? Each such place doubles the states that others pass through at the same
 * time, so those branches stay apart from the tame ones.
 */
static bool
branch_wild(const struct automaton_branch *branch)
{
	for (uint32_t i = 0; i + 2 < branch->branch.n; i++)
		if (branch->branch.steps[i].skip == 2)
			return true;
	return false;
}

/* Tame before wild; those that begin alike stand together. */
static int
branch_order(const void *a, const void *b)
{
	const struct automaton_branch *x = a, *y = b;
	uint32_t n = x->branch.n < y->branch.n ? x->branch.n : y->branch.n;
	int order = (int)branch_wild(x) - (int)branch_wild(y);

	if (order == 0)
		order = memcmp(x->branch.steps, y->branch.steps, n * sizeof(*x->branch.steps));
	return order != 0 ? order : (x->branch.n > y->branch.n) - (x->branch.n < y->branch.n);
}

static enum err
machine_add(struct dividing *d, const struct machine *made)
{
	struct machine *machine = arena_alloc(d->keep, sizeof(*machine));

	if (machine == NULL)
		return fail(d->why, ERR_LIMIT, "the patterns need too much memory");
	*machine = *made;
	machine->next = d->automaton->first;
	d->automaton->first = machine;
	return OK;
}

/* One machine for all these; *made false: it would be too large. */
static enum err
machine_try(struct dividing *d, const struct automaton_branch *branches, uint32_t n, bool *made)
{
	auto_arena struct arena scratch = {.max_bytes = SCRATCH_MAX_BYTES};
	struct machine machine = {0};
	struct trie trie;
	enum err r;

	*made = false;
	if (trie_make(branches, n, &scratch, &trie) != OK)
		return n > 1 ? OK : fail(d->why, ERR_LIMIT, "the patterns need too much memory");
	d->work += dfa_states_max(&trie);
	if (d->work > WORK_MAX)
		return fail(d->why, ERR_LIMIT, "the patterns are too many and too wild to be compiled");
	if (dfa_make(&trie, d->sets, &scratch, d->keep, &machine.dfa, &r)) {
		*made = r == OK;
	} else if (n == 1) {
		r = bits_make(&branches[0], &trie, d->sets, d->keep, &machine.bits);
		*made = machine.walked = r == OK;
	}
	if (r != OK)
		return fail(d->why, r, "the patterns need too much memory");
	return *made ? machine_add(d, &machine) : OK;
}

static enum err
divide(struct dividing *d, const struct automaton_branch *branches, uint32_t n)
{
	bool made;
	enum err r = machine_try(d, branches, n, &made);

	if (r != OK || made)
		return r;
	if ((r = divide(d, branches, n / 2)) != OK)
		return r;
	return divide(d, branches + n / 2, n - n / 2);
}

enum err
automaton_new(struct automaton_branch *branches, uint32_t n, const struct byte_sets *sets, struct arena *keep,
    struct automaton **out, struct why *why)
{
	struct dividing d = {.sets = sets, .keep = keep, .why = why};
	uint32_t tame = 0;
	enum err r;

	*out = NULL;
	if (n == 0)
		return OK;
	if ((d.automaton = arena_alloc(keep, sizeof(*d.automaton))) == NULL)
		return fail(why, ERR_LIMIT, "the patterns need too much memory");
	qsort(branches, n, sizeof(*branches), branch_order);
	while (tame < n && !branch_wild(&branches[tame]))
		tame++;
	if (tame > 0 && (r = divide(&d, branches, tame)) != OK)
		return r;
	for (uint32_t i = tame; i < n; i += WILD_TOGETHER)
		if ((r = divide(&d, branches + i, n - i < WILD_TOGETHER ? n - i : WILD_TOGETHER)) != OK)
			return r;
	*out = d.automaton;
	return OK;
}

void
automaton_run(const struct automaton *automaton, struct span text, uint64_t *groups)
{
	if (automaton == NULL)
		return;
	for (const struct machine *machine = automaton->first; machine != NULL; machine = machine->next) {
		if (machine->walked)
			bits_run(&machine->bits, text, groups);
		else
			dfa_run(&machine->dfa, text, groups);
	}
}

void
automaton_size(const struct automaton *automaton, size_t *machines, size_t *states)
{
	*machines = *states = 0;
	if (automaton == NULL)
		return;
	for (const struct machine *machine = automaton->first; machine != NULL; machine = machine->next) {
		(*machines)++;
		*states += machine->walked ? machine->bits.end : machine->dfa.states_n;
	}
}
