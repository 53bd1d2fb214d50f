/* SPDX-License-Identifier: MIT */
#include "gnutls.h"

#include "attach.h"
#include "copies.h"
#include "elf.h"
#include "lock.h"
#include "session.h"

#define PLACES 64u
#define NAME_MAX_BYTES 255u
#define INVALID_REQUEST (-50) /* GNUTLS_E_INVALID_REQUEST */
#define FIRST_VERSION 1       /* GNUTLS_SSL3; the others of TLS follow up to 1.3 */
#define LAST_VERSION 5
#define FIRST_DATAGRAM 200 /* GNUTLS_DTLS0_9 */
#define ASSERTION_LEVEL 3u

#define NAME(name, result, parameters) #name,
#define HASH(name, result, parameters) elf_hash(#name),
static const elf_name names[] = {GNUTLS_INTERPOSED(NAME) GNUTLS_CALLED(NAME)};

void *gnutls_original[GNUTLS_COUNT];
static struct library library;
static struct {
    uintptr_t start;
    uintptr_t end;
} hook;

/* What GnuTLS does not tell of sessions, by a hash of them: which end they are, and the names that clients asked for. */
struct noted {
    uint32_t lock;
    const void *session;
    bool is_server;
    uint32_t length;
    char name[NAME_MAX_BYTES + 1];
};
static struct noted noted[PLACES];
static __thread char found_name[NAME_MAX_BYTES + 1] __attribute__((tls_model("initial-exec")));

static inline struct noted *place_of(const void *session)
{
    return &noted[(uint64_t)(uintptr_t)session * 0x9e3779b97f4a7c15ull >> 58];
}

/* Its place, locked; NULL: another thread has it. */
static struct noted *lock_place(const void *session)
{
    struct noted *place = place_of(session);
    return try_lock(&place->lock, load_relaxed(&attach_stamp)) ? place : NULL;
}

void gnutls_note_end(const void *session, bool is_server)
{
    struct noted *place = lock_place(session);
    if (place == NULL)
        return;
    store_relaxed(&place->session, session);
    place->is_server = is_server;
    place->length = 0;
    unlock(&place->lock);
}

void gnutls_note_name(const void *session, const void *name, size_t length)
{
    struct noted *place = length > NAME_MAX_BYTES ? NULL : lock_place(session);
    if (place == NULL)
        return;
    place->is_server = place->session == session && place->is_server;
    store_relaxed(&place->session, session);
    place->length = (uint32_t)length;
    memcpy(place->name, name, length);
    unlock(&place->lock);
}

/* Copies what was noted; false: nothing is. */
static bool find_noted(const void *session, struct noted *found)
{
    struct noted *place = load_relaxed(&place_of(session)->session) == session ? lock_place(session) : NULL;
    if (place == NULL)
        return false;
    *found = *place;
    unlock(&place->lock);
    return found->session == session;
}

void gnutls_forget(const void *session)
{
    struct noted *place = load_relaxed(&place_of(session)->session) == session ? lock_place(session) : NULL;
    if (place == NULL)
        return;
    if (place->session == session)
        store_relaxed(&place->session, NULL);
    unlock(&place->lock);
}

/* ---- What OpenSSL's functions would answer ---- */

/* The program's log would have a line more for a question without an answer: it is not asked then. */
static bool logs_assertions(void)
{
    const unsigned *level = GNUTLS(_gnutls_log_level);
    return level != NULL && load_relaxed(level) >= ASSERTION_LEVEL;
}

static int version(const SSL *session)
{
    gnutls_protocol_get_version_type get = GNUTLS(gnutls_protocol_get_version);
    int number = get == NULL ? 0 : get((void *)(uintptr_t)session);
    if (number >= FIRST_DATAGRAM)
        return 0xfeff;
    return number >= FIRST_VERSION && number <= LAST_VERSION ? 0x0300 + number - FIRST_VERSION : 0;
}

/* Of a session whose beginning was not seen, and of which nothing is noted any more: GnuTLS refuses to tell a client what it was asked for. */
static COLD bool refuses_client(const SSL *session)
{
    gnutls_server_name_get_type get = GNUTLS(gnutls_server_name_get);
    char name[NAME_MAX_BYTES + 1];
    size_t length = sizeof name;
    unsigned type;
    return get == NULL || get((void *)(uintptr_t)session, name, &length, &type, 0) == INVALID_REQUEST;
}

static int is_server(const SSL *session)
{
    struct session *known = session_find(session);
    uint32_t flags = known == NULL ? 0 : load_relaxed(&known->flags);
    struct noted found;
    if ((flags & SESSION_KNOWN) != 0)
        return (flags & SESSION_ACCEPTS) != 0;
    return find_noted(session, &found) ? found.is_server : !refuses_client(session);
}

static size_t random_of(const SSL *session, bool server, unsigned char *to, size_t room)
{
    gnutls_session_get_random_type get = GNUTLS(gnutls_session_get_random);
    gnutls_datum random[2] = {{NULL, 0}, {NULL, 0}};
    if (get == NULL)
        return 0;
    get((void *)(uintptr_t)session, &random[0], &random[1]);
    if (random[server].data == NULL || random[server].size > room)
        return 0;
    memcpy(to, random[server].data, random[server].size);
    return random[server].size;
}

static size_t client_random(const SSL *session, unsigned char *to, size_t room)
{
    return random_of(session, false, to, room);
}

static size_t server_random(const SSL *session, unsigned char *to, size_t room)
{
    return random_of(session, true, to, room);
}

static void alpn(const SSL *session, const unsigned char **name, unsigned *length)
{
    gnutls_alpn_get_selected_protocol_type get = GNUTLS(gnutls_alpn_get_selected_protocol);
    gnutls_datum selected = {NULL, 0};
    if (get != NULL && !logs_assertions() && get((void *)(uintptr_t)session, &selected) == 0) {
        *name = selected.data;
        *length = selected.size;
    }
}

static const char *asked_name(const SSL *session)
{
    struct noted found;
    if (!find_noted(session, &found) || found.length == 0)
        return NULL;
    memcpy(found_name, found.name, found.length);
    found_name[found.length] = 0;
    return found_name;
}

static const char *server_name(const SSL *session, int kind)
{
    gnutls_server_name_get_type get = GNUTLS(gnutls_server_name_get);
    size_t length = sizeof found_name;
    unsigned type;
    (void)kind;
    if (!is_server(session))
        return asked_name(session);
    if (get == NULL || logs_assertions() || get((void *)(uintptr_t)session, found_name, &length, &type, 0) != 0)
        return NULL;
    return found_name;
}

/* ---- Where GnuTLS is ---- */

static bool place(const struct elf_object *object, void *context)
{
    (void)context;
    if (object->is_hook) {
        store_relaxed(&hook.start, object->start);
        store_relaxed(&hook.end, object->end);
    }
    if (object->is_hook || elf_symbol(object, "gnutls_record_recv") != load_relaxed(&gnutls_original[GNUTLS_gnutls_record_recv]))
        return false;
    store_relaxed(&library.start, object->start);
    store_relaxed(&library.end, object->end);
    return load_relaxed(&hook.end) != 0;
}

/* Threads that come at the same time write the same. */
static COLD void find(void)
{
    const uint32_t hashes[] = {GNUTLS_INTERPOSED(HASH) GNUTLS_CALLED(HASH)};
    void *found[GNUTLS_COUNT];
    elf_find_next(names, hashes, GNUTLS_COUNT, found);
    for (unsigned i = 0; i < GNUTLS_COUNT; i++)
        store_relaxed(&gnutls_original[i], found[i]);
    if (found[GNUTLS_gnutls_record_recv] == NULL)
        return;
    elf_each(place, NULL);
    copies_find(COPIES_GNUTLS, "gnutls_record_recv", found[GNUTLS_gnutls_record_recv]);
    store_relaxed(&library.function[LIBRARY_SSL_version], (void *)version);
    store_relaxed(&library.function[LIBRARY_SSL_is_server], (void *)is_server);
    store_relaxed(&library.function[LIBRARY_SSL_get_client_random], (void *)client_random);
    store_relaxed(&library.function[LIBRARY_SSL_get_server_random], (void *)server_random);
    store_relaxed(&library.function[LIBRARY_SSL_get0_alpn_selected], (void *)alpn);
    store_relaxed(&library.function[LIBRARY_SSL_get_servername], (void *)server_name);
    store_release(&library.ready, 1);
}

const struct library *gnutls_library(void)
{
    if (UNLIKELY(load_acquire(&library.ready) == 0))
        find();
    return &library;
}

bool gnutls_calls_itself(const void *caller, bool is_under_way)
{
    uintptr_t at = (uintptr_t)caller, start = load_relaxed(&library.start), own = load_relaxed(&hook.start);
    return (is_under_way && at - start < load_relaxed(&library.end) - start) || at - own < load_relaxed(&hook.end) - own;
}

void gnutls_sweep(void)
{
    store_release(&library.ready, 0);
}

void gnutls_look_again(void)
{
    gnutls_sweep();
    if (load_relaxed(&gnutls_original[GNUTLS_gnutls_record_recv]) != NULL)
        find();
}
