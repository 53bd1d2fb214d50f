/* SPDX-License-Identifier: MIT */
#include "libc.h"

#include "elf.h"

/* Objects that may have some of them: the C library, and what else is preloaded. */
#define SOURCES 8

void *libc_original[LIBC_COUNT];

static struct elf_object sources[SOURCES];
static uint32_t source_count;
static uint32_t loaded;

#define LIBC_NAME(name, result, parameters) #name,
#define LIBC_HASH(name, result, parameters) elf_hash(#name),
static const elf_name names[] = {LIBC_FUNCTIONS(LIBC_NAME)};

static bool may_have_any(const struct elf_object *object)
{
    const uint32_t hashes[] = {LIBC_FUNCTIONS(LIBC_HASH)};
    for (unsigned i = 0; i < LIBC_COUNT; i++)
        if (elf_may_define(object, hashes[i]))
            return true;
    return false;
}

static bool note_source(const struct elf_object *object, void *context)
{
    uint32_t *count = context;
    if (object->is_hook || object->order == 0 || !may_have_any(object))
        return false;
    if (*count < SOURCES)
        sources[*count] = *object;
    ++*count;
    return false;
}

static COLD void find_all(void)
{
    const uint32_t hashes[] = {LIBC_FUNCTIONS(LIBC_HASH)};
    void *found[LIBC_COUNT];
    elf_find_next(names, hashes, LIBC_COUNT, found);
    for (unsigned i = 0; i < LIBC_COUNT; i++)
        store_relaxed(&libc_original[i], found[i]);
}

void libc_load(void)
{
    uint32_t count = 0;
    if (load_acquire(&loaded) != 0)
        return;
    elf_each(note_source, &count);
    if (count > SOURCES)
        find_all();
    store_relaxed(&source_count, count <= SOURCES ? count : 0);
    store_release(&loaded, 1);
}

COLD void *libc_find(enum libc_index index)
{
    void *found = NULL;
    bool after = false;
    libc_load();
    if (load_relaxed(&source_count) == 0)
        return load_relaxed(&libc_original[index]);
    for (uint32_t i = 0; i < load_relaxed(&source_count) && !after; i++) {
        void *address = elf_symbol(&sources[i], names[index]);
        found = address != NULL ? address : found;
        after = address != NULL && sources[i].after_hook;
    }
    store_relaxed(&libc_original[index], found);
    return found;
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

static void *chosen_clock;

static COLD void *choose_clock(void)
{
    void *clock_gettime = libc_get(LIBC___vdso_clock_gettime);
    if (clock_gettime == NULL)
        clock_gettime = libc_get(LIBC___kernel_clock_gettime);
    if (clock_gettime == NULL)
        clock_gettime = libc_get(LIBC_clock_gettime);
    store_relaxed(&chosen_clock, clock_gettime);
    return clock_gettime;
}

uint64_t clock_ns(int clock)
{
    struct clock_time now = {0, 0};
    void *clock_gettime = load_relaxed(&chosen_clock);
    if (UNLIKELY(clock_gettime == NULL))
        clock_gettime = choose_clock();
    if (LIKELY(clock_gettime != NULL))
        ((int (*)(int, void *))clock_gettime)(clock, &now);
    else
        sys2(SYS_clock_gettime, clock, &now);
    return (uint64_t)now.seconds * NS_PER_SECOND + (uint64_t)now.nanoseconds;
}
