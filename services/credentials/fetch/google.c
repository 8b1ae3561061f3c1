/* Google service accounts: a JWT signed with RS256 is exchanged for a token (RFC 7523; RFC 7515, 3.1). */
#include <stdlib.h>

#include "common/wire/base64.h"
#include "services/credentials/fetch/oauth.h"
#include "common/leg/openssl.h"

#define TOKEN_URL     "https://oauth2.googleapis.com/token"
#define ASSERTION_MAX 16384
#define CLAIMS_MAX    8192

/* Base64 in the alphabet of URLs, without padding (RFC 4648, 5). */
static void
add_base64url(struct text *out, struct span bytes)
{
	char letters[BASE64_BYTES(CLAIMS_MAX)];
	size_t n = base64_write(bytes, letters);

	for (size_t i = 0; i < n && letters[i] != '='; i++)
		text_add(out, "%c", letters[i] == '+' ? '-' : letters[i] == '/' ? '_' : letters[i]);
}

/* Material and scopes come from a person: only what needs no escape in JSON may be in them. */
static enum err
add_member(struct text *out, const char *name, struct span value, struct why *why)
{
	for (size_t i = 0; i < value.length; i++)
		if (value.at[i] < ' ' || value.at[i] > '~' || value.at[i] == '"' || value.at[i] == '\\')
			return fail(why, ERR_INVALID, "%s holds a byte that it may not hold", name);
	text_add(out, "%s\"%s\":\"" SPAN_FORMAT "\"", out->length == 1 ? "" : ",", name, SPAN_ARGS(value));
	return OK;
}

static enum err
claims_write(struct fetch *fetch, struct span audience, struct text *out, struct why *why)
{
	struct span email, subject;
	enum err r;

	text_add(out, "{");
	if ((r = job_need(fetch, "client_email", &email, why)) != OK ||
	    (r = add_member(out, "iss", email, why)) != OK ||
	    (r = add_member(out, "scope", scopes_text(fetch), why)) != OK ||
	    (r = add_member(out, "aud", audience, why)) != OK)
		return r;
	if ((job_text(fetch, "subject", &subject) || job_secret(fetch, "subject", &subject)) &&
	    (r = add_member(out, "sub", subject, why)) != OK)
		return r;
	text_add(out, ",\"iat\":%lld,\"exp\":%lld}", (long long)(fetch->now_ms / 1000),
	    (long long)(fetch->now_ms / 1000 + 3600));
	return out->cut ? fail(why, ERR_LIMIT, "the claims are too long") : OK;
}

static EVP_PKEY *
key_read(struct span pem)
{
	BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.length);
	EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");

	BIO_free(bio);
	return key;
}

static enum err
signature_add(struct fetch *fetch, struct text *jwt, struct why *why)
{
	uint8_t signature[1024];
	size_t length = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct span pem, signed_part = text_span(jwt);
	EVP_PKEY *key;
	enum err r;

	if ((r = job_need(fetch, "private_key", &pem, why)) != OK)
		return r;
	if ((key = key_read(pem)) == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		r = fail(why, ERR_INVALID, "private_key is no RSA key in PEM");
	else if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
		 EVP_DigestSign(context, signature, &length, (const uint8_t *)signed_part.at, signed_part.length) != 1)
		r = fail(why, ERR_INVALID, "private_key cannot sign");
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	if (r != OK)
		return r;
	text_add(jwt, ".");
	add_base64url(jwt, span_of_bytes(signature, length));
	return OK;
}

enum err
google_jwt(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct text form = job_room(fetch, ASSERTION_MAX * 2), jwt = job_room(fetch, ASSERTION_MAX),
		    claims = job_room(fetch, CLAIMS_MAX);
	struct span audience = SPAN(TOKEN_URL);
	enum err r;

	job_text(fetch, "token_url", &audience);
	if ((r = claims_write(fetch, audience, &claims, why)) != OK)
		return r;
	add_base64url(&jwt, SPAN("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"));
	text_add(&jwt, ".");
	add_base64url(&jwt, text_span(&claims));
	if ((r = signature_add(fetch, &jwt, why)) != OK)
		return r;
	form_add(&form, "grant_type", SPAN("urn:ietf:params:oauth:grant-type:jwt-bearer"));
	form_add(&form, "assertion", text_span(&jwt));
	if (form.cut || jwt.cut)
		return fail(why, ERR_LIMIT, "the assertion is too long");
	return oauth_ask(fetch, SPAN(TOKEN_URL), text_span(&form), out, why);
}
