/* The proxy: all its state. The supervisor starts and equips it, policyd decides for it, the link takes its events. */
#ifndef SANDBOX_PROXY_PROXY_H
#define SANDBOX_PROXY_PROXY_H

#include "common/base/id.h"
#include "common/bus/peer.h"
#include "sandbox/proxy/connection.h"
#include "sandbox/proxy/pipes.h"
#include "common/base/slots.h"

/* bus.state: what is served when. */
enum {
	PROXY_WAITING = 1 << 0, /* for proxy_setup */
	PROXY_RUNNING = 1 << 1,
};

#define CONNECTIONS_MAX 8192
#define LINGER_MAX	1024

#define HEAD_MS	     10000 /* for the first head */
#define DIAL_MS	     15000
#define HANDSHAKE_MS 10000
#define FIRST_MS     120000 /* idle before the first request */
#define SNIFF_MS     100    /* for the rest of what tells a protocol */
#define SILENT_MS    1000 /* for a TLS client to begin before its server is listened to, where the way depends on it */

struct names;
struct resolver;
struct tls;
struct judge;
struct events;
struct accept;
struct dns;
struct backends;
struct tokens;
struct metadata;
struct onward;

/* What the Google metadata emulator answers. */
struct metadata_told {
	bool known;
	char token[404], email[324], project[260];
};

struct proxy {
	struct loop *loop;
	struct bus bus;
	struct peer *supervisor, *policyd, *link, *router; /* held; NULL: not given yet, or gone */
	struct id sandbox;
	uint64_t generation; /* of the policy that policyd decides by; 0: none yet */
	uint32_t policy_version;
	uint32_t policyd_life; /* grows with each new policyd */
	bool ready;	       /* proxy_setup came */
	bool ending;
	struct list connections;
	unsigned connections_n;
	struct list awaited;   /* of them, those whose agent is waited for before anybody serves them, oldest first */
	uint64_t next_number;  /* of connections: never used again, also not by the next proxy */
	struct list lingering; /* agents' legs that are drained before they are closed */
	unsigned lingering_n;
	unsigned messages_n; /* WebSocket messages that are being read: messages.c */
	void *spares;	     /* memory of exchanges, to be used again: exchange_memory.c */
	unsigned spares_n;
	unsigned idle_n; /* connections upstream that wait for another exchange: pool.c */
	struct slots upstreams;
	struct pipes pipes;
	struct tls *tls;
	struct resolver *resolver;
	struct onward *onward; /* NULL: none */
	struct names *names;
	struct judge *judge;
	struct events *events;
	struct accept *accept;
	struct dns *dns;
	struct metadata *metadata;
	struct metadata_told metadata_told;
	struct tokens *tokens;	   /* that the router can fill */
	struct list routed;	   /* requests under way by it */
	struct slots routes;	   /* the same by their numbers */
	struct backends *backends; /* of inference.local; NULL: not told yet */
};

#endif
