/* SPDX-License-Identifier: MIT */
/* The handshakes of NSS, and the methods that clear text passes. Each calls the original with the caller's own arguments and returns what that
 * returned; errno and PR_GetError are the original's. */
#include "call.h"
#include "kept_hello.h"
#include "nss.h"

/* ---- Calls on a session ---- */

/* What is asked of the session while the call is under way, by this thread, is asked of this layer. */
#define BEGIN(call, kind) \
    ((call)->library = nss_library(table, layer), call_begin((call), (kind), layer->secret, CALL_PLACE), keep_hello((call), table, layer))
#define BEGIN_WRITE(write, bytes, length)                                                                 \
    ((write)->call.library = nss_library(table, layer),                                                   \
     call_begin_write((write), layer->secret, (bytes), (length) > 0 ? (uint64_t)(length) : 0, CALL_PLACE), \
     keep_hello(&(write)->call, table, layer))
#define FRAME ((const char *)__builtin_frame_address(0))

static void keep_hello(const struct call_frame *call, const struct nss_table *table, const struct nspr_layer *layer)
{
    if (UNLIKELY(kept_hello_wanted(layer->secret)))
        call_keep_hello(call, nss_is_carried(layer) ? CALL_KEEPS_CARRIED : nss_socket(table, layer));
}

/* The clear text of this session is what another sends or receives, that is within a call, too. */
static void carry(bool received, const void *bytes, int32_t length, const char *frame)
{
    const struct call *outer = thread_call(&thread_state, frame);
    if (UNLIKELY(outer != NULL) && outer->hello_from == CALL_KEEPS_CARRIED && length > 0)
        kept_hello_pass(outer->ssl, -1, received, bytes, (size_t)length);
}

/* What passed is clear text of a session, and not passed on as it is. */
static uint64_t counted(const void *session, int32_t result)
{
    const struct session *known = session_find(session);
    bool counts = result > 0 && ((known != NULL && (load_relaxed(&known->flags) & SESSION_ROLE) != 0) || nss_encrypts(session));
    return counts ? (uint64_t)result : 0;
}

#define HANDSHAKE(name, function, ...)                                        \
    struct nss_table *table;                                                  \
    nss_mirror(file);                                                         \
    struct nspr_layer *layer = nss_session(file, &table);                     \
    if (layer == NULL)                                                        \
        return NSS_ORIGINAL(name, __VA_ARGS__);                                   \
    struct call_frame call;                                                   \
    BEGIN(&call, CALL_OTHER);                                                 \
    int result = table->function(__VA_ARGS__);                                \
    nss_library(table, layer);                                                \
    call_end(&call);                                                          \
    return result;

SSLC_EXPORT int SSL_ForceHandshake(struct nspr_layer *file)
{
    HANDSHAKE(SSL_ForceHandshake, force_handshake, file)
}

SSLC_EXPORT int SSL_ForceHandshakeWithTimeout(struct nspr_layer *file, uint32_t timeout)
{
    HANDSHAKE(SSL_ForceHandshakeWithTimeout, force_handshake_with_timeout, file, timeout)
}

/* ---- Methods ---- */

static int32_t end_read(struct call_frame *call, struct nss_table *table, struct nspr_layer *layer, const void *bytes,
                        int32_t length, int32_t result)
{
    nss_library(table, layer);
    call_end_read(call, bytes, counted(call->ssl, result));
    struct session *known = result == 0 && length > 0 ? session_find(call->ssl) : NULL;
    if (known != NULL)
        flow_alert(known, false);
    return result;
}

static int32_t end_write(struct write_frame *write, struct nss_table *table, struct nspr_layer *layer, int32_t result)
{
    nss_library(table, layer);
    call_end_write(write, counted(write->call.ssl, result));
    return result;
}

static int32_t session_read(struct nss_table *table, struct nspr_layer *layer, void *bytes, int32_t length)
{
    struct call_frame call;
    BEGIN(&call, CALL_READ);
    int32_t result = table->original.read(layer, bytes, length);
    end_read(&call, table, layer, bytes, length, result);
    carry(true, bytes, result, FRAME);
    return result;
}

/* The bytes stay to be received; the handshake may be made. */
static int32_t session_peek(struct nss_table *table, struct nspr_layer *layer, void *bytes, int32_t length, int flags,
                            uint32_t timeout)
{
    struct call_frame call;
    BEGIN(&call, CALL_OTHER);
    int32_t result = table->original.recv(layer, bytes, length, flags, timeout);
    nss_library(table, layer);
    call_end(&call);
    return result;
}

static int32_t session_recv(struct nss_table *table, struct nspr_layer *layer, void *bytes, int32_t length, int flags,
                            uint32_t timeout)
{
    struct call_frame call;
    if ((flags & NSPR_PEEK) != 0)
        return session_peek(table, layer, bytes, length, flags, timeout);
    BEGIN(&call, CALL_READ);
    int32_t result = table->original.recv(layer, bytes, length, flags, timeout);
    end_read(&call, table, layer, bytes, length, result);
    carry(true, bytes, result, FRAME);
    return result;
}

static int32_t session_write(struct nss_table *table, struct nspr_layer *layer, const void *bytes, int32_t length)
{
    struct write_frame write;
    carry(false, bytes, length, FRAME);
    BEGIN_WRITE(&write, bytes, length);
    int32_t result = table->original.write(layer, bytes, length);
    return end_write(&write, table, layer, result);
}

static int32_t session_send(struct nss_table *table, struct nspr_layer *layer, const void *bytes, int32_t length, int flags,
                            uint32_t timeout)
{
    struct write_frame write;
    carry(false, bytes, length, FRAME);
    BEGIN_WRITE(&write, bytes, length);
    int32_t result = table->original.send(layer, bytes, length, flags, timeout);
    return end_write(&write, table, layer, result);
}

/* False: NSS refuses them. */
static bool convert(const struct nspr_part *parts, int32_t count, struct iovec *vector)
{
    for (int32_t i = 0; i < count; i++) {
        if (parts[i].length < 0)
            return false;
        vector[i].iov_base = (void *)(uintptr_t)parts[i].bytes;
        vector[i].iov_len = (size_t)parts[i].length;
    }
    return true;
}

static int32_t session_writev(struct nss_table *table, struct nspr_layer *layer, const struct nspr_part *parts,
                              int32_t count, uint32_t timeout)
{
    struct iovec vector[NSPR_PARTS_MOST];
    struct write_frame write;
    if (count < 0 || count > NSPR_PARTS_MOST || !convert(parts, count, vector))
        return table->original.writev(layer, parts, count, timeout);
    write.call.library = nss_library(table, layer);
    call_begin_gather(&write, layer->secret, vector, (unsigned)count, CALL_PLACE);
    keep_hello(&write.call, table, layer);
    int32_t result = table->original.writev(layer, parts, count, timeout);
    return end_write(&write, table, layer, result);
}

static int session_shutdown(struct nss_table *table, struct nspr_layer *layer, int how)
{
    int result = table->original.shutdown(layer, how);
    struct session *known = result == 0 && how != NSPR_SHUT_RECEIVE ? session_find(layer->secret) : NULL;
    if (known != NULL)
        flow_alert(known, true);
    return result;
}

/* Says that it is done, unless it has, and frees the session. */
static int session_close(struct nss_table *table, struct nspr_layer *layer)
{
    const void *session = layer->secret;
    struct session *known = session_find(session);
    if (known != NULL)
        flow_alert(known, true);
    flow_forget(nss_library(table, layer), session);
    kept_hello_forget(session);
    return table->original.close(layer);
}

/* Which table a method belongs to is in its code: a layer of the program's own may have copied the methods. */
#define METHODS(n)                                                                                                     \
    static int close_##n(struct nspr_layer *layer)                                                                     \
    {                                                                                                                  \
        return session_close(&nss_tables[n], layer);                                                                   \
    }                                                                                                                  \
    static int32_t read_##n(struct nspr_layer *layer, void *bytes, int32_t length)                                     \
    {                                                                                                                  \
        return session_read(&nss_tables[n], layer, bytes, length);                                                     \
    }                                                                                                                  \
    static int32_t write_##n(struct nspr_layer *layer, const void *bytes, int32_t length)                              \
    {                                                                                                                  \
        return session_write(&nss_tables[n], layer, bytes, length);                                                    \
    }                                                                                                                  \
    static int32_t writev_##n(struct nspr_layer *layer, const struct nspr_part *parts, int32_t count, uint32_t timeout) \
    {                                                                                                                  \
        return session_writev(&nss_tables[n], layer, parts, count, timeout);                                           \
    }                                                                                                                  \
    static int shutdown_##n(struct nspr_layer *layer, int how)                                                         \
    {                                                                                                                  \
        return session_shutdown(&nss_tables[n], layer, how);                                                           \
    }                                                                                                                  \
    static int32_t recv_##n(struct nspr_layer *layer, void *bytes, int32_t length, int flags, uint32_t timeout)        \
    {                                                                                                                  \
        return session_recv(&nss_tables[n], layer, bytes, length, flags, timeout);                                     \
    }                                                                                                                  \
    static int32_t send_##n(struct nspr_layer *layer, const void *bytes, int32_t length, int flags, uint32_t timeout)  \
    {                                                                                                                  \
        return session_send(&nss_tables[n], layer, bytes, length, flags, timeout);                                     \
    }
METHODS(0)
METHODS(1)
METHODS(2)
METHODS(3)

#define FILL(n)                       \
    if (table == &nss_tables[n]) {    \
        methods->close = close_##n;   \
        methods->read = read_##n;     \
        methods->write = write_##n;   \
        methods->writev = writev_##n; \
        methods->shutdown = shutdown_##n; \
        methods->recv = recv_##n;     \
        methods->send = send_##n;     \
    }

void nss_fill_methods(struct nss_table *table)
{
    struct nspr_methods *methods = &table->methods;
    FILL(0)
    FILL(1)
    FILL(2)
    FILL(3)
}
