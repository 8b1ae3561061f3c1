/* The table of reconciling. */
#include "services/driver-local/reconcile.h"

#include <assert.h>

static const enum action table[WANT_COUNT][HAVE_COUNT] = {
    [WANT_RUNNING] =
	{
	    [HAVE_NOTHING] = ACTION_START,
	    [HAVE_KEPT] = ACTION_START,
	    [HAVE_RUNNING] = ACTION_REPORT_RUNNING,
	    [HAVE_OTHER] = ACTION_KILL,
	    [HAVE_ENDED] = ACTION_REPORT_ENDED, /* state decides: it may want a new epoch */
	    [HAVE_FAILED] = ACTION_REPORT_FAILED,
	},
    [WANT_STOPPED] =
	{
	    [HAVE_NOTHING] = ACTION_REPORT_ENDED,
	    [HAVE_KEPT] = ACTION_REPORT_ENDED,
	    [HAVE_RUNNING] = ACTION_TERMINATE,
	    [HAVE_OTHER] = ACTION_TERMINATE,
	    [HAVE_ENDED] = ACTION_REPORT_ENDED,
	    [HAVE_FAILED] = ACTION_REPORT_ENDED,
	},
    [WANT_DELETED] =
	{
	    [HAVE_NOTHING] = ACTION_REPORT_GONE,
	    [HAVE_KEPT] = ACTION_REMOVE,
	    [HAVE_RUNNING] = ACTION_KILL,
	    [HAVE_OTHER] = ACTION_KILL,
	    [HAVE_ENDING] = ACTION_KILL, /* no more patience */
	    [HAVE_ENDED] = ACTION_REMOVE,
	    [HAVE_FAILED] = ACTION_REMOVE,
	},
};

enum action
reconcile(enum want want, enum have have)
{
	assert(want < WANT_COUNT && have < HAVE_COUNT);
	return table[want][have];
}
