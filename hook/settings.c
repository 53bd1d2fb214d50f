/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <elf.h>

#include "libc.h"

struct settings settings = {0, 4096, 0, 0, {0}};

/* What follows `start` in `text`, NULL when it begins otherwise. */
static const char *after(const char *text, const char *start)
{
    for (; *start != 0; text++, start++)
        if (*text != *start)
            return NULL;
    return text;
}

static bool join(char *to, size_t room, const char *directory, const char *name)
{
    size_t length = 0;
    for (const char *c = directory; *c != 0; c++) {
        if (length + 1 >= room)
            return false;
        to[length++] = *c;
    }
    for (const char *c = name; *c != 0; c++) {
        if (length + 1 >= room)
            return false;
        to[length++] = *c;
    }
    to[length] = 0;
    return true;
}

/* 64-bit FNV-1a. */
static uint64_t hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325ull;
    for (; *text != 0; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3ull;
    return hash;
}

/* What the kernel says of the process: whether it may not trust its environment. Behind an environment that the program, or a
 * library of its own, has moved, there is no auxiliary vector. */
static bool read_auxiliary(const char *const *end_of_environment)
{
    unsigned long page = 0, secure = 0;
    if (end_of_environment != NULL) {
        for (const Elf64_auxv_t *aux = (const void *)(end_of_environment + 1); aux->a_type != AT_NULL; aux++) {
            if (aux->a_type == AT_SECURE)
                secure = aux->a_un.a_val;
            else if (aux->a_type == AT_PAGESZ)
                page = aux->a_un.a_val;
        }
    } else {
        unsigned long (*ask)(unsigned long) = (unsigned long (*)(unsigned long))libc_get(LIBC_getauxval);
        secure = ask != NULL ? ask(AT_SECURE) : 0;
        page = ask != NULL ? ask(AT_PAGESZ) : 0;
    }
    if (page >= 4096)
        settings.page_bytes = (uint32_t)page;
    return secure != 0;
}

bool settings_read(char **environment, bool is_original)
{
    const char *runtime = NULL, *hook = NULL, *seccomp = NULL, *value;
    char **entry = environment;
    for (; entry != NULL && *entry != NULL; entry++) {
        const char *name = after(*entry, "SSLCOLLECTOR_");
        if (LIKELY(name == NULL))
            continue;
        if ((value = after(name, "RUNTIME=")) != NULL)
            runtime = value;
        else if ((value = after(name, "HOOK=")) != NULL)
            hook = value;
        else if ((value = after(name, "SECCOMP=")) != NULL)
            seccomp = value;
    }
    bool secure = read_auxiliary(is_original ? (const char *const *)entry : NULL);
    if (secure) /* the environment is that of a less privileged user */
        runtime = hook = seccomp = NULL;
    if (hook != NULL && text_equal(hook, "0"))
        return false;
    if (runtime == NULL || *runtime == 0)
        runtime = SETTINGS_DEFAULT_RUNTIME;
    settings.allow_inherited_filter = seccomp != NULL && text_equal(seccomp, "connect");
    settings.rendezvous = hash(runtime);
    return join(settings.socket_path, sizeof settings.socket_path, runtime, "/hook.sock");
}
