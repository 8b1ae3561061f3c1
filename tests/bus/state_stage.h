/* The stage that tests of state stand on: a real Postgres, scripted api, relay, credentials and driver around it. */
#ifndef TESTS_BUS_STATE_STAGE_H
#define TESTS_BUS_STATE_STAGE_H

#include "services/state/lifecycle.h"
#include "tests/bus/script.h"

#define KEY_OF(byte) span_of_bytes(memset(keys[byte], byte, 32), 32)

extern const char *program, *run_dir; /* of state; PG_RUN_DIR */
extern struct loop *loop;
extern struct daemon state;
extern struct actor api, relay, credentials, driver;
extern char settings[2048];
extern uint8_t keys[256][32];
extern struct id request; /* of the last create */
extern const struct msg done;

/* As root the daemon becomes someone else, as under the gateway. */
int own_id(void);
void settings_make(void);
void join(struct actor *actor, enum role role, const char *name);
void dial(struct actor *actor);
void all_up(int ups);

/* A shell line; an SQL statement. */
void run(const char *words);
void sql(const char *text);

/* It took no longer than that since then, beside what twenty questions take on this machine now. */
bool soon(uint64_t began_ms, uint64_t most_ms);

/* Of the whole group of tests. */
int setup(void **unused);
int setup_driven(void **unused); /* with the driver joined */
int teardown(void **unused);

/* Another state on the same database, "state2", and an api that has dialled it. The caller ends both. */
void state2_start(struct daemon *second, struct actor *visitor);

/* ---- what is said again and again ---- */

struct msg create(const char *name);

/* Create it, with a driver that does not mind: its id. */
struct id created(const char *name);
void get(struct outcome *outcome, struct id id);

/* The sandbox "demo", which an earlier test has made. */
struct id the_demo(void);
struct id instance_of(struct id id);
void add_lines(struct id id, size_t n, uint32_t dropped, const char *level);
void logs_of(struct outcome *outcome, struct id id, uint32_t lines, const char *level);
void expect_phase(struct id id, enum phase phase, const char *reason);
void observe(struct id id, uint32_t epoch, uint8_t what);
struct msg enrol(struct id id, uint32_t epoch, struct id instance, struct span token, uint8_t key);
void ticket_of(struct id id, uint32_t epoch, uint8_t token[32]);

/* From ticket to ready: the instance. */
struct id made_ready(struct id id, uint32_t epoch);
enum err lifecycle_ask(enum msg_id id, const char *name);
void expect_desired(struct id id, uint32_t epoch, enum want want);

/* Drops of sandboxes that are gone may still come in between. */
void expect_drop(struct id id, uint32_t epoch);
void forget(struct actor *actor, enum msg_id id);
void removed(struct id id, const char *name, uint32_t epoch);
void driver_joins(void);

/* Run the tests under tests/postgres.sh. */
#define STAGE_MAIN(tests)	 STAGE_MAIN_FROM(tests, setup)
#define STAGE_MAIN_DRIVEN(tests) STAGE_MAIN_FROM(tests, setup_driven)
#define STAGE_MAIN_FROM(tests, setup)                                                                                  \
	int main(int argc, char **argv)                                                                                \
	{                                                                                                              \
		program = argc > 1 ? argv[1] : "";                                                                     \
		run_dir = getenv("PG_RUN_DIR");                                                                        \
		if (run_dir == NULL) {                                                                                 \
			fprintf(stderr, "run it under tests/postgres.sh\n");                                           \
			return 77;                                                                                     \
		}                                                                                                      \
		return cmocka_run_group_tests(tests, setup, teardown);                                                 \
	}

#endif
