/* The first bytes of a connection: which protocol it is, and what a TLS ClientHello asks for (RFC 8446, 6066, 7301). */
#ifndef COMMON_WIRE_TLS_HELLO_H
#define COMMON_WIRE_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/wire/host_name.h"

#define FIRST_BYTES	24    /* that many always suffice: the length of the HTTP/2 preface */
#define TLS_HELLO_BYTES 16384 /* longest hello that is read, record heads and all */

enum first_bytes { FIRST_TLS = 1, FIRST_HTTP1, FIRST_HTTP2, FIRST_OTHER };

/*
 * Which protocol begins so? HTTP/1 is a registered method, one space and what a target begins with.
 *
 * errors  ERR_MORE could still be several; never with FIRST_BYTES bytes or more. When no more come, it is FIRST_OTHER
 */
enum err first_bytes(struct span bytes, enum first_bytes *out) must_check;

struct tls_hello {
	char name[HOST_NAME_BYTES]; /* server name, lower case; empty: none was sent */
	bool alpn;		    /* the extension was there */
	bool h2, http1;		    /* and named "h2", "http/1.1" */
};

/*
 * Read a ClientHello from the front of a stream, over as many records as it is cut into.
 *
 * out     untouched unless OK
 * errors  ERR_MORE; ERR_LIMIT over TLS_HELLO_BYTES; ERR_SYNTAX anything else: an extension twice, a server name that is
 *         not in the form of S3, bytes behind the hello in its last record
 */
enum err tls_hello_read(struct span bytes, struct tls_hello *out, struct why *why) must_check;

#endif
