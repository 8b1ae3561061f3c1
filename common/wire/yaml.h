/* YAML documents, strictly: text in, a tree of nodes out, each with its line and column. No aliases, anchors or tags. */
#ifndef COMMON_WIRE_YAML_H
#define COMMON_WIRE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

/* A value, and in a map the key that it stands under. */
struct yaml_node {
	enum yaml_kind kind;
	size_t line, column; /* where the value begins, counted from 1 */
	struct span text;    /* of a scalar: what it says, unquoted, a NUL behind it */
	bool plain;	     /* a scalar without quotes: true, 17 and null mean more than their letters */
	struct span key;     /* in a map */
	size_t key_line, key_column;
	struct yaml_node *first; /* of a list or map: its items in the order of the text */
	size_t count;		 /* how many */
	struct yaml_node *next;	 /* the next one of the same list or map */
};

/* What a document may have at most; 0 stands for the number beside it. */
struct yaml_limits {
	size_t bytes; /* 262144 */
	size_t depth; /* 32 lists and maps within each other */
	size_t nodes; /* 16384 */
};

/*
 * Read one document (YAML 1.1 as libyaml knows it).
 *
 * text    UTF-8; whoever calls may drop it afterwards
 * limits  NULL: the usual ones
 * arena   the tree lives there
 * out     the root; a document that says nothing is an empty plain scalar (see yaml_null). Untouched on failure
 * errors  ERR_LIMIT past a limit or the arena; ERR_SYNTAX anything else: not YAML, a key twice, a key that is no
 *         scalar, an alias, anchor, tag or directive, a second document. The reason begins "line L, column C: "
 */
enum err yaml_parse(struct span text, const struct yaml_limits *limits, struct arena *arena, struct yaml_node **out,
    struct why *why) must_check;

/* The value under a key; NULL when it is not there or the node is no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* Nothing, ~ or null without quotes. */
bool yaml_null(const struct yaml_node *node);

/* true or false without quotes; ERR_INVALID anything else (yes, on and 1 too). */
enum err yaml_flag(const struct yaml_node *node, bool *out, struct why *why) must_check;

/* "a text", "a list" or "a map", for messages. */
const char *yaml_kind_name(enum yaml_kind kind);

/* Overwrite every text of the tree with zeros: for documents that hold secrets. */
void yaml_wipe(struct yaml_node *root);

#endif
