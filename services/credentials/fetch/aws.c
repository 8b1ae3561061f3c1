/* AWS: AssumeRole of STS, signed with the source keys (Signature Version 4). */
#include "services/credentials/fetch/aws.h"

#include <stdio.h>
#include <time.h>

#include "common/base/text.h"
#include "common/wire/digest.h"
#include "common/wire/sigv4.h"
#include "services/credentials/fetch/oauth.h"

#define VALUE_MAX 8192
#define REGION	  "us-east-1"

/* ---- the answer ---- */

static bool
tag_find(struct span text, const char *name, bool end, size_t *at, size_t *length)
{
	char tag[64];
	const char *found;

	snprintf(tag, sizeof(tag), "<%s%s>", end ? "/" : "", name);
	if (text.length == 0 || (found = memmem(text.at, text.length, tag, strlen(tag))) == NULL)
		return false;
	*at = (size_t)(found - text.at);
	*length = strlen(tag);
	return true;
}

/* What is between <name> and </name>. */
static bool
element(struct span text, const char *name, struct span *out)
{
	size_t at, length;

	if (!tag_find(text, name, false, &at, &length))
		return false;
	text = span_tail(text, at + length);
	if (!tag_find(text, name, true, &at, &length) || at == 0)
		return false;
	*out = span_head(text, at);
	return true;
}

static enum err
value_take(struct span text, const char *name, struct span *out, struct why *why)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-";

	if (!element(text, name, out) || out->length > VALUE_MAX || !span_only(*out, allowed))
		return fail(why, ERR_PROTOCOL, "the answer has no usable %s", name);
	return OK;
}

bool
aws_time_read(struct span text, uint64_t *out)
{
	char words[32];
	const char *rest;
	struct tm tm = {0};
	time_t seconds;

	if (!span_copy(text, words, sizeof(words)) || (rest = strptime(words, "%Y-%m-%dT%H:%M:%S", &tm)) == NULL)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (strcmp(rest, "Z") != 0 || (seconds = timegm(&tm)) <= 0)
		return false;
	*out = (uint64_t)seconds;
	return true;
}

enum err
aws_keys_read(struct span body, struct aws_keys *out, struct why *why)
{
	struct aws_keys keys;
	struct span credentials, expires;
	enum err r;

	if (!element(body, "Credentials", &credentials))
		return fail(why, ERR_PROTOCOL, "the answer has no Credentials");
	if ((r = value_take(credentials, "AccessKeyId", &keys.access_key, why)) != OK ||
	    (r = value_take(credentials, "SecretAccessKey", &keys.secret_key, why)) != OK ||
	    (r = value_take(credentials, "SessionToken", &keys.session_token, why)) != OK)
		return r;
	if (!element(credentials, "Expiration", &expires) || !aws_time_read(expires, &keys.expires_s))
		return fail(why, ERR_PROTOCOL, "the answer has no usable Expiration");
	*out = keys;
	return OK;
}

/* ---- asking ---- */

static bool
is_name(struct span text)
{
	return text.length > 0 && text.length <= 63 && span_only(text, "abcdefghijklmnopqrstuvwxyz0123456789-") &&
	       text.at[0] != '-';
}

static enum err
form_write(struct fetch *fetch, struct text *form, struct why *why)
{
	struct span value, name = SPAN("openshell-sandbox");
	char seconds[24];
	enum err r;

	if ((r = job_need(fetch, "role_arn", &value, why)) != OK)
		return r;
	form_add(form, "Action", SPAN("AssumeRole"));
	form_add(form, "Version", SPAN("2011-06-15"));
	form_add(form, "RoleArn", value);
	job_text(fetch, "session_name", &name);
	form_add(form, "RoleSessionName", name);
	if (job_text(fetch, "external_id", &value) || job_secret(fetch, "external_id", &value))
		form_add(form, "ExternalId", value);
	/* STS gives no less than 15 minutes; what is asked for is cut by us */
	snprintf(seconds, sizeof(seconds), "%llu",
	    (unsigned long long)(fetch->job->lifetime_ms < 900000 ? 900 : fetch->job->lifetime_ms / 1000));
	form_add(form, "DurationSeconds", span_of_text(seconds));
	return form->cut ? fail(why, ERR_LIMIT, "the material is too long") : OK;
}

static void
add_field(struct text *out, const char *name, struct span value)
{
	text_add(out, "%s: ", name);
	text_add_span(out, value);
	text_add(out, "\r\n");
}

static enum err
fields_sign(struct fetch *fetch, struct https_request *request, struct span region, struct text *out, struct why *why)
{
	static const struct span kind = SPAN("application/x-www-form-urlencoded; charset=utf-8");
	char hash[DIGEST_SHA256_HEX_BYTES], date[SIGV4_DATE_BYTES];
	struct sigv4_field fields[4] = {{SPAN("content-type"), kind}, {SPAN("host"), request->url.authority}};
	struct sigv4 in = {.method = request->method,
	    .path = SPAN("/"),
	    .fields = fields,
	    .fields_n = 3,
	    .region = region,
	    .service = SPAN("sts")};
	struct text authorization = job_room(fetch, 4096);
	struct span token;
	enum err r;

	digest_sha256_hex(request->body, hash);
	sigv4_date(fetch->now_ms, date);
	in.payload_hash = span_of_text(hash);
	in.date = span_of_text(date);
	fields[2] = (struct sigv4_field){SPAN("x-amz-date"), in.date};
	if ((r = job_need(fetch, "aws_access_key_id", &in.access_key, why)) != OK ||
	    (r = job_need(fetch, "aws_secret_access_key", &in.secret_key, why)) != OK)
		return r;
	add_field(out, "Content-Type", kind);
	add_field(out, "X-Amz-Date", in.date);
	if (job_secret(fetch, "aws_session_token", &token) || job_text(fetch, "aws_session_token", &token)) {
		fields[in.fields_n++] = (struct sigv4_field){SPAN("x-amz-security-token"), token};
		add_field(out, "X-Amz-Security-Token", token);
	}
	if ((r = sigv4_sign(&in, &authorization, why)) != OK)
		return r;
	add_field(out, "Authorization", text_span(&authorization));
	return out->cut ? fail(why, ERR_LIMIT, "the source keys are too long") : OK;
}

static void
keys_done(struct fetch *fetch, const struct aws_keys *keys, struct msg_fetch_done *out)
{
	const struct {
		const char *output;
		struct span value;
	} more[] = {{"secret_access_key", keys->secret_key}, {"session_token", keys->session_token}};
	uint64_t most_ms = (uint64_t)fetch->now_ms + fetch->job->lifetime_ms;
	struct span name;

	out->values = job_values(fetch, 3);
	out->values[out->values_n++] = (struct msg_fetch_value){fetch->job->key, keys->access_key};
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (job_output(fetch, more[i].output, &name))
			out->values[out->values_n++] = (struct msg_fetch_value){name, more[i].value};
	out->expires_ms = keys->expires_s * 1000 < most_ms ? keys->expires_s * 1000 : most_ms;
}

static enum err
role_ask(
    struct fetch *fetch, struct https_request *request, struct span region, struct msg_fetch_done *out, struct why *why)
{
	struct text fields = job_room(fetch, 32768);
	struct https_answer answer;
	struct aws_keys keys;
	struct span code;
	enum err r;

	if ((r = fields_sign(fetch, request, region, &fields, why)) != OK)
		return r;
	request->fields = text_span(&fields);
	if ((r = fetch_ask(fetch, request, &answer, why)) != OK)
		return r;
	if (answer.status != 200) {
		if (!element(answer.body, "Code", &code) || code.length > 64 ||
		    !span_only(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789."))
			code = SPAN_NONE;
		return fail(why, answer.status >= 500 || answer.status == 429 ? ERR_UNAVAILABLE : ERR_DENIED,
		    "STS answered %u%s" SPAN_FORMAT, answer.status, code.length == 0 ? "" : " ", SPAN_ARGS(code));
	}
	if ((r = aws_keys_read(answer.body, &keys, why)) != OK)
		return because(why, r, "STS");
	keys_done(fetch, &keys, out);
	return OK;
}

enum err
aws_role(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct https_request request = {.method = SPAN("POST"), .limit_ms = fetch->job->limit_ms, .target = SPAN("/")};
	struct text form = job_room(fetch, 32768), own = job_room(fetch, 128);
	struct span region = SPAN(REGION), url;
	enum err r;

	job_text(fetch, "aws_region", &region);
	if (!is_name(region))
		return fail(why, ERR_INVALID, "aws_region is no name");
	text_add(&own, "https://sts." SPAN_FORMAT ".amazonaws.com%s/", SPAN_ARGS(region),
	    span_starts(region, SPAN("cn-")) ? ".cn" : "");
	url = text_span(&own);
	job_text(fetch, "token_url", &url);
	if ((r = https_url_parse(url, false, &request.url, why)) != OK || (r = form_write(fetch, &form, why)) != OK)
		return r;
	request.body = text_span(&form);
	return role_ask(fetch, &request, region, out, why);
}
