/* struct state: all that the process holds; what its files ask of each other. */
#ifndef SERVICES_STATE_STATE_H
#define SERVICES_STATE_STATE_H

#include "common/bus/peer.h"
#include "common/provider/profile.h"
#include "services/state/config.h"
#include "services/state/db.h"

#define SESSION_BUCKETS 1024
#define DRIVERS_MAX	16

/* Everything lives on one loop; the database is the truth, and this only what is connected right now. */
struct state {
	struct loop *loop;
	struct bus bus;
	struct curve *curve;
	struct config config;
	struct conninfo conninfo;
	struct db db;	 /* every request */
	struct db feed;	 /* LISTEN */
	bool name_taken; /* another process has our name, and waiting may help */
	bool serving;	 /* schema in place, feed read: requests are let in */
	uint64_t seen;	 /* last change that was passed on */
	struct list watches;
	struct list service_routes; /* that api processes go by: service_routes.c */
	size_t service_routes_n;
	struct list drivers;		       /* struct driver: connected or known */
	struct list sessions[SESSION_BUCKETS]; /* of relays, by sandbox: sessions.h */
	unsigned sweeps;
	bool sessions_told; /* relays had time to tell theirs: what they have not told of is lost */
	struct timer telling;
	struct timer start_limit, sweep, again, pushing, service_again;
	struct provider_profiles builtins; /* in builtins_arena */
	struct arena builtins_arena;
	struct list secrets_owed; /* struct session, by secrets_queue */
	size_t deliveries;	  /* on their way */
	struct list jobs;	  /* refreshes under way */
	size_t jobs_n;
	struct timer delivering, drops, rewrapping, refreshing;
	uint8_t older_keys[16][8]; /* storage keys that nothing should lie under any more */
	size_t older_keys_n;
	bool rewrap_running;
	uint8_t newest_key[8]; /* and what all records that come are to lie under */
	bool newest_known;
	uint64_t start_ms;
	struct why refusal; /* why it will never serve */
	bool told;	    /* the parent knows how the start went */
};

extern const struct route routes[];

/* ---- state.c: start and end ---- */
void state_init(struct state *state, struct loop *loop);
void state_done(struct state *state);

/* Dial the database. Once it serves, or after some seconds of waiting for it, the parent is told. */
void state_start(struct state *state);

/* ERR_UNAVAILABLE while the database is away or is being read. */
enum err state_serving(const struct state *state, struct why *why) must_check;

/* ERR_UNAVAILABLE: it is away, in words for a caller. */
enum err credentials_peer(struct state *state, struct peer **out, struct why *why) must_check;

/* Both connections are there and everything has been read. */
void state_began(struct state *state);

/* It will never serve with this database: end, and say so. */
void state_refused(struct state *state, const struct why *why);

/* ---- feed.c: the one path by which changes reach watches, drivers and relays ---- */
void feed_open(struct state *state);

/* Read everything again: at the start, after the database was away, after a gap. ERR_UNAVAILABLE. */
enum err feed_begin(struct state *state, struct why *why) must_check;

/* ---- sandboxes.c ---- */
/* A row as ROW_COLUMNS gives it; texts are copied into the arena. ERR_LIMIT its ceiling. */
enum err sandbox_read(
    const struct rows *rows, int row, struct arena *arena, struct msg_sandbox_row *out, struct why *why) must_check;

/* Read one by id; ERR_NOT_FOUND. */
enum err sandbox_load(struct state *state, struct id sandbox, struct arena *arena, struct msg_sandbox_row *out,
    struct why *why) must_check;

/* ---- driver.c ---- */
struct driver {
	struct list link;
	char roster_name[PEER_NAME_BYTES]; /* which its key proves */
	char name[33], version[65];
	bool images;
	char default_image[1025];
	uint8_t box_key[32];
	struct peer *peer; /* NULL: away */
	struct state *state;
	struct timer listing; /* its desired list is being sent */
	struct id after;      /* last one sent */
	bool saved;
};

/* The driver for a new sandbox: a connected one, else one of ours that is away, else any known; NULL when there is none. */
struct driver *driver_choose(struct state *state);
/* Is it one that dials us, and not another gateway's that uses the same database? */
bool driver_ours(const struct state *state, const struct driver *driver);
struct driver *driver_of(struct state *state, struct span roster_name);

/* Known ones from the database; then send each connected one its list. */
enum err drivers_load(struct state *state, struct why *why) must_check;

/* What should be changed for one sandbox: tell its driver, and relays that older sessions are over. */
enum err driver_tell(struct state *state, struct id sandbox, struct why *why) must_check;
void driver_down(struct state *state, struct peer *peer);
void drivers_done(struct state *state);

/* ---- sessions.c ---- */
/* Bring the rows into line with the sessions that relays have told of. */
enum err sessions_sync(struct state *state, struct why *why) must_check;
/* From the start of the process: what was READY stays it until relays had time to tell of their sessions. */
void sessions_await(struct state *state);
void sessions_down(struct state *state, struct peer *relay);
void sessions_done(struct state *state);

/* ---- watches.c ---- */
/* Tell the watchers of a sandbox its row, or that it is gone. */
void watches_tell_row(struct state *state, struct id sandbox);
void watches_tell_rows(struct state *state);			/* all, after a gap */
void watches_tell_logs(struct state *state, struct id sandbox); /* none: of all */
/* The database is back, and may have forgotten the newest numbers: it gives them to other lines. */
void watches_restart_logs(struct state *state, struct why *why);
void watches_down(struct state *state, struct peer *api);
void watches_done(struct state *state);

/* ---- service_routes.c ---- */
/* Tell whoever routes requests to services of this sandbox (none: of any) that it may be otherwise now. */
void service_routes_stale(struct state *state, struct id sandbox);
void service_routes_down(struct state *state, const struct peer *api); /* NULL: all */

/* ---- logs_add.c, logs.c ---- */
/* Put one line of our own into a sandbox's log; within a transaction. */
enum err log_say(
    struct state *state, struct id sandbox, const char *level, const char *message, struct why *why) must_check;
/* Told to who was overtaken by the removal of lines. */
#define LOGS_MISSING "%llu log lines before this are missing here: they were removed before they could be shown"
/* A row of id, time, source, level, target, message, fields. */
enum err log_line_read(const struct rows *rows, int row, struct arena *arena, struct msg_log_line *out) must_check;
/* What such a line takes in a message, at most. */
size_t log_line_bytes(const struct rows *rows, int row);

/* Remove lines that are too old, and changes that everybody has read. */
void logs_sweep(struct state *state);

/* ---- ssh_sessions.c ---- */
/* Remove those that are revoked or have expired. */
void ssh_sessions_sweep(struct state *state);

/* ---- audit.c ---- */
/* Add a row to the chain, within the transaction of what it tells of. */
enum err audit_add(struct state *state, struct span subject, const char *action, const char *object,
    const char *outcome, struct why *why) must_check;

/* The same in a transaction of its own: for what was refused. */
void audit_refusal(struct state *state, struct span subject, const char *action, const char *object, enum err outcome);

/* Recompute the whole chain. ERR_INVALID: the first row that does not fit, by number. */
enum err audit_verify(struct state *state, uint64_t *count, struct why *why) must_check;

/* ---- policy.c ---- */
/* The policy where neither caller nor gateway gives one, as protobuf, in the arena. */
enum err policy_builtin(struct arena *arena, struct span *out, struct why *why) must_check;

/* SHA-256 of the policy's bytes. */
void policy_hash(struct span policy, uint8_t hash[32]);

/* Does the spec carry settings for a driver? ERR_SYNTAX: it is no SandboxSpec. */
enum err spec_has_driver_config(struct span spec, bool *out, struct why *why) must_check;

/* ---- what waits for credentials or the database, when either is back ---- */
void deliver_owed(struct state *state); /* deliver.c: secrets for sandboxes */
void drops_kick(struct state *state);	/* drops.c: what credentials is to forget */
void rewrap_kick(struct state *state);	/* rewrap.c: records under older storage keys */
void refresh_kick(struct state *state); /* refresh_run.c: what is to be renewed; look now whether any is due */

/* ---- handlers, described where they stand ---- */
handler sandbox_create, sandbox_get, sandbox_list, sandbox_stop, sandbox_start, sandbox_delete, gateway_get;
handler config_get, policy_set, policy_clear, policies_get, setting_change, config_applied;
handler watch_open, watch_close, logs_get, logs_add;
handler driver_join, ticket, observed;
handler ssh_session_make, ssh_session_check, ssh_session_revoke;
handler enrol_check, session_up, session_down, sandbox_ready, sandbox_failed, main_exited;

#endif
