/* A bounded list of findings in an arena. */
#include "common/policy/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

#define TEXT_BYTES 700

const char *
finding_quote_into(const char *text, char to[FINDINGS_QUOTE_BYTES])
{
	struct text quoted = {to, 0, FINDINGS_QUOTE_BYTES, false};
	struct span span = span_of_text(text);

	text_add(&quoted, "'");
	text_add_escaped(&quoted, span_head(span, FINDINGS_VALUE));
	text_add(&quoted, "%s'", span.length > FINDINGS_VALUE ? "..." : "");
	return to;
}

void
finding_add(struct findings *findings, bool warning, const void *at, const void *within, const char *format, ...)
{
	char words[TEXT_BYTES];
	const char *text;
	va_list list;

	*(warning ? &findings->warnings : &findings->errors) += 1;
	if (findings->count == FINDINGS_MAX || (warning && findings->warnings > FINDINGS_MAX / 2))
		return; /* warnings leave room for errors */
	if (findings->items == NULL &&
	    (findings->items = arena_array(findings->arena, FINDINGS_MAX, sizeof(*findings->items))) == NULL)
		return;
	va_start(list, format);
	vsnprintf(words, sizeof(words), format, list);
	va_end(list);
	if ((text = arena_text(findings->arena, span_of_text(words))) != NULL)
		findings->items[findings->count++] = (struct finding){warning, text, {at, within}, 0, 0};
}

enum err
findings_why(const struct findings *findings, enum err code, struct why *why)
{
	char words[WHY_BYTES - 60];
	struct text text = TEXT_OF(words);
	size_t said = 0;

	if (findings->errors == 0)
		return OK;
	words[0] = '\0';
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		if (finding->warning)
			continue;
		if (said > 0 && strlen(finding->text) + 40 >= text.size - text.length)
			break;
		text_add(&text, "%s", said == 0 ? "" : "; ");
		if (finding->line > 0)
			text_add(&text, "line %zu, column %zu: ", finding->line, finding->column);
		text_add(&text, "%s", finding->text);
		said++;
	}
	if (said == findings->errors)
		return fail(why, code, "%s", words);
	return fail(why, code, "%s%sand %zu more", words, said == 0 ? "" : "; ", findings->errors - said);
}
