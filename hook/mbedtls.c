/* SPDX-License-Identifier: MIT */
/* The interposed functions of mbed TLS, as those of tls.c are. It calls some of them itself, within another on the same session: those count for
 * nothing. Sessions lie in memory of the program's own, and configurations too. */
#include "mbedtls.h"

#include "attach.h"
#include "call.h"
#include "copies.h"
#include "kept_hello.h"
#include "thread.h"

#define IS_SERVER 1                     /* MBEDTLS_SSL_IS_SERVER */
#define FEATURE_UNAVAILABLE (-0x7080)   /* MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE */
#define PEER_CLOSE_NOTIFY (-0x7880)     /* MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY */
#define RECORD_MOST (16u << 10)         /* clear text of one record, which a call sends at most */

/* That of the program itself, or of what is loaded with it. */
extern const char *mbedtls_ssl_get_version(const SSL *) __attribute__((weak));

#define ORIGINAL(name, ...) (LIKELY(MBEDTLS(name) != NULL) ? MBEDTLS(name)(__VA_ARGS__) : FEATURE_UNAVAILABLE)
#define BEGIN(call, kind) ((call)->library = mbedtls_library(), call_begin((call), (kind), ssl, CALL_PLACE), keep_hello(call))
#define BEGIN_WRITE(write, bytes, length)                                                                                       \
    ((write)->call.library = mbedtls_library(),                                                                                 \
     call_begin_write((write), ssl, (bytes), (length) < RECORD_MOST ? (length) : RECORD_MOST, CALL_PLACE), keep_hello(&(write)->call))

/* Where the caller is bound to another mbed TLS than the mirrored one, the call is led there. */
#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))
#define LEAD_ELSEWHERE(name, ...)                     \
    do {                                              \
        void *other = other_function(CALLER, #name);  \
        if (UNLIKELY(other != NULL))                  \
            return ((name##_type)other)(__VA_ARGS__); \
    } while (0)

static inline void *other_function(const void *caller, const char *name)
{
    mbedtls_library();
    if (LIKELY(!copies_several(COPIES_MBEDTLS)))
        return NULL;
    return copies_function(COPIES_MBEDTLS, "mbedtls_", (const void *)mbedtls_ssl_get_version, caller, name);
}

/* The functions that move its records are the program's: it does not know their socket. */
static void keep_hello(const struct call_frame *call)
{
    if (UNLIKELY(kept_hello_wanted(call->ssl)))
        call_keep_hello(call, CALL_KEEPS_FIRST);
}

/* ---- Sessions ---- */

SSLC_EXPORT int mbedtls_ssl_config_defaults(void *config, int end, int transport, int preset)
{
    LEAD_ELSEWHERE(mbedtls_ssl_config_defaults, config, end, transport, preset);
    mbedtls_note_end(config, end == IS_SERVER);
    return ORIGINAL(mbedtls_ssl_config_defaults, config, end, transport, preset);
}

SSLC_EXPORT void mbedtls_ssl_conf_endpoint(void *config, int end)
{
    LEAD_ELSEWHERE(mbedtls_ssl_conf_endpoint, config, end);
    mbedtls_note_end(config, end == IS_SERVER);
    if (LIKELY(MBEDTLS(mbedtls_ssl_conf_endpoint) != NULL))
        MBEDTLS(mbedtls_ssl_conf_endpoint)(config, end);
}

SSLC_EXPORT void mbedtls_ssl_config_free(void *config)
{
    LEAD_ELSEWHERE(mbedtls_ssl_config_free, config);
    mbedtls_forget_end(config);
    if (LIKELY(MBEDTLS(mbedtls_ssl_config_free) != NULL))
        MBEDTLS(mbedtls_ssl_config_free)(config);
}

/* Ends the session's flow and forgets it; whether it was known for a server's. */
static bool forget(const void *ssl)
{
    struct session *known = session_find(ssl);
    bool accepts = known != NULL && (load_relaxed(&known->flags) & SESSION_ACCEPTS) != 0;
    flow_forget(mbedtls_library_at_end(), ssl);
    kept_hello_forget(ssl);
    return accepts;
}

static void begin(const void *ssl, bool accepts)
{
    kept_hello_begin(ssl);
    flow_begin(ssl, accepts);
}

static COLD int set_up_elsewhere(mbedtls_ssl_setup_type set_up, SSL *ssl, const void *config)
{
    int result = set_up(ssl, config);
    if (result == 0)
        flow_unmirrored(ssl);
    return result;
}

SSLC_EXPORT int mbedtls_ssl_setup(SSL *ssl, const void *config)
{
    void *other = other_function(CALLER, "mbedtls_ssl_setup");
    if (UNLIKELY(other != NULL))
        return set_up_elsewhere(other, ssl, config);
    if (UNLIKELY(load_relaxed(&attach_done) == 0))
        attach_late();
    int result = ORIGINAL(mbedtls_ssl_setup, ssl, config);
    if (result != 0)
        return result;
    forget(ssl); /* one that was there and freed unseen */
    begin(ssl, mbedtls_is_servers(config));
    return result;
}

SSLC_EXPORT int mbedtls_ssl_session_reset(SSL *ssl)
{
    LEAD_ELSEWHERE(mbedtls_ssl_session_reset, ssl);
    bool accepts = ssl != NULL && forget(ssl);
    int result = ORIGINAL(mbedtls_ssl_session_reset, ssl);
    if (result == 0)
        begin(ssl, accepts);
    return result;
}

SSLC_EXPORT void mbedtls_ssl_free(SSL *ssl)
{
    LEAD_ELSEWHERE(mbedtls_ssl_free, ssl);
    if (ssl != NULL)
        forget(ssl); /* before the memory can be used again */
    if (LIKELY(MBEDTLS(mbedtls_ssl_free) != NULL))
        MBEDTLS(mbedtls_ssl_free)(ssl);
}

/* No clear text passes, but the ClientHello may. */
#define HANDSHAKE(name)                   \
    SSLC_EXPORT int name(SSL *ssl)        \
    {                                     \
        LEAD_ELSEWHERE(name, ssl);        \
        struct call_frame call;           \
        BEGIN(&call, CALL_OTHER);         \
        int result = ORIGINAL(name, ssl); \
        call_end(&call);                  \
        return result;                    \
    }
HANDSHAKE(mbedtls_ssl_handshake)
HANDSHAKE(mbedtls_ssl_handshake_step)
HANDSHAKE(mbedtls_ssl_renegotiate)

SSLC_EXPORT int mbedtls_ssl_close_notify(SSL *ssl)
{
    LEAD_ELSEWHERE(mbedtls_ssl_close_notify, ssl);
    struct call_frame call;
    BEGIN(&call, CALL_OTHER);
    int result = ORIGINAL(mbedtls_ssl_close_notify, ssl);
    call_end(&call);
    struct session *known = result == 0 ? session_find(ssl) : NULL;
    if (known != NULL)
        flow_alert(known, true);
    return result;
}

/* ---- Clear text ---- */

/* What passed this session is what another sends or receives, that is within a call, too. */
static void carry(const void *ssl, bool received, const void *bytes, int result, const char *frame)
{
    const struct call *outer = UNLIKELY(thread_state.depth != 0) && result > 0 ? thread_call(&thread_state, frame) : NULL;
    if (outer != NULL && outer->hello_from == CALL_KEEPS_FIRST && outer->ssl != ssl && (received || mbedtls_makes(outer->ssl, bytes)))
        kept_hello_pass(outer->ssl, -1, received, bytes, (size_t)result);
}

#define READ(name)                                                         \
    SSLC_EXPORT int name(SSL *ssl, unsigned char *bytes, size_t length)    \
    {                                                                      \
        LEAD_ELSEWHERE(name, ssl, bytes, length);                          \
        struct call_frame call;                                            \
        BEGIN(&call, CALL_READ);                                           \
        int result = ORIGINAL(name, ssl, bytes, length);                   \
        call_end_read(&call, bytes, result > 0 ? (uint64_t)result : 0);    \
        carry(ssl, true, bytes, result, call.frame);                       \
        struct session *known = result == PEER_CLOSE_NOTIFY ? session_find(ssl) : NULL; \
        if (known != NULL)                                                 \
            flow_alert(known, false);                                      \
        return result;                                                     \
    }
READ(mbedtls_ssl_read)
READ(mbedtls_ssl_read_early_data)

#define WRITE(name)                                                           \
    SSLC_EXPORT int name(SSL *ssl, const unsigned char *bytes, size_t length) \
    {                                                                         \
        LEAD_ELSEWHERE(name, ssl, bytes, length);                             \
        struct write_frame write;                                             \
        BEGIN_WRITE(&write, bytes, length);                                   \
        int result = ORIGINAL(name, ssl, bytes, length);                      \
        call_end_write(&write, result > 0 ? (uint64_t)result : 0);            \
        carry(ssl, false, bytes, result, write.call.frame);                   \
        return result;                                                        \
    }
WRITE(mbedtls_ssl_write)
WRITE(mbedtls_ssl_write_early_data)
