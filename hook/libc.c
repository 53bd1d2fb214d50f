/* SPDX-License-Identifier: MIT */
#include "libc.h"

#include "elf.h"

/* Objects that a program may be loaded with before all is looked up at once. */
#define NOTES 64u
/* Objects that may have some of them: the C library, and what else is preloaded. */
#define SOURCES 8u

void *libc_original[LIBC_COUNT];

/* What was there when the program was loaded. Most programs are over before anything is looked up in it. */
static struct elf_note notes[NOTES];
static uint32_t note_count; /* 0: all is looked up */
static uint32_t loaded;

static struct elf_object sources[SOURCES];
static uint32_t source_count; /* may be more than SOURCES */
static uint32_t sifted;

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
    if (load_acquire(&loaded) != 0)
        return;
    uint32_t count = elf_note_all(notes, NOTES);
    if (count > NOTES)
        find_all();
    store_relaxed(&note_count, count <= NOTES ? count : 0);
    store_release(&loaded, 1);
}

/* Threads that do this at the same time write the same. */
static void sift(void)
{
    uint32_t count = 0;
    elf_each_noted(notes, load_relaxed(&note_count), note_source, &count);
    store_relaxed(&source_count, count);
    store_release(&sifted, 1);
}

struct look {
    const char *name;
    void *found;
};

/* Looks where RTLD_NEXT would, else in what comes last before it. */
static bool look_in(const struct elf_object *object, void *context)
{
    struct look *look = context;
    if (object->is_hook || object->order == 0)
        return false;
    void *address = elf_symbol(object, look->name);
    look->found = address != NULL ? address : look->found;
    return address != NULL && object->after_hook;
}

COLD void *libc_find(enum libc_index index)
{
    struct look look = {names[index], NULL};
    bool done = false;
    libc_load();
    if (load_relaxed(&note_count) == 0)
        return load_relaxed(&libc_original[index]);
    if (load_acquire(&sifted) == 0)
        sift();
    uint32_t count = load_relaxed(&source_count);
    for (uint32_t i = 0; i < count && count <= SOURCES && !done; i++)
        done = look_in(&sources[i], &look);
    if (count > SOURCES)
        elf_each_noted(notes, load_relaxed(&note_count), look_in, &look);
    store_relaxed(&libc_original[index], look.found);
    return look.found;
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
