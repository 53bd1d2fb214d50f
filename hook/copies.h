/* SPDX-License-Identifier: MIT */
/* Several TLS libraries of one name in one process: a package may bring a GnuTLS or an mbed TLS of its own beside the system's, and
 * the functions of one may not be called with sessions of the other. The hook mirrors one of them; a caller that is bound to another
 * is led there, and its sessions are counted as unmirrored. */
#ifndef SSLC_COPIES_H
#define SSLC_COPIES_H

#include "sys.h"

#define COPIES_MOST 4

enum copies_family { COPIES_GNUTLS, COPIES_MBEDTLS, COPIES_FAMILIES };

/* [start, end) is its memory. Nothing is read there: it may have been unloaded. */
struct copy {
    uintptr_t start;
    uintptr_t end;
};

/* Those of a family. */
struct copies {
    struct copy copy[COPIES_MOST];
    uint32_t count;
    uint32_t mirrored; /* number of that one */
};
extern struct copies copies[COPIES_FAMILIES];

static inline bool copies_several(enum copies_family family)
{
    return UNLIKELY(load_relaxed(&copies[family].count) > 1);
}

/* Counts them anew; `mirrored` is a function of the one that is mirrored, and `name` its name, which each has. */
void copies_find(enum copies_family family, const char *name, const void *mirrored);

/* The function of the library that the code at `caller` is bound to, NULL: of the mirrored one. `prefix` is what the names of the
 * family's functions begin with, and `first` one of them, not interposed, of the program itself or of what is loaded with it, NULL:
 * none. */
void *copies_function(enum copies_family family, const char *prefix, const void *first, const void *caller, const char *name);

#endif
