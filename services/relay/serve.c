/* The relay at work: peers come and go, and each is handed to those whom it concerns. */
#include "services/relay/serve.h"

#include "common/base/log.h"
#include "services/relay/enrol.h"
#include "services/relay/passage.h"
#include "services/relay/routes.h"

static void
peer_up(void *self, struct peer *peer)
{
	struct relay *relay = self;

	if (peer->role == ROLE_STRANGER)
		session_open(relay, peer);
	else if (peer->role == ROLE_API)
		caller_open(peer);
	else if (peer->role == ROLE_STATE)
		session_announce_all(relay);
	if (peer->role != ROLE_STRANGER)
		log_info("peer.up", "role=%s name=%s", role_name(peer->role), peer->name);
}

static void
peer_down(void *self, struct peer *peer, const struct why *why)
{
	struct relay *relay = self;

	if (peer->role == ROLE_STRANGER || peer->role == ROLE_LINK) {
		if (peer->self != NULL)
			session_close(peer->self, "the sandbox's connection was lost");
		return;
	}
	if (peer->role == ROLE_API && peer->self != NULL)
		caller_close(relay, peer);
	log_info("peer.down", "role=%s name=%s why=%s", role_name(peer->role), peer->name,
	    why == NULL ? "" : log_quote(span_of_text(why->text)));
}

void
relay_init(struct relay *relay, struct loop *loop)
{
	*relay = (struct relay){.loop = loop, .next_stream = 1};
	list_init(&relay->sessions);
	list_init(&relay->unannounced);
	list_init(&relay->strangers);
	relay->bus = (struct bus){
	    .loop = loop,
	    .role = ROLE_RELAY,
	    .name = "relay",
	    .routes = relay_routes,
	    .self = relay,
	    .peer_up = peer_up,
	    .peer_down = peer_down,
	};
}

static void
close_all(struct list *sessions)
{
	struct session *session;

	list_each(session, sessions, struct session, link)
		session_close(session, "the gateway's relay stops");
}

void
relay_done(struct relay *relay)
{
	struct peer *peer;

	list_each(peer, &relay->bus.peers, struct peer, link)
		if (peer->role == ROLE_API && peer->self != NULL)
			caller_close(relay, peer);
	close_all(&relay->sessions);
	close_all(&relay->unannounced);
	close_all(&relay->strangers);
	loop_timer_stop(relay->loop, &relay->announce);
	table_done(&relay->by_sandbox);
	table_done(&relay->by_api);
	table_done(&relay->by_link);
	log_info("relay.counted", "stray=%lu breaches=%lu late=%lu", relay->counts.stray, relay->counts.breaches,
	    relay->counts.late);
}
