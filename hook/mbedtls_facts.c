/* SPDX-License-Identifier: MIT */
#include "copies.h"
#include "elf.h"
#include "kept_hello.h"
#include "mbedtls.h"
#include "session.h"

#define NAME_MAX_BYTES 255u
#define CONFIGS 64u
#define DATAGRAMS 0xfeff

#define NAME(name, result, parameters) #name,
#define HASH(name, result, parameters) elf_hash(#name),
static const elf_name names[] = {MBEDTLS_INTERPOSED(NAME) MBEDTLS_CALLED(NAME)};

void *mbedtls_original[MBEDTLS_COUNT];
static struct library library;
static __thread char found_name[NAME_MAX_BYTES + 1] __attribute__((tls_model("initial-exec")));

/* By a hash of the configuration: its address, which is even, and 1 more where it is a server's. */
static uintptr_t configs[CONFIGS];

static inline uintptr_t *config_place(const void *config)
{
    return &configs[(uint64_t)(uintptr_t)config * 0x9e3779b97f4a7c15ull >> 58];
}

void mbedtls_note_end(const void *config, bool is_server)
{
    store_relaxed(config_place(config), (uintptr_t)config | is_server);
}

bool mbedtls_is_servers(const void *config)
{
    return load_relaxed(config_place(config)) == ((uintptr_t)config | 1);
}

/* ---- What OpenSSL's functions would answer ---- */

/* "TLSv1.2", "DTLSv1.2", "unknown". */
static int version(const SSL *session)
{
    mbedtls_ssl_get_version_type get = MBEDTLS(mbedtls_ssl_get_version);
    const char *text = get == NULL ? NULL : get(session);
    if (text != NULL && text_begins(text, "DTLS"))
        return DATAGRAMS;
    bool is_known = text != NULL && text_begins(text, "TLSv1.") && text[6] >= '0' && text[6] <= '3';
    return is_known ? 0x0301 + (text[6] - '0') : 0;
}

/* What passed, else what its configuration said. */
static int is_server(const SSL *session)
{
    struct kept_hello hello;
    if (kept_hello_find(session, &hello))
        return hello.received;
    struct session *known = session_find(session);
    return known != NULL && (load_relaxed(&known->flags) & SESSION_ACCEPTS) != 0;
}

/* The cipher suite is that of the session, which there is none of before. */
static int is_init_finished(const SSL *session)
{
    mbedtls_ssl_get_ciphersuite_type get = MBEDTLS(mbedtls_ssl_get_ciphersuite);
    return get != NULL && get(session) != NULL;
}

static size_t client_random(const SSL *session, unsigned char *to, size_t room)
{
    struct kept_hello hello;
    if (room < sizeof hello.random || !kept_hello_find(session, &hello))
        return 0;
    memcpy(to, hello.random, sizeof hello.random);
    return sizeof hello.random;
}

static void alpn(const SSL *session, const unsigned char **name, unsigned *length)
{
    mbedtls_ssl_get_alpn_protocol_type get = MBEDTLS(mbedtls_ssl_get_alpn_protocol);
    const char *text = get == NULL ? NULL : get(session);
    unsigned found = 0;
    while (text != NULL && found < NAME_MAX_BYTES && text[found] != 0)
        found++;
    *name = (const unsigned char *)text;
    *length = found;
}

static const char *server_name(const SSL *session, int kind)
{
    struct kept_hello hello;
    (void)kind;
    if (!kept_hello_find(session, &hello) || hello.name_length == 0)
        return NULL;
    memcpy(found_name, hello.name, sizeof found_name);
    return found_name;
}

/* ---- Where mbed TLS is ---- */

static bool place(const struct elf_object *object, void *context)
{
    (void)context;
    if (object->is_hook || elf_symbol(object, "mbedtls_ssl_read") != load_relaxed(&mbedtls_original[MBEDTLS_mbedtls_ssl_read]))
        return false;
    store_relaxed(&library.start, object->start);
    store_relaxed(&library.end, object->end);
    return true;
}

#define ANSWER(name, answer) store_relaxed(&library.function[LIBRARY_##name], (void *)(answer))

/* Threads that come at the same time write the same. */
static COLD void find(void)
{
    const uint32_t hashes[] = {MBEDTLS_INTERPOSED(HASH) MBEDTLS_CALLED(HASH)};
    void *found[MBEDTLS_COUNT];
    elf_find_next(names, hashes, MBEDTLS_COUNT, found);
    for (unsigned i = 0; i < MBEDTLS_COUNT; i++)
        store_relaxed(&mbedtls_original[i], found[i]);
    if (found[MBEDTLS_mbedtls_ssl_read] == NULL)
        return;
    elf_each(place, NULL);
    copies_find(COPIES_MBEDTLS, "mbedtls_ssl_read", found[MBEDTLS_mbedtls_ssl_read]);
    ANSWER(SSL_version, version);
    ANSWER(SSL_is_server, is_server);
    ANSWER(SSL_is_init_finished, is_init_finished);
    ANSWER(SSL_get_client_random, client_random);
    ANSWER(SSL_get0_alpn_selected, alpn);
    ANSWER(SSL_get_servername, server_name);
    ANSWER(SSL_get_current_cipher, found[MBEDTLS_mbedtls_ssl_get_ciphersuite]);
    ANSWER(SSL_CIPHER_get_id, found[MBEDTLS_mbedtls_ssl_get_ciphersuite_id]);
    store_release(&library.ready, 1);
}

const struct library *mbedtls_library(void)
{
    if (UNLIKELY(load_acquire(&library.ready) == 0))
        find();
    return &library;
}

void mbedtls_sweep(void)
{
    store_release(&library.ready, 0);
}

void mbedtls_look_again(void)
{
    mbedtls_sweep();
    if (load_relaxed(&mbedtls_original[MBEDTLS_mbedtls_ssl_read]) != NULL)
        find();
}
