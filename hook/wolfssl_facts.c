/* SPDX-License-Identifier: MIT */
#include "elf.h"
#include "kept_hello.h"
#include "wolfssl.h"


#define NAME(name, result, parameters) #name,
#define HASH(name, result, parameters) elf_hash(#name),
static const elf_name names[] = {WOLFSSL_INTERPOSED(NAME) WOLFSSL_CALLED(NAME)};

void *wolfssl_original[WOLFSSL_COUNT];
static struct library library;

/* ---- What OpenSSL's functions would answer ---- */

static int is_server(const SSL *session)
{
    struct kept_hello hello;
    return kept_hello_find(session, &hello) && hello.received;
}

/* wolfSSL has no BIO where it was given a descriptor. */
static BIO *transport(const SSL *session)
{
    wolfSSL_get_fd_type get = WOLFSSL(wolfSSL_get_fd);
    return get == NULL || get(session) < 0 ? NULL : (BIO *)(uintptr_t)session;
}

/* ---- Where wolfSSL is ---- */

static bool place(const struct elf_object *object, void *context)
{
    (void)context;
    if (object->is_hook || elf_symbol(object, "wolfSSL_read") != load_relaxed(&wolfssl_original[WOLFSSL_wolfSSL_read]))
        return false;
    store_relaxed(&library.start, object->start);
    store_relaxed(&library.end, object->end);
    return true;
}

#define ANSWER(name, answer) store_relaxed(&library.function[LIBRARY_##name], (void *)(answer))

/* Threads that come at the same time write the same. */
static COLD void find(void)
{
    const uint32_t hashes[] = {WOLFSSL_INTERPOSED(HASH) WOLFSSL_CALLED(HASH)};
    void *found[WOLFSSL_COUNT];
    elf_find_next(names, hashes, WOLFSSL_COUNT, found);
    for (unsigned i = 0; i < WOLFSSL_COUNT; i++)
        store_relaxed(&wolfssl_original[i], found[i]);
    if (found[WOLFSSL_wolfSSL_read] == NULL)
        return;
    elf_each(place, NULL);
    ANSWER(SSL_is_server, is_server);
    ANSWER(SSL_get_client_random, kept_hello_random);
    ANSWER(SSL_get_servername, kept_hello_name);
    ANSWER(SSL_get_rbio, transport);
    ANSWER(SSL_get_wbio, transport);
    ANSWER(SSL_version, found[WOLFSSL_wolfSSL_version]);
    ANSWER(SSL_is_init_finished, found[WOLFSSL_wolfSSL_is_init_finished]);
    ANSWER(SSL_get0_alpn_selected, found[WOLFSSL_wolfSSL_get0_alpn_selected]);
    ANSWER(SSL_get_current_cipher, found[WOLFSSL_wolfSSL_get_current_cipher]);
    ANSWER(SSL_CIPHER_get_id, found[WOLFSSL_wolfSSL_CIPHER_get_id]);
    ANSWER(SSL_get_rfd, found[WOLFSSL_wolfSSL_get_fd]);
    ANSWER(SSL_get_wfd, found[WOLFSSL_wolfSSL_get_fd]);
    store_release(&library.ready, 1);
}

const struct library *wolfssl_library(void)
{
    if (UNLIKELY(load_acquire(&library.ready) == 0))
        find();
    return &library;
}

void wolfssl_sweep(void)
{
    store_release(&library.ready, 0);
}

void wolfssl_look_again(void)
{
    wolfssl_sweep();
    if (load_relaxed(&wolfssl_original[WOLFSSL_wolfSSL_read]) != NULL)
        find();
}
