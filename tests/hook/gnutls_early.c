/* SPDX-License-Identifier: MIT */
/* Makes a session for each end when it is loaded. */
#include <gnutls/gnutls.h>

gnutls_session_t early_server, early_client;

__attribute__((constructor)) static void load(void)
{
    gnutls_init(&early_server, GNUTLS_SERVER | GNUTLS_NONBLOCK);
    gnutls_init(&early_client, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_server_name_set(early_client, GNUTLS_NAME_DNS, "early.example", 13);
}
