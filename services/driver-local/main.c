/* driver-local: runs sandboxes on this machine without a container engine. */
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/os/jail.h"
#include "services/driver-local/driver.h"

#define CAPABILITY(name) (1ull << CAP_##name)

static const struct jail jail = {
    .process = "driver-local",
    .root = "/",
    /* As root: map a range of ids; give and remove the files of that range; put boxes into groups. As a user: none. */
    .capabilities = CAPABILITY(SETUID) | CAPABILITY(SETGID) | CAPABILITY(CHOWN) | CAPABILITY(DAC_OVERRIDE) |
		    CAPABILITY(FOWNER) | CAPABILITY(KILL),
    .promises =
	PROMISE_STDIO | PROMISE_BUS | PROMISE_RPATH | PROMISE_WPATH | PROMISE_PROC | PROMISE_KILL | PROMISE_NAMESPACE,
    .no_landlock = true, /* a domain would forbid its boxes to mount */
    .keep_from = SERVICE_FD_SETTINGS,
    .keep_to = SERVICE_FD_READY,
};

static void
state_up(void *self, struct peer *peer)
{
	struct driver *driver = self;

	if (peer->role != ROLE_STATE)
		return;
	driver->state = peer;
	driver_join(driver);
}

static void
state_down(void *self, struct peer *peer, const struct why *why)
{
	struct driver *driver = self;
	struct sandbox *sandbox;

	if (peer != driver->state)
		return;
	log_warning("state.away", "why=\"%s\"", why == NULL ? "" : why->text);
	driver->state = NULL;
	loop_timer_stop(driver->loop, &driver->rejoin);
	list_each(sandbox, &driver->sandboxes, struct sandbox, link)
		start_cancel(sandbox);
}

static void
asked_to_stop(void *self, int number)
{
	struct driver *driver = self;

	log_info("driver.stop", "signal=%d boxes=%s", number, number == SIGUSR1 ? "end" : "stay");
	if (number == SIGUSR1)
		driver_leave(driver);
	else
		loop_stop(driver->loop);
}

static void
child_ended(void *self, int number)
{
	(void)number;
	driver_reap(self);
}

/* A descriptor or two for each sandbox. */
static void
files_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			log_warning("driver.files", NULL);
	}
}

static enum err
serve(struct driver *driver, struct why *why)
{
	enum err r;

	driver->bus = (struct bus){.loop = driver->loop,
	    .role = ROLE_DRIVER,
	    .name = driver->config.service.process,
	    .routes = routes,
	    .self = driver,
	    .peer_up = state_up,
	    .peer_down = state_down};
	bus_init(&driver->bus);
	if ((r = loop_signal(driver->loop, SIGTERM, asked_to_stop, driver, why)) != OK ||
	    (r = loop_signal(driver->loop, SIGINT, asked_to_stop, driver, why)) != OK ||
	    (r = loop_signal(driver->loop, SIGUSR1, asked_to_stop, driver, why)) != OK ||
	    (r = loop_signal(driver->loop, SIGCHLD, child_ended, driver, why)) != OK ||
	    (r = service_links(&driver->curve, &driver->bus, &driver->config.service, why)) != OK)
		return r;
	service_ready(&driver->config.service);
	return loop_run(driver->loop, why);
}

int
main(int argc, char **argv)
{
	static struct driver driver;
	struct why why = {0};
	enum err r;

	driver.boxes_dir = driver.lock_fd = driver.maker_fd = -1;
	signal(SIGPIPE, SIG_IGN); /* boxes outlive a log that nobody reads any more, and so does this */
	files_raise();
	if ((r = service_load(&driver.config.service, config_rows, &driver.config, argc, argv, &why)) != OK ||
	    (r = jail_enter(&jail, &why)) != OK || (r = loop_new(&driver.loop, &why)) != OK ||
	    (r = driver_open(&driver, &why)) != OK || (r = serve(&driver, &why)) != OK) {
		log_failure("driver.stopped", r, &why);
		service_failed(&driver.config.service, &why);
	}
	driver_close(&driver);
	if (driver.curve != NULL)
		curve_free(driver.curve);
	bus_done(&driver.bus);
	loop_free(driver.loop);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
