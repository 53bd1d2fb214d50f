/* SPDX-License-Identifier: MIT */
/* NSS in this process. Its sessions are layers of NSPR's descriptors, and clear text passes their methods, whether the program calls NSPR or a
 * layer above does. So a session's layer is given methods of the hook's, copied from NSS's but for those that carry clear text.
 *
 * What is asked of a session is answered by functions of OpenSSL's names, which ask NSS by its public functions: those that take no lock, and
 * change no error where they have an answer. */
#ifndef SSLC_NSS_H
#define SSLC_NSS_H

#include "library.h"
#include "nspr.h"

/* X(name, result type, parameters): those that are interposed. */
#define NSS_INTERPOSED(X)                                                                                 \
    X(PR_Read, int32_t, (struct nspr_layer *, void *, int32_t))                                           \
    X(PR_Write, int32_t, (struct nspr_layer *, const void *, int32_t))                                    \
    X(PR_Recv, int32_t, (struct nspr_layer *, void *, int32_t, int, uint32_t))                            \
    X(PR_Send, int32_t, (struct nspr_layer *, const void *, int32_t, int, uint32_t))                      \
    X(PR_Writev, int32_t, (struct nspr_layer *, const struct nspr_part *, int32_t, uint32_t))             \
    X(SSL_ForceHandshake, int, (struct nspr_layer *))                                                     \
    X(SSL_ForceHandshakeWithTimeout, int, (struct nspr_layer *, uint32_t))

#define NSS_INDEX(name, result, parameters) NSS_##name,
enum nss_index { NSS_INTERPOSED(NSS_INDEX) NSS_COUNT };
#define NSS_TYPE(name, result, parameters) typedef result(*name##_type) parameters;
NSS_INTERPOSED(NSS_TYPE)
#undef NSS_INDEX
#undef NSS_TYPE

/* NULL: it is not there. May be called at any time. */
void *nss_original(enum nss_index index);

#define NSS_ORIGINAL(name, ...) \
    (LIKELY(nss_original(NSS_##name) != NULL) ? ((name##_type)nss_original(NSS_##name))(__VA_ARGS__) : -1)

#define NSS_TABLES 4 /* of methods: one for each NSS, and again when one comes back elsewhere */

struct nss_channel {
    uint32_t length;
    uint16_t version;
    uint16_t cipher_suite;
};

struct nss_table {
    uint32_t ready;
    const struct nspr_methods *from; /* NSS's */
    struct nspr_methods original;    /* a copy of these */
    struct nspr_methods methods;     /* the hook's */
    struct library library;
    int (*get_channel)(struct nspr_layer *, struct nss_channel *, unsigned);
    int (*get_protocol)(struct nspr_layer *, int *state, unsigned char *to, unsigned *length, unsigned room);
    int (*get_socket)(struct nspr_layer *bottom);
    int (*force_handshake)(struct nspr_layer *);
    int (*force_handshake_with_timeout)(struct nspr_layer *, uint32_t);
};
extern struct nss_table nss_tables[NSS_TABLES];

/* Sees to it that what passes the sessions in this stack, NULL: of none, is mirrored. Costs a look at one word where there is no NSS. */
void nss_mirror(struct nspr_layer *top);

/* The session's layer of that stack, and its table; NULL: none that is mirrored. */
struct nspr_layer *nss_session(struct nspr_layer *top, struct nss_table **table);

/* Fills in the hook's methods of that table. */
void nss_fill_methods(struct nss_table *table);

/* The library that answers for the session of this layer, in this thread, until this is called again. */
const struct library *nss_library(struct nss_table *table, struct nspr_layer *layer);

/* Fills in table->library and what it needs. False: NSS or NSPR lacks something. */
bool nss_fill_library(struct nss_table *table);

/* Of the session for which nss_library was called last: what it passes is encrypted. False: so far it is told to pass clear text on. */
bool nss_encrypts(const void *session);

/* The socket below, -1: none that is the session's own. */
int nss_socket(const struct nss_table *table, const struct nspr_layer *layer);

/* Another session lies below. */
bool nss_is_carried(const struct nspr_layer *layer);

/* Libraries come: finds NSS and NSPR again when they are next asked for. */
void nss_sweep(void);

/* Libraries have come: finds both again at once, where they were there before, so that no forked child has to. */
void nss_look_again(void);

/* The part of nss_layers.c. */
void nss_sweep_layers(void);

/* A function of this name is interposed. */
bool nss_has(const char *name);

#endif
