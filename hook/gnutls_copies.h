/* SPDX-License-Identifier: MIT */
/* Several GnuTLS in one process: a package may bring one of its own beside the system's, and the functions of one may not be called with
 * sessions of the other. The hook mirrors one of them; a caller that is bound to another is led there, and its sessions are counted as
 * unmirrored. */
#ifndef SSLC_GNUTLS_COPIES_H
#define SSLC_GNUTLS_COPIES_H

#include "sys.h"

/* More than one. */
extern uint32_t gnutls_several;

/* Counts them anew; `record_recv` is that function of the one that is mirrored. */
void gnutls_copies_find(const void *record_recv);

/* The function of the GnuTLS that the code at `caller` is bound to, NULL: of the mirrored one. */
void *gnutls_copies_function(const void *caller, const char *name);

#endif
