/* SPDX-License-Identifier: MIT */
/* The interposed functions of TLS libraries. Each calls the original with the caller's own arguments and returns what that
 * returned; errno and the error queue are the original's. */
#include <sys/types.h>

#include "attach.h"
#include "call.h"

#define SENT_SHUTDOWN 1
#define RECEIVED_SHUTDOWN 2

/* Calls the original; `otherwise` where the library has none, which a caller that found the name cannot expect. */
#define ORIGINAL(call, name, otherwise, ...) \
    (LIKELY(LIBRARY((call)->library, name) != NULL) ? LIBRARY((call)->library, name)(__VA_ARGS__) : (otherwise))

SSLC_EXPORT int SSL_read(SSL *ssl, void *bytes, int length)
{
    struct call_frame call;
    CALL_BEGIN(&call, CALL_READ, ssl);
    int result = ORIGINAL(&call, SSL_read, -1, ssl, bytes, length);
    call_end_read(&call, bytes, result > 0 ? (uint64_t)result : 0);
    return result;
}

SSLC_EXPORT int SSL_read_ex(SSL *ssl, void *bytes, size_t length, size_t *done)
{
    struct call_frame call;
    CALL_BEGIN(&call, CALL_READ, ssl);
    int result = ORIGINAL(&call, SSL_read_ex, 0, ssl, bytes, length, done);
    call_end_read(&call, bytes, result == 1 ? *done : 0);
    return result;
}

SSLC_EXPORT int SSL_read_early_data(SSL *ssl, void *bytes, size_t length, size_t *done)
{
    struct call_frame call;
    CALL_BEGIN(&call, CALL_READ, ssl);
    int result = ORIGINAL(&call, SSL_read_early_data, 0, ssl, bytes, length, done);
    call_end_read(&call, bytes, result == 1 /* SSL_READ_EARLY_DATA_SUCCESS */ ? *done : 0);
    return result;
}

SSLC_EXPORT int SSL_write(SSL *ssl, const void *bytes, int length)
{
    struct write_frame write;
    CALL_BEGIN_WRITE(&write, ssl, bytes, length > 0 ? (uint64_t)length : 0);
    int result = ORIGINAL(&write.call, SSL_write, -1, ssl, bytes, length);
    call_end_write(&write, result > 0 ? (uint64_t)result : 0);
    return result;
}

SSLC_EXPORT int SSL_write_ex(SSL *ssl, const void *bytes, size_t length, size_t *done)
{
    struct write_frame write;
    CALL_BEGIN_WRITE(&write, ssl, bytes, length);
    int result = ORIGINAL(&write.call, SSL_write_ex, 0, ssl, bytes, length, done);
    call_end_write(&write, result == 1 ? *done : 0);
    return result;
}

SSLC_EXPORT int SSL_write_ex2(SSL *ssl, const void *bytes, size_t length, uint64_t flags, size_t *done)
{
    struct write_frame write;
    CALL_BEGIN_WRITE(&write, ssl, bytes, length);
    int result = ORIGINAL(&write.call, SSL_write_ex2, 0, ssl, bytes, length, flags, done);
    call_end_write(&write, result == 1 ? *done : 0);
    return result;
}

SSLC_EXPORT int SSL_write_early_data(SSL *ssl, const void *bytes, size_t length, size_t *done)
{
    struct write_frame write;
    CALL_BEGIN_WRITE(&write, ssl, bytes, length);
    int result = ORIGINAL(&write.call, SSL_write_early_data, 0, ssl, bytes, length, done);
    call_end_write(&write, result == 1 ? *done : 0);
    return result;
}

SSLC_EXPORT ssize_t SSL_sendfile(SSL *ssl, int fd, off_t offset, size_t length, int flags)
{
    struct write_frame write;
    CALL_BEGIN_WRITE(&write, ssl, NULL, 0);
    ssize_t result = ORIGINAL(&write.call, SSL_sendfile, -1, ssl, fd, offset, length, flags);
    call_end_write(&write, result > 0 ? (uint64_t)result : 0);
    return result;
}

/* The handshake: no clear text passes, but the ClientHello does, and the socket shows. */
#define HANDSHAKE(name)                                  \
    SSLC_EXPORT int name(SSL *ssl)                       \
    {                                                    \
        struct call_frame call;                          \
        CALL_BEGIN(&call, CALL_OTHER, ssl);              \
        int result = ORIGINAL(&call, name, -1, ssl);     \
        call_end(&call);                                 \
        return result;                                   \
    }
HANDSHAKE(SSL_connect)
HANDSHAKE(SSL_accept)
HANDSHAKE(SSL_do_handshake)

SSLC_EXPORT SSL *SSL_new(void *context)
{
    const struct library *library = library_of(context);
    if (UNLIKELY(load_relaxed(&attach_done) == 0))
        attach_late();
    SSL *ssl = LIKELY(LIBRARY(library, SSL_new) != NULL) ? LIBRARY(library, SSL_new)(context) : NULL;
    if (ssl == NULL || attach_ring() == NULL)
        return ssl;
    flow_forget(library, ssl); /* the address of one that was freed unseen */
    struct session *session = load_relaxed(&attach_missed) != 0 ? session_insert(ssl) : NULL;
    if (session != NULL)
        __atomic_fetch_or(&session->flags, SESSION_KNOWN, __ATOMIC_RELAXED);
    return ssl;
}

SSLC_EXPORT int SSL_up_ref(SSL *ssl)
{
    const struct library *library = library_of(ssl);
    int result = LIKELY(LIBRARY(library, SSL_up_ref) != NULL) ? LIBRARY(library, SSL_up_ref)(ssl) : 0;
    struct session *session = result == 1 && attach_ring_or_claim() != NULL ? session_insert(ssl) : NULL;
    if (session != NULL)
        add_relaxed(&session->references, 1);
    return result;
}

SSLC_EXPORT void SSL_free(SSL *ssl)
{
    if (ssl == NULL)
        return;
    const struct library *library = library_of(ssl);
    struct session *session = session_find(ssl);
    if (session != NULL && load_relaxed(&session->references) != 0)
        __atomic_fetch_sub(&session->references, 1, __ATOMIC_RELAXED);
    else if (session != NULL)
        flow_forget(library, ssl); /* before the address can be used again */
    if (LIKELY(LIBRARY(library, SSL_free) != NULL))
        LIBRARY(library, SSL_free)(ssl);
}

SSLC_EXPORT int SSL_clear(SSL *ssl)
{
    const struct library *library = library_of(ssl);
    struct session *session = session_find(ssl);
    if (session != NULL) {
        struct flow_use use = {ssl, library, -1, -1};
        flow_end(&use, session);
    }
    return LIKELY(LIBRARY(library, SSL_clear) != NULL) ? LIBRARY(library, SSL_clear)(ssl) : 0;
}

SSLC_EXPORT int SSL_shutdown(SSL *ssl)
{
    struct call_frame call;
    CALL_BEGIN(&call, CALL_OTHER, ssl);
    SSL_get_shutdown_type get_shutdown = LIBRARY(call.library, SSL_get_shutdown);
    SSL_get_quiet_shutdown_type get_quiet = LIBRARY(call.library, SSL_get_quiet_shutdown);
    struct session *session = get_shutdown == NULL ? NULL : session_find(ssl);
    int before = session == NULL ? 0 : get_shutdown(ssl);
    int result = ORIGINAL(&call, SSL_shutdown, -1, ssl);
    call_end(&call);
    if (session == NULL || (get_quiet != NULL && get_quiet(ssl) != 0))
        return result;
    int after = get_shutdown(ssl) & ~before; /* a program may set these itself, having sent and received nothing */
    if ((after & SENT_SHUTDOWN) != 0)
        flow_alert(session, true);
    if ((after & RECEIVED_SHUTDOWN) != 0)
        flow_alert(session, false);
    if ((~load_relaxed(&session->flags) & (SESSION_SENT | SESSION_RECEIVED)) == 0) {
        struct flow_use use = {ssl, call.library, -1, -1};
        flow_end(&use, session);
    }
    return result;
}
