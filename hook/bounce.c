/* SPDX-License-Identifier: MIT */
#include "bounce.h"

#include <sys/mman.h>

#include "room.h"

#define SMALL_COUNT 128u
#define LARGE_COUNT 16u
#define COUNT (SMALL_COUNT + LARGE_COUNT)
#define POOL_BYTES ((uint64_t)SMALL_COUNT * BOUNCE_SMALL + (uint64_t)LARGE_COUNT * BOUNCE_LARGE)
/* What is left of it where memory is short. */
#define FEW_LARGE 1u
#define FEW_SMALL 8u
#define ORPHAN 1ull        /* in a ticket */
#define GONE UINT64_MAX    /* this buffer is not there */

/* 0: free. Else a ticket: stamp of the process that claimed it, in the upper half, and a count. */
static uint64_t claims[COUNT];
static uint32_t tickets;
static uint8_t *pool;
static bool shrunk; /* buffers that are GONE may be memory of others now */

static inline bool is_small(uint32_t number)
{
    return number < SMALL_COUNT;
}

static inline uint64_t size_of(uint32_t number)
{
    return is_small(number) ? BOUNCE_SMALL : BOUNCE_LARGE;
}

static inline uint8_t *buffer_at(uint32_t number)
{
    return is_small(number) ? pool + (uint64_t)number * BOUNCE_SMALL
                            : pool + (uint64_t)SMALL_COUNT * BOUNCE_SMALL +
                                  (uint64_t)(number - SMALL_COUNT) * BOUNCE_LARGE;
}

bool bounce_create(bool small)
{
    if (pool != NULL)
        return true;
    pool = room_map(POOL_BYTES, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (pool == NULL)
        return false;
    sys3(SYS_madvise, pool, POOL_BYTES, MADV_DONTDUMP);
    if (small)
        bounce_shrink();
    return true;
}

void bounce_shrink(void)
{
    shrunk = true;
    for (uint32_t number = 0; pool != NULL && number < COUNT; number++) {
        uint64_t claim = 0;
        bool kept = is_small(number) ? number < FEW_SMALL : number < SMALL_COUNT + FEW_LARGE;
        if (!kept &&
            __atomic_compare_exchange_n(&claims[number], &claim, GONE, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            sys2(SYS_munmap, buffer_at(number), size_of(number));
    }
}

void bounce_discard(void)
{
    if (!shrunk)
        sys2(SYS_munmap, pool, POOL_BYTES);
    for (uint32_t number = 0; shrunk && number < COUNT; number++)
        if (load_relaxed(&claims[number]) != GONE)
            sys2(SYS_munmap, buffer_at(number), size_of(number));
    pool = NULL;
}

/* Free, an orphan, or claimed by a thread of the parent process that this one was forked from. */
static inline bool is_to_have(uint64_t claim, uint32_t stamp)
{
    return claim != GONE && (claim == 0 || (claim & ORPHAN) != 0 || (uint32_t)(claim >> 32) != stamp);
}

/* A buffer among `count` from `first` on. Each thread begins at a place of its own, where its last copy is in the cache. */
static uint32_t claim_one(uint32_t first, uint32_t count, uint32_t stamp, uint64_t ticket)
{
    static __thread char place;
    uint32_t begin = (uint32_t)((uintptr_t)&place >> 6) * 0x9e3779b1u >> 16;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = first + (begin + i) % count;
        uint64_t claim = load_relaxed(&claims[number]);
        if (is_to_have(claim, stamp) &&
            __atomic_compare_exchange_n(&claims[number], &claim, ticket, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return number;
    }
    return BOUNCE_NONE;
}

COLD void bounce_begin_in_pool(struct bounce *bounce, uint32_t stamp)
{
    bool small = bounce->length <= BOUNCE_SMALL;
    bounce->ticket = (uint64_t)stamp << 32 | (uint32_t)(add_relaxed(&tickets, 1) << 1);
    bounce->number = small ? claim_one(0, SMALL_COUNT, stamp, bounce->ticket)
                           : claim_one(SMALL_COUNT, LARGE_COUNT, stamp, bounce->ticket);
    if (bounce->number == BOUNCE_NONE)
        return;
    bounce->room = small ? BOUNCE_SMALL : BOUNCE_LARGE;
    bounce->bytes = buffer_at(bounce->number);
}

/* From position `at` of what is written in several pieces. */
static void copy_pieces(const struct iovec *piece, uint64_t at, uint8_t *to, uint64_t length)
{
    for (; length != 0; piece++) {
        uint64_t step = at < piece->iov_len ? piece->iov_len - at : 0;
        step = step < length ? step : length;
        if (step != 0)
            memcpy(to, (const uint8_t *)piece->iov_base + at, step);
        at = step != 0 ? 0 : at - piece->iov_len;
        to += step;
        length -= step;
    }
}

COLD void bounce_fill_any(struct bounce *bounce, uint64_t end)
{
    uint64_t have = bounce->start + bounce->filled, most = bounce->start + bounce->room;
    end = end < bounce->length ? end : bounce->length;
    end = end < most ? end : most;
    if (bounce->from != NULL) {
        bounce_fill(bounce, end);
    } else if (end > have) {
        copy_pieces(bounce->pieces, have, bounce->bytes + bounce->filled, end - have);
        bounce->filled += (uint32_t)(end - have);
    }
}

void bounce_pass(struct bounce *bounce, uint64_t position)
{
    uint64_t end = bounce->start + bounce->filled;
    if (position >= end) {
        bounce->start = position;
        bounce->filled = 0;
        return;
    }
    /* Not before both parts lie apart. */
    uint64_t passed = position < bounce->start ? 0 : position - bounce->start, kept = bounce->filled - passed;
    if (passed < kept || passed < bounce->room / 2)
        return;
    memcpy(bounce->bytes, bounce->bytes + passed, kept);
    bounce->start = position;
    bounce->filled = (uint32_t)kept;
}

bool bounce_keep_in_pool(struct bounce *bounce)
{
    uint64_t claim = bounce->ticket | ORPHAN;
    if (LIKELY(load_relaxed(&claims[bounce->number]) == bounce->ticket) ||
        __atomic_compare_exchange_n(&claims[bounce->number], &claim, bounce->ticket, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED))
        return true;
    bounce->number = BOUNCE_NONE;
    bounce->bytes = NULL;
    bounce->filled = 0;
    return false;
}

void bounce_end_in_pool(struct bounce *bounce)
{
    uint64_t claim = bounce->ticket;
    __atomic_compare_exchange_n(&claims[bounce->number], &claim, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    bounce->number = BOUNCE_NONE;
}

COLD void bounce_orphan(uint32_t number, uint64_t ticket)
{
    uint64_t claim = ticket;
    __atomic_compare_exchange_n(&claims[number], &claim, ticket | ORPHAN, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}
