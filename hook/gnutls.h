/* SPDX-License-Identifier: MIT */
/* GnuTLS in this process, in the form of the library that the rest of the hook knows: what is asked of a session is answered by functions
 * of OpenSSL's names, which ask GnuTLS. */
#ifndef SSLC_GNUTLS_H
#define SSLC_GNUTLS_H

#include <sys/types.h>

#include "library.h"

typedef struct {
    unsigned char *data;
    unsigned size;
} gnutls_datum;

/* X(name, result type, parameters). The first group is interposed, the second only called. */
#define GNUTLS_INTERPOSED(X)                                                                  \
    X(gnutls_init, int, (void **, unsigned))                                                  \
    X(gnutls_deinit, void, (void *))                                                          \
    X(gnutls_handshake, int, (void *))                                                        \
    X(gnutls_bye, int, (void *, int))                                                         \
    X(gnutls_server_name_set, int, (void *, int, const void *, size_t))                       \
    X(gnutls_record_send, ssize_t, (void *, const void *, size_t))                            \
    X(gnutls_record_send2, ssize_t, (void *, const void *, size_t, size_t, unsigned))         \
    X(gnutls_record_send_range, ssize_t, (void *, const void *, size_t, const void *))        \
    X(gnutls_record_send_early_data, ssize_t, (void *, const void *, size_t))                 \
    X(gnutls_record_send_file, ssize_t, (void *, int, off_t *, size_t))                       \
    X(gnutls_record_uncork, int, (void *, unsigned))                                          \
    X(gnutls_record_recv, ssize_t, (void *, void *, size_t))                                  \
    X(gnutls_record_recv_seq, ssize_t, (void *, void *, size_t, unsigned char *))             \
    X(gnutls_record_recv_early_data, ssize_t, (void *, void *, size_t))                       \
    X(gnutls_record_recv_packet, ssize_t, (void *, void **))

#define GNUTLS_CALLED(X)                                                                      \
    X(gnutls_record_check_corked, size_t, (void *))                                           \
    X(gnutls_record_get_max_size, size_t, (void *))                                           \
    X(gnutls_transport_is_ktls_enabled, unsigned, (void *))                                   \
    X(gnutls_packet_get, void, (void *, gnutls_datum *, unsigned char *))                     \
    X(gnutls_protocol_get_version, int, (void *))                                             \
    X(gnutls_session_get_random, void, (void *, gnutls_datum *, gnutls_datum *))              \
    X(gnutls_alpn_get_selected_protocol, int, (void *, gnutls_datum *))                       \
    X(gnutls_server_name_get, int, (void *, void *, size_t *, unsigned *, unsigned))          \
    X(_gnutls_log_level, unsigned, ) /* a variable */

#define GNUTLS_INDEX(name, result, parameters) GNUTLS_##name,
enum gnutls_index { GNUTLS_INTERPOSED(GNUTLS_INDEX) GNUTLS_CALLED(GNUTLS_INDEX) GNUTLS_COUNT };
#undef GNUTLS_INDEX

#define GNUTLS_TYPE(name, result, parameters) typedef result(*name##_type) parameters;
GNUTLS_INTERPOSED(GNUTLS_TYPE)
GNUTLS_CALLED(GNUTLS_TYPE)
#undef GNUTLS_TYPE

extern void *gnutls_original[GNUTLS_COUNT];

/* The function's address, with its type; NULL when the library has none. Only after gnutls_library. */
#define GNUTLS(name) ((name##_type)load_relaxed(&gnutls_original[GNUTLS_##name]))

/* Finds GnuTLS when it is first asked for. Never NULL. */
const struct library *gnutls_library(void);

/* Whether a call from there is one that GnuTLS makes of itself: where it only passes a call on, through the hook, else directly, within a
 * call on the same session that is under way. */
bool gnutls_calls_itself(const void *caller, bool is_under_way);

/* Libraries come: finds it again when it is next asked for, since it may have been unloaded, and come to another place. */
void gnutls_sweep(void);

/* Libraries have come: finds it again at once, where it was there before, so that no forked child has to. */
void gnutls_look_again(void);

/* The session is new, and this end of it. Kept as long as few others come, as are names. */
void gnutls_note_end(const void *session, bool is_server);

/* The session's client asks for this name. */
void gnutls_note_name(const void *session, const void *name, size_t length);

/* The session is freed. */
void gnutls_forget(const void *session);

#endif
