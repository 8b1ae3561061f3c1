/* OAuth 2.0: refresh token and client credentials. */
#include "services/credentials/fetch/oauth.h"

#define FORM_MAX 65536

static void
form_add_if(struct fetch *fetch, struct text *form, const char *name)
{
	struct span value;

	if (job_secret(fetch, name, &value) || job_text(fetch, name, &value))
		form_add(form, name, value);
}

struct span
scopes_text(struct fetch *fetch)
{
	struct text text = job_room(fetch, 64 * 513 + 1);

	for (size_t i = 0; i < fetch->job->scopes_n; i++) {
		text_add(&text, "%s", i == 0 ? "" : " ");
		text_add_span(&text, fetch->job->scopes[i]);
	}
	return text_span(&text);
}

/* ---- asking ---- */

static enum err
refused(unsigned status, struct span body, struct why *why)
{
	struct span error = oauth_error_read(body);

	return fail(why, status >= 500 || status == 429 ? ERR_UNAVAILABLE : ERR_DENIED,
	    "the token server answered %u%s" SPAN_FORMAT, status, error.length == 0 ? "" : " ", SPAN_ARGS(error));
}

static void
token_done(struct fetch *fetch, const struct oauth_token *token, struct msg_fetch_done *out)
{
	uint64_t lifetime_ms = fetch->job->lifetime_ms;

	if (token->has_lifetime && token->lifetime_s * 1000 < lifetime_ms)
		lifetime_ms = token->lifetime_s * 1000;
	out->expires_ms = (uint64_t)fetch->now_ms + lifetime_ms;
	out->values = job_values(fetch, 1);
	out->values[0] = (struct msg_fetch_value){fetch->job->key, token->access_token};
	out->values_n = 1;
	if (token->refresh_token.length == 0)
		return;
	out->material = job_values(fetch, 1);
	out->material[0] = (struct msg_fetch_value){SPAN("refresh_token"), token->refresh_token};
	out->material_n = 1;
}

enum err
oauth_ask(struct fetch *fetch, struct span fallback, struct span form, struct msg_fetch_done *out, struct why *why)
{
	struct https_request request = {.method = SPAN("POST"),
	    .limit_ms = fetch->job->limit_ms,
	    .fields = SPAN("Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n"),
	    .body = form};
	struct https_answer answer;
	struct oauth_token token;
	struct span url = fallback;
	enum err r;

	job_text(fetch, "token_url", &url);
	if (url.length == 0)
		return fail(why, ERR_INVALID, "no token_url is known");
	if ((r = https_url_parse(url, false, &request.url, why)) != OK)
		return because(why, r, "token_url");
	if ((r = fetch_ask(fetch, &request, &answer, why)) != OK)
		return r;
	if (answer.status != 200)
		return refused(answer.status, answer.body, why);
	if ((r = oauth_token_read(answer.body, fetch->arena, &token, why)) != OK)
		return because(why, r, "the token server");
	token_done(fetch, &token, out);
	return OK;
}

/* Azure: the tenant names the server. It becomes part of a path, so it is a name or an id and nothing more. */
static enum err
tenant_url(struct fetch *fetch, struct span *out, struct why *why)
{
	struct text url = job_room(fetch, 512);
	struct span tenant;

	*out = SPAN_NONE;
	if (!job_text(fetch, "tenant_id", &tenant))
		return OK;
	if (tenant.length > 253 ||
	    !span_only(tenant, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ||
	    tenant.at[0] == '.')
		return fail(why, ERR_INVALID, "tenant_id is no name");
	text_add(&url, "https://login.microsoftonline.com/" SPAN_FORMAT "/oauth2/v2.0/token", SPAN_ARGS(tenant));
	*out = text_span(&url);
	return OK;
}

static enum err
form_ask(struct fetch *fetch, struct text *form, struct msg_fetch_done *out, struct why *why)
{
	struct span scopes = scopes_text(fetch), fallback;
	enum err r;

	form_add_if(fetch, form, "client_id");
	form_add_if(fetch, form, "client_secret");
	if (scopes.length > 0)
		form_add(form, "scope", scopes);
	if (form->cut)
		return fail(why, ERR_LIMIT, "the material is too long");
	if ((r = tenant_url(fetch, &fallback, why)) != OK)
		return r;
	return oauth_ask(fetch, fallback, text_span(form), out, why);
}

/* RFC 6749, 6. */
enum err
oauth_refresh(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct text form = job_room(fetch, FORM_MAX);
	struct span token;
	enum err r;

	if ((r = job_need(fetch, "refresh_token", &token, why)) != OK)
		return r;
	form_add(&form, "grant_type", SPAN("refresh_token"));
	form_add(&form, "refresh_token", token);
	return form_ask(fetch, &form, out, why);
}

/* RFC 6749, 4.4. */
enum err
oauth_client(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct text form = job_room(fetch, FORM_MAX);
	struct span value;
	enum err r;

	if ((r = job_need(fetch, "client_id", &value, why)) != OK ||
	    (r = job_need(fetch, "client_secret", &value, why)) != OK)
		return r;
	form_add(&form, "grant_type", SPAN("client_credentials"));
	return form_ask(fetch, &form, out, why);
}
