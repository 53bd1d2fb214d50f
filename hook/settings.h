/* SPDX-License-Identifier: MIT */
/* What the hook was told when the program was loaded, copied then: programs overwrite their environment. */
#ifndef SSLC_SETTINGS_H
#define SSLC_SETTINGS_H

#include "sys.h"

#define SETTINGS_DEFAULT_RUNTIME "/run/sslcollector"

struct settings {
    uint32_t ready;            /* 0 until the constructor has run, or when the hook is switched off */
    uint32_t page_bytes;
    uint32_t allow_inherited_filter; /* SSLCOLLECTOR_SECCOMP=connect: connect although a filter was in force at load */
    uint64_t rendezvous;       /* hash of the runtime directory's name, as record.h has it */
    char socket_path[108];     /* fits sockaddr_un */
};

extern struct settings settings;

/* `environment`, NULL: none; `is_original`: where the kernel put it, with the auxiliary vector behind it, which is else asked of the
 * C library. Does not set `ready`. False when the hook is switched off (SSLCOLLECTOR_HOOK=0) or the runtime directory's name is
 * too long. */
bool settings_read(char **environment, bool is_original);

#endif
