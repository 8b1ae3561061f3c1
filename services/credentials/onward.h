/* The operator's proxy, for what children of credentials ask of the world (docs/configuration.md). */
#ifndef CREDENTIALS_ONWARD_H
#define CREDENTIALS_ONWARD_H

#include "common/service/login.h"
#include "services/credentials/credentials.h"

struct onward {
	char bytes[FORWARD_LOGIN_MAX];
	struct span login; /* in bytes; empty: none */
	bool broken;	   /* its login could not be read: nothing is fetched, for it would go out without */
	struct why why;
};

/* Read the login, before the jail. What is wrong with it is logged, and ends no daemon. */
void onward_load(struct credentials *credentials);
void onward_done(struct credentials *credentials); /* wipes it */

/* Say in a job how it comes there; borrowed from credentials. ERR_UNAVAILABLE the login could not be read */
enum err onward_say(const struct credentials *credentials, struct msg_fetch_job *job, struct why *why) must_check;

#endif
