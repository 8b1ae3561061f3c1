/* The first bytes of protocols, and ClientHellos: built from parts, cut into records everywhere, bent at each edge. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/wire/tls_hello.h"

static const struct {
	struct span bytes;
	enum err want;
	enum first_bytes protocol;
} firsts[] = {
    {SPAN(""), ERR_MORE, 0},
    {SPAN("\x16"), ERR_MORE, 0},
    {SPAN("\x16\3"), ERR_MORE, 0},
    {SPAN("\x16\3\1"), OK, FIRST_TLS},
    {SPAN("\x16\3\4"), OK, FIRST_TLS},
    {SPAN("\x16\3\5"), OK, FIRST_OTHER},
    {SPAN("\x16\2"), OK, FIRST_OTHER},
    {SPAN("\x17\3\3"), OK, FIRST_OTHER},
    {SPAN("G"), ERR_MORE, 0},
    {SPAN("GET"), ERR_MORE, 0},
    {SPAN("GET "), ERR_MORE, 0},
    {SPAN("GET /"), OK, FIRST_HTTP1},
    {SPAN("GET http"), OK, FIRST_HTTP1},
    {SPAN("OPTIONS *"), OK, FIRST_HTTP1},
    {SPAN("GET key\r\n"), OK, FIRST_OTHER},
    {SPAN("GET  /"), OK, FIRST_OTHER},
    {SPAN("GET\0/"), OK, FIRST_OTHER},
    {SPAN("GET \0"), OK, FIRST_OTHER},
    {SPAN("get /"), OK, FIRST_OTHER},
    {SPAN("\r\nGET /"), OK, FIRST_OTHER},
    {SPAN("GETS"), OK, FIRST_OTHER},
    {SPAN("UPDATE"), ERR_MORE, 0},
    {SPAN("UPDATE /"), OK, FIRST_HTTP1},
    {SPAN("UPDATEREDIRECTREF /"), OK, FIRST_HTTP1},
    {SPAN("CONNECT {\"a\""), OK, FIRST_OTHER},
    {SPAN("P"), ERR_MORE, 0},
    {SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r"), ERR_MORE, 0},
    {SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), OK, FIRST_HTTP2},
    {SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4"), OK, FIRST_HTTP2},
    {SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\rx"), OK, FIRST_OTHER},
    {SPAN("PRI * HTTP/1"), OK, FIRST_OTHER},
    {SPAN("SSH-2.0-OpenSSH_9.2p1 D"), OK, FIRST_OTHER},
    {SPAN("EHLO a"), OK, FIRST_OTHER},
    {SPAN("\0"), OK, FIRST_OTHER},
};

static void
test_firsts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(firsts); i++) {
		enum first_bytes protocol = 0;
		enum err r = first_bytes(firsts[i].bytes, &protocol);

		if (r != firsts[i].want || protocol != firsts[i].protocol)
			fail_msg("case %zu: %s, protocol %d", i, err_name(r), protocol);
	}
}

#define RANDOM	"0123456789abcdef0123456789abcdef"
#define START	"\3\3" RANDOM "\0\0\2\x13\1\1\0" /* no session, one cipher suite, no compression */
#define NAME	"\0\0\0\10\0\6\0\0\3a.B"
#define ALPN(s) "\0\x10" s

/* Bodies of hellos; what is cut short and too long is made from them below. */
static const struct {
	struct span body;
	enum err want;
	const char *name;
	bool alpn, h2, http1;
} hellos[] = {
    {SPAN(START), OK, "", false, false, false},
    {SPAN(START "\0\0"), OK, "", false, false, false},
    {SPAN(START "\0\14" NAME), OK, "a.b", false, false, false},
    {SPAN(START "\0\33" NAME ALPN("\0\13\0\11\10http/1.1")), OK, "a.b", true, false, true},
    {SPAN(START "\0\11" ALPN("\0\5\0\3\2h2")), OK, "", true, true, false},
    {SPAN(START "\0\14" ALPN("\0\10\0\6\2h3\2h2")), OK, "", true, true, false},
    {SPAN(START "\0\4\xff\1\0\0"), OK, "", false, false, false},	    /* another extension */
    {SPAN(START "\0\30" NAME NAME), ERR_SYNTAX, NULL, false, false, false}, /* twice */
    {SPAN(START "\0\10\xff\1\0\0\xff\1\0\0"), ERR_SYNTAX, NULL, false, false, false},
    {SPAN(START "\0\13" NAME), ERR_SYNTAX, NULL, false, false, false}, /* a byte behind them */
    {SPAN(START "\0\15" NAME), ERR_SYNTAX, NULL, false, false, false}, /* and one too few */
    {SPAN(START "\0"), ERR_SYNTAX, NULL, false, false, false},
    {SPAN(START "\0\14\0\0\0\10\0\6\1\0\3a.B"), ERR_SYNTAX, NULL, false, false, false}, /* no host_name */
    {SPAN(START "\0\14\0\0\0\10\0\6\0\0\3a.."), ERR_SYNTAX, NULL, false, false, false},
    {SPAN(START "\0\14\0\0\0\10\0\6\0\0\3a\0b"), ERR_SYNTAX, NULL, false, false, false},
    {SPAN(START "\0\14\0\0\0\10\0\6\0\0\2a.B"), ERR_SYNTAX, NULL, false, false, false},
    {SPAN(START "\0\11\0\0\0\5\0\3\0\0\0"), ERR_SYNTAX, NULL, false, false, false}, /* an empty name */
    {SPAN(START "\0\6\0\0\0\2\0\0"), ERR_SYNTAX, NULL, false, false, false},
    {SPAN(START "\0\4\0\0\0\0"), ERR_SYNTAX, NULL, false, false, false},
    {SPAN(START "\0\22\0\0\0\16\0\14\0\0\3a.B\0\0\3a.C"), ERR_SYNTAX, NULL, false, false, false}, /* two names */
    {SPAN(START "\0\6" ALPN("\0\2\0\0")), ERR_SYNTAX, NULL, false, false, false},
    {SPAN(START "\0\7" ALPN("\0\3\0\1\0")), ERR_SYNTAX, NULL, false, false, false},
    {SPAN(START "\0\11" ALPN("\0\5\0\3\3h2")), ERR_SYNTAX, NULL, false, false, false},
    {SPAN("\2\3" RANDOM "\0\0\2\x13\1\1\0"), ERR_SYNTAX, NULL, false, false, false},		  /* version 2 */
    {SPAN("\3\3" RANDOM "\0\0\0\1\0"), ERR_SYNTAX, NULL, false, false, false},			  /* no cipher suite */
    {SPAN("\3\3" RANDOM "\0\0\1\x13\1\0"), ERR_SYNTAX, NULL, false, false, false},		  /* half of one */
    {SPAN("\3\3" RANDOM "\0\0\2\x13\1\0"), ERR_SYNTAX, NULL, false, false, false},		  /* no compression */
    {SPAN("\3\3" RANDOM "\x21" RANDOM "x\0\2\x13\1\1\0"), ERR_SYNTAX, NULL, false, false, false}, /* session of 33 */
    {SPAN("\3\3" RANDOM "\x20" RANDOM "\0\2\x13\1\1\0"), OK, "", false, false, false},
    {SPAN(""), ERR_SYNTAX, NULL, false, false, false},
};

/* The body as a handshake message in records of at most so many bytes; returns the length. */
static size_t
wrap(struct span body, size_t record_bytes, char *to)
{
	char message[1024] = {1, 0, (char)(body.length >> 8), (char)body.length};
	size_t length = 4 + body.length, n = 0;

	memcpy(message + 4, body.at, body.length);
	for (size_t at = 0, part; at < length; at += part) {
		part = length - at < record_bytes ? length - at : record_bytes;
		memcpy(to + n, (char[]){22, 3, 1, (char)(part >> 8), (char)part}, 5);
		memcpy(to + n + 5, message + at, part);
		n += 5 + part;
	}
	return n;
}

static void
check_hello(size_t i, size_t record_bytes)
{
	struct tls_hello hello = {0}, untouched = {0};
	char bytes[8192];
	size_t length = wrap(hellos[i].body, record_bytes, bytes);
	struct why why = {0};
	enum err r = tls_hello_read(span_of_bytes(bytes, length), &hello, &why);

	if (r != hellos[i].want)
		fail_msg("hello %zu in records of %zu: %s (%s)", i, record_bytes, err_name(r), why.text);
	if (r != OK) {
		assert_true(why.text[0] != '\0');
		assert_memory_equal(&hello, &untouched, sizeof(hello));
		return;
	}
	assert_string_equal(hello.name, hellos[i].name);
	assert_true(hello.alpn == hellos[i].alpn && hello.h2 == hellos[i].h2 && hello.http1 == hellos[i].http1);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(tls_hello_read(span_of_bytes(bytes, cut), &hello, &why), ERR_MORE);
	memcpy(bytes + length, "\x16\3\3\0\1x", 6); /* another record may follow */
	assert_int_equal(tls_hello_read(span_of_bytes(bytes, length + 6), &hello, &why), OK);
}

static void
test_hellos(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hellos); i++)
		for (size_t record_bytes = 1; record_bytes < 200; record_bytes += record_bytes < 8 ? 1 : 37)
			check_hello(i, record_bytes);
}

static void
test_records(void **state)
{
	static const struct {
		struct span bytes;
		enum err want;
	} cases[] = {
	    {SPAN("\x16\3\1\0\0"), ERR_SYNTAX},					      /* an empty record */
	    {SPAN("\x16\3\1\x40\0"), ERR_MORE}, {SPAN("\x16\3\1\x40\1"), ERR_SYNTAX}, /* one byte too long */
	    {SPAN("\x17\3\1\0\1"), ERR_SYNTAX}, {SPAN("\x16\3\1\0\1\2"), ERR_SYNTAX}, /* a ServerHello */
	    {SPAN("\x16\3\1\0\4\1\0\x3f\xfc"), ERR_MORE},
	    {SPAN("\x16\3\1\0\4\1\0\x3f\xfd"), ERR_LIMIT}, /* one byte past TLS_HELLO_BYTES */
	    {SPAN("\x16\3\1\0\4\1\1\0\0"), ERR_LIMIT},
	    {SPAN("\x16\3\1\0\2\1\0\x15\3\3\0\2"), ERR_SYNTAX},	      /* an alert between its parts */
	    {SPAN("\x16\3\1\0\x30\1\0\0\x29" START "x"), ERR_SYNTAX}, /* a byte behind it */
	};
	static char endless[TLS_HELLO_BYTES + 1];
	struct tls_hello hello;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		enum err r = tls_hello_read(cases[i].bytes, &hello, NULL);

		if (r != cases[i].want)
			fail_msg("case %zu: %s", i, err_name(r));
	}
	memcpy(endless, "\x16\3\1\x40\0\1\0\x3f\xfc", 9);
	assert_int_equal(tls_hello_read(span_of_bytes(endless, TLS_HELLO_BYTES - 1), &hello, NULL), ERR_MORE);
	assert_int_equal(tls_hello_read(span_of_bytes(endless, sizeof(endless)), &hello, NULL), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_firsts),
	    cmocka_unit_test(test_hellos),
	    cmocka_unit_test(test_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
