/* Reports: ready, failed, ended. Kept until state has answered, told again after the relay was away. */
#ifndef LINK_REPORT_H
#define LINK_REPORT_H

#include "sandbox/link/link.h"

/* Enrolled: tell what is not told. Not enrolled any more: wait. */
void reports_begin(struct link *link);
void reports_pause(struct link *link);
void reports_done(struct link *link);

handler report_take;

#endif
