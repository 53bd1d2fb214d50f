/* SPDX-License-Identifier: MIT */
#include "libc.h"

#include "elf.h"

void *libc_original[LIBC_COUNT + 1];
uint32_t libc_loaded;

void libc_load(void)
{
#define LIBC_NAME(name, result, parameters) #name,
    static const char *const names[LIBC_COUNT + 1] = {LIBC_FUNCTIONS(LIBC_NAME) NULL};
#undef LIBC_NAME
    void *found[LIBC_COUNT + 1];
    elf_find_next(names, found);
    for (unsigned i = 0; i < LIBC_COUNT; i++)
        store_relaxed(&libc_original[i], found[i]);
    store_release(&libc_loaded, 1);
}

int *libc_errno(void)
{
    int *(*location)(void) = (int *(*)(void))libc_get(LIBC___errno_location);
    if (location == NULL)
        location = (int *(*)(void))libc_get(LIBC____errno_location);
    return location == NULL ? NULL : location();
}

struct clock_time {
    int64_t seconds;
    int64_t nanoseconds;
};

uint64_t clock_ns(int clock)
{
    static void *chosen;
    struct clock_time now = {0, 0};
    void *clock_gettime = load_relaxed(&chosen);
    if (UNLIKELY(clock_gettime == NULL)) {
        clock_gettime = libc_get(LIBC___vdso_clock_gettime);
        if (clock_gettime == NULL)
            clock_gettime = libc_get(LIBC___kernel_clock_gettime);
        if (clock_gettime == NULL)
            clock_gettime = libc_get(LIBC_clock_gettime);
        store_relaxed(&chosen, clock_gettime);
    }
    if (LIKELY(clock_gettime != NULL))
        ((int (*)(int, void *))clock_gettime)(clock, &now);
    else
        sys2(SYS_clock_gettime, clock, &now);
    return (uint64_t)now.seconds * NS_PER_SECOND + (uint64_t)now.nanoseconds;
}
