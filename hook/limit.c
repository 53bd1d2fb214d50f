/* SPDX-License-Identifier: MIT */
/* `setrlimit` and its kin: a program that limits the addresses it may have counts its own. Once the limit is there, what the hook
 * keeps mapped for others than this process is given back. */
#include "libc.h"
#include "region.h"

#define RLIMIT_ADDRESSES 9 /* RLIMIT_AS */

/* `result` is that of a call which set a limit of some process; whose and which one the kernel is asked. */
static int limited(int result, int resource)
{
    if (result == 0 && resource == RLIMIT_ADDRESSES)
        region_limited();
    return result;
}

static int kernel_prlimit(int pid, int resource, const void *limit, void *before)
{
    return sys4(SYS_prlimit64, pid, resource, limit, before) == 0 ? 0 : -1;
}

/* The C library's prototypes have an enumeration and a structure of two 64-bit numbers there. */
SSLC_EXPORT int setrlimit(int resource, const void *limit)
{
    int (*original)(int, const void *) = (int (*)(int, const void *))libc_get(LIBC_setrlimit);
    if (LIKELY(original != NULL))
        return limited(original(resource, limit), resource);
    return limited(kernel_prlimit(0, resource, limit, NULL), resource);
}

SSLC_EXPORT int setrlimit64(int resource, const void *limit)
{
    int (*original)(int, const void *) = (int (*)(int, const void *))libc_get(LIBC_setrlimit64);
    if (LIKELY(original != NULL))
        return limited(original(resource, limit), resource);
    return setrlimit(resource, limit);
}

SSLC_EXPORT int prlimit(int pid, int resource, const void *limit, void *before)
{
    int (*original)(int, int, const void *, void *) =
        (int (*)(int, int, const void *, void *))libc_get(LIBC_prlimit);
    if (LIKELY(original != NULL))
        return limited(original(pid, resource, limit, before), limit == NULL ? -1 : resource);
    return limited(kernel_prlimit(pid, resource, limit, before), limit == NULL ? -1 : resource);
}

SSLC_EXPORT int prlimit64(int pid, int resource, const void *limit, void *before)
{
    int (*original)(int, int, const void *, void *) =
        (int (*)(int, int, const void *, void *))libc_get(LIBC_prlimit64);
    if (LIKELY(original != NULL))
        return limited(original(pid, resource, limit, before), limit == NULL ? -1 : resource);
    return prlimit(pid, resource, limit, before);
}
