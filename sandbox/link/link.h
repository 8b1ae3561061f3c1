/* The link: all its state. One peer above (the relay, over CURVE), one below (the supervisor, over a
 * channel). */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include "common/base/slack.h"
#include "common/bus/curve.h"
#include "common/bus/peer.h"
#include "sandbox/link/marks.h"

/* bus.state: what is served when. */
enum {
	LINK_WAITING = 1 << 0, /* for link_setup */
	LINK_RUNNING = 1 << 1,
};

#define EXIT_REFUSED 77 /* exit status: the relay refused this sandbox for good (EX_NOPERM of sysexits.h) */

/* What link_setup said. */
struct setup {
	char relay[ENDPOINT_BYTES];
	uint8_t relay_key[32];
	struct secret bus_key;
	struct id sandbox, instance;
	uint32_t epoch;
	struct secret token;
	uint8_t router_key[32], router_mac[32];
	bool again; /* enrolled before, by a link that died: only newer configuration is wanted */
};

/* Getting in: where it stands, and when it is tried again. */
struct enrolment {
	bool done;	/* on this connection */
	bool passed_up; /* the configuration, once in this process's life */
	bool refused;	/* for good */
	bool told_away; /* link_status said that the relay is away */
	uint64_t call;	/* enrol that is not answered; 0: none */
	uint32_t delay_ms;
	struct timer again;
	struct reply setup; /* link_setup, when it was a request: answered with what enrolment gave */
};

/* Reports wait in order until state has answered; sandbox_ready is told again on each connection. */
enum report_kind {
	REPORT_READY,
	REPORT_FAILED,
	REPORT_APPLIED, /* the last configuration that was loaded, and the last that was refused, each until told */
	REPORT_UNAPPLIED,
	REPORT_SECRETS, /* the same of secrets */
	REPORT_UNSECRETS,
	REPORT_MAIN_EXITED,
	REPORT_KINDS
};

struct report {
	char *bytes; /* msg_encode of it; NULL: not told */
	size_t length;
	bool told; /* state has answered on this connection, or for good */
};

struct reports {
	struct report of[REPORT_KINDS];
	struct report *sent; /* in the call that is open; others may have come before it in order since */
	uint64_t call;
	uint32_t delay_ms;
	struct timer again;
	uint64_t ready_ms, exited_ms; /* when they came; 0: not yet */
	bool joined;		      /* somebody had a door open since the main process ended */
	struct timer held;	      /* looks again whether the end is to be told */
};

/* Log lines on their way, numbered: what is missing between two numbers was dropped. */
struct spool {
	struct journal lines; /* stored ones too, until it is sure that the database keeps them */
	struct marks marks;
	uint64_t wanted; /* of the line that state wants; those before it are stored */
	uint64_t sent;	 /* behind the last line of the call */
	bool unsure;	 /* something was stored since state was last asked whether it still has it */
	uint64_t call;
	uint32_t delay_ms;
	struct timer again, ask;
};

/* Another process of this sandbox that logs through us. Peers are borrowed from the bus; NULL: none. */
struct helper {
	struct peer *now, *before; /* before: what it sent before it died is still read, for a while */
	struct timer grace;
};

struct main_io;

/* The main process as far as it is known here. */
struct main_end {
	bool over;
	uint16_t exit_code;
};

struct link {
	struct loop *loop;
	struct bus bus;
	struct curve *curve;
	struct peer *supervisor, *relay; /* borrowed from the bus */
	struct helper policyd, proxy;
	struct setup setup;
	struct enrolment enrolment;
	uint64_t config_revision;  /* of what the supervisor was given last */
	uint64_t secrets_revision; /* of what its router uses */
	struct reports reports;
	struct spool spool;
	struct {
		bool on;
		uint64_t bytes, lost; /* written by this process; lines that were not */
	} ocsf;
	struct list flows;  /* all streams: of execs and doors */
	struct slack slack; /* of what went through them */
	struct list execs, doors;
	unsigned execs_n, doors_n;
	uint64_t next_command;	 /* number of the next command, towards the supervisor */
	struct main_io *main_io; /* NULL: no descriptors of a main process yet */
	struct main_end main_end;
	bool ready;   /* link_setup came */
	bool refused; /* end with EXIT_REFUSED */
};

#endif
