/* Places: where in a request a secret may stand; the bits of secret_entry.places in proto/bus.def. */
#ifndef COMMON_PROVIDER_PLACES_H
#define COMMON_PROVIDER_PLACES_H

enum {
	SECRET_IN_FIELD = 1 << 0,     /* the value of a header field, or what follows its scheme */
	SECRET_IN_BASIC = 1 << 1,     /* within Basic */
	SECRET_IN_QUERY = 1 << 2,     /* a value of the query */
	SECRET_IN_PATH = 1 << 3,      /* within a segment */
	SECRET_IN_BODY = 1 << 4,      /* where an endpoint asks for it */
	SECRET_IN_MESSAGE = 1 << 5,   /* of a WebSocket, likewise */
	SECRET_IN_SIGNATURE = 1 << 6, /* AWS's: it stands nowhere itself */
	SECRET_ANYWHERE = (1 << 7) - 1,
};

#endif
