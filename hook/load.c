/* SPDX-License-Identifier: MIT */
/* What happens when the program is loaded. Nothing that a program without TLS would notice: no system call. */
#include "attach.h"
#include "libc.h"
#include "settings.h"

/* Any TLS library's, and not interposed: the dynamic loader, which looks for it in what it loads with the program, writes here whether one is
 * there, for less than a look of the hook's own. */
extern int SSL_version(const void *) __attribute__((weak));
extern int gnutls_protocol_get_version(void *) __attribute__((weak));
extern void *SSL_ImportFD(void *, void *) __attribute__((weak));
extern int wolfSSL_version(const void *) __attribute__((weak));
extern const char *mbedtls_ssl_get_version(const void *) __attribute__((weak));

__attribute__((constructor)) static void load(int count, char **arguments, char **environment)
{
    libc_load();
    /* glibc hands constructors what main gets; musl hands them nothing, but has set __environ by then. */
    bool is_handed = count >= 0 && arguments != NULL && environment == arguments + count + 1;
    char ***variable = is_handed ? NULL : libc_get(LIBC___environ);
    if (!is_handed)
        environment = variable == NULL ? NULL : *variable;
    if (!settings_read(environment, is_handed))
        return;
    store_release(&settings.ready, 1);
    if (SSL_version != NULL || gnutls_protocol_get_version != NULL || SSL_ImportFD != NULL ||
        wolfSSL_version != NULL || mbedtls_ssl_get_version != NULL)
        attach_at_load();
}
