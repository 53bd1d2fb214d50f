/* SPDX-License-Identifier: MIT */
/* Symbol look-up over the loaded objects, in place of dlsym: it finds what was loaded privately, allocates
 * nothing, and asks nothing of the C library but dl_iterate_phdr. */
#ifndef SSLC_ELF_H
#define SSLC_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A loaded object. Pointers stay good until it is unloaded. */
struct elf_object {
    uintptr_t base;
    uintptr_t start; /* [start, end) spans its loadable segments */
    uintptr_t end;
    uint32_t order;    /* place in the list of objects, from 0: the program */
    bool is_hook;
    bool after_hook;   /* loaded after the hook, where RTLD_NEXT would look */
    const void *headers;       /* ElfW(Phdr)[header_count] */
    uint32_t header_count;
    const void *dynamic;       /* ElfW(Dyn)[], ended by DT_NULL */
    const void *symbols;
    const char *strings;
    const uint16_t *versions;  /* NULL: none */
    const uint32_t *gnu_hash;  /* NULL: none */
    const uint32_t *sysv_hash; /* NULL: none */
};

/* What the loader's list says of an object, from which the rest can be read without the list. */
struct elf_note {
    uintptr_t base;
    const void *headers;
    uint32_t header_count;
};

/* What an entry of object->dynamic points to. */
const void *elf_pointer(const struct elf_object *object, uintptr_t value);

/* Calls `visit` for each object that has a symbol table, in load order, until it returns true: whether it did. */
bool elf_each(bool (*visit)(const struct elf_object *object, void *context), void *context);

/* Notes the first `most` objects; how many there are. */
uint32_t elf_note_all(struct elf_note *notes, uint32_t most);

/* The same as elf_each for objects that were noted and are still loaded; takes no lock. */
bool elf_each_noted(const struct elf_note *notes, uint32_t count,
                    bool (*visit)(const struct elf_object *object, void *context), void *context);

/* Address of a function or object that `object` defines and exports in its default version, else NULL. */
void *elf_symbol(const struct elf_object *object, const char *name);

/* False: `object` has nothing of a name with this hash, elf_hash. */
bool elf_may_define(const struct elf_object *object, uint32_t hash);

/* Calls `visit` for each address that the loader wrote into `object` for a name, until it returns true: whether it did. */
bool elf_each_binding(const struct elf_object *object, bool (*visit)(const char *name, void **place, void *context),
                      void *context);

#define ELF_NAMES_MAX 64u
#define ELF_NAME_BYTES 40u

/* Names lie in their list themselves: addresses of them would have to be relocated at the start of each process. */
typedef char elf_name[ELF_NAME_BYTES];

/* The hash of DT_GNU_HASH of a literal, which the compiler works out. */
static inline __attribute__((always_inline)) uint32_t elf_hash(const char *name)
{
    uint32_t hash = 5381;
    size_t length = __builtin_strlen(name);
#pragma GCC unroll 40
    for (size_t i = 0; i < length; i++)
        hash = hash * 33 + (unsigned char)name[i];
    return hash;
}

/* Fills `found[i]` with the address of `names[i]`, whose hash is `hashes[i]` (at most ELF_NAMES_MAX), in the first object after the
 * hook that defines it, else in the last one before that is not the program itself, else NULL. */
void elf_find_next(const elf_name *names, const uint32_t *hashes, unsigned count, void **found);

#endif
