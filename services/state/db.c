/* The database connection: dialled and watched by the loop, used synchronously with a bound on every answer. */
#include "services/state/db.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"

#define PAUSE_FIRST_MS 40
#define PAUSE_MAX_MS   500
#define LOST_PAUSE_MS  20

static const char session_setup[] =
    DB_LIMITS ";"
	      "set idle_in_transaction_session_timeout = 10000;"
	      "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3;"
	      "set client_encoding = 'UTF8';"
	      "set default_transaction_isolation = 'read committed'";

static const char *const statements[SQL_COUNT] = {
#define SQL(id, text) [id] = text,
#include "services/state/sql.def"
#undef SQL
};
static const char *const statement_names[SQL_COUNT] = {
#define SQL(id, text) [id] = #id,
#include "services/state/sql.def"
#undef SQL
};

static void dial(void *self);

static void
quiet(void *self, const char *words)
{
	(void)self;
	log_debug("database.notice", "words=%s", log_quote(span_of_text(words)));
}

void
db_drop(struct db *db, const char *why)
{
	bool was_up = db->up;

	snprintf(db->why, sizeof(db->why), "%.*s", (int)strcspn(why, "\n"), why); /* may be the connection's own */
	loop_remove(db->loop, &db->watch);
	if (db->conn != NULL)
		PQfinish(db->conn);
	db->conn = NULL;
	db->up = db->dialling = false;
	memset(db->prepared, 0, sizeof(db->prepared));
	if (was_up || db->pause_ms == PAUSE_FIRST_MS)
		log_warning("database.away", "connection=%s why=%s", db->name, log_quote(span_of_text(db->why)));
	loop_timer_set(db->loop, &db->timer, db->pause_ms, dial, db);
	db->pause_ms += db->pause_ms / 4; /* so a server that is back waits for a quarter of what it took, at most */
	if (db->pause_ms > PAUSE_MAX_MS)
		db->pause_ms = PAUSE_MAX_MS;
	if (was_up && db->went != NULL)
		db->went(db->self, db);
}

/* What the server itself said, other than that it is only starting or stopping; or we of its certificate. */
static bool
is_refusal(const char *words)
{
	if (strstr(words, "no password supplied") != NULL || strstr(words, "certificate") != NULL)
		return true;
	return strstr(words, "FATAL:") != NULL && strstr(words, "starting up") == NULL &&
	       strstr(words, "shutting down") == NULL && strstr(words, "recovery") == NULL &&
	       strstr(words, "too many") == NULL && strstr(words, "remaining connection") == NULL;
}

static void
notices_read(void *self, uint32_t events)
{
	struct db *db = self;
	PGnotify *note;

	(void)events;
	if (PQconsumeInput(db->conn) == 0 || PQstatus(db->conn) != CONNECTION_OK) {
		db_drop(db, PQerrorMessage(db->conn));
		return;
	}
	while (db->up && (note = PQnotifies(db->conn)) != NULL) {
		if (db->noticed != NULL)
			db->noticed(db->self, note->extra);
		PQfreemem(note);
	}
}

static void
connected(struct db *db)
{
	struct why why = {0};

	loop_remove(db->loop, &db->watch);
	loop_timer_stop(db->loop, &db->timer);
	db->dialling = false;
	db->up = true;
	db->refused = false;
	if (PQsetnonblocking(db->conn, 1) != 0 || db_script(db, session_setup, DB_ANSWER_MS, NULL, &why) != OK ||
	    loop_add(db->loop, &db->watch, PQsocket(db->conn), EPOLLIN, notices_read, db, &why) != OK) {
		if (db->conn != NULL)
			db_drop(db, why.text);
		return;
	}
	log_info("database.connected", "connection=%s", db->name);
	db->came(db->self, db);
}

/* The socket may be another one after each step (several addresses, TLS): it is watched anew. */
static void
dial_step(void *self, uint32_t events)
{
	struct db *db = self;
	PostgresPollingStatusType step = PQconnectPoll(db->conn);
	struct why why = {0};

	(void)events;
	loop_remove(db->loop, &db->watch);
	if (step == PGRES_POLLING_OK)
		connected(db);
	else if (step == PGRES_POLLING_FAILED) {
		db->refused = is_refusal(PQerrorMessage(db->conn));
		db_drop(db, PQerrorMessage(db->conn));
	} else if (loop_add(db->loop, &db->watch, PQsocket(db->conn),
		       step == PGRES_POLLING_READING ? EPOLLIN : EPOLLOUT, dial_step, db, &why) != OK)
		db_drop(db, why.text);
}

static void
dial_late(void *self)
{
	db_drop(self, "no answer while connecting");
}

static void
dial(void *self)
{
	struct db *db = self;
	struct why why = {0};

	db->dialling = true;
	db->conn = PQconnectStartParams(db->keys, db->values, 0);
	if (db->conn == NULL || PQstatus(db->conn) == CONNECTION_BAD) {
		db_drop(db, db->conn == NULL ? "out of memory" : PQerrorMessage(db->conn));
		return;
	}
	PQsetNoticeProcessor(db->conn, quiet, db);
	loop_timer_set(db->loop, &db->timer, DB_CONNECT_MS, dial_late, db);
	if (loop_add(db->loop, &db->watch, PQsocket(db->conn), EPOLLOUT, dial_step, db, &why) != OK)
		db_drop(db, why.text);
}

void
db_settled(struct db *db)
{
	db->pause_ms = PAUSE_FIRST_MS;
}

void
db_open(struct db *db, struct loop *loop, const char *name, const char *const *keys, const char *const *values)
{
	db->loop = loop;
	db->name = name;
	db->keys = keys;
	db->values = values;
	db->pause_ms = PAUSE_FIRST_MS;
	loop_timer_set(loop, &db->timer, 0, dial, db);
}

void
db_close(struct db *db)
{
	if (db->loop == NULL)
		return;
	loop_remove(db->loop, &db->watch);
	loop_timer_stop(db->loop, &db->timer);
	if (db->conn != NULL)
		PQfinish(db->conn);
	*db = (struct db){0};
}

/* ---- a statement and its answer ---- */

void
rows_free(struct rows *rows)
{
	PQclear(rows->result);
	*rows = (struct rows){0};
}

/* SQLSTATE (PostgreSQL, appendix A) to ours; the longest prefix that fits comes first. */
static const struct {
	const char *prefix;
	enum err code;
	const char *words; /* NULL: the server's own */
} sqlstates[] = {
    {"57014", ERR_UNAVAILABLE, DB_LATE},
    {"55P03", ERR_UNAVAILABLE, DB_LATE},
    {"57P", ERR_UNAVAILABLE, DB_AWAY},
    {"08", ERR_UNAVAILABLE, DB_AWAY},
    {"25P03", ERR_UNAVAILABLE, DB_AWAY},
    {"25006", ERR_UNAVAILABLE, "the database is read-only"},
    {"53100", ERR_LIMIT, "the database's disk is full"},
    {"53", ERR_LIMIT, NULL},
    {"58", ERR_UNAVAILABLE, NULL}, /* the server's own input and output */
    {"23505", ERR_EXISTS, NULL},
    {"23503", ERR_NOT_FOUND, NULL},
    {"23", ERR_INVALID, NULL},
    {"22", ERR_INVALID, NULL},
    {"40", ERR_CONFLICT, NULL},
    {"", ERR_INTERNAL, "the database did not take a statement"},
};

static enum err
failed(struct db *db, const PGresult *result, const char *what, struct why *why)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	size_t i = 0;

	if (state == NULL)
		return fail(why, ERR_UNAVAILABLE, DB_AWAY);
	db->again = strcmp(state, "40P01") == 0 || strcmp(state, "40001") == 0;
	while (strncmp(state, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) != 0)
		i++;
	if (sqlstates[i].code == ERR_INTERNAL || sqlstates[i].code == ERR_INVALID)
		log_warning("database.refused", "statement=%s sqlstate=%s words=%s", what, state,
		    log_quote(span_of_text(words)));
	return fail(why, sqlstates[i].code, "%s", sqlstates[i].words != NULL ? sqlstates[i].words : words);
}

/* Wait until the connection has a whole result or its end; false: it broke or took too long, and is dropped. */
static bool
answer_wait(struct db *db, uint64_t until_ms)
{
	for (;;) {
		int unsent = PQflush(db->conn);
		struct pollfd ready = {.fd = PQsocket(db->conn), .events = unsent > 0 ? POLLIN | POLLOUT : POLLIN};
		uint64_t now = clock_ms();

		if (unsent < 0 || PQconsumeInput(db->conn) == 0 || PQstatus(db->conn) != CONNECTION_OK) {
			db_drop(db, PQerrorMessage(db->conn));
			return false;
		}
		if (unsent == 0 && PQisBusy(db->conn) == 0)
			return true;
		if (now >= until_ms) {
			db_drop(db, "an answer took too long");
			return false;
		}
		(void)poll(&ready, 1, (int)(until_ms - now));
	}
}

/* "3", or "" where a command writes nothing. */
static int
touched(const char *count)
{
	uint64_t n;

	return number_parse(span_of_text(count), 0, INT32_MAX, &n, NULL) == OK ? (int)n : 0;
}

/* All results of what was sent: the first error counts, else the last result. */
static enum err
answer_take(struct db *db, const char *what, uint32_t wait_ms, struct rows *out, struct why *why)
{
	uint64_t until_ms = clock_ms() + wait_ms;
	enum err r = OK;

	while (answer_wait(db, until_ms)) {
		auto_rows got = {.result = PQgetResult(db->conn)};

		if (got.result == NULL)
			return r;
		if (PQresultStatus(got.result) == PGRES_TUPLES_OK || PQresultStatus(got.result) == PGRES_COMMAND_OK) {
			if (out != NULL && r == OK) {
				rows_free(out);
				out->n = PQntuples(got.result);
				out->touched = touched(PQcmdTuples(got.result));
				out->result = got.result;
				got.result = NULL;
			}
		} else if (r == OK)
			r = failed(db, got.result, what, why);
	}
	return fail(why, ERR_UNAVAILABLE, DB_AWAY);
}

static enum err
prepare(struct db *db, enum sql sql, const struct args *args, struct why *why)
{
	enum err r;

	if (db->prepared[sql])
		return OK;
	if (PQsendPrepare(db->conn, statement_names[sql], statements[sql], args == NULL ? 0 : args->n,
		args == NULL ? NULL : args->types) == 0) {
		db_drop(db, PQerrorMessage(db->conn));
		return fail(why, ERR_UNAVAILABLE, DB_AWAY);
	}
	if ((r = answer_take(db, statement_names[sql], DB_ANSWER_MS, NULL, why)) != OK)
		return r;
	db->prepared[sql] = true;
	return OK;
}

static enum err
run_once(struct db *db, enum sql sql, const struct args *args, struct rows *out, struct why *why)
{
	static const int binary[DB_ARGS_MAX] = {[0 ... DB_ARGS_MAX - 1] = 1};
	enum err r;

	if (!db->up)
		return fail(why, ERR_UNAVAILABLE, DB_AWAY);
	if (args != NULL && args->full)
		return fail(why, ERR_LIMIT, "too much for one request");
	if ((r = prepare(db, sql, args, why)) != OK)
		return r;
	if (PQsendQueryPrepared(db->conn, statement_names[sql], args == NULL ? 0 : args->n,
		args == NULL ? NULL : args->values, args == NULL ? NULL : args->lengths, binary, 1) == 0) {
		db_drop(db, PQerrorMessage(db->conn));
		return fail(why, ERR_UNAVAILABLE, DB_AWAY);
	}
	return answer_take(db, statement_names[sql], DB_ANSWER_MS, out, why);
}

/* It lost to another process, is undone, and has tries left: the other is let by first. */
static bool
lost(struct db *db, enum err r, const char *what, unsigned tries)
{
	if (r == OK || !db->up || !db->again || tries >= DB_TRIES)
		return false;
	db->again = false;
	log_info("database.again", "what=%s try=%u", what, tries + 1);
	(void)poll(NULL, 0, (int)(LOST_PAUSE_MS * tries));
	return true;
}

enum err
db_run(struct db *db, enum sql sql, const struct args *args, struct rows *out, struct why *why)
{
	bool alone = db->up && PQtransactionStatus(db->conn) == PQTRANS_IDLE;
	enum err r = run_once(db, sql, args, out, why);

	for (unsigned tries = 1; alone && lost(db, r, statement_names[sql], tries); tries++)
		r = run_once(db, sql, args, out, why);
	return r;
}

enum err
db_run_of(struct db *db, enum sql sql, struct id id, struct why *why)
{
	struct args args = {0};

	args_id(&args, id);
	return db_run(db, sql, &args, NULL, why);
}

enum err
db_script(struct db *db, const char *text, uint32_t wait_ms, struct rows *out, struct why *why)
{
	if (!db->up)
		return fail(why, ERR_UNAVAILABLE, DB_AWAY);
	if (PQsendQuery(db->conn, text) == 0) {
		db_drop(db, PQerrorMessage(db->conn));
		return fail(why, ERR_UNAVAILABLE, DB_AWAY);
	}
	return answer_take(db, "script", wait_ms, out, why);
}

static enum err
transaction_once(
    struct db *db, enum durability durability, enum err (*work)(void *arg, struct why *why), void *arg, struct why *why)
{
	enum err r;

	if (!db->up)
		return fail(why, ERR_UNAVAILABLE, DB_AWAY);
	db->again = false;
	assert(PQtransactionStatus(db->conn) == PQTRANS_IDLE); /* no transaction within a transaction */
	if ((r = db_run(db, SQL_BEGIN, NULL, NULL, why)) != OK)
		return r;
	if (durability == LAZY)
		r = db_run(db, SQL_LAZY, NULL, NULL, why);
	if (r == OK)
		r = work(arg, why);
	if (r == OK)
		r = db_run(db, SQL_COMMIT, NULL, NULL, why);
	if (r == OK || !db->up || PQtransactionStatus(db->conn) == PQTRANS_IDLE)
		return r;
	if (db_run(db, SQL_ROLLBACK, NULL, NULL, NULL) != OK && db->up)
		db_drop(db, "a transaction could not be undone");
	return r;
}

enum err
db_transaction(
    struct db *db, enum durability durability, enum err (*work)(void *arg, struct why *why), void *arg, struct why *why)
{
	enum err r = transaction_once(db, durability, work, arg, why);

	for (unsigned tries = 1; lost(db, r, "transaction", tries); tries++)
		r = transaction_once(db, durability, work, arg, why);
	return r;
}
