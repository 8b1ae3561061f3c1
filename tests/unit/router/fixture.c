/* The fixture: entries as a bundle would hold them. */
#include "tests/unit/router/fixture.h"

#include <stdlib.h>

static struct span tokens[] = {SPAN("v1_TOK"), SPAN("v1_ANY"), SPAN("v1_OLD"), SPAN("v1_LINE"), SPAN("v1_DOTS"), SPAN("v1_DOT"),
    SPAN("v1_ID"), SPAN("v1_KEY"), SPAN("v1_SEEN")};
static struct msg_binding repos[] = {{SPAN("up.test"), 443, SPAN("/repos/**")}};
static struct msg_binding any[] = {{SPAN("*.test"), 443, SPAN_NONE}, {SPAN("*.test"), 8443, SPAN("**")}};
static struct msg_binding aws[] = {{SPAN("**.amazonaws.com"), 443, SPAN_NONE}};
static struct msg_binding local[] = {{SPAN("up.test"), 80, SPAN("/v1/**")}};
static struct msg_binding near[] = {{SPAN("127.0.0.1"), 80, SPAN("/v1/**")}};

#define ENTRY(name, number, secret, where, ...)                                                                                \
	{                                                                                                                      \
		.slot = SPAN(name), .tokens = &tokens[number], .tokens_n = 1, .value = SPAN(secret), .bindings = where,        \
		.bindings_n = sizeof(where) / sizeof(where[0]), __VA_ARGS__                                                    \
	}

static struct msg_secret_entry entries[] = {
    ENTRY("TOK", 0, FIXTURE_SECRET, repos, ),
    ENTRY("ANY", 1, "any-secret", any, ),
    ENTRY("OLD", 2, "old", any, .expires_ms = 1000),
    ENTRY("LINE", 3, "a\r\nb", any, ),
    ENTRY("DOTS", 4, "..", any, ),
    ENTRY("DOT", 5, ".", any, ),
    ENTRY("AWS_ACCESS_KEY_ID", 6, "AKIDEXAMPLE", aws, ),
    ENTRY("AWS_SECRET_ACCESS_KEY", 7, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", aws, ),
    ENTRY("SEEN", 8, "visible", any, .redact = true),
    {.slot = SPAN("model"), .value = SPAN("model-key"), .bindings = local, .bindings_n = 1, .plain = true},
    {.slot = SPAN("near"), .value = SPAN("near-key"), .bindings = near, .bindings_n = 1, .plain = true},
};

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
