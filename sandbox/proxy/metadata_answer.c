/* The tree of the metadata server: a table of paths. */
#include "sandbox/proxy/metadata_answer.h"

#include "common/base/clean.h"
#include "common/wire/json_edit.h"
#include "sandbox/proxy/refusal.h"

#define ACCOUNT	 "/computeMetadata/v1/instance/service-accounts/default"
#define SCOPE	 "https://www.googleapis.com/auth/cloud-platform"
#define BODY_MAX (METADATA_ANSWER_BYTES - 512)
#define LIFE_S	 3600 /* a placeholder does not age; tools ask again when they think that it has */

/* ---- what is below a path; false: it is not known ---- */

static bool
token(const struct metadata_facts *facts, struct text *body)
{
	if (facts->token.length == 0)
		return false;
	text_add(body, "{\"access_token\":");
	json_string_write(body, facts->token);
	text_add(body, ",\"expires_in\":%d,\"token_type\":\"Bearer\"}", LIFE_S);
	return true;
}

static bool
email(const struct metadata_facts *facts, struct text *body)
{
	text_add_span(body, facts->email.length > 0 ? facts->email : SPAN("default"));
	return true;
}

static bool
project(const struct metadata_facts *facts, struct text *body)
{
	text_add_span(body, facts->project);
	return facts->project.length > 0;
}

static bool
account(const struct metadata_facts *facts, struct text *body)
{
	text_add(body, "{\"aliases\":[\"default\"],\"email\":");
	json_string_write(body, facts->email.length > 0 ? facts->email : SPAN("default"));
	text_add(body, ",\"scopes\":[\"" SCOPE "\"]}");
	return true;
}

/* Paths without the slash at their end. */
static const struct {
	const char *path, *query; /* query: only with it */
	const char *text;	  /* or made: */
	bool (*make)(const struct metadata_facts *facts, struct text *body);
	unsigned missing; /* what is said when it is not known */
	bool json;
} rows[] = {
    {"", NULL, "computeMetadata/\n", NULL, 0, false},
    {"/computeMetadata", NULL, "v1/\n", NULL, 0, false},
    {"/computeMetadata/v1", NULL, "instance/\nproject/\n", NULL, 0, false},
    {"/computeMetadata/v1/instance", NULL, "service-accounts/\n", NULL, 0, false},
    {"/computeMetadata/v1/instance/service-accounts", NULL, "default/\n", NULL, 0, false},
    {ACCOUNT, "recursive=true", NULL, account, 0, true},
    {ACCOUNT, NULL, "aliases\nemail\nscopes\ntoken\n", NULL, 0, false},
    {ACCOUNT "/aliases", NULL, "default\n", NULL, 0, false},
    {ACCOUNT "/email", NULL, NULL, email, 0, false},
    {ACCOUNT "/scopes", NULL, SCOPE "\n", NULL, 0, false},
    {ACCOUNT "/token", NULL, NULL, token, 503, true},
    {"/computeMetadata/v1/project", NULL, "project-id\n", NULL, 0, false},
    {"/computeMetadata/v1/project/project-id", NULL, NULL, project, 404, false},
};

/* ---- answers ---- */

static void
answer_write(unsigned status, const char *type, struct span body, struct text *text)
{
	text_add(text,
	    "HTTP/1.1 %u %s\r\nMetadata-Flavor: Google\r\nServer: Metadata Server for VM\r\nContent-Type: %s\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	    status, refusal_words(status), type, body.length);
	text_add_span(text, body);
}

void
metadata_refuse(unsigned status, const char *error, struct text *text)
{
	char bytes[128];
	struct text body = TEXT_OF(bytes);

	text_add(&body, "{\"error\":\"%s\"}", error);
	answer_write(status, "application/json", text_span(&body), text);
}

/* One parameter of a query, whatever others there are. */
static bool
says(struct span query, const char *parameter)
{
	while (query.length > 0)
		if (span_is(span_cut(&query, '&'), parameter))
			return true;
	return false;
}

static unsigned
look_up(struct span path, struct span query, const struct metadata_facts *facts, struct text *text)
{
	char bytes[BODY_MAX];
	struct text body = TEXT_OF(bytes);

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!span_is(path, rows[i].path) || (rows[i].query != NULL && !says(query, rows[i].query)))
			continue;
		if (rows[i].make == NULL)
			text_add(&body, "%s", rows[i].text);
		else if (!rows[i].make(facts, &body) || body.cut) {
			metadata_refuse(
			    rows[i].missing, rows[i].missing == 503 ? "token_unavailable" : "not_found", text);
			return rows[i].missing;
		}
		answer_write(200, rows[i].json ? "application/json" : "application/text", text_span(&body), text);
		return 200;
	}
	metadata_refuse(404, "not_found", text);
	return 404;
}

unsigned
metadata_answer(const struct http_head *request, const struct metadata_facts *facts, struct text *text)
{
	const struct http_field *flavor = http_find_text(request, "metadata-flavor");
	struct span query = request->target, path = span_cut(&query, '?');
	unsigned status = 0;

	if (!span_is(request->method, "GET"))
		metadata_refuse(status = 405, "method_not_allowed", text);
	else if (flavor == NULL || !span_is(flavor->value, "Google"))
		metadata_refuse(status = 403, "missing_metadata_flavor", text);
	else if (http_find_text(request, "x-forwarded-for") != NULL)
		metadata_refuse(status = 403, "forwarded", text);
	else if (!facts->known)
		metadata_refuse(status = 503, "credentials_unavailable", text);
	if (status != 0)
		return status;
	while (path.length > 0 && path.at[path.length - 1] == '/')
		path.length--;
	return look_up(path, query, facts, text);
}
