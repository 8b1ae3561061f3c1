/* Migrations: the numbered scripts of migrations/, compiled in, each run once and in order. */
#ifndef SERVICES_STATE_MIGRATE_H
#define SERVICES_STATE_MIGRATE_H

#include "services/state/db.h"

/* Made by migrations.sh. */
struct migration {
	unsigned number; /* from 1, without gaps */
	const char *name, *text;
};

extern const struct migration migrations[];
extern const unsigned migrations_n;

/*
 * Bring the database to this binary's schema: under an advisory lock, each script in a transaction of its own.
 *
 * errors  ERR_STATE the database is newer than this program, or a script fails in it; ERR_UNAVAILABLE
 */
enum err migrate(struct db *db, struct why *why) must_check;

#endif
