/* SPDX-License-Identifier: MIT */
/* What NSPR makes public of its descriptors (prio.h), held against its header by a test: a descriptor is a stack of layers, each with
 * its methods, the one that sockets lie behind at the bottom. NSS's is a layer whose methods lie in libssl3. */
#ifndef SSLC_NSPR_H
#define SSLC_NSPR_H

#include <stddef.h>
#include <stdint.h>

#define NSPR_LAYERS_MOST 32 /* of a stack; whoever has more has a circle */
#define NSPR_SOCKET_LAYER 0 /* identity PR_NSPR_IO_LAYER */
#define NSPR_TCP 2          /* type PR_DESC_SOCKET_TCP */
#define NSPR_PEEK 2         /* flag PR_MSG_PEEK */
#define NSPR_SHUT_RECEIVE 0 /* PR_SHUTDOWN_RCV; the two others send */
#define NSPR_PARTS_MOST 16  /* PR_MAX_IOVECTOR_SIZE */

struct nspr_methods;

struct nspr_layer {
    const struct nspr_methods *methods;
    void *secret; /* NSS's session */
    struct nspr_layer *lower;
    struct nspr_layer *higher;
    void (*destroy)(struct nspr_layer *);
    intptr_t identity;
};

struct nspr_part {
    const char *bytes;
    int length;
};

/* Those that carry clear text or end a session have their types. */
struct nspr_methods {
    int type;
    int (*close)(struct nspr_layer *);
    int32_t (*read)(struct nspr_layer *, void *, int32_t);
    int32_t (*write)(struct nspr_layer *, const void *, int32_t);
    void *available[2];
    void *fsync;
    void *seek[2];
    void *info[2];
    int32_t (*writev)(struct nspr_layer *, const struct nspr_part *, int32_t, uint32_t);
    void *connect;
    void *accept;
    void *bind;
    void *listen;
    int (*shutdown)(struct nspr_layer *, int);
    int32_t (*recv)(struct nspr_layer *, void *, int32_t, int, uint32_t);
    int32_t (*send)(struct nspr_layer *, const void *, int32_t, int, uint32_t);
    void *others[17];
};

#endif
