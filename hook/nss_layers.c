/* SPDX-License-Identifier: MIT */
/* Where NSS is, and which methods its sessions have. */
#include "nss.h"

#include "attach.h"
#include "elf.h"
#include "flow.h"
#include "kept_hello.h"
#include "settings.h"

#define COPIES 4

enum { EMPTY, FILLING, READY };

struct nss_table nss_tables[NSS_TABLES];

/* Libraries that are an NSS; [start, end) is their memory. */
static struct {
    uint32_t known; /* 0: to be found */
    uint32_t count;
    uintptr_t start[COPIES];
    uintptr_t end[COPIES];
} copies;

static bool add_copy(const struct elf_object *object, void *context)
{
    uint32_t *count = context;
    if (object->is_hook || elf_symbol(object, "SSL_ImportFD") == NULL)
        return false;
    store_relaxed(&copies.start[*count], object->start);
    store_relaxed(&copies.end[*count], object->end);
    return ++*count == COPIES;
}

/* Threads that come at the same time write the same. */
static COLD void find_copies(void)
{
    uint32_t count = 0;
    elf_each(add_copy, &count);
    store_relaxed(&copies.count, count);
    store_release(&copies.known, 1);
}

static inline bool has_nss(void)
{
    if (UNLIKELY(load_acquire(&copies.known) == 0))
        find_copies();
    return load_relaxed(&copies.count) != 0;
}

void nss_sweep_layers(void)
{
    store_release(&copies.known, 0);
}

static bool are_of_nss(const struct nspr_methods *methods)
{
    uintptr_t at = (uintptr_t)methods;
    for (uint32_t i = 0; i < load_relaxed(&copies.count); i++)
        if (at - load_relaxed(&copies.start[i]) < load_relaxed(&copies.end[i]) - load_relaxed(&copies.start[i]))
            return true;
    return false;
}

static inline bool are_of_hook(const struct nspr_methods *methods)
{
    return (uintptr_t)methods - (uintptr_t)nss_tables < sizeof nss_tables;
}

/* ---- Tables of methods ---- */

static bool stands_for(const struct nss_table *table, const struct nspr_methods *methods)
{
    return load_acquire(&table->ready) == READY && table->from == methods &&
           memcmp(&table->original, methods, sizeof *methods) == 0;
}

static bool fill(struct nss_table *table, const struct nspr_methods *methods)
{
    table->from = methods;
    table->original = table->methods = *methods;
    nss_fill_methods(table);
    return nss_fill_library(table);
}

/* NULL: all are taken, or NSS is not the one that is known. */
static COLD struct nss_table *make_table(const struct nspr_methods *methods)
{
    for (unsigned i = 0; i < NSS_TABLES; i++) {
        uint32_t empty = EMPTY;
        if (!__atomic_compare_exchange_n(&nss_tables[i].ready, &empty, FILLING, false, __ATOMIC_ACQUIRE,
                                         __ATOMIC_RELAXED))
            continue;
        bool filled = fill(&nss_tables[i], methods);
        store_release(&nss_tables[i].ready, filled ? READY : EMPTY);
        return filled ? &nss_tables[i] : NULL;
    }
    return NULL;
}

static struct nss_table *table_for(const struct nspr_methods *methods)
{
    for (unsigned i = 0; i < NSS_TABLES; i++)
        if (stands_for(&nss_tables[i], methods))
            return &nss_tables[i];
    return make_table(methods);
}

/* ---- Sessions ---- */

/* The stack ends in a connection of NSPR's: else it is DTLS, or TLS over memory of the program's own. */
static bool is_over_tcp(const struct nspr_layer *layer)
{
    for (unsigned i = 0; i < NSPR_LAYERS_MOST && layer->lower != NULL; i++)
        layer = layer->lower;
    return layer->lower == NULL && layer->identity == NSPR_SOCKET_LAYER && layer->methods->type == NSPR_TCP;
}

static void note_beginning(const void *session)
{
    kept_hello_begin(session);
    struct session *known = load_relaxed(&attach_missed) != 0 ? session_insert(session) : NULL;
    if (known != NULL)
        __atomic_fetch_or(&known->flags, SESSION_KNOWN, __ATOMIC_RELAXED);
}

static COLD void begin(struct nspr_layer *layer)
{
    struct nss_table *table = is_over_tcp(layer) ? table_for(layer->methods) : NULL;
    if (table != NULL) {
        note_beginning(layer->secret);
        store_release(&layer->methods, &table->methods);
    } else if (load_acquire(&settings.ready) != 0 && attach_ring_or_claim() != NULL) {
        flow_unmirrored(layer->secret);
    }
}

void nss_mirror(struct nspr_layer *layer)
{
    if (LIKELY(!has_nss()))
        return;
    for (unsigned i = 0; i < NSPR_LAYERS_MOST && layer != NULL; i++, layer = layer->lower)
        if (UNLIKELY(!are_of_hook(layer->methods) && are_of_nss(layer->methods)))
            begin(layer);
}

struct nspr_layer *nss_session(struct nspr_layer *layer, struct nss_table **table)
{
    for (unsigned i = 0; i < NSPR_LAYERS_MOST && layer != NULL; i++, layer = layer->lower) {
        if (!are_of_hook(layer->methods))
            continue;
        *table = (struct nss_table *)((uintptr_t)layer->methods - offsetof(struct nss_table, methods));
        return layer;
    }
    return NULL;
}

bool nss_is_carried(const struct nspr_layer *layer)
{
    for (unsigned i = 0; i < NSPR_LAYERS_MOST && layer->lower != NULL; i++) {
        layer = layer->lower;
        if (are_of_hook(layer->methods))
            return true;
    }
    return false;
}

int nss_socket(const struct nss_table *table, const struct nspr_layer *layer)
{
    if (nss_is_carried(layer) || !is_over_tcp(layer))
        return -1;
    struct nspr_layer *bottom = layer->lower;
    while (bottom->lower != NULL)
        bottom = bottom->lower;
    return table->get_socket(bottom);
}
