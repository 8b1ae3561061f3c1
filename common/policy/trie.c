/* A tree of glob steps, and the classes of bytes that it tells apart. */
#include "common/policy/trie.h"

static bool
steps_equal(const struct glob_step *a, const struct glob_step *b)
{
	return a->on == b->on && a->stay == b->stay && a->skip == b->skip;
}

static uint32_t
node_add(struct trie *trie, uint32_t parent, const struct glob_step *step, uint32_t group)
{
	uint32_t node = trie->n++;

	trie->nodes[node] = (struct trie_node){.step = *step, .next = trie->nodes[parent].first, .group = group};
	trie->nodes[parent].first = node;
	return node;
}

static uint32_t
child_of(struct trie *trie, uint32_t parent, const struct glob_step *step)
{
	for (uint32_t node = trie->nodes[parent].first; node != 0; node = trie->nodes[node].next)
		if (trie->nodes[node].group == 0 && steps_equal(&trie->nodes[node].step, step))
			return node;
	return node_add(trie, parent, step, 0);
}

enum err
trie_make(const struct automaton_branch *branches, uint32_t n, struct arena *arena, struct trie *out)
{
	static const struct glob_step end = {BYTE_SETS_NONE, BYTE_SETS_NONE, 0};
	struct trie trie = {.n = 1};
	size_t most = 1;

	for (uint32_t i = 0; i < n; i++)
		most += branches[i].branch.n + 1u;
	if ((trie.nodes = arena_array(arena, most, sizeof(*trie.nodes))) == NULL)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t node = 0;

		for (uint32_t k = 0; k < branches[i].branch.n; k++)
			node = child_of(&trie, node, &branches[i].branch.steps[k]);
		node_add(&trie, node, &end, branches[i].group + 1);
	}
	*out = trie;
	return OK;
}

/* NUL counts as any other byte: no set has it, and no text. */
static bool
set_has(const struct byte_sets *sets, uint32_t set, unsigned byte)
{
	return byte_sets_has(sets, set, byte == 0 ? 'a' : (uint8_t)byte);
}

/* Part every class by the set. */
static uint32_t
classes_part(const struct byte_sets *sets, uint32_t set, uint8_t class_of[256], uint32_t n)
{
	uint32_t part[256] = {0}, left[256] = {0}, inside[256] = {0};

	for (unsigned byte = 0; byte < 256; byte++)
		(set_has(sets, set, byte) ? inside : left)[class_of[byte]]++;
	for (uint32_t class = 0, all = n; class < all; class ++)
		if (inside[class] > 0 && left[class] > 0)
			part[class] = n++;
	for (unsigned byte = 0; byte < 256; byte++)
		if (part[class_of[byte]] != 0 && set_has(sets, set, byte))
			class_of[byte] = (uint8_t)part[class_of[byte]];
	return n;
}

uint32_t
trie_classes(const struct trie *trie, const struct byte_sets *sets, uint8_t class_of[256])
{
	bool seen[256 + BYTE_SETS_MAX] = {false};
	uint32_t n = 1;

	memset(class_of, 0, 256);
	for (uint32_t node = 1; node < trie->n; node++) {
		const struct glob_step *step = &trie->nodes[node].step;
		uint32_t both[2] = {step->on, step->stay};

		for (int i = 0; i < 2; i++) {
			if (!seen[both[i]])
				n = classes_part(sets, both[i], class_of, n);
			seen[both[i]] = true;
		}
	}
	return n;
}
