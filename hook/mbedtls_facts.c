/* SPDX-License-Identifier: MIT */
#include "copies.h"
#include "elf.h"
#include "kept_hello.h"
#include "mbedtls.h"
#include "session.h"

#define NAME_MAX_BYTES 255u
#define ROWS 16u
#define ROW 8u /* places in which a configuration may be: a cache line */
#define DATAGRAMS 0xfeff
#define BUFFER_MOST (20u << 10) /* that a session makes records in */
#define WORDS 48u               /* of a session, among which are pointers to it, and numbers */
#define NUMBERS_MOST 0xffffu

#define NAME(name, result, parameters) #name,
#define HASH(name, result, parameters) elf_hash(#name),
static const elf_name names[] = {MBEDTLS_INTERPOSED(NAME) MBEDTLS_CALLED(NAME)};

void *mbedtls_original[MBEDTLS_COUNT];
static struct library library, library_at_end;

/* ---- Which end a configuration is for ---- */

/* Its address, which is even, and 1 more where it is a server's; 0: none. By a hash, in rows. */
static uintptr_t configs[ROWS * ROW];
static uint32_t noted[ROWS]; /* that others had to give way to */

static inline uintptr_t *row_of(const void *config)
{
    return &configs[(address_hash(config) >> 60) * ROW];
}

/* Where it is in its row, NULL: nowhere; 0 finds a place that is free. */
static uintptr_t *find_config(uintptr_t *row, uintptr_t config)
{
    for (unsigned i = 0; i < ROW; i++)
        if ((load_relaxed(&row[i]) & ~(uintptr_t)1) == config)
            return &row[i];
    return NULL;
}

void mbedtls_note_end(const void *config, bool is_server)
{
    uintptr_t *row = row_of(config), *place = find_config(row, (uintptr_t)config);
    if (place == NULL)
        place = find_config(row, 0);
    if (place == NULL)
        place = &row[add_relaxed(&noted[(row - configs) / ROW], 1) % ROW];
    store_relaxed(place, (uintptr_t)config | is_server);
}

bool mbedtls_is_servers(const void *config)
{
    const uintptr_t *place = find_config(row_of(config), (uintptr_t)config);
    return place != NULL && (load_relaxed(place) & 1) != 0;
}

void mbedtls_forget_end(const void *config)
{
    uintptr_t *place = find_config(row_of(config), (uintptr_t)config);
    if (place != NULL)
        store_relaxed(place, 0);
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

/* A session begins with its configuration's address. Words behind the pointers are read only of what is not its own. */
bool mbedtls_makes(const void *session, const void *bytes)
{
    const uintptr_t *words = session, at = (uintptr_t)bytes;
    bool may_be = session != NULL && words[0] != 0 && at > NUMBERS_MOST;
    for (unsigned i = 0; may_be && i < WORDS; i++)
        if (words[i] >= at && words[i] - at < BUFFER_MOST)
            return true;
    return false;
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

#define ANSWER(library, name, answer) store_relaxed(&(library).function[LIBRARY_##name], (void *)(answer))

static void answer_at_end(void)
{
    ANSWER(library_at_end, SSL_is_server, is_server);
    ANSWER(library_at_end, SSL_get_client_random, kept_hello_random);
    ANSWER(library_at_end, SSL_get_servername, kept_hello_name);
    store_release(&library_at_end.ready, 1);
}

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
    answer_at_end();
    copies_find(COPIES_MBEDTLS, "mbedtls_ssl_read", found[MBEDTLS_mbedtls_ssl_read]);
    ANSWER(library, SSL_version, version);
    ANSWER(library, SSL_is_server, is_server);
    ANSWER(library, SSL_is_init_finished, is_init_finished);
    ANSWER(library, SSL_get_client_random, kept_hello_random);
    ANSWER(library, SSL_get0_alpn_selected, alpn);
    ANSWER(library, SSL_get_servername, kept_hello_name);
    ANSWER(library, SSL_get_current_cipher, found[MBEDTLS_mbedtls_ssl_get_ciphersuite]);
    ANSWER(library, SSL_CIPHER_get_id, found[MBEDTLS_mbedtls_ssl_get_ciphersuite_id]);
    store_release(&library.ready, 1);
}

const struct library *mbedtls_library(void)
{
    if (UNLIKELY(load_acquire(&library.ready) == 0))
        find();
    return &library;
}

const struct library *mbedtls_library_at_end(void)
{
    return &library_at_end;
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
