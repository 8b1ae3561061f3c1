/* AWS signatures: Amazon's own published examples, and what does not fit. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "common/base/clean.h"
#include "common/wire/sigv4.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* The last two by the rules written down in Python once more (hmac, hashlib). */
static const struct {
	const char *name, *method, *path, *query;
	struct sigv4_field fields[5];
	size_t fields_n;
	const char *hash, *date, *region, *service, *access, *secret;
	const char *names, *signature;
} cases[] = {
    {"get-vanilla of the test suite", "GET", "/", "",
	{{SPAN("host"), SPAN("example.amazonaws.com")}, {SPAN("x-amz-date"), SPAN("20150830T123600Z")}}, 2, EMPTY,
	"20150830T123600Z", "us-east-1", "service", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
	"host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1",
	{{SPAN("host"), SPAN("example.amazonaws.com")}, {SPAN("x-amz-date"), SPAN("20150830T123600Z")}}, 2, EMPTY,
	"20150830T123600Z", "us-east-1", "service", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
	"host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"the example of IAM", "GET", "", "Action=ListUsers&Version=2010-05-08",
	{{SPAN("x-amz-date"), SPAN("20150830T123600Z")}, {SPAN("host"), SPAN("iam.amazonaws.com")},
	    {SPAN("content-type"), SPAN("  application/x-www-form-urlencoded;   charset=utf-8 ")}},
	3, EMPTY, "20150830T123600Z", "us-east-1", "iam", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
	"content-type;host;x-amz-date", "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
    {"the example of S3: a range of an object", "GET", "/test.txt", "",
	{{SPAN("host"), SPAN("examplebucket.s3.amazonaws.com")}, {SPAN("range"), SPAN("bytes=0-9")},
	    {SPAN("x-amz-content-sha256"), SPAN(EMPTY)}, {SPAN("x-amz-date"), SPAN("20130524T000000Z")}},
	4, EMPTY, "20130524T000000Z", "us-east-1", "s3", "AKIAIOSFODNN7EXAMPLE",
	"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "host;range;x-amz-content-sha256;x-amz-date",
	"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"an encoded path, encoded once more", "POST", "/model/a%3Ab/in%20voke",
	"b&a=2&a=1&=", {{SPAN("host"), SPAN("h")}, {SPAN("x-amz-date"), SPAN("20260102T030405Z")}}, 2,
	"UNSIGNED-PAYLOAD", "20260102T030405Z", "eu-west-1", "bedrock", "AK", "secret", "host;x-amz-date",
	"5aa6e7c4424db749ac80243e17104ceb766ee8a7acd37a7d352400e7e7952999"},
    {"the same path of s3, as it is", "POST", "/model/a%3Ab/in%20voke",
	"b&a=2&a=1&=", {{SPAN("host"), SPAN("h")}, {SPAN("x-amz-date"), SPAN("20260102T030405Z")}}, 2,
	"UNSIGNED-PAYLOAD", "20260102T030405Z", "eu-west-1", "s3", "AK", "secret", "host;x-amz-date",
	"d2c4007a74781f09df4c1cf849510efdf49a137bf9fbd57558929f1e51dc6058"},
};

static struct sigv4
of_case(size_t i)
{
	return (struct sigv4){span_of_text(cases[i].method), span_of_text(cases[i].path), span_of_text(cases[i].query),
	    cases[i].fields, cases[i].fields_n, span_of_text(cases[i].hash), span_of_text(cases[i].date),
	    span_of_text(cases[i].region), span_of_text(cases[i].service), span_of_text(cases[i].access),
	    span_of_text(cases[i].secret)};
}

static void
examples(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct sigv4 in = of_case(i);
		char bytes[512], want[512];
		struct text out = TEXT_OF(bytes);
		struct why why = {""};

		snprintf(want, sizeof(want),
		    "AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/%s/aws4_request, SignedHeaders=%s, Signature=%s",
		    cases[i].access, cases[i].date, cases[i].region, cases[i].service, cases[i].names,
		    cases[i].signature);
		if (sigv4_sign(&in, &out, &why) != OK || strcmp(bytes, want) != 0)
			fail_msg("%s: %s\n have %s\n want %s", cases[i].name, why.text, bytes, want);
	}
}

static void
bounds(void **unused)
{
	static char query[2 * SIGV4_PAIRS_MAX + 2], secret[258];
	static struct sigv4_field many[SIGV4_FIELDS_MAX + 1];
	struct sigv4 in = of_case(0);
	char bytes[512], small[32], date[SIGV4_DATE_BYTES];
	struct text out = TEXT_OF(bytes), little = TEXT_OF(small);
	struct why why;

	(void)unused;
	memset(query, '&', sizeof(query));
	memset(secret, 'k', sizeof(secret));
	in.query = span_of_bytes(query, SIGV4_PAIRS_MAX);
	assert_int_equal(sigv4_sign(&in, &out, &why), OK);
	in.query = span_of_bytes(query, SIGV4_PAIRS_MAX + 1);
	assert_int_equal(sigv4_sign(&in, &out, &why), ERR_LIMIT);
	in = of_case(0);
	in.secret_key = span_of_bytes(secret, 256);
	assert_int_equal(sigv4_sign(&in, &out, &why), OK);
	in.secret_key = span_of_bytes(secret, 257);
	assert_int_equal(sigv4_sign(&in, &out, &why), ERR_INVALID);
	in.secret_key = SPAN_NONE;
	assert_int_equal(sigv4_sign(&in, &out, &why), ERR_INVALID);
	in = of_case(0);
	in.date = SPAN("20150830");
	assert_int_equal(sigv4_sign(&in, &out, &why), ERR_INVALID);
	in = of_case(0);
	assert_int_equal(sigv4_sign(&in, &little, &why), ERR_RANGE);
	in.fields = many;
	in.fields_n = COUNT(many);
	assert_int_equal(sigv4_sign(&in, &out, &why), ERR_LIMIT);
	sigv4_date(1440938160000, date);
	assert_string_equal(date, "20150830T123600Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(examples), cmocka_unit_test(bounds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
