/* Migrations: read which have been run, run the others, refuse a database of a newer release. */
#include "services/state/migrate.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/text.h"

#define MIGRATE_WAIT_MS 600000 /* others may be at it, and tables may be long */
#define LOCK		"7461629514287612000"

static const char prepare_schema[] =
    "set statement_timeout = 0; set lock_timeout = 0; select pg_advisory_lock(" LOCK ");"
    "create table if not exists schema_migrations (number integer primary key check (number >= 1), name text not null, "
    "run_at timestamptz not null default clock_timestamp());"
    "select coalesce(max(number), 0) from schema_migrations";
static const char leave_schema[] = "select pg_advisory_unlock(" LOCK "); " DB_LIMITS;

static enum err
run_one(struct db *db, const struct migration *migration, struct why *why)
{
	auto_free char *script = NULL;
	enum err r;

	if (asprintf(&script, "begin; %s; insert into schema_migrations (number, name) values (%u, '%s'); commit",
		migration->text, migration->number, migration->name) < 0)
		abort();
	if ((r = db_script(db, script, MIGRATE_WAIT_MS, NULL, why)) == OK) {
		log_info("database.migrate", "number=%u name=%s", migration->number, migration->name);
		return OK;
	}
	(void)!db_script(db, "rollback", DB_ANSWER_MS, NULL, NULL);
	because(why, r, "migration %u (%s)", migration->number, migration->name);
	return r == ERR_UNAVAILABLE || r == ERR_LIMIT ? r : ERR_STATE;
}

static enum err
run_all(struct db *db, const struct rows *rows, struct why *why)
{
	uint64_t newest;
	enum err r;

	/* a script's answers are text */
	if ((r = number_parse(rows_span(rows, 0, 0), 0, UINT32_MAX, &newest, why)) != OK)
		return r;
	if (newest > migrations_n)
		return fail(why, ERR_STATE,
		    "the database has schema %lu, made by a newer release; this one knows up to "
		    "schema %u: start the newer release, or give it another database",
		    (unsigned long)newest, migrations_n);
	for (unsigned i = (unsigned)newest; i < migrations_n; i++)
		if ((r = run_one(db, &migrations[i], why)) != OK)
			return r;
	return OK;
}

enum err
migrate(struct db *db, struct why *why)
{
	auto_rows rows = {0};
	enum err r, left;

	if ((r = db_script(db, prepare_schema, MIGRATE_WAIT_MS, &rows, why)) != OK) {
		because(why, r, "prepare the schema");
		return r == ERR_UNAVAILABLE || r == ERR_LIMIT ? r : ERR_STATE;
	}
	r = run_all(db, &rows, why);
	left = db_script(db, leave_schema, DB_ANSWER_MS, NULL, r == OK ? why : NULL);
	return r != OK ? r : left;
}
