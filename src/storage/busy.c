#include "storage/busy.h"

#include <time.h>

// Pauses in us. The first are short, because a commit takes a tenth of a
// millisecond; the last are long enough to cost nothing, short enough that a
// writer which takes the lock again at once cannot starve the others.
static const int pauses[] = { 100, 200, 400, 800, 1500, 3000, 6000, 10000 };
enum { PAUSES = sizeof pauses / sizeof pauses[0] };

static int64_t monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void sleep_us(int64_t us)
{
    struct timespec t = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };
    nanosleep(&t, NULL);
}

// Two waiting processes that sleep in step would collide for ever.
static int64_t jittered(int64_t pause, int64_t now)
{
    return pause / 2 + now % (pause / 2 + 1);
}

bool mb_busy_wait(mb_busy *busy, int count)
{
    int64_t now = monotonic_us();
    if (count == 0)
        busy->deadline = now + (int64_t)busy->timeout * 1000;
    int64_t left = busy->deadline - now;
    if (left <= 0)
        return false;
    int64_t pause = jittered(pauses[count < PAUSES ? count : PAUSES - 1], now);
    sleep_us(pause < left ? pause : left);
    return true;
}

static int wait_a_little(void *arg, int count)
{
    return mb_busy_wait(arg, count);
}

void mb_busy_install(mb_busy *busy, sqlite3 *db)
{
    sqlite3_busy_handler(db, wait_a_little, busy);
}
