/* The database: two connections kept by the event loop, prepared statements with bound parameters, transactions. */
#ifndef SERVICES_STATE_DB_H
#define SERVICES_STATE_DB_H

#include <libpq-fe.h>

#include "common/base/arena.h"
#include "common/base/id.h"
#include "common/os/loop.h"

/* The server gives up on a statement. */
#define DB_LIMITS     "set statement_timeout = 1500; set lock_timeout = 1500"
#define DB_ANSWER_MS  2000 /* we give up on the server */
#define DB_CONNECT_MS 5000
#define DB_TRIES      4 /* of what lost to another process: each loss takes a second (deadlock_timeout) */
#define DB_ARGS_MAX   24
#define DB_LATE	      "the database did not answer in time: try again in a moment"
#define DB_AWAY	      "the database does not answer: try again in a moment"

/* Names of the statements in sql.def. */
enum sql {
#define SQL(id, text) id,
#include "services/state/sql.def"
#undef SQL
	SQL_COUNT
};

/* One connection: dialled again, with growing pauses, from a timer whenever it is gone. */
struct db {
	const char *name; /* for logs */
	struct loop *loop;
	const char *const *keys, *const *values; /* of PQconnectStartParams; borrowed */
	PGconn *conn;
	bool up, dialling;
	bool prepared[SQL_COUNT];
	struct watch watch;
	struct timer timer; /* dialling: its deadline; down: when to dial next */
	uint32_t pause_ms;
	char why[256]; /* why it is down */
	bool
	    again; /* the last statement lost to another process (deadlock, serialization): from the start it may go well */
	bool refused; /* the server itself said no (password, database name), which waiting does not mend */
	void (*came)(void *self, struct db *db); /* it is up: before any other use */
	void (*went)(void *self, struct db *db);
	void (*noticed)(void *self, const char *words); /* a NOTIFY; NULL: does not listen */
	void *self;
};

/* Begin to dial; came, went, noticed and self are set by the caller. Answers come from the loop alone. */
void db_open(struct db *db, struct loop *loop, const char *name, const char *const *keys, const char *const *values);
void db_close(struct db *db);

/* All is well with it: the next pause is a short one again. */
void db_settled(struct db *db);

/* Drop the connection and dial again. */
void db_drop(struct db *db, const char *why);

/* Parameters of one statement, in the order of $1, $2 ... What they point to must live until db_run. */
struct args {
	struct arena *arena; /* for lists alone */
	int n;
	Oid types[DB_ARGS_MAX];
	const char *values[DB_ARGS_MAX];
	int lengths[DB_ARGS_MAX];
	char small[DB_ARGS_MAX][16];
	bool full; /* the arena's ceiling was reached: db_run says ERR_LIMIT */
};

void args_id(struct args *args, struct id id); /* no id: null */
void args_number(struct args *args, uint64_t number);
void args_flag(struct args *args, bool flag);
void args_text(struct args *args, struct span text);
void args_bytes(struct args *args, struct span bytes);
void args_texts(struct args *args, const struct span *texts, size_t n);
void args_numbers(struct args *args, const uint64_t *numbers, size_t n);
void args_null_text(struct args *args);

/* What a statement answered. Declare it auto_rows = {0}. */
struct rows {
	PGresult *result;
	int n;	     /* rows returned */
	int touched; /* rows written */
};
#define auto_rows __attribute__((cleanup(rows_free))) struct rows
void rows_free(struct rows *rows);

/*
 * Run a statement. Alone, outside a transaction, it is run again as db_transaction is.
 *
 * args    NULL: it has no parameters
 * out     NULL: what it answers is of no interest
 * errors  ERR_UNAVAILABLE no connection, no answer, or the server is stopping; ERR_EXISTS, ERR_NOT_FOUND, ERR_INVALID a
 *         constraint; ERR_CONFLICT serialization, deadlock; ERR_LIMIT its disk or memory is full; ERR_INTERNAL others
 */
enum err db_run(struct db *db, enum sql sql, const struct args *args, struct rows *out, struct why *why) must_check;

/* A statement whose one parameter is an id, and which answers nothing. */
enum err db_run_of(struct db *db, enum sql sql, struct id id, struct why *why) must_check;

/* Run text that is ours (no parameters, several statements): migrations. wait_ms bounds the answer. */
enum err db_script(struct db *db, const char *text, uint32_t wait_ms, struct rows *out, struct why *why) must_check;

/* Does a commit wait until it is on the disk? */
enum durability {
	DURABLE, /* what a client asked for, or is told once: it is on the disk when we answer, and all before it */
	LAZY,	 /* what comes again by itself */
};

/*
 * Run work(arg) in a transaction: committed when it answers OK, undone otherwise. Where it lost to another process that uses the
 * database (two that lock the same rows in another order: SQLSTATE 40P01, 40001), all of it is run again, DB_TRIES times at
 * most: what work leaves outside the database it sets anew each time.
 */
enum err db_transaction(struct db *db, enum durability durability, enum err (*work)(void *arg, struct why *why),
    void *arg, struct why *why) must_check;

/* Values of a row, by column; texts and bytes are borrowed from rows, unless an arena is given. A null is zero. */
struct id rows_id(const struct rows *rows, int row, int column);
uint64_t rows_number(const struct rows *rows, int row, int column);
bool rows_flag(const struct rows *rows, int row, int column);
struct span rows_span(const struct rows *rows, int row, int column);
bool rows_null(const struct rows *rows, int row, int column);
/* NULL past the arena's ceiling, or when the value is no flat array of text. */
struct span *rows_texts(const struct rows *rows, int row, int column, struct arena *arena, size_t *n);

#endif
