/* SPDX-License-Identifier: MIT */
#include "library.h"

#include "elf.h"

#define LIBRARIES 8
#define LOOK_AGAIN 256 /* objects without a pointer to any library: look for new libraries every so often */

#define LIBRARY_NAME(name, result, parameters) #name,
#define LIBRARY_HASH(name, result, parameters) elf_hash(#name),
static const elf_name names[] = {LIBRARY_INTERPOSED(LIBRARY_NAME) LIBRARY_CALLED(LIBRARY_NAME)};

struct library libraries[LIBRARIES];
static struct library fallback;
static uint32_t strangers;

static const struct library *load_fallback(void)
{
    if (load_acquire(&fallback.ready) == 0) {
        const uint32_t hashes[] = {LIBRARY_INTERPOSED(LIBRARY_HASH) LIBRARY_CALLED(LIBRARY_HASH)};
        void *found[LIBRARY_COUNT];
        elf_find_next(names, hashes, LIBRARY_COUNT, found);
        for (unsigned i = 0; i < LIBRARY_COUNT; i++)
            store_relaxed(&fallback.function[i], found[i]);
        if (found[LIBRARY_SSL_new] != NULL)
            store_release(&fallback.ready, 1);
    }
    return &fallback;
}

/* Threads that meet a library at the same time fill the same place, with the same values. */
static bool enlist(const struct elf_object *object, void *context)
{
    (void)context;
    if (object->is_hook || elf_symbol(object, "SSL_new") == NULL)
        return false;
    for (unsigned number = 0; number < LIBRARIES; number++) {
        struct library *library = &libraries[number];
        uintptr_t start = 0;
        if (!__atomic_compare_exchange_n(&library->start, &start, object->start, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED) &&
            start != object->start)
            continue;
        for (unsigned i = 0; i < LIBRARY_COUNT; i++)
            store_relaxed(&library->function[i], elf_symbol(object, names[i]));
        store_relaxed(&library->end, object->end);
        store_release(&library->ready, 1);
        break;
    }
    return false;
}

static bool is_there(const struct elf_object *object, void *context)
{
    const struct library *library = context;
    return object->start == library->start && object->end == library->end &&
           elf_symbol(object, "SSL_new") == load_relaxed(&library->function[LIBRARY_SSL_new]);
}

COLD void library_sweep(void)
{
    store_release(&fallback.ready, 0);
    for (unsigned number = 0; number < LIBRARIES; number++) {
        struct library *library = &libraries[number];
        if (load_acquire(&library->ready) == 0 || elf_each(is_there, library))
            continue;
        store_relaxed(&library->ready, 0);
        store_release(&library->start, 0);
    }
}

/* The library that one of the words points into, among those met so far. */
static const struct library *known(const library_word *words)
{
    for (unsigned i = 0; i < LIBRARIES; i++)
        if (library_made(&libraries[i], words))
            return &libraries[i];
    return NULL;
}

/* Only searches that found nothing count: a library that is new must be found at its first object. */
static COLD const struct library *search_for(const library_word *words)
{
    const struct library *first = load_fallback(), *found;
    if (load_acquire(&first->ready) != 0 && load_relaxed(&strangers) >= LIBRARIES &&
        add_relaxed(&strangers, 1) % LOOK_AGAIN >= LIBRARIES)
        return first;
    library_sweep();
    elf_each(enlist, NULL);
    found = known(words);
    if (found != NULL)
        return found;
    add_relaxed(&strangers, 1);
    return load_fallback();
}

const struct library *library_search(const void *object)
{
    if (object == NULL)
        return load_fallback();
    const struct library *found = known(object);
    return LIKELY(found != NULL) ? found : search_for(object);
}

bool library_in(const struct elf_object *object)
{
    return elf_symbol(object, "SSL_new") != NULL || elf_symbol(object, "gnutls_init") != NULL ||
           elf_symbol(object, "wolfSSL_new") != NULL || elf_symbol(object, "mbedtls_ssl_setup") != NULL ||
           elf_symbol(object, "SSL_ImportFD") != NULL || elf_symbol(object, "PR_GetIdentitiesLayer") != NULL;
}

static bool defines(const struct elf_object *object, void *context)
{
    bool *present = context;
    *present = !object->is_hook && library_in(object);
    return *present;
}

bool library_has(const char *name)
{
    bool found = text_begins(name, "gnutls_") || text_begins(name, "wolfSSL_") || text_begins(name, "mbedtls_ssl_");
    for (unsigned i = 0; i < LIBRARY_COUNT && !found; i++)
        found = text_equal(names[i], name);
    return found;
}

bool library_present(void)
{
    bool present = false;
    elf_each(defines, &present);
    return present;
}
