/* The fixture: entries as a bundle would hold them. */
#include "tests/unit/router/fixture.h"

#include <stdlib.h>

#include "common/provider/places.h"

static struct span tokens[] = {SPAN("v1_TOK"), SPAN("v1_ANY"), SPAN("v1_OLD"), SPAN("v1_LINE"), SPAN("v1_DOTS"),
    SPAN("v1_DOT"), SPAN("v1_ID"), SPAN("v1_KEY"), SPAN("v1_SEEN"), SPAN("v1_FIELD"), SPAN("v1_ASKED"), SPAN("v1_BODY"),
    SPAN("v1_NOWHERE")};
static struct msg_binding repos[] = {{SPAN("up.test"), 443, SPAN("/repos/**")}};
static struct msg_binding any[] = {{SPAN("*.test"), 443, SPAN_NONE}, {SPAN("*.test"), 8443, SPAN("**")}};
static struct msg_binding aws[] = {{SPAN("**.amazonaws.com"), 443, SPAN_NONE}};
static struct msg_binding local[] = {{SPAN("up.test"), 80, SPAN("/v1/**")}};
static struct msg_binding near[] = {{SPAN("127.0.0.1"), 80, SPAN("/v1/**")}};

#define ENTRY(name, number, secret, where, ...)                                                                        \
	{                                                                                                              \
		.slot = SPAN(name), .tokens = &tokens[number], .tokens_n = 1, .value = SPAN(secret),                   \
		.bindings = where, .bindings_n = sizeof(where) / sizeof(where[0]), __VA_ARGS__                         \
	}

/* clang-format off */
static struct msg_secret_entry entries[] = {
    ENTRY("TOK", 0, FIXTURE_SECRET, repos, .places = SECRET_ANYWHERE),
    ENTRY("ANY", 1, "any-secret", any, .places = SECRET_ANYWHERE),
    ENTRY("OLD", 2, "old", any, .expires_ms = 1000, .places = SECRET_ANYWHERE),
    ENTRY("LINE", 3, "a\r\nb", any, .places = SECRET_ANYWHERE),
    ENTRY("DOTS", 4, "..", any, .places = SECRET_ANYWHERE),
    ENTRY("DOT", 5, ".", any, .places = SECRET_ANYWHERE),
    ENTRY("AWS_ACCESS_KEY_ID", 6, "AKIDEXAMPLE", aws, .places = SECRET_ANYWHERE),
    ENTRY("AWS_SECRET_ACCESS_KEY", 7, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", aws, .places = SECRET_ANYWHERE),
    ENTRY("SEEN", 8, "visible", any, .redact = true, .places = SECRET_ANYWHERE),
    ENTRY("FIELD", 9, "field-secret", any, .places = SECRET_IN_FIELD | SECRET_IN_BASIC, .field = SPAN("x-api-key")),
    ENTRY("ASKED", 10, "asked-secret", any, .places = SECRET_IN_QUERY, .parameter = SPAN("key")),
    ENTRY("BODY", 11, "body-secret", any, .places = SECRET_IN_BODY | SECRET_IN_PATH),
    ENTRY("NOWHERE", 12, "nowhere", any, .places = 0),
    {.slot = SPAN("model"), .value = SPAN("model-key"), .bindings = local, .bindings_n = 1, .plain = true, .places = SECRET_IN_FIELD},
    {.slot = SPAN("near"), .value = SPAN("near-key"), .bindings = near, .bindings_n = 1, .plain = true, .places = SECRET_IN_FIELD},
};
/* clang-format on */

struct vault *
fixture_vault(void)
{
	struct vault *vault = vault_new(1, 1);
	struct why why;

	vault->bundle[0].entries = entries;
	vault->bundle[0].entries_n = sizeof(entries) / sizeof(entries[0]);
	vault->got = 1;
	if (vault_close(vault, &why) != OK)
		abort();
	return vault;
}
