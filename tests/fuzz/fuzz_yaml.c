/* Fuzz the YAML reader: any bytes give an error or a tree within the limits. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/wire/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
walk(const struct yaml_node *node, size_t depth)
{
	size_t nodes = 1, items = 0;

	if (depth > 8 || node->line == 0 || node->column == 0)
		abort();
	for (const struct yaml_node *item = node->first; item != NULL; item = item->next, items++)
		nodes += walk(item, depth + 1);
	if (items != node->count)
		abort();
	return nodes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct yaml_limits limits = {.bytes = 4096, .depth = 8, .nodes = 256};
	auto_arena struct arena arena = {.max_bytes = 1 << 20};
	struct yaml_node *root = NULL;
	struct why why;

	if (yaml_parse(span_of_bytes(data, size), &limits, &arena, &root, &why) != OK)
		return 0;
	if (walk(root, 0) > 256)
		abort();
	yaml_wipe(root);
	return 0;
}
