/*
 * The session: libssh polls its socket by itself, for no time, whenever ours says that it is ready. What it read waits
 * in its queue of messages and in flags of the lanes, and is done before the loop sleeps: never from inside libssh.
 */
#include "sandbox/sshd/session.h"

#include <fcntl.h>
#include <libssh/server.h>
#include <sys/epoll.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "sandbox/sshd/attach.h"
#include "sandbox/sshd/command.h"
#include "sandbox/sshd/host_key.h"
#include "sandbox/sshd/lane.h"
#include "sandbox/sshd/listen.h"
#include "sandbox/sshd/request.h"

#define GRACE_MS     20000 /* to authenticate */
#define READS_MAX    64	   /* of 4 KiB, which is how libssh reads, before others have their turn */
#define MESSAGES_MAX 256   /* likewise */

/* Key exchange without a file (groups of /etc/ssh/moduli) and without large numbers; ciphers that also authenticate,
 * then CTR. */
#define EXCHANGES "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256"
#define CIPHERS	  "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr"
#define MACS	  "hmac-sha2-256-etm@openssh.com,hmac-sha2-256"

static bool
is_over(struct sshd *sshd)
{
	if (sshd->over || (ssh_get_status(sshd->session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) == 0)
		return sshd->over;
	sshd->over = true;
	log_debug("client.gone", "why=\"%s\"", log_quote(span_of_text(ssh_get_error(sshd->session))));
	return true;
}

static void
ready(void *self, uint32_t events)
{
	struct sshd *sshd = self;
	int r = SSH_OK;

	(void)events;
	for (int i = 0; i < READS_MAX && r == SSH_OK && !sshd->over; i++)
		r = ssh_event_dopoll(sshd->event, 0);
	if (r == SSH_ERROR)
		sshd->over = true;
}

/* All messages that came: true: there may be more. */
static bool
messages_take(struct sshd *sshd)
{
	for (int i = 0; i < MESSAGES_MAX && !is_over(sshd); i++) {
		ssh_message message = ssh_message_get(sshd->session);

		if (message == NULL)
			return false;
		request_take(sshd, message);
	}
	return !sshd->over;
}

static bool
work(void *self)
{
	struct sshd *sshd = self;
	bool worked = false;

	if (!is_over(sshd))
		worked = messages_take(sshd) || lanes_work(sshd);
	if (is_over(sshd))
		loop_stop(sshd->loop);
	else
		loop_change(sshd->loop, &sshd->watch,
		    EPOLLIN | ((ssh_get_poll_flags(sshd->session) & SSH_WRITE_PENDING) != 0 ? EPOLLOUT : 0));
	return worked && !sshd->over;
}

static void
grace_ends(void *self)
{
	struct sshd *sshd = self;

	log_info("client.late", "grace_ms=%d", GRACE_MS);
	sshd->over = true;
	loop_stop(sshd->loop);
}

/* ---- begin ---- */

static enum err
refused(struct sshd *sshd, ssh_bind bind, const char *what, struct why *why)
{
	const char *words = ssh_get_error(bind);

	return fail(why, ERR_SYSTEM, "libssh: %s: %s", what, words[0] != '\0' ? words : ssh_get_error(sshd->session));
}

static bool
options_set(ssh_bind bind, ssh_key key)
{
	static const struct {
		enum ssh_bind_options_e option;
		const char *value;
	} options[] = {
	    {SSH_BIND_OPTIONS_KEY_EXCHANGE, EXCHANGES},
	    {SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, "ssh-ed25519"},
	    {SSH_BIND_OPTIONS_CIPHERS_C_S, CIPHERS},
	    {SSH_BIND_OPTIONS_CIPHERS_S_C, CIPHERS},
	    {SSH_BIND_OPTIONS_HMAC_C_S, MACS},
	    {SSH_BIND_OPTIONS_HMAC_S_C, MACS},
	};
	bool no_files = false;

	for (size_t i = 0; i < COUNT(options); i++)
		if (ssh_bind_options_set(bind, options[i].option, options[i].value) != SSH_OK)
			return false;
	return ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no_files) == SSH_OK &&
	       ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) == SSH_OK;
}

/* The bind is how libssh makes a server of a session; it is not needed any longer than that. */
static enum err
serve(struct sshd *sshd, ssh_bind bind, struct why *why)
{
	ssh_key key = NULL;
	enum err r = host_key_new(&sshd->setup.host_key, &key, why);

	secret_wipe(&sshd->setup.host_key);
	if (r != OK)
		return r;
	if (!options_set(bind, key))
		return refused(sshd, bind, "options", why);
	if (ssh_bind_accept_fd(bind, sshd->session, fd_take(&sshd->setup.connection)) != SSH_OK)
		return refused(sshd, bind, "the connection", why);
	ssh_set_blocking(sshd->session, 0);
	ssh_set_auth_methods(sshd->session, SSH_AUTH_METHOD_PUBLICKEY);
	if (ssh_handle_key_exchange(sshd->session) == SSH_ERROR)
		sshd->over = true; /* the client's fault, and the end of it */
	else if (ssh_event_add_session(sshd->event, sshd->session) != SSH_OK)
		return refused(sshd, bind, "the session's events", why);
	return OK;
}

/* Our second descriptor of the connection: libssh closes its own when it likes. */
static enum err
watch(struct sshd *sshd, struct why *why)
{
	int fd = sshd->setup.connection;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 || (sshd->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
		return fail_errno(why, ERR_SYSTEM, "the connection");
	loop_idle(sshd->loop, &sshd->idle, work, sshd);
	loop_timer_set(sshd->loop, &sshd->grace, GRACE_MS, grace_ends, sshd);
	return loop_add(sshd->loop, &sshd->watch, sshd->fd, EPOLLIN, ready, sshd, why);
}

enum err
session_begin(struct sshd *sshd, struct why *why)
{
	ssh_bind bind;
	enum err r;

	if (ssh_init() != SSH_OK || (bind = ssh_bind_new()) == NULL)
		return fail(why, ERR_SYSTEM, "libssh cannot start");
	if ((sshd->session = ssh_new()) == NULL || (sshd->event = ssh_event_new()) == NULL)
		r = fail(why, ERR_SYSTEM, "libssh has no session");
	else if ((r = watch(sshd, why)) == OK)
		r = serve(sshd, bind, why);
	ssh_bind_free(bind);
	return r;
}

void
session_end(struct sshd *sshd)
{
	loop_idle_remove(sshd->loop, &sshd->idle);
	loop_timer_stop(sshd->loop, &sshd->grace);
	loop_remove(sshd->loop, &sshd->watch);
	listeners_end(sshd);
	lanes_end(sshd);
	commands_end(sshd);
	attachments_end(sshd);
	clean_fd(&sshd->fd);
	clean_fd(&sshd->setup.connection);
	ssh_event_free(sshd->event);
	ssh_free(sshd->session);
}
