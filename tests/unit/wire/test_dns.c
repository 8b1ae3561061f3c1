/* DNS queries, each a change of a good one, and answers byte by byte. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/wire/dns.h"

/*		       id        bits      one question, one of ... */
#define HEAD(bits, counts) "\x12\x34" bits counts
#define ONE		   "\0\1\0\0\0\0\0\0"
#define ONE_AND_OPT	   "\0\1\0\0\0\0\0\1"
#define NAME		   "\3aPI\7example\3org\0"
#define A_IN		   "\0\1\0\1"
#define OPT		   "\0\0\x29\4\xd0\0\0\0\0\0\0"
#define LABEL_63	   "\77aaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg"
#define QUERY(bits, rest)  SPAN(HEAD(bits, ONE) rest)

static const struct {
	struct span message;
	enum err want;
	const char *name;
	uint16_t type;
	bool recursion, edns;
} cases[] = {
    {QUERY("\1\0", NAME A_IN), OK, "api.example.org", 1, true, false},
    {QUERY("\0\0", "\1a\0\0\x1c\0\1"), OK, "a", 28, false, false},
    {QUERY("\1\x30", "\4_a-9\0\0\x41\0\1"), OK, "_a-9", 65, true, false}, /* AD and CD */
    {SPAN(HEAD("\1\0", ONE_AND_OPT) NAME A_IN OPT), OK, "api.example.org", 1, true, true},
    {SPAN(HEAD("\1\0", ONE_AND_OPT) NAME A_IN "\0\0\x29\4\xd0\0\0\x80\0\0\4\0\12\0\0"), OK, "api.example.org", 1, true,
	true},
    {SPAN(""), ERR_INVALID, NULL, 0, false, false},
    {SPAN("\x12\x34\1\0\0\1\0\0\0\0\0"), ERR_INVALID, NULL, 0, false, false},	/* 11 bytes */
    {QUERY("\x81\0", NAME A_IN), ERR_INVALID, NULL, 0, false, false},		/* an answer */
    {QUERY("\x09\0", NAME A_IN), ERR_UNIMPLEMENTED, NULL, 0, false, false},	/* opcode 1 */
    {QUERY("\x28\0", NAME A_IN), ERR_UNIMPLEMENTED, NULL, 0, false, false},	/* update */
    {QUERY("\3\0", NAME A_IN), ERR_SYNTAX, NULL, 0, false, false},		/* TC */
    {QUERY("\1\3", NAME A_IN), ERR_SYNTAX, NULL, 0, false, false},		/* a code */
    {QUERY("\1\0", NAME "\0\1\0\3"), ERR_UNIMPLEMENTED, NULL, 0, false, false}, /* class CH */
    {QUERY("\1\0", NAME "\0\1\0"), ERR_SYNTAX, NULL, 0, false, false},
    {QUERY("\1\0", NAME A_IN "\0"), ERR_SYNTAX, NULL, 0, false, false}, /* a byte behind */
    {QUERY("\1\0", NAME A_IN OPT), ERR_SYNTAX, NULL, 0, false, false},	/* a record not counted */
    {QUERY("\1\0", ""), ERR_SYNTAX, NULL, 0, false, false},
    {QUERY("\1\0", "\3ap"), ERR_SYNTAX, NULL, 0, false, false},
    {QUERY("\1\0", "\3api"), ERR_SYNTAX, NULL, 0, false, false},	      /* no end */
    {QUERY("\1\0", "\3api\xc0\x0c" A_IN), ERR_SYNTAX, NULL, 0, false, false}, /* a pointer */
    {QUERY("\1\0", "\100"
		   "a\0" A_IN),
	ERR_SYNTAX, NULL, 0, false, false},			   /* label type 01 */
    {QUERY("\1\0", "\0" A_IN), ERR_DENIED, NULL, 0, false, false}, /* the root */
    {QUERY("\1\0", "\3a.b\0" A_IN), ERR_DENIED, NULL, 0, false, false},
    {QUERY("\1\0", "\3a\0b\0" A_IN), ERR_DENIED, NULL, 0, false, false},
    {QUERY("\1\0", "\3a b\0" A_IN), ERR_DENIED, NULL, 0, false, false},
    {QUERY("\1\0", "\2\xc3\xbc\0" A_IN), ERR_DENIED, NULL, 0, false, false},
    {QUERY("\1\0", LABEL_63 "\1a\0" A_IN), OK, "aaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.a", 1,
	true, false},
    {QUERY("\1\0", LABEL_63 LABEL_63 LABEL_63 LABEL_63 "\0" A_IN), ERR_SYNTAX, NULL, 0, false, false},
    {SPAN(HEAD("\1\0", "\0\0\0\0\0\0\0\0")), ERR_SYNTAX, NULL, 0, false, false},
    {SPAN(HEAD("\1\0", "\0\2\0\0\0\0\0\0") NAME A_IN NAME A_IN), ERR_SYNTAX, NULL, 0, false, false},
    {SPAN(HEAD("\1\0", "\0\1\0\1\0\0\0\0") NAME A_IN), ERR_SYNTAX, NULL, 0, false, false},
    {SPAN(HEAD("\1\0", "\0\1\0\0\0\1\0\0") NAME A_IN), ERR_SYNTAX, NULL, 0, false, false},
    {SPAN(HEAD("\1\0", "\0\1\0\0\0\0\0\2") NAME A_IN OPT OPT), ERR_SYNTAX, NULL, 0, false, false},
    {SPAN(HEAD("\1\0", ONE_AND_OPT) NAME A_IN), ERR_SYNTAX, NULL, 0, false, false},
    {SPAN(HEAD("\1\0", ONE_AND_OPT) NAME A_IN "\1\0\x29\4\xd0\0\0\0\0\0\0"), ERR_SYNTAX, NULL, 0, false, false},
    {SPAN(HEAD("\1\0", ONE_AND_OPT) NAME A_IN "\0\0\x10\4\xd0\0\0\0\0\0\0"), ERR_SYNTAX, NULL, 0, false, false},
    {SPAN(HEAD("\1\0", ONE_AND_OPT) NAME A_IN "\0\0\x29\4\xd0\0\1\0\0\0\0"), ERR_SYNTAX, NULL, 0, false, false},
    {SPAN(HEAD("\1\0", ONE_AND_OPT) NAME A_IN "\0\0\x29\4\xd0\0\0\0\0\0\1"), ERR_SYNTAX, NULL, 0, false, false},
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dns_query query = {0}, untouched = {0};
		struct why why = {0};
		enum err r = dns_query_read(cases[i].message, &query, &why);

		if (r != cases[i].want)
			fail_msg("case %zu: %s (%s)", i, err_name(r), why.text);
		assert_int_equal(why.text[0] == '\0', r == OK);
		if (r != OK) {
			assert_memory_equal(&query, &untouched, sizeof(query));
			continue;
		}
		assert_string_equal(query.name, cases[i].name);
		assert_int_equal(query.id, 0x1234);
		assert_int_equal(query.type, cases[i].type);
		assert_int_equal(query.recursion, cases[i].recursion);
		assert_int_equal(query.edns, cases[i].edns);
	}
}

/* A query whose name has so many bytes as text. */
static enum err
read_long(size_t name_bytes)
{
	char message[512] = HEAD("\1\0", ONE);
	struct dns_query query;
	size_t at = 12;

	for (size_t n; name_bytes > 0; name_bytes -= n < name_bytes ? n + 1 : n) {
		n = name_bytes > 63 ? 63 : name_bytes;
		if (name_bytes == 64)
			n = 62;
		message[at++] = (char)n;
		memset(message + at, 'x', n);
		at += n;
	}
	memcpy(message + at, "\0\0\1\0\1", 5);
	return dns_query_read(span_of_bytes(message, at + 5), &query, NULL);
}

static void
test_bounds(void **state)
{
	static char large[DNS_MESSAGE_BYTES + 1];
	struct dns_query query;

	(void)state;
	assert_int_equal(read_long(253), OK);
	assert_int_equal(read_long(254), ERR_SYNTAX);
	assert_int_equal(read_long(255), ERR_SYNTAX);
	assert_int_equal(dns_query_read(span_of_bytes(large, sizeof(large)), &query, NULL), ERR_INVALID);
}

#define assert_bytes(to, n, want) (assert_int_equal(n, sizeof(want) - 1), assert_memory_equal(to, want, n))

static void
test_answers(void **state)
{
	static const uint8_t address[4] = {198, 18, 0, 7};
	uint8_t to[DNS_ANSWER_BYTES];
	struct dns_query query;
	size_t n;

	(void)state;
	assert_int_equal(dns_query_read(SPAN(HEAD("\1\0", ONE_AND_OPT) NAME A_IN OPT), &query, NULL), OK);
	n = dns_answer_write(&query, DNS_NOERROR, address, 30, to);
	assert_bytes(to, n,
	    "\x12\x34\x81\x80\0\1\0\1\0\0\0\1" NAME A_IN "\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4\xc6\x12\0\7"
	    "\0\0\x29\4\xd0\0\0\0\0\0\0");
	query.edns = query.recursion = false;
	n = dns_answer_write(&query, DNS_REFUSED, NULL, 0, to);
	assert_bytes(to, n, "\x12\x34\x80\x85\0\1\0\0\0\0\0\0" NAME A_IN);

	n = dns_refuse(QUERY("\x29\0", NAME A_IN), DNS_NOTIMP, to);
	assert_bytes(to, n, "\x12\x34\xa9\x84\0\0\0\0\0\0\0\0");
	assert_int_equal(dns_refuse(QUERY("\x81\0", NAME A_IN), DNS_FORMERR, to), 0);
	assert_int_equal(dns_refuse(SPAN("\x12\x34"), DNS_FORMERR, to), 0);
	assert_int_equal(dns_code_of(ERR_SYNTAX), DNS_FORMERR);
	assert_int_equal(dns_code_of(ERR_UNIMPLEMENTED), DNS_NOTIMP);
	assert_int_equal(dns_code_of(ERR_DENIED), DNS_REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
