/* SPDX-License-Identifier: MIT */
/* Libraries that are loaded while the program runs.
 *
 * What is loaded with RTLD_DEEPBIND (PHP's extensions are) binds to its own libraries first, past the hook. Its calls are led back
 * by correcting the addresses that the dynamic loader wrote for them. `dlopen` itself may only be jumped to, since it asks who
 * calls; so the correction is made when the program next calls the loader, to find what it loaded: before it can have called that, or
 * confined itself. Addresses in pages that are read-only by then take the very system call that the loader has just made for
 * them; where a constructor may have put a filter in force since, past the hook as all its calls were, they are left alone.
 *
 * A TLS library that came this way is the occasion to attach. */
#include <elf.h>
#include <link.h>
#include <sys/mman.h>

#include "attach.h"
#include "elf.h"
#include "gnutls.h"
#include "jump.h"
#include "libc.h"
#include "library.h"
#include "mbedtls.h"
#include "nss.h"
#include "seccomp.h"
#include "settings.h"
#include "wolfssl.h"

#define BASE_NAMESPACE 0 /* LM_ID_BASE */

#define UNKNOWN UINT32_MAX

static uint32_t loading;             /* dlopen was called since the last look */
static uint32_t first_deep = UNKNOWN; /* place of the first object that may have been loaded with RTLD_DEEPBIND since */
static uint32_t looking;             /* try-lock */

/* Pages that the loader made read-only when it had written them. */
struct relro {
    uintptr_t start;
    uintptr_t end;
};

struct correction {
    struct elf_object hook;
    uint32_t first;
    bool may_be_confined; /* a constructor of what is new may have put a seccomp filter in force */
    const char *name;     /* that is being corrected */
    /* in the object that is */
    struct relro relro;
    bool open; /* its pages can be written */
    bool all;  /* all functions of TLS libraries could be corrected */
};

static bool count(const struct elf_object *object, void *context)
{
    *(uint32_t *)context = object->order + 1;
    return false;
}

static bool find_hook(const struct elf_object *object, void *context)
{
    if (object->is_hook)
        *(struct elf_object *)context = *object;
    return object->is_hook;
}

static struct relro find_relro(const struct elf_object *object)
{
    const ElfW(Phdr) *headers = object->headers;
    uintptr_t page = load_relaxed(&settings.page_bytes);
    struct relro relro = {0, 0};
    for (uint32_t i = 0; i < object->header_count; i++) {
        if (headers[i].p_type != PT_GNU_RELRO)
            continue;
        relro.start = (object->base + headers[i].p_vaddr) & ~(page - 1);
        relro.end = (object->base + headers[i].p_vaddr + headers[i].p_memsz) & ~(page - 1);
    }
    return relro;
}

static bool protect(const struct relro *relro, int protection)
{
    return !seccomp_in_force() && sys3(SYS_mprotect, relro->start, relro->end - relro->start, protection) == 0;
}

/* A function of this name is one of a TLS library's. */
static bool is_tls(const char *name)
{
    return library_has(name) || nss_has(name);
}

/* Whether an object that was loaded since has a function of its own with this name, which is no TLS library's. */
static bool defines(const struct elf_object *object, void *context)
{
    const struct correction *correction = context;
    return object->order >= correction->first && !object->is_hook && elf_symbol(object, correction->name) != NULL &&
           (!is_tls(correction->name) || !library_in(object));
}

/* What a library bound to is left alone where that may be another function of the same name. */
static bool is_anothers(struct correction *correction, const char *name)
{
    correction->name = name;
    return elf_each(defines, correction);
}

/* Compilers give every library one that does nothing of the kind. */
static bool has_constructors(const struct elf_object *object)
{
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_INIT_ARRAYSZ)
            return entry->d_un.d_val > sizeof(ElfW(Addr));
    return false;
}

static bool confines(const char *name, void **place, void *context)
{
    (void)place;
    (void)context;
    return text_equal(name, "prctl") || text_equal(name, "syscall") || text_equal(name, "seccomp_load");
}

/* Whether a constructor of this object may have put a seccomp filter in force: it has some, and uses what does so. */
static bool may_confine(const struct elf_object *object, void *context)
{
    const struct correction *correction = context;
    if (object->order < correction->first || object->is_hook || !has_constructors(object))
        return false;
    return elf_each_binding(object, confines, NULL);
}

/* Corrects one address, if its page can be written. */
static bool correct_one(const char *name, void **place, void *context)
{
    struct correction *correction = context;
    const struct relro *relro = &correction->relro;
    void *ours = elf_symbol(&correction->hook, name);
    if (ours == NULL || load_relaxed(place) == ours || is_anothers(correction, name))
        return false;
    bool closed = (uintptr_t)place >= relro->start && (uintptr_t)place < relro->end;
    if (closed && !correction->open && !correction->may_be_confined)
        correction->open = protect(relro, PROT_READ | PROT_WRITE);
    if (closed && !correction->open)
        correction->all = correction->all && !is_tls(name);
    else
        store_relaxed(place, ours);
    return false;
}

static bool correct(const struct elf_object *object, void *context)
{
    struct correction *correction = context;
    if (object->order < correction->first || object->is_hook)
        return false;
    correction->relro = find_relro(object);
    correction->open = false;
    correction->all = true;
    elf_each_binding(object, correct_one, correction);
    if (correction->open)
        protect(&correction->relro, PROT_READ);
    if (!correction->all)
        attach_count_uncorrected();
    return false;
}

/* Looks at what was loaded since the last look. */
static COLD void look(void)
{
    uint32_t free = 0;
    if (!__atomic_compare_exchange_n(&looking, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    struct correction correction;
    store_relaxed(&loading, 0);
    correction.first = __atomic_exchange_n(&first_deep, UNKNOWN, __ATOMIC_RELAXED);
    library_sweep();
    gnutls_look_again();
    nss_look_again();
    wolfssl_look_again();
    mbedtls_look_again();
    if (load_relaxed(&attach_done) == 0 && library_present())
        attach_late();
    correction.hook.is_hook = false;
    if (correction.first != UNKNOWN)
        elf_each(find_hook, &correction.hook);
    if (correction.hook.is_hook) {
        correction.may_be_confined = elf_each(may_confine, &correction);
        elf_each(correct, &correction);
    }
    store_release(&looking, 0);
}

static inline void look_if_loaded(void)
{
    if (UNLIKELY(load_relaxed(&loading) != 0) && load_acquire(&settings.ready) != 0)
        look();
}

/* A call of dlopen with `mode` follows. */
static void note(int mode)
{
    uint32_t objects = 0, none = UNKNOWN;
    look_if_loaded();
#ifdef RTLD_DEEPBIND
    if ((mode & RTLD_DEEPBIND) != 0) {
        elf_each(count, &objects);
        __atomic_compare_exchange_n(&first_deep, &none, objects, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
#endif
    store_relaxed(&loading, 1);
    /* What comes may lie where something was unloaded, and a constructor of it use it before anyone calls the loader again. */
    library_sweep();
    nss_sweep();
    wolfssl_sweep();
    mbedtls_sweep();
    gnutls_sweep();
}

extern char dlopen_missing[] __attribute__((visibility("hidden")));
extern char dlmopen_missing[] __attribute__((visibility("hidden")));
extern char dlsym_missing[] __attribute__((visibility("hidden")));

__attribute__((used, visibility("hidden"))) void *dlopen_target(const char *name, int mode)
{
    void *original = libc_get(LIBC_dlopen);
    (void)name;
    note(mode);
    return original != NULL ? original : dlopen_missing;
}

/* Another namespace has libraries of its own, that are not to be seen from this one. */
__attribute__((used, visibility("hidden"))) void *dlmopen_target(long space, const char *name, int mode)
{
    void *original = libc_get(LIBC_dlmopen);
    (void)name;
    if (space == BASE_NAMESPACE)
        note(mode);
    else
        attach_count_uncorrected();
    return original != NULL ? original : dlmopen_missing;
}

__attribute__((used, visibility("hidden"))) void *dlsym_target(void)
{
    void *original = libc_get(LIBC_dlsym);
    look_if_loaded();
    return original != NULL ? original : dlsym_missing;
}

JUMP_FUNCTION("dlopen", "dlopen_target", "dlopen_missing", "0");
JUMP_FUNCTION("dlmopen", "dlmopen_target", "dlmopen_missing", "0");
JUMP_FUNCTION("dlsym", "dlsym_target", "dlsym_missing", "0");
