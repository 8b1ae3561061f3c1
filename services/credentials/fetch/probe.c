/* A short question to a model server, with its key: does it answer? */
#include "services/credentials/fetch/jobs.h"

/* What stands in a header field has no byte that would end it. */
static enum err
add_field(struct text *out, struct span before, struct span value, struct why *why)
{
	for (size_t i = 0; i < value.length; i++)
		if ((unsigned char)value.at[i] < ' ' || value.at[i] == 0x7f)
			return fail(why, ERR_INVALID, "a header field holds a byte that it may not hold");
	text_add_span(out, before);
	text_add_span(out, value);
	text_add(out, "\r\n");
	return OK;
}

static enum err
fields_write(struct fetch *fetch, struct text *out, struct why *why)
{
	struct span auth = SPAN_NONE, key;
	enum err r = OK;

	text_add(out, "Content-Type: application/json\r\nAccept: application/json\r\n");
	for (size_t i = 0; i < fetch->job->fields_n && r == OK; i++)
		r = add_field(out, SPAN_NONE, fetch->job->fields[i], why);
	job_text(fetch, "auth", &auth);
	if (r == OK && auth.length > 0 && job_secret(fetch, "key", &key))
		r = add_field(
		    out, span_is(auth, "x-api-key") ? SPAN("x-api-key: ") : SPAN("Authorization: Bearer "), key, why);
	return r != OK ? r : out->cut ? fail(why, ERR_LIMIT, "the fields are too long") : OK;
}

enum err
probe(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct https_request request = {
	    .method = SPAN("POST"), .limit_ms = fetch->job->limit_ms, .body = fetch->job->body};
	struct text fields = job_room(fetch, 32768);
	struct https_answer answer;
	struct span url;
	enum err r;

	if ((r = job_need(fetch, "url", &url, why)) != OK ||
	    (r = https_url_parse(url, true, &request.url, why)) != OK || (r = fields_write(fetch, &fields, why)) != OK)
		return r;
	request.fields = text_span(&fields);
	if ((r = fetch_ask(fetch, &request, &answer, why)) != OK)
		return r;
	out->status = (uint16_t)answer.status; /* all of it: a server may say the key again in its body */
	return OK;
}
