/* SPDX-License-Identifier: MIT */
#include "owner.h"

#include "libc.h"
#include "record.h"

#define MUTEX_WORDS 16 /* more than any has */
#define RECURSIVE 1
/* Where a mutex that may be locked again by its thread has its kind, and the thread's number: an ABI of either library. */
#define GLIBC_KIND 4
#define GLIBC_OWNER 2
#define MUSL_KIND 0
#define MUSL_OWNER 1
#define MUSL_NUMBER 0x3fffffffu

/* A free mutex of this kind is locked without the kernel, and says who did it. */
uint32_t owner_self(void)
{
    int (*lock)(void *) = (int (*)(void *))libc_get(LIBC_pthread_mutex_lock);
    int (*unlock)(void *) = (int (*)(void *))libc_get(LIBC_pthread_mutex_unlock);
    bool musl = libc_get(LIBC____errno_location) != NULL;
    uint32_t mutex[MUTEX_WORDS] __attribute__((aligned(16))) = {0};
    mutex[musl ? MUSL_KIND : GLIBC_KIND] = RECURSIVE;
    if (lock == NULL || unlock == NULL || lock(mutex) != 0)
        return SSLC_OWNER_UNKNOWN;
    uint32_t owner = musl ? mutex[MUSL_OWNER] & MUSL_NUMBER : mutex[GLIBC_OWNER];
    unlock(mutex);
    return owner != 0 ? owner : SSLC_OWNER_UNKNOWN;
}
