// A process knows itself and is not taken for its parent.
#include "kernel/process.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int passed, failed;

static void check(const char *what, bool good)
{
    if (good)
        passed++;
    else
        failed++;
    if (!good)
        printf("failed: %s\n", what);
}

// What the answer is in a child, told by its exit status.
static bool is_present_in_child(const mb_process *process)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(mb_process_is_present(process) ? 1 : 0);
    waitpid(pid, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void test(mb_process *process, const char *how)
{
    check(how, mb_process_is_present(process));
    check(how, !is_present_in_child(process));
    check(how, mb_process_is_present(process));
}

int main(void)
{
    mb_process process = { 0 };
    mb_process_remember(&process);
    test(&process, "with the mark");
    mb_process_forget(&process);
    test(&process, "by number");
    mb_process_forget(&process);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
