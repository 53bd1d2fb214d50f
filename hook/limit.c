/* SPDX-License-Identifier: MIT */
/* Limits that a program sets itself: on its addresses (`setrlimit` and its kin), where it counts on its own ones alone, and of what may be
 * swapped (`mlockall`), which takes all that is mapped. What the hook does not need is given back: here alone system
 * calls are made after it is attached, munmap and what the program has just called itself, by whoever makes one of this kind. */
#include <errno.h>

#include "attach.h"
#include "libc.h"
#include "owner.h"
#include "room.h"

#define RLIMIT_ADDRESSES 9 /* RLIMIT_AS */
#define LOCK_FUTURE 2      /* MCL_FUTURE */
#define RLIMIT_PRIVATE 2   /* RLIMIT_DATA */

/* A child of vfork sets the limit for what it will become, in memory that is its parent's: the C library's number is the parent's
 * there, and the page that a fork clears is not clear. */
static bool is_borrowed(uint32_t owner)
{
    return attach_ring() != NULL && owner != SSLC_OWNER_UNKNOWN && owner != (uint32_t)sys0(SYS_gettid);
}

static bool concerns(int resource)
{
    return resource == RLIMIT_ADDRESSES || resource == RLIMIT_PRIVATE;
}

static void shrink(void)
{
    if (!is_borrowed(owner_self()))
        attach_shrink();
}

/* A call has set a limit of this process, or failed to. What the kernel took can be read. */
static int limited(int result, int resource, const void *limit)
{
    if (result == 0 && concerns(resource) && *(const uint64_t *)limit != UINT64_MAX)
        shrink();
    return result;
}

/* A call has set a limit of some process, maybe this one, and may have put the limit of before in place of the new one: the
 * kernel is asked, as the program has just done. */
static int maybe_limited(int result, int resource, const void *limit)
{
    uint64_t now[2];
    if (result == 0 && concerns(resource) && limit != NULL && load_relaxed(&attach_done) != 0 &&
        sys4(SYS_prlimit64, 0, resource, NULL, now) == 0 && now[0] != UINT64_MAX)
        shrink();
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
        return limited(original(resource, limit), resource, limit);
    return limited(kernel_prlimit(0, resource, limit, NULL), resource, limit);
}

SSLC_EXPORT int setrlimit64(int resource, const void *limit)
{
    int (*original)(int, const void *) = (int (*)(int, const void *))libc_get(LIBC_setrlimit64);
    if (LIKELY(original != NULL))
        return limited(original(resource, limit), resource, limit);
    return setrlimit(resource, limit);
}

SSLC_EXPORT int prlimit(int pid, int resource, const void *limit, void *before)
{
    int (*original)(int, int, const void *, void *) =
        (int (*)(int, int, const void *, void *))libc_get(LIBC_prlimit);
    if (LIKELY(original != NULL))
        return maybe_limited(original(pid, resource, limit, before), resource, limit);
    return maybe_limited(kernel_prlimit(pid, resource, limit, before), resource, limit);
}

SSLC_EXPORT int prlimit64(int pid, int resource, const void *limit, void *before)
{
    int (*original)(int, int, const void *, void *) =
        (int (*)(int, int, const void *, void *))libc_get(LIBC_prlimit64);
    if (LIKELY(original != NULL))
        return maybe_limited(original(pid, resource, limit, before), resource, limit);
    return prlimit(pid, resource, limit, before);
}

SSLC_EXPORT int mlockall(int flags)
{
    int (*original)(int) = (int (*)(int))libc_get(LIBC_mlockall);
    int *error = libc_errno();
    if (original == NULL || error == NULL)
        return (int)sys1(SYS_mlockall, flags) == 0 ? 0 : -1;
    attach_shrink();
    if ((flags & LOCK_FUTURE) != 0)
        store_relaxed(&room_locked, 1); /* maybe in vain: that costs two system calls at most */
    int before = *error, result = original(flags);
    if (result == 0 || *error != ENOMEM || !attach_give_up())
        return result;
    *error = before;
    return original(flags);
}
