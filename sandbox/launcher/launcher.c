/*
 * The entry point of a sandbox: drops the environment and every descriptor but 0 to 3, says that time is UTC, then
 * becomes the supervisor.
 *
 * It is apart from the supervisor because an image may hold anything: an LD_PRELOAD, a tunable, a descriptor left open.
 * So it is static, without libc, and reads nothing at all.
 */
#include <asm/unistd.h>

#define FIRST_UNWANTED 4

#if defined(__x86_64__)
/* The stack is aligned here, as the System V ABI (3.4.1) promises; a call keeps it so for C. */
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tcall launch\n\thlt\n");

static long
call3(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tbl launch\n\tbrk #1\n");

static long
call3(long number, long a, long b, long c)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
#else
#error "no system call here for this machine"
#endif

static const char program[] = "/opt/openshell/bin/supervisor";
static const char utc[] = "TZ=:"; /* with no TZ glibc reads a file of the image: /etc/localtime */
static const char complaint[] = "launcher: cannot start /opt/openshell/bin/supervisor\n";

void launch(void) __attribute__((noreturn, used));

void
launch(void)
{
	/* Not static data: this program is not relocated. */
	const char *argv[] = {program, 0};
	const char *envp[] = {utc, 0};

	if (call3(__NR_close_range, FIRST_UNWANTED, ~0u, 0) == 0)
		call3(__NR_execve, (long)program, (long)argv, (long)envp);
	call3(__NR_write, 2, (long)complaint, sizeof(complaint) - 1);
	for (;;)
		call3(__NR_exit_group, 127, 0, 0);
}
