/* Reports: what a sandbox tells about itself, passed on to state in the name of the session and of no other.
 */
#ifndef RELAY_REPORT_H
#define RELAY_REPORT_H

#include "services/relay/relay.h"

handler report_ready, report_failed, report_main_exited, report_applied, report_secrets, report_logs;

#endif
