/* The grammars of flag values. */
#include "clients/cli/check.h"

#include "clients/sdk/gateway.h"
#include "common/base/clean.h"
#include "common/base/text.h"

#define DIGITS "0123456789"

/* Does it hold a digit that is not 0? */
static bool
positive(struct span digits)
{
	return !span_only(digits, "0.");
}

enum err
check_cpu(struct span value, struct why *why)
{
	struct span digits = value, fraction;
	bool milli = value.length > 0 && value.at[value.length - 1] == 'm';
	size_t dot;

	if (milli)
		digits.length--;
	if (!milli && span_find(digits, '.', &dot)) {
		fraction = span_tail(digits, dot + 1);
		if (dot == 0 || fraction.length == 0 || !span_only(fraction, DIGITS))
			return fail(why, ERR_SYNTAX, "processors are given as 2, 0.5 or 500m");
		digits.length = dot;
	}
	if (digits.length == 0 || value.length > 32 || !span_only(digits, DIGITS))
		return fail(why, ERR_SYNTAX, "processors are given as 2, 0.5 or 500m");
	return positive(milli ? digits : value) ? OK : fail(why, ERR_SYNTAX, "there must be more than 0 processors");
}

enum err
check_memory(struct span value, struct why *why)
{
	static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "K", "M", "G", "T", "P", "E"};
	size_t digits = 0;

	while (digits < value.length && value.at[digits] >= '0' && value.at[digits] <= '9')
		digits++;
	for (size_t i = 0; i < COUNT(units) && digits > 0 && digits < 20; i++)
		if (span_is(span_tail(value, digits), units[i]))
			return positive(span_head(value, digits))
				   ? OK
				   : fail(why, ERR_SYNTAX, "there must be more than 0 bytes of memory");
	return fail(why, ERR_SYNTAX, "memory is digits and one of Ki Mi Gi Ti Pi Ei K M G T P E, or bytes: 512Mi");
}

enum err
check_pair(struct span value, struct why *why)
{
	size_t at;

	return span_find(value, '=', &at) && at > 0 ? OK : fail(why, ERR_SYNTAX, "it is KEY=VALUE");
}

enum err
check_upload(struct span value, struct why *why)
{
	return value.length > 0 && value.at[0] != ':' ? OK : fail(why, ERR_SYNTAX, "it is LOCAL or LOCAL:REMOTE");
}

enum err
check_env(struct span value, struct why *why)
{
	struct span rest = value, key = span_cut(&rest, '=');
	size_t at;

	if (key.length == value.length || key.length == 0)
		return fail(why, ERR_SYNTAX, "it is KEY=VALUE");
	if (key.length > 256 || (key.at[0] >= '0' && key.at[0] <= '9') ||
	    !span_only(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_" DIGITS))
		return fail(why, ERR_SYNTAX, "a variable's name is letters, digits and _, not beginning with a digit");
	if (span_starts(key, SPAN("OPENSHELL_")))
		return fail(why, ERR_SYNTAX, "names that begin with OPENSHELL_ are reserved");
	if (span_find(rest, '\n', &at) || span_find(rest, '\r', &at))
		return fail(why, ERR_SYNTAX, "a variable's value holds no line break");
	return rest.length <= 8192 ? OK : fail(why, ERR_SYNTAX, "a variable's value has at most 8192 bytes");
}

enum err
since_parse(struct span value, uint64_t *out_ms, struct why *why)
{
	static const struct {
		char unit;
		uint64_t ms;
	} units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 3600 * 1000}, {'d', 24 * 3600 * 1000}};
	uint64_t number;

	for (size_t i = 0; i < COUNT(units) && value.length > 1; i++)
		if (value.at[value.length - 1] == units[i].unit &&
		    number_parse(span_head(value, value.length - 1), 1, 1000000, &number, why) == OK) {
			*out_ms = number * units[i].ms;
			return OK;
		}
	return fail(why, ERR_SYNTAX, "a span of time is given as 30s, 5m, 1h or 2d");
}

enum err
check_since(struct span value, struct why *why)
{
	uint64_t ms;

	return since_parse(value, &ms, why);
}

enum err
check_sandbox(struct span value, struct why *why)
{
	if (value.length == 0 || value.length > 19 || !span_only(value, "abcdefghijklmnopqrstuvwxyz-" DIGITS))
		return fail(
		    why, ERR_SYNTAX, "a sandbox's name has 1 to 19 lowercase alphanumeric characters or hyphens");
	if (value.at[0] == '-' || value.at[value.length - 1] == '-')
		return fail(why, ERR_SYNTAX, "a sandbox's name must not start or end with a hyphen");
	for (size_t i = 1; i < value.length; i++)
		if (value.at[i] == '-' && value.at[i - 1] == '-')
			return fail(why, ERR_SYNTAX, "a sandbox's name must not hold two hyphens in a row");
	return OK;
}

enum err
check_gateway(struct span value, struct why *why)
{
	return gateway_name_check(value, why) == OK ? OK : ERR_SYNTAX;
}

enum err
check_gateway_endpoint(struct span value, struct why *why)
{
	return gateway_endpoint_check(value, why) == OK ? OK : ERR_SYNTAX;
}
