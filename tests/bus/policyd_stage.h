/* A stage for policyd: a box of its own, the daemon in it, an agent of puppets, and the test as supervisor, proxy and link. */
#ifndef TESTS_BUS_POLICYD_STAGE_H
#define TESTS_BUS_POLICYD_STAGE_H

#include "tests/bus/script.h"

/*
 * Run this program in new user, pid and mount namespaces with a /proc of their own; returns in process 1 of them.
 *
 * as_user  root becomes an ordinary user before, who has one id to map
 */
void box_enter(char **argv, const char *puppet, bool as_user);

/* A copy of the puppet that belongs to nobody whom the box knows, to be run and not read; NULL: only root can make one. */
const char *box_unreadable(void);

struct stage {
	const char *program, *puppet;
	struct loop *loop;
	struct actor supervisor, proxy, link;
	struct child daemon, spawner;
	char directory[64];	      /* executables of the agent: DIRECTORY/NAME, copies of the puppet */
	int control;		      /* of the spawner */
	int listener, diag, connects; /* what policyd_setup needs; kept for another policyd */
	int fence;     /* what is sent here, policyd takes for the kernel's words about refused packets */
	int accepting; /* listens on 127.0.0.1 in the agent's network namespace */
	uint16_t port;
	uint64_t connections; /* numbers given out */
};

/* The agent stands, policyd does not run. */
void stage_open(struct stage *stage, const char *program, const char *puppet);
void stage_close(struct stage *stage);

/* Start policyd and set it up; channels to proxy and link are given. */
void stage_policyd(struct stage *stage, bool binaries_free);
void stage_policyd_kill(struct stage *stage);

/* Load a policy in YAML, $ standing for the stage's directory; how it ended. The proxy answers. */
enum err stage_load(struct stage *stage, const char *yaml, struct outcome *outcome);

/* An executable: a copy of the puppet, with some bytes more at its end. */
void stage_program(struct stage *stage, const char *name, size_t more);
char *stage_path(const struct stage *stage, const char *name, char to[128]);

/* A process of the agent: a child of parent (0: of the spawner), executing NAME (NULL: what its parent does). Its control. */
int puppet_new(struct stage *stage, int parent, const char *name);
int puppet_command(int puppet, const char *words, int with); /* the errno it answers */
void puppet_must(int puppet, const char *words, int with);
void puppet_connect(struct stage *stage, int puppet); /* to the stage's port */

/* A connection that was accepted. */
struct accepted {
	int fd;
	uint64_t number;
	struct msg question;
	uint8_t client[16], server[16];
};
void stage_accept(struct stage *stage, struct accepted *accepted);
void accepted_close(struct accepted *accepted);

/* Ask about it. */
void stage_judge(struct stage *stage, struct accepted *accepted, struct outcome *outcome);

/* One request GET PATH on it: the verdict's "what". */
unsigned stage_request(struct stage *stage, const struct accepted *accepted, const char *path);

#endif
