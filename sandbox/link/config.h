/* Configuration on its way to the supervisor: the first with enrolment, each newer one as a push. */
#ifndef LINK_CONFIG_H
#define LINK_CONFIG_H

#include "sandbox/link/link.h"

/* What enrolment gave; only what the supervisor has not been given is passed up. */
void config_enrolled(struct link *link, const struct msg *answer);

handler config_push, secrets_push;

#endif
