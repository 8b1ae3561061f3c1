/* Types of providers: what people call them, what they are called here, and what a record may hold at most. */
#ifndef COMMON_PROVIDER_TYPE_H
#define COMMON_PROVIDER_TYPE_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/span.h"

/* Bytes of a name, a type, a key and a value; entries of a record; providers of a sandbox. */
#define PROVIDER_NAME_MAX     253
#define PROVIDER_TYPE_MAX     64
#define PROVIDER_KEY_MAX      256
#define PROVIDER_VALUE_MAX    8192
#define PROVIDER_KEYS_MAX     32
#define PROVIDER_CONFIG_MAX   64
#define PROVIDER_MATERIAL_MAX 64
#define PROVIDER_ATTACHED_MAX 32

/*
 * The one name of a type: "GitHub", "gh" -> "github". What is not known stays as it is, so that records of any type can
 * be kept.
 */
struct span provider_type(struct span name);

/* Is it a built-in profile or one of the plain types (openai, anthropic, opencode, gitlab, generic, outlook)? */
bool provider_type_known(struct span name);

/* The type that a command line begins to need: "/usr/bin/claude" -> "claude-code"; empty where there is none. */
struct span provider_type_of_command(struct span command);

/*
 * May this be the key of a credential, which becomes a variable of the environment?
 *
 * errors  ERR_INVALID not [A-Za-z_][A-Za-z0-9_]*, OPENSHELL_*, or it reads like a placeholder's token (v12_, s<64
 * hex>_); ERR_RANGE over PROVIDER_KEY_MAX bytes
 */
enum err provider_key_check(struct span key, struct why *why) must_check;

/* May this be a name: 1 to PROVIDER_NAME_MAX of A-Z a-z 0-9 . _ -, the first no dot and no hyphen? */
enum err provider_name_check(struct span name, struct why *why) must_check;

#endif
