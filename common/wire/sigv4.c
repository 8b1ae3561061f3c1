/* AWS Signature Version 4: the canonical request goes piece by piece into a digest, so no copy of a token is made. */
#include "common/wire/sigv4.h"

#define ERR_STATE OPENSSL_ERR_STATE /* a name that our errors have, too */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#undef ERR_STATE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HASH_BYTES 32
#define SECRET_MAX 256

struct pair {
	struct span name, value;
};

/* ---- pieces into the digest ---- */

static void
put(EVP_MD_CTX *digest, struct span bytes)
{
	if (EVP_DigestUpdate(digest, bytes.at, bytes.length) != 1)
		abort();
}

static void
put_path(EVP_MD_CTX *digest, struct span path, bool again)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	char letters[4];

	if (path.length == 0)
		path = SPAN("/");
	if (!again) {
		put(digest, path);
		return;
	}
	for (size_t i = 0; i < path.length; i++) {
		struct span one = {path.at + i, 1};

		if (!span_only(one, plain)) {
			snprintf(letters, sizeof(letters), "%%%02X", (unsigned char)path.at[i]);
			one = span_of_text(letters);
		}
		put(digest, one);
	}
}

static int
span_order(struct span a, struct span b)
{
	size_t n = a.length < b.length ? a.length : b.length;
	int order = n == 0 ? 0 : memcmp(a.at, b.at, n);

	return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int
pair_order(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	int order = span_order(a->name, b->name);

	return order != 0 ? order : span_order(a->value, b->value);
}

static enum err
put_query(EVP_MD_CTX *digest, struct span query, struct why *why)
{
	struct pair pairs[SIGV4_PAIRS_MAX];
	size_t n = 0;

	while (query.length > 0) {
		struct span value = span_cut(&query, '&'), name = span_cut(&value, '=');

		if (n == SIGV4_PAIRS_MAX)
			return fail(why, ERR_LIMIT, "a query of more than %d pairs", SIGV4_PAIRS_MAX);
		pairs[n++] = (struct pair){name, value};
	}
	qsort(pairs, n, sizeof(pairs[0]), pair_order);
	for (size_t i = 0; i < n; i++) {
		put(digest, i == 0 ? SPAN_NONE : SPAN("&"));
		put(digest, pairs[i].name);
		put(digest, SPAN("="));
		put(digest, pairs[i].value);
	}
	return OK;
}

/* Without space around it, and one blank for each run within. */
static void
put_value(EVP_MD_CTX *digest, struct span value)
{
	bool begun = false, blank = false;

	for (size_t i = 0; i < value.length; i++) {
		if (value.at[i] == ' ' || value.at[i] == '\t') {
			blank = begun;
			continue;
		}
		if (blank)
			put(digest, SPAN(" "));
		put(digest, (struct span){value.at + i, 1});
		begun = true;
		blank = false;
	}
}

static int
field_order(const void *left, const void *right)
{
	const struct sigv4_field *const *a = left, *const *b = right;

	return span_order((*a)->name, (*b)->name);
}

static void
put_names(EVP_MD_CTX *digest, struct text *out, const struct sigv4_field **fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (digest != NULL) {
			put(digest, i == 0 ? SPAN_NONE : SPAN(";"));
			put(digest, fields[i]->name);
			continue;
		}
		text_add_span(out, i == 0 ? SPAN_NONE : SPAN(";"));
		text_add_span(out, fields[i]->name);
	}
}

static void
put_fields(EVP_MD_CTX *digest, const struct sigv4_field **fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		put(digest, fields[i]->name);
		put(digest, SPAN(":"));
		put_value(digest, fields[i]->value);
		put(digest, SPAN("\n"));
	}
	put(digest, SPAN("\n"));
	put_names(digest, NULL, fields, n);
}

static enum err
put_request(EVP_MD_CTX *digest, const struct sigv4 *in, const struct sigv4_field **fields, struct why *why)
{
	enum err r;

	put(digest, in->method);
	put(digest, SPAN("\n"));
	put_path(digest, in->path, !span_is(in->service, "s3"));
	put(digest, SPAN("\n"));
	if ((r = put_query(digest, in->query, why)) != OK)
		return r;
	put(digest, SPAN("\n"));
	put_fields(digest, fields, in->fields_n);
	put(digest, SPAN("\n"));
	put(digest, in->payload_hash);
	return OK;
}

static enum err
request_hash(const struct sigv4 *in, const struct sigv4_field **fields, char hex[2 * HASH_BYTES + 1], struct why *why)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8_t hash[HASH_BYTES];
	enum err r;

	if (digest == NULL || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
		abort();
	if ((r = put_request(digest, in, fields, why)) == OK && EVP_DigestFinal_ex(digest, hash, NULL) != 1)
		abort();
	EVP_MD_CTX_free(digest); /* wipes */
	if (r == OK)
		hex_write(hash, sizeof(hash), hex);
	return r;
}

/* ---- the signature ---- */

static void
hmac(const uint8_t *key, size_t key_n, struct span bytes, uint8_t out[HASH_BYTES])
{
	uint8_t hash[HASH_BYTES];

	if (HMAC(EVP_sha256(), key, (int)key_n, (const uint8_t *)bytes.at, bytes.length, hash, NULL) == NULL)
		abort();
	memcpy(out, hash, HASH_BYTES); /* the key may be where the result goes */
	OPENSSL_cleanse(hash, sizeof(hash));
}

static void
signature(const struct sigv4 *in, struct span day, struct span text, char hex[2 * HASH_BYTES + 1])
{
	uint8_t first[SECRET_MAX + 4] = {'A', 'W', 'S', '4'}, key[HASH_BYTES];

	memcpy(first + 4, in->secret_key.at, in->secret_key.length);
	hmac(first, 4 + in->secret_key.length, day, key);
	hmac(key, sizeof(key), in->region, key);
	hmac(key, sizeof(key), in->service, key);
	hmac(key, sizeof(key), SPAN("aws4_request"), key);
	hmac(key, sizeof(key), text, key);
	hex_write(key, sizeof(key), hex);
	OPENSSL_cleanse(first, sizeof(first));
	OPENSSL_cleanse(key, sizeof(key));
}

static enum err
check(const struct sigv4 *in, struct why *why)
{
	if (in->date.length != SIGV4_DATE_BYTES - 1)
		return fail(why, ERR_INVALID, "a date for a signature has %d letters", SIGV4_DATE_BYTES - 1);
	if (in->secret_key.length == 0 || in->secret_key.length > SECRET_MAX || in->access_key.length == 0)
		return fail(why, ERR_INVALID, "an access key and a secret key of 1 to %d bytes are needed", SECRET_MAX);
	if (in->fields_n > SIGV4_FIELDS_MAX)
		return fail(why, ERR_LIMIT, "more than %d signed fields", SIGV4_FIELDS_MAX);
	return OK;
}

enum err
sigv4_sign(const struct sigv4 *in, struct text *out, struct why *why)
{
	const struct sigv4_field *fields[SIGV4_FIELDS_MAX];
	char hex[2 * HASH_BYTES + 1], scope_bytes[256], bytes[512];
	struct text scope = TEXT_OF(scope_bytes), text = TEXT_OF(bytes);
	struct span day = span_head(in->date, 8);
	enum err r;

	if ((r = check(in, why)) != OK)
		return r;
	for (size_t i = 0; i < in->fields_n; i++)
		fields[i] = &in->fields[i];
	qsort(fields, in->fields_n, sizeof(fields[0]), field_order);
	if ((r = request_hash(in, fields, hex, why)) != OK)
		return r;
	text_add(&scope, SPAN_FORMAT "/" SPAN_FORMAT "/" SPAN_FORMAT "/aws4_request", SPAN_ARGS(day),
	    SPAN_ARGS(in->region), SPAN_ARGS(in->service));
	text_add(&text, "AWS4-HMAC-SHA256\n" SPAN_FORMAT "\n%s\n%s", SPAN_ARGS(in->date), scope.at, hex);
	signature(in, day, text_span(&text), hex);
	text_add(out, "AWS4-HMAC-SHA256 Credential=");
	text_add_span(out, in->access_key);
	text_add(out, "/%s, SignedHeaders=", scope.at);
	put_names(NULL, out, fields, in->fields_n);
	text_add(out, ", Signature=%s", hex);
	return out->cut || scope.cut || text.cut ? fail(why, ERR_RANGE, "a signature that does not fit") : OK;
}

void
sigv4_date(int64_t wall_ms, char to[SIGV4_DATE_BYTES])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(to, SIGV4_DATE_BYTES, "%Y%m%dT%H%M%SZ", &tm);
}
