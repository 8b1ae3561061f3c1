/* The supervisor: all its state, and the order of a sandbox's life. */
#ifndef SANDBOX_SUPERVISOR_SUPERVISOR_H
#define SANDBOX_SUPERVISOR_SUPERVISOR_H

#include "common/bus/lines.h"
#include "common/os/child.h"
#include "common/policy/files.h"
#include "sandbox/supervisor/boxed.h"
#include "sandbox/supervisor/walls.h"
#include "sandbox/supervisor/way_out.h"

/* bus.state: where the sandbox is in its life; it only goes forward. */
enum {
	STATE_ENROLLING = 1 << 0, /* link asks the gateway who we are */
	STATE_BUILDING = 1 << 1,  /* the spawner builds walls */
	STATE_RUNNING = 1 << 2,	  /* the main process runs, commands may be started */
	STATE_OVER = 1 << 3,	  /* nothing of the agent runs, and nothing will; the gateway is told */
};

/* Keys of this start of the sandbox. They are made here, handed out by descriptor, and used by others alone. */
struct identity {
	struct id instance;
	struct secret bus_secret;    /* link's CURVE key */
	struct secret router_secret; /* the router's box key */
	uint8_t router_key[32], router_mac[32];
	struct secret host_key; /* seed of the SSH servers' */
};

#define MAIN_STREAM UINT64_MAX /* link's name for the main process */

/* The main process. */
struct main_process {
	uint64_t command_id; /* 0: not asked for */
	bool started, running;
	int memory_fd; /* where link keeps its output: for the next link; not looked into here */
	int fds[3];    /* ours: its stdin, stdout, stderr; or its terminal alone */
	size_t fds_n;
	uint16_t exit_code;
};

struct supervisor {
	struct loop *loop;
	struct bus bus;
	struct arena memory;	      /* for as long as the sandbox lives */
	struct msg_bootstrap boot;    /* in memory */
	struct msg_enrolled enrolled; /* in memory; valid once configured */
	bool configured;
	struct policy_files files;
	struct identity identity;
	struct walls walls;

	struct kept link;
	struct lines lines;   /* logged through it */
	int spool_fd;	      /* where link keeps log lines for the gateway: for the next link; not looked into here */
	struct way way;	      /* policyd and the proxy */
	struct config config; /* what policyd decides by */
	struct secrets secrets; /* and what the router fills in */
	struct child spawner;
	struct peer *spawner_peer; /* borrowed; NULL while there is none */
	bool asked;		   /* the spawner was told what to build */
	struct timer late;	   /* the start took too long */

	struct main_process main;
	bool bash;	       /* the agent has one */
	struct list commands;  /* execs, see command.c */
	struct list grantings; /* grant.c */
	unsigned grantings_n;
	struct list sshds; /* ssh.c */
	unsigned sshds_n;
	uint64_t next_command;

	bool failed; /* over before it began: failed_reason, failed_words */
	char failed_reason[64];
	struct why failed_words;
	bool stopping;	   /* SIGTERM came */
	bool spawner_lost; /* it died before its time */
	bool replaced;	   /* the bundle's programs were, while this sandbox ran */
	uint64_t bundle_stamp;
	struct timer stop_timer;
	uint32_t stop_waited_ms;
};

/* identity.c */
enum err identity_make(struct identity *out, const struct msg_bootstrap *boot, struct why *why) must_check;

/* linkage.c: the link process; told again what it must know. */
void linkage_init(struct supervisor *s);   /* s->link is then kept_start's */
void linkage_report(struct supervisor *s); /* sandbox_ready, sandbox_failed or main_exited, as things stand */
void linkage_stdio(struct supervisor *s);
void linkage_say(struct supervisor *s, const char *level, const char *format, ...)
    __attribute__((format(printf, 3, 4))); /* a log line: on stderr, and to the gateway */
handler linkage_status;

/* begin.c: from the first instruction to a running main process. */
enum err begin_spawner(struct supervisor *s, struct why *why) must_check;
void begin_continue(struct supervisor *s); /* something that the start waits for is there */
handler begin_enrolled;

/* way.c: policyd and the proxy. Where the bundle has none there is no way out, and all of this does nothing. */
void way_init(struct supervisor *s);
enum err way_start(struct supervisor *s, struct why *why) must_check;
void way_open(
    struct supervisor *s, struct msg *ready); /* the agent's network stands: spawner_ready, whose sockets it takes */
void way_stop(struct supervisor *s);	      /* nothing of the agent runs, or nothing can go out */
void way_introduce(struct supervisor *s, struct kept *newcomer); /* a channel to each of the others */
bool way_known(const struct supervisor *s);			 /* all is there that the view needs: the CA */
bool way_ready(const struct supervisor *s); /* connections are taken and decided, or there is no way out */
handler way_names;

/* config.c: configurations that come while the sandbox runs. */
enum err config_first(struct supervisor *s, struct why *why) must_check; /* s->enrolled is the first */
void config_load(struct supervisor *s);					 /* policyd is there: load what is the newest */
void config_unloaded(struct supervisor *s);				 /* policyd is gone, and what it had loaded */
void config_closed(struct supervisor *s); /* there is no way out: nobody needs to be asked */
void config_report(struct supervisor *s); /* tell link about the last one */
handler config_pushed;

/* secrets.c: boxed secrets on their way to the router, and what goes with them in clear. */
void secrets_init(struct supervisor *s);
void secrets_stop(struct supervisor *s);	  /* nothing of the agent runs */
void secrets_begin(struct supervisor *s);	  /* enrolled: start what will be needed */
bool secrets_ready(struct supervisor *s);	  /* the agent may start; says once why it may not */
void secrets_report(struct supervisor *s);	  /* tell link about the last revisions */
void secrets_introduce(struct supervisor *s);	  /* router and proxy, where both are there */
void metadata_tell(struct supervisor *s);	  /* metadata.c: the proxy, what the Google metadata emulator answers */
void secrets_proxy_greeted(struct supervisor *s); /* a new proxy: it knows of no backends */
handler secrets_pushed, secrets_applied;

/* router.c: its process. */
void router_init(struct supervisor *s);
enum err router_start(struct supervisor *s, struct why *why) must_check;
void router_send(struct supervisor *s, const struct secrets_set *set);

/* command.c: commands beside the main process. */
handler command_start, command_signal, command_exited;
void command_forget(struct supervisor *s, const struct peer *owner); /* who asked is gone: end them */
void command_lost_all(struct supervisor *s);			     /* the agent's processes are gone */

/* socket.c: TCP sockets in the agent's network. */
handler socket_make;

/* grant.c: a process for each token that the router wants. */
bool grant_owns(const struct supervisor *s, pid_t pid); /* that process is one, and somebody waits for it */
handler grant_start;

/* ssh.c: an SSH server for each connection. */
void ssh_link_gone(struct supervisor *s);		      /* its ends of all connections are closed */
void ssh_down(struct supervisor *s, const struct peer *peer); /* that channel is gone; if it was an SSH server's */
bool ssh_owns(const struct supervisor *s, pid_t pid);	      /* that process is one, and somebody waits for it */
handler ssh_start;

/* finish.c: how it ends. */
void finish_failed(struct supervisor *s, const char *reason, const struct why *why);
void finish_main(struct supervisor *s, uint16_t exit_code);
void finish_spawner(struct supervisor *s);	  /* its channel or process is gone */
void finish_asked(void *self, int signal_number); /* SIGTERM */
/* Before a program of the bundle is started: ERR_STATE where others have been put in its place, and the sandbox ends. self is the supervisor. */
enum err finish_replaced(void *self, struct why *why) must_check;

/* environment.c: the environment of a command; later lists win over earlier, OPENSHELL_* of others is dropped. */
#define ENVIRONMENT_MAX 1472 /* 384, and a placeholder of each secret */
enum err environment_make(const struct supervisor *s, const struct span *more, size_t more_n, bool tty,
    struct arena *arena, struct span **out, size_t *out_n, struct why *why) must_check;

/* seal.c: after set-up, keep only what ending and starting processes takes. */
enum err seal(const struct supervisor *s, struct why *why) must_check;

/* namespace.c: become root of a user namespace where that is not given; may I build namespaces at all? */
enum err namespace_root(struct why *why) must_check;

extern const struct route supervisor_routes[];

#endif
