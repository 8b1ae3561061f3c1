/* The stage of the tests of proxy: the proxy alone in a network of its own, between a supervisor, a policyd and a link
 * that the test plays. */
#ifndef TESTS_BUS_PROXY_STAGE_H
#define TESTS_BUS_PROXY_STAGE_H

#include <sys/socket.h>

#include "tests/bus/script.h"

#define EXPLICIT      "10.200.0.1"
#define EXPLICIT_PORT 3128
#define SERVER	      "10.9.8.7" /* where stand-ins listen */
#define ESTABLISHED   "HTTP/1.1 200 Connection Established\r\n\r\n"

extern struct loop *loop;
extern struct actor supervisor, policyd, link_;
extern struct child child;
extern uint16_t dns_port;      /* of the proxy's DNS, UDP and TCP */
extern uint16_t metadata_port; /* of its metadata emulator */
extern int anchors_fd;	       /* whom the world trusts, a PEM file */
extern char pem_bytes[16384];  /* the sandbox's authority, as proxy_ready gave it */
extern char *world_pem;	       /* the authority of the world's servers */

/* The program under test, what the world trusts, and perhaps one test's name, from the command line; false: no program.
 */
bool stage_begin(int argc, char **argv);

/* Around each test. */
int setup(void **unused);
int teardown(void **unused);

/* The operator's proxy, for the proxies that are started from here on: http://HOST:PORT; NULL: none. */
extern const char *stage_onward;

/* A listener that plays it, and stage_onward says so; the way that is asked for there is to addr:port of the server. */
int onward_bound(void);
int onward_accepted(int listener, uint16_t port);

/* Start the proxy and set it up; it still needs channels and sockets. */
void proxy_start(void);
void give(enum role role, struct actor *actor);
void listen_send(void);

/* ---- sockets, none of which blocks ---- */

socklen_t address_of(const char *host, uint16_t port, struct sockaddr_storage *out);
int bound(const char *host, uint16_t port, int type); /* a stream listens */
uint16_t port_of(int fd);
int dial(const char *host, uint16_t port);
int accepted(int listener);

/* The loop turns until the descriptor can be read. */
void until_readable(int fd);
void say(int fd, const char *text);

/* Exactly this text comes. */
void expect_bytes(int fd, const char *text);

/* All that comes until the end, which must not be a reset. */
char *read_all(int fd, char *bytes, size_t size);
void expect_end(int fd);

/* CONNECT, said to the proxy. */
int connect_to(const char *target);

/* A tunnel to the stand-in is open: both its ends. */
int tunnel(const struct msg *judged, int server, int *far);

/* ---- what policyd says ---- */

struct msg judgement(bool allowed);

/* Policyd is asked about this place; the first leaves the question to be answered. */
struct heard *judge_heard(const char *host, uint16_t port);
void judge(const char *host, uint16_t port, const struct msg *answer);

/* An event with this in its line comes to the link. */
void expect_event_before(const char *text, const char *never); /* no line has the second up to there */
void expect_event(const char *text);

/* Who is refused, by CONNECT and in absolute form, hears it in the reference's words. */
void expect_refusals(void);

#endif
