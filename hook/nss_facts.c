/* SPDX-License-Identifier: MIT */
#include "elf.h"
#include "kept_hello.h"
#include "nss.h"

#define NAME_MAX_BYTES 255u
#define UNSUPPORTED 0 /* SSL_NEXT_PROTO_NO_SUPPORT */
#define NO_OVERLAP 2  /* SSL_NEXT_PROTO_NO_OVERLAP */

/* Of this thread's call, and a text that it was answered last. */
static __thread struct {
    const struct nss_table *table;
    struct nspr_layer *layer;
    char text[NAME_MAX_BYTES + 1];
} current __attribute__((tls_model("initial-exec")));

const struct library *nss_library(struct nss_table *table, struct nspr_layer *layer)
{
    current.table = table;
    current.layer = layer;
    return &table->library;
}

static struct nss_channel channel(void)
{
    struct nss_channel found = {0, 0, 0};
    if (current.table->get_channel(current.layer, &found, sizeof found) != 0)
        memset(&found, 0, sizeof found);
    return found;
}

bool nss_encrypts(const void *session)
{
    struct kept_hello hello;
    return channel().cipher_suite != 0 || kept_hello_find(session, &hello);
}

/* ---- What OpenSSL's functions would answer ---- */

/* Clear text that passes before the handshake is over is early data, of TLS 1.3. */
static int version(const SSL *session)
{
    struct kept_hello hello;
    struct nss_channel now = channel();
    if (kept_hello_find(session, &hello) && hello.datagrams)
        return 0xfeff;
    return now.cipher_suite == 0 ? 0x0304 : now.version;
}

static int is_server(const SSL *session)
{
    struct kept_hello hello;
    return kept_hello_find(session, &hello) && hello.received;
}

/* The first write makes the handshake. None of what a client sends in it is a full record of application data, unless it has a very long
 * certificate. */
static int is_init_finished(const SSL *session)
{
    (void)session;
    return 1;
}

static void alpn(const SSL *session, const unsigned char **name, unsigned *length)
{
    int state = UNSUPPORTED;
    unsigned found = 0;
    (void)session;
    unsigned char *text = (unsigned char *)current.text;
    int failed = current.table->get_protocol(current.layer, &state, text, &found, NAME_MAX_BYTES);
    if (failed == 0 && state != UNSUPPORTED && state != NO_OVERLAP) {
        *name = text;
        *length = found;
    }
}

/* NSS's cipher suites are their numbers. */
static const void *cipher(const SSL *session)
{
    (void)session;
    return (const void *)(uintptr_t)channel().cipher_suite;
}

static uint16_t cipher_number(const void *cipher_suite)
{
    return (uint16_t)(uintptr_t)cipher_suite;
}

/* The layer below, where the session's own socket is its end. */
static BIO *transport(const SSL *session)
{
    (void)session;
    return nss_socket(current.table, current.layer) < 0 ? NULL : current.layer->lower;
}

static int descriptor(const SSL *session)
{
    (void)session;
    return nss_socket(current.table, current.layer);
}

/* ---- */

struct search {
    const struct nss_table *table;
    struct elf_object object;
};

/* NSS is what the methods lie in. */
static bool find_object(const struct elf_object *object, void *context)
{
    struct search *search = context;
    search->object = *object;
    return (uintptr_t)search->table->from - object->start < object->end - object->start;
}

bool nss_fill_library(struct nss_table *table)
{
    static const elf_name names[] = {"PR_FileDesc2NativeHandle"};
    const uint32_t hashes[] = {elf_hash("PR_FileDesc2NativeHandle")};
    struct search search;
    void *get_socket;
    search.table = table;
    elf_find_next(names, hashes, 1, &get_socket);
    if (get_socket == NULL || !elf_each(find_object, &search))
        return false;
    struct library *library = &table->library;
    library->start = search.object.start;
    library->end = search.object.end;
    library->function[LIBRARY_SSL_version] = (void *)version;
    library->function[LIBRARY_SSL_is_server] = (void *)is_server;
    library->function[LIBRARY_SSL_is_init_finished] = (void *)is_init_finished;
    library->function[LIBRARY_SSL_get_client_random] = (void *)kept_hello_random;
    library->function[LIBRARY_SSL_get0_alpn_selected] = (void *)alpn;
    library->function[LIBRARY_SSL_get_servername] = (void *)kept_hello_name;
    library->function[LIBRARY_SSL_get_current_cipher] = (void *)cipher;
    library->function[LIBRARY_SSL_CIPHER_get_protocol_id] = (void *)cipher_number;
    library->function[LIBRARY_SSL_get_rbio] = (void *)transport;
    library->function[LIBRARY_SSL_get_rfd] = (void *)descriptor;
    library->function[LIBRARY_SSL_get_wbio] = (void *)transport;
    library->function[LIBRARY_SSL_get_wfd] = (void *)descriptor;
    *(void **)&table->get_socket = get_socket;
    *(void **)&table->get_channel = elf_symbol(&search.object, "SSL_GetChannelInfo");
    *(void **)&table->get_protocol = elf_symbol(&search.object, "SSL_GetNextProto");
    *(void **)&table->force_handshake = elf_symbol(&search.object, "SSL_ForceHandshake");
    *(void **)&table->force_handshake_with_timeout = elf_symbol(&search.object, "SSL_ForceHandshakeWithTimeout");
    return table->get_channel != NULL && table->get_protocol != NULL && table->force_handshake != NULL &&
           table->force_handshake_with_timeout != NULL;
}
