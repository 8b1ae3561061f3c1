/* Scripted peers: a test plays every process around one daemon, hears what it says and answers, or does not. */
#ifndef TESTS_BUS_SCRIPT_H
#define TESTS_BUS_SCRIPT_H

#include "common/bus/codec.h"
#include "common/bus/curve.h"
#include "common/os/child.h"

#define PATIENCE_MS 20000 /* for what must come */

/* A peer that the test plays. Several may share a loop. */
struct actor {
	struct bus bus;
	struct curve *curve;
	struct secret secret;
	uint8_t key[32];
	struct list inbox; /* struct heard, oldest first */
	struct peer *peer; /* the last that came up; borrowed */
	int ups, downs;
};

/* Something an actor was told or asked. */
struct heard {
	struct list link;
	struct msg msg;	    /* its own copy; descriptors are its too */
	struct reply reply; /* peer is NULL for events */
	struct arena arena;
	char *bytes;
};

/* How a call ended. */
struct outcome {
	bool done;
	enum err r;
	struct why why;
	struct msg msg;
	struct arena arena;
	char *bytes;
	int fd; /* the first descriptor that came with it, or -1 */
};

/* Every message of bus.def goes to the inbox. A fresh key each time. */
void actor_init(struct actor *actor, struct loop *loop, enum role role, const char *name);

/* Join the bus, knowing one other key (or none: NULL). Fails the test when it cannot. */
void actor_join(struct actor *actor, enum role role, const char *name, const uint8_t key[32]);
void actor_done(struct actor *actor);

/* Turn the loop until an actor is up that many times, or down. Fails the test when it takes too long. */
void actor_wait_up(struct actor *actor, int ups);
void actor_wait_down(struct actor *actor, int downs);

/* The oldest message of that kind, taken out of the inbox; fails the test when none comes. Free it. */
struct heard *actor_hear(struct actor *actor, enum msg_id id);

/* The same without waiting: NULL when there is none. */
struct heard *actor_heard(struct actor *actor, enum msg_id id);
void heard_free(struct heard *heard);

/* Hear it, answer it, forget it. */
void actor_answer(struct actor *actor, enum msg_id id, const struct msg *answer);
void actor_refuse(struct actor *actor, enum msg_id id, enum err code, const char *words);

/* Ask; the outcome comes while the loop turns. */
void ask(struct outcome *outcome, struct peer *peer, const struct msg *m);
void outcome_wait(struct outcome *outcome);
void outcome_done(struct outcome *outcome);

/* Ask and wait: how it ended. */
enum err ask_now(struct peer *peer, const struct msg *m);

/* Tell; fails the test when it cannot be sent. */
void tell(struct peer *peer, const struct msg *m);

/* Bytes as they are, in place of an envelope. */
void tell_raw(struct peer *peer, struct span bytes);

/* Turn the loop until a condition holds; fails the test when it takes too long. */
#define UNTIL(loop, condition)                                                                                         \
	for (uint64_t until_ = clock_ms() + PATIENCE_MS; !(condition);)                                                \
	turn((loop), until_, #condition)
void turn(struct loop *loop, uint64_t until_ms, const char *what);

/* A directory of the test's own under /tmp, removed by directory_remove. */
void directory_make(char path[64]);
void directory_remove(const char *path);

/* One more directory in it, 0755. */
void directory_add(const char *path, const char *name);

/* A service under test, with these settings beside bus_secret, run_dir and ready_fd. Waits until it serves. */
struct daemon {
	struct child child;
	uint8_t key[32];
	struct secret secret;
	int listen_fd;	 /* becomes its descriptor 4; 0: none */
	int log_fd;	 /* where it logs at level info, as a gateway's do; 0: here, and all */
	char words[512]; /* what it said on its readiness pipe */
	int status;
};
void daemon_keys(struct daemon *daemon);
void daemon_start(struct daemon *daemon, const char *program, const char *directory, const char *settings);
/* The same without waiting: what it says comes on the descriptor, the caller's, until its end. */
int daemon_launch(struct daemon *daemon, const char *program, const char *directory, const char *settings);
void daemon_stop(struct daemon *daemon); /* SIGTERM, wait: status */

/* A process of the sandbox, with its descriptor 3 a channel to this supervisor: its peer there. */
struct peer *supervised_start(
    struct actor *supervisor, struct child *child, const char *program, const char *name, enum role role);

/* A TCP port of 127.0.0.1 that nobody has. */
uint16_t free_port(void);

/* One entry of a roster, as YAML. */
char *roster_yaml(const struct actor *actor, const char *role, const char *endpoint, char to[256]);

#endif
