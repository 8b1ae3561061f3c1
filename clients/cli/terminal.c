/* The user's terminal. What it was like is kept in one place of this file, since a signal that ends the process must
 * find it. */
#include "clients/cli/terminal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/clean.h"

static struct termios before;
static volatile sig_atomic_t raw;

void
terminal_restore(void)
{
	if (!raw)
		return;
	raw = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

/* tcsetattr may be called here (signal-safety(7)); the handler is gone by now, so the second time it ends us. */
static void
ending(int number)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	raise(number);
}

static void
handlers_set(void)
{
	static const int numbers[] = {
	    SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU};
	struct sigaction action = {.sa_handler = ending, .sa_flags = (int)SA_RESETHAND};

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < COUNT(numbers); i++)
		sigaction(numbers[i], &action, NULL);
	atexit(terminal_restore);
}

enum err
terminal_raw(struct why *why)
{
	struct termios wanted;

	if (!isatty(STDIN_FILENO))
		return fail(why, ERR_STATE, "standard input is not a terminal");
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return fail_errno(why, ERR_SYSTEM, "the terminal's settings");
	wanted = before;
	cfmakeraw(&wanted);
	handlers_set();
	raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &wanted) == 0)
		return OK;
	raw = 0;
	return fail_errno(why, ERR_SYSTEM, "the terminal's settings");
}

bool
terminal_size(struct terminal_size *out)
{
	struct winsize size;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
			continue;
		*out = (struct terminal_size){size.ws_col, size.ws_row};
		return true;
	}
	return false;
}
