/* SPDX-License-Identifier: MIT */
/* The interposed functions of GnuTLS, as those of tls.c are.
 *
 * A send encrypts one record at most, and keeps it where the socket does not take it: it answers that it is to be called again, with
 * the same bytes, with more or with none, and only then how many they were. What it keeps is told at once, and not when it is called
 * again. A session that is corked keeps all that it is given. */
#include "gnutls.h"

#include "attach.h"
#include "call.h"
#include "copies.h"
#include "thread.h"

#define E_AGAIN (-28)
#define E_INTERRUPTED (-52)
#define E_UNIMPLEMENTED (-1250)
#define RECORD_MOST (16u << 10) /* clear text of one record */
#define FLAG_SERVER 1u
#define SHUT_RDWR_BOTH 0
#define KERNEL_SENDS 2u /* GNUTLS_KTLS_SEND */
#define NAME_DNS 1 /* GNUTLS_NAME_DNS */

/* A call that GnuTLS makes of itself within one on the same session counts for nothing. It makes others on the program's behalf: to send
 * a file, or where its functions are those that carry another session. */
#define IS_INNER(session) is_inner((session), CALL_PLACE)
#define ORIGINAL(name, otherwise, ...) (LIKELY(GNUTLS(name) != NULL) ? GNUTLS(name)(__VA_ARGS__) : (otherwise))
#define BEGIN(call, kind, session) \
    ((call)->library = gnutls_library(), call_begin((call), (kind), (session), CALL_PLACE))
#define BEGIN_WRITE(write, session, bytes, length) \
    ((write)->call.library = gnutls_library(), call_begin_write((write), (session), (bytes), (length), CALL_PLACE))

/* That of the program itself, or of what is loaded with it: all that comes later is bound to it first. */
extern int gnutls_protocol_get_version(void *) __attribute__((weak));

/* Where the caller is bound to another GnuTLS than the mirrored one, the call is led there. */
#define LEAD_ELSEWHERE(name, ...)                         \
    do {                                                  \
        void *other = other_function(CALLER, #name);      \
        if (UNLIKELY(other != NULL))                      \
            return ((name##_type)other)(__VA_ARGS__);     \
    } while (0)
#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))

static inline void *other_function(const void *caller, const char *name)
{
    gnutls_library();
    if (LIKELY(!copies_several(COPIES_GNUTLS)))
        return NULL;
    return copies_function(COPIES_GNUTLS, "gnutls_", (const void *)gnutls_protocol_get_version, caller, name);
}

static inline bool is_inner(const void *session, const char *frame, const void *caller)
{
    return gnutls_calls_itself(caller, thread_has(&thread_state, session, frame));
}

/* ---- Sessions ---- */

static void forget(const void *session)
{
    gnutls_forget(session);
    flow_forget(gnutls_library(), session);
}

static COLD int init_elsewhere(gnutls_init_type init, void **session, unsigned flags)
{
    int result = init(session, flags);
    if (result == 0)
        flow_unmirrored(*session);
    return result;
}

SSLC_EXPORT int gnutls_init(void **session, unsigned flags)
{
    void *other = other_function(CALLER, "gnutls_init");
    if (UNLIKELY(other != NULL))
        return init_elsewhere(other, session, flags);
    if (UNLIKELY(load_relaxed(&attach_done) == 0))
        attach_late();
    int result = ORIGINAL(gnutls_init, E_UNIMPLEMENTED, session, flags);
    if (result != 0)
        return result;
    forget(*session); /* the address of one that was freed unseen */
    gnutls_note_end(*session, (flags & FLAG_SERVER) != 0);
    flow_begin(*session, (flags & FLAG_SERVER) != 0);
    return result;
}

SSLC_EXPORT void gnutls_deinit(void *session)
{
    LEAD_ELSEWHERE(gnutls_deinit, session);
    if (session != NULL)
        forget(session); /* before the address can be used again */
    if (LIKELY(GNUTLS(gnutls_deinit) != NULL))
        GNUTLS(gnutls_deinit)(session);
}

SSLC_EXPORT int gnutls_handshake(void *session)
{
    LEAD_ELSEWHERE(gnutls_handshake, session);
    if (UNLIKELY(IS_INNER(session)))
        return ORIGINAL(gnutls_handshake, E_UNIMPLEMENTED, session);
    struct call_frame call;
    BEGIN(&call, CALL_OTHER, session);
    int result = ORIGINAL(gnutls_handshake, E_UNIMPLEMENTED, session);
    call_end(&call);
    return result;
}

SSLC_EXPORT int gnutls_server_name_set(void *session, int type, const void *name, size_t length)
{
    LEAD_ELSEWHERE(gnutls_server_name_set, session, type, name, length);
    int result = ORIGINAL(gnutls_server_name_set, E_UNIMPLEMENTED, session, type, name, length);
    if (result == 0 && type == NAME_DNS)
        gnutls_note_name(session, name, length);
    return result;
}

SSLC_EXPORT int gnutls_bye(void *session, int how)
{
    LEAD_ELSEWHERE(gnutls_bye, session, how);
    struct call_frame call;
    BEGIN(&call, CALL_OTHER, session);
    int result = ORIGINAL(gnutls_bye, E_UNIMPLEMENTED, session, how);
    call_end(&call);
    struct session *known = result == 0 ? session_find(session) : NULL;
    if (known == NULL)
        return result;
    flow_alert(known, true);
    if (how == SHUT_RDWR_BOTH)
        flow_alert(known, false);
    if ((~load_relaxed(&known->flags) & (SESSION_SENT | SESSION_RECEIVED)) == 0) {
        struct flow_use use = {session, call.library, -1, -1};
        flow_end(&use, known);
    }
    return result;
}

/* ---- Clear text that comes ---- */

/* 0: the peer said that it is done. */
static void note_end(const void *session, ssize_t result)
{
    struct session *known = result == 0 ? session_find(session) : NULL;
    if (known != NULL)
        flow_alert(known, false);
}

SSLC_EXPORT ssize_t gnutls_record_recv(void *session, void *bytes, size_t length)
{
    LEAD_ELSEWHERE(gnutls_record_recv, session, bytes, length);
    if (UNLIKELY(IS_INNER(session)))
        return ORIGINAL(gnutls_record_recv, E_UNIMPLEMENTED, session, bytes, length);
    struct call_frame call;
    BEGIN(&call, CALL_READ, session);
    ssize_t result = ORIGINAL(gnutls_record_recv, E_UNIMPLEMENTED, session, bytes, length);
    call_end_read(&call, bytes, result > 0 ? (uint64_t)result : 0);
    if (length != 0)
        note_end(session, result);
    return result;
}

SSLC_EXPORT ssize_t gnutls_record_recv_seq(void *session, void *bytes, size_t length, unsigned char *sequence)
{
    LEAD_ELSEWHERE(gnutls_record_recv_seq, session, bytes, length, sequence);
    struct call_frame call;
    BEGIN(&call, CALL_READ, session);
    ssize_t result = ORIGINAL(gnutls_record_recv_seq, E_UNIMPLEMENTED, session, bytes, length, sequence);
    call_end_read(&call, bytes, result > 0 ? (uint64_t)result : 0);
    if (length != 0)
        note_end(session, result);
    return result;
}

SSLC_EXPORT ssize_t gnutls_record_recv_early_data(void *session, void *bytes, size_t length)
{
    LEAD_ELSEWHERE(gnutls_record_recv_early_data, session, bytes, length);
    if (UNLIKELY(IS_INNER(session)))
        return ORIGINAL(gnutls_record_recv_early_data, E_UNIMPLEMENTED, session, bytes, length);
    struct call_frame call;
    BEGIN(&call, CALL_READ, session);
    ssize_t result = ORIGINAL(gnutls_record_recv_early_data, E_UNIMPLEMENTED, session, bytes, length);
    call_end_read(&call, bytes, result > 0 ? (uint64_t)result : 0);
    return result;
}

SSLC_EXPORT ssize_t gnutls_record_recv_packet(void *session, void **packet)
{
    LEAD_ELSEWHERE(gnutls_record_recv_packet, session, packet);
    if (UNLIKELY(IS_INNER(session)))
        return ORIGINAL(gnutls_record_recv_packet, E_UNIMPLEMENTED, session, packet);
    struct call_frame call;
    BEGIN(&call, CALL_READ, session);
    ssize_t result = ORIGINAL(gnutls_record_recv_packet, E_UNIMPLEMENTED, session, packet);
    gnutls_datum datum = {NULL, 0};
    if (result > 0 && GNUTLS(gnutls_packet_get) != NULL)
        GNUTLS(gnutls_packet_get)(*packet, &datum, NULL);
    call_end_read(&call, datum.data, datum.data == NULL ? 0 : datum.size);
    note_end(session, result);
    return result;
}

/* ---- Clear text that goes ---- */

/* More than a record goes at once where it is only kept so far, or where the kernel encrypts. */
static COLD bool is_corked(const void *session)
{
    gnutls_record_check_corked_type check = GNUTLS(gnutls_record_check_corked);
    return check != NULL && check((void *)(uintptr_t)session) != 0;
}

/* How much of `length` bytes a send keeps that is to be called again, where it kept nothing before. */
static COLD size_t kept_of(const void *session, size_t length)
{
    gnutls_record_get_max_size_type get = GNUTLS(gnutls_record_get_max_size);
    size_t most = get == NULL ? 0 : get((void *)(uintptr_t)session);
    most = most == 0 || most > RECORD_MOST ? RECORD_MOST : most;
    return length < most ? length : most;
}

/* `length` of the caller's `bytes`, NULL: none, were sent, or kept to be sent. A peer that wants small records makes GnuTLS keep less
 * than was told, and so does a kernel that encrypts: the rest is what the caller sends next. */
static void end_send(struct write_frame *write, const uint8_t *bytes, size_t length, ssize_t result)
{
    struct session *known = session_find(write->call.ssl);
    uint64_t before = known == NULL ? 0 : load_relaxed(&known->reported), told = before, done = 0, ahead = 0;
    if (result > 0) {
        done = (uint64_t)result;
        told = before < done ? before : done;
        ahead = before - told;
    } else if ((result == E_AGAIN || result == E_INTERRUPTED) && known != NULL) {
        done = before != 0 || bytes == NULL ? before : kept_of(write->call.ssl, length);
        ahead = done;
    }
    call_end_kept(write, told, done, done > RECORD_MOST && is_corked(write->call.ssl) ? bytes : NULL);
    if (known != NULL)
        store_relaxed(&known->reported, ahead);
}

#define SEND(name, ...)                                                            \
    LEAD_ELSEWHERE(name, __VA_ARGS__);                                             \
    if (UNLIKELY(IS_INNER(session)))                                                        \
        return ORIGINAL(name, E_UNIMPLEMENTED, __VA_ARGS__);                       \
    struct write_frame write;                                                      \
    BEGIN_WRITE(&write, session, bytes, length < RECORD_MOST ? length : RECORD_MOST); \
    ssize_t result = ORIGINAL(name, E_UNIMPLEMENTED, __VA_ARGS__);                 \
    end_send(&write, bytes, length, result);                                       \
    return result;

SSLC_EXPORT ssize_t gnutls_record_send(void *session, const void *bytes, size_t length)
{
    SEND(gnutls_record_send, session, bytes, length)
}

SSLC_EXPORT ssize_t gnutls_record_send2(void *session, const void *bytes, size_t length, size_t pad, unsigned flags)
{
    SEND(gnutls_record_send2, session, bytes, length, pad, flags)
}

SSLC_EXPORT ssize_t gnutls_record_send_range(void *session, const void *bytes, size_t length, const void *range)
{
    LEAD_ELSEWHERE(gnutls_record_send_range, session, bytes, length, range);
    if (UNLIKELY(IS_INNER(session)))
        return ORIGINAL(gnutls_record_send_range, E_UNIMPLEMENTED, session, bytes, length, range);
    struct write_frame write;
    BEGIN_WRITE(&write, session, bytes, length);
    ssize_t result = ORIGINAL(gnutls_record_send_range, E_UNIMPLEMENTED, session, bytes, length, range);
    call_end_write(&write, result > 0 ? (uint64_t)result : 0);
    return result;
}

SSLC_EXPORT ssize_t gnutls_record_send_early_data(void *session, const void *bytes, size_t length)
{
    LEAD_ELSEWHERE(gnutls_record_send_early_data, session, bytes, length);
    if (UNLIKELY(IS_INNER(session)))
        return ORIGINAL(gnutls_record_send_early_data, E_UNIMPLEMENTED, session, bytes, length);
    struct write_frame write;
    BEGIN_WRITE(&write, session, bytes, length);
    ssize_t result = ORIGINAL(gnutls_record_send_early_data, E_UNIMPLEMENTED, session, bytes, length);
    call_end_write(&write, result == 0 ? length : 0);
    return result;
}

/* GnuTLS reads the file and sends it by gnutls_record_send, unless the kernel does both. */
SSLC_EXPORT ssize_t gnutls_record_send_file(void *session, int fd, off_t *offset, size_t length)
{
    LEAD_ELSEWHERE(gnutls_record_send_file, session, fd, offset, length);
    gnutls_transport_is_ktls_enabled_type get = GNUTLS(gnutls_transport_is_ktls_enabled);
    if (get == NULL || (get(session) & KERNEL_SENDS) == 0)
        return ORIGINAL(gnutls_record_send_file, E_UNIMPLEMENTED, session, fd, offset, length);
    struct write_frame write;
    BEGIN_WRITE(&write, session, NULL, 0);
    ssize_t result = ORIGINAL(gnutls_record_send_file, E_UNIMPLEMENTED, session, fd, offset, length);
    call_end_write(&write, result > 0 ? (uint64_t)result : 0);
    return result;
}

/* What it sends was told when it was kept. */
SSLC_EXPORT int gnutls_record_uncork(void *session, unsigned flags)
{
    LEAD_ELSEWHERE(gnutls_record_uncork, session, flags);
    struct call_frame call;
    BEGIN(&call, CALL_OTHER, session);
    int result = ORIGINAL(gnutls_record_uncork, E_UNIMPLEMENTED, session, flags);
    call_end(&call);
    return result;
}
