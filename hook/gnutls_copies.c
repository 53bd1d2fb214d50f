/* SPDX-License-Identifier: MIT */
#include "gnutls_copies.h"

#include <elf.h>
#include <link.h>

#include "elf.h"

#define COPIES 4

/* That of the program itself, or of what is loaded with it: all that comes later is bound to it first. */
extern int gnutls_protocol_get_version(void *) __attribute__((weak));

uint32_t gnutls_several;

/* [start, end) is its memory. Nothing is read there: it may have been unloaded. */
struct copy {
    uintptr_t start;
    uintptr_t end;
};

struct copies {
    struct copy copy[COPIES];
    uint32_t count;
    uint32_t mirrored; /* number of that one */
    const void *record_recv; /* its function */
};
static struct copies copies;

/* Number of the copy that this thread's last call from outside the hook was for: where GnuTLS passes a call on by a jump, the next one seems
 * to come from the hook. */
static __thread uint32_t last __attribute__((tls_model("initial-exec")));

static inline bool is_in(uintptr_t at, uintptr_t start, uintptr_t end)
{
    return at - start < end - start;
}

/* The number of the copy that is there, `otherwise`: none is. */
static uint32_t copy_at(const void *address, uint32_t otherwise)
{
    for (uint32_t i = 0; i < load_relaxed(&copies.count); i++)
        if (is_in((uintptr_t)address, load_relaxed(&copies.copy[i].start), load_relaxed(&copies.copy[i].end)))
            return i;
    return otherwise;
}

/* ---- Counting them ---- */

static bool add(const struct elf_object *object, void *context)
{
    struct copies *found = context;
    void *function = object->is_hook || object->order == 0 ? NULL : elf_symbol(object, "gnutls_record_recv");
    if (function == NULL)
        return false;
    if (function == found->record_recv)
        found->mirrored = found->count;
    found->copy[found->count] = (struct copy){object->start, object->end};
    return ++found->count == COPIES;
}

/* Threads that come at the same time write the same. */
void gnutls_copies_find(const void *record_recv)
{
    struct copies found;
    memset(&found, 0, sizeof found);
    found.record_recv = record_recv;
    elf_each(add, &found);
    for (uint32_t i = 0; i < found.count; i++) {
        store_relaxed(&copies.copy[i].start, found.copy[i].start);
        store_relaxed(&copies.copy[i].end, found.copy[i].end);
    }
    store_relaxed(&copies.mirrored, found.mirrored);
    store_relaxed(&copies.count, found.count);
    store_relaxed(&gnutls_several, found.count > 1);
}

/* ---- Whose a call is ---- */

struct search {
    uintptr_t caller;
    struct elf_object object; /* that it is in */
    uint32_t copy;
    const char *name;
    void *function;
};

static bool find_object(const struct elf_object *object, void *context)
{
    struct search *search = context;
    search->object = *object;
    return is_in(search->caller, object->start, object->end);
}

/* The loader has bound another of GnuTLS's functions, which the hook does not have, already. */
static bool is_bound(const char *name, void **place, void *context)
{
    struct search *search = context;
    search->copy = text_begins(name, "gnutls_") ? copy_at(load_relaxed(place), COPIES) : COPIES;
    return search->copy != COPIES;
}

/* It is a GnuTLS, and the caller names it as one of those that it needs. */
static bool is_needed(const struct elf_object *object, void *context)
{
    struct search *search = context;
    const char *own = NULL;
    search->copy = copy_at((const void *)object->start, COPIES);
    for (const ElfW(Dyn) *entry = object->dynamic; search->copy != COPIES && entry->d_tag != DT_NULL; entry++)
        own = entry->d_tag == DT_SONAME ? object->strings + entry->d_un.d_val : own;
    for (const ElfW(Dyn) *entry = search->object.dynamic; own != NULL && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED && text_equal(own, search->object.strings + entry->d_un.d_val))
            return true;
    return false;
}

static uint32_t copy_for(struct search *search)
{
    if (!elf_each(find_object, search))
        return load_relaxed(&copies.mirrored);
    if (search->object.is_hook)
        return last;
    uint32_t copy = copy_at((const void *)search->caller, COPIES);
    if (copy != COPIES || elf_each_binding(&search->object, is_bound, search))
        return copy != COPIES ? copy : search->copy;
    copy = copy_at((const void *)gnutls_protocol_get_version, COPIES);
    if (copy != COPIES || elf_each(is_needed, search))
        return copy != COPIES ? copy : search->copy;
    return load_relaxed(&copies.mirrored);
}

static bool find_function(const struct elf_object *object, void *context)
{
    struct search *search = context;
    if (object->start != load_relaxed(&copies.copy[search->copy].start))
        return false;
    search->function = elf_symbol(object, search->name);
    return true;
}

COLD void *gnutls_copies_function(const void *caller, const char *name)
{
    struct search search;
    memset(&search, 0, sizeof search);
    search.caller = (uintptr_t)caller;
    search.name = name;
    search.copy = last = copy_for(&search);
    if (search.copy != load_relaxed(&copies.mirrored))
        elf_each(find_function, &search);
    return search.function;
}
