/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <elf.h>

struct settings settings = {0, 4096, 0, 0, {0}};

/* The value of `name` when `entry` is "name=value", else NULL. */
static const char *value_of(const char *entry, const char *name)
{
    while (*name != 0 && *entry == *name) {
        entry++;
        name++;
    }
    return *name == 0 && *entry == '=' ? entry + 1 : NULL;
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

bool settings_read(char **environment)
{
    const char *runtime = NULL, *hook = NULL, *seccomp = NULL, *value;
    bool secure = false;
    if (environment != NULL) {
        char **entry = environment;
        for (; *entry != NULL; entry++) {
            if ((value = value_of(*entry, "SSLCOLLECTOR_RUNTIME")) != NULL)
                runtime = value;
            else if ((value = value_of(*entry, "SSLCOLLECTOR_HOOK")) != NULL)
                hook = value;
            else if ((value = value_of(*entry, "SSLCOLLECTOR_SECCOMP")) != NULL)
                seccomp = value;
        }
        for (const Elf64_auxv_t *aux = (const void *)(entry + 1); aux->a_type != AT_NULL; aux++) {
            if (aux->a_type == AT_SECURE)
                secure = aux->a_un.a_val != 0;
            else if (aux->a_type == AT_PAGESZ && aux->a_un.a_val >= 4096)
                settings.page_bytes = (uint32_t)aux->a_un.a_val;
        }
    }
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
