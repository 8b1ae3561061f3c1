/* Enrolment: the first word on each connection to the relay, tried until it is granted or refused for good.
 */
#ifndef LINK_ENROL_H
#define LINK_ENROL_H

#include "sandbox/link/link.h"

/* The relay is connected, or away. */
void enrol_begin(struct link *link);
void enrol_lost(struct link *link, const char *words);

/* Tell the supervisor how it stands with the relay. */
void enrol_status(struct link *link, bool connected, const char *words);

#endif
