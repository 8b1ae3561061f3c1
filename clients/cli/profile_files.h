/* Files with profiles on the command line: read, linted, every finding said with its place. */
#ifndef CLIENTS_CLI_PROFILE_FILES_H
#define CLIENTS_CLI_PROFILE_FILES_H

#include "clients/cli/cli.h"
#include "common/provider/findings.h"

#define Item	Openshell__V1__ProviderProfileImportItem
#define Profile Openshell__V1__ProviderProfile

struct profile_files {
	Item **items; /* in cli->arena */
	size_t count;
	struct profile_findings findings;
};

/*
 * Read the files of the command line: arguments, -f FILE, and --from DIR (its *.yaml, *.yml and *.json; not what is
 * below it). Those with mistakes are left out of items, and are in findings.
 *
 * errors  ERR_INVALID none is named; ERR_NOT_FOUND, ERR_SYSTEM, ERR_SYNTAX, ERR_LIMIT a file that cannot be read
 */
enum err profile_files_read(struct cli *cli, struct profile_files *out, struct why *why) must_check;

/* "FILE:LINE:COLUMN: error: FIELD: words", on a line of standard output each, or as the format that is asked for. */
void profile_findings_print(struct cli *cli, const struct profile_findings *findings);

/* What a gateway found, in the same form. */
void profile_diagnostics_take(
    struct profile_findings *to, Openshell__V1__ProviderProfileDiagnostic *const *list, size_t n);

#endif
