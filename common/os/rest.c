/* Giving back what a start needed: free memory, and pages that the page cache has too. */
#include "common/os/rest.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#define AFTER_MS 1000 /* started, and nobody waits for it */

/* Segments that nobody can have written to: what is dropped is read again from the file. */
static int
let_go(struct dl_phdr_info *info, size_t size, void *page)
{
	uintptr_t mask = *(const uintptr_t *)page - 1;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + part->p_vaddr, end = begin + part->p_memsz;

		if (part->p_type == PT_LOAD && (part->p_flags & PF_W) == 0)
			(void)madvise((void *)(begin & ~mask), ((end + mask) & ~mask) - (begin & ~mask), MADV_DONTNEED);
	}
	return 0;
}

static void
rest(void *self)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)self;
	malloc_trim(0);
	dl_iterate_phdr(let_go, &page);
}

void
rest_soon(struct loop *loop, struct timer *timer)
{
	loop_timer_set(loop, timer, AFTER_MS, rest, NULL);
}
