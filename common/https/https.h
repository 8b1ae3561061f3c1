/* One request to a server of the world and its answer, blocking: for processes that live for that alone. */
#ifndef COMMON_HTTPS_HTTPS_H
#define COMMON_HTTPS_HTTPS_H

#include <sys/socket.h>

#include "common/base/arena.h"
#include "common/base/text.h"
#include "common/policy/range.h"

#define HTTPS_ANSWER_MAX  65536 /* bytes of the body of an answer */
#define HTTPS_REQUEST_MAX 131072

/* Where to; borrowed from the text. */
struct https_url {
	bool tls;
	struct span host; /* without brackets */
	uint16_t port;
	struct span authority; /* as it goes into Host */
	struct span target;    /* path and query, "" is "/" */
};

/*
 * Read https://host[:port][/path][?query]; http:// only to loopback (localhost, 127.0.0.0/8, ::1), or where plain is set.
 *
 * errors  ERR_INVALID another scheme, user information, a fragment, no host; out untouched
 */
enum err https_url_parse(struct span text, bool plain, struct https_url *out, struct why *why) must_check;

/*
 * May a child connect there? Not to what is always blocked (common/policy/range.h): link-local addresses, those of the clouds'
 * metadata, multicast; loopback may be.
 */
bool https_may_reach(const struct sockaddr *to);

struct https_request {
	struct https_url url;
	struct span method, target; /* target empty: the URL's own */
	struct span fields;	    /* "Name: value\r\n" each; Host, Content-Length and Connection are added */
	struct span body;
	uint32_t limit_ms; /* for all of it */
	bool no_system;	   /* nobody is trusted but who is on the descriptor: no file of the system is read */
	const struct address *addresses; /* of the host, looked up already; */
	size_t addresses_n;		 /* 0: they are looked up here, by the system's resolver */
	int open;			 /* a connection to it, taken over; 0: none, it is dialled */
};

struct https_answer {
	unsigned status;
	struct span body; /* in the arena */
};

/*
 * Ask. No redirect is followed, no proxy is asked (but open may have come by one), a certificate is verified against the system's authorities and those on
 * the descriptor; an answer is HTTP/1.1 with at most HTTPS_ANSWER_MAX bytes.
 *
 * authorities  a descriptor of a PEM file with more of them, or -1
 * errors       ERR_DENIED an address that https_may_reach refuses; ERR_UNAVAILABLE no address, no connection, no TLS, an answer that ends early; ERR_TIMEOUT; ERR_LIMIT the answer is
 *              too long; ERR_PROTOCOL it is no HTTP
 */
enum err https_ask(const struct https_request *in, int authorities, struct arena *arena, struct https_answer *out,
    struct why *why) must_check;

/* Percent-encode for a form or a query: all but letters, digits and -._~ */
void https_encode(struct text *out, struct span bytes);

#endif
