#include "library.h"

#include "elf.h"

#define LIBRARIES 8
#define LOOK_AGAIN 256 /* objects without a pointer to any library: look for new libraries every so often */

#define LIBRARY_NAME(name, result, parameters) #name,
static const char *const names[LIBRARY_COUNT + 1] = {LIBRARY_INTERPOSED(LIBRARY_NAME) LIBRARY_CALLED(LIBRARY_NAME) NULL};
#undef LIBRARY_NAME

static struct library libraries[LIBRARIES];
static uint32_t taken;
static struct library fallback;
static uint32_t strangers;

struct search {
    uintptr_t words[4];
    struct elf_object found;
    bool hit;
};

static bool owns(const struct elf_object *object, void *context)
{
    struct search *search = context;
    if (object->is_hook)
        return false;
    for (unsigned i = 0; i < 4; i++) {
        uintptr_t word = search->words[i];
        if (word < object->start || word >= object->end || elf_symbol(object, "SSL_new") == NULL)
            continue;
        search->found = *object;
        search->hit = true;
        return true;
    }
    return false;
}

static const struct library *load_fallback(void)
{
    if (load_acquire(&fallback.ready) == 0) {
        void *found[LIBRARY_COUNT + 1];
        elf_find_next(names, found);
        for (unsigned i = 0; i < LIBRARY_COUNT; i++)
            store_relaxed(&fallback.function[i], found[i]);
        if (found[LIBRARY_SSL_new] != NULL)
            store_release(&fallback.ready, 1);
    }
    return &fallback;
}

static const struct library *load(const struct elf_object *object)
{
    uint32_t number = load_relaxed(&taken);
    do {
        if (number >= LIBRARIES)
            return load_fallback();
    } while (!__atomic_compare_exchange_n(&taken, &number, number + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    struct library *library = &libraries[number];
    for (unsigned i = 0; i < LIBRARY_COUNT; i++)
        library->function[i] = elf_symbol(object, names[i]);
    library->start = object->start;
    library->end = object->end;
    store_release(&library->ready, 1);
    return library;
}

static COLD const struct library *search_for(const uintptr_t *words)
{
    const struct library *first = load_fallback();
    if (load_acquire(&first->ready) != 0 && add_relaxed(&strangers, 1) % LOOK_AGAIN >= LIBRARIES)
        return first;
    struct search search;
    memcpy(search.words, words, sizeof search.words);
    search.hit = false;
    elf_each(owns, &search);
    return search.hit ? load(&search.found) : first;
}

const struct library *library_of(const void *object)
{
    if (object == NULL)
        return load_fallback();
    uintptr_t words[4];
    memcpy(words, object, sizeof words);
    uint32_t count = load_relaxed(&taken);
    for (uint32_t i = 0; i < count; i++) {
        const struct library *library = &libraries[i];
        if (load_acquire(&library->ready) == 0)
            continue;
        for (unsigned j = 0; j < 4; j++)
            if (words[j] - library->start < library->end - library->start)
                return library;
    }
    return search_for(words);
}

static bool defines(const struct elf_object *object, void *context)
{
    bool *present = context;
    *present = !object->is_hook && elf_symbol(object, "SSL_new") != NULL;
    return *present;
}

bool library_present(void)
{
    bool present = false;
    elf_each(defines, &present);
    return present;
}
