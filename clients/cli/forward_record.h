/* Forwards that run in the background: a file for each, and the process it names, which is looked at before it is
 * believed. */
#ifndef CLIENTS_CLI_FORWARD_RECORD_H
#define CLIENTS_CLI_FORWARD_RECORD_H

#include "clients/sdk/files.h"

#define FORWARDS_MAX 1024 /* files that are looked at */

/* $XDG_CONFIG_HOME/openshell/forwards/<sandbox>-<port>.pid, which holds "pid<TAB>sandbox_id<TAB>bind address". */
struct forward_record {
	const char *sandbox; /* name; the arena's, as the texts below */
	uint16_t port;	     /* on this machine, and in the sandbox */
	pid_t pid;
	const char *sandbox_id; /* NULL: an old file that has only a pid: never believed */
	const char *bind;	/* address on this machine */
};

/* The name and the port of a file's name "demo-8080.pid"; false when it is none. */
bool forward_name_read(struct span file, struct span *sandbox, uint16_t *port);

/*
 * What such a file holds.
 *
 * out     sandbox and port are left as they are
 * errors  ERR_SYNTAX it is none of ours
 */
enum err forward_record_read(
    struct span text, struct arena *arena, struct forward_record *out, struct why *why) must_check;

/*
 * Is it the command line (of /proc/PID/cmdline: words that end in NUL) of an ssh that forwards this port to this
 * sandbox?
 */
bool forward_is(struct span cmdline, const struct forward_record *record);

/* "127.0.0.1:8080:127.0.0.1:8080": what ssh -L is told; NULL past the arena's ceiling. */
const char *forward_spec(struct arena *arena, const struct forward_record *record);

/* All of them, by sandbox and port; files that cannot be read are left out. */
enum err forward_list(const struct places *places, struct arena *arena, struct forward_record **out, size_t *count,
    struct why *why) must_check;

enum err forward_store(const struct places *places, const struct forward_record *record, struct why *why) must_check;
void forward_forget(const struct places *places, const struct forward_record *record);

/* Does its process run, and is it this forward? */
bool forward_runs(const struct forward_record *record);

/*
 * End its process, if it is this forward, wait until it is gone, and remove the file.
 *
 * returns  was it running?
 */
bool forward_end(const struct places *places, const struct forward_record *record);

/* The same for every forward to a sandbox; returns how many were running. */
size_t forward_end_all(const struct places *places, struct arena *arena, const char *sandbox, const char *sandbox_id);

#endif
