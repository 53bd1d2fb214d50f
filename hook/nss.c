/* SPDX-License-Identifier: MIT */
/* The functions of NSPR at which sessions are met. Each calls the original with the caller's own arguments and returns what that returned. */
#include "nss.h"

#include "elf.h"

#define NSS_NAME(name, result, parameters) #name,
#define NSS_HASH(name, result, parameters) elf_hash(#name),
static const elf_name names[] = {NSS_INTERPOSED(NSS_NAME)};

static void *originals[NSS_COUNT];
static uint32_t found;

/* Threads that come at the same time write the same. */
static COLD void find(void)
{
    const uint32_t hashes[] = {NSS_INTERPOSED(NSS_HASH)};
    void *functions[NSS_COUNT];
    elf_find_next(names, hashes, NSS_COUNT, functions);
    for (unsigned i = 0; i < NSS_COUNT; i++)
        store_relaxed(&originals[i], functions[i]);
    store_release(&found, functions[NSS_PR_Read] != NULL);
}

void *nss_original(enum nss_index index)
{
    if (UNLIKELY(load_acquire(&found) == 0))
        find();
    return load_relaxed(&originals[index]);
}

void nss_sweep(void)
{
    store_release(&found, 0);
    nss_sweep_layers();
}

void nss_look_again(void)
{
    nss_sweep();
    if (load_relaxed(&originals[NSS_PR_Read]) == NULL)
        return;
    find();
    nss_mirror(NULL);
}

bool nss_has(const char *name)
{
    bool has = false;
    for (unsigned i = 0; i < NSS_COUNT && !has; i++)
        has = text_equal(names[i], name);
    return has;
}

/* ---- Where sessions are met ---- */

SSLC_EXPORT int32_t PR_Read(struct nspr_layer *file, void *bytes, int32_t length)
{
    nss_mirror(file);
    return NSS_ORIGINAL(PR_Read, file, bytes, length);
}

SSLC_EXPORT int32_t PR_Write(struct nspr_layer *file, const void *bytes, int32_t length)
{
    nss_mirror(file);
    return NSS_ORIGINAL(PR_Write, file, bytes, length);
}

SSLC_EXPORT int32_t PR_Recv(struct nspr_layer *file, void *bytes, int32_t length, int flags, uint32_t timeout)
{
    nss_mirror(file);
    return NSS_ORIGINAL(PR_Recv, file, bytes, length, flags, timeout);
}

SSLC_EXPORT int32_t PR_Send(struct nspr_layer *file, const void *bytes, int32_t length, int flags, uint32_t timeout)
{
    nss_mirror(file);
    return NSS_ORIGINAL(PR_Send, file, bytes, length, flags, timeout);
}

SSLC_EXPORT int32_t PR_Writev(struct nspr_layer *file, const struct nspr_part *parts, int32_t count, uint32_t timeout)
{
    nss_mirror(file);
    return NSS_ORIGINAL(PR_Writev, file, parts, count, timeout);
}
