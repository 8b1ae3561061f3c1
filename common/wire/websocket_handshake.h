/* WebSocket handshakes (RFC 6455, section 4; RFC 7692, section 7.1): what the fields of request and answer must say. */
#ifndef COMMON_WIRE_WEBSOCKET_HANDSHAKE_H
#define COMMON_WIRE_WEBSOCKET_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

#define WEBSOCKET_VERSION	"13"
#define WEBSOCKET_ACCEPT_BYTES	29						 /* 28 and a NUL */
#define WEBSOCKET_DEFLATE_OFFER "permessage-deflate; client_no_context_takeover" /* all that we offer upstream */
#define WEBSOCKET_DEFLATE_BYTES 112 /* longest answer to the client, with its NUL */

/* Is it 16 bytes in base64 (Sec-WebSocket-Key), spelled the only way there is? */
bool websocket_key(struct span key);

/* What the server must answer to that key (RFC 6455, 4.2.2, 5.4): 28 letters of base64. */
void websocket_accept(struct span key, char to[WEBSOCKET_ACCEPT_BYTES]);

/*
 * What a client's Sec-WebSocket-Extensions offers; several fields are joined by ", " first.
 *
 * deflate  send WEBSOCKET_DEFLATE_OFFER upstream; false: send no such field. A client that makes conditions on the
 *          server's side is not offered for: the server would not hear of them
 * errors   ERR_SYNTAX not a list of extensions
 */
enum err websocket_offer(struct span extensions, bool *deflate, struct why *why) must_check;

struct websocket_deflate {
	bool on;
	char answer[WEBSOCKET_DEFLATE_BYTES]; /* the field's value for the client: with client_no_context_takeover */
};

/*
 * What the server's answer says of extensions.
 *
 * extensions  empty: no such field
 * offered     WEBSOCKET_DEFLATE_OFFER was sent
 * errors      ERR_PROTOCOL something that was not offered, or not a list of extensions: end the connection
 */
enum err websocket_agreed(
    struct span extensions, bool offered, struct websocket_deflate *out, struct why *why) must_check;

/* Is that subprotocol one of those that the client's Sec-WebSocket-Protocol listed (byte for byte)? */
bool websocket_protocol_offered(struct span offered, struct span protocol);

#endif
