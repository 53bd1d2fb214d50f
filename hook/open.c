/* SPDX-License-Identifier: MIT */
#include "open.h"

#include "address.h"
#include "hello.h"
#include "kept_hello.h"
#include "libc.h"

#define NAME_MAX_BYTES 255u
/* Descriptors are asked about so many times in vain: they may be pipes, or not connected yet. */
#define REFUSALS_MOST 4u

struct message {
    struct sslc_open open;
    uint8_t names[2 * NAME_MAX_BYTES];
};

/* Asks the kernel. */
static bool ask(int fd, enum sslc_grade grade, struct session *session)
{
    if (fd < 0 || session->refusals >= REFUSALS_MOST)
        return false;
    bool found = address_of(fd, grade, &session->address);
    session->refusals += !found;
    return found;
}

static bool ask_address(const struct flow_use *use, struct session *session)
{
    const struct library *library = use->library;
    SSL_get_rbio_type get_rbio = LIBRARY(library, SSL_get_rbio);
    SSL_get_wbio_type get_wbio = LIBRARY(library, SSL_get_wbio);
    SSL_get_rfd_type get_rfd = LIBRARY(library, SSL_get_rfd);
    SSL_get_wfd_type get_wfd = LIBRARY(library, SSL_get_wfd);
    /* Without a BIO these two put an error into the queue. */
    if (get_rbio != NULL && get_rfd != NULL && get_rbio(use->ssl) != NULL &&
        ask(get_rfd(use->ssl), SSLC_GRADE_SOCKET, session))
        return true;
    if (get_wbio != NULL && get_wfd != NULL && get_wbio(use->ssl) != NULL &&
        ask(get_wfd(use->ssl), SSLC_GRADE_SOCKET, session))
        return true;
    return ask(use->fd, SSLC_GRADE_NESTED, session);
}

/* By the hello of the other end, of a library that tells its random. */
static void learn_by_hello(const struct flow_use *use, struct session *session)
{
    SSL_is_server_type is_server = LIBRARY(use->library, SSL_is_server);
    SSL_get_client_random_type of_client = LIBRARY(use->library, SSL_get_client_random);
    SSL_get_server_random_type of_server = LIBRARY(use->library, SSL_get_server_random);
    uint8_t random[32];
    if (load_relaxed(&hello_unclaimed) == 0 || is_server == NULL)
        return;
    bool from_server = is_server(use->ssl) == 0;
    if (from_server ? of_server != NULL && of_server(use->ssl, random, sizeof random) == sizeof random
                    : of_client != NULL && of_client(use->ssl, random, sizeof random) == sizeof random)
        hello_address(random, from_server, &session->address);
}

/* A library that tells neither its socket nor the other end's random shows its socket where its handshake goes on, and nothing after it: what a
 * client writes next would be without an address. */
void open_learn(const struct flow_use *use, struct session *session)
{
    if (session->address.family == 0)
        learn_by_hello(use, session);
    if (session->address.family == 0 && LIBRARY(use->library, SSL_get_rfd) == NULL && LIBRARY(use->library, SSL_get_server_random) == NULL)
        ask(use->fd, SSLC_GRADE_NESTED, session);
}

/* The kernel is asked once: where a hello was seen, the answer is there already. */
static void find_address(const struct flow_use *use, struct session *session)
{
    open_learn(use, session);
    if (session->address.family == 0)
        ask_address(use, session);
}

static void find_names(const struct flow_use *use, struct message *message)
{
    SSL_get0_alpn_selected_type get_alpn = LIBRARY(use->library, SSL_get0_alpn_selected);
    SSL_get_servername_type get_name = LIBRARY(use->library, SSL_get_servername);
    uint8_t *at = message->names;
    if (get_alpn != NULL) {
        const unsigned char *alpn = NULL;
        unsigned length = 0;
        get_alpn(use->ssl, &alpn, &length);
        if (alpn != NULL && length <= NAME_MAX_BYTES) {
            memcpy(at, alpn, length);
            at += length;
            message->open.alpn_length = (uint8_t)length;
        }
    }
    const char *name = get_name == NULL ? NULL : get_name(use->ssl, 0 /* TLSEXT_NAMETYPE_host_name */);
    if (name != NULL) {
        unsigned length = 0;
        while (length < NAME_MAX_BYTES && name[length] != 0)
            length++;
        memcpy(at, name, length);
        message->open.sni_length = (uint8_t)length;
    }
}

static void find_version(const struct flow_use *use, struct sslc_open *open)
{
    SSL_version_type version = LIBRARY(use->library, SSL_version);
    SSL_get_current_cipher_type get_cipher = LIBRARY(use->library, SSL_get_current_cipher);
    SSL_CIPHER_get_protocol_id_type get_number = LIBRARY(use->library, SSL_CIPHER_get_protocol_id);
    SSL_CIPHER_get_id_type get_id = LIBRARY(use->library, SSL_CIPHER_get_id);
    SSL_get_client_random_type get_random = LIBRARY(use->library, SSL_get_client_random);
    int number = version == NULL ? 0 : version(use->ssl);
    open->tls_version = number >= 0x0301 && number <= 0x0304 ? (uint16_t)number : 0;
    const void *cipher = get_cipher == NULL ? NULL : get_cipher(use->ssl);
    if (cipher != NULL && get_number != NULL)
        open->cipher_suite = get_number(cipher);
    else if (cipher != NULL && get_id != NULL)
        open->cipher_suite = (uint16_t)get_id(cipher);
    if (get_random != NULL)
        get_random(use->ssl, open->client_random, sizeof open->client_random);
}

/* Of a session whose beginning was met, by a library that tells of its ClientHello only what is kept. */
static bool is_hello_gone(const struct flow_use *use, uint32_t flags)
{
    return (flags & SESSION_LATE) == 0 && LIBRARY(use->library, SSL_get_client_random) == kept_hello_random && kept_hello_gave_way(use->ssl);
}

bool open_publish(struct ring_view *view, const struct flow_use *use, struct session *session, bool update,
                  uint64_t time_ns)
{
    int *error = libc_errno(), kept = error == NULL ? 0 : *error;
    struct message message;
    memset(&message.open, 0, sizeof message.open);
    find_address(use, session);
    if (update && session->address.family == 0) {
        if (error != NULL)
            *error = kept;
        return true;
    }
    find_version(use, &message.open);
    message.open.address = session->address;
    find_names(use, &message);
    if (error != NULL)
        *error = kept;
    uint32_t flags = load_relaxed(&session->flags);
    message.open.is_server = (flags & SESSION_SERVER) != 0;
    message.open.pid = view->owner;
    memcpy(message.open.comm, view->comm, sizeof message.open.comm);

    struct sslc_slot form;
    memset(&form, 0, sizeof form);
    form.kind = SSLC_OPEN;
    form.flags = (uint16_t)((update ? SSLC_UPDATE : 0) | ((flags & SESSION_INHERITED) != 0 ? SSLC_INHERITED : 0) |
                            ((flags & SESSION_LATE) != 0 ? SSLC_LATE : 0) | (is_hello_gone(use, flags) ? SSLC_HELLO_GONE : 0) |
                            (!update && (flags & SESSION_AGAIN) != 0 ? SSLC_AGAIN : 0));
    form.flow = session->flow;
    form.offset = load_relaxed(&session->offset[0]) - load_relaxed(&session->pending[0]);
    form.amount = load_relaxed(&session->offset[1]) - load_relaxed(&session->pending[1]);
    form.time_ns = time_ns;
    form.length = (uint32_t)sizeof message.open + message.open.alpn_length + message.open.sni_length;
    if (!ring_publish(view, &form, &message))
        return false;
    if (message.open.address.family != 0)
        __atomic_fetch_or(&session->flags, SESSION_ADDRESSED, __ATOMIC_RELAXED);
    return true;
}
