/* WebSocket handshakes: keys, the RFC's own example of an answer, extensions offered and agreed, subprotocols. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/wire/websocket_handshake.h"

static void
test_key(void **state)
{
	static const struct {
		const char *key;
		bool want;
	} keys[] = {
	    {"dGhlIHNhbXBsZSBub25jZQ==", true},
	    {"AAAAAAAAAAAAAAAAAAAAAA==", true},
	    {"+/+/+/+/+/+/+/+/+/+/+w==", true},
	    {"dGhlIHNhbXBsZSBub25jZR==", false}, /* the same bytes, spelled otherwise */
	    {"dGhlIHNhbXBsZSBub25jZQ=", false},
	    {"dGhlIHNhbXBsZSBub25jZQ", false},
	    {"dGhlIHNhbXBsZSBub25jZQ===", false},
	    {"dGhlIHNhbXBsZSBub25jZQ= ", false},
	    {"dGhlIHNhbXBsZSBub25jZQA=", false}, /* 17 bytes */
	    {"dGhlIHNhbXBsZSBub25-ZQ==", false},
	    {"", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++)
		if (websocket_key(span_of_text(keys[i].key)) != keys[i].want)
			fail_msg("key %s", keys[i].key);
}

static void
test_accept(void **state)
{
	char to[WEBSOCKET_ACCEPT_BYTES];

	(void)state;
	websocket_accept(SPAN("dGhlIHNhbXBsZSBub25jZQ=="), to); /* RFC 6455, 1.3 */
	assert_string_equal(to, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void
test_offer(void **state)
{
	static const struct {
		const char *extensions;
		enum err want;
		bool deflate;
	} offers[] = {
	    {"", OK, false}, {"permessage-deflate", OK, true},
	    {" permessage-deflate ; client_max_window_bits , x-other; a=1; b=\"c\" ", OK, true},
	    {"x, permessage-deflate; client_max_window_bits=15; client_no_context_takeover", OK, true},
	    {"permessage-deflate; server_no_context_takeover, permessage-deflate", OK, true},
	    {"permessage-deflate; client_max_window_bits=\"10\"", OK, true},
	    {"permessage-deflate; server_no_context_takeover", OK, false},
	    {"permessage-deflate; server_max_window_bits=10", OK, false},
	    {"permessage-deflate; client_max_window_bits=16", OK, false},
	    {"permessage-deflate; client_max_window_bits=7", OK, false},
	    {"permessage-deflate; client_max_window_bits=08", OK, false},
	    {"permessage-deflate; client_no_context_takeover=1", OK, false},
	    {"permessage-deflate; client_max_window_bits; client_max_window_bits", OK, false},
	    {"permessage-deflate; unknown", OK, false}, {"Permessage-Deflate", OK, false},
	    {"x-webkit-deflate-frame", OK, false}, {",", ERR_SYNTAX, false}, {"a,", ERR_SYNTAX, false},
	    {"a,,b", ERR_SYNTAX, false}, {"a;", ERR_SYNTAX, false}, {"a;b=", ERR_SYNTAX, false},
	    {"a;b=\"c", ERR_SYNTAX, false}, {"a;b=\"\"", ERR_SYNTAX, false}, {"a;b=\"c d\"", ERR_SYNTAX, false},
	    {"a b", ERR_SYNTAX, false}, {"a;p;p;p;p;p;p;p;p", OK, false},
	    {"a;p;p;p;p;p;p;p;p;p", ERR_SYNTAX, false}, /* more parameters than are read */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(offers); i++) {
		bool deflate = !offers[i].deflate, before = deflate;
		struct why why = {0};
		enum err r = websocket_offer(span_of_text(offers[i].extensions), &deflate, &why);

		if (r != offers[i].want || deflate != (r == OK ? offers[i].deflate : before))
			fail_msg("offer %s: %s, %d", offers[i].extensions, err_name(r), deflate);
		assert_int_equal(why.text[0] == '\0', r == OK);
	}
}

static void
test_agreed(void **state)
{
	static const struct {
		const char *extensions;
		bool offered;
		enum err want;
		const char *answer; /* empty: it is off */
	} answers[] = {
	    {"", true, OK, ""},
	    {"", false, OK, ""},
	    {"permessage-deflate", true, OK, "permessage-deflate; client_no_context_takeover"},
	    {"permessage-deflate; client_no_context_takeover", true, OK,
		"permessage-deflate; client_no_context_takeover"},
	    {"permessage-deflate;server_max_window_bits=\"15\";server_no_context_takeover", true, OK,
		"permessage-deflate; client_no_context_takeover; server_no_context_takeover; "
		"server_max_window_bits=15"},
	    {"permessage-deflate", false, ERR_PROTOCOL, NULL},
	    {"permessage-deflate; client_max_window_bits=10", true, ERR_PROTOCOL, NULL}, /* was not offered */
	    {"permessage-deflate; server_max_window_bits", true, ERR_PROTOCOL, NULL},
	    {"permessage-deflate; other", true, ERR_PROTOCOL, NULL},
	    {"permessage-deflate, permessage-deflate", true, ERR_PROTOCOL, NULL},
	    {"other", true, ERR_PROTOCOL, NULL},
	    {",", true, ERR_PROTOCOL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct websocket_deflate out = {0}, untouched = {0};
		struct why why = {0};
		enum err r = websocket_agreed(span_of_text(answers[i].extensions), answers[i].offered, &out, &why);

		if (r != answers[i].want)
			fail_msg("answer %s: %s (%s)", answers[i].extensions, err_name(r), why.text);
		if (r != OK) {
			assert_memory_equal(&out, &untouched, sizeof(out));
			continue;
		}
		assert_string_equal(out.answer, answers[i].answer);
		assert_int_equal(out.on, answers[i].answer[0] != '\0');
	}
}

static void
test_protocol(void **state)
{
	(void)state;
	assert_true(websocket_protocol_offered(SPAN("graphql-ws , chat"), SPAN("chat")));
	assert_true(websocket_protocol_offered(SPAN("chat"), SPAN("chat")));
	assert_false(websocket_protocol_offered(SPAN("chat"), SPAN("Chat")));
	assert_false(websocket_protocol_offered(SPAN("chat, superchat"), SPAN("super")));
	assert_false(websocket_protocol_offered(SPAN("chat, superchat"), SPAN("chat, superchat")));
	assert_false(websocket_protocol_offered(SPAN("chat"), SPAN("")));
	assert_false(websocket_protocol_offered(SPAN(""), SPAN("")));
	assert_false(websocket_protocol_offered(SPAN("a b"), SPAN("b")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_key),
	    cmocka_unit_test(test_accept),
	    cmocka_unit_test(test_offer),
	    cmocka_unit_test(test_agreed),
	    cmocka_unit_test(test_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
