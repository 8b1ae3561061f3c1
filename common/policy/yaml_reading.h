/* Inside of the YAML reader: nodes into messages, and the place of each value. */
#ifndef COMMON_POLICY_YAML_READING_H
#define COMMON_POLICY_YAML_READING_H

#include <protobuf-c/protobuf-c.h>

#include "common/policy/findings.h"
#include "common/wire/yaml.h"

/* Where in the file the value stands that is kept at an address: a field, an item of a list, or a message. */
struct place {
	const void *at;
	size_t line, column;
};

struct reading;

/* Where other files than policies are shaped otherwise; asked before the ways of policies. All may be NULL. */
struct reading_ways {
	/* A key that is no field, or is written in another way: true: the item is dealt with. */
	bool (*item)(struct reading *reading, const struct yaml_node *item, ProtobufCMessage *to);
	/* A message that is no map of its fields: true: it is read. */
	bool (*message)(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to);
	/* The number of an enum's word; false: unknown. */
	bool (*word)(const ProtobufCEnumDescriptor *type, struct span word, int *out);
};

struct reading {
	struct arena *arena;
	struct findings *findings;
	const struct reading_ways *ways; /* NULL: a policy */
	struct place *places;
	size_t places_count, places_room;
	bool full; /* the arena's ceiling was met: what was read is not whole */
};

/* "KEY: "VALUE" words", at the value. */
void yaml_reading_wrong(struct reading *reading, const struct yaml_node *node, const char *words);

/* Remember that what is kept at an address is this node: a scalar by its value, a list or map by its key. */
void yaml_reading_place(struct reading *reading, const void *at, const struct yaml_node *node);

/* Memory of the arena, or NULL with full set. */
void *yaml_reading_alloc(struct reading *reading, size_t count, size_t size);
char *yaml_reading_text(struct reading *reading, struct span text);

/* A new message of the type; NULL with full set. */
ProtobufCMessage *yaml_reading_message(struct reading *reading, const ProtobufCMessageDescriptor *type);

/* Fill a message from a map of keys, a text from a scalar, a number from 1 to UINT32_MAX from a scalar. */
void yaml_read_message(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to);
void yaml_read_text(struct reading *reading, const struct yaml_node *node, char **to);
bool yaml_read_number(struct reading *reading, const struct yaml_node *node, uint64_t high, uint32_t *to);

/*
 * The keys that the wire does not have as YAML has them (yaml_special.c): json_rpc, mcp.max_body_bytes, harness, and
 * of rules tool and params.
 *
 * map     the map that the item stands in
 * returns true: the item is dealt with
 */
bool yaml_read_special(
    struct reading *reading, const struct yaml_node *map, const struct yaml_node *item, ProtobufCMessage *to);

/* Messages that are not maps of their fields: a matcher, and free mappings. false: it is an ordinary one. */
bool yaml_read_own_way(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to);

#endif
