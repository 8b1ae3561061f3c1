/* Who may connect: ZAP 1.0 (RFC 27 of ZeroMQ), answered from the roster. */
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/bus/curve_inside.h"

const struct roster_entry *
roster_find(const struct curve *curve, const uint8_t key[32])
{
	for (size_t i = 0; i < curve->roster_n; i++)
		if (memcmp(curve->roster[i].key, key, 32) == 0)
			return &curve->roster[i];
	return NULL;
}

/* ---- ZAP (RFC 27/ZAP): who may connect ---- */

#define ZAP_FRAMES 7 /* version, request, domain, address, identity, mechanism, key */

static size_t
zap_receive(void *zap, zmq_msg_t frames[ZAP_FRAMES])
{
	size_t n = 0;
	int more = 1;

	while (more && n < ZAP_FRAMES) {
		zmq_msg_init(&frames[n]);
		if (zmq_msg_recv(&frames[n], zap, ZMQ_DONTWAIT) < 0)
			return n;
		more = zmq_msg_more(&frames[n++]);
	}
	while (more) {
		zmq_msg_t rest;

		zmq_msg_init(&rest);
		if (zmq_msg_recv(&rest, zap, ZMQ_DONTWAIT) < 0)
			break;
		more = zmq_msg_more(&rest);
		zmq_msg_close(&rest);
		n = 0; /* too many frames: refuse */
	}
	return n;
}

static bool
zap_allows(const struct curve *curve, zmq_msg_t *frames, size_t n, char user[65])
{
	struct span domain, key;

	user[0] = '\0';
	if (n != ZAP_FRAMES || !span_is(frame_span(&frames[0]), "1.0") || !span_is(frame_span(&frames[5]), "CURVE"))
		return false;
	domain = frame_span(&frames[2]);
	key = frame_span(&frames[6]);
	if (key.length != 32)
		return false;
	hex_write(key.at, 32, user);
	return span_is(domain, "strangers") || roster_find(curve, (const uint8_t *)key.at) != NULL;
}

bool
zap_serve(struct curve *curve)
{
	zmq_msg_t frames[ZAP_FRAMES];
	char user[65];
	size_t n = zap_receive(curve->zap, frames);
	bool allowed;

	if (n == 0)
		return false;
	allowed = zap_allows(curve, frames, n, user);
	if (!allowed)
		log_warning("bus.key", "refused=%s", user);
	zmq_send(curve->zap, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(curve->zap, n > 1 ? zmq_msg_data(&frames[1]) : "", n > 1 ? zmq_msg_size(&frames[1]) : 0, ZMQ_SNDMORE);
	zmq_send(curve->zap, allowed ? "200" : "400", 3, ZMQ_SNDMORE);
	zmq_send(curve->zap, "", 0, ZMQ_SNDMORE);
	zmq_send(curve->zap, user, strlen(user), ZMQ_SNDMORE);
	zmq_send(curve->zap, "", 0, 0);
	for (size_t i = 0; i < n; i++)
		zmq_msg_close(&frames[i]);
	return true;
}
