/* update: what a caller of UpdateConfig wants, as the question to state. Pure. */
#ifndef API_UPDATE_H
#define API_UPDATE_H

#include "common/bus/message.h"
#include "openshell/openshell.pb-c.h"

/* What an update keeps while state is asked. */
struct update {
	const Openshell__V1__UpdateConfigRequest *in;
	struct span workspace, name; /* both empty: the gateway's */
	struct msg question;	     /* policy_set, policy_clear or setting_set */
	unsigned tries;
	bool quoted; /* the answer is about a policy: with its version and hash */
};

/*
 * Read a request.
 *
 * update  in is set; the rest is filled in, but for the policy itself and the subject
 * errors  ERR_INVALID which field, and what is allowed; ERR_NOT_FOUND a name that no sandbox can have
 */
enum err update_read(struct arena *arena, struct update *update, struct why *why) must_check;

#endif
