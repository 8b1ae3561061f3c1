/* Heads of HTTP/1 requests and answers, read strictly: whatever two readers could read in two ways is refused. */
#ifndef COMMON_WIRE_HTTP_HEAD_H
#define COMMON_WIRE_HTTP_HEAD_H

#include "common/base/err.h"
#include "common/base/span.h"

#define HTTP_HEAD_BYTES	      16384 /* of a head with the empty line behind it */
#define HTTP_FIRST_HEAD_BYTES 8192  /* of the first one to the explicit proxy */
#define HTTP_FIELDS_MAX	      128

/* Names that mean something to who passes a message on. */
enum http_name {
	HTTP_OTHER,
	HTTP_HOST,
	HTTP_CONTENT_LENGTH,
	HTTP_TRANSFER_ENCODING,
	HTTP_CONNECTION,
	HTTP_UPGRADE,
	HTTP_EXPECT,
	HTTP_TE,
	HTTP_TRAILER,
	HTTP_KEEP_ALIVE,
	HTTP_PROXY,    /* Proxy-Connection, Proxy-Authorization, Proxy-Authenticate: ours */
	HTTP_SETTINGS, /* HTTP2-Settings */
	HTTP_COOKIE,
	HTTP_ACCEPT,
	HTTP_CONTENT_TYPE,
	HTTP_CONTENT_ENCODING,
	HTTP_METHOD_OVERRIDE, /* the three of S20; "_" counts as "-", as where fields are variables of CGI */
	HTTP_WEBSOCKET_KEY,
	HTTP_WEBSOCKET_ACCEPT,
	HTTP_WEBSOCKET_VERSION,
	HTTP_WEBSOCKET_PROTOCOL,
	HTTP_WEBSOCKET_EXTENSIONS,
};

struct http_field {
	struct span name, value; /* as sent; value without space around it */
	enum http_name known;
	bool hop;    /* speaks of this connection alone (RFC 9110, 7.6.1), or is framing: not passed on */
	bool secret; /* of HTTP/2: in no table, here and further on (RFC 7541, 6.2.3) */
};

enum http_body {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE, /* of an answer: until its connection ends */
};

struct http_head {
	struct span method, target; /* of a request */
	unsigned status;	    /* of an answer */
	struct span reason;
	unsigned minor;		 /* HTTP/1.minor */
	struct span host;	 /* value of Host; empty: HTTP/1.0 without it */
	struct span upgrade;	 /* value of Upgrade, whether Connection names it or not */
	bool connection_upgrade; /* Connection names it */
	bool keep_alive;	 /* the connection may serve another message */
	bool expect_continue;
	bool trailers;	     /* TE names trailers */
	bool has_length;     /* Content-Length was there (with HTTP_BODY_NONE: of an answer to HEAD, or a 304) */
	enum http_body body; /* what follows the head */
	uint64_t length;     /* with has_length */
	size_t fields_n;
	struct http_field fields[HTTP_FIELDS_MAX];
};

/*
 * Read the head of a request from the front of a stream (RFC 9112, 2 to 6; policy-and-proxy 6.1, 6.2, S10, S33).
 *
 * max     bytes that the head may have, with its empty line
 * out     spans borrowed from bytes; untouched unless OK; behind fields_n nothing is written
 * used    how many bytes it was
 * errors  ERR_MORE; ERR_RANGE over max or HTTP_FIELDS_MAX; ERR_SYNTAX anything else: a bare CR or LF, a folded line, a
 *         space before a colon, not exactly one well-formed Host (HTTP/1.0: at most one), lengths that differ, a length
 *         beside Transfer-Encoding, a coding but one "chunked", an expectation but 100-continue, two Upgrade fields
 */
enum err http_request_parse(
    struct span bytes, size_t max, struct http_head *out, size_t *used, struct why *why) must_check;

/*
 * The same for an answer (or an interim answer: status 1xx).
 *
 * head    the request was HEAD: no body follows
 */
enum err http_response_parse(
    struct span bytes, size_t max, bool head, struct http_head *out, size_t *used, struct why *why) must_check;

/*
 * Read field lines with the empty line behind them, as trailers are.
 *
 * out     room for fields_max; hop is set also on what may not be in trailers (as http_trailer_of): drop it
 * errors  ERR_MORE, ERR_RANGE over max or fields_max, ERR_SYNTAX
 */
enum err http_fields_parse(struct span bytes, size_t max, struct http_field *out, size_t fields_max, size_t *fields_n,
    size_t *used, struct why *why) must_check;

/* Which name it is, in any case of letters. */
enum http_name http_name(struct span name);

/* One field of an HTTP/2 message, its name and value as they came: sets known and hop. */
struct http_field http_field_of(struct span name, struct span value);

/* The same for a trailer: hop is set also on what may not be one (RFC 9110, 6.5.1: framing, routing, authentication, how to read it): drop it. */
struct http_field http_trailer_of(struct span name, struct span value);

/* First field of that name; NULL when there is none. */
const struct http_field *http_find(const struct http_head *head, enum http_name name);
const struct http_field *http_find_text(const struct http_head *head, const char *name);

/* How many fields of that name there are. */
size_t http_count(const struct http_head *head, enum http_name name);

/* Is token (any case) one of the members of a list such as "keep-alive, Upgrade"? */
bool http_list_has(struct span list, const char *token);

/* Do frameworks take another path from a field of this name than the one in the request line (Symfony, IIS, nginx)? "_" counts as "-". */
bool http_redirects(struct span name);

/* Equal but for the case of ASCII letters. */
bool http_same(struct span a, struct span b);

/* Is it a token (RFC 9110, 5.6.2)? */
bool http_token(struct span a);

/* Has it a byte that no field value may hold (control bytes but tab)? */
bool http_value_ok(struct span a);

#endif
