/* SPDX-License-Identifier: MIT */
#include "copies.h"

#include <elf.h>
#include <link.h>

#include "elf.h"

struct copies copies[COPIES_FAMILIES];

/* Number of the copy that this thread's last call from outside the hook was for: where a library passes a call on by a jump, the next one seems
 * to come from the hook. */
static __thread uint32_t last[COPIES_FAMILIES] __attribute__((tls_model("initial-exec")));

static inline bool is_in(uintptr_t at, uintptr_t start, uintptr_t end)
{
    return at - start < end - start;
}

/* The number of the copy that is there, `otherwise`: none is. */
static uint32_t copy_at(const struct copies *among, const void *address, uint32_t otherwise)
{
    for (uint32_t i = 0; i < load_relaxed(&among->count); i++)
        if (is_in((uintptr_t)address, load_relaxed(&among->copy[i].start), load_relaxed(&among->copy[i].end)))
            return i;
    return otherwise;
}

/* ---- Counting them ---- */

struct count {
    struct copies found;
    const char *name;
    const void *mirrored;
};

static bool add(const struct elf_object *object, void *context)
{
    struct count *count = context;
    struct copies *found = &count->found;
    void *function = object->is_hook || object->order == 0 ? NULL : elf_symbol(object, count->name);
    if (function == NULL)
        return false;
    if (function == count->mirrored)
        found->mirrored = found->count;
    found->copy[found->count] = (struct copy){object->start, object->end};
    return ++found->count == COPIES_MOST;
}

/* Threads that come at the same time write the same. */
void copies_find(enum copies_family family, const char *name, const void *mirrored)
{
    struct copies *known = &copies[family];
    struct count count;
    memset(&count, 0, sizeof count);
    count.name = name;
    count.mirrored = mirrored;
    elf_each(add, &count);
    for (uint32_t i = 0; i < count.found.count; i++) {
        store_relaxed(&known->copy[i].start, count.found.copy[i].start);
        store_relaxed(&known->copy[i].end, count.found.copy[i].end);
    }
    store_relaxed(&known->mirrored, count.found.mirrored);
    store_relaxed(&known->count, count.found.count);
}

/* ---- Whose a call is ---- */

struct search {
    const struct copies *among;
    const char *prefix;
    uintptr_t caller;
    struct elf_object object; /* that it is in */
    uint32_t copy; /* COPIES_MOST: none */
    const char *name;
    void *function;
};

static bool find_object(const struct elf_object *object, void *context)
{
    struct search *search = context;
    search->object = *object;
    return is_in(search->caller, object->start, object->end);
}

/* The loader has bound another of the family's functions, which the hook does not have, already. */
static bool is_bound(const char *name, void **place, void *context)
{
    struct search *search = context;
    search->copy = text_begins(name, search->prefix) ? copy_at(search->among, load_relaxed(place), COPIES_MOST) : COPIES_MOST;
    return search->copy != COPIES_MOST;
}

/* It is one of the copies, and the caller names it as one of those that it needs. */
static bool is_needed(const struct elf_object *object, void *context)
{
    struct search *search = context;
    const char *own = NULL;
    search->copy = copy_at(search->among, (const void *)object->start, COPIES_MOST);
    for (const ElfW(Dyn) *entry = object->dynamic; search->copy != COPIES_MOST && entry->d_tag != DT_NULL; entry++)
        own = entry->d_tag == DT_SONAME ? object->strings + entry->d_un.d_val : own;
    for (const ElfW(Dyn) *entry = search->object.dynamic; own != NULL && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED && text_equal(own, search->object.strings + entry->d_un.d_val))
            return true;
    return false;
}

/* `before` is that of the thread's last call; all that comes later than the program is bound to `first` first. */
static uint32_t copy_for(struct search *search, const void *first, uint32_t before)
{
    const struct copies *among = search->among;
    if (!elf_each(find_object, search))
        return load_relaxed(&among->mirrored);
    if (search->object.is_hook)
        return before;
    uint32_t copy = copy_at(among, (const void *)search->caller, COPIES_MOST);
    if (copy != COPIES_MOST || elf_each_binding(&search->object, is_bound, search))
        return copy != COPIES_MOST ? copy : search->copy;
    copy = copy_at(among, first, COPIES_MOST);
    if (copy != COPIES_MOST || elf_each(is_needed, search))
        return copy != COPIES_MOST ? copy : search->copy;
    return load_relaxed(&among->mirrored);
}

static bool find_function(const struct elf_object *object, void *context)
{
    struct search *search = context;
    if (object->start != load_relaxed(&search->among->copy[search->copy].start))
        return false;
    search->function = elf_symbol(object, search->name);
    return true;
}

COLD void *copies_function(enum copies_family family, const char *prefix, const void *first, const void *caller, const char *name)
{
    struct search search;
    memset(&search, 0, sizeof search);
    search.among = &copies[family];
    search.prefix = prefix;
    search.caller = (uintptr_t)caller;
    search.name = name;
    search.copy = last[family] = copy_for(&search, first, last[family]);
    if (search.copy != load_relaxed(&search.among->mirrored))
        elf_each(find_function, &search);
    return search.function;
}
