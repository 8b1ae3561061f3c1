/* check: names, pairs, quantities and the single fields of requests. */
#include "services/api/check.h"

#include "common/base/clean.h"
#include "common/base/text.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

#define VARIABLE_KEY_BYTES   256
#define VARIABLE_VALUE_BYTES 8192
#define EXEC_VALUE_BYTES     32767 /* 32 KiB with its key's = */
#define EXEC_PAIR_BYTES	     32768
#define VARIABLES_BYTES	     262144
#define ARGUMENT_BYTES	     32768
#define COMMAND_BYTES	     262144
#define ANNOTATION_BYTES     65536
#define CPU_MILLI_MAX	     1024000
#define LABEL_PART_BYTES     63
#define LABEL_PREFIX_BYTES   253

/* All entry types of map<string, string> look like this. */
struct entry {
	ProtobufCMessage base;
	char *key, *value;
};

/* A value as it is shown in a reason: escaped, cut, in quotes. */
#define shown(span) quoted((span), (char[96]){0})

static const char *
quoted(struct span bytes, char to[96])
{
	struct text t = {to, 0, 96, false};

	text_add(&t, "\"");
	text_add_escaped(&t, span_head(bytes, 64));
	text_add(&t, bytes.length > 64 ? "...\"" : "\"");
	return to;
}

enum err
pairs_read(struct arena *arena, const void *const *entries, size_t n, struct pair **out, size_t *out_n, struct why *why)
{
	struct pair *pairs;
	size_t used = 0, same;

	if (n > CHECK_PAIRS_MAX)
		return fail(why, ERR_INVALID, "has %zu entries, at most %d are allowed", n, CHECK_PAIRS_MAX);
	if ((pairs = arena_array(arena, n, sizeof(*pairs))) == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (size_t i = 0; i < n; i++) {
		const struct entry *entry = entries[i];
		struct pair pair = {span_of_text(entry->key), span_of_text(entry->value)};

		for (same = 0; same < used && !span_equal(pairs[same].key, pair.key); same++)
			continue;
		pairs[same] = pair;
		used += same == used;
	}
	*out = pairs;
	*out_n = used;
	return OK;
}

enum err
pairs_texts(struct arena *arena, const struct pair *pairs, size_t n, struct span **out, struct why *why)
{
	struct span *texts = arena_array(arena, n, sizeof(*texts));
	char *at;

	if (texts == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (size_t i = 0; i < n; i++) {
		size_t length = pairs[i].key.length + 1 + pairs[i].value.length;

		if ((at = arena_alloc(arena, length + 1)) == NULL)
			return fail(why, ERR_LIMIT, "the request needs too much memory");
		memcpy(at, pairs[i].key.at, pairs[i].key.length);
		at[pairs[i].key.length] = '=';
		if (pairs[i].value.length > 0)
			memcpy(at + pairs[i].key.length + 1, pairs[i].value.at, pairs[i].value.length);
		texts[i] = span_of_bytes(at, length);
	}
	*out = texts;
	return OK;
}

enum err
check_name(const char *field, struct span name, struct why *why)
{
	if (name.length == 0)
		return fail(why, ERR_INVALID, "%s is required", field);
	if (name.length > CHECK_NAME_BYTES)
		return fail(why, ERR_INVALID, "%s %s has %zu characters, at most %d are allowed", field, shown(name),
		    name.length, CHECK_NAME_BYTES);
	if (!span_only(name, "abcdefghijklmnopqrstuvwxyz" DIGITS "-"))
		return fail(why, ERR_INVALID, "%s %s must hold only lowercase alphanumeric characters and hyphens",
		    field, shown(name));
	if (name.at[0] == '-' || name.at[name.length - 1] == '-')
		return fail(why, ERR_INVALID, "%s %s must not start or end with a hyphen", field, shown(name));
	for (size_t i = 1; i < name.length; i++)
		if (name.at[i] == '-' && name.at[i - 1] == '-')
			return fail(why, ERR_INVALID, "%s %s must not hold two hyphens together", field, shown(name));
	return OK;
}

/* Letters and digits at both ends, and between them the marks too. */
static bool
is_part(struct span part, size_t bytes_max, const char *letters, const char *marks)
{
	char inner[96];
	struct text t = TEXT_OF(inner);

	if (part.length == 0 || part.length > bytes_max)
		return false;
	text_add(&t, "%s%s", letters, marks);
	return span_only(part, inner) && span_only(span_head(part, 1), letters) &&
	       span_only(span_tail(part, part.length - 1), letters);
}

/* Names between dots, each of a-z 0-9 - (RFC 1123, 2.1). */
static bool
is_subdomain(struct span name)
{
	if (name.length == 0 || name.length > LABEL_PREFIX_BYTES || name.at[name.length - 1] == '.')
		return false;
	while (name.length > 0)
		if (!is_part(span_cut(&name, '.'), LABEL_PART_BYTES, "abcdefghijklmnopqrstuvwxyz" DIGITS, "-"))
			return false;
	return true;
}

/* [prefix/]name of Kubernetes ("Labels and Selectors", syntax and character set). */
static enum err
check_label_key(const char *field, struct span key, struct why *why)
{
	struct span name = key;
	size_t slash;

	if (span_find(key, '/', &slash)) {
		if (!is_subdomain(span_head(key, slash)))
			return fail(why, ERR_INVALID,
			    "%s: key %s: what is before / must be a lowercase DNS name of at "
			    "most %d characters",
			    field, shown(key), LABEL_PREFIX_BYTES);
		name = span_tail(key, slash + 1);
	}
	if (!is_part(name, LABEL_PART_BYTES, LETTERS DIGITS, "-_."))
		return fail(why, ERR_INVALID,
		    "%s: key %s must have 1 to %d letters, digits, -, _ or ., and a letter or "
		    "digit first and last",
		    field, shown(key), LABEL_PART_BYTES);
	return OK;
}

enum err
check_labels(const char *field, const struct pair *pairs, size_t n, struct why *why)
{
	enum err r;

	for (size_t i = 0; i < n; i++) {
		if ((r = check_label_key(field, pairs[i].key, why)) != OK)
			return r;
		if (pairs[i].value.length > 0 && !is_part(pairs[i].value, LABEL_PART_BYTES, LETTERS DIGITS, "-_."))
			return fail(why, ERR_INVALID,
			    "%s: value %s of %s must have at most %d letters, digits, -, _ or "
			    "., and a letter or digit first and last",
			    field, shown(pairs[i].value), shown(pairs[i].key), LABEL_PART_BYTES);
	}
	return OK;
}

enum err
check_annotations(const char *field, const struct pair *pairs, size_t n, struct why *why)
{
	enum err r;

	for (size_t i = 0; i < n; i++) {
		if ((r = check_label_key(field, pairs[i].key, why)) != OK)
			return r;
		if (pairs[i].key.length + 1 + pairs[i].value.length > ANNOTATION_BYTES)
			return fail(why, ERR_INVALID, "%s: %s has %zu bytes, at most %d are allowed with its key",
			    field, shown(pairs[i].key), pairs[i].value.length, ANNOTATION_BYTES);
	}
	return OK;
}

static enum err
check_variable(const char *field, const struct pair *pair, enum check_variables whose, struct why *why)
{
	size_t value_max = whose == CHECK_EXEC ? EXEC_VALUE_BYTES : VARIABLE_VALUE_BYTES, at;

	if (pair->key.length == 0 || pair->key.length > VARIABLE_KEY_BYTES)
		return fail(why, ERR_INVALID, "%s: the name %s has %zu bytes, 1 to %d are allowed", field,
		    shown(pair->key), pair->key.length, VARIABLE_KEY_BYTES);
	if (!span_only(pair->key, LETTERS DIGITS "_") || span_only(span_head(pair->key, 1), DIGITS))
		return fail(why, ERR_INVALID,
		    "%s: the name %s must hold only letters, digits and _, and begin with no "
		    "digit",
		    field, shown(pair->key));
	if (span_starts(pair->key, SPAN("OPENSHELL_")) &&
	    !(whose == CHECK_EXEC && span_is(pair->key, "OPENSHELL_PYFUNC_B64")))
		return fail(
		    why, ERR_INVALID, "%s: %s: names that begin with OPENSHELL_ are reserved", field, shown(pair->key));
	if (pair->value.length > value_max ||
	    (whose == CHECK_EXEC && pair->key.length + 1 + pair->value.length > EXEC_PAIR_BYTES))
		return fail(why, ERR_INVALID, "%s: the value of %s has %zu bytes, at most %zu are allowed", field,
		    shown(pair->key), pair->value.length, value_max);
	if (span_find(pair->value, '\n', &at) || span_find(pair->value, '\r', &at))
		return fail(why, ERR_INVALID, "%s: the value of %s must not hold a line end", field, shown(pair->key));
	return OK;
}

enum err
check_environment(const char *field, const struct pair *pairs, size_t n, enum check_variables whose, struct why *why)
{
	size_t total = 0;
	enum err r;

	for (size_t i = 0; i < n; i++) {
		if ((r = check_variable(field, &pairs[i], whose, why)) != OK)
			return r;
		total += pairs[i].key.length + pairs[i].value.length;
	}
	if (whose == CHECK_MAIN && total > VARIABLES_BYTES)
		return fail(why, ERR_INVALID, "%s: has %zu bytes in all, at most %d are allowed", field, total,
		    VARIABLES_BYTES);
	return OK;
}

enum err
check_command(const char *field, char *const *command, size_t n, size_t n_max, struct why *why)
{
	size_t total = 0;

	if (n == 0)
		return fail(why, ERR_INVALID, "%s is required", field);
	if (n > n_max)
		return fail(why, ERR_INVALID, "%s has %zu arguments, at most %zu are allowed", field, n, n_max);
	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(command[i]);

		if (length > ARGUMENT_BYTES)
			return fail(why, ERR_INVALID, "%s[%zu] has %zu bytes, at most %d are allowed", field, i, length,
			    ARGUMENT_BYTES);
		total += length + 1;
	}
	if (command[0][0] == '\0')
		return fail(why, ERR_INVALID, "%s[0] is empty: it names the program to run", field);
	if (total > COMMAND_BYTES)
		return fail(
		    why, ERR_INVALID, "%s has %zu bytes in all, at most %d are allowed", field, total, COMMAND_BYTES);
	return OK;
}

enum err
check_selector(struct arena *arena, struct span selector, struct span **out, size_t *out_n, struct why *why)
{
	struct pair *pairs = arena_array(arena, CHECK_SELECTOR_MAX, sizeof(*pairs));
	size_t n = 0, equals;
	enum err r;

	if (pairs == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	while (selector.length > 0) {
		struct span part = span_cut(&selector, ',');

		if (n == CHECK_SELECTOR_MAX)
			return fail(why, ERR_INVALID, "label_selector has more than %d pairs", CHECK_SELECTOR_MAX);
		if (!span_find(part, '=', &equals))
			return fail(why, ERR_INVALID, "label_selector: %s is not key=value", shown(part));
		pairs[n++] = (struct pair){span_head(part, equals), span_tail(part, equals + 1)};
	}
	if ((r = check_labels("label_selector", pairs, n, why)) != OK)
		return r;
	*out_n = n;
	return pairs_texts(arena, pairs, n, out, why);
}

/* Digits, at most one dot between them; thousandths, those below are refused. */
static bool
thousandths(struct span text, uint64_t *out)
{
	uint64_t whole, part = 0, scale[] = {0, 100, 10, 1};
	struct span fraction = text, digits = span_cut(&fraction, '.');
	struct why why;
	size_t dot;

	if (span_find(text, '.', &dot) && (fraction.length == 0 || fraction.length > 3 || !span_only(fraction, DIGITS)))
		return false;
	if (number_parse(digits, 0, CPU_MILLI_MAX, &whole, &why) != OK)
		return false;
	for (size_t i = 0; i < fraction.length; i++)
		part = part * 10 + (uint64_t)(fraction.at[i] - '0');
	*out = whole * 1000 + part * scale[fraction.length];
	return true;
}

enum err
check_cpu(const char *field, struct span text, uint32_t *milli, struct why *why)
{
	bool in_milli = text.length > 1 && text.at[text.length - 1] == 'm';
	struct why ignored;
	uint64_t value;
	bool good;

	if (in_milli)
		good = number_parse(span_head(text, text.length - 1), 1, CPU_MILLI_MAX, &value, &ignored) == OK;
	else
		good = thousandths(text, &value) && value >= 1 && value <= CPU_MILLI_MAX;
	if (!good)
		return fail(why, ERR_INVALID, "%s: %s must be cores, as 2, 0.5 or 500m, within 1m to %dm", field,
		    shown(text), CPU_MILLI_MAX);
	*milli = (uint32_t)value;
	return OK;
}

enum err
check_memory(const char *field, struct span text, uint64_t *bytes, struct why *why)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} units[] = {
	    {"Ki", 1ull << 10},
	    {"Mi", 1ull << 20},
	    {"Gi", 1ull << 30},
	    {"Ti", 1ull << 40},
	    {"Pi", 1ull << 50},
	    {"Ei", 1ull << 60},
	    {"k", 1000ull},
	    {"K", 1000ull},
	    {"M", 1000000ull},
	    {"G", 1000000000ull},
	    {"T", 1000000000000ull},
	    {"P", 1000000000000000ull},
	    {"E", 1000000000000000000ull},
	    {"", 1},
	};
	size_t digits = 0, unit = 0;
	struct why ignored;
	uint64_t value;

	while (digits < text.length && text.at[digits] >= '0' && text.at[digits] <= '9')
		digits++;
	while (unit < COUNT(units) && !span_is(span_tail(text, digits), units[unit].suffix))
		unit++;
	if (unit == COUNT(units) ||
	    number_parse(span_head(text, digits), 1, UINT64_MAX / units[unit].factor, &value, &ignored) != OK)
		return fail(why, ERR_INVALID, "%s: %s must be bytes, as 512Mi, 2G or 1073741824, at least 1", field,
		    shown(text));
	*bytes = value * units[unit].factor;
	return OK;
}

enum err
check_exec(struct arena *arena, const Openshell__V1__ExecSandboxRequest *request, struct span **environment,
    size_t *environment_n, struct why *why)
{
	struct span workdir = span_of_text(request->workdir);
	struct pair *pairs;
	size_t at;
	enum err r;

	if ((r = check_command("command", request->command, request->n_command, 1024, why)) != OK)
		return r;
	if (workdir.length > 4096 || span_find(workdir, '\n', &at) || span_find(workdir, '\r', &at))
		return fail(
		    why, ERR_INVALID, "workdir %s must have at most 4096 bytes and no line end", shown(workdir));
	if (request->timeout_seconds > CHECK_TIMEOUT_SECONDS)
		return fail(why, ERR_INVALID, "timeout_seconds: %u is not within 0 to %u", request->timeout_seconds,
		    CHECK_TIMEOUT_SECONDS);
	if (request->cols > UINT16_MAX || request->rows > UINT16_MAX)
		return fail(why, ERR_INVALID, "cols, rows: %u, %u are not within 0 to %d", request->cols, request->rows,
		    UINT16_MAX);
	if ((r = pairs_of(arena, request->environment, request->n_environment, &pairs, environment_n, why)) != OK)
		return because(why, r, "environment");
	if ((r = check_environment("environment", pairs, *environment_n, CHECK_EXEC, why)) != OK)
		return r;
	return pairs_texts(arena, pairs, *environment_n, environment, why);
}

enum err
check_id(const char *field, struct span text, struct id *out, struct why *why)
{
	struct why ignored;

	if (text.length == 0)
		return fail(why, ERR_INVALID, "%s is required", field);
	if (id_parse(text, out, &ignored) != OK || id_none(*out))
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	return OK;
}
