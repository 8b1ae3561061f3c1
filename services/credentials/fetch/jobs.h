/* Jobs: what a fetch can do, each one function from a fetch_job to a fetch_done. */
#ifndef CREDENTIALS_FETCH_JOBS_H
#define CREDENTIALS_FETCH_JOBS_H

#include "common/bus/message.h"
#include "common/https/https.h"

/* A fetch: the job, and what it needs; all of it lives until the process ends. */
struct fetch {
	const struct msg_fetch_job *job;
	struct arena *arena;
	int authorities; /* descriptor of a PEM file, or -1 */
	int ledger;	 /* to append to, or -1 */
	int64_t now_ms;	 /* wall clock */
};

/* Do the job that job->what names. ERR_UNIMPLEMENTED: there is no such job. Errors are told to credentials as they are. */
enum err job_run(struct fetch *fetch, struct msg_fetch_done *out, struct why *why) must_check;

typedef enum err job(struct fetch *fetch, struct msg_fetch_done *out, struct why *why);
job oauth_refresh, oauth_client, google_jwt, aws_role, probe;
job vault_put, vault_get, vault_drop;		     /* KV version 2 of HashiCorp Vault's HTTP API */
job kubernetes_put, kubernetes_get, kubernetes_drop; /* Secrets of the Kubernetes API, v1 */

/* What the job says under that name, among its texts or secrets; false when it does not. */
bool job_text(const struct fetch *fetch, const char *name, struct span *out);
bool job_secret(const struct fetch *fetch, const char *name, struct span *out);

/* The same, in either; ERR_INVALID naming what is missing. */
enum err job_need(const struct fetch *fetch, const char *name, struct span *out, struct why *why) must_check;

/* A text with this much room, in the arena; running out of it aborts. */
struct text job_room(struct fetch *fetch, size_t size);

/* Room for n values. */
struct msg_fetch_value *job_values(struct fetch *fetch, size_t n);

/* What the file says that the job's text of that name names, without space at its ends: a token. ERR_SYSTEM, ERR_INVALID. */
enum err job_file(struct fetch *fetch, const char *name, struct span *out, struct why *why) must_check;

/* https_ask, by the operator's proxy where the job names one that is asked for there (way.c). Its errors. */
enum err fetch_ask(
    struct fetch *fetch, const struct https_request *in, struct https_answer *out, struct why *why) must_check;

/* Ask a secret store; fields are its own, JSON goes both ways. Its errors become ours by the status. */
enum err store_ask(struct fetch *fetch, const char *method, struct span target, struct span fields, struct span body,
    struct https_answer *out, struct why *why) must_check;

/* "NAME" of the job's outputs that are "OUTPUT=NAME"; false when that output is not asked for. */
bool job_output(const struct fetch *fetch, const char *output, struct span *name);

#endif
