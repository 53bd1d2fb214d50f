/* SPDX-License-Identifier: MIT */
#include "elf.h"

#include <elf.h>
#include <link.h>

#include "sys.h"

#if defined(__x86_64__)
#define JUMP_SLOT R_X86_64_JUMP_SLOT
#define GLOBAL_DATA R_X86_64_GLOB_DAT
#else
#define JUMP_SLOT R_AARCH64_JUMP_SLOT
#define GLOBAL_DATA R_AARCH64_GLOB_DAT
#endif

/* Weak, so that a program without a dynamic loader of its own would still start. */
extern int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data) __attribute__((weak));

struct walk {
    bool (*visit)(const struct elf_object *, void *);
    void *context;
    uint32_t order;
    bool passed_hook;
};

/* glibc relocates the pointers of the dynamic section in place, musl and the vDSO do not. */
const void *elf_pointer(const struct elf_object *object, uintptr_t value)
{
    return (const void *)(value >= object->start && value < object->end ? value : object->base + value);
}

static const void *placed(const struct elf_object *object, const void *at)
{
    return at == NULL ? NULL : elf_pointer(object, (uintptr_t)at);
}

static bool describe(const struct elf_note *note, struct elf_object *object)
{
    const ElfW(Dyn) *dynamic = NULL;
    uintptr_t start = UINTPTR_MAX, end = 0;
    for (unsigned i = 0; i < note->header_count; i++) {
        const ElfW(Phdr) *header = (const ElfW(Phdr) *)note->headers + i;
        if (header->p_type == PT_LOAD) {
            uintptr_t from = note->base + header->p_vaddr;
            start = from < start ? from : start;
            end = from + header->p_memsz > end ? from + header->p_memsz : end;
        } else if (header->p_type == PT_DYNAMIC) {
            dynamic = (const void *)(note->base + header->p_vaddr);
        }
    }
    if (dynamic == NULL || start >= end)
        return false;
    object->base = note->base;
    object->start = start;
    object->end = end;
    object->headers = note->headers;
    object->header_count = note->header_count;
    object->dynamic = dynamic;
    object->symbols = NULL;
    object->strings = NULL;
    object->versions = NULL;
    object->gnu_hash = NULL;
    object->sysv_hash = NULL;
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        const void *at = (const void *)dynamic->d_un.d_ptr;
        if (dynamic->d_tag == DT_SYMTAB)
            object->symbols = at;
        else if (dynamic->d_tag == DT_STRTAB)
            object->strings = at;
        else if (dynamic->d_tag == DT_VERSYM)
            object->versions = at;
        else if (dynamic->d_tag == DT_GNU_HASH)
            object->gnu_hash = at;
        else if (dynamic->d_tag == DT_HASH)
            object->sysv_hash = at;
    }
    object->symbols = placed(object, object->symbols);
    object->strings = placed(object, object->strings);
    object->versions = placed(object, object->versions);
    object->gnu_hash = placed(object, object->gnu_hash);
    object->sysv_hash = placed(object, object->sysv_hash);
    return object->symbols != NULL && object->strings != NULL &&
           (object->gnu_hash != NULL || object->sysv_hash != NULL);
}

/* Whether the visitor is content. */
static bool meet(struct walk *walk, const struct elf_note *note)
{
    struct elf_object object;
    uint32_t order = walk->order++;
    if (!describe(note, &object))
        return false;
    object.order = order;
    object.is_hook = (uintptr_t)&meet >= object.start && (uintptr_t)&meet < object.end;
    object.after_hook = walk->passed_hook;
    if (object.is_hook)
        walk->passed_hook = true;
    return walk->visit(&object, walk->context);
}

static struct elf_note note_of(const struct dl_phdr_info *info)
{
    return (struct elf_note){info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum};
}

static int step(struct dl_phdr_info *info, size_t size, void *walk)
{
    (void)size;
    struct elf_note note = note_of(info);
    return meet(walk, &note) ? 1 : 0;
}

bool elf_each(bool (*visit)(const struct elf_object *, void *), void *context)
{
    struct walk walk = {visit, context, 0, false};
    return dl_iterate_phdr != NULL && dl_iterate_phdr(step, &walk) != 0;
}

bool elf_each_noted(const struct elf_note *notes, uint32_t count, bool (*visit)(const struct elf_object *, void *),
                    void *context)
{
    struct walk walk = {visit, context, 0, false};
    bool found = false;
    for (uint32_t i = 0; i < count && !found; i++)
        found = meet(&walk, &notes[i]);
    return found;
}

struct notes {
    struct elf_note *list;
    uint32_t most;
    uint32_t count;
};

static int note_one(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    struct notes *notes = data;
    if (notes->count < notes->most)
        notes->list[notes->count] = note_of(info);
    notes->count++;
    return 0;
}

uint32_t elf_note_all(struct elf_note *list, uint32_t most)
{
    struct notes notes = {list, most, 0};
    if (dl_iterate_phdr != NULL)
        dl_iterate_phdr(note_one, &notes);
    return notes.count;
}

static void *symbol_address(const struct elf_object *object, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = (const ElfW(Sym) *)object->symbols + index;
    unsigned type = symbol->st_info & 15u, binding = symbol->st_info >> 4;
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_value == 0 || binding == STB_LOCAL)
        return NULL;
    if (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE && type != STT_GNU_IFUNC)
        return NULL;
    /* The high bit marks a version that only old binaries are bound to. */
    if (object->versions != NULL && (object->versions[index] & 0x8000u) != 0)
        return NULL;
    if (!text_equal(object->strings + symbol->st_name, name))
        return NULL;
    uintptr_t address = object->base + symbol->st_value;
    if (type == STT_GNU_IFUNC)
        return ((void *(*)(void))address)();
    return (void *)address;
}

static uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;
    for (const char *c = name; *c != 0; c++)
        hash = hash * 33 + (unsigned char)*c;
    return hash;
}

bool elf_may_define(const struct elf_object *object, uint32_t hash)
{
    const uint32_t *table = object->gnu_hash;
    if (table == NULL)
        return true;
    uint32_t buckets = table[0], bloom_words = table[2], shift = table[3];
    const ElfW(Addr) *bloom = (const void *)(table + 4);
    const unsigned bits = sizeof(ElfW(Addr)) * 8;
    if (buckets == 0 || bloom_words == 0)
        return false;
    ElfW(Addr) word = bloom[hash / bits & (bloom_words - 1)]; /* a power of two */
    return ((word >> (hash % bits)) & (word >> ((hash >> shift) % bits)) & 1) != 0;
}

static void *find_gnu(const struct elf_object *object, const char *name, uint32_t hash)
{
    const uint32_t *table = object->gnu_hash;
    uint32_t buckets = table[0], first = table[1], bloom_words = table[2];
    const ElfW(Addr) *bloom = (const void *)(table + 4);
    const uint32_t *bucket = (const void *)(bloom + bloom_words);
    const uint32_t *chain = bucket + buckets;
    if (!elf_may_define(object, hash))
        return NULL;
    uint32_t index = bucket[hash % buckets];
    if (index < first)
        return NULL;
    for (;; index++) {
        uint32_t entry = chain[index - first];
        if ((entry | 1u) == (hash | 1u)) {
            void *address = symbol_address(object, index, name);
            if (address != NULL)
                return address;
        }
        if ((entry & 1u) != 0)
            return NULL;
    }
}

static void *find_sysv(const struct elf_object *object, const char *name)
{
    const uint32_t *table = object->sysv_hash;
    uint32_t buckets = table[0];
    const uint32_t *bucket = table + 2, *chain = bucket + buckets;
    if (buckets == 0)
        return NULL;
    uint32_t hash = 0;
    for (const char *c = name; *c != 0; c++) {
        hash = (hash << 4) + (unsigned char)*c;
        uint32_t high = hash & 0xf0000000u;
        hash ^= high >> 24;
        hash &= ~high;
    }
    for (uint32_t index = bucket[hash % buckets]; index != 0; index = chain[index]) {
        void *address = symbol_address(object, index, name);
        if (address != NULL)
            return address;
    }
    return NULL;
}

void *elf_symbol(const struct elf_object *object, const char *name)
{
    return object->gnu_hash != NULL ? find_gnu(object, name, gnu_hash(name)) : find_sysv(object, name);
}

struct search {
    const elf_name *names;
    const uint32_t *hashes;
    void **found;
    uint64_t open; /* bit i: found[i] does not come from an object after the hook */
};

static bool search_object(const struct elf_object *object, void *context)
{
    struct search *search = context;
    if (object->is_hook || object->order == 0)
        return false;
    for (uint64_t left = search->open; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        void *address = object->gnu_hash != NULL ? find_gnu(object, search->names[i], search->hashes[i])
                                                 : find_sysv(object, search->names[i]);
        if (address == NULL)
            continue;
        search->found[i] = address;
        if (object->after_hook)
            search->open &= ~(1ull << i);
    }
    return search->open == 0;
}

void elf_find_next(const elf_name *names, const uint32_t *hashes, unsigned count, void **found)
{
    struct search search = {names, hashes, found, ~0ull >> (ELF_NAMES_MAX - count)};
    for (unsigned i = 0; i < count; i++)
        found[i] = NULL;
    elf_each(search_object, &search);
}

/* One list of relocations. */
struct bindings {
    const ElfW(Rela) *list;
    size_t count;
};

static void find_bindings(const struct elf_object *object, struct bindings bindings[2])
{
    memset(bindings, 0, 2 * sizeof *bindings);
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_RELA)
            bindings[0].list = elf_pointer(object, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_RELASZ)
            bindings[0].count = entry->d_un.d_val / sizeof(ElfW(Rela));
        else if (entry->d_tag == DT_JMPREL)
            bindings[1].list = elf_pointer(object, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_PLTRELSZ)
            bindings[1].count = entry->d_un.d_val / sizeof(ElfW(Rela));
    }
    for (unsigned i = 0; i < 2; i++)
        bindings[i].count = bindings[i].list == NULL ? 0 : bindings[i].count;
}

bool elf_each_binding(const struct elf_object *object, bool (*visit)(const char *name, void **place, void *context),
                      void *context)
{
    struct bindings bindings[2];
    const ElfW(Sym) *symbols = object->symbols;
    find_bindings(object, bindings);
    for (unsigned i = 0; i < 2; i++)
        for (size_t j = 0; j < bindings[i].count; j++) {
            const ElfW(Rela) *relocation = &bindings[i].list[j];
            unsigned type = (unsigned)ELF64_R_TYPE(relocation->r_info);
            if ((type == JUMP_SLOT || type == GLOBAL_DATA) &&
                visit(object->strings + symbols[ELF64_R_SYM(relocation->r_info)].st_name,
                      (void **)(object->base + relocation->r_offset), context))
                return true;
        }
    return false;
}
