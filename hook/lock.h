/* SPDX-License-Identifier: MIT */
/* A try-lock whose holder a fork can lose: the value says which process took it, and a child takes over what its parent's threads
 * held. */
#ifndef SSLC_LOCK_H
#define SSLC_LOCK_H

#include "sys.h"

/* `stamp` is the caller's process, attach_stamp, never 0. */
static inline bool try_lock(uint32_t *lock, uint32_t stamp)
{
    uint32_t holder = load_relaxed(lock);
    if (holder == stamp)
        return false;
    return __atomic_compare_exchange_n(lock, &holder, stamp, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void unlock(uint32_t *lock)
{
    store_release(lock, 0);
}

#endif
