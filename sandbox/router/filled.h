/* Filled: a request as it will be written, secrets and all. */
#ifndef ROUTER_FILLED_H
#define ROUTER_FILLED_H

#include "common/base/arena.h"
#include "common/leg/bytes.h"
#include "common/policy/destination.h"
#include "sandbox/router/mask.h"

#define REQUEST_USES_MAX      32 /* secrets in one request */
#define REQUEST_ADDRESSES_MAX 16
#define REQUEST_FIELDS_MAX    128	   /* that come; those of a signature are added */
#define REQUEST_FIELDS_ADDED  5		   /* by a signature, and a token */
#define REQUEST_BYTES_MAX     (256u << 10) /* of head with secrets */

enum request_body { REQUEST_EMPTY, REQUEST_LENGTH, REQUEST_STREAMED, REQUEST_PIECES };

struct request_field {
	struct span name, value;
	bool secret; /* holds one: in no table of HTTP/2 */
};

struct vault_entry;

/* As it will be written. Spans are within arena and written; all is wiped with them. */
struct request {
	struct arena memory;
	struct bytes written; /* target and values of fields */
	struct span method, target, authority;
	char *host; /* lower case, without brackets */
	uint16_t port;
	bool tls, h2, upgrade, head, replayable;
	enum request_body body;
	uint64_t length;
	struct span shown; /* path as bindings see it */
	struct request_field *fields;
	size_t fields_n;
	struct request_field *trailers; /* behind its body */
	size_t trailers_n;
	struct address addresses[REQUEST_ADDRESSES_MAX];
	size_t addresses_n;
	struct {
		struct address at[REQUEST_ADDRESSES_MAX];
		size_t n; /* 0: it is dialled */
		uint16_t port;
		struct span login;
		bool by_name;
	} via; /* the operator's proxy, which is asked for a way there */
	struct span backend;
	struct span uses[REQUEST_USES_MAX]; /* by which names: tokens, or the backend's */
	size_t uses_n;
	bool slots;		      /* some were in its head */
	struct mask mask;	      /* of secrets that were used and ask for it */
	struct vault_entry *granting; /* of the vault: a token of this grant goes with it; NULL: none does */
	bool granted;		      /* it is there */
	uint32_t head_ms;
};

#endif
