/* Services: names under which ports of sandboxes are served, and who asked where their requests go. */
#ifndef SERVICES_STATE_SERVICES_H
#define SERVICES_STATE_SERVICES_H

#include "services/state/state.h"

handler service_expose, service_get, service_list, service_delete; /* services.c */
handler service_route, service_forget;				   /* service_routes.c */

#endif
