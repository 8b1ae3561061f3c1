/* What state says, and how the driver joins it. */
#include <sys/sysinfo.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "services/driver-local/driver.h"

#define REJOIN_MS 1000

static void
done(const struct msg *m, struct msg *answer)
{
	if (m->call != 0)
		answer->id = DONE;
}

/*
 * What should be of one sandbox.
 *
 * in      desired, from state; at join and on each change
 * errors  ERR_INVALID an image is asked for
 */
static enum err
desired(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct driver *driver = self;
	const struct msg_desired *in = &m->desired;
	struct sandbox *sandbox = driver_find(driver, in->sandbox);

	if (in->image.length > 0 && in->want == WANT_RUNNING)
		return fail(why, ERR_INVALID, "driver local takes no image");
	if (sandbox == NULL)
		sandbox = sandbox_new(driver, in->sandbox);
	start_cancel(sandbox);
	if (!span_copy(in->name, sandbox->name, sizeof(sandbox->name)))
		return fail(why, ERR_RANGE, "name too long");
	sandbox->want = (enum want)in->want;
	sandbox->epoch = in->epoch;
	sandbox->cpu_milli = in->cpu_milli;
	sandbox->memory_bytes = in->memory_bytes;
	sandbox->listed = true;
	log_debug("desired", "sandbox=%s epoch=%u want=%u", id_text(sandbox->id), in->epoch, in->want);
	sandbox_reconcile(sandbox);
	done(m, answer);
	return OK;
}

/*
 * The list is complete: what carries our label and was not in it is collected.
 *
 * in      desired_end, from state
 */
static enum err
desired_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct driver *driver = self;
	struct sandbox *sandbox;

	(void)why;
	list_each(sandbox, &driver->sandboxes, struct sandbox, link) {
		if (sandbox->listed)
			continue;
		log_info("sandbox.collect", "sandbox=%s", id_text(sandbox->id));
		start_cancel(sandbox);
		report_drop(sandbox);
		sandbox->want = WANT_DELETED;
		if (sandbox->phase == PHASE_NOTHING)
			sandbox_free(sandbox);
		else
			sandbox_reconcile(sandbox);
	}
	done(m, answer);
	return OK;
}

/*
 * Could this be run here?
 *
 * in      create_check, from state; no side effects
 * errors  ERR_INVALID an image, settings for the driver, more than the machine has; ERR_LIMIT sandboxes_max are there
 */
static enum err
create_check(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct driver *driver = self;
	const struct msg_create_check *in = &m->create_check;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct sysinfo machine;

	if (in->image.length > 0)
		return fail(why, ERR_INVALID,
		    "driver local runs on the host's own files and takes no image: leave image empty (got \"%s\")",
		    log_quote(in->image));
	if (in->driver_config)
		return fail(why, ERR_INVALID, "driver local has no settings of its own: leave driver_config empty");
	if (in->cpu_milli > (uint64_t)cores * 1000)
		return fail(why, ERR_INVALID, "cpu limit: %u thousandths of a core, this machine has %ld cores",
		    in->cpu_milli, cores);
	if (sysinfo(&machine) == 0 && in->memory_bytes > (uint64_t)machine.totalram * machine.mem_unit)
		return fail(why, ERR_INVALID, "memory limit: %llu bytes, this machine has %llu",
		    (unsigned long long)in->memory_bytes, (unsigned long long)machine.totalram * machine.mem_unit);
	if (driver->count >= driver->config.sandboxes_max)
		return fail(why, ERR_LIMIT, "%u sandboxes are there, the most that driver local runs", driver->count);
	done(m, answer);
	return OK;
}

const struct route routes[] = {
    /* message      handler        in these states  per second, per peer */
    {DESIRED, desired, 0, 0},
    {DESIRED_END, desired_end, 0, 0},
    {CREATE_CHECK, create_check, 0, 0},
    {0},
};

static void
rejoin(void *self)
{
	driver_join(self);
}

static void
joined(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct driver *driver = self;

	(void)answer;
	if (r == OK) {
		log_info("driver.joined", NULL);
		return;
	}
	log_failure("driver.join", r, why);
	if (driver->state != NULL)
		loop_timer_set(driver->loop, &driver->rejoin, REJOIN_MS, rejoin, driver);
}

void
driver_join(struct driver *driver)
{
	uint8_t box_key[32];
	struct sandbox *sandbox;
	struct msg m = {.id = DRIVER_JOIN,
	    .driver_join = {.name = SPAN("local"),
		.version = SPAN(OPENSHELL_VERSION),
		.images = false,
		.box_key = span_of_bytes(box_key, sizeof(box_key))}};

	if (driver->state == NULL)
		return;
	curve_public(&driver->config.box_secret, box_key);
	list_each(sandbox, &driver->sandboxes, struct sandbox, link)
		sandbox->listed = false;
	peer_call(driver->state, &m, CALL_DEADLINE_MS, joined, driver);
}
