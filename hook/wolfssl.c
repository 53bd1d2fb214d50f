/* SPDX-License-Identifier: MIT */
/* The interposed functions of wolfSSL, as those of tls.c are. It calls some of them itself, within another on the same session: those count for
 * nothing. */
#include "wolfssl.h"

#include <sys/uio.h>

#include "attach.h"
#include "call.h"
#include "kept_hello.h"

#define FAILED (-1)
#define CLOSED 1     /* WOLFSSL_SUCCESS */
#define NOT_CLOSED 2 /* WOLFSSL_SHUTDOWN_NOT_DONE: close_notify was sent */
#define PEEK 2       /* MSG_PEEK */
#define PIECES_MOST 1024

#define ORIGINAL(name, ...) (LIKELY(WOLFSSL(name) != NULL) ? WOLFSSL(name)(__VA_ARGS__) : FAILED)
#define BEGIN(call, kind) ((call)->library = wolfssl_library(), call_begin((call), (kind), ssl, CALL_PLACE), keep_hello(call))
#define BEGIN_WRITE(write, bytes, length)                                                              \
    ((write)->call.library = wolfssl_library(),                                                        \
     call_begin_write((write), ssl, (bytes), (length) > 0 ? (uint64_t)(length) : 0, CALL_PLACE), keep_hello(&(write)->call))

static void keep_hello(const struct call_frame *call)
{
    if (UNLIKELY(kept_hello_wanted(call->ssl)) && WOLFSSL(wolfSSL_get_fd) != NULL)
        call_keep_hello(call, WOLFSSL(wolfSSL_get_fd)(call->ssl));
}

/* ---- Sessions ---- */

/* Ends the session's flow and forgets it. */
static void forget(const void *ssl)
{
    flow_forget(wolfssl_library(), ssl);
    kept_hello_forget(ssl); /* what the flow is told with when it ends may be in it */
}

SSLC_EXPORT SSL *wolfSSL_new(void *context)
{
    wolfssl_library();
    if (UNLIKELY(load_relaxed(&attach_done) == 0))
        attach_late();
    SSL *ssl = LIKELY(WOLFSSL(wolfSSL_new) != NULL) ? WOLFSSL(wolfSSL_new)(context) : NULL;
    if (ssl == NULL)
        return NULL;
    forget(ssl); /* the address of one that was freed unseen */
    kept_hello_begin(ssl);
    struct session *known = load_relaxed(&attach_missed) != 0 && attach_ring() != NULL ? session_insert(ssl) : NULL;
    if (known != NULL)
        __atomic_fetch_or(&known->flags, SESSION_KNOWN, __ATOMIC_RELAXED);
    return ssl;
}

SSLC_EXPORT void wolfSSL_free(SSL *ssl)
{
    wolfssl_library();
    if (ssl != NULL)
        forget(ssl); /* before the address can be used again */
    if (LIKELY(WOLFSSL(wolfSSL_free) != NULL))
        WOLFSSL(wolfSSL_free)(ssl);
}

SSLC_EXPORT int wolfSSL_clear(SSL *ssl)
{
    wolfssl_library();
    if (ssl != NULL) {
        forget(ssl);
        kept_hello_begin(ssl);
    }
    return ORIGINAL(wolfSSL_clear, ssl);
}

/* The handshake: no clear text passes, but the ClientHello does. */
#define HANDSHAKE(name)                     \
    SSLC_EXPORT int name(SSL *ssl)          \
    {                                       \
        struct call_frame call;             \
        BEGIN(&call, CALL_OTHER);           \
        int result = ORIGINAL(name, ssl);   \
        call_end(&call);                    \
        return result;                      \
    }
HANDSHAKE(wolfSSL_connect)
HANDSHAKE(wolfSSL_accept)

SSLC_EXPORT int wolfSSL_shutdown(SSL *ssl)
{
    struct call_frame call;
    BEGIN(&call, CALL_OTHER);
    int result = ORIGINAL(wolfSSL_shutdown, ssl);
    call_end(&call);
    struct session *known = result == CLOSED || result == NOT_CLOSED ? session_find(ssl) : NULL;
    if (known != NULL)
        flow_alert(known, true);
    return result;
}

/* ---- Clear text ---- */

/* 0: the peer said that it is done. */
static void note_end(const void *ssl, int length, int result)
{
    struct session *known = length > 0 && result == 0 ? session_find(ssl) : NULL;
    if (known != NULL)
        flow_alert(known, false);
}

SSLC_EXPORT int wolfSSL_read(SSL *ssl, void *bytes, int length)
{
    struct call_frame call;
    BEGIN(&call, CALL_READ);
    int result = ORIGINAL(wolfSSL_read, ssl, bytes, length);
    call_end_read(&call, bytes, result > 0 ? (uint64_t)result : 0);
    note_end(ssl, length, result);
    return result;
}

SSLC_EXPORT int wolfSSL_recv(SSL *ssl, void *bytes, int length, int flags)
{
    struct call_frame call;
    BEGIN(&call, (flags & PEEK) != 0 ? CALL_OTHER : CALL_READ);
    int result = ORIGINAL(wolfSSL_recv, ssl, bytes, length, flags);
    call_end_read(&call, bytes, result > 0 && (flags & PEEK) == 0 ? (uint64_t)result : 0);
    note_end(ssl, length, result);
    return result;
}

SSLC_EXPORT int wolfSSL_write(SSL *ssl, const void *bytes, int length)
{
    struct write_frame write;
    BEGIN_WRITE(&write, bytes, length);
    int result = ORIGINAL(wolfSSL_write, ssl, bytes, length);
    call_end_write(&write, result > 0 ? (uint64_t)result : 0);
    return result;
}

SSLC_EXPORT int wolfSSL_send(SSL *ssl, const void *bytes, int length, int flags)
{
    struct write_frame write;
    BEGIN_WRITE(&write, bytes, length);
    int result = ORIGINAL(wolfSSL_send, ssl, bytes, length, flags);
    call_end_write(&write, result > 0 ? (uint64_t)result : 0);
    return result;
}

SSLC_EXPORT int wolfSSL_writev(SSL *ssl, const struct iovec *pieces, int count)
{
    struct write_frame write;
    const struct library *library = wolfssl_library();
    if (count < 0 || count > PIECES_MOST)
        return ORIGINAL(wolfSSL_writev, ssl, pieces, count);
    write.call.library = library;
    call_begin_gather(&write, ssl, pieces, (unsigned)count, CALL_PLACE);
    keep_hello(&write.call);
    int result = ORIGINAL(wolfSSL_writev, ssl, pieces, count);
    call_end_write(&write, result > 0 ? (uint64_t)result : 0);
    return result;
}
