/* SPDX-License-Identifier: MIT */
#include "gnutls_copies.h"

#include <elf.h>
#include <link.h>

#include "elf.h"

#define COPIES 4

/* That of the program itself, or of what is loaded with it: all that comes later is bound to it first. */
extern int gnutls_protocol_get_version(void *) __attribute__((weak));

uint32_t gnutls_several;

/* [start, end) is its memory. */
struct copy {
    uintptr_t start;
    uintptr_t end;
    const char *name; /* its soname, NULL: none */
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

static const char *soname(const struct elf_object *object)
{
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_SONAME)
            return object->strings + entry->d_un.d_val;
    return NULL;
}

static bool add(const struct elf_object *object, void *context)
{
    struct copies *found = context;
    void *function = object->is_hook || object->order == 0 ? NULL : elf_symbol(object, "gnutls_record_recv");
    if (function == NULL)
        return false;
    if (function == found->record_recv)
        found->mirrored = found->count;
    found->copy[found->count] = (struct copy){object->start, object->end, soname(object)};
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
        store_relaxed(&copies.copy[i].name, found.copy[i].name);
    }
    store_relaxed(&copies.mirrored, found.mirrored);
    store_relaxed(&copies.count, found.count);
    store_relaxed(&gnutls_several, found.count > 1);
}

/* ---- Whose a call is ---- */

struct search {
    uintptr_t caller;
    uint32_t copy;
    const char *name;
    void *function;
};

/* The loader has bound another of GnuTLS's functions, which the hook does not have, already. */
static bool is_bound(const char *name, void **place, void *context)
{
    struct search *search = context;
    search->copy = text_begins(name, "gnutls_") ? copy_at(load_relaxed(place), COPIES) : COPIES;
    return search->copy != COPIES;
}

static uint32_t needed(const struct elf_object *object)
{
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++)
        for (uint32_t i = 0; entry->d_tag == DT_NEEDED && i < load_relaxed(&copies.count); i++) {
            const char *name = load_relaxed(&copies.copy[i].name);
            if (name != NULL && text_equal(name, object->strings + entry->d_un.d_val))
                return i;
        }
    return load_relaxed(&copies.mirrored);
}

static bool find_copy(const struct elf_object *object, void *context)
{
    struct search *search = context;
    if (!is_in(search->caller, object->start, object->end))
        return false;
    search->copy = object->is_hook ? last : copy_at((const void *)search->caller, COPIES);
    if (search->copy == COPIES && !elf_each_binding(object, is_bound, search))
        search->copy = copy_at((const void *)gnutls_protocol_get_version, COPIES);
    if (search->copy == COPIES)
        search->copy = needed(object);
    return true;
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
    struct search search = {(uintptr_t)caller, load_relaxed(&copies.mirrored), name, NULL};
    elf_each(find_copy, &search);
    last = search.copy;
    if (search.copy != load_relaxed(&copies.mirrored))
        elf_each(find_function, &search);
    return search.function;
}
