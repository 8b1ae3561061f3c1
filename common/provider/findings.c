/* A bounded list of findings about profiles, and its form in answers. */
#include "common/provider/findings.h"

#include <stdio.h>

#include "common/provider/messages.h"

#define MESSAGE_BYTES 600

void
profile_finding_put(struct profile_findings *findings, bool warning, const void *at, const char *source,
    const char *profile_id, const char *field, const char *format, va_list list)
{
	char message[MESSAGE_BYTES];
	struct profile_finding *item;

	*(warning ? &findings->warnings : &findings->errors) += 1;
	if (findings->count == PROFILE_FINDINGS_MAX || (warning && findings->warnings > PROFILE_FINDINGS_MAX / 2))
		return; /* warnings leave room for errors */
	if (findings->items == NULL &&
	    (findings->items = arena_array(findings->arena, PROFILE_FINDINGS_MAX, sizeof(*findings->items))) == NULL)
		return;
	vsnprintf(message, sizeof(message), format, list);
	item = &findings->items[findings->count];
	*item = (struct profile_finding){
	    .warning = warning,
	    .source = source == NULL ? "" : source,
	    .profile_id = profile_id == NULL ? "" : profile_id,
	    .field = arena_text(findings->arena, span_of_text(field)),
	    .message = arena_text(findings->arena, span_of_text(message)),
	    .at = at,
	};
	findings->count += item->field != NULL && item->message != NULL;
}

void
profile_finding_add(struct profile_findings *findings, bool warning, const char *source, const char *profile_id,
    const char *field, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	profile_finding_put(findings, warning, NULL, source, profile_id, field, format, list);
	va_end(list);
}

enum err
profile_findings_why(const struct profile_findings *findings, struct why *why)
{
	if (findings->errors == 0)
		return OK;
	for (size_t i = 0; i < findings->count; i++) {
		const struct profile_finding *item = &findings->items[i];
		const char *colon = item->field[0] == '\0' ? "" : ": ";

		if (item->warning)
			continue;
		if (findings->errors == 1)
			return fail(why, ERR_INVALID, "%.120s%s%.300s", item->field, colon, item->message);
		return fail(why, ERR_INVALID, "%.120s%s%.300s; and %zu more", item->field, colon, item->message,
		    findings->errors - 1);
	}
	return fail(why, ERR_LIMIT, "the profile is too large");
}

static Diagnostic *
diagnostic_of(const struct profile_finding *item, struct arena *arena)
{
	Diagnostic *made = arena_alloc(arena, sizeof(*made));

	if (made == NULL)
		return NULL;
	openshell__v1__provider_profile_diagnostic__init(made);
	made->source = (char *)(uintptr_t)item->source;
	made->profile_id = (char *)(uintptr_t)item->profile_id;
	made->field = (char *)(uintptr_t)item->field;
	made->message = (char *)(uintptr_t)item->message;
	made->severity = (char *)(uintptr_t)(item->warning ? "warning" : "error");
	return made;
}

enum err
profile_findings_wire(
    const struct profile_findings *findings, struct arena *arena, Diagnostic ***out, size_t *n, struct why *why)
{
	Diagnostic **made = arena_array(arena, findings->count + 1, sizeof(*made));
	size_t count = 0;

	for (int warning = 0; made != NULL && warning < 2; warning++)
		for (size_t i = 0; i < findings->count; i++)
			if (findings->items[i].warning == (bool)warning &&
			    (made[count++] = diagnostic_of(&findings->items[i], arena)) == NULL)
				return fail(why, ERR_LIMIT, "too many findings");
	if (made == NULL)
		return fail(why, ERR_LIMIT, "too many findings");
	*out = made;
	*n = count;
	return OK;
}
