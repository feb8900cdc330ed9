#define _GNU_SOURCE // NOLINT(bugprone-reserved-identifier): MAP_ANONYMOUS, MADV_WIPEONFORK
#include "kernel/process.h"

#include <sys/mman.h>
#include <unistd.h>

// The system clears whole pages. It rounds this up to one where they are larger.
enum { MARK_SIZE = 4096 };

// A byte that is zero in children from now on. NULL where the system knows no such thing.
static uint8_t *make_mark(void)
{
#if defined(MADV_WIPEONFORK)
    uint8_t *page =
        mmap(NULL, MARK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, MARK_SIZE, MADV_WIPEONFORK) == 0) {
        *page = 1;
        return page;
    }
    munmap(page, MARK_SIZE);
#endif
    return NULL;
}

void mb_process_remember(mb_process *process)
{
    process->pid = (long)getpid();
    process->mark = make_mark();
}

void mb_process_forget(mb_process *process)
{
    if (process->mark != NULL)
        munmap(process->mark, MARK_SIZE);
    process->mark = NULL;
}

bool mb_process_has_number(const mb_process *process)
{
    return process->pid == (long)getpid();
}
