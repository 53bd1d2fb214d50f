/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <sys/mman.h>

#include "room.h"
#include "settings.h"

#define NUMBER_BITS 17
#define NUMBER_MASK ((1ull << NUMBER_BITS) - 1)
#define WINDOW 32u /* places in which a key may be, so a miss reads 4 cache lines; places are half empty at worst */

#define SMALL_SESSIONS 1024u
#define SLACK 256u /* records that are still to be had when the table shrinks */

/* BoringSSL's objects lie 8 bytes behind what the C library gave it. Word of the index: address / 8, then number of the record + 1; 0: free. */
struct table {
    uint64_t *index; /* NULL: not to be used yet */
    struct session *records;
    uint32_t capacity;
    uint32_t places; /* a power of two, twice the capacity */
    uint32_t used;   /* records ever used; may run past capacity */
    uint64_t free;   /* number + 1 of the first free record, and in the upper half a count against ABA */
};

static struct table sessions;
static uint8_t *memory;
static uint64_t memory_bytes;

/* Gives back the pages behind what is used of the records. */
static void keep_records(uint32_t count)
{
    uintptr_t page = load_relaxed(&settings.page_bytes);
    uintptr_t from = ((uintptr_t)&sessions.records[count] + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)memory + memory_bytes + page - 1) & ~(page - 1);
    if (from < end) {
        sys2(SYS_munmap, from, end - from);
        memory_bytes = from - (uintptr_t)memory; /* others may have theirs there now */
    }
}

static void set_size(uint32_t capacity)
{
    sessions.capacity = capacity;
    sessions.places = capacity * 2;
    sessions.records = (struct session *)(memory + sessions.places * sizeof(uint64_t));
}

bool sessions_create(bool small)
{
    if (memory != NULL)
        return true;
    uint32_t capacity = small ? SMALL_SESSIONS : SESSIONS_MAX;
    memory_bytes = (uint64_t)capacity * (2 * sizeof(uint64_t) + sizeof(struct session));
    memory = room_map(memory_bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (memory == NULL)
        return false;
    sys3(SYS_madvise, memory, memory_bytes, MADV_DONTDUMP);
    set_size(capacity);
    return true;
}

void sessions_open(void)
{
    store_release(&sessions.index, (uint64_t *)memory);
}

void sessions_shrink(void)
{
    uint32_t capacity = load_relaxed(&sessions.capacity), kept = load_relaxed(&sessions.used) + SLACK;
    kept = kept < SMALL_SESSIONS ? SMALL_SESSIONS : kept;
    if (memory == NULL || kept >= capacity)
        return;
    if (load_relaxed(&sessions.index) == NULL) { /* nothing is in it: the index may be small, too */
        set_size(kept);
        keep_records(kept);
        return;
    }
    /* Pairs with record_take: whoever takes a record beyond this has counted it by now. */
    __atomic_store_n(&sessions.capacity, kept, __ATOMIC_SEQ_CST);
    uint32_t used = __atomic_load_n(&sessions.used, __ATOMIC_SEQ_CST);
    used = used < capacity ? used : capacity;
    keep_records(used < kept ? kept : used);
}

void sessions_discard(void)
{
    sys2(SYS_munmap, memory, memory_bytes);
    memory = NULL;
}

/* 0 for an address that fits no word of the index. */
static inline uint64_t key_of(const void *ssl)
{
    uint64_t address = (uint64_t)(uintptr_t)ssl;
    if ((address & 7) != 0 || address >> (64 - NUMBER_BITS + 3) != 0)
        return 0;
    return address >> 3 << NUMBER_BITS;
}

static inline uint32_t place_of(const struct table *table, uint64_t key, uint32_t step)
{
    uint32_t first = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 40) & (table->places - 1) & ~7u;
    return (first + step) & (table->places - 1);
}

static struct session *record_take(struct table *table)
{
    uint64_t head = load_acquire(&table->free);
    while ((uint32_t)head != 0) {
        struct session *session = &table->records[(uint32_t)head - 1];
        uint64_t next = ((head >> 32) + 1) << 32 | load_relaxed(&session->next_free);
        if (__atomic_compare_exchange_n(&table->free, &head, next, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
            return session;
    }
    if (load_relaxed(&table->used) >= load_relaxed(&table->capacity))
        return NULL;
    uint32_t number = __atomic_fetch_add(&table->used, 1, __ATOMIC_SEQ_CST);
    return number < __atomic_load_n(&table->capacity, __ATOMIC_SEQ_CST) ? &table->records[number] : NULL;
}

static void record_give(struct table *table, struct session *session)
{
    uint32_t number = (uint32_t)(session - table->records) + 1;
    uint64_t head = load_relaxed(&table->free), next;
    do {
        store_relaxed(&session->next_free, (uint32_t)head);
        next = ((head >> 32) + 1) << 32 | number;
    } while (!__atomic_compare_exchange_n(&table->free, &head, next, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* The record with this key, and its place; NULL, and the first free place in *free (UINT32_MAX: none). */
static struct session *look(struct table *table, uint64_t key, uint32_t *place, uint32_t *free)
{
    *free = UINT32_MAX;
    for (uint32_t step = 0; step < WINDOW; step++) {
        uint32_t at = place_of(table, key, step);
        uint64_t word = load_acquire(&table->index[at]);
        if ((word & ~NUMBER_MASK) == key && word != 0) {
            *place = at;
            return &table->records[(word & NUMBER_MASK) - 1];
        }
        if (word == 0 && *free == UINT32_MAX)
            *free = at;
    }
    return NULL;
}

__thread struct session *session_last __attribute__((tls_model("initial-exec"), visibility("hidden")));

COLD struct session *session_look_up(const void *ssl)
{
    uint64_t key = key_of(ssl);
    uint32_t place, free;
    return load_acquire(&sessions.index) == NULL || key == 0 ? NULL : look(&sessions, key, &place, &free);
}

static struct session *find_or_make(const void *ssl)
{
    struct table *table = &sessions;
    uint64_t key = key_of(ssl);
    if (load_acquire(&table->index) == NULL || key == 0)
        return NULL;
    struct session *made = NULL;
    for (;;) {
        uint32_t place, free;
        struct session *found = look(table, key, &place, &free);
        if (found != NULL || free == UINT32_MAX) {
            if (made != NULL)
                record_give(table, made);
            return found;
        }
        if (made == NULL) {
            made = record_take(table);
            if (made == NULL)
                return NULL;
            /* All but the key, which is 0, and which threads that used this record may look at. */
            memset(&made->flow, 0, offsetof(struct session, next_free) - offsetof(struct session, flow));
            made->unfinished = 0;
            made->departure.offered = 0;
        }
        uint64_t word = key | ((uint64_t)(made - table->records) + 1), empty = 0;
        if (__atomic_compare_exchange_n(&table->index[free], &empty, word, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
            store_relaxed(&made->key, (uint64_t)(uintptr_t)ssl);
            return made;
        }
    }
}

COLD struct session *session_look_up_or_make(const void *ssl)
{
    struct session *session = find_or_make(ssl);
    if (session != NULL)
        session_last = session;
    return session;
}

void session_remove(const void *ssl, struct session *session)
{
    struct table *table = &sessions;
    uint64_t key = key_of(ssl);
    uint32_t place, free;
    if (load_acquire(&table->index) == NULL || key == 0 || look(table, key, &place, &free) != session)
        return;
    uint64_t word = key | ((uint64_t)(session - table->records) + 1);
    if (__atomic_compare_exchange_n(&table->index[place], &word, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        store_relaxed(&session->key, 0);
        record_give(table, session);
    }
}
