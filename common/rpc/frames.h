/* What server and client both need of nghttp2: a session with our options and memory, and its frames to the pump. */
#ifndef COMMON_RPC_FRAMES_H
#define COMMON_RPC_FRAMES_H

#include <nghttp2/nghttp2.h>

#include "common/rpc/pump.h"

/* Empty callbacks to fill in; frames_session frees them. */
nghttp2_session_callbacks *frames_callbacks(void);

/* A session without automatic window updates, whose memory is wiped; 0 or nghttp2's error. */
int frames_session(nghttp2_session **out, bool server, nghttp2_session_callbacks *callbacks, void *self);

/* Move frames that wait to the pump as far as it takes them; false: the session is broken. */
bool frames_send(nghttp2_session *session, struct pump *pump);

#define FRAME_HEAD_BYTES 9 /* RFC 9113, 4.1 */

/* Bytes of a DATA frame that fills a record of the pump's: a longer one would leave a few bytes for a record of their own. */
static inline size_t
frames_data_most(const struct pump *pump)
{
	return pump_record(pump) - FRAME_HEAD_BYTES;
}

/* A header field; name is a literal. Never put into a compression table where it is secret. */
nghttp2_nv frames_field(const char *name, struct span value);
nghttp2_nv frames_secret_field(const char *name, struct span value);

#endif
