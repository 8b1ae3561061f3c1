/* policyd: all its state. Three peers: the supervisor (from the start), the proxy and the link (as they are given). */
#ifndef SANDBOX_POLICYD_POLICYD_H
#define SANDBOX_POLICYD_POLICYD_H

#include "common/bus/lines.h"
#include "common/policy/engine.h"
#include "sandbox/policyd/notify.h"
#include "sandbox/policyd/owners.h"
#include "sandbox/policyd/refusal.h"

#define CONNECTIONS_MAX	   16384
#define CONNECTION_BUCKETS 1024
#define CONNECTION_BYTES   65536 /* of one admission */
#define WAITING_MAX	   1024	 /* questions that wait for a hash or for a second look */
#define POLICY_ARENA_BYTES (64u << 20)
#define SETTINGS_MAX	   64

/* bus.state: what is served when. */
enum {
	POLICYD_WAITING = 1 << 0, /* for policyd_setup */
	POLICYD_RUNNING = 1 << 1,
};

/* An admitted connection. */
struct connection {
	struct list link;
	uint64_t number; /* the proxy's */
	uint64_t inode;	 /* of the agent's socket */
	struct owners owners;
	bool anybody;	 /* identity is switched off: nothing of it is looked at */
	uint64_t looked; /* number of the look that its owners were last seen in */
	struct arena memory;
	struct engine_admission admission; /* in memory and in the engine */
};

/* The policy in force. */
struct force {
	struct engine *engine; /* NULL: there is no valid policy, everything is denied */
	char words[600];       /* why not */
	uint64_t generation;
	uint32_t version;
	struct span settings[SETTINGS_MAX]; /* in memory */
	size_t settings_n;
	struct arena memory;
};

struct policyd {
	struct loop *loop;
	struct bus bus;
	struct peer *supervisor, *proxy, *link; /* borrowed from the bus; NULL: none */
	struct id sandbox;
	bool binaries_free;
	int diag; /* sock_diag; -1: none yet */
	uint32_t diag_sequence;

	struct hashes hashes;
	struct pins pins;
	struct identities identities;
	struct records records;
	struct notify notify;
	struct observer observer;
	uint64_t look_due_us;
	bool looked; /* the look at hand began after what is being judged arrived */
	struct idle sleeping;

	struct list connections[CONNECTION_BUCKETS];
	size_t connections_n;
	struct list waiting; /* struct waiting */
	size_t waiting_n;
	struct force force;

	struct bypasses {
		int fd; /* nfnetlink_log; -1: none yet */
		struct watch watch;
		struct timer timer; /* set while it is not listened to */
		uint64_t second;    /* which one it is, and how many packets were told in it */
		unsigned in_second;
		uint32_t next; /* number that the next packet should have */
		bool begun;
		uint64_t dropped; /* not told */
	} bypasses;

	struct {
		struct timer timer;
		uint64_t second; /* which one it is, and how many lines it had */
		unsigned in_second;
		struct lines lines;
		uint64_t told[3]; /* of what was dropped: records, unnoted, bypasses */
	} events;
};

/* serve.c */
enum err policyd_open(struct policyd *policyd, struct loop *loop, int channel, struct why *why) must_check;
void policyd_close(struct policyd *policyd);

/* connection.c */
struct connection *connection_find(struct policyd *policyd, uint64_t number);
struct connection *connection_new(struct policyd *policyd, uint64_t number); /* NULL: CONNECTIONS_MAX */
void connection_free(struct policyd *policyd, struct connection *connection);
void connections_clear(struct policyd *policyd);
handler connection_end;

/* judge.c */
handler connection_judge, name_judge;

/* request.c */
handler requests_judge;

/* wait.c: a question that cannot be answered now is asked again: soon, or when a hash is known. */
struct waiting {
	struct list link;
	struct policyd *policyd;
	struct reply reply;
	char *bytes; /* the message, encoded */
	size_t length;
	unsigned looks; /* that it had */
	uint64_t look;	/* its number when this arrived */
	bool for_hash;
	struct timer timer;
};

/*
 * Ask again later.
 *
 * m         copied
 * looks     that it had
 * delay_ms  0: when all that has arrived is read; WAIT_HASH: when a hash is known
 * reply     moved; stays the caller's on failure
 * errors    ERR_LIMIT too many wait
 */
#define LOOKS_MAX 6 /* within 20 ms; one that finds all well is enough, so more of them only refuse less by chance */
#define WAIT_HASH UINT32_MAX
uint32_t wait_look_ms(unsigned looks); /* how long until the next, after so many */
enum err wait_for(struct policyd *policyd, const struct msg *m, unsigned looks, uint32_t delay_ms, struct reply *reply,
    struct why *why) must_check;
void wait_hash_known(struct policyd *policyd);
void wait_clear(struct policyd *policyd);

/* judge.c and request.c, for wait.c: the same question once more. */
void connection_judge_again(struct policyd *policyd, const struct msg *m, unsigned looks, struct reply *reply);
void requests_judge_again(struct policyd *policyd, const struct msg *m, unsigned looks, struct reply *reply);

/* load.c */
handler policy_load, policy_close, channel_give;

/* serve.c */
handler policyd_setup;

/* bypass.c: fd is taken over; errors: ERR_SYSTEM */
enum err bypasses_begin(struct policyd *policyd, int fd, struct why *why) must_check;
void bypasses_end(struct policyd *policyd);

/* event.c */
void event_warning(struct policyd *policyd, uint32_t version, struct span words);
void event_closed(struct policyd *policyd, uint32_t version, const char *words);
void event_policy(struct policyd *policyd, bool loaded, uint32_t version, const char *words);
void event_integrity(struct policyd *policyd, const struct identity *identity);
void event_bypass(
    struct policyd *policyd, const struct refusal *refusal, const char *binary, uint32_t pid); /* "", 0: not known */
void event_dropped_watch(struct policyd *policyd); /* cheap: has something been dropped that is not told yet? */

extern const struct route policyd_routes[];

#endif
