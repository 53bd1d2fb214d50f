/* SPDX-License-Identifier: MIT */
/* mbedtls_pairs HOW [COUNT]: both ends of sessions of mbed TLS in one process. The client sends a line, and the program fails unless the
 * server gets it. CERT and KEY in the environment.
 *
 * together: so many sessions over TCP shake hands at the same time; configured: over memory, by configurations of which so many others come and go
 * before the sessions are set up; unreadable: the functions that send give other descriptors addresses which the kernel answers with
 * EFAULT; ended: there is no room for what is to be told of a session before its protocols' names are gone, and it is freed; carried: one whose records are the clear
 * text of another, over TCP. */
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static const char line[] = "a line of clear text\n";

struct queue {
    unsigned char bytes[1 << 16];
    size_t length;
};

struct end {
    mbedtls_ssl_context ssl;
    mbedtls_net_context socket;
    struct queue *out, *in; /* over memory */
};

struct pair {
    struct end client, server;
    struct queue queues[2];
};

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context numbers;
static mbedtls_x509_crt certificate;
static mbedtls_pk_context key;
static mbedtls_ssl_config configs[2]; /* client's, server's */

static int check(int result, const char *what)
{
    if (result >= 0 || result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE)
        return result;
    fprintf(stderr, "%s: -%x\n", what, (unsigned)-result);
    exit(1);
}

static void configure(mbedtls_ssl_config *config, int end)
{
    mbedtls_ssl_config_init(config);
    check(mbedtls_ssl_config_defaults(config, end, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT), "configuration");
    mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &numbers);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
}

static void prepare(void)
{
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&numbers);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    check(mbedtls_ctr_drbg_seed(&numbers, mbedtls_entropy_func, &entropy, NULL, 0), "numbers");
    check(mbedtls_x509_crt_parse_file(&certificate, getenv("CERT")), "certificate");
#if MBEDTLS_VERSION_MAJOR < 3
    check(mbedtls_pk_parse_keyfile(&key, getenv("KEY"), NULL), "key");
#else
    check(mbedtls_pk_parse_keyfile(&key, getenv("KEY"), NULL, mbedtls_ctr_drbg_random, &numbers), "key");
#endif
    configure(&configs[0], MBEDTLS_SSL_IS_CLIENT);
    configure(&configs[1], MBEDTLS_SSL_IS_SERVER);
    check(mbedtls_ssl_conf_own_cert(&configs[1], &certificate, &key), "own certificate");
}

/* ---- What sessions are over ---- */

static void connect_pair(struct pair *pair)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t room = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, room);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &room);
    pair->client.socket.fd = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(pair->client.socket.fd, (struct sockaddr *)&address, room), "connect");
    pair->server.socket.fd = accept(listener, NULL, NULL);
    close(listener);
    fcntl(pair->client.socket.fd, F_SETFL, O_NONBLOCK);
    fcntl(pair->server.socket.fd, F_SETFL, O_NONBLOCK);
}

static int push(void *context, const unsigned char *bytes, size_t length)
{
    struct queue *out = ((struct end *)context)->out;
    if (length > sizeof out->bytes - out->length)
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
    return (int)length;
}

static int pull(void *context, unsigned char *bytes, size_t length)
{
    struct queue *in = ((struct end *)context)->in;
    length = length < in->length ? length : in->length;
    if (length == 0)
        return MBEDTLS_ERR_SSL_WANT_READ;
    memcpy(bytes, in->bytes, length);
    in->length -= length;
    memmove(in->bytes, in->bytes + length, in->length);
    return (int)length;
}

static void say(ssize_t result)
{
    printf("%zd %s\n", result, strerror(errno));
    errno = 0;
}

/* Memory is not to be read where nothing has to be sent. */
static int send_others(void *context, const unsigned char *bytes, size_t length)
{
    static int ends[2] = {-1, -1};
    void *places[] = {NULL, (void *)-4096, mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
    int own = ((mbedtls_net_context *)context)->fd;
    if (ends[0] < 0)
        check(pipe(ends), "pipe");
    errno = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct iovec part = {places[i], 100};
        say(write(ends[1], places[i], 1));
        say(send(own, places[i], 100, 0));
        say(writev(ends[1], &part, 1));
        say(writev(ends[1], places[i], 2));
    }
    return mbedtls_net_send(context, bytes, length);
}

static int push_carried(void *session, const unsigned char *bytes, size_t length)
{
    return mbedtls_ssl_write(session, bytes, length);
}

static int pull_carried(void *session, unsigned char *bytes, size_t length)
{
    return mbedtls_ssl_read(session, bytes, length);
}

/* ---- Sessions ---- */

static void set_up(struct pair *pair, const char *how)
{
    struct end *ends[] = {&pair->client, &pair->server};
    int is_tcp = strcmp(how, "together") == 0 || strcmp(how, "unreadable") == 0;
    if (is_tcp)
        connect_pair(pair);
    for (int i = 0; i < 2; i++) {
        struct end *end = ends[i];
        end->out = &pair->queues[i];
        end->in = &pair->queues[!i];
        mbedtls_ssl_init(&end->ssl);
        check(mbedtls_ssl_setup(&end->ssl, &configs[i]), "set-up");
        if (is_tcp)
            mbedtls_ssl_set_bio(&end->ssl, &end->socket, strcmp(how, "together") == 0 ? mbedtls_net_send : send_others,
                                mbedtls_net_recv, NULL);
        else
            mbedtls_ssl_set_bio(&end->ssl, end, push, pull, NULL);
    }
    check(mbedtls_ssl_set_hostname(&pair->client.ssl, "pair.example"), "name");
}

/* Whether it is to go on. */
static int shake_hands(struct pair *pair)
{
    int client = check(mbedtls_ssl_handshake(&pair->client.ssl), "client"), server = check(mbedtls_ssl_handshake(&pair->server.ssl), "server");
    return client != 0 || server != 0;
}

static void pass(struct pair *pair, const char *bytes, size_t length)
{
    static char came[1 << 14];
    size_t have = 0;
    while (check(mbedtls_ssl_write(&pair->client.ssl, (const unsigned char *)bytes, length), "write") < 0)
        ;
    while (have < length) {
        int result = check(mbedtls_ssl_read(&pair->server.ssl, (unsigned char *)came + have, length - have), "read");
        have += result > 0 ? (size_t)result : 0;
    }
    if (memcmp(came, bytes, length) != 0)
        exit(2);
}

static void free_pair(struct pair *pair)
{
    mbedtls_ssl_free(&pair->client.ssl);
    mbedtls_ssl_free(&pair->server.ssl);
}

static void make_configs(int count)
{
    mbedtls_ssl_config *others = calloc((size_t)count, sizeof *others);
    for (int i = 0; i < count; i++) {
        configure(&others[i], MBEDTLS_SSL_IS_CLIENT);
        mbedtls_ssl_config_free(&others[i]);
    }
    free(others);
}

/* Fills what rings there may be by a session of its own, with large records and then with the least. */
static void fill(struct pair *pair, int count)
{
    static char bytes[1 << 14];
    for (int i = 0; i < count; i++)
        pass(pair, bytes, sizeof bytes);
    for (int i = 0; i < 100 * count; i++)
        pass(pair, bytes, 1);
}

static void carry(struct pair *inner, struct pair *outer)
{
    set_up(outer, "together");
    while (shake_hands(outer))
        ;
    mbedtls_ssl_set_bio(&inner->client.ssl, &outer->client.ssl, push_carried, pull_carried, NULL);
    mbedtls_ssl_set_bio(&inner->server.ssl, &outer->server.ssl, push_carried, pull_carried, NULL);
}

int main(int arguments, char **argument)
{
    const char *how = argument[1];
    int number = arguments > 2 ? atoi(argument[2]) : 1, is_ended = strcmp(how, "ended") == 0;
    int count = strcmp(how, "together") == 0 ? number : 1;
    struct pair *pairs = calloc((size_t)count + 1, sizeof *pairs), *other = &pairs[count];
    char *name = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const char *protocols[] = {strcpy(name, "pair"), NULL};
    prepare();
    for (int i = 0; i < 2; i++)
        check(mbedtls_ssl_conf_alpn_protocols(&configs[i], protocols), "protocols");
    if (strcmp(how, "configured") == 0)
        make_configs(number);
    for (int i = 0; i < count; i++)
        set_up(&pairs[i], how);
    if (strcmp(how, "carried") == 0)
        carry(&pairs[0], other);
    for (int left = 1; left != 0;) {
        left = 0;
        for (int i = 0; i < count; i++)
            left += shake_hands(&pairs[i]);
    }
    if (is_ended) {
        set_up(other, how);
        while (shake_hands(other))
            ;
        fill(other, number);
    }
    for (int i = 0; i < count; i++)
        pass(&pairs[i], line, sizeof line);
    munmap(name, 4096);
    for (int i = 0; i < count; i++)
        free_pair(&pairs[i]);
    if (is_ended)
        free_pair(other);
    puts("ok");
    return 0;
}
