/* Names of types, of keys and of providers. */
#include "common/provider/type.h"

#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/base/text.h"

#define KEY_FIRST  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS	   "0123456789"
#define KEY_BYTES  KEY_FIRST DIGITS
#define NAME_BYTES KEY_BYTES ".-"

/* Other names of a type; a type that stands here under its own name alone has no other. */
static const struct {
	const char *name, *type;
	bool command; /* a program of this name needs it */
} names[] = {
    {"claude", "claude-code", true},
    {"claude-code", "claude-code", true},
    {"claude_code", "claude-code", true},
    {"github", "github", true},
    {"gh", "github", true},
    {"gitlab", "gitlab", true},
    {"glab", "gitlab", true},
    {"gcp", "google-cloud", true},
    {"google-cloud", "google-cloud", true},
    {"google-vertex-ai", "google-vertex-ai", true},
    {"vertex", "google-vertex-ai", true},
    {"vertex-ai", "google-vertex-ai", true},
    {"google-vertex", "google-vertex-ai", true},
    {"gcp-vertex", "google-vertex-ai", true},
    {"codex", "codex", true},
    {"copilot", "copilot", true},
    {"opencode", "opencode", true},
    {"generic", "generic", true},
    {"outlook", "outlook", true},
    {"openai", "openai", true},
    {"anthropic", "anthropic", true},
    {"nvidia", "nvidia", true},
    {"deepinfra", "deepinfra", true},
    {"aws-bedrock", "aws-bedrock", true},
    {"aws", "aws", false},
    {"aws-s3", "aws-s3", false},
    {"cursor", "cursor", false},
    {"pypi", "pypi", false},
};

static size_t
find(struct span name)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (strlen(names[i].name) == name.length && strncasecmp(names[i].name, name.at, name.length) == 0)
			return i;
	return COUNT(names);
}

struct span
provider_type(struct span name)
{
	size_t i = find(name);

	return i == COUNT(names) ? name : span_of_text(names[i].type);
}

bool
provider_type_known(struct span name)
{
	return find(name) < COUNT(names);
}

struct span
provider_type_of_command(struct span command)
{
	size_t at, i;

	while (span_find(command, '/', &at))
		command = span_tail(command, at + 1);
	i = find(command);
	return i == COUNT(names) || !names[i].command ? SPAN_NONE : span_of_text(names[i].type);
}

/* v12_..., s<64 hex>_... */
static bool
reads_like_token(struct span key)
{
	size_t under;

	if (!span_find(key, '_', &under) || under < 2)
		return false;
	if (key.at[0] == 'v')
		return span_only(span_tail(span_head(key, under), 1), DIGITS);
	return key.at[0] == 's' && under == 65 && span_only(span_tail(span_head(key, under), 1), DIGITS "abcdef");
}

enum err
provider_key_check(struct span key, struct why *why)
{
	if (key.length > PROVIDER_KEY_MAX)
		return fail(why, ERR_RANGE, "the key has %zu bytes, at most %d", key.length, PROVIDER_KEY_MAX);
	if (key.length == 0 || !span_only(key, KEY_BYTES) || !span_only(span_head(key, 1), KEY_FIRST))
		return fail(why, ERR_INVALID, "a key is the name of a variable: letters, digits and _, no digit first");
	if (span_starts(key, SPAN("OPENSHELL_")))
		return fail(why, ERR_INVALID, "keys that begin with OPENSHELL_ are reserved");
	if (reads_like_token(key))
		return fail(why, ERR_INVALID, "a key may not read like a placeholder (v12_..., s<64 hex digits>_...)");
	return OK;
}

enum err
provider_name_check(struct span name, struct why *why)
{
	if (name.length == 0 || name.length > PROVIDER_NAME_MAX)
		return fail(why, ERR_RANGE, "a provider's name has 1 to %d bytes", PROVIDER_NAME_MAX);
	if (!span_only(name, NAME_BYTES) || name.at[0] == '.' || name.at[0] == '-')
		return fail(
		    why, ERR_INVALID, "a provider's name is letters, digits, . _ and -, the first no . and no -");
	return OK;
}
