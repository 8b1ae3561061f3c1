/* JSON values written as YAML: block style, texts quoted where a reader might take them for something else.
 */
#include <string.h>

#include "clients/cli/output.h"

/* May it stand without quotes? Begins with a letter or / and holds nothing that YAML gives a meaning. */
static bool
plain(const char *text)
{
	static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
	struct span span = span_of_text(text);
	char first = text[0];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(text, words[i]) == 0)
			return false;
	if (!(first >= 'a' && first <= 'z') && !(first >= 'A' && first <= 'Z') && first != '/')
		return false;
	return span_only(span, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@+") ||
	       (span_only(span, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@+ ") &&
		   text[span.length - 1] != ' ');
}

static void
scalar_print(FILE *to, const json_t *value)
{
	if (json_is_string(value) && plain(json_string_value(value)))
		fputs(json_string_value(value), to);
	else if (json_is_object(value) || json_is_array(value))
		fputs(json_is_object(value) ? "{}" : "[]", to);
	else
		json_dumpf(value, to, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
}

static bool
is_block(const json_t *value)
{
	return json_object_size(value) > 0 || json_array_size(value) > 0;
}

static void
key_print(FILE *to, const char *key)
{
	json_t *text = json_string(key);

	scalar_print(to, text);
	fputc(':', to);
	json_decref(text);
}

/* The items of an object; the first stands behind what is on the line already when inside is set. */
static void
object_print(FILE *to, const json_t *value, size_t indent, bool inside)
{
	const char *key;
	json_t *item;

	json_object_foreach((json_t *)value, key, item)
	{
		fprintf(to, "%*s", inside ? 0 : (int)indent, "");
		inside = false;
		key_print(to, key);
		if (is_block(item)) {
			fputc('\n', to);
			yaml_print_indented(to, item, indent + (json_is_array(item) ? 0 : 2));
			continue;
		}
		fputc(' ', to);
		scalar_print(to, item);
		fputc('\n', to);
	}
}

static void
array_print(FILE *to, const json_t *value, size_t indent)
{
	json_t *item;
	size_t i;

	json_array_foreach(value, i, item)
	{
		bool nested = json_is_array(item) && is_block(item);

		fprintf(to, "%*s-%s", (int)indent, "", nested ? "\n" : " ");
		if (json_is_object(item) && is_block(item)) {
			object_print(to, item, indent + 2, true);
		} else if (nested) {
			array_print(to, item, indent + 2);
		} else {
			scalar_print(to, item);
			fputc('\n', to);
		}
	}
}

void
yaml_print_indented(FILE *to, const json_t *value, size_t indent)
{
	if (json_is_object(value) && is_block(value)) {
		object_print(to, value, indent, false);
	} else if (is_block(value)) {
		array_print(to, value, indent);
	} else {
		fprintf(to, "%*s", (int)indent, "");
		scalar_print(to, value);
		fputc('\n', to);
	}
}

void
yaml_print(FILE *to, json_t *value)
{
	yaml_print_indented(to, value, 0);
	json_decref(value);
}
